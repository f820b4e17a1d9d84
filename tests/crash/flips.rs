//! Bits of sled's own files are flipped, one at a time, and bits of what is stored there, under
//! checksums that are right: each is noticed when the ledger is opened or checked, or changes
//! nothing that any reader is told. What an entry says is never another thing.
//!
//! Helper processes open what was flipped. Each may take so much memory, and its silence has an
//! end: a length that was flipped must neither allocate without bound nor make anybody wait for
//! ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use countersign::base::encoding::{hex, unhex};
use countersign::base::position::EntryIndex;
use countersign::ledger::store::{Head, Store as _, StoreError, Topic};
use countersign::merkle::tile::tiles_of;
use countersign::session::{Session, SessionError, SessionErrorKind};
use countersign::view::View;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::place::{Place, Random, approval, copy_folder, now};

/// Names the folder of the ledger whose files are flipped: who sets it is a helper.
const FOLDER: &str = "COUNTERSIGN_TEST_FLIPS_FOLDER";
/// Flips of each in a run that is part of all; what is stored takes longer to alter.
const FLIPS_OF_FILES: usize = 300;
const FLIPS_OF_VALUES: usize = 100;
/// What a helper may allocate.
const MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Flips for one helper: what sled leaves behind where it stumbles goes with the process.
const FLIPS_OF_A_HELPER: usize = 50;
/// No opening takes so long.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A byte of a file below `sled/`; or of a key and its value, one behind the other, where `of` is
/// the key in hexadecimal digits behind this mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Byte {
    of: String,
    at: usize,
}

const KEY: &str = "key:";

/// One bit of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flip {
    byte: Byte,
    bit: u32,
}

impl Flip {
    fn line(&self) -> String {
        format!("{} {} {}\n", self.byte.of, self.byte.at, self.bit)
    }

    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap();
        let byte = Byte { of: word().to_owned(), at: word().parse().unwrap() };
        Self { byte, bit: word().parse().unwrap() }
    }

    /// Flips it in the files of a store.
    fn apply(&self, sled: &Path) {
        let Some(key) = self.byte.of.strip_prefix(KEY) else {
            let path = sled.join(&self.byte.of);
            let mut bytes = fs::read(&path).unwrap();
            bytes[self.byte.at] ^= 1 << self.bit;
            fs::write(path, bytes).unwrap();
            return;
        };
        let db = sled::open(sled).unwrap();
        let key = unhex(key).unwrap();
        let value = db.remove(&key).unwrap().unwrap();
        let mut both = [&key[..], &value].concat();
        both[self.byte.at] ^= 1 << self.bit;
        let (key, value) = both.split_at(key.len());
        db.insert(key, value).unwrap();
        db.flush().unwrap();
    }
}

/// Everything that readers of a ledger are told, straight from its store.
#[derive(Debug, PartialEq)]
struct Told {
    head: Option<Head>,
    leaves: Vec<Vec<u8>>,
    tiles: Vec<Option<Vec<u8>>>,
    topics: BTreeSet<(Topic, EntryIndex)>,
    found: BTreeMap<Topic, Vec<EntryIndex>>,
    view: View,
    checkpoint: String,
}

impl Told {
    fn by(session: &Session) -> Result<Self, SessionError> {
        let store = session.store();
        let mut leaves = Vec::new();
        while leaves.len() < usize::try_from(session.size().get()).unwrap() {
            let more = store.leaves(EntryIndex::new(leaves.len() as u64), usize::MAX)?;
            if more.is_empty() {
                break;
            }
            leaves.extend(more);
        }
        let tiles = tiles_of(session.size()).map(|tile| store.tile(tile));
        let tiles = tiles.collect::<Result<_, StoreError>>()?;
        let mut topics = BTreeSet::new();
        store.each_topic(&mut |topic, index| topics.insert((topic, index)))?;
        let mut found = BTreeMap::new();
        for (topic, _) in &topics {
            found.insert(*topic, store.entries_of(topic)?);
        }
        let checkpoint = session.checkpoint().note().to_string();
        let view = session.view().clone();
        Ok(Self { head: store.head()?, leaves, tiles, topics, found, view, checkpoint })
    }
}

