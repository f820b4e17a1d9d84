//! Entries taken out of a log that somebody else shows, on their way into a copy of it.

use std::collections::BTreeSet;

use super::error::SessionError;
use super::references::Parsed;
use crate::base::digest::LeafHash;
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::store::{Batch, Head, Topic};
use crate::ledger::topics::topics;
use crate::merkle::leaf_hash;
use crate::merkle::tree::TileTree;
use crate::note::key::VerifierKey;
use crate::note::{NoteError, SignedNote};

/// Entries that were read, and the tree over all up to them.
pub(super) struct Part {
    first: EntryIndex,
    leaves: Vec<Vec<u8>>,
    topics: Vec<(Topic, EntryIndex)>,
    last: Option<(LeafHash, Timestamp)>,
    tree: TileTree,
}

impl Part {
    /// Nothing yet, to follow what a tree has.
    pub(super) fn after(tree: TileTree) -> Self {
        let (leaves, topics) = (Vec::new(), Vec::new());
        Self { first: tree.size().next_index(), leaves, topics, last: None, tree }
    }

    /// The entries up to its end.
    pub(super) fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Takes up one entry more.
    ///
    /// # Errors
    /// [`SessionError`] where it does not parse.
    pub(super) fn push(&mut self, bytes: Vec<u8>) -> Result<(), SessionError> {
        let index = self.size().next_index();
        let Parsed { leaf, envelope, statement } = Parsed::parse(index, &bytes)?;
        let named: BTreeSet<_> = topics(envelope.statement_id(), &statement).into_iter().collect();
        self.topics.extend(named.into_iter().map(|topic| (topic, index)));
        let hash = leaf_hash(&bytes);
        self.tree.append(&hash);
        self.last = Some((hash, leaf.time()));
        self.leaves.push(bytes);
        Ok(())
    }

    /// What a store commits, without a checkpoint yet, and the tree; `None` where nothing was
    /// taken up.
    pub(super) fn finish(self) -> Option<(Batch, TileTree)> {
        let Self { first, leaves, topics, last, mut tree } = self;
        let (last_leaf, last_time) = last?;
        let checkpoint = String::new();
        let head = Head { size: tree.size(), root: tree.root(), last_leaf, last_time, checkpoint };
        let tiles = tree.take_changed().into_iter().collect();
        Some((Batch { first, leaves, tiles, topics, head }, tree))
    }
}

/// The note with the ledger's own line alone: a value of the store has no room for those of many
/// witnesses, which are kept apart.
///
/// # Errors
/// [`NoteError`] where no line is left.
pub(super) fn signed_by_ledger(
    note: &SignedNote,
    keys: &[VerifierKey],
) -> Result<String, NoteError> {
    let own = note
        .signatures()
        .iter()
        .filter(|line| keys.iter().any(|key| key.name() == line.name() && key.id() == line.id()));
    SignedNote::new(note.text().to_owned(), own.cloned().collect()).map(|note| note.to_string())
}
