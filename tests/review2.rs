//! Which commits are meant, what waits after it landed, and what is taken back.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod common;

use common::Stage;

/// A stage where ben has written two commits on the branch `retry`.
fn with_branch(test: &str) -> Stage {
    let stage = Stage::begun(test);
    stage.git(["checkout", "-q", "-b", "retry"]);
    stage.as_user("ben").commit("src/capture.rs", "fn a() {\n\tx();\n}\n", "Retry card capture");
    stage.as_user("ben").commit("README", "A shop.\nMore.\n", "Say more");
    stage
}

/// The hash of what a range changes, as `status` tells it.
fn change_of(stage: &Stage, range: &str) -> String {
    let answer = stage.run(["status", range, "--json"]);
    answer.ok();
    answer.json()["segments"][0]["change"].as_str().unwrap().to_owned()
}

#[test]
fn on_the_services_branch_head_is_its_newest_commit() {
    let stage = with_branch("own-head");
    stage.git(["checkout", "-q", "main"]);
    let landed = stage.as_user("ben").commit("src/x.rs", "x\n", "Straight to main");
    let step = change_of(&stage, &landed);
    for name in ["HEAD", "@", "main", "refs/heads/main"] {
        assert_eq!(change_of(&stage, name), step, "{name}");
    }
    stage.as_user("ben").run(["declare", "HEAD", "--assistance", "none"]).ok();
    stage.run(["approve", "HEAD", "--expect", &step]).ok();
    assert!(stage.run(["check", "HEAD"]).ok().starts_with("YES"));
    // So it is where nothing but the commit is checked out.
    stage.git(["checkout", "-q", "--detach", "main"]);
    assert_eq!(change_of(&stage, "HEAD"), step);
    // Another branch that landed adds nothing, by its name and checked out.
    stage.git(["checkout", "-q", "-b", "landed"]);
    for name in ["landed", "HEAD"] {
        stage.run(["status", name]).refused(2, "adds nothing to main");
    }
}

#[test]
fn several_commits_that_are_signed_as_one_land_as_one() {
    let stage = with_branch("as-one");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none"]).ok();
    let hash = change_of(&stage, "retry");
    let named = stage.run(["hash", "retry"]);
    assert_eq!(named.ok().lines().next(), Some(hash.as_str()), "what `hash` says is signed");
    stage.run(["approve", "retry", "--expect", &hash]).ok();
    for command in ["status", "check"] {
        let said = stage.run([command, "retry"]);
        let last = said.ok().lines().last().unwrap();
        assert_eq!(last, "next: it may land as one commit: squash it, or merge with --no-ff");
    }
    stage.git(["checkout", "-q", "-b", "single", "main"]);
    ben.commit("single", "1\n", "One");
    ben.run(["declare", "single", "--assistance", "none"]).ok();
    stage.run(["approve", "single", "--expect", &change_of(&stage, "single")]).ok();
    let said = stage.run(["status", "single"]);
    assert_eq!(said.ok().lines().last(), Some("next: it may land"));
}
