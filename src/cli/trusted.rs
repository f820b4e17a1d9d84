//! The one line, in every verdict, on what it owes to whom beside what is proved.

use serde::Serialize;

use super::time::{ago, rfc3339};
use crate::base::position::TreeSize;
use crate::base::time::Timestamp;
use crate::verify::witnessing::Witnessing;

/// What the operator of a ledger is trusted for that no witness saw.
pub(crate) const TRUSTED: &str = "operator trusted for completeness, order and time";

/// Who beside the operator vouches for how much, as JSON has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Witnesses {
    known: usize,
    cosigned: usize,
    /// Whether that is as many as the trust root wants.
    is_met: bool,
    /// How many entries they saw.
    size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
}

impl Witnesses {
    /// What is known; nothing where the trust root knows no witness.
    pub(crate) fn new(found: &Witnessing) -> Option<Self> {
        (found.known > 0).then(|| Self {
            known: found.known,
            cosigned: found.cosigned,
            is_met: found.is_met,
            size: found.size,
            newest: found.newest_seconds.map(|seconds| rfc3339(at(seconds))),
        })
    }
}

/// What a verdict owes to whom: `witnessed 2 of 3, newest 40 s ago`, or that the operator is
/// trusted, or for which entries.
pub(crate) fn line(found: &Witnessing, now: Timestamp) -> String {
    let Witnessing { known, cosigned, .. } = found;
    let Some(seconds) = found.newest_seconds else {
        return match known {
            0 => TRUSTED.to_owned(),
            _ => format!("witnessed 0 of {known}; {TRUSTED}"),
        };
    };
    let said = format!("witnessed {cosigned} of {known}, newest {}", ago(at(seconds), now));
    match (found.is_met, found.unseen()) {
        (false, _) => format!("{said}, fewer than wanted; {TRUSTED}"),
        (true, 0) => said,
        (true, 1) => format!("{said}; operator trusted for the last entry"),
        (true, unseen) => format!("{said}; operator trusted for the last {unseen} entries"),
    }
}

/// The moment of a cosignature.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(seconds.saturating_mul(1_000))
}
