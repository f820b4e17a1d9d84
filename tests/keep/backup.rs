//! `ledger backup`: one file, consistent while entries come, and read as if a stranger had made it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::session::backup::{Member, read_backup};
use proptest::prelude::*;

use super::stage::{Stage, ledger_key};
use super::support::*;

fn backup(stage: &Stage, to: &Path, more: &[&str]) -> serde_json::Value {
    let arguments = [&["ledger", "backup", "--to", to.to_str().unwrap()], more].concat();
    json_of(stage, &stage.ledger(), &arguments, 0)
}

fn restore(stage: &Stage, from: &Path, to: &Path) -> serde_json::Value {
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    json_of(stage, &stage.ledger(), &["ledger", "restore", "--from", from, "--to", to], 0)
}

/// Members and contents of a backup; none where it is refused.
fn read(bytes: &[u8]) -> Option<Vec<(Member, Vec<u8>)>> {
    let mut found = Vec::new();
    let outcome = read_backup(bytes, &mut |member, content| {
        found.push((member, content.to_vec()));
        Ok(())
    });
    outcome.is_ok().then_some(found)
}

/// spec/ledger.md section 13: the whole folder, but not the secret key unless asked; other tools
/// list and check it.
#[test]
fn a_backup_is_the_whole_ledger_in_one_file() {
    let stage = stage("whole");
    append_many(&mut stage.session(), 300, 300);
    let file = stage.home.join("ledger.tar");
    let done = backup(&stage, &file, &[]);
    assert_eq!((&done["size"], &done["has_key"]), (&306.into(), &false.into()));
    assert_eq!((&done["openings"], &done["blobs"]), (&5.into(), &1.into()));
    let secret = ledger_key(&stage.home).read().unwrap().unwrap().to_text();
    let has_secret = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        bytes.windows(40).any(|part| part == &secret.as_bytes()[..40])
    };
    assert!(!has_secret(&file));
    // Nothing is written over, and nothing is left beside it.
    let (status, _, talk) = stage.run(&["ledger", "backup", "--to", file.to_str().unwrap()]);
    assert!(status == 2 && talk.contains("is there already"), "{talk}");
    let left: Vec<_> =
        fs::read_dir(&stage.home).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".ledger.tar")), "{left:?}");
    // Equal ledgers make equal files.
    let again = stage.home.join("again.tar");
    backup(&stage, &again, &[]);
    assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap());
    // Tools that every system has.
    let tools = stage.home.join("tools");
    fs::create_dir_all(&tools).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&tools).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run("tar", &["-xf", file.to_str().unwrap()]);
    assert!(!run("sha256sum", &["-c", "manifest"]).contains("FAILED"));
    // Its mirror is a mirror.
    let mirror = tools.join("mirror");
    json_of(&stage, &stage.ledger(), &["ledger", "check", "--mirror", mirror.to_str().unwrap()], 0);
    let new = stage.home.join("new");
    let restored = restore(&stage, &file, &new);
    assert_eq!((&restored["openings"], &restored["missing"]), (&5.into(), &serde_json::json!([])));
    assert_eq!(stage.run_on(&new, &["log", "--json"]).1, stage.run(&["log", "--json"]).1);
    // With the key: a machine that has nothing appends again.
    let with_key = stage.home.join("with-key.tar");
    assert_eq!(backup(&stage, &with_key, &["--with-key"])["has_key"], true);
    assert!(has_secret(&with_key));
    fs::remove_file(ledger_key(&stage.home).path()).unwrap();
    fs::remove_dir_all(stage.ledger()).unwrap();
    let restored = restore(&stage, &with_key, &stage.ledger());
    assert_eq!(restored["has_key"], true);
    append_many(&mut stage.session(), 1, 1);
}

