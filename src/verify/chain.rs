//! The steps of a chain cut into covered segments (`spec/verdict.md` section 4, steps 3 and 4).

use std::collections::{BTreeMap, BTreeSet};

use super::cover::Contained;
use super::evidence::{Evidence, StepEvidence};
use super::judge::Judge;
use super::segment::{Segment, judge_change};
use super::verdict::{Problem, problem};
use crate::base::limits::SEGMENT_STEPS_MAX;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::change::{ChangePath, Document};
use crate::policy::ReasonCode;

/// How a chain is covered, or as far as it is.
pub(super) struct Chain {
    pub(super) segments: Vec<Segment>,
    pub(super) problems: Vec<Problem>,
    /// The steps and runs that somebody signed off, and what is carried to them.
    pub(super) signed: Vec<Contained>,
    /// Whether a reject stands on one of the steps: no longer segment answers that.
    pub(super) has_rejected_step: bool,
    /// The newest reject that no segment answered, of those that more may answer.
    pub(super) newest_unanswered: Option<EntryIndex>,
    /// The longest run of several steps that was signed off, and lacks something.
    pub(super) nearly: Option<Segment>,
}

/// A segment at its place.
struct Run {
    first: usize,
    last: usize,
    document: Document,
    segment: Segment,
}

impl Run {
    fn steps(&self) -> usize {
        self.last - self.first + 1
    }

    /// Whether it has all the steps of another, and more.
    fn exceeds(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last && self.steps() > other.steps()
    }

    /// Whether it takes back a step of its own: every path that the step changed is in the end as
    /// it was before the run.
    fn takes_back(&self, step: &Self) -> bool {
        let changes = |path: &ChangePath| self.document.paths().any(|own| own == path);
        self.exceeds(step) && !step.document.paths().any(changes)
    }
}

/// Step 3: the documents compose, and to exactly the difference of the two trees (ATTACKS 1).
pub(super) fn check_composition(evidence: &Evidence<'_>) -> Option<Problem> {
    let documents: Vec<_> = evidence.steps.iter().map(|step| &step.step.document).collect();
    let composed = Document::compose(&documents);
    if composed.as_ref().is_ok_and(|composed| composed == evidence.difference) {
        return None;
    }
    let text = "the steps do not add up to the difference that would be deployed";
    Some(problem(ReasonCode::CompositionMismatch, text, "check the repository: git fsck --full"))
}

/// Step 4: every step in a segment. Sign-offs of different segments never add up.
pub(super) fn segments(judge: &Judge<'_>, evidence: &Evidence<'_>) -> Chain {
    let single = |(index, step): (usize, &StepEvidence)| Run {
        first: index,
        last: index,
        document: step.step.document.clone(),
        segment: judge_change(judge, &[step], &step.step.document),
    };
    let alone: Vec<Run> = evidence.steps.iter().enumerate().map(single).collect();
    let runs = runs(judge, evidence, &alone);
    let mut unanswered = unanswered_rejects(judge, evidence, &runs);
    unanswered.extend(rejects_brought_in(judge, evidence, &alone, &runs));
    let newest_unanswered = unanswered.iter().map(|(entry, _)| *entry).max();
    let problems = unanswered.into_iter().map(|(_, problem)| problem).collect();
    let took_back =
        |step: &Run| runs.iter().any(|run| run.segment.satisfied && run.takes_back(step));
    let has_rejected_step =
        alone.iter().any(|step| !step.segment.rejects.is_empty() && !took_back(step));
    let signed = alone.iter().chain(&runs).flat_map(|run| signed(judge, run)).collect();
    let is_near = |run: &&Run| !run.segment.satisfied && !run.segment.sign_offs.is_empty();
    let nearly = runs.iter().filter(is_near).max_by_key(|run| run.steps());
    let nearly = nearly.map(|run| run.segment.clone());
    let segments = cut(alone, runs);
    Chain { segments, problems, signed, has_rejected_step, newest_unanswered, nearly }
}

/// What of a run was signed off, be it in another form that is carried to it and that no other
/// landing of the chain uses up: however far apart its edits lie, and whether or not it counts, it
/// has landed (ATTACKS 7).
fn signed(judge: &Judge<'_>, run: &Run) -> Vec<Contained> {
    let Segment { change, first, last, .. } = &run.segment;
    let carried = judge.carried_to(*change, Some(last)).map(|to| to.carried.approved());
    let carried =
        carried.filter(|approved| judge.landings().elsewhere(*approved, first, last).is_none());
    let changes = std::iter::once(*change).chain(carried);
    let of = |change| Contained { change, first: first.clone(), last: last.clone() };
    changes.filter(|change| judge.is_approved(*change)).map(of).collect()
}

/// The runs of several steps that somebody speaks of, shorter ones first, and the whole chain.
fn runs(judge: &Judge<'_>, evidence: &Evidence<'_>, alone: &[Run]) -> Vec<Run> {
    let steps = evidence.steps;
    let mut places: Vec<(usize, usize)> = evidence
        .runs
        .iter()
        .copied()
        .filter(|(first, last)| {
            first < last && *last < steps.len() && last - first < SEGMENT_STEPS_MAX
        })
        .collect();
    if steps.len() > 1 {
        places.push((0, steps.len() - 1));
    }
    places.sort_unstable_by_key(|(first, last)| (last - first, *first));
    places.dedup();
    let judged = places.into_iter().filter_map(|(first, last)| {
        let own: Vec<&StepEvidence> = steps.get(first..=last)?.iter().collect();
        let documents: Vec<_> = own.iter().map(|step| &step.step.document).collect();
        let document = Document::compose(&documents).ok()?;
        let segment = judge_change(judge, &own, &document);
        let mut run = Run { first, last, document, segment };
        // A reject on a step blocks the run as well (ATTACKS 27), unless the run takes it back.
        let blocks = |step: &Run| !step.segment.rejects.is_empty() && !run.takes_back(step);
        run.segment.satisfied &= !alone[first..=last].iter().any(blocks);
        Some(run)
    });
    judged.collect()
}

