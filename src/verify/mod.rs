//! Evidence in, verdict out (`spec/verdict.md`).
//!
//! Online and offline are the same function: online, the evidence is gathered first. What has
//! been verified is a type with one private constructor ([`entry::VerifiedEntry`]), so whoever
//! could have skipped a check is found by looking for its name.

mod ahead;
mod artifact;
pub mod attested;
mod authors;
pub mod bundle;
mod chain;
pub mod cover;
mod declared;
pub mod entry;
pub mod evidence;
mod judge;
mod landings;
mod overriding;
mod policies;
pub mod proof;
mod segment;
mod signoff;
mod start;
mod steps;
pub mod trust;
mod two_party;
pub mod verdict;
pub mod witnessing;
mod word;

pub use self::ahead::{Ahead, judge_ahead};
pub use self::entry::{EntryError, VerifiedEntry};
pub use self::evidence::{
    CarriedTo, Evidence, KnownCover, Live, Position, Question, Returning, SeenAuthor, SeenKind,
    StepEvidence, Uncarried,
};
pub use self::overriding::{
    InForce, Owed, OwedElsewhere, debt_due, owed, owed_elsewhere, still_counts, why_not_in_force,
};
pub use self::policies::{greatest_carry_gap, shortest_approval_ttl};
pub use self::segment::{Segment, path_facts};
pub use self::signoff::{CarriedSignOff, Reject};
pub use self::steps::{first_line, person_label, step_evidence};
pub use self::two_party::is_two_party;
pub use self::verdict::{Problem, Verdict, judge_under, judge_unlanded, verdict};
pub use self::word::Discounted;
