//! The bytes of a bundle (`spec/bundle.md` sections 1 and 2): strict JSON in one spelling.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::claims::Claims;
use crate::base::encoding;
use crate::base::json;
use crate::base::limits::{BUNDLE_BYTES_MAX, BUNDLE_ENTRIES_MAX, BUNDLE_PARTS_MAX};
use crate::base::position::EntryIndex;
use crate::key::{KeyId, Signature};
use crate::note::SignedNote;

/// How a bundle begins: whatever begins so is one, or a damaged one.
pub const BUNDLE_START: &str = "{\"type\":\"countersign bundle v1\"";

/// The payload type under which a gate signs evidence: never a statement's.
const EVIDENCE_TYPE: &str = "application/vnd.countersign.evidence.v1+json";

/// A bundle as parsed: nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    #[serde(rename = "type")]
    kind: BundleType,
    /// The note of the checkpoint, with every signature line.
    pub checkpoint: String,
    /// Entries with their proofs, by index.
    #[serde(deserialize_with = "at_most::<_, _, BUNDLE_ENTRIES_MAX>")]
    pub entries: Vec<ShownLeaf>,
    /// The salt of e-mail digests; there where objects are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
    /// What the gate attests.
    pub evidence: Claims,
    /// The gate's signature over the evidence; none where nobody attests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// Documents, covers, certificates and contents, by SHA-256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "at_most::<_, _, BUNDLE_PARTS_MAX>")]
    pub blobs: Vec<Bytes>,
    /// Git objects, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "at_most::<_, _, BUNDLE_PARTS_MAX>")]
    pub objects: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum BundleType {
    #[serde(rename = "countersign bundle v1")]
    Version1,
}

/// An entry and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownLeaf {
    /// Its position.
    pub index: EntryIndex,
    /// Its leaf.
    pub leaf: Bytes,
    /// The hashes of its inclusion proof, upwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Hash>,
}

/// A gate's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// Whose key.
    pub keyid: KeyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sig: Option<Plain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sk: Option<Sk>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sk {
    sig: Plain,
    flags: u8,
    counter: u32,
}

impl Attestation {
    /// A signature of that key.
    #[must_use]
    pub fn new(keyid: KeyId, signature: &Signature) -> Self {
        match *signature {
            Signature::Plain(bytes) => Self { keyid, sig: Some(Array(bytes)), sk: None },
            Signature::Sk { signature, flags, counter } => {
                let sk = Sk { sig: Array(signature), flags, counter };
                Self { keyid, sig: None, sk: Some(sk) }
            }
        }
    }

    /// The signature; the form is told by its member. None where there are none or two.
    #[must_use]
    pub fn signature(&self) -> Option<Signature> {
        match (&self.sig, &self.sk) {
            (Some(sig), None) => Some(Signature::Plain(sig.0)),
            (None, Some(sk)) => {
                Some(Signature::Sk { signature: sk.sig.0, flags: sk.flags, counter: sk.counter })
            }
            _ => None,
        }
    }
}

/// Bytes, written as canonical base64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

/// So many bytes, written as canonical base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array<const N: usize>(pub [u8; N]);

impl<const N: usize> From<[u8; N]> for Array<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

/// A hash of a proof.
pub type Hash = Array<32>;
/// The salt of e-mail digests.
pub type Salt = Array<32>;
type Plain = Array<64>;

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoding::base64(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

impl<const N: usize> Serialize for Array<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoding::base64(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Array<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_str(Base64)?;
        let bytes = bytes.0.try_into();
        bytes.map(Self).map_err(|_| de::Error::custom(format_args!("expected {N} bytes")))
    }
}

/// Reads a list as far as its limit: what stands above it is refused before it is kept.
fn at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> de::Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a list of at most {MAX}")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MAX {
                return Err(de::Error::invalid_length(MAX.saturating_add(1), &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// Decodes where it stands: no text is kept beside its bytes.
struct Base64;

impl de::Visitor<'_> for Base64 {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("canonical base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
        encoding::unbase64(text).map(Bytes).map_err(E::custom)
    }
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No strict JSON of this shape.
    #[error(transparent)]
    Json(#[from] json::JsonError),
    /// Not as it is written.
    #[error("it is not written in its one form")]
    NotCanonical,
    /// A list that does not ascend, or says something twice.
    #[error("{0} of the evidence do not ascend, or say something twice")]
    NotInOrder(&'static str),
}

impl Bundle {
    /// A bundle of these parts.
    #[must_use]
    pub fn new(checkpoint: String, entries: Vec<ShownLeaf>, evidence: Claims) -> Self {
        Self {
            kind: BundleType::Version1,
            checkpoint,
            entries,
            salt: None,
            evidence,
            attestation: None,
            blobs: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Takes up the lines of a note that is its checkpoint with cosignatures; any other is passed
    /// over.
    pub fn take_up_cosignatures(&mut self, note: &SignedNote) {
        let own = SignedNote::parse(self.checkpoint.as_bytes());
        if own.is_ok_and(|own| own.text() == note.text()) {
            self.checkpoint = note.to_string();
        }
    }

    /// Parses a bundle.
    ///
    /// # Errors
    /// [`BundleError`] where it is none in its one spelling, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = json::parse(bytes, BUNDLE_BYTES_MAX)?;
        check_order(&bundle.evidence).map_err(BundleError::NotInOrder)?;
        let mut rest = Rest(bytes);
        let same = serde_json::to_writer(&mut rest, &bundle).is_ok() && rest.0.is_empty();
        if same { Ok(bundle) } else { Err(BundleError::NotCanonical) }
    }

    /// The one form in which a bundle is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("only strings and integers"))
    }
}

/// What is looked up by a name stands once, so that no two readers find different things.
fn check_order(claims: &Claims) -> Result<(), &'static str> {
    let settled = claims.settled.iter().map(|place| &place.environment);
    let returning = claims.returning.iter().map(|one| one.change);
    let steps = || claims.steps.iter().chain(&claims.whole);
    let carried = claims.carried.iter().map(|one| (one.approved, one.landed, &one.landing));
    let carried: BTreeSet<_> = carried.collect();
    let ordered = [
        ("settled", ascends(settled)),
        ("start_changes", ascends(claims.start_changes.iter())),
        ("returning", ascends(returning)),
        ("mechanical", steps().all(|step| ascends(step.mechanical.iter()))),
        ("facts", steps().all(|step| ascends(step.facts.iter().map(|fact| &fact.path)))),
        ("colliding", steps().all(|step| ascends(step.colliding.iter()))),
        ("carried", carried.len() == claims.carried.len()),
    ];
    ordered.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(what, _)| Err(what))
}

fn ascends<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    items.is_sorted_by(|one, other| one < other)
}

/// What a gate signs of its evidence.
#[must_use]
pub fn attested_message(evidence: &Claims) -> Vec<u8> {
    let bytes = serde_json::to_vec(evidence);
    let bytes = bytes.unwrap_or_else(|_| unreachable!("only strings and integers"));
    let head = format!("DSSEv1 {} {EVIDENCE_TYPE} {} ", EVIDENCE_TYPE.len(), bytes.len());
    [head.as_bytes(), &bytes].concat()
}

/// Takes what is written only as long as it is what stands there: nothing is allocated for it.
struct Rest<'a>(&'a [u8]);

impl Write for Rest<'_> {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(written).ok_or(io::ErrorKind::InvalidData)?;
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
