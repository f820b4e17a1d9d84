//! `submit`: signed statements handed in, to a ledger or to an inbox.

mod leave;
mod parcel;
mod receipts;
mod spooled;
mod take_up;

use std::path::PathBuf;

use serde::Serialize;

use super::init::genesis;
use crate::base::limits::COMMIT_ENTRIES_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::desk::{Desk, keep_words, read_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::rotation::Rotation;
use crate::cli::said;
use crate::cli::ui::{Role, Ui};
use crate::ledger::receipt::Receipt;
use crate::session::SessionError;
use crate::statement::Statement;
use crate::statement::envelope::Envelope;

/// Hand in signed statements
///
/// Whoever signed them: the ledger judges each by itself, and the same statement again does no
/// harm. Where the ledger cannot be reached, an inbox in the code's own repository takes them: who
/// signed leaves files there, and the job that owns the ledger takes them up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign submit approval.json\n  \
    countersign submit - < approval.json\n  \
    countersign submit approval.json --inbox origin   leave it, or ask what became of it\n  \
    countersign submit --inbox origin                 take up what was left\n  \
    countersign submit --spooled                      hand in what waits here")]
pub(crate) struct Args {
    /// Envelopes; - is standard input
    #[arg(required_unless_present_any = ["inbox", "spooled"])]
    files: Vec<PathBuf>,
    /// Leave the files in the inbox of this remote; without a file, take up what was left
    #[arg(long, value_name = "REMOTE")]
    inbox: Option<String>,
    /// Where the ledger's key was replaced, the proof of that: what rotate-key wrote
    #[arg(long, value_name = "FILE", requires_all = ["inbox", "files"])]
    rotated: Vec<PathBuf>,
    /// Hand in what was signed while the ledger was away
    #[arg(long, conflicts_with_all = ["files", "inbox"])]
    spooled: bool,
}

/// What became of a file.
#[derive(Serialize)]
struct Row {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    is_new: bool,
    /// The proof of another ledger key.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Row {
    /// What was taken up, now or before: `size` is that of the ledger before now.
    fn of(file: String, size: TreeSize, receipt: &Receipt) -> Self {
        let is_new = !size.covers(receipt.index);
        Self { file, entry: Some(receipt.index), is_new, proof: None, refused: None }
    }

    /// Tells that it was taken up, `said` being what it says.
    fn tell(&self, ui: &mut Ui, said: &str) {
        let Some(entry) = self.entry else { return };
        let (word, rest) = if self.is_new {
            ("TAKEN UP", format!("entry {entry}: {said}"))
        } else {
            ("KNOWN", format!("entry {entry} already: {said}"))
        };
        ui.lead(Role::Good, word, &rest);
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if args.files.len() > COMMIT_ENTRIES_MAX {
        return Err(CliError::usage(format!("at most {COMMIT_ENTRIES_MAX} files at once"))
            .hint("hand them in in several goes"));
    }
    if args.spooled {
        return spooled::run(context);
    }
    if let Some(remote) = &args.inbox {
        return match args.files.as_slice() {
            [] => take_up::take_up(context, remote),
            files => leave::leave(context, files, remote, &args.rotated),
        };
    }
    // All are read before any is handed in: a misspelt name changes nothing.
    let envelopes: Vec<Envelope> =
        args.files.iter().map(|file| read_envelope(context, file)).collect::<Result<_, _>>()?;
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
    let receipts = desk.append(context.now(), &envelopes)?;
    let mut status = ExitStatus::Yes;
    let mut rows = Vec::new();
    for ((file, envelope), receipt) in args.files.iter().zip(&envelopes).zip(receipts) {
        let file = file.display().to_string();
        match receipt {
            Ok(receipt) => {
                let mut row = Row::of(file, size, &receipt);
                row.tell(&mut context.ui, &what(&desk, envelope));
                if let Some(rotation) = Rotation::proved(context, &desk, envelope, &receipt) {
                    rotation.tell(&mut context.ui);
                    row.proof = rotation.file();
                }
                rows.push(row);
            }
            Err(refusal) => {
                let mut error = CliError::from(&refusal);
                error.message = format!("{file}: {}", error.message);
                if error.hints.is_empty() {
                    error = error.hint(after_refusal(&refusal.code, &file));
                }
                status = status.combine(error.print(&mut context.ui));
                let refused = Some(refusal.code);
                rows.push(Row { file, entry: None, is_new: false, proof: None, refused });
            }
        }
    }
    context.ui.json(&rows);
    Ok(status)
}

/// What to do about a file that a ledger elsewhere refused: no hint comes with its word.
fn after_refusal(code: &str, file: &str) -> String {
    match code {
        "THRESHOLD" | "OWN_SIGNATURE" => {
            format!("another admin signs it: countersign sign {file}, then submit it again")
        }
        "KEY_REVOKED" => {
            "sign it anew with a key in force: an admin enrolls one with `countersign key enroll`"
                .to_owned()
        }
        _ => "nothing of it was taken up; sign it anew once mended".to_owned(),
    }
}

/// Keeps the changes that were signed elsewhere, where they are here to be read.
fn keep_documents(desk: &Desk, envelope: &Envelope) -> Result<(), CliError> {
    let Some(repository) = &desk.repository else { return Ok(()) };
    for (_, document) in parcel::documents(envelope, repository) {
        desk.session.blobs().put(&document).map_err(SessionError::from)?;
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
