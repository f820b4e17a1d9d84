//! What an assessment answers (`spec/policy.md` section 6).

use serde::Serialize;

use super::fact::Presence;
use super::model::Need;
use super::reason::ReasonCode;
use crate::base::name::{ChecklistItem, MemberId};
use crate::base::position::EntryIndex;
use crate::statement::words::Assistance;

/// What the floor is called in [`Requirement::because`].
pub const FLOOR: &str = "the floor: one human who is not an author";

/// What a policy says of one segment or artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// The assistance that counts.
    pub assistance: Assistance,
    /// Where that comes from.
    pub assistance_from: AssistanceSource,
    /// What is asked for, the floor first, then the rules in the policy's order.
    pub requirements: Vec<Requirement>,
    /// Sign-offs that do not count, at all or for one rule, in the ledger's order.
    pub not_counted: Vec<NotCounted>,
    /// Whether `exempt` lifted the floor.
    pub exempt: bool,
    /// Whether nothing is missing and nothing denies.
    pub satisfied: bool,
    /// What denies whoever signs off.
    pub denials: Vec<Denial>,
}

/// Where the assistance that counts comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssistanceSource {
    /// Somebody declared it.
    Declared,
    /// Nobody declared it: `[defaults] undeclared`.
    Default,
    /// Marks in the commits are stronger than what was declared.
    Detected,
    /// An author is an AI agent.
    AgentAuthor,
    /// An author is an AI tool, and nothing else said so.
    ToolAuthor,
}

/// A number of people of one sort that the change needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The rule's name, or [`FLOOR`].
    pub because: String,
    /// Who is needed.
    pub need: Need,
    /// Who fills it, by member id.
    pub filled_by: Vec<MemberId>,
    /// The sign-offs that fill it, in the order of `filled_by`.
    pub sign_offs: Vec<EntryIndex>,
    /// How many people are still missing.
    pub missing: u32,
    /// What is missing, as a code; what would be, where nothing is.
    pub code: ReasonCode,
    /// What would fill it, for people: `1 of at least senior`.
    pub ask: String,
    /// What a sign-off must have answered to count here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<ChecklistItem>,
    /// The least presence of a sign-off that counts here.
    pub presence: Presence,
    /// Whether only exact sign-offs count here.
    pub exact_only: bool,
}

/// A sign-off that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCounted {
    /// Where it stands.
    pub entry: EntryIndex,
    /// Whose it is.
    pub member: MemberId,
    /// Why.
    pub code: ReasonCode,
    /// The rule that it does not count for; `None`: it counts nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why, in words.
    pub text: String,
}

/// Something that no sign-off mends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// Why.
    pub code: ReasonCode,
    /// Why, in words.
    pub text: String,
}
