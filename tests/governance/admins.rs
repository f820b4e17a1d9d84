//! `lift`, `roster delegate`, and plans that tell what they touch.

use std::fmt::Write as _;

use crate::common::{Output, Stage};
use crate::{fingerprint, member};

/// A policy with these levels comes into force.
fn levels(stage: &Stage, levels: &str) {
    let policy = stage.run(["policy", "show"]).ok().to_owned();
    let with = format!("version = 1\nlevels = {levels}\n");
    stage.write("policy.toml", &policy.replacen("version = 1\n", &with, 1));
    stage.run(["policy", "apply", "policy.toml", "-y"]).ok();
}

/// Somebody's word on a commit, by its hash.
fn say(stage: &Stage, who: &str, word: &str, commit: &str) -> Output {
    let refusal = stage.as_user(who).run([word, commit, "-y", "-m", "so"]).talk;
    let hash = refusal.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();
    let said = stage.as_user(who).run([word, commit, "-y", "-m", "so", "--expect", &hash]);
    said.ok();
    said
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// ATTACKS 33: a reject whose author is away is lifted by the admins, with a reason.
#[test]
fn attack_33_a_reject_is_lifted_with_a_reason() {
    let stage = Stage::begun("lift");
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    say(&stage, "ben", "approve", &commit);
    say(&stage, "cleo", "reject", &commit);
    stage.run(["lift", "3", "-m", "why"]).refused(2, "entry 3 is no reject: approve");
    stage.run(["lift", "99", "-m", "why"]).expect_status(2);
    stage.run(["lift", "4", "-m", " "]).refused(2, "say it with -m WHY");
    stage.run(["lift", "4"]).refused(2, "--message");
    stage.as_user("ben").run(["lift", "4", "-m", "why", "-y"]).refused(2, "Ben is no admin");
    let shown = stage.run(["lift", "#4", "-m", "Cleo left", "-n", "--json"]);
    assert_eq!(shown.json()["predicate"]["says"]["operations"][0]["lift"]["entry"]["index"], 4);
    assert!(!shown.out.contains("Cleo left"), "the reason is a commitment: {}", shown.out);
    assert!(shown.talk.contains("lift    entry 4 by Cleo"), "{}", shown.talk);
    assert!(shown.talk.lines().all(|line| line.len() <= 80), "{}", shown.talk);
    let lifted = stage.run(["lift", "4", "-m", "Cleo left", "-y"]);
    assert!(lifted.ok().starts_with("DONE  entry 5"), "{}", lifted.out);
    stage.run(["lift", "4", "-m", "again", "-y"]).refused(2, "is lifted already");
    assert!(stage.run(["show", "5"]).ok().contains("Cleo left"));
    stage.run(["ledger", "check"]).ok();
}

/// ATTACKS 38: a service keeps the roster with its own key, below a level and no further.
#[test]
fn attack_38_a_service_applies_a_roster_file_alone() {
    let stage = Stage::begun("delegate");
    levels(&stage, "[\"junior\", \"senior\"]");
    let key = std::fs::read_to_string(stage.key("dan").with_extension("pub")).unwrap();
    let service = format!(
        "[[member]]\nid = \"sync\"\nkind = \"service\"\nkeys = [\"{}\"]\n[[member]]\n\
         emails = [\"cleo@shop.example\"]\nname = \"Cleo\"\nlevel = \"senior\"\n\
         duties = [\"review\"]\n",
        key.trim()
    );
    stage.write("roster.toml", &service);
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    let delegate = ["roster", "delegate", "sync", "--below", "senior", "--team", "web", "-y"];
    stage.as_user("dan").run(delegate).refused(2, "sync is no admin");
    stage.run(["roster", "delegate", "ben@shop.example", "--end"]).refused(2, "is no service");
    stage.run(["roster", "delegate", "sync"]).refused(2, "--below <LEVEL>|--end");
    let wizard = ["roster", "delegate", "sync", "--below", "wizard", "-y"];
    stage.run(wizard).refused(2, "which the policy does not list");
    stage.run(delegate).ok();
    assert!(stage.run(delegate).ok().starts_with("NOTHING TO DO"));
    let shown = stage.run(["roster", "show"]);
    assert!(shown.ok().contains("sync may set people below senior; teams it may give: web"));

    let joiner = "[[member]]\nname = \"Eve\"\nemails = [\"eve@shop.example\"]\n\
        level = \"junior\"\nteams = [\"web\"]\nduties = [\"review\"]\n";
    let apply = |text: &str| {
        stage.write("roster.toml", text);
        stage.as_user("dan").run(["roster", "apply", "roster.toml", "-y"])
    };
    apply(joiner).ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(member(&roster, "Eve")["level"], "junior");
    assert_eq!(roster["delegations"][0]["service"], "sync");
    apply(&joiner.replace("junior", "senior")).refused(2, "is not below the level senior");
    apply(&joiner.replace("review", "override"))
        .refused(2, "has the duty override, which is not its to give");
    let gone =
        |name: &str| format!("[[member]]\nemails = [\"{name}@shop.example\"]\nretired = true\n");
    apply(&gone("cleo")).refused(2, "is not below the level senior hint: an admin signs it");
    apply(&gone("ada")).refused(2, "is an admin");
    apply(&gone("eve")).ok();
    let policy = std::fs::read_to_string(stage.repository().join("policy.toml")).unwrap();
    stage.write("other.toml", &format!("{policy}\n# ours\n"));
    let other = stage.as_user("dan").run(["policy", "apply", "other.toml", "-y"]);
    other.refused(2, "it sets and retires people, and nothing else");
    stage.run(["roster", "delegate", "sync", "--end", "-y"]).ok();
    apply(&joiner.replace("eve@", "fay@")).refused(2, "sync is no admin");
    stage.run(["ledger", "check"]).ok();
}

/// ATTACKS 38: a demotion from a file is signed by one admin of two, and tells what it touches.
#[test]
fn attack_38_a_demotion_is_signed_by_one_and_tells_what_it_touches() {
    let stage = Stage::begun("demote");
    levels(&stage, "[\"junior\", \"senior\"]");
    let cleo = |level: &str| {
        format!(
            "[[member]]\nemails = [\"cleo@shop.example\"]\nname = \"Cleo\"\n\
             duties = [\"review\"]\nlevel = \"{level}\"\n"
        )
    };
    let two = "admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n";
    stage.write("roster.toml", &format!("{two}{}", cleo("senior")));
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    say(&stage, "cleo", "approve", &commit);
    say(&stage, "cleo", "reject", &commit);
    stage.write("roster.toml", &cleo("junior"));
    let plan = stage.run(["roster", "apply", "roster.toml", "-n"]).talk;
    let told = one_line(&plan);
    assert!(told.contains("1 approval of theirs on what is open stops counting"), "{plan}");
    assert!(told.contains("entry 5 by Cleo: approval of"), "{plan}");
    assert!(told.contains("1 reject stays: countersign lift ends one"), "{plan}");
    assert!(plan.lines().all(|line| line.len() <= 80), "{plan}");
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    stage.write("roster.toml", &cleo("senior"));
    stage.run(["roster", "apply", "roster.toml", "-y"]).refused(2, "2 admins must sign this");
}

/// ATTACKS 19: a plan to mark a leak shows the sign-offs, what of them is settled, and that
/// rejects stay.
#[test]
fn attack_19_a_leak_shows_what_it_touches() {
    let stage = Stage::begun("touched");
    let first = stage.as_user("ada").commit("a", "a\n", "One");
    say(&stage, "ben", "approve", &first);
    stage.run(["declare", "--assistance", "none", "HEAD"]).ok();
    let gate = stage.run(["gate", "--", "true"]);
    gate.expect_status(0);
    let mut hashes = String::new();
    for number in 0..12 {
        let commit = stage.as_user("ada").commit(&format!("f{number}"), "a\n", "Next");
        say(&stage, "ben", "approve", &commit);
        write!(hashes, "{commit} ").unwrap();
    }
    let last = stage.as_user("ada").commit("z", "a\n", "Last");
    say(&stage, "ben", "reject", &last);
    let key = fingerprint(&stage, "ben");
    let shown = stage.run(["key", "revoke", &key, "--leaked-since", "0", "-n"]);
    let told = one_line(&shown.talk);
    assert!(
        told.contains("leaked since entry 0: 13 approvals from there on stop counting"),
        "{}",
        shown.talk
    );
    assert!(told.contains("entry 3 by Ben: approval of"), "{}", shown.talk);
    assert!(told.contains("; settled, shop production at entry"), "{}", shown.talk);
    assert!(told.contains("; open"), "{}", shown.talk);
    assert!(told.contains("and 3 more"), "{}", shown.talk);
    assert!(told.contains("1 stand under settled points"), "{}", shown.talk);
    assert!(told.contains("1 reject stays"), "{}", shown.talk);
    let retired = stage.run(["key", "revoke", &key, "--retired", "-n"]).talk;
    assert!(retired.contains("nothing that it signed so far is touched"), "{retired}");
}

/// ATTACKS 18: what an admin gets, the other admin signs; `roster show` tells a single one.
#[test]
fn attack_18_an_admin_does_not_sign_for_themselves() {
    let stage = Stage::begun("own");
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["single_admin"], true);
    stage.write("roster.toml", "admins = [\"ada@shop.example\", \"ben@shop.example\"]\n");
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["single_admin"], false);
    let dan = stage.key("dan").with_extension("pub");
    let enroll = ["key", "enroll", "ada@shop.example", dan.to_str().unwrap(), "-y"];
    stage.run(enroll).refused(2, "your signature does not count hint: write it with -o FILE");
    let written = stage.run(enroll.into_iter().chain(["-o", "key.json"]));
    assert!(written.ok().contains("next: countersign sign key.json"), "{}", written.out);
    stage.run(["submit", "key.json"]).refused(2, "OWN_SIGNATURE");
    let signed = stage.as_user("ben").run(["sign", "key.json", "-y"]);
    assert!(signed.ok().contains("next: countersign submit key.json"), "{}", signed.out);
    stage.run(["submit", "key.json"]).ok();
    let size = stage.run(["roster", "show", "--json"]).json()["size"].clone();
    // Enrolled by the other admin: one signature suffices.
    let ben = stage.as_user("ben");
    ben.run(["key", "revoke", &fingerprint(&stage, "dan"), "--retired", "-y"]).ok();
    assert_eq!(size, 5);
    // Nobody locks the door behind themselves, and is told before being asked.
    let key = fingerprint(&stage, "ada");
    stage.run(["key", "revoke", &key, "--retired", "-y"]).ok();
    let last = fingerprint(&stage, "ben");
    ben.run(["key", "revoke", &last, "--retired"]).refused(2, "nobody could govern");
}
