//! `roster`: who may say what, shown and changed.

mod add;
mod apply;
mod csv;
mod delegate;
pub(super) mod difference;
mod file;
mod forget;
mod import;
mod show;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Show or change who may say what
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Show(show::Args),
    Add(add::Args),
    Apply(apply::Args),
    Delegate(delegate::Args),
    Import(import::Args),
    Forget(forget::Args),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Show(args) => show::run(context, args),
        Action::Add(args) => add::run(context, args),
        Action::Apply(args) => apply::run(context, args),
        Action::Delegate(args) => delegate::run(context, args),
        Action::Import(args) => import::run(context, args),
        Action::Forget(args) => forget::run(context, args),
    }
}
