//! The one writer: opens the ledger, takes what waits as one commit, and ends at any error.

use std::path::Path;
use std::sync::Arc;

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::blobs::openings::Openings;
use countersign::ledger::admission::Admitter;
use countersign::ledger::append::{Ledger, LedgerError, Refusal};
use countersign::ledger::leaf::Leaf;
use countersign::ledger::receipt::Receipt;
use countersign::ledger::store::{Store as _, StoreError};
use countersign::session::{StoreLog, replay};
use countersign::statement::commitment::Opening;
use countersign::store::checkpoint::DurableCheckpoint;
use countersign::store::crash::{CrashDisk, CrashStore, DiskState};
use countersign::store::durable::Durable;
use countersign::store::fault::FaultPlan;
use countersign::store::memory::MemoryState;
use countersign::view::View;

use crate::client::{ORIGIN, Request, ledger_key};
use crate::world::Random;

pub(crate) type Receipts = Vec<Result<Receipt, Refusal>>;
type OpenLedger = Ledger<Arc<CrashStore>, DurableCheckpoint<Arc<CrashDisk>>>;

/// What outlives processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub(crate) disk: DiskState,
    pub(crate) store: MemoryState,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let disk = CrashDisk::new(DiskState::default(), FaultPlan::none());
        Durable(disk.clone()).create_folder(Path::new("/ledger")).unwrap();
        Self { disk: disk.state(), store: MemoryState::default() }
    }
}

/// A process that has the ledger open.
#[derive(Debug)]
pub(crate) struct Server {
    disk: Arc<CrashDisk>,
    pub(crate) store: Arc<CrashStore>,
    ledger: OpenLedger,
    pub(crate) view: View,
    plan: Arc<FaultPlan>,
}

/// What is left of a machine whose server could not be opened.
pub(crate) struct NotOpened {
    pub(crate) machine: Machine,
    pub(crate) error: LedgerError,
}

impl Server {
    /// Opens what the machine has, and folds it anew. A fault may end it.
    pub(crate) fn open(machine: &Machine, plan: Arc<FaultPlan>) -> Result<Self, Box<NotOpened>> {
        let disk = CrashDisk::new(machine.disk.clone(), plan.clone());
        let file = DurableCheckpoint::over(disk.clone(), "/ledger/checkpoint".into());
        let left = |disk: &CrashDisk, error: LedgerError| {
            let machine = Machine { disk: disk.state(), store: machine.store.clone() };
            Box::new(NotOpened { machine, error })
        };
        let store = CrashStore::open(machine.store.clone(), plan.clone())
            .map_err(|error| left(&disk, error.into()))?;
        let ledger = Ledger::open(store.clone(), ORIGIN, ledger_key(), &[], file)
            .map_err(|error| left(&disk, error))?;
        let mut view = View::default();
        while let Some(bytes) = store.leaf(view.size().next_index()).unwrap() {
            let leaf = Leaf::parse(&bytes).unwrap();
            let index = view.size().next_index();
            replay(&mut view, &store, index, &leaf).unwrap();
        }
        Ok(Self { disk, store, ledger, view, plan })
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.ledger.checkpoint().size()
    }

    /// Appends requests as one commit; what they name is kept first.
    pub(crate) fn commit(
        &mut self,
        now: Timestamp,
        requests: &[Request],
    ) -> Result<Receipts, LedgerError> {
        let openings = Openings::over(self.disk.clone(), Path::new("/ledger"));
        for opening in requests.iter().filter_map(|request| request.opening.as_ref()) {
            openings.put(opening)?;
        }
        let mut view = self.view.clone();
        let log = StoreLog::new(&self.store);
        let envelopes: Vec<_> = requests.iter().map(|one| one.envelope.as_slice()).collect();
        let mut admission = Admitter::new(&mut view, &log);
        let receipts = self.ledger.append(&mut admission, now, &envelopes)?;
        self.view = view;
        Ok(receipts)
    }

    /// Whether an opening is there and right.
    pub(crate) fn has_opening(&self, request: &Request) -> Result<bool, StoreError> {
        let Some(commitment) = request.opening.as_ref().and_then(Opening::commitment) else {
            return Ok(true);
        };
        let openings = Openings::over(self.disk.clone(), Path::new("/ledger"));
        Ok(openings.text(commitment)?.is_some())
    }

    pub(crate) fn checkpoint_file(&self) -> DurableCheckpoint<Arc<CrashDisk>> {
        DurableCheckpoint::over(self.disk.clone(), "/ledger/checkpoint".into())
    }

    pub(crate) fn leaf(&self, index: u64) -> Option<Leaf> {
        let bytes = self.store.leaf(EntryIndex::new(index)).unwrap()?;
        Some(Leaf::parse(&bytes).unwrap())
    }

    /// Calls that the disk and the store took.
    pub(crate) fn calls(&self) -> u64 {
        self.plan.calls()
    }

    /// What the machine has when the process is killed.
    pub(crate) fn killed(self) -> Machine {
        Machine { disk: self.disk.state(), store: self.store.state() }
    }

    /// What it may have after the power failed.
    pub(crate) fn after_power_loss(self, random: &mut Random) -> Machine {
        let mut choose = |count| random.below(count);
        let store = self.store.after_power_loss(&mut choose);
        Machine { disk: self.disk.state().after_power_loss(&mut choose), store }
    }
}
