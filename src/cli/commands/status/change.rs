//! What one change needs and has, told line by line.

use super::word;
use crate::cli::desk::Desk;
use crate::cli::report::SegmentReport;
use crate::cli::review::{Place, Subject};
use crate::cli::text::counted;
use crate::cli::ui::{Cell, Table, Ui};

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
        counted(subject.commits(), "commit"),
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
    for (role, state, said) in report.lines(is_verbose) {
        table.row([Cell::new(role, state), Cell::from(said)]);
    }
    table
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
