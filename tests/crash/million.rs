//! Recovery of a large ledger after a kill:
//!
//!     cargo test --release --test crash -- --ignored --nocapture a_million
//!
//! The entries are real: signed, admitted, appended. The writer is killed in the middle of an
//! append, and opening is measured in processes of their own, time and memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{Place, Random, approval, now};

const FOLDER: &str = "COUNTERSIGN_TEST_LARGE_FOLDER";
const ENTRIES: &str = "COUNTERSIGN_ENTRIES";
const BATCH: usize = 1_000;

fn entries() -> u64 {
    std::env::var(ENTRIES).ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// Not a test: fills the ledger, and goes on until it is killed.
#[test]
#[ignore = "it is the helper process of the measurement"]
fn filler() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let place = Place::at(Path::new(&folder));
    let mut session = place.open().unwrap();
    let mut random = Random(session.size().get());
    let mut begun = Instant::now();
    loop {
        let envelopes: Vec<_> = (0..BATCH).map(|_| approval(&session, &mut random, None)).collect();
        for receipt in session.append(now(), &envelopes).unwrap() {
            receipt.unwrap();
        }
        if session.size().get() % 50_000 < BATCH as u64 {
            println!("size {}, the last 50,000 in {:?}", session.size(), begun.elapsed());
            begun = Instant::now();
        }
    }
}

/// Not a test: opens the ledger once, and tells how long it took and what memory it needed.
#[test]
#[ignore = "it is the helper process of the measurement"]
fn opener() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let place = Place::at(Path::new(&folder));
    let begun = Instant::now();
    let session = place.open().unwrap();
    let whole = begun.elapsed();
    let size = session.size();
    session.leak();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: ?");
    println!("opened {size} entries in {whole:?}, {peak}");
}

fn helper(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", program, "--ignored", "--nocapture"]).env(FOLDER, folder);
    command.stdin(Stdio::null());
    command
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_million_entries_open_after_a_kill() {
    let place = Place::begin("large");
    let begun = Instant::now();
    for round in 0..3 {
        let mut filler = helper("million::filler", &place.root).spawn().unwrap();
        let wanted = entries() + round;
        let checkpoint = place.ledger().join("checkpoint");
        let size = || -> u64 {
            let text = fs::read_to_string(&checkpoint).unwrap();
            text.lines().nth(1).unwrap().parse().unwrap()
        };
        while size() < wanted {
            std::thread::sleep(Duration::from_millis(20));
        }
        // In the middle of what comes next.
        std::thread::sleep(Duration::from_millis(37 + 40 * round));
        filler.kill().unwrap();
        filler.wait().unwrap();
        println!("round {round}: {} entries after {:?}", size(), begun.elapsed());
        for what in ["after the kill", "again", "again"] {
            let output = helper("million::opener", &place.root).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let line = text.lines().find(|line| line.contains("opened"));
            println!("{what}: {}", line.unwrap_or(&text));
        }
    }
    let bytes = Command::new("du").args(["-sh"]).arg(place.ledger()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&bytes.stdout).split_whitespace().next().unwrap());
}
