//! `queue`: what waits for a sign-off.

use serde::Serialize;

use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, Revision};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{AuthorReport, Near, OwedLine, RejectedEarlier, count, place_flags};
use crate::cli::review::{
    Place, PlaceArgs, Waiting, WaitingKind, WaitingList, me, member_named, waiting,
};
use crate::cli::time;
use crate::cli::ui::Table;

/// List what waits for your sign-off, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Declared changes, commits that landed and are not deployed, and branches \
    that were fetched;\nwithout what you wrote or have signed.\n\nExamples:\n  \
    countersign queue\n  countersign queue --for 'Ada Ruiz' --json")]
pub(crate) struct Args {
    /// Somebody else's queue: a member's id or name
    #[arg(long = "for", value_name = "ID|NAME")]
    member: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    change: ChangeHash,
    kind: WaitingKind,
    title: &'a str,
    authors: Vec<String>,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Revision>,
    head: &'a Revision,
    needs: Vec<String>,
    rejected_earlier: &'a [RejectedEarlier],
    /// Sign-offs of other versions.
    near: &'a [Near],
    command: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "for")]
    member: &'a MemberId,
    waiting: Vec<Line<'a>>,
    /// What was not looked at, where there is too much of it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'a [String],
    /// Debts of the place, oldest first.
    owed: &'a [OwedLine],
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("queue")?;
    let place = Place::new(&desk, &args.place)?;
    let reader = match &args.member {
        Some(text) => member_named(&desk, text)?,
        None => me(context, &desk)?.id,
    };
    let flags = place_flags(&place.policy, &place.service.name, &place.environment);
    let now = context.now();
    let WaitingList { changes: found, left_out } = waiting(&desk, &place, Some(&reader), now)?;
    let names = desk.names();
    let line = |waiting: &'_ Waiting| {
        let report = waiting.subject.report(&desk, &place, &names);
        (
            report.authors.iter().map(AuthorReport::shown).collect::<Vec<_>>(),
            report.missing().iter().map(|needed| needed.ask.clone()).collect::<Vec<_>>(),
            report.rejected_earlier,
            report.near,
        )
    };
    let lines: Vec<_> = found.iter().map(line).collect();
    let owed = place.owed(&desk, now);
    let ui = &mut context.ui;
    ui.json(&Answer {
        member: &reader,
        waiting: found
            .iter()
            .zip(&lines)
            .map(|(waiting, (authors, needs, rejected_earlier, near))| Line {
                change: waiting.subject.change(),
                kind: waiting.kind,
                title: &waiting.subject.segment.title,
                authors: authors.clone(),
                since: time::rfc3339(waiting.since),
                base: waiting.subject.range.base.as_ref(),
                head: &waiting.subject.range.head,
                needs: needs.clone(),
                rejected_earlier,
                near,
                command: format!("{}{flags}", command(waiting)),
            })
            .collect(),
        left_out: &left_out,
        owed: &owed,
    });
    if !left_out.is_empty() {
        ui.note(&format!("not looked at: {}", left_out.join("; ")));
    }
    let whom = if args.member.is_some() { names.of(&reader) } else { "you".to_owned() };
    if found.is_empty() {
        ui.line(&format!("nothing waits for {whom}"));
        for line in &owed {
            line.print(ui);
        }
        desk.session.leak();
        return Ok(ExitStatus::Yes);
    }
    let verb = if found.len() == 1 { "waits" } else { "wait" };
    ui.line(&format!("{} {verb} for {whom}", count(found.len(), "change")));
    ui.paragraph(
        4,
        &format!(
            "{} on {} to {}; ledger {}",
            place.service.name,
            place.branch(),
            place.environment,
            desk.session.size()
        ),
    );
    ui.blank();
    let mut table = Table::new(2);
    for (waiting, (authors, _, rejected_earlier, _)) in found.iter().zip(&lines) {
        let title = &waiting.subject.segment.title;
        let since = time::ago(waiting.since, now);
        table.row([
            waiting.subject.change().short(),
            format!("{title}, by {}, {since}", authors.join(" and ")),
        ]);
        for earlier in rejected_earlier {
            table.row([String::new(), earlier.said()]);
        }
        if let Some(before) = waiting.subject.signed_before_by(&reader) {
            table.row([String::new(), before.said_of(&whom)]);
        }
        table.row([String::new(), format!("{}{flags}", command(waiting))]);
    }
    ui.table(&table);
    ui.blank();
    for line in &owed {
        line.print(ui);
    }
    ui.line(&format!("next: countersign approve{flags}"));
    desk.session.leak();
    Ok(ExitStatus::Yes)
}

fn command(waiting: &Waiting) -> String {
    format!("countersign approve {}", waiting.subject.argument)
}
