//! The parts of `gate` and `record`: judging, recording, running, and how the answer reads.

pub(crate) mod away;
pub(crate) mod bundle;
pub(crate) mod checkout;
pub(crate) mod files;
pub(crate) mod judge;
pub(crate) mod key;
pub(crate) mod outcome;
pub(crate) mod record;
pub(crate) mod render;
mod run;
pub(crate) mod summary;
