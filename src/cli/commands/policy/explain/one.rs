//! One change under a ledger's roster: which rules ask of it, and why each other does not.

use serde::Serialize;

use super::Args;
use crate::base::digest::ChangeHash;
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{Ask, AuthorReport, SegmentReport, how_words, print_next, rule_words};
use crate::cli::review::{Place, PlaceArgs, Subject, assistance_source, declared_range};
use crate::cli::ui::{Cell, Role, Table, Ui, Word};
use crate::git::Range;
use crate::policy::{Facts, Requirement, RuleTrace, not_exempt, trace};
use crate::statement::words::Mode;
use crate::verify::{Segment, judge_under, path_facts};

/// What is answered.
#[derive(Serialize)]
struct Answer<'a> {
    service: &'a ServiceName,
    environment: &'a EnvironmentName,
    /// The policy's number; none where it is a file that is only tried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<u64>,
    change: ChangeHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Revision>,
    head: &'a Revision,
    rules: &'a [RuleTrace],
    /// Why `exempt` does not lift the floor; none where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_exempt: Option<&'a str>,
    segment: &'a SegmentReport,
}

/// Runs the command for one change.
pub(super) fn run(context: &mut Context, args: &Args, named: &str) -> Result<ExitStatus, CliError> {
    let tried = match &args.policy {
        Some(file) => Some(super::load(context, Some(file))?),
        None => None,
    };
    let desk = context.desk("policy explain")?;
    let where_to = PlaceArgs { service: args.service.clone(), env: args.env.clone() };
    let is_tried = tried.is_some();
    let place = match tried {
        Some(policy) => Place::under(&desk, policy, &where_to)?,
        None => Place::new(&desk, &where_to)?,
    };
    let range = range(&desk, &place, named)?;
    let mut subject = Subject::load(&desk, &place, range, named, context.now())?;
    let by_all = subject.segment.satisfied;
    if let Some(segment) = judged(&desk, &place, &subject, context.now()) {
        subject.segment = segment;
    }
    let steps: Vec<_> = subject.gathered.steps.iter().collect();
    let segment = &subject.segment;
    let facts = Facts {
        service: place.service.name.clone(),
        environment: place.environment.clone(),
        // What counts in the end is what rules are held against.
        declared: Some(segment.assessment.assistance),
        detected: None,
        authors: segment.authors.clone(),
        paths: path_facts(&steps, &subject.gathered.difference),
        collision: steps.iter().any(|step| !step.step.collisions.is_empty()),
        artifact: false,
    };
    let rules = trace(&place.policy, &facts);
    let not_exempt = not_exempt(&place.policy, &facts, &rules);
    let not_exempt = not_exempt.as_deref().filter(|_| !segment.assessment.exempt);
    let report = subject.report(&desk, &place, &desk.names());
    context.ui.json(&Answer {
        service: &place.service.name,
        environment: &place.environment,
        policy: (!is_tried).then_some(place.policy_number),
        change: segment.change,
        base: subject.range.base.as_ref(),
        head: &subject.range.head,
        rules: &rules,
        not_exempt,
        segment: &report,
    });
    let file = args.policy.as_ref().map(|file| file.display().to_string());
    let policy = file.unwrap_or_else(|| format!("policy {}", place.policy_number));
    print(&mut context.ui, &place, &report, (named, &policy));
    print_rules(&mut context.ui, &place, &report, &rules, not_exempt);
    if report.satisfied && !by_all && !is_tried {
        let line =
            format!("a policy before it is asked as well for now: countersign status {named}");
        context.ui.paragraph(0, &line);
    }
    desk.session.leak();
    Ok(ExitStatus::Yes)
}

/// Judges under this policy alone: what others ask besides it is not its doing.
fn judged(desk: &Desk, place: &Place, subject: &Subject, now: Timestamp) -> Option<Segment> {
    let question = place.question(&subject.range.head, now);
    let evidence = subject.gathered.evidence(&desk.session);
    judge_under(&question, &evidence, &place.policy)
}

/// A branch, a commit or a range; else a change by its hash.
fn range(desk: &Desk, place: &Place, named: &str) -> Result<Range, CliError> {
    let repository = desk.need_repository()?;
    match place.range(repository, named) {
        Err(_) if is_hash(named) => declared_range(desk, place, named, &mut None),
        other => other,
    }
}

