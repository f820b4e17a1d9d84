//! One file a command: its arguments with the help text, then `run`.
//!
//! To add one, write `NAME.rs` with `pub(crate) struct Args` (its doc comment is the help text)
//! and `pub(crate) fn run(&mut Context, &Args) -> Result<ExitStatus, CliError>`, and add two
//! lines here: the module, and its place in the list of commands.

mod approve;
mod check;
mod audit;
mod completions;
mod gate;
mod declare;
mod hash;
mod init;
mod man;
mod policy;
mod record;
mod ledger;
mod log;
mod show;
mod queue;
mod reject;
mod status;
mod roster;
mod trust;
mod withdraw;

use super::Context;
use super::error::CliError;
use super::exit::ExitStatus;

/// Declares the commands in the order of `--help`.
macro_rules! commands {
    ($($variant:ident = $module:ident,)*) => {
        /// A command and its arguments.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $(#[allow(missing_docs, reason = "the help text stands on the arguments")]
            $variant($module::Args),)*
        }

        impl Command {
            /// Runs the command.
            pub(crate) fn run(&self, context: &mut Context) -> Result<ExitStatus, CliError> {
                match self {
                    $(Self::$variant(args) => $module::run(context, args),)*
                }
            }
        }
    };
}

commands! {
    Approve = approve,
    Reject = reject,
    Withdraw = withdraw,
    Declare = declare,
    Gate = gate,
    Record = record,
    Hash = hash,
    Policy = policy,
    Init = init,
    Audit = audit,
    Log = log,
    Show = show,
    Ledger = ledger,
    Status = status,
    Check = check,
    Queue = queue,
    Roster = roster,
    Trust = trust,
    Completions = completions,
    Man = man,
}
