//! The head of a ledger: what is checked of it before anything is read or appended.

use super::read::{self, prover};
use super::store::{Head, Store, StoreError};
use crate::base::limits::ENTRIES_MAX;
use crate::base::position::EntryIndex;
use crate::merkle::tree::TileTree;
use crate::note::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use crate::note::key::VerifierKey;
use crate::note::{NoteError, SignedNote};

/// How errors call the separate file of the newest checkpoint.
pub const CHECKPOINT_FILE: &str = "the file of the newest checkpoint";

/// Takes up the tree of a store's head, which must agree with its tiles, its newest leaf and
/// its signed checkpoint.
pub(super) fn load<S: Store>(
    store: &S,
    head: &Head,
    origin: &str,
    keys: &[VerifierKey],
) -> Result<(TileTree, VerifiedCheckpoint), StoreError> {
    let integrity = |why: &str| StoreError::integrity("the head of the ledger", why);
    if head.size.get() == 0 || head.size.get() > ENTRIES_MAX {
        return Err(integrity("its size is out of range"));
    }
    let tree = TileTree::load(head.size, |tile| store.tile(tile))?;
    if tree.root() != head.root {
        return Err(integrity("the tiles have another root hash"));
    }
    let checkpoint = open_checkpoint(head.checkpoint.as_bytes(), origin, keys)
        .map_err(|error| integrity(&error.to_string()))?;
    if (checkpoint.size(), *checkpoint.root()) != (head.size, head.root) {
        return Err(integrity("its checkpoint is of another tree"));
    }
    let last = EntryIndex::new(head.size.get() - 1);
    let entry = read::entry(store, last, &checkpoint)?
        .ok_or_else(|| integrity("the newest entry is missing"))?;
    if (entry.receipt().leaf_hash, entry.leaf().time()) != (head.last_leaf, head.last_time) {
        return Err(integrity("the newest entry is another one"));
    }
    Ok((tree, checkpoint))
}

/// Opens a checkpoint that any of the ledger's keys signed.
///
/// # Errors
/// [`CheckpointError`] where none did.
pub fn open_checkpoint(
    note: &[u8],
    origin: &str,
    keys: &[VerifierKey],
) -> Result<VerifiedCheckpoint, CheckpointError> {
    let mut result = Err(CheckpointError::Malformed);
    for key in keys {
        result = VerifiedCheckpoint::open(note, origin, key);
        if !matches!(result, Err(CheckpointError::Note(NoteError::Unsigned))) {
            break;
        }
    }
    result
}

/// The origin that a note claims, unverified: only to say what a refused one is.
fn other_origin(note: &[u8]) -> Option<String> {
    let note = SignedNote::parse(note).ok()?;
    note.text().parse::<Checkpoint>().ok().map(|checkpoint| checkpoint.origin)
}

/// Whether the checkpoint file is up to date; an error where the store is behind it or has
/// another history. A crash between commit and file leaves a file that is behind: no harm.
///
/// # Errors
/// [`StoreError`].
pub fn check_newest<S: Store>(
    store: &S,
    newest: Option<&[u8]>,
    checkpoint: &VerifiedCheckpoint,
    origin: &str,
    keys: &[VerifierKey],
) -> Result<bool, StoreError> {
    let what = CHECKPOINT_FILE;
    let size = checkpoint.size();
    let Some(note) = newest else {
        // Every ledger has the file from before its first entry on.
        if size.get() == 0 {
            return Ok(false);
        }
        return Err(StoreError::integrity(what, format!("missing, but there are {size} entries")));
    };
    // The very checkpoint that the store has, which was verified: so it is before every append.
    if note == checkpoint.note().to_string().as_bytes() {
        return Ok(true);
    }
    let newest = open_checkpoint(note, origin, keys).map_err(|error| {
        match other_origin(note).filter(|found| found != origin) {
            Some(found) => StoreError::integrity(what, format!("it is of another ledger, {found}")),
            None => StoreError::integrity(what, error),
        }
    })?;
    if newest.size() > size {
        let why = format!(
            "the ledger was set back: {} entries were acknowledged, the store has {size}",
            newest.size()
        );
        return Err(StoreError::integrity(what, why));
    }
    if prover(store, size).root(newest.size())? != *newest.root() {
        let why = format!("the store has another history of the first {} entries", newest.size());
        return Err(StoreError::integrity(what, why));
    }
    Ok(newest.size() == size)
}
