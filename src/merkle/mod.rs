//! RFC 6962 Merkle trees: hashes, the growing tree, tiles and proofs (`spec/ledger.md`).

pub mod proof;
pub mod tile;
pub mod tree;

use crate::base::digest::{LeafHash, RootHash, sha256};

/// RFC 6962 leaf hash: SHA-256 of a zero byte and the leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> LeafHash {
    LeafHash::from_bytes(sha256(&[&[0], leaf]))
}

/// RFC 6962 node hash: SHA-256 of a one byte and the hashes of both children.
#[must_use]
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], left, right])
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> RootHash {
    RootHash::from_bytes(sha256(&[]))
}

/// The largest power of two below `size`, where RFC 6962 splits a tree of at least two leaves.
pub(crate) const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
