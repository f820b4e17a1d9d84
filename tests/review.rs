//! Signing and asking: `declare`, `approve`, `reject`, `withdraw`, `status`, `check`, `queue`.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{Output, Stage};

/// Runs the program in a real terminal, with lines typed into it; the terminal's text.
fn in_terminal(stage: &Stage, arguments: &str, typed: &str) -> (i32, String) {
    let mut command = stage.program("script");
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_countersign"));
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (output.status.code().unwrap_or(-1), text)
}

/// The newest entry's predicate body, as `show` tells it.
fn statement_of(output: &Output) -> serde_json::Value {
    output.json()["predicate"]["says"].clone()
}

#[test]
fn a_change_is_signed_by_its_hash_and_then_covered() {
    let stage = Stage::with_branch("signed");
    let hash = stage.change_of("retry");
    let before = stage.run(["status", "retry"]);
    assert!(before.ok().starts_with("WOULD REFUSE  retry to production"), "{}", before.out);
    assert!(before.out.contains("countersign approve retry"), "{}", before.out);

    // ATTACKS 22: nothing is signed unseen and unnamed.
    for flags in [&[][..], &["-y"]] {
        let refused = stage.run([&["approve", "retry"], flags].concat());
        refused.refused(2, "its hash");
        assert!(refused.talk.contains(&hash), "{}", refused.talk);
    }
    let wrong = stage.run(["approve", "retry", "--expect", &"0".repeat(64)]);
    wrong.refused(2, "is not what you expect");
    stage.run(["approve", "retry", "--expect", &hash[..11]]).refused(2, "too short");
    stage.run(["approve", "--expect", "sha256:0123"]).refused(2, "too short");

    let declared = stage.as_user("ben").run(["declare", "retry", "--assistance", "none"]);
    assert!(declared.ok().starts_with("declared: entry "), "{}", declared.out);
    let signed = stage.run(["approve", "retry", "--expect", &hash[..12], "-m", "read"]);
    assert!(signed.ok().starts_with("signed: entry "), "{}", signed.out);
    assert!(signed.out.contains("Nothing is open"), "{}", signed.out);
    let after = stage.run(["check", "retry"]);
    assert!(after.ok().starts_with("YES  retry to production: signed off\n"), "{}", after.out);
    assert!(after.out.lines().all(|line| line.len() <= 80), "{}", after.out);
    // The document and the comment's opening are kept beside the ledger.
    let blob = stage.ledger().join("blobs").join(&hash[..2]).join(&hash[2..]);
    assert!(std::fs::read(blob).unwrap().starts_with(b"countersign change v1\n"));
    assert!(stage.ledger().join("openings").read_dir().unwrap().next().is_some());
}

#[test]
fn ones_own_change_is_refused_in_one_line() {
    let stage = Stage::with_branch("own");
    let ben = stage.as_user("ben");
    let refused = ben.run(["approve", "retry", "--expect", &stage.change_of("retry")]);
    refused.refused(2, "is your own: somebody else signs it off");
    assert!(refused.talk.contains("countersign queue"), "{}", refused.talk);
    assert_eq!(ben.run(["queue"]).ok(), "nothing waits for you\n");
}

#[test]
fn a_person_reads_the_difference_and_signs() {
    let stage = Stage::with_branch("terminal");
    let (status, text) = in_terminal(&stage, "approve retry", "d\ns\n");
    assert_eq!(status, 0, "{text}");
    for words in [
        "shop  Say more",
        "by Ben",
        "A  src/capture.rs  +3 -0",
        "production wants",
        "+\u{2192}   x();",
        "signed: entry ",
    ] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    let log = stage.run(["status", "retry", "--json"]).json();
    assert_eq!(log["segments"][0]["has"].as_array().unwrap().len(), 1);
}

