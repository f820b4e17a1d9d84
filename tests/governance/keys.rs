//! `key`: enrolled, revoked, and found.

use crate::common::{Output, Stage};
use crate::fingerprint;

#[test]
fn a_key_has_one_owner_and_is_revoked_with_what_it_touches() {
    let stage = Stage::begun("keys");
    let dan = stage.key("dan").with_extension("pub");
    let enroll = |whom: &str| stage.run(["key", "enroll", whom, dan.to_str().unwrap(), "-y"]);
    enroll("eve@shop.example").refused(2, "eve@shop.example is no member");
    // A second key under somebody's name is told (ATTACKS 18).
    let talk = enroll("ben@shop.example").talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("beside the key that they have"), "{talk}");
    assert!(enroll("BEN@shop.example").ok().starts_with("NOTHING TO DO"));
    let key = fingerprint(&stage, "dan");
    let revoke =
        |since: &str| stage.run(["key", "revoke", &key, "--leaked-since", since, "-y", "--json"]);
    revoke("99").refused(2, "there is no entry 99: the ledger has 4");
    revoke("yesterday").refused(2, "neither an entry nor a time");
    revoke("2999-01-01").refused(2, "there is no entry at or after 1 Jan 2999");
    let plan = revoke("2020-01-01").json()["plan"][1].as_str().unwrap().to_owned();
    assert_eq!(plan, "leaked since entry 0: nothing from there on stops counting");
    enroll("ben@shop.example").refused(2, "the key was revoked at entry 4");
    stage.run(["key", "revoke", &key]).refused(2, "--retired|--leaked-since");
}

/// Whoever had one key, and it was revoked, is told so, and what comes next works.
#[test]
fn whose_only_key_was_revoked_is_told_so() {
    for (cause, word) in [(&["--retired"][..], "retired"), (&["--leaked-since", "1"], "leaked")] {
        let stage = Stage::with_branch(&format!("revoked-{word}"));
        let ben = stage.as_user("ben");
        let change = stage.change_of("main..retry");
        let revoke = [&["key", "revoke", "Ben"][..], cause, &["-y"]].concat();
        stage.run(revoke).ok();
        let key = fingerprint(&stage, "ben");
        let entry = stage.run(["ledger", "checkpoint", "--json"]).json()["size"].as_u64().unwrap();
        let why = format!("revoked at entry {}: {word}", entry - 1);
        let approve = ["approve", "retry", "--expect", change.as_str(), "-y"];
        for told in [ben.run(approve), ben.run(["queue"])] {
            told.refused(2, "none of your keys may sign");
            let talk = told.talk.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(talk.contains(&format!("{key} was {why}")), "{talk}");
            assert!(talk.contains("countersign key generate"), "{talk}");
        }
        let listed = ben.run(["key", "list"]);
        let words = listed.ok().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&why), "{words}");
        assert!(!listed.out.contains("not enrolled"), "{}", listed.out);
        // A key that never was on the roster is told as before.
        stage.as_user("dan").run(["queue"]).refused(2, "is not enrolled");
        let file = stage.root().join("another");
        ben.run(["key", "generate", file.to_str().unwrap(), "--no-passphrase"]).ok();
        let public = file.with_extension("pub");
        stage.run(["key", "enroll", "ben@shop.example", public.to_str().unwrap(), "-y"]).ok();
        let mut again = ben.command(["queue", "--key", file.to_str().unwrap()]);
        Output::of(&mut again).ok();
    }
}

/// At night nobody looks fingerprints up: what `roster show` prints is enough, or whose key it is.
#[test]
fn a_key_is_found_by_its_beginning_and_by_whose_it_is() {
    let stage = Stage::begun("found");
    let key = fingerprint(&stage, "ben");
    let letters = &key["SHA256:".len()..][..8];
    for named in [key.as_str(), letters, "Ben"] {
        let shown = stage.run(["key", "revoke", named, "--retired", "-n"]);
        assert!(shown.talk.contains(&format!("revoke  Ben: {key}")), "{named}: {shown:?}");
    }
    // The times of audit --at; yesterday's, where that is still to come.
    let leaked = stage.run(["key", "revoke", letters, "--leaked-since", "2020-01-01 02:40", "-n"]);
    assert!(leaked.talk.contains("leaked since entry 0"), "{leaked:?}");
    stage.run(["key", "revoke", "Nobody", "--retired", "-n"]).refused(2, "countersign roster show");
    stage.run(["key", "revoke", "AAAAAAAA", "--retired", "-n"]).expect_status(2);
}

