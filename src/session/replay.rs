//! The log as admission sees it, and the fold of what a view does not hold yet.

use std::cell::Cell;

use super::error::SessionError;
use crate::base::digest::{RootHash, StatementId};
use crate::base::limits::COMMIT_ENTRIES_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::admission::{Admitter, Log};
use crate::ledger::append::{Admission as _, Admitted, Refusal};
use crate::ledger::leaf::Leaf;
use crate::ledger::read::prover;
use crate::ledger::store::{Store, StoreError};
use crate::ledger::topics;
use crate::merkle;
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::statement::governance::EntryReference;
use crate::view::View;

/// The log of a store, as admission asks it.
pub struct StoreLog<'a, S> {
    store: &'a S,
    /// Entries from here on do not count as found: they are being replayed.
    below: Option<EntryIndex>,
    /// How many entries there were when that was asked last.
    size: Cell<Option<TreeSize>>,
    /// The root that was asked for last: of those who sign at a time, most have seen the same tree.
    root: Cell<Option<(TreeSize, RootHash)>>,
}

impl<'a, S: Store> StoreLog<'a, S> {
    /// The whole log.
    pub fn new(store: &'a S) -> Self {
        Self { store, below: None, size: Cell::default(), root: Cell::default() }
    }

    /// The log before an entry that is replayed.
    pub fn before(store: &'a S, index: EntryIndex) -> Self {
        Self { below: Some(index), ..Self::new(store) }
    }
}

fn unreadable(error: &StoreError) -> Refusal {
    Refusal::new("UNREADABLE", error.to_string())
}

impl<S: Store> Log for StoreLog<'_, S> {
    fn root(&self, size: TreeSize) -> Result<Option<RootHash>, Refusal> {
        if let Some((known, root)) = self.root.get()
            && known == size
        {
            return Ok(Some(root));
        }
        // A log that has grown since is asked again; what it had stays as it was.
        let whole = if let Some(whole) = self.size.get().filter(|whole| size <= *whole) {
            whole
        } else {
            let head = self.store.head().map_err(|error| unreadable(&error))?;
            head.map_or(TreeSize::default(), |head| head.size)
        };
        self.size.set(Some(whole));
        if size > whole || whole == TreeSize::default() {
            return Ok(None);
        }
        let root = prover(self.store, whole).root(size).map_err(|error| unreadable(&error))?;
        self.root.set(Some((size, root)));
        Ok(Some(root))
    }

    fn find(&self, id: StatementId) -> Result<Option<EntryIndex>, Refusal> {
        let found = self.store.entries_of(&topics::statement(id));
        let found = found.map_err(|error| unreadable(&error))?;
        Ok(found.into_iter().find(|index| self.below.is_none_or(|below| *index < below)))
    }

    fn entry(&self, index: EntryIndex) -> Result<Option<(EntryReference, Statement)>, Refusal> {
        let leaf = self.store.leaf(index).map_err(|error| unreadable(&error))?;
        let Some(bytes) = leaf else { return Ok(None) };
        let malformed = |error: String| Refusal::new("UNREADABLE", error);
        let leaf = Leaf::parse(&bytes).map_err(|error| malformed(error.to_string()))?;
        let envelope = Envelope::parse_canonical(leaf.envelope())
            .map_err(|error| malformed(error.to_string()))?;
        let statement =
            Statement::parse(envelope.payload()).map_err(|error| malformed(error.to_string()))?;
        Ok(Some((EntryReference { index, leaf: merkle::leaf_hash(&bytes) }, statement)))
    }
}

/// Replays the admission of one entry on the view before it.
///
/// # Errors
/// Why the entry should never have been admitted.
pub fn replay<S: Store>(
    view: &mut View,
    store: &S,
    index: EntryIndex,
    leaf: &Leaf,
) -> Result<(), String> {
    let log = StoreLog::before(store, index);
    let mut admitter = Admitter::new(view, &log);
    match admitter.admit(index, leaf.time(), leaf.envelope()) {
        Ok(Admitted::New { .. }) => {}
        Ok(Admitted::Existing(earlier)) => return Err(format!("repeats entry {earlier}")),
        Err(refusal) => return Err(refusal.message),
    }
    admitter.accepted(EntryReference { index, leaf: leaf.hash() });
    Ok(())
}

/// Folds the entries that a view does not hold yet, each admitted anew.
pub(super) fn catch_up<S: Store>(
    mut view: View,
    store: &S,
    size: TreeSize,
) -> Result<View, SessionError> {
    while view.size() < size {
        let leaves = store.leaves(view.size().next_index(), COMMIT_ENTRIES_MAX)?;
        if leaves.is_empty() {
            let what = format!("entry {}", view.size());
            return Err(SessionError::integrity(what, "is missing"));
        }
        for bytes in leaves {
            // The store gives as many as it reads at once, which may be more than is asked for.
            if view.size() == size {
                break;
            }
            let index = view.size().next_index();
            let wrong = |why: String| SessionError::integrity(format!("entry {index}"), why);
            let leaf = Leaf::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
            replay(&mut view, store, index, &leaf).map_err(wrong)?;
        }
    }
    Ok(view)
}
