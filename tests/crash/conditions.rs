//! The machine says no: a full disk, a file system that may only be read, missing permission,
//! limits of the process, damage of sled's own file. A clear error, the right exit status, nothing
//! half done; and when the cause is gone, work goes on.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use countersign::base::position::EntryIndex;
use countersign::ledger::append::LedgerError;
use countersign::session::{SessionError, SessionErrorKind};

use crate::common::{Output, Stage};
use crate::mount::{Mount, fill};
use crate::place::{Place, Random, approval, comment, copy_folder, now};

/// Opens and appends `count` entries; gives the positions that were acknowledged.
fn append(
    place: &Place,
    random: &mut Random,
    count: usize,
) -> Result<Vec<EntryIndex>, SessionError> {
    let mut session = place.open()?;
    let envelopes: Vec<_> = (0..count)
        .map(|_| {
            let comment = comment(random);
            session.openings().put(&comment)?;
            Ok(approval(&session, random, Some(&comment)))
        })
        .collect::<Result<_, SessionError>>()?;
    let receipts = session.append(now(), &envelopes)?;
    Ok(receipts.into_iter().map(|receipt| receipt.unwrap().index).collect())
}

#[track_caller]
fn assert_all_good(place: &Place) -> u64 {
    let checked = place.check().unwrap();
    assert!(checked.is_good(), "{checked:?}");
    checked.size.get()
}

/// The disk has so many KiB left, from nothing on upwards: whatever of an append they are enough
/// for, it is acknowledged and there, or not acknowledged and there whole or not at all.
#[test]
fn a_full_disk_is_told_and_nothing_is_half_done() {
    let Some(mount) = Mount::new("full", "size=24m") else { return };
    let place = Place::begin_in(&mount.0.join("place"));
    let mut random = Random(7);
    append(&place, &mut random, 5).unwrap();
    let filler = mount.0.join("filler");
    let (mut refused, mut acknowledged, mut size) = (0, 0, 6);
    for free_bytes in (0..40).map(|step| step * 4_096).chain((2..12).map(|step| step * 100_000)) {
        fill(&filler, free_bytes);
        // More than one buffer of sled's, now and then.
        let count = if free_bytes % 3 == 0 { 4 } else { 40 };
        let result = append(&place, &mut random, count);
        fs::remove_file(&filler).unwrap();
        match &result {
            Ok(found) => {
                acknowledged += 1;
                let expected: Vec<_> = (size..size + count as u64).map(EntryIndex::new).collect();
                assert_eq!(*found, expected);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{error} {error:?}");
            }
        }
        let session = place.open().unwrap();
        let found = session.size().get();
        assert!(found == size || found == size + count as u64, "{found} {size}");
        assert!(result.is_err() || found > size);
        size = found;
    }
    assert!(refused > 5 && acknowledged > 5, "{refused} {acknowledged}");
    assert_eq!(assert_all_good(&place), size);
    append(&place, &mut random, 1).unwrap();
    println!("full disk: {refused} refused, {acknowledged} acknowledged, lost 0");
}

#[test]
fn a_file_system_that_may_only_be_read_is_told() {
    let Some(mount) = Mount::new("readonly", "size=24m") else { return };
    let place = Place::begin_in(&mount.0.join("place"));
    let mut random = Random(8);
    append(&place, &mut random, 3).unwrap();
    mount.remount("ro");
    let error = append(&place, &mut random, 1).unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    mount.remount("rw");
    append(&place, &mut random, 1).unwrap();
    assert_eq!(assert_all_good(&place), 5);
}

/// The program itself on a disk that is full.
#[test]
fn a_full_disk_is_exit_status_4_with_a_hint() {
    let stage = Stage::with_branch("full");
    let Some(mount) = Mount::new("program", "size=24m") else { return };
    let hash = stage.change_of("main..retry");
    let folder = mount.0.join("ledger");
    copy_folder(&stage.ledger(), &folder);
    let named = folder.to_str().unwrap();
    let filler = mount.0.join("filler");
    fill(&filler, 0);
    let approve = ["approve", "retry", "--expect", &hash, "--ledger", named];
    let refused = stage.run(approve);
    refused.refused(4, "free some space");
    assert_eq!(refused.out, "");
    fs::remove_file(&filler).unwrap();
    stage.run(["ledger", "check", "--ledger", named]).ok();
    stage.run(approve).ok();
}

