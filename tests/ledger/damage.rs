//! Damage is located to its entry, and an old store does not pass for the newest.

use std::sync::Arc;
use std::time::Duration;

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::ledger::append::LedgerError;
use countersign::ledger::check::Place;
use countersign::ledger::read;
use countersign::ledger::store::{CheckpointFile, Store, StoreError};
use countersign::merkle::tile::Tile;
use countersign::note::key::NoteSigner;
use countersign::store::memory::{MemoryCheckpoint, MemoryState, MemoryStore};
use countersign::store::sled::SledStore;

use crate::support::*;

fn place(state: MemoryState, file: &Arc<MemoryCheckpoint>) -> Option<Place> {
    check_all(&MemoryStore::from_state(state), file).damage.map(|damage| damage.place)
}

#[test]
fn every_flipped_byte_of_every_leaf_is_located_to_its_entry() {
    let (store, file) = in_memory(4);
    let good = store.state().clone();
    assert_eq!(place(good.clone(), &file), None);
    for (index, leaf) in &good.leaves {
        for position in 0..leaf.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut state = good.clone();
                state.leaves.get_mut(index).unwrap()[position] ^= flip;
                let expected = Place::Entry(EntryIndex::new(*index));
                assert_eq!(place(state, &file), Some(expected), "{index} {position} {flip}");
            }
        }
        for other in
            [Vec::new(), leaf[1..].to_vec(), [leaf, &b" "[..]].concat(), vec![b'x'; 70_000]]
        {
            let mut state = good.clone();
            state.leaves.insert(*index, other);
            assert_eq!(place(state, &file), Some(Place::Entry(EntryIndex::new(*index))));
        }
        let mut state = good.clone();
        state.leaves.remove(index);
        assert_eq!(place(state, &file), Some(Place::Entry(EntryIndex::new(*index))));
    }
}

/// Verified reading refuses an altered leaf as well, and never panics.
#[test]
fn an_altered_leaf_is_never_read_as_good() {
    let (store, file) = in_memory(300);
    let checkpoint = open(store.clone(), file).unwrap().checkpoint().clone();
    let index = EntryIndex::new(130);
    for position in 0..store.leaf(index).unwrap().unwrap().len() {
        store.state().leaves.get_mut(&130).unwrap()[position] ^= 1;
        assert!(matches!(
            read::entry(&store, index, &checkpoint),
            Err(StoreError::Integrity { .. })
        ));
        store.state().leaves.get_mut(&130).unwrap()[position] ^= 1;
    }
    assert!(read::entry(&store, index, &checkpoint).unwrap().is_some());
}

