//! Bringing a copy up to what its server shows.

use std::sync::Arc;

use super::server::{ServedFiles, Server};
use crate::note::SignedNote;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::session::error::SessionError;
use crate::session::shown::{Copying, FollowError};
use crate::store::mirror::MirrorStore;

/// Takes up what is new up to the checkpoint that the server shows. False where what a broken
/// download left has to be taken away first.
///
/// # Errors
/// [`SessionError`]: nobody answers; or the server shows a shorter or another history than the
/// copy has, or what it shows does not add up. Then nothing of it is kept.
pub(super) fn bring_up(
    copy: &Copying<'_>,
    server: &Arc<Server>,
    note: &SignedNote,
) -> Result<bool, SessionError> {
    let files = Box::new(ServedFiles(Arc::clone(server)));
    let shown = MirrorStore::showing(files, note, "the checkpoint").map_err(FollowError::of_shown);
    let outcome = shown.and_then(|shown| {
        if copy.is_astray(&shown)? {
            return Ok(false);
        }
        copy.take_up(&shown).map(|()| true)
    });
    outcome.map_err(|error| told(error, server.url()))
}

/// Why the copy is not what the server shows.
fn told(error: FollowError, url: &str) -> SessionError {
    match error {
        FollowError::Failed(error) => error,
        FollowError::Broken { place, why } => {
            let what = format!("what the server at {url} shows");
            SessionError::integrity(what, format!("{place}: {why}"))
        }
        FollowError::RolledBack { had, shown } => {
            let note = |checkpoint: &VerifiedCheckpoint| Box::new(checkpoint.note().clone());
            SessionError::RolledBack { url: url.to_owned(), had: note(&had), shown: note(&shown) }
        }
        FollowError::Forked { had, fork, .. } => {
            let size = had.size();
            let why = format!(
                "has another history than the {size} entries that were read from {url} before"
            );
            match fork {
                Some(fork) => SessionError::Fork { why, fork },
                None => SessionError::Forked(format!("the ledger {why}")),
            }
        }
    }
}