#[test]
fn missing_permission_is_told_apart_from_a_missing_ledger() {
    let stage = Stage::with_branch("permission");
    let can_drop = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_drop {
        println!("skipped: setpriv cannot make another user of this one (it takes root)");
        return;
    }
    let (ledger, trust) = (stage.root().join("ledger"), stage.root().join("trust.toml"));
    copy_folder(&stage.ledger(), &ledger);
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o700)).unwrap();
    let pinned = stage.home().join(".config/countersign/trust/localhost_shop.toml");
    fs::copy(pinned, &trust).unwrap();
    fs::set_permissions(&trust, fs::Permissions::from_mode(0o644)).unwrap();
    let in_folder = |folder: &Path, arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_countersign");
        let mut command = stage.program("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", program]).args(arguments);
        command.current_dir(folder).env("HOME", "/nowhere");
        for name in ["CONFIG", "DATA", "STATE", "CACHE"] {
            command.env(format!("XDG_{name}_HOME"), "/nowhere");
        }
        command.env("COUNTERSIGN_LEDGER", stage.root().join("ledger"));
        command.env("COUNTERSIGN_TRUST", stage.root().join("trust.toml"));
        Output::of(&mut command)
    };
    let as_nobody = |arguments: &[&str]| in_folder(Path::new("/"), arguments);
    // Where the program itself is not to be reached, nothing can be said.
    if as_nobody(&["--version"]).status != 0 {
        println!("skipped: another user cannot run the program where it is");
        return;
    }
    let log = as_nobody(&["log"]);
    log.refused(4, "Permission denied");
    log.refused(4, "the user whom these files belong to");
    // Whoever stands in a folder that they may not read needs no repository there.
    let inner = ledger.join("sled");
    in_folder(&inner, &["log"]).refused(4, "the user whom these files belong to");
    in_folder(&inner, &["hash", "HEAD"]).refused(2, "the folder may not be read");
    // The folder may be looked at, its lock may not be opened.
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o755)).unwrap();
    as_nobody(&["log"]).refused(4, "Permission denied");
    stage.run(["ledger", "check", "--ledger", ledger.to_str().unwrap()]).ok();
}

/// Limits of the process: every command ends with its answer or with status 4, and harms nothing.
#[test]
fn limits_of_the_process_are_told() {
    let stage = Stage::with_branch("limits");
    let hash = stage.change_of("main..retry");
    let limited = |limit: &str, arguments: &[&str]| {
        let mut command = stage.program("sh");
        let program = env!("CARGO_BIN_EXE_countersign");
        command.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\"")).arg(program).args(arguments);
        Output::of(&mut command)
    };
    let approve = ["approve", "retry", "--expect", &hash];
    let (mut told, mut done) = (0, 0);
    let files = (4..22).map(|count| format!("ulimit -n {count}"));
    // Blocks of 512 bytes; sled writes segments of 512 KiB.
    let sizes = [0, 1, 2, 8, 64, 512, 2_048].map(|blocks| format!("ulimit -f {blocks}"));
    for limit in files.chain(sizes) {
        let answer = limited(&limit, &approve);
        match answer.status {
            0 => done += 1,
            4 => {
                told += 1;
                assert!(answer.talk.contains("hint: "), "{limit}: {answer:?}");
                assert_eq!(answer.out, "", "{limit}");
            }
            _ => panic!("{limit}: {answer:?}"),
        }
        stage.run(["status", "retry"]).ok();
    }
    assert!(told > 5 && done > 0, "{told} {done}");
    stage.run(["ledger", "check"]).ok();
    stage.run(approve).ok();
}