#[test]
fn damaged_tiles_heads_and_checkpoints_are_told_apart() {
    let (store, file) = in_memory(600);
    let good = store.state().clone();
    for ((level, index), bytes) in &good.tiles {
        for position in (0..bytes.len()).step_by(37) {
            let mut state = good.clone();
            state.tiles.get_mut(&(*level, *index)).unwrap()[position] ^= 0x40;
            let found = place(state, &file);
            let is_it = |tile: Tile| (tile.level, tile.index) == (*level, *index);
            assert!(matches!(found, Some(Place::Tile(tile)) if is_it(tile)), "{found:?}");
        }
        let mut state = good.clone();
        state.tiles.remove(&(*level, *index));
        assert!(matches!(place(state, &file), Some(Place::Tile(_))));
    }
    let with_head = |alter: &dyn Fn(&mut countersign::ledger::store::Head)| {
        let mut state = good.clone();
        alter(state.head.as_mut().unwrap());
        place(state, &file)
    };
    let other = countersign::base::digest::RootHash::from_bytes([1; 32]);
    assert_eq!(with_head(&|head| head.root = other), Some(Place::Head));
    assert_eq!(
        with_head(&|head| head.last_time = NOW.plus("1s".parse().unwrap())),
        Some(Place::Head)
    );
    assert_eq!(with_head(&|head| head.checkpoint.push('x')), Some(Place::Checkpoint));
    assert_eq!(with_head(&|head| head.size = TreeSize::new(u64::MAX)), Some(Place::Head));
    assert_eq!(
        with_head(&|head| head.size = TreeSize::new(601)),
        Some(Place::Entry(EntryIndex::new(600)))
    );
    assert!(with_head(&|head| head.size = TreeSize::new(599)).is_some());
    // Entries beyond the head, and a head that vanished.
    let mut state = good.clone();
    state.leaves.insert(600, state.leaves[&599].clone());
    assert_eq!(place(state, &file), Some(Place::Entry(EntryIndex::new(600))));
    let mut state = good.clone();
    state.head = None;
    assert!(place(state, &file).is_some());
    // What the caller's replay of admission finds is damage of that entry.
    let mut refuse = |index: EntryIndex, _: &_, _: &_| {
        if index.get() == 7 { Err("not admitted".to_owned()) } else { Ok(()) }
    };
    let report = countersign::ledger::check::check(&store, &file, ORIGIN, &keys(), &mut refuse);
    let report = report.unwrap();
    assert_eq!(report.damage.unwrap().to_string(), "entry 7: not admitted");
    assert_eq!(report.entries_good, TreeSize::new(7));
}

