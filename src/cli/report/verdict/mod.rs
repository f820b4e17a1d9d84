//! The whole verdict, as `gate` and `verify` print it.

mod artifact;
mod lines;
mod print;

use std::collections::BTreeSet;

use serde::Serialize;

use super::undone::Undone;
use super::{Overriding, Reporting, SegmentReport};
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::trusted::{self, Witnesses};
use crate::cli::ui::Word;
use crate::policy::ReasonCode;
use crate::statement::words::{DecisionVerdict, Mode};
use crate::verify::witnessing::Witnessing;
use crate::verify::{Segment, StepEvidence, Verdict};

use artifact::ArtifactLine;
pub(crate) use lines::{LiveLine, RecordedLine};
use lines::{ProblemLine, StartLine};

/// A verdict, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VerdictReport {
    /// `allow` or `deny`.
    pub(crate) answer: DecisionVerdict,
    /// Whether a deny refuses.
    pub(crate) mode: Mode,
    /// The service.
    pub(crate) service: ServiceName,
    /// The environment.
    pub(crate) environment: EnvironmentName,
    /// The commit.
    pub(crate) revision: Revision,
    /// The artifacts, and who says what they were built from.
    pub(crate) artifacts: Vec<ArtifactLine>,
    /// The number of the policy in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<u64>,
    /// Policies that were replaced lately and had to be passed as well.
    pub(crate) policies_passed_as_well: Vec<u64>,
    /// The size of the ledger.
    pub(crate) size: TreeSize,
    /// Where the chain starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<StartLine>,
    /// The codes of all that denies.
    pub(crate) reasons: Vec<ReasonCode>,
    /// What is wrong beside missing sign-offs.
    pub(crate) problems: Vec<ProblemLine>,
    /// Whether it goes back to what was deployed before.
    rolls_back: bool,
    /// What it would take back of what is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<Undone>,
    /// Where it stands beside what is live: what signs off all that would change at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_once: Option<String>,
    /// Every segment, oldest first.
    pub(crate) segments: Vec<SegmentReport>,
    /// The services on whose word the steps rest, where no repository was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attested_by: Vec<MemberId>,
    #[serde(skip)]
    attested_names: Vec<String>,
    /// What was signed off as one, and lacks something.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearly: Option<SegmentReport>,
    /// What the answer owes to whom.
    pub(crate) trust: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses>,
    /// Who governs alone, where one does (ATTACKS 18).
    #[serde(skip_serializing_if = "Option::is_none")]
    single_admin: Option<MemberId>,
    #[serde(skip)]
    single_admin_name: String,
    /// What was recorded of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<RecordedLine>,
    /// Where nothing is refused: what is live, of which the first segments are part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) live: Option<LiveLine>,
    /// What overrides make of it, and what is owed.
    #[serde(flatten)]
    pub(crate) overriding: Overriding,
}

impl VerdictReport {
    /// Reports a verdict.
    pub(crate) fn new(
        reporting: &Reporting<'_>,
        verdict: &Verdict,
        witnessing: &Witnessing,
    ) -> Self {
        let now = verdict.question.time;
        let (roster, size) = (reporting.view.roster(), reporting.view.size());
        let able = roster.able_admins(size);
        let single = able.first().filter(|_| able.len() == 1).cloned();
        let artifact = |report| ArtifactLine::new(reporting, report);
        Self {
            answer: verdict.answer,
            mode: verdict.mode,
            service: verdict.question.service.clone(),
            environment: verdict.question.environment.clone(),
            revision: verdict.question.revision.clone(),
            artifacts: verdict.artifacts.iter().map(artifact).collect(),
            policy: verdict.policy.map(|(number, _)| number),
            policies_passed_as_well: verdict.policies_passed_as_well.clone(),
            size: verdict.size,
            start: verdict.start.as_ref().map(StartLine::new),
            reasons: verdict.reasons(),
            problems: verdict.problems.iter().map(|one| ProblemLine::new(reporting, one)).collect(),
            rolls_back: rolls_back(verdict),
            undone: Undone::new(verdict),
            at_once: at_once(reporting, verdict),
            segments: segments(reporting, verdict),
            nearly: verdict.nearly.as_ref().map(|one| nearly(reporting, verdict, one)),
            attested_by: Vec::new(),
            attested_names: Vec::new(),
            trust: format!("{}; gate key on this host", trusted::line(witnessing, now)),
            witnesses: Witnesses::new(witnessing),
            single_admin_name: single
                .as_ref()
                .map_or_else(String::new, |id| reporting.names.of(id)),
            single_admin: single,
            recorded: None,
            live: None,
            overriding: Overriding::new(reporting, verdict, None),
        }
        .with_ask()
    }

