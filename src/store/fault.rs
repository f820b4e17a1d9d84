//! Injected faults: the n-th call fails, not done or done but reported as failed, or the process
//! dies at it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::files::{Files, NewFile};
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
    /// It has no effect, and neither has any call after it: the process has died.
    Crash,
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

    /// Nothing fails.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Self::new(Fault::NotDone, u64::MAX)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Whether the process has died.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.fault == Fault::Crash && self.calls() > self.fails_at
    }

    fn error() -> StoreError {
        StoreError::unavailable("injected fault", "this call was to fail")
    }

    fn run<T>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.step(Self::error, call)
    }

    fn run_file<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.step(|| io::Error::other("injected fault"), call)
    }

    /// Makes one call, if it is not to fail.
    pub(super) fn step<T, E>(
        &self,
        error: impl FnOnce() -> E,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fails = match self.fault {
            Fault::NotDone | Fault::DoneButFailed => number == self.fails_at,
            Fault::Crash => number >= self.fails_at,
        };
        match (fails, self.fault) {
            (false, _) => call(),
            (true, Fault::NotDone | Fault::Crash) => Err(error()),
            (true, Fault::DoneButFailed) => call().and_then(|_| Err(error())),
        }
    }
}

/// A store, checkpoint file or file system whose calls fail by plan.
#[derive(Debug, Clone)]
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

struct FaultyFile<'a> {
    inner: Box<dyn NewFile + 'a>,
    plan: &'a FaultPlan,
}

impl NewFile for FaultyFile<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.plan.run_file(|| self.inner.write_all(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.plan.run_file(|| self.inner.sync())
    }
}

/// What changes something fails; what is only looked at does not.
impl<F: Files> Files for Faulty<F> {
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        let inner = self.plan.run_file(|| self.inner.create(path, mode))?;
        Ok(Box::new(FaultyFile { inner, plan: &self.plan }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.run_file(|| self.inner.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.run_file(|| self.inner.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plan.run_file(|| self.inner.remove(path))
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.inner.is_folder(path)
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.plan.run_file(|| self.inner.create_folder(path, mode))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.plan.run_file(|| self.inner.sync_folder(path))
    }

    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
        self.inner.read(path, limit_bytes)
    }
}
