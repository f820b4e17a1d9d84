//! Figures of the embedded store; not part of a test run:
//! `cargo test --release --test ledger -- --ignored --nocapture figures`.
#![expect(clippy::print_stderr, reason = "the figures are what this is for")]

use std::time::{Duration, Instant};

use countersign::base::position::EntryIndex;
use countersign::ledger::read;

use crate::support::*;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn large_envelope(number: u64) -> Vec<u8> {
    let filler = "x".repeat(900);
    format!("{{\"payload\":\"{number}{filler}\",\"signatures\":[]}}").into_bytes()
}

#[test]
#[ignore = "takes a while"]
fn figures() {
    let folder = Folder::new();
    let mut known = Known::default();
    let mut ledger = open(folder.sled(), folder.checkpoint()).unwrap();
    for batch in [256, 1_024] {
        let start = Instant::now();
        let first = ledger.checkpoint().size().get();
        while ledger.checkpoint().size().get() < first + 50_000 {
            let size = ledger.checkpoint().size().get();
            let envelopes: Vec<_> = (size..size + batch).map(large_envelope).collect();
            let slices: Vec<_> = envelopes.iter().map(Vec::as_slice).collect();
            ledger.append(&mut known, NOW, &slices).unwrap();
        }
        let count = ledger.checkpoint().size().get() - first;
        let rate = u128::from(count) * 1_000 / start.elapsed().as_millis();
        eprintln!("batch {batch}: {rate} entries a second, receipts included");
    }
    drop(ledger);
    let mut times = [const { Vec::new() }; 4];
    for round in 0..21 {
        let start = Instant::now();
        let store = folder.sled();
        times[0].push(start.elapsed());
        let mut ledger = open(store, folder.checkpoint()).unwrap();
        times[1].push(start.elapsed());
        for one in 0..50 {
            let envelope = large_envelope(1_000_000 + round * 50 + one);
            let start = Instant::now();
            ledger.append(&mut known, NOW, &[&envelope]).unwrap();
            times[2].push(start.elapsed());
            let index = EntryIndex::new((round * 50 + one) * 97 % 100_000);
            let start = Instant::now();
            read::entry(ledger.store(), index, ledger.checkpoint()).unwrap().unwrap();
            times[3].push(start.elapsed());
        }
    }
    let size = open(folder.sled(), folder.checkpoint()).unwrap().checkpoint().size();
    for (name, times) in
        ["sled open", "ledger open", "append of one", "verified read"].iter().zip(times)
    {
        eprintln!("{name} at {size} entries: median {:?}", median(times));
    }
    let start = Instant::now();
    assert_eq!(check_all(&folder.sled(), &folder.checkpoint()).damage, None);
    eprintln!("check: {:?}", start.elapsed());
}
