//! `policy test`, `check` and `apply`, run as a person runs them (`spec/policy.md`).

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod common;

use std::path::Path;

use common::Stage;

fn examples() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/examples").to_str().unwrap().to_owned()
}

/// `spec/examples/policy.test.toml`: every case is as it says, and is told in one line.
#[test]
fn the_worked_example_is_met() {
    let stage = Stage::new("policy-example");
    let file = format!("{}/policy.test.toml", examples());
    let output = stage.run(["policy", "test", &file]);
    let lines: Vec<&str> = output.ok().lines().collect();
    let (last, cases) = lines.split_last().unwrap();
    assert!(cases.len() > 20 || last.starts_with("YES  21 cases"), "{lines:#?}");
    assert!(cases.iter().filter(|line| line.starts_with("ok    ")).count() == 21, "{lines:#?}");
    let json = stage.run(["policy", "test", "--json", &file]).json();
    assert_eq!((json["passed"].as_u64(), json["failed"].as_u64()), (Some(21), Some(0)));
    assert_eq!(json["cases"][1]["assessment"]["not_counted"][0]["code"], "IS_AUTHOR");
}

/// `spec/examples/bots.test.toml`: lock files by a known bot need anybody, all else a senior.
#[test]
fn the_worked_example_for_bots_is_met() {
    let stage = Stage::new("policy-bots");
    let output = stage.run(["policy", "test", &format!("{}/bots.test.toml", examples())]);
    let ok = output.ok().lines().filter(|line| line.starts_with("ok    ")).count();
    assert_eq!(ok, 10, "{output:?}");
    let weak = stage.run(["policy", "check", &format!("{}/bots.toml", examples())]);
    assert!(weak.ok().starts_with("YES"), "{weak:?}");
    let policy = std::fs::read_to_string(format!("{}/bots.toml", examples())).unwrap();
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/bots_lock_files.md");
    let story = std::fs::read_to_string(story).unwrap();
    let rules = &policy[policy.find("[[rule]]").unwrap()..];
    assert!(story.contains(rules), "the story has the same rules");
}

/// Exit 1 where a case is answered otherwise, with what differs; 2 and a line for a mistake.
#[test]
fn cases_that_are_not_met_and_mistakes_are_told() {
    let stage = Stage::new("policy-cases");
    stage.write(
        "policy.toml",
        "version = 1\n[environment.production]\n[service.shop]\n\
        repository = \"shop\"\n",
    );
    stage.write(
        "cases.toml",
        "version = 1\npolicy = \"policy.toml\"\n[[case]]\nname = \"alone\"\n\
        given.paths = [\"a\"]\nexpect.answer = \"yes\"\n",
    );
    let output = stage.run(["policy", "test", "cases.toml"]);
    let out = output.expect_status(1);
    assert!(out.starts_with("FAIL  alone (line 3)\n      expected yes, got no: 1 human"), "{out}");
    assert!(
        out.ends_with("NO  1 of 1 case of cases.toml on policy.toml: not as expected\n"),
        "{out}"
    );
    stage.write("cases.toml", "version = 1\n[[case]]\nname = \"x\"\ngiven.path = [\"a\"]\n");
    let output = stage.run(["policy", "test", "--policy", "policy.toml", "cases.toml"]);
    let out = output.expect_status(2);
    assert!(out.starts_with("NO  cases.toml has 3 mistakes\n"), "{out}");
    assert!(
        out.contains("line 4:7  `given` has no field \"path\" (did you mean `paths`?)"),
        "{out}"
    );
    let json = stage.run(["policy", "test", "--policy", "policy.toml", "--json", "cases.toml"]);
    assert_eq!(json.json()["mistakes"].as_array().unwrap().len(), 3);
    stage.run(["policy", "test", "cases.toml"]).refused(2, "which policy do the cases test?");
}

/// Without a file of its own, the ledger's policy in force is tested.
#[test]
fn the_ledgers_policy_is_tested() {
    let stage = Stage::begun("policy-in-force");
    stage.write(
        "cases.toml",
        "version = 1\n[[case]]\nname = \"alone\"\ngiven.paths = [\"a\"]\n\
        expect = { answer = \"no\", codes = [\"NEEDS_SIGN_OFF\"] }\n",
    );
    let output = stage.run(["policy", "test", "cases.toml"]);
    assert_eq!(
        output.ok(),
        "ok    alone\nYES  1 case of cases.toml on the ledger's policy: \
        all as expected\n"
    );
}

/// A link out of the service's folder is asked about as what it leads to.
#[test]
fn attack_25_a_link_is_judged_by_where_it_leads() {
    let stage = Stage::begun("policy-link");
    stage.write(
        "../policy.toml",
        "version = 1\n[environment.production]\n[service.shop]\nrepository = \"shop\"\n\
         paths = [\"checkout/**\", \"infra/**\"]\n[[rule]]\nname = \"infra\"\n\
         when = { paths = [\"infra/**\"] }\nrequire = [{ team = \"sre\" }]\n",
    );
    stage.run(["policy", "apply", "-y", "../policy.toml"]).ok();
    let ada = stage.as_user("ada");
    ada.commit("checkout/y", "1\n", "No link");
    let rules = |stage: &Stage| stage.run(["check", "--json", "HEAD^..HEAD"]).out;
    assert!(!rules(&stage).contains("\"infra\""), "{}", rules(&stage));
    let link = stage.repository().join("checkout/x");
    std::os::unix::fs::symlink("../infra/main.tf", link).unwrap();
    ada.git(["add", "-A"]);
    ada.git(["commit", "-q", "-m", "A link"]);
    assert!(rules(&stage).contains("\"infra\""), "{}", rules(&stage));
}