#[test]
fn a_person_who_quits_signs_nothing_and_one_who_rejects_says_why() {
    let stage = Stage::with_branch("quits");
    let (status, text) = in_terminal(&stage, "approve", "q\n");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("nothing was signed") && !text.contains("error"), "{text}");
    let (status, text) = in_terminal(&stage, "approve", "r\nretries are not idempotent\n");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("rejected: entry "), "{text}");
    let answer = stage.run(["status", "retry", "--json"]).json();
    assert_eq!(answer["segments"][0]["reasons"][0], "NEEDS_SIGN_OFF", "{answer}");
    assert_eq!(answer["segments"][0]["rejects"][0]["name"], "Ada");
}

/// ATTACKS 57: a file cannot hide from its reviewer what it holds, nor move the cursor.
#[test]
fn hidden_characters_are_seen_by_whoever_reads() {
    let stage = Stage::begun("hidden");
    stage.git(["checkout", "-q", "-b", "evil"]);
    let ben = stage.as_user("ben");
    ben.commit(".gitattributes", "* diff=none -text binary\n", "Attributes");
    ben.commit("a.rs", "let x\u{202e} = 1;\u{1b}[2J\u{200b}\n", "T\u{202e}itle\u{1b}[2J");
    let (status, text) = in_terminal(&stage, "approve evil", "d\nq\n");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("+let x\\u{202e} = 1;\\u{1b}[2J\\u{200b}"), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains("\u{1b}[2J"), "{text}");
}

#[test]
fn a_reject_blocks_until_it_is_withdrawn() {
    let stage = Stage::with_branch("reject");
    let hash = stage.change_of("retry");
    let expect = ["--expect", hash.as_str()];
    stage.as_user("ben").run(["declare", "retry", "--assistance", "assisted"]).ok();
    stage.run([&["approve", "retry"], &expect[..]].concat()).ok();
    stage.run(["check", "retry"]).ok();
    let cleo = stage.as_user("cleo");
    cleo.run([&["reject", "retry"], &expect[..]].concat()).refused(2, "a reject says why");
    let rejected = cleo.run([&["reject", "retry", "-m", "no"], &expect[..], &["--json"]].concat());
    rejected.ok();
    let entry = rejected.json()["entry"].as_u64().unwrap().to_string();
    let blocked = stage.run(["check", "retry"]);
    assert!(blocked.ok().starts_with("WOULD REFUSE  retry to production: rejected"), "{blocked:?}");
    assert!(blocked.out.contains(&format!("countersign withdraw {entry}")), "{}", blocked.out);

    stage.run(["withdraw", &entry]).refused(2, "is not yours");
    stage.run(["withdraw", "0"]).refused(2, "is no approval");
    stage.run(["withdraw", "99"]).expect_status(2);
    let shown = cleo.run(["withdraw", "retry", "-n"]);
    assert_eq!(statement_of(&shown)["withdraws"]["index"].to_string(), entry, "{shown:?}");
    let withdrawn = cleo.run(["withdraw", &entry, "-m", "misread", "-y"]);
    assert!(withdrawn.ok().starts_with("withdrawn: entry "), "{}", withdrawn.out);
    assert!(stage.run(["check", "retry"]).ok().starts_with("YES"));
    cleo.run(["withdraw", "retry"]).refused(2, "a withdrawal already");
    // And one takes back one's own sign-off by naming the change.
    stage.run(["withdraw", "retry"]).refused(2, "without -y");
    stage.run(["withdraw", "retry", "--expect", &hash, "-y"]).expect_status(2);
    let (status, text) = in_terminal(&stage, "withdraw retry", "n\n");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("nothing was withdrawn") && !text.contains("error"), "{text}");
    let (status, text) = in_terminal(&stage, "withdraw retry", "y\n");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("withdrawn: entry "), "{text}");
    let open = stage.run(["check", "retry", "--json"]).json();
    assert_eq!(open["answer"], "would_refuse");
    let code = |word: &serde_json::Value| word["code"] == "WITHDRAWN";
    assert!(open["segments"][0]["not_counted"].as_array().unwrap().iter().any(code), "{open}");
}

