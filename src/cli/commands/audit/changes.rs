//! The changes of a deployment as people read them.

use super::words;
use super::work::Work;
use crate::audit::report::{AuthorReport, ChangeReport, CoverState, DecisionReport};
use crate::cli::commands::log::fit;
use crate::cli::said::commit;
use crate::cli::text::counted;
use crate::cli::ui::{Table, Ui};
use crate::policy::FLOOR;
use crate::verify::cover::Match;

/// Changes that are shown without `-v`: more would push the last lines off the first screen.
const CHANGES_SHOWN: usize = 2;

/// The changes of a deployment or decision, newest first.
pub(super) fn changes(
    ui: &mut Ui,
    work: &Work<'_>,
    cover: CoverState,
    decision: Option<&DecisionReport>,
    changes: &[ChangeReport],
) {
    match (cover, decision) {
        (CoverState::Missing, _) => {
            ui.paragraph(
                0,
                "UNREACHABLE: the list of its changes is missing from the side store; \
                 countersign ledger check tells more",
            );
            return;
        }
        (CoverState::None, _) | (CoverState::Denied, None) => {
            ui.line("Nobody asked the gate, so nothing says what it brought and who signed that");
            return;
        }
        (CoverState::Denied, Some(decision)) => {
            ui.paragraph(0, &words::not_signed_off(decision));
            if changes.is_empty() {
                return;
            }
        }
        (CoverState::Contradicted, _) => {
            ui.paragraph(
                0,
                "WARNING: judged again from ledger and repository, the gate's answer is another; \
                 whoever holds its key wrote this decision",
            );
        }
        (CoverState::Good, _) => {}
    }
    // A person is one author, whatever their commits call them.
    let who = |author: &'_ AuthorReport| {
        author.member.as_ref().map_or_else(|| author.label.clone(), ToString::to_string)
    };
    let authors: std::collections::BTreeSet<_> =
        changes.iter().flat_map(|change| &change.authors).map(who).collect();
    // Nobody is asked to sign what changes nothing.
    let (nothing, told): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.changes_nothing());
    if told.is_empty() && !nothing.is_empty() {
        let verb = if nothing.len() == 1 { "changes" } else { "change" };
        let steps = counted(nothing.len(), "step");
        ui.line(&format!("{steps} {verb} nothing: no sign-off is asked"));
        return;
    }
    let changes = told;
    let assisted = changes.iter().filter(|change| words::is_assisted(change)).count();
    let open = changes.iter().filter(|change| !change.covered).count();
    let carried = changes.iter().filter(|change| change.matched == Match::Carried).count();
    let signed = match (cover, open) {
        (CoverState::Denied, _) => format!("{open} not signed off"),
        _ => format!("{} exact, {carried} carried", changes.len() - carried),
    };
    ui.line(&format!(
        "{} by {}, {assisted} AI-assisted; {signed}",
        counted(changes.len(), "change"),
        counted(authors.len(), "author"),
    ));
    let shown = if ui.is_verbose() { changes.len() } else { CHANGES_SHOWN };
    for one in changes.iter().rev().take(shown) {
        change(ui, work, one);
    }
    if changes.len() > shown {
        ui.line(&format!("  {} more: -v, or -o report.csv", changes.len() - shown));
    }
}

fn change(ui: &mut Ui, work: &Work<'_>, change: &ChangeReport) {
    ui.blank();
    let requests: Vec<_> = change.requests.iter().map(|id| format!("{id} ")).collect();
    let title = change.title.clone().unwrap_or_else(|| {
        format!("change {} (title: run this in the repository)", change.change.short())
    });
    ui.line(&fit(&format!("  {} {}{title}", commit(&change.last), requests.concat()), 80));
    let mut table = Table::new(4);
    table.row(["author".to_owned(), words::authors(work.names, change)]);
    for (number, needed) in change.needed.iter().enumerate() {
        let label = if number == 0 { "needed" } else { "" };
        let because = if needed.because == FLOOR { "the floor" } else { &needed.because };
        let missing = if needed.missing > 0 { ", MISSING" } else { "" };
        table.row([label.to_owned(), format!("{} ({because}){missing}", needed.ask)]);
    }
    for (number, signed) in change.signed.iter().enumerate() {
        let label = if number == 0 { "signed" } else { "" };
        table.row([label.to_owned(), words::sign_off(work.names, signed)]);
        let said = signed.comment.iter().chain(&signed.checklist);
        for said in said {
            table.row([String::new(), words::said(said)]);
        }
    }
    if change.signed.is_empty() {
        let why = if change.covered { "nobody: the policy exempts it" } else { "nobody" };
        table.row(["signed", why]);
    }
    if change.judged_again == Some(false) && !change.covered {
        table.row(["WARNING", "judged again here, the reasons are others"]);
    } else if change.judged_again == Some(false) {
        table.row(["WARNING", "judged again here, these sign-offs do not cover it"]);
    }
    ui.table(&table);
}
