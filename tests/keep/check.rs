//! `ledger check`: each kind of damage at a known place is told with its place, and nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use countersign::base::digest::{hmac_sha256, sha256};
use countersign::base::encoding;
use countersign::base::limits::CHECK_FINDINGS_MAX;

use super::stage::{Stage, ledger_key};
use super::support::*;

/// The one finding of a check.
#[track_caller]
fn finding(stage: &Stage, folder: &Path, arguments: &[&str]) -> (String, Option<u64>, String) {
    let found = json_of(stage, folder, arguments, 3);
    assert_eq!(found["answer"], "TAMPERED");
    assert_eq!(found["damage"].as_array().unwrap().len(), 1, "{found:#}");
    let first = &found["damage"][0];
    let text = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(found["missing"].as_array().unwrap().len(), 0, "{found:#}");
    (text("place"), first["entry"].as_u64(), format!("{}: {}", text("file"), text("what")))
}

/// spec/ledger.md section 8: entries, tiles, topics, head, files, each at its place.
#[test]
fn damage_of_the_ledger_is_told_at_its_place() {
    let stage = stage("places");
    append_many(&mut stage.session(), 600, 300);
    let sound = json_of(&stage, &stage.ledger(), &["ledger", "check"], 0);
    assert_eq!((&sound["size"], &sound["signatures"]), (&606.into(), &606.into()));
    assert_eq!(sound["view_compared"], true);
    let copy = || stage.copy("copy");
    let check = |folder: &Path| finding(&stage, folder, &["ledger", "check"]);
    // An entry before, at and behind the border of tiles, and the newest.
    for index in [0, 3, 255, 256, 511, 512, 605] {
        let folder = copy();
        flip(&folder, &leaf_key(index), 150);
        let (place, entry, what) = check(&folder);
        assert_eq!((place, entry), (format!("entry {index}"), Some(index)), "{what}");
    }
    // A tile, full and partial, of both levels.
    for (level, index, half, at, name) in [
        (0_u8, 1_u64, 0_u8, 5, "tile/0/001"),
        (0, 1, 1, 4_000, "tile/0/001"),
        (0, 2, 0, 33, "tile/0/002.p/94"),
        (1, 0, 0, 40, "tile/1/000.p/2"),
    ] {
        let folder = copy();
        flip(&folder, &[&[b't', level][..], &index.to_be_bytes(), &[half]].concat(), at);
        let (place, entry, what) = check(&folder);
        assert_eq!((place.as_str(), entry), (name, None), "{what}");
        assert!(what.starts_with(name), "{what}");
    }
    // The head, and the checkpoint in it.
    for (at, named) in [(9, "head"), (50, "head"), (120, "checkpoint of the head")] {
        let folder = copy();
        flip(&folder, b"h", at);
        assert_eq!(check(&folder).0, named);
    }
    // The index of topics: an entry that is not found, and one that is found under another.
    let folder = copy();
    let db = open_sled(&folder);
    let keys: Vec<_> = db.scan_prefix(b"x").keys().map(Result::unwrap).collect();
    let named = keys.iter().find(|key| key.ends_with(&300_u64.to_be_bytes())).unwrap();
    db.remove(named).unwrap();
    db.flush().unwrap();
    drop(db);
    let (place, entry, what) = check(&folder);
    assert_eq!((place.as_str(), entry), ("entry 300", Some(300)), "{what}");
    assert!(what.contains("cannot be found"), "{what}");
    let folder = copy();
    let db = open_sled(&folder);
    db.insert([&b"x"[..], &[9; 32], &41_u64.to_be_bytes()].concat(), b"").unwrap();
    db.flush().unwrap();
    drop(db);
    let (place, entry, what) = check(&folder);
    assert_eq!((place.as_str(), entry), ("entry 41", Some(41)), "{what}");
    assert!(what.contains("a topic that it has not"), "{what}");
}

#[test]
fn damage_beside_the_log_is_told_with_its_file() {
    let stage = stage("beside");
    let copy = || stage.copy("copy");
    let check = |folder: &Path| finding(&stage, folder, &["ledger", "check"]);
    let named = files(&stage.ledger());
    let of = |prefix: &str| named.keys().find(|name| name.starts_with(prefix)).unwrap().clone();
    let folder = copy();
    let blob = of("blobs/");
    flip_file(&folder.join(&blob));
    let (place, entry, what) = check(&folder);
    assert_eq!((place.as_str(), entry), ("cover of the decision at entry 3", Some(3)));
    assert!(what.starts_with(&blob), "{what}");
    // A file that no entry names.
    let folder = copy();
    let stray = folder.join("blobs/00").join("1".repeat(62));
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, "x").unwrap();
    assert!(check(&folder).0.starts_with("file 0011"));
    let folder = copy();
    let opening = of("openings/");
    flip_file(&folder.join(&opening));
    let (place, _, what) = check(&folder);
    assert!(place.starts_with("an opening of entry ") && what.starts_with(&opening), "{what}");
    let folder = copy();
    flip_file(&folder.join("checkpoint"));
    let (place, _, what) = check(&folder);
    assert_eq!(place, "file of the newest checkpoint");
    assert!(what.starts_with("checkpoint: "), "{what}");
    let folder = copy();
    fs::write(folder.join("email-salt"), format!("{}\n", "ab".repeat(32))).unwrap();
    assert_eq!(check(&folder).2, "email-salt: is not this ledger's");
    fs::remove_file(folder.join("email-salt")).unwrap();
    assert_eq!(check(&folder).0, "email-salt");
}

