//! `status`: what a change would need and has. `check` asks the same, for a pipeline.

use serde::Serialize;

use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::TreeSize;
use crate::base::time::Span;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{
    OwedLine, Reporting, SegmentReport, count, person, print_next, rule_words, signed_earlier_of,
    signed_off, wish_words,
};
use crate::cli::review::{Place, PlaceArgs, Subject, assistance_source, named_range};
use crate::cli::time;
use crate::cli::trusted::{self, Witnesses};
use crate::cli::ui::{Cell, Role, Table, Ui, Word};
use crate::evidence::{gather, rejected_forms};
use crate::git::Repository;
use crate::policy::{Requirement, Standing};
use crate::statement::words::Mode;
use crate::verify::verdict;
use crate::verify::witnessing::Witnessing;

/// At most so many steps are told; `-v` tells all.
const TOLD_MAX: usize = 10;

/// Show what a change needs and has: signed, missing, not counted and why
#[derive(Debug, clap::Args)]
#[command(after_help = "RANGE is a branch, A..B as in git, or a commit against its first parent. \
    Without one it is\nwhat HEAD adds to the service's branch; there, what is not deployed \
    yet.\n\nExamples:\n  countersign status\n  countersign status retry-capture\n  \
    countersign status main..HEAD --env staging")]
pub(crate) struct Args {
    #[command(flatten)]
    asked: Asked,
}

/// What is asked about; `check` asks the same.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// What to judge
    pub(super) range: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    // Whoever asks how things stand is answered, whatever the answer is.
    answer(context, &args.asked, "status").map(|_| ExitStatus::Yes)
}

/// The answer for one change.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "answer")]
    word: &'static str,
    mode: Mode,
    service: &'a ServiceName,
    environment: &'a EnvironmentName,
    policy: u64,
    size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Revision>,
    head: &'a Revision,
    segments: Vec<SegmentReport>,
    /// Debts of the place, oldest first.
    owed: &'a [OwedLine],
    /// What it owes to whom.
    trust: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses>,
}

/// Judges, prints, and gives the status of a question: 1 for no, unless the policy only observes.
pub(super) fn answer(
    context: &mut Context,
    args: &Asked,
    command: &'static str,
) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, command)?;
    let place = Place::new(held.desk(context)?, &args.place)?;
    let named = args.range.as_deref();
    let named = named.map(|text| named_range(context, &mut held, &place, text)).transpose()?;
    let desk = &*held.desk(context)?;
    let repository = desk.need_repository()?;
    let now = context.now();
    let branch = repository.head_branch()?;
    let branch = branch.as_ref().map(|name| name.as_str().trim_start_matches("refs/heads/"));
    let (range, argument) = match named {
        Some(named) => (named.range, named.argument),
        None => match place.range_of_head(repository)? {
            Some(range) => (range, branch.unwrap_or("HEAD").to_owned()),
            None => return landed(context, desk, &place, repository),
        },
    };
    let subject = Subject::load(desk, &place, range, &argument, now)?;
    let people = desk.names();
    let report = subject.report(desk, &place, &people);
    let said = word(&place, report.satisfied);
    let owed = place.owed(desk, now);
    let witnessing = desk.session.witnessing();
    context.ui.json(&Answer {
        word: word_for_machines(said),
        mode: place.mode(),
        service: &place.service.name,
        environment: &place.environment,
        policy: place.policy_number,
        size: desk.session.size(),
        base: subject.range.base.as_ref(),
        head: &subject.range.head,
        segments: vec![report.clone()],
        owed: &owed,
        trust: trusted::line(&witnessing, now),
        witnesses: Witnesses::new(&witnessing),
    });
    print_change(&mut context.ui, desk, &place, &subject, &report);
    print_owed(&mut context.ui, &owed);
    print_witnesses(&mut context.ui, &witnessing, now);
    let next = next(&report, subject.commits());
    print_next(&mut context.ui, &next);
    held.leak();
    Ok(status(said))
}

fn word(place: &Place, satisfied: bool) -> Word {
    match (satisfied, place.mode()) {
        (true, _) => Word::Yes,
        (false, Mode::Enforce) => Word::No,
        (false, Mode::Observe) => Word::WouldRefuse,
    }
}

const fn word_for_machines(word: Word) -> &'static str {
    match word {
        Word::Yes => "yes",
        Word::WouldRefuse => "would_refuse",
        _ => "no",
    }
}