#[test]
fn several_changes_get_one_signature_and_artifacts_one_of_their_own() {
    let stage = Stage::with_branch("batch");
    stage.git(["checkout", "-q", "-b", "other", "main"]);
    stage.as_user("ben").commit("other", "1\n", "Another");
    let (one, two) = (stage.change_of("retry"), stage.change_of("other"));
    let artifact = format!("sha256:{}", "ab".repeat(32));
    stage
        .run(["approve", "retry", "--artifact", &artifact, "-n"])
        .refused(2, "changes and artifacts are signed apart");
    stage.run(["approve", "retry", "retry", "-n"]).expect_status(2);
    stage.run(["approve", "retry", "other", "--expect", &one]).refused(2, "is not what you expect");
    let both = ["approve", "retry", "other", "--expect", &one, "--expect", &two];
    let shown = stage.run([&both[..], &["-n"]].concat());
    let rows = statement_of(&shown)["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["target"], &rows[0]["shown"]),
        (&"refs/heads/main".into(), &"none".into())
    );
    assert_eq!(rows[1]["assistance_seen"], "generated", "nobody declared it");
    let signed = stage.run([&both[..], &["--json"]].concat());
    assert_eq!(signed.json()["subjects"], serde_json::json!([one, two]));

    let signed = stage.run(["approve", "--artifact", &artifact, "--json"]);
    signed.ok();
    assert_eq!(signed.json()["subject_type"], "artifact");
    assert_eq!(signed.json()["subjects"][0], "ab".repeat(32));
    stage.run(["approve", "--artifact", "sha256:AB"]).refused(2, "is no artifact");
}

#[test]
fn a_declaration_is_never_guessed() {
    let stage = Stage::with_branch("declare");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry"]).refused(2, "do not show whether a machine helped");
    stage.run(["declare", "retry", "--assistance", "none"]).refused(2, "you are no author");
    ben.run(["declare", "retry", "--assistance", "none", "--tool", "Emacs"]).refused(2, "not none");
    stage.git(["checkout", "-q", "retry"]);
    let trailer = "Help\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n";
    ben.commit("src/b.rs", "b\n", trailer);
    let declared = ben.run(["declare", "--request", "1841", "--json"]);
    declared.ok();
    let said = declared.json();
    assert_eq!(said["assistance"], "assisted");
    assert_eq!(said["tools"], serde_json::json!(["Claude Code"]));
    assert_eq!(said["authors"].as_array().unwrap().len(), 1, "a tool is no author: {said}");
    // The next version of a request names the one before it, and is near to its sign-offs.
    let first = said["change"].as_str().unwrap().to_owned();
    stage.run(["approve", "--change", &first[..12], "--expect", &first]).ok();
    ben.commit("src/b.rs", "b2\n", "Again");
    let again = ben.run(["declare", "--request", "1841", "--json"]);
    assert_eq!(again.json()["predecessor"], first.as_str());
    let status = stage.run(["status", "retry", "--json"]).json();
    assert_eq!(status["segments"][0]["near"][0]["change"], first.as_str(), "{status}");
    let second = stage.change_of("retry");
    let shown = stage.run(["approve", "retry", "--expect", &second, "-n"]);
    assert_eq!(statement_of(&shown)["rows"][0]["supersedes"], first.as_str());
    // The older version no longer waits.
    let queue = stage.as_user("cleo").run(["queue", "--json"]).json();
    let changes: Vec<_> =
        queue["waiting"].as_array().unwrap().iter().map(|line| line["change"].clone()).collect();
    assert_eq!(changes, [serde_json::json!(second)], "{queue}");
}

#[test]
fn a_declared_change_needs_its_commits() {
    let stage = Stage::with_branch("fetch");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none"]).ok();
    let hash = stage.change_of("retry");
    let head = stage.git(["rev-parse", "retry"]);
    stage.git(["checkout", "-q", "main"]);
    stage.git(["branch", "-q", "-D", "retry"]);
    stage.git(["reflog", "expire", "--expire=now", "--all"]);
    stage.git(["gc", "-q", "--prune=now"]);
    let refused = stage.run(["approve", "--change", &hash]);
    refused.refused(2, "which is not here");
    assert!(refused.talk.contains(&format!("git fetch origin {head}")), "{}", refused.talk);
    stage.run(["approve", "--change", &"0".repeat(64)]).refused(2, "nobody has declared");
    stage.run(["approve", "--change", "xyz"]).refused(2, "is no change hash");
}

