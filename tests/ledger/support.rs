//! What the tests of the ledger share: a small admission, keys, folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::base::position::EntryIndex;
use countersign::base::time::{Clock, Timestamp};
use countersign::ledger::append::{Admission, Admitted, Ledger, LedgerError, Refusal};
use countersign::ledger::check::{Report, check};
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{CheckpointFile, Store, Topic};
use countersign::note::key::{NoteSigner, VerifierKey};
use countersign::store::checkpoint::DurableCheckpoint;
use countersign::store::memory::{MemoryCheckpoint, MemoryStore};
use countersign::store::sled::SledStore;

pub(crate) const ORIGIN: &str = "example.com/ledger";
pub(crate) const NOW: Timestamp = Timestamp::from_milliseconds(1_767_225_600_000);

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[7; 32]).unwrap()
}

pub(crate) fn keys() -> [VerifierKey; 1] {
    [signer().verifier_key()]
}

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A statement of the tests: an envelope of any spelling that differs in spaces alone is the same
/// statement, as envelopes that differ outside of what is signed are (ATTACKS 5).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known(BTreeMap<Vec<u8>, EntryIndex>);

impl Known {
    /// Folds the admission's state from a store, as every opening does.
    pub(crate) fn of(store: &impl Store) -> Self {
        let mut known = Self::default();
        while let Some(bytes) = store.leaf(EntryIndex::new(known.0.len() as u64)).unwrap() {
            let index = EntryIndex::new(known.0.len() as u64);
            known.0.insert(Leaf::parse(&bytes).unwrap().envelope().to_vec(), index);
        }
        known
    }
}

pub(crate) fn topic_of(envelope: &[u8]) -> Topic {
    Topic::of("test statement", &[envelope])
}

impl Admission for Known {
    fn admit(
        &mut self,
        index: EntryIndex,
        _: Timestamp,
        envelope: &[u8],
    ) -> Result<Admitted, Refusal> {
        let envelope: Vec<u8> = envelope.iter().copied().filter(|byte| *byte != b' ').collect();
        if envelope.windows(6).any(|window| window == b"refuse") {
            return Err(Refusal::new("test", "refused").with_hint("do not ask for it"));
        }
        if let Some(index) = self.0.get(&envelope) {
            return Ok(Admitted::Existing(*index));
        }
        self.0.insert(envelope.clone(), index);
        let topics = vec![topic_of(&envelope), Topic::of("all", &[])];
        Ok(Admitted::New { envelope, topics })
    }

    fn permits_jump(&self, _: Timestamp, _: Timestamp, envelope: &[u8]) -> bool {
        envelope.windows(4).any(|window| window == b"jump")
    }
}

pub(crate) fn envelope(number: u64) -> Vec<u8> {
    format!("{{\"payload\":\"{number}\",\"payloadType\":\"x\",\"signatures\":[]}}").into_bytes()
}

pub(crate) fn open<S: Store, C: CheckpointFile>(
    store: S,
    file: C,
) -> Result<Ledger<S, C>, LedgerError> {
    Ledger::open(store, ORIGIN, signer(), &[], file)
}

pub(crate) fn append<S: Store, C: CheckpointFile>(
    ledger: &mut Ledger<S, C>,
    known: &mut Known,
    numbers: std::ops::Range<u64>,
) {
    let envelopes: Vec<_> = numbers.map(envelope).collect();
    let envelopes: Vec<_> = envelopes.iter().map(Vec::as_slice).collect();
    for receipt in ledger.append(known, NOW, &envelopes).unwrap() {
        receipt.unwrap().verify().unwrap();
    }
}

pub(crate) fn check_all(store: &impl Store, file: &dyn CheckpointFile) -> Report {
    check(store, file, ORIGIN, &keys(), &mut |_, _, _| Ok(())).unwrap()
}

/// A ledger in memory with this many entries.
pub(crate) fn in_memory(count: u64) -> (Arc<MemoryStore>, Arc<MemoryCheckpoint>) {
    let (store, file) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCheckpoint::new()));
    let mut ledger = open(store.clone(), file.clone()).unwrap();
    append(&mut ledger, &mut Known::default(), 0..count);
    (store, file)
}

/// A folder of its own for a test, removed with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("countersign-ledger-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn sled(&self) -> SledStore {
        SledStore::open(&self.0, "test", Duration::from_secs(10)).unwrap()
    }

    pub(crate) fn checkpoint(&self) -> DurableCheckpoint {
        DurableCheckpoint::new(self.0.join("checkpoint"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
