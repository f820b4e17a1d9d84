//! `ledger restore`: a ledger built again, in a new folder or in the place of a damaged one, and
//! nothing that was acknowledged is given up.

use std::fs;
use std::path::{Path, PathBuf};

use super::stage::{Stage, ledger_key};
use super::support::*;

/// A stage with a mirror of everything, and where its two folders are.
fn mirrored(test: &str) -> (Stage, PathBuf, PathBuf) {
    let stage = stage(test);
    append_many(&mut stage.session(), 300, 300);
    let (to, apart) = (stage.home.join("www"), stage.home.join("apart"));
    mirror(&stage, &to, &apart);
    (stage, to, apart)
}

fn mirror(stage: &Stage, to: &Path, apart: &Path) {
    let (to, apart) = (to.to_str().unwrap(), apart.to_str().unwrap());
    stage.say(&["ledger", "mirror", "--to", to, "--openings", apart]);
}

/// Makes a store that sled cannot open.
fn break_store(folder: &Path) {
    for name in ["sled/db", "sled/conf"] {
        fs::write(folder.join(name), [0xAA; 3_000]).unwrap();
    }
}

fn restore(stage: &Stage, from: &Path, more: &[&str], status: i32) -> serde_json::Value {
    let arguments = [&["ledger", "restore", "--from", from.to_str().unwrap()], more].concat();
    json_of(stage, &stage.ledger(), &arguments, status)
}

#[track_caller]
fn refused(stage: &Stage, from: &Path, more: &[&str], status: i32, words: &[&str]) {
    let before = files(&stage.ledger());
    let arguments = [&["ledger", "restore", "--from", from.to_str().unwrap()], more].concat();
    let (found, out, talk) = stage.run(&arguments);
    assert_eq!(found, status, "{out}{talk}");
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    for word in words {
        assert!(squeeze(&talk).contains(&squeeze(word)), "{word} is not in {talk}");
    }
    assert!(talk.contains("hint: "), "{talk}");
    let mut after = files(&stage.ledger());
    // What the lock's file says of who held it last is no part of the ledger.
    after.insert("lock".to_owned(), before["lock"].clone());
    assert_eq!(after, before, "something was changed");
    let left: Vec<_> =
        fs::read_dir(&stage.home).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("damaged-")), "{left:?}");
}

/// spec/ledger.md section 13: nothing differs, and the ledger goes on.
#[test]
fn a_ledger_is_built_again_and_goes_on() {
    let (stage, to, apart) = mirrored("again");
    let new = stage.home.join("new/ledger");
    let more = ["--openings", apart.to_str().unwrap(), "--to", new.to_str().unwrap()];
    let done = restore(&stage, &to, &more, 0);
    assert_eq!((&done["size"], &done["signatures"]), (&306.into(), &306.into()));
    assert_eq!((&done["leaf_hashes"], &done["tiles"]), (&306.into(), &3.into()));
    assert_eq!((&done["openings"], &done["has_key"]), (&5.into(), &true.into()));
    assert_eq!(done["missing"], serde_json::json!([]));
    let answers: [&[&str]; 4] = [
        &["log", "--json"],
        &["ledger", "checkpoint"],
        &["audit", "checkout", "--json"],
        &["roster", "show", "--json"],
    ];
    for question in answers {
        let (old, new) = (stage.run(question), stage.run_on(&new, question));
        assert_eq!((old.0, &old.1), (0, &new.1), "{question:?}");
    }
    for name in ["checkpoint", "email-salt", "view.json"] {
        assert_eq!(fs::read(new.join(name)).unwrap(), fs::read(stage.ledger().join(name)).unwrap());
    }
    // It is the ledger now: it takes entries, and the mirror follows it.
    let old = stage.home.join("kept");
    fs::rename(stage.ledger(), &old).unwrap();
    fs::rename(&new, stage.ledger()).unwrap();
    append_many(&mut stage.session(), 3, 1);
    mirror(&stage, &to, &apart);
    json_of(&stage, &stage.ledger(), &["ledger", "check", "--mirror", to.to_str().unwrap()], 0);
}

/// A store that sled cannot open at all: the answer is one line and the way out, and that way
/// leads back to the last acknowledged entry.
#[test]
fn a_store_that_cannot_be_opened_is_built_again_in_its_place() {
    let (stage, to, _) = mirrored("unopenable");
    let sound = stage.run(&["log", "--json"]).1;
    break_store(&stage.ledger());
    let (status, _, talk) = stage.run(&["ledger", "check"]);
    assert_eq!(status, 3, "{talk}");
    assert!(flat(&talk).contains("countersign ledger restore --from PATH"), "{talk}");
    refused(&stage, &to, &[], 2, &["is there already", "--in-place"]);
    let damaged = files(&stage.ledger());
    let done = restore(&stage, &to, &["--in-place"], 0);
    // Openings and salt were still in the damaged folder.
    assert_eq!((&done["size"], &done["openings"]), (&306.into(), &5.into()));
    let aside = PathBuf::from(done["aside"].as_str().unwrap());
    assert_eq!(aside, stage.home.join("ledger.damaged-1"));
    let mut kept = files(&aside);
    kept.insert("lock".to_owned(), damaged["lock"].clone());
    assert_eq!(kept, damaged, "what is damaged was changed");
    assert_eq!(stage.run(&["log", "--json"]).1, sound);
    json_of(&stage, &stage.ledger(), &["ledger", "check"], 0);
    // Once more: the first that was moved aside stays too.
    break_store(&stage.ledger());
    let done = restore(&stage, &to, &["--in-place"], 0);
    assert!(done["aside"].as_str().unwrap().ends_with("ledger.damaged-2"));
}

