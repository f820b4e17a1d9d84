//! The server (`spec/server.md`) as a program, over real sockets: what it takes, what it serves,
//! who may read, and what it survives.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "tells how much was tried, and what was skipped")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

mod access;
mod asking;
#[path = "../common/authority.rs"]
mod authority;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod handing;
mod kills;
mod mirrored;
#[allow(dead_code, reason = "what the tests of crashes need besides")]
#[path = "../common/mount.rs"]
mod mount;
mod reading;
mod running;
mod starting;
mod wire;
mod witnessed;
