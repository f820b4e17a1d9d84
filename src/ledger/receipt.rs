//! Receipts: that an entry is in the ledger (`spec/proof.md` section 1).

use super::leaf::Leaf;
use super::tlog_proof::{ProofFileError, TlogProof};
use crate::base::digest::LeafHash;
use crate::base::position::EntryIndex;
use crate::merkle::proof::{self, ProofError};
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::note::key::VerifierKey;

/// Proof that the leaf with this hash is at this position of the checkpoint's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Position of the entry.
    pub index: EntryIndex,
    /// Its leaf hash.
    pub leaf_hash: LeafHash,
    /// The checkpoint that the ledger signed.
    pub checkpoint: VerifiedCheckpoint,
    /// Sibling hashes from the leaf upwards.
    pub proof: Vec<[u8; 32]>,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not in tlog-proof layout.
    #[error("not a receipt in tlog-proof layout")]
    Malformed,
    /// It has no `extra` line, where a leaf is wanted.
    #[error("it holds no entry, only the proof of one")]
    NoLeaf,
    /// The `extra` line is no leaf of a ledger.
    #[error("what it holds is no entry of a ledger")]
    NotALeaf,
    /// Its checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its inclusion proof is refused.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// The text of the receipt; it holds no copy of the leaf.
    #[must_use]
    pub fn to_tlog_proof(&self) -> String {
        self.file(None).to_string()
    }

    fn file(&self, extra: Option<Vec<u8>>) -> TlogProof {
        let (hashes, checkpoint) = (self.proof.clone(), self.checkpoint.note().clone());
        TlogProof { extra, index: self.index, hashes, checkpoint }
    }

    /// Parses a receipt and verifies it for a leaf of the ledger with that origin and key.
    /// An `extra` line is passed over: the leaf is known already.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn open(
        text: &[u8],
        leaf_hash: LeafHash,
        origin: &str,
        key: &VerifierKey,
    ) -> Result<Self, ReceiptError> {
        Self::of(TlogProof::parse(text)?, leaf_hash, origin, key)
    }

    fn of(
        file: TlogProof,
        leaf_hash: LeafHash,
        origin: &str,
        key: &VerifierKey,
    ) -> Result<Self, ReceiptError> {
        let checkpoint = VerifiedCheckpoint::of(file.checkpoint, origin, key)?;
        let receipt = Self { index: file.index, leaf_hash, checkpoint, proof: file.hashes };
        receipt.verify()?;
        Ok(receipt)
    }

    /// Verifies the inclusion proof under the checkpoint's root.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self) -> Result<(), ProofError> {
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        proof::verify_inclusion(&self.leaf_hash, self.index, size, root, &self.proof)
    }
}

impl From<ProofFileError> for ReceiptError {
    fn from(error: ProofFileError) -> Self {
        match error {
            ProofFileError::Malformed => Self::Malformed,
            ProofFileError::Note(error) => Self::Checkpoint(error.into()),
        }
    }
}

/// An entry and its receipt in one file: the `extra` line is the leaf, and vouched for by the
/// proof, since the proof is one of this leaf only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryProof {
    /// The leaf.
    pub leaf: Leaf,
    /// The proof of it.
    pub receipt: Receipt,
}

impl EntryProof {
    /// The text of the file.
    #[must_use]
    pub fn to_tlog_proof(&self) -> String {
        self.receipt.file(Some(self.leaf.to_bytes())).to_string()
    }

    /// Parses the file and verifies it for the ledger with that origin and key.
    ///
    /// # Errors
    /// [`ReceiptError`]; [`ReceiptError::NoLeaf`] and [`ReceiptError::NotALeaf`] where the
    /// `extra` line is missing or no leaf.
    pub fn open(text: &[u8], origin: &str, key: &VerifierKey) -> Result<Self, ReceiptError> {
        Self::of(TlogProof::parse(text)?, origin, key)
    }

    /// The same for a file that is parsed already.
    ///
    /// # Errors
    /// As [`EntryProof::open`].
    pub fn of(mut file: TlogProof, origin: &str, key: &VerifierKey) -> Result<Self, ReceiptError> {
        let extra = file.extra.take().ok_or(ReceiptError::NoLeaf)?;
        let leaf = Leaf::parse(&extra).map_err(|_| ReceiptError::NotALeaf)?;
        let receipt = Receipt::of(file, leaf.hash(), origin, key)?;
        Ok(Self { leaf, receipt })
    }
}
