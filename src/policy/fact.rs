//! What an assessment starts from: the facts of one segment, and its sign-offs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::name::{
    ChecklistItem, EnvironmentName, LevelName, MemberId, ServiceName, TeamName,
};
use crate::base::position::EntryIndex;
use crate::base::time::Span;
use crate::statement::words::Assistance;

/// The facts of one segment, or of one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The service that is to be deployed.
    pub service: ServiceName,
    /// The environment that it goes to, in full (`production/eu-1`).
    pub environment: EnvironmentName,
    /// The strongest assistance that a declaration which counts says; `None`: nobody declared.
    pub declared: Option<Assistance>,
    /// The strongest assistance that marks in the commits show; `None`: no mark was seen.
    pub detected: Option<Assistance>,
    /// Every author of every commit of the segment, operators of agents included.
    pub authors: Vec<Author>,
    /// Every row of the change document; empty for an artifact.
    pub paths: Vec<PathFact>,
    /// Whether a changed path collides with another path of the new tree after folding.
    pub collision: bool,
    /// Whether the sign-offs are of an artifact: only rules with `artifact = true` ask then.
    pub artifact: bool,
}

/// One path that the change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFact {
    /// The path, as the tree has it.
    pub path: Vec<u8>,
    /// Whether a person cannot read its content (submodule, binary, LFS pointer, very long).
    pub opaque: bool,
}

/// One author of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who it is on the roster; `None` where the address is nobody's.
    pub member: Option<MemberId>,
    /// What kind of author it is.
    pub kind: AuthorKind,
    /// The level on the roster (the lower of those at both moments), if any.
    pub level: Option<LevelName>,
    /// How the authorship is known.
    pub standing: Standing,
    /// How to call the author in a report. No verdict reads it.
    pub label: String,
}

/// What an author is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorKind {
    /// A person on the roster.
    Human,
    /// An automation on the roster.
    Bot,
    /// An AI agent on the roster; its operator is an author of its own.
    Agent,
    /// A pipeline or another service on the roster.
    Service,
    /// Nobody that the roster knows.
    Unknown,
    /// An address of an AI tool: a mark of assistance, and nobody who could be proved.
    Tool,
}

impl AuthorKind {
    /// Every kind, in order.
    pub const ALL: &[Self] =
        &[Self::Human, Self::Bot, Self::Agent, Self::Service, Self::Unknown, Self::Tool];

    /// The kind as policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Bot => "bot",
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Unknown => "unknown",
            Self::Tool => "tool",
        }
    }
}

/// How an authorship is known. Ordered: the weakest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// By the author's own signature: a `change` statement or a signed commit.
    Proved,
    /// By a service that may declare.
    Attested,
    /// By what a commit says, which anybody can type.
    Claimed,
}

/// Whether a person was at the key when it signed. Ordered: more is greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// A plain key, or one that was not touched.
    #[default]
    NoTouch,
    /// The signature says that the key was touched; nobody attests that it is hardware.
    TouchClaimed,
    /// Touched, and the enrolment proved genuine hardware.
    Touch,
}

/// One approval that stands, matches the segment or artifact, and is a human's with duty `review`.
///
/// The verdict has checked all of that before; here only the policy's wishes are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOff {
    /// Who signed.
    pub member: MemberId,
    /// The lower of the signer's levels at the sign-off and now.
    pub level: Option<LevelName>,
    /// The teams that held at both moments.
    pub teams: BTreeSet<TeamName>,
    /// Whether somebody touched the key.
    pub presence: Presence,
    /// The checklist items that were answered.
    pub answered: BTreeSet<ChecklistItem>,
    /// The assistance that the signer was shown.
    pub assistance_seen: Assistance,
    /// Whether the sign-off is carried rather than exact.
    pub carried: bool,
    /// From the sign-off to the first time that its step was allowed anywhere, else until now.
    pub age: Span,
    /// Where the sign-off stands in the ledger.
    pub entry: EntryIndex,
}
