//! Cosignatures (C2SP tlog-cosignature, Ed25519): a witness says that it saw this checkpoint, that
//! it continues what it saw before, and when (`spec/proof.md` section 2).
//!
//! ```text
//! <em dash> witness.example/w1 base64(key id in 4 bytes || seconds in 8 bytes || signature)
//! ```
//!
//! What is signed are two lines and the whole text of the checkpoint:
//!
//! ```text
//! cosignature/v1
//! time 1679315147
//! example.com/behind-the-sofa
//! ...
//! ```

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::{is_key_name, join, key_id, read_secret, secret_text, split};
use super::{NoteError, NoteSignature, SignedNote};
use crate::key::ed25519;

/// Signature type byte of an Ed25519 cosignature with a time.
const ALGORITHM_COSIGNATURE: u8 = 0x04;
/// Bytes of a cosignature behind the key id: a time and an Ed25519 signature.
const COSIGNATURE_BYTES: usize = 8 + 64;
/// Latest time of a cosignature in seconds since 1970: what C2SP lets it be.
pub const COSIGNATURE_SECONDS_MAX: u64 = (1 << 63) - 1;

/// The public key of a witness, in text `NAME+ID+BASE64` with the type byte 0x04.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CosignerKey {
    name: String,
    public_key: [u8; 32],
}

impl CosignerKey {
    /// The Ed25519 key of the cosigner of that name.
    ///
    /// # Errors
    /// [`NoteError::Key`] where the name may not name a key.
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), public_key })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The id: the first four bytes of SHA-256(name, line feed, 0x04, public key).
    #[must_use]
    pub fn id(&self) -> u32 {
        key_id(&self.name, ALGORITHM_COSIGNATURE, &self.public_key)
    }

    /// What this key signed of a note: its first line in it; `None` where it has none.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] where that line is no cosignature of the note's text.
    pub fn find(&self, note: &SignedNote) -> Result<Option<Cosignature>, NoteError> {
        let id = self.id();
        let is_ours = |line: &&NoteSignature| line.id() == id && line.name() == self.name;
        let Some(line) = note.signatures().iter().find(is_ours) else { return Ok(None) };
        let bad = || NoteError::BadSignature { name: self.name.clone() };
        let cosignature = Cosignature::from_bytes(line.bytes()).ok_or_else(bad)?;
        let message = message(cosignature.seconds, note.text());
        ed25519::verify(&self.public_key, message.as_bytes(), &cosignature.signature)
            .map_err(|_| bad())?;
        Ok(Some(cosignature))
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&join(&self.name, ALGORITHM_COSIGNATURE, &self.public_key))
    }
}

impl FromStr for CosignerKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public_key) = split(text, ALGORITHM_COSIGNATURE)?;
        let key = Self::new(name, *public_key)?;
        if id == key.id() { Ok(key) } else { Err(NoteError::Key) }
    }
}

/// A cosignature: when, and the signature itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature {
    seconds: u64,
    signature: [u8; 64],
}

impl Cosignature {
    /// When the witness signed, by its own clock: seconds since 1970, at most 2^63 - 1.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The bytes of a signature line behind the key id.
    fn to_bytes(self) -> Vec<u8> {
        [&self.seconds.to_be_bytes()[..], &self.signature].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; COSIGNATURE_BYTES] = bytes.try_into().ok()?;
        let (seconds, signature) = bytes.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let signature = signature.try_into().ok()?;
        (seconds <= COSIGNATURE_SECONDS_MAX).then_some(Self { seconds, signature })
    }
}

/// The secret key of a witness. It is wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct Cosigner {
    name: String,
    key: SigningKey,
}

impl Cosigner {
    /// The cosigner of that name with this seed.
    ///
    /// # Errors
    /// [`NoteError::Key`] where the name may not name a key.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads the text form `PRIVATE+KEY+NAME+ID+BASE64`, with or without a line feed after it.
    ///
    /// # Errors
    /// [`NoteError::Key`], which never holds any of the text.
    pub fn from_text(text: &str) -> Result<Self, NoteError> {
        let (name, id, seed) = read_secret(text, ALGORITHM_COSIGNATURE)?;
        let cosigner = Self::new(name, &seed)?;
        if id == cosigner.key().id() { Ok(cosigner) } else { Err(NoteError::Key) }
    }

    /// The text form, to be written to a file that only its owner may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        secret_text(&self.name, self.key().id(), ALGORITHM_COSIGNATURE, self.key.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> CosignerKey {
        CosignerKey { name: self.name.clone(), public_key: self.key.verifying_key().to_bytes() }
    }

    /// The signature line over the checkpoint in a note. It says that this tree continues every
    /// one that the cosigner signed before: whoever calls it has made sure.
    ///
    /// # Errors
    /// [`CheckpointError`] where the text is no checkpoint, or `seconds` is above 2^63 - 1.
    pub fn sign(&self, note: &SignedNote, seconds: u64) -> Result<NoteSignature, CheckpointError> {
        note.text().parse::<Checkpoint>()?;
        if seconds > COSIGNATURE_SECONDS_MAX {
            return Err(CheckpointError::Malformed);
        }
        let signature = self.key.sign(message(seconds, note.text()).as_bytes()).to_bytes();
        let bytes = Cosignature { seconds, signature }.to_bytes();
        Ok(NoteSignature::new(&self.name, self.key().id(), bytes)?)
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cosigner({})", self.key())
    }
}

/// What a cosignature signs. The name of the cosigner is not in it: one key, one cosigner.
fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}
