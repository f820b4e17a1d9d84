//! Every call that changes something fails, twice, and the process dies at it; then the power
//! fails. Clients were promised what they have a receipt for; the rest is there whole or not at
//! all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::base::digest::{Commitment, ContentDigest};
use countersign::base::position::EntryIndex;
use countersign::blobs::Blobs;
use countersign::blobs::openings::Openings;
use countersign::ledger::append::LedgerError;
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{CheckpointFile, Store, StoreError};
use countersign::statement::commitment::Opening;
use countersign::store::checkpoint::DurableCheckpoint;
use countersign::store::crash::{CrashDisk, CrashStore, DiskState, EveryChoice};
use countersign::store::durable::Durable;
use countersign::store::fault::{Fault, FaultPlan, Faulty};
use countersign::store::files::{Disk, Files};
use countersign::store::memory::MemoryState;

use crate::support::{Folder, Known, NOW, check_all, envelope, open};

/// The entries of each append.
const BATCHES: [std::ops::Range<u64>; 3] = [0..1, 1..3, 3..4];
/// Sizes that a ledger may have: a batch is there whole or not at all.
const SIZES: [u64; 4] = [0, 1, 3, 4];
/// Most states after one power failure that are looked at, of those that there are.
const STATES_MAX: usize = 48;

/// What clients hold receipts for: positions and envelopes.
type Receipts = BTreeMap<u64, Vec<u8>>;

fn document(number: u64) -> Vec<u8> {
    format!("document {number}").into_bytes()
}

fn opening(number: u64) -> Opening {
    Opening::new([9; 32], format!("comment {number}")).unwrap()
}

fn commitment(number: u64) -> Commitment {
    opening(number).commitment().unwrap()
}

/// One process: opens the ledger and appends the batches; what an entry names is kept before it.
fn process<S: Store, C: CheckpointFile, F: Files + Clone>(
    store: S,
    file: C,
    files: &F,
    folder: &Path,
    receipts: &mut Receipts,
) -> Result<(), LedgerError> {
    let mut known = Known::of(&store);
    let mut ledger = open(store, file)?;
    let blobs = Blobs::over(files.clone(), folder);
    let openings = Openings::over(files.clone(), folder);
    for batch in BATCHES {
        blobs.put(&document(batch.start))?;
        openings.put(&opening(batch.start))?;
        let envelopes: Vec<_> = batch.clone().map(envelope).collect();
        let slices: Vec<_> = envelopes.iter().map(Vec::as_slice).collect();
        for (receipt, envelope) in ledger.append(&mut known, NOW, &slices)?.iter().zip(&envelopes) {
            receipts.insert(receipt.as_ref().unwrap().index.get(), envelope.clone());
        }
    }
    Ok(())
}

/// Opens what is left without faults, and compares it with what clients hold.
fn judge<S: Store, C: CheckpointFile, F: Files + Clone>(
    store: S,
    file: C,
    files: &F,
    folder: &Path,
    receipts: &Receipts,
) {
    let ledger = open(&store, &file).unwrap();
    let size = ledger.checkpoint().size().get();
    drop(ledger);
    assert!(SIZES.contains(&size), "half of a batch: {size}");
    for (index, envelope) in receipts {
        let leaf = store.leaf(EntryIndex::new(*index)).unwrap();
        let leaf = leaf.unwrap_or_else(|| panic!("entry {index} was acknowledged and is lost"));
        assert_eq!(Leaf::parse(&leaf).unwrap().envelope(), envelope);
    }
    // What an entry names was durable before it.
    let blobs = Blobs::over(files.clone(), folder);
    let openings = Openings::over(files.clone(), folder);
    for batch in BATCHES.iter().filter(|batch| batch.start < size) {
        let number = batch.start;
        let found = blobs.get(&ContentDigest::of(&document(number))).unwrap();
        assert_eq!(found, Some(document(number)), "the document of entry {number}");
        let found = openings.text(commitment(number)).unwrap();
        assert_eq!(found, Some(format!("comment {number}")), "the opening of entry {number}");
    }
    assert_eq!(check_all(&store, &file).damage, None);
    // And work goes on: each statement has its one position in the end.
    let mut all = Receipts::new();
    process(&store, &file, files, folder, &mut all).unwrap();
    let expected: Receipts = (0..4).map(|number| (number, envelope(number))).collect();
    assert_eq!(all, expected);
    assert_eq!(check_all(&store, &file).damage, None);
}

/// What a machine holds: a disk and a store.
#[derive(Clone, Default)]
struct Machine {
    disk: DiskState,
    store: MemoryState,
}

/// The pieces of a machine while it runs.
struct Running {
    disk: Arc<CrashDisk>,
    store: Result<Arc<CrashStore>, StoreError>,
    before: MemoryState,
}