/// A view that the ledger's own key vouches for and that is not the fold of the entries. One that
/// nothing vouches for is thrown away.
#[test]
fn a_view_that_is_not_the_fold_is_told() {
    let stage = stage("view");
    let folder = stage.copy("copy");
    let path = folder.join("view.json");
    let text = fs::read_to_string(&path).unwrap();
    let body = text.split_once('\n').unwrap().1.replacen("\"ben\"", "\"bem\"", 1);
    assert!(body.contains("\"bem\""));
    let key = ledger_key(&stage.home).read().unwrap().unwrap().to_text();
    let key = sha256(&[b"countersign view file v1\0", key.trim_end().as_bytes()]);
    let mac = encoding::hex(&hmac_sha256(&key, body.as_bytes()));
    fs::write(&path, format!("{mac}\n{body}")).unwrap();
    let (place, _, what) = finding(&stage, &folder, &["ledger", "check"]);
    assert_eq!(place, "view.json");
    assert!(what.contains("differs from the fold"), "{what}");
    fs::remove_file(&path).unwrap();
    let found = json_of(&stage, &folder, &["ledger", "check"], 0);
    assert_eq!(found["view_compared"], false);
}

/// Whoever has the ledger's key can write what nobody signed into a good tree: every signature is
/// verified, and the first that does not hold is told, whatever comes later.
#[test]
fn a_signature_that_does_not_hold_is_told_at_its_entry() {
    let stage = stage("signature");
    append_many(&mut stage.session(), 44, 44);
    let index = append_unsigned(&stage);
    assert_eq!(index, 50);
    let (place, entry, what) = finding(&stage, &stage.ledger(), &["ledger", "check"]);
    assert_eq!((place.as_str(), entry), ("entry 50", Some(50)));
    assert!(what.contains("signature"), "{what}");
    let found = json_of(&stage, &stage.ledger(), &["ledger", "check"], 3);
    assert_eq!(found["entries_good"], 50);
}

/// spec/ledger.md section 8: what a check of a part proves, and what it does not.
#[test]
fn a_part_is_checked_and_says_what_it_does_not_prove() {
    let stage = stage("range");
    append_many(&mut stage.session(), 44, 44);
    let range = |text: &str| stage.run(&["ledger", "check", "--range", text]);
    let (status, out, talk) = range("0..20");
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.starts_with("YES  shop.example/ledger: entries 0 to 19 of 50 are good"), "{out}");
    assert!(out.contains("not read: entries 20 to 49"), "{out}");
    assert!(out.contains("next: countersign ledger check --from 20"), "{out}");
    let (_, out, _) = stage.run(&["ledger", "check", "--from", "#20"]);
    assert!(out.contains("entries 20 to 49 of 50 are good, and 30 signatures"), "{out}");
    assert!(
        flat(&out).contains("not proved: that those who signed entries 0 to 19 might"),
        "{out}"
    );
    let found = json_of(&stage, &stage.ledger(), &["ledger", "check", "--from", "20"], 0);
    assert_eq!(found["judged"], serde_json::json!([20, 50]));
    // All parts together find what the whole does.
    append_unsigned(&stage);
    for (text, status) in [("0..50", 0), ("40..51", 3), ("50..60", 3)] {
        assert_eq!(range(text).0, status, "{text}");
    }
    // The form and place of entries before a part are checked as well, those behind it are not.
    let folder = stage.copy("copy");
    flip(&folder, &leaf_key(9), 150);
    for (text, status) in [("0..9", 0), ("0..10", 3), ("20..30", 3)] {
        let (found, out, _) = stage.run_on(&folder, &["ledger", "check", "--range", text]);
        assert_eq!(found, status, "{text}: {out}");
        assert!(status == 0 || out.starts_with("TAMPERED  entry 9: "), "{out}");
    }
    for text in ["5", "7..7", "9..3", "a..b"] {
        assert_eq!(range(text).0, 2, "{text}");
    }
    assert_eq!(range("90..95").0, 2);
    assert_eq!(stage.run(&["ledger", "check", "--from", "1", "--range", "1..2"]).0, 2);
}