/// What the roster shows is told with lines, by name, and refuses only where that is asked.
#[test]
fn check_asks_the_roster_of_the_ledger() {
    let stage = Stage::begun("policy-roster");
    stage.write(
        "policy.toml",
        "version = 1\nlevels = [\"senior\"]\n[environment.production]\nmode = \"enforce\"\n\
         [service.shop]\nrepository = \"shop\"\n[[rule]]\nname = \"seniors\"\n\
         require = [{ level = \"senior\" }]\n[[rule]]\nname = \"all\"\n\
         require = [{ count = 3 }]\npresence = \"attested\"\ncarry = \"never\"\n",
    );
    let output = stage.run(["policy", "check", "policy.toml"]);
    let out = output.ok();
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "roster of the ledger: 4 members, as of 3 entries",
        "line 7 rule \"seniors\": asks for 1 of at least senior, and nobody on the roster is",
        "line 10 rule \"all\": asks for 3 humans: a change by Ada, Ben, Cleo can never pass",
        "line 10 rule \"all\": \"attested\" is met by no key yet",
        "line 10 rule \"all\": wants a touch, and nobody of 3 humans has a security key",
    ] {
        assert!(words.contains(told), "{told} does not stand in:\n{out}");
    }
    assert!(out.starts_with("YES  policy.toml: "), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let strict = stage.run(["policy", "check", "--strict", "policy.toml"]);
    assert!(strict.expect_status(1).starts_with("NO  policy.toml: "), "{}", strict.out);
    let json = stage.run(["policy", "check", "--json", "policy.toml"]).json();
    assert!(json["roster_size"].as_u64().unwrap() > 0, "{json}");
}

const STRICT: &str = "version = 1\nlevels = [\"mid\", \"senior\"]\n[defaults]\n\
    weaken_delay = \"48h\"\n[environment.production]\nmode = \"enforce\"\n\
    [service.shop]\nrepository = \"shop\"\n[[rule]]\nname = \"two\"\n\
    require = [{ count = 2 }]\n";

/// What weakens is told before anybody signs, and until when both policies hold.
#[test]
fn attack_29_what_weakens_is_told_with_the_time_that_both_hold() {
    let stage = Stage::begun("policy-weaker");
    stage.write("policy.toml", STRICT);
    stage.run(["policy", "apply", "-y", "policy.toml"]).ok();
    let weaker = STRICT
        .replace("\"48h\"", "\"1h\"\nexempt = [\"docs/**\"]")
        .replace("count = 2", "count = 1");
    stage.write("policy.toml", &(weaker.clone() + "[override]\nlongest = \"8h\"\n"));
    let mut command = stage.command(["policy", "apply", "-n", "policy.toml"]);
    let output = common::Output::of(command.env("TZ", "UTC"));
    output.ok();
    let talk = output.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "WEAKER weaken_delay: 1h instead of 2d",
        "WEAKER exempt: \"docs/**\" lifts the floor",
        "WEAKER override longest: 8h instead of 4h",
        "WEAKER rule \"two\": no longer asks for 2",
        "UTC (2 days) both hold: a decision must pass policy 2 as well",
    ] {
        assert!(talk.contains(told), "{told} does not stand in:\n{}", output.talk);
    }
    assert!(output.talk.lines().all(|line| line.chars().count() <= 80), "{}", output.talk);
    // Nothing was signed; signing it asks for a person or `-y`, and the older policy still holds.
    stage.run(["policy", "apply", "policy.toml"]).refused(2, "without a terminal nobody can be");
    stage.run(["policy", "apply", "-y", "policy.toml"]).ok();
    stage.as_user("ada").commit("a", "1\n", "A change");
    let answer = stage.run(["check", "HEAD^..HEAD", "--json"]);
    assert!(answer.out.contains("\"count\": 2"), "{}", answer.out);
    // What asks for more says nothing of any delay.
    stage.write("policy.toml", &STRICT.replace("count = 2", "count = 3"));
    let stricter = stage.run(["policy", "apply", "-n", "policy.toml"]);
    assert!(!stricter.talk.contains("UNTIL"), "{}", stricter.talk);
}

/// A level that somebody holds does not go: refused before anybody signs, with who holds it.
#[test]
fn attack_43_a_level_in_use_stays() {
    let stage = Stage::begun("policy-levels");
    stage.write("policy.toml", STRICT);
    stage.run(["policy", "apply", "-y", "policy.toml"]).ok();
    let key = stage.key("dan").with_extension("pub");
    let key = key.to_str().unwrap();
    let email = "dan@shop.example";
    stage
        .run([
            "roster",
            "add",
            "Dan",
            "--email",
            email,
            "--public-key",
            key,
            "--level",
            "mid",
            "-y",
        ])
        .ok();
    stage.write("policy.toml", &STRICT.replace("\"mid\", ", ""));
    for flag in ["-n", "-y"] {
        let output = stage.run(["policy", "apply", flag, "policy.toml"]);
        output.refused(2, "the policy leaves out a level that is in use");
        assert!(output.talk.contains("mid: Dan"), "{}", output.talk);
    }
    let reordered = STRICT.replace("\"mid\", \"senior\"", "\"senior\", \"mid\"");
    stage.write("policy.toml", &reordered);
    let output = stage.run(["policy", "apply", "-n", "policy.toml"]);
    assert!(output.talk.contains("WEAKER  level senior now stands below"), "{}", output.talk);
}
