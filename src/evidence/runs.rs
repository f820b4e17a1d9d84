//! Which runs of a chain's steps somebody speaks of (`spec/verdict.md` section 4, step 4).

use crate::base::digest::ChangeHash;
use crate::base::limits::SEGMENT_STEPS_MAX;
use crate::change::Document;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::verify::StepEvidence;

/// A run of several steps, by its first and last, with the hash of its composed document.
pub(super) struct SpokenOf {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) change: ChangeHash,
}

/// The runs of 2 to 32 steps about which the ledger has entries, and those that compose to
/// nothing. Each composed document is made from the one before: the work grows with the number
/// of steps.
pub(super) fn spoken_of(
    session: &Session,
    steps: &[StepEvidence],
) -> Result<Vec<SpokenOf>, SessionError> {
    let mut found = Vec::new();
    for last in 1..steps.len() {
        let mut document = steps[last].step.document.clone();
        let lowest = (last + 1).saturating_sub(SEGMENT_STEPS_MAX);
        for first in (lowest..last).rev() {
            // What does not compose is found when the chain is put together.
            let Ok(longer) = Document::compose(&[&steps[first].step.document, &document]) else {
                break;
            };
            document = longer;
            let change = document.hash();
            let is_empty = document.is_empty();
            if is_empty || !session.indexes_under(topics::change(change))?.is_empty() {
                found.push(SpokenOf { first, last, change });
            }
        }
    }
    Ok(found)
}
