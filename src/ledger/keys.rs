//! Which key of a ledger signs which of its trees (`spec/ledger.md` section 12.6).

use crate::base::position::{EntryIndex, TreeSize};
use crate::note::key::VerifierKey;

/// The keys of one ledger: the first, and those that entries brought. An entry that brings a key is
/// the last that the one before signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerKeys {
    first: VerifierKey,
    /// The entry that brought each, in order.
    later: Vec<(EntryIndex, VerifierKey)>,
}

impl LedgerKeys {
    /// A ledger that still has its first key.
    #[must_use]
    pub const fn new(first: VerifierKey) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Takes up the key that an entry brings. Of two of one entry the first counts, and a key of
    /// another name is no key of this ledger.
    pub fn add(&mut self, entry: EntryIndex, key: VerifierKey) {
        let is_known = self.later.iter().any(|(known, _)| *known == entry);
        if !is_known && key.name() == self.first.name() {
            self.later.push((entry, key));
            self.later.sort_by_key(|(entry, _)| *entry);
        }
    }

    /// The ledger's origin: the name of its keys.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.first.name()
    }

    /// The key that signs trees of that size.
    #[must_use]
    pub fn of_size(&self, size: TreeSize) -> &VerifierKey {
        let in_force = |(entry, _): &&(EntryIndex, VerifierKey)| entry.size_after() < size;
        self.later.iter().rev().find(in_force).map_or(&self.first, |(_, key)| key)
    }
}
