//! `completions`: a script that makes a shell complete this program's arguments.

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign completions bash > \
    ~/.local/share/bash-completion/completions/countersign\n  \
    countersign completions fish > ~/.config/fish/completions/countersign.fish")]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the script, whatever the manner.
#[expect(clippy::unnecessary_wraps, reason = "every command has this signature")]
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::description(), "countersign", &mut script);
    context.ui.document(&script);
    Ok(ExitStatus::Yes)
}
