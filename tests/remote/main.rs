//! A ledger that a server answers for, as commands see it (`spec/server.md` section 7), and what is
//! done where it is away (`spec/away.md`): over real
//! sockets, with the program itself.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "tells what was skipped")]
#![allow(clippy::disallowed_methods, reason = "files of a test need not survive a crash")]

#[path = "../common/authority.rs"]
mod authority;
mod away;
mod back;
#[path = "../common/mod.rs"]
mod common;
mod commands;
mod copies;
mod credentials;
mod ends;
mod glass;
mod long;
mod receipts;
mod rotated;
#[allow(dead_code, reason = "what the tests of the server need besides")]
#[path = "../serve/running.rs"]
mod running;
mod serving;
mod shown;
mod tour;
mod ways;
