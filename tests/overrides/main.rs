//! Overrides, debts and rejects in another form, with the real program on real repositories.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod away;
mod bounds;
mod debts;
#[path = "../common/library.rs"]
mod library;
mod rejected;
mod stage;
