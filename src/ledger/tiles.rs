//! A ledger as files (C2SP tlog-tiles): which there are, and what stands in each (`spec/proof.md`
//! section 6).

use super::store::{Store, StoreError};
use crate::base::position::{EntryIndex, TreeSize};
use crate::merkle::leaf_hash;
use crate::merkle::tile::{HASH_BYTES, TILE_WIDTH, Tile, TilePathError, bundle, tiles_of};
use crate::merkle::tree::{TileTree, subtree};
use crate::note::checkpoint::VerifiedCheckpoint;

/// The name of the file of the checkpoint, beside `tile/`.
pub const CHECKPOINT_NAME: &str = "checkpoint";

/// A file of a log beside its checkpoint. Its content never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogFile {
    /// The entries of a tile of level 0.
    Entries(Tile),
    /// A tile of hashes.
    Hashes(Tile),
}

impl LogFile {
    /// The path below the log's prefix.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Entries(tile) => tile.bundle_path(),
            Self::Hashes(tile) => tile.path(),
        }
    }

    /// The file that a path names.
    ///
    /// # Errors
    /// [`TilePathError`] on any path that [`LogFile::path`] does not write.
    pub fn from_path(path: &str) -> Result<Self, TilePathError> {
        Tile::from_bundle_path(path)
            .map(Self::Entries)
            .or_else(|_| Tile::from_path(path).map(Self::Hashes))
    }

    /// Reads the content from a store whose tree has `size` entries. Entries must have the hashes
    /// of their tile, and a full tile the hash that the tile above has for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<S: Store + ?Sized>(self, store: &S, size: TreeSize) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Entries(tile) => entries(store, tile),
            Self::Hashes(tile) if tile.is_full() => {
                let bytes = hashes(store, tile)?;
                let parent = Tile::within(tile.level + 1, tile.index / TILE_WIDTH, size);
                let parent = parent.ok_or_else(|| wrong(tile, "has no tile above"))?;
                let above = hashes(store, parent)?;
                let at = usize::try_from(tile.index % TILE_WIDTH).unwrap_or(usize::MAX);
                let hash = above.as_chunks::<HASH_BYTES>().0.get(at);
                if hash != Some(&subtree(bytes.as_chunks::<HASH_BYTES>().0)) {
                    return Err(wrong(tile, "is not the one that the tile above names"));
                }
                Ok(bytes)
            }
            Self::Hashes(tile) => hashes(store, tile),
        }
    }
}

/// The files that a tree of `new` entries has and one of `old` had not, in the order in which they
/// are to be written: entries before the hashes of them, lower levels first.
pub fn files_between(old: TreeSize, new: TreeSize) -> impl Iterator<Item = LogFile> {
    let is_new = move |tile: &Tile| Tile::within(tile.level, tile.index, old) != Some(*tile);
    let tiles = move || tiles_of(new).filter(is_new);
    let entries = tiles().take_while(|tile| tile.level == 0).map(LogFile::Entries);
    entries.chain(tiles().map(LogFile::Hashes))
}

/// Whether the partial tiles of a store give the root of a checkpoint: every full tile hangs from
/// them, tile by tile.
///
/// # Errors
/// [`StoreError::Integrity`] where they do not.
pub fn check_root<S: Store + ?Sized>(
    store: &S,
    checkpoint: &VerifiedCheckpoint,
) -> Result<(), StoreError> {
    let tree = TileTree::load(checkpoint.size(), |tile| store.tile(tile))?;
    if tree.root() == *checkpoint.root() {
        Ok(())
    } else {
        Err(StoreError::integrity("the tiles", "have another root hash"))
    }
}

/// Hands each file that a checkpoint's tree has and the tree of `old` entries had not to `write`,
/// by path and content: the checkpoint last, so that who reads it finds what it names. Every file
/// was held against the checkpoint's root before.
///
/// # Errors
/// [`StoreError`], and what `write` fails with.
pub fn write_files<S: Store + ?Sized>(
    store: &S,
    old: TreeSize,
    checkpoint: &VerifiedCheckpoint,
    mut write: impl FnMut(&str, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    check_root(store, checkpoint)?;
    for file in files_between(old, checkpoint.size()) {
        write(&file.path(), &file.read(store, checkpoint.size())?)?;
    }
    write(CHECKPOINT_NAME, checkpoint.note().to_string().as_bytes())
}

fn wrong(tile: Tile, why: &str) -> StoreError {
    StoreError::integrity(tile.path(), why)
}

/// The bytes of a tile, as many as its name says.
fn hashes<S: Store + ?Sized>(store: &S, tile: Tile) -> Result<Vec<u8>, StoreError> {
    let bytes = store.tile(tile)?.filter(|bytes| bytes.len() == tile.bytes_count());
    bytes.ok_or_else(|| wrong(tile, "missing, or of a wrong length"))
}

/// The bundle of a tile's entries.
fn entries<S: Store + ?Sized>(store: &S, tile: Tile) -> Result<Vec<u8>, StoreError> {
    let hashes = hashes(store, tile)?;
    let mut leaves: Vec<Vec<u8>> = Vec::with_capacity(usize::from(tile.width));
    while leaves.len() < usize::from(tile.width) {
        let first = EntryIndex::new(tile.index * TILE_WIDTH + leaves.len() as u64);
        let page = store.leaves(first, usize::from(tile.width) - leaves.len())?;
        if page.is_empty() {
            return Err(StoreError::integrity(format!("entry {first}"), "missing"));
        }
        leaves.extend(page);
    }
    for (leaf, hash) in leaves.iter().zip(hashes.as_chunks::<HASH_BYTES>().0) {
        if leaf_hash(leaf).as_bytes() != hash {
            return Err(wrong(tile, "an entry is not the one whose hash it has"));
        }
    }
    bundle(leaves.iter().map(Vec::as_slice)).map_err(|error| wrong(tile, &error.to_string()))
}
