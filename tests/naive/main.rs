//! A second, deliberately naive evaluator (`spec/verdict.md`, `spec/policy.md` section 6) against
//! the program, over generated histories, and what must never happen in any of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a run tells what it met, and how a case goes on")]

mod admins;
mod aside;
mod assess;
#[path = "../common/blessing.rs"]
mod blessing;
mod bundles;
mod cases;
mod chain;
mod evaluator;
mod fold;
mod gates;
mod gather;
mod generate;
mod ledger;
mod people;
mod properties;
mod repository;
mod runs;
mod second;
mod segment;
mod start;
mod stores;
#[path = "../common/second.rs"]
mod together;
mod words;
