//! Witnesses (`spec/witness.md`): a small cosigner of other people's ledgers, and how a ledger
//! gathers the cosignatures of its own.

mod folder;
mod gather;
#[cfg(feature = "server")]
mod server;

pub use self::folder::{WitnessFolder, WitnessKey};
pub use self::gather::{Gathering, Outcome, Whom};
#[cfg(feature = "server")]
pub use self::server::{LIMITS, Witness};
