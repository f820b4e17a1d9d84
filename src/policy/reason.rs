//! Reason codes (`spec/policy.md` section 8): stable words that machines may rely on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! reason_codes {
    ($($code:ident = $word:literal, $sentence:literal;)*) => {
        /// Why something is missing, does not count, or is denied. A code never changes its
        /// meaning and never goes away.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ReasonCode {
            $(#[doc = $sentence] $code,)*
        }

        impl ReasonCode {
            /// Every code, in the order of the spec's table.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as it is written, such as `NEEDS_LEVEL`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $word,)* }
            }

            /// What the code means, as one sentence for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$code => $sentence,)* }
            }

            /// The code that is written so.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$code),)* _ => None }
            }
        }
    };
}

reason_codes! {
    NeedsSignOff = "NEEDS_SIGN_OFF", "A human who is not an author has to sign off.";
    NeedsLevel = "NEEDS_LEVEL", "A sign-off of a person of at least a certain level is missing.";
    NeedsTeam = "NEEDS_TEAM", "A sign-off of a member of a certain team is missing.";
    NeedsChecklist = "NEEDS_CHECKLIST", "A sign-off did not answer the checklist of a rule.";
    NeedsTouch = "NEEDS_TOUCH", "A rule asks for a touched key, and the sign-off has none.";
    IsAuthor = "IS_AUTHOR", "The signer is an author of the change.";
    SawLessAssistance = "SAW_LESS_ASSISTANCE",
        "The signer was shown a weaker AI assistance than is known now.";
    Expired = "EXPIRED", "The sign-off is as old as approval_ttl or older.";
    CarryRefused = "CARRY_REFUSED", "The sign-off is carried, and the policy wants an exact one.";
    PathCollision = "PATH_COLLISION",
        "A changed path collides with another where case or normal form is ignored.";
    UnknownAuthor = "UNKNOWN_AUTHOR",
        "An author is only claimed, so one more human has to sign off.";
    UnknownEnvironment = "UNKNOWN_ENVIRONMENT", "The policy does not list the environment.";
    UnknownService = "UNKNOWN_SERVICE", "The policy does not list the service.";
    Rejected = "REJECTED", "A reject stands on the change.";
    Withdrawn = "WITHDRAWN", "The signer withdrew the sign-off.";
    NotHuman = "NOT_HUMAN", "Only humans sign off.";
    NoReviewDuty = "NO_REVIEW_DUTY", "The signer has no duty to review.";
    KeyRevoked = "KEY_REVOKED", "The key was revoked when it signed or when it counted.";
    WrongBranch = "WRONG_BRANCH", "The sign-off is for another target branch.";
    Spent = "SPENT", "The sign-off was used up by another commit that landed.";
    StaleNearMiss = "STALE_NEAR_MISS", "The sign-off is for an earlier version of the change.";
    NoChain = "NO_CHAIN", "The revision's first parents do not reach the start.";
    Diverged = "DIVERGED", "The revision is not a descendant of what is settled.";
    CompositionMismatch = "COMPOSITION_MISMATCH",
        "The steps' documents do not add up to the difference that would be deployed.";
    PolicyMissing = "POLICY_MISSING", "The ledger holds no policy.";
    BaselineMissing = "BASELINE_MISSING",
        "Nothing is settled for this service and environment, and there is no baseline.";
    ArtifactRequired = "ARTIFACT_REQUIRED", "The service deploys artifacts, and none was named.";
    BuildUnknown = "BUILD_UNKNOWN", "No named builder says what the artifact was built from.";
    BuildContradicts = "BUILD_CONTRADICTS", "Builders name different commits for the artifact.";
    KeyCooling = "KEY_COOLING", "The key was enrolled too short a time before the decision.";
    UndoesSettled = "UNDOES_SETTLED", "It would undo what is live, and nobody signed that off.";
    DebtOverdue = "DEBT_OVERDUE",
        "A debt of an override is overdue, so more members must override.";
    RejectedEarlier = "REJECTED_EARLIER",
        "An earlier version of the change was rejected: information, never a denial.";
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| serde::de::Error::custom("unknown reason code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spec's table is this table: a code that changes shows up here.
    #[test]
    fn the_spec_lists_every_reason_code() {
        let spec = include_str!("../../spec/policy.md");
        for code in ReasonCode::ALL {
            let row = format!("| `{code}` | {} |", code.sentence());
            assert!(spec.contains(&row), "spec/policy.md lacks {row}");
            assert_eq!(ReasonCode::from_word(code.as_str()), Some(*code));
        }
        assert_eq!(ReasonCode::from_word("needs_level"), None);
    }
}
