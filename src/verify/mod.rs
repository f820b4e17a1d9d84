//! Evidence in, verdict out (`spec/verdict.md`).
//!
//! Online and offline are the same function: online, the evidence is gathered first. What has
//! been verified is a type with one private constructor ([`entry::VerifiedEntry`]), so whoever
//! could have skipped a check is found by looking for its name.

pub mod cover;
pub mod entry;
pub mod evidence;
mod segment;
mod signoff;
pub mod trust;
pub mod verdict;

pub use self::entry::{EntryError, VerifiedEntry};
pub use self::evidence::{Evidence, Question, SeenAuthor, SeenKind, StepEvidence};
pub use self::segment::{Judge, Segment, judge_change};
pub use self::signoff::{Discounted, Reject};
pub use self::verdict::{Problem, Verdict, verdict};
