//! DSSE envelopes (`spec/statement.md` section 1): payload bytes and who signed them.

use serde::{Deserialize, Serialize};

use crate::base::digest::{StatementId, sha256};
use crate::base::encoding;
use crate::base::json::{self, JsonError};
use crate::base::limits::{ENVELOPE_BYTES_MAX, PAYLOAD_BYTES_MAX, SIGNATURES_MAX};
use crate::key::{KeyId, Signature};

/// The payload type of every envelope: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A payload with its signatures, as parsed: nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature and the fingerprint of the key that it claims to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// Fingerprint as `ssh-keygen -l` prints it; must be that of the key that verifies.
    pub keyid: KeyId,
    /// Plain or FIDO signature over the pre-authentication encoding.
    pub signature: Signature,
}

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not strict JSON, or a member is missing, unknown or misspelt.
    #[error("malformed envelope: {0}")]
    Json(#[from] JsonError),
    /// Another payload type.
    #[error("unknown payload type {0:?}: expected {PAYLOAD_TYPE:?}")]
    PayloadType(String),
    /// Base64 or a fingerprint that is not canonical.
    #[error("malformed envelope: {0} is not in its one accepted form")]
    Encoding(&'static str),
    /// A payload above the limit.
    #[error("payload of {found} bytes is too large: at most {limit} are signed")]
    PayloadTooLarge {
        /// Bytes of the payload.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No signature, too many, or a signature that is neither plain nor FIDO.
    #[error("malformed envelope: {0}")]
    Signatures(&'static str),
    /// Stored bytes that are not what this envelope is written as.
    #[error("envelope is not written in its canonical form")]
    NotCanonical,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEnvelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sk: Option<WireSk>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSk {
    sig: String,
    flags: u8,
    counter: u32,
}

impl Envelope {
    /// An envelope of `payload` with `signatures`.
    #[must_use]
    pub fn new(payload: Vec<u8>, signatures: Vec<EnvelopeSignature>) -> Self {
        Self { payload, signatures }
    }

    /// Parses an envelope that somebody hands in. Base64 may be standard or URL-safe, members in
    /// any order; what is stored is the canonical form.
    ///
    /// # Errors
    /// [`EnvelopeError`] where it is not strict JSON, has unknown members or breaks a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::parse_within(bytes, ENVELOPE_BYTES_MAX, PAYLOAD_BYTES_MAX)
    }

    /// The same for an envelope that goes into no ledger, with limits of its own.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn parse_within(
        bytes: &[u8],
        bytes_max: usize,
        payload_max: usize,
    ) -> Result<Self, EnvelopeError> {
        let bytes = bytes.trim_ascii();
        let wire: WireEnvelope = json::parse_exact(bytes, bytes_max)?;
        if wire.payload_type != PAYLOAD_TYPE {
            let start = wire.payload_type.chars().take(60).collect();
            return Err(EnvelopeError::PayloadType(start));
        }
        let payload = encoding::unbase64_any(&wire.payload)
            .map_err(|_| EnvelopeError::Encoding("payload"))?;
        if payload.len() > payload_max {
            let (found, limit) = (payload.len(), payload_max);
            return Err(EnvelopeError::PayloadTooLarge { found, limit });
        }
        if wire.signatures.is_empty() || wire.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::Signatures("expected 1 to 64 signatures"));
        }
        let signatures =
            wire.signatures.into_iter().map(WireSignature::meant).collect::<Result<_, _>>()?;
        Ok(Self { payload, signatures })
    }

    /// Parses an envelope out of the ledger, where only the canonical form stands.
    ///
    /// # Errors
    /// As [`Envelope::parse`], and [`EnvelopeError::NotCanonical`].
    pub fn parse_canonical(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope = Self::parse(bytes)?;
        if envelope.to_canonical() == bytes {
            Ok(envelope)
        } else {
            Err(EnvelopeError::NotCanonical)
        }
    }

    /// The one form in which the ledger writes an envelope: members in the order payload,
    /// payloadType, signatures; no white space; standard base64 with padding.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        let wire = WireEnvelope {
            payload: encoding::base64(&self.payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: self.signatures.iter().map(WireSignature::from).collect(),
        };
        serde_json::to_vec(&wire).unwrap_or_else(|_| unreachable!("strings always serialise"))
    }

    /// The signed bytes, as they came.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who signed, unverified.
    #[must_use]
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// The message that each signature is over.
    #[must_use]
    pub fn pre_authentication_encoding(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload)
    }

    /// The identity of the statement: another spelling of the envelope has the same one.
    #[must_use]
    pub fn statement_id(&self) -> StatementId {
        StatementId::from_bytes(sha256(&[&self.pre_authentication_encoding()]))
    }

    /// Adds a signature, as a second admin does.
    pub fn push_signature(&mut self, signature: EnvelopeSignature) {
        self.signatures.push(signature);
    }
}

/// `DSSEv1 SP len(type) SP type SP len(payload) SP payload`, lengths in decimal bytes.
#[must_use]
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl WireSignature {
    /// From as written to as meant.
    fn meant(self) -> Result<EnvelopeSignature, EnvelopeError> {
        let keyid = self.keyid.parse().map_err(|_| EnvelopeError::Encoding("keyid"))?;
        let bytes = |text: &str| -> Result<[u8; 64], EnvelopeError> {
            let bytes =
                encoding::unbase64_any(text).map_err(|_| EnvelopeError::Encoding("signature"))?;
            bytes.try_into().map_err(|_| EnvelopeError::Encoding("signature"))
        };
        // The form is told by its member, never guessed from a length.
        let signature = match (self.sig, self.sk) {
            (Some(sig), None) => Signature::Plain(bytes(&sig)?),
            (None, Some(sk)) => {
                Signature::Sk { signature: bytes(&sk.sig)?, flags: sk.flags, counter: sk.counter }
            }
            _ => return Err(EnvelopeError::Signatures("expected exactly one of sig and sk")),
        };
        Ok(EnvelopeSignature { keyid, signature })
    }
}

impl From<&EnvelopeSignature> for WireSignature {
    fn from(signature: &EnvelopeSignature) -> Self {
        let keyid = signature.keyid.to_string();
        match &signature.signature {
            Signature::Plain(bytes) => Self { keyid, sig: Some(encoding::base64(bytes)), sk: None },
            Signature::Sk { signature, flags, counter } => {
                let sig = encoding::base64(signature);
                Self {
                    keyid,
                    sig: None,
                    sk: Some(WireSk { sig, flags: *flags, counter: *counter }),
                }
            }
        }
    }
}
