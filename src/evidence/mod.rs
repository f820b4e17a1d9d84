//! Evidence: reads repository and ledger into what a verdict wants.
//!
//! A verdict is pure; whoever asks for one gathers here what it rests on.

mod ahead;
mod attested;
mod bundle;
mod carried;
mod covers;
mod forms;
mod gather;
mod merges;
mod place;
mod rejected;
mod runs;
mod start;

pub use ahead::{Landing, gather_ahead};
pub use attested::{
    AttestedError, attested_step, gather_attested, keep_step, landed_steps, reject_in_doubt,
    says_so,
};
pub use bundle::{BundleGatherError, Judged, draft_bundle, fill_bundle, prove_again, prove_from};
pub use carried::Carries;
pub use covers::used_up_since;
pub use forms::{ApprovedForms, SignedForm};
pub use gather::{GatherError, Gathered, gather, gather_as_of, gather_range};
pub use merges::settle_merges;
pub use place::is_ancestor;
pub use rejected::{Likeness, RejectedForm, rejected_forms};
