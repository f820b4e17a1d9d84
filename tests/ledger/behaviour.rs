//! One behaviour for every store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::base::limits::{COMMIT_ENTRIES_MAX, ENVELOPE_BYTES_MAX};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::{Span, Timestamp};
use countersign::ledger::append::{LedgerError, REFUSED_CLOCK_JUMP, REFUSED_TOO_LARGE};
use countersign::ledger::leaf::{ENVELOPE_CANONICAL_BYTES_MAX, Leaf};
use countersign::ledger::read;
use countersign::ledger::receipt::Receipt;
use countersign::ledger::store::{CheckpointFile, Store, StoreError, Topic};
use countersign::merkle::proof::verify_consistency;
use countersign::merkle::tile::tiles_of;
use countersign::store::memory::{MemoryCheckpoint, MemoryStore};
use countersign::store::shared::SharedLedger;
use countersign::store::sled::SledStore;

use crate::support::*;

/// The whole behaviour; `reopen` opens the same storage again and again.
fn behave<S: Store, C: CheckpointFile>(reopen: impl Fn() -> (S, C)) {
    begins_empty(&reopen);
    appends_and_receipts(&reopen);
    times_never_go_back(&reopen);
    grows_over_tiles(&reopen);
    reads_what_it_wrote(&reopen);
}

fn begins_empty<S: Store, C: CheckpointFile>(reopen: &impl Fn() -> (S, C)) {
    let (store, file) = reopen();
    assert_eq!(store.head(), Ok(None));
    assert_eq!(store.leaf(EntryIndex::new(0)), Ok(None));
    let ledger = open(store, file).unwrap();
    assert_eq!(ledger.checkpoint().size(), TreeSize::new(0));
    drop(ledger);
    // Before its first entry a ledger has its checkpoint file, and it can be opened again.
    let (store, file) = reopen();
    assert!(file.load().unwrap().is_some());
    assert_eq!(check_all(&store, &file).damage, None);
    open(store, file).unwrap();
}

fn appends_and_receipts<S: Store, C: CheckpointFile>(reopen: &impl Fn() -> (S, C)) {
    let (store, file) = reopen();
    let mut ledger = open(store, file).unwrap();
    let mut known = Known::default();
    let mut large = b"{\"payload\":\"".to_vec();
    large.resize(ENVELOPE_CANONICAL_BYTES_MAX - 2, b'A');
    large.extend_from_slice(b"\"}");
    let spelt_otherwise = [b"{ ", &envelope(0)[1..]].concat();
    let [oversized, largest] = [1, 0].map(|more| {
        let mut spaced = b"{".to_vec();
        spaced.resize(ENVELOPE_BYTES_MAX + more - (envelope(0).len() - 1), b' ');
        [&spaced, &envelope(0)[1..]].concat()
    });
    let envelopes =
        [&envelope(0)[..], b"{\"refuse\":1}", &large, &spelt_otherwise, &oversized, &largest];
    let results = ledger.append(&mut known, NOW, &envelopes).unwrap();
    let indexes: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().ok().map(|receipt| receipt.index.get()))
        .collect();
    assert_eq!(indexes, [Some(0), None, Some(1), Some(0), None, Some(0)]);
    assert_eq!(results[1].as_ref().unwrap_err().code, "test");
    assert_eq!(results[4].as_ref().unwrap_err().code, REFUSED_TOO_LARGE);

    // A receipt is opened with nothing but the leaf, the origin and the key.
    let receipt = results[2].as_ref().unwrap();
    let leaf = ledger.store().leaf(receipt.index).unwrap().unwrap();
    assert_eq!(Leaf::parse(&leaf).unwrap().envelope(), large);
    let text = receipt.to_tlog_proof();
    let opened = Receipt::open(text.as_bytes(), receipt.leaf_hash, ORIGIN, &keys()[0]).unwrap();
    assert_eq!(&opened, receipt);
    let other = results[0].as_ref().unwrap().leaf_hash;
    assert!(Receipt::open(text.as_bytes(), other, ORIGIN, &keys()[0]).is_err());
    let extra = text.replace("index 1", "extra AAAA\nindex 1");
    assert!(Receipt::open(extra.as_bytes(), receipt.leaf_hash, ORIGIN, &keys()[0]).is_ok());

    // A retry gets the position that is there, and nothing grows; refusals alone neither.
    drop(ledger);
    let (store, file) = reopen();
    let mut known = Known::of(&store);
    let mut ledger = open(store, file).unwrap();
    let retried = ledger.append(&mut known, NOW, &[&large, b"{\"refuse\":2}"]).unwrap();
    assert_eq!(retried[0].as_ref().unwrap(), receipt);
    assert_eq!(ledger.checkpoint().size(), TreeSize::new(2));
    assert_eq!(ledger.append(&mut known, NOW, &[]), Ok(Vec::new()));
    let too_many = vec![&b"{}"[..]; COMMIT_ENTRIES_MAX + 1];
    let error = ledger.append(&mut known, NOW, &too_many).unwrap_err();
    assert!(matches!(error, LedgerError::TooMany { .. }));
}

