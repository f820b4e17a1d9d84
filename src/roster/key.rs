//! Keys: whose each is, from which entry on, and what became of it.

use serde::{Deserialize, Serialize};

use crate::base::name::MemberId;
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::key::PublicKey;
use crate::statement::words::Revocation;

/// A key and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public key.
    pub key: PublicKey,
    /// Owners, each from its entry on; the last is final once the key has been used.
    pub(super) owners: Vec<Ownership>,
    /// The first accepted statement of this key.
    pub(super) first_used: Option<EntryIndex>,
    /// In the order of their entries: a later one never changes what an earlier size sees.
    pub(super) revocations: Vec<Revoked>,
}

/// When and why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The entry of the revocation.
    pub entry: EntryIndex,
    /// Retired or leaked.
    pub cause: Revocation,
    /// Leaked: the first entry whose permission is void.
    pub since: EntryIndex,
}

/// An enrolment: whose the key is from an entry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ownership {
    pub(super) entry: EntryIndex,
    pub(super) owner: MemberId,
    /// The time of the enrolment, where the owner had another key before: such a key is how
    /// somebody else would sign in the owner's name (ATTACKS 18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cools_since: Option<Timestamp>,
}

/// How a key stands to a statement that it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// Good at the entry, and not known to have leaked by then.
    Good,
    /// Not enrolled at that entry, or no longer.
    NotValid,
    /// Leaked, and the entry lies in the time of the leak: permission is void.
    Leaked,
}

impl KeyRecord {
    /// The owner as of a size.
    #[must_use]
    pub fn owner(&self, as_of: TreeSize) -> Option<&MemberId> {
        self.ownership(as_of).map(|ownership| &ownership.owner)
    }

    fn ownership(&self, as_of: TreeSize) -> Option<&Ownership> {
        self.owners.iter().rev().find(|ownership| as_of.covers(ownership.entry))
    }

    /// The entry that enrolled it for its owner, as of a size.
    #[must_use]
    pub fn enrolled_at(&self, as_of: TreeSize) -> Option<EntryIndex> {
        self.ownership(as_of).map(|ownership| ownership.entry)
    }

    /// Since when the key cools, as of a size: the time of its enrolment where its owner had
    /// another key before. None for a first key, and for every key of entry 0.
    #[must_use]
    pub fn cooling_since(&self, as_of: TreeSize) -> Option<Timestamp> {
        self.ownership(as_of)?.cools_since
    }

    /// Whether an accepted statement has bound the key to its owner for ever.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.first_used.is_some()
    }

    /// The first revocation, if it was entered below a size: from there on nothing is signed.
    #[must_use]
    pub fn revoked(&self, as_of: TreeSize) -> Option<Revoked> {
        self.revocations.first().copied().filter(|revoked| as_of.covers(revoked.entry))
    }

    /// The first entry whose permission is void, as far as is known as of a size.
    #[must_use]
    pub fn leaked_since(&self, as_of: TreeSize) -> Option<EntryIndex> {
        let leaks = self
            .revocations
            .iter()
            .filter(|revoked| revoked.cause == Revocation::Leaked && as_of.covers(revoked.entry));
        leaks.map(|leak| leak.since).min()
    }

    /// Whether the key may sign the entry at `index`.
    #[must_use]
    pub fn signs_at(&self, index: EntryIndex) -> bool {
        let before = TreeSize::new(index.get());
        self.owner(before).is_some() && self.revoked(before).is_none()
    }
}
