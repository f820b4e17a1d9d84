//! The end of a deployment, told once, whatever dies when (`spec/away.md` sections 1 and 2).

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

/// What the ledger says of deployments, by outcome, in order.
fn outcomes(stage: &Stage) -> Vec<String> {
    let log = stage.run(["log", "--json"]);
    let said = log.json()["entries"].as_array().unwrap().clone();
    let mut found: Vec<(u64, String)> = said
        .iter()
        .filter(|row| row["kind"] == "deployment")
        .map(|row| {
            let text = row["says"].as_str().unwrap();
            (row["entry"].as_u64().unwrap(), text.split(' ').next().unwrap().to_owned())
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, outcome)| outcome).collect()
}

fn spool(there: &Elsewhere<'_>) -> Vec<PathBuf> {
    let Ok(ledgers) = fs::read_dir(there.home().join("state/countersign/spool")) else {
        return Vec::new();
    };
    let folders = ledgers.map(|one| one.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|one| one.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// A deployment that runs until it is told to end.
fn running(there: &Elsewhere<'_>, script: &str) -> Child {
    let mut command = there.command("ada", &["gate", "--any-checkout", "--", "sh", "-c", script]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = there.stage.root().join("begun");
    while !begun.exists() {
        std::thread::yield_now();
    }
    fs::remove_file(begun).unwrap();
    child
}

/// Begins, and waits for the file `go`.
fn script(stage: &Stage, status: u8) -> String {
    let root = stage.root().display();
    format!("touch {root}/begun; while ! test -e {root}/go; do sleep 0.01; done; exit {status}")
}

fn let_go(stage: &Stage) {
    stage.write(stage.root().join("go"), "");
}

/// The server is killed while CMD runs: CMD's own status, and its end told once the server is back.
#[test]
fn an_end_waits_for_a_ledger_that_went_away() {
    let stage = Stage::begun("ends-away");
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    let address = serving.address();
    let child = running(&there, &script(&stage, 7));
    serving.kill();
    let_go(&stage);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(7));
    let talk = String::from_utf8(ended.stderr).unwrap();
    assert!(talk.contains("outcome: failed; the ledger is away"), "{talk}");
    assert!(talk.contains("countersign submit --spooled"), "{talk}");
    assert_eq!(spool(&there).len(), 1);
    assert_eq!(outcomes(&stage), ["started"]);
    // It waits while nobody answers, whatever is run.
    there.run("ada", &["submit", "--spooled"]).refused(4, "cannot be reached");
    assert_eq!(spool(&there).len(), 1);
    let serving = Serving::start_at(&stage, &address);
    let handed = there.run("ada", &["log"]);
    assert!(handed.talk.contains("that waited for the ledger is entry"), "{}", handed.talk);
    assert_eq!(spool(&there), Vec::<PathBuf>::new());
    there.run("ada", &["submit", "--spooled"]).ok();
    serving.kill();
    assert_eq!(outcomes(&stage), ["started", "failed"]);
}

/// The gate itself is killed while CMD runs: nobody knows how it ended, and that is told, once.
#[test]
fn a_gate_that_is_killed_leaves_an_unknown_end() {
    let stage = Stage::begun("ends-killed");
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    let mut child = running(&there, &script(&stage, 0));
    // While it lives nobody tells its end for it.
    there.run("ada", &["log"]).ok();
    let still = there.run("ada", &["submit", "--spooled"]);
    assert!(still.ok().contains("a command that still runs"), "{}", still.out);
    child.kill().unwrap();
    child.wait().unwrap();
    let_go(&stage);
    let taken = there.run("ada", &["submit", "--spooled"]);
    assert!(taken.ok().starts_with("TAKEN UP  "), "{}", taken.out);
    there.run("ada", &["submit", "--spooled"]).ok();
    serving.kill();
    assert_eq!(outcomes(&stage), ["started", "unknown"]);
}

/// Killed after the end was handed in and before its file was removed: the same bytes again, and
/// one entry. In a ledger's own folder as well.
#[test]
fn what_is_handed_in_twice_stands_once() {
    let stage = Stage::begun("ends-twice");
    let ends = |count: usize| {
        let found = outcomes(&stage);
        assert_eq!(found.len(), count, "{found:?}");
    };
    let child = {
        let there = Elsewhere { stage: &stage, url: stage.ledger().to_str().unwrap().to_owned() };
        let child = running(&there, &script(&stage, 0));
        let file = spool(&there).pop().unwrap();
        (child, file)
    };
    let (mut child, file) = child;
    child.kill().unwrap();
    child.wait().unwrap();
    let_go(&stage);
    let bytes = fs::read(&file).unwrap();
    let there = Elsewhere { stage: &stage, url: stage.ledger().to_str().unwrap().to_owned() };
    there.run("ada", &["log"]).ok();
    ends(2);
    fs::write(&file, &bytes).unwrap();
    let again = there.run("ada", &["submit", "--spooled"]);
    assert!(again.ok().starts_with("TAKEN UP  "), "{}", again.out);
    ends(2);
    // What means nothing without its beginning waits for that, and is not handed in.
    let text = String::from_utf8(bytes).unwrap();
    let after = text.split("\"after\":\"").nth(1).unwrap()[..64].to_owned();
    fs::write(&file, text.replacen(&after, &"0".repeat(64), 1)).unwrap();
    there.run("ada", &["log"]).ok();
    ends(2);
}

/// The server is killed at random while statements are handed in: what was acknowledged is there,
/// and nothing twice.
#[test]
fn a_server_that_is_killed_at_random_loses_and_doubles_nothing() {
    const ROUNDS: u64 = 6;
    let stage = Stage::with_branch("ends-random");
    let mut serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    let address = serving.address();
    let hash = stage_hash(&there);
    let file = |round: u64| stage.root().join(format!("{round}.json")).to_str().unwrap().to_owned();
    for round in 0..ROUNDS {
        let why = format!("{round}");
        let words = ["reject", "retry", "--expect", &hash, "-m", &why, "-o", &file(round)];
        there.run("cleo", &words).ok();
    }
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut command = there.command("ben", &["submit", &file(round)]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A moment of its own for every round, from before the first request to after the answer.
        std::thread::sleep(std::time::Duration::from_millis(round * 17));
        serving.kill();
        serving = Serving::start_at(&stage, &address);
        let ended = child.wait_with_output().unwrap();
        match ended.status.code() {
            Some(0) => acknowledged.push(round),
            code => {
                let talk = String::from_utf8(ended.stderr).unwrap();
                assert_eq!(code, Some(4), "{talk}");
            }
        }
    }
    // What waits is handed in by the next command, and all of it again by hand.
    there.run("ben", &["submit", "--spooled"]).ok();
    for round in 0..ROUNDS {
        let again = there.run("ben", &["submit", &file(round)]);
        let is_known = again.ok().starts_with("KNOWN");
        assert!(is_known || !acknowledged.contains(&round), "{round}: {}", again.out);
    }
    let log = there.run("cleo", &["log", "--json"]);
    let entries = log.json()["entries"].as_array().unwrap().clone();
    let rejects = entries.iter().filter(|row| row["says"].as_str().unwrap().starts_with("reject"));
    assert_eq!(rejects.count() as u64, ROUNDS, "{}", log.out);
    serving.kill();
    Output::of(&mut stage.command(["ledger", "check"])).ok();
}

fn stage_hash(there: &Elsewhere<'_>) -> String {
    let answer = there.run("cleo", &["status", "main..retry", "--json"]);
    answer.json()["segments"][0]["change"].as_str().unwrap().to_owned()
}