fn times_never_go_back<S: Store, C: CheckpointFile>(reopen: &impl Fn() -> (S, C)) {
    let (store, file) = reopen();
    let mut known = Known::of(&store);
    let mut ledger = open(store, file).unwrap();
    let time_of = |ledger: &countersign::ledger::append::Ledger<S, C>, index| {
        Leaf::parse(&ledger.store().leaf(EntryIndex::new(index)).unwrap().unwrap()).unwrap().time()
    };
    let early = Timestamp::from_milliseconds(1);
    ledger.append(&mut known, early, &[&envelope(100)]).unwrap()[0].as_ref().unwrap();
    assert_eq!(time_of(&ledger, 2), NOW);
    // A jump of over 31 days wants a confirmation; entries in the same append are judged apart.
    let late = NOW.plus("31d".parse::<Span>().unwrap()).plus(Span::from_milliseconds(1));
    let jump = ledger.append(&mut known, late, &[&envelope(101), b"{\"jump\":1}", &envelope(102)]);
    let jump = jump.unwrap();
    assert_eq!(jump[0].as_ref().unwrap_err().code, REFUSED_CLOCK_JUMP);
    assert_eq!(jump[1].as_ref().unwrap().index, EntryIndex::new(3));
    assert_eq!(jump[2].as_ref().unwrap().index, EntryIndex::new(4));
    assert_eq!((time_of(&ledger, 3), time_of(&ledger, 4)), (late, late));
    let max = Timestamp::from_milliseconds(u64::MAX);
    assert_eq!(ledger.append(&mut known, max, &[b"{\"jump\":2}"]), Err(LedgerError::Clock));
    assert_eq!(ledger.append(&mut known, late, &[]), Err(LedgerError::Poisoned));
}

fn grows_over_tiles<S: Store, C: CheckpointFile>(reopen: &impl Fn() -> (S, C)) {
    let mut number = 1_000;
    for count in [1, 3, 120, 127, 1, 2, 255, 300] {
        let (store, file) = reopen();
        let mut known = Known::of(&store);
        let mut ledger = open(store, file).unwrap();
        append(&mut ledger, &mut known, number..number + count);
        number += count;
    }
    let (store, file) = reopen();
    let mut seen = 0;
    let report =
        countersign::ledger::check::check(&store, &file, ORIGIN, &keys(), &mut |i, _, _| {
            assert_eq!(i.get(), seen);
            seen += 1;
            Ok(())
        });
    let report = report.unwrap();
    assert_eq!(report.damage, None);
    assert_eq!((report.size.get(), report.entries_good.get(), seen), (814, 814, 814));
}

fn reads_what_it_wrote<S: Store, C: CheckpointFile>(reopen: &impl Fn() -> (S, C)) {
    let (store, file) = reopen();
    let ledger = open(store, file).unwrap();
    let (store, checkpoint) = (ledger.store(), ledger.checkpoint());
    let (size, root) = (checkpoint.size(), *checkpoint.root());
    for index in [0, 1, 255, 256, 257, 813] {
        let index = EntryIndex::new(index);
        let entry = read::entry(store, index, checkpoint).unwrap().unwrap();
        assert_eq!(entry.leaf().to_bytes(), store.leaf(index).unwrap().unwrap());
        let found = store.entries_of(&topic_of(entry.leaf().envelope())).unwrap();
        assert_eq!(found, [index]);
    }
    assert_eq!(read::entry(store, EntryIndex::new(814), checkpoint), Ok(None));
    for old in [0, 1, 255, 256, 600, 814] {
        let old = TreeSize::new(old);
        let old_root = read::prover(store, size).root(old).unwrap();
        let proof = read::consistency(store, old, size).unwrap();
        verify_consistency(old, &old_root, size, &root, &proof).unwrap();
    }
    let all = store.entries_of(&Topic::of("all", &[])).unwrap();
    assert_eq!(all, (0..814).map(EntryIndex::new).collect::<Vec<_>>());
    assert_eq!(store.entries_of(&Topic::of("none", &[])), Ok(vec![]));
    let newest = |size: u64, count_max: usize| {
        store.newest_of(&Topic::of("all", &[]), TreeSize::new(size), count_max).unwrap()
    };
    assert_eq!(newest(814, 3), [813, 812, 811].map(EntryIndex::new));
    assert_eq!(newest(2, 3), [1, 0].map(EntryIndex::new));
    assert_eq!(newest(900, 1_000).len(), 814);
    assert_eq!((newest(0, 3), newest(814, 0)), (vec![], vec![]));
    assert_eq!(store.newest_of(&Topic::of("none", &[]), size, 3), Ok(vec![]));
    let page = store.leaves(EntryIndex::new(810), 100).unwrap();
    assert_eq!(page.len(), 4);
    assert_eq!(Some(&page[3]), store.leaf(EntryIndex::new(813)).unwrap().as_ref());
    assert_eq!(store.leaves(EntryIndex::new(0), 2).unwrap().len(), 2);
    assert_eq!(store.leaves(EntryIndex::new(814), 2).unwrap().len(), 0);
}

