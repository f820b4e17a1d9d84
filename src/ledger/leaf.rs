//! A leaf: one line of ASCII JSON with members in one order and one spelling.
//!
//! ```text
//! {"time":1767225600000,"prev":"AAAA...AAA=","envelope":{"payload":"e30=",...}}
//! ```

use crate::base::digest::LeafHash;
use crate::base::limits::{INTEGER_MAX, LEAF_BYTES_MAX};
use crate::base::time::Timestamp;
use crate::base::{encoding, json};
use crate::merkle;

/// Bytes of a leaf beside its time's digits and its envelope.
const FRAME_BYTES: usize = TIME.len() + PREVIOUS.len() + 44 + ENVELOPE.len() + 1;
/// Largest canonical envelope in bytes: whatever the time, the leaf stays within its limit.
pub const ENVELOPE_CANONICAL_BYTES_MAX: usize = LEAF_BYTES_MAX - FRAME_BYTES - 16;

const TIME: &str = "{\"time\":";
const PREVIOUS: &str = ",\"prev\":\"";
const ENVELOPE: &str = "\",\"envelope\":";

/// What `prev` of entry 0 is: 32 zero bytes.
#[must_use]
pub const fn no_leaf() -> LeafHash {
    LeafHash::from_bytes([0; 32])
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    time: Timestamp,
    prev: LeafHash,
    envelope: Vec<u8>,
}

/// Bytes or parts that are no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// More bytes than a leaf may have.
    #[error("a leaf of {found} bytes, at most {LEAF_BYTES_MAX} are kept")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// Not `{"time":N,"prev":"...","envelope":{...}}` in its one spelling.
    #[error("not a leaf: {0}")]
    Malformed(&'static str),
    /// The envelope is no JSON object in the strict grammar, on one line of ASCII.
    #[error("not a leaf: {0}")]
    Envelope(String),
}

impl Leaf {
    /// A leaf of an envelope in its canonical spelling: one JSON object in strict grammar, ASCII,
    /// without white space outside of strings.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn new(time: Timestamp, prev: LeafHash, envelope: Vec<u8>) -> Result<Self, LeafError> {
        if time.milliseconds() > INTEGER_MAX {
            return Err(LeafError::Malformed("its time is above 2^53 - 1"));
        }
        if envelope.len() > ENVELOPE_CANONICAL_BYTES_MAX {
            return Err(LeafError::TooLarge { found: envelope.len() + FRAME_BYTES });
        }
        check_envelope(&envelope)?;
        Ok(Self { time, prev, envelope })
    }

    /// Parses the bytes of a leaf; only what [`Leaf::to_bytes`] writes is one.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge { found: bytes.len() });
        }
        let rest = bytes.strip_prefix(TIME.as_bytes());
        let rest = rest.ok_or(LeafError::Malformed("it does not begin with its time"))?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let time = std::str::from_utf8(&rest[..digits])
            .ok()
            .and_then(|text| encoding::undecimal(text).ok())
            .ok_or(LeafError::Malformed("its time is no canonical number"))?;
        let rest = rest[digits..]
            .strip_prefix(PREVIOUS.as_bytes())
            .ok_or(LeafError::Malformed("prev does not follow its time"))?;
        let (prev, rest) = rest.split_at_checked(44).unwrap_or((&[], rest));
        let prev = std::str::from_utf8(prev)
            .ok()
            .and_then(|text| encoding::unbase64_array(text).ok())
            .ok_or(LeafError::Malformed("prev is no canonical base64 of 32 bytes"))?;
        let envelope = rest
            .strip_prefix(ENVELOPE.as_bytes())
            .and_then(|rest| rest.strip_suffix(b"}"))
            .ok_or(LeafError::Malformed("the envelope does not follow prev"))?;
        let time = Timestamp::from_milliseconds(time);
        Self::new(time, LeafHash::from_bytes(prev), envelope.to_vec())
    }

    /// The bytes of the leaf.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let prev = encoding::base64(self.prev.as_bytes());
        let time = self.time.milliseconds();
        let mut bytes = format!("{TIME}{time}{PREVIOUS}{prev}{ENVELOPE}").into_bytes();
        bytes.extend_from_slice(&self.envelope);
        bytes.push(b'}');
        bytes
    }

    /// The leaf hash.
    #[must_use]
    pub fn hash(&self) -> LeafHash {
        merkle::leaf_hash(&self.to_bytes())
    }

    /// When the ledger took the entry up, by its own clock; never before the entry before.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Leaf hash of the entry before; 32 zero bytes at entry 0.
    #[must_use]
    pub fn prev(&self) -> LeafHash {
        self.prev
    }

    /// The envelope: canonical JSON bytes.
    #[must_use]
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }
}

