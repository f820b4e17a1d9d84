//! What a deployment rests on, as data: each line says whether it is proved, or who attests it.

use serde::Serialize;

use super::as_rfc3339;
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{EnvironmentName, MemberId, RequestId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::statement::words::{DecisionVerdict, Mode, Outcome};

pub use super::change::{
    AnswerReport, AuthorReport, ChangeReport, DeclaredReport, NeededReport, SignedReport,
};

/// What a statement of a report rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Anybody who has the ledger and the repository gets the same.
    Proved,
    /// Somebody's signed word.
    AttestedBy(MemberId),
}

/// A deployment and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// The time of that entry.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// Who recorded it.
    pub by: MemberId,
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// First line of the commit's message, where the repository is here.
    pub title: Option<String>,
    /// The artifacts, and who says that they were built from the commit.
    pub artifacts: Vec<BuiltReport>,
    /// The newest word on its outcome.
    pub outcome: Outcome,
    /// The entry of that word.
    pub outcome_entry: EntryIndex,
    /// Who or what set it off.
    pub trigger: Option<RequestId>,
    /// The pipeline run.
    pub run: Option<RequestId>,
    /// Whether it is what is thought to be live.
    pub live: bool,
    /// Whether it is a settled point: everything up to it is signed off or was accepted.
    pub settled: bool,
    /// Whether it went through only because the policy was observed, not enforced.
    pub would_refuse: bool,
    /// The overrides by which it went ahead; empty for any other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<EntryIndex>,
    /// The decision that it rests on.
    pub decision: Option<DecisionReport>,
    /// The newest settled point of another commit before it, and whether that may be deployed
    /// again.
    pub back: Option<BackReport>,
    /// Whether the list of changes could be read.
    pub cover: CoverState,
    /// Where the commit had been deployed before and the decision brought no change: whose cover
    /// brought them, that of this earlier deployment or baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_commit_as: Option<SameReport>,
    /// Every change that the decision covers, oldest first; of one that denied those that it
    /// judged. Of a commit that had been deployed before, those of that deployment.
    pub changes: Vec<ChangeReport>,
    /// What became known later.
    pub changed_since: Vec<SinceReport>,
}

/// An artifact and who says what it was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltReport {
    /// SHA-256 of the artifact.
    pub artifact: ContentDigest,
    /// The builders who say that it was built from the revision, with the entry of each.
    pub attested_by: Vec<(MemberId, EntryIndex)>,
}

/// The gate's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// The time of that entry.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// The gate.
    pub by: MemberId,
    /// The commit.
    pub revision: Revision,
    /// The answer.
    pub verdict: DecisionVerdict,
    /// Whether a deny refused.
    pub mode: Mode,
    /// The number of the policy, for people.
    pub policy: Option<u64>,
    /// The entry of the policy.
    pub policy_entry: EntryIndex,
    /// Where the chain started.
    pub start: Option<EntryIndex>,
    /// Reason codes of a deny.
    pub reasons: Vec<RequestId>,
    /// The program that decided.
    pub program: String,
    /// Proved where every change was judged again from ledger and repository.
    pub basis: Basis,
}

/// The earlier entry that put the same commit in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SameReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// Whether it is a baseline, whose changes nobody was asked about.
    pub baseline: bool,
}

/// The settled point to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// The commit; none for a baseline of `none`.
    pub revision: Option<Revision>,
    /// Its artifacts: a rollback must name the same.
    pub artifacts: Vec<ContentDigest>,
    /// Whether it may be deployed again with the same artifacts.
    pub may_roll_back: bool,
    /// Whether that is the gate's own judgement, as things stand now; else only its age was asked.
    pub judged: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// Whether the cover of a decision could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverState {
    /// No decision is known.
    None,
    /// The decision denied, so that there is none; the changes are those of its chain, judged
    /// again, where the repository is here.
    Denied,
    /// Read and right.
    Good,
    /// Read, and not what ledger and repository give: judged again, the gate's answer is another,
    /// or rests on other changes. Whoever holds the gate's key can write such a decision.
    Contradicted,
    /// The file is missing.
    Missing,
}

/// Something that became known after a decision, and would count today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinceReport {
    /// The entry that says so.
    pub entry: EntryIndex,
    /// The change that it concerns.
    pub change: ChangeHash,
    /// Whose sign-off or word it is about.
    pub member: MemberId,
    /// What it is.
    pub kind: SinceKind,
    /// The sign-off that it concerns, if any.
    pub sign_off: Option<EntryIndex>,
}

/// What became known later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceKind {
    /// The key had leaked when it signed: the sign-off would not count today.
    KeyLeaked,
    /// The key was retired; the sign-off stands.
    KeyRetired,
    /// The sign-off was withdrawn.
    Withdrawn,
    /// Somebody rejected the change.
    Rejected,
    /// The signer may no longer review.
    NoReviewDuty,
}
