//! The folder of an embedded ledger, and the file of the ledger's own key.

use std::path::{Path, PathBuf};

use super::error::SessionError;
use crate::base::encoding;
use crate::base::limits::{KEY_FILE_BYTES_MAX, NOTE_BYTES_MAX};
use crate::ledger::store::{CheckpointFile as _, StoreError};
use crate::note::SignedNote;
use crate::note::checkpoint::Checkpoint;
use crate::note::key::{NoteSigner, VerifierKey};
use crate::statement::commitment::EmailSalt;
use crate::store::checkpoint::DurableCheckpoint;
use crate::store::durable;
use crate::store::sled;

/// Name of the salt's file.
pub(super) const SALT_FILE: &str = "email-salt";
/// Bytes of the salt's file: 64 hexadecimal digits and a line feed.
const SALT_FILE_BYTES_MAX: usize = 65;

/// The folder of an embedded ledger: `sled/`, `blobs/`, `openings/`, `checkpoint`, `email-salt`,
/// `view.json` and `lock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFolder {
    path: PathBuf,
}

/// A file that large is written to see whether any can be: a commit of many entries.
const TRY_BYTES: usize = 64 * 1024;

impl LedgerFolder {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a ledger has begun here: its checkpoint file is there from before entry 0 on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where that cannot be found out.
    pub fn exists(&self) -> Result<bool, StoreError> {
        for name in ["checkpoint", "sled"] {
            let path = self.path.join(name);
            if path.try_exists().map_err(|error| durable::failed("cannot read", &path, &error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether files can be kept here: one is written, and removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where that fails.
    pub(super) fn try_writing(&self) -> Result<(), StoreError> {
        let path = self.path.join("try");
        durable::replace(&path, &vec![0; TRY_BYTES], durable::MODE_PRIVATE)?;
        durable::remove(&path).map(drop)
    }

    /// The store must be there where entries were acknowledged: opening would make an empty one.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where only the checkpoint file is left.
    pub(super) fn check_store(&self) -> Result<(), StoreError> {
        let database = self.path.join("sled/db");
        let is_there = database.try_exists();
        if is_there.map_err(|error| durable::failed("cannot read", &database, &error))? {
            return Ok(());
        }
        self.check_unused()
    }

    /// Where nothing is in the store, nothing may have been acknowledged.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where the checkpoint file says otherwise.
    pub(super) fn check_unused(&self) -> Result<(), StoreError> {
        let note = self.newest_checkpoint()?.and_then(|note| SignedNote::parse(&note).ok());
        let checkpoint = note.and_then(|note| note.text().parse::<Checkpoint>().ok());
        match checkpoint.map(|checkpoint| checkpoint.size) {
            Some(size) if size.get() > 0 => {
                let why = format!("it is gone, and {size} entries were acknowledged");
                Err(StoreError::integrity(sled::WHAT, why))
            }
            _ => Ok(()),
        }
    }

    /// The file of the newest signed checkpoint.
    #[must_use]
    pub fn checkpoint_file(&self) -> DurableCheckpoint {
        DurableCheckpoint::new(self.path.join("checkpoint"))
    }

    /// The newest signed checkpoint, if its file is there.
    pub(super) fn newest_checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let note = self.checkpoint_file().load()?;
        Ok(note.filter(|note| note.len() <= NOTE_BYTES_MAX))
    }

    /// The file of the view.
    pub(super) fn view_file(&self) -> PathBuf {
        self.path.join("view.json")
    }

    /// The salt of e-mail digests.
    pub(super) fn email_salt(&self) -> Result<EmailSalt, SessionError> {
        let bytes = match durable::read(&self.path.join(SALT_FILE), SALT_FILE_BYTES_MAX) {
            // Longer than any salt is.
            Err(StoreError::Integrity { .. }) => None,
            other => other?,
        };
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        encoding::unhex_array(text.trim_end())
            .map(EmailSalt::from_bytes)
            .map_err(|_| SessionError::integrity("the file email-salt", "is missing or damaged"))
    }

    /// Writes the salt of a new ledger.
    pub(super) fn write_email_salt(&self, salt: &EmailSalt) -> Result<(), StoreError> {
        durable::replace(&self.path.join(SALT_FILE), encode_salt(salt).as_bytes(), 0o600)
    }
}

/// The salt as it stands in its file.
pub(super) fn encode_salt(salt: &EmailSalt) -> String {
    format!("{}\n", encoding::hex(salt.as_bytes()))
}

/// The file of a ledger's own key, in the user's configuration folder, mode 0600.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerKeyFile {
    path: PathBuf,
}

impl LedgerKeyFile {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key; none where the file is not there.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be read or holds no key.
    pub fn read(&self) -> Result<Option<NoteSigner>, SessionError> {
        let Some(bytes) = durable::read(&self.path, KEY_FILE_BYTES_MAX)? else { return Ok(None) };
        let bytes = zeroize::Zeroizing::new(bytes);
        let damaged =
            || SessionError::integrity(format!("the file {}", self.path.display()), "holds no key");
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        NoteSigner::from_text(text).map(Some).map_err(|_| damaged())
    }

    /// Puts a key of a backup where none is, and the one that the next rotation brings beside it;
    /// gives whether the first was put there. `origin` is the ledger's.
    ///
    /// # Errors
    /// [`SessionError`] where it is no key of that name, or cannot be written.
    pub fn put_back(
        &self,
        origin: &str,
        key: &[u8],
        next: Option<&[u8]>,
    ) -> Result<bool, SessionError> {
        let parse = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok();
            text.and_then(|text| NoteSigner::from_text(text).ok())
                .filter(|key| key.verifier_key().name() == origin)
                .ok_or_else(|| {
                    SessionError::integrity("the key of the backup", "is no key of this ledger")
                })
        };
        let is_new = self.create(&parse(key)?)?;
        if let Some(next) = next.filter(|_| is_new) {
            self.next().create(&parse(next)?)?;
        }
        Ok(is_new)
    }

    /// Writes a new key, never over another.
    pub(super) fn create(&self, key: &NoteSigner) -> Result<bool, StoreError> {
        if let Some(folder) = self.path.parent() {
            durable::create_folder(folder)?;
        }
        let text = key.to_text();
        let line = zeroize::Zeroizing::new(format!("{}\n", text.trim_end()));
        durable::create_new(&self.path, line.as_bytes(), 0o600)
    }

    /// The file of the key that a rotation is about to bring: beside this one, mode 0600.
    pub(super) fn next(&self) -> Self {
        let mut name = self.path.clone().into_os_string();
        name.push(".next");
        Self::new(name)
    }

    /// The key that the next rotation brings: the one that is kept already, or a fresh one, which
    /// is kept only where `keep` says so.
    ///
    /// # Errors
    /// [`SessionError`] where the file cannot be read or written, or the name is no key's.
    pub fn prepare_next(&self, name: &str, keep: bool) -> Result<VerifierKey, SessionError> {
        let next = self.next();
        if let Some(key) = next.read()? {
            return Ok(key.verifier_key());
        }
        let seed = zeroize::Zeroizing::new(super::random::random::<32>());
        let key = NoteSigner::new(name, &seed)
            .map_err(|error| SessionError::integrity("the ledger key", error.to_string()))?;
        if keep {
            next.create(&key)?;
        }
        Ok(key.verifier_key())
    }

    /// Whether the key of a rotation lies ready.
    pub(super) fn has_next(&self, key: &str) -> Result<bool, SessionError> {
        Ok(self.next().read()?.is_some_and(|next| next.verifier_key().to_string() == key))
    }

    /// Puts the key of a rotation in the place of the one before, if it lies ready. The old one
    /// is gone then: it signs nothing any more.
    pub(super) fn promote(&self, key: &VerifierKey) -> Result<Option<NoteSigner>, SessionError> {
        let next = self.next();
        let Some(found) = next.read()?.filter(|found| found.verifier_key() == *key) else {
            return Ok(None);
        };
        let line = zeroize::Zeroizing::new(format!("{}\n", found.to_text().trim_end()));
        durable::replace(&self.path, line.as_bytes(), 0o600)?;
        durable::remove(&next.path)?;
        Ok(Some(found))
    }
}
