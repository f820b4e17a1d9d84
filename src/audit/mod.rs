//! Who signed off on what is running: reports out of the ledger, as data.
//!
//! [`timeline`] reads what happened in one service and environment, [`auditor`] makes of each
//! deployment a [`report`] of what it rests on, [`accepted`] tells what rests on a baseline,
//! [`owed`] what overrides left behind, [`observed`] what would have been refused, and [`csv`]
//! writes it for spreadsheets. Nothing here prints.

pub mod accepted;
pub mod auditor;
mod change;
pub mod csv;
pub mod observed;
pub mod owed;
pub mod report;
mod since;
pub mod timeline;

use crate::base::time::Timestamp;
use crate::git::GitError;
use crate::ledger::store::StoreError;
use crate::session::SessionError;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The ledger.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file of the side store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// RFC 3339 in UTC with milliseconds; the bare number where no calendar has the moment.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let moment = i64::try_from(time.milliseconds()).ok();
    let moment = moment.and_then(|moment| jiff::Timestamp::from_millisecond(moment).ok());
    moment.map_or_else(|| time.milliseconds().to_string(), |moment| moment.to_string())
}

/// Serialises a moment as [`rfc3339`] writes it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
pub(crate) fn as_rfc3339<S: serde::Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}