/// ATTACKS 34: a mirror that is behind gives nothing up: what the damaged store still has is taken
/// from it, and where it has nothing the answer is no, with both checkpoints.
#[test]
fn attack_34_what_was_acknowledged_is_never_given_up() {
    let (stage, to, _) = mirrored("behind");
    append_many(&mut stage.session(), 7, 7);
    let sound = stage.run(&["log", "--json"]).1;
    let whole = copy_folder(&stage.ledger(), &stage.home.join("whole"));
    // A damaged tile: every entry is there.
    flip(&stage.ledger(), &[b"t\0".as_slice(), &0_u64.to_be_bytes(), &[0]].concat(), 9);
    assert_eq!(stage.run(&["ledger", "check"]).0, 3);
    let done = restore(&stage, &to, &["--in-place"], 0);
    assert_eq!((&done["size"], &done["entries_saved"]), (&313.into(), &7.into()));
    assert_eq!(stage.run(&["log", "--json"]).1, sound);
    // One of the seven is damaged, or nothing can be read.
    copy_folder(&whole, &stage.ledger());
    flip(&stage.ledger(), &leaf_key(309), 150);
    let _ = fs::remove_dir_all(stage.home.join("ledger.damaged-1"));
    let both = ["313 entries were acknowledged", "it has 306", "root", "newer mirror or backup"];
    refused(&stage, &to, &["--in-place"], 3, &both);
    copy_folder(&whole, &stage.ledger());
    break_store(&stage.ledger());
    refused(&stage, &to, &["--in-place"], 3, &both);
    // Nothing is left of the ledger: what this user has seen still says how far it went.
    let new = stage.home.join("new");
    let (status, _, talk) = stage.run(&[
        "ledger",
        "restore",
        "--from",
        to.to_str().unwrap(),
        "--to",
        new.to_str().unwrap(),
    ]);
    assert_eq!(status, 3, "{talk}");
    assert!(flat(&talk).contains("what this user has seen"), "{talk}");
    assert!(!new.exists());
}

/// ATTACKS 34: neither a fork, nor a damaged mirror, nor that of another ledger.
#[test]
fn attack_34_only_the_ledgers_own_history_is_restored() {
    let (stage, to, apart) = mirrored("own");
    let other = Stage::new("own-other", "enforce");
    let theirs = stage.home.join("theirs");
    other.say(&["ledger", "mirror", "--to", theirs.to_str().unwrap()]);
    refused(&stage, &theirs, &["--in-place"], 3, &["the mirror"]);
    for (file, words) in [
        ("tile/entries/000", "tile/entries/000"),
        ("tile/0/001.p/50", "tile/0/001.p/50"),
        ("checkpoint", "checkpoint"),
    ] {
        let copy = copy_folder(&to, &stage.home.join("copy"));
        flip_file(&copy.join(file));
        refused(&stage, &copy, &["--in-place"], 3, &[words]);
        fs::remove_file(copy.join(file)).unwrap();
        let status = if file == "checkpoint" { 4 } else { 3 };
        let (found, out, talk) =
            stage.run(&["ledger", "restore", "--in-place", "--from", copy.to_str().unwrap()]);
        assert_eq!(found, status, "{file}: {out}{talk}");
    }
    // Two copies that appended apart, with the same key.
    let old = copy_folder(&stage.ledger(), &stage.home.join("old"));
    append_many(&mut stage.session(), 4, 4);
    mirror(&stage, &to, &apart);
    copy_folder(&old, &stage.ledger());
    let _ = fs::remove_dir_all(stage.home.join(".local/state"));
    append_many(&mut stage.session(), 2, 2);
    refused(&stage, &to, &["--in-place"], 3, &["another history of the first 308 entries"]);
    refused(&stage, &stage.home.join("nothing"), &["--in-place"], 2, &["there is no"]);
    refused(&stage, &stage.home, &["--in-place"], 4, &["it has no checkpoint"]);
}

/// What is not there is said: the salt, the openings, the ledger's own key, a cover.
#[test]
fn what_is_missing_is_said() {
    let (stage, to, apart) = mirrored("missing");
    let new = stage.home.join("new");
    let more = ["--to", new.to_str().unwrap()];
    let done = restore(&stage, &to, &more, 4);
    assert!(done["missing"][0].as_str().unwrap().starts_with("email-salt: "), "{done:#}");
    assert_eq!((&done["openings"], &done["openings_withheld"]), (&0.into(), &5.into()));
    assert_eq!(stage.run_on(&new, &["log"]).0, 3);
    fs::copy(apart.join("email-salt"), new.join("email-salt")).unwrap();
    assert_eq!(stage.run_on(&new, &["log"]).0, 0);
    fs::remove_dir_all(&new).unwrap();
    // The cover of a decision, and the key.
    let blob = files(&to).keys().find(|name| name.starts_with("blobs/")).unwrap().clone();
    fs::remove_file(to.join(blob)).unwrap();
    fs::remove_file(ledger_key(&stage.home).path()).unwrap();
    let more = ["--openings", apart.to_str().unwrap(), "--to", new.to_str().unwrap()];
    let done = restore(&stage, &to, &more, 4);
    assert!(done["missing"][0].as_str().unwrap().starts_with("cover of the decision"), "{done:#}");
    assert_eq!(done["has_key"], false);
    let (_, out, _) = stage.run_on(&new, &["ledger", "check"]);
    assert!(out.starts_with("UNREACHABLE  cover of the decision at entry 3"), "{out}");
}
