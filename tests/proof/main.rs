//! Files that prove something without the ledger (`spec/proof.md`): notes with cosignatures,
//! proofs of entries and of growth, mirrors; against what others published, and altered bit by bit.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

#[path = "../common/blessing.rs"]
mod blessing;
#[path = "../../fuzz/bodies.rs"]
#[allow(dead_code, reason = "some of the bodies are run")]
mod bodies;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod flips;
mod interop;
mod mirror;
mod parsers;
mod quorum;
#[path = "../samples/mod.rs"]
mod samples;
mod support;
mod vectors;
