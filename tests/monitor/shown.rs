//! Sections 1 and 2: what is shown does not add up, or is another history.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign::base::digest::sha256;
use countersign::base::encoding;
use countersign::base::position::TreeSize;
use countersign::ledger::fork::ForkFile;
use countersign::ledger::head::open_checkpoint;
use countersign::ledger::keys::LedgerKeys;
use countersign::ledger::store::Store as _;
use countersign::store::mirror::Update;
use countersign::store::sled::SledStore;

use crate::support::{append_many, append_unsigned, copy_folder, files};
use crate::watched::Watched;

/// Puts a ledger's folder in the place of the watched one, and a mirror of it in that of the other.
fn show(watched: &Watched, ledger: &Path) {
    copy_folder(ledger, &watched.stage.ledger());
    fs::remove_dir_all(watched.mirror()).unwrap();
    watched.publish();
}

/// ATTACKS 34: another history, of any size, is a fork with its evidence; fewer entries are a
/// rollback. Each stands until the first history is shown again.
#[test]
fn attack_34_forks_and_rollbacks_are_told() {
    let watched = Watched::new("fork");
    let home = watched.stage.home.clone();
    let old = copy_folder(&watched.stage.ledger(), &home.join("old"));
    append_many(&mut watched.stage.session(), 5, 5);
    let kept = copy_folder(&watched.stage.ledger(), &home.join("kept"));
    watched.publish_and_look().expect(0, &[]);

    show(&watched, &old);
    let looked = watched.look().expect(3, &["ROLLBACK"]);
    let evidence = &looked.alarms[0]["evidence"];
    assert!(evidence["had"].as_str().unwrap().contains("\n12\n"), "{evidence}");
    assert!(evidence["shown"].as_str().unwrap().contains("\n7\n"), "{evidence}");
    // It stands.
    watched.look().expect(3, &["ROLLBACK"]);

    let keys = LedgerKeys::new(watched.stage.trust.ledger_key().clone());
    let is_proved = |alarm: &serde_json::Value| {
        let fork = alarm["evidence"]["fork"].as_str().unwrap();
        ForkFile::parse(fork.as_bytes()).unwrap().verify(&keys).is_ok()
    };
    // Shorter than what is known, as long, and longer.
    for more in [3, 2, 4] {
        append_many(&mut watched.stage.session(), more, 10);
        watched.publish();
        let looked = watched.look().expect(3, &["FORK"]);
        assert!(is_proved(&looked.alarms[0]), "{looked:?}");
    }
    show(&watched, &kept);
    watched.look().expect(0, &[]);
    let before = files(&watched.mirror());
    append_many(&mut watched.stage.session(), 5, 5);
    watched.publish_and_look().expect(0, &[]);
    assert_ne!(before, files(&watched.mirror()));
}

/// A mirror that somebody altered: nothing of it is kept, and the true one goes on.
#[test]
fn a_tampered_mirror_is_told() {
    let watched = Watched::new("tampered");
    watched.publish_and_look().expect(0, &[]);
    append_many(&mut watched.stage.session(), 3, 3);
    watched.publish();
    let good = watched.stage.home.join("good");
    copy_folder(&watched.mirror(), &good);
    let bundle = "tile/entries/000.p/10";
    let length = fs::metadata(good.join(bundle)).unwrap().len();
    let checkpoint = fs::read(good.join("checkpoint")).unwrap();
    // In a known entry, in a new one, in its length, cut; in size, root and signature.
    let first_new = usize::try_from(length).unwrap() * 8 / 10;
    let root_at = checkpoint.iter().position(|byte| *byte == b'\n').unwrap() + 5;
    for (file, at) in [
        (bundle, Some(first_new)),
        (bundle, Some(usize::try_from(length).unwrap() - 3)),
        (bundle, None),
        ("checkpoint", Some(root_at)),
        ("checkpoint", Some(checkpoint.len() - 8)),
    ] {
        copy_folder(&good, &watched.mirror());
        let path = watched.mirror().join(file);
        let mut bytes = fs::read(&path).unwrap();
        match at {
            Some(at) => bytes[at] ^= 1,
            None => bytes.truncate(bytes.len() / 2),
        }
        fs::write(path, bytes).unwrap();
        let looked = watched.look().expect(3, &["BROKEN"]);
        assert!(looked.alarms[0]["evidence"]["place"].is_string(), "{looked:?}");
    }
    copy_folder(&good, &watched.mirror());
    watched.look().expect(0, &[]);
}

