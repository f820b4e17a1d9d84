//! countersign: proof of who signed off on what is running in production.
//!
//! The map of the floors. A file imports from floors below its own, and on its own floor from
//! what stands above it in this list; `tests/tidy.rs` keeps it so.
//!
//! Floors 0 to 2 do no I/O, read no clock and no environment, and start no thread.

// Floor 0
pub mod base;

// Floor 1
pub mod key;
pub mod note;
pub mod merkle;
pub mod statement;

// Floor 2
pub mod change;
pub mod roster;
pub mod policy;
pub mod view;
pub mod ledger;
pub mod verify;

// Floor 3
pub mod store;
#[cfg(feature = "cli")]
pub mod signer;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "cli")]
pub mod blobs;
#[cfg(feature = "cli")]
pub mod carry;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(any(feature = "client", feature = "server"))]
pub mod http;

// Floor 4
#[cfg(feature = "cli")]
pub mod session;
#[cfg(feature = "cli")]
pub mod evidence;
#[cfg(feature = "cli")]
pub mod audit;
#[cfg(feature = "cli")]
pub mod witness;
#[cfg(feature = "cli")]
pub mod monitor;
#[cfg(feature = "server")]
pub mod server;

// Floor 5
#[cfg(feature = "cli")]
pub mod cli;
