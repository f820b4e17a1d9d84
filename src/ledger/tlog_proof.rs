//! The file of an inclusion proof (C2SP tlog-proof), as a layout: nothing in it is verified yet.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra eyJ0aW1lIjox...
//! index 1
//! bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=
//!
//! example.com/ledger
//! ...
//! ```

use std::fmt;

use crate::base::encoding;
use crate::base::limits::{LEAF_BYTES_MAX, PROOF_LINES_MAX, RECEIPT_BYTES_MAX};
use crate::base::position::EntryIndex;
use crate::note::{NoteError, SignedNote};

/// What the file of an inclusion proof starts with.
pub const TLOG_PROOF_START: &str = "c2sp.org/tlog-proof@v1\n";
/// What the optional second line starts with.
const EXTRA: &str = "extra ";

/// An inclusion proof with its checkpoint, as they stand in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What whoever made the file added: in files of ours the leaf. Nothing but the proof itself
    /// vouches for it.
    pub extra: Option<Vec<u8>>,
    /// Position of the entry.
    pub index: EntryIndex,
    /// Sibling hashes from the leaf upwards.
    pub hashes: Vec<[u8; 32]>,
    /// The note of the checkpoint, every signature line included.
    pub checkpoint: SignedNote,
}

/// Why a file is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// Not in the layout, or too large.
    #[error("not a proof in the layout that C2SP gives it")]
    Malformed,
    /// What should be its checkpoint is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl TlogProof {
    /// Parses a file; each has one spelling.
    ///
    /// # Errors
    /// [`ProofFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let bad = ProofFileError::Malformed;
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(bad);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFileError::Malformed)?;
        let rest = text.strip_prefix(TLOG_PROOF_START).ok_or(ProofFileError::Malformed)?;
        let (head, note) = rest.split_once("\n\n").ok_or(ProofFileError::Malformed)?;
        let mut lines = head.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with(EXTRA));
        let extra = extra.map(|line| parse_extra(&line[EXTRA.len()..])).transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|number| encoding::undecimal(number).ok()).ok_or(bad)?;
        let hashes = parse_hashes(lines)?;
        let checkpoint = SignedNote::parse(note.as_bytes())?;
        Ok(Self { extra, index: EntryIndex::new(index), hashes, checkpoint })
    }
}

fn parse_extra(text: &str) -> Result<Vec<u8>, ProofFileError> {
    // Four letters for three bytes: nothing longer than a leaf is decoded. An empty one is left
    // out.
    if text.is_empty() || text.len() > LEAF_BYTES_MAX.div_ceil(3) * 4 {
        return Err(ProofFileError::Malformed);
    }
    encoding::unbase64(text).map_err(|_| ProofFileError::Malformed)
}

/// The hashes of a proof, a line each.
pub(super) fn parse_hashes<'a>(
    lines: impl Iterator<Item = &'a str>,
) -> Result<Vec<[u8; 32]>, ProofFileError> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == PROOF_LINES_MAX {
            return Err(ProofFileError::Malformed);
        }
        hashes.push(encoding::unbase64_array(line).map_err(|_| ProofFileError::Malformed)?);
    }
    Ok(hashes)
}

/// The hashes of a proof, a line each, and the empty line behind them.
pub(super) fn write_hashes(formatter: &mut fmt::Formatter<'_>, hashes: &[[u8; 32]]) -> fmt::Result {
    for hash in hashes {
        writeln!(formatter, "{}", encoding::base64(hash))?;
    }
    writeln!(formatter)
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(TLOG_PROOF_START)?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "{EXTRA}{}", encoding::base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        write_hashes(formatter, &self.hashes)?;
        self.checkpoint.fmt(formatter)
    }
}
