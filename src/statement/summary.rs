//! SLSA Verification Summaries v1 (`spec/slsa.md` section 3): what the gate tells those who read
//! SLSA, under its own key. A summary is the word of whoever signs it; a bundle is the proof.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::STATEMENT_TYPE;
use crate::base::digest::{ContentDigest, LeafHash};
use crate::base::json::{self, JsonError};
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::name::{MemberId, ReferenceName, Revision, ToolName, Uri};
use crate::base::position::{EntryIndex, TreeSize};

/// The predicate type that is written and read.
pub const SUMMARY_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// The version of SLSA that a summary speaks of.
const SLSA_VERSION: &str = "1.2";
/// Two different humans took part in every change.
pub const TWO_PARTY: &str = "SLSA_SOURCE_TWO_PARTY_REVIEWED";
/// Nothing is claimed about levels of the source track, which are about a forge's settings.
const SOURCE_UNEVALUATED: &str = "SLSA_SOURCE_LEVEL_UNEVALUATED";
/// Nothing is claimed about levels of the build track.
const BUILD_UNEVALUATED: &str = "SLSA_BUILD_LEVEL_UNEVALUATED";
/// The one level of what did not pass.
const FAILED: &str = "FAILED";

/// Why a payload is no summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// Not strict JSON, or a member is missing or misspelt.
    #[error("malformed summary: {0}")]
    Json(#[from] JsonError),
    /// Another kind of attestation.
    #[error("it is of type {0:?}; only {SUMMARY_TYPE:?} is read")]
    Type(String),
}

/// What a summary is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A commit, for a branch.
    Source {
        /// The commit.
        revision: Revision,
        /// The branch that its sign-offs are for.
        branch: ReferenceName,
    },
    /// Artifacts, each by its SHA-256.
    Artifacts(Vec<ContentDigest>),
}

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What it is about.
    pub about: About,
    /// Where that is fetched from.
    pub resource: Uri,
    /// The ledger, by the leaf hash of its entry 0: names of what is in it begin with it.
    pub ledger: LeafHash,
    /// The gate.
    pub gate: MemberId,
    /// The gate's program, with its version.
    pub program: ToolName,
    /// When, as RFC 3339 has it, in UTC.
    pub time: String,
    /// The entry of the policy in force, and the SHA-256 of its text.
    pub policy: (EntryIndex, ContentDigest),
    /// The checkpoint that all entries lie under: its size, and the SHA-256 of its note.
    pub checkpoint: (TreeSize, ContentDigest),
    /// The entries that the answer rests on, each with the SHA-256 of its envelope.
    pub entries: BTreeMap<EntryIndex, ContentDigest>,
    /// Whether the policy lets it pass.
    pub is_passed: bool,
    /// Whether two different humans took part in every change.
    pub is_two_party: bool,
}

/// The statement as it is written, member by member.
#[derive(Serialize)]
struct Written {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: Vec<WrittenSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: WrittenPredicate,
}

#[derive(Serialize)]
struct WrittenSubject {
    name: &'static str,
    digest: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    source_refs: Vec<ReferenceName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPredicate {
    verifier: WrittenVerifier,
    time_verified: String,
    resource_uri: Uri,
    policy: Descriptor,
    input_attestations: Vec<Descriptor>,
    verification_result: &'static str,
    verified_levels: Vec<&'static str>,
    slsa_version: &'static str,
}

#[derive(Serialize)]
struct WrittenVerifier {
    id: String,
    version: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Descriptor {
    uri: String,
    digest: BTreeMap<&'static str, String>,
}

impl Descriptor {
    fn new(uri: String, digest: ContentDigest) -> Self {
        Self { uri, digest: BTreeMap::from([("sha256", digest.to_string())]) }
    }
}

impl Summary {
    /// The payload, as it is signed.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        let ledger = self.ledger;
        let (program, version) = self.program.as_str().split_once(' ').unwrap_or_default();
        let (policy, text) = self.policy;
        let (size, note) = self.checkpoint;
        let mut inputs =
            vec![Descriptor::new(format!("urn:countersign:checkpoint:{ledger}:{size}"), note)];
        inputs.extend(self.entries.iter().map(|(index, digest)| {
            Descriptor::new(format!("urn:countersign:entry:{ledger}:{index}"), *digest)
        }));
        let written = Written {
            statement_type: STATEMENT_TYPE,
            subject: self.subjects(),
            predicate_type: SUMMARY_TYPE,
            predicate: WrittenPredicate {
                verifier: WrittenVerifier {
                    id: verifier_id(ledger, &self.gate),
                    version: BTreeMap::from([(program.to_owned(), version.to_owned())]),
                },
                time_verified: self.time.clone(),
                resource_uri: self.resource.clone(),
                policy: Descriptor::new(format!("urn:countersign:policy:{ledger}:{policy}"), text),
                input_attestations: inputs,
                verification_result: if self.is_passed { "PASSED" } else { FAILED },
                verified_levels: self.levels(),
                slsa_version: SLSA_VERSION,
            },
        };
        serde_json::to_vec(&written).unwrap_or_else(|_| unreachable!("strings always serialise"))
    }

