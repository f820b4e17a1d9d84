//! The file of the newest signed checkpoint.

use std::path::PathBuf;

use super::durable;
use crate::base::limits::NOTE_BYTES_MAX;
use crate::ledger::store::{CheckpointFile, StoreError};

/// The checkpoint in a file of its own, replaced durably and atomically.
#[derive(Debug, Clone)]
pub struct DurableCheckpoint {
    path: PathBuf,
}

impl DurableCheckpoint {
    /// The checkpoint in the file at `path`, whose folder must be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl CheckpointFile for DurableCheckpoint {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        durable::read(&self.path, NOTE_BYTES_MAX)
    }

    fn store(&self, note: &[u8]) -> Result<(), StoreError> {
        durable::replace(&self.path, note, durable::MODE_SHARED)
    }
}
