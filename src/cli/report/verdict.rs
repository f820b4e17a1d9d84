//! The whole verdict, as `gate` and `verify` print it.

use serde::Serialize;

use super::undone::Undone;
use super::{Overriding, Reporting, SegmentReport, count, labelled, listed, print_problem};
use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::time;
use crate::cli::ui::{Ui, Word};
use crate::policy::ReasonCode;
use crate::statement::words::{DecisionVerdict, Mode};
use crate::verify::Verdict;
use crate::verify::verdict::ArtifactReport;

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
    /// What the answer owes to whom.
    pub(crate) trust: &'static str,
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

/// The entries that hold a decision.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecordedLine {
    /// The decision's entry.
    pub(crate) decision: EntryIndex,
    /// Whether an equal denial stood there already.
    pub(crate) repeated: bool,
    /// The entry of the deployment that began with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployment: Option<EntryIndex>,
}

/// The newest deployment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LiveLine {
    /// Its entry.
    pub(crate) entry: EntryIndex,
    /// Its commit.
    pub(crate) revision: Revision,
    /// How many of the segments, oldest first, it had already.
    pub(crate) segments: usize,
}

/// At most so many changes are told in full, and so many of what is live already by name; `-v`
/// tells all.
const TOLD_MAX: usize = 3;
const NAMED_MAX: usize = 5;

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProblemLine {
    code: ReasonCode,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// An artifact, and the builders that speak of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArtifactLine {
    artifact: ContentDigest,
    built_by: Vec<MemberId>,
    signed_by: Vec<MemberId>,
    #[serde(skip)]
    said: String,
}

impl ArtifactLine {
    fn new(reporting: &Reporting<'_>, report: &ArtifactReport) -> Self {
        let built_by: Vec<_> = report.built_by.iter().map(|(member, _)| member.clone()).collect();
        let signed_by: Vec<_> = report.signed_by.iter().cloned().collect();
        let mut said = report.artifact.short().clone();
        for (how, who) in [("built by", &built_by), ("signed off by", &signed_by)] {
            let mut names: Vec<_> = who.iter().map(|id| reporting.names.of(id)).collect();
            names.dedup();
            if !names.is_empty() {
                said = format!("{said}, {how} {}", listed(&names));
            }
        }
        Self { artifact: report.artifact, built_by, signed_by, said }
    }
}

/// The settled point that a chain starts at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StartLine {
    entry: EntryIndex,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    time: String,
    /// `deployment` or `baseline`.
    kind: &'static str,
    #[serde(skip)]
    date: String,
}

/// What a verdict of a ledger in one's own hands rests on.
pub(crate) const TRUST_LINE: &str =
    "operator trusted for completeness, order and time; gate key on this host";

impl VerdictReport {
    /// Reports a verdict.
    pub(crate) fn new(reporting: &Reporting<'_>, verdict: &Verdict) -> Self {
        let start = verdict.start.as_ref().map(|point| StartLine {
            entry: point.entry.index,
            revision: point.revision.clone(),
            time: time::rfc3339(point.time),
            kind: if point.decision.is_some() { "deployment" } else { "baseline" },
            date: time::date(point.time),
        });
        let problem = |problem: &crate::verify::Problem| ProblemLine {
            code: problem.code,
            text: problem.text.clone(),
            hint: problem.hint.clone(),
        };
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
            start,
            reasons: verdict.reasons(),
            problems: verdict.problems.iter().map(problem).collect(),
            rolls_back: rolls_back(verdict),
            undone: Undone::new(verdict),
            at_once: at_once(reporting, verdict),
            segments: verdict
                .segments
                .iter()
                .map(|segment| SegmentReport::new(reporting, segment, None))
                .collect(),
            trust: TRUST_LINE,
            recorded: None,
            live: None,
            overriding: Overriding::new(reporting, verdict, None),
        }
        .with_ask()
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

    /// Prints the screen, or the JSON.
    pub(crate) fn print(&self, ui: &mut Ui) {
        ui.json(self);
        ui.answer(self.word(), &self.first_line());
        ui.paragraph(4, &self.second_line());
        if !self.problems.is_empty() {
            ui.blank();
        }
        for problem in &self.problems {
            print_problem(ui, problem.code, &problem.text, problem.hint.as_deref());
        }
        if let Some(undone) = &self.undone {
            undone.print(ui);
        }
        self.print_uncovered(ui);
        if let Some(command) = &self.at_once {
            ui.blank();
            labelled(ui, "or", &format!("all that changes, as one: {command}"), "");
        }
        self.print_rejected_earlier(ui);
        self.overriding.print(ui, self.answer == DecisionVerdict::Allow);
        if ui.is_verbose() {
            self.print_covered(ui);
        }
        ui.blank();
        for artifact in &self.artifacts {
            ui.paragraph(2, &format!("artifact {}", artifact.said));
        }
        if self.segments.iter().any(|one| one.satisfied) {
            ui.paragraph(2, &self.counts());
        }
        ui.paragraph(2, self.trust);
        if let Some(recorded) = &self.recorded {
            let already = if recorded.repeated { "already " } else { "" };
            ui.line(&format!("  {already}recorded: entry {}", recorded.decision));
        }
        self.overriding.print_emergency(ui);
        // Where the deployment begins at once, what is next is its own output.
        if self.recorded.as_ref().is_none_or(|recorded| recorded.deployment.is_none()) {
            super::print_next(ui, &self.next());
        }
    }

