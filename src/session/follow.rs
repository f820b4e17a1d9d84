//! Following somebody else's log: what it shows is verified, kept, and folded into a view of one's
//! own (`spec/monitor.md` section 1).

use std::path::Path;
use std::time::Duration;

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::keys::{candidate_keys, candidate_keys_in, check_key_of_size, check_trust};
use super::part::{Part, signed_by_ledger};
use super::random::random;
use super::references::Parsed;
use super::replay::replay;
use super::view_file;
use crate::base::digest::{LeafHash, RootHash};
use crate::base::limits::{ENTRIES_MAX, LOCK_WAIT_MILLISECONDS_MAX, PAGE_LEAVES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::fork::Fork;
use crate::ledger::head::open_checkpoint;
use crate::ledger::read::{consistency, prover};
use crate::ledger::store::{Batch, CheckpointFile as _, Commit, Store, StoreError};
use crate::merkle::leaf_hash;
use crate::merkle::proof::verify_consistency;
use crate::merkle::tree::TileTree;
use crate::note::SignedNote;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::key::{NoteSigner, VerifierKey};
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::store::durable;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// The file of the secret under which the view is remembered.
const SECRET_FILE: &str = "secret";

/// A verified copy of somebody else's log.
#[derive(Debug)]
pub struct Follower {
    folder: LedgerFolder,
    store: SledStore,
    trust: TrustRoot,
    secret: NoteSigner,
    view: View,
    /// The size that the remembered view has.
    remembered: TreeSize,
}

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
    fn broken(place: impl Into<String>, why: impl std::fmt::Display) -> Self {
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

/// An entry that was judged and found good.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The state after it.
    pub view: &'a View,
    /// The copy, which has it.
    pub store: &'a SledStore,
    /// Its position.
    pub index: EntryIndex,
    /// Its leaf hash.
    pub hash: LeafHash,
    /// Its time.
    pub time: Timestamp,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// What it says.
    pub statement: &'a Statement,
}

impl Follower {
    /// Opens the copy in a folder, or begins one; the folder belongs to one process at a time.
    ///
    /// # Errors
    /// [`SessionError`] where it is in use or damaged.
    pub fn open(folder: &Path, trust: &TrustRoot) -> Result<Self, SessionError> {
        durable::create_folder(folder)?;
        let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
        let store = SledStore::open(folder, "monitor", wait)?;
        let secret = secret(folder, trust.origin().as_str())?;
        let folder = LedgerFolder::new(folder);
        durable::sweep(folder.path(), &["checkpoint", "view.json", SECRET_FILE]);
        let size = store.head()?.map_or(TreeSize::default(), |head| head.size);
        let view = view_file::load(&folder, &secret, &store, size).unwrap_or_default();
        let remembered = view.size();
        Ok(Self { folder, store, trust: trust.clone(), secret, view, remembered })
    }

    /// The folder of the copy.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Takes the salt of e-mail digests out of a mirror's folder of openings, so that commands
    /// which only read take the copy for a ledger.
    ///
    /// # Errors
    /// [`SessionError`] where there is none, or it is not this ledger's.
    pub fn take_salt(&self, openings: &Path) -> Result<(), SessionError> {
        let salt = LedgerFolder::new(openings).email_salt()?;
        if self.view.ledger().is_some_and(|ledger| ledger.salt != salt.commitment()) {
            return Err(SessionError::integrity("the e-mail salt", "is not this ledger's"));
        }
        if self.folder.email_salt().is_err() {
            self.folder.write_email_salt(&salt)?;
        }
        Ok(())
    }

    /// The state that the judged entries fold to.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Takes up what is new in a log that somebody shows. Its head is the note that it shows.
    ///
    /// # Errors
    /// [`FollowError`]; then nothing more of it is kept than what was verified.
    pub fn take_up<S: Store>(&self, shown: &S) -> Result<(), FollowError> {
        let head = shown.head().map_err(FollowError::of_shown)?;
        let Some(head) = head else { return Err(FollowError::broken("the checkpoint", "missing")) };
        let note = head.checkpoint.as_bytes();
        let claimed = self.claimed(note)?;
        let mut keys = candidate_keys(&self.store, &self.trust);
        let own = self.store.head()?;
        let origin = self.trust.origin().as_str();
        // A copy whose first download was broken off has entries, and no checkpoint of its own.
        let known = own
            .as_ref()
            .and_then(|own| open_checkpoint(own.checkpoint.as_bytes(), origin, &keys).ok());
        if let Some(known) = known.as_ref().filter(|had| had.size() >= claimed.size) {
            self.same_history(known, note, &keys)?;
        } else {
            self.fetch(shown, known.as_ref(), note, &claimed, &mut keys)?;
        }
        // The file beside the store is what tells that the copy was set back.
        let newest = self.store.head()?.map(|head| head.checkpoint).unwrap_or_default();
        let file = self.folder.checkpoint_file();
        if !newest.is_empty() && file.load()?.as_deref() != Some(newest.as_bytes()) {
            file.store(newest.as_bytes())?;
        }
        Ok(())
    }

    /// What the shown checkpoint says of itself.
    fn claimed(&self, note: &[u8]) -> Result<Checkpoint, FollowError> {
        let broken = |why: String| FollowError::broken("the checkpoint", why);
        let parsed = SignedNote::parse(note).map_err(|error| broken(error.to_string()))?;
        let claimed: Checkpoint =
            parsed.text().parse().map_err(|_| broken("is no checkpoint".to_owned()))?;
        let origin = self.trust.origin().as_str();
        if claimed.origin != origin {
            return Err(broken(format!("it is of {}, not of {origin}", claimed.origin)));
        }
        if claimed.size.get() == 0 || claimed.size.get() > ENTRIES_MAX {
            return Err(broken("its size is out of range".to_owned()));
        }
        Ok(claimed)
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
        let root = prover(&self.store, had.size()).root(shown.size())?;
        let (had, shown) = (Box::new(had.clone()), Box::new(shown));
        if root != *shown.root() {
            let beginning = if shown.size() == had.size() {
                None
            } else {
                Some((root, consistency(&self.store, shown.size(), had.size())?))
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
    /// once it is known to be part of the tree that the ledger signed.
    fn fetch<S: Store>(
        &self,
        shown: &S,
        had: Option<&VerifiedCheckpoint>,
        note: &[u8],
        claimed: &Checkpoint,
        keys: &mut Vec<VerifierKey>,
    ) -> Result<(), FollowError> {
        let own = self.store.head()?;
        let size = own.as_ref().map_or(TreeSize::default(), |own| own.size);
        let mut expected = own.map(|own| own.token());
        let mut tree = TileTree::load(size, |tile| self.store.tile(tile))?;
        while tree.size() < claimed.size {
            let most = tree.size().get().saturating_add(PAGE_LEAVES_MAX as u64);
            let end = TreeSize::new(claimed.size.get().min(most));
            let (mut batch, grown) = read(shown, tree, end)?;
            keys.splice(0..0, candidate_keys_in(batch.leaves.iter().cloned(), &self.trust));
            if !leads_to(shown, &grown, claimed)? {
                return Err(self.diverged(shown, had, note, keys)?);
            }
            if end == claimed.size {
                let verified = self.verified(note, keys)?;
                batch.head.checkpoint = signed_by_ledger(verified.note(), keys)
                    .map_err(|error| FollowError::broken("the checkpoint", error))?;
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

    /// Why what is shown does not continue what is known.
    fn diverged<S: Store>(
        &self,
        shown_log: &S,
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

    /// Judges the entries of the copy that were not judged yet, in order, and hands each that is
    /// good to `visit`; then the checkpoint.
    ///
    /// # Errors
    /// [`FollowError::Broken`] at the first entry that should never have been taken up; those
    /// before it stay judged.
    pub fn judge(
        &mut self,
        visit: &mut dyn FnMut(&Judged<'_>) -> Result<(), SessionError>,
    ) -> Result<(), FollowError> {
        let size = self.store.head()?.map_or(TreeSize::default(), |head| head.size);
        while self.view.size() < size {
            let first = self.view.size().next_index();
            let leaves = self.store.leaves(first, PAGE_LEAVES_MAX)?;
            if leaves.is_empty() {
                return Err(SessionError::integrity(format!("entry {first}"), "is missing").into());
            }
            for bytes in leaves {
                self.judge_one(&bytes, visit)?;
            }
        }
        self.check_head()
    }

    /// Remembers what was judged: it is not judged again.
    ///
    /// # Errors
    /// [`StoreError`] where the copy cannot be read.
    pub fn remember(&mut self) -> Result<(), StoreError> {
        if self.view.size() > self.remembered {
            let whole = self.store.head()?.map_or(TreeSize::default(), |head| head.size);
            let root = prover(&self.store, whole).root(self.view.size())?;
            let (folder, secret) = (&self.folder, &self.secret);
            self.remembered = view_file::save(folder, secret, &self.view, root, self.remembered);
        }
        Ok(())
    }

    fn judge_one(
        &mut self,
        bytes: &[u8],
        visit: &mut dyn FnMut(&Judged<'_>) -> Result<(), SessionError>,
    ) -> Result<(), FollowError> {
        let index = self.view.size().next_index();
        let broken = |why: String| FollowError::broken(format!("entry {index}"), why);
        let hash = leaf_hash(bytes);
        if index.get() == 0 && hash != self.trust.ledger() {
            let ledger = self.trust.ledger();
            return Err(broken(format!("leaf hash is {hash}, the trust root names {ledger}")));
        }
        let parsed = Parsed::parse(index, bytes).map_err(|error| broken(error.to_string()))?;
        self.check_chain(index, &parsed).map_err(broken)?;
        replay(&mut self.view, &self.store, index, &parsed.leaf).map_err(broken)?;
        let (view, store) = (&self.view, &self.store);
        let Parsed { leaf, envelope, statement } = &parsed;
        let time = leaf.time();
        Ok(visit(&Judged { view, store, index, hash, time, envelope, statement })?)
    }

    /// The entry before is the one that this one names, and not younger.
    fn check_chain(&self, index: EntryIndex, parsed: &Parsed) -> Result<(), String> {
        let (prev, time) = match index.get().checked_sub(1) {
            None => (crate::ledger::leaf::no_leaf(), parsed.leaf.time()),
            Some(before) => {
                let before = self.store.leaf(EntryIndex::new(before));
                let before = before.map_err(|error| error.to_string())?.unwrap_or_default();
                (leaf_hash(&before), self.view.time())
            }
        };
        if parsed.leaf.prev() != prev {
            return Err(format!("prev is {}, the entry before has {prev}", parsed.leaf.prev()));
        }
        if parsed.leaf.time() < time {
            return Err("its time is before that of the entry before".to_owned());
        }
        Ok(())
    }

    /// The newest checkpoint is the pinned ledger's, under the key that is in force.
    fn check_head(&self) -> Result<(), FollowError> {
        let Some(head) = self.store.head()?.filter(|head| !head.checkpoint.is_empty()) else {
            return Ok(());
        };
        let broken = |error: SessionError| FollowError::broken("the checkpoint", error);
        check_trust(&self.view, &self.trust).map_err(broken)?;
        check_key_of_size(&self.view, head.checkpoint.as_bytes(), head.size).map_err(broken)
    }
}

/// Entries of a shown log from a tree's end on.
fn read<S: Store>(
    shown: &S,
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
fn leads_to<S: Store>(
    shown: &S,
    tree: &TileTree,
    claimed: &Checkpoint,
) -> Result<bool, FollowError> {
    let (size, root) = (tree.size(), tree.root());
    if size == claimed.size {
        return Ok(root == claimed.root);
    }
    let hashes = match prover(shown, claimed.size).consistency(size) {
        Err(error @ StoreError::Unavailable { .. }) => {
            return Err(FollowError::Failed(error.into()));
        }
        Err(StoreError::Integrity { .. }) => return Ok(false),
        Ok(hashes) => hashes,
    };
    Ok(verify_consistency(size, &root, claimed.size, &claimed.root, &hashes).is_ok())
}

/// The copy's own secret, made once.
fn secret(folder: &Path, origin: &str) -> Result<NoteSigner, SessionError> {
    let file = LedgerKeyFile::new(folder.join(SECRET_FILE));
    if let Some(secret) = file.read()? {
        return Ok(secret);
    }
    let seed = zeroize::Zeroizing::new(random::<32>());
    let secret = NoteSigner::new(origin, &seed)
        .map_err(|error| SessionError::integrity("the origin", error.to_string()))?;
    file.create(&secret)?;
    Ok(secret)
}
