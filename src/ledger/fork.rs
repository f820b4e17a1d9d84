//! Evidence of a fork: two checkpoints that one ledger signed, of trees that no ledger can have
//! both (`spec/witness.md` section 4).
//!
//! ```text
//! countersign fork v1
//! root UdJw2N+JA7qJSnTwkSxcDruxB656N4/xtPjCtie5KgI=
//! LNR3Dj9q59c76C6FX6Bks46iSwmLIu1Q1WFz6KahCBc=
//!
//! shop.example/ledger
//! 2
//! ...
//!
//! shop.example/ledger
//! 5
//! ...
//! ```

use std::fmt;

use super::keys::LedgerKeys;
use super::tlog_proof::{ProofFileError, parse_hashes, write_hashes};
use crate::base::digest::RootHash;
use crate::base::encoding;
use crate::base::limits::FORK_BYTES_MAX;
use crate::merkle::proof::{consistency_roots, verify_consistency};
use crate::note::SignedNote;
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};

/// What the file of a fork starts with.
pub const FORK_START: &str = "countersign fork v1\n";
/// What the second line starts with, where the checkpoints are of two sizes.
const ROOT: &str = "root ";

/// Two checkpoints as they stand in a file, and the beginning of the newer one's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkFile {
    /// Where the newer tree is larger: the root of as many of its entries as the older one has,
    /// and the proof of that.
    pub beginning: Option<(RootHash, Vec<[u8; 32]>)>,
    /// The checkpoint of the smaller tree, or either of two equal sizes.
    pub older: SignedNote,
    /// The other.
    pub newer: SignedNote,
}

/// Why two checkpoints are no evidence of a fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// One of them is refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// One ledger may well have both trees, as far as it is shown.
    #[error("the two checkpoints do not contradict each other")]
    NoFork,
}

/// A fork that is proved: both checkpoints are signed by the ledger, and no ledger has both trees.
/// Only [`Fork::prove`] and [`Fork::within`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    file: ForkFile,
    older: VerifiedCheckpoint,
    newer: VerifiedCheckpoint,
}

impl ForkFile {
    /// Parses a file; each has one spelling.
    ///
    /// # Errors
    /// [`ProofFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let bad = || ProofFileError::Malformed;
        if bytes.len() > FORK_BYTES_MAX {
            return Err(bad());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let (head, notes) = text.split_once("\n\n").ok_or_else(bad)?;
        // Neither text nor signatures of a checkpoint hold an empty line: of four parts the first
        // two are a note.
        let (text, rest) = notes.split_once("\n\n").ok_or_else(bad)?;
        let (signatures, newer) = rest.split_once("\n\n").ok_or_else(bad)?;
        let older = SignedNote::parse(format!("{text}\n\n{signatures}\n").as_bytes())?;
        let newer = SignedNote::parse(newer.as_bytes())?;
        let mut lines = head.split('\n');
        if lines.next() != FORK_START.strip_suffix('\n') {
            return Err(bad());
        }
        let beginning = match lines.next() {
            None => None,
            Some(line) => {
                let root = line.strip_prefix(ROOT).ok_or_else(bad)?;
                let root = encoding::unbase64_array(root).map_err(|_| bad())?;
                Some((RootHash::from_bytes(root), parse_hashes(lines)?))
            }
        };
        Ok(Self { beginning, older, newer })
    }

    /// Verifies that the ledger signed both and that they contradict each other: a pure function.
    ///
    /// # Errors
    /// [`ForkError`].
    pub fn verify(self, keys: &LedgerKeys) -> Result<Fork, ForkError> {
        let open = |note: &SignedNote| {
            let claimed: crate::note::checkpoint::Checkpoint = note.text().parse()?;
            VerifiedCheckpoint::of(note.clone(), keys.origin(), keys.of_size(claimed.size))
        };
        let (older, newer) = (open(&self.older)?, open(&self.newer)?);
        Fork::prove(older, newer, self.beginning).ok_or(ForkError::NoFork)
    }
}

impl fmt::Display for ForkFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(FORK_START)?;
        let mut hashes: &[[u8; 32]] = &[];
        if let Some((root, proof)) = &self.beginning {
            writeln!(formatter, "{ROOT}{}", encoding::base64(root.as_bytes()))?;
            hashes = proof;
        }
        write_hashes(formatter, hashes)?;
        writeln!(formatter, "{}", self.older)?;
        self.newer.fmt(formatter)
    }
}

impl Fork {
    /// The fork that two signed checkpoints show; `None` where they do not contradict each other.
    /// Of equal sizes the roots differ and there is no `beginning`; else it holds the root of as
    /// many of the newer tree's entries as the older has, another one than the older's, and its
    /// proof.
    #[must_use]
    pub fn prove(
        older: VerifiedCheckpoint,
        newer: VerifiedCheckpoint,
        beginning: Option<(RootHash, Vec<[u8; 32]>)>,
    ) -> Option<Self> {
        let is_fork = match &beginning {
            None => older.size() == newer.size() && older.root() != newer.root(),
            Some((root, hashes)) => {
                let (old, new) = (older.size(), newer.size());
                let proved = verify_consistency(old, root, new, newer.root(), hashes);
                old.get() > 0 && old < new && root != older.root() && proved.is_ok()
            }
        };
        let file = ForkFile { beginning, older: older.note().clone(), newer: newer.note().clone() };
        is_fork.then_some(Self { file, older, newer })
    }

    /// The fork that a consistency proof shows which was made on another history than the older
    /// checkpoint's. `None` where it is merely wrong, or does not hold the older root.
    #[must_use]
    pub fn within(
        older: VerifiedCheckpoint,
        newer: VerifiedCheckpoint,
        hashes: &[[u8; 32]],
    ) -> Option<Self> {
        if older.size() == newer.size() {
            return Self::prove(older, newer, None);
        }
        let (root, _) = consistency_roots(older.size(), newer.size(), hashes)?;
        Self::prove(older, newer, Some((root, hashes.to_vec())))
    }

    /// The checkpoint of the smaller tree, or one of two equal sizes.
    #[must_use]
    pub const fn older(&self) -> &VerifiedCheckpoint {
        &self.older
    }

    /// The other.
    #[must_use]
    pub const fn newer(&self) -> &VerifiedCheckpoint {
        &self.newer
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(formatter)
    }
}
