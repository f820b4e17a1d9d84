//! The same statements through real admission into memory and into sled: the same view, and the
//! same verdict.

use std::time::Duration;

use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::ledger::admission::Admitter;
use countersign::ledger::append::Ledger;
use countersign::ledger::store::Store as _;
use countersign::session::StoreLog;
use countersign::store::memory::MemoryCheckpoint;
use countersign::store::sled::SledStore;
use countersign::verify::VerifiedEntry;
use countersign::view::View;

use super::evaluator::Asked;
use super::gather::gather;
use super::generate::history;
use super::ledger::{ORIGIN, note_key};

#[test]
fn memory_and_sled_give_the_same_verdicts() {
    let base = std::env::temp_dir().join(format!("countersign-naive-{}", std::process::id()));
    let mut questions = 0;
    for seed in 10_000..10_008 {
        let mut asked: Vec<(u64, Asked)> = Vec::new();
        let world = history(seed, &mut |world, question, _| {
            asked.push((world.size(), question.clone()));
        });
        let folder = base.join(seed.to_string());
        let store = SledStore::open(&folder, "test", Duration::from_secs(60)).unwrap();
        let mut view = View::default();
        let mut views = vec![view.clone()];
        {
            let file = MemoryCheckpoint::default();
            let mut ledger = Ledger::open(&store, ORIGIN, note_key(), &[], &file).unwrap();
            let log = StoreLog::new(&store);
            for (time, envelope) in world.envelopes() {
                let mut admitter = Admitter::new(&mut view, &log);
                let time = Timestamp::from_milliseconds(time);
                let receipts = ledger.append(&mut admitter, time, &[&envelope]).unwrap();
                receipts.into_iter().next().unwrap().unwrap();
                views.push(view.clone());
            }
        }
        assert_eq!(view, world.view, "seed {seed}");
        let leaves = store.leaves(EntryIndex::new(0), 1_000).unwrap();
        let verify = |(index, leaf): (usize, &Vec<u8>)| {
            VerifiedEntry::verify(EntryIndex::new(index as u64), leaf, view.roster()).unwrap()
        };
        let entries: Vec<VerifiedEntry> = leaves.iter().enumerate().map(verify).collect();
        assert_eq!(entries, world.verified, "seed {seed}");
        for (size, asked) in asked.iter().filter(|(size, _)| *size == world.size()) {
            let mut gathered = gather(&world, asked);
            let memory = gathered.judge(&world.view);
            gathered.entries.clone_from(&entries);
            let sled = gathered.judge(&views[usize::try_from(*size).unwrap()]);
            assert_eq!(memory, sled, "seed {seed}: {asked:?}");
            questions += 1;
        }
    }
    assert!(questions > 20, "{questions} questions");
    std::fs::remove_dir_all(&base).unwrap();
}
