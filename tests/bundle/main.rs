//! Bundles (`spec/bundle.md`): written by the gate, verified with a trust root and nothing else.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

mod command;
mod debts;
mod flips;
mod histories;
#[path = "../common/library.rs"]
mod library;
mod mutations;
mod negative;
#[path = "../common/second.rs"]
mod second;
mod stage;
