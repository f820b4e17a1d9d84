//! `demo`: the whole story, on the repository that it stands in.

use crate::cli::Context;
use crate::cli::demo;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Tell the whole story on this repository: refuse, sign off, deploy, audit, tamper
///
/// Works on HEAD, in a new folder below the system's temporary folder, with a ledger, keys and
/// settings of its own: neither this repository nor anything of yours is touched. Every command is
/// really run, and shown as you would type it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  countersign demo")]
pub(crate) struct Args {}

/// Runs the command.
pub(crate) fn run(context: &mut Context, _: &Args) -> Result<ExitStatus, CliError> {
    demo::tell(context)
}
