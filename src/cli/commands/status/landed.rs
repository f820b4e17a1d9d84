//! On the service's branch: what is not settled yet, one line a step.

use super::{Answer, Standing, status, word};
use crate::base::name::Revision;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{Reporting, SegmentReport, print_next, signed_earlier_of, signed_off};
use crate::cli::review::Place;
use crate::cli::text::counted;
use crate::cli::ui::{Table, Ui, Word};
use crate::evidence::{gather, rejected_forms};
use crate::git::Repository;
use crate::verify::{Question, Verdict, verdict};

/// At most so many steps are told; `-v` tells all.
const TOLD_MAX: usize = 10;

/// What is not settled yet of what is checked out.
struct Landed {
    head: Revision,
    found: Verdict,
    segments: Vec<SegmentReport>,
}

/// Judges what is checked out, prints, and gives the status of a question.
pub(super) fn answer(
    context: &mut Context,
    desk: &Desk,
    place: &Place,
    repository: &Repository,
) -> Result<ExitStatus, CliError> {
    let question = place.question(&repository.resolve("HEAD")?, context.now());
    let landed = Landed::judge(desk, place, repository, &question)?;
    let said = landed.word(place);
    let standing = Standing::of(desk, place, question.time)?;
    let ui = &mut context.ui;
    ui.answer(said, &landed.said(place));
    ui.paragraph(4, &landed.rests_on(desk, place));
    landed.print_open(ui);
    print_rejected_earlier(ui, &landed.segments);
    ui.blank();
    standing.print(ui, place, question.time);
    print_next(ui, &landed.next());
    ui.json(&Answer::new(desk, place, said, &landed.head, landed.segments.clone(), &standing));
    Ok(status(said))
}

/// The same as JSON.
#[cfg(feature = "server")]
pub(super) fn told(
    desk: &Desk,
    place: &Place,
    repository: &Repository,
    question: &Question,
    standing: &Standing,
) -> Result<Vec<u8>, CliError> {
    let landed = Landed::judge(desk, place, repository, question)?;
    let (said, segments) = (landed.word(place), landed.segments.clone());
    super::json(&Answer::new(desk, place, said, &landed.head, segments, standing))
}

impl Landed {
    fn judge(
        desk: &Desk,
        place: &Place,
        repository: &Repository,
        question: &Question,
    ) -> Result<Self, CliError> {
        let gathered = gather(&desk.session, repository, question)?;
        let found = verdict(question, &gathered.evidence(&desk.session));
        let names = desk.names();
        let mut reporting = Reporting::new(&names, desk.session.view(), &place.policy)
            .at(&place.service.name, &place.environment);
        let open = found.segments.iter().filter(|segment| !segment.satisfied);
        let open = open.map(|segment| segment.change);
        reporting.signed = signed_earlier_of(desk, &place.service.repository, &gathered, open)?;
        let steps = gathered.steps.iter().map(|step| &step.step.document);
        let documents = steps.chain([&gathered.difference]);
        reporting.rejected = rejected_forms(&desk.session, &place.service.repository, documents)?;
        let segments = found
            .segments
            .iter()
            .map(|segment| SegmentReport::new(&reporting, segment, None))
            .collect();
        Ok(Self { head: question.revision.clone(), found, segments })
    }

    fn word(&self, place: &Place) -> Word {
        word(place, self.open().next().is_none() && self.found.problems.is_empty())
    }

    fn open(&self) -> impl Iterator<Item = &SegmentReport> {
        self.segments.iter().filter(|segment| !segment.satisfied)
    }

    /// `main 4f2a9c1 to production: 1 of 2 changes is not signed off`.
    fn said(&self, place: &Place) -> String {
        let said = match (self.found.problems.first(), self.open().count()) {
            (_, missing) if missing > 0 => {
                let verb = if missing == 1 { "is" } else { "are" };
                let total = counted(self.segments.len(), "change");
                format!("{missing} of {total} {verb} not signed off")
            }
            (Some(problem), _) => problem.text.clone(),
            (None, _) if self.segments.is_empty() => "nothing to sign".to_owned(),
            (None, _) => signed_off(&self.segments),
        };
        format!("{} {} to {}: {said}", place.branch(), self.head.short(), place.environment)
    }

    /// Since when, and by which policy.
    fn rests_on(&self, desk: &Desk, place: &Place) -> String {
        let since = self.found.start.as_ref().map(|point| {
            let commit = point.revision.as_ref().map_or("nothing", Revision::short);
            let kind = if point.decision.is_some() { "deployment" } else { "baseline" };
            format!("since {kind} {} ({commit}); ", point.entry.index)
        });
        let (policy, mode, size) = (place.policy_number, place.mode(), desk.session.size());
        format!("{}policy {policy}, {mode}; ledger {size}", since.unwrap_or_default())
    }

    fn print_open(&self, ui: &mut Ui) {
        let open = self.open().count();
        if open == 0 {
            return;
        }
        ui.blank();
        let mut table = Table::new(2);
        let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
        for segment in self.open().take(told_max) {
            let said = format!("{}: {}", segment.title, open_words(segment));
            table.row([segment.last.short().to_owned(), said]);
            for near in &segment.near {
                table.row([String::new(), near.said()]);
            }
        }
        ui.table(&table);
        if open > told_max {
            ui.line(&format!("  {} more: -v lists them", open - told_max));
        }
    }

    fn next(&self) -> String {
        let asks = self.open().flat_map(|segment| &segment.ask);
        let ask = asks.into_iter().find(|ask| !ask.people.is_empty());
        let hint = self.found.problems.iter().find_map(|problem| problem.hint.clone());
        match (ask, hint, self.open().next()) {
            (Some(ask), _, _) => ask.next(),
            (None, Some(hint), _) => hint,
            // Nobody can be asked: the way out is another one, and it may not be deployed.
            (None, None, Some(open)) => open.next(),
            (None, None, None) if self.found.problems.is_empty() => {
                "it may be deployed: countersign gate".to_owned()
            }
            (None, None, None) => "countersign gate -n tells more".to_owned(),
        }
    }
}

/// Which of the commits were rejected in another form, signed off or not.
fn print_rejected_earlier(ui: &mut Ui, segments: &[SegmentReport]) {
    let mut table = Table::new(2);
    for segment in segments {
        for earlier in &segment.rejected_earlier {
            table.row([segment.last.short().to_owned(), earlier.said()]);
        }
    }
    if segments.iter().any(|segment| !segment.rejected_earlier.is_empty()) {
        ui.blank();
        ui.table(&table);
    }
}

/// What stands in the way of a step, in a line: who rejected it first, then what it lacks.
fn open_words(segment: &SegmentReport) -> String {
    let rejects = segment.rejects.iter();
    let mut words: Vec<_> = rejects
        .map(|reject| format!("{} rejected it, entry {}", reject.name, reject.entry))
        .collect();
    words.extend(segment.denials.iter().map(|denial| denial.code.to_string()));
    let missing: Vec<_> = segment.missing().iter().map(|needed| needed.ask.clone()).collect();
    if !missing.is_empty() {
        words.push(format!("needs {}", missing.join("; ")));
    }
    if words.is_empty() { "not signed off".to_owned() } else { words.join("; ") }
}
