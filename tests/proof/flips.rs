//! The tamper campaign: every single bit of files that are signed or hashed, and structure.

use countersign::verify::proof::{ProofFile, ProofRefusal};
use countersign::verify::trust::TrustRoot;

use crate::support::*;

/// Flips each bit in turn; gives how many files were tried, all of which were refused.
#[track_caller]
fn flip_all(text: &str, trust: &TrustRoot, known: &[countersign::statement::Seen]) -> usize {
    let accepted = |bytes: &[u8]| {
        let Ok(file) = ProofFile::parse(bytes) else { return false };
        check(file, trust, known).is_ok_and(|found| found.witnessed.is_met)
    };
    let mut bytes = text.as_bytes().to_vec();
    assert!(accepted(&bytes), "{text}");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(!accepted(&bytes), "bit {bit} of byte {at} in\n{text}");
            bytes[at] ^= 1 << bit;
        }
    }
    bytes.len() * 8
}

/// ATTACKS 34, 36: every single-bit flip of a proof file, a consistency proof and a checkpoint is
/// refused, also in cosignatures where all of them are wanted.
#[test]
#[expect(clippy::print_stderr, reason = "the campaign prints its counts")]
fn every_single_bit_flip_is_refused() {
    let log = Log::new(7);
    let known = [log.seen(3)];
    let mut tried = 0;
    for (witnesses, trust) in [(&[][..], log.trust(0, "")), (&[0, 1], log.trust(2, "\"all\""))] {
        tried += flip_all(&log.checkpoint(7, witnesses).note().to_string(), &trust, &known);
        tried += flip_all(&log.entry(4, 7, witnesses).to_tlog_proof(), &trust, &known);
        tried += flip_all(&log.entry(0, 1, witnesses).to_tlog_proof(), &trust, &known);
        tried += flip_all(&log.growth(3, 7, witnesses).to_string(), &trust, &known);
    }
    eprintln!("{tried} files with one bit flipped, none accepted");
    assert!(tried > 50_000, "{tried}");
}

/// Every byte dropped or doubled, and every line dropped, doubled or swapped with the next.
#[test]
fn structure_is_not_to_be_altered() {
    let log = Log::new(7);
    let (trust, known) = (log.trust(2, "\"all\""), [log.seen(3)]);
    let mut tried = 0;
    for text in [
        log.checkpoint(7, &[0, 1]).note().to_string(),
        log.entry(4, 7, &[0, 1]).to_tlog_proof(),
        log.growth(3, 7, &[0, 1]).to_string(),
    ] {
        let mut refused = |bytes: &[u8], what: &str| {
            tried += 1;
            let Ok(file) = ProofFile::parse(bytes) else { return };
            let found = check(file, &trust, &known);
            let met = found.is_ok_and(|found| found.witnessed.is_met);
            assert!(!met, "{what}:\n{}", String::from_utf8_lossy(bytes));
        };
        let bytes = text.as_bytes();
        for at in 0..bytes.len() {
            refused(&[&bytes[..at], &bytes[at + 1..]].concat(), "a byte less");
            refused(&[&bytes[..=at], &bytes[at..]].concat(), "a byte twice");
            refused(&bytes[..at], "the beginning");
        }
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            refused([&lines[..at], &lines[at + 1..]].concat().concat().as_bytes(), "a line less");
            // The lines of signatures may come in any order, and more than once.
            if lines[at].starts_with('\u{2014}') {
                continue;
            }
            refused([&lines[..=at], &lines[at..]].concat().concat().as_bytes(), "a line twice");
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            if swapped != lines {
                refused(swapped.concat().as_bytes(), "two lines swapped");
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
}

/// Parts of one good file in another: proofs, checkpoints and entries that do not belong together.
#[test]
fn parts_of_other_proofs_do_not_fit() {
    let log = Log::new(7);
    let trust = log.trust(0, "");
    let mut accepted = 0;
    for index in 0..7_u64 {
        for size in index + 1..=7 {
            for other in 0..7_u64 {
                let mut entry = log.entry(index, size, &[]);
                entry.leaf = log.leaves[usize::try_from(other).unwrap()].clone();
                let file = ProofFile::parse(entry.to_tlog_proof().as_bytes()).unwrap();
                let found = check(file, &trust, &[]);
                assert_eq!(found.is_ok(), index == other, "{other} as {index} of {size}");
                accepted += u32::from(found.is_ok());
                if other > index && other < size {
                    let mut entry = log.entry(index, size, &[]);
                    entry.receipt.proof = log.entry(other, size, &[]).receipt.proof;
                    let file = ProofFile::parse(entry.to_tlog_proof().as_bytes()).unwrap();
                    assert!(check(file, &trust, &[]).is_err());
                }
            }
        }
    }
    assert_eq!(accepted, 28);
}

/// ATTACKS 34: two histories are seen by whoever knows a tree of that size, and a proof from a tree
/// that nobody knows says nothing.
#[test]
fn attack_34_two_histories_are_told() {
    let log = Log::new(7);
    let trust = log.trust(0, "");
    let parse = |text: String| ProofFile::parse(text.as_bytes()).unwrap();
    let mut forged = log.seen(7);
    forged.root = countersign::base::digest::RootHash::from_bytes([1; 32]);
    let size = forged.size;
    let fork = Err(ProofRefusal::Fork { size });
    let checkpoint = || parse(log.checkpoint(7, &[]).note().to_string());
    assert_eq!(check(checkpoint(), &trust, &[forged]), fork);
    assert_eq!(check(parse(log.entry(2, 7, &[]).to_tlog_proof()), &trust, &[forged]), fork);
    assert_eq!(
        check(parse(log.growth(3, 7, &[]).to_string()), &trust, &[log.seen(3), forged]),
        fork
    );
    assert_eq!(check(checkpoint(), &trust, &[log.seen(7), forged]), fork);
    assert!(check(checkpoint(), &trust, &[log.seen(7), log.seen(4)]).is_ok());
    let size = log.seen(3).size;
    let growth = || parse(log.growth(3, 7, &[]).to_string());
    assert_eq!(check(growth(), &trust, &[]), Err(ProofRefusal::NoOlder { size }));
    let mut wrong = log.seen(3);
    wrong.root = forged.root;
    assert!(matches!(check(growth(), &trust, &[wrong]), Err(ProofRefusal::Consistency(_))));
    // From entry 0 on, which the trust root names, and from nothing, no older checkpoint is needed.
    assert!(check(parse(log.growth(1, 7, &[]).to_string()), &trust, &[]).is_ok());
    assert!(check(parse(log.growth(0, 7, &[]).to_string()), &trust, &[]).is_ok());
}

/// Another ledger of the same name and key, begun by another entry 0, is another ledger.
#[test]
fn entries_of_another_ledger_are_refused() {
    let log = Log::new(3);
    let other = countersign::base::digest::LeafHash::from_bytes([5; 32]);
    let text = log.trust(0, "").to_toml().replace(&log.id().to_string(), &other.to_string());
    let trust = TrustRoot::parse(text.as_bytes()).unwrap();
    for text in [
        log.entry(0, 3, &[]).to_tlog_proof(),
        log.entry(1, 3, &[]).to_tlog_proof(),
        log.entry(2, 3, &[]).to_tlog_proof(),
        log.checkpoint(1, &[]).note().to_string(),
    ] {
        let file = ProofFile::parse(text.as_bytes()).unwrap();
        assert_eq!(check(file, &trust, &[]), Err(ProofRefusal::OtherLedger), "{text}");
    }
}