#[test]
fn the_queue_tells_what_waits_and_the_branch_what_landed() {
    let stage = Stage::with_branch("queue");
    stage.git(["checkout", "-q", "main"]);
    let landed = stage.as_user("ben").commit("src/x.rs", "x\n", "Straight to main");
    stage.as_user("ben").run(["declare", "retry", "--assistance", "none"]).ok();
    let queue = stage.run(["queue", "--json"]).json();
    let lines = queue["waiting"].as_array().unwrap();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["landed", "declared"], "{queue}");
    let by_name = stage.run(["queue", "--for", "cleo", "--json"]).json();
    assert_eq!(by_name["waiting"], queue["waiting"]);
    stage.run(["queue", "--for", "nobody"]).refused(2, "nobody on the roster");
    let status = stage.run(["status"]);
    assert!(status.ok().contains("1 of 1 change is not signed off"), "{}", status.out);
    assert!(status.out.contains(&landed[..10]), "{}", status.out);
    let step = stage.change_of(&landed);
    stage.run(["approve", &landed, "--expect", &step]).ok();
    stage.as_user("cleo").run(["approve", &landed, "--expect", &step]).ok();
    let status = stage.run(["status"]);
    assert!(status.ok().starts_with("YES  main "), "{}", status.out);
}

#[test]
fn what_is_written_to_a_file_is_not_handed_in() {
    let stage = Stage::with_branch("file");
    let hash = stage.change_of("retry");
    let signed = stage.run(["approve", "retry", "--expect", &hash, "-o", "a.json"]);
    assert!(signed.ok().contains("countersign submit a.json"), "{}", signed.out);
    let envelope = std::fs::read(stage.repository().join("a.json")).unwrap();
    let envelope: serde_json::Value = serde_json::from_slice(&envelope).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let status = stage.run(["status", "retry", "--json"]).json();
    assert_eq!(status["segments"][0]["has"], serde_json::json!([]));
    stage.run(["submit", "a.json"]).ok();
    let status = stage.run(["status", "retry", "--json"]).json();
    assert_eq!(status["segments"][0]["has"][0]["name"], "Ada");
}

/// A policy that is enforced, with a rule for infrastructure.
const STRICT: &str = r#"version = 1
levels = ["junior", "senior"]

[environment.production]
mode = "enforce"

[service.shop]
repository = "shop"
branch     = "refs/heads/main"

[[rule]]
name      = "infrastructure has a high blast radius"
when      = { paths = ["infra/**"] }
require   = [{ team = "sre", count = 1 }]
checklist = ["blast radius", "rollback plan"]
"#;

/// A stage with that policy; dan is of the team sre, and ben has changed the infrastructure.
fn strict(test: &str) -> Stage {
    let stage = Stage::begun(test);
    let file = stage.home().join("policy.toml");
    stage.write(&file, STRICT);
    stage.run(["policy", "apply", file.to_str().unwrap(), "-y"]).ok();
    let dan = stage.key("dan").with_extension("pub");
    let dan = dan.to_str().unwrap();
    let who = ["roster", "add", "Dan", "--email", "dan@shop.example", "--public-key", dan];
    stage.run([&who[..], &["--level", "senior", "--team", "sre", "-y"]].concat()).ok();
    stage.git(["checkout", "-q", "-b", "infra"]);
    stage.as_user("ben").commit("infra/main.tf", "a\n", "More machines");
    stage.as_user("ben").run(["declare", "--assistance", "none"]).ok();
    stage
}

