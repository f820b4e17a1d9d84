//! The growing tree: appends in constant memory, its root, and the tiles that fill up.

use std::collections::BTreeMap;

use super::tile::{HASH_BYTES, TILE_WIDTH, Tile};
use super::{empty_root, node_hash};
use crate::base::digest::{LeafHash, RootHash};
use crate::base::position::TreeSize;

/// The right edge of a tree: the roots of its perfect subtrees, largest first. It is all that an
/// append or the root need: at most 64 hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<[u8; 32]>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize::new(self.size)
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: &LeafHash) {
        let mut node = *leaf.as_bytes();
        // Each trailing one of the size is a perfect subtree that this leaf completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root hash.
    #[must_use]
    pub fn root(&self) -> RootHash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return empty_root() };
        RootHash::from_bytes(nodes.fold(*last, |right, left| node_hash(left, &right)))
    }
}

/// A growing tree that also yields its tiles. Holds the partial tile of each level: at most
/// 8 x 8 KiB.
#[derive(Debug, Clone, Default)]
pub struct TileTree {
    frontier: Frontier,
    /// The hashes of each level's partial tile, lowest level first; each fewer than 256.
    rows: Vec<Vec<[u8; 32]>>,
    /// Tiles that were filled since [`TileTree::take_changed`], and levels that changed.
    filled: BTreeMap<Tile, Vec<u8>>,
    changed: u8,
}

/// A tile that is missing or has another length than its name says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tile {} is missing or has a wrong length", tile.path())]
pub struct TileError {
    /// The tile.
    pub tile: Tile,
}

impl TileTree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a tree of `size` leaves from its partial tiles, which `read` gives.
    ///
    /// # Errors
    /// What `read` fails with, and [`TileError`] where it gives no tile of the right length.
    pub fn load<E: From<TileError>>(
        size: TreeSize,
        mut read: impl FnMut(Tile) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Self, E> {
        let mut rows = Vec::new();
        for level in 0..8_u8 {
            let hashes = size.get() >> (8 * u32::from(level));
            if hashes == 0 {
                break;
            }
            let mut row = Vec::new();
            if !hashes.is_multiple_of(TILE_WIDTH)
                && let Some(tile) = Tile::within(level, hashes / TILE_WIDTH, size)
            {
                row = read_row(tile, &mut read)?;
            }
            rows.push(row);
        }
        // Subtrees of the rows, the highest level first, are the frontier.
        let mut nodes = Vec::new();
        for row in rows.iter().rev() {
            let mut rest = &row[..];
            while !rest.is_empty() {
                let perfect = 1 << rest.len().ilog2();
                nodes.push(subtree(&rest[..perfect]));
                rest = &rest[perfect..];
            }
        }
        let frontier = Frontier { size: size.get(), nodes };
        Ok(Self { frontier, rows, filled: BTreeMap::new(), changed: 0 })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// The root hash.
    #[must_use]
    pub fn root(&self) -> RootHash {
        self.frontier.root()
    }

    /// Appends a leaf.
    pub fn append(&mut self, leaf: &LeafHash) {
        self.frontier.append(leaf);
        let mut hash = *leaf.as_bytes();
        for level in 0..8_u8 {
            let position = usize::from(level);
            if self.rows.len() == position {
                self.rows.push(Vec::new());
            }
            self.changed |= 1 << level;
            let row = &mut self.rows[position];
            row.push(hash);
            if (row.len() as u64) < TILE_WIDTH {
                return;
            }
            // 256 hashes are one hash of the level above.
            let hashes = self.frontier.size >> (8 * u32::from(level));
            let tile = Tile { level, index: hashes / TILE_WIDTH - 1, width: 256 };
            hash = subtree(row);
            self.filled.insert(tile, row.concat());
            row.clear();
        }
    }

    /// The partial tile of a level and its bytes, where there is one.
    #[must_use]
    pub fn partial(&self, level: u8) -> Option<(Tile, Vec<u8>)> {
        let row = self.rows.get(usize::from(level)).filter(|row| !row.is_empty())?;
        let index = (self.frontier.size >> (8 * u32::from(level))) / TILE_WIDTH;
        let width = u16::try_from(row.len()).ok()?;
        Some((Tile { level, index, width }, row.concat()))
    }

    /// The tiles that were filled or grew since the last call, in their present width.
    pub fn take_changed(&mut self) -> BTreeMap<Tile, Vec<u8>> {
        let mut tiles = std::mem::take(&mut self.filled);
        for level in 0..8_u8 {
            if self.changed & (1 << level) != 0 {
                tiles.extend(self.partial(level));
            }
        }
        self.changed = 0;
        tiles
    }
}

/// Reads a tile as hashes.
pub(crate) fn read_row<E: From<TileError>>(
    tile: Tile,
    read: &mut impl FnMut(Tile) -> Result<Option<Vec<u8>>, E>,
) -> Result<Vec<[u8; 32]>, E> {
    let bytes = read(tile)?.unwrap_or_default();
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if hashes.len() != usize::from(tile.width) || !rest.is_empty() {
        return Err(TileError { tile }.into());
    }
    Ok(hashes.to_vec())
}

/// The root of a perfect subtree: a power of two of hashes.
pub(crate) fn subtree(hashes: &[[u8; 32]]) -> [u8; 32] {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;
    use crate::merkle::tile::tiles_of;

    fn leaves(count: u64) -> Vec<LeafHash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    #[test]
    fn roots_agree_with_ct_merkle() {
        let mut frontier = Frontier::new();
        let mut theirs =
            ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        for number in 0..600_u64 {
            assert_eq!(frontier.root().as_bytes()[..], theirs.root().as_bytes()[..], "{number}");
            frontier.append(&leaf_hash(&number.to_be_bytes()));
            theirs.push(number.to_be_bytes().to_vec());
        }
    }

    #[test]
    fn a_tree_is_taken_up_from_its_tiles_at_every_size() {
        let mut stored = BTreeMap::new();
        let mut tree = TileTree::new();
        let mut frontier = Frontier::new();
        for (size, leaf) in (1_u64..).zip(leaves(66_000)) {
            tree.append(&leaf);
            frontier.append(&leaf);
            for (tile, bytes) in tree.take_changed() {
                stored.insert((tile.level, tile.index), bytes);
            }
            if size < 600 || size.is_multiple_of(251) || (65_530..65_540).contains(&size) {
                assert_eq!(tree.root(), frontier.root());
                let read =
                    |tile: Tile| Ok::<_, TileError>(stored.get(&(tile.level, tile.index)).cloned());
                let loaded = TileTree::load(TreeSize::new(size), read).unwrap();
                assert_eq!(loaded.root(), tree.root(), "{size}");
                assert_eq!(loaded.rows, tree.rows, "{size}");
            }
        }
        let names: Vec<_> = tiles_of(TreeSize::new(66_000)).map(|t| (t.level, t.index)).collect();
        assert_eq!(names, stored.keys().copied().collect::<Vec<_>>());
    }
}
