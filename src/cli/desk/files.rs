//! Answers and envelopes as files: whole, or not at all.

use std::path::Path;

use crate::base::limits::ENVELOPE_BYTES_MAX;
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::statement::envelope::Envelope;
use crate::store::durable;

/// Writes an envelope to a file, for somebody else to hand in: `countersign submit FILE`.
///
/// # Errors
/// Where the file cannot be written.
pub(crate) fn write_envelope(path: &Path, envelope: &Envelope) -> Result<(), CliError> {
    let mut bytes = envelope.to_canonical();
    bytes.push(b'\n');
    write_file(path, &bytes)
}

/// Writes an answer to a file, whole or not at all; `-` is standard output.
///
/// # Errors
/// Where the file cannot be written, its folder is missing, or something else than a file is
/// there: a device would be replaced by a file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if path.as_os_str() == "-" {
        let written = crate::cli::ui::write_out(bytes);
        return written.map_err(|error| CliError::file("write", path, &error));
    }
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(CliError::usage(format!("{} is not a file", path.display()))
            .hint("name a file, or - for standard output"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::read_dir(folder).map_err(|error| {
            CliError::file("write", path, &error).hint("name a file in a folder that is there")
        })?;
    }
    durable::replace(path, bytes, durable::MODE_SHARED)
        .map_err(|error| CliError::from_error(ErrorKind::Unavailable, &error))
}

/// An envelope in a file.
///
/// # Errors
/// Where it cannot be read or is none.
pub(crate) fn read_envelope(context: &Context, file: &Path) -> Result<Envelope, CliError> {
    let bytes = context.read(file, ENVELOPE_BYTES_MAX)?;
    Envelope::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no signed statement: {error}", file.display()))
            .hint("hand in what a command wrote with -o FILE")
    })
}