/// Where nobody can be asked nothing may be deployed, and the last line is no leave to do it.
#[test]
fn what_nobody_can_sign_off_may_not_be_deployed() {
    let stage = Stage::begun("nobody");
    let policy = stage.run(["policy", "show"]).ok().replace("\"observe\"", "\"enforce\"");
    stage.write("policy.toml", &policy);
    stage.run(["policy", "apply", "policy.toml", "-y"]).ok();
    stage.as_user("ada").commit("a", "a\n", "More");
    for name in ["Ben", "Cleo"] {
        stage.run(["key", "revoke", name, "--retired", "-y"]).ok();
    }
    let status = stage.run(["status"]);
    assert!(status.ok().starts_with("NO  "), "{}", status.out);
    assert!(!status.out.contains("may be deployed"), "{}", status.out);
    assert!(status.out.contains("\nnext: "), "{}", status.out);
    // Whoever has no key is told to sign for nothing.
    stage.as_user("ben").commit("b", "b\n", "By one who left");
    let gate = stage.run(["gate", "-n"]);
    assert!(!gate.out.contains("Ben signs for it"), "{}", gate.out);
    let explained = stage.run(["policy", "explain", "--policy", "policy.toml"]);
    assert!(!explained.ok().contains("countersign init"), "{}", explained.out);
}

/// ATTACKS 19: a time becomes an entry, and what loses its effect is counted before it is signed.
#[test]
fn a_leak_tells_which_approvals_lose_their_effect() {
    let stage = Stage::begun("leak");
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    // Nothing is approved without a look but by its hash, which the refusal names.
    let ben = stage.as_user("ben");
    let refusal = ben.run(["approve", &commit, "-y"]).talk;
    let hash = refusal.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();
    ben.run(["approve", &commit, "-y", "--expect", &hash]).ok();
    let key = fingerprint(&stage, "ben");
    let plan = |since: &str| {
        let shown = stage.run(["key", "revoke", &key, "--leaked-since", since, "-n"]);
        shown.ok();
        shown.talk.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(plan("3").contains("leaked since entry 3: 1 approval from there on"), "{}", plan("3"));
    assert!(plan("2020-01-01T00:00Z").contains("leaked since entry 0: 1 approval"));
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 4);
}

#[test]
fn a_generated_key_begins_a_ledger() {
    let stage = Stage::new("generate");
    stage.git(["config", "--global", "--unset", "gpg.format"]);
    stage.run(["key", "list"]).ok();
    stage.run(["key", "generate"]).refused(2, "without a terminal no passphrase can be asked");
    let made = stage.run(["key", "generate", "--no-passphrase", "--json"]).json();
    let key = made["key"].as_str().unwrap();
    stage.run(["key", "generate", "--no-passphrase"]).refused(2, "is there already");
    stage.run(["init", "-y"]).ok();
    let listed = stage.run(["key", "list", "--json"]).json();
    assert_eq!(listed[0]["key"], key);
    assert_eq!((&listed[0]["signs"], &listed[0]["member"]), (&true.into(), &"Ada".into()));
    // OpenSSH reads what was made.
    let mut check = stage.program("ssh-keygen");
    let file = stage.home().join(".ssh/id_ed25519_countersign");
    assert!(Output::of(check.arg("-lf").arg(file)).ok().contains(key));
}

#[test]
fn an_agent_that_gives_no_answer_leaves_it_unknown() {
    let stage = Stage::begun("agent-gone");
    let with = |key: &str| {
        let mut command = stage.command(["roster", "add", "E", "--email", "e@x.example", "-y"]);
        command.arg("--key").arg(key).env("SSH_AUTH_SOCK", stage.home().join("nowhere"));
        Output::of(&mut command)
    };
    let away = fingerprint(&stage, "dan");
    with(&away).refused(2, "is not enrolled");
    let ben = fingerprint(&stage, "ben");
    with(&ben).refused(4, "the signer is unavailable");
    with(stage.key("ada").to_str().unwrap()).ok();
}

#[test]
fn a_relative_signing_key_of_git_is_refused() {
    let stage = Stage::begun("relative");
    std::fs::copy(stage.key("ben"), stage.repository().join("id")).unwrap();
    let add = ["roster", "add", "E", "--email", "e@x.example", "-y"];
    for text in ["id", "./id", "../keys/ada"] {
        stage.git(["config", "user.signingkey", text]);
        stage
            .run(add)
            .refused(2, &format!("user.signingKey is a relative path: {text} hint: make"));
        assert!(stage.run(["key", "list"]).ok().contains("relative"), "{text}");
    }
    stage.git(["config", "user.signingkey", "~/keys/ada"]);
    stage.run(add).ok();
}