/// Whether a run was signed off after a reject, and not only before it.
fn is_answer(judge: &Judge<'_>, evidence: &Evidence<'_>, run: &Run, reject: EntryIndex) -> bool {
    let own: Vec<&StepEvidence> = evidence.steps[run.first..=run.last].iter().collect();
    // Nobody signs off what changes nothing, so it answers nothing.
    !run.document.is_empty() && judge_change(&judge.after(reject), &own, &run.document).satisfied
}

/// Whether what was rejected is gone for good: a run took it back, path by path, and no later step
/// touches any of its paths.
fn is_gone(evidence: &Evidence<'_>, rejected: &Document, run: &Run) -> bool {
    let touches = |document: &Document| {
        rejected.paths().any(|path| document.paths().any(|other| other == path))
    };
    let later = evidence.steps.get(run.last + 1..).unwrap_or_default();
    !touches(&run.document) && !later.iter().any(|step| touches(&step.step.document))
}

/// Rejects on runs that nobody answered by signing off more.
fn unanswered_rejects(
    judge: &Judge<'_>,
    evidence: &Evidence<'_>,
    runs: &[Run],
) -> Vec<(EntryIndex, Problem)> {
    let newest = |run: &Run| run.segment.rejects.iter().map(|reject| reject.entry).max();
    let rejected = runs.iter().filter_map(|run| Some((run, newest(run)?)));
    let open = rejected.filter(|(run, newest)| {
        let mut longer = runs.iter().filter(|other| other.segment.satisfied && other.exceeds(run));
        !longer.any(|other| {
            is_gone(evidence, &run.document, other) || is_answer(judge, evidence, other, *newest)
        })
    });
    let tell = |(run, newest): (&Run, EntryIndex)| {
        let segment = &run.segment;
        let by: Vec<_> = segment.rejects.iter().map(|reject| reject.member.as_str()).collect();
        let text = format!(
            "change {} ({} steps up to {}) was rejected by {}",
            segment.change.short(),
            run.steps(),
            segment.last.short(),
            by.join(", ")
        );
        let hint = "who rejected it withdraws or approves; or an admin lifts it: countersign lift";
        (newest, problem(ReasonCode::Rejected, text, hint))
    };
    open.map(tell).collect()
}

/// Rejects of something that ends at a commit which a step brings in, and that is neither a step
/// nor a run of the chain: it began before the chain, is longer than any run, or came in by a
/// merge. Whoever signed off the step since, alone or in a run, answered them (ATTACKS 27, 33).
fn rejects_brought_in(
    judge: &Judge<'_>,
    evidence: &Evidence<'_>,
    alone: &[Run],
    runs: &[Run],
) -> Vec<(EntryIndex, Problem)> {
    // One that ends there is heard as what it is.
    let heard: BTreeSet<_> =
        alone.iter().chain(runs).map(|run| (run.segment.change, run.last)).collect();
    let mut brought_in: BTreeMap<&Revision, usize> = BTreeMap::new();
    for (at, step) in evidence.steps.iter().enumerate() {
        for commit in step.step.commits.iter().map(|commit| &commit.id).chain([&step.step.commit]) {
            brought_in.entry(commit).or_insert(at);
        }
    }
    let mut problems = Vec::new();
    for (entry, rejected) in judge.view().rejected_changes() {
        let Some(&at) = brought_in.get(&rejected.head) else { continue };
        if heard.contains(&(rejected.change, at)) {
            continue;
        }
        let rejects = judge.rejects(rejected.change);
        let Some(reject) = rejects.iter().find(|reject| reject.entry == entry) else { continue };
        let mut around = alone.iter().chain(runs).filter(|run| run.first <= at && at <= run.last);
        let answers = |run: &Run| {
            run.segment.satisfied
                && (is_gone(evidence, &alone[at].document, run)
                    || is_answer(judge, evidence, run, entry))
        };
        if !around.any(answers) {
            let text = format!(
                "change {}, read up to {}, was rejected by {}",
                rejected.change.short(),
                rejected.head.short(),
                reject.member
            );
            let hint = "who rejected it withdraws; or others sign off what lands, having read it";
            problems.push((entry, problem(ReasonCode::Rejected, text, hint)));
        }
    }
    problems
}

/// Cuts the chain into covered segments, the shortest first from the start on; where that cannot
/// be done, as far as it can, the uncovered steps alone.
fn cut(alone: Vec<Run>, runs: Vec<Run>) -> Vec<Segment> {
    let count = alone.len();
    // By first step; the shorter before the longer, the whole chain after all.
    let mut candidates: Vec<Vec<Run>> = (0..count).map(|_| Vec::new()).collect();
    for run in alone.into_iter().chain(runs) {
        candidates[run.first].push(run);
    }
    let mut coverable = vec![false; count + 1];
    coverable[count] = true;
    for first in (0..count).rev() {
        coverable[first] =
            candidates[first].iter().any(|run| run.segment.satisfied && coverable[run.last + 1]);
    }
    let whole_is_coverable = coverable[0];
    let mut segments = Vec::new();
    let mut at = 0;
    while at < count {
        let fits =
            |run: &&Run| run.segment.satisfied && (!whole_is_coverable || coverable[run.last + 1]);
        let found = candidates[at].iter().position(|run| fits(&run)).unwrap_or(0);
        let run = candidates[at].swap_remove(found);
        at = run.last + 1;
        segments.push(run.segment);
    }
    segments
}
