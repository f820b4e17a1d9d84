//! Reason codes (`spec/policy.md` section 8): stable words that machines may rely on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! reason_codes {
    ($($code:ident = $word:literal, $sentence:literal, $remedy:literal;)*) => {
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

            /// What to do about it, for people, with the command where there is one.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$code => $remedy,)* }
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
    NeedsSignOff = "NEEDS_SIGN_OFF",
        "A human who is not an author has to sign off.",
        "somebody who did not write it signs it: countersign approve";
    NeedsLevel = "NEEDS_LEVEL",
        "A sign-off of a person of at least a certain level is missing.",
        "somebody of that level signs it: countersign approve";
    NeedsTeam = "NEEDS_TEAM",
        "A sign-off of a member of a certain team is missing.",
        "a member of that team signs it: countersign approve";
    NeedsChecklist = "NEEDS_CHECKLIST",
        "A sign-off did not answer the checklist of a rule.",
        "sign again and answer the checklist: countersign approve";
    NeedsTouch = "NEEDS_TOUCH",
        "A rule asks for a touched key, and the sign-off has none.",
        "sign again with a security key: countersign approve --key KEY";
    IsAuthor = "IS_AUTHOR",
        "The signer is an author of the change.",
        "somebody else signs it: countersign approve";
    SawLessAssistance = "SAW_LESS_ASSISTANCE",
        "The signer was shown a weaker AI assistance than is known now.",
        "read it as it is known now and sign again: countersign approve";
    Expired = "EXPIRED",
        "The sign-off is as old as approval_ttl or older.",
        "read it again and sign anew: countersign approve";
    CarryRefused = "CARRY_REFUSED",
        "The sign-off is carried, and the policy wants an exact one.",
        "sign what landed itself: countersign approve";
    PathCollision = "PATH_COLLISION",
        "A changed path collides with another where case or normal form is ignored.",
        "rename one of the paths, or set allow_collisions in the policy";
    UnknownAuthor = "UNKNOWN_AUTHOR",
        "An author is only claimed, so one more human has to sign off.",
        "its author signs for it (countersign declare), or one more human approves";
    UnknownEnvironment = "UNKNOWN_ENVIRONMENT",
        "The policy does not list the environment.",
        "list it in the policy: countersign policy apply FILE";
    UnknownService = "UNKNOWN_SERVICE",
        "The policy does not list the service.",
        "list it in the policy: countersign policy apply FILE";
    Rejected = "REJECTED",
        "A reject stands on the change.",
        "who rejected it takes that back: countersign withdraw ENTRY";
    Withdrawn = "WITHDRAWN",
        "The signer withdrew the sign-off.",
        "read it again and sign anew: countersign approve";
    NoReviewDuty = "NO_REVIEW_DUTY",
        "The signer has no duty to review.",
        "an admin gives the duty review: countersign roster apply FILE";
    KeyRevoked = "KEY_REVOKED",
        "The key was revoked when it signed or when it counted.",
        "sign anew with a key that is good: countersign key list";
    WrongBranch = "WRONG_BRANCH",
        "The sign-off is for another target branch, or of an artifact for another service.",
        "sign it for the service's branch: countersign approve";
    Spent = "SPENT",
        "The sign-off was used up by another commit that landed.",
        "sign what lands now: countersign approve";
    StaleNearMiss = "STALE_NEAR_MISS",
        "The sign-off is for an earlier version of the change.",
        "read what changed since and sign that: countersign approve";
    Diverged = "DIVERGED",
        "The revision is not a descendant of what is settled.",
        "bring in what is live, or sign the whole difference: countersign approve A..B";
    CompositionMismatch = "COMPOSITION_MISMATCH",
        "The steps' documents do not add up to the difference that would be deployed.",
        "check the repository: git fsck --full";
    PolicyMissing = "POLICY_MISSING",
        "The ledger holds no policy.",
        "an admin sets one: countersign policy apply FILE";
    BaselineMissing = "BASELINE_MISSING",
        "Nothing is settled for this service and environment, and there is no baseline.",
        "an admin says from where on it counts: countersign baseline";
    ArtifactRequired = "ARTIFACT_REQUIRED",
        "The service deploys artifacts, and none was named.",
        "name it: countersign gate --artifact sha256:DIGEST";
    BuildUnknown = "BUILD_UNKNOWN",
        "No named builder says what the artifact was built from.",
        "a builder says it: countersign record build";
    BuildContradicts = "BUILD_CONTRADICTS",
        "Builders name different commits for the artifact.",
        "find out which builder is right; build anew and deploy that";
    KeyCooling = "KEY_COOLING",
        "The key was enrolled too short a time before the decision.",
        "wait, or somebody whose key is older signs it: countersign approve";
    UndoesSettled = "UNDOES_SETTLED",
        "It would undo what is live, and nobody signed that off.",
        "sign the whole difference to what is live: countersign approve A..B";
    DebtOverdue = "DEBT_OVERDUE",
        "A debt of an override is overdue, so more members must override.",
        "sign off what was overridden: countersign queue";
    RejectedEarlier = "REJECTED_EARLIER",
        "An earlier version of the change was rejected: information, never a denial.",
        "see why before you sign: countersign show ENTRY";
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
            let row = format!("| `{code}` | {} | {} |", code.sentence(), code.remedy());
            assert!(spec.contains(&row), "spec/policy.md lacks {row}");
            assert_eq!(ReasonCode::from_word(code.as_str()), Some(*code));
        }
        assert_eq!(ReasonCode::from_word("needs_level"), None);
    }
}
