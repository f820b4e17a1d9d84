//! Group commit: appends that arrive during a commit form the next. Starts no thread: of those
//! that wait, one leads and commits for all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::base::limits::{COMMIT_ENTRIES_MAX, ENVELOPE_BYTES_MAX};
use crate::base::time::Clock;
use crate::ledger::append::{Admission, Ledger, LedgerError, REFUSED_TOO_LARGE, Refusal};
use crate::ledger::receipt::Receipt;
use crate::ledger::store::{CheckpointFile, Store};

/// What one append came to.
type Outcome = Result<Result<Receipt, Refusal>, LedgerError>;

/// A ledger that many threads append to.
#[derive(Debug)]
pub struct SharedLedger<S, C, A> {
    ledger: Mutex<(Ledger<S, C>, A)>,
    queue: Mutex<Queue>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    waiting: VecDeque<(u64, Vec<u8>)>,
    outcomes: BTreeMap<u64, Outcome>,
    has_leader: bool,
}

impl<S: Store, C: CheckpointFile, A: Admission> SharedLedger<S, C, A> {
    /// Shares a ledger and its admission.
    pub fn new(ledger: Ledger<S, C>, admission: A) -> Self {
        Self {
            ledger: Mutex::new((ledger, admission)),
            queue: Mutex::new(Queue::default()),
            done: Condvar::new(),
        }
    }

    /// Gives both back.
    pub fn into_parts(self) -> (Ledger<S, C>, A) {
        self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at ledger and admission between two commits; appends wait meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&Ledger<S, C>, &A) -> T) -> T {
        let guard = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        look(&guard.0, &guard.1)
    }

    /// Appends an envelope together with those that other threads append meanwhile, and returns
    /// when it is durable or refused.
    ///
    /// # Errors
    /// [`LedgerError`] of the commit that it was part of.
    pub fn append(&self, clock: &dyn Clock, envelope: Vec<u8>) -> Outcome {
        if envelope.len() > ENVELOPE_BYTES_MAX {
            let message = format!("an envelope is at most {ENVELOPE_BYTES_MAX} bytes long");
            return Ok(Err(Refusal::new(REFUSED_TOO_LARGE, message)));
        }
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push_back((ticket, envelope));
        loop {
            if let Some(outcome) = queue.outcomes.remove(&ticket) {
                return outcome;
            }
            if queue.has_leader {
                queue = self.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.has_leader = true;
            let count = queue.waiting.len().min(COMMIT_ENTRIES_MAX);
            let batch: Vec<_> = queue.waiting.drain(..count).collect();
            drop(queue);
            self.lead(clock, &batch);
            queue = self.queue();
        }
    }

    fn lead(&self, clock: &dyn Clock, batch: &[(u64, Vec<u8>)]) {
        let tickets = batch.iter().map(|(ticket, _)| *ticket).collect();
        let mut lead = Lead { queue: &self.queue, done: &self.done, tickets, outcomes: Vec::new() };
        let mut guard = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let (ledger, admission) = &mut *guard;
        let envelopes: Vec<_> = batch.iter().map(|(_, envelope)| &envelope[..]).collect();
        lead.outcomes = match ledger.append(admission, clock.now(), &envelopes) {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        };
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A leader's duty: whatever happens, a panic of the admission included, those who wait on it
/// get an answer.
struct Lead<'shared> {
    queue: &'shared Mutex<Queue>,
    done: &'shared Condvar,
    tickets: Vec<u64>,
    outcomes: Vec<Outcome>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcomes = self.outcomes.drain(..);
        for ticket in &self.tickets {
            let outcome = outcomes.next().unwrap_or(Err(LedgerError::Poisoned));
            queue.outcomes.insert(*ticket, outcome);
        }
        queue.has_leader = false;
        self.done.notify_all();
    }
}
