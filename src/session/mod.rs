//! An embedded ledger, opened: its store, its view and its side store together.
//!
//! Everything that a command asks of a ledger goes through a [`Session`]; it holds the ledger's
//! lock until it is dropped.

mod appending;
pub mod backup;
mod beside;
pub mod check;
mod copy;
mod cosigned;
mod error;
mod folder;
pub mod follow;
mod genesis;
mod keys;
mod mirror;
mod part;
mod random;
mod reading;
mod references;
mod replay;
mod restore;
mod said;
mod seen;
mod shown;
mod signing;
mod snapshot;
mod spool;
mod view_file;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::limits::LOCK_WAIT_MILLISECONDS_MAX;
use crate::base::name::MemberId;
use crate::base::position::TreeSize;
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::ledger::admission::Admitter;
use crate::ledger::append::Refusal;
use crate::ledger::head::{check_newest, open_checkpoint};
use crate::ledger::store::{CheckpointFile as _, Store as _};
use crate::note::SignedNote;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::note::key::NoteSigner;
use crate::statement::commitment::EmailSalt;
use crate::statement::governance::Operation;
use crate::statement::{Says, Seen, Statement};
use crate::store::durable;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

use self::copy::Copied;
use self::cosigned::Cosigned;
use self::keys::{check_key_of_size, check_trust, keys_by_size, own_key};
use self::said::Lately;
use self::seen::SeenFile;

pub use self::beside::Beside;
pub use self::copy::{Server, ServerError};
pub use self::cosigned::CosignatureFolder;
pub use self::error::{SessionError, SessionErrorKind};
use self::folder::encode_salt;
pub use self::folder::{LedgerFolder, LedgerKeyFile};
pub use self::genesis::{Beginning, Pending, begin, judge};
pub use self::keys::rotation_of;
pub use self::mirror::{MirrorPlace, MirrorRun, Mirrored, forget_in_mirror};
pub use self::random::{fresh_nonce, random};
pub use self::replay::{StoreLog, replay};
pub use self::restore::{RestoreRequest, Restored, restore};
pub use self::said::Said;
pub use self::seen::{known_owner, newest_seen, remember_owner, seen_checkpoint};
pub use self::signing::{sign, sign_again};
pub use self::spool::{HandedIn, Spool, SpoolName, Spooled};

/// An opened ledger.
#[derive(Debug)]
pub struct Session {
    folder: LedgerFolder,
    /// Shared with those who read on while this appends.
    store: Arc<SledStore>,
    view: Arc<View>,
    checkpoint: VerifiedCheckpoint,
    ledger_key: Option<NoteSigner>,
    key_file: LedgerKeyFile,
    salt: EmailSalt,
    /// The size that the remembered view has.
    remembered: TreeSize,
    seen: Option<SeenFile>,
    /// The mirror that acknowledgements wait for.
    mirror: Option<MirrorPlace>,
    trust: TrustRoot,
    cosigned: Cosigned,
    /// Whether somebody is to use the ledger while this process still runs.
    is_closed_at_the_end: bool,
    /// Whether what was said in words is shown to who reads.
    shows_words: bool,
    /// Where the ledger itself is elsewhere.
    copied: Option<Copied>,
    /// Whether the view is remembered after many entries only, and at the end.
    remembers_seldom: bool,
    /// What was read lately.
    lately: Lately,
}

/// What a session is opened with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The ledger's folder.
    pub folder: &'a Path,
    /// What the ledger must be.
    pub trust: &'a TrustRoot,
    /// The file of the ledger's own key; who cannot read it cannot append.
    pub ledger_key: &'a LedgerKeyFile,
    /// The command, as others are told who wait for the lock.
    pub command: &'a str,
    /// Where the newest tree that this user has seen is kept, outside the ledger's folder.
    pub seen: Option<&'a Path>,
}

/// What a store that is opened is.
#[derive(Debug, Clone, Copy)]
enum Opened<'a> {
    /// The ledger itself.
    Ledger,
    /// A copy that was brought up to this checkpoint, which has the cosignatures that were shown.
    Copy(&'a SignedNote),
    /// A copy as it was left.
    Left,
}

/// How a ledger is told that is not there: whoever has seen it before is not to begin another.
fn missing(opening: &Opening<'_>) -> Result<SessionError, SessionError> {
    let folder = opening.folder.to_owned();
    let known = opening.seen.map(newest_seen).transpose()?.flatten();
    Ok(match known {
        Some(Seen { size, .. }) => SessionError::Gone { folder, size },
        None => SessionError::NoLedger { folder },
    })
}

impl Session {
    /// Opens a ledger: waits for its lock, checks its head against the checkpoint file and the
    /// trust root, and folds what the view does not hold yet.
    ///
    /// # Errors
    /// [`SessionError`] where there is none, it is in use, or something does not verify.
    pub fn open(opening: &Opening<'_>) -> Result<Self, SessionError> {
        let folder = LedgerFolder::new(opening.folder);
        if !folder.exists()? {
            return Err(missing(opening)?);
        }
        folder.check_store()?;
        let ledger_key = opening.ledger_key.read()?;
        let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
        let store = SledStore::open(opening.folder, opening.command, wait)?;
        Self::over(opening, folder, store, ledger_key, Opened::Ledger)
    }

