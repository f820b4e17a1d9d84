//! The closed vocabularies of statements: each word is spelt as here, and no other is accepted.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$word_doc:meta])* $word:ident = $text:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)*
        }

        impl $name {
            /// Every word, in order.
            pub const ALL: &[Self] = &[$(Self::$word,)*];

            /// The word as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }

            /// The word that is written so.
            #[must_use]
            pub fn from_word(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$word),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }
    )*};
}

words! {
    /// How much a machine had its hand in a change; ordered, the strongest counts.
    Assistance {
        /// Written by people alone.
        None = "none",
        /// Written by people with a machine's help.
        Assisted = "assisted",
        /// Written by a machine.
        Generated = "generated",
    }

    /// What a member is; set once. Only humans approve, whatever else the roster says.
    MemberKind {
        /// A person.
        Human = "human",
        /// An automation that authors changes, such as a dependency updater. Never signs off.
        Bot = "bot",
        /// An AI agent; its operator counts as an author too.
        Agent = "agent",
        /// A pipeline, gate or observer.
        Service = "service",
    }

    /// What a member may do.
    Duty {
        /// Approve, reject and withdraw; humans only.
        Review = "review",
        /// Declare changes of others.
        Declare = "declare",
        /// Name the commit that an artifact was built from; services only.
        Build = "build",
        /// Record the gate's decisions; services only.
        Decide = "decide",
        /// Record deployments.
        Deploy = "deploy",
        /// Break the glass; humans only.
        Override = "override",
        /// Record what really runs; services only.
        Observe = "observe",
    }

    /// What an approval says of its subjects.
    ApprovalVerdict {
        /// Signed off.
        Approve = "approve",
        /// Blocks until withdrawn, superseded or lifted.
        Reject = "reject",
        /// Takes back a named entry.
        Withdraw = "withdraw",
    }

    /// What is signed off.
    SubjectType {
        /// A change, by its change hash.
        Change = "change",
        /// An artifact, by its SHA-256; never stands for a change.
        Artifact = "artifact",
    }

    /// What the reviewer's program showed before the signature; claimed by that program.
    Shown {
        /// Nothing but the hash.
        None = "none",
        /// Paths, authors and what the policy wants.
        Summary = "summary",
        /// The whole difference.
        Diff = "diff",
        /// The difference to what the reviewer had signed before.
        Interdiff = "interdiff",
    }

    /// The gate's answer.
    DecisionVerdict {
        /// Signed off as the policy asks.
        Allow = "allow",
        /// Not signed off.
        Deny = "deny",
    }

    /// Whether a deny refuses.
    Mode {
        /// Decided and recorded, never refused.
        Observe = "observe",
        /// A deny refuses.
        Enforce = "enforce",
    }

    /// What became of a deployment.
    Outcome {
        /// It began; it may be live from here on.
        Started = "started",
        /// It is live.
        Succeeded = "succeeded",
        /// It ended without effect, or was undone.
        Failed = "failed",
        /// Nobody knows.
        Unknown = "unknown",
    }

    /// Why a key was revoked.
    Revocation {
        /// No longer used; what it signed before stands.
        Retired = "retired",
        /// In other hands since a named entry: what gave permission from there on is void.
        Leaked = "leaked",
    }
}
