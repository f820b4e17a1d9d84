//! Openings of commitments: optional files that may be deleted with every proof intact.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Elsewhere;
use crate::base::digest::Commitment;
use crate::base::limits::OPENING_FILE_BYTES_MAX;
use crate::ledger::store::StoreError;
use crate::statement::commitment::Opening;
use crate::store::durable::{self, Durable, MODE_PRIVATE};
use crate::store::files::{Disk, Files};

/// The openings beside a ledger: `openings/ab/cdef....json`, named by what they open.
#[derive(Debug, Clone)]
pub struct Openings<F = Disk> {
    files: Durable<F>,
    ledger: PathBuf,
    is_withheld: bool,
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl Openings {
    /// The openings below a ledger's folder.
    #[must_use]
    pub fn new(ledger: &Path) -> Self {
        Self::over(Disk, ledger)
    }

    /// No openings at all, for who may not read them.
    #[must_use]
    pub fn withheld() -> Self {
        Self { is_withheld: true, ..Self::new(Path::new("")) }
    }
}

impl<F: Files> Openings<F> {
    /// The same on another file system.
    pub fn over(files: F, ledger: &Path) -> Self {
        Self {
            files: Durable(files),
            ledger: ledger.to_owned(),
            is_withheld: false,
            elsewhere: None,
        }
    }

    /// The same, where what is not here yet is fetched from elsewhere and kept.
    #[must_use]
    pub fn backed_by(self, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    fn path(&self, commitment: Commitment) -> PathBuf {
        let name = commitment.to_string();
        self.ledger.join("openings").join(&name[..2]).join(format!("{}.json", &name[2..]))
    }

    /// The file of an opening, below the ledger's folder.
    #[must_use]
    pub fn name(&self, commitment: Commitment) -> String {
        let name = commitment.to_string();
        format!("openings/{}/{}.json", &name[..2], &name[2..])
    }

    /// Keeps an opening, durably, and gives what it opens.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub fn put(&self, opening: &Opening) -> Result<Commitment, StoreError> {
        let commitment = opening
            .commitment()
            .ok_or_else(|| StoreError::integrity("an opening", "its salt is no salt"))?;
        if self.is_withheld {
            return Err(StoreError::unavailable("cannot keep an opening", "they are withheld"));
        }
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
        Ok(self.get(commitment)?.map(|opening| opening.value().to_owned()))
    }

    /// The opening of a commitment; none where it was withheld or deleted.
    ///
    /// # Errors
    /// As [`Openings::text`].
    pub fn get(&self, commitment: Commitment) -> Result<Option<Opening>, StoreError> {
        if self.is_withheld {
            return Ok(None);
        }
        let what = || format!("the opening of {}", commitment.short());
        let Some(bytes) = self.files.read(&self.path(commitment), OPENING_FILE_BYTES_MAX)? else {
            let found = self.elsewhere.as_ref().map(|elsewhere| elsewhere.opening(commitment));
            let Some(opening) = found.transpose()?.flatten() else { return Ok(None) };
            if opening.commitment() != Some(commitment) {
                return Err(StoreError::integrity(what(), "what was fetched opens another"));
            }
            self.put(&opening)?;
            return Ok(Some(opening));
        };
        let opening: Opening =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::integrity(what(), error))?;
        if opening.commitment() == Some(commitment) {
            Ok(Some(opening))
        } else {
            Err(StoreError::integrity(what(), "it opens another commitment"))
        }
    }

    /// Whether there is a file of that opening; its content is not looked at.
    #[must_use]
    pub fn has(&self, commitment: Commitment) -> bool {
        !self.is_withheld && self.path(commitment).is_file()
    }

    /// The commitments, in order, that begin with this byte and that there are files of.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn beginning_with(&self, first: u8) -> Result<Vec<Commitment>, StoreError> {
        if self.is_withheld {
            return Ok(Vec::new());
        }
        let beginning = format!("{first:02x}");
        let names = durable::names(&self.ledger.join("openings").join(&beginning))?;
        let rest = names.iter().filter_map(|name| name.strip_suffix(".json"));
        Ok(rest.filter_map(|rest| format!("{beginning}{rest}").parse().ok()).collect())
    }

    /// Deletes an opening; whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn remove(&self, commitment: Commitment) -> Result<bool, StoreError> {
        if self.is_withheld {
            return Ok(false);
        }
        self.files.remove(&self.path(commitment))
    }
}
