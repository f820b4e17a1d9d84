//! Signed notes (C2SP signed-note), the checkpoints in them (C2SP tlog-checkpoint), and what
//! witnesses add to these (C2SP tlog-cosignature).
//!
//! ```text
//! example.com/ledger
//! 8
//! bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY=
//!
//! <em dash> example.com/ledger M9e0lq1EK37dHtgv9O3U...
//! ```

pub mod checkpoint;
pub mod cosignature;
pub mod key;
pub mod quorum;

use std::fmt;

use crate::base::encoding;
use crate::base::limits::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use crate::key::ed25519;
use key::{VerifierKey, is_key_name};

/// What a signature line starts with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note: text, an empty line, and 1 to 100 signature lines, in UTF-8 without control
    /// characters.
    #[error("not a signed note")]
    Malformed,
    /// More bytes than a note may have.
    #[error("too large: {found} bytes, at most {NOTE_BYTES_MAX} are read")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// None of the keys given has signed it.
    #[error("not signed by any known key")]
    Unsigned,
    /// The signature of a known key does not verify.
    #[error("the signature of {name} does not verify")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// Two of the keys given have the same name and id.
    #[error("two keys are named {name} and have the same id")]
    AmbiguousKey {
        /// The keys' name.
        name: String,
    },
    /// No verifier key or no secret key in its text form.
    #[error("not a key: expected NAME+HASH+BASE64 of an Ed25519 key")]
    Key,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// A signature by the key of that name and id.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where the name is no key name or there are no bytes.
    pub fn new(name: &str, id: u32, bytes: Vec<u8>) -> Result<Self, NoteError> {
        if !is_key_name(name) || bytes.is_empty() {
            return Err(NoteError::Malformed);
        }
        Ok(Self { name: name.to_owned(), id, bytes })
    }

    /// The signature of one line, without its line feed.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(MARK).ok_or(NoteError::Malformed)?;
        let (name, text) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        let blob = encoding::unbase64(text).map_err(|_| NoteError::Malformed)?;
        let (id, bytes) = blob.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
        Self::new(name, u32::from_be_bytes(*id), bytes.to_vec())
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key: the first four bytes of a hash of its name, algorithm and bytes.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What follows the id: the signature, and before it what its algorithm puts there.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.id.to_be_bytes().to_vec();
        blob.extend_from_slice(&self.bytes);
        write!(formatter, "{MARK}{} {}", self.name, encoding::base64(&blob))
    }
}

/// A note as parsed: nothing about its signatures is known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A note of a text that ends in a line feed.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where the text does not end in a line feed or has control
    /// characters, or there are no signatures or above 100.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let count_good = (1..=NOTE_SIGNATURES_MAX).contains(&signatures.len());
        if !text.ends_with('\n') || has_control(&text) || !count_good {
            return Err(NoteError::Malformed);
        }
        Ok(Self { text, signatures })
    }

    /// Parses a note; the last empty line parts text and signatures.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] and [`NoteError::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge { found: bytes.len() });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        let at = whole.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let lines = whole[at + 2..].strip_suffix('\n').ok_or(NoteError::Malformed)?;
        if lines.split('\n').count() > NOTE_SIGNATURES_MAX {
            return Err(NoteError::Malformed);
        }
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?;
        Self::new(whole[..=at].to_owned(), signatures)
    }

    /// The text that is signed, its last line feed included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where there are 100 already.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() == NOTE_SIGNATURES_MAX {
            return Err(NoteError::Malformed);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Verifies the Ed25519 signatures of `keys` and gives the positions in `keys` of those that
    /// signed. Signatures of other keys are ignored, and of several lines of one key the first
    /// counts.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] where none of them signed, [`NoteError::BadSignature`] where the
    /// signature of one of them is wrong, [`NoteError::AmbiguousKey`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<usize>, NoteError> {
        let mut verified = Vec::new();
        for signature in &self.signatures {
            let is_its_key =
                |key: &&VerifierKey| key.name() == signature.name && key.id() == signature.id;
            let Some(at) = keys.iter().position(|key| is_its_key(&key)) else { continue };
            let key = &keys[at];
            if keys.iter().filter(is_its_key).count() > 1 {
                return Err(NoteError::AmbiguousKey { name: key.name().to_owned() });
            }
            if verified.contains(&at) {
                continue;
            }
            let bad = || NoteError::BadSignature { name: key.name().to_owned() };
            let bytes = signature.bytes.as_slice().try_into().map_err(|_| bad())?;
            ed25519::verify(key.public_key(), self.text.as_bytes(), bytes).map_err(|_| bad())?;
            verified.push(at);
        }
        if verified.is_empty() { Err(NoteError::Unsigned) } else { Ok(verified) }
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}
