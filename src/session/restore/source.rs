//! What a ledger is built from: the mirror, and where that is behind, what the damaged store still
//! gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Progress, RestoreRequest};
use crate::base::digest::RootHash;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::check::{Place as Damaged, check};
use crate::ledger::head::open_checkpoint;
use crate::ledger::read::prover;
use crate::ledger::store::{CheckpointFile as _, Store as _, StoreError};
use crate::merkle::leaf_hash;
use crate::merkle::tile::Tile;
use crate::merkle::tree::TileTree;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::note::key::VerifierKey;
use crate::session::error::SessionError;
use crate::session::folder::LedgerFolder;
use crate::session::keys::candidate_keys_in;
use crate::session::newest_seen;
use crate::store::durable;
use crate::store::mirror::MirrorStore;
use crate::store::sled::SledStore;

/// Entries that are read at a time.
const PAGE_ENTRIES: usize = 1_024;

/// A mirror that was verified, and a store that has what came after it.
pub(super) struct Source {
    mirror: MirrorStore,
    rest: Option<Saved>,
    checkpoint: VerifiedCheckpoint,
}

/// A copy of the damaged store. sled goes on writing to its folder for as long as it is open, and
/// its threads may stumble over damage when they are ended.
struct Saved {
    store: Option<SledStore>,
    folder: PathBuf,
}

impl Drop for Saved {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            store.leak();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A tree that was acknowledged, and who says so.
struct Promise {
    size: TreeSize,
    root: RootHash,
    by: &'static str,
    /// The signed note, where it is one.
    note: Option<VerifiedCheckpoint>,
}

impl Source {
    /// Opens and verifies the mirror, and holds it against what was promised.
    pub(super) fn open(
        request: &RestoreRequest<'_>,
        old: Option<&LedgerFolder>,
        work: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, SessionError> {
        if request.mirror.join("sled").exists() && !request.mirror.join("tile").exists() {
            return Err(SessionError::IsALedger { path: request.mirror.to_owned() });
        }
        let Some(mirror) = MirrorStore::open(request.mirror)? else {
            let what = format!("the mirror in {}", request.mirror.display());
            return Err(StoreError::unavailable(what, "it has no checkpoint").into());
        };
        let origin = request.trust.origin().as_str();
        let keys = keys_of(&mirror, request, origin);
        let checkpoint = verify(&mirror, request, origin, &keys, progress)?;
        let promises = promises(request, old, origin, &keys)?;
        let behind = promises.iter().filter(|promise| promise.size > checkpoint.size());
        let behind = behind.max_by_key(|promise| promise.size);
        for promise in promises.iter().filter(|promise| promise.size <= checkpoint.size()) {
            let root = prover(&mirror, checkpoint.size()).root(promise.size)?;
            if root != promise.root {
                return Err(fork(promise, &checkpoint, &root));
            }
        }
        let Some(promise) = behind else { return Ok(Self { mirror, rest: None, checkpoint }) };
        let saved = old.and_then(|old| save(old, work, &mirror, promise, origin, &keys));
        match saved {
            Some((rest, newer)) => Ok(Self { mirror, rest: Some(rest), checkpoint: newer }),
            None => Err(set_back(promise, &checkpoint)),
        }
    }

    /// The checkpoint that is restored.
    pub(super) const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Entries of the mirror.
    pub(super) fn mirror_size(&self) -> TreeSize {
        self.mirror.size()
    }

    /// Entries that are not from the mirror.
    pub(super) fn saved(&self) -> u64 {
        self.checkpoint.size().get() - self.mirror.size().get()
    }

    /// A tile of the mirror.
    pub(super) fn mirror_tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.mirror.tile(tile)
    }

