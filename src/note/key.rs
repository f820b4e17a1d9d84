//! Keys of signed notes, and the signer that a ledger holds.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::{NoteError, NoteSignature, SignedNote};
use crate::base::digest::sha256;
use crate::base::encoding;
use crate::base::limits::KEY_NAME_BYTES_MAX;

/// Signature type byte of Ed25519 over the text itself.
const ALGORITHM_ED25519: u8 = 0x01;
/// What the text form of a secret key starts with.
const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// Whether a text may name a key: not empty, no Unicode space, no plus sign, no control character.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    (1..=KEY_NAME_BYTES_MAX).contains(&name.len())
        && !name
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control() || letter == '+')
}

/// The public half of a note key, in text `NAME+ID+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

impl VerifierKey {
    /// The Ed25519 key of that name.
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

    /// The id: the first four bytes of SHA-256(name, line feed, algorithm, public key).
    #[must_use]
    pub fn id(&self) -> u32 {
        key_id(&self.name, ALGORITHM_ED25519, &self.public_key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&join(&self.name, ALGORITHM_ED25519, &self.public_key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public_key) = split(text, ALGORITHM_ED25519)?;
        let key = Self::new(name, *public_key)?;
        if id == key.id() { Ok(key) } else { Err(NoteError::Key) }
    }
}

/// The id of a key: the first four bytes of SHA-256(name, line feed, algorithm, public key).
pub(super) fn key_id(name: &str, algorithm: u8, public_key: &[u8; 32]) -> u32 {
    let hash = sha256(&[name.as_bytes(), b"\n", &[algorithm], public_key]);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// `NAME+ID+BASE64` of a public key.
pub(super) fn join(name: &str, algorithm: u8, public_key: &[u8; 32]) -> String {
    let key = [&[algorithm], &public_key[..]].concat();
    format!("{name}+{:08x}+{}", key_id(name, algorithm, public_key), encoding::base64(&key))
}

/// The parts of `NAME+ID+BASE64` with that algorithm: base64 may hold plus signs, names may not.
/// The key may be a secret one, so every copy of it is wiped.
pub(super) fn split(
    text: &str,
    algorithm: u8,
) -> Result<(&str, u32, Zeroizing<[u8; 32]>), NoteError> {
    let mut parts = text.splitn(3, '+');
    let mut part = || parts.next().ok_or(NoteError::Key);
    let (name, id, key) = (part()?, part()?, part()?);
    let id = encoding::unhex_array(id).map_err(|_| NoteError::Key)?;
    // An algorithm byte and 32 bytes of key are 44 letters; nothing longer is decoded.
    if key.len() != 44 {
        return Err(NoteError::Key);
    }
    let key = Zeroizing::new(encoding::unbase64(key).map_err(|_| NoteError::Key)?);
    match key.split_first() {
        Some((found, bytes)) if *found == algorithm && bytes.len() == 32 => {
            let mut copy = Zeroizing::new([0; 32]);
            copy.copy_from_slice(bytes);
            Ok((name, u32::from_be_bytes(id), copy))
        }
        _ => Err(NoteError::Key),
    }
}

/// Reads `PRIVATE+KEY+NAME+ID+BASE64`, with or without a line feed after it: name, id and seed.
pub(super) fn read_secret(
    text: &str,
    algorithm: u8,
) -> Result<(&str, u32, Zeroizing<[u8; 32]>), NoteError> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    split(line.strip_prefix(SECRET_PREFIX).ok_or(NoteError::Key)?, algorithm)
}

/// What [`read_secret`] reads.
pub(super) fn secret_text(
    name: &str,
    id: u32,
    algorithm: u8,
    seed: &[u8; 32],
) -> Zeroizing<String> {
    let mut key = Zeroizing::new([algorithm; 33]);
    key[1..].copy_from_slice(seed);
    let seed = Zeroizing::new(encoding::base64(&key[..]));
    Zeroizing::new(format!("{SECRET_PREFIX}{name}+{id:08x}+{}", *seed))
}

/// The secret half of a note key. It is wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

impl NoteSigner {
    /// The key of that name with this seed.
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
        let (name, id, seed) = read_secret(text, ALGORITHM_ED25519)?;
        let signer = Self::new(name, &seed)?;
        if id == signer.verifier_key().id() { Ok(signer) } else { Err(NoteError::Key) }
    }

    /// The text form, to be written to a file that only its owner may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        secret_text(&self.name, self.verifier_key().id(), ALGORITHM_ED25519, self.key.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), public_key: self.key.verifying_key().to_bytes() }
    }

    /// The note of a text with this key's signature.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where the text does not end in a line feed or has control
    /// characters.
    pub fn sign(&self, text: &str) -> Result<SignedNote, NoteError> {
        let signature = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        let line = NoteSignature::new(&self.name, self.verifier_key().id(), signature)?;
        SignedNote::new(text.to_owned(), vec![line])
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteSigner({})", self.verifier_key())
    }
}
