//! Certificates for what is judged (`spec/verdict.md` section 5, point 7): which words on other
//! changes are words on these. A gate makes them itself; a later reader checks those that the
//! cover of a decision names.

mod ground;
mod memory;
mod open;
mod pair;
mod runs;
mod sums;

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{GatherError, Gathered};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::position::TreeSize;
use crate::change::Document;
use crate::change::carry::Certificate;
use crate::git::{GitError, Range, Repository};
use crate::ledger::store::Topic;
use crate::ledger::topics;
use crate::session::Session;
use crate::verify::cover::Cover;
use crate::verify::{CarriedTo, Uncarried};
use memory::Memory;
use open::Open;
use pair::Pairs;
use runs::{Composed, runs};
use sums::Sums;

/// At most so many near changes are told of one that is not signed off, and of how many of those.
const NEAR_TOLD_MAX: usize = 3;
const UNCARRIED_TOLD_MAX: usize = 20;

/// What is carried to the changes that are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carries {
    /// What certificates show.
    pub carried: Vec<CarriedTo>,
    /// What is near, and not carried.
    pub uncarried: Vec<Uncarried>,
    /// The certificates, in the order of `carried`, each with the document that was approved.
    pub certificates: Vec<(Certificate, Document)>,
}

/// Certificates by what they are about: those that the cover of a decision names.
pub(super) type Named = BTreeMap<(ChangeHash, ChangeHash), ContentDigest>;

/// The certificates that a cover names.
pub(super) fn named(cover: Option<&Cover>) -> Named {
    let rows = cover.into_iter().flat_map(|cover| &cover.segments);
    let carried = |row: &'_ crate::verify::cover::CoverRow| -> Vec<_> {
        let of = |from: &crate::verify::cover::CarriedFrom| {
            ((from.change, row.change), from.certificate)
        };
        row.carried.iter().map(of).collect()
    };
    rows.flat_map(carried).collect()
}

/// A change that is judged, and where it lies.
struct Landed<'a> {
    document: &'a Document,
    range: Range,
    /// First and last step, for a run of several.
    run: Option<(usize, usize)>,
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) session: &'a Session,
    pub(super) repository: &'a Repository,
    /// As the policy calls the repository.
    pub(super) name: &'a crate::base::name::RepositoryName,
    /// Entries below it are seen.
    pub(super) size: TreeSize,
    /// Changes that are not covered.
    pub(super) uncovered: BTreeSet<ChangeHash>,
    /// Whether approvals are looked for, too, and not rejects alone.
    pub(super) looks_for_approvals: bool,
    /// Unchanged lines between edits of both sides.
    pub(super) gap_lines: u32,
    /// Certificates to be checked before others are looked for.
    pub(super) named: Named,
    /// Changes that landed here as they were signed, or in another form: nobody need be told that
    /// their sign-offs count for nothing else.
    pub(super) has_landed: BTreeSet<ChangeHash>,
}

impl Search<'_> {
    fn has_landed(&self, change: ChangeHash) -> bool {
        self.has_landed.contains(&change)
    }

    /// Looks for what is carried to the steps, their runs and all of what was gathered, and takes
    /// it up; the topics of what was signed.
    pub(super) fn run(&self, gathered: &mut Gathered) -> Result<BTreeSet<Topic>, GatherError> {
        let steps = gathered.steps.iter().chain(&gathered.whole);
        let paths = steps.flat_map(|step| step.step.document.paths()).cloned().collect();
        let mut open = Open::read(self, &paths)?;
        if open.is_empty() {
            return Ok(BTreeSet::new());
        }
        let memory = Memory::new(self.repository);
        let mut sums = Sums::new(&memory);
        open.index(&paths, &mut sums)?;
        let composed = runs(&open, &gathered.steps, &mut sums)?;
        let landed = landed(gathered, &composed);
        let mut pairs = Pairs::new(self, &open, (&memory, sums));
        let mut found_runs = BTreeSet::new();
        for one in &landed {
            if pairs.carry(one)? {
                found_runs.extend(one.run);
            }
        }
        let told = landed.iter().filter(|one| {
            let change = one.document.hash();
            one.run.is_none()
                && self.uncovered.contains(&change)
                && !pairs.has_any(change, &one.range.head)
        });
        let told: Vec<_> = told.take(UNCARRIED_TOLD_MAX).collect();
        for one in told {
            pairs.tell(one, NEAR_TOLD_MAX)?;
        }
        let found = pairs.finish(landed.iter().map(|one| one.document.hash()))?;
        found_runs.extend(gathered.runs.iter().copied());
        gathered.runs = found_runs.into_iter().collect();
        let signed = found.carried.iter().map(|to| to.carried.approved());
        let near = found.uncarried.iter().map(|near| near.approved);
        let wanted = signed.chain(near).map(topics::change).collect();
        gathered.carried = found;
        Ok(wanted)
    }
}

/// What is judged, each change once: shorter runs first.
fn landed<'a>(gathered: &'a Gathered, runs: &'a [Composed]) -> Vec<Landed<'a>> {
    let steps = &gathered.steps;
    let range = |first: usize, last: usize| Range {
        base: steps[first].step.parent.clone(),
        head: steps[last].step.commit.clone(),
    };
    let of_step = |step: &'a crate::verify::StepEvidence| Landed {
        document: &step.step.document,
        range: Range { base: step.step.parent.clone(), head: step.step.commit.clone() },
        run: None,
    };
    let mut landed: Vec<Landed<'_>> = steps.iter().map(of_step).collect();
    let mut runs: Vec<_> = runs.iter().collect();
    runs.sort_by_key(|(first, last, _)| (last - first, *first));
    landed.extend(runs.into_iter().map(|(first, last, document)| Landed {
        document,
        range: range(*first, *last),
        run: Some((*first, *last)),
    }));
    if steps.len() > 1 {
        let document = &gathered.difference;
        landed.push(Landed { document, range: range(0, steps.len() - 1), run: None });
    }
    landed.extend(gathered.whole.as_ref().map(of_step));
    landed
}

/// What is not here cannot be carried. What is here and damaged is never passed over.
pub(super) fn damage(failure: Option<GitError>) -> Result<(), GitError> {
    match failure {
        None
        | Some(
            GitError::UnknownCommit { .. }
            | GitError::Missing { .. }
            | GitError::Shallow { .. }
            | GitError::NoSuchFile { .. }
            // Whoever signs may name any commit, also one that nobody can read.
            | GitError::Commit { .. }
            | GitError::Tree { .. }
            | GitError::BlobTooLarge { .. }
            | GitError::ObjectTooLarge { .. },
        ) => Ok(()),
        Some(error) => Err(error),
    }
}
