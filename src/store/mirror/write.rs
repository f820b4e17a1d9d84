//! Bringing a mirror up to a checkpoint, in steps between which the ledger may grow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::position::TreeSize;
use crate::ledger::store::{Store, StoreError};
use crate::ledger::tiles::{CHECKPOINT_NAME, LogFile, check_root, files_between};
use crate::merkle::tile::{TILE_WIDTH, Tile};
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::store::durable::{self, MODE_SHARED};

/// A mirror on its way from the first `old` entries to a checkpoint.
pub struct Update {
    old: TreeSize,
    checkpoint: VerifiedCheckpoint,
    files: std::iter::Peekable<Box<dyn Iterator<Item = LogFile>>>,
    written: u64,
}

impl Update {
    /// Begins: the partial tiles of the store give the root of the checkpoint, and every full tile
    /// hangs from them.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where they do not.
    pub fn new<S: Store + ?Sized>(
        store: &S,
        old: TreeSize,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Self, StoreError> {
        check_root(store, checkpoint)?;
        let files = files_between(old, checkpoint.size());
        let files: Box<dyn Iterator<Item = LogFile>> = Box::new(files);
        Ok(Self { old, checkpoint: checkpoint.clone(), files: files.peekable(), written: 0 })
    }

    /// Verifies and writes files until about `bytes_max` bytes are written, and makes them and
    /// their names durable; gives whether all are there. What is there already is never replaced,
    /// and must be the same.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where the store does not verify, or the folder has other content.
    pub fn step<S: Store + ?Sized>(
        &mut self,
        store: &S,
        folder: &Path,
        bytes_max: usize,
    ) -> Result<bool, StoreError> {
        let (mut folders, mut new) = (BTreeSet::new(), Vec::new());
        let mut bytes_written = 0;
        while bytes_written < bytes_max
            && let Some(file) = self.files.next()
        {
            let bytes = file.read(store, self.checkpoint.size())?;
            let path = folder.join(file.path());
            // A name may be there whose folder was not synced before the process ended.
            folders.extend(path.parent().map(Path::to_path_buf));
            if !is_there(&path, &bytes)? {
                self.written += 1;
                bytes_written += bytes.len();
                new.push((path, bytes));
            }
        }
        let folders: Vec<_> = folders.into_iter().collect();
        folders.iter().try_for_each(|folder| durable::create_shared_folder(folder))?;
        durable::replace_together(&new, MODE_SHARED)?;
        durable::sync_folders(&folders)?;
        Ok(self.files.peek().is_none())
    }

    /// Ends: replaces the checkpoint of the mirror, once every file is there, and removes what the
    /// full tiles made superfluous. Gives how many files were written beside the checkpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish(self, folder: &Path) -> Result<u64, StoreError> {
        durable::create_shared_folder(folder)?;
        let note = self.checkpoint.note().to_string();
        let path = folder.join(CHECKPOINT_NAME);
        if durable::read(&path, note.len()).ok().flatten().as_deref() != Some(note.as_bytes()) {
            durable::replace(&path, note.as_bytes(), MODE_SHARED)?;
        }
        for folder in partial_folders(folder, self.old, self.checkpoint.size()) {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(durable::failed("cannot remove", &folder, &error));
                }
                _ => {}
            }
        }
        Ok(self.written)
    }
}

/// Whether a file is there; another one in its place is never replaced.
fn is_there(path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
    match durable::read(path, bytes.len()) {
        Ok(found) if found.as_deref().is_none_or(|found| found == bytes) => Ok(found.is_some()),
        Ok(_) | Err(StoreError::Integrity { .. }) => {
            Err(StoreError::integrity(path.display().to_string(), "is another"))
        }
        Err(error) => Err(error),
    }
}

/// The folders of the partial tiles that a tree of `old` entries ended in and one of `new` has in
/// full: they may be removed then (C2SP tlog-tiles).
fn partial_folders(folder: &Path, old: TreeSize, new: TreeSize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for level in 0..8 {
        let index = (old.get() >> (8 * u32::from(level))) / TILE_WIDTH;
        if index >= (new.get() >> (8 * u32::from(level))) / TILE_WIDTH {
            continue;
        }
        let tile = Tile { level, index, width: 1 };
        let bundle = (level == 0).then(|| tile.bundle_path());
        // The path of a partial tile is that of its folder and its width.
        let folders = [tile.path()].into_iter().chain(bundle);
        found.extend(folders.filter_map(|path| Some(folder.join(path.strip_suffix("/1")?))));
    }
    found
}
