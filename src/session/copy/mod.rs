//! The copy of a ledger that a server answers for (`spec/server.md` section 7).
//!
//! A copy is the folder of a ledger without the ledger's own key: it is opened, read and checked
//! like one. Before a command reads it, it is brought up to the server's checkpoint; what a command
//! appends is handed in at the server.

mod complete;
mod hand_in;
mod server;
mod sync;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::sync::bring_up;
use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::random::random;
use super::shown::Copying;
use super::{CosignatureFolder, Opened, Opening, Session, keys, replay};
use crate::base::limits::{LOCK_WAIT_MILLISECONDS_MAX, URL_BYTES_MAX};
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::ledger::head::open_checkpoint;
use crate::ledger::store::{Store as _, StoreError};
use crate::note::SignedNote;
use crate::note::checkpoint::Checkpoint;
use crate::note::key::NoteSigner;
use crate::store::durable::{self, MODE_PRIVATE};
use crate::store::lock::LedgerLock;
use crate::store::sled::SledStore;
use crate::view::View;

pub use self::server::{Server, ServerError};

/// The file of the copy's own secret, under which its view is remembered.
const SECRET_FILE: &str = "secret";
/// The file that says which server a copy is of; `config` reads it.
const URL_FILE: &str = "url";

/// What makes a session one over a copy.
#[derive(Debug, Clone)]
pub(super) struct Copied {
    /// Who answers; none where the copy is read as it was left.
    server: Option<Arc<Server>>,
    /// Vouches for the copy's memory of its view.
    pub(super) secret: NoteSigner,
}

impl Session {
    /// Opens the copy of a ledger that a server answers for, in the folder that `opening` names:
    /// brings it up to what the server shows, and opens it like a ledger.
    ///
    /// # Errors
    /// [`SessionError`] where the server cannot be reached, shows another history than before, or
    /// something does not verify.
    pub fn open_copy(opening: &Opening<'_>, server: Server) -> Result<Self, SessionError> {
        durable::create_folder(opening.folder)?;
        let folder = LedgerFolder::new(opening.folder);
        let damaged = |error| SessionError::of_copy(opening.folder, error);
        let (file, secret) = secret(opening.folder, opening.trust.origin().as_str())?;
        let opening = &Opening { ledger_key: &file, ..*opening };
        let server = Arc::new(server);
        // Nobody waits for the copy while this one waits for the server.
        let mut shown = server.checkpoint()?;
        let store = loop {
            let store = open_store(opening).map_err(|error| damaged(error.into()))?;
            if is_behind(&shown, &store)? {
                shown = server.checkpoint()?;
            }
            let copying = Copying { store: &store, folder: &folder, trust: opening.trust };
            if bring_up(&copying, &server, &shown).map_err(damaged)? {
                break store;
            }
            drop(store);
            clear(opening)?;
        };
        remember_url(opening.folder, server.url())?;
        if folder.email_salt().is_err() {
            folder.write_email_salt(&server.salt()?)?;
        }
        let mut session =
            Self::over(opening, folder, store, Some(secret.clone()), Opened::Copy(&shown))
                .map_err(damaged)?;
        session.copied = Some(Copied { server: Some(server), secret });
        if session.remembered != session.size() {
            session.save_view();
        }
        Ok(session)
    }

    /// Opens the copy as it was left, without the server: what was verified then.
    ///
    /// # Errors
    /// [`SessionError::NoLedger`] where there is no whole copy, and as [`Session::open`].
    pub fn open_copy_as_left(opening: &Opening<'_>) -> Result<Self, SessionError> {
        let folder = LedgerFolder::new(opening.folder);
        let none = || SessionError::NoLedger { folder: opening.folder.to_owned() };
        if folder.newest_checkpoint()?.is_none() {
            return Err(none());
        }
        let damaged = |error| SessionError::of_copy(opening.folder, error);
        let (file, secret) = secret(opening.folder, opening.trust.origin().as_str())?;
        let opening = &Opening { ledger_key: &file, ..*opening };
        let store = open_store(opening).map_err(|error| damaged(error.into()))?;
        if store.head()?.is_none_or(|head| head.checkpoint.is_empty()) {
            return Err(none());
        }
        let mut session = Self::over(opening, folder, store, Some(secret.clone()), Opened::Left)
            .map_err(damaged)?;
        session.copied = Some(Copied { server: None, secret });
        Ok(session)
    }

    /// Whether this is a copy, and the ledger itself is elsewhere.
    #[must_use]
    pub const fn is_copy(&self) -> bool {
        self.copied.is_some()
    }

    /// The server that answers for the ledger, where one does.
    pub(super) fn server(&self) -> Option<Arc<Server>> {
        self.copied.as_ref().and_then(|copied| copied.server.clone())
    }

