//! A copy of a ledger as plain files in a folder, which any static web server may serve
//! (`spec/proof.md` section 6).

use std::path::Path;

use super::durable::{self, MODE_SHARED};
use crate::base::position::TreeSize;
use crate::ledger::store::{Store, StoreError};
use crate::ledger::tiles::{CHECKPOINT_NAME, write_files};
use crate::note::checkpoint::VerifiedCheckpoint;

/// Brings a folder that holds the first `old` entries up to a checkpoint, each file durable before
/// the checkpoint that names it; gives how many files were written beside that. What is there
/// already is never replaced, and must be the same.
///
/// # Errors
/// [`StoreError::Integrity`] where the store does not verify, or the folder has other content.
pub fn mirror<S: Store + ?Sized>(
    store: &S,
    old: TreeSize,
    checkpoint: &VerifiedCheckpoint,
    folder: &Path,
) -> Result<u64, StoreError> {
    let mut written = 0;
    write_files(store, old, checkpoint, |name, bytes| {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), durable::create_shared_folder)?;
        if name == CHECKPOINT_NAME {
            return durable::replace(&path, bytes, MODE_SHARED);
        }
        match durable::read(&path, bytes.len()) {
            Ok(None) => {
                written += 1;
                durable::replace(&path, bytes, MODE_SHARED)
            }
            Ok(Some(found)) if found == bytes => Ok(()),
            Ok(Some(_)) => Err(StoreError::integrity(path.display().to_string(), "is another")),
            Err(error) => Err(error),
        }
    })?;
    Ok(written)
}
