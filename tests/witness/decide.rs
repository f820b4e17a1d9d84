//! `spec/witness.md` section 2: the decision, step by step.

use std::cell::RefCell;

use countersign::base::digest::RootHash;
use countersign::base::position::TreeSize;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::fork::Fork;
use countersign::ledger::keys::LedgerKeys;
use countersign::ledger::store::StoreError;
use countersign::ledger::witness::{Answer, Answered, WitnessRecord, answer};
use countersign::note::SignedNote;
use countersign::note::checkpoint::Checkpoint;
use countersign::note::key::NoteSigner;

use crate::support::*;

/// A record in memory that can fail before or after it has stored.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) note: RefCell<Option<Vec<u8>>>,
    pub(crate) forks: RefCell<Vec<String>>,
    fails: RefCell<Option<Fails>>,
}

#[derive(Clone, Copy)]
enum Fails {
    Before,
    After,
}

impl WitnessRecord for Memory {
    fn load(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.note.borrow().clone())
    }

    fn store(&self, _: &str, note: &[u8]) -> Result<(), StoreError> {
        let fails = self.fails.take();
        if !matches!(fails, Some(Fails::Before)) {
            *self.note.borrow_mut() = Some(note.to_vec());
        }
        match fails {
            Some(_) => Err(StoreError::unavailable("the record", "a test")),
            None => Ok(()),
        }
    }

    fn keep(&self, fork: &Fork) -> Result<(), StoreError> {
        self.forks.borrow_mut().push(fork.to_string());
        Ok(())
    }
}

pub(crate) fn ask_at(record: &Memory, seconds: u64, request: &[u8]) -> Answered {
    let keys = |origin: &str| (origin == ORIGIN).then(|| LedgerKeys::new(signer().verifier_key()));
    answer(record, keys, &cosigner(0), seconds, request)
}

fn ask(record: &Memory, request: &ConsistencyProof) -> Answered {
    ask_at(record, WITNESSED, request.to_string().as_bytes())
}

/// The record of a witness that cosigned the first entries of a log.
fn after(log: &Log, size: u64) -> Memory {
    let record = Memory::default();
    let cosigned = ask(&record, &log.growth(0, size, &[]));
    assert_eq!(cosigned.answer.status(), 200);
    record
}

/// A tree of the ledger's key that the log does not have.
pub(crate) fn forged(size: u64, root: u8) -> SignedNote {
    let root = RootHash::from_bytes([root; 32]);
    Checkpoint::new(ORIGIN, TreeSize::new(size), root).sign(&signer()).unwrap().note().clone()
}

#[test]
fn what_continues_is_cosigned_and_recorded_with_both_signatures() {
    let log = Log::new(7);
    let record = Memory::default();
    for (old, new) in [(0, 2), (2, 5), (5, 5), (5, 7)] {
        // Lines of others are neither believed nor kept.
        let answered = ask(&record, &log.growth(old, new, &[1, 2]));
        let Answer::Cosigned(line) = &answered.answer else { panic!("{:?}", answered.answer) };
        assert_eq!(answered.claimed, Some((ORIGIN.to_owned(), TreeSize::new(new))));
        let kept = SignedNote::parse(record.note.borrow().as_ref().unwrap()).unwrap();
        assert_eq!(kept.text(), log.checkpoint(new, &[]).note().text());
        assert_eq!(kept.signatures().len(), 2);
        assert_eq!(kept.signatures()[0].name(), ORIGIN);
        assert_eq!(&kept.signatures()[1], line);
        let found = cosigner(0).key().find(&kept).unwrap().unwrap();
        assert_eq!(found.seconds(), WITNESSED);
    }
    // Of the empty tree, which any tree continues, as well.
    let record = Memory::default();
    assert_eq!(ask(&record, &log.growth(0, 0, &[])).answer.status(), 200);
    assert_eq!(ask(&record, &log.growth(0, 3, &[])).answer.status(), 200);
}

