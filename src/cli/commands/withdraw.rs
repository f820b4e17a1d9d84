//! `withdraw`: takes back what one signed.

use serde::Serialize;

use super::approve::{SigningArgs, approval, asks, keep};
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, write_signed};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::show_statement;
use crate::cli::review::{Place, PlaceArgs, me};
use crate::cli::text::counted;
use crate::ledger::topics;
use crate::roster::Member;
use crate::session::sign;
use crate::statement::Says;
use crate::statement::approval::{Approval, ApprovalRow};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::words::{ApprovalVerdict, Shown, SubjectType};
use crate::verify::VerifiedEntry;

/// Take back an approval or a reject of yours
#[derive(Debug, clap::Args)]
#[command(after_help = "Without a terminal nothing is asked, and nothing withdrawn without \
    -y.\n\nExamples:\n  countersign withdraw 20417\n  countersign withdraw 20417 -y\n  \
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

impl Taken {
    /// `approval of 2 changes, entry 12`; where only some are taken back, `of 1 of 3 changes`.
    fn called(&self) -> String {
        let word = match self.approval.verdict {
            ApprovalVerdict::Reject => "reject",
            ApprovalVerdict::Approve | ApprovalVerdict::Withdraw => "approval",
        };
        let noun = match self.approval.subject_type {
            SubjectType::Change => "change",
            SubjectType::Artifact => "artifact",
        };
        let all = match &self.entry.statement().says {
            Says::Approval(said) => said.rows.len(),
            _ => self.approval.rows.len(),
        };
        let (taken, entry) = (self.approval.rows.len(), self.entry.index());
        let some = if taken < all { format!("{taken} of ") } else { String::new() };
        format!("{word} of {some}{}, entry {entry},", counted(all, noun))
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, "withdraw")?;
    let desk = held.desk(context)?;
    let reader = me(context, desk)?;
    let taken = find(desk, &reader, args)?;
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
    if args.signing.dry_run {
        let statement = desk.session.statement(&reader.id, Says::Approval(says));
        show_statement(context, &statement)?;
        return Ok(ExitStatus::Yes);
    }
    let enrolled = desk.enrolled();
    if context.ui.has_person() {
        // An answer or a passphrase may take its time.
        held.leave();
    }
    if !is_wanted(context, args, &taken)? {
        context.ui.note("nothing was withdrawn");
        return Ok(ExitStatus::Usage);
    }
    let signer = context.signer(Some(&enrolled))?;
    let desk = held.desk(context)?;
    let owner = desk.owner(&signer.public_key().fingerprint())?;
    if owner.id != reader.id {
        return Err(
            CliError::usage("another member's key would sign now").hint("run the command again")
        );
    }
    let subjects = says.rows.iter().map(|row| row.hash).collect();
    let statement = desk.session.statement(&reader.id, Says::Approval(says));
    let envelope = sign(&statement, signer.as_ref())?;
    keep(desk, &[], &openings)?;
    hand_in(context, desk, args, &taken, (envelope, &openings), subjects)?;
    held.leak();
    Ok(ExitStatus::Yes)
}

/// Whether the person wants it; nobody's word is taken back where nobody is asked, but with `-y`.
fn is_wanted(context: &mut Context, args: &Args, taken: &Taken) -> Result<bool, CliError> {
    if args.signing.yes {
        return Ok(true);
    }
    if asks(context, &args.signing) {
        let question = format!("Withdraw your {}?", taken.called().trim_end_matches(','));
        return Ok(context.ui.confirm(&question) == Some(true));
    }
    Err(CliError::usage("where nobody can be asked nothing is withdrawn without -y")
        .hint(format!("if you mean it: countersign withdraw {} -y", taken.entry.index())))
}

/// Hands in the withdrawal, or writes it to a file, and tells.
fn hand_in(
    context: &mut Context,
    desk: &mut Desk,
    args: &Args,
    taken: &Taken,
    (envelope, openings): (Envelope, &[Opening]),
    subjects: Vec<ContentDigest>,
) -> Result<(), CliError> {
    let (mut entry, mut file) = (None, None);
    if let Some(path) = &args.signing.output {
        write_signed(context, path, &envelope, openings)?;
        file = Some(path.display().to_string());
        context.ui.line(&format!("withdrawn: {}, not handed in yet", path.display()));
        context.ui.line(&format!("next: countersign submit {}", path.display()));
    } else {
        let receipts = desk.submit(context.now(), &[envelope])?;
        entry = receipts.first().map(|receipt| receipt.index);
        let place = entry.map_or_else(String::new, |entry| format!("entry {entry}, durable; "));
        let said = format!("withdrawn: {place}your {} no longer counts", taken.called());
        context.ui.paragraph(0, &said);
    }
    let (verdict, withdraws) = (ApprovalVerdict::Withdraw, taken.entry.index());
    context.ui.json(&Answer { verdict, withdraws, subjects, entry, file });
    Ok(())
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
    if let Says::Override(said) = &entry.statement().says {
        let until = crate::cli::time::date(said.expires);
        let message = format!("entry {index} is an override: it is not withdrawn, but runs out");
        return Err(CliError::usage(message)
            .hint(format!("it is good for nothing from {until} on"))
            .hint("to stop it at once, an admin takes the duty: countersign roster apply FILE"));
    }
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
