//! Verified reading: a leaf counts only with its proof under a verified checkpoint.

use super::leaf::Leaf;
use super::receipt::Receipt;
use super::store::{Store, StoreError};
use crate::base::position::{EntryIndex, TreeSize};
use crate::merkle;
use crate::merkle::proof::Prover;
use crate::merkle::tile::Tile;
use crate::merkle::tree::TileError;
use crate::note::checkpoint::VerifiedCheckpoint;

impl From<TileError> for StoreError {
    fn from(error: TileError) -> Self {
        Self::integrity(error.tile.path(), "missing, or of a wrong length")
    }
}

/// An entry and the proof that it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    leaf: Leaf,
    receipt: Receipt,
}

impl VerifiedEntry {
    /// Position of the entry.
    #[must_use]
    pub fn index(&self) -> EntryIndex {
        self.receipt.index
    }

    /// The leaf.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The proof.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

/// A prover over a store's tiles for the tree of `size` entries.
pub fn prover<S: Store + ?Sized>(
    store: &S,
    size: TreeSize,
) -> Prover<impl FnMut(Tile) -> Result<Option<Vec<u8>>, StoreError> + '_> {
    Prover::new(size, |tile| store.tile(tile))
}

/// Reads an entry and proves it under a checkpoint; `None` where the checkpoint does not cover it.
///
/// # Errors
/// [`StoreError::Integrity`] where the entry is missing, is no leaf, or is not the one that the
/// checkpoint covers; [`StoreError::Unavailable`].
pub fn entry<S: Store + ?Sized>(
    store: &S,
    index: EntryIndex,
    checkpoint: &VerifiedCheckpoint,
) -> Result<Option<VerifiedEntry>, StoreError> {
    if !checkpoint.size().covers(index) {
        return Ok(None);
    }
    let entries = entries(store, [index], checkpoint)?;
    Ok(entries.into_iter().next())
}

/// Reads entries and proves each under a checkpoint that covers them all, in the order of
/// `indexes`. Their proofs share tiles, so many cost little more than one.
///
/// # Errors
/// As [`entry`]; [`StoreError::Integrity`] also where the checkpoint does not cover one.
pub fn entries<S: Store + ?Sized>(
    store: &S,
    indexes: impl IntoIterator<Item = EntryIndex>,
    checkpoint: &VerifiedCheckpoint,
) -> Result<Vec<VerifiedEntry>, StoreError> {
    let mut prover = prover(store, checkpoint.size());
    let mut read = |index: EntryIndex| {
        let what = || format!("entry {index}");
        let bytes = store.leaf(index)?.ok_or_else(|| StoreError::integrity(what(), "missing"))?;
        let leaf = Leaf::parse(&bytes).map_err(|error| StoreError::integrity(what(), error))?;
        let receipt = Receipt {
            index,
            leaf_hash: merkle::leaf_hash(&bytes),
            checkpoint: checkpoint.clone(),
            proof: prover.inclusion(index)?,
        };
        receipt.verify().map_err(|error| StoreError::integrity(what(), error))?;
        Ok(VerifiedEntry { leaf, receipt })
    };
    indexes.into_iter().map(&mut read).collect()
}

/// The consistency proof from an older size to a newer one, both in the store.
///
/// # Errors
/// [`StoreError`].
pub fn consistency<S: Store + ?Sized>(
    store: &S,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<[u8; 32]>, StoreError> {
    prover(store, new).consistency(old)
}
