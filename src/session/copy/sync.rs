//! Bringing a copy up to what its server shows: new entries are fetched, held against the signed
//! checkpoint, and only then kept. The tree that the copy had must be the beginning of the new one.

use super::server::Server;
use crate::base::limits::{COPY_ENTRIES_AT_ONCE, ENTRIES_MAX};
use crate::base::position::TreeSize;
use crate::ledger::fork::Fork;
use crate::ledger::head::open_checkpoint;
use crate::ledger::store::{Batch, CheckpointFile as _, Commit, Store as _, StoreError};
use crate::merkle::proof::{Prover, verify_consistency};
use crate::merkle::tile::{TILE_WIDTH, Tile, unbundle};
use crate::merkle::tree::TileTree;
use crate::note::SignedNote;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::key::VerifierKey;
use crate::session::cosigned::continues;
use crate::session::error::SessionError;
use crate::session::folder::LedgerFolder;
use crate::session::keys::{candidate_keys, candidate_keys_in};
use crate::session::part::{Part, signed_by_ledger};
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;

/// What a copy is, and what it is brought up to.
pub(super) struct Sync<'a> {
    pub(super) store: &'a SledStore,
    pub(super) folder: &'a LedgerFolder,
    pub(super) trust: &'a TrustRoot,
    pub(super) server: &'a Server,
}