/// Damage anywhere in sled's file: one line, the way back, status 3; never a bug's message.
#[test]
fn a_corrupt_page_is_status_3_with_the_way_back() {
    let stage = Stage::with_branch("corrupt");
    let good = stage.root().join("good");
    copy_folder(&stage.ledger(), &good);
    let path = stage.ledger().join("sled/db");
    let length = fs::metadata(&path).unwrap().len();
    let (mut refused, mut harmless, mut ways) = (0, 0, 0);
    for at in (0..length.min(120_000)).step_by(4_096 + 700) {
        fs::remove_dir_all(stage.ledger()).unwrap();
        copy_folder(&good, &stage.ledger());
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[0xAA; 512]).unwrap();
        for arguments in [&["status", "retry"][..], &["ledger", "check"]] {
            let answer = stage.run(arguments);
            match answer.status {
                3 => refused += 1,
                // The page was of no use any more.
                0 => harmless += 1,
                _ => panic!("{at}: {answer:?}"),
            }
            let talk = &answer.talk;
            assert!(!talk.contains("internal error"), "{at}: {talk}");
            assert!(!talk.contains("panicked"), "{at}: {talk}");
            assert!(talk.lines().filter(|line| line.contains("error:")).count() <= 1, "{talk}");
            ways += usize::from(talk.contains("countersign ledger restore --from MIRROR"));
        }
    }
    assert!(
        refused > 5 && ways > 0,
        "{refused} refused, {harmless} harmless, {ways} with the way back"
    );
    println!("corrupt pages: {refused} refused, {harmless} harmless, {ways} told the way back");
}

/// The folder goes while a ledger is open: the append fails, and what it had is told.
#[test]
fn a_folder_removed_underneath_is_told() {
    let place = Place::begin("underneath");
    let mut random = Random(9);
    append(&place, &mut random, 2).unwrap();
    let mut session = place.open().unwrap();
    let envelope = approval(&session, &mut random, None);
    fs::remove_dir_all(place.ledger()).unwrap();
    let error = session.append(now(), &[envelope]).unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{error}");
    assert!(matches!(error, SessionError::Ledger(LedgerError::Store(_))), "{error:?}");
    assert!(error.to_string().contains("moved, removed or replaced"), "{error}");
    drop(session);
    let error = place.open().unwrap_err();
    assert!(matches!(error, SessionError::Gone { size, .. } if size.get() == 3), "{error:?}");
    assert_eq!(error.kind(), SessionErrorKind::Unavailable);
}

/// The folder is gone, or a part of it, when the program comes: nobody is told to begin another
/// ledger, and the way back is named.
#[test]
fn what_is_gone_is_told_with_the_way_back() {
    let stage = Stage::with_branch("gone");
    let good = stage.root().join("good");
    copy_folder(&stage.ledger(), &good);
    let commands = [&["status", "retry"][..], &["gate", "-n"], &["log"], &["ledger", "check"]];
    // The store alone.
    fs::remove_dir_all(stage.ledger().join("sled")).unwrap();
    for arguments in commands {
        let refused = stage.run(arguments);
        refused.refused(3, "the embedded store: it is gone, and 3 entries were acknowledged");
        refused.refused(3, "countersign ledger restore --from");
        assert!(!stage.ledger().join("sled").exists(), "an empty store was made");
    }
    // Everything.
    fs::remove_dir_all(stage.ledger()).unwrap();
    for arguments in commands {
        let refused = stage.run(arguments);
        refused.refused(4, "and 3 of its entries were seen here before");
        refused.refused(4, "countersign ledger restore --from MIRROR");
        assert!(!refused.talk.contains("countersign init"), "{}", refused.talk);
    }
    // Whoever never saw one is told how to begin.
    fs::remove_dir_all(stage.home().join(".local/state")).unwrap();
    stage.run(["log"]).refused(2, "countersign init");
    copy_folder(&good, &stage.ledger());
    stage.run(["log"]).ok();
    // A copy of the folder is no mirror.
    let refused = stage.run(["ledger", "restore", "--in-place", "--from", good.to_str().unwrap()]);
    refused.refused(2, "is the folder of a ledger, no mirror and no backup");
}