const fn status(word: Word) -> ExitStatus {
    match word {
        Word::Yes | Word::WouldRefuse => ExitStatus::Yes,
        _ => ExitStatus::No,
    }
}

fn print_change(
    ui: &mut Ui,
    desk: &Desk,
    place: &Place,
    subject: &Subject,
    report: &SegmentReport,
) {
    let (argument, environment) = (&subject.argument, &place.environment);
    let open = if report.satisfied { "signed off".to_owned() } else { report.open() };
    let said = format!("{argument} to {environment}: {open}");
    ui.answer(word(place, report.satisfied), &said);
    let rests = format!(
        "{} on {}; change {}; policy {}, {}; ledger {}",
        count(subject.commits(), "commit"),
        place.branch(),
        report.change.short(),
        place.policy_number,
        place.mode(),
        desk.session.size()
    );
    ui.paragraph(4, &rests);
    ui.blank();
    let table = needs_table(report, ui.is_verbose());
    ui.table(&table);
    ui.blank();
}

/// What the place owes: it concerns whoever deploys next.
fn print_owed(ui: &mut Ui, owed: &[OwedLine]) {
    for line in owed {
        line.print(ui);
    }
    if !owed.is_empty() {
        ui.blank();
    }
}

/// Who saw how much of the ledger, where anybody does.
fn print_witnesses(ui: &mut Ui, witnessing: &Witnessing, now: Timestamp) {
    if witnessing.known > 0 {
        ui.paragraph(2, &trusted::line(witnessing, now));
    }
}

fn needs_table(report: &SegmentReport, is_verbose: bool) -> Table {
    let mut table = Table::new(2);
    let mut shown = |role: Role, state: &str, said: String| {
        table.row([Cell::new(role, state), Cell::from(said)]);
    };
    for needed in &report.needs {
        if needed.missing == 0 {
            let by = filled_by(report, needed);
            shown(Role::Good, "ok", format!("{}: {}", rule_words(&needed.because), by.join("; ")));
            continue;
        }
        shown(Role::Bad, "missing", wish_words(needed));
        for by in filled_by(report, needed) {
            shown(Role::Plain, "has", by);
        }
        let mut asks = report.ask.iter();
        if let Some(ask) = asks.find(|ask| ask.because == needed.because && ask.need == needed.ask)
        {
            shown(Role::Plain, "", ask.asked());
        }
    }
    for denial in &report.denials {
        shown(Role::Bad, "denied", format!("{} ({})", denial.text, denial.code));
    }
    for reject in &report.rejects {
        shown(Role::Bad, "rejected", format!("{}, entry {}", reject.name, reject.entry));
    }
    for earlier in &report.rejected_earlier {
        shown(Role::Caution, "note", earlier.said());
    }
    for near in &report.near {
        shown(Role::Caution, "near", near.said());
    }
    let (told, more) = report.not_counted_told(is_verbose);
    for word in told {
        shown(Role::Caution, "not counted", format!("{} ({})", word.said(), word.code));
    }
    if let Some(more) = more {
        shown(Role::Faint, "", more);
    }
    for author in &report.authors {
        shown(Role::Faint, "author", format!("{}, {}", author.shown(), known(author.standing)));
    }
    if let Some(declared) = report.declared_by_authors() {
        shown(Role::Plain, "do", declared);
    }
    let from = assistance_source(report.assistance_from);
    shown(Role::Faint, "AI", format!("{}, {from}", report.assistance));
    table
}

/// The sign-offs that fill a requirement.
fn filled_by(report: &SegmentReport, needed: &Requirement) -> Vec<String> {
    let filling = report.has.iter().filter(|has| needed.filled_by.contains(&has.member));
    let said = filling.map(|has| {
        let who = person(&has.name, has.level.as_ref(), has.presence);
        let age = time::span(Span::from_milliseconds(has.age_milliseconds));
        format!("{who}, {age} ago, {}", has.place())
    });
    said.collect()
}

const fn known(standing: Standing) -> &'static str {
    match standing {
        Standing::Proved => "signed for it",
        Standing::Attested => "attested by a service",
        Standing::Claimed => "claimed by the commit",
    }
}

