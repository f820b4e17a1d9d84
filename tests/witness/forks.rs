//! `spec/witness.md` section 4: what proves that a ledger signed two histories, and what does not.

use countersign::base::position::TreeSize;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::fork::{Fork, ForkError, ForkFile};
use countersign::ledger::keys::LedgerKeys;
use countersign::merkle::leaf_hash;
use countersign::merkle::proof::Prover;
use countersign::merkle::tile::Tile;
use countersign::merkle::tree::{TileError, TileTree};
use countersign::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use countersign::note::key::NoteSigner;

use crate::decide::{Memory, ask_at, forged};
use crate::support::*;

fn keys() -> LedgerKeys {
    LedgerKeys::new(signer().verifier_key())
}

fn open(note: &countersign::note::SignedNote) -> VerifiedCheckpoint {
    VerifiedCheckpoint::of(note.clone(), ORIGIN, &signer().verifier_key()).unwrap()
}

/// What a log of these entries hands to a witness that cosigned the first `old` of them.
pub(crate) fn grown(entries: &[u64], old: u64) -> ConsistencyProof {
    let mut tree = TileTree::new();
    for entry in entries {
        tree.append(&leaf_hash(&entry.to_be_bytes()));
    }
    let (size, root) = (tree.size(), tree.root());
    let tiles = tree.take_changed();
    let mut prover = Prover::new(size, |tile: Tile| {
        let found =
            tiles.iter().find(|(one, _)| (one.level, one.index) == (tile.level, tile.index));
        Ok::<_, TileError>(found.map(|(_, bytes)| bytes[..tile.bytes_count()].to_vec()))
    });
    let old_size = TreeSize::new(old);
    let hashes = prover.consistency(old_size).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, size, root).sign(&signer()).unwrap();
    ConsistencyProof { old_size, hashes, checkpoint: checkpoint.note().clone() }
}

/// What another history than the log's would hand to a witness.
fn other_history(old: u64, new: u64) -> ConsistencyProof {
    grown(&(0..new).collect::<Vec<_>>(), old)
}

/// ATTACKS 34: a witness that cosigned one history and is shown another proves it, with both
/// checkpoints as the ledger signed them.
#[test]
fn attack_34_a_witness_proves_the_fork_that_it_is_shown() {
    let log = Log::new(7);
    for old in 1..=6_u64 {
        for new in old..=9 {
            let record = Memory::default();
            let first = log.growth(0, old, &[]);
            assert_eq!(ask_at(&record, 1, first.to_string().as_bytes()).answer.status(), 200);
            let request = other_history(old, new);
            let answered = ask_at(&record, 2, request.to_string().as_bytes());
            assert_eq!(answered.answer.status(), 422);
            // Of a whole subtree the proof holds no root: then nothing is proved.
            let is_shown = old == new || !old.is_power_of_two();
            assert_eq!(answered.fork.is_some(), is_shown, "{old} {new}");
            assert_eq!(record.forks.borrow().len(), usize::from(is_shown));
            let Some(fork) = answered.fork else { continue };
            let text = fork.to_string();
            let again = ForkFile::parse(text.as_bytes()).unwrap().verify(&keys()).unwrap();
            assert_eq!((again.to_string(), &again), (text, &fork));
            assert_eq!(again.older().note().text(), log.checkpoint(old, &[]).note().text());
            assert_eq!(again.newer().note(), &request.checkpoint);
        }
    }
}

/// A file of evidence says nothing that its checkpoints do not.
#[test]
fn what_is_no_fork_is_no_evidence() {
    let log = Log::new(7);
    let (small, large) = (log.checkpoint(3, &[]), log.checkpoint(5, &[]));
    let hashes = log.growth(3, 5, &[]).hashes;
    let root = *small.root();
    assert_eq!(Fork::within(small.clone(), large.clone(), &hashes), None);
    assert_eq!(Fork::prove(small.clone(), large.clone(), Some((root, hashes.clone()))), None);
    assert_eq!(Fork::prove(small.clone(), large.clone(), None), None);
    assert_eq!(Fork::prove(large.clone(), large.clone(), None), None);
    // A proof of anything proves nothing.
    let mut wrong = hashes.clone();
    wrong[1][0] ^= 1;
    assert_eq!(Fork::within(small.clone(), large.clone(), &wrong), None);
    let root_of_nobody = *open(&forged(3, 9)).root();
    assert_eq!(Fork::prove(small.clone(), large.clone(), Some((root_of_nobody, hashes))), None);
    assert_eq!(Fork::prove(large, small, None), None);
    // Two checkpoints of a stranger's key are the stranger's business.
    let other = NoteSigner::new(ORIGIN, &[7; 32]).unwrap();
    let seen = log.seen(5);
    let strange = Checkpoint::new(ORIGIN, seen.size, seen.root).sign(&other).unwrap();
    let file = ForkFile { beginning: None, older: strange.note().clone(), newer: forged(5, 9) };
    assert!(matches!(file.verify(&keys()), Err(ForkError::Checkpoint(_))));
    let file = ForkFile {
        beginning: None,
        older: log.checkpoint(5, &[1]).note().clone(),
        newer: log.checkpoint(5, &[2]).note().clone(),
    };
    assert_eq!(file.verify(&keys()), Err(ForkError::NoFork));
}

/// Each file has one spelling, and every single bit of it counts, but for lines that prove nothing.
#[test]
fn attack_34_no_bit_of_the_evidence_can_be_changed() {
    let log = Log::new(7);
    let evidence = [Fork::prove(log.checkpoint(5, &[]), open(&forged(5, 9)), None).unwrap(), {
        let other = other_history(6, 9);
        Fork::within(log.checkpoint(6, &[]), open(&other.checkpoint), &other.hashes).unwrap()
    }];
    for fork in evidence {
        let text = fork.to_string().into_bytes();
        let mut accepted = 0;
        for at in 0..text.len() * 8 {
            let mut bytes = text.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            let verified = ForkFile::parse(&bytes).ok().and_then(|file| file.verify(&keys()).ok());
            accepted += usize::from(verified.is_some());
        }
        assert_eq!(accepted, 0, "of {} bits", text.len() * 8);
        for cut in 0..text.len() {
            assert!(ForkFile::parse(&text[..cut]).is_err(), "cut at {cut}");
        }
    }
}