#[test]
fn a_rule_asks_the_people_who_can_fill_it_and_its_checklist() {
    let stage = strict("checklist");
    let hash = stage.change_of("infra");
    let no = stage.run(["check", "infra"]);
    assert!(no.expect_status(1).starts_with("NO  infra to production: "), "{}", no.out);
    assert!(no.out.contains("1 of sre"), "{}", no.out);
    let answer = stage.run(["status", "infra", "--json"]).json();
    let segment = &answer["segments"][0];
    let asks = segment["ask"].as_array().unwrap();
    let ask = asks.iter().find(|ask| ask["because"].as_str().unwrap().starts_with("infra"));
    let ask = ask.unwrap();
    assert_eq!(ask["people"].as_array().unwrap().len(), 1, "{ask}");
    assert_eq!(ask["people"][0]["name"], "Dan");
    assert_eq!(ask["command"], "countersign approve infra");
    assert_eq!(segment["reasons"], serde_json::json!(["NEEDS_SIGN_OFF", "NEEDS_TEAM"]));

    // Ada fills the floor alone, and is not asked what only the team is asked.
    let signed = stage.run(["approve", "infra", "--expect", &hash]);
    assert!(signed.ok().contains("Still open: 1 of sre (Dan)"), "{}", signed.out);
    let dan = stage.as_user("dan");
    let unanswered = dan.run(["approve", "infra", "--expect", &hash]);
    unanswered.refused(2, "the policy asks: blast radius?");
    let answered = ["--check", "blast radius=one shop", "--check", "rollback plan=redeploy"];
    let sign = ["approve", "infra", "--expect", &hash];
    let signed = dan.run([&sign[..], &answered].concat());
    assert!(signed.ok().contains("Nothing is open"), "{}", signed.out);
    assert!(stage.run(["check", "infra"]).ok().starts_with("YES"));
    dan.run([&sign[..], &["--check", "x"]].concat()).refused(2, "is no answer");
}

#[test]
fn a_person_is_asked_the_checklist_at_the_prompt() {
    let stage = strict("prompt");
    let key = stage.key("dan");
    let command = format!("--key {} approve infra", key.display());
    let (status, text) = in_terminal(&stage, &command, "s\none shop\nredeploy\n");
    assert_eq!(status, 0, "{text}");
    let (first, second) = (text.find("  blast radius?"), text.find("  rollback plan?"));
    assert!(first.is_some() && first < second, "in the policy's order:\n{text}");
    assert!(text.contains("Nothing is open"), "{text}");
}

#[test]
fn a_key_with_a_passphrase_signs_through_the_agent() {
    let stage = Stage::with_branch("agent");
    let hash = stage.change_of("retry");
    let socket = stage.home().join("agent");
    let mut agent = stage.program("ssh-agent");
    let mut agent = agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    for _ in 0..100 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let key = stage.key("cleo");
    let mut add = stage.program("ssh-add");
    Output::of(add.arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket)).ok();
    let mut lock = stage.program("ssh-keygen");
    Output::of(lock.args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(&key)).ok();
    let sign = ["approve", "retry", "--expect", &hash];
    let cleo = stage.as_user("cleo");
    let alone = cleo.run(sign);
    let helped = Output::of(cleo.command(sign).env("SSH_AUTH_SOCK", &socket));
    let _ = agent.kill().and_then(|()| agent.wait());
    assert_eq!(alone.status, 2, "nobody is there to type it: {alone:?}");
    assert!(helped.ok().starts_with("signed: entry "), "{helped:?}");
}

/// The names of members are stable: whoever reads the JSON relies on them.
#[test]
fn the_json_of_a_change_keeps_its_shape() {
    let stage = Stage::with_branch("shape");
    let answer = stage.run(["check", "retry", "--json"]).json();
    let names = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        names(&answer),
        [
            "answer",
            "base",
            "environment",
            "head",
            "landing",
            "mode",
            "owed",
            "policy",
            "problems",
            "reasons",
            "segments",
            "service",
            "size",
            "trust"
        ]
    );
    assert_eq!(
        names(&answer["segments"][0]),
        [
            "ask",
            "assistance",
            "assistance_from",
            "authors",
            "change",
            "denials",
            "first",
            "has",
            "last",
            "near",
            "needs",
            "not_counted",
            "paths",
            "reasons",
            "rejected_earlier",
            "rejects",
            "requests",
            "satisfied",
            "steps",
            "title"
        ]
    );
    assert_eq!(
        names(&answer["segments"][0]["ask"][0]),
        ["because", "command", "need", "others", "people"]
    );
    assert_eq!(answer["segments"][0]["authors"][0]["standing"], "claimed");
}