/// ATTACKS v: a leaf is ASCII without escapes or white space, so it has one spelling only.
fn check_envelope(envelope: &[u8]) -> Result<(), LeafError> {
    if envelope.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'\\') {
        return Err(LeafError::Malformed("its envelope has a byte that no envelope has"));
    }
    json::check(envelope, ENVELOPE_CANONICAL_BYTES_MAX)
        .map_err(|error| LeafError::Envelope(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    /// ATTACKS u and v: entry 0 names 32 zero bytes, and a leaf has one spelling.
    #[test]
    fn a_leaf_has_one_spelling() {
        let envelope = br#"{"payload":"e30=","payloadType":"x/y+json","signatures":[]}"#;
        let leaf =
            Leaf::new(Timestamp::from_milliseconds(0), no_leaf(), envelope.to_vec()).unwrap();
        let bytes = leaf.to_bytes();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with(&format!("{{\"time\":0,\"prev\":\"{ZERO}\",\"envelope\":{{")));
        assert_eq!(Leaf::parse(&bytes).unwrap(), leaf);
        for (from, to) in [
            ("\"time\":0", "\"time\":00"),
            ("\"time\":0", "\"time\": 0"),
            ("\"time\":0", "\"time\":-0"),
            ("\"time\":0", "\"time\":9007199254740992"),
            ("AAA=", "AAB="),
            ("AAA=", "AAA"),
            ("AAA=", "AA_="),
            ("{\"payload\"", "{ \"payload\""),
            ("e30=", "\\u0065"),
            ("e30=", "e3\u{e9}"),
            ("[]}}", "[]}} "),
            ("[]}}", "[]}}}"),
            ("[]}}", "[]}"),
            ("[]}}", "[],\"payload\":\"\"}}"),
            ("\"prev\"", "\"Prev\""),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(Leaf::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn the_largest_leaf_fits_an_entry_bundle() {
        let mut envelope = b"{\"a\":\"".to_vec();
        envelope.resize(ENVELOPE_CANONICAL_BYTES_MAX - 2, b'x');
        envelope.extend_from_slice(b"\"}");
        let time = Timestamp::from_milliseconds(INTEGER_MAX);
        let leaf = Leaf::new(time, no_leaf(), envelope.clone()).unwrap();
        assert_eq!(leaf.to_bytes().len(), LEAF_BYTES_MAX);
        assert_eq!(Leaf::parse(&leaf.to_bytes()).unwrap(), leaf);
        envelope.insert(6, b'x');
        assert!(matches!(Leaf::new(time, no_leaf(), envelope), Err(LeafError::TooLarge { .. })));
    }

    #[test]
    fn no_flipped_bit_parses_to_the_same_leaf() {
        let leaf = Leaf::new(Timestamp::from_milliseconds(77), no_leaf(), b"{\"a\":1}".to_vec());
        let leaf = leaf.unwrap();
        let bytes = leaf.to_bytes();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[position] ^= 1 << bit;
                if let Ok(parsed) = Leaf::parse(&other) {
                    assert_eq!(parsed.to_bytes(), other);
                }
            }
        }
    }
}
