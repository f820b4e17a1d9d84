//! Positions in a ledger: an index and a size are different things, and never mix.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The position of an entry; the first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryIndex(u64);

/// A number of entries. Entry `i` is covered by every size above `i`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct TreeSize(u64);

impl EntryIndex {
    /// Takes a position.
    #[must_use]
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The position as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The smallest size that covers this entry.
    #[must_use]
    pub const fn size_after(self) -> TreeSize {
        TreeSize(self.0 + 1)
    }
}

impl TreeSize {
    /// Takes a count.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        Self(size)
    }

    /// The count as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether a tree of this size has the entry.
    #[must_use]
    pub const fn covers(self, index: EntryIndex) -> bool {
        index.0 < self.0
    }

    /// The position that the next entry gets.
    #[must_use]
    pub const fn next_index(self) -> EntryIndex {
        EntryIndex(self.0)
    }
}

impl fmt::Display for EntryIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS t: entry i is covered by a size above i.
    #[test]
    fn an_entry_is_covered_by_a_larger_size() {
        let index = EntryIndex::new(4);
        assert!(index.size_after().covers(index));
        assert!(!TreeSize::new(4).covers(index));
        assert_eq!(TreeSize::new(4).next_index(), index);
    }
}
