//! Which key of a ledger signs which of its trees (`spec/ledger.md` section 12.6).

use crate::base::position::{EntryIndex, TreeSize};
use crate::note::key::VerifierKey;
use crate::note::{NoteSignature, SignedNote};

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

    /// Takes up the keys that are known elsewhere to have followed the same first one.
    pub fn follow(&mut self, other: &Self) {
        if other.first == self.first {
            for (entry, key) in &other.later {
                self.add(*entry, key.clone());
            }
        }
    }

    /// Whether an entry brought one of them.
    #[must_use]
    pub fn has_one_of(&self, entry: EntryIndex) -> bool {
        self.later.iter().any(|(known, _)| *known == entry)
    }

    /// Whether a note is signed in the ledger's name, and by none of these keys: by one that came
    /// after them, as far as can be told, or by a stranger.
    #[must_use]
    pub fn is_of_another(&self, note: &SignedNote) -> bool {
        let is_known =
            |id: u32| self.first.id() == id || self.later.iter().any(|(_, key)| key.id() == id);
        let lines = note.signatures().iter().filter(|line| line.name() == self.origin());
        let ids: Vec<_> = lines.map(NoteSignature::id).collect();
        !ids.is_empty() && !ids.into_iter().any(is_known)
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
