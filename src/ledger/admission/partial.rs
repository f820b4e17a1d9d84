//! Governance of a log of which only some entries are at hand: all of its governance, up to one of
//! them (`spec/bundle.md` section 4).

use super::{Admitter, Log, refuse};
use crate::base::digest::{RootHash, StatementId};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::append::{Admission as _, Refusal};
use crate::statement::Statement;
use crate::statement::governance::EntryReference;
use crate::view::View;

/// A log that nothing is known of.
struct NotAtHand;

impl Log for NotAtHand {
    fn root(&self, _: TreeSize) -> Result<Option<RootHash>, Refusal> {
        Ok(None)
    }

    fn find(&self, _: StatementId) -> Result<Option<EntryIndex>, Refusal> {
        Ok(None)
    }

    fn entry(&self, _: EntryIndex) -> Result<Option<(EntryReference, Statement)>, Refusal> {
        Ok(None)
    }
}

/// Admits a governance entry on the governance before it, and folds it in. Everything is asked
/// that governance alone answers: signatures, who signed, threshold, and what it is based on. What
/// rests on other entries is not: whether a lifted entry is a reject, what a baseline replaces,
/// whether a key was in use, and the tree that was seen.
///
/// # Errors
/// The [`Refusal`] with which it should never have become an entry.
pub fn admit_governance(
    view: &mut View,
    entry: EntryReference,
    time: Timestamp,
    envelope: &[u8],
) -> Result<(), Refusal> {
    if entry.index < view.size().next_index() {
        return Err(refuse("ORDER", "an entry before it was admitted already"));
    }
    view.pass_over(TreeSize::new(entry.index.get()));
    let mut admitter = Admitter { is_partial: true, ..Admitter::new(view, &NotAtHand) };
    admitter.admit(entry.index, time, envelope)?;
    admitter.accepted(entry);
    Ok(())
}
