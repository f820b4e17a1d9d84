//! What is wrong with a change, one line each, with the file beside which a forge shows it.

use crate::base::digest::ChangeHash;
use crate::base::fold::folded;
use crate::base::name::Revision;
use crate::change::ChangePath;
use crate::cli::report::{Ask, SegmentReport, wish_words};
use crate::evidence::Gathered;
use crate::policy::{Pattern, Policy, ReasonCode, Requirement};
use crate::verify::{Problem, StepEvidence};

/// Something that denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its code.
    pub(crate) code: ReasonCode,
    /// What is wrong.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) next: Option<String>,
    /// The change that it is about; none where it is about all of them.
    pub(crate) change: Option<ChangeHash>,
    /// A path that the change touches.
    pub(crate) path: Option<ChangePath>,
}

impl Finding {
    /// Everything that denies, changes in their order.
    pub(crate) fn all(
        policy: &Policy,
        gathered: &Gathered,
        segments: &[SegmentReport],
        problems: &[Problem],
    ) -> Vec<Self> {
        let mut found: Vec<Self> = problems
            .iter()
            .map(|problem| Self {
                code: problem.code,
                text: problem.text.clone(),
                next: problem.hint.clone(),
                change: None,
                path: None,
            })
            .collect();
        for segment in segments.iter().filter(|segment| !segment.satisfied) {
            let steps = steps_of(gathered, segment);
            found.extend(of_segment(policy, steps, segment));
        }
        found
    }
}

fn of_segment<'a>(
    policy: &'a Policy,
    steps: &'a [StepEvidence],
    segment: &'a SegmentReport,
) -> impl Iterator<Item = Finding> + 'a {
    let finding = |code, text: String, next: Option<String>, path| Finding {
        code,
        text,
        next,
        change: Some(segment.change),
        path,
    };
    let missing = segment.missing().into_iter().map(move |needed| {
        let same = |ask: &&Ask| ask.because == needed.because && ask.need == needed.ask;
        let ask = segment.ask.iter().find(same);
        let path = path_for(policy, steps, needed);
        finding(needed.code, wish_words(needed), ask.map(Ask::all_said), path)
    });
    let denials = segment.denials.iter().map(move |denial| {
        let remedy = Some(denial.code.remedy().to_owned());
        finding(denial.code, denial.text.clone(), remedy, first_path(steps, &[]))
    });
    let rejects = segment.rejects.iter().map(move |reject| {
        let text = format!("{} rejected it, entry {}", reject.name, reject.entry);
        finding(ReasonCode::Rejected, text, Some(reject.undone()), first_path(steps, &[]))
    });
    missing.chain(denials).chain(rejects)
}

/// The steps that a segment is made of.
fn steps_of<'a>(gathered: &'a Gathered, segment: &SegmentReport) -> &'a [StepEvidence] {
    let steps = gathered.steps.as_slice();
    let at = |commit: &Revision| steps.iter().position(|step| step.step.commit == *commit);
    match (at(&segment.first), at(&segment.last)) {
        (Some(first), Some(last)) => steps.get(first..=last).unwrap_or_default(),
        _ => &[],
    }
}

/// A path because of which a rule asks, or else any that the change touches.
fn path_for(policy: &Policy, steps: &[StepEvidence], needed: &Requirement) -> Option<ChangePath> {
    let rule = policy.rules().iter().find(|rule| rule.name == needed.because);
    first_path(steps, rule.map_or(&[], |rule| rule.when.paths.as_slice()))
}

/// The first path that is still there and matches; else one that is there; else any.
fn first_path(steps: &[StepEvidence], patterns: &[Pattern]) -> Option<ChangePath> {
    let rows = || steps.iter().flat_map(|step| step.step.document.rows());
    let matches = |path: &ChangePath| {
        let folded = folded(path.as_bytes());
        patterns.iter().any(|pattern| {
            pattern.matches_exactly(path.as_bytes()) || pattern.matches_folded(&folded)
        })
    };
    let there = || rows().filter(|row| !row.new.is_absent());
    let found = there().find(|row| matches(&row.path)).or_else(|| there().next());
    found.or_else(|| rows().next()).map(|row| row.path.clone())
}
