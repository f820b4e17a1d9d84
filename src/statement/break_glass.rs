//! `override`: what somebody signs who breaks the glass (`spec/statement.md` section 4.7).

use serde::{Deserialize, Serialize};

use crate::base::digest::{Commitment, ContentDigest};
use crate::base::name::{EnvironmentName, RepositoryName, RequestId, Revision, ServiceName};
use crate::base::time::Timestamp;

/// Lets one revision with these artifacts through without its sign-offs, for some hours. What it
/// lets through is owed: the next decision starts before it (ATTACKS 32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell; this one alone.
    pub environment: EnvironmentName,
    /// The repository of the service, as the policy names it.
    pub repository: RepositoryName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ContentDigest>,
    /// When it was signed, by the signer's own clock: it may reach the ledger later.
    pub claimed: Timestamp,
    /// From when on it is good for nothing; at most a day after `claimed`.
    pub expires: Timestamp,
    /// Why.
    pub reason: Commitment,
    /// The incident, where there is one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<RequestId>,
    /// An exercise: it lets nothing through and leaves no debt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
}

/// The mark of an exercise: `true`, or not there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Drill;

impl TryFrom<bool> for Drill {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("drill is true or left out") }
    }
}

impl From<Drill> for bool {
    fn from(_: Drill) -> Self {
        true
    }
}