impl Machine {
    fn new() -> Self {
        let disk = CrashDisk::new(DiskState::default(), FaultPlan::none());
        Durable(disk.clone()).create_folder(Path::new("/ledger")).unwrap();
        Self { disk: disk.state(), store: MemoryState::default() }
    }

    fn run(&self, plan: &Arc<FaultPlan>, receipts: &mut Receipts) -> (Running, bool) {
        let disk = CrashDisk::new(self.disk.clone(), plan.clone());
        let store = CrashStore::open(self.store.clone(), plan.clone());
        let running = Running { disk, store, before: self.store.clone() };
        let Ok(store) = &running.store else { return (running, false) };
        let file = DurableCheckpoint::over(running.disk.clone(), "/ledger/checkpoint".into());
        let folder = Path::new("/ledger");
        let done = process(store.clone(), file, &running.disk, folder, receipts).is_ok();
        (running, done)
    }

    fn judge(&self, receipts: &Receipts) {
        let disk = CrashDisk::new(self.disk.clone(), FaultPlan::none());
        let store = CrashStore::open(self.store.clone(), FaultPlan::none()).unwrap();
        let file = DurableCheckpoint::over(disk.clone(), "/ledger/checkpoint".into());
        judge(store, file, &disk, Path::new("/ledger"), receipts);
    }
}

impl Running {
    /// What is there when the process is killed.
    fn killed(&self) -> Machine {
        let store = self.store.as_ref().map_or_else(|_| self.before.clone(), |s| s.state());
        Machine { disk: self.disk.state(), store }
    }

    /// Every state after a power failure, as far as [`STATES_MAX`] goes.
    fn after_power_loss(&self) -> Vec<Machine> {
        let mut every = EveryChoice::default();
        let mut found = Vec::new();
        loop {
            let mut choose = |count| every.choose(count);
            let store = match &self.store {
                Ok(store) => store.after_power_loss(&mut choose),
                Err(_) => self.before.clone(),
            };
            let disk = self.disk.state().after_power_loss(&mut choose);
            found.push(Machine { disk, store });
            if !every.advance() || found.len() == STATES_MAX {
                return found;
            }
        }
    }
}

#[test]
fn each_call_fails_and_the_power_fails_after_it() {
    let (mut faults, mut states) = (0, 0);
    for fault in [Fault::NotDone, Fault::DoneButFailed, Fault::Crash] {
        for fails_at in 0.. {
            let plan = FaultPlan::new(fault, fails_at);
            let mut receipts = Receipts::new();
            let (running, done) = Machine::new().run(&plan, &mut receipts);
            faults += 1;
            running.killed().judge(&receipts);
            for machine in running.after_power_loss() {
                machine.judge(&receipts);
                states += 1;
            }
            if plan.calls() <= fails_at {
                assert!(done, "nothing failed at {fails_at}");
                break;
            }
        }
    }
    assert!(faults > 200 && states > 500, "{faults} {states}");
    println!("{faults} failed calls, {states} states after a power failure: nothing lost");
}

/// A process is killed, the next one is told that its statements are there already and holds
/// receipts for them; then the power fails. What the first one had not synced is not lost.
#[test]
fn what_a_killed_process_left_unsynced_is_synced_before_it_counts() {
    let mut states = 0;
    for fails_at in 0.. {
        let plan = FaultPlan::new(Fault::Crash, fails_at);
        let mut receipts = Receipts::new();
        let (running, _) = Machine::new().run(&plan, &mut receipts);
        let (running, done) = running.killed().run(&FaultPlan::none(), &mut receipts);
        assert!(done && receipts.len() == 4);
        for machine in running.after_power_loss() {
            machine.judge(&receipts);
            states += 1;
        }
        if plan.calls() <= fails_at {
            break;
        }
    }
    assert!(states > 80, "{states}");
}

/// Over sled's real files: the batch, the flush, our fsync, and each call of the checkpoint file.
#[test]
fn each_call_fails_over_sled() {
    let mut faults = 0;
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        for fails_at in 0_u64.. {
            let folder = Folder::new();
            let plan = FaultPlan::new(fault, fails_at);
            let path: PathBuf = folder.path().to_owned();
            let mut receipts = Receipts::new();
            let file = Faulty::new(Disk, plan.clone());
            let file = DurableCheckpoint::over(file, path.join("checkpoint"));
            let store = folder.sled().failing(plan.clone());
            let done = process(store, file, &Disk, &path, &mut receipts).is_ok();
            judge(folder.sled(), folder.checkpoint(), &Disk, &path, &receipts);
            faults += 1;
            if plan.calls() <= fails_at {
                assert!(done);
                break;
            }
        }
    }
    assert!(faults > 50, "{faults}");
    println!("{faults} failed calls over sled: nothing lost");
}
