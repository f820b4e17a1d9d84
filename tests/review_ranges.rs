//! Which commits are meant, what waits after it landed, and what is taken back.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod common;

use common::Stage;

#[test]
fn on_the_services_branch_head_is_its_newest_commit() {
    let stage = Stage::with_branch("own-head");
    stage.git(["checkout", "-q", "main"]);
    let landed = stage.as_user("ben").commit("src/x.rs", "x\n", "Straight to main");
    let step = stage.change_of(&landed);
    for name in ["HEAD", "@", "main", "refs/heads/main"] {
        assert_eq!(stage.change_of(name), step, "{name}");
    }
    stage.as_user("ben").run(["declare", "HEAD", "--assistance", "none"]).ok();
    stage.run(["approve", "HEAD", "--expect", &step]).ok();
    assert!(stage.run(["check", "HEAD"]).ok().starts_with("YES"));
    // So it is where nothing but the commit is checked out.
    stage.git(["checkout", "-q", "--detach", "main"]);
    assert_eq!(stage.change_of("HEAD"), step);
    // Another branch that landed adds nothing, by its name and checked out.
    stage.git(["checkout", "-q", "-b", "landed"]);
    for name in ["landed", "HEAD"] {
        stage.run(["status", name]).refused(2, "adds nothing to main");
    }
}

#[test]
fn several_commits_that_are_signed_as_one_land_as_one() {
    let stage = Stage::with_branch("as-one");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none"]).ok();
    let hash = stage.change_of("retry");
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
    stage.run(["approve", "single", "--expect", &stage.change_of("single")]).ok();
    let said = stage.run(["status", "single"]);
    assert_eq!(said.ok().lines().last(), Some("next: it may land"));
}

/// The kinds and changes that wait for somebody.
fn waiting_for(stage: &Stage, name: &str) -> Vec<(String, String)> {
    let queue = stage.as_user(name).run(["queue", "--json"]);
    queue.ok();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let queue = queue.json();
    let lines = queue["waiting"].as_array().unwrap().iter();
    lines.map(|line| (text(&line["kind"]), text(&line["change"]))).collect()
}

#[test]
fn what_landed_squashed_waits_no_more() {
    let stage = Stage::with_branch("squashed");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none"]).ok();
    let hash = stage.change_of("retry");
    assert_eq!(waiting_for(&stage, "cleo"), [("declared".to_owned(), hash.clone())]);
    stage.git(["checkout", "-q", "main"]);
    stage.git(["merge", "-q", "--squash", "retry"]);
    ben.git(["commit", "-q", "-m", "Retry card capture (#1841)"]);
    assert_eq!(stage.change_of("HEAD"), hash, "a squash keeps the change");
    // As a step of the branch, which others may still sign, and once.
    assert_eq!(waiting_for(&stage, "cleo"), [("landed".to_owned(), hash.clone())]);
    stage.run(["approve", "HEAD", "--expect", &hash]).ok();
    assert_eq!(waiting_for(&stage, "cleo"), []);
    stage.run(["gate", "--", "true"]).ok();
    // Whatever becomes of the sign-off: the next deployment starts after it.
    stage.run(["withdraw", "HEAD", "-y"]).ok();
    assert_eq!(waiting_for(&stage, "cleo"), [], "deployed: neither declared nor a branch");
}

#[test]
fn of_the_versions_of_a_change_the_newest_waits() {
    let stage = Stage::with_branch("versions");
    let ben = stage.as_user("ben");
    let declare = ["declare", "retry", "--assistance", "none"];
    ben.run(declare).ok();
    let first = stage.change_of("retry");
    ben.commit("README", "Another shop.\n", "Say else");
    ben.run([&declare[..], &["--predecessor", &first]].concat()).ok();
    let second = stage.change_of("retry");
    assert_eq!(waiting_for(&stage, "cleo"), [("declared".to_owned(), second.clone())]);
    // Back to the first one: it is the newest then.
    stage.git(["reset", "-q", "--hard", "HEAD~1"]);
    ben.run([&declare[..], &["--predecessor", &second]].concat()).ok();
    assert_eq!(waiting_for(&stage, "cleo"), [("declared".to_owned(), first)]);
}

