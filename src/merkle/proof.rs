//! Inclusion and consistency proofs (RFC 6962 section 2.1): made from tiles, verified strictly.

use std::collections::HashMap;

use super::tile::{TILE_WIDTH, Tile};
use super::tree::{TileError, read_row, subtree};
use super::{empty_root, node_hash, split};
use crate::base::digest::{LeafHash, RootHash};
use crate::base::position::{EntryIndex, TreeSize};

/// Most hashes of any proof: a tree of 2^63 leaves is 63 high, and consistency adds one.
pub const PROOF_HASHES_MAX: usize = 64;

/// The proof does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not below the size, or the old size is above the new one.
    #[error("the proof is for a position outside of the tree")]
    Range,
    /// Too few or too many hashes for this position and size.
    #[error("the proof has a wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root hash")]
    Root,
}

/// Makes proofs for one tree from its tiles, keeping every tile that it read.
pub struct Prover<R> {
    size: u64,
    read: R,
    /// By level and position: the nodes of a tile, each row half as long as the one before.
    tiles: HashMap<(u8, u64), Vec<Vec<[u8; 32]>>>,
}

impl<E: From<TileError>, R: FnMut(Tile) -> Result<Option<Vec<u8>>, E>> Prover<R> {
    /// A prover for the tree of `size` leaves whose tiles `read` gives, each as wide as asked.
    pub fn new(size: TreeSize, read: R) -> Self {
        Self { size: size.get(), read, tiles: HashMap::new() }
    }

    /// The root of the first `size` leaves.
    ///
    /// # Errors
    /// What reading a tile fails with; [`TileError`] where `size` is beyond this tree.
    pub fn root(&mut self, size: TreeSize) -> Result<RootHash, E> {
        if size.get() == 0 {
            return Ok(empty_root());
        }
        self.range(0, size.get()).map(RootHash::from_bytes)
    }

