//! Vectors of `spec/witness.md`: what a witness is asked, one request after the other, and what it
//! answers; and evidence of forks.
//!
//! `COUNTERSIGN_BLESS=1 cargo test --test witness vectors` writes `spec/vectors/witness/` anew;
//! else the files there are compared, byte for byte.

use countersign::base::position::TreeSize;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::fork::ForkFile;
use countersign::ledger::keys::LedgerKeys;
use serde_json::{Value, json};

use crate::blessing::{compare, compare_cases};
use crate::decide::{Memory, ask_at, forged};
use crate::support::*;

/// What is asked, in order, and when by the witness's clock.
fn requests(log: &Log) -> Vec<(&'static str, u64, String)> {
    let mut late = log.growth(2, 5, &[]);
    late.hashes.push([0; 32]);
    let mut wrong = log.growth(2, 5, &[]);
    wrong.hashes[0][0] ^= 1;
    let mut above = log.growth(2, 5, &[]);
    above.old_size = TreeSize::new(6);
    let with = |old: u64, size: u64, root: u8| {
        let checkpoint = forged(size, root);
        let hashes = Vec::new();
        ConsistencyProof { old_size: TreeSize::new(old), hashes, checkpoint }.to_string()
    };
    let text = log.growth(2, 5, &[]).to_string();
    let signature = text.find("ledger H").unwrap() + "ledger ".len();
    let mut unsigned = text.clone();
    unsigned.replace_range(signature..=signature, "I");
    vec![
        ("an older size where nothing was cosigned", 9, log.growth(2, 5, &[]).to_string()),
        ("an empty tree with a root of its own", 9, with(0, 0, 1)),
        ("the first, two entries", 10, log.growth(0, 2, &[]).to_string()),
        ("the same again, as it is known", 11, log.growth(2, 2, &[]).to_string()),
        ("from nothing, though two were cosigned", 12, log.growth(0, 5, &[]).to_string()),
        ("another tree of two entries: a fork", 13, with(2, 2, 9)),
        ("a line too many", 14, late.to_string()),
        ("a wrong hash", 15, wrong.to_string()),
        ("an older size above the newer", 16, above.to_string()),
        ("a log that is not known", 17, text.replace(ORIGIN, "other.example")),
        ("a signature that is not the log's", 18, unsigned),
        ("no empty line", 19, text.replacen("\n\n", "\n", 1)),
        ("a size with a zero before it", 20, text.replacen("old 2", "old 02", 1)),
        ("five entries, by a clock that fell", 5, text),
        ("lines of other witnesses are passed over", 30, log.growth(5, 7, &[1, 2]).to_string()),
        ("older than what was cosigned", 31, log.growth(5, 5, &[]).to_string()),
    ]
}

#[test]
fn our_vectors_of_a_witness() {
    let log = Log::new(7);
    let record = Memory::default();
    let mut cases: Vec<Value> = Vec::new();
    for (what, seconds, request) in requests(&log) {
        let answered = ask_at(&record, seconds, request.as_bytes());
        let kept = record.note.borrow().clone().map(|note| String::from_utf8(note).unwrap());
        cases.push(json!({
            "what": what,
            "clock": seconds,
            "request": request,
            "status": answered.answer.status(),
            "content_type": answered.answer.content_type(),
            // Only what C2SP fixes; the words of a refusal are anybody's.
            "body": matches!(answered.answer.status(), 200 | 409).then(|| answered.answer.body()),
            "record": kept,
            "fork": answered.fork.map(|fork| fork.to_string()),
        }));
    }
    let statuses: Vec<_> = cases.iter().map(|case| case["status"].as_u64().unwrap()).collect();
    let expected = [409, 422, 200, 200, 409, 422, 422, 422, 400, 404, 403, 400, 400, 200, 200, 409];
    assert_eq!(statuses, expected);
    compare_cases(
        "witness/add-checkpoint.json",
        "One witness, asked one thing after the other (C2SP tlog-witness): its clock in seconds, \
         the content of the request, status, content type and content of the answer, what it has \
         recorded then, and the evidence that the request is. The key of the witness is \
         witness.example/w0, of 32 bytes 0x20; the log is that of ../proof/trust.toml, 7 entries",
        &cases,
    );
}

#[test]
fn our_vectors_of_forks() {
    let log = Log::new(7);
    let keys = LedgerKeys::new(signer().verifier_key());
    let other = crate::forks::grown(&(0..9).collect::<Vec<_>>(), 6);
    let equal = ForkFile {
        beginning: None,
        older: log.checkpoint(5, &[0, 2]).note().clone(),
        newer: forged(5, 9),
    };
    let open = |note: &countersign::note::SignedNote| {
        let key = signer().verifier_key();
        countersign::note::checkpoint::VerifiedCheckpoint::of(note.clone(), ORIGIN, &key).unwrap()
    };
    let two = countersign::ledger::fork::Fork::within(
        log.checkpoint(6, &[1]),
        open(&other.checkpoint),
        &other.hashes,
    );
    for (name, text) in [
        ("equal-sizes.fork", equal.clone().verify(&keys).unwrap().to_string()),
        ("two-sizes.fork", two.unwrap().to_string()),
    ] {
        compare(&format!("witness/{name}"), text.as_bytes());
        let file = ForkFile::parse(text.as_bytes()).unwrap();
        assert_eq!(file.verify(&keys).unwrap().to_string(), text);
    }
}