/// What became of a flip.
fn outcome(good: &Told, checked: &Place, opened: &Place) -> &'static str {
    let is_noticed = match checked.check() {
        Ok(found) => !found.damage.is_empty() || !found.missing.is_empty(),
        Err(_) => true,
    };
    let session = match opened.open() {
        Ok(session) => session,
        Err(error) if error.kind() == SessionErrorKind::Integrity => return "refused",
        Err(_) => return "UNAVAILABLE",
    };
    // Whoever asks for an entry gets the one that was signed, or an error.
    for (index, leaf) in (0..).zip(&good.leaves) {
        if let Ok(entry) = session.entry(EntryIndex::new(index)) {
            let signed = countersign::merkle::leaf_hash(leaf);
            assert_eq!(entry.entry().leaf, signed, "entry {index}");
        }
    }
    let told = Told::by(&session);
    // sled's own threads may stumble over what it did not notice.
    session.leak();
    match (is_noticed, told) {
        (true, _) => "found by the check",
        (false, Ok(told)) if told == *good => "the same",
        (false, Ok(_)) => "ACCEPTED",
        (false, Err(_)) => "PASSED BY THE CHECK",
    }
}

/// Not a test: opens and checks a ledger with each of the flips that it is told.
#[test]
#[ignore = "it is the helper process of the campaigns"]
fn flips_helper() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let limit = Rlimit { current: Some(MEMORY_BYTES_MAX), maximum: Some(MEMORY_BYTES_MAX) };
    setrlimit(Resource::As, limit).unwrap();
    // Panics within sled are its way to say that it found damage.
    std::panic::set_hook(Box::new(|_| {}));
    let folder = PathBuf::from(folder);
    let place_of = |name: &str| Place::at(&folder.join(name));
    let good = Told::by(&place_of("whole").open().unwrap()).unwrap();
    let copies = ["checked", "opened"].map(|name| {
        let root = folder.join(format!("{name}-{}", std::process::id()));
        copy_folder(&folder.join("good"), &root);
        Place::at(&root)
    });
    assert_eq!(outcome(&good, &copies[0], &copies[1]), "the same", "nothing was flipped");
    for place in &copies {
        fs::remove_dir_all(&place.root).unwrap();
    }
    for (number, line) in std::io::stdin().lines().map(Result::unwrap).enumerate() {
        let flip = Flip::parse(&line);
        let root = |name: &str| folder.join(format!("{name}-{}-{number}", std::process::id()));
        let (checked, opened) = (root("checked"), root("opened"));
        copy_folder(&folder.join("good"), &checked);
        flip.apply(&checked.join("ledger/sled"));
        copy_folder(&checked, &opened);
        let places = (Place::at(&checked), Place::at(&opened));
        let became = catch_unwind(AssertUnwindSafe(|| outcome(&good, &places.0, &places.1)));
        let became = became.unwrap_or("PANICKED");
        std::io::stderr().write_all(format!("{became}\n").as_bytes()).unwrap();
        for root in [checked, opened] {
            fs::remove_dir_all(root).unwrap();
        }
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    std::io::stderr().write_all(format!("memory {most}\n").as_bytes()).unwrap();
}

/// Has a helper try some flips; gives what became of each, and the most memory in KiB.
fn tried(folder: &Path, flips: &[Flip]) -> (Vec<String>, u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let helper = "flips::flips_helper";
    command.args(["--exact", helper, "--ignored", "--nocapture", "--test-threads", "1"]);
    // Address space that an allocator sets aside for threads is not what is looked for.
    command.env(FOLDER, folder).env("MALLOC_ARENA_MAX", "1").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let input: String = flips.iter().map(Flip::line).collect();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let reader = BufReader::new(child.stderr.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || {
        reader.lines().map_while(Result::ok).try_for_each(|one| sender.send(one))
    });
    let mut found = Vec::new();
    let memory = loop {
        match lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => match line.strip_prefix("memory ") {
                Some(memory) => break Ok(memory.parse().unwrap()),
                None => found.push(line),
            },
            Err(error) => {
                drop(child.kill());
                break Err(error);
            }
        }
    };
    let status = child.wait().unwrap();
    let memory = memory.unwrap_or_else(|error| {
        panic!("a helper ended or went silent ({error}) at {:?}", flips.get(found.len()))
    });
    assert!(status.success() && found.len() == flips.len());
    (found, memory)
}

