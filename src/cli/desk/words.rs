//! The words of a signed statement, which are not in it: beside its file, on their way to the
//! ledger (`spec/statement.md` section 5).

use std::path::{Path, PathBuf};

use super::{Desk, write_envelope, write_file};
use crate::base::limits::OPENINGS_BYTES_MAX;
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::session::SessionError;
use crate::session::check::commitments;
use crate::statement::Statement;
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;

/// The file of the words, beside the statement's.
pub(crate) fn words_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".why");
    name.into()
}

/// Writes an envelope to a file, and beside it the openings of what it commits to, with the line
/// that says so; `-` is standard output, and the words are left out of that.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn write_signed(
    context: &mut Context,
    path: &Path,
    envelope: &Envelope,
    openings: &[Opening],
) -> Result<(), CliError> {
    let file = context.environment.resolve(path);
    write_envelope(&file, envelope)?;
    let named = named(envelope);
    let is_named = |opening: &&Opening| opening.commitment().is_some_and(|id| named.contains(&id));
    let mine: Vec<&Opening> = openings.iter().filter(is_named).collect();
    if path.as_os_str() == "-" {
        if !mine.is_empty() {
            context.ui.note("what is said in words is not in the statement: write it to a file");
        }
        return Ok(());
    }
    let beside = words_file(path);
    if mine.is_empty() {
        // Words of an earlier statement of that name are not this one's.
        let _ = std::fs::remove_file(context.environment.resolve(&beside));
        return Ok(());
    }
    let bytes = serde_json::to_vec(&mine)
        .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
    write_file(&context.environment.resolve(&beside), &bytes)?;
    context
        .ui
        .note(&format!("its words lie beside it, in {}: they go where it goes", beside.display()));
    Ok(())
}

/// The words that lie beside a file. They are taken only if the statement commits to each of
/// them: anybody may have written the file.
///
/// # Errors
/// Where the file cannot be read, or says another thing.
pub(crate) fn words_beside(
    context: &Context,
    file: &Path,
    envelope: &Envelope,
) -> Result<Vec<Opening>, CliError> {
    let beside = words_file(file);
    if file.as_os_str() == "-" || !context.environment.resolve(&beside).is_file() {
        return Ok(Vec::new());
    }
    let bytes = context.read(&beside, OPENINGS_BYTES_MAX)?;
    words_of(&bytes, envelope).ok_or_else(|| {
        CliError::usage(format!("{} is not what was said with it", beside.display()))
            .hint("take the file away, and hand in the statement without it")
    })
}

/// The openings in a file; none where the statement does not commit to each of them.
pub(crate) fn words_of(bytes: &[u8], envelope: &Envelope) -> Option<Vec<Opening>> {
    let named = named(envelope);
    let openings = serde_json::from_slice::<Vec<Opening>>(bytes).ok()?;
    let is_named = |opening: &Opening| opening.commitment().is_some_and(|id| named.contains(&id));
    openings.iter().all(is_named).then_some(openings)
}

/// Keeps the words that lie beside a file in the side store, before the entry that names them.
///
/// # Errors
/// As [`words_beside`], or where they cannot be kept.
pub(crate) fn keep_words(
    context: &Context,
    desk: &Desk,
    file: &Path,
    envelope: &Envelope,
) -> Result<(), CliError> {
    for opening in words_beside(context, file, envelope)? {
        desk.session.openings().put(&opening).map_err(SessionError::from)?;
    }
    Ok(())
}

/// What a statement commits to.
fn named(envelope: &Envelope) -> Vec<crate::base::digest::Commitment> {
    let statement = Statement::parse(envelope.payload());
    let found = statement.map(|statement| commitments(&statement)).unwrap_or_default();
    found.into_iter().map(|(_, commitment)| commitment).collect()
}
