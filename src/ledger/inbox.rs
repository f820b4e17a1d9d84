//! The inbox over git: names of parcels and of answers, and what an answer says
//! (`spec/inbox.md`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::append::Refusal;
use super::receipt::EntryProof;
use crate::base::digest::StatementId;
use crate::base::encoding::{self, EncodingError};
use crate::base::json::{self, JsonError};
use crate::base::limits::ANSWER_BYTES_MAX;
use crate::key::KeyId;
use crate::statement::envelope::Envelope;

/// Below it are the parcels: `refs/countersign/inbox/KEY/STATEMENT`.
pub const INBOX: &str = "refs/countersign/inbox";
/// Below it are the answers: `refs/countersign/answers/DAY/KEY/STATEMENT`.
pub const ANSWERS: &str = "refs/countersign/answers";
/// The file of the envelope in a parcel.
pub const ENVELOPE_FILE: &str = "envelope.json";
/// The file of the openings in a parcel.
pub const WORDS_FILE: &str = "words.json";
/// What the name of a document's file ends in; before it stands the change hash.
pub const DOCUMENT_ENDING: &str = ".document";
/// The file of an answer.
pub const ANSWER_FILE: &str = "answer.json";
/// The code of what is no parcel, or not the one that its reference names.
pub const NOT_A_PARCEL: &str = "NOT_A_PARCEL";

/// What names a parcel, and the answer to it: who signed first, and which statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParcelName {
    /// The key of the first signature.
    pub key: KeyId,
    /// The statement.
    pub statement: StatementId,
}

impl ParcelName {
    /// The name of an envelope's parcel; none where nobody signed it.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        let key = envelope.signatures().first()?.keyid;
        Some(Self { key, statement: envelope.statement_id() })
    }

    /// Reads the name of a parcel from its reference; none where the reference is no parcel's.
    #[must_use]
    pub fn from_reference(reference: &str) -> Option<Self> {
        let (key, statement) = reference.strip_prefix(INBOX)?.strip_prefix('/')?.split_once('/')?;
        let key = KeyId::from_bytes(encoding::unhex_array(key).ok()?);
        Some(Self { key, statement: statement.parse().ok()? })
    }

    /// The reference of the parcel.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{INBOX}/{self}")
    }

    /// The reference of the answer that is written on a day, `YYYY-MM-DD`.
    #[must_use]
    pub fn answer_reference(&self, day: &str) -> String {
        format!("{ANSWERS}/{day}/{self}")
    }

    /// A pattern of references that matches the answer of whatever day, and nothing else's.
    #[must_use]
    pub fn answer_pattern(&self) -> String {
        format!("{ANSWERS}/*/{self}")
    }
}

impl fmt::Display for ParcelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", encoding::hex(self.key.as_bytes()), self.statement)
    }
}

/// The day of an answer, out of its reference.
#[must_use]
pub fn day_of_answer(reference: &str) -> Option<&str> {
    let (day, _) = reference.strip_prefix(ANSWERS)?.strip_prefix('/')?.split_once('/')?;
    Some(day)
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(rename = "type")]
    kind: AnswerType,
    /// The statement, as its reference names it.
    pub statement: StatementId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AnswerType {
    #[serde(rename = "countersign answer v1")]
    Version1,
}

/// What an answer says; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It was taken up: the file that proves its entry.
    Receipt(Vec<u8>),
    /// It was refused.
    Refused {
        /// Why, for programs.
        code: String,
        /// Why, for people.
        why: String,
    },
}

/// Why a file is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not of the form.
    #[error("not an answer of an inbox")]
    Json(#[from] JsonError),
    /// Its receipt is not base64.
    #[error("the receipt in an answer is not base64")]
    Base64(#[from] EncodingError),
    /// It says both that it was taken up and that it was refused, or neither.
    #[error("an answer says either what was taken up or why it was refused")]
    Neither,
}

impl Answer {
    /// The answer to what was taken up.
    #[must_use]
    pub fn taken_up(statement: StatementId, proof: &EntryProof) -> Self {
        let receipt = Some(encoding::base64(proof.to_tlog_proof().as_bytes()));
        Self { kind: AnswerType::Version1, statement, receipt, refused: None, why: None }
    }

    /// The answer to what was not.
    #[must_use]
    pub fn refused(statement: StatementId, refusal: &Refusal) -> Self {
        let (refused, why) = (Some(refusal.code.clone()), Some(refusal.message.clone()));
        Self { kind: AnswerType::Version1, statement, receipt: None, refused, why }
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, Said), AnswerError> {
        let answer: Self = json::parse_exact(bytes, ANSWER_BYTES_MAX)?;
        let said = match (&answer.receipt, &answer.refused, &answer.why) {
            (Some(receipt), None, None) => Said::Receipt(encoding::unbase64(receipt)?),
            (None, Some(code), Some(why)) => Said::Refused { code: code.clone(), why: why.clone() },
            _ => return Err(AnswerError::Neither),
        };
        Ok((answer, said))
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ParcelName {
        ParcelName { key: KeyId::from_bytes([7; 32]), statement: StatementId::from_bytes([9; 32]) }
    }

    #[test]
    fn a_name_is_spelt_in_one_way() {
        let reference = name().reference();
        assert_eq!(ParcelName::from_reference(&reference), Some(name()));
        for other in [
            reference.to_uppercase(),
            format!("{reference}0"),
            format!("{reference}/x"),
            reference.replace("inbox/", "inbox//"),
            reference.replace("inbox", "inboxes"),
            "refs/countersign/inbox".to_owned(),
        ] {
            assert_eq!(ParcelName::from_reference(&other), None, "{other}");
        }
        let answer = name().answer_reference("2026-11-29");
        assert_eq!(day_of_answer(&answer), Some("2026-11-29"));
        assert_eq!(day_of_answer(&reference), None);
    }

    #[test]
    fn an_answer_says_one_thing() {
        let refused = Answer::refused(name().statement, &Refusal::new("KEY_REVOKED", "too late"));
        let bytes = refused.to_bytes();
        let (read, said) = Answer::parse(&bytes).unwrap();
        assert_eq!(read, refused);
        let (code, why) = ("KEY_REVOKED".to_owned(), "too late".to_owned());
        assert_eq!(said, Said::Refused { code, why });
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\"why\"", "\"receipt\":\"\",\"why\""),
            (",\"why\":\"too late\"", ""),
            ("\"why\"", "\"how\""),
            ("{", "{\"x\":1,"),
            ("{", "[{"),
            ("answer v1", "answer v2"),
        ] {
            let other = text.replacen(from, to, 1);
            assert!(Answer::parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
