//! Showing and asking: `[d]iff [s]ign [r]eject [n]ext [q]uit`.

use super::Desired;
use super::items::{Item, ItemKind};
use crate::base::name::ChecklistItem;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::review::{Difference, Interdiff, PathSince, Place, print_summary};
use crate::cli::text;
use crate::cli::ui::{Role, Ui};
use crate::roster::Member;
use crate::statement::words::{ApprovalVerdict, Shown};

/// Lines of a difference between two questions whether to go on.
const PAGE_LINES: usize = 40;

/// What the person wants.
pub(super) enum Outcome {
    Sign,
    Reject(String),
    Next,
    Quit,
}

/// Prints what there is to know of each item.
pub(super) fn show(
    context: &mut Context,
    desk: &Desk,
    place: &Place,
    reader: &Member,
    items: &mut [Item],
    desired: &Desired<'_>,
) {
    // What nobody looks at was not shown.
    let seen = context.ui.has_person() && !context.ui.is_json() && !context.settings.quiet;
    if !seen || desired.signing.dry_run {
        // Who signs what they have read elsewhere may not have read this (ATTACKS 33).
        let names = desk.names();
        for item in items.iter() {
            if let ItemKind::Change(subject, _) = &item.kind {
                for earlier in subject.report(desk, place, &names).rejected_earlier {
                    context.ui.note(&earlier.said());
                }
            }
        }
        return;
    }
    for item in items {
        match &item.kind {
            ItemKind::Change(subject, difference) => {
                print_summary(&mut context.ui, desk, place, subject, difference, reader);
                item.shown = Shown::Summary;
            }
            ItemKind::Artifact(digest) => {
                context.ui.line(&format!("artifact sha256:{digest}"));
            }
        }
        context.ui.blank();
    }
}

/// Asks until the person decides.
pub(super) fn ask(context: &mut Context, items: &mut [Item], verdict: ApprovalVerdict) -> Outcome {
    let signs = verdict == ApprovalVerdict::Approve;
    let since = items.iter().any(|item| item.interdiff().is_some());
    let mut choices = vec!["[d]iff"];
    choices.extend(since.then_some("[i]nterdiff"));
    choices.extend(signs.then_some("[s]ign"));
    choices.extend(["[r]eject", "[n]ext", "[q]uit:"]);
    let question = choices.join("  ");
    loop {
        let answer = context.ui.prompt(&question).unwrap_or_else(|| "q".to_owned());
        match (answer.trim().to_ascii_lowercase().as_str(), verdict) {
            ("d" | "diff", _) => {
                for item in &mut *items {
                    if let ItemKind::Change(_, difference) = &item.kind
                        && print_difference(&mut context.ui, difference)
                    {
                        item.shown = Shown::Diff;
                    }
                }
            }
            ("i" | "interdiff", _) => {
                for item in &mut *items {
                    let Some(since) = item.interdiff() else { continue };
                    let all_seen = print_interdiff(&mut context.ui, since);
                    if all_seen && item.shown != Shown::Diff {
                        item.shown = Shown::Interdiff;
                    }
                }
            }
            ("r" | "reject", ApprovalVerdict::Approve) => {
                match context.ui.prompt("  why?").filter(|why| !why.trim().is_empty()) {
                    Some(why) => return Outcome::Reject(why.trim().to_owned()),
                    None => context.ui.note("a reject says why"),
                }
            }
            ("s" | "sign", ApprovalVerdict::Approve) | ("r" | "reject", _) => {
                return Outcome::Sign;
            }
            ("n" | "next", _) => return Outcome::Next,
            ("q" | "quit", _) => return Outcome::Quit,
            _ => {}
        }
    }
}

/// Prints a difference page by page; whether all of it was shown.
fn print_difference(ui: &mut Ui, difference: &Difference) -> bool {
    let headings = difference.rows.iter().map(|row| {
        let path = text::escape_bytes(row.path.as_bytes());
        let modes =
            row.modes.map_or_else(String::new, |(old, new)| format!(", mode {old} to {new}"));
        (format!("{} {path}  {}{modes}", row.status, row.counts()), row.lines.as_slice())
    });
    // A path that cannot be read was not shown, whatever was printed of it.
    print_pages(ui, headings) && difference.rows.iter().all(|row| row.opaque.is_none())
}

/// Prints what came since a sign-off, page by page; whether all of it was shown.
fn print_interdiff(ui: &mut Ui, since: &Interdiff) -> bool {
    let headings = since.paths.iter().map(|path| (path.said(), path.lines.as_slice()));
    print_pages(ui, headings) && since.paths.iter().all(PathSince::is_shown)
}

/// Prints sections page by page; whether the person went on to the end.
fn print_pages<'a>(
    ui: &mut Ui,
    sections: impl Iterator<Item = (String, &'a [(Role, String)])>,
) -> bool {
    let mut on_page = 0;
    for (heading, lines) in sections {
        for (role, line) in std::iter::once((Role::Strong, heading)).chain(lines.iter().cloned()) {
            if on_page == PAGE_LINES {
                let answer = ui.prompt("-- more: [Enter] goes on, [q] back --");
                if answer.is_none_or(|answer| answer.trim().eq_ignore_ascii_case("q")) {
                    return false;
                }
                on_page = 0;
            }
            ui.line_as(role, &line);
            on_page += 1;
        }
        ui.blank();
    }
    true
}

/// Asks what the policy's rules want answered.
pub(super) fn answer_checklist(
    context: &mut Context,
    wanted: &[ChecklistItem],
    answers: &mut Vec<(ChecklistItem, String)>,
    desired: &Desired<'_>,
) -> Result<(), CliError> {
    for item in wanted {
        if answers.iter().any(|(answered, _)| answered == item) {
            continue;
        }
        if desired.signing.dry_run {
            context.ui.note(&format!("the policy asks: {item}?"));
            continue;
        }
        if !desired.asks {
            return Err(CliError::usage(format!("the policy asks: {item}?"))
                .hint(format!("answer it: --check '{item}=ANSWER'")));
        }
        let answer = context.ui.prompt(&format!("  {item}?")).unwrap_or_default();
        if answer.trim().is_empty() {
            context.ui.note(&format!("without an answer it does not count where {item} is asked"));
        } else {
            answers.push((item.clone(), answer.trim().to_owned()));
        }
    }
    Ok(())
}
