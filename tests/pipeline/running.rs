//! `gate -- CMD`: what runs, and what becomes of it.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign::statement::words::Outcome;

use crate::stage::{Stage, said};

fn signed(test: &str) -> Stage {
    let stage = Stage::new(test, "enforce");
    let change = stage.commit("a", "one\n");
    stage.approve("ada", &change);
    stage
}

fn outcomes(stage: &Stage) -> Vec<Outcome> {
    stage.deployments().iter().map(|(_, said)| said.outcome).collect()
}

#[test]
fn the_command_runs_after_the_decision_and_its_outcome_is_recorded() {
    let stage = signed("runs");
    let ran = stage.run(&["gate", "--", "sh", "-c", "echo deployed $COUNTERSIGN_DECISION_ENTRY"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let (entry, _) = &stage.decisions()[0];
    assert!(ran.out.ends_with(&format!("deployed {}\n", entry.index())), "{ran:?}");
    let deployments = stage.deployments();
    assert_eq!(outcomes(&stage), [Outcome::Started, Outcome::Succeeded]);
    let (started, outcome) = (&deployments[0], &deployments[1]);
    assert_eq!(started.1.decision, Some(entry.id()));
    assert_eq!(outcome.1.started, Some(started.0.id()));
    // Decision and beginning are one append: both or neither.
    assert_eq!(started.0.index().get(), entry.index().get() + 1);
    assert!(stage.settled().is_some());
    assert!(stage.run(&["gate", "-n"]).out.contains("nothing new"));
}

#[test]
fn a_refused_command_does_not_run() {
    let stage = Stage::new("refused", "enforce");
    stage.commit("a", "one\n");
    let refused = stage.run(&["gate", "--", "touch", "ran"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(!stage.repository().join("ran").exists());
    assert_eq!(outcomes(&stage), []);
}

#[test]
fn a_failing_commands_status_is_passed_on() {
    let stage = signed("fails");
    let failed = stage.run(&["gate", "--", "sh", "-c", "exit 7"]);
    assert_eq!(failed.status, 7, "{failed:?}");
    assert_eq!(outcomes(&stage), [Outcome::Started, Outcome::Failed]);
    let missing = stage.run(&["gate", "--", "no-such-program"]);
    assert_eq!(missing.status, 127, "{missing:?}");
    assert!(missing.talk.contains("cannot run no-such-program"), "{missing:?}");
    assert_eq!(outcomes(&stage)[2..], [Outcome::Started, Outcome::Failed]);
}

#[test]
fn a_killed_commands_outcome_is_unknown() {
    let stage = signed("killed");
    let killed = stage.run(&["gate", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(killed.status, 128 + 9, "{killed:?}");
    assert_eq!(outcomes(&stage), [Outcome::Started, Outcome::Unknown]);
}

/// Whoever cancels the pipeline cancels the command, and the outcome is still recorded.
#[test]
fn a_signal_goes_on_to_the_command() {
    for signal in ["-TERM", "-INT"] {
        let stage = signed(&format!("signal{signal}"));
        let mut child = stage
            .command(&["gate", "--", "sh", "-c", "echo ready; exec sleep 30"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut text = String::new();
        while !text.contains("ready") {
            let mut byte = [0];
            assert_eq!(out.read(&mut byte).unwrap(), 1, "{text}");
            text.push(char::from(byte[0]));
        }
        // `ready` is printed before `sleep` takes the shell's place.
        std::thread::sleep(Duration::from_millis(50));
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = child.wait().unwrap().code();
        assert_eq!(status, Some(if signal == "-TERM" { 143 } else { 130 }), "{signal}");
        assert_eq!(outcomes(&stage), [Outcome::Started, Outcome::Unknown], "{signal}");
    }
}

#[test]
fn the_ledger_is_free_while_the_command_runs() {
    let stage = signed("free");
    let program = env!("CARGO_BIN_EXE_countersign");
    let script = format!("{program} gate -n --env staging; echo inner $?");
    let ran = said(&stage.command(&["gate", "--", "sh", "-c", &script]).output().unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.ends_with("inner 0\n"), "{ran:?}");
    assert_eq!(outcomes(&stage), [Outcome::Started, Outcome::Succeeded]);
}

#[test]
fn a_ledger_that_takes_nothing_releases_nothing() {
    let stage = signed("read-only");
    let keys = stage.root.join("config/countersign/keys");
    for file in std::fs::read_dir(keys).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "ledger") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let refused = stage.run(&["gate", "--", "touch", "ran"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(!stage.repository().join("ran").exists());
    let size = stage.entries().len();
    assert_eq!(size, 2, "entry 0 and the sign-off");
}

/// CMD runs in the work tree: what it finds there must be what was judged.
#[test]
fn a_command_finds_the_revision_that_was_judged() {
    let stage = Stage::new("checkout", "observe");
    let older = stage.commit("a", "one\n");
    stage.commit("a", "two\n");
    let marker = stage.repository().join("ran");
    let refused = |arguments: &[&str], words: &str| {
        let refused = stage.run(arguments);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.talk.contains(words), "{refused:?}");
        assert!(!marker.exists());
    };
    refused(&["gate", "--revision", older.as_str(), "--", "touch", "ran"], "is checked out");
    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    std::fs::write(stage.repository().join("a"), "changed\n").unwrap();
    refused(&["gate", "--", "touch", "ran"], "tracked files are changed: M a");
    let forced = stage.run(&["gate", "--any-checkout", "--", "touch", "ran"]);
    assert_eq!(forced.status, 0, "{forced:?}");
    assert!(marker.exists());
}

/// ATTACKS 34: whoever puts an older copy of the ledger's folder back is noticed by everybody who
/// has seen a newer one, though nothing in the folder itself tells.
#[test]
fn attack_34_an_older_copy_of_the_ledger_is_noticed() {
    let stage = Stage::new("older-copy", "observe");
    stage.commit("a", "one\n");
    let ledger = stage.root.join("ledger");
    let copy = stage.root.join("copy");
    let shell = |script: String| {
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    };
    shell(format!("cp -r '{}' '{}'", ledger.display(), copy.display()));
    assert_eq!(stage.run(&["gate"]).status, 0);
    shell(format!("rm -r '{0}' && cp -r '{1}' '{0}'", ledger.display(), copy.display()));
    let noticed = stage.run(&["gate", "-n"]);
    assert_eq!(noticed.status, 3, "{noticed:?}");
    assert!(noticed.talk.contains("was set back"), "{noticed:?}");
}