/// A mirror is held against the ledger: entries, tiles, files, checkpoint.
#[test]
fn damage_of_a_mirror_is_told_with_its_file() {
    let stage = stage("mirrored");
    append_many(&mut stage.session(), 600, 300);
    let mirror = stage.home.join("mirror");
    stage.say(&["ledger", "mirror", "--to", mirror.to_str().unwrap()]);
    let copy = stage.home.join("copy");
    let arguments = ["ledger", "check", "--mirror", copy.to_str().unwrap()];
    let check = || finding(&stage, &stage.ledger(), &arguments);
    copy_folder(&mirror, &copy);
    let found = json_of(&stage, &stage.ledger(), &arguments, 0);
    assert_eq!((&found["mirror"]["good"], &found["mirror"]["size"]), (&true.into(), &606.into()));
    // One byte of the payload of an entry in the second bundle.
    let file = "tile/entries/001";
    let mut bytes = fs::read(copy.join(file)).unwrap();
    let entries = countersign::merkle::tile::unbundle(&bytes).unwrap();
    let at = entries[..44].iter().map(|entry| entry.len() + 2).sum::<usize>() + 150;
    bytes[at] ^= 1;
    fs::write(copy.join(file), bytes).unwrap();
    let (place, entry, what) = check();
    assert_eq!((place.as_str(), entry), ("mirror", Some(300)));
    assert!(what.starts_with(file) && what.contains("entry 300"), "{what}");
    for file in ["tile/0/000", "tile/0/002.p/94", "tile/1/000.p/2"] {
        copy_folder(&mirror, &copy);
        flip_file(&copy.join(file));
        let (place, _, what) = check();
        assert!(place == "mirror" && what.starts_with(file), "{what}");
        fs::remove_file(copy.join(file)).unwrap();
        assert!(check().2.starts_with(file));
    }
    copy_folder(&mirror, &copy);
    flip_file(&copy.join("checkpoint"));
    assert!(check().2.starts_with("checkpoint: "));
    copy_folder(&mirror, &copy);
    let blob = files(&copy).keys().find(|name| name.starts_with("blobs/")).unwrap().clone();
    flip_file(&copy.join(&blob));
    assert!(check().2.starts_with(&blob));
    // One that is gone is missing, which is another thing, and one command puts it back.
    fs::remove_file(copy.join(&blob)).unwrap();
    let found = json_of(&stage, &stage.ledger(), &arguments, 4);
    assert_eq!(found["missing"][0]["file"], blob.as_str());
    stage.say(&["ledger", "mirror", "--whole", "--to", copy.to_str().unwrap()]);
    json_of(&stage, &stage.ledger(), &arguments, 0);
    // No mirror at all, and the mirror of another ledger.
    fs::remove_dir_all(&copy).unwrap();
    json_of(&stage, &stage.ledger(), &arguments, 4);
    let other = stage_of_another("other", &copy);
    let (place, _, what) = check();
    assert!(place == "mirror" && what.starts_with("checkpoint: "), "{what}");
    drop(other);
}

fn stage_of_another(test: &str, mirror: &Path) -> Stage {
    let other = Stage::new(test, "enforce");
    other.say(&["ledger", "mirror", "--to", mirror.to_str().unwrap()]);
    other
}

/// The bar is for people: on a terminal, and neither in a pipe nor with `--json`.
#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let stage = stage("bar");
    append_many(&mut stage.session(), 2_000, 1_000);
    let trust = stage.home.join("trust.toml");
    let line = |more: &str| {
        format!(
            "{} ledger check --ledger {} --trust {} {more}",
            env!("CARGO_BIN_EXE_countersign"),
            stage.ledger().display(),
            trust.display()
        )
    };
    let in_terminal = |more: &str| {
        let mut command = Command::new("script");
        command.args(["-qec", &line(more), "/dev/null"]).current_dir(stage.work());
        command.env_clear().env("HOME", &stage.home).env("TERM", "xterm");
        command.env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    let shown = in_terminal("");
    assert!(shown.contains("entries") && shown.contains(" % "), "{shown}");
    assert!(shown.contains("YES"), "{shown}");
    assert!(!in_terminal("--json").contains(" % "));
    let (_, out, talk) = stage.run(&["ledger", "check"]);
    assert!(!out.contains(" % ") && talk.is_empty(), "{out}{talk}");
}

/// So many findings are listed, and what is beyond is counted.
#[test]
fn findings_of_a_check_are_bounded() {
    let stage = stage("findings");
    let found = |count: usize| {
        for number in 0..count {
            let name = format!("{number:064x}");
            let folder = stage.ledger().join("blobs").join(&name[..2]);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(&name[2..]), "another content").unwrap();
        }
        let answer = json_of(&stage, &stage.ledger(), &["ledger", "check"], 3);
        (answer["damage"].as_array().unwrap().len(), answer["findings_more"].as_u64().unwrap())
    };
    assert_eq!(found(CHECK_FINDINGS_MAX), (CHECK_FINDINGS_MAX, 0));
    assert_eq!(found(CHECK_FINDINGS_MAX + 1), (CHECK_FINDINGS_MAX, 1));
}
