//! What `ledger check` finds, and where. Each test damages a copy of a sound ledger.

use std::fs;
use std::path::Path;

use super::stage::Stage;

/// Opens sled's own files. Whoever had them a moment ago, a thread or a process that is ending, may
/// hold its lock an instant longer.
fn open_sled(folder: &Path) -> sled::Db {
    let mut tries = 0;
    loop {
        match sled::open(folder) {
            Err(sled::Error::Io(_)) if tries < 200 => tries += 1,
            other => return other.unwrap(),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Flips a bit of one byte of a stored value, through sled itself: its own checksums are right.
fn flip(ledger: &Path, key: &[u8], at: usize) {
    let db = open_sled(&ledger.join("sled"));
    let mut value = db.get(key).unwrap().unwrap().to_vec();
    value[at] ^= 1;
    db.insert(key, value).unwrap();
    db.flush().unwrap();
}

fn leaf_key(index: u64) -> Vec<u8> {
    [b"e".as_slice(), &index.to_be_bytes()].concat()
}

fn value_bytes(ledger: &Path, key: &[u8]) -> usize {
    open_sled(&ledger.join("sled")).get(key).unwrap().unwrap().len()
}

fn stage(test: &str) -> Stage {
    let mut stage = Stage::new(test, "enforce");
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    stage
}

#[test]
fn a_sound_ledger_is_good() {
    let stage = stage("sound");
    let text = stage.say(&["ledger", "check"]);
    assert!(text.starts_with("YES  shop.example/ledger: all 6 entries are good"), "{text}");
    let json = stage.json(&["ledger", "check"]);
    assert_eq!(json["answer"], "YES");
    assert_eq!(json["entries_good"], 6);
    assert_eq!(json["signatures"], 6);
    assert_eq!(json["openings_good"], 5);
}

/// One byte of a leaf, wherever it lies, is found, and the entry is named.
#[test]
fn a_flipped_byte_of_a_leaf_is_caught_and_located() {
    let stage = stage("leaf");
    for index in 0..6_u64 {
        let copy = stage.copy("copy");
        let bytes = value_bytes(&copy, &leaf_key(index));
        // The first byte of the value counts its parts; the rest is the leaf.
        for at in (1..bytes).step_by(bytes / 5) {
            let copy = stage.copy("copy");
            flip(&copy, &leaf_key(index), at);
            let (status, out, talk) = stage.run_on(&copy, &["ledger", "check"]);
            assert_eq!(status, 3, "entry {index}, byte {at}: {out}{talk}");
            assert!(out.starts_with(&format!("TAMPERED  entry {index}: ")), "{at}: {out}");
            let (_, out, _) = stage.run_on(&copy, &["ledger", "check", "--json"]);
            let json: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(json["damage"][0]["entry"], index);
            assert_eq!(json["entries_good"], index);
        }
    }
}

/// A flipped byte of sled's own file never goes by: where no entry is named, sled or the
/// checkpoint file refuse.
#[test]
fn a_flipped_byte_of_the_stores_file_never_changes_an_answer() {
    let stage = stage("file");
    let sound = stage.say(&["log", "--json"]);
    let path = stage.ledger().join("sled/db");
    let bytes = fs::read(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut caught = 0;
    for at in (0..used).step_by(used / 40) {
        let copy = stage.copy("copy");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(copy.join("sled/db"), damaged).unwrap();
        let (status, out, talk) = stage.run_on(&copy, &["ledger", "check"]);
        if status == 0 {
            // A byte that no entry rests on: what the ledger says is the same.
            let (_, log, talk) = stage.run_on(&copy, &["log", "--json"]);
            assert_eq!(log, sound, "byte {at}: {out}{talk}");
        } else {
            caught += 1;
            assert_eq!(status, 3, "byte {at}: {out}{talk}");
            assert!(out.starts_with("TAMPERED") || talk.contains("hint: "), "{at}: {out}{talk}");
        }
    }
    assert!(caught > 0, "no byte of {used} was caught");
}

/// The view beside the ledger is a memory: one that was altered is thrown away in silence.
#[test]
fn an_altered_view_never_changes_an_answer() {
    let stage = stage("view");
    let sound = stage.say(&["audit", "checkout", "--json"]);
    let path = stage.ledger().join("view.json");
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 10) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(stage.say(&["ledger", "check"]).starts_with("YES"), "byte {at}");
        assert_eq!(stage.say(&["audit", "checkout", "--json"]), sound, "byte {at}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "byte {at}: it was not made again");
    }
}

#[test]
fn a_cover_that_is_missing_or_altered_is_said() {
    let stage = stage("cover");
    let cover = |ledger: &Path| {
        let folder = fs::read_dir(ledger.join("blobs")).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    };
    let copy = stage.copy("missing");
    fs::remove_file(cover(&copy)).unwrap();
    let (status, out, _) = stage.run_on(&copy, &["ledger", "check"]);
    assert_eq!(status, 4, "{out}");
    assert!(out.starts_with("UNREACHABLE  cover of the decision at entry 3"), "{out}");
    // spec/verdict.md section 8: what is known is printed, and the status says that it is not all.
    let (status, out, _) = stage.run_on(&copy, &["audit", "checkout"]);
    assert!(status == 4 && out.starts_with("Deployment 4:"), "{out}");
    assert_eq!(stage.run_on(&copy, &["audit", "--from", "2026-11-20"]).0, 4);
    assert!(out.contains("UNREACHABLE: the list of its changes is missing"), "{out}");
    let copy = stage.copy("altered");
    let mut bytes = fs::read(cover(&copy)).unwrap();
    bytes[40] ^= 1;
    fs::write(cover(&copy), bytes).unwrap();
    let (status, out, _) = stage.run_on(&copy, &["ledger", "check"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.starts_with("TAMPERED  cover of the decision at entry 3"), "{out}");
    assert_eq!(stage.run_on(&copy, &["audit", "checkout"]).0, 3);
}

/// A repository that does not have a commit makes a shorter report; a damaged one makes none.
#[test]
fn a_damaged_object_of_the_repository_is_never_taken_for_one_that_is_not_here() {
    let mut stage = Stage::new("object", "enforce");
    let before = stage.head();
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    let object = |id: &str| stage.work().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let (file, other) = (object(head.as_str()), object(before.as_str()));
    let sound = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let (status, out, talk) = stage.run(&["audit", "checkout"]);
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.contains("attested by") && out.contains("run this in the repository"), "{out}");
    fs::copy(&other, &file).unwrap();
    let (status, out, talk) = stage.run(&["audit", "checkout"]);
    assert_eq!(status, 3, "{out}{talk}");
    fs::remove_file(&file).unwrap();
    fs::write(&file, &sound).unwrap();
    assert!(stage.say(&["audit", "checkout"]).contains("proved: judged again"));
}

/// An entry that its topic no longer leads to, such as a reject, would count for nothing.
#[test]
fn an_entry_that_cannot_be_found_is_said() {
    let stage = stage("topic");
    let copy = stage.copy("copy");
    let db = open_sled(&copy.join("sled"));
    let keys: Vec<_> = db.scan_prefix(b"x").keys().map(Result::unwrap).collect();
    let gone = keys.iter().find(|key| key.ends_with(&2_u64.to_be_bytes())).unwrap();
    db.remove(gone).unwrap();
    db.flush().unwrap();
    drop(db);
    let (status, out, _) = stage.run_on(&copy, &["ledger", "check"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("entry 2: cannot be found under one of its topics"), "{out}");
}

#[test]
fn a_ledger_that_was_set_back_or_is_another_is_said() {
    let mut stage = stage("back");
    let old = stage.copy("old");
    stage.change("three\n", "Next", true);
    let copy = stage.copy("copy");
    fs::copy(copy.join("checkpoint"), old.join("checkpoint")).unwrap();
    let (status, out, _) = stage.run_on(&old, &["ledger", "check"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.starts_with("TAMPERED  file of the newest checkpoint"), "{out}");
    // Each of its entries is good; but this user has seen more of them.
    let old = stage.copy("older");
    stage.change("four\n", "One more", true);
    stage.say(&["log"]);
    let (status, _, told) = stage.run_on(&old, &["ledger", "check"]);
    assert_eq!(status, 3, "{told}");
    assert!(told.contains("the ledger was set back: "), "{told}");
    let other = Stage::new("other", "enforce");
    let (status, out, _) = stage.run_on(&other.ledger(), &["ledger", "check"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.starts_with("TAMPERED  entry 0: leaf hash is"), "{out}");
    assert_eq!(stage.run_on(&stage.home.join("none"), &["ledger", "check"]).0, 4);
}
