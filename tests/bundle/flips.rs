//! Every single-bit flip of a bundle is caught.

use std::collections::BTreeMap;

use countersign::verify::bundle::Bundle;

use crate::stage::*;

/// What became of flips, by code.
type Counts = BTreeMap<&'static str, usize>;

fn flip(
    stage: &Stage,
    bytes: &[u8],
    offsets: impl Iterator<Item = usize>,
    bits: impl Fn(usize) -> std::ops::Range<usize>,
) -> (Counts, usize) {
    let (mut counts, mut accepted) = (Counts::new(), 0);
    let mut flipped = bytes.to_vec();
    for offset in offsets {
        for bit in bits(offset) {
            flipped[offset] ^= 1 << bit;
            let found = Bundle::parse(&flipped).map(|bundle| stage.check(&bundle).map(|_| ()));
            let code = match found {
                Err(_) => "FORM",
                Ok(Err(tampered)) => tampered.code.as_str(),
                Ok(Ok(())) => "accepted",
            };
            accepted += usize::from(code == "accepted");
            *counts.entry(code).or_default() += 1;
            flipped[offset] ^= 1 << bit;
        }
    }
    (counts, accepted)
}

/// ATTACKS 16, 34: zero accepted. The unknown lines of the note are no signature of anybody known;
/// there are none here.
#[test]
#[ignore = "a minute and a half: every bit; tests/run and one's own patience"]
fn every_flipped_bit_is_caught() {
    campaign("flips", |_| 0..8);
}

/// The same for one bit of every byte.
#[test]
fn a_flipped_bit_of_every_byte_is_caught() {
    campaign("flip", |offset| offset % 8..offset % 8 + 1);
}

#[allow(clippy::print_stdout, reason = "the counts are the point")]
fn campaign(name: &str, bits: impl Fn(usize) -> std::ops::Range<usize> + Copy + Send) {
    let stage = Stage::new(name);
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &[]).expect(0, &["YES"]);
    let bytes = std::fs::read(stage.file("a.bundle")).unwrap();
    assert!(stage.check(&Bundle::parse(&bytes).unwrap()).unwrap().is_yes());
    let halves: Vec<(Counts, usize)> = std::thread::scope(|scope| {
        let start = |half: usize| {
            let (stage, bytes) = (&stage, &bytes);
            scope.spawn(move || flip(stage, bytes, (half..bytes.len()).step_by(2), bits))
        };
        let running: Vec<_> = (0..2).map(start).collect();
        running.into_iter().map(|half| half.join().unwrap()).collect()
    });
    let mut counts = Counts::new();
    for (half, _) in &halves {
        for (code, count) in half {
            *counts.entry(code).or_default() += count;
        }
    }
    let accepted: usize = halves.iter().map(|(_, accepted)| accepted).sum();
    let flipped: usize = counts.values().sum();
    println!("{flipped} bits of {} bytes flipped, {accepted} accepted: {counts:?}", bytes.len());
    assert_eq!(accepted, 0);
    assert!(flipped >= bytes.len());
}
