//! `policy check`: every mistake and every weak spot of a policy, with its line.

use std::path::PathBuf;

use serde::Serialize;

use super::counted;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Role, Table, Word};
use crate::policy::{Lint, PolicyError};

/// Check a policy: every mistake and every weak spot, with its line
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status 2 where there are mistakes; weak spots are told and let \
    through.\n\nExamples:\n  countersign policy check policy.toml\n  \
    countersign policy check --json - < policy.toml")]
pub(crate) struct Args {
    /// The policy; - is standard input
    file: PathBuf,
}

/// What was found.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    mistakes: &'a [PolicyError],
    warnings: &'a [Lint],
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let parsed = super::parse(context, &args.file)?;
    let file = args.file.display();
    let ui = &mut context.ui;
    let policy = match parsed {
        Ok(policy) => policy,
        Err(errors) => {
            ui.json(&Report { valid: false, mistakes: errors.as_slice(), warnings: &[] });
            super::print_mistakes(ui, &args.file, &errors);
            return Ok(ExitStatus::Usage);
        }
    };
    let warnings = policy.warnings();
    ui.json(&Report { valid: true, mistakes: &[], warnings: &warnings });
    ui.answer(
        Word::Yes,
        &format!(
            "{file}: {}, {}, {}, {}",
            counted(policy.environments().len(), "environment"),
            counted(policy.services().len(), "service"),
            counted(policy.rules().len(), "rule"),
            counted(warnings.len(), "weak spot"),
        ),
    );
    let mut table = Table::new(2);
    for warning in &warnings {
        let line = if warning.line == 0 { String::new() } else { format!("line {}", warning.line) };
        table.row([line, warning.what.clone()]);
    }
    ui.table(&table);
    ui.lead(Role::Strong, "next:", &format!("countersign policy explain --policy {file}"));
    Ok(ExitStatus::Yes)
}
