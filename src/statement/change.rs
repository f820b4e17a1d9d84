//! `change`: a declaration of who wrote a change, and how, or a service's word on what landed
//! (`spec/statement.md` section 4.2).

use serde::{Deserialize, Serialize};

use super::words::Assistance;
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::name::{MemberId, ReferenceName, RepositoryName, RequestId, Revision, ToolName};

/// What an author, or a service with the duty `declare`, says of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The change.
    pub change: ChangeHash,
    /// The repository, as the policy names it.
    pub repository: RepositoryName,
    /// The commit that it was made against; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// Its last commit.
    pub head: Revision,
    /// The branch that it is meant for.
    pub target: ReferenceName,
    /// Who wrote it.
    pub authors: Vec<DeclaredAuthor>,
    /// The ticket or pull request that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The version that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<ChangeHash>,
    /// How much of it a machine wrote.
    pub assistance: Assistance,
    /// The tools that helped, sorted; none where `assistance` is `none`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolName>,
}

/// What a service with the duty `declare` says of a commit that landed: which change it is. It
/// stands in for the commit where nobody can read it (`spec/verdict.md` section 13), and declares
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landed {
    /// The change from `base` to `head`.
    pub change: ChangeHash,
    /// The repository, as the policy names it.
    pub repository: RepositoryName,
    /// The first parent of `head`; absent where it is a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// The commit.
    pub head: Revision,
    /// The branch that it landed on.
    pub target: ReferenceName,
    /// Side-store digest of what else the commits say.
    pub step: ContentDigest,
}

/// An author, as a member or as the digest of an address that is on nobody's roster entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredAuthor {
    /// A member.
    Member(MemberId),
    /// Somebody else, by the digest of an e-mail address.
    Email(EmailDigest),
}