    /// Whether the server of a copy keeps words from the token, among those that were asked for.
    #[must_use]
    pub fn denies_words(&self) -> bool {
        self.server().is_some_and(|server| server.denies())
    }

    /// Brings a copy up to what its server shows now; any other ledger is what it is.
    ///
    /// # Errors
    /// As [`Session::open_copy`].
    pub fn refresh(&mut self) -> Result<(), SessionError> {
        self.server().map_or(Ok(()), |server| self.follow(&server))
    }

    /// Brings an opened copy up to what the server shows now.
    pub(super) fn follow(&mut self, server: &Arc<Server>) -> Result<(), SessionError> {
        let copying = Copying { store: &self.store, folder: &self.folder, trust: &self.trust };
        let note = server.checkpoint()?;
        if !bring_up(&copying, server, &note)? {
            return Ok(());
        }
        let Some(head) = self.store.head()? else { return Ok(()) };
        if head.size == self.size() {
            return self.take_up_cosignatures(&note);
        }
        let view = replay::catch_up(View::clone(&self.view), &*self.store, head.size)?;
        self.view = Arc::new(view);
        let origin = self.trust.origin().as_str();
        let known = keys::ledger_keys(&self.view)?;
        self.checkpoint = open_checkpoint(head.checkpoint.as_bytes(), origin, &known)
            .map_err(|error| SessionError::integrity("the signed checkpoint", error.to_string()))?;
        keys::check_key_of_size(&self.view, head.checkpoint.as_bytes(), head.size)?;
        self.take_up_cosignatures(&note)?;
        if let Some(seen) = &mut self.seen {
            seen.remember(&self.checkpoint)?;
        }
        self.save_view();
        Ok(())
    }

    /// Keeps the cosignatures that came with a checkpoint.
    pub(super) fn take_up_cosignatures(&mut self, note: &SignedNote) -> Result<(), SessionError> {
        let by_size = keys::keys_by_size(&self.view)?;
        let cosignatures = CosignatureFolder::of(self.folder.path());
        if note.signatures().len() > 1 && note.text() == self.checkpoint.note().text() {
            cosignatures.add(&self.trust, &by_size, &self.checkpoint, note.signatures())?;
        }
        self.cosigned = cosignatures.load(&*self.store, &self.trust, &by_size, &self.checkpoint)?;
        self.checkpoint = self.cosigned.head(self.checkpoint.clone());
        Ok(())
    }

    /// Required files that lie in this folder, wherever else there may be more.
    pub(super) fn blobs_here(&self) -> Blobs {
        Blobs::new(self.folder.path()).counted(self.lately.files_kept())
    }

    /// Openings that lie in this folder.
    pub(super) fn openings_here(&self) -> Openings {
        Openings::new(self.folder.path())
    }
}

fn open_store(opening: &Opening<'_>) -> Result<SledStore, StoreError> {
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    SledStore::open(opening.folder, opening.command, wait)
}

/// Whether a checkpoint was asked for before another process brought the copy further.
fn is_behind(shown: &SignedNote, store: &SledStore) -> Result<bool, StoreError> {
    let shown = shown.text().parse::<Checkpoint>().ok().map(|shown| shown.size);
    Ok(store.head()?.is_some_and(|head| shown < Some(head.size)))
}

/// Takes away what a download left that was broken off.
fn clear(opening: &Opening<'_>) -> Result<(), StoreError> {
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    let _lock = LedgerLock::take(&opening.folder.join("lock"), opening.command, wait)?;
    for name in ["checkpoint", "view.json"] {
        durable::remove(&opening.folder.join(name))?;
    }
    let store = opening.folder.join("sled");
    std::fs::remove_dir_all(&store)
        .map_err(|error| durable::failed("cannot remove", &store, &error))
}

/// The copy's own secret, made once, and its file.
fn secret(folder: &Path, origin: &str) -> Result<(LedgerKeyFile, NoteSigner), SessionError> {
    let file = LedgerKeyFile::new(folder.join(SECRET_FILE));
    if let Some(secret) = file.read()? {
        return Ok((file, secret));
    }
    let seed = zeroize::Zeroizing::new(random::<32>());
    let secret = NoteSigner::new(origin, &seed)
        .map_err(|error| SessionError::integrity("the origin", error.to_string()))?;
    file.create(&secret)?;
    // Another process may have been faster.
    let secret = file.read()?.unwrap_or(secret);
    Ok((file, secret))
}

/// Says in the copy which server it is of, so that the URL alone leads to it.
fn remember_url(folder: &Path, url: &str) -> Result<(), StoreError> {
    let file = folder.join(URL_FILE);
    let line = format!("{url}\n");
    if durable::read(&file, URL_BYTES_MAX + 1)?.as_deref() == Some(line.as_bytes()) {
        return Ok(());
    }
    durable::replace(&file, line.as_bytes(), MODE_PRIVATE)
}
