//! ATTACKS 34: a ledger that was set back, two copies that were appended to, a file of another
//! ledger. Each is refused, with what happened and what to do; nothing is signed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::position::TreeSize;
use countersign::note::checkpoint::Checkpoint;

use crate::common::Stage;
use crate::place::copy_folder;

/// The text of a ledger's checkpoint file: what it signed last.
fn checkpoint(folder: &Path) -> String {
    fs::read_to_string(folder.join("checkpoint")).unwrap()
}

fn size(folder: &Path) -> u64 {
    let note = checkpoint(folder);
    let text = note.split("\n\n").next().unwrap();
    format!("{text}\n").parse::<Checkpoint>().unwrap().size.get()
}

/// Puts a copy of a folder in the place of another.
fn replace(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    copy_folder(from, to);
}

fn aside(stage: &Stage, name: &str) -> PathBuf {
    stage.root().join(name)
}

/// Somebody signs the change `retry`; the reason makes each a statement of its own.
fn approve(stage: &Stage, arguments: &[&str]) -> crate::common::Output {
    let hash = stage.change_of("main..retry");
    let mut all = vec!["approve", "retry", "--expect", &hash];
    all.extend(arguments);
    stage.run(all)
}

/// The whole folder and its checkpoint file are of yesterday, as after a snapshot of the machine's
/// disk was put back; what the user has seen is of today.
#[test]
fn attack_34_a_folder_that_was_set_back_signs_nothing() {
    let stage = Stage::with_branch("setback");
    let (ledger, old, newest) = (stage.ledger(), aside(&stage, "old"), aside(&stage, "newest"));
    copy_folder(&ledger, &old);
    approve(&stage, &[]).ok();
    copy_folder(&ledger, &newest);
    replace(&old, &ledger);
    let before = checkpoint(&ledger);
    let hash = "0".repeat(64);
    for arguments in [
        &["status", "retry"][..],
        &["approve", "retry", "--expect", &hash],
        &["log"],
        &["roster", "show"],
        &["gate", "-n"],
    ] {
        let refused = stage.run(arguments);
        refused.refused(3, "the ledger was set back");
        refused.refused(3, "countersign ledger restore --from MIRROR");
    }
    assert_eq!(checkpoint(&ledger), before, "it signed something");
    // Only the store is old: the file beside it tells, whatever this user has seen.
    fs::copy(newest.join("checkpoint"), ledger.join("checkpoint")).unwrap();
    fs::remove_dir_all(stage.home().join(".local/state")).unwrap();
    stage.run(["status", "retry"]).refused(3, "entries were acknowledged, the store has");
    // With the newest folder, work goes on. A file that is behind is what a crash leaves.
    replace(&newest, &ledger);
    fs::copy(old.join("checkpoint"), ledger.join("checkpoint")).unwrap();
    stage.run(["ledger", "check"]).ok();
    stage.run(["status", "retry"]).ok();
    assert_eq!(size(&ledger), size(&newest));
}

/// Two copies on one machine: whoever has seen the one does not sign in the other.
#[test]
fn attack_34_of_two_copies_one_goes_on() {
    let stage = Stage::with_branch("copies");
    let (ledger, copy) = (stage.ledger(), aside(&stage, "copy"));
    copy_folder(&ledger, &copy);
    let before = checkpoint(&copy);
    approve(&stage, &[]).ok();
    let copy_text = copy.to_str().unwrap();
    stage.run(["status", "retry", "--ledger", copy_text]).refused(3, "the ledger was set back");
    assert_eq!(checkpoint(&copy), before, "a second tree of that size was signed");

    // The copy went to another machine with its key, where nobody knew of the other one.
    let elsewhere = stage.root().join("elsewhere");
    let hash = stage.change_of("main..retry");
    let mut command = stage.command(["approve", "retry", "--expect", &hash, "--ledger", copy_text]);
    command.env("XDG_STATE_HOME", &elsewhere);
    crate::common::Output::of(&mut command).ok();
    assert_eq!(size(&copy), size(&ledger));
    assert_ne!(checkpoint(&copy), checkpoint(&ledger));
    // As soon as anything of one meets the other, it is told: what this user has seen,
    let meets = stage.run(["status", "retry", "--ledger", copy_text]);
    meets.refused(3, "has another history than the");
    meets.refused(3, "two copies were appended to");
    // a checkpoint file,
    let kept = checkpoint(&ledger);
    fs::copy(copy.join("checkpoint"), ledger.join("checkpoint")).unwrap();
    stage.run(["status", "retry"]).refused(3, "another history of the first");
    fs::write(ledger.join("checkpoint"), kept).unwrap();
    // and a statement that was signed on what the other copy had.
    let file = stage.root().join("signed.json");
    let file = file.to_str().unwrap();
    let mut command = stage
        .command(["reject", "retry", "--expect", &hash, "-m", "no", "--ledger", copy_text, "-o"]);
    command.arg(file).env("XDG_STATE_HOME", &elsewhere);
    crate::common::Output::of(&mut command).ok();
    let refused = stage.run(["submit", file]);
    refused.expect_status(2);
    assert!(refused.talk.contains("that is not this ledger's"), "{refused:?}");
}

#[test]
fn a_checkpoint_file_of_another_ledger_is_told_apart() {
    let stage = Stage::begun("foreign");
    let ledger = stage.ledger();
    let kept = checkpoint(&ledger);
    let key = countersign::note::key::NoteSigner::new("other.example/ledger", &[5; 32]).unwrap();
    let root = countersign::base::digest::RootHash::from_bytes([3; 32]);
    let foreign =
        Checkpoint::new("other.example/ledger", TreeSize::new(9), root).sign(&key).unwrap();
    fs::write(ledger.join("checkpoint"), foreign.note().to_string()).unwrap();
    let refused = stage.run(["status"]);
    refused.refused(3, "it is of another ledger, other.example/ledger");
    refused.refused(3, "put this ledger's own file checkpoint back");
    fs::remove_file(ledger.join("checkpoint")).unwrap();
    stage.run(["log"]).refused(3, "the file of the newest checkpoint: missing");
    fs::write(ledger.join("checkpoint"), kept).unwrap();
    stage.run(["log"]).ok();
}

/// Whoever cannot remember what was signed could sign it twice: nothing more is signed.
#[test]
fn attack_34_what_is_signed_is_remembered_first() {
    let stage = Stage::with_branch("forgetful");
    let seen = stage.home().join(".local/state/countersign/seen");
    let ledger = stage.ledger();
    fs::remove_dir_all(&seen).unwrap();
    // A link that leads nowhere: nothing can be read there, and nothing written.
    std::os::unix::fs::symlink(stage.root().join("nowhere/at/all"), &seen).unwrap();
    let before = size(&ledger);
    // Reading goes on.
    stage.run(["status", "retry"]).ok();
    let refused = approve(&stage, &[]);
    refused.refused(4, "what is signed could not be remembered");
    refused.refused(4, "make that folder writable");
    assert_eq!(size(&ledger), before);
    fs::remove_file(&seen).unwrap();
    approve(&stage, &[]).ok();
    assert_eq!(size(&ledger), before + 1);
}
