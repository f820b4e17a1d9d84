//! Witnesses (`spec/witness.md`): what one decides, answers over real sockets, and keeps through
//! its death; how a ledger gathers cosignatures, and how forks come to light.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

#[path = "../common/blessing.rs"]
mod blessing;
#[path = "../common/mod.rs"]
mod common;
mod bundles;
mod decide;
mod forks;
mod gather;
mod interop;
#[path = "../samples/mod.rs"]
mod samples;
mod serve;
#[path = "../proof/support.rs"]
mod support;
mod told;
mod vectors;