/// Whoever has the ledger's key can sign any tree, and no entry: what admission refuses is told,
/// with its place, and nothing after it is judged.
#[test]
fn an_entry_that_should_not_be_there_is_told() {
    let mut watched = Watched::new("unsigned");
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    let index = append_unsigned(&watched.stage);
    // No mirror of ours copies it: the operator writes the files.
    let store = SledStore::open(&watched.stage.ledger(), "test", Duration::from_secs(10)).unwrap();
    let shown = store.head().unwrap().unwrap();
    let trust = &watched.stage.trust;
    let keys = [trust.ledger_key().clone()];
    let checkpoint =
        open_checkpoint(shown.checkpoint.as_bytes(), trust.origin().as_str(), &keys).unwrap();
    let mut update = Update::new(&store, TreeSize::new(0), &checkpoint).unwrap();
    while !update.step(&store, &watched.mirror(), 1 << 20).unwrap() {}
    update.finish(&watched.mirror()).unwrap();
    drop(store);
    // What was good before it is told as well.
    let looked = watched.look().expect(3, &["OVERRIDE", "BROKEN"]);
    assert_eq!(looked.alarms[1]["evidence"]["place"], format!("entry {index}"));
    watched.look().expect(3, &["BROKEN"]);
}

/// One that goes on tells what comes as it comes, and after a kill nothing twice.
#[test]
fn one_that_goes_on_is_killed_and_resumed() {
    let mut watched = Watched::new("goes-on");
    watched.publish();
    let start = |watched: &Watched| {
        let mut command = watched.command(&["--every", "1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let (mut child, mut lines) = start(&watched);
    let mut told = Vec::new();
    for text in ["three\n", "four\n"] {
        let head = watched.stage.change(text, "More", false);
        let entry = watched.break_glass(&head, None);
        watched.publish();
        let line = lines.next().unwrap().unwrap();
        let alarm: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(alarm["entry"].as_u64().unwrap(), entry.get());
        told.push(line);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let head = watched.stage.change("five\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    let (mut child, mut lines) = start(&watched);
    let line = lines.next().unwrap().unwrap();
    assert!(!told.contains(&line), "{line}");
    // Section 4: SIGTERM ends it as SIGKILL does, and it says so.
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    watched.look().expect(0, &[]);
}

/// Section 4: the alarms are what it prints, whatever else it is to be silent about.
#[test]
fn quiet_it_prints_the_alarms_alone() {
    let mut watched = Watched::new("quiet");
    watched.publish();
    let quiet = |watched: &Watched| watched.look_with(&["-q"]);
    assert_eq!(quiet(&watched).expect(0, &[]).talk, "");
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    assert_eq!(quiet(&watched).expect(1, &["OVERRIDE"]).talk, "");
    // An error is told.
    fs::remove_dir_all(watched.mirror()).unwrap();
    let away = quiet(&watched).expect(4, &[]);
    assert!(away.talk.starts_with("countersign: error: "), "{}", away.talk);
}

#[test]
fn what_is_away_is_status_4_and_its_own_folder_is_its_own() {
    let watched = Watched::new("away");
    let looked = watched.look();
    assert_eq!(looked.status, 4, "{looked:?}");
    assert!(looked.talk.contains("it is not there"), "{}", looked.talk);
    watched.publish_and_look().expect(0, &[]);
    // Another ledger's trust root.
    let other = Watched::new("away-other");
    let trust = watched.stage.home.join("trust.toml");
    fs::copy(other.stage.home.join("trust.toml"), &trust).unwrap();
    watched.look().expect(3, &["BROKEN"]);
}

/// A mirror that any web server serves is followed by its URL, as its folder is.
#[test]
fn a_mirror_that_is_served_is_followed() {
    let mut watched = Watched::new("served");
    watched.publish();
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
    command.arg(watched.mirror()).stdin(Stdio::null());
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 =
        line.split(" port ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    watched.look_at(&url, &[]).expect(0, &[]);
    append_many(&mut watched.stage.session(), 600, 300);
    let head = watched.stage.change("three\n", "More", true);
    watched.stage.deploy(&head);
    watched.break_glass(&head, None);
    watched.publish();
    watched.look_at(&url, &[]).expect(1, &["OVERRIDE"]);
    // What it serves is altered.
    append_many(&mut watched.stage.session(), 1, 1);
    watched.publish();
    fs::write(watched.mirror().join("checkpoint"), "none").unwrap();
    watched.look_at(&url, &[]).expect(3, &["BROKEN"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(watched.look_at(&url, &[]).status, 4);
}

/// A ledger's own server, that only who has a token may read at.
#[test]
fn a_ledgers_own_server_is_followed() {
    let mut watched = Watched::new("server");
    let head = watched.stage.change("three\n", "More", false);
    let settings = watched.stage.home.join(".config/countersign/config.toml");
    let token = encoding::base64(&[7; 32]).trim_end_matches('=').to_owned();
    let digest = encoding::hex(&sha256(&[token.as_bytes()]));
    let text = format!(
        "version = 1\n\n[ledger.\"shop.example/ledger\"]\nfolder = \"{}\"\ntrust = \"{}\"\n\n\
         [ledger.\"shop.example/ledger\".serve]\nlisten = \"127.0.0.1:0\"\n\n\
         [[ledger.\"shop.example/ledger\".serve.token]]\nname = \"monitor\"\n\
         sha256 = \"{digest}\"\nmay = [\"read\"]\n",
        watched.stage.ledger().display(),
        watched.stage.home.join("trust.toml").display()
    );
    fs::write(settings, text).unwrap();
    let start = |watched: &Watched| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["serve", "--json"]).current_dir(&watched.stage.home).env_clear();
        command.env("HOME", &watched.stage.home).stdin(Stdio::null()).stderr(Stdio::null());
        let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        while !text.ends_with('}') {
            text.push_str(&lines.next().unwrap().unwrap());
        }
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        (server, answer["url"].as_str().unwrap().to_owned())
    };
    let (mut server, url) = start(&watched);
    let looked = watched.look_at(&url, &[]);
    assert_eq!(looked.status, 4, "{looked:?}");
    assert!(looked.talk.contains("status 401"), "{}", looked.talk);
    assert!(looked.talk.contains("COUNTERSIGN_TOKEN"), "{}", looked.talk);
    watched.look_as(&token, &url).expect(0, &[]);
    server.kill().unwrap();
    server.wait().unwrap();
    watched.break_glass(&head, None);
    append_many(&mut watched.stage.session(), 300, 300);
    let (mut server, url) = start(&watched);
    let looked = watched.look_as(&token, &url).expect(1, &["OVERRIDE"]);
    assert!(!looked.talk.contains("not at hand"), "{}", looked.talk);
    server.kill().unwrap();
    server.wait().unwrap();
    // A token never goes in the clear.
    assert_eq!(watched.look_as(&token, "http://ledger.example").status, 2);
}

/// What a monitor cannot use is refused before it looks: a folder in which others keep something, a
/// webhook and a source that are no URL, no pause between two looks.
#[test]
fn what_cannot_be_is_refused_before_it_looks() {
    let watched = Watched::new("wrong");
    watched.publish();
    let work_tree = watched.stage.home.join("shop");
    fs::create_dir_all(work_tree.join(".git")).unwrap();
    fs::write(work_tree.join("README"), "shop").unwrap();
    let before = files(&work_tree);
    let mirror = watched.mirror().to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(["monitor", "--trust"])
            .arg(watched.stage.home.join("trust.toml"))
            .args(arguments);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let ledger = watched.stage.home.join("ledger").to_str().unwrap().to_owned();
    let (own, other) = (watched.folder(), work_tree.to_str().unwrap());
    let own = own.to_str().unwrap();
    for (arguments, said) in [
        (vec![mirror.as_str(), "--folder", other, "--once"], "no monitor made"),
        (vec![&mirror, "--folder", own, "--once", "--webhook", "http://"], "expected https://"),
        (vec!["http://", "--folder", own, "--once"], "is no URL"),
        (vec![&mirror, "--folder", own, "--every", "0"], "--every"),
        (vec![&ledger, "--folder", own, "--once"], "is the folder of a ledger, no mirror"),
        (vec![&ledger, "--folder", own, "--once"], "countersign ledger mirror --to DIR"),
    ] {
        let (status, talk) = run(&arguments);
        assert_eq!(status, 2, "{arguments:?}: {talk}");
        assert!(talk.replace("\n  ", " ").contains(said), "{arguments:?}: {talk}");
    }
    assert_eq!(files(&work_tree), before);
    // Its own folder, and an empty one, it takes.
    fs::create_dir_all(watched.folder()).unwrap();
    watched.look().expect(0, &[]);
    watched.look().expect(0, &[]);
}
