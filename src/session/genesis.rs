//! The beginning of a ledger: its key, its salt, and entry 0.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::random::{fresh_nonce, random};
use super::replay::StoreLog;
use crate::base::digest::StatementId;
use crate::base::encoding;
use crate::base::limits::{LOCK_WAIT_MILLISECONDS_MAX, PENDING_BYTES_MAX};
use crate::base::name::{MemberId, Origin, RepositoryName};
use crate::base::time::Timestamp;
use crate::key::KeyId;
use crate::ledger::admission::Admitter;
use crate::ledger::append::Ledger;
use crate::note::key::NoteSigner;
use crate::statement::commitment::{EmailSalt, Opening};
use crate::statement::envelope::Envelope;
use crate::statement::governance::{Genesis, Governance, Operation};
use crate::statement::{Says, Statement};
use crate::store::durable;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// A ledger that is about to begin: entry 0 can be shown, signed, and only then made.
#[derive(Debug)]
pub struct Beginning {
    origin: Origin,
    key: NoteSigner,
    salt: EmailSalt,
}

impl Beginning {
    /// A ledger of that origin with a fresh key and salt, in memory only.
    ///
    /// # Errors
    /// [`SessionError`] where the origin cannot name a key.
    pub fn new(origin: &Origin) -> Result<Self, SessionError> {
        let seed = zeroize::Zeroizing::new(random::<32>());
        let key = NoteSigner::new(origin.as_str(), &seed)
            .map_err(|error| SessionError::integrity("the origin", error.to_string()))?;
        Ok(Self { origin: origin.clone(), key, salt: EmailSalt::from_bytes(random()) })
    }

    /// The salt of e-mail digests, which member operations need.
    #[must_use]
    pub const fn salt(&self) -> &EmailSalt {
        &self.salt
    }

    /// Entry 0 to be signed by every admin: `by` proposes.
    #[must_use]
    pub fn statement(&self, by: &MemberId, operations: Vec<Operation>) -> Statement {
        let genesis = Genesis {
            origin: self.origin.clone(),
            ledger_key: self.key.verifier_key().to_string(),
            salt: self.salt.commitment(),
        };
        Statement {
            ledger: None,
            by: by.clone(),
            nonce: fresh_nonce(),
            seen: None,
            says: Says::Governance(Governance { genesis: Some(genesis), base: None, operations }),
        }
    }
}

/// Judges entry 0 as the ledger will, and makes nothing.
///
/// # Errors
/// The refusal, as a [`SessionError`].
pub fn judge(genesis: &Envelope, now: Timestamp) -> Result<(), SessionError> {
    let mut view = View::default();
    let memory = crate::store::memory::MemoryStore::default();
    let trial_log = StoreLog::new(&memory);
    crate::ledger::append::Admission::admit(
        &mut Admitter::new(&mut view, &trial_log),
        crate::base::position::EntryIndex::new(0),
        now,
        &genesis.to_canonical(),
    )?;
    Ok(())
}

/// A ledger whose entry 0 is being signed by several admins: what is kept until all have, on the
/// machine that will run it. The file holds the ledger's key and has mode 0600.
#[derive(Debug)]
pub struct Pending {
    /// Key and salt.
    pub beginning: Beginning,
    /// The statement that is being signed.
    pub statement: StatementId,
    /// What its commitments open to.
    pub openings: Vec<Opening>,
    /// Where the ledger will be.
    pub folder: PathBuf,
    /// The folder of the repository's objects, as settings name it.
    pub repository_folder: PathBuf,
    /// How the policy calls the repository.
    pub repository: RepositoryName,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingFile {
    origin: Origin,
    ledger_key: String,
    salt: String,
    statement: StatementId,
    openings: Vec<Opening>,
    folder: PathBuf,
    repository_folder: PathBuf,
    repository: RepositoryName,
}

impl Pending {
    /// Keeps it in a file, never over another; `false` where there is one.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be written.
    pub fn create(&self, file: &Path) -> Result<bool, SessionError> {
        let text = PendingFile {
            origin: self.beginning.origin.clone(),
            ledger_key: self.beginning.key.to_text().trim_end().to_owned(),
            salt: encoding::hex(self.beginning.salt.as_bytes()),
            statement: self.statement,
            openings: self.openings.clone(),
            folder: self.folder.clone(),
            repository_folder: self.repository_folder.clone(),
            repository: self.repository.clone(),
        };
        let bytes = serde_json::to_vec(&text)
            .map_err(|error| SessionError::integrity("a beginning", error.to_string()))?;
        if let Some(folder) = file.parent() {
            durable::create_folder(folder)?;
        }
        Ok(durable::create_new(file, &zeroize::Zeroizing::new(bytes), 0o600)?)
    }

    /// Reads it back; none where there is none.
    ///
    /// # Errors
    /// [`SessionError`] where the file cannot be read, or is damaged.
    pub fn read(file: &Path) -> Result<Option<Self>, SessionError> {
        let Some(bytes) = durable::read(file, PENDING_BYTES_MAX)? else { return Ok(None) };
        let bytes = zeroize::Zeroizing::new(bytes);
        let damaged = || SessionError::integrity(format!("the file {}", file.display()), "damaged");
        let text: PendingFile = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let key = NoteSigner::from_text(&text.ledger_key).map_err(|_| damaged())?;
        let salt = encoding::unhex_array(&text.salt).map_err(|_| damaged())?;
        let salt = EmailSalt::from_bytes(salt);
        Ok(Some(Self {
            beginning: Beginning { origin: text.origin, key, salt },
            statement: text.statement,
            openings: text.openings,
            folder: text.folder,
            repository_folder: text.repository_folder,
            repository: text.repository,
        }))
    }
}

/// Makes the ledger: folder, salt, key file, and entry 0. Gives its trust root, `admins` being
/// the fingerprints that people compare.
///
/// # Errors
/// [`SessionError`]; where a ledger or key is there already, nothing is changed.
pub fn begin(
    beginning: &Beginning,
    folder: &Path,
    key_file: &LedgerKeyFile,
    genesis: &Envelope,
    admins: &[KeyId],
    now: Timestamp,
) -> Result<TrustRoot, SessionError> {
    let place = LedgerFolder::new(folder);
    if place.exists()? {
        return Err(SessionError::Exists { path: folder.to_owned() });
    }
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    // Entry 0 is judged before anything is kept.
    judge(genesis, now)?;
    durable::create_folder(folder)?;
    place.write_email_salt(&beginning.salt)?;
    if !key_file.create(&beginning.key)? {
        return Err(SessionError::Exists { path: key_file.path().to_owned() });
    }
    let store = SledStore::open(folder, "init", wait)?;
    let origin = beginning.origin.as_str();
    let key = beginning.key.clone();
    let mut ledger = Ledger::open(&store, origin, key, &[], place.checkpoint_file())?;
    let mut view = View::default();
    let log = StoreLog::new(&store);
    let canonical = genesis.to_canonical();
    let mut admitter = Admitter::new(&mut view, &log);
    let mut receipts = ledger.append(&mut admitter, now, &[&canonical])?;
    let receipt = match receipts.pop() {
        Some(Ok(receipt)) => receipt,
        Some(Err(refusal)) => return Err(refusal.into()),
        None => return Err(SessionError::integrity("entry 0", "got no receipt")),
    };
    let key = beginning.key.verifier_key();
    TrustRoot::new(&beginning.origin, receipt.leaf_hash, &key, admins)
        .map_err(|error| SessionError::integrity("the trust root", error.to_string()))
}