    /// Some of the leaves from a position on; at least one.
    pub(super) fn leaves(&self, first: EntryIndex) -> Result<Vec<Vec<u8>>, SessionError> {
        let mut leaves = if self.mirror.size().covers(first) {
            self.mirror.leaves(first, PAGE_ENTRIES)?
        } else {
            let rest = self.rest.as_ref().and_then(|rest| rest.store.as_ref());
            rest.map_or(Ok(Vec::new()), |rest| rest.leaves(first, PAGE_ENTRIES))?
        };
        let left = self.checkpoint.size().get() - first.get();
        leaves.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if leaves.is_empty() {
            return Err(SessionError::integrity(format!("entry {first}"), "is missing"));
        }
        Ok(leaves)
    }
}

/// The keys that may have signed the mirror's checkpoint. Where the pinned one did not, those of
/// rotations are looked for in the entries.
fn keys_of(mirror: &MirrorStore, request: &RestoreRequest<'_>, origin: &str) -> Vec<VerifierKey> {
    let pinned = vec![request.trust.ledger_key().clone()];
    if open_checkpoint(mirror.note().as_bytes(), origin, &pinned).is_ok() {
        return pinned;
    }
    let leaves = (0..mirror.size().get())
        .map_while(|index| mirror.leaf(EntryIndex::new(index)).ok().flatten());
    candidate_keys_in(leaves, request.trust)
}

/// Form, chain, tree and checkpoint of the mirror.
fn verify(
    mirror: &MirrorStore,
    request: &RestoreRequest<'_>,
    origin: &str,
    keys: &[VerifierKey],
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifiedCheckpoint, SessionError> {
    let of = mirror.size().get();
    let report = check(mirror, mirror, origin, keys, &mut |index, _, hash| {
        progress(Progress { what: "mirror", done: index.get(), of });
        let ledger = request.trust.ledger();
        if index.get() > 0 || *hash == ledger {
            return Ok(());
        }
        Err(format!("leaf hash is {hash}, the trust root names {ledger}"))
    })?;
    if let Some(damage) = report.damage {
        let file = match damage.place {
            Damaged::Entry(index) => mirror.file_of(index),
            _ => None,
        };
        let file = file.map_or_else(String::new, |file| format!(" in {file}"));
        return Err(SessionError::integrity("the mirror", format!("{damage}{file}")));
    }
    report.checkpoint.ok_or_else(|| {
        SessionError::integrity("the mirror", "has no entry, or its checkpoint is not signed")
    })
}

/// What was acknowledged: the damaged ledger's checkpoint file, and what this user has seen.
fn promises(
    request: &RestoreRequest<'_>,
    old: Option<&LedgerFolder>,
    origin: &str,
    keys: &[VerifierKey],
) -> Result<Vec<Promise>, SessionError> {
    let mut found = Vec::new();
    // A file that is damaged says nothing: the ledger is restored because something is damaged.
    let note = old.and_then(|old| old.checkpoint_file().load().ok().flatten());
    if let Some(note) = note.and_then(|note| open_checkpoint(&note, origin, keys).ok()) {
        let (size, root) = (note.size(), *note.root());
        let by = "the checkpoint file of the ledger that is there";
        found.push(Promise { size, root, by, note: Some(note) });
    }
    if let Some(seen) = request.seen.map(newest_seen).transpose()?.flatten() {
        let by = "what this user has seen of the ledger";
        found.push(Promise { size: seen.size, root: seen.root, by, note: None });
    }
    Ok(found)
}

/// Opens a copy of the damaged store, and gives it where it has every entry from the mirror's end
/// to a signed checkpoint that covers the promise.
fn save(
    old: &LedgerFolder,
    work: &Path,
    mirror: &MirrorStore,
    promise: &Promise,
    origin: &str,
    keys: &[VerifierKey],
) -> Option<(Saved, VerifiedCheckpoint)> {
    let mut saved = Saved { store: None, folder: work.with_extension("saving") };
    let copy = &saved.folder;
    // sled writes to what it opens: what is damaged stays as it is.
    copy_folder(&old.path().join("sled"), &copy.join("sled")).ok()?;
    let store = SledStore::open(copy, "ledger restore", Duration::ZERO).ok()?;
    let store = saved.store.insert(store);
    let head = store.head().ok().flatten();
    let of_head =
        head.and_then(|head| open_checkpoint(head.checkpoint.as_bytes(), origin, keys).ok());
    let checkpoint = of_head
        .into_iter()
        .chain(promise.note.clone())
        .filter(|note| note.size() >= promise.size)
        .find(|note| continues(mirror, store, note, promise) == Some(true))?;
    Some((saved, checkpoint))
}

/// Whether the entries of a store lead from the mirror's tree to that of a checkpoint, by way of
/// the promised one.
fn continues(
    mirror: &MirrorStore,
    store: &SledStore,
    note: &VerifiedCheckpoint,
    promise: &Promise,
) -> Option<bool> {
    let mut tree = TileTree::load(mirror.size(), |tile| mirror.tile(tile)).ok()?;
    while tree.size() < note.size() {
        if tree.size() == promise.size && tree.root() != promise.root {
            return Some(false);
        }
        let leaf = store.leaf(tree.size().next_index()).ok()??;
        tree.append(&leaf_hash(&leaf));
        drop(tree.take_changed());
    }
    let is_promised = note.size() > promise.size || tree.root() == promise.root;
    Some(is_promised && tree.root() == *note.root())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    durable::create_folder(to)?;
    for name in durable::names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(|error| durable::failed("cannot copy", &from, &error))?;
        }
    }
    Ok(())
}

fn set_back(promise: &Promise, checkpoint: &VerifiedCheckpoint) -> SessionError {
    let why = format!(
        "is behind: {} says that {} entries were acknowledged (root {}), and it has {} (root {})",
        promise.by,
        promise.size,
        promise.root,
        checkpoint.size(),
        checkpoint.root()
    );
    SessionError::Behind { why }
}

fn fork(promise: &Promise, checkpoint: &VerifiedCheckpoint, root: &RootHash) -> SessionError {
    let why = format!(
        "has another history of the first {} entries than {}: root {} there, {root} here; it has \
         {} entries (root {})",
        promise.size,
        promise.by,
        promise.root,
        checkpoint.size(),
        checkpoint.root()
    );
    SessionError::integrity("the mirror", why)
}