impl Sync<'_> {
    /// Takes up what is new. Gives the server's checkpoint, with the cosignatures that it has.
    ///
    /// # Errors
    /// [`SessionError`]: nobody answers; or the server shows a shorter or another history than
    /// the copy has, or what it shows does not add up. Then nothing of it is kept.
    pub(super) fn bring_up(&self) -> Result<SignedNote, SessionError> {
        let note = self.server.checkpoint()?;
        let claimed: Checkpoint = note.text().parse().map_err(|_| self.wrong("no checkpoint"))?;
        if claimed.size.get() == 0 || claimed.size.get() > ENTRIES_MAX {
            return Err(self.wrong("its size is out of range"));
        }
        let origin = self.trust.origin().as_str();
        if claimed.origin != origin {
            let why = format!("it is of {}, not of {origin}", claimed.origin);
            return Err(self.wrong(&why));
        }
        let mut keys = candidate_keys(self.store, self.trust);
        let head = self.store.head()?;
        // A copy whose first download was broken off has entries, but no checkpoint of its own.
        let own = head
            .as_ref()
            .and_then(|head| open_checkpoint(head.checkpoint.as_bytes(), origin, &keys).ok());
        let size = head.as_ref().map_or(TreeSize::default(), |head| head.size);
        if let Some(own) = own.as_ref().filter(|own| own.size() >= claimed.size) {
            self.continue_or_tell(own, &note, &keys)?;
        } else {
            let tree = TileTree::load(size, |tile| self.store.tile(tile))?;
            self.fetch(own.as_ref(), tree, &note, &claimed, &mut keys)?;
        }
        // What is acknowledged from here on is in the file as well.
        let file = self.folder.checkpoint_file();
        let newest = self.store.head()?.map(|head| head.checkpoint).unwrap_or_default();
        if file.load()?.as_deref() != Some(newest.as_bytes()) {
            file.store(newest.as_bytes())?;
        }
        Ok(note)
    }

    /// The server shows no more than the copy has: it must show the same.
    fn continue_or_tell(
        &self,
        own: &VerifiedCheckpoint,
        note: &SignedNote,
        keys: &[VerifierKey],
    ) -> Result<(), SessionError> {
        let shown = self.verified(note, keys)?;
        let whose = format!("the server at {} shows", self.server.url());
        continues(self.store, &shown, own, &whose)?;
        if shown.size() == own.size() {
            return Ok(());
        }
        Err(SessionError::RolledBack {
            url: self.server.url().to_owned(),
            had: Box::new(own.note().clone()),
            shown: Box::new(note.clone()),
        })
    }

    /// Fetches the entries from the copy's end to the server's, in parts of bounded size. Each is
    /// kept once it is known to be part of the tree that was signed.
    fn fetch(
        &self,
        own: Option<&VerifiedCheckpoint>,
        tree: TileTree,
        note: &SignedNote,
        claimed: &Checkpoint,
        keys: &mut Vec<VerifierKey>,
    ) -> Result<(), SessionError> {
        let mut prover = self.prover(claimed.size);
        let mut tree = tree;
        let mut expected = self.store.head()?.map(|head| head.token());
        while tree.size() < claimed.size {
            let most = tree.size().get().saturating_add(COPY_ENTRIES_AT_ONCE);
            let end = TreeSize::new(claimed.size.get().min(most));
            let is_last = end == claimed.size;
            let (mut batch, grown) = self.part(tree, end, claimed.size)?;
            let brought = candidate_keys_in(batch.leaves.iter().cloned(), self.trust);
            keys.splice(0..0, brought);
            let root = grown.root();
            let is_part = if is_last {
                self.verified(note, keys)?;
                root == claimed.root
            } else {
                let hashes = prover.consistency(end)?;
                verify_consistency(end, &root, claimed.size, &claimed.root, &hashes).is_ok()
            };
            if !is_part {
                return Err(self.diverged(own, note, keys)?);
            }
            if is_last {
                batch.head.checkpoint = signed_by_ledger(note, keys)
                    .map_err(|error| SessionError::integrity("a checkpoint", error.to_string()))?;
            }
            let token = batch.head.token();
            match self.store.commit(expected, &batch)? {
                Commit::Committed => expected = Some(token),
                Commit::Unknown(error) => return Err(error.into()),
                Commit::Stale => {
                    return Err(StoreError::unavailable("the copy", "is used by others").into());
                }
            }
            tree = grown;
        }
        Ok(())
    }

    /// The entries up to `end`, of bundles as wide as a tree of `size` has them.
    fn part(
        &self,
        tree: TileTree,
        end: TreeSize,
        size: TreeSize,
    ) -> Result<(Batch, TileTree), SessionError> {
        let first = tree.size().next_index();
        let mut part = Part::after(tree);
        while part.size() < end {
            let next = part.size().get();
            let tile = Tile::within(0, next / TILE_WIDTH, size)
                .ok_or_else(|| self.wrong("its size is out of range"))?;
            let bytes = self.server.bundle(tile)?;
            let entries = unbundle(&bytes).map_err(|error| self.wrong(&error.to_string()))?;
            if entries.len() != usize::from(tile.width) {
                return Err(self.wrong("a bundle has another number of entries than its name says"));
            }
            let known = usize::try_from(next % TILE_WIDTH).unwrap_or(usize::MAX);
            for bytes in entries.into_iter().skip(known) {
                if part.size() == end {
                    break;
                }
                part.push(bytes.to_vec())?;
            }
        }
        part.finish().ok_or_else(|| SessionError::integrity(format!("entry {first}"), "missing"))
    }

    /// Why what the server shows is no continuation of what the copy has: two signed histories,
    /// where that can be shown.
    fn diverged(
        &self,
        own: Option<&VerifiedCheckpoint>,
        note: &SignedNote,
        keys: &[VerifierKey],
    ) -> Result<SessionError, SessionError> {
        let shown = self.verified(note, keys)?;
        let garbage = "the entries that it serves do not have the root of its checkpoint";
        let Some(own) = own else { return Ok(self.wrong(garbage)) };
        let mut prover = self.prover(shown.size());
        let (root, hashes) = (prover.root(own.size())?, prover.consistency(own.size())?);
        if root == *own.root() {
            return Ok(self.wrong(garbage));
        }
        let why = format!(
            "has another history than the {} entries that were read from {} before",
            own.size(),
            self.server.url()
        );
        Ok(match Fork::prove(own.clone(), shown, Some((root, hashes))) {
            Some(fork) => SessionError::Fork { why, fork: Box::new(fork) },
            None => SessionError::Forked(format!("the ledger {why}")),
        })
    }

    fn verified(
        &self,
        note: &SignedNote,
        keys: &[VerifierKey],
    ) -> Result<VerifiedCheckpoint, SessionError> {
        let origin = self.trust.origin().as_str();
        open_checkpoint(note.to_string().as_bytes(), origin, keys)
            .map_err(|error| self.wrong(&error.to_string()))
    }

    /// A prover over the tiles that the server has.
    fn prover(
        &self,
        size: TreeSize,
    ) -> Prover<impl FnMut(Tile) -> Result<Option<Vec<u8>>, StoreError> + '_> {
        Prover::new(size, |tile: Tile| Ok(Some(self.server.tile(tile)?)))
    }

    fn wrong(&self, why: &str) -> SessionError {
        let what = format!("what the server at {} shows", self.server.url());
        SessionError::integrity(what, why)
    }
}
