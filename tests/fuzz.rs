//! The bodies of the fuzz targets over every text of the vectors, and over altered ones: what a
//! fuzzer does for hours is done here for seconds, the same in every run.
//!
//! `COUNTERSIGN_FUZZ_CORPUS=DIR` writes what each target takes to `DIR/TARGET/`, to begin from;
//! `ROUNDS=N` tries so many altered inputs for each target.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "tells how much was tried")]
#![allow(clippy::disallowed_methods, reason = "reads the vectors")]

#[path = "../fuzz/bodies.rs"]
#[allow(dead_code, reason = "targets run one body by its name")]
mod bodies;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bodies::{TARGETS, Target, readings};

const ROUNDS: usize = 3_000;
/// Larger texts of the vectors test limits, and are tried as they are.
const ALTERED_BYTES_MAX: usize = 40_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn texts(value: &serde_json::Value, found: &mut BTreeSet<Vec<u8>>) {
    match value {
        serde_json::Value::String(text) => found.extend(readings(text)),
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        serde_json::Value::Object(members) => {
            let bytes = serde_json::to_vec(value).unwrap();
            if members.contains_key("predicateType") {
                found.insert(enveloped(&bytes));
            }
            found.insert(bytes);
            members.values().for_each(|value| texts(value, found));
        }
        _ => {}
    }
}

/// A statement as others hand it in.
fn enveloped(payload: &[u8]) -> Vec<u8> {
    let payload = countersign::base::encoding::base64(payload);
    format!(
        "{{\"payload\":\"{payload}\",\"payloadType\":\"application/vnd.in-toto+json\",\
         \"signatures\":[]}}"
    )
    .into_bytes()
}

/// Every file of the vectors and examples, and every text in them, decoded as well.
fn seeds() -> BTreeSet<Vec<u8>> {
    let mut found = Vec::new();
    files(&folder("spec/vectors"), &mut found);
    files(&folder("spec/examples"), &mut found);
    let mut seeds = BTreeSet::new();
    for path in found {
        let bytes = std::fs::read(path).unwrap();
        if let Ok(value) = serde_json::from_slice(&bytes) {
            texts(&value, &mut seeds);
        }
        for line in bytes.split(|byte| *byte == b'\n') {
            seeds.insert(line.to_vec());
        }
        seeds.insert(bytes);
    }
    // What texts hold in turn: payloads of envelopes, envelopes of leaves.
    let mut inner = BTreeSet::new();
    for seed in &seeds {
        if let Ok(value) = serde_json::from_slice(seed) {
            texts(&value, &mut inner);
        }
    }
    seeds.extend(inner);
    seeds
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// One to three alterations: a byte, a cut, a piece from elsewhere, a number at a limit.
    fn alter(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(9)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(64)).min(other.len());
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
                4 => {
                    let limits: [&[u8]; 6] =
                        [b"9007199254740992", b"-1", b"1e2", b"null", b"\xff", b"[[[[[[[["];
                    bytes.splice(at..end, limits[self.below(limits.len())].iter().copied());
                }
                _ => bytes.truncate(at),
            }
        }
    }
}

fn taken(target: &Target, seeds: &BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
    let own = target.seeds.iter().map(|seed| seed.to_vec());
    own.chain(seeds.iter().cloned()).filter(|seed| (target.body)(seed)).collect()
}

#[test]
fn no_parser_panics_or_takes_two_spellings() {
    let seeds = seeds();
    let all: Vec<_> = seeds.iter().collect();
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let corpus = std::env::var_os("COUNTERSIGN_FUZZ_CORPUS").map(PathBuf::from);
    for target in TARGETS {
        let taken = taken(target, &seeds);
        assert!(!taken.is_empty(), "no seed of {} is taken", target.name);
        for seed in target.seeds {
            assert!((target.body)(seed), "a seed of {} is not taken", target.name);
        }
        if let Some(corpus) = &corpus {
            let folder = corpus.join(target.name);
            std::fs::create_dir_all(&folder).unwrap();
            for (number, seed) in taken.iter().enumerate() {
                std::fs::write(folder.join(number.to_string()), seed).unwrap();
            }
        }
        let small: Vec<_> = taken.iter().filter(|one| one.len() <= ALTERED_BYTES_MAX).collect();
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let mut still = 0;
        for round in 0..rounds {
            let mut bytes = small[round % small.len()].clone();
            let other = all[numbers.below(all.len())];
            numbers.alter(&mut bytes, other);
            still += usize::from((target.body)(&bytes));
        }
        println!("{}: {} seeds, {still} of {rounds} altered ones taken", target.name, taken.len());
    }
}

/// A body without a target would never be fuzzed, nor a target without its line in the manifest.
#[test]
fn every_body_has_its_target() {
    let mut found = Vec::new();
    files(&folder("fuzz/targets"), &mut found);
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let found: BTreeSet<String> = found.iter().map(stem).collect();
    let bodies: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(found, bodies);
    let manifest = std::fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    for name in bodies {
        let text = std::fs::read_to_string(folder(&format!("fuzz/targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("run(\"{name}\"")), "{name}");
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
    }
}
