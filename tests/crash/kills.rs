//! Writers are killed with SIGKILL at random moments, several at once, over sled's real files.
//!
//! A writer prints a line for each entry that it holds a receipt for. Whatever is in a whole line
//! was acknowledged, and must be in the ledger whenever it is opened from then on.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use countersign::base::position::EntryIndex;
use countersign::session::SessionErrorKind;
use countersign::store::shared::SharedLedger;
use countersign::store::sled::SledStore;

use crate::place::{Place, Random, approval, comment, now};
use crate::support::{FixedClock, Known, check_all, envelope, open};

/// Names the folder that a writer works in: who sets it is one.
const FOLDER: &str = "COUNTERSIGN_TEST_WRITER_FOLDER";
const SEED: &str = "COUNTERSIGN_TEST_WRITER_SEED";

/// What a writer was told, told on.
fn tell(index: EntryIndex, leaf: &impl std::fmt::Display) {
    // One write for a line: a kill between two would tear it.
    let line = format!("ack {index} {leaf}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Not a test: the program that a campaign kills. Opens the ledger, appends, ends, and again.
#[test]
#[ignore = "it is the helper process of the campaigns"]
fn session_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut random = Random(std::env::var(SEED).unwrap().parse().unwrap());
    let place = Place::at(Path::new(&folder));
    loop {
        let mut session = match place.open() {
            Ok(session) => session,
            // The others had the lock for long.
            Err(error) if error.kind() == SessionErrorKind::Unavailable => continue,
            Err(error) => panic!("{error}"),
        };
        for _ in 0..=random.below(2) {
            let envelopes: Vec<_> = (0..=random.below(4))
                .map(|_| {
                    let comment = comment(&mut random);
                    session.openings().put(&comment).unwrap();
                    approval(&session, &mut random, Some(&comment))
                })
                .collect();
            for receipt in session.append(now(), &envelopes).unwrap() {
                let receipt = receipt.unwrap();
                tell(receipt.index, &receipt.leaf_hash);
            }
        }
        drop(session);
        // Let others have the lock.
        sleep(Duration::from_millis(3));
    }
}

/// Not a test: a program whose threads append at the same time.
#[test]
#[ignore = "it is the helper process of the campaigns"]
fn group_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let folder = Path::new(&folder);
    let mut store = SledStore::open(folder, "test", Duration::from_secs(10)).unwrap();
    // Every other one opens sled anew between its commits.
    if seed.is_multiple_of(2) {
        store = store.opened_anew_after(30);
    }
    let known = Known::of(&store);
    let file = countersign::store::checkpoint::DurableCheckpoint::new(folder.join("checkpoint"));
    let shared = SharedLedger::new(open(store, file).unwrap(), known);
    thread::scope(|scope| {
        for number in 0..4 {
            let shared = &shared;
            scope.spawn(move || {
                for count in 0.. {
                    let envelope = envelope(seed * 1_000_000 + number * 100_000 + count);
                    let receipt = shared.append(&FixedClock, envelope).unwrap().unwrap();
                    tell(receipt.index, &receipt.leaf_hash);
                }
            });
        }
    });
}

/// A running writer, and what it was told so far.
struct Writer {
    child: Child,
    lines: Receiver<String>,
}

impl Writer {
    fn start(program: &str, folder: &Path, seed: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", program, "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(FOLDER, folder).env(SEED, seed.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                // A line that was not ended was not told.
                if line.ends_with('\n') && sender.send(line.clone()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self { child, lines }
    }

    /// Kills it, and gives everything that it was told.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let lines: Vec<_> = self.lines.iter().collect();
        let ended = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(ended, Some(9), "a writer failed by itself: {lines:?}");
        lines
    }
}

/// What a campaign saw.
#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    reopenings: usize,
    acknowledged: usize,
    /// Entries that are there though nobody was told.
    untold: u64,
    /// Snapshots that a kill left half-written.
    half_snapshots: usize,
    /// Temporary files that a kill left.
    half_files: usize,
    slowest_opening: Duration,
}

impl Counts {
    fn look_at(&mut self, folder: &Path) {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let snapshots = names(&folder.join("sled"));
        let half = snapshots.iter().filter(|name| name.ends_with(".generating"));
        self.half_snapshots += half.count();
        self.half_files += names(folder).iter().filter(|name| name.starts_with('.')).count();
    }

    fn took_up(&mut self, lines: Vec<String>, told: &mut BTreeMap<u64, String>) {
        for line in lines {
            let Some(rest) = line.trim_end().strip_prefix("ack ") else { continue };
            let (index, leaf) = rest.split_once(' ').unwrap();
            let index = index.parse().unwrap();
            let earlier = told.insert(index, leaf.to_owned());
            assert_eq!(earlier, None, "entry {index} was acknowledged twice");
            self.acknowledged += 1;
        }
    }
}

