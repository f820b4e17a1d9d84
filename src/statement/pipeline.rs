//! What pipelines sign: `build`, `decision` and `deployment` (`spec/statement.md` sections 4.4 to
//! 4.6).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::words::{DecisionVerdict, Mode, Outcome};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::encoding;
use crate::base::limits::PROVENANCE_EMBEDDED_BYTES_MAX;
use crate::base::name::{
    EnvironmentName, RepositoryName, RequestId, Revision, ServiceName, ToolName,
};
use crate::base::position::EntryIndex;

/// A named builder's word that an artifact was built from a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// SHA-256 of the artifact.
    pub artifact: ContentDigest,
    /// The repository, as the policy names it.
    pub repository: RepositoryName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 of the file of an SLSA provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ContentDigest>,
    /// That file itself; without it the file may lie in the side store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded: Option<Embedded>,
}

/// A file in a statement: canonical base64 of 1 to 24,576 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded(Vec<u8>);

impl Embedded {
    /// A file that is small enough; `None` where it is not, or empty.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=PROVENANCE_EMBEDDED_BYTES_MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Embedded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoding::base64(&self.0))
    }
}

impl<'de> Deserialize<'de> for Embedded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = encoding::unbase64(&text).map_err(de::Error::custom)?;
        Self::new(bytes).ok_or_else(|| de::Error::custom("a file of 1 to 24,576 bytes is wanted"))
    }
}

/// What the gate decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The repository of the service, as the policy names it.
    pub repository: RepositoryName,
    /// The commit to be deployed.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts to be deployed, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ContentDigest>,
    /// The answer.
    pub verdict: DecisionVerdict,
    /// Whether a deny refuses.
    pub mode: Mode,
    /// The entry of the settled point that the chain was judged from, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<EntryIndex>,
    /// The entry of the newest settled point that the gate knew, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<EntryIndex>,
    /// The entry of the policy in force.
    pub policy: EntryIndex,
    /// SHA-256 of the trust root that the gate had pinned.
    pub trust: ContentDigest,
    /// Reason codes of a deny, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<RequestId>,
    /// Side-store digest of the cover: a row per segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<ContentDigest>,
    /// Identities of the overrides by which a denied deployment may go ahead, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<StatementId>,
    /// The program that decided, with its version.
    pub program: ToolName,
}

/// A deployment, and later its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ContentDigest>,
    /// The decision that it rests on; without one it is a fact that settles nothing. Named by
    /// its identity, not its entry: both may be signed before either is in the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<StatementId>,
    /// Identities of the overrides that it rests on where no decision could be recorded, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<StatementId>,
    /// The `started` statement whose outcome this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<StatementId>,
    /// What became of it.
    pub outcome: Outcome,
    /// Who or what set it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<RequestId>,
    /// The pipeline run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RequestId>,
}
