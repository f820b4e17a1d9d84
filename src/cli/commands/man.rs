//! `man`: the manual page of the program or of one of its commands.

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Print a manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign man | man -l -\n  \
    countersign man trust pin > countersign-trust-pin.1")]
pub(crate) struct Args {
    /// The command; the whole program by default
    command: Vec<String>,
}

/// Prints the page as troff, whatever the manner.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut command = crate::cli::description();
    command.build();
    for name in &args.command {
        command = command.find_subcommand(name).cloned().ok_or_else(|| {
            CliError::usage(format!("no such command: {name}"))
                .hint("countersign --help lists them")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| CliError::unavailable("cannot write the page").because(&error))?;
    context.ui.document(&page);
    Ok(ExitStatus::Yes)
}
