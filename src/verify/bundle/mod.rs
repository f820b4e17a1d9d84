//! Bundles: a verdict again, with a trust root and nothing else (`spec/bundle.md`).
//!
//! The evidence of a verdict is rebuilt from a file, and judged by the same function as online.
//! What proofs cannot show is the gate's word, under its signature, and every line of a report
//! says whose.

mod chain;
mod check;
pub mod claims;
mod draft;
mod lineage;
mod lines;
mod objects;
mod parts;
mod rebuild;
mod shown;
mod trees;
mod wire;

pub use self::check::{Checked, Decided, Refused, check};
pub use self::claims::Claims;
pub use self::draft::{Draft, Given, draft};
pub use self::lineage::{Gap, Since, lineage};
pub use self::lines::{Line, LineCode, Rests};
pub use self::rebuild::Rebuilt;
pub use self::wire::{
    Array, Attestation, BUNDLE_START, Bundle, BundleError, Bytes, Hash, Salt, ShownLeaf,
    attested_message,
};

/// The step of `spec/bundle.md` section 4 at which a bundle is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TamperCode {
    /// Not written as bundles are.
    Form,
    /// An entry does not parse, is not one that the evidence names, or its signature is not good.
    Entry,
    /// Of another ledger than the trust root's.
    OtherLedger,
    /// A governance entry is missing, or its signatures do not suffice.
    Governance,
    /// The ledger did not sign the checkpoint.
    Checkpoint,
    /// The line of a known witness does not verify.
    Witness,
    /// An inclusion proof does not verify.
    Proof,
    /// Two trees of one size.
    Fork,
    /// Not the salt that entry 0 commits to.
    Salt,
    /// Not a decision on the question.
    Decision,
    /// The gate did not sign the evidence.
    Attestation,
    /// A blob is missing, needless or malformed.
    Blob,
    /// A git object is missing, needless or malformed, or shows something else.
    Object,
    /// The commits do not lead from the start to the revision.
    Chain,
    /// The start is not what the entries say.
    Start,
    /// A certificate does not show what it is named for.
    Carried,
    /// The verdict is not the one that the gate recorded.
    OtherAnswer,
    /// The repository says otherwise.
    Repository,
    /// Not the bundle that this one names as the one before.
    Previous,
}

impl TamperCode {
    /// Every code, in the order of the steps.
    pub const ALL: [Self; 19] = [
        Self::Form,
        Self::Entry,
        Self::OtherLedger,
        Self::Governance,
        Self::Checkpoint,
        Self::Witness,
        Self::Proof,
        Self::Fork,
        Self::Salt,
        Self::Decision,
        Self::Attestation,
        Self::Blob,
        Self::Object,
        Self::Chain,
        Self::Start,
        Self::Carried,
        Self::OtherAnswer,
        Self::Repository,
        Self::Previous,
    ];

    /// The code as it is written. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "FORM",
            Self::Entry => "ENTRY",
            Self::OtherLedger => "OTHER_LEDGER",
            Self::Governance => "GOVERNANCE",
            Self::Checkpoint => "CHECKPOINT",
            Self::Witness => "WITNESS",
            Self::Proof => "PROOF",
            Self::Fork => "FORK",
            Self::Salt => "SALT",
            Self::Decision => "DECISION",
            Self::Attestation => "ATTESTATION",
            Self::Blob => "BLOB",
            Self::Object => "OBJECT",
            Self::Chain => "CHAIN",
            Self::Start => "START",
            Self::Carried => "CARRIED",
            Self::OtherAnswer => "OTHER_ANSWER",
            Self::Repository => "REPOSITORY",
            Self::Previous => "PREVIOUS",
        }
    }
}

/// Why a bundle is not what it should be: an integrity failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Tampered {
    /// The step that failed.
    pub code: TamperCode,
    /// What is wrong.
    pub what: String,
}

impl Tampered {
    /// A failure of a step.
    #[must_use]
    pub fn new(code: TamperCode, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }

    /// Makes failures of one step out of errors.
    pub(super) fn at<E: std::fmt::Display>(code: TamperCode) -> impl Fn(E) -> Self {
        move |error| Self::new(code, error.to_string())
    }
}

/// Fails a step unless something holds.
fn ensure(holds: bool, code: TamperCode, what: impl FnOnce() -> String) -> Result<(), Tampered> {
    if holds { Ok(()) } else { Err(Tampered::new(code, what())) }
}
