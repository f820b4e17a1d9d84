//! Receipts: that an entry is in the ledger, in tlog-proof layout (C2SP).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 1
//! bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=
//!
//! example.com/ledger
//! ...
//! ```

use crate::base::digest::LeafHash;
use crate::base::encoding;
use crate::base::limits::RECEIPT_BYTES_MAX;
use crate::base::position::EntryIndex;
use crate::merkle::proof::{self, PROOF_HASHES_MAX, ProofError};
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::note::key::VerifierKey;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1\n";

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
        let mut text = format!("{FIRST_LINE}index {}\n", self.index);
        for hash in &self.proof {
            text.push_str(&encoding::base64(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint.note().to_string());
        text
    }

    /// Parses a receipt and verifies it for a leaf of the ledger with that origin and key.
    /// An `extra` line is allowed and passed over, for nothing vouches for it.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn open(
        text: &[u8],
        leaf_hash: LeafHash,
        origin: &str,
        key: &VerifierKey,
    ) -> Result<Self, ReceiptError> {
        // Step 1: layout.
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::Malformed);
        }
        let text = std::str::from_utf8(text).map_err(|_| ReceiptError::Malformed)?;
        let (head, note) = text.split_once("\n\n").ok_or(ReceiptError::Malformed)?;
        let rest = head.strip_prefix(FIRST_LINE).ok_or(ReceiptError::Malformed)?;
        let mut lines = rest.split('\n').peekable();
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            encoding::unbase64(&extra["extra ".len()..]).map_err(|_| ReceiptError::Malformed)?;
        }
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(|number| encoding::undecimal(number).ok())
            .ok_or(ReceiptError::Malformed)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(ReceiptError::Malformed);
            }
            hashes.push(encoding::unbase64_array(line).map_err(|_| ReceiptError::Malformed)?);
        }
        // Step 2: the checkpoint.
        let checkpoint = VerifiedCheckpoint::open(note.as_bytes(), origin, key)?;
        // Step 3: the leaf under its root.
        let index = EntryIndex::new(index);
        let receipt = Self { index, leaf_hash, checkpoint, proof: hashes };
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
