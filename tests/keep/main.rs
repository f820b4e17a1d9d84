//! Keeping a ledger (`spec/ledger.md` sections 8 and 13, `spec/proof.md` section 6): what a check
//! finds and where, mirrors, backups, and a ledger that is built again from them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

mod backup;
mod check;
mod figures;
mod mirror;
mod restore;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../read/stage.rs"]
mod stage;
mod support;
mod sync;
