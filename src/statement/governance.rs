//! `governance`: what admins sign (`spec/statement.md` section 4.1).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::{Duty, MemberKind, Revocation};
use crate::base::digest::{Commitment, ContentDigest, EmailDigest, LeafHash};
use crate::base::name::{
    EnvironmentName, LevelName, MemberId, Origin, Revision, ServiceName, TeamName,
};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key::{KeyId, PublicKey};

/// A list of operations on one chain of governance entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governance {
    /// What entry 0, and no other, begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genesis: Option<Genesis>,
    /// Leaf hash of the newest governance entry that the admins knew; absent in entry 0. So none
    /// can be slipped in later (ATTACKS 18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<LeafHash>,
    /// 1 to 500 operations, done in order, all or none.
    pub operations: Vec<Operation>,
}

/// The beginning of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// First line of every checkpoint.
    pub origin: Origin,
    /// The verifier key of the ledger, as signed notes write it.
    pub ledger_key: String,
    /// Commitment to the salt of e-mail digests, which lies beside the ledger.
    pub salt: Commitment,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Adds a member, or replaces all that is said of one; `kind` never changes.
    SetMember(SetMember),
    /// Ends a membership. Only reduces.
    RetireMember(RetireMember),
    /// Enrols a key; a key has one owner for ever.
    AddKey(AddKey),
    /// Revokes a key. Only reduces.
    RevokeKey(RevokeKey),
    /// Replaces the admins and how many of them must sign.
    SetAdmins(SetAdmins),
    /// Replaces the ledger's own key.
    RotateLedgerKey(RotateLedgerKey),
    /// Lifts a reject whose author cannot or will not withdraw it.
    Lift(Lift),
    /// Accepts a jump of the clock of more than 31 days, up to the named time.
    ConfirmClock(ConfirmClock),
    /// Replaces the policy.
    SetPolicy(SetPolicy),
    /// Accepts everything up to a commit, or nothing, as a start.
    SetBaseline(SetBaseline),
    /// Lets a service set and retire humans below a level; replaces what it was let before.
    Delegate(Delegate),
    /// Ends what was delegated to a service. Only reduces.
    EndDelegation(EndDelegation),
}

/// All that is said of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMember {
    /// The opaque id.
    pub member: MemberId,
    /// Set once.
    pub kind: MemberKind,
    /// A level of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelName>,
    /// Teams, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamName>,
    /// Duties, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duties: Vec<Duty>,
    /// The human who answers for an agent; counts as an author of what the agent writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<MemberId>,
    /// Commitment to the profile: name, e-mail addresses, handles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Commitment>,
    /// Digests of the e-mail addresses that commits name; no two members share one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<EmailDigest>,
}

/// Ends a membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetireMember {
    /// Whose.
    pub member: MemberId,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Commitment>,
}

/// Enrols a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddKey {
    /// The owner.
    pub member: MemberId,
    /// The public key, as OpenSSH writes it, without a comment.
    pub key: PublicKey,
    /// Side-store digest of the enrolment attestation of a hardware key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<ContentDigest>,
}

/// Revokes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// Its fingerprint.
    pub key: KeyId,
    /// `retired`, or `leaked`.
    pub cause: Revocation,
    /// Only with `leaked`: what this key signed from this entry on gives no permission. Absent:
    /// from the entry of this statement on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<EntryIndex>,
}

/// Replaces the admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAdmins {
    /// Humans of the roster, sorted.
    pub admins: Vec<MemberId>,
    /// How many of them must sign governance: 1 to all.
    pub threshold: u32,
}

/// Replaces the ledger's own key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateLedgerKey {
    /// The new verifier key; its name is the origin.
    pub ledger_key: String,
}

/// Lifts a reject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The entry of the reject.
    pub entry: EntryReference,
    /// Why.
    pub reason: Commitment,
}

/// Accepts a jump of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmClock {
    /// The latest time that the next entry may have.
    pub until: Timestamp,
}

/// Replaces the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPolicy {
    /// The whole text, as `policy apply` was given it.
    pub text: String,
}

/// Accepts a start for a service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBaseline {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit up to which everything is accepted, or `none`.
    pub accepted: Accepted,
    /// The entry of the baseline or settled deployment that this one replaces, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<EntryIndex>,
    /// Why it is replaced; present exactly where `replaces` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Commitment>,
}

/// Lets a service do a part of what admins do (ATTACKS 38).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// A service of the roster.
    pub service: MemberId,
    /// A level of the policy: only humans below it.
    pub below: LevelName,
    /// Teams that it may put them into, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamName>,
}

/// Ends a delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndDelegation {
    /// The service.
    pub service: MemberId,
}

/// What a baseline accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Accepted {
    /// Nothing: every commit down to the root needs its sign-offs.
    Nothing,
    /// Everything up to and including this commit.
    UpTo(Revision),
}

impl TryFrom<String> for Accepted {
    type Error = crate::base::name::NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "none" { Ok(Self::Nothing) } else { Revision::new(text).map(Self::UpTo) }
    }
}

impl From<Accepted> for String {
    fn from(accepted: Accepted) -> Self {
        accepted.to_string()
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("none"),
            Self::UpTo(revision) => revision.fmt(formatter),
        }
    }
}

/// An entry by index and leaf hash, so that it names one entry of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryReference {
    /// Its position.
    pub index: EntryIndex,
    /// Its leaf hash.
    pub leaf: LeafHash,
}