/// What is damaged is told, never passed over in silence.
#[test]
fn a_queue_over_a_damaged_repository_says_so() {
    let stage = Stage::with_branch("damaged");
    stage.as_user("ben").run(["declare", "retry", "--assistance", "none"]).ok();
    let blob = stage.git(["rev-parse", "retry:src/capture.rs"]);
    let file = stage.repository().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let other = stage.git(["rev-parse", "main:README"]);
    let other = stage.repository().join(".git/objects").join(&other[..2]).join(&other[2..]);
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(other, &file).unwrap();
    stage.run(["queue"]).expect_status(3);
    std::fs::remove_file(&file).unwrap();
    stage.run(["queue"]).expect_status(4);
}

/// One signature may be about many changes: near is the row of the other version, wherever it
/// stands among them.
#[test]
fn the_version_that_was_signed_among_others_is_the_near_one() {
    let stage = Stage::with_branch("rows");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none", "--request", "7"]).ok();
    for name in ["one", "two"] {
        stage.git(["checkout", "-q", "-b", name, "main"]);
        ben.commit(name, "1\n", name);
    }
    let branches = ["one", "retry", "two"];
    let hashes = branches.map(|name| stage.change_of(name));
    // Whatever the order of the rows is: once with each branch first.
    for (user, order) in [("ada", [0, 1, 2]), ("cleo", [2, 1, 0])] {
        let mut sign = vec!["approve"];
        sign.extend(order.map(|number| branches[number]));
        sign.extend(hashes.iter().flat_map(|hash| ["--expect", hash.as_str()]));
        stage.as_user(user).run(sign).ok();
    }
    stage.git(["checkout", "-q", "retry"]);
    ben.commit("README", "Another shop.\n", "Again");
    ben.run(["declare", "--assistance", "none", "--request", "7"]).ok();
    let status = stage.run(["status", "retry", "--json"]).json();
    let near = status["segments"][0]["near"].as_array().unwrap();
    let changes: Vec<_> = near.iter().map(|near| near["change"].as_str().unwrap()).collect();
    assert_eq!(changes, [&hashes[1], &hashes[1]], "{status}");
    for user in ["ada", "cleo"] {
        let shown = stage.as_user(user).run(["approve", "retry", "-n"]).json();
        let row = &shown["predicate"]["says"]["rows"][0];
        assert_eq!(row["supersedes"], hashes[1].as_str(), "{shown}");
    }
}

/// A hash is expected as tools print it, whether the change is named or waits.
#[test]
fn an_expected_hash_may_say_what_hash_it_is() {
    let stage = Stage::with_branch("expect");
    let expected = format!("sha256:{}", stage.change_of("retry"));
    stage.as_user("cleo").run(["approve", "retry", "--expect", &expected]).ok();
    let signed = stage.run(["approve", "--expect", &expected]);
    assert!(signed.ok().starts_with("signed: entry "), "{}", signed.out);
}

/// Of very many branches those with the newest commits are looked at, and the rest is named.
#[test]
fn a_queue_says_what_it_left_out() {
    let stage = Stage::with_branch("many");
    let tree = stage.git(["rev-parse", "retry^{tree}"]);
    let who = "Ben <ben@shop.example> 1000000000 +0000";
    let parent = stage.git(["rev-parse", "main"]);
    let old = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nOld\n");
    let file = stage.write("old-commit", &old);
    let old = stage.git(["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    for number in 0..201 {
        stage.write(format!(".git/refs/heads/a{number}"), &format!("{old}\n"));
    }
    let queue = stage.as_user("cleo").run(["queue"]);
    assert!(queue.ok().contains("countersign approve retry\n"), "{}", queue.out);
    assert!(queue.talk.contains("not looked at: 2 branches with older commits"), "{}", queue.talk);
    let queue = stage.as_user("cleo").run(["queue", "--json"]).json();
    assert_eq!(queue["left_out"], serde_json::json!(["2 branches with older commits"]));
}
