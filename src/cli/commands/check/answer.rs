//! The answer of `check`: how it reads, and as JSON.

use serde::Serialize;

use super::{Elsewhere, Judged};
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::TreeSize;
use crate::cli::Context;
use crate::cli::ci::{self, Finding, Summary};
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{
    OwedLine, Reporting, SegmentReport, print_next, print_problem, signed_earlier_of, signed_off,
};
use crate::cli::review::Place;
use crate::cli::text::counted;
use crate::cli::trusted::{self, Witnesses};
use crate::cli::ui::{Ui, Word};
use crate::evidence::{Gathered, Landing, gather_ahead, rejected_forms};
use crate::policy::ReasonCode;
use crate::statement::words::Mode;
use crate::verify::{Ahead, Problem, judge_ahead};

/// At most so many changes that are not signed off are told; `-v` tells all.
const TOLD_MAX: usize = 3;

/// The answer, with all that is told of it.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    #[serde(rename = "answer", serialize_with = "word_for_machines")]
    word: Word,
    mode: Mode,
    service: ServiceName,
    environment: EnvironmentName,
    policy: u64,
    size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Revision>,
    head: Revision,
    /// `one_change` or `steps`.
    landing: &'static str,
    /// The codes of all that denies.
    reasons: Vec<ReasonCode>,
    problems: Vec<ProblemLine>,
    segments: Vec<SegmentReport>,
    /// Debts of the place, oldest first.
    owed: Vec<OwedLine>,
    /// What it owes to whom: nothing was decided, so no gate's key has a part in it.
    trust: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses>,
    #[serde(skip)]
    pub(super) findings: Vec<Finding>,
    #[serde(skip)]
    first_line: String,
    #[serde(skip)]
    second_line: String,
    #[serde(skip)]
    next: String,
}

/// What is wrong beside missing sign-offs.
#[derive(Debug, Serialize)]
struct ProblemLine {
    code: ReasonCode,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn word_for_machines<S: serde::Serializer>(word: &Word, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match word {
        Word::Yes => "yes",
        Word::WouldRefuse => "would_refuse",
        _ => "no",
    })
}

impl Answered {
    /// Judges.
    ///
    /// # Errors
    /// Where the repository or the ledger cannot be read.
    pub(super) fn new(
        context: &Context,
        desk: &Desk,
        place: &Place,
        judged: &Judged,
    ) -> Result<Self, CliError> {
        let now = context.now();
        let question = place.question(&judged.range.head, now);
        let repository = desk.need_repository()?;
        let range = &judged.range;
        let gathered = gather_ahead(&desk.session, repository, &question, range, judged.landing)?;
        let mut found = judge_ahead(&question, &gathered.evidence(&desk.session));
        found.problems.extend(elsewhere(place, judged));
        let segments = reports(desk, place, judged, &gathered, &found)?;
        let findings = Finding::all(&place.policy, &gathered, &segments, &found.problems);
        let word = match (found.is_allowed(), found.mode) {
            (true, _) => Word::Yes,
            (false, Mode::Enforce) => Word::No,
            (false, Mode::Observe) => Word::WouldRefuse,
        };
        let mut reasons: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
        reasons.extend(segments.iter().flat_map(|segment| segment.reasons.iter().copied()));
        reasons.sort_unstable();
        reasons.dedup();
        let commits = gathered.steps.iter().map(|step| step.step.commits.len()).sum();
        Ok(Self {
            word,
            mode: found.mode,
            service: place.service.name.clone(),
            environment: place.environment.clone(),
            policy: place.policy_number,
            size: desk.session.size(),
            base: range.base.clone(),
            head: range.head.clone(),
            landing: match judged.landing {
                Landing::OneChange => "one_change",
                Landing::Steps => "steps",
            },
            reasons,
            owed: place.owed(desk, now),
            trust: trusted::line(&desk.session.witnessing(), now),
            witnesses: Witnesses::new(&desk.session.witnessing()),
            first_line: first_line(place, judged, &segments, &found.problems),
            second_line: second_line(desk, place, judged, &found, &segments, commits),
            next: next(judged, &segments, &found.problems, commits),
            problems: found.problems.into_iter().map(ProblemLine::from).collect(),
            segments,
            findings,
        })
    }

    /// Whether a gate would refuse it.
    pub(super) const fn is_refused(&self) -> bool {
        !matches!(self.word, Word::Yes | Word::WouldRefuse)
    }

    /// The status of a question: 1 for no.
    pub(super) const fn status(&self) -> ExitStatus {
        if self.is_refused() { ExitStatus::No } else { ExitStatus::Yes }
    }

    /// Prints the screen, or the JSON.
    pub(super) fn print(&self, ui: &mut Ui) {
        ui.json(self);
        ui.answer(self.word, &self.first_line);
        ui.paragraph(4, &self.second_line);
        ui.blank();
        for problem in &self.problems {
            print_problem(ui, problem.code, &problem.text, problem.hint.as_deref());
        }
        let open = || self.segments.iter().filter(|segment| !segment.satisfied);
        let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
        for segment in open().take(told_max) {
            segment.print(ui);
            ui.blank();
        }
        if open().count() > told_max {
            ui.line(&format!("  {} more: -v lists them", open().count() - told_max));
            ui.blank();
        }
        for segment in self.segments.iter().filter(|segment| segment.satisfied) {
            if ui.is_verbose() || !segment.rejected_earlier.is_empty() {
                segment.print(ui);
                ui.blank();
            }
        }
        for line in &self.owed {
            line.print(ui);
        }
        ui.paragraph(2, &self.trust);
        print_next(ui, &self.next);
    }

