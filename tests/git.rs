//! Goal: documents, steps and chains out of real repositories are what the git program says, and
//! what lies in a repository cannot change them. Method: generated histories with the git program
//! as the oracle, each attack carried out as it would be.

#![cfg(feature = "git")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is amiss, and says what it skipped or measured"
)]

#[path = "git/oracle.rs"]
mod oracle;
#[path = "git/scratch.rs"]
mod scratch;

#[path = "git/histories.rs"]
mod histories;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/opening.rs"]
mod opening;
#[path = "git/properties.rs"]
mod properties;
#[path = "git/speed.rs"]
mod speed;
#[path = "git/steps.rs"]
mod steps;
