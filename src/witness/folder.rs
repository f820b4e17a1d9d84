//! The folder of a witness: its key, its lock, what it cosigned last of each log, and the evidence
//! of forks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::digest::ContentDigest;
use crate::base::limits::{KEY_FILE_BYTES_MAX, LOCK_WAIT_MILLISECONDS_MAX, NOTE_BYTES_MAX};
use crate::ledger::fork::Fork;
use crate::ledger::store::StoreError;
use crate::ledger::witness::{WitnessRecord, origin_hash};
use crate::note::cosignature::Cosigner;
use crate::session::random;
use crate::store::durable::{self, MODE_PRIVATE, MODE_SHARED};
use crate::store::lock::LedgerLock;

/// A witness's folder, held by one process.
#[derive(Debug)]
pub struct WitnessFolder {
    path: PathBuf,
    _lock: LedgerLock,
}

/// The key of a witness.
#[derive(Debug)]
pub struct WitnessKey {
    /// It signs.
    pub cosigner: Cosigner,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl WitnessFolder {
    /// Opens a folder, which is made where there is none, and takes its lock.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written, or another process has it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        for folder in ["logs", "forks"] {
            durable::create_folder(&path.join(folder))?;
        }
        let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
        let lock = LedgerLock::take(&path.join("lock"), "witness", wait)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The key; where there is none yet, one of that name is made, in a file of mode 0600.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where the file holds no key, or that of another name;
    /// [`StoreError::Unavailable`] where there is none and no name for one.
    pub fn key(&self, name: Option<&str>) -> Result<WitnessKey, StoreError> {
        let path = self.path.join("key");
        let shown = path.display().to_string();
        let Some(bytes) = durable::read(&path, KEY_FILE_BYTES_MAX)? else {
            let name = name.ok_or_else(|| {
                StoreError::unavailable(format!("there is no key in {shown}"), "and no name for it")
            })?;
            let cosigner = Cosigner::new(name, &Zeroizing::new(random::<32>()))
                .map_err(|error| StoreError::unavailable(format!("the name {name}"), error))?;
            let line = Zeroizing::new(format!("{}\n", *cosigner.to_text()));
            durable::create_new(&path, line.as_bytes(), MODE_PRIVATE)?;
            return Ok(WitnessKey { cosigner, is_new: true });
        };
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).ok();
        let cosigner = text.and_then(|text| Cosigner::from_text(text).ok());
        let cosigner = cosigner.ok_or_else(|| StoreError::integrity(&shown, "holds no key"))?;
        let found = cosigner.key();
        if name.is_some_and(|name| name != found.name()) {
            return Err(StoreError::integrity(shown, format!("is the key of {}", found.name())));
        }
        Ok(WitnessKey { cosigner, is_new: false })
    }

    fn log(&self, hash: &str) -> PathBuf {
        self.path.join("logs").join(hash)
    }

    /// The note that was cosigned last of the log whose origin has that hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn newest(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        durable::read(&self.log(hash), NOTE_BYTES_MAX)
    }
}

impl WitnessRecord for WitnessFolder {
    fn load(&self, origin: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.newest(&origin_hash(origin))
    }

    fn store(&self, origin: &str, note: &[u8]) -> Result<(), StoreError> {
        durable::replace(&self.log(&origin_hash(origin)), note, MODE_SHARED)
    }

    fn keep(&self, fork: &Fork) -> Result<(), StoreError> {
        let text = fork.to_string();
        // The name follows from the content: the same evidence again is one file.
        let name = format!("{}.fork", ContentDigest::of(text.as_bytes()));
        durable::replace(&self.path.join("forks").join(name), text.as_bytes(), MODE_SHARED)
    }
}