/// Opens sled's own files. Whoever had them a moment ago, a thread or a process that is ending, may
/// hold its lock an instant longer.
fn open_sled(folder: &std::path::Path) -> sled::Db {
    let mut tries = 0;
    loop {
        match sled::open(folder) {
            Err(sled::Error::Io(_)) if tries < 200 => tries += 1,
            other => return other.unwrap(),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn flipped_bytes_in_sled_are_located_too() {
    let folder = Folder::new();
    let mut ledger = open(folder.sled(), folder.checkpoint()).unwrap();
    let mut known = Known::default();
    append(&mut ledger, &mut known, 0..2);
    let large = format!("{{\"n\":\"{}\"}}", "x".repeat(9_000));
    ledger.append(&mut known, NOW, &[large.as_bytes(), &envelope(3)]).unwrap();
    drop(ledger);
    let alter = |key: &[u8], position: usize| {
        let db = open_sled(&folder.path().join("sled"));
        let mut value = db.get(key).unwrap().unwrap().to_vec();
        value[position] ^= 1;
        db.insert(key, value).unwrap();
        db.flush().unwrap();
    };
    let lengths = {
        let store = folder.sled();
        [0, 1, 2, 3].map(|index| store.leaf(EntryIndex::new(index)).unwrap().unwrap().len())
    };
    for (index, length) in (0_u64..).zip(lengths) {
        // The first byte is the number of parts; the long leaf has two more of them.
        let mut places = vec![(b'e', vec![], 0), (b'e', vec![], 1)];
        places.extend((2..=length.min(4_000)).step_by(41).map(|at| (b'e', vec![], at)));
        if length > 4_095 {
            places.extend([(b'p', vec![1], 0), (b'p', vec![1], 4_095), (b'p', vec![2], 9)]);
            places.truncate(30);
            places.extend([(b'p', vec![1], 77), (b'p', vec![2], 300)]);
        }
        for (kind, suffix, position) in places {
            let key = [&[kind][..], &index.to_be_bytes(), &suffix].concat();
            alter(&key, position);
            let damage = check_all(&folder.sled(), &folder.checkpoint()).damage.unwrap();
            assert_eq!(damage.place, Place::Entry(EntryIndex::new(index)), "{damage} {position}");
            alter(&key, position);
        }
    }
    assert_eq!(check_all(&folder.sled(), &folder.checkpoint()).damage, None);
}

/// A damaged file of sled's own ends in an error, never in a panic of ours.
#[test]
fn a_damaged_file_of_sled_is_an_error() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    for at in [0_u64, 20, 100, 600, 3_000] {
        let folder = Folder::new();
        let mut ledger = open(folder.sled(), folder.checkpoint()).unwrap();
        append(&mut ledger, &mut Known::default(), 0..300);
        drop(ledger);
        let path = folder.path().join("sled/db");
        let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[0xAA; 64]).unwrap();
        let found = SledStore::open(folder.path(), "test", Duration::from_secs(10));
        let damaged = match found {
            Ok(store) => {
                let keys = keys();
                let file = folder.checkpoint();
                let mut visit = |_: EntryIndex, _: &_, _: &_| Ok(());
                let report =
                    countersign::ledger::check::check(&store, &file, ORIGIN, &keys, &mut visit);
                let damaged = !report.is_ok_and(|report| report.damage.is_none());
                // sled's own threads may stumble over the damage when it is dropped.
                store.leak();
                damaged
            }
            Err(_) => true,
        };
        assert!(damaged, "{at}");
    }
}

#[test]
fn a_store_that_was_set_back_is_refused() {
    let (store, file) = in_memory(3);
    let old = store.state().clone();
    let old_note = file.load().unwrap();
    append(&mut open(store.clone(), file.clone()).unwrap(), &mut Known::of(&store), 10..14);
    let refused = |state: &MemoryState| {
        let result = open(MemoryStore::from_state(state.clone()), file.clone());
        let Err(LedgerError::Store(StoreError::Integrity { why, .. })) = result else {
            panic!("{result:?}");
        };
        why
    };
    let why = refused(&old);
    assert_eq!(why, "the ledger was set back: 7 entries were acknowledged, the store has 3");
    assert_eq!(place(old.clone(), &file), Some(Place::CheckpointFile));
    // An empty store beside the file of seven entries is one that was set back, too.
    assert!(refused(&MemoryState::default()).starts_with("the ledger was set back"));
    assert_eq!(place(MemoryState::default(), &file), Some(Place::CheckpointFile));
    // Another history of more entries, signed with the same key.
    let other = Arc::new(MemoryStore::from_state(old));
    let fork = Arc::new(MemoryCheckpoint::new());
    fork.store(old_note.as_ref().unwrap()).unwrap();
    append(&mut open(other.clone(), fork).unwrap(), &mut Known::of(&other), 50..60);
    assert_eq!(refused(&other.state()), "the store has another history of the first 7 entries");
    assert_eq!(place(other.state().clone(), &file), Some(Place::CheckpointFile));
    // A file that is behind is what a crash leaves: it is written anew.
    *file.note() = old_note;
    let ledger = open(store.clone(), file.clone()).unwrap();
    assert_eq!(file.load().unwrap().unwrap(), ledger.checkpoint().note().to_string().as_bytes());
    // A file that is missing is not taken for one that is behind.
    *file.note() = None;
    assert!(refused(&store.state()).starts_with("missing"));
    assert_eq!(place(store.state().clone(), &file), Some(Place::CheckpointFile));
    *file.note() = Some(b"x".to_vec());
    assert_eq!(refused(&store.state()), "not a signed note");
}

#[test]
fn the_key_and_origin_must_be_the_ledgers() {
    let (store, file) = in_memory(3);
    let reopen = |name: &str, seed: u8, earlier: &[_]| {
        let signer = NoteSigner::new(name, &[seed; 32]).unwrap();
        countersign::ledger::append::Ledger::open(
            store.clone(),
            ORIGIN,
            signer,
            earlier,
            file.clone(),
        )
    };
    assert!(matches!(reopen("example.com/other", 7, &[]), Err(LedgerError::KeyName { .. })));
    assert!(matches!(reopen(ORIGIN, 8, &[]), Err(LedgerError::Store(_))));
    // After a rotation the newest checkpoint is still that of the key before.
    assert!(reopen(ORIGIN, 8, &keys()).is_ok());
}
