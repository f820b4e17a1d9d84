//! What somebody signs (`spec/statement.md`): in-toto statements in DSSE envelopes.
//!
//! [`Statement::parse`] takes the payload of an [`envelope::Envelope`] and checks its shape;
//! whether the signature is good, and whether the signer may say so, is judged elsewhere.

pub mod approval;
pub mod break_glass;
pub mod change;
pub mod commitment;
pub mod envelope;
pub mod governance;
pub mod pipeline;
pub mod provenance;
mod shape;
pub mod summary;
pub mod words;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::base::digest::{ContentDigest, LeafHash, RootHash, sha256};
use crate::base::encoding;
use crate::base::json::{self, JsonError};
use crate::base::limits::PAYLOAD_BYTES_MAX;
use crate::base::name::{MemberId, Revision};
use crate::base::position::TreeSize;

use self::approval::Approval;
use self::break_glass::Override;
use self::change::{Declaration, Landed};
use self::governance::Governance;
use self::pipeline::{Build, Decision, Deployment};
use self::words::SubjectType;

/// The type of every in-toto statement that is signed here.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// A statement: who says it, where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger it is meant for: the leaf hash of entry 0. Absent in entry 0 alone.
    pub ledger: Option<LeafHash>,
    /// Who says it; in governance the proposer.
    pub by: MemberId,
    /// 16 random bytes: a repeated sign-off is another statement.
    pub nonce: Nonce,
    /// The newest checkpoint that the signer had verified. Absent in entry 0 alone.
    pub seen: Option<Seen>,
    /// What is said.
    pub says: Says,
}

/// What a statement says, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Admins' operations.
    Governance(Governance),
    /// Who wrote a change, and how.
    Change(Declaration),
    /// Which change a commit that landed is.
    Landed(Landed),
    /// A reviewer's word.
    Approval(Approval),
    /// A builder's word.
    Build(Build),
    /// The gate's answer.
    Decision(Decision),
    /// A deployment or its outcome.
    Deployment(Deployment),
    /// A broken glass.
    Override(Override),
}

/// 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoding::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        encoding::unhex_array(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A checkpoint that a signer had verified: it dates the signature from below, and makes every
/// member a witness of forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Entries of that tree; at least 1.
    pub size: TreeSize,
    /// Its root hash.
    pub root: RootHash,
}

/// Why a payload is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not strict JSON, or a member is missing, unknown or misspelt.
    #[error("malformed statement: {0}")]
    Json(#[from] JsonError),
    /// Another statement type or an unknown kind.
    #[error("unknown statement type {0:?}")]
    UnknownType(String),
    /// The subjects are not those that the predicate speaks of.
    #[error("the subjects are not those that the predicate names")]
    SubjectMismatch,
    /// Well formed, but against a rule of its kind.
    #[error("{kind}: {what}")]
    Shape {
        /// The kind of statement.
        kind: &'static str,
        /// The rule.
        what: &'static str,
    },
}

/// The in-toto shell, its predicate still to be read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shell<P> {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: P,
}

/// What every predicate begins with, and then what it says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate<B> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<LeafHash>,
    by: MemberId,
    nonce: Nonce,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
    says: B,
    /// The one place for members that this version does not know; nothing reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Which of its two shapes a `change` has.
#[derive(Deserialize)]
struct ChangeShape {
    says: ChangeMark,
}

#[derive(Deserialize)]
struct ChangeMark {
    step: Option<IgnoredAny>,
}

/// An in-toto resource descriptor with the members that are used here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: DigestSet,
}

/// Exactly one digest a subject: which key it has tells changes, artifacts and commits apart
/// (ATTACKS 12).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum DigestSet {
    #[serde(rename = "countersignChange1")]
    Change(ContentDigest),
    #[serde(rename = "sha256")]
    Sha256(ContentDigest),
    #[serde(rename = "gitCommit")]
    GitCommit(Revision),
}

