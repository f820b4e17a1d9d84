//! What a ledger owes to whom beside its operator: how many of the known witnesses saw how much of
//! it, and when.

use crate::base::position::TreeSize;
use crate::note::quorum::{WitnessQuorum, Witnessed};

/// What witnesses vouch for: completeness, order and time of the first entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witnessing {
    /// Witnesses that the trust root names.
    pub known: usize,
    /// How many of them cosigned.
    pub cosigned: usize,
    /// Whether that is as many as the trust root asks for.
    pub is_met: bool,
    /// The newest time of their cosignatures, in seconds since 1970.
    pub newest_seconds: Option<u64>,
    /// How many entries they saw.
    pub size: TreeSize,
    /// How many the ledger has.
    pub of: TreeSize,
}

impl Witnessing {
    /// From what was found on one checkpoint, where that is all that is looked at.
    #[must_use]
    pub fn on(found: &Witnessed, size: TreeSize) -> Self {
        Self {
            known: found.known,
            cosigned: found.cosigned.len(),
            is_met: found.is_met && !found.cosigned.is_empty(),
            newest_seconds: found.newest_seconds(),
            size,
            of: size,
        }
    }

    /// From what was found on a checkpoint of so many entries, of a ledger of `of` entries.
    #[must_use]
    pub fn new(quorum: &WitnessQuorum, found: Option<(Witnessed, TreeSize)>, of: TreeSize) -> Self {
        let known = quorum.witnesses().len();
        match found {
            Some((found, size)) => Self { of, ..Self::on(&found, size) },
            None => Self {
                known,
                cosigned: 0,
                is_met: false,
                newest_seconds: None,
                size: TreeSize::default(),
                of,
            },
        }
    }

    /// How many of the newest entries no witness saw.
    #[must_use]
    pub const fn unseen(&self) -> u64 {
        self.of.get().saturating_sub(self.size.get())
    }
}
