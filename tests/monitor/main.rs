//! `spec/monitor.md`: a ledger that others run is followed, and every alarm is raised by a real
//! ledger, mirror and webhook.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

mod alarms;
mod hook;
mod shown;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../read/stage.rs"]
mod stage;
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../keep/support.rs"]
mod support;
mod watched;
