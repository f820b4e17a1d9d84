//! The file of the newest signed checkpoint.

use std::path::PathBuf;

use super::durable::{Durable, MODE_SHARED};
use super::files::{Disk, Files};
use crate::base::limits::NOTE_BYTES_MAX;
use crate::ledger::store::{CheckpointFile, StoreError};

/// The checkpoint in a file of its own, replaced durably and atomically.
#[derive(Debug, Clone)]
pub struct DurableCheckpoint<F = Disk> {
    files: Durable<F>,
    path: PathBuf,
}

impl DurableCheckpoint {
    /// The checkpoint in the file at `path`, whose folder must be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self::over(Disk, path)
    }
}

impl<F: Files> DurableCheckpoint<F> {
    /// The same on another file system.
    pub fn over(files: F, path: PathBuf) -> Self {
        Self { files: Durable(files), path }
    }
}

impl<F: Files> CheckpointFile for DurableCheckpoint<F> {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.files.read(&self.path, NOTE_BYTES_MAX)
    }

    fn store(&self, note: &[u8]) -> Result<(), StoreError> {
        self.files.replace(&self.path, note, MODE_SHARED)
    }
}