/// While others append, each backup is of one checkpoint, whole.
#[test]
fn a_backup_is_consistent_while_entries_come() {
    let stage = stage("parallel");
    append_many(&mut stage.session(), 300, 300);
    let is_done = AtomicBool::new(false);
    let sizes = std::thread::scope(|scope| {
        let appends = scope.spawn(|| {
            let mut count = 0;
            while !is_done.load(Ordering::SeqCst) {
                append_many(&mut stage.session(), 5, 5);
                count += 5;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            count
        });
        let mut sizes = Vec::new();
        for number in 0..6 {
            let file = stage.home.join(format!("{number}.tar"));
            sizes.push(backup(&stage, &file, &[])["size"].as_u64().unwrap());
        }
        is_done.store(true, Ordering::SeqCst);
        let appended: u64 = appends.join().unwrap();
        assert!(appended > 0);
        sizes
    });
    assert!(sizes.is_sorted() && sizes[5] > sizes[0], "{sizes:?}");
    let _ = fs::remove_dir_all(stage.home.join(".local/state"));
    for (number, size) in sizes.into_iter().enumerate() {
        let new = stage.home.join(format!("new-{number}"));
        let restored = restore(&stage, &stage.home.join(format!("{number}.tar")), &new);
        assert_eq!(restored["size"].as_u64(), Some(size));
        let _ = fs::remove_dir_all(stage.home.join(".local/state"));
    }
}

fn small() -> Vec<u8> {
    let stage = stage(&format!("small-{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    let file = stage.home.join("small.tar");
    backup(&stage, &file, &[]);
    fs::read(file).unwrap()
}

/// Every flipped byte and every cut of a small backup: refused, or the members are the same.
#[test]
fn no_altered_backup_is_read_as_another() {
    let bytes = small();
    let sound = read(&bytes).unwrap();
    let (mut refused, mut same) = (0, 0);
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        match read(&other) {
            None => refused += 1,
            // A byte that no content rests on: the filling between members.
            Some(found) => {
                assert_eq!(found, sound, "byte {at}");
                same += 1;
            }
        }
    }
    assert!(refused > same, "{refused} {same}");
    for length in (0..bytes.len()).step_by(97) {
        let found = read(&bytes[..length]);
        // What is cut off at most is the end of the archive, which is zeros.
        assert!(found.is_none() || bytes[length..].iter().all(|byte| *byte == 0), "{length}");
    }
    let mut longer = bytes.clone();
    longer.extend_from_slice(&[0; 512]);
    assert_eq!(read(&longer).unwrap(), sound);
    longer.push(b'x');
    assert!(read(&longer).is_none());
}

/// An archive of somebody who means harm: other kinds of members, names that lead elsewhere, names
/// twice or out of order, lengths beyond every limit.
#[test]
fn hostile_archives_are_refused() {
    let sound = read(&small()).unwrap();
    let format = b"countersign backup v1\nshop.example/ledger\n";
    let build = |members: &[(&str, tar::EntryType, &[u8])]| {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_entry_type(*kind);
            // Set by hand: the builder refuses names that lead elsewhere.
            header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap()
    };
    let file = tar::EntryType::Regular;
    let note = &sound[0].1[..];
    let begin = ("countersign-backup", file, &format[..]);
    let checkpoint = ("mirror/checkpoint", file, note);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("no tar", b"PK\x03\x04".repeat(200)),
        ("another first member", build(&[checkpoint])),
        ("another format", build(&[("countersign-backup", file, b"countersign backup v2\nx\n")])),
        ("no manifest", build(&[begin, checkpoint])),
        ("a manifest of nothing", build(&[begin, checkpoint, ("manifest", file, b"")])),
        ("twice", build(&[begin, checkpoint, checkpoint])),
        ("out of order", build(&[begin, ("private/email-salt", file, b"x"), checkpoint])),
        ("a way out", build(&[begin, ("mirror/../../x", file, b"x")])),
        ("from the root", build(&[begin, ("/etc/passwd", file, b"x")])),
        ("another spelling", build(&[begin, ("./mirror/checkpoint", file, note)])),
        ("a link", build(&[begin, ("mirror/checkpoint", tar::EntryType::Symlink, b"")])),
        ("a folder", build(&[begin, ("mirror/checkpoint", tar::EntryType::Directory, b"")])),
        ("a long name", build(&[begin, ("mirror/checkpoint", tar::EntryType::GNULongName, note)])),
        (
            "a wrong blob",
            build(&[begin, (&format!("mirror/blobs/00/{}", "0".repeat(62)), file, b"x")]),
        ),
        ("too large", build(&[begin, ("private/email-salt", file, &[b'0'; 66])])),
    ];
    for (what, bytes) in cases {
        assert!(read(&bytes).is_none(), "{what}");
    }
    // A length of exbibytes is refused before anything is read for it.
    let mut bytes = build(&[begin, checkpoint]);
    let header = 512 + 512;
    bytes[header + 124..header + 136]
        .copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    assert!(read(&bytes).is_none());
}

/// What is read is within limits, in order, and each name has one
/// spelling.
fn read_any(bytes: &[u8]) {
    let mut before = None;
    let outcome = read_backup(bytes, &mut |member, content| {
        assert!(content.len() as u64 <= member.bytes_max() && before < Some(member));
        assert_eq!(Member::from_name(&member.name()), Some(member));
        before = Some(member);
        Ok(())
    });
    drop(outcome);
}

#[test]
fn any_bytes_are_read_or_refused() {
    let bytes = small();
    let mut runner = proptest::test_runner::TestRunner::default();
    let edits = prop::collection::vec((0..bytes.len(), any::<u8>()), 1..6);
    runner
        .run(&(edits, 0..bytes.len(), any::<bool>()), |(edits, end, cut)| {
            let mut other = bytes.clone();
            for (at, byte) in edits {
                other[at] = byte;
            }
            read_any(if cut { &other[..end] } else { &other });
            Ok(())
        })
        .unwrap();
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..2_000), |bytes| {
            read_any(&bytes);
            Ok(())
        })
        .unwrap();
}

/// A folder that is missing, or a device: nothing is left, and nothing is replaced.
#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let stage = stage("nowhere");
    let missing = stage.home.join("none/ledger.tar");
    let (status, _, talk) = stage.run(&["ledger", "backup", "--to", missing.to_str().unwrap()]);
    assert_eq!(status, 4, "{talk}");
    assert!(!missing.parent().unwrap().exists());
    let (status, _, talk) = stage.run(&["ledger", "backup", "--to", "/dev/null"]);
    assert_eq!(status, 2, "{talk}");
}
