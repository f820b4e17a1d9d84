//! `hash --landed` on real merges, squashes and rebases.

use countersign::change::carry::Certificate;

use crate::common::Stage;
use crate::independent;

/// Twelve lines, some of them replaced.
fn twelve(replaced: &[(usize, &str)]) -> String {
    let line = |number: usize| {
        let new = replaced.iter().find(|(at, _)| *at == number);
        new.map_or_else(|| format!("line {number}\n"), |(_, text)| format!("{text}\n"))
    };
    (1..13).map(line).collect()
}

/// A branch `retry` that edits line 2 of `list`, adds `new`, and bumps `version` as main does.
fn with_branch(test: &str) -> Stage {
    let stage = Stage::new(test);
    stage.write("version", "1\n");
    stage.as_user("ada").commit("list", &twelve(&[]), "List");
    stage.git(["checkout", "-q", "-b", "retry"]);
    stage.write("new", "new\n");
    stage.as_user("ben").commit("list", &twelve(&[(2, "two")]), "Edit line 2");
    stage.as_user("ben").commit("version", "2\n", "Bump");
    stage.git(["checkout", "-q", "main"]);
    stage
}

fn answer(stage: &Stage, arguments: &[&str], status: i32) -> String {
    let output = stage.run([&["hash"], arguments].concat());
    let out = output.expect_status(status);
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    out.to_owned()
}

#[test]
fn a_squash_is_exact_while_nobody_else_touched_its_files() {
    let stage = with_branch("carry-exact");
    let range = format!("{}..retry", stage.git(["merge-base", "main", "retry"]));
    stage.as_user("ada").commit("other", "other\n", "Another file");
    stage.git(["merge", "-q", "--squash", "retry"]);
    stage.git(["commit", "-q", "-m", "Retry"]);
    let out = answer(&stage, &[&range, "--landed", "HEAD"], 0);
    assert!(out.starts_with("EXACT  what landed is byte for byte what was read\n"), "{out}");
    let file = stage.root().join("certificate");
    let output = stage.run(["hash", &range, "--landed", "HEAD", "-o", file.to_str().unwrap()]);
    assert!(output.ok().starts_with("EXACT"));
    assert!(output.talk.contains("No certificate was written"), "{}", output.talk);
    assert!(!file.exists());
}

#[test]
fn a_merge_beside_edits_of_others_is_carried_and_proved() {
    let stage = with_branch("carry-carried");
    let range = format!("{}..retry", stage.git(["merge-base", "main", "retry"]));
    // Main bumped alike, and edited the list elsewhere.
    stage.as_user("ada").commit("version", "2\n", "Bump");
    stage.as_user("ada").commit("list", &twelve(&[(5, "five"), (9, "nine")]), "Edit 5 and 9");
    stage.git(["merge", "-q", "--no-ff", "retry", "-m", "Merge retry"]);
    let out = answer(&stage, &[&range, "--landed", "HEAD"], 0);
    assert!(out.starts_with("CARRIED  the same edits, in files that others edited"), "{out}");
    assert!(out.contains("\n  1 path as read\n"), "{out}");
    assert!(out.contains("1 path carried, 2 lines or more from what others edited\n    list\n"));
    assert!(out.contains("\n  1 path there before it landed\n    version\n"), "{out}");

    // As one commit, as a range, and with the certificate, which anybody can apply.
    let file = stage.root().join("certificate");
    let arguments = [&range, "--landed", "HEAD^1..HEAD", "-o", file.to_str().unwrap(), "--json"];
    let report = stage.run([&["hash"], &arguments[..]].concat()).json();
    assert_eq!(report["relation"], "carried");
    assert_eq!(report["exact_paths"], 1);
    assert_eq!(report["carried_paths"][0], "list");
    assert_eq!(report["there_paths"][0], "version");
    assert_eq!(report["closest_lines"], 2);
    assert_eq!(report["different"], serde_json::json!([]));
    let bytes = std::fs::read(&file).unwrap();
    let certificate = Certificate::parse(&bytes).unwrap();
    assert_eq!(report["certificate"], certificate.digest().to_string());
    assert_eq!(report["read"]["change"], certificate.approved().to_string());
    assert_eq!(report["landed"]["change"], certificate.landed().to_string());
    let show = |revision: &str| stage.git(["show", &format!("{revision}:list")]) + "\n";
    let base = range.split("..").next().unwrap();
    let four = [base, "retry", "HEAD^1", "HEAD"].map(show);
    let edits = &independent::read(&bytes)[&b"list"[..]];
    independent::holds(edits, 2, four.each_ref().map(String::as_bytes)).unwrap();

    // Where it was written stands beside it; on standard output it stands alone.
    let written = stage.run(["hash", &range, "--landed", "HEAD", "-o", file.to_str().unwrap()]);
    let told = written.ok().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!(": written to {}", file.display())), "{}", written.out);
    let out = answer(&stage, &[&range, "--landed", "HEAD", "-o", "-"], 0);
    assert_eq!(out.as_bytes(), bytes);

    // Two unchanged lines lie between: a gap of three is too much, and the answer says so.
    let out = answer(&stage, &[&range, "--landed", "HEAD", "--gap", "2"], 0);
    assert!(out.starts_with("CARRIED"));
    let out = answer(&stage, &[&range, "--landed", "HEAD", "--gap", "3"], 1);
    assert!(out.starts_with("DIFFERENT  what landed is not what was read\n"), "{out}");
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("only 2 unchanged lines lie between both edits, not 3 list"), "{out}");
}

