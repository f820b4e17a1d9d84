//! `key`: keys made, listed, enrolled and revoked.

mod enroll;
mod generate;
mod list;
pub(super) mod revoke;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Make, list, enroll or revoke keys
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Generate(generate::Args),
    List(list::Args),
    Enroll(enroll::Args),
    Revoke(revoke::Args),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Generate(args) => generate::run(context, args),
        Action::List(args) => list::run(context, args),
        Action::Enroll(args) => enroll::run(context, args),
        Action::Revoke(args) => revoke::run(context, args),
    }
}
