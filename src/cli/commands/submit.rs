//! `submit`: signed statements handed in.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::init::genesis;
use crate::base::limits::{COMMIT_ENTRIES_MAX, ENVELOPE_BYTES_MAX};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, keep_words};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::said;
use crate::cli::ui::Role;
use crate::session::SessionError;
use crate::statement::envelope::Envelope;
use crate::statement::{Says, Statement};

/// Hand in signed statements
///
/// Whoever signed them: the ledger judges each by itself, and the same statement again does no
/// harm.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign submit approval.json\n  \
    countersign submit - < approval.json")]
pub(crate) struct Args {
    /// Envelopes; - is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// What became of a file.
#[derive(Serialize)]
struct Row {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    is_new: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if args.files.len() > COMMIT_ENTRIES_MAX {
        return Err(CliError::usage(format!("at most {COMMIT_ENTRIES_MAX} files at once"))
            .hint("hand them in in several goes"));
    }
    // All are read before any is handed in: a misspelt name changes nothing.
    let envelopes: Vec<Envelope> =
        args.files.iter().map(|file| read(context, file)).collect::<Result<_, _>>()?;
    for envelope in &envelopes {
        let Ok(statement) = Statement::parse(envelope.payload()) else { continue };
        // Entry 0 of a ledger that is there already is as any other statement.
        let Some((begins, _)) = genesis::of(&statement) else { continue };
        if !genesis::waits(context, &begins.origin)? && context.has_ledger()? {
            continue;
        }
        if envelopes.len() > 1 {
            return Err(CliError::usage("entry 0 is handed in alone")
                .hint("there is no ledger before it: hand the other files in afterwards"));
        }
        return genesis::submit(context, envelope, &statement);
    }
    let mut desk = context.desk("submit")?;
    for (file, envelope) in args.files.iter().zip(&envelopes) {
        keep_words(context, &desk, file, envelope)?;
        keep_documents(&desk, envelope)?;
    }
    let size = desk.session.size();
    let receipts = desk.session.append(context.now(), &envelopes)?;
    let mut status = ExitStatus::Yes;
    let mut rows = Vec::new();
    for ((file, envelope), receipt) in args.files.iter().zip(&envelopes).zip(receipts) {
        let file = file.display().to_string();
        match receipt {
            Ok(receipt) => {
                let is_new = !size.covers(receipt.index);
                let word = if is_new { "TAKEN UP" } else { "KNOWN" };
                let said = what(&desk, envelope);
                let rest = if is_new {
                    format!("entry {}: {said}", receipt.index)
                } else {
                    format!("entry {} already: {said}", receipt.index)
                };
                context.ui.lead(Role::Good, word, &rest);
                rows.push(Row { file, entry: Some(receipt.index), is_new, refused: None });
            }
            Err(refusal) => {
                let mut error = CliError::from(&refusal);
                error.message = format!("{file}: {}", error.message);
                if error.hints.is_empty() {
                    error = error.hint("nothing of it was taken up; sign it anew once mended");
                }
                status = status.combine(error.print(&mut context.ui));
                rows.push(Row { file, entry: None, is_new: false, refused: Some(refusal.code) });
            }
        }
    }
    context.ui.json(&rows);
    Ok(status)
}

/// An envelope in a file.
///
/// # Errors
/// Where it cannot be read or is none.
pub(in crate::cli::commands) fn read(context: &Context, file: &Path) -> Result<Envelope, CliError> {
    let bytes = context.read(file, ENVELOPE_BYTES_MAX)?;
    Envelope::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no signed statement: {error}", file.display()))
            .hint("hand in what a command wrote with -o FILE")
    })
}

/// Keeps the changes that were signed elsewhere, where they are here to be read: by their documents
/// later versions are compared with them. What is not here, or is another change, is left out: the
/// sign-off counts without.
fn keep_documents(desk: &Desk, envelope: &Envelope) -> Result<(), CliError> {
    let Some(repository) = &desk.repository else { return Ok(()) };
    let Ok(Statement { says: Says::Approval(said), .. }) = Statement::parse(envelope.payload())
    else {
        return Ok(());
    };
    for row in &said.rows {
        let Some(head) = &row.head else { continue };
        let Ok(document) = repository.document(row.base.as_ref(), head) else { continue };
        if document.hash().as_bytes() == row.hash.as_bytes() {
            desk.session.blobs().put(&document.to_bytes()).map_err(SessionError::from)?;
        }
    }
    Ok(())
}

/// What was said by whom, in words.
fn what(desk: &Desk, envelope: &Envelope) -> String {
    match Statement::parse(envelope.payload()) {
        Ok(statement) => {
            format!("{} by {}", said::kind(&statement.says), desk.names().of(&statement.by))
        }
        Err(error) => error.to_string(),
    }
}
