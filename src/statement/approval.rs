//! `approval`: what a reviewer signs (`spec/statement.md` section 4.3).

use serde::{Deserialize, Serialize};

use super::governance::EntryReference;
use super::words::{ApprovalVerdict, Assistance, Shown, SubjectType};
use crate::base::digest::{Commitment, ContentDigest};
use crate::base::name::{ChecklistItem, ReferenceName, RepositoryName, Revision, ServiceName};

/// Approves, rejects, or withdraws; 1 to 100 subjects of one type under one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What is said of every subject.
    pub verdict: ApprovalVerdict,
    /// What the subjects are.
    pub subject_type: SubjectType,
    /// A row a subject, in the order of the statement's subjects.
    pub rows: Vec<ApprovalRow>,
    /// The approval or reject that is taken back; present exactly for `withdraw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdraws: Option<EntryReference>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Commitment>,
    /// Answers to the checklist items that the policy asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<ChecklistAnswer>,
}

/// What was read of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRow {
    /// The change hash, or the artifact's SHA-256.
    pub hash: ContentDigest,
    /// The repository; present exactly for changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryName>,
    /// The branch that the change is meant for; present exactly for changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ReferenceName>,
    /// The service that the artifact is meant for; present exactly for artifacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The commit that the change was read against; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// The last commit that was read; present exactly for changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Revision>,
    /// The assistance that the reviewer knew of; present exactly for changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistance_seen: Option<Assistance>,
    /// What the reviewer's program showed.
    pub shown: Shown,
    /// The version of the change that the reviewer had signed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<ContentDigest>,
}

/// An answer to an item of the policy's checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistAnswer {
    /// The item.
    pub item: ChecklistItem,
    /// The answer.
    pub answer: Commitment,
}