    /// What is signed off, and was rejected in another form: whoever deploys should know.
    fn print_rejected_earlier(&self, ui: &mut Ui) {
        let is_told = |segment: &&SegmentReport| {
            segment.satisfied && !segment.rejected_earlier.is_empty() && !ui.is_verbose()
        };
        let told: Vec<_> = self.segments.iter().filter(is_told).collect();
        for segment in told {
            ui.blank();
            ui.paragraph(2, &segment.heading());
            for earlier in &segment.rejected_earlier {
                earlier.print(ui);
            }
        }
    }

    /// What is not signed off. Where nothing is refused, what is new is told apart from what is
    /// live already: only the first is this deployment's doing.
    fn print_uncovered(&self, ui: &mut Ui) {
        let live = self.live.as_ref().map_or(0, |live| live.segments).min(self.segments.len());
        let (older, newer) = self.segments.split_at(live);
        let missing = |segments: &'_ [SegmentReport]| {
            segments.iter().filter(|one| !one.satisfied).cloned().collect::<Vec<_>>()
        };
        let (older, newer) = (missing(older), missing(newer));
        let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
        if let Some(live) = self.live.as_ref().filter(|_| !newer.is_empty()) {
            let (entry, commit) = (live.entry, live.revision.short());
            ui.blank();
            ui.line(&format!("{} new since deployment {entry} ({commit})", newer.len()));
        }
        for segment in newer.iter().take(told_max) {
            ui.blank();
            segment.print(ui);
        }
        if newer.len() > told_max {
            ui.blank();
            ui.line(&format!("  {} more: -v lists them", newer.len() - told_max));
        }
        if older.is_empty() {
            return;
        }
        ui.blank();
        ui.line(&format!("{} older, live already without sign-off", older.len()));
        let named_max = if ui.is_verbose() { usize::MAX } else { NAMED_MAX };
        for segment in older.iter().take(named_max) {
            ui.paragraph(2, &segment.heading());
        }
        if older.len() > named_max {
            ui.line(&format!("  {} more: -v lists them", older.len() - named_max));
        }
    }

    fn first_line(&self) -> String {
        let uncovered = self.segments.iter().filter(|one| !one.satisfied).count();
        let said = match (self.answer, self.segments.len(), uncovered) {
            (DecisionVerdict::Allow, 0, _) if self.rolls_back => "a rollback".to_owned(),
            (DecisionVerdict::Allow, 0, _) => match self.signed_artifacts() {
                0 => "nothing new".to_owned(),
                signed => format!("no change; {}, signed off", count(signed, "artifact")),
            },
            (DecisionVerdict::Allow, 1, _) => "1 change, signed off".to_owned(),
            (DecisionVerdict::Allow, all, _) => format!("{all} changes, all signed off"),
            (DecisionVerdict::Deny, _, missing) if self.overriding.overridden => {
                self.overriding.first_line(missing, &self.reasons)
            }
            (DecisionVerdict::Deny, _, 0) => self
                .problems
                .first()
                .map_or_else(|| "denied".to_owned(), |problem| problem.code.to_string()),
            (DecisionVerdict::Deny, all, missing) => {
                let verb = if missing == 1 { "is" } else { "are" };
                format!("{missing} of {} {verb} not signed off", count(all, "change"))
            }
        };
        let said = if self.rolls_back && self.answer == DecisionVerdict::Deny {
            format!("a rollback; {said}")
        } else {
            said
        };
        let (service, environment) = (&self.service, &self.environment);
        format!("{service} {} to {environment}: {said}", self.revision.short())
    }

    fn second_line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(start) = &self.start {
            let commit = start.revision.as_ref().map_or("nothing", Revision::short);
            let (kind, entry, date) = (start.kind, start.entry, &start.date);
            let since = if self.rolls_back { "back to" } else { "since" };
            parts.push(format!("{since} {kind} {entry} ({commit}, {date})"));
        }
        parts.push(self.policy.map_or_else(
            || "no policy".to_owned(),
            |number| format!("policy {number}{}", self.older_policies()),
        ));
        parts.push(format!("ledger {}", self.size));
        parts.join("; ")
    }

    fn signed_artifacts(&self) -> usize {
        self.artifacts.iter().filter(|artifact| !artifact.signed_by.is_empty()).count()
    }

    fn older_policies(&self) -> String {
        let older: Vec<_> = self.policies_passed_as_well.iter().map(u64::to_string).collect();
        if older.is_empty() { String::new() } else { format!(" and still {}", older.join(", ")) }
    }

    fn counts(&self) -> String {
        let covered = self.segments.iter().filter(|one| one.satisfied);
        let carried = covered.clone().filter(|one| one.matched == Some("carried")).count();
        let all = covered.clone().count();
        let counted = covered.flat_map(|one| &one.has).filter(|has| !has.counts_for.is_empty());
        let mut people: Vec<_> = counted.map(|has| &has.member).collect();
        people.sort_unstable();
        people.dedup();
        let people = if people.len() == 1 {
            "1 person".to_owned()
        } else {
            format!("{} people", people.len())
        };
        let listed =
            if all > 0 && self.answer == DecisionVerdict::Deny { " (-v lists them)" } else { "" };
        format!(
            "{all} signed off: {} exact, {carried} carried; {people} signed{listed}",
            all - carried
        )
    }

    fn print_covered(&self, ui: &mut Ui) {
        for segment in self.segments.iter().filter(|one| one.satisfied) {
            ui.blank();
            segment.print(ui);
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
        // What is new first: what is live already is older, and nobody waits for it.
        let live = self.live.as_ref().map_or(0, |live| live.segments).min(self.segments.len());
        let (older, newer) = self.segments.split_at(live);
        let open = newer.iter().chain(older).find(|segment| !segment.satisfied);
        open.map_or_else(|| "countersign queue".to_owned(), SegmentReport::next)
    }
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
    Some(format!("countersign approve {}..{}", live.short(), question.revision.short()))
}
