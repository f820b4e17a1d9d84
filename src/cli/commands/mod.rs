//! One file a command: its arguments with the help text, then `run`.
//!
//! To add one, write `NAME.rs` with `pub(crate) struct Args` (its doc comment is the help text)
//! and `pub(crate) fn run(&mut Context, &Args) -> Result<ExitStatus, CliError>`, and add two
//! lines here: the module, and its place in the list of commands.

mod approve;
pub(super) mod audit;
mod baseline;
mod break_glass;
mod check;
mod completions;
mod declare;
mod demo;
pub(crate) mod gate;
mod hash;
mod init;
mod key;
mod ledger;
mod lift;
pub(super) mod log;
mod man;
mod monitor;
mod policy;
pub(crate) mod queue;
mod record;
mod reject;
mod roster;
#[cfg(feature = "server")]
mod serve;
pub(super) mod show;
mod sign;
pub(crate) mod status;
mod submit;
mod trust;
mod verify;
mod withdraw;
#[cfg(feature = "server")]
mod witness;

use super::Context;
use super::error::CliError;
use super::exit::ExitStatus;

/// Declares the commands in the order of `--help`.
macro_rules! commands {
    ($($(#[$when:meta])? $variant:ident = $module:ident,)*) => {
        /// A command and its arguments.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($(#[$when])?
            #[allow(missing_docs, reason = "the help text stands on the arguments")]
            $variant($module::Args),)*
        }

        impl Command {
            /// Runs the command.
            pub(crate) fn run(&self, context: &mut Context) -> Result<ExitStatus, CliError> {
                match self {
                    $($(#[$when])? Self::$variant(args) => $module::run(context, args),)*
                }
            }
        }
    };
}

commands! {
    Init = init,
    Approve = approve,
    Reject = reject,
    Withdraw = withdraw,
    Status = status,
    Check = check,
    Queue = queue,
    Declare = declare,
    Hash = hash,
    Gate = gate,
    Override = break_glass,
    Record = record,
    Audit = audit,
    Key = key,
    Roster = roster,
    Policy = policy,
    Baseline = baseline,
    Lift = lift,
    Trust = trust,
    Sign = sign,
    Submit = submit,
    Log = log,
    Show = show,
    Verify = verify,
    Ledger = ledger,
    #[cfg(feature = "server")]
    Serve = serve,
    #[cfg(feature = "server")]
    Witness = witness,
    Monitor = monitor,
    Demo = demo,
    Completions = completions,
    Man = man,
}
