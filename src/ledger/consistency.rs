//! The file of a consistency proof: what C2SP tlog-witness has a log hand to a witness
//! (`spec/proof.md` section 4), so that it can be handed to one as it is.
//!
//! ```text
//! old 20852014
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//!
//! example.com/ledger
//! ...
//! ```

use std::fmt;

use super::tlog_proof::{ProofFileError, parse_hashes, write_hashes};
use crate::base::digest::RootHash;
use crate::base::encoding;
use crate::base::limits::CONSISTENCY_BYTES_MAX;
use crate::base::position::TreeSize;
use crate::merkle::proof::{ProofError, verify_consistency};
use crate::note::SignedNote;
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::note::key::VerifierKey;

/// What the file of a consistency proof starts with.
pub const CONSISTENCY_START: &str = "old ";

/// The proof that a checkpoint's tree continues an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Number of entries of the older tree.
    pub old_size: TreeSize,
    /// The hashes of RFC 6962 section 2.1.2.
    pub hashes: Vec<[u8; 32]>,
    /// The note of the newer checkpoint, every signature line included.
    pub checkpoint: SignedNote,
}

/// Why a consistency proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsistencyError {
    /// Its checkpoint is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is of another older size than the tree that it is held against.
    #[error("it starts at {found} entries, not at {expected}")]
    OldSize {
        /// Entries of the tree that is known.
        expected: TreeSize,
        /// Entries that the proof starts at.
        found: TreeSize,
    },
    /// The hashes do not lead from one root to the other.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ConsistencyProof {
    /// Parses a file; each has one spelling.
    ///
    /// # Errors
    /// [`ProofFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > CONSISTENCY_BYTES_MAX {
            return Err(ProofFileError::Malformed);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFileError::Malformed)?;
        let rest = text.strip_prefix(CONSISTENCY_START).ok_or(ProofFileError::Malformed)?;
        let (head, note) = rest.split_once("\n\n").ok_or(ProofFileError::Malformed)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|number| encoding::undecimal(number).ok());
        let old_size = TreeSize::new(old_size.ok_or(ProofFileError::Malformed)?);
        let hashes = parse_hashes(lines)?;
        let checkpoint = SignedNote::parse(note.as_bytes())?;
        Ok(Self { old_size, hashes, checkpoint })
    }

    /// Verifies that the ledger with that origin and key signed the newer tree, and that it
    /// continues the older one of this size and root; gives the newer checkpoint.
    ///
    /// # Errors
    /// [`ConsistencyError`].
    pub fn verify(
        &self,
        old_size: TreeSize,
        old_root: &RootHash,
        origin: &str,
        key: &VerifierKey,
    ) -> Result<VerifiedCheckpoint, ConsistencyError> {
        let new = VerifiedCheckpoint::of(self.checkpoint.clone(), origin, key)?;
        if self.old_size != old_size {
            let (expected, found) = (old_size, self.old_size);
            return Err(ConsistencyError::OldSize { expected, found });
        }
        verify_consistency(old_size, old_root, new.size(), new.root(), &self.hashes)?;
        Ok(new)
    }
}

impl fmt::Display for ConsistencyProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{CONSISTENCY_START}{}", self.old_size)?;
        write_hashes(formatter, &self.hashes)?;
        self.checkpoint.fmt(formatter)
    }
}
