//! From a plan of an admin to an entry: shown in words, signed, and handed in or written out.

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::statement::Statement;

/// Flags of every command that signs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SigningFlags {
    /// Show the exact statement and sign nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Ask nothing
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Write the signed statement to FILE instead of submitting it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Shows the exact statement that would be signed, as `-n` does.
///
/// # Errors
/// Where the statement is too large.
pub(crate) fn show_statement(context: &mut Context, statement: &Statement) -> Result<(), CliError> {
    let payload = statement.to_payload().map_err(crate::session::SessionError::from)?;
    let value: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    if context.ui.is_json() {
        context.ui.json(&value);
    } else {
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        for line in text.lines() {
            context.ui.line(line);
        }
    }
    Ok(())
}

/// Asks before something is signed.
///
/// # Errors
/// Where the answer is no, or nobody is there to give one.
pub(crate) fn confirm(context: &mut Context, yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    match context.ui.confirm(question) {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::usage("nothing was signed")),
        None => Err(CliError::usage("without a terminal nobody can be asked")
            .hint("add -y to go ahead, or -n to see what would be signed")),
    }
}