fn next(report: &SegmentReport, commits: usize) -> String {
    if report.satisfied && commits > 1 {
        // Signed is the whole: its commits one by one on the branch are other changes.
        return "it may land as one commit: squash it, or merge with --no-ff".to_owned();
    }
    if report.satisfied {
        return "it may land".to_owned();
    }
    report.next()
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

/// On the service's branch: what is not settled yet, one line a step.
fn landed(
    context: &mut Context,
    desk: &Desk,
    place: &Place,
    repository: &Repository,
) -> Result<ExitStatus, CliError> {
    let head = repository.resolve("HEAD")?;
    let question = place.question(&head, context.now());
    let gathered = gather(&desk.session, repository, &question)?;
    let found = verdict(&question, &gathered.evidence(&desk.session));
    let names = desk.names();
    let mut reporting = Reporting::new(&names, desk.session.view(), &place.policy)
        .at(&place.service.name, &place.environment);
    let open = found.segments.iter().filter(|segment| !segment.satisfied);
    let open = open.map(|segment| segment.change);
    reporting.signed = signed_earlier_of(desk, &place.service.repository, &gathered, open)?;
    let steps = gathered.steps.iter().map(|step| &step.step.document);
    let documents = steps.chain([&gathered.difference]);
    reporting.rejected = rejected_forms(&desk.session, &place.service.repository, documents)?;
    let segments: Vec<_> = found
        .segments
        .iter()
        .map(|segment| SegmentReport::new(&reporting, segment, None))
        .collect();
    let open: Vec<_> = segments.iter().filter(|segment| !segment.satisfied).collect();
    let word = word(place, open.is_empty() && found.problems.is_empty());
    let ui = &mut context.ui;
    let place_text = format!("{} {} to {}", place.branch(), head.short(), place.environment);
    let said = match (found.problems.first(), open.len()) {
        (_, missing) if missing > 0 => {
            let verb = if missing == 1 { "is" } else { "are" };
            format!("{missing} of {} {verb} not signed off", count(segments.len(), "change"))
        }
        (Some(problem), _) => problem.text.clone(),
        (None, _) if segments.is_empty() => "nothing to sign".to_owned(),
        (None, _) => signed_off(&segments),
    };
    ui.answer(word, &format!("{place_text}: {said}"));
    let since = match &found.start {
        Some(point) => {
            let commit = point.revision.as_ref().map_or("nothing", Revision::short);
            {
                let kind = if point.decision.is_some() { "deployment" } else { "baseline" };
                format!("since {kind} {} ({commit}); ", point.entry.index)
            }
        }
        None => String::new(),
    };
    let (policy, mode, size) = (place.policy_number, place.mode(), desk.session.size());
    ui.paragraph(4, &format!("{since}policy {policy}, {mode}; ledger {size}"));
    if !open.is_empty() {
        ui.blank();
        let mut table = Table::new(2);
        let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
        for segment in open.iter().take(told_max) {
            let said = format!("{}: {}", segment.title, open_words(segment));
            table.row([segment.last.short().to_owned(), said]);
            for near in &segment.near {
                table.row([String::new(), near.said()]);
            }
        }
        ui.table(&table);
        if open.len() > told_max {
            ui.line(&format!("  {} more: -v lists them", open.len() - told_max));
        }
    }
    print_rejected_earlier(ui, &segments);
    ui.blank();
    let owed = place.owed(desk, question.time);
    print_owed(ui, &owed);
    let witnessing = desk.session.witnessing();
    print_witnesses(ui, &witnessing, question.time);
    let ask = open.iter().flat_map(|segment| &segment.ask).find(|ask| !ask.people.is_empty());
    let hint = found.problems.iter().find_map(|problem| problem.hint.clone());
    let next = match (ask, hint, open.first()) {
        (Some(ask), _, _) => ask.next(),
        (None, Some(hint), _) => hint,
        // Nobody can be asked: the way out is another one, and it may not be deployed.
        (None, None, Some(open)) => open.next(),
        (None, None, None) if found.problems.is_empty() => {
            "it may be deployed: countersign gate".to_owned()
        }
        (None, None, None) => "countersign gate -n tells more".to_owned(),
    };
    print_next(ui, &next);
    ui.json(&Answer {
        word: word_for_machines(word),
        mode: place.mode(),
        service: &place.service.name,
        environment: &place.environment,
        policy: place.policy_number,
        size: desk.session.size(),
        base: None,
        head: &head,
        segments,
        owed: &owed,
        trust: trusted::line(&witnessing, question.time),
        witnesses: Witnesses::new(&witnessing),
    });
    Ok(status(word))
}
