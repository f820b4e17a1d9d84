//! Openings of commitments: optional files that may be deleted with every proof intact.

use std::path::{Path, PathBuf};

use crate::base::digest::Commitment;
use crate::base::limits::FREE_TEXT_BYTES_MAX;
use crate::ledger::store::StoreError;
use crate::statement::commitment::Opening;
use crate::store::durable::{Durable, MODE_PRIVATE};
use crate::store::files::{Disk, Files};

/// JSON escapes may grow a text sixfold.
const FILE_BYTES_MAX: usize = 6 * FREE_TEXT_BYTES_MAX + 1_024;

/// The openings beside a ledger: `openings/ab/cdef....json`, named by what they open.
#[derive(Debug, Clone)]
pub struct Openings<F = Disk> {
    files: Durable<F>,
    ledger: PathBuf,
}

impl Openings {
    /// The openings below a ledger's folder.
    #[must_use]
    pub fn new(ledger: &Path) -> Self {
        Self::over(Disk, ledger)
    }
}

impl<F: Files> Openings<F> {
    /// The same on another file system.
    pub fn over(files: F, ledger: &Path) -> Self {
        Self { files: Durable(files), ledger: ledger.to_owned() }
    }

    fn path(&self, commitment: Commitment) -> PathBuf {
        let name = commitment.to_string();
        self.ledger.join("openings").join(&name[..2]).join(format!("{}.json", &name[2..]))
    }

    /// Keeps an opening, durably, and gives what it opens.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub fn put(&self, opening: &Opening) -> Result<Commitment, StoreError> {
        let commitment = opening
            .commitment()
            .ok_or_else(|| StoreError::integrity("an opening", "its salt is no salt"))?;
        let path = self.path(commitment);
        self.files.create_folder_of(&self.ledger, &path)?;
        let bytes = serde_json::to_vec(opening)
            .map_err(|error| StoreError::integrity("an opening", error))?;
        self.files.replace(&path, &bytes, MODE_PRIVATE)?;
        Ok(commitment)
    }

    /// The text of a commitment; none where it was withheld or deleted.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where the file opens another commitment.
    pub fn text(&self, commitment: Commitment) -> Result<Option<String>, StoreError> {
        let Some(bytes) = self.files.read(&self.path(commitment), FILE_BYTES_MAX)? else {
            return Ok(None);
        };
        let what = || format!("the opening of {}", commitment.short());
        let opening: Opening =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::integrity(what(), error))?;
        if opening.commitment() == Some(commitment) {
            Ok(Some(opening.value().to_owned()))
        } else {
            Err(StoreError::integrity(what(), "it opens another commitment"))
        }
    }

    /// Deletes an opening; whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn remove(&self, commitment: Commitment) -> Result<bool, StoreError> {
        self.files.remove(&self.path(commitment))
    }
}