#[test]
fn each_refusal_has_its_status_and_changes_nothing() {
    let log = Log::new(7);
    let record = after(&log, 3);
    let before = record.note.borrow().clone();
    let good = log.growth(3, 5, &[]);
    let mut wrong_proof = good.clone();
    wrong_proof.hashes[0][0] ^= 1;
    let mut longer = good.clone();
    longer.hashes.push([0; 32]);
    let mut shorter = good.clone();
    shorter.hashes.pop();
    let mut shared = log.growth(3, 3, &[]);
    shared.hashes.push([0; 32]);
    let other = NoteSigner::new(ORIGIN, &[7; 32]).unwrap();
    let elsewhere = NoteSigner::new("other.example", &[7; 32]).unwrap();
    let seen = log.seen(5);
    let tree = Checkpoint::new(ORIGIN, seen.size, seen.root);
    let strange = tree.sign(&other).unwrap().note().clone();
    let tree = Checkpoint::new("other.example", seen.size, seen.root);
    let unknown = tree.sign(&elsewhere).unwrap().note().clone();
    let broken = good.to_string().replace("ledger H", "ledger I");
    let with = |old: u64, checkpoint: SignedNote| ConsistencyProof {
        old_size: TreeSize::new(old),
        hashes: good.hashes.clone(),
        checkpoint,
    };
    let text = good.to_string();
    let cases: Vec<(&str, u16, String)> = vec![
        ("no request", 400, "hello\n".to_owned()),
        ("nothing", 400, String::new()),
        ("a size with a zero before it", 400, text.replacen("old 3", "old 03", 1)),
        ("a proof that is no base64", 400, text.replacen('=', "", 1)),
        ("lines that end otherwise", 400, text.replace('\n', "\r\n")),
        ("no signature", 400, text.split("\n\u{2014}").next().unwrap().to_owned()),
        ("an old size above the new", 400, with(6, good.checkpoint.clone()).to_string()),
        ("another key of that name", 403, with(3, strange).to_string()),
        ("a signature that is not good", 403, broken),
        ("an unknown log", 404, with(3, unknown).to_string()),
        ("another old size", 409, log.growth(2, 5, &[]).to_string()),
        ("none, though one was cosigned", 409, log.growth(0, 5, &[]).to_string()),
        ("a wrong proof", 422, wrong_proof.to_string()),
        ("a proof that is too long", 422, longer.to_string()),
        ("a proof that is too short", 422, shorter.to_string()),
        ("a proof between equal trees", 422, shared.to_string()),
        ("another root at the same size", 422, with(3, forged(3, 9)).to_string()),
    ];
    for (why, status, request) in cases {
        let answered = ask_at(&record, WITNESSED, request.as_bytes());
        assert_eq!(answered.answer.status(), status, "{why}: {:?}", answered.answer);
        assert_eq!(*record.note.borrow(), before, "{why}");
        if status == 409 {
            assert_eq!(answered.answer.body(), "3\n");
            assert_eq!(answered.answer.content_type(), "text/x.tlog.size");
        }
    }
    // At the beginning: a proof where none belongs, and an empty tree with a root of its own.
    let record = Memory::default();
    let mut first = log.growth(0, 3, &[]);
    first.hashes.push([0; 32]);
    assert_eq!(ask(&record, &first).answer.status(), 422);
    let empty = ConsistencyProof {
        old_size: TreeSize::new(0),
        hashes: Vec::new(),
        checkpoint: forged(0, 1),
    };
    assert_eq!(ask(&record, &empty).answer.status(), 422);
    assert_eq!(ask(&record, &log.growth(2, 5, &[])).answer, Answer::Conflict(TreeSize::new(0)));
    assert_eq!(*record.note.borrow(), None);
}

/// The times of one witness never fall: its clock may.
#[test]
fn a_clock_that_falls_is_not_followed() {
    let log = Log::new(5);
    let record = Memory::default();
    let at = |seconds: u64, old: u64, new: u64| {
        ask_at(&record, seconds, log.growth(old, new, &[]).to_string().as_bytes());
        let kept = SignedNote::parse(record.note.borrow().as_ref().unwrap()).unwrap();
        cosigner(0).key().find(&kept).unwrap().unwrap().seconds()
    };
    // Zero is no time of a cosignature.
    assert_eq!(at(0, 0, 1), 1);
    assert_eq!(at(500, 1, 2), 500);
    assert_eq!(at(400, 2, 3), 500);
    assert_eq!(at(501, 3, 5), 501);
    let late = ask_at(&record, u64::MAX, log.growth(5, 5, &[]).to_string().as_bytes());
    assert_eq!(late.answer.status(), 500);
}

/// Whether storing fails before or after the fact, no second tree of one size is ever cosigned.
#[test]
fn attack_34_a_record_that_fails_is_never_followed_by_another_tree() {
    let log = Log::new(5);
    for fails in [Fails::Before, Fails::After] {
        let record = after(&log, 3);
        *record.fails.borrow_mut() = Some(fails);
        let answered = ask(&record, &log.growth(3, 5, &[]));
        assert_eq!(answered.answer, Answer::Failed);
        assert!(answered.failure.is_some());
        // Nothing was answered; what is cosigned next follows from what is recorded.
        let size = if matches!(fails, Fails::Before) { 3 } else { 5 };
        let again = ask(&record, &log.growth(3, 5, &[]));
        let expected = if size == 3 { 200 } else { 409 };
        assert_eq!(again.answer.status(), expected);
        let other = ConsistencyProof {
            old_size: TreeSize::new(5),
            hashes: Vec::new(),
            checkpoint: forged(5, 9),
        };
        let answered = ask(&record, &other);
        assert_eq!(answered.answer.status(), 422);
        assert!(answered.fork.is_some());
    }
}

/// A damaged record is no reason to begin anew.
#[test]
fn a_damaged_record_is_no_empty_one() {
    let log = Log::new(5);
    for damage in [&b""[..], b"garbage", log.checkpoint(3, &[]).note().text().as_bytes()] {
        let record = Memory::default();
        *record.note.borrow_mut() = Some(damage.to_vec());
        let answered = ask(&record, &log.growth(0, 5, &[]));
        assert_eq!(answered.answer, Answer::Failed);
        assert_eq!(record.note.borrow().as_deref(), Some(damage));
    }
}
