//! Reading a mirror as a store: what was written there may have been altered since, so everything
//! is held against the checkpoint by who reads it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::base::limits::{ENTRY_BUNDLE_BYTES_MAX, NOTE_BYTES_MAX, PAGE_LEAVES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::leaf::Leaf;
use crate::ledger::store::{
    Batch, CheckpointFile, Commit, Head, HeadToken, Store, StoreError, Topic,
};
use crate::ledger::tiles::CHECKPOINT_NAME;
use crate::merkle::leaf_hash;
use crate::merkle::tile::{TILE_WIDTH, Tile, unbundle};
use crate::note::SignedNote;
use crate::note::checkpoint::Checkpoint;
use crate::store::durable;

/// Where the files of a mirror are.
pub trait MirrorFiles: std::fmt::Debug + Send + Sync {
    /// The content of a file of at most so many bytes, by its path in the mirror; `None` where
    /// there is none.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where it is larger, else [`StoreError::Unavailable`].
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError>;
}

/// A mirror's folder on this machine.
#[derive(Debug, Clone)]
struct Folder(PathBuf);

impl MirrorFiles for Folder {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
        durable::read(&self.0.join(path), bytes_max)
    }
}

/// A mirror, to be read only.
#[derive(Debug)]
pub struct MirrorStore {
    files: Box<dyn MirrorFiles>,
    note: String,
    checkpoint: Checkpoint,
    /// The bundle that was read last.
    bundle: Mutex<Option<(Tile, Vec<Vec<u8>>)>>,
}

impl MirrorStore {
    /// Opens the mirror in a folder; none where that has no checkpoint. Nothing is verified yet,
    /// the checkpoint neither.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where its checkpoint is none, [`StoreError::Unavailable`].
    pub fn open(folder: &Path) -> Result<Option<Self>, StoreError> {
        let name = folder.join(CHECKPOINT_NAME);
        Self::over(Box::new(Folder(folder.to_owned())), &name.display().to_string())
    }

    /// The same wherever its files are; `name` is how errors call its checkpoint.
    ///
    /// # Errors
    /// As [`MirrorStore::open`].
    pub fn over(files: Box<dyn MirrorFiles>, name: &str) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = files.read(CHECKPOINT_NAME, NOTE_BYTES_MAX)? else { return Ok(None) };
        let wrong = |why: &str| StoreError::integrity(name, why);
        let note = SignedNote::parse(&bytes).map_err(|error| wrong(&error.to_string()))?;
        Self::showing(files, &note, name).map(Some)
    }

    /// The same where its checkpoint was read already.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where it is none.
    pub fn showing(
        files: Box<dyn MirrorFiles>,
        note: &SignedNote,
        name: &str,
    ) -> Result<Self, StoreError> {
        let checkpoint = note.text().parse();
        let checkpoint = checkpoint.map_err(|_| StoreError::integrity(name, "is no checkpoint"))?;
        Ok(Self { files, note: note.to_string(), checkpoint, bundle: Mutex::new(None) })
    }

    /// Entries of the checkpoint, which is not verified.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.checkpoint.size
    }

    /// The checkpoint, which is not verified.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note of the checkpoint.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The file in which an entry lies, below the mirror's folder.
    #[must_use]
    pub fn file_of(&self, index: EntryIndex) -> Option<String> {
        Some(Tile::within(0, index.get() / TILE_WIDTH, self.size())?.bundle_path())
    }

    /// Reads the file of a tile, or that of the full tile: where the mirror has grown since its
    /// checkpoint was read, the partial one may be gone.
    fn read_or_full(
        &self,
        tile: Tile,
        path_of: fn(Tile) -> String,
        bytes_max: impl Fn(Tile) -> usize,
    ) -> Result<Option<(Tile, String, Vec<u8>)>, StoreError> {
        let full = u16::try_from(TILE_WIDTH).map_or(tile, |width| Tile { width, ..tile });
        for tile in [tile, full] {
            let path = path_of(tile);
            if let Some(bytes) = self.files.read(&path, bytes_max(tile))? {
                return Ok(Some((tile, path, bytes)));
            }
        }
        Ok(None)
    }

    /// Reads the bundle of a tile, or has it still.
    fn with_bundle<T>(
        &self,
        tile: Tile,
        take: impl FnOnce(&[Vec<u8>]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut held = self.bundle.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|(of, _)| *of != tile) {
            let read = self.read_or_full(tile, Tile::bundle_path, |_| ENTRY_BUNDLE_BYTES_MAX)?;
            let Some((found, path, bytes)) = read else { return Ok(None) };
            let wrong = |why: &str| StoreError::integrity(path.clone(), why);
            let entries = unbundle(&bytes).map_err(|error| wrong(&error.to_string()))?;
            if entries.len() != usize::from(found.width) {
                return Err(wrong("has another number of entries than its name says"));
            }
            let entries = entries.into_iter().take(usize::from(tile.width));
            *held = Some((tile, entries.map(<[u8]>::to_vec).collect()));
        }
        Ok(held.as_ref().map(|(_, entries)| take(entries)))
    }
}

impl Store for MirrorStore {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        let Some(last) = self.size().get().checked_sub(1) else { return Ok(None) };
        // An entry that cannot be read is told when it is read, and then by its place.
        let leaf = self.leaf(EntryIndex::new(last)).ok().flatten().unwrap_or_default();
        let last_time = Leaf::parse(&leaf).map_or(Timestamp::default(), |leaf| leaf.time());
        Ok(Some(Head {
            size: self.size(),
            root: self.checkpoint.root,
            last_leaf: leaf_hash(&leaf),
            last_time,
            checkpoint: self.note.clone(),
        }))
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.leaves(index, 1)?.into_iter().next())
    }

    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(tile) = Tile::within(0, first.get() / TILE_WIDTH, self.size()) else {
            return Ok(Vec::new());
        };
        let offset = usize::try_from(first.get() % TILE_WIDTH).unwrap_or(usize::MAX);
        let count = count_max.min(PAGE_LEAVES_MAX);
        let take = |entries: &[Vec<u8>]| -> Vec<_> {
            entries.iter().skip(offset).take(count).cloned().collect()
        };
        Ok(self.with_bundle(tile, take)?.unwrap_or_default())
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        // Where a tree has grown, the beginning of a wider tile is the narrower one.
        let widest = Tile::within(tile.level, tile.index, self.size());
        let Some(widest) = widest.filter(|widest| widest.width >= tile.width) else {
            return Ok(None);
        };
        let read = self.read_or_full(widest, Tile::path, Tile::bytes_count)?;
        let Some((found, path, mut bytes)) = read else { return Ok(None) };
        if bytes.len() != found.bytes_count() {
            return Err(StoreError::integrity(path, "is of a wrong length"));
        }
        bytes.truncate(tile.bytes_count());
        Ok(Some(bytes))
    }

    fn entries_of(&self, _: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        Err(StoreError::unavailable("a mirror", "has no index of topics"))
    }

    fn commit(&self, _: Option<HeadToken>, _: &Batch) -> Result<Commit, StoreError> {
        Err(StoreError::unavailable("a mirror", "is only read"))
    }
}

/// A mirror has one checkpoint: that of its head is the file as well.
impl CheckpointFile for MirrorStore {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(Some(self.note.clone().into_bytes()))
    }

    fn store(&self, _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::unavailable("a mirror", "is only read"))
    }
}
