//! Every command against a real server: it works as it does against the folder, or refuses in one
//! line with what to do instead.

use std::fs;

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

/// What only reads: run at the URL, and once the server has ended at the folder, with the same
/// answer.
const READING: &[&[&str]] = &[
    &["log"],
    &["log", "--json"],
    &["show", "0"],
    &["show", "3", "--json"],
    &["status", "main..retry"],
    &["status", "--json"],
    &["check", "main..retry"],
    &["queue"],
    &["queue", "--json"],
    &["gate", "-n"],
    &["policy", "show"],
    &["policy", "explain", "retry"],
    &["roster", "show"],
    &["roster", "show", "--json"],
    &["key", "list"],
    &["audit"],
    &["audit", "shop", "--json"],
    &["trust", "show"],
    &["hash", "main..retry"],
    &["ledger", "prove", "2"],
    &["ledger", "prove", "--since", "2"],
    &["ledger", "checkpoint"],
];

/// What works on the ledger's own folder alone.
const REFUSED: &[&[&str]] = &[
    &["ledger", "restore", "--from", "nowhere", "--in-place"],
    &["ledger", "rotate-key", "-y"],
    &["ledger", "checkpoint", "--witness"],
    &["roster", "forget", "ben@shop.example", "-y"],
    &["init", "-y"],
    &["serve"],
];

fn newest(there: &Elsewhere<'_>) -> u64 {
    let log = there.run("ada", &["log", "--json"]);
    let entries = log.json()["entries"].as_array().unwrap().clone();
    entries.iter().map(|row| row["entry"].as_u64().unwrap()).max().unwrap()
}

/// Runs a signing command, which adds entries.
#[track_caller]
fn signs(there: &Elsewhere<'_>, who: &str, arguments: &[&str]) -> Output {
    let before = newest(there);
    let done = there.run(who, arguments);
    done.ok();
    assert!(newest(there) > before, "{arguments:?} added nothing:\n{}", done.out);
    done
}

#[test]
fn every_command_works_against_the_url() {
    let stage = Stage::with_branch("remote-commands");
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    let root = stage.root().to_owned();
    let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let answer = there.run("cleo", &["status", "main..retry", "--json"]);
    let hash = answer.json()["segments"][0]["change"].as_str().unwrap().to_owned();

    // Everything that signs.
    signs(&there, "ben", &["declare", "main..retry", "--assistance", "none", "-y"]);
    signs(&there, "cleo", &["approve", "retry", "--expect", &hash, "-m", "read it"]);
    signs(&there, "ada", &["reject", "retry", "--expect", &hash, "-m", "not yet"]);
    let reject = newest(&there).to_string();
    signs(&there, "ada", &["withdraw", &reject, "-y"]);
    signs(&there, "cleo", &["reject", "retry", "--expect", &hash, "-m", "no"]);
    let reject = newest(&there).to_string();
    signs(&there, "ada", &["lift", &reject, "-m", "she left", "-y"]);
    signs(&there, "cleo", &["approve", "retry", "--expect", &hash]);
    let dan = stage.key("dan").with_extension("pub");
    let dan = dan.to_str().unwrap();
    signs(
        &there,
        "ada",
        &["roster", "add", "Dan", "--email", "dan@shop.example", "--public-key", dan, "-y"],
    );
    signs(&there, "ada", &["key", "revoke", "dan@shop.example", "--retired", "-y"]);
    let policy = fs::read_to_string(
        stage.write(path("policy.toml"), &there.run("ada", &["policy", "show"]).out),
    );
    let text = policy.unwrap();
    let text = &text[text.find("version").unwrap()..];
    stage.write(path("policy.toml"), &format!("{text}\n[override]\nlongest = \"3h\"\n"));
    signs(&there, "ada", &["policy", "apply", &path("policy.toml"), "-y"]);
    stage.git(["checkout", "-q", "main"]);
    stage.git(["merge", "-q", "--squash", "retry"]);
    stage.as_user("ben").git(["commit", "-q", "-m", "Retry card capture"]);
    signs(&there, "ada", &["gate"]);
    signs(&there, "ada", &["gate", "-o", &path("a.bundle")]);
    let ran = signs(&there, "ada", &["gate", "--", "true"]);
    assert!(ran.talk.contains("outcome: succeeded"), "{}", ran.talk);
    signs(&there, "ada", &["record", "deployment", "-y"]);
    signs(&there, "ada", &["baseline", "HEAD~1", "--replace", "-m", "why not", "-y"]);
    // Written to a file there, handed in there.
    there
        .run(
            "cleo",
            &[
                "approve",
                "--change",
                &hash[..12],
                "--expect",
                &hash,
                "-o",
                &path("s.json"),
                "-m",
                "w",
            ],
        )
        .ok();
    signs(&there, "ben", &["submit", &path("s.json")]);
    let known = there.run("ben", &["submit", &path("s.json")]);
    assert!(known.ok().starts_with("KNOWN"), "{}", known.out);
    assert_eq!(there.run("ben", &["submit", "--spooled"]).ok(), "nothing waits for the ledger\n");
    there.run("ada", &["verify", &path("a.bundle")]).ok();
    // What a command refuses for its own reasons it refuses here as well.
    there
        .run("cleo", &["roster", "add", "Eve", "--email", "e@x.example", "--public-key", dan, "-y"])
        .expect_status(2);

    // Keeping.
    there.run("ada", &["ledger", "check"]).ok();
    there.run("ada", &["ledger", "mirror", "--to", &path("mirror")]).ok();
    there.run("ada", &["ledger", "check", "--mirror", &path("mirror")]).ok();
    there
        .run("ada", &["ledger", "mirror", "--to", &path("m2"), "--openings", &path("o2")])
        .refused(2, "where the ledger is");
    there.run("ada", &["ledger", "backup", "--to", &path("ledger.tar")]).ok();
    for refused in REFUSED {
        there.run("ada", refused).refused(2, "works on the ledger's own folder");
    }

    // Reading: the same words as from the folder.
    let at_url: Vec<Output> = READING.iter().map(|command| there.run("cleo", command)).collect();
    serving.kill();
    for (command, at_url) in READING.iter().zip(at_url) {
        let at_folder = stage.as_user("cleo").run(*command);
        assert_eq!(at_url.status, at_folder.status, "{command:?}:\n{}", at_url.talk);
        let same = |out: &str| {
            // What says how long ago something was, or who asked, is not the ledger's.
            out.lines()
                .filter(|line| {
                    !line.contains(" ago")
                        && !line.contains("LIVE for")
                        && !line.contains("seconds")
                })
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(same(&at_url.out), same(&at_folder.out), "{command:?}");
    }
    stage.run(["ledger", "check"]).ok();
    // The backup is one of the whole ledger.
    let restored = path("restored");
    stage.run(["ledger", "restore", "--from", &path("ledger.tar"), "--to", &restored]).ok();
}
