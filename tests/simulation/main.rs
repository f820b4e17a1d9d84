//! A seeded simulation (`spec/reliability.md` section 3): clients, group commit, crashes, power
//! cuts, a slow and failing disk, a clock that jumps, lost answers and retries, against a model of
//! what was promised.
//!
//!     COUNTERSIGN_SEED=7 cargo test --test simulation          that run again
//!     cargo test --release --test simulation -- --ignored      many runs

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a run tells its seed and what it met")]
#![allow(clippy::disallowed_methods, reason = "the seed comes from the environment")]

mod client;
mod server;
mod world;

use world::{Counts, World};

const STEPS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs one seed to its end; gives what happened and a digest of everything that did.
fn run(seed: u64) -> (Counts, [u8; 32]) {
    println!("seed {seed}; again: COUNTERSIGN_SEED={seed} cargo test --test simulation");
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.conclude()
}

fn run_many(seeds: impl IntoIterator<Item = u64>) -> Counts {
    let mut all = Counts::default();
    for seed in seeds {
        all.add(&run(seed).0);
    }
    println!("lost 0, accepted wrongly 0: {all:?}");
    all
}

#[test]
fn nothing_that_was_promised_is_lost() {
    if let Some(seed) = number("COUNTERSIGN_SEED") {
        run_many([seed]);
        return;
    }
    let counts = run_many(1..=8);
    // The runs met what they are there to meet.
    let met = [
        counts.kills,
        counts.power_cuts,
        counts.faults,
        counts.retries,
        counts.repeated,
        counts.answers_lost,
        counts.jumps_refused,
        counts.batches_of_many,
    ];
    assert!(met.iter().all(|count| *count > 0), "{counts:?}");
    assert!(counts.acknowledged > 200, "{counts:?}");
}

#[test]
fn a_seed_is_the_whole_run() {
    let (first, again, other) = (run(11), run(11), run(12));
    assert_eq!(first, again);
    assert_ne!(first.1, other.1);
}

#[test]
#[ignore = "takes minutes"]
fn many_seeds() {
    let count = number("COUNTERSIGN_SEEDS").unwrap_or(2_000);
    run_many(1_000..1_000 + count);
}