/// A small ledger as several processes leave it: three times begun, and ended in between.
fn ledger(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("flips-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let place = Place::begin_in(&folder.join("good"));
    let mut random = Random(3);
    for count in [2, 1, 3] {
        let mut session = place.open().unwrap();
        let said: Vec<_> = (0..count).map(|_| approval(&session, &mut random, None)).collect();
        assert!(session.append(now(), &said).unwrap().iter().all(Result::is_ok));
    }
    copy_folder(&folder.join("good"), &folder.join("whole"));
    // What is remembered of the entries is not read instead of them.
    fs::remove_file(folder.join("good/ledger/view.json")).unwrap();
    std::mem::forget(place);
    folder
}

/// Every byte of sled's files that holds something: long runs of zeros are room that it keeps.
fn bytes_of_files(folder: &Path) -> Vec<Byte> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("good/ledger/sled")).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let (name, bytes) =
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        let is_used = |at: &usize| {
            let around = &bytes[at.saturating_sub(8)..(at + 9).min(bytes.len())];
            around.iter().any(|byte| *byte != 0)
        };
        found.extend((0..bytes.len()).filter(is_used).map(|at| Byte { of: name.clone(), at }));
    }
    found.sort();
    found
}

/// Every byte of what is stored.
fn bytes_of_values(folder: &Path) -> Vec<Byte> {
    let copy = folder.join("listed");
    copy_folder(&folder.join("good/ledger/sled"), &copy);
    let db = sled::open(copy).unwrap();
    let pairs = db.iter().map(Result::unwrap);
    let bytes = pairs.flat_map(|(key, value)| {
        let of = format!("{KEY}{}", hex(&key));
        (0..key.len() + value.len()).map(move |at| Byte { of: of.clone(), at })
    });
    bytes.collect()
}

/// Tries flips, and tells the counts.
fn campaign(what: &str, folder: &Path, flips: &[Flip], seed: u64) {
    let (mut counts, mut most_memory) = (BTreeMap::new(), 0);
    for flips in flips.chunks(FLIPS_OF_A_HELPER) {
        let (found, memory) = tried(folder, flips);
        most_memory = most_memory.max(memory);
        for (flip, became) in flips.iter().zip(found) {
            let is_good = ["refused", "found by the check", "the same"].contains(&became.as_str());
            assert!(is_good, "{became}: {flip:?}, seed {seed}");
            *counts.entry(became).or_insert(0_usize) += 1;
        }
    }
    println!(
        "flips in {what}: {} tried, {counts:?}, most memory {most_memory} KiB, seed {seed}",
        flips.len()
    );
    assert!(counts.contains_key("refused"), "{counts:?}");
}

/// One bit of each.
fn bit_of_each(bytes: Vec<Byte>, random: &mut Random) -> Vec<Flip> {
    let bit = |byte| Flip { byte, bit: u32::try_from(random.below(8)).unwrap() };
    bytes.into_iter().map(bit).collect()
}

#[test]
fn some_flips_in_the_store_are_noticed_or_change_nothing() {
    let folder = ledger("some");
    let (seed, mut random) = (5, Random(5));
    for (what, bytes, count) in [
        ("files", bytes_of_files(&folder), FLIPS_OF_FILES),
        ("values", bytes_of_values(&folder), FLIPS_OF_VALUES),
    ] {
        let some = (0..count).map(|_| bytes[random.below(bytes.len())].clone()).collect();
        campaign(what, &folder, &bit_of_each(some, &mut random), seed);
    }
    fs::remove_dir_all(folder).unwrap();
}

/// One bit of every byte; another seed takes others.
#[test]
#[ignore = "it takes many minutes"]
fn a_flip_in_every_byte_of_the_store() {
    let seed = std::env::var("COUNTERSIGN_SEED").map_or(1, |seed| seed.parse().unwrap());
    let folder = ledger("every");
    let mut random = Random(seed);
    for (what, bytes) in [("files", bytes_of_files(&folder)), ("values", bytes_of_values(&folder))]
    {
        campaign(what, &folder, &bit_of_each(bytes, &mut random), seed);
    }
    fs::remove_dir_all(folder).unwrap();
}
