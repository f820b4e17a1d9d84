//! Ledgers of many entries, and damage at known places.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign::base::digest::ContentDigest;
use countersign::base::name::Revision;
use countersign::base::time::Timestamp;
use countersign::key::{SeedSigner, Signer as _};
use countersign::ledger::append::{Admission, Admitted, Ledger, Refusal};
use countersign::session::{LedgerFolder, Session, sign};
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::envelope::{Envelope, EnvelopeSignature};
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};

use super::stage::{START, Stage, key, ledger_key, member};

/// A ledger with a deployment, which has a cover, a document, openings; 6 entries.
pub(crate) fn stage(test: &str) -> Stage {
    let mut stage = Stage::new(test, "enforce");
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    stage
}

/// What ada says of a change that is nowhere.
pub(crate) fn approval(number: u64) -> Says {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    Says::Approval(Approval {
        verdict: ApprovalVerdict::Approve,
        subject_type: SubjectType::Change,
        rows: vec![ApprovalRow {
            hash: ContentDigest::from_bytes(hash),
            repository: Some("shop".parse().unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            service: None,
            base: None,
            head: Some(Revision::new("1".repeat(40)).unwrap()),
            assistance_seen: Some(Assistance::Assisted),
            shown: Shown::Diff,
            supersedes: None,
        }],
        withdraws: None,
        comment: None,
        checklist: Vec::new(),
    })
}

pub(crate) fn later(minutes: u64) -> Timestamp {
    Timestamp::from_milliseconds(START + minutes * 60_000)
}

/// Appends approvals by ada in batches.
pub(crate) fn append_many(session: &mut Session, count: u64, batch: usize) {
    let ada = key("ada");
    let mut left = usize::try_from(count).unwrap();
    while left > 0 {
        let first = session.size().get();
        let part = batch.min(left);
        let one = |number: u64| {
            sign(&session.statement(&member("ada"), approval(first + number)), &ada).unwrap()
        };
        let envelopes: Vec<_> = (0..part as u64).map(one).collect();
        for receipt in session.append(later(100), &envelopes).unwrap() {
            receipt.unwrap();
        }
        left -= part;
    }
}

/// The same where the time to sign is not counted; gives how long the appends took.
pub(crate) fn append_signed(session: &mut Session, count: u64, batch: u64) -> Duration {
    let ada = key("ada");
    let mut taken = Duration::ZERO;
    for _ in 0..count / batch {
        let first = session.size().get();
        let one = |number: u64| {
            sign(&session.statement(&member("ada"), approval(first + number)), &ada).unwrap()
        };
        let envelopes: Vec<_> = (0..batch).map(one).collect();
        let begun = Instant::now();
        let receipts = session.append(later(100), &envelopes).unwrap();
        taken += begun.elapsed();
        assert!(receipts.iter().all(Result::is_ok));
    }
    taken
}

/// Whatever is handed in: what an operator with the ledger's key could write.
struct Anything;

impl Admission for Anything {
    fn admit(
        &mut self,
        _: countersign::base::position::EntryIndex,
        _: Timestamp,
        envelope: &[u8],
    ) -> Result<Admitted, Refusal> {
        let parsed = Envelope::parse(envelope).unwrap();
        let said = countersign::statement::Statement::parse(parsed.payload()).unwrap();
        let topics = countersign::ledger::topics::topics(parsed.statement_id(), &said);
        Ok(Admitted::New { envelope: parsed.to_canonical(), topics })
    }
}

/// Appends an entry whose signature does not hold, as only who has the ledger's key can.
pub(crate) fn append_unsigned(stage: &Stage) -> u64 {
    let session = stage.session();
    let index = session.size().get();
    let statement = session.statement(&member("ada"), approval(1 << 40));
    let good = sign(&statement, &key("ada")).unwrap();
    let mut forged = Envelope::new(good.payload().to_vec(), Vec::new());
    let other = SeedSigner::from_seed(&[99; 32], "other").unwrap();
    let signature = other.sign(&forged.pre_authentication_encoding()).unwrap();
    let keyid = good.signatures()[0].keyid;
    forged.push_signature(EnvelopeSignature { keyid, signature });
    let signer = ledger_key(&stage.home).read().unwrap().unwrap();
    let folder = LedgerFolder::new(stage.ledger());
    let origin = session.checkpoint().checkpoint().origin.clone();
    let file = folder.checkpoint_file();
    let mut ledger = Ledger::open(session.store(), &origin, signer, &[], file).unwrap();
    ledger.append(&mut Anything, later(101), &[&forged.to_canonical()]).unwrap();
    index
}

/// Opens sled's own files. Whoever had them a moment ago, a thread or a process that is ending, may
/// hold its lock an instant longer.
pub(crate) fn open_sled(folder: &Path) -> sled::Db {
    let mut tries = 0;
    loop {
        match sled::open(folder.join("sled")) {
            Err(sled::Error::Io(_)) if tries < 200 => tries += 1,
            other => return other.unwrap(),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Flips a bit of a stored value, through sled itself: its own checksums are right.
pub(crate) fn flip(folder: &Path, key: &[u8], at: usize) {
    let db = open_sled(folder);
    let mut value = db.get(key).unwrap().unwrap().to_vec();
    value[at] ^= 1;
    db.insert(key, value).unwrap();
    db.flush().unwrap();
}

/// Flips a bit in the middle of a file.
pub(crate) fn flip_file(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

pub(crate) fn leaf_key(index: u64) -> Vec<u8> {
    [b"e".as_slice(), &index.to_be_bytes()].concat()
}

/// Every file below a folder, by name.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, top: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, top, found);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    if folder.exists() {
        walk(folder, folder, &mut found);
    }
    found
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    to.to_owned()
}

/// Words, line breaks aside.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs the program on a ledger's folder and reads its answer.
#[track_caller]
pub(crate) fn json_of(
    stage: &Stage,
    folder: &Path,
    arguments: &[&str],
    status: i32,
) -> serde_json::Value {
    let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
    let (found, out, talk) = stage.run_on(folder, &arguments);
    assert_eq!(found, status, "{arguments:?}: {out}{talk}");
    assert!(!out.is_empty(), "{talk}");
    serde_json::from_str(&out).unwrap()
}
