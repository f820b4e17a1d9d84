//! `reject`: a word that blocks a change until it is taken back.

use super::approve::{Named, SigningArgs, sign_off};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::review::PlaceArgs;
use crate::statement::words::ApprovalVerdict;

/// Reject a change: it is blocked until you withdraw or approve it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign reject retry-capture -m 'retries are not \
    idempotent'\n  countersign reject --change 8c1f52e0a94b -m 'see #1841'")]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if args.signing.comment.as_deref().is_none_or(|why| why.trim().is_empty()) {
        return Err(CliError::usage("a reject says why").hint("add -m WHY"));
    }
    let verdict = ApprovalVerdict::Reject;
    sign_off(context, &args.named, &args.signing, &[], &args.place, verdict)
}
