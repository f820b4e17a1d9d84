//! `hash`: the change hash, which is what reviewers sign; and whether what landed has it still.

mod landed;

use std::path::PathBuf;

use serde::Serialize;

use crate::base::digest::ChangeHash;
use crate::base::limits::CARRY_GAP_LINES_MAX;
use crate::base::name::Revision;
use crate::cli::Context;
use crate::cli::desk::write_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::history;
use crate::cli::text;

/// Print the change hash: what reviewers sign
#[derive(Debug, clap::Args)]
#[command(after_help = "It stays the same through squash, rebase and merge queue as long as \
    nobody else\ntouched a file that the change touches. With --landed the exit status is 1 \
    where\nwhat landed is another change.\n\nExamples:\n  countersign hash\n  \
    countersign hash feature\n  countersign hash main..HEAD~1\n  countersign hash v1.2.0\n  \
    countersign hash --document | sha256sum\n  countersign hash feature --landed 41c09aa")]
pub(crate) struct Args {
    /// A..B, A...B, what a branch adds to main, or a commit against its first parent; by default
    /// what the branch adds to the remote's main, and on main the newest commit
    range: Option<String>,
    /// Print the change document, byte for byte: the hash is its SHA-256
    #[arg(long)]
    document: bool,
    /// Write the change document to FILE instead; with --landed, the certificate
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say whether COMMIT (or A..B) landed what was read: exact, carried or different
    #[arg(long, value_name = "COMMIT", conflicts_with = "document")]
    landed: Option<String>,
    /// Unchanged lines that must lie between an edit that was read and one of others
    #[arg(long, value_name = "LINES", default_value_t = 1, requires = "landed",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CARRY_GAP_LINES_MAX)))]
    gap: u32,
}

/// The hash as an answer.
#[derive(Serialize)]
struct Report {
    change: ChangeHash,
    base: Option<Revision>,
    head: Revision,
    paths: usize,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let repository = context.repository()?;
    let named = args.range.as_deref();
    let of_branch = match named {
        Some(text) => history::of_branch(&repository, text)?,
        None => None,
    };
    let branch = named.filter(|_| of_branch.is_some());
    let range = match of_branch {
        Some(range) => range,
        None => history::range(&repository, named)?,
    };
    if let Some(landed) = &args.landed {
        let landed = history::named(&repository, landed)?;
        let output = args.output.as_ref().map(|path| context.environment.resolve(path));
        return landed::run(context, &repository, range, landed, args.gap, output.as_deref());
    }
    let document = repository.document(range.base.as_ref(), &range.head)?;
    if let Some(path) = &args.output {
        write_file(&context.environment.resolve(path), &document.to_bytes())?;
    }
    if args.document && args.output.is_none() {
        context.ui.document(&document.to_bytes());
        return Ok(ExitStatus::Yes);
    }
    let report = Report {
        change: document.hash(),
        base: range.base,
        head: range.head,
        paths: document.rows().len(),
    };
    context.ui.json(&report);
    context.ui.line(&report.change.to_string());
    context.ui.line(&describe(&report, branch));
    Ok(ExitStatus::Yes)
}

/// What the hash is of, in one line.
fn describe(report: &Report, branch: Option<&str>) -> String {
    let base = report.base.as_ref().map_or("the empty tree", Revision::short);
    let paths = match report.paths {
        0 => "nothing changed, so there is nothing to sign".to_owned(),
        1 => "1 path".to_owned(),
        count => format!("{count} paths"),
    };
    let said = format!("of {base}..{}, {paths}", report.head.short());
    match branch {
        Some(branch) => format!("{said}: all that {} adds to main", text::escape(branch)),
        None => said,
    }
}
