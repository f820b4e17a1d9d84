//! Every call to storage fails, twice: acknowledged entries are there, the others whole or absent.

use std::sync::Arc;

use countersign::base::position::EntryIndex;
use countersign::ledger::append::LedgerError;
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{CheckpointFile, Store};
use countersign::store::fault::{Fault, FaultPlan, Faulty};
use countersign::store::memory::{MemoryCheckpoint, MemoryStore};

use crate::support::*;

/// Opens and appends batches until something fails; gives what was acknowledged.
fn scenario<S: Store, C: CheckpointFile>(
    store: S,
    file: C,
    acknowledged: &mut Vec<(EntryIndex, Vec<u8>)>,
) -> Result<(), LedgerError> {
    let mut ledger = open(store, file)?;
    let mut known = Known::default();
    for batch in [0..1, 1..4, 4..20, 20..21] {
        let envelopes: Vec<_> = batch.map(envelope).collect();
        let slices: Vec<_> = envelopes.iter().map(Vec::as_slice).collect();
        let receipts = ledger.append(&mut known, NOW, &slices);
        if receipts.is_err() {
            // Poisoned: whatever happened, this value appends nothing more.
            let again = ledger.append(&mut known, NOW, &slices);
            assert_eq!(again, Err(LedgerError::Poisoned));
        }
        for (receipt, envelope) in receipts?.into_iter().zip(envelopes) {
            acknowledged.push((receipt.unwrap().index, envelope));
        }
    }
    Ok(())
}

/// Opens the same storage without faults and compares it with what was promised.
fn judge<S: Store, C: CheckpointFile>(store: S, file: C, acknowledged: &[(EntryIndex, Vec<u8>)]) {
    let mut known = Known::of(&store);
    let mut ledger = open(store, file).unwrap();
    for (index, envelope) in acknowledged {
        let leaf = ledger.store().leaf(*index).unwrap().unwrap();
        assert_eq!(Leaf::parse(&leaf).unwrap().envelope(), envelope);
    }
    // A batch is there whole or not at all.
    let size = ledger.checkpoint().size().get();
    assert!([0, 1, 4, 20, 21].contains(&size) && size >= acknowledged.len() as u64);
    // Handing everything in again gives each its one position.
    let all: Vec<_> = (0..21).map(envelope).collect();
    let slices: Vec<_> = all.iter().map(Vec::as_slice).collect();
    let receipts = ledger.append(&mut known, NOW, &slices).unwrap();
    for (expected, receipt) in (0_u64..).zip(receipts) {
        assert_eq!(receipt.unwrap().index.get(), expected);
    }
    assert_eq!(ledger.checkpoint().size().get(), 21);
}

#[test]
fn each_call_fails_twice_in_memory() {
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        for fails_at in 0.. {
            let (store, file) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCheckpoint::new()));
            let plan = FaultPlan::new(fault, fails_at);
            let mut acknowledged = Vec::new();
            let faulty = Faulty::new(store.clone(), plan.clone());
            let faulty_file = Faulty::new(file.clone(), plan.clone());
            let result = scenario(faulty, faulty_file, &mut acknowledged);
            judge(store.clone(), file.clone(), &acknowledged);
            assert_eq!(check_all(&store, &file).damage, None);
            if plan.calls() <= fails_at {
                result.unwrap();
                // Two to open; a commit, the file and a tile an append; a leaf a receipt.
                assert_eq!(fails_at, 2 + 4 * 2 + 21 + 4);
                break;
            }
            assert!(result.is_err(), "{fault:?} {fails_at}");
        }
    }
}

#[test]
fn commits_and_checkpoint_files_fail_over_sled() {
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        // The first calls one by one: opening, and the first two appends with their receipts.
        for fails_at in 0..16 {
            let folder = Folder::new();
            let mut acknowledged = Vec::new();
            let plan = FaultPlan::new(fault, fails_at);
            let store = Faulty::new(folder.sled(), plan.clone());
            let file = Faulty::new(folder.checkpoint(), plan);
            assert!(scenario(store, file, &mut acknowledged).is_err());
            judge(folder.sled(), folder.checkpoint(), &acknowledged);
            assert_eq!(check_all(&folder.sled(), &folder.checkpoint()).damage, None);
        }
    }
}
