//! `policy check`: every mistake and every weak spot of a policy, with its line.

use std::path::PathBuf;

use serde::Serialize;

use crate::base::position::TreeSize;
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::cli::ui::{Role, Table, Word};
use crate::policy::{Lint, Policy, PolicyError};

/// Check a policy: every mistake and every weak spot, with its line
///
/// Where a ledger is known here, its roster tells which rules its people cannot fill.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status 2 where there are mistakes. Weak spots are told and let \
    through, unless\n--strict makes them exit status 1.\n\nExamples:\n  \
    countersign policy check policy.toml\n  \
    countersign policy check --json - < policy.toml")]
pub(crate) struct Args {
    /// The policy; - is standard input
    file: PathBuf,
    /// Let no weak spot through: exit status 1
    #[arg(long)]
    strict: bool,
}

/// What was found.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    mistakes: &'a [PolicyError],
    warnings: &'a [Lint],
    /// How large the ledger was whose roster was asked; none where no ledger was at hand.
    roster_size: Option<TreeSize>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let parsed = super::parse(context, &args.file)?;
    let file = args.file.display();
    let ui = &mut context.ui;
    let policy = match parsed {
        Ok(policy) => policy,
        Err(errors) => {
            ui.json(&Report {
                valid: false,
                mistakes: errors.as_slice(),
                warnings: &[],
                roster_size: None,
            });
            super::print_mistakes(ui, &args.file, &errors);
            return Ok(ExitStatus::Usage);
        }
    };
    let mut warnings = policy.warnings();
    let asked = roster_warnings(context, &policy)?;
    let roster_size = asked.as_ref().map(|asked| asked.size);
    warnings.extend(asked.iter().flat_map(|asked| asked.warnings.clone()));
    warnings.sort();
    let ui = &mut context.ui;
    ui.json(&Report { valid: true, mistakes: &[], warnings: &warnings, roster_size });
    let is_refused = args.strict && !warnings.is_empty();
    ui.answer(
        if is_refused { Word::No } else { Word::Yes },
        &format!(
            "{file}: {}, {}, {}, {}",
            counted(policy.environments().len(), "environment"),
            counted(policy.services().len(), "service"),
            counted(policy.rules().len(), "rule"),
            counted(warnings.len(), "weak spot"),
        ),
    );
    if let Some(asked) = &asked {
        let people = counted(asked.people, "member");
        ui.paragraph(
            2,
            &format!("roster of the ledger: {people}, as of {} entries", asked.size.get()),
        );
    }
    let mut table = Table::new(2);
    for warning in &warnings {
        let line = if warning.line == 0 { String::new() } else { format!("line {}", warning.line) };
        table.row([line, warning.what.clone()]);
    }
    ui.table(&table);
    ui.lead(Role::Strong, "next:", &format!("countersign policy explain --policy {file}"));
    Ok(if is_refused { ExitStatus::No } else { ExitStatus::Yes })
}

/// What a ledger's roster told.
struct Asked {
    size: TreeSize,
    people: usize,
    warnings: Vec<Lint>,
}

/// Asks the roster where there is a ledger. One that is in use keeps nobody from checking.
fn roster_warnings(context: &mut Context, policy: &Policy) -> Result<Option<Asked>, CliError> {
    if !context.has_ledger()? {
        return Ok(None);
    }
    let desk = match context.desk("policy check") {
        Ok(desk) => desk,
        Err(error) if error.kind == ErrorKind::Integrity => return Err(error),
        Err(error) => {
            context.ui.warn(&format!("checked without a roster: {}", error.message));
            return Ok(None);
        }
    };
    let (roster, size, names) = (desk.session.view().roster(), desk.session.size(), desk.names());
    let warnings = policy.warnings_with(roster, size, &|id| names.of(id));
    Ok(Some(Asked { size, people: roster.members(size).count(), warnings }))
}
