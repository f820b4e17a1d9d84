//! The runs of several steps to whose change something that was signed could be carried. Most are
//! ruled out by the sums of their files' lines, without composing their documents.

use std::collections::BTreeMap;

use super::open::Open;
use super::sums::Sums;
use crate::base::limits::SEGMENT_STEPS_MAX;
use crate::change::{ChangePath, Document};
use crate::evidence::gather::GatherError;
use crate::git::Range;
use crate::verify::StepEvidence;

/// A run by its first and last step, with its composed document.
pub(super) type Composed = (usize, usize, Document);

/// By how much steps together change the sum of each file's lines; none where that is not known.
#[derive(Default)]
struct Run<'a> {
    deltas: BTreeMap<&'a ChangePath, Option<u64>>,
    /// Paths to which nothing that was signed does the same.
    unlike: usize,
}

impl<'a> Run<'a> {
    fn add(&mut self, open: &Open, step: &'a StepEvidence, deltas: &[Option<u64>]) {
        for (row, delta) in step.step.document.rows().iter().zip(deltas) {
            let before = self.deltas.get(&row.path).copied();
            let after = match before {
                None => *delta,
                Some(before) => before.zip(*delta).map(|(sum, delta)| sum.wrapping_add(delta)),
            };
            self.deltas.insert(&row.path, after);
            let was_unlike = before.is_some_and(|before| !open.is_like(&row.path, before));
            self.unlike -= usize::from(was_unlike);
            self.unlike += usize::from(!open.is_like(&row.path, after));
        }
    }
}

/// The runs of 2 to 32 steps to whose change something open could be carried.
pub(super) fn runs(
    open: &Open,
    steps: &[StepEvidence],
    sums: &mut Sums<'_>,
) -> Result<Vec<Composed>, GatherError> {
    let mut deltas = Vec::with_capacity(steps.len());
    for step in steps {
        let range = Range { base: step.step.parent.clone(), head: step.step.commit.clone() };
        let rows = step.step.document.rows().iter();
        let of_step: Result<Vec<_>, _> =
            rows.map(|row| sums.delta(row, std::slice::from_ref(&range))).collect();
        deltas.push(of_step?);
    }
    let mut found = Vec::new();
    for last in 1..steps.len() {
        let mut run = Run::default();
        run.add(open, &steps[last], &deltas[last]);
        let lowest = (last + 1).saturating_sub(SEGMENT_STEPS_MAX);
        for first in (lowest..last).rev() {
            run.add(open, &steps[first], &deltas[first]);
            if run.unlike > 0 {
                continue;
            }
            let documents: Vec<_> =
                steps[first..=last].iter().map(|step| &step.step.document).collect();
            // What does not compose is found when the chain is put together.
            let Ok(document) = Document::compose(&documents) else { break };
            let range = Range {
                base: steps[first].step.parent.clone(),
                head: steps[last].step.commit.clone(),
            };
            if !open.candidates(&document, &range, sums)?.is_empty() {
                found.push((first, last, document));
            }
        }
    }
    Ok(found)
}
