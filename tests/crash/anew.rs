//! sled is opened anew where its log has become long, between two commits of a process that goes
//! on: whoever reads meanwhile notices nothing, and where it fails nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use countersign::base::limits::STORE_TAIL_VALUES_IDLE;
use countersign::base::position::EntryIndex;
use countersign::ledger::append::LedgerError;
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{Store, StoreError};

use crate::support::{Folder, Known, NOW, append, check_all, envelope, open, topic_of};

/// The snapshots in a folder: sled writes one when it opens, and removes the one before.
fn snapshots(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder.join("sled")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("snap.")).collect()
}

#[test]
fn a_long_log_is_opened_anew_and_a_short_one_is_not() {
    // What one commit of one entry writes: leaf, tile, two topics, head.
    const VALUES: u64 = 5;
    let folder = Folder::new();
    let store = folder.sled().opened_anew_after(2 * VALUES);
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    let mut known = Known::default();
    append(&mut ledger, &mut known, 0..1);
    append(&mut ledger, &mut known, 1..2);
    let before = snapshots(folder.path());
    append(&mut ledger, &mut known, 2..3);
    let anew = snapshots(folder.path());
    assert_ne!(before, anew, "a log at the limit was read on");
    append(&mut ledger, &mut known, 3..4);
    assert_eq!(anew, snapshots(folder.path()), "a log below the limit was opened anew");
    drop(ledger);
    assert_eq!(check_all(&store, &folder.checkpoint()).damage, None);
}

#[test]
fn a_quiet_moment_is_used_where_it_is_worth_it() {
    let folder = Folder::new();
    let store = folder.sled();
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    let mut known = Known::default();
    append(&mut ledger, &mut known, 0..1);
    let before = snapshots(folder.path());
    store.shorten_log().unwrap();
    assert_eq!(before, snapshots(folder.path()), "it was worth nothing yet");
    drop(ledger);
    drop(store);
    let store = folder.sled().opened_anew_after(STORE_TAIL_VALUES_IDLE + 1);
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    // Each entry is a leaf and two topics, at least.
    for first in (1..).step_by(1_000).take_while(|first| first * 3 < STORE_TAIL_VALUES_IDLE) {
        append(&mut ledger, &mut known, first..first + 1_000);
    }
    let before = snapshots(folder.path());
    store.shorten_log().unwrap();
    let anew = snapshots(folder.path());
    assert_ne!(before, anew, "the log stayed long");
    store.shorten_log().unwrap();
    assert_eq!(anew, snapshots(folder.path()), "it was short already");
    append(&mut ledger, &mut known, 50_000..50_001);
    drop(ledger);
    assert_eq!(check_all(&store, &folder.checkpoint()).damage, None);
}

#[test]
fn readers_notice_nothing_while_it_is_opened_anew() {
    const ENTRIES: u64 = 150;
    let folder = Folder::new();
    let store = folder.sled().opened_anew_after(1);
    let mut known = Known::default();
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    append(&mut ledger, &mut known, 0..20);
    let is_done = AtomicBool::new(false);
    let read = || {
        let mut rounds = 0_u64;
        // At least once after the writer is done.
        loop {
            let last = is_done.load(Ordering::SeqCst);
            for index in 0..20 {
                let leaf = store.leaf(EntryIndex::new(index)).unwrap().unwrap();
                assert_eq!(Leaf::parse(&leaf).unwrap().envelope(), envelope(index));
                let found = store.entries_of(&topic_of(&envelope(index))).unwrap();
                assert_eq!(found, [EntryIndex::new(index)]);
            }
            assert_eq!(store.leaves(EntryIndex::new(3), 9).unwrap().len(), 9);
            let mut count = 0;
            store
                .each_topic(&mut |topic, index| {
                    // Whoever visits may read the store.
                    assert!(count % 16 != 0 || store.is_under(&topic, index).unwrap());
                    count += 1;
                    true
                })
                .unwrap();
            assert!(count >= 40);
            rounds += 1;
            if last {
                return rounds;
            }
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for number in 20..ENTRIES {
            append(&mut ledger, &mut known, number..number + 1);
        }
        is_done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    drop(ledger);
    let report = check_all(&store, &folder.checkpoint());
    assert_eq!((report.damage, report.size.get()), (None, ENTRIES));
}

/// sled's own file of settings is damaged while the ledger is open: the next opening fails.
#[test]
fn what_cannot_be_opened_anew_takes_nothing_and_goes_on_later() {
    let folder = Folder::new();
    let store = folder.sled().opened_anew_after(1);
    let mut known = Known::default();
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    append(&mut ledger, &mut known, 0..3);
    let path = folder.path().join("sled/conf");
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[0] ^= 0xff;
    fs::write(&path, &bad).unwrap();
    let refused = ledger.append(&mut known, NOW, &[&envelope(3)]).unwrap_err();
    assert!(matches!(refused, LedgerError::Store(StoreError::Integrity { .. })), "{refused:?}");
    // Nothing is read from what is closed, and nothing was written.
    assert!(store.leaf(EntryIndex::new(0)).is_err());
    fs::write(&path, &good).unwrap();
    assert_eq!(store.head().unwrap().unwrap().size.get(), 3);
    // The folder's own state decides, as for every opening.
    let mut known = Known::of(&store);
    let mut ledger = open(&store, folder.checkpoint()).unwrap();
    append(&mut ledger, &mut known, 3..6);
    assert_eq!(check_all(&store, &folder.checkpoint()).damage, None);
}