    /// Opens what is in a store.
    fn over(
        opening: &Opening<'_>,
        folder: LedgerFolder,
        store: SledStore,
        ledger_key: Option<NoteSigner>,
        opened: Opened<'_>,
    ) -> Result<Self, SessionError> {
        let Some(head) = store.head()? else {
            folder.check_unused()?;
            return Err(missing(opening)?);
        };
        durable::sweep(folder.path(), &["checkpoint", "view.json", "email-salt"]);
        let view = match &ledger_key {
            Some(key) => view_file::load(&folder, key, &store, head.size),
            None => None,
        };
        let view = view.unwrap_or_default();
        let remembered = view.size();
        let view = replay::catch_up(view, &store, head.size)?;
        let keys = check_trust(&view, opening.trust)?;
        let origin = opening.trust.origin().as_str();
        let checkpoint = open_checkpoint(head.checkpoint.as_bytes(), origin, &keys)
            .map_err(|error| SessionError::integrity("the signed checkpoint", error.to_string()))?;
        if (checkpoint.size(), *checkpoint.root()) != (head.size, head.root) {
            return Err(SessionError::integrity("the signed checkpoint", "is of another tree"));
        }
        check_key_of_size(&view, head.checkpoint.as_bytes(), head.size)?;
        let ledger_key = own_key(ledger_key, &keys, opening.ledger_key)?;
        let newest = folder.newest_checkpoint()?;
        if !check_newest(&store, newest.as_deref(), &checkpoint, origin, &keys)? {
            // A crash between commit and file left it behind; what it says next must be true.
            folder.checkpoint_file().store(head.checkpoint.as_bytes())?;
        }
        let by_size = keys_by_size(&view)?;
        let seen = match opening.seen {
            Some(path) => {
                let is_left = matches!(opened, Opened::Left);
                Some(SeenFile::check(path, &store, &checkpoint, &by_size, is_left)?)
            }
            None => None,
        };
        let cosignatures = CosignatureFolder::of(opening.folder);
        let cosigned = cosignatures.load(&store, opening.trust, &by_size, &checkpoint)?;
        let checkpoint = cosigned.head(checkpoint);
        let salt = folder.email_salt()?;
        if view.ledger().is_some_and(|ledger| ledger.salt != salt.commitment()) {
            return Err(SessionError::integrity("the e-mail salt", "is not this ledger's"));
        }
        let key_file = opening.ledger_key.clone();
        let mut session = Self {
            folder,
            store: Arc::new(store),
            view: Arc::new(view),
            checkpoint,
            ledger_key,
            key_file,
            salt,
            remembered,
            seen,
            mirror: None,
            trust: opening.trust.clone(),
            cosigned,
            is_closed_at_the_end: false,
            shows_words: true,
            copied: None,
            remembers_seldom: false,
            lately: Lately::default(),
        };
        if let Opened::Copy(note) = opened {
            session.take_up_cosignatures(note)?;
        }
        if remembered != session.size() {
            session.save_view();
        }
        Ok(session)
    }

    /// The state of the ledger.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The newest signed checkpoint, with the cosignatures that it has.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The salt of e-mail digests.
    #[must_use]
    pub const fn salt(&self) -> &EmailSalt {
        &self.salt
    }

    /// The folder of the ledger.
    #[must_use]
    pub const fn folder(&self) -> &LedgerFolder {
        &self.folder
    }

    /// The store, for checks that read everything.
    #[must_use]
    pub fn store(&self) -> &SledStore {
        &self.store
    }

    /// Does in a quiet moment what would make an append wait otherwise.
    ///
    /// # Errors
    /// [`SessionError`] where the store cannot be opened anew; the next call tries again.
    pub fn use_quiet_moment(&self) -> Result<(), SessionError> {
        Ok(self.store.shorten_log()?)
    }

    /// Required files of the side store.
    #[must_use]
    pub fn blobs(&self) -> Blobs {
        let here = self.blobs_here();
        match self.server() {
            Some(server) => here.backed_by(server),
            None => here,
        }
    }

    /// Optional openings of commitments.
    #[must_use]
    pub fn openings(&self) -> Openings {
        if !self.shows_words {
            return Openings::withheld();
        }
        let here = self.openings_here();
        match self.server() {
            Some(server) => here.backed_by(server),
            None => here,
        }
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.view.size()
    }

    /// Whether the ledger's own key is here, without which nothing can be appended.
    #[must_use]
    pub const fn can_append(&self) -> bool {
        self.ledger_key.is_some()
    }

    /// Whether operations of governance are possible on the newest state, whoever signs them.
    ///
    /// # Errors
    /// The [`Refusal`] that the ledger would give.
    pub fn check_operations(&self, operations: &[Operation]) -> Result<(), Refusal> {
        let mut view = View::clone(&self.view);
        let log = StoreLog::new(&*self.store);
        let index = self.size().next_index();
        Admitter::new(&mut view, &log).check_operations(operations, index)
    }

    /// A statement by `by`, for this ledger, resting on its newest checkpoint.
    #[must_use]
    pub fn statement(&self, by: &MemberId, says: Says) -> Statement {
        let seen = Seen { size: self.checkpoint.size(), root: *self.checkpoint.root() };
        Statement {
            ledger: self.view.ledger().map(|ledger| ledger.id),
            by: by.clone(),
            nonce: fresh_nonce(),
            seen: Some(seen),
            says,
        }
    }

    /// Ends the session without the milliseconds that closing the store takes: all is durable.
    /// The lock is held until the process ends, unless [`Session::close_at_the_end`] was called.
    pub fn leak(self) {
        if !self.is_closed_at_the_end {
            std::mem::forget(self.store);
        }
    }

    /// Has [`Session::leak`] let others use the ledger at once: this process has more to do.
    pub const fn close_at_the_end(&mut self) {
        self.is_closed_at_the_end = true;
    }
}
