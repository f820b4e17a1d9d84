//! The beginning of a ledger: its key, its salt, and entry 0.

use std::path::Path;
use std::time::Duration;

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::random::{fresh_nonce, random};
use super::replay::StoreLog;
use crate::base::limits::LOCK_WAIT_MILLISECONDS_MAX;
use crate::base::name::{MemberId, Origin};
use crate::base::time::Timestamp;
use crate::key::KeyId;
use crate::ledger::admission::Admitter;
use crate::ledger::append::Ledger;
use crate::note::key::NoteSigner;
use crate::statement::commitment::EmailSalt;
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
    if place.exists() {
        return Err(SessionError::Exists { path: folder.to_owned() });
    }
    durable::create_folder(folder)?;
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    // Entry 0 is judged before anything is kept.
    let mut view = View::default();
    let memory = crate::store::memory::MemoryStore::default();
    let trial_log = StoreLog::new(&memory);
    crate::ledger::append::Admission::admit(
        &mut Admitter::new(&mut view, &trial_log),
        crate::base::position::EntryIndex::new(0),
        now,
        &genesis.to_canonical(),
    )?;
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
