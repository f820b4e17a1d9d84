//! The tamper campaign over a ledger's own folder (ATTACKS 16, 34): bits of its real files are
//! flipped, and the program is asked again. It refuses, or it gives the very answers of before; no
//! flip is ever taken for other content, and none ends the program but by its own exit status.
//! `tests/crash` flips every byte of the store itself.
//!
//! Some flips are tried in each run. `COUNTERSIGN_FLIPS=5000` tries so many,
//! `COUNTERSIGN_FLIPS=all` every bit but those within long runs of zeros (some hours).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::stage::Stage;

/// How many flips are tried where nobody says.
const FLIPS: usize = 200;

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), bytes);
            }
        }
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
fn restore(folder: &Path, good: &BTreeMap<PathBuf, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    for (path, bytes) in good {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The bits to be flipped: of each file its share, from a fixed seed, or all of them. What sled
/// keeps in reserve are long runs of zeros, of which only the edges are taken.
fn places(good: &BTreeMap<PathBuf, Vec<u8>>, wanted: &str) -> Vec<(PathBuf, usize, u32)> {
    let telling = |bytes: &[u8]| -> Vec<usize> {
        let near = |at: usize| {
            let around = &bytes[at.saturating_sub(8)..(at + 9).min(bytes.len())];
            around.iter().any(|byte| *byte != 0)
        };
        (0..bytes.len()).filter(|at| near(*at)).collect()
    };
    let count = wanted.parse().unwrap_or(usize::MAX);
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut found = Vec::new();
    for (path, bytes) in good {
        let telling = telling(bytes);
        // The store itself gets half of them.
        let share = if path.ends_with("sled/db") { count / 2 } else { count / 2 / good.len() };
        if share >= telling.len() * 8 {
            let bits = |at: &usize| (0..8).map(|bit| (path.clone(), *at, bit)).collect::<Vec<_>>();
            found.extend(telling.iter().flat_map(bits));
        } else {
            for _ in 0..share.max(1) {
                let at = telling[random(telling.len())];
                found.push((path.clone(), at, u32::try_from(random(8)).unwrap()));
            }
        }
    }
    found
}

/// What the program says of a ledger whose every entry it reads.
const QUESTIONS: [&[&str]; 3] =
    [&["ledger", "check", "--json"], &["log", "--json"], &["gate", "-n", "--json"]];

#[test]
#[expect(clippy::print_stderr, reason = "the campaign prints its counts")]
#[expect(clippy::disallowed_methods, reason = "whoever runs it says how many flips are tried")]
fn attack_16_34_no_flipped_bit_of_the_ledgers_folder_is_other_content() {
    let stage = Stage::new("flips", "enforce");
    for content in ["one\n", "two\n"] {
        let change = stage.commit("lib.rs", content);
        stage.approve("ada", &change);
        assert_eq!(stage.run(&["gate", "--any-checkout", "--", "true"]).status, 0);
    }
    let folder = stage.root.join("ledger");
    let answers = |question: &[&str]| {
        let mut command = stage.command(question);
        // A ledger that this user has seen newer is another question.
        command.env("XDG_STATE_HOME", stage.root.join("nowhere"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // A remembered view that nobody vouches for any more is folded anew, and the check says so.
        (output.status.code(), said.replace("\"view_compared\": false", "\"view_compared\": true"))
    };
    let good = files(&folder);
    let before: Vec<_> = QUESTIONS.iter().map(|question| answers(question)).collect();
    assert!(before.iter().all(|(status, _)| *status == Some(0)), "{before:?}");
    let wanted = std::env::var("COUNTERSIGN_FLIPS").unwrap_or_else(|_| FLIPS.to_string());
    let mut refused = 0;
    let places = places(&good, &wanted);
    for (path, at, bit) in &places {
        let mut flipped = good.clone();
        flipped.get_mut(path).unwrap()[*at] ^= 1 << bit;
        let mut is_refused = false;
        for (question, (_, said)) in QUESTIONS.iter().zip(&before) {
            restore(&folder, &flipped);
            let (status, found) = answers(question);
            match status {
                // The answer may not depend on the flipped bit.
                Some(0) if found == *said => {}
                Some(3 | 4) => is_refused = true,
                other => panic!(
                    "bit {bit} of byte {at} of {} is taken for other content: {question:?} gave \
                     {other:?}\n{found}\ninstead of\n{said}",
                    path.display()
                ),
            }
        }
        refused += usize::from(is_refused);
    }
    eprintln!(
        "{} flips in {} files: {refused} refused, {} identical, 0 accepted",
        places.len(),
        good.len(),
        places.len() - refused
    );
    assert!(refused > 0 && places.len() >= FLIPS / 2);
    restore(&folder, &good);
}
