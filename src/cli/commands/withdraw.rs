//! `withdraw`: takes back what one signed.

use serde::Serialize;

use super::approve::{SigningArgs, approval, asks, keep};
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, write_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::show_statement;
use crate::cli::review::{Place, PlaceArgs, me};
use crate::ledger::topics;
use crate::roster::Member;
use crate::session::sign;
use crate::statement::Says;
use crate::statement::approval::{Approval, ApprovalRow};
use crate::statement::words::{ApprovalVerdict, Shown};
use crate::verify::VerifiedEntry;

/// Take back an approval or a reject of yours
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign withdraw 20417\n  \
    countersign withdraw retry-capture -m 'read the wrong version'")]
pub(crate) struct Args {
    /// The number of the entry, or the change that you signed
    #[arg(value_name = "ENTRY|RANGE")]
    what: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Serialize)]
struct Answer {
    verdict: ApprovalVerdict,
    withdraws: EntryIndex,
    subjects: Vec<ContentDigest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// What is taken back: the entry, and which of its rows.
struct Taken {
    entry: VerifiedEntry,
    approval: Approval,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("withdraw")?;
    let reader = me(context, &desk)?;
    let taken = find(&desk, &reader, args)?;
    let mut openings = Vec::new();
    let rows = taken.approval.rows.iter().map(|row| ApprovalRow {
        shown: Shown::None,
        supersedes: None,
        ..row.clone()
    });
    let said = super::approve::Said {
        verdict: ApprovalVerdict::Withdraw,
        withdraws: Some(taken.entry.entry()),
        comment: args.signing.comment.clone(),
        answers: Vec::new(),
    };
    let says = approval(&said, taken.approval.subject_type, rows.collect(), &mut openings)?;
    let subjects: Vec<_> = says.rows.iter().map(|row| row.hash).collect();
    if args.signing.dry_run {
        let statement = desk.session.statement(&reader.id, Says::Approval(says));
        show_statement(context, &statement)?;
        return Ok(ExitStatus::Yes);
    }
    let enrolled = desk.enrolled();
    drop(desk);
    let what = format!("{} of entry {}", taken.approval.verdict, taken.entry.index());
    if asks(context, &args.signing)
        && context.ui.confirm(&format!("Withdraw your {what}?")) != Some(true)
    {
        return Err(CliError::usage("nothing was withdrawn"));
    }
    let signer = context.signer(Some(&enrolled))?;
    let mut desk = context.desk("withdraw")?;
    keep(&desk, &[], &openings)?;
    let statement = desk.session.statement(&reader.id, Says::Approval(says));
    let envelope = sign(&statement, signer.as_ref())?;
    let (mut entry, mut file) = (None, None);
    if let Some(path) = &args.signing.output {
        write_envelope(&context.environment.resolve(path), &envelope)?;
        file = Some(path.display().to_string());
        context.ui.line(&format!("withdrawn: {}, not handed in yet", path.display()));
        context.ui.line(&format!("next: countersign submit {}", path.display()));
    } else {
        let receipts = desk.submit(context.now(), &[envelope])?;
        entry = receipts.first().map(|receipt| receipt.index);
        let place = entry.map_or_else(String::new, |entry| format!("entry {entry}, durable; "));
        context.ui.line(&format!("withdrawn: {place}your {what} no longer counts"));
    }
    let withdraws = taken.entry.index();
    let verdict = ApprovalVerdict::Withdraw;
    context.ui.json(&Answer { verdict, withdraws, subjects, entry, file });
    desk.session.leak();
    Ok(ExitStatus::Yes)
}

fn find(desk: &Desk, reader: &Member, args: &Args) -> Result<Taken, CliError> {
    let Some(text) = &args.what else {
        return Err(CliError::usage("which one?")
            .hint("name the entry, or the change: countersign log shows what you signed"));
    };
    let digits = text.strip_prefix('#').unwrap_or(text);
    // A number always means an entry.
    let named = crate::base::encoding::undecimal(digits).ok();
    if let Some(number) = named {
        let entry = desk.session.entry(EntryIndex::new(number))?;
        return own(reader, entry, None);
    }
    let place = Place::new(desk, &args.place)?;
    let repository = desk.need_repository()?;
    let range = place.range(repository, text)?;
    let document = repository.document(range.base.as_ref(), &range.head)?;
    let hash = ContentDigest::from_bytes(*document.hash().as_bytes());
    let entries = desk.session.entries_under([topics::change(document.hash())])?;
    let mine = entries.into_iter().rfind(|entry| {
        entry.by() == &reader.id && matches!(&entry.statement().says, Says::Approval(_))
    });
    let Some(mine) = mine else {
        let head: &Revision = &range.head;
        let message = format!("you have signed nothing about {} ({})", text, head.short());
        return Err(CliError::usage(message).hint(
            "an earlier version has an entry of its own: \
            name its number",
        ));
    };
    own(reader, mine, Some(hash))
}

/// The entry, if it is this person's and can be taken back.
fn own(
    reader: &Member,
    entry: VerifiedEntry,
    only: Option<ContentDigest>,
) -> Result<Taken, CliError> {
    let index = entry.index();
    let Says::Approval(said) = &entry.statement().says else {
        return Err(CliError::usage(format!("entry {index} is no approval"))
            .hint(format!("see what it is: countersign show {index}")));
    };
    if entry.by() != &reader.id {
        return Err(CliError::usage(format!("entry {index} is not yours"))
            .hint(format!("see whose it is: countersign show {index}")));
    }
    if said.verdict == ApprovalVerdict::Withdraw {
        return Err(CliError::usage(format!("entry {index} is a withdrawal already"))
            .hint("sign again: countersign approve"));
    }
    let mut approval = said.clone();
    approval.rows.retain(|row| only.is_none_or(|hash| row.hash == hash));
    Ok(Taken { entry, approval })
}
