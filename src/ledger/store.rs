//! The ports to storage, declared by the ledger and shaped after no database.

use crate::base::digest::{LeafHash, RootHash, sha256};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::merkle::tile::Tile;

/// Why storage failed: what was tried, and why it did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Storage cannot be used at present: locked, full, no permission. Another try may do.
    #[error("{what}: {why}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// What is stored contradicts itself or was altered. No other try helps.
    #[error("{what}: {why}")]
    Integrity {
        /// What was looked at.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// [`StoreError::Unavailable`].
    #[expect(clippy::needless_pass_by_value, reason = "texts and errors alike come by value")]
    pub fn unavailable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unavailable { what: what.into(), why: why.to_string() }
    }

    /// [`StoreError::Integrity`].
    #[expect(clippy::needless_pass_by_value, reason = "texts and errors alike come by value")]
    pub fn integrity(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Integrity { what: what.into(), why: why.to_string() }
    }
}

/// The state of a store after its newest commit. It holds the signed checkpoint (ATTACKS 54), so
/// that a store whose only atomic step is to swap one object needs no second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries; never zero.
    pub size: TreeSize,
    /// Root hash over them.
    pub root: RootHash,
    /// Leaf hash of the newest entry.
    pub last_leaf: LeafHash,
    /// Leaf time of the newest entry.
    pub last_time: Timestamp,
    /// The checkpoint of this size, a signed note.
    pub checkpoint: String,
}

/// What a commit expects to find: the tree that it builds upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadToken {
    /// Number of entries.
    pub size: TreeSize,
    /// Root hash over them.
    pub root: RootHash,
}

impl Head {
    /// The token of this head.
    #[must_use]
    pub fn token(&self) -> HeadToken {
        HeadToken { size: self.size, root: self.root }
    }
}

/// A digest under which entries can be found again: a statement's identity, a change hash, a
/// member. An aid, never evidence: what is found so is read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic([u8; 32]);

impl Topic {
    /// SHA-256 of "countersign topic v1", a line feed, and then the kind and each part behind
    /// its length in 8 bytes, big-endian.
    #[must_use]
    pub fn of(kind: &str, parts: &[&[u8]]) -> Self {
        let mut bytes = b"countersign topic v1\n".to_vec();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self(sha256(&[&bytes]))
    }

    /// A topic as a store holds it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Everything that one commit writes, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Position of the first new leaf: the size that the commit builds upon.
    pub first: EntryIndex,
    /// Bytes of the new leaves, in order.
    pub leaves: Vec<Vec<u8>>,
    /// Hash tiles that were filled or that grew, each in its present width; a wider tile takes
    /// the place of a narrower one.
    pub tiles: Vec<(Tile, Vec<u8>)>,
    /// Which topics lead to which entry.
    pub topics: Vec<(Topic, EntryIndex)>,
    /// The state afterwards.
    pub head: Head,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// Durable.
    Committed,
    /// The head was another than expected; nothing was written.
    Stale,
    /// It failed on the way: the store has the whole batch or nothing of it, and only opening it
    /// again shows which.
    Unknown(StoreError),
}

/// Where a ledger lies.
pub trait Store {
    /// The head; `None` where nothing was ever committed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn head(&self) -> Result<Option<Head>, StoreError>;

    /// The bytes of a leaf; `None` where there is no such entry.
    ///
    /// # Errors
    /// [`StoreError`].
    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError>;

    /// The bytes of consecutive leaves: at most `count_max` and at most 1,024, fewer at will, none
    /// where the first is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The bytes of a tile in that width; a store that has a wider one gives its beginning.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries of a topic in ascending order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError>;

    /// The newest entries of a topic in a tree of `size`, at most `count_max`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn newest_of(
        &self,
        topic: &Topic,
        size: TreeSize,
        count_max: usize,
    ) -> Result<Vec<EntryIndex>, StoreError> {
        let found = self.entries_of(topic)?.into_iter().rev();
        Ok(found.skip_while(|index| !size.covers(*index)).take(count_max).collect())
    }

    /// Writes a batch durably, all or nothing, if the head is the expected one.
    ///
    /// # Errors
    /// [`StoreError`] where the batch was refused before anything of it was written.
    fn commit(&self, expected: Option<HeadToken>, batch: &Batch) -> Result<Commit, StoreError>;
}

/// The separate durable file of the newest signed checkpoint: what shows that a store was set
/// back to an older state.
pub trait CheckpointFile {
    /// The note in the file; `None` where there is no file.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the note, durably and atomically.
    ///
    /// # Errors
    /// [`StoreError`].
    fn store(&self, note: &[u8]) -> Result<(), StoreError>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Store + ?Sized> Store for $pointer {
            fn head(&self) -> Result<Option<Head>, StoreError> {
                (**self).head()
            }
            fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).leaf(index)
            }
            fn leaves(&self, first: EntryIndex, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
                (**self).leaves(first, max)
            }
            fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).tile(tile)
            }
            fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
                (**self).entries_of(topic)
            }
            fn newest_of(
                &self,
                topic: &Topic,
                size: TreeSize,
                count_max: usize,
            ) -> Result<Vec<EntryIndex>, StoreError> {
                (**self).newest_of(topic, size, count_max)
            }
            fn commit(
                &self,
                expected: Option<HeadToken>,
                batch: &Batch,
            ) -> Result<Commit, StoreError> {
                (**self).commit(expected, batch)
            }
        }

        impl<T: CheckpointFile + ?Sized> CheckpointFile for $pointer {
            fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).load()
            }
            fn store(&self, note: &[u8]) -> Result<(), StoreError> {
                (**self).store(note)
            }
        }
    )*};
}

forward!(&T, Box<T>, std::sync::Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_do_not_run_together() {
        let topics = [
            Topic::of("a", &[]),
            Topic::of("", &[b"a"]),
            Topic::of("a", &[b""]),
            Topic::of("a", &[b"b", b"c"]),
            Topic::of("a", &[b"bc"]),
            Topic::of("ab", &[b"c"]),
        ];
        for (position, topic) in topics.iter().enumerate() {
            assert!(!topics[..position].contains(topic));
        }
    }
}
