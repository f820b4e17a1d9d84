//! The evidence of a bundle (`spec/bundle.md` section 3): what proofs cannot show, and what they
//! are of. A gate signs it.

use serde::{Deserialize, Serialize};

use super::wire::Bytes;
use crate::base::digest::{ChangeHash, ContentDigest, LeafHash};
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::change::{ChangePath, Opaque};
use crate::statement::governance::EntryReference;
use crate::verify::evidence::Question;
use crate::view::{Debt, SettledPoint};

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Leaf hash of entry 0.
    pub ledger: LeafHash,
    /// The decision that is repeated; none where nothing was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<EntryReference>,
    /// SHA-256 of the bundle before this one in a lineage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ContentDigest>,
    /// What was asked.
    pub question: QuestionClaim,
    /// Entries below it were seen.
    pub size: TreeSize,
    /// Time of the newest of them.
    pub newest_time: Timestamp,
    /// Settled points and debts, by environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<PlaceClaim>,
    /// How the revision lies to them.
    pub position: PositionWord,
    /// Where diverged: the entry of the point that the chain starts at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<EntryIndex>,
    /// The steps of the chain, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepClaim>,
    /// The difference from the start's tree to the revision's.
    pub difference: ChangeHash,
    /// Everything as one step, where there is no covered linear chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<StepClaim>,
    /// Runs of steps that somebody speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<(usize, usize)>,
    /// What the start was signed off with, where it is not the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<ContentDigest>,
    /// The steps and runs that this cover consists of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_changes: Vec<ChangeHash>,
    /// Rejected changes that the start may bring back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returning: Vec<ReturningClaim>,
    /// What is live and the start has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveClaim>,
    /// Covers of earlier decisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<CoverClaim>,
    /// What is carried to what is judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<CarriedClaim>,
    /// The entries of the bundle.
    pub entries: Vec<EntryIndex>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionClaim {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ContentDigest>,
    /// The moment of judging.
    pub time: Timestamp,
}

impl From<&Question> for QuestionClaim {
    fn from(question: &Question) -> Self {
        let Question { service, environment, revision, artifacts, time } = question.clone();
        Self { service, environment, revision, artifacts, time }
    }
}

impl From<&QuestionClaim> for Question {
    fn from(claim: &QuestionClaim) -> Self {
        let QuestionClaim { service, environment, revision, artifacts, time } = claim.clone();
        Self { service, environment, revision, artifacts, time }
    }
}

/// What is settled and owed of the service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceClaim {
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// Settled points that the verdict reads, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<PointClaim>,
    /// Everything that ever went ahead by overrides, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<DebtClaim>,
}

/// A settled point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointClaim {
    /// The baseline's or deployment's entry.
    pub entry: EntryReference,
    /// The time of that entry.
    pub time: Timestamp,
    /// The commit; none for a baseline of `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// What was deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ContentDigest>,
    /// The decision that it rests on; none for a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<EntryReference>,
    /// The cover of that decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<ContentDigest>,
}

impl From<&SettledPoint> for PointClaim {
    fn from(point: &SettledPoint) -> Self {
        Self {
            entry: point.entry,
            time: point.time,
            revision: point.revision.clone(),
            artifacts: point.artifacts.clone(),
            decision: point.decision,
            cover: point.cover,
        }
    }
}

/// What went ahead by overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtClaim {
    /// Where it begins.
    pub entry: EntryReference,
    /// The deployments that rest on it.
    pub deployments: Vec<EntryReference>,
    /// Since when it is owed.
    pub since: Timestamp,
    /// The commit.
    pub revision: Revision,
    /// Who overrode.
    pub members: Vec<MemberId>,
    /// The entries of the overrides.
    pub overrides: Vec<EntryIndex>,
}

impl From<&Debt> for DebtClaim {
    fn from(debt: &Debt) -> Self {
        let Debt { entry, deployments, since, revision, members, overrides } = debt.clone();
        Self { entry, deployments, since, revision, members, overrides }
    }
}

impl From<&DebtClaim> for Debt {
    fn from(claim: &DebtClaim) -> Self {
        let DebtClaim { entry, deployments, since, revision, members, overrides } = claim.clone();
        Self { entry, deployments, since, revision, members, overrides }
    }
}

/// How a revision lies to the settled points, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionWord {
    /// Its first parents reach the newest settled commit.
    Linear,
    /// They reach a root, and the newest settled point accepts `none`.
    FromRoot,
    /// It is an ancestor of the newest settled commit.
    Behind,
    /// Its first parents reach an older settled commit.
    Diverged,
    /// They meet no settled commit.
    Unrelated,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepClaim {
    /// The commit.
    pub commit: Revision,
    /// Its first parent; none at a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Revision>,
    /// The hash of its document.
    pub document: ChangeHash,
    /// All commits that it brings in, itself first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Revision>,
    /// The merges among them whose author wrote nothing, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mechanical: Vec<Revision>,
    /// What is to be said of its paths, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<PathClaim>,
    /// Paths that collide with others, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub colliding: Vec<PathText>,
}

/// What nobody can read in a path, and where its links lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathClaim {
    /// The path.
    pub path: PathText,
    /// Why it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<Opaque>,
    /// Where its links lead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<PathText>,
}

/// A path, written as base64 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct PathText(pub ChangePath);

impl TryFrom<Bytes> for PathText {
    type Error = crate::change::PathError;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        ChangePath::new(bytes.0).map(Self)
    }
}

impl From<PathText> for Bytes {
    fn from(path: PathText) -> Self {
        Self(path.0.as_bytes().to_vec())
    }
}

/// A rejected change that a start may bring back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturningClaim {
    /// The change.
    pub change: ChangeHash,
    /// Whether its document is among the blobs.
    #[serde(default, skip_serializing_if = "is_not")]
    pub kept: bool,
    /// Whether the commit up to which it was read is in the start's history.
    #[serde(default, skip_serializing_if = "is_not")]
    pub in_start: bool,
}

/// What is live and the start has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveClaim {
    /// The difference from the start's tree to the newest settled tree.
    pub document: ChangeHash,
    /// Commits, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<TitleClaim>,
}

/// A commit and the first line of its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TitleClaim {
    /// The commit.
    pub commit: Revision,
    /// Its first line.
    pub title: String,
}

/// A cover of an earlier decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverClaim {
    /// The settled deployment that ages rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<DeployedClaim>,
    /// The settled deployment of this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<EntryIndex>,
    /// The settled deployment that ended a debt of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EntryIndex>,
    /// The cover; none where it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<ContentDigest>,
}

/// A settled deployment and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployedClaim {
    /// Its entry.
    pub entry: EntryIndex,
    /// The time of that entry.
    pub time: Timestamp,
}

/// A change that is carried to one that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedClaim {
    /// The change that was signed.
    pub approved: ChangeHash,
    /// The change that landed.
    pub landed: ChangeHash,
    /// The last commit of what landed.
    pub landing: Revision,
    /// Whether it was read on something that the branch had.
    #[serde(default, skip_serializing_if = "is_not")]
    pub grounded: bool,
    /// The certificate.
    pub certificate: ContentDigest,
    /// What the landed tree has at paths that only the approved document names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<SideClaim>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideClaim {
    /// The path.
    pub path: PathText,
    /// Mode, a space and digest, as a document has them.
    pub side: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_not(flag: &bool) -> bool {
    !*flag
}
