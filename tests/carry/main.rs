//! Carried sign-offs (`spec/change.md`, "Carried"; figures in `spec/carry.md`): vectors, parser,
//! properties against an independent reader, git as an oracle, and real histories.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

#[path = "../common/blessing.rs"]
mod blessing;
#[path = "../../fuzz/bodies.rs"]
#[allow(dead_code, reason = "some of the bodies are run")]
mod bodies;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod history;
mod independent;
#[path = "../common/library.rs"]
mod library;
mod many;
mod merges;
mod oracle;
mod parser;
mod properties;
mod support;
mod vectors;
