//! Checkpoints: which tree a log has, signed by it.

use std::fmt;
use std::str::FromStr;

use super::key::{NoteSigner, VerifierKey, is_key_name};
use super::{NoteError, SignedNote};
use crate::base::digest::RootHash;
use crate::base::encoding;
use crate::base::position::TreeSize;

/// The text of a checkpoint: three lines, and extension lines kept as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a URL without scheme, equal to its key's name in ledgers of ours.
    pub origin: String,
    /// Number of entries.
    pub size: TreeSize,
    /// Root hash of the tree over them.
    pub root: RootHash,
    /// Lines after the third; our ledgers write none.
    pub extensions: Vec<String>,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Its note is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text of the note is no checkpoint.
    #[error("not a checkpoint")]
    Malformed,
    /// It is of another log.
    #[error("a checkpoint of {found}, not of {expected}")]
    Origin {
        /// The log asked for.
        expected: String,
        /// The log found.
        found: String,
    },
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    #[must_use]
    pub fn new(origin: &str, size: TreeSize, root: RootHash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`CheckpointError`] where origin or extension lines are none.
    pub fn sign(&self, signer: &NoteSigner) -> Result<VerifiedCheckpoint, CheckpointError> {
        let text = self.to_string();
        if text.parse::<Self>().as_ref() != Ok(self) {
            return Err(CheckpointError::Malformed);
        }
        Ok(VerifiedCheckpoint { checkpoint: self.clone(), note: signer.sign(&text)? })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = encoding::base64(self.root.as_bytes());
        writeln!(formatter, "{}\n{}\n{root}", self.origin, self.size)?;
        self.extensions.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let text = text.strip_suffix('\n').ok_or(CheckpointError::Malformed)?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(CheckpointError::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        if !is_key_name(origin) {
            return Err(CheckpointError::Malformed);
        }
        let size = encoding::undecimal(size).map_err(|_| CheckpointError::Malformed)?;
        let root = encoding::unbase64_array(root).map_err(|_| CheckpointError::Malformed)?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: TreeSize::new(size),
            root: RootHash::from_bytes(root),
            extensions,
        })
    }
}

/// A checkpoint that its log signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl VerifiedCheckpoint {
    /// Parses a note and verifies that `key` signed it and that it is of the log `origin`.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &[u8], origin: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::of(SignedNote::parse(note)?, origin, key)
    }

    /// The same for a note that is parsed already.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn of(note: SignedNote, origin: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        note.verify(std::slice::from_ref(key))?;
        let checkpoint: Checkpoint = note.text().parse()?;
        if checkpoint.origin != origin {
            let expected = origin.to_owned();
            return Err(CheckpointError::Origin { expected, found: checkpoint.origin });
        }
        Ok(Self { checkpoint, note })
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.checkpoint.size
    }

    /// Root hash of the tree over them.
    #[must_use]
    pub fn root(&self) -> &RootHash {
        &self.checkpoint.root
    }

    /// The checkpoint itself.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with every signature line, those of other keys included.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }
}
