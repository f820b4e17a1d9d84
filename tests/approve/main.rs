//! `approve` as a reviewer meets it: other versions of what was signed, requests of a forge, keys
//! that do not sign, and a whole day.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod everyday;
mod keys;
mod requests;
mod terminal;
mod versions;

use common::Stage;

/// The hash of what a range changes, as `status` tells it.
fn change_of(stage: &Stage, range: &str) -> String {
    let answer = stage.run(["status", range, "--json"]);
    answer.ok();
    answer.json()["segments"][0]["change"].as_str().unwrap().to_owned()
}
