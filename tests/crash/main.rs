//! Nothing that was acknowledged is lost (`spec/reliability.md`): every call fails, the power fails
//! at every call, writers are killed, folders are set back, disks are full.
//!
//! The long campaigns are ignored tests: `cargo test --release --test crash -- --ignored`.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "campaigns print their counts")]
#![allow(clippy::disallowed_methods, reason = "files need not survive a crash; PATH; the clock")]

mod anew;
mod conditions;
mod faults;
mod flips;
mod images;
mod kills;
mod million;
mod place;
mod programs;
mod rollback;

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/mount.rs"]
mod mount;

#[allow(dead_code, reason = "what the tests of the ledger need besides")]
#[path = "../ledger/support.rs"]
mod support;
