//! Where in a chain each change lands, exact or carried: its sign-offs are used up by one of them
//! (`spec/verdict.md` section 5, point 7).

use std::collections::BTreeMap;

use super::evidence::{Evidence, StepEvidence};
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::change::Document;

/// Where what was approved lands. Empty where nothing is carried.
#[derive(Default)]
pub(super) struct Landings<'a> {
    /// The places of steps, by their commits.
    steps: BTreeMap<&'a Revision, usize>,
    places: BTreeMap<ChangeHash, Vec<Place<'a>>>,
}

/// A step, or a run of steps.
struct Place<'a> {
    first: usize,
    last: usize,
    commit: &'a Revision,
    is_exact: bool,
}

impl<'a> Landings<'a> {
    pub(super) fn new(evidence: &Evidence<'a>) -> Self {
        let mut landings = Self::default();
        if evidence.carried.is_empty() {
            return landings;
        }
        let steps = evidence.steps.iter().enumerate();
        landings.steps = steps.map(|(at, step)| (&step.step.commit, at)).collect();
        let chain = evidence.steps.len().checked_sub(1).map(|last| (0, last));
        let mut runs: Vec<_> = evidence.runs.iter().copied().chain(chain).collect();
        runs.extend((0..evidence.steps.len()).map(|at| (at, at)));
        runs.sort_unstable();
        runs.dedup();
        for (first, last) in runs {
            let Some(steps) = evidence.steps.get(first..=last) else { continue };
            let (Some(change), Some(step)) = (change_of(steps), steps.last()) else { continue };
            let commit = &step.step.commit;
            let place = |is_exact| Place { first, last, commit, is_exact };
            landings.places.entry(change).or_default().push(place(true));
            let is_it =
                |to: &&super::CarriedTo| to.carried.landed() == change && to.landing == *commit;
            for to in evidence.carried.iter().filter(is_it) {
                landings.places.entry(to.carried.approved()).or_default().push(place(false));
            }
        }
        landings
    }

    /// Another landing of the chain that uses up what was approved, rather than the one from a
    /// first to a last step to which it is carried: an exact one, or one that lies before it.
    pub(super) fn elsewhere(
        &self,
        approved: ChangeHash,
        first: &Revision,
        last: &Revision,
    ) -> Option<&'a Revision> {
        let (first, last) = (*self.steps.get(first)?, *self.steps.get(last)?);
        let places = self.places.get(&approved)?;
        let before = |place: &&Place<'_>| place.last < first;
        let apart = |place: &&Place<'_>| place.is_exact && last < place.first;
        let other = places.iter().find(|place| before(place) || apart(place));
        other.map(|place| place.commit)
    }
}

/// The change that steps compose to; none where they change nothing, or do not compose.
fn change_of(steps: &[StepEvidence]) -> Option<ChangeHash> {
    if let [one] = steps {
        return (!one.step.document.is_empty()).then(|| one.step.document.hash());
    }
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    let document = Document::compose(&documents).ok()?;
    (!document.is_empty()).then(|| document.hash())
}
