//! Where a ledger is built, and how it takes its place: what was there is moved, never removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::remove_folder;
use crate::ledger::store::StoreError;
use crate::session::error::SessionError;
use crate::store::durable;
use crate::store::lock::LedgerLock;

/// Names that are tried for what is moved aside.
const ASIDE_NAMES_MAX: u32 = 1_000;

/// The folder of a ledger, which is to be built.
pub(super) struct Place {
    into: PathBuf,
}

impl Place {
    pub(super) fn new(into: &Path) -> Self {
        Self { into: into.to_owned() }
    }

    /// Whether anything is there that must not be lost.
    pub(super) fn has_ledger(&self) -> Result<bool, StoreError> {
        match fs::metadata(&self.into) {
            Ok(found) if !found.is_dir() => {
                Err(StoreError::unavailable(self.into.display().to_string(), "is not a folder"))
            }
            Ok(_) => Ok(!durable::names(&self.into)?.is_empty()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(durable::failed("cannot read", &self.into, &error)),
        }
    }

    fn beside(&self, prefix: &str, ending: &str) -> PathBuf {
        let name = self.into.file_name().unwrap_or_default().to_string_lossy();
        self.into.with_file_name(format!("{prefix}{name}{ending}"))
    }

    /// The folder to build in, empty: one that a killed process left there is of no use to anybody.
    pub(super) fn begin(&self) -> Result<PathBuf, SessionError> {
        let work = self.beside(".", ".restoring");
        if work.exists() {
            let lock = LedgerLock::take(&work.join("lock"), "ledger restore", Duration::ZERO)?;
            remove_folder(&work)?;
            drop(lock);
        }
        durable::create_folder(&work)?;
        Ok(work)
    }

    /// Removes what was begun.
    pub(super) fn give_up(work: &Path) {
        // It is begun anew the next time anyhow.
        let _ = remove_folder(work);
    }

    /// Puts what was built in its place; gives where what was there is now.
    pub(super) fn put(&self, work: &Path, is_taken: bool) -> Result<Option<PathBuf>, SessionError> {
        let moved = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|error| durable::failed("cannot move", from, &error))
        };
        let aside = if is_taken {
            let free = (1..ASIDE_NAMES_MAX)
                .map(|number| self.beside("", &format!(".damaged-{number}")))
                .find(|path| fs::symlink_metadata(path).is_err());
            let aside = free.ok_or_else(|| {
                StoreError::unavailable(
                    format!("cannot move {} aside", self.into.display()),
                    "there are too many like it",
                )
            })?;
            moved(&self.into, &aside)?;
            Some(aside)
        } else {
            // An empty folder may be there; a rename takes its place.
            None
        };
        if let Err(error) = moved(work, &self.into) {
            if let Some(aside) = &aside {
                moved(aside, &self.into)?;
            }
            return Err(error.into());
        }
        if let Some(parent) = self.into.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            durable::sync_folder(parent)?;
        }
        Ok(aside)
    }
}