    /// The job summary, in Markdown.
    pub(super) fn summary(&self) -> String {
        ci::summary(&Summary {
            word: self.word.as_str(),
            said: &self.first_line,
            rests: &format!("{}; {}", self.second_line, self.trust),
            findings: &self.findings,
            segments: &self.segments,
            next: &self.next,
        })
    }

    /// The report that GitLab reads.
    pub(super) fn code_quality(&self) -> String {
        let place = format!("{} {}", self.service, self.environment);
        ci::code_quality(&self.findings, &place, self.is_refused())
    }
}

impl From<Problem> for ProblemLine {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, text: problem.text, hint: problem.hint }
    }
}

fn reports(
    desk: &Desk,
    place: &Place,
    judged: &Judged,
    gathered: &Gathered,
    found: &Ahead,
) -> Result<Vec<SegmentReport>, CliError> {
    let names = desk.names();
    let mut reporting = Reporting::new(&names, desk.session.view(), &place.policy)
        .at(&place.service.name, &place.environment);
    let open = found.segments.iter().filter(|segment| !segment.satisfied);
    let open = open.map(|segment| segment.change);
    reporting.signed = signed_earlier_of(desk, &place.service.repository, gathered, open)?;
    let steps = gathered.steps.iter().map(|step| &step.step.document);
    let documents = steps.chain([&gathered.difference]);
    reporting.rejected = rejected_forms(&desk.session, &place.service.repository, documents)?;
    let argument = judged.argument.as_deref();
    let report = |segment| SegmentReport::new(&reporting, segment, argument);
    Ok(found.segments.iter().map(report).collect())
}

/// What goes elsewhere is never answered with yes: the answer would be read as one for the
/// service's branch, and a forge keeps it when a request is sent there (`spec/pipelines.md` 1).
fn elsewhere(place: &Place, judged: &Judged) -> Option<Problem> {
    let (service, branch) = (&place.service.name, place.branch());
    let (text, hint) = match judged.elsewhere.as_ref()? {
        Elsewhere::Branch(goes_to) => (
            format!("it goes to {goes_to}, and {service} is built from {branch}"),
            format!("check it once it goes to {branch}"),
        ),
        Elsewhere::Base(base) => (
            format!(
                "it begins at {}, which is not on {branch}: {service} is built from that",
                base.short()
            ),
            format!("countersign check {branch}..{}", judged.range.head.short()),
        ),
    };
    Some(Problem { code: ReasonCode::WrongBranch, text, hint: Some(hint) })
}

fn first_line(
    place: &Place,
    judged: &Judged,
    segments: &[SegmentReport],
    problems: &[Problem],
) -> String {
    let open: Vec<_> = segments.iter().filter(|segment| !segment.satisfied).collect();
    let verb = |number: usize| if number == 1 { "is" } else { "are" };
    let said = match (segments, open.as_slice(), problems.first()) {
        _ if judged.elsewhere.is_some() => ReasonCode::WrongBranch.to_string(),
        ([_], [one], _) => one.open(),
        (all, [_, ..], _) => {
            let number = open.len();
            format!("{number} of {} {} not signed off", counted(all.len(), "change"), verb(number))
        }
        (_, [], Some(problem)) => problem.code.to_string(),
        ([], [], None) => "nothing to sign".to_owned(),
        ([one], [], None) if one.paths == 0 => "nothing to sign".to_owned(),
        ([_], [], None) => "signed off".to_owned(),
        (all, [], None) => signed_off(all),
    };
    format!("{} to {}: {said}", judged.title, place.environment)
}

fn second_line(
    desk: &Desk,
    place: &Place,
    judged: &Judged,
    found: &Ahead,
    segments: &[SegmentReport],
    commits: usize,
) -> String {
    let goes_to = match &judged.elsewhere {
        None => format!("for {}", place.branch()),
        Some(Elsewhere::Branch(branch)) => format!("for {branch}"),
        Some(Elsewhere::Base(base)) => format!("on {}", base.short()),
    };
    let change = match segments {
        [one] => format!("change {}; ", one.change.short()),
        _ => String::new(),
    };
    format!(
        "{} {goes_to}; {change}policy {}, {}; ledger {}",
        counted(commits, "commit"),
        place.policy_number,
        found.mode,
        desk.session.size()
    )
}

fn next(
    judged: &Judged,
    segments: &[SegmentReport],
    problems: &[Problem],
    commits: usize,
) -> String {
    if let Some(hint) = problems.iter().find_map(|problem| problem.hint.clone()) {
        return hint;
    }
    if let Some(open) = segments.iter().find(|segment| !segment.satisfied) {
        return open.next();
    }
    match judged.landing {
        // Signed is the whole: its commits one by one on the branch are other changes.
        Landing::OneChange if commits > 1 => {
            "it may land as one commit: squash it, or merge with --no-ff".to_owned()
        }
        Landing::OneChange => "it may land".to_owned(),
        Landing::Steps => "it may land as it is".to_owned(),
    }
}
