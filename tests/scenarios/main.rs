//! Stories as data: each file `NAME.md` beside this one is read by people and replayed here, by
//! the real program on a real repository with real keys and a real ledger.
//!
//! `README.md` says how a story is written. `COUNTERSIGN_BLESS=1` writes what the program answered
//! into the stories: read every line of it before it is committed.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail with the test")]

mod bless;
#[path = "../common/blessing.rs"]
mod blessing;
#[path = "../common/mod.rs"]
mod common;
mod replay;
mod story;
mod template;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the stories are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// One test for each story, so that they run side by side and fail by name.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                replay::tell(&folder().join(concat!(stringify!($name), ".md")));
            }
        )*

        /// The stories that are tests.
        const STORIES: &[&str] = &[$(stringify!($name)),*];
    };
}

stories! {
    a_peer_and_a_senior,
    a_second_key,
    agent_and_the_plan,
    agents_operator,
    artifact_from_elsewhere,
    baseline_replaced,
    bots_hundred_updates,
    bots_lock_files,
    canary_cell,
    carried_queue,
    carried_rebase,
    carried_squash,
    carried_twice,
    declared_too_little,
    expired_sign_off,
    first_day,
    force_pushed_branch,
    foxtrot_merge,
    honest_month,
    hotfix_at_night,
    junior_promoted_later,
    landed_again,
    landed_in_another_form,
    leaked_senior_key,
    near_miss,
    not_carried,
    observe_then_enforce,
    override_drill,
    override_never_paid_back,
    policy_relaxed,
    rebase_merge,
    rejected_by_a_leaver,
    rejected_comes_back,
    rejected_in_another_form,
    retired_reviewer,
    rogue_deploy_key,
    rollback_and_roll_forward,
    team_of_two,
    throw_away_branch,
    two_admins,
    two_gates,
    two_machines,
    two_services,
    typed_in_senior,
    withdrawn_and_rejected,
}

#[test]
fn every_story_is_told() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let stories = files.filter(|file| file.extension().is_some_and(|ending| ending == "md"));
    let names = stories.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let found: BTreeSet<_> = names.filter(|name| name != "README").collect();
    let told: BTreeSet<_> = STORIES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, told);
}