#[test]
fn memory_behaves() {
    let (store, file) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCheckpoint::new()));
    behave(|| (store.clone(), file.clone()));
}

#[test]
fn sled_behaves_as_memory_does() {
    let folder = Folder::new();
    behave(|| (folder.sled(), folder.checkpoint()));
    let (store, file) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCheckpoint::new()));
    behave(|| (store.clone(), file.clone()));
    // Everything in it is what the oracle has.
    let sled = folder.sled();
    assert_eq!(sled.head(), store.head());
    assert_eq!(folder.checkpoint().load(), file.load());
    let size = sled.head().unwrap().unwrap().size;
    for index in (0..size.get()).map(EntryIndex::new) {
        assert_eq!(sled.leaf(index), store.leaf(index));
    }
    for tile in tiles_of(size) {
        assert_eq!(sled.tile(tile), store.tile(tile), "{}", tile.path());
    }
    // sled never syncs what it puts into files of their own.
    assert_eq!(std::fs::read_dir(folder.path().join("sled/blobs")).unwrap().count(), 0);
}

#[test]
fn many_large_leaves_stay_out_of_sleds_blob_files() {
    let folder = Folder::new();
    let mut ledger = open(folder.sled(), folder.checkpoint()).unwrap();
    let mut known = Known::default();
    for round in 0..8 {
        let envelopes: Vec<_> = (0..64_u64)
            .map(|number| format!("{{\"n\":\"{round}-{number}-{}\"}}", "x".repeat(54_000)))
            .collect();
        let envelopes: Vec<_> = envelopes.iter().map(String::as_bytes).collect();
        ledger.append(&mut known, NOW, &envelopes).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path().join("sled/blobs")).unwrap().count(), 0);
    assert_eq!(check_all(ledger.store(), &folder.checkpoint()).damage, None);
}

#[test]
fn a_second_writer_finds_its_head_stale() {
    let (store, file) = in_memory(3);
    let mut first = open(store.clone(), file.clone()).unwrap();
    let mut second = open(store.clone(), file.clone()).unwrap();
    append(&mut first, &mut Known::of(&store), 10..12);
    let result = second.append(&mut Known::default(), NOW, &[&envelope(20)]);
    assert_eq!(result, Err(LedgerError::Stale));
    assert_eq!(second.append(&mut Known::default(), NOW, &[]), Err(LedgerError::Poisoned));
    assert_eq!(check_all(&store, &file).size, TreeSize::new(5));
}

#[test]
fn a_ledger_in_use_says_by_whom() {
    let folder = Folder::new();
    let held = SledStore::open(folder.path(), "countersign serve", Duration::ZERO).unwrap();
    let wait = Duration::from_millis(10);
    let error = SledStore::open(folder.path(), "countersign approve", wait).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    assert!(error.to_string().contains("(countersign serve) holds its lock"), "{error}");
    drop(held);
    SledStore::open(folder.path(), "countersign approve", wait).unwrap();
}

#[test]
fn a_snapshot_that_a_kill_left_half_written_is_swept() {
    let folder = Folder::new();
    let mut ledger = open(folder.sled(), folder.checkpoint()).unwrap();
    append(&mut ledger, &mut Known::default(), 0..10);
    drop(ledger);
    let half = folder.path().join("sled").join("snap.00000000000FFFFF.generating");
    std::fs::File::create(&half).unwrap();
    assert_eq!(check_all(&folder.sled(), &folder.checkpoint()).damage, None);
    assert!(!half.exists());
}

/// Appends of many threads share commits, and each gets its own receipt.
#[test]
fn shared_appends_are_all_there_once() {
    let folder = Folder::new();
    let ledger = open(folder.sled(), folder.checkpoint()).unwrap();
    let shared = SharedLedger::new(ledger, Known::default());
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let append = |thread: u64| {
            let shared = &shared;
            move || {
                let one = |number| shared.append(&FixedClock, envelope(thread * 100 + number));
                (0..50).map(|number| one(number).unwrap().unwrap()).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let indexes: BTreeSet<_> = receipts.iter().map(|receipt| receipt.index).collect();
    assert_eq!(indexes.len(), 400);
    for receipt in &receipts {
        receipt.verify().unwrap();
    }
    assert_eq!(shared.read(|ledger, _| ledger.checkpoint().size()), TreeSize::new(400));
    let refused = shared.append(&FixedClock, b"{\"refuse\":1}".to_vec()).unwrap();
    assert!(refused.is_err());
    let (ledger, known) = shared.into_parts();
    assert_eq!(known, Known::of(ledger.store()));
    assert_eq!(check_all(ledger.store(), &folder.checkpoint()).damage, None);
}
