//! What happens, for the log: told to whoever listens, and never waited for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::metrics::Metrics;
use crate::base::position::TreeSize;

/// Most events that wait to be written: whoever writes slower loses some, and is told how many.
const WAITING_MAX: usize = 4_096;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request was answered.
    Answered {
        /// Its method.
        method: String,
        /// Its path, without a query.
        path: String,
        /// The status of the answer.
        status: u16,
        /// From its head to the head of its answer.
        elapsed: Duration,
        /// The name of its token.
        token: Option<String>,
        /// Where it came from: where a proxy stands before the server, that.
        peer: Option<IpAddr>,
        /// Why it was not answered with what it asks for; none where it was.
        why: Option<String>,
    },
    /// A statement was judged.
    Judged {
        /// The statement.
        statement: String,
        /// Who said it, as far as a verified signature tells.
        by: Option<String>,
        /// `taken up`, `known`, or the code of a refusal.
        outcome: String,
        /// Its entry.
        entry: Option<u64>,
    },
    /// A commit ended well.
    Committed {
        /// New entries.
        entries: u64,
        /// Envelopes that were judged.
        envelopes: usize,
        /// How long it took.
        elapsed: Duration,
        /// Entries of the ledger afterwards.
        size: TreeSize,
    },
    /// A commit did not.
    Failed {
        /// Why.
        why: String,
    },
    /// The files of the certificate have changed, and were read anew.
    Renewed {
        /// Why they cannot be used, if they cannot: those before them go on.
        failure: Option<String>,
    },
    /// The server does less than its settings say.
    Lacking {
        /// What, and why.
        why: String,
    },
    /// A witness was asked.
    Witnessed {
        /// The witness.
        witness: String,
        /// What came of it.
        outcome: String,
        /// Whether somebody should look.
        is_alarming: bool,
    },
}

/// Tells events.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    to: SyncSender<Event>,
    lost: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

/// Hears them.
#[derive(Debug)]
pub struct Listener {
    from: Receiver<Event>,
    lost: Arc<AtomicU64>,
}

/// Both ends.
pub(super) fn events(metrics: Arc<Metrics>) -> (Teller, Listener) {
    let (to, from) = sync_channel(WAITING_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    (Teller { to, lost: Arc::clone(&lost), metrics }, Listener { from, lost })
}

impl Teller {
    pub(super) fn tell(&self, event: Event) {
        self.metrics.note(&event);
        if self.to.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Listener {
    /// The next event, and how many were lost before it; none once the server has ended.
    #[must_use]
    pub fn next(&self) -> Option<(Event, u64)> {
        let event = self.from.recv().ok()?;
        Some((event, self.lost.swap(0, Ordering::Relaxed)))
    }
}
