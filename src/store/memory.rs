//! The store in memory: the oracle that others are compared with. Nothing outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::limits::PAGE_LEAVES_MAX;
use crate::base::position::EntryIndex;
use crate::ledger::store::{
    Batch, CheckpointFile, Commit, Head, HeadToken, Store, StoreError, Topic,
};
use crate::merkle::tile::Tile;

/// What a store holds, as plain values that a test may alter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryState {
    /// The head.
    pub head: Option<Head>,
    /// Leaves by position.
    pub leaves: BTreeMap<u64, Vec<u8>>,
    /// Tiles by level and position.
    pub tiles: BTreeMap<(u8, u64), Vec<u8>>,
    /// Topics and their entries.
    pub topics: BTreeSet<(Topic, u64)>,
}

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<MemoryState>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds this.
    #[must_use]
    pub fn from_state(state: MemoryState) -> Self {
        Self { state: Mutex::new(state) }
    }

    /// The state; whoever alters it plays the attacker or the failing disk.
    pub fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        Ok(self.state().head.clone())
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().leaves.get(&index.get()).cloned())
    }

    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let state = self.state();
        let found = state.leaves.range(first.get()..).zip(first.get()..);
        let consecutive = found.take_while(|((index, _), expected)| **index == *expected);
        Ok(consecutive
            .take(count_max.min(PAGE_LEAVES_MAX))
            .map(|((_, leaf), _)| leaf.clone())
            .collect())
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let mut bytes = self.state().tiles.get(&(tile.level, tile.index)).cloned();
        if let Some(bytes) = &mut bytes {
            bytes.truncate(tile.bytes_count());
        }
        Ok(bytes)
    }

    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        let state = self.state();
        let range = (*topic, 0)..=(*topic, u64::MAX);
        Ok(state.topics.range(range).map(|(_, index)| EntryIndex::new(*index)).collect())
    }

    fn commit(&self, expected: Option<HeadToken>, batch: &Batch) -> Result<Commit, StoreError> {
        let mut state = self.state();
        if state.head.as_ref().map(Head::token) != expected {
            return Ok(Commit::Stale);
        }
        state.leaves.extend((batch.first.get()..).zip(batch.leaves.iter().cloned()));
        for (tile, bytes) in &batch.tiles {
            state.tiles.insert((tile.level, tile.index), bytes.clone());
        }
        state.topics.extend(batch.topics.iter().map(|(topic, index)| (*topic, index.get())));
        state.head = Some(batch.head.clone());
        Ok(Commit::Committed)
    }
}

/// A checkpoint file in memory.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint {
    note: Mutex<Option<Vec<u8>>>,
}

impl MemoryCheckpoint {
    /// No file yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The note; whoever alters it plays the attacker.
    pub fn note(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.note.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointFile for MemoryCheckpoint {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.note().clone())
    }

    fn store(&self, note: &[u8]) -> Result<(), StoreError> {
        *self.note() = Some(note.to_vec());
        Ok(())
    }
}
