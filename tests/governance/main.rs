//! Commands of an admin, and what governance admits: `init`, `key`, `roster`, `policy apply`,
//! `baseline`, `sign`, `submit`, `lift`.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod admins;
mod authority;
#[path = "../common/mod.rs"]
mod common;
mod delegation;
mod init;
mod keys;
mod many;
mod people;
mod roster;
mod rotation;
mod signing;
#[path = "../verdict/world.rs"]
#[allow(dead_code, reason = "a module of several test programs")]
mod world;

use common::{Output, Stage};
use countersign::base::position::EntryIndex;
use countersign::ledger::append::Refusal;

/// The code of a refusal, or the entry.
fn code(result: Result<EntryIndex, Refusal>) -> String {
    result.map_or_else(|refusal| refusal.code, |index| format!("entry {index}"))
}

pub(crate) fn member<'a>(roster: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let members = roster["members"].as_array().unwrap();
    members.iter().find(|member| member["name"] == name).unwrap()
}

pub(crate) fn fingerprint(stage: &Stage, name: &str) -> String {
    let mut command = stage.program("ssh-keygen");
    let answer = Output::of(command.arg("-lf").arg(stage.key(name)));
    answer.ok().split(' ').nth(1).unwrap().to_owned()
}
