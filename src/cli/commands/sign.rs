//! `sign`: another admin's signature under what one wrote.

mod plan;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::init::genesis;
use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, keep_words, read_envelope, words_beside, write_signed};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{confirm, show_payload, tell};
use crate::cli::quorum::{missing, needed};
use crate::cli::ui::Role;
use crate::ledger::admission::Shortfall;
use crate::session::sign_again;
use crate::statement::envelope::Envelope;
use crate::statement::governance::Governance;
use crate::statement::{Says, Statement};

/// Sign what another admin wrote
///
/// Shows in words what it does, asks, and adds your signature to the file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  countersign sign roster.json\n  countersign sign -n roster.json"
)]
pub(crate) struct Args {
    /// The file that a command wrote with -o
    file: PathBuf,
    /// Show the exact statement and sign nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
    /// Write to FILE instead of the same file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let envelope = read_envelope(context, &args.file)?;
    let statement = Statement::parse(envelope.payload()).map_err(|error| {
        CliError::from_error(ErrorKind::Usage, &error).hint("ask its author to write it anew")
    })?;
    if genesis::of(&statement).is_some() {
        let output = args.output.clone().unwrap_or_else(|| args.file.clone());
        let (files, how) = ((args.file.as_path(), output.as_path()), (args.dry_run, args.yes));
        return genesis::sign_it(context, envelope, &statement, files, how);
    }
    let mut held = Held::take(context, "sign")?;
    let desk = held.desk(context)?;
    let body = governance(desk, &statement)?;
    let asks_nothing = args.yes || args.dry_run;
    // What is said in words was told to its author, and is told to whoever signs with them.
    keep_words(context, desk, &args.file, &envelope)?;
    let words = words_beside(context, &args.file, &envelope)?;
    let told = plan::in_words(context, desk, &body.operations)?;
    tell(context, asks_nothing, &format!("proposed by {}", desk.names().of(&statement.by)));
    for line in &told {
        tell(context, asks_nothing, line);
    }
    if args.dry_run {
        show_payload(context, envelope.payload());
        return Ok(ExitStatus::Yes);
    }
    let enrolled = desk.enrolled();
    if context.ui.has_person() {
        // A passphrase may take its time.
        held.leave();
    }
    let signer = context.signer(Some(&enrolled))?;
    let desk = held.desk(context)?;
    governance(desk, &statement)?;
    let owner = desk.owner(&signer.public_key().fingerprint())?.id.clone();
    let (count, missing) = check_signer(desk, &envelope, body, &owner)?;
    let needed = match &missing {
        Some(missing) => count + missing.needed - missing.found,
        None => count.max(needed(desk, &body.operations)?),
    };
    // What follows needs the ledger no more; whether it is still in time, submit tells.
    held.leave();
    confirm(context, args.yes, "Sign this?")?;
    let envelope = sign_again(envelope, &*signer)?;
    let file = args.output.as_ref().unwrap_or(&args.file);
    write_signed(context, file, &envelope, &words)?;
    if file.as_os_str() == "-" {
        return Ok(ExitStatus::Yes);
    }
    context.ui.json(&serde_json::json!({ "plan": told, "signed": count, "needed": needed }));
    context.ui.lead(Role::Good, "SIGNED", &format!("{count} of {needed} admins"));
    let verb = if missing.is_some() { "sign" } else { "submit" };
    context.ui.line(&format!("next: countersign {verb} {}", file.display()));
    Ok(ExitStatus::Yes)
}

/// What admins sign together, if the statement is that, of this ledger, and still in time.
fn governance<'a>(desk: &Desk, statement: &'a Statement) -> Result<&'a Governance, CliError> {
    let Says::Governance(body) = &statement.says else {
        let message = format!("this is a statement of kind {}", statement.says.kind());
        return Err(CliError::usage(message).hint("only governance is signed by several people"));
    };
    let view = desk.session.view();
    if statement.ledger != view.ledger().map(|ledger| ledger.id) {
        return Err(
            CliError::usage("this is for another ledger").hint("name that one with --ledger")
        );
    }
    if body.base != view.newest_governance().map(|entry| entry.leaf) {
        return Err(CliError::usage("another governance entry came in between")
            .hint("its author plans again on the newest state"));
    }
    Ok(body)
}

/// How many admins will have signed, and what is missing then.
fn check_signer(
    desk: &Desk,
    envelope: &Envelope,
    body: &Governance,
    signer: &MemberId,
) -> Result<(usize, Option<Shortfall>), CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let owner = |keyid| roster.key(keyid).and_then(|record| record.owner(size)).cloned();
    let mut signers: BTreeSet<_> =
        envelope.signatures().iter().filter_map(|one| owner(&one.keyid)).collect();
    if !signers.insert(signer.clone()) {
        let message = format!("{} has signed this already", desk.names().of(signer));
        return Err(CliError::usage(message)
            .hint("another admin signs it, or hand it in: countersign submit FILE"));
    }
    let missing = missing(desk, &body.operations, &signers)?;
    Ok((signers.len(), missing))
}