    /// The inclusion proof of an entry: sibling hashes from the leaf upwards.
    ///
    /// # Errors
    /// What reading a tile fails with; [`TileError`] where the entry is beyond this tree.
    pub fn inclusion(&mut self, index: EntryIndex) -> Result<Vec<[u8; 32]>, E> {
        let index = index.get();
        if index >= self.size {
            return Err(beyond(index).into());
        }
        let (mut start, mut end) = (0, self.size);
        let mut proof = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(start, middle)?);
                start = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of `old` leaves is the beginning of this one.
    ///
    /// # Errors
    /// What reading a tile fails with; [`TileError`] where `old` is beyond this tree.
    pub fn consistency(&mut self, old: TreeSize) -> Result<Vec<[u8; 32]>, E> {
        let old = old.get();
        if old > self.size {
            return Err(beyond(old - 1).into());
        }
        if old == 0 || old == self.size {
            return Ok(Vec::new());
        }
        let (mut start, mut end) = (0, self.size);
        let mut proof = Vec::new();
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(start, middle)?);
                start = middle;
            }
        }
        // The old root itself is known to the verifier where the old tree is a whole subtree.
        if start > 0 {
            proof.push(self.range(start, end)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The RFC 6962 hash of the leaves from `start` to `end`; `start` is a multiple of the
    /// largest power of two in that range.
    fn range(&mut self, start: u64, end: u64) -> Result<[u8; 32], E> {
        if end > self.size {
            return Err(beyond(end - 1).into());
        }
        let count = end - start;
        if count.is_power_of_two() {
            return self.node(count.trailing_zeros(), start / count);
        }
        let middle = start + split(count);
        let left = self.range(start, middle)?;
        let right = self.range(middle, end)?;
        Ok(node_hash(&left, &right))
    }

    /// The node over the leaves from `index * 2^height` on, `2^height` of them.
    fn node(&mut self, height: u32, index: u64) -> Result<[u8; 32], E> {
        // A tile has eight heights of nodes; the next is the lowest of the tile above.
        let level = u8::try_from(height / 8).unwrap_or(u8::MAX);
        let row = height % 8;
        let place = (level, index >> (8 - row));
        let missing = || TileError { tile: Tile { level, index: place.1, width: 1 } };
        if !self.tiles.contains_key(&place) {
            // Level 8 alone is above all tiles: 2^64 leaves, which no tree has.
            let tile = Tile::within(level, place.1, TreeSize::new(self.size));
            let hashes = read_row(tile.ok_or_else(missing)?, &mut self.read)?;
            self.tiles.insert(place, rows_above(hashes));
        }
        let at = usize::try_from(index % (TILE_WIDTH >> row)).unwrap_or(usize::MAX);
        let rows = self.tiles.get(&place);
        let row = rows.and_then(|rows| rows.get(usize::try_from(row).unwrap_or(usize::MAX)));
        row.and_then(|row| row.get(at)).copied().ok_or_else(|| missing().into())
    }
}

/// The hashes of a tile and, row by row, the nodes above them that the tile holds whole.
fn rows_above(hashes: Vec<[u8; 32]>) -> Vec<Vec<[u8; 32]>> {
    let mut rows = Vec::with_capacity(8);
    let mut row = hashes;
    while rows.len() < 8 {
        let pairs = row.as_chunks::<2>().0;
        let above = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
        rows.push(std::mem::replace(&mut row, above));
    }
    rows
}

/// An entry that this tree does not have, told as the tile that would hold it.
fn beyond(index: u64) -> TileError {
    TileError { tile: Tile { level: 0, index: index / TILE_WIDTH, width: 1 } }
}

/// Verifies that a leaf is at `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// [`ProofError`]; a proof that is longer than needed is refused too.
pub fn verify_inclusion(
    leaf: &LeafHash,
    index: EntryIndex,
    size: TreeSize,
    root: &RootHash,
    proof: &[[u8; 32]],
) -> Result<(), ProofError> {
    if !size.covers(index) {
        return Err(ProofError::Range);
    }
    let (mut index, mut last) = (index.get(), size.get() - 1);
    let mut node = *leaf.as_bytes();
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if index % 2 == 1 || index == last {
            node = node_hash(sibling, &node);
            // A right edge that has no sibling on this level rises until it has one.
            while index % 2 == 0 && index != 0 {
                index /= 2;
                last /= 2;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        index /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if node == *root.as_bytes() { Ok(()) } else { Err(ProofError::Root) }
}

/// Verifies that the tree of `old_size` leaves is the beginning of the tree of `new_size`.
/// The empty tree is the beginning of every tree, and of two equal sizes the roots are equal;
/// both with an empty proof.
///
/// # Errors
/// [`ProofError`]; a proof that is longer than needed is refused too.
pub fn verify_consistency(
    old_size: TreeSize,
    old_root: &RootHash,
    new_size: TreeSize,
    new_root: &RootHash,
    proof: &[[u8; 32]],
) -> Result<(), ProofError> {
    let (old, new) = (old_size.get(), new_size.get());
    if old > new {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        let same = if old == new { old_root == new_root } else { *old_root == empty_root() };
        return if same { Ok(()) } else { Err(ProofError::Root) };
    }
    // The subtree that both trees share is in the proof unless it is the whole old tree.
    let (first, rest) = if old.is_power_of_two() {
        (old_root.as_bytes(), proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let (old_node, new_node) = climb(old, new, *first, rest)?;
    if old_node == *old_root && new_node == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The roots of the older and of the newer tree that a consistency proof speaks of, whatever they
/// should be. `None` where the proof is of a wrong length or does not hold the older root: where
/// the older tree is empty, the whole newer one, or of a power of two.
#[must_use]
pub fn consistency_roots(
    old_size: TreeSize,
    new_size: TreeSize,
    proof: &[[u8; 32]],
) -> Option<(RootHash, RootHash)> {
    let (old, new) = (old_size.get(), new_size.get());
    if old >= new || old == 0 || old.is_power_of_two() {
        return None;
    }
    let (first, rest) = proof.split_first()?;
    climb(old, new, *first, rest).ok()
}

/// Climbs from the subtree that two trees share, at the right edge of the older one, to the roots
/// of both; `0 < old < new`.
fn climb(
    old: u64,
    new: u64,
    first: [u8; 32],
    rest: &[[u8; 32]],
) -> Result<(RootHash, RootHash), ProofError> {
    let shift = (old - 1).trailing_ones();
    let (mut index, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut old_node, mut new_node) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if index % 2 == 1 || index == last {
            old_node = node_hash(sibling, &old_node);
            new_node = node_hash(sibling, &new_node);
            while index % 2 == 0 && index != 0 {
                index /= 2;
                last /= 2;
            }
        } else {
            new_node = node_hash(&new_node, sibling);
        }
        index /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    Ok((RootHash::from_bytes(old_node), RootHash::from_bytes(new_node)))
}

/// The root of a list of leaf hashes: the definition itself, for small trees.
#[must_use]
pub fn root_of(leaves: &[LeafHash]) -> RootHash {
    let mut nodes: Vec<_> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
    if nodes.is_empty() {
        return empty_root();
    }
    let mut right: Option<[u8; 32]> = None;
    while !nodes.is_empty() {
        // The smallest perfect subtree stands at the right.
        let perfect = 1_usize << nodes.len().trailing_zeros();
        let left = subtree(&nodes.split_off(nodes.len() - perfect));
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
    }
    RootHash::from_bytes(right.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::merkle::leaf_hash;
    use crate::merkle::tree::TileTree;

    struct Log {
        leaves: Vec<LeafHash>,
        tiles: BTreeMap<(u8, u64), Vec<u8>>,
    }

    impl Log {
        fn new(count: u64) -> Self {
            let mut tree = TileTree::new();
            let leaves: Vec<_> = (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            for leaf in &leaves {
                tree.append(leaf);
            }
            let changed = tree.take_changed().into_iter();
            let tiles = changed.map(|(tile, bytes)| ((tile.level, tile.index), bytes)).collect();
            Self { leaves, tiles }
        }

        fn prover(
            &self,
            size: u64,
        ) -> Prover<impl FnMut(Tile) -> Result<Option<Vec<u8>>, TileError>> {
            Prover::new(TreeSize::new(size), |tile| {
                let bytes = self.tiles.get(&(tile.level, tile.index));
                Ok(bytes.map(|bytes| bytes[..tile.bytes_count()].to_vec()))
            })
        }
    }

    /// tlog_tiles's own store of hashes.
    struct Theirs(Vec<tlog_tiles::Hash>);

    impl tlog_tiles::HashReader for Theirs {
        fn read_hashes(&self, at: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
            Ok(at.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
        }
    }

    impl Theirs {
        fn new(count: u64) -> Self {
            let mut hashes = Self(Vec::new());
            for n in 0..count {
                hashes.0.extend(tlog_tiles::stored_hashes(n, &n.to_be_bytes(), &hashes).unwrap());
            }
            hashes
        }
    }

    #[test]
    fn every_proof_of_small_trees_is_that_of_tlog_tiles_and_verifies() {
        let (log, theirs) = (Log::new(40), Theirs::new(40));
        for size in 1..=40 {
            let mut prover = log.prover(size);
            let root = prover.root(TreeSize::new(size)).unwrap();
            assert_eq!(root, root_of(&log.leaves[..usize::try_from(size).unwrap()]));
            for index in 0..size {
                let proof = prover.inclusion(EntryIndex::new(index)).unwrap();
                let expected = tlog_tiles::prove_record(size, index, &theirs).unwrap();
                assert_eq!(proof, expected.iter().map(|hash| hash.0).collect::<Vec<_>>());
                check_inclusion(&log, index, size, &root, &proof);
            }
            for old in 1..=size {
                let old_root = prover.root(TreeSize::new(old)).unwrap();
                let proof = prover.consistency(TreeSize::new(old)).unwrap();
                let expected = tlog_tiles::prove_tree(size, old, &theirs).unwrap();
                assert_eq!(proof, expected.iter().map(|hash| hash.0).collect::<Vec<_>>());
                check_consistency((old, &old_root), (size, &root), &proof);
            }
        }
    }

    /// The good proof verifies, and no proof that is altered, shorter or longer does.
    fn check_inclusion(log: &Log, index: u64, size: u64, root: &RootHash, proof: &[[u8; 32]]) {
        let leaf = &log.leaves[usize::try_from(index).unwrap()];
        let verify = |index, size, proof: &[[u8; 32]]| {
            verify_inclusion(leaf, EntryIndex::new(index), TreeSize::new(size), root, proof)
        };
        assert_eq!(verify(index, size, proof), Ok(()));
        for other in (0..size + 2).filter(|other| *other != index) {
            assert!(verify(other, size, proof).is_err());
        }
        for other in mutations(proof) {
            assert!(verify(index, size, &other).is_err());
        }
    }

    fn check_consistency(old: (u64, &RootHash), new: (u64, &RootHash), proof: &[[u8; 32]]) {
        let verify = |proof: &[[u8; 32]]| {
            verify_consistency(TreeSize::new(old.0), old.1, TreeSize::new(new.0), new.1, proof)
        };
        assert_eq!(verify(proof), Ok(()));
        for other in mutations(proof) {
            assert!(verify(&other).is_err());
        }
    }

    fn mutations(proof: &[[u8; 32]]) -> Vec<Vec<[u8; 32]>> {
        let mut all = vec![[proof, &[[0; 32]]].concat(), [&[[0; 32]], proof].concat()];
        for position in 0..proof.len() {
            let mut altered = proof.to_vec();
            altered[position][31] ^= 1;
            all.push(altered);
            let mut shorter = proof.to_vec();
            shorter.remove(position);
            all.push(shorter);
        }
        all
    }

    #[test]
    fn proofs_over_several_levels_of_tiles_verify() {
        let (log, theirs) = (Log::new(66_000), Theirs::new(66_000));
        for size in [255, 256, 257, 511, 65_535, 65_536, 65_537, 66_000] {
            let mut prover = log.prover(size);
            let root = prover.root(TreeSize::new(size)).unwrap();
            for index in [0, 1, 254, size / 2, size - 1] {
                let proof = prover.inclusion(EntryIndex::new(index)).unwrap();
                let expected = tlog_tiles::prove_record(size, index, &theirs).unwrap();
                assert_eq!(proof, expected.iter().map(|hash| hash.0).collect::<Vec<_>>());
                let leaf = &log.leaves[usize::try_from(index).unwrap()];
                let (index, size) = (EntryIndex::new(index), TreeSize::new(size));
                assert_eq!(verify_inclusion(leaf, index, size, &root, &proof), Ok(()));
            }
            for old in [1, 200, size / 3, size - 1] {
                let old_root = prover.root(TreeSize::new(old)).unwrap();
                let proof = prover.consistency(TreeSize::new(old)).unwrap();
                check_consistency((old, &old_root), (size, &root), &proof);
            }
        }
    }

    #[test]
    fn proofs_beyond_the_tree_are_errors() {
        let log = Log::new(10);
        assert!(log.prover(10).inclusion(EntryIndex::new(10)).is_err());
        assert!(log.prover(10).consistency(TreeSize::new(11)).is_err());
        assert!(log.prover(10).root(TreeSize::new(11)).is_err());
        // Sizes near the end of 64 bits neither overflow nor loop.
        let (index, size) = (EntryIndex::new(u64::MAX - 1), TreeSize::new(u64::MAX));
        let root = empty_root();
        assert!(verify_inclusion(&log.leaves[0], index, size, &root, &[[0; 32]; 64]).is_err());
        let old = TreeSize::new(u64::MAX - 1);
        assert!(verify_consistency(old, &root, size, &root, &[[0; 32]; 64]).is_err());
        let mut prover = Prover::new(size, |_| Ok::<_, TileError>(None));
        assert!(prover.inclusion(index).is_err());
        assert!(prover.consistency(old).is_err());
    }
}
