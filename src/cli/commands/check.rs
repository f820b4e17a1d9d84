//! `check`: the verdict on a change that has not landed, for pull requests and merge groups.

use super::status;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Answer whether a change is signed off: exit status 1 for no
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign check\n  \
    countersign check origin/main..HEAD --json")]
pub(crate) struct Args {
    #[command(flatten)]
    asked: status::Asked,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    status::answer(context, &args.asked, "check")
}
