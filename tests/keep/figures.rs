//! Figures; not part of a test run:
//! `cargo test --release --test keep -- --ignored --nocapture figures`.
#![expect(clippy::print_stderr, reason = "the figures are what this is for")]

use std::time::Instant;

use countersign::session::check::{CheckRequest, check_ledger};

use super::stage::{Stage, ledger_key};
use super::support::*;

/// Most memory that this process had, in MiB.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
#[ignore = "takes minutes"]
fn figures_of_a_check() {
    let count = std::env::var("ENTRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let stage = Stage::new("figures", "enforce");
    let begun = Instant::now();
    append_many(&mut stage.session(), count, 1_000);
    eprintln!("{count} entries signed and appended: {:?}", begun.elapsed());
    let key = ledger_key(&stage.home);
    let trust = &stage.trust;
    for range in [0..u64::MAX, count / 2..u64::MAX, 0..1] {
        let folder = stage.ledger();
        let request =
            CheckRequest { folder: &folder, trust, ledger_key: &key, range, mirror: None };
        let begun = Instant::now();
        let checked = check_ledger(&request, &mut |_| {}).unwrap();
        assert!(checked.is_good(), "{checked:?}");
        let taken = begun.elapsed();
        let rate = u128::from(checked.range.end) * 1_000 / taken.as_millis().max(1);
        eprintln!(
            "check {:?} of {}: {taken:?}, {rate} entries a second, {} signatures, peak {} MiB",
            checked.range,
            checked.size,
            checked.signatures,
            peak_mebibytes()
        );
    }
}

/// What a mirror costs that acknowledgements wait for.
#[test]
#[ignore = "takes minutes"]
fn figures_of_a_mirror_in_step() {
    let stage = Stage::new("in-step", "enforce");
    let mut session = stage.session();
    append_many(&mut session, 10_000, 1_000);
    drop(session);
    for (batch, count) in [(1, 400), (16, 3_200)] {
        let mut rates = Vec::new();
        for is_synced in [false, true, false, true] {
            let mut session = stage.session();
            if is_synced {
                let place = countersign::session::MirrorPlace {
                    folder: stage.home.join("second"),
                    openings: None,
                };
                session.mirror_to(&place, false).unwrap();
                session.acknowledge_with(place);
            }
            let taken = append_signed(&mut session, count, batch);
            let rate = u128::from(count) * 1_000_000 / taken.as_micros().max(1);
            rates.push(rate);
            eprintln!("batch {batch}, mirror in step {is_synced}: {rate} entries a second");
        }
        let percent = (rates[1] + rates[3]) * 100 / (rates[0] + rates[2]).max(1);
        eprintln!("batch {batch}: {percent} % of the rate without");
    }
}
