//! `mirror = "sync"`: no receipt before the mirror is durable too (`spec/settings.md` section 3).

use std::fs;
use std::path::{Path, PathBuf};

use countersign::session::sign;

use super::stage::{Stage, key, member};
use super::support::*;

/// A stage whose settings make a mirror part of every acknowledgement.
fn synced(test: &str) -> (Stage, PathBuf) {
    let stage = stage(test);
    let to = stage.home.join("second/ledger");
    let settings = format!(
        "version = 1\n\n[ledger.\"shop.example/ledger\"]\nmirror = \"sync\"\n\
         mirror_folder = \"{}\"\nmirror_openings = \"{}\"\n",
        to.display(),
        stage.home.join("apart").display()
    );
    fs::write(stage.home.join(".config/countersign/config.toml"), settings).unwrap();
    (stage, to)
}

/// A signed statement in a file.
fn signed(stage: &Stage, number: u64) -> String {
    let session = stage.session();
    let envelope = sign(&session.statement(&member("ada"), approval(number)), &key("ada")).unwrap();
    let file = stage.home.join(format!("{number}.json"));
    fs::write(&file, envelope.to_canonical()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn size_of(folder: &Path) -> u64 {
    let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
    note.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn nothing_is_acknowledged_before_the_mirror_has_it() {
    let (stage, to) = synced("sync");
    // The first time it is made by hand: an empty folder may be a disk that is not mounted.
    let file = signed(&stage, 1);
    let (status, out, talk) = stage.run(&["submit", &file]);
    assert_eq!((status, out.as_str()), (4, ""), "{talk}");
    assert!(flat(&talk).contains("not acknowledged, for the mirror is behind"), "{talk}");
    assert!(flat(&talk).contains("the entries are in the ledger"), "{talk}");
    assert_eq!(size_of(&stage.ledger()), 7);
    assert!(!to.exists());
    stage.say(&["ledger", "mirror"]);
    // The retry gets the receipt of the entry that is there.
    let (status, out, talk) = stage.run(&["submit", &file]);
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.contains('6'), "{out}");
    assert_eq!((size_of(&stage.ledger()), size_of(&to)), (7, 7));
    for number in 2..6 {
        assert_eq!(stage.run(&["submit", &signed(&stage, number)]).0, 0);
        assert_eq!(size_of(&to), 6 + number);
    }
    json_of(&stage, &stage.ledger(), &["ledger", "check", "--mirror", to.to_str().unwrap()], 0);
    // The disk of the mirror fails: a file stands where a folder should be.
    let aside = stage.home.join("aside");
    fs::rename(to.join("tile"), &aside).unwrap();
    fs::write(to.join("tile"), "").unwrap();
    let file = signed(&stage, 6);
    for _ in 0..2 {
        let (status, out, talk) = stage.run(&["submit", &file]);
        assert_eq!((status, out.as_str()), (4, ""), "{talk}");
        assert_eq!((size_of(&stage.ledger()), size_of(&to)), (12, 11));
    }
    // Reading goes on meanwhile.
    assert!(stage.run(&["log", "--json"]).0 == 0);
    fs::remove_file(to.join("tile")).unwrap();
    fs::rename(&aside, to.join("tile")).unwrap();
    assert_eq!(stage.run(&["submit", &file]).0, 0);
    assert_eq!((size_of(&stage.ledger()), size_of(&to)), (12, 12));
}

/// ATTACKS 34: a mirror of another history acknowledges nothing.
#[test]
fn attack_34_a_mirror_of_another_history_acknowledges_nothing() {
    let (stage, to) = synced("sync-fork");
    let old = copy_folder(&stage.ledger(), &stage.home.join("old"));
    stage.say(&["ledger", "mirror"]);
    assert_eq!(stage.run(&["submit", &signed(&stage, 1)]).0, 0);
    assert_eq!(size_of(&to), 7);
    copy_folder(&old, &stage.ledger());
    let _ = fs::remove_dir_all(stage.home.join(".local/state"));
    let (status, out, talk) = stage.run(&["submit", &signed(&stage, 2)]);
    assert_eq!((status, out.as_str()), (3, ""), "{talk}");
    assert!(flat(&talk).contains("another history of the first 7 entries"), "{talk}");
    assert_eq!(size_of(&to), 7);
}

#[test]
fn settings_of_a_mirror_are_strict() {
    let (stage, to) = synced("sync-settings");
    let path = stage.home.join(".config/countersign/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    stage.say(&["ledger", "mirror"]);
    let nested = format!("mirror_openings = \"{}/x\"", to.display());
    let openings = format!("mirror_openings = \"{}\"", stage.home.join("apart").display());
    let folder = format!("mirror_folder = \"{}\"\n", to.display());
    for (from, with, line) in [
        ("mirror = \"sync\"", "mirror = \"async\"", "line 4"),
        (folder.as_str(), "", "line 4"),
        (folder.as_str(), "mirror_folder = \"second\"\n", "line 5"),
        (openings.as_str(), nested.as_str(), "line 4"),
    ] {
        assert!(text.contains(from));
        fs::write(&path, text.replacen(from, with, 1)).unwrap();
        let (status, _, talk) = stage.run(&["log"]);
        assert!(status == 2 && flat(&talk).contains(line), "{with}: {talk}");
    }
}
