//! What one change needs and has, told line by line.

use super::word;
use crate::base::time::Span;
use crate::cli::desk::Desk;
use crate::cli::report::{SegmentReport, count, person, rule_words, wish_words};
use crate::cli::review::{Place, Subject, assistance_source};
use crate::cli::time;
use crate::cli::ui::{Cell, Role, Table, Ui};
use crate::policy::{Requirement, Standing};

/// The answer for a change: what it rests on, then what is missing and what is there.
pub(super) fn print(
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

/// What to do next about a change of so many commits.
pub(super) fn next(report: &SegmentReport, commits: usize) -> String {
    if report.satisfied && commits > 1 {
        // Signed is the whole: its commits one by one on the branch are other changes.
        return "it may land as one commit: squash it, or merge with --no-ff".to_owned();
    }
    if report.satisfied {
        return "it may land".to_owned();
    }
    report.next()
}
