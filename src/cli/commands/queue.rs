//! `queue`: what waits for a sign-off.

use serde::Serialize;

use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, Revision};
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{AuthorReport, Near, OwedLine, RejectedEarlier, place_flags};
use crate::cli::review::{
    Place, PlaceArgs, Waiting, WaitingKind, WaitingList, me, member_named, waiting,
};
use crate::cli::text::counted;
use crate::cli::time;
use crate::cli::ui::{Table, Ui};

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

/// What waits for somebody, with all that is told of it.
pub(crate) struct Queue {
    reader: MemberId,
    found: Vec<Waiting>,
    told: Vec<Told>,
    left_out: Vec<String>,
    owed: Vec<OwedLine>,
    /// The flags that name the place, for the commands that are told.
    flags: String,
}

/// What is told of one change.
struct Told {
    authors: Vec<String>,
    needs: Vec<String>,
    rejected_earlier: Vec<RejectedEarlier>,
    near: Vec<Near>,
}

impl Queue {
    /// Looks through what waits for `reader` at a place.
    ///
    /// # Errors
    /// Where the repository or the ledger cannot be read.
    pub(crate) fn new(
        desk: &Desk,
        place: &Place,
        reader: MemberId,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let flags = place_flags(&place.policy, &place.service.name, &place.environment);
        let WaitingList { changes: found, left_out } = waiting(desk, place, Some(&reader), now)?;
        let names = desk.names();
        let told = |waiting: &Waiting| {
            let report = waiting.subject.report(desk, place, &names);
            Told {
                authors: report.authors.iter().map(AuthorReport::shown).collect(),
                needs: report.missing().iter().map(|needed| needed.ask.clone()).collect(),
                rejected_earlier: report.rejected_earlier,
                near: report.near,
            }
        };
        let told = found.iter().map(told).collect();
        let owed = place.owed(desk, now);
        Ok(Self { reader, found, told, left_out, owed, flags })
    }

    /// The answer for programs.
    pub(crate) fn answer(&self) -> impl Serialize + '_ {
        Answer {
            member: &self.reader,
            waiting: self.found.iter().zip(&self.told).map(|one| self.line(one)).collect(),
            left_out: &self.left_out,
            owed: &self.owed,
        }
    }

    fn line<'a>(&self, (waiting, told): (&'a Waiting, &'a Told)) -> Line<'a> {
        Line {
            change: waiting.subject.change(),
            kind: waiting.kind,
            title: &waiting.subject.segment.title,
            authors: told.authors.clone(),
            since: time::rfc3339(waiting.since),
            base: waiting.subject.range.base.as_ref(),
            head: &waiting.subject.range.head,
            needs: told.needs.clone(),
            rejected_earlier: &told.rejected_earlier,
            near: &told.near,
            command: format!("{}{}", command(waiting), self.flags),
        }
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("queue")?;
    let place = Place::new(&desk, &args.place)?;
    let reader = match &args.member {
        Some(text) => member_named(&desk, text)?,
        None => me(context, &desk)?.id,
    };
    let now = context.now();
    let queue = Queue::new(&desk, &place, reader, now)?;
    let names = desk.names();
    let whom = if args.member.is_some() { names.of(&queue.reader) } else { "you".to_owned() };
    context.ui.json(&queue.answer());
    print(&mut context.ui, &desk, &place, &queue, &whom, now);
    desk.session.leak();
    Ok(ExitStatus::Yes)
}

fn print(ui: &mut Ui, desk: &Desk, place: &Place, queue: &Queue, whom: &str, now: Timestamp) {
    let Queue { found, owed, flags, .. } = queue;
    if !queue.left_out.is_empty() {
        ui.note(&format!("not looked at: {}", queue.left_out.join("; ")));
    }
    if found.is_empty() {
        ui.line(&format!("nothing waits for {whom}"));
        for line in owed {
            line.print(ui);
        }
        return;
    }
    let verb = if found.len() == 1 { "waits" } else { "wait" };
    ui.line(&format!("{} {verb} for {whom}", counted(found.len(), "change")));
    let (service, branch) = (&place.service.name, place.branch());
    let size = desk.session.size();
    ui.paragraph(4, &format!("{service} on {branch} to {}; ledger {size}", place.environment));
    ui.blank();
    let mut table = Table::new(2);
    for (waiting, told) in found.iter().zip(&queue.told) {
        let title = &waiting.subject.segment.title;
        let since = time::ago(waiting.since, now);
        table.row([
            waiting.subject.change().short(),
            format!("{title}, by {}, {since}", told.authors.join(" and ")),
        ]);
        for earlier in &told.rejected_earlier {
            table.row([String::new(), earlier.said()]);
        }
        if let Some(before) = waiting.subject.signed_before_by(&queue.reader) {
            table.row([String::new(), before.said_of(whom)]);
        }
        table.row([String::new(), format!("{}{flags}", command(waiting))]);
    }
    ui.table(&table);
    ui.blank();
    for line in owed {
        line.print(ui);
    }
    ui.line(&format!("next: countersign approve{flags}"));
}

fn command(waiting: &Waiting) -> String {
    format!("countersign approve {}", waiting.subject.argument)
}
