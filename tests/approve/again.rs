//! What somebody has signed already (`spec/everyday.md` section 4): it is said, and repeated only
//! where that counts for more.

use super::change_of;
use super::common::Stage;
use super::terminal::{flat, in_terminal};

const POLICY: &str = r#"version = 1

[environment.production]
mode = "enforce"

[service.shop]
repository = "shop"
branch     = "refs/heads/main"

[[rule]]
name      = "infrastructure has a high blast radius"
when      = { paths = ["infra/**"] }
require   = [{ count = 1 }]
checklist = ["blast radius"]
"#;

/// A branch of ben's with one commit.
fn begin(stage: &Stage, name: &str, path: &str) -> String {
    stage.git(["checkout", "-q", "-b", name, "main"]);
    stage.as_user("ben").commit(path, "1\n", name);
    change_of(stage, name)
}

fn size(stage: &Stage) -> u64 {
    stage.run(["status", "--json"]).json()["size"].as_u64().unwrap()
}

#[test]
fn what_counts_already_is_not_signed_again() {
    let stage = Stage::begun("again");
    let hash = begin(&stage, "retry", "src/retry.rs");
    let sign = ["approve", "retry", "--expect", &hash];
    assert!(stage.run(sign).ok().starts_with("signed: entry "));
    let before = size(&stage);
    let entry = before - 1;
    let said = format!(", entry {entry}; nothing new was signed. ");
    let again = stage.run(sign);
    assert!(flat(again.ok()).contains(&said), "{}", again.out);
    assert!(again.out.starts_with("you signed this "), "{}", again.out);
    let again = stage.run([&sign[..], &["--json"]].concat()).json();
    assert_eq!(again["subjects"], serde_json::json!([]));
    assert_eq!(again["signed_before"][0]["change"], hash.as_str());
    assert_eq!(again["signed_before"][0]["entry"], entry);
    let (status, text) = in_terminal(&stage, "ada", "approve retry", "");
    assert_eq!(status, 0, "{text}");
    assert!(flat(&text).contains(&said) && !text.contains("[q]uit:"), "{text}");
    assert_eq!(size(&stage), before);

    // Of several what is there already is left out of the envelope.
    let other = begin(&stage, "other", "src/other.rs");
    let both = ["approve", "retry", "other", "--expect", &hash, "--expect", &other];
    let signed = stage.run([&both[..], &["--json"]].concat()).json();
    assert_eq!(signed["subjects"], serde_json::json!([other]));

    // More words are signed; a person who took it back signs as if for the first time.
    let more = stage.run([&sign[..], &["-m", "read with Mia"]].concat());
    assert!(more.ok().starts_with("signed: entry "), "{}", more.out);
    assert!(flat(&more.talk).contains("signing again: you say more of it"), "{more:?}");
    stage.run(["withdraw", "retry", "-y"]).ok();
    let afresh = stage.run(sign);
    assert!(afresh.ok().starts_with("signed: entry "), "{}", afresh.out);
    assert!(!afresh.talk.contains("signing again"), "{}", afresh.talk);
}

/// The same hash, signed without what a rule asks: the reason is said, and the answer counts.
#[test]
fn what_would_count_for_more_is_signed_again_and_why() {
    let stage = Stage::begun("more");
    let file = stage.write(stage.home().join("policy.toml"), POLICY);
    stage.run(["policy", "apply", file.to_str().unwrap(), "-y"]).ok();
    let hash = begin(&stage, "machines", "infra/main.tf");
    let (status, text) = in_terminal(&stage, "ada", "approve machines", "s\n\n");
    assert_eq!(status, 0, "{text}");
    assert!(flat(&text).contains("not answered: blast radius"), "{text}");
    let (status, text) = in_terminal(&stage, "ada", "approve machines", "s\none shop\n");
    assert_eq!(status, 0, "{text}");
    let shown = flat(&text);
    for words in ["you signed this ", " signing again: not answered: blast radius (for "] {
        assert!(shown.contains(words), "{words:?} is missing:\n{text}");
    }
    // Now it counts for all that it can: the same answer adds nothing.
    let sign = ["approve", "machines", "--expect", &hash, "--check", "blast radius=one shop"];
    let again = stage.run(sign);
    assert!(flat(again.ok()).contains("nothing new was signed"), "{}", again.out);
}

/// What is to be typed stands on one line, however long the name is.
#[test]
fn a_command_that_is_told_is_never_broken() {
    let stage = Stage::begun("whole");
    let name = "a-branch/whose-name-is-rather-long-and-leaves-no-room";
    begin(&stage, name, "src/long.rs");
    let status = stage.run(["status", name]);
    let lines: Vec<&str> = status.ok().lines().map(str::trim).collect();
    for command in ["declare", "approve"] {
        let whole = format!("countersign {command} {name}");
        assert!(lines.iter().any(|line| line.ends_with(&whole)), "{command}: {}", status.out);
    }
}
