//! `lift`: a reject whose author cannot or will not withdraw it, lifted by the admins.

use super::log::entry_number;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::open;
use crate::cli::said;
use crate::statement::Says;
use crate::statement::governance::{Lift, Operation};
use crate::statement::words::ApprovalVerdict;
use crate::verify::VerifiedEntry;

/// Lift a reject whose author cannot withdraw it
///
/// The admins sign it, as many as must sign. It gives no sign-off: what the change needs, it
/// needs as before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign lift 118 -m \"Cleo left; checked by Ben\"\n  \
    countersign lift 118 -m \"mistaken change\" -o lift.json")]
pub(crate) struct Args {
    /// The entry of the reject: 42 or #42
    #[arg(value_name = "ENTRY", value_parser = entry_number)]
    entry: u64,
    /// Why
    #[arg(short, long, value_name = "WHY")]
    message: String,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if args.message.trim().is_empty() {
        return Err(CliError::usage("a reject is lifted for a reason").hint("say it with -m WHY"));
    }
    let desk = context.desk("lift")?;
    let entry = desk.session.entry(EntryIndex::new(args.entry))?;
    let view = desk.session.view();
    match &entry.statement().says {
        Says::Approval(body) if body.verdict == ApprovalVerdict::Reject => {}
        _ => {
            let said = said::words(&entry, view, &desk.names());
            return Err(CliError::usage(format!("entry {} is no reject: {said}", args.entry))
                .hint("see what stands against a change: countersign status"));
        }
    }
    if view.is_lifted(entry.index()) {
        let message = format!("the reject at entry {} is lifted already", args.entry);
        return Err(CliError::usage(message).hint("see the change: countersign status"));
    }
    let reason = open(&args.message)?;
    let commitment = reason.commitment();
    let commitment = commitment.ok_or_else(|| CliError::integrity("a fresh salt is no salt"))?;
    let plan = Plan {
        words: in_words(&desk, &entry, Some(&args.message)),
        operations: vec![Operation::Lift(Lift { entry: entry.entry(), reason: commitment })],
        openings: vec![reason],
        question: "Lift this reject?".to_owned(),
        after: vec!["next: countersign status".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
}

/// Which reject is lifted, and why: none where that is withheld.
pub(super) fn in_words(desk: &Desk, entry: &VerifiedEntry, why: Option<&str>) -> Vec<String> {
    let names = desk.names();
    let said = said::words(entry, desk.session.view(), &names);
    let (by, when) = (names.of(entry.by()), crate::cli::time::date(entry.time()));
    let why = why.map_or_else(|| "(withheld)".into(), crate::cli::text::escape);
    vec![
        format!("lift    entry {} by {by}, {when}", entry.index()),
        format!("        {said}"),
        format!("        why: {why}"),
    ]
}
