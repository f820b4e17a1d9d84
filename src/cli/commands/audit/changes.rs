//! The changes of a deployment as people read them.

use super::work::Work;
use crate::audit::report::{
    AnswerReport, AuthorReport, ChangeReport, CoverState, DecisionReport, SignedReport,
};
use crate::cli::commands::log::fit;
use crate::cli::said::commit;
use crate::cli::time::date;
use crate::cli::ui::{Table, Ui};
use crate::policy::{AssistanceSource, FLOOR};
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
            ui.paragraph(0, &not_signed_off(decision));
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
        let steps = noun(nothing.len(), "step");
        ui.line(&format!("{steps} {verb} nothing: no sign-off is asked"));
        return;
    }
    let changes = told;
    let assisted = changes.iter().filter(|change| is_assisted(change)).count();
    let open = changes.iter().filter(|change| !change.covered).count();
    let carried = changes.iter().filter(|change| change.matched == Match::Carried).count();
    let signed = match (cover, open) {
        (CoverState::Denied, _) => format!("{open} not signed off"),
        _ => format!("{} exact, {carried} carried", changes.len() - carried),
    };
    ui.line(&format!(
        "{} by {}, {assisted} AI-assisted; {signed}",
        noun(changes.len(), "change"),
        noun(authors.len(), "author"),
    ));
    let shown = if ui.is_verbose() { changes.len() } else { CHANGES_SHOWN };
    for one in changes.iter().rev().take(shown) {
        change(ui, work, one);
    }
    if changes.len() > shown {
        ui.line(&format!("  {} more: -v, or -o report.csv", changes.len() - shown));
    }
}

/// What a decision that denied said.
fn not_signed_off(decision: &DecisionReport) -> String {
    let policy = decision.policy.map_or_else(String::new, |number| format!(" {number}"));
    let why: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
    format!("What it brought was not signed off as policy{policy} asks: {}", why.join(", "))
}

/// `1 change`, `2 changes`.
pub(super) fn noun(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn is_assisted(change: &ChangeReport) -> bool {
    use crate::statement::words::Assistance;
    let declared = change.declared.iter().map(|declared| declared.assistance).max();
    let counted = change.assistance.map(|(assistance, _)| assistance).or(declared);
    counted.is_some_and(|assistance| assistance != Assistance::None)
}

fn change(ui: &mut Ui, work: &Work<'_>, change: &ChangeReport) {
    ui.blank();
    let requests: Vec<_> = change.requests.iter().map(|id| format!("{id} ")).collect();
    let title = change.title.clone().unwrap_or_else(|| {
        format!("change {} (title: run this in the repository)", change.change.short())
    });
    ui.line(&fit(&format!("  {} {}{title}", commit(&change.last), requests.concat()), 80));
    let mut table = Table::new(4);
    table.row(["author".to_owned(), authors(work, change)]);
    for (number, needed) in change.needed.iter().enumerate() {
        let label = if number == 0 { "needed" } else { "" };
        let because = if needed.because == FLOOR { "the floor" } else { &needed.because };
        let missing = if needed.missing > 0 { ", MISSING" } else { "" };
        table.row([label.to_owned(), format!("{} ({because}){missing}", needed.ask)]);
    }
    for (number, signed) in change.signed.iter().enumerate() {
        let label = if number == 0 { "signed" } else { "" };
        table.row([label.to_owned(), sign_off(work, signed)]);
        let said = signed.comment.iter().chain(&signed.checklist);
        for said in said {
            table.row([String::new(), said_text(said)]);
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

fn said_text(said: &AnswerReport) -> String {
    let text = said.text.as_deref().unwrap_or("(withheld)");
    match &said.item {
        Some(item) => format!("{item}: {text}"),
        None => format!("comment: {text}"),
    }
}

fn authors(work: &Work<'_>, change: &ChangeReport) -> String {
    let one = |author: &AuthorReport| {
        let name = author.member.as_ref().map_or_else(|| author.label.clone(), |id| work.name(id));
        let level = author.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
        let standing = match author.standing {
            Some(crate::policy::Standing::Proved) => " (proved)",
            Some(crate::policy::Standing::Attested) => " (attested)",
            Some(crate::policy::Standing::Claimed) => " (claimed by the commit)",
            None => "",
        };
        format!("{name}{level}{standing}")
    };
    let mut names: Vec<_> = change.authors.iter().map(one).collect();
    if names.is_empty() {
        names.push("not known here".to_owned());
    }
    let declared: Vec<_> = change
        .declared
        .iter()
        .map(|declared| {
            let tools: Vec<_> = declared.tools.iter().map(ToString::to_string).collect();
            let tools =
                if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
            // Where it is the author's own word, the author is named already.
            let own =
                change.authors.iter().any(|author| author.member.as_ref() == Some(&declared.by));
            let by = if own { String::new() } else { format!(" by {}", work.name(&declared.by)) };
            format!("{}{tools}, declared{by}", declared.assistance)
        })
        .collect();
    let assistance = match (change.assistance, declared.as_slice()) {
        (Some((assistance, AssistanceSource::Default)), _) => {
            format!("{assistance}, for nobody declared it")
        }
        (Some((assistance, AssistanceSource::Declared)), [one, ..])
            if one.starts_with(assistance.as_str()) =>
        {
            one.clone()
        }
        (Some((assistance, AssistanceSource::Detected)), _) => {
            format!("{assistance}, by marks in the commits")
        }
        (Some((assistance, _)), _) => assistance.to_string(),
        (None, []) => "not declared".to_owned(),
        (None, declared) => declared.join("; "),
    };
    format!("{}; AI: {assistance}", names.join(", "))
}

fn sign_off(work: &Work<'_>, signed: &SignedReport) -> String {
    let level = signed.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
    let touch = match signed.presence {
        "no_touch" => "",
        "touch_claimed" => ", touch claimed",
        _ => ", touch and PIN claimed",
    };
    let matched = signed.carried_from.map(|from| format!("carried from {}", from.short()));
    let matched = matched.unwrap_or_else(|| "exact".to_owned());
    let name = work.name(&signed.member);
    format!("{name}{level}{touch}, {}, entry {}, {matched}", date(signed.time), signed.entry)
}