fn is_hash(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn print(ui: &mut Ui, place: &Place, report: &SegmentReport, (named, policy): (&str, &str)) {
    let open =
        if report.satisfied { String::from("it has all that is asked") } else { report.open() };
    let word = match (report.satisfied, place.mode()) {
        (true, _) => Word::Yes,
        (false, Mode::Enforce) => Word::No,
        (false, Mode::Observe) => Word::WouldRefuse,
    };
    ui.answer(word, &format!("{named} to {}: {open}", place.environment));
    let from = assistance_source(report.assistance_from);
    let authors: Vec<String> = report.authors.iter().map(AuthorReport::shown).collect();
    let rests = format!(
        "{policy}; change {}; AI: {}, {from}; by {}",
        report.change.short(),
        report.assistance,
        authors.join(" and "),
    );
    ui.paragraph(4, &rests);
    ui.blank();
}

/// The floor, each rule with its conditions, and what else denies.
fn print_rules(
    ui: &mut Ui,
    place: &Place,
    report: &SegmentReport,
    rules: &[RuleTrace],
    not_exempt: Option<&str>,
) {
    let mut table = Table::new(2);
    let asked_by = |name: &str| -> Vec<&Requirement> {
        report.needs.iter().filter(|needed| rule_words(&needed.because) == name).collect()
    };
    let floor = asked_by("the floor");
    let (role, state) =
        if floor.is_empty() { (Role::Faint, "lifted") } else { (Role::Strong, "asks") };
    let why = if floor.is_empty() { "the floor: every path is exempt" } else { "the floor" };
    table.row([Cell::new(role, state), Cell::from(why)]);
    wants(&mut table, report, &floor);
    if let Some(why) = not_exempt.filter(|_| !place.policy.defaults().exempt.is_empty()) {
        table.row([Cell::from(""), Cell::new(Role::Faint, format!("not exempt: {why}"))]);
    }
    for one in rules {
        let (role, state) = if one.asks { (Role::Strong, "asks") } else { (Role::Faint, "silent") };
        table.row([Cell::new(role, state), Cell::from(format!("line {}: {}", one.line, one.rule))]);
        for each in &one.conditions {
            let (role, word) = if each.holds { (Role::Good, "yes") } else { (Role::Bad, "no") };
            let text = format!("{word}, {}: {}", each.condition, each.text);
            table.row([Cell::from(""), Cell::new(role, text)]);
        }
        if let Some(beside) = one.beside {
            table.row([Cell::from(""), Cell::new(Role::Bad, format!("no, {beside}"))]);
        }
        if one.asks {
            wants(&mut table, report, &asked_by(&one.rule));
        }
    }
    for denial in &report.denials {
        let what = format!("{} ({})", denial.text, denial.code);
        table.row([Cell::new(Role::Bad, "denied"), Cell::from(what)]);
        table.row([Cell::from("do"), Cell::from(denial.code.remedy())]);
    }
    for reject in &report.rejects {
        let what = format!("{} rejected it, entry {}", reject.name, reject.entry);
        table.row([Cell::new(Role::Bad, "rejected"), Cell::from(what)]);
        table.row([Cell::from("do"), Cell::from(reject.undone())]);
    }
    for near in &report.near {
        let what = format!("{} ({})", near.said(), near.code);
        table.row([Cell::new(Role::Caution, "near"), Cell::from(what)]);
    }
    for earlier in &report.rejected_earlier {
        let what = format!("{} ({})", earlier.said(), earlier.code);
        table.row([Cell::new(Role::Caution, "note"), Cell::from(what)]);
    }
    let (told, more) = report.not_counted_told(ui.is_verbose());
    for word in told {
        let what = format!("{} ({})", word.said(), word.code);
        table.row([Cell::new(Role::Caution, "not"), Cell::from(what)]);
    }
    if let Some(more) = more {
        table.row([Cell::from(""), Cell::from(more)]);
    }
    for remedy in report.remedies() {
        table.row([Cell::from("do"), Cell::from(remedy)]);
    }
    if let Some(declared) = report.declared_by_authors() {
        table.row([Cell::from("do"), Cell::from(declared)]);
    }
    ui.table(&table);
    ui.blank();
    print_next(ui, &report.next());
}

/// What is wanted, and who fills it or is to be asked.
fn wants(table: &mut Table, report: &SegmentReport, needs: &[&Requirement]) {
    for needed in needs {
        let filled: Vec<&str> = report
            .has
            .iter()
            .filter(|has| needed.filled_by.contains(&has.member))
            .map(|has| has.name.as_str())
            .collect();
        let how = how_words(needed);
        let text = if needed.missing == 0 {
            format!("has {}{how}: {}", needed.ask, filled.join(" and "))
        } else {
            format!("wants {}{how}, {}", needed.ask, needed.code)
        };
        let role = if needed.missing == 0 { Role::Good } else { Role::Bad };
        table.row([Cell::from(""), Cell::new(role, text)]);
        let is_for = |ask: &&Ask| ask.because == needed.because && ask.need == needed.ask;
        if let Some(ask) = report.ask.iter().find(is_for) {
            table.row([Cell::from(""), Cell::from(ask.asked())]);
        }
    }
}
