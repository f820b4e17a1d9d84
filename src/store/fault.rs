//! Injected faults: the n-th call fails, not done or done but reported as failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::position::EntryIndex;
use crate::ledger::store::{
    Batch, CheckpointFile, Commit, Head, HeadToken, Store, StoreError, Topic,
};
use crate::merkle::tile::Tile;

/// What becomes of the call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect.
    NotDone,
    /// It has its effect, and an error is reported.
    DoneButFailed,
}

/// Which call fails, counted over everything that shares this plan.
#[derive(Debug)]
pub struct FaultPlan {
    fault: Fault,
    calls: AtomicU64,
    fails_at: u64,
}

impl FaultPlan {
    /// The call number `fails_at`, counted from 0, fails.
    #[must_use]
    pub fn new(fault: Fault, fails_at: u64) -> Arc<Self> {
        Arc::new(Self { fault, calls: AtomicU64::new(0), fails_at })
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn error() -> StoreError {
        StoreError::unavailable("injected fault", "this call was to fail")
    }

    fn run<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fails = self.calls.fetch_add(1, Ordering::SeqCst) == self.fails_at;
        match (fails, self.fault) {
            (false, _) => call(),
            (true, Fault::NotDone) => Err(Self::error()),
            (true, Fault::DoneButFailed) => call().and_then(|_| Err(Self::error())),
        }
    }
}

/// A store or checkpoint file whose calls fail by plan.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    plan: Arc<FaultPlan>,
}

impl<T> Faulty<T> {
    /// Lets the calls of `inner` fail by `plan`.
    pub fn new(inner: T, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

impl<S: Store> Store for Faulty<S> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.plan.run(|| self.inner.head())
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.plan.run(|| self.inner.leaf(index))
    }

    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.plan.run(|| self.inner.leaves(first, count_max))
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.plan.run(|| self.inner.tile(tile))
    }

    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        self.plan.run(|| self.inner.entries_of(topic))
    }

    fn commit(&self, expected: Option<HeadToken>, batch: &Batch) -> Result<Commit, StoreError> {
        // A commit that fails on the way is unknown to the caller, whatever became of it.
        Ok(self.plan.run(|| self.inner.commit(expected, batch)).unwrap_or_else(Commit::Unknown))
    }
}

impl<F: CheckpointFile> CheckpointFile for Faulty<F> {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.plan.run(|| self.inner.load())
    }

    fn store(&self, note: &[u8]) -> Result<(), StoreError> {
        self.plan.run(|| self.inner.store(note))
    }
}