    /// Says on whose word the steps rest.
    pub(crate) fn attested(&mut self, reporting: &Reporting<'_>, steps: &[StepEvidence]) {
        let services: BTreeSet<_> =
            steps.iter().filter_map(|one| one.attested_by.clone()).collect();
        self.attested_names = services.iter().map(|id| reporting.names.of(id)).collect();
        self.attested_by = services.into_iter().collect();
    }

    /// Who must override as well is told by name, with the exact command.
    fn with_ask(mut self) -> Self {
        if let Some(ask) = &self.overriding.ask {
            let overdue = |one: &&mut ProblemLine| one.code == ReasonCode::DebtOverdue;
            for problem in self.problems.iter_mut().filter(overdue) {
                problem.hint = Some(ask.clone());
            }
        }
        self
    }

    /// The first word.
    pub(crate) fn word(&self) -> Word {
        match (self.answer, self.mode) {
            (DecisionVerdict::Allow, _) => Word::Yes,
            (DecisionVerdict::Deny, Mode::Enforce) if self.overriding.overridden => Word::Yes,
            (DecisionVerdict::Deny, Mode::Enforce) => Word::No,
            (DecisionVerdict::Deny, Mode::Observe) => Word::WouldRefuse,
        }
    }

    /// What to do next: the deployment, or the first command that is missing.
    fn next(&self) -> String {
        let passes = self.word() == Word::Yes;
        if let (true, Some(recorded)) = (passes, &self.recorded) {
            let (commit, entry) = (self.revision.short(), recorded.decision);
            return format!(
                "deploy {commit}, then countersign record deployment --decision {entry}"
            );
        }
        if passes {
            return "countersign gate -- CMD decides, deploys and records both".to_owned();
        }
        if let Some(hint) = self.problems.iter().find_map(|problem| problem.hint.clone()) {
            return hint;
        }
        if let Some(next) = self.artifacts.iter().find_map(ArtifactLine::next) {
            return next;
        }
        // Who has begun to sign all of it as one goes on so.
        if let Some(nearly) = &self.nearly {
            return nearly.next();
        }
        // What is new first: what is live already is older, and nobody waits for it.
        let live = self.live.as_ref().map_or(0, |live| live.segments).min(self.segments.len());
        let (older, newer) = self.segments.split_at(live);
        let open = newer.iter().chain(older).find(|segment| !segment.satisfied);
        open.map_or_else(|| "countersign queue".to_owned(), SegmentReport::next)
    }
}

/// Every segment. Where all of them were signed off as one, that it is not carried to each is told
/// once, with that one.
fn segments(reporting: &Reporting<'_>, verdict: &Verdict) -> Vec<SegmentReport> {
    let of_nearly = |entry: EntryIndex| {
        let nearly = verdict.nearly.as_ref();
        nearly.is_some_and(|one| one.sign_offs.iter().any(|sign_off| sign_off.entry == entry))
    };
    let report = |segment| {
        let mut report = SegmentReport::new(reporting, segment, None);
        report
            .not_counted
            .retain(|word| word.code != ReasonCode::CarryRefused || !of_nearly(word.entry));
        report
    };
    verdict.segments.iter().map(report).collect()
}

/// What was signed off as one. The whole difference is named by its ends.
fn nearly(reporting: &Reporting<'_>, verdict: &Verdict, one: &Segment) -> SegmentReport {
    let question = &verdict.question;
    let is_run = verdict.signed.iter().any(|signed| signed.change == one.change);
    let live = reporting.view.starts(&question.service, &question.environment).newest();
    let live = live.and_then(|point| point.revision.as_ref()).filter(|_| !is_run);
    let argument = live.map(|live| format!("{}..{}", live.short(), question.revision.short()));
    SegmentReport::new(reporting, one, argument.as_deref())
}

/// Whether what is asked about was deployed before, and something else since.
fn rolls_back(verdict: &Verdict) -> bool {
    let start = verdict.start.as_ref();
    let is_start =
        start.and_then(|point| point.revision.as_ref()) == Some(&verdict.question.revision);
    is_start && verdict.segments.is_empty() && verdict.start_entry() != verdict.newest
}

/// Beside what is live, the sign-off of the whole difference may be less work than those of the
/// chain. A problem says so itself.
fn at_once(reporting: &Reporting<'_>, verdict: &Verdict) -> Option<String> {
    let question = &verdict.question;
    let is_beside = verdict.start_entry().is_some() && verdict.start_entry() != verdict.newest;
    if verdict.is_allowed() || !is_beside || !verdict.problems.is_empty() {
        return None;
    }
    let points = reporting.view.starts(&question.service, &question.environment);
    let live = points.newest()?.revision.as_ref()?;
    let (live, revision) = (live.short(), question.revision.short());
    Some(format!("countersign approve {live}..{revision}{}", reporting.flags))
}
