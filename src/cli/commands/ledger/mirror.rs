//! `ledger mirror`: a verified copy as plain files.

use std::path::Path;

use serde::Serialize;

use crate::base::limits::NOTE_BYTES_MAX;
use crate::base::position::TreeSize;
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Role;
use crate::ledger::store::StoreError;
use crate::ledger::tiles::CHECKPOINT_NAME;
use crate::store::durable;
use crate::store::mirror::mirror;

#[derive(Serialize)]
struct Answer<'a> {
    origin: &'a str,
    folder: String,
    had: TreeSize,
    size: TreeSize,
    files_written: u64,
}

pub(super) fn run(context: &mut Context, to: &Path) -> Result<ExitStatus, CliError> {
    let folder = context.environment.resolve(to);
    let desk = context.desk("ledger mirror")?;
    let session = &desk.session;
    let note = durable::read(&folder.join(CHECKPOINT_NAME), NOTE_BYTES_MAX)
        .map_err(|error| failed(&error))?;
    let had = match note {
        Some(note) => session.earlier(&note, "the checkpoint of the mirror").map_err(|error| {
            CliError::from(error).hint("keep that folder as it is, and mirror to another")
        })?,
        None => TreeSize::default(),
    };
    let checkpoint = session.checkpoint();
    let files_written =
        mirror(session.store(), had, checkpoint, &folder).map_err(|error| failed(&error))?;
    let (origin, size) = (desk.trust.origin().as_str(), checkpoint.size());
    let files = if files_written == 1 { "file" } else { "files" };
    let says = format!("{} has all {size} entries: {files_written} {files} written", to.display());
    context.ui.lead(Role::Good, "DONE", &says);
    let folder = folder.display().to_string();
    context.ui.json(&Answer { origin, folder, had, size, files_written });
    Ok(ExitStatus::Yes)
}

fn failed(error: &StoreError) -> CliError {
    let kind = match error {
        StoreError::Integrity { .. } => ErrorKind::Integrity,
        StoreError::Unavailable { .. } => ErrorKind::Unavailable,
    };
    let hint = match kind {
        ErrorKind::Integrity => "countersign ledger check says what is wrong, if it is the ledger",
        _ => "name a folder that can be written",
    };
    CliError::from_error(kind, error).hint(hint)
}
