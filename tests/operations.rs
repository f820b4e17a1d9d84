//! `spec/operations.md`: the files of `contrib/` work as they stand.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]
#![allow(clippy::print_stdout, reason = "what cannot be tried here is told")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Output, Stage};

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// A stage with a mirror and a folder of openings.
fn mirrored(test: &str) -> Stage {
    let stage = Stage::with_branch(test);
    mirror(&stage);
    stage
}

fn mirror(stage: &Stage) {
    let (public, private) = (stage.root().join("public"), stage.root().join("private"));
    let mut command = stage.command(["ledger", "mirror", "--to"]);
    Output::of(command.arg(public).arg("--openings").arg(private)).ok();
}

fn backup(stage: &Stage, keep: usize) -> Output {
    let to = stage.root().join("backups");
    fs::create_dir_all(&to).unwrap();
    let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
    let mut command = stage.program(contrib("backup").to_str().unwrap());
    command.arg(stage.root().join("public")).arg(stage.root().join("private")).arg(to).arg(trust);
    command.env("COUNTERSIGN", env!("CARGO_BIN_EXE_countersign"));
    command.env("COUNTERSIGN_BACKUPS", keep.to_string());
    Output::of(&mut command)
}

fn backups(stage: &Stage) -> Vec<String> {
    let names = fs::read_dir(stage.root().join("backups")).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A backup is one file, was restored before it counts, and gives back the ledger.
#[test]
fn a_backup_is_restored_before_it_counts() {
    let stage = mirrored("backup-job");
    let done = backup(&stage, 2);
    let file = PathBuf::from(done.ok().trim());
    assert_eq!(backups(&stage).len(), 1, "{:?}", backups(&stage));
    // The ledger is gone, and comes back from the file alone.
    let before = stage.run(["log", "--json"]).json();
    fs::remove_dir_all(stage.ledger()).unwrap();
    let unpacked = stage.root().join("unpacked");
    fs::create_dir_all(&unpacked).unwrap();
    let mut tar = stage.program("tar");
    Output::of(tar.arg("-xf").arg(&file).arg("-C").arg(&unpacked)).ok();
    let mut restore = stage.command(["ledger", "restore", "--from"]);
    restore.arg(unpacked.join("public")).arg("--openings").arg(unpacked.join("private"));
    Output::of(&mut restore).ok();
    assert_eq!(stage.run(["log", "--json"]).json(), before);
    stage.run(["ledger", "check"]).ok();
}

/// What does not restore is no backup; and of those that are, the newest stay.
#[test]
fn what_does_not_restore_is_no_backup() {
    let stage = mirrored("backup-bad");
    let to = stage.root().join("backups");
    fs::create_dir_all(&to).unwrap();
    for day in ["2001-01-01T000000Z.tar", "2001-01-02T000000Z.tar", "2001-01-03T000000Z.tar"] {
        fs::write(to.join(day), "old").unwrap();
    }
    fs::write(to.join("notes.tar"), "somebody's").unwrap();
    let bundle = stage.root().join("public/tile/entries/000.p/3");
    let good = fs::read(&bundle).unwrap();
    let mut bad = good.clone();
    bad[200] ^= 1;
    fs::write(&bundle, bad).unwrap();
    let refused = backup(&stage, 2);
    assert_ne!(refused.status, 0);
    assert!(refused.talk.contains("error: "), "{refused:?}");
    assert_eq!(backups(&stage).len(), 4, "{:?}", backups(&stage));
    fs::write(&bundle, good).unwrap();
    backup(&stage, 2).ok();
    let left = backups(&stage);
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!((left[0].as_str(), left[2].as_str()), ("2001-01-03T000000Z.tar", "notes.tar"));
    assert_eq!(backup(&stage, 0).status, 0);
    assert_eq!(backups(&stage), ["notes.tar"]);
    let usage = Output::of(&mut stage.program(contrib("backup").to_str().unwrap()));
    assert_eq!(usage.status, 2);
}

#[test]
fn the_script_passes_its_linter() {
    if !is_there("shellcheck") {
        println!("skipped: shellcheck is not installed");
        return;
    }
    let checked = Command::new("shellcheck").arg(contrib("backup")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

fn units() -> Vec<(String, String)> {
    let names = fs::read_dir(contrib("systemd")).unwrap();
    let names = names.map(|entry| entry.unwrap().path());
    let mut units: Vec<_> = names
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    units.sort();
    assert!(units.len() >= 6, "{units:?}");
    units
}

#[test]
fn the_units_are_what_systemd_takes() {
    if !is_there("systemd-analyze") {
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    let stage = Stage::empty("units");
    for (name, text) in units() {
        // The programs are where they are here.
        let text = text.replace("/usr/local/bin/countersign", env!("CARGO_BIN_EXE_countersign"));
        let script = contrib("backup");
        let text = text.replace("/usr/local/lib/countersign/backup", script.to_str().unwrap());
        fs::write(stage.root().join(name), text).unwrap();
    }
    for (name, _) in units() {
        let unit = stage.root().join(&name);
        let verified = Output::of(Command::new("systemd-analyze").arg("verify").arg(unit));
        // What it says of other units of this machine is not ours.
        let ours: Vec<_> =
            verified.talk.lines().filter(|line| line.contains("countersign")).collect();
        assert!(ours.is_empty(), "{name}: {ours:?}");
    }
}

/// The clone that the page makes is brought up by the unit: also where a branch was forced, and
/// where one was deleted that stood in the way of another's name.
#[test]
fn the_clone_of_the_page_is_brought_up_by_the_unit() {
    let stage = Stage::with_branch("clone-fetched");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let clone = stage.root().join("shop.git");
    let run = |line: &str| {
        let line = line.replace("%i", "shop");
        let line = line.replace("/var/lib/countersign/shop.git", clone.to_str().unwrap());
        let line = line.replace(" URL ", &format!(" {} ", stage.repository().display()));
        Output::of(stage.program("sh").arg("-c").arg(line)).ok();
    };
    let served = |name: &str| {
        let clone = clone.to_str().unwrap();
        stage.git(["--git-dir", clone, "rev-parse", "--verify", name]).trim().to_owned()
    };
    let making: Vec<_> = page.lines().filter(|line| line.starts_with("    git ")).collect();
    assert_eq!(making.len(), 3, "{making:?}");
    making.into_iter().for_each(run);
    let (_, unit) = units().into_iter().find(|(name, _)| name.ends_with("fetch@.service")).unwrap();
    let fetch = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let old = served("retry");
    let pushed = stage.as_user("cleo").commit("more.rs", "a\n", "More");
    run(fetch);
    assert_eq!(served(&pushed), pushed);
    stage.git(["checkout", "-q", "-B", "retry", "main"]);
    let forced = stage.as_user("cleo").commit("less.rs", "b\n", "Less");
    run(fetch);
    assert_eq!(served("retry"), forced);
    stage.git(["checkout", "-q", "-b", "aside"]);
    stage.git(["branch", "-q", "-D", "retry"]);
    stage.git(["branch", "-q", "-m", "aside", "retry/again"]);
    run(fetch);
    assert_eq!(served("retry/again"), forced);
    // What was there stays, whatever the branches are, also once git tidies up.
    stage.git(["--git-dir", clone.to_str().unwrap(), "gc", "-q"]);
    assert_eq!(served(&format!("{old}^{{commit}}")), old);
}

/// Every command that a unit or image starts is one, with flags that it has.
#[test]
fn commands_of_units_and_image_are_commands() {
    let image = fs::read_to_string(contrib("Containerfile")).unwrap();
    let mut lines = vec![
        image
            .lines()
            .find_map(|line| line.strip_prefix("CMD "))
            .map(|list| serde_json::from_str::<Vec<String>>(list).unwrap()),
    ];
    for (_, text) in units() {
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart="));
        let words = start.and_then(|start| start.strip_prefix("/usr/local/bin/countersign "));
        lines.push(words.map(|words| words.split(' ').map(str::to_owned).collect()));
    }
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for words in lines {
        let mut help = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let help = Output::of(help.arg(&words[0]).arg("--help"));
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.ok().contains(flag.as_str()), "{words:?}: {flag}");
        }
    }
}

/// The page and the units speak of the same places.
#[test]
fn places_of_units_stand_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let is_ours = |word: &&str| {
        ["/etc/", "/var/", "/usr/local/lib/"].iter().any(|root| word.starts_with(root))
            && word.contains("countersign")
    };
    let mut places = 0;
    for (name, text) in units() {
        let settings = text.lines().filter(|line| !line.starts_with(['#', '[']));
        let settings = settings.filter(|line| !line.starts_with("Documentation="));
        let words = settings.flat_map(|line| line.split(['=', ' ']));
        for place in words.map(|word| word.trim_start_matches('-')).filter(is_ours) {
            // What lies in a folder of its own may go without saying.
            let mut told = Path::new(place).ancestors().take(2);
            assert!(told.any(|told| page.contains(told.to_str().unwrap())), "{name}: {place}");
            places += 1;
        }
    }
    assert!(places > 5, "{places}");
}
