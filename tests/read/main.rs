//! Reading a ledger: `log`, `show`, `ledger check` and `audit` on real ledgers.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]
#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod stage;
mod whole;