#[test]
fn what_nobody_read_is_told_path_by_path() {
    let stage = with_branch("carry-different");
    let range = format!("{}..retry", stage.git(["merge-base", "main", "retry"]));
    stage.as_user("ada").commit("list", &twelve(&[(9, "nine")]), "Edit 9");
    stage.git(["merge", "-q", "--no-ff", "--no-commit", "retry"]);
    // An evil merge: one more line in a file that was read, one file that was not, one left out.
    stage.write("list", &twelve(&[(2, "two"), (7, "evil"), (9, "nine")]));
    stage.write("evil", "evil\n");
    stage.write("version", "1\n");
    stage.git(["add", "-A"]);
    stage.git(["commit", "-q", "-m", "Merge retry"]);
    let out = answer(&stage, &[&range, "--landed", "HEAD"], 1);
    assert!(out.starts_with("DIFFERENT"), "{out}");
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "1 path: landed, and is no part of what was approved evil",
        "1 path: approved, and neither landed so nor there before version",
        "1 path: both changes edit the same lines, or what landed is not their edits alone list",
        "sign what landed: countersign approve",
    ] {
        assert!(said.contains(words), "{words}: {out}");
    }
    assert!(!said.contains(" new "), "{out}");
    // The last line can be typed.
    let next = out.lines().last().unwrap().rsplit(' ').next().unwrap();
    let hash = stage.run(["hash", next, "--json"]).json()["change"].clone();
    let report = stage.run(["hash", &range, "--landed", "HEAD", "--json"]);
    let report = report.expect_status(1).to_owned();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["relation"], "different");
    assert_eq!(report["certificate"], serde_json::Value::Null);
    assert_eq!(report["landed"]["change"], hash);
    assert_eq!(report["different"].as_array().unwrap().len(), 3);
}

#[test]
fn wrong_usage_is_told() {
    let stage = with_branch("carry-usage");
    stage.run(["hash", "retry", "--landed", "nowhere"]).refused(2, "names no commit here");
    for arguments in [
        &["hash", "retry", "--gap", "2"][..],
        &["hash", "retry", "--landed", "HEAD", "--gap", "0"],
        &["hash", "retry", "--landed", "HEAD", "--document"],
    ] {
        stage.run(arguments).expect_status(2);
    }
    stage.run(["hash", "main..main", "--landed", "HEAD"]).refused(2, "is empty");
}