impl Statement {
    /// Parses the payload of an envelope.
    ///
    /// # Errors
    /// [`StatementError`] where it is not strict JSON, has members that this version does not
    /// know, or breaks a rule of its kind.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let shell: Shell<Box<RawValue>> = json::parse_exact(payload, PAYLOAD_BYTES_MAX)?;
        if shell.statement_type != STATEMENT_TYPE {
            return Err(StatementError::UnknownType(start(&shell.statement_type)));
        }
        let predicate = shell.predicate.get();
        let statement = match kind_of(&shell.predicate_type) {
            Some("governance") => Self::read(predicate, Says::Governance)?,
            Some("change") => Self::read_change(predicate)?,
            Some("approval") => Self::read(predicate, Says::Approval)?,
            Some("build") => Self::read(predicate, Says::Build)?,
            Some("decision") => Self::read(predicate, Says::Decision)?,
            Some("deployment") => Self::read(predicate, Says::Deployment)?,
            Some("override") => Self::read(predicate, Says::Override)?,
            _ => return Err(StatementError::UnknownType(start(&shell.predicate_type))),
        };
        statement.check_shape()?;
        if shell.subject == statement.subjects() {
            Ok(statement)
        } else {
            Err(StatementError::SubjectMismatch)
        }
    }

    fn read_change(predicate: &str) -> Result<Self, StatementError> {
        let shape: ChangeShape = json::parse(predicate.as_bytes(), PAYLOAD_BYTES_MAX)?;
        match shape.says.step {
            Some(_) => Self::read(predicate, Says::Landed),
            None => Self::read(predicate, Says::Change),
        }
    }

    fn read<B: DeserializeOwned + Serialize>(
        predicate: &str,
        says: fn(B) -> Says,
    ) -> Result<Self, StatementError> {
        let predicate: Predicate<B> = json::parse_exact(predicate.as_bytes(), PAYLOAD_BYTES_MAX)?;
        let Predicate { ledger, by, nonce, seen, says: body, annotations: _ } = predicate;
        Ok(Self { ledger, by, nonce, seen, says: says(body) })
    }

    /// The bytes to sign: members in the order of the specification, no white space.
    ///
    /// # Errors
    /// [`StatementError`] where the statement breaks a rule of its kind or is too large.
    pub fn to_payload(&self) -> Result<Vec<u8>, StatementError> {
        self.check_shape()?;
        let payload = match &self.says {
            Says::Governance(body) => self.write(body),
            Says::Change(body) => self.write(body),
            Says::Landed(body) => self.write(body),
            Says::Approval(body) => self.write(body),
            Says::Build(body) => self.write(body),
            Says::Decision(body) => self.write(body),
            Says::Deployment(body) => self.write(body),
            Says::Override(body) => self.write(body),
        };
        // Too large, or an integer that no reader takes: nobody signs what nobody can read.
        json::check(&payload, PAYLOAD_BYTES_MAX)?;
        Ok(payload)
    }

    fn write<B: Serialize>(&self, says: B) -> Vec<u8> {
        let predicate = Predicate {
            ledger: self.ledger,
            by: self.by.clone(),
            nonce: self.nonce,
            seen: self.seen,
            says,
            annotations: None,
        };
        let shell = Shell {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: self.subjects(),
            predicate_type: format!("urn:countersign:{}:v1", self.says.kind()),
            predicate,
        };
        serde_json::to_vec(&shell).unwrap_or_else(|_| unreachable!("only strings and integers"))
    }

    /// The subjects follow from what is said; nothing else is accepted.
    fn subjects(&self) -> Vec<Subject> {
        let subject = |name: &str, digest| Subject { name: name.to_owned(), digest };
        let deployed = |revision: &Revision, artifacts: &[ContentDigest]| {
            let artifacts = artifacts.iter().map(|d| subject("artifact", DigestSet::Sha256(*d)));
            std::iter::once(subject("revision", DigestSet::GitCommit(revision.clone())))
                .chain(artifacts)
                .collect()
        };
        match &self.says {
            Says::Governance(body) => {
                // Entry 0 is about its ledger key; every later one is about the ledger.
                let genesis = body.genesis.as_ref();
                let key = genesis.map(|genesis| sha256(&[genesis.ledger_key.as_bytes()]));
                let digest = key.or(self.ledger.map(|ledger| *ledger.as_bytes()));
                let digest = ContentDigest::from_bytes(digest.unwrap_or_default());
                vec![subject("ledger", DigestSet::Sha256(digest))]
            }
            Says::Change(Declaration { change, .. }) | Says::Landed(Landed { change, .. }) => {
                let digest = ContentDigest::from_bytes(*change.as_bytes());
                vec![subject("change", DigestSet::Change(digest))]
            }
            Says::Approval(body) => {
                let one = |hash| match body.subject_type {
                    SubjectType::Change => subject("change", DigestSet::Change(hash)),
                    SubjectType::Artifact => subject("artifact", DigestSet::Sha256(hash)),
                };
                body.rows.iter().map(|row| one(row.hash)).collect()
            }
            Says::Build(body) => vec![subject("artifact", DigestSet::Sha256(body.artifact))],
            Says::Decision(body) => deployed(&body.revision, &body.artifacts),
            Says::Deployment(body) => deployed(&body.revision, &body.artifacts),
            Says::Override(body) => deployed(&body.revision, &body.artifacts),
        }
    }
}

impl Says {
    /// The kind, as the predicate type names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Governance(_) => "governance",
            Self::Change(_) | Self::Landed(_) => "change",
            Self::Approval(_) => "approval",
            Self::Build(_) => "build",
            Self::Decision(_) => "decision",
            Self::Deployment(_) => "deployment",
            Self::Override(_) => "override",
        }
    }
}

fn kind_of(predicate_type: &str) -> Option<&str> {
    predicate_type.strip_prefix("urn:countersign:")?.strip_suffix(":v1")
}

/// The start of a hostile text, for a message.
fn start(text: &str) -> String {
    text.chars().take(60).collect()
}