    fn subjects(&self) -> Vec<WrittenSubject> {
        match &self.about {
            About::Source { revision, branch } => vec![WrittenSubject {
                name: "revision",
                digest: BTreeMap::from([("gitCommit", revision.to_string())]),
                annotations: Some(Annotations { source_refs: vec![branch.clone()] }),
            }],
            About::Artifacts(artifacts) => {
                let subject = |artifact: &ContentDigest| WrittenSubject {
                    name: "artifact",
                    digest: BTreeMap::from([("sha256", artifact.to_string())]),
                    annotations: None,
                };
                artifacts.iter().map(subject).collect()
            }
        }
    }

    /// At most one level a track, and none where it did not pass.
    fn levels(&self) -> Vec<&'static str> {
        if !self.is_passed {
            return vec![FAILED];
        }
        let level = match self.about {
            About::Source { .. } => SOURCE_UNEVALUATED,
            About::Artifacts(_) => BUILD_UNEVALUATED,
        };
        let mut levels = vec![level];
        levels.extend(self.is_two_party.then_some(TWO_PARTY));
        levels
    }
}

/// Who says so: the gate of a ledger. Whoever trusts a key for this name trusts no other ledger's.
#[must_use]
pub fn verifier_id(ledger: LeafHash, gate: &MemberId) -> String {
    format!("urn:countersign:gate:{ledger}:{gate}")
}

/// A summary as parsed, whoever made it. Members that are not known are passed over, as SLSA asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSummary {
    /// What it is about: kind of digest and digest, as `sha256:...`.
    pub subjects: Vec<String>,
    /// Full reference names of the subjects, where it says some.
    pub source_refs: Vec<String>,
    /// Who says so, by its own word.
    pub verifier: String,
    /// When, by its own word.
    pub time: Option<String>,
    /// Where the subjects are fetched from.
    pub resource: String,
    /// The policy.
    pub policy: String,
    /// Whether it passed.
    pub is_passed: bool,
    /// Levels and properties.
    pub levels: Vec<String>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Foreign {
    subject: Vec<ForeignSubject>,
    predicate: ForeignPredicate,
}

#[derive(Deserialize)]
struct ForeignSubject {
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: ForeignAnnotations,
}

#[derive(Default, Deserialize)]
struct ForeignAnnotations {
    #[serde(rename = "sourceRefs", default)]
    source_refs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForeignPredicate {
    verifier: ForeignVerifier,
    time_verified: Option<String>,
    resource_uri: String,
    policy: ForeignPolicy,
    verification_result: Outcome,
    verified_levels: Vec<String>,
}

#[derive(Deserialize)]
struct ForeignVerifier {
    id: String,
}

#[derive(Deserialize)]
struct ForeignPolicy {
    uri: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Outcome {
    Passed,
    Failed,
}

impl ReadSummary {
    /// Parses a payload, in strict JSON: no member stands twice.
    ///
    /// # Errors
    /// [`SummaryError`].
    pub fn parse(payload: &[u8]) -> Result<Self, SummaryError> {
        let kind: Kind = json::parse(payload, SUMMARY_BYTES_MAX)?;
        for (found, wanted) in
            [(kind.statement_type, STATEMENT_TYPE), (kind.predicate_type, SUMMARY_TYPE)]
        {
            if found != wanted {
                return Err(SummaryError::Type(found.chars().take(100).collect()));
            }
        }
        let Foreign { subject, predicate } = json::parse(payload, SUMMARY_BYTES_MAX)?;
        let mut subjects = Vec::new();
        let mut source_refs = Vec::new();
        for one in subject {
            subjects.extend(one.digest.into_iter().map(|(kind, hex)| format!("{kind}:{hex}")));
            source_refs.extend(one.annotations.source_refs);
        }
        let is_passed = predicate.verification_result == Outcome::Passed;
        Ok(Self {
            subjects,
            source_refs,
            verifier: predicate.verifier.id,
            time: predicate.time_verified,
            resource: predicate.resource_uri,
            policy: predicate.policy.uri,
            is_passed,
            levels: predicate.verified_levels,
        })
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
