//! Copying a log that somebody shows: what is new is fetched in parts, held against the signed
//! checkpoint, and only then kept. What the copy had must be the beginning of it.

use super::error::SessionError;
use super::folder::LedgerFolder;
use super::keys::{candidate_keys, candidate_keys_in};
use super::part::{Part, signed_by_ledger};
use crate::base::digest::RootHash;
use crate::base::limits::{COPY_ENTRIES_AT_ONCE, COPY_PARTS_WAITING_MAX, ENTRIES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::fork::Fork;
use crate::ledger::head::open_checkpoint;
use crate::ledger::read::{consistency, prover};
use crate::ledger::store::{Batch, CheckpointFile as _, Commit, HeadToken, Store as _, StoreError};
use crate::merkle::proof::{Prover, verify_consistency};
use crate::merkle::tile::Tile;
use crate::merkle::tree::TileTree;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::key::VerifierKey;
use crate::store::mirror::MirrorStore;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;

/// Why what is shown is not followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The ledger signed two histories.
    #[error("the ledger shows another history than the {} entries it showed before", .had.size())]
    Forked {
        /// What it had shown.
        had: Box<VerifiedCheckpoint>,
        /// What it shows.
        shown: Box<VerifiedCheckpoint>,
        /// Both in one, where that is proved.
        fork: Option<Box<Fork>>,
    },
    /// It shows less than it did.
    #[error("the ledger shows {} entries, and had shown {}", .shown.size(), .had.size())]
    RolledBack {
        /// What it had shown.
        had: Box<VerifiedCheckpoint>,
        /// What it shows.
        shown: Box<VerifiedCheckpoint>,
    },
    /// What it shows does not add up.
    #[error("{place}: {why}")]
    Broken {
        /// Where.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// It cannot be read, or the copy cannot.
    #[error(transparent)]
    Failed(SessionError),
}

impl FollowError {
    pub(super) fn broken(place: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Broken { place: place.into(), why: why.to_string() }
    }

    /// Why what is shown cannot be read, or is none.
    #[must_use]
    pub fn of_shown(error: StoreError) -> Self {
        match error {
            StoreError::Integrity { what, why } => Self::Broken { place: what, why },
            error @ StoreError::Unavailable { .. } => Self::Failed(error.into()),
        }
    }
}

impl From<SessionError> for FollowError {
    fn from(error: SessionError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A copy that is brought up to what somebody shows.
pub(super) struct Copying<'a> {
    pub(super) store: &'a SledStore,
    pub(super) folder: &'a LedgerFolder,
    pub(super) trust: &'a TrustRoot,
}

impl Copying<'_> {
    /// Takes up what is new in a log that somebody shows. Its head is the note that it shows.
    ///
    /// # Errors
    /// [`FollowError`]; then nothing more of it is kept than what was verified.
    pub(super) fn take_up(&self, shown: &MirrorStore) -> Result<(), FollowError> {
        let (claimed, note) = (shown.checkpoint(), shown.note().as_bytes());
        self.check_claim(claimed)?;
        let mut keys = candidate_keys(self.store, self.trust);
        let own = self.store.head()?;
        let origin = self.trust.origin().as_str();
        // A copy whose first download was broken off has entries, and no checkpoint of its own.
        let known = own
            .as_ref()
            .and_then(|own| open_checkpoint(own.checkpoint.as_bytes(), origin, &keys).ok());
        if let Some(known) = known.as_ref().filter(|had| had.size() >= claimed.size) {
            self.same_history(known, note, &keys)?;
        } else {
            self.fetch(shown, known.as_ref(), &mut keys)?;
        }
        // The file beside the store is what tells that the copy was set back.
        let newest = self.store.head()?.map(|head| head.checkpoint).unwrap_or_default();
        let file = self.folder.checkpoint_file();
        if !newest.is_empty() && file.load()?.as_deref() != Some(newest.as_bytes()) {
            file.store(newest.as_bytes())?;
        }
        Ok(())
    }

    /// Whether what a download left that was broken off is no beginning of what is shown now. No
    /// signature of the whole was seen with it, so it proves nothing against who shows the log.
    ///
    /// # Errors
    /// As [`Copying::take_up`].
    pub(super) fn is_astray(&self, shown: &MirrorStore) -> Result<bool, FollowError> {
        let head = self.store.head()?.filter(|head| head.checkpoint.is_empty());
        let Some(head) = head else { return Ok(false) };
        let claimed = shown.checkpoint();
        self.check_claim(claimed)?;
        if claimed.size <= head.size {
            return Ok(true);
        }
        let tree = TileTree::load(head.size, |tile| self.store.tile(tile))?;
        Ok(!leads_to(&mut prover(shown, claimed.size), &tree, claimed)?)
    }

    /// Whether the shown checkpoint is one of this ledger, by what it says of itself.
    fn check_claim(&self, claimed: &Checkpoint) -> Result<(), FollowError> {
        let broken = |why: String| FollowError::broken("the checkpoint", why);
        let origin = self.trust.origin().as_str();
        if claimed.origin != origin {
            return Err(broken(format!("it is of {}, not of {origin}", claimed.origin)));
        }
        if claimed.size.get() == 0 || claimed.size.get() > ENTRIES_MAX {
            return Err(broken("its size is out of range".to_owned()));
        }
        Ok(())
    }

    fn verified(
        &self,
        note: &[u8],
        keys: &[VerifierKey],
    ) -> Result<VerifiedCheckpoint, FollowError> {
        open_checkpoint(note, self.trust.origin().as_str(), keys)
            .map_err(|error| FollowError::broken("the checkpoint", error))
    }

    /// No more is shown than is known: it must be the same.
    fn same_history(
        &self,
        had: &VerifiedCheckpoint,
        note: &[u8],
        keys: &[VerifierKey],
    ) -> Result<(), FollowError> {
        let shown = self.verified(note, keys)?;
        let root = prover(self.store, had.size()).root(shown.size())?;
        let (had, shown) = (Box::new(had.clone()), Box::new(shown));
        if root != *shown.root() {
            let beginning = if shown.size() == had.size() {
                None
            } else {
                Some((root, consistency(self.store, shown.size(), had.size())?))
            };
            let fork = Fork::prove((*shown).clone(), (*had).clone(), beginning).map(Box::new);
            return Err(FollowError::Forked { had, shown, fork });
        }
        if shown.size() < had.size() {
            return Err(FollowError::RolledBack { had, shown });
        }
        Ok(())
    }

    /// Reads from the copy's end to that of the shown tree, in parts of bounded size. Each is kept
    /// once it is known to be part of the tree that the ledger signed. A copy that has a checkpoint
    /// stays as it is until there is the next: unless that is very far, all parts wait for it.
    fn fetch(
        &self,
        shown: &MirrorStore,
        had: Option<&VerifiedCheckpoint>,
        keys: &mut Vec<VerifierKey>,
    ) -> Result<(), FollowError> {
        let (claimed, note) = (shown.checkpoint(), shown.note().as_bytes());
        let own = self.store.head()?;
        let size = own.as_ref().map_or(TreeSize::default(), |own| own.size);
        let mut expected = own.map(|own| own.token());
        let mut waiting: Vec<Batch> = Vec::new();
        let mut tree = TileTree::load(size, |tile| self.store.tile(tile))?;
        let mut proofs = prover(shown, claimed.size);
        while tree.size() < claimed.size {
            let end = end_of_part(tree.size(), claimed.size);
            let (mut batch, grown) = read(shown, tree, end)?;
            keys.splice(0..0, candidate_keys_in(batch.leaves.iter().cloned(), self.trust));
            if !leads_to(&mut proofs, &grown, claimed)? {
                return Err(self.diverged(shown, had, note, keys)?);
            }
            let is_last = end == claimed.size;
            if is_last {
                let verified = self.verified(note, keys)?;
                batch.head.checkpoint = signed_by_ledger(verified.note(), keys)
                    .map_err(|error| FollowError::broken("the checkpoint", error))?;
            }
            waiting.push(batch);
            if is_last || !waits(waiting.len(), had.is_some()) {
                expected = self.keep(expected, waiting.drain(..))?;
            }
            tree = grown;
        }
        Ok(())
    }

    /// Keeps parts, one after the other; gives the token of the head that the store has then.
    fn keep(
        &self,
        mut expected: Option<HeadToken>,
        parts: impl Iterator<Item = Batch>,
    ) -> Result<Option<HeadToken>, FollowError> {
        for batch in parts {
            let token = batch.head.token();
            match self.store.commit(expected, &batch)? {
                Commit::Committed => expected = Some(token),
                Commit::Unknown(error) => return Err(error.into()),
                Commit::Stale => {
                    return Err(StoreError::unavailable("the copy", "is used by others").into());
                }
            }
        }
        Ok(expected)
    }

    /// Why what is shown does not continue what is known.
    fn diverged(
        &self,
        shown_log: &MirrorStore,
        had: Option<&VerifiedCheckpoint>,
        note: &[u8],
        keys: &[VerifierKey],
    ) -> Result<FollowError, FollowError> {
        let shown = self.verified(note, keys)?;
        let garbage =
            || FollowError::broken("the entries", "they do not have the root of the checkpoint");
        let Some(had) = had else { return Ok(garbage()) };
        let mut proofs = prover(shown_log, shown.size());
        let root: Result<RootHash, StoreError> = proofs.root(had.size());
        let hashes = proofs.consistency(had.size());
        let (Ok(root), Ok(hashes)) = (root, hashes) else { return Ok(garbage()) };
        if root == *had.root() {
            return Ok(garbage());
        }
        match Fork::prove(had.clone(), shown.clone(), Some((root, hashes))) {
            Some(fork) => Ok(FollowError::Forked {
                had: Box::new(had.clone()),
                shown: Box::new(shown),
                fork: Some(Box::new(fork)),
            }),
            None => Ok(garbage()),
        }
    }
}

/// Entries of a shown log from a tree's end on.
fn read(
    shown: &MirrorStore,
    tree: TileTree,
    end: TreeSize,
) -> Result<(Batch, TileTree), FollowError> {
    let missing = |next: EntryIndex| FollowError::broken(format!("entry {next}"), "is missing");
    let first = tree.size().next_index();
    let mut part = Part::after(tree);
    while part.size() < end {
        let next = part.size().next_index();
        let left = usize::try_from(end.get() - next.get()).unwrap_or(usize::MAX);
        let leaves = shown.leaves(next, left).map_err(FollowError::of_shown)?;
        if leaves.is_empty() {
            return Err(missing(next));
        }
        for bytes in leaves.into_iter().take(left) {
            let index = part.size().next_index();
            let broken = |error: SessionError| FollowError::broken(format!("entry {index}"), error);
            part.push(bytes).map_err(broken)?;
        }
    }
    part.finish().ok_or_else(|| missing(first))
}

/// Whether a tree is the claimed one, or the beginning of it by the tiles that are shown.
fn leads_to(
    proofs: &mut Prover<impl FnMut(Tile) -> Result<Option<Vec<u8>>, StoreError>>,
    tree: &TileTree,
    claimed: &Checkpoint,
) -> Result<bool, FollowError> {
    let (size, root) = (tree.size(), tree.root());
    if size == claimed.size {
        return Ok(root == claimed.root);
    }
    let hashes = match proofs.consistency(size) {
        Err(error @ StoreError::Unavailable { .. }) => {
            return Err(FollowError::Failed(error.into()));
        }
        Err(StoreError::Integrity { .. }) => return Ok(false),
        Ok(hashes) => hashes,
    };
    Ok(verify_consistency(size, &root, claimed.size, &claimed.root, &hashes).is_ok())
}

/// Where the part ends that is taken up next, of entries up to `size`.
fn end_of_part(from: TreeSize, size: TreeSize) -> TreeSize {
    size.min(TreeSize::new(from.get().saturating_add(COPY_ENTRIES_AT_ONCE)))
}

/// Whether so many parts wait for the next checkpoint: a copy that has none is none before.
const fn waits(parts: usize, has_checkpoint: bool) -> bool {
    has_checkpoint && parts <= COPY_PARTS_WAITING_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_parts_wait() {
        assert!(waits(1, true) && waits(COPY_PARTS_WAITING_MAX, true));
        assert!(!waits(COPY_PARTS_WAITING_MAX + 1, true));
        assert!(!waits(1, false));
    }

    #[test]
    fn a_part_has_so_many_entries() {
        let parts = |entries: u64| {
            let (from, size) = (TreeSize::new(7), TreeSize::new(7 + entries));
            let next = |at: &TreeSize| (*at < size).then(|| end_of_part(*at, size));
            let ends: Vec<_> = std::iter::successors(Some(from), next).skip(1).collect();
            assert_eq!(ends.last(), Some(&size));
            ends.len()
        };
        assert_eq!(parts(COPY_ENTRIES_AT_ONCE - 1), 1);
        assert_eq!(parts(COPY_ENTRIES_AT_ONCE), 1);
        assert_eq!(parts(COPY_ENTRIES_AT_ONCE + 1), 2);
        assert_eq!(parts(2 * COPY_ENTRIES_AT_ONCE + 1), 3);
    }
}