/// Rounds of writers of which one or all are killed, until so many were.
fn campaign(
    program: &str,
    folder: &Path,
    kills_max: usize,
    writers_max: usize,
    random: &mut Random,
    reopen: &mut dyn FnMut(&BTreeMap<u64, String>, bool) -> u64,
) -> Counts {
    let (mut counts, mut told) = (Counts::default(), BTreeMap::new());
    while counts.kills < kills_max {
        let writers = 1 + random.below(writers_max);
        let mut running: Vec<_> =
            (0..writers).map(|_| Writer::start(program, folder, random.next() >> 24)).collect();
        while !running.is_empty() {
            // From the first instructions of a process to many appends later.
            let span = if random.below(4) == 0 { 15 } else { 250 };
            sleep(Duration::from_millis(random.below(span) as u64));
            let victim = running.swap_remove(random.below(running.len()));
            let lines = victim.kill();
            counts.took_up(lines, &mut told);
            counts.kills += 1;
        }
        counts.look_at(folder);
        let begun = Instant::now();
        let size = reopen(&told, counts.kills >= kills_max || counts.reopenings % 100 == 99);
        counts.slowest_opening = counts.slowest_opening.max(begun.elapsed());
        counts.reopenings += 1;
        counts.untold = size - told.len() as u64;
    }
    counts
}

/// Writers that come and go, as commands do: each holds the lock while it appends.
fn session_campaign(name: &str, kills: usize, seed: u64) -> Counts {
    let place = Place::begin(name);
    let mut good = 0;
    campaign("kills::session_writer", &place.root, kills, 3, &mut Random(seed), &mut |told, all| {
        let session = place.open().unwrap();
        let size = session.size().get();
        for (index, leaf) in told.range(good..) {
            let entry = session.prove(EntryIndex::new(*index)).unwrap();
            assert_eq!(entry.receipt.leaf_hash.to_string(), *leaf, "entry {index} is another");
        }
        // What an entry names is there.
        for index in good.max(1)..size {
            let entry = session.entry(EntryIndex::new(index)).unwrap();
            let named = countersign::session::check::commitments(entry.statement());
            for (_, commitment) in named {
                assert!(session.openings().text(commitment).unwrap().is_some());
            }
        }
        good = size;
        drop(session);
        if all {
            let checked = place.check().unwrap();
            assert!(checked.is_good(), "{checked:?}");
            assert_eq!(checked.entries_good.get(), size);
        }
        // Entry 0 was told to whoever began the ledger.
        size - 1
    })
}

/// Writers of one process that share their commits.
fn group_campaign(kills: usize, seed: u64) -> Counts {
    let folder = crate::support::Folder::new();
    drop(open(folder.sled(), folder.checkpoint()).unwrap());
    let path = folder.path().to_owned();
    campaign("kills::group_writer", &path, kills, 1, &mut Random(seed), &mut |told, all| {
        let store = folder.sled();
        let ledger = open(&store, folder.checkpoint()).unwrap();
        let size = ledger.checkpoint().size();
        let (last, count) = (told.keys().next_back().copied(), told.len() as u64);
        assert!(last.is_none_or(|last| size.covers(EntryIndex::new(last))), "{last:?} {size}");
        assert!(count <= size.get());
        // All of them at the end, the newest each time.
        for (index, leaf) in told.iter().rev().take(if all { told.len() } else { 200 }) {
            let bytes = countersign::ledger::store::Store::leaf(&store, EntryIndex::new(*index));
            let found = countersign::merkle::leaf_hash(&bytes.unwrap().unwrap());
            assert_eq!(found.to_string(), *leaf, "entry {index} is another");
        }
        if all {
            assert_eq!(check_all(&store, &folder.checkpoint()).damage, None);
        }
        size.get()
    })
}

fn run(kills: usize, seed: u64) {
    println!("seed {seed}");
    let sessions = session_campaign(&format!("kills-{kills}"), kills * 7 / 10, seed);
    let groups = group_campaign(kills - sessions.kills.min(kills), seed + 1);
    for (what, counts) in [("processes", sessions), ("threads", groups)] {
        println!("{what}: lost 0, {counts:?}");
        assert!(counts.acknowledged > 0, "{what}: nothing was ever acknowledged: {counts:?}");
    }
}

#[test]
fn fifty_kills_lose_nothing() {
    run(50, 50);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_kills_lose_nothing() {
    run(1_000, 1_000);
}
