//! The one who appends: a thread with the ledger's session. What arrives during a commit forms the
//! next; each commit leaves a snapshot for those who read, who never wait for one.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::events::{Event, Teller};
use super::health::Health;
use super::problem::Problem;
use super::verified::Verified;
use crate::base::limits::{COMMIT_ENTRIES_MAX, COMMITS_WAITING_MAX};
use crate::base::position::TreeSize;
use crate::base::time::Clock;
use crate::ledger::admission::Signatures as _;
use crate::ledger::append::{LedgerError, Refusal};
use crate::ledger::receipt::Receipt;
use crate::session::{Session, SessionError, SessionErrorKind};
use crate::statement::envelope::Envelope;

/// The ledger as it was after a commit.
#[derive(Debug)]
pub struct Snapshot {
    /// For reading.
    pub session: Session,
    /// The newest checkpoint, as it is served.
    pub(super) checkpoint: Bytes,
}

impl Snapshot {
    fn of(session: &Session) -> Self {
        let session = session.snapshot();
        let checkpoint = Bytes::from(session.checkpoint().note().to_string());
        Self { session, checkpoint }
    }
}

/// The newest snapshot. It is locked for no longer than a pointer takes to copy.
#[derive(Debug, Clone)]
pub struct Current(Arc<RwLock<Arc<Snapshot>>>);

impl Current {
    /// The newest snapshot.
    #[must_use]
    pub fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        let old = std::mem::replace(
            &mut *self.0.write().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(&snapshot),
        );
        drop(old);
        snapshot
    }
}

/// What became of a request.
pub(super) struct Committed {
    /// A receipt or a refusal for each envelope.
    pub(super) receipts: Vec<Result<Receipt, Refusal>>,
    /// How many entries there were before.
    pub(super) before: TreeSize,
    /// The ledger afterwards.
    pub(super) snapshot: Arc<Snapshot>,
}

/// Envelopes that are to be one commit, or part of one.
#[derive(Default)]
pub(super) struct Append {
    pub(super) envelopes: Vec<Envelope>,
    pub(super) verified: Verified,
    /// The size that the ledger must still have: what was judged on it holds on no other.
    pub(super) only_at: Option<TreeSize>,
    /// Whether it brings a new ledger key.
    pub(super) rotates: bool,
}

/// Who waits for it.
type Told = oneshot::Sender<Result<Committed, NotCommitted>>;

impl Append {
    /// Whether it is a commit of its own: it holds for one size, or brings a new ledger key.
    const fn is_alone(&self) -> bool {
        self.only_at.is_some() || self.rotates
    }
}

/// Why envelopes are no commit.
#[derive(Debug, Clone)]
pub(super) enum NotCommitted {
    /// The ledger has grown since.
    Grown,
    /// What is answered.
    Problem(Problem),
}

pub(super) enum Order {
    Append(Append, Told),
    /// Witnesses have cosigned.
    Cosigned,
    /// Nobody hands anything in.
    Quiet,
    /// Somebody asks whether anything can be written.
    TryWriting(oneshot::Sender<()>),
}

/// Hands orders to the thread.
#[derive(Debug, Clone)]
pub(super) struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// Hands envelopes in for the next commit.
    ///
    /// # Errors
    /// Where too many wait already, or the thread has ended.
    pub(super) fn append(&self, append: Append, told: Told) -> Result<(), Problem> {
        self.0.try_send(Order::Append(append, told)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Problem::unavailable("too many statements wait for the ledger")
            }
            mpsc::error::TrySendError::Closed(_) => Problem::unavailable("the server stops"),
        })
    }

    /// Has what was cosigned read again.
    pub(super) fn cosigned(&self) {
        // Where the queue is full, the next round of witnesses does it.
        drop(self.0.try_send(Order::Cosigned));
    }

    /// Tells the thread that there is time for what makes others wait.
    pub(super) fn tell_quiet(&self) {
        // Where the queue is full, it is none.
        drop(self.0.try_send(Order::Quiet));
    }

    /// Has the thread try whether a commit would become durable; tells when it has.
    pub(super) fn try_writing(&self, told: oneshot::Sender<()>) {
        // Where the queue is full, commits tell.
        drop(self.0.try_send(Order::TryWriting(told)));
    }

    /// The same without keeping the thread alive.
    pub(super) fn downgrade(&self) -> WeakOrders {
        WeakOrders(self.0.downgrade())
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// Whether the thread still takes orders.
    pub(super) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }
}

/// Where orders wait for the thread.
pub(super) fn queue() -> (Orders, mpsc::Receiver<Order>) {
    let (sender, orders) = mpsc::channel(COMMITS_WAITING_MAX);
    (Orders(sender), orders)
}

/// Orders of who does not keep the thread alive.
pub(super) struct WeakOrders(mpsc::WeakSender<Order>);

impl WeakOrders {
    /// The orders, while somebody else has them.
    pub(super) fn upgrade(&self) -> Option<Orders> {
        self.0.upgrade().map(Orders)
    }
}

/// The thread's own.
pub(super) struct Committer {
    session: Session,
    orders: mpsc::Receiver<Order>,
    current: Current,
    clock: Box<dyn Clock + Send + Sync>,
    teller: Teller,
    /// Told after each commit.
    grown: std::sync::mpsc::SyncSender<()>,
    health: Arc<Health>,
    /// What was taken out of the queue and goes into no commit with what was before it.
    kept: VecDeque<Order>,
}

/// What a committer is made with.
pub(super) struct Parts {
    pub(super) session: Session,
    pub(super) clock: Box<dyn Clock + Send + Sync>,
    pub(super) teller: Teller,
    pub(super) grown: std::sync::mpsc::SyncSender<()>,
    pub(super) health: Arc<Health>,
}

impl Committer {
    pub(super) fn new(parts: Parts) -> (Self, Orders, Current) {
        let Parts { session, clock, teller, grown, health } = parts;
        let (waiting, orders) = queue();
        let current = Current(Arc::new(RwLock::new(Arc::new(Snapshot::of(&session)))));
        let kept = VecDeque::new();
        let this =
            Self { session, orders, current: current.clone(), clock, teller, grown, health, kept };
        (this, waiting, current)
    }

    /// Appends until nobody can hand anything in any more.
    ///
    /// # Errors
    /// Where the ledger cannot go on: it has to be opened again, or does not verify.
    pub(super) fn run(mut self) -> Result<(), SessionError> {
        self.session.remember_seldom();
        while let Some(group) = self.next_group() {
            match group {
                Order::Cosigned => {
                    self.session.reload_cosignatures()?;
                    self.current.set(Snapshot::of(&self.session));
                }
                Order::Quiet => {
                    if let Err(error) = self.session.use_quiet_moment() {
                        self.health.note_commit(false);
                        self.teller.tell(Event::Failed { why: error.to_string() });
                    }
                }
                Order::TryWriting(told) => {
                    self.health.note_commit(self.session.try_writing().is_ok());
                    // Whoever asked may have gone.
                    let _ = told.send(());
                }
                Order::Append(first, told) => self.commit(first, told)?,
            }
        }
        self.session.remember_view();
        Ok(())
    }

    fn next_group(&mut self) -> Option<Order> {
        self.kept.pop_front().or_else(|| self.orders.blocking_recv())
    }

    /// What waits already and goes into one commit with the first. A new ledger key ends a commit,
    /// and may be refused as a whole: who brings one is alone in it.
    fn group(&mut self, first: Append, told: Told) -> Vec<(Append, Told)> {
        let mut count = first.envelopes.len();
        let is_alone = first.is_alone();
        let mut group = vec![(first, told)];
        if is_alone {
            return group;
        }
        while count < COMMIT_ENTRIES_MAX {
            match self.orders.try_recv() {
                Ok(Order::Append(append, told)) => {
                    let fits = count + append.envelopes.len() <= COMMIT_ENTRIES_MAX;
                    if !fits || append.is_alone() {
                        self.kept.push_back(Order::Append(append, told));
                        break;
                    }
                    count += append.envelopes.len();
                    group.push((append, told));
                }
                Ok(other) => self.kept.push_back(other),
                Err(_) => break,
            }
        }
        group
    }

    fn commit(&mut self, first: Append, told: Told) -> Result<(), SessionError> {
        if first.only_at.is_some_and(|size| size != self.session.size()) {
            drop(told.send(Err(NotCommitted::Grown)));
            return Ok(());
        }
        let mut group = self.group(first, told);
        let start = std::time::Instant::now();
        let mut verified = Verified::default();
        let mut envelopes = Vec::new();
        for (append, _) in &mut group {
            verified.take_up(std::mem::take(&mut append.verified));
            envelopes.extend(append.envelopes.iter().cloned());
        }
        let before = self.session.size();
        let outcome = self.session.append_with(self.clock.now(), &envelopes, &verified);
        let snapshot = self.current.set(Snapshot::of(&self.session));
        match &outcome {
            // What was refused or known already was not written.
            Ok(_) if self.session.size() > before => self.health.note_commit(true),
            Ok(_) | Err(SessionError::NoNextKey { .. }) => {}
            Err(_) => self.health.note_commit(false),
        }
        match outcome {
            Ok(receipts) => {
                for (envelope, receipt) in envelopes.iter().zip(&receipts) {
                    let is_new = |receipt: &&Receipt| !before.covers(receipt.index);
                    let index = receipt.as_ref().ok().filter(is_new).map(|receipt| receipt.index);
                    let statement = verified.statement(envelope.payload());
                    if let (Some(index), Some(statement)) = (index, statement) {
                        self.session.note_said(index, statement);
                    }
                }
                self.teller.tell(Event::Committed {
                    entries: self.session.size().get() - before.get(),
                    envelopes: envelopes.len(),
                    elapsed: start.elapsed(),
                    size: self.session.size(),
                });
                let mut receipts = receipts.into_iter();
                for (append, told) in group {
                    let receipts = receipts.by_ref().take(append.envelopes.len()).collect();
                    let snapshot = Arc::clone(&snapshot);
                    // Whoever went away asks again, and is told then.
                    drop(told.send(Ok(Committed { receipts, before, snapshot })));
                }
                // Who gathers cosignatures does so already, where this is full.
                let _ = self.grown.try_send(());
                Ok(())
            }
            Err(error) => {
                let problem = problem(&error);
                self.teller.tell(Event::Failed { why: error.to_string() });
                for (_, told) in group {
                    drop(told.send(Err(NotCommitted::Problem(problem.clone()))));
                }
                if is_the_end(&error) { Err(error) } else { Ok(()) }
            }
        }
    }
}

/// Whether the ledger has to be opened again before anything more is appended.
fn is_the_end(error: &SessionError) -> bool {
    match error {
        SessionError::NotMirrored { .. } | SessionError::NoNextKey { .. } => false,
        SessionError::Ledger(LedgerError::Store(_)) => error.kind() == SessionErrorKind::Integrity,
        SessionError::Ledger(_) => true,
        error => error.kind() == SessionErrorKind::Integrity,
    }
}

fn problem(error: &SessionError) -> Problem {
    match error {
        SessionError::NoNextKey { key } => {
            let why =
                format!("the new ledger key is not here, where ledger rotate-key makes it: {key}");
            Problem::new(axum::http::StatusCode::CONFLICT, "NO_NEXT_KEY", why)
        }
        // Nothing about the ledger is wrong that the one who hands in could see, or mend.
        error => Problem::unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_wait_and_no_more() {
        let (orders, mut waiting) = queue();
        let append = || {
            let (told, _) = oneshot::channel();
            let (envelopes, verified) = (Vec::new(), Verified::default());
            let append = Append { envelopes, verified, only_at: None, rotates: false };
            orders.append(append, told)
        };
        for _ in 0..COMMITS_WAITING_MAX {
            append().unwrap();
        }
        assert_eq!(orders.waiting(), COMMITS_WAITING_MAX);
        let refused = append().unwrap_err();
        assert_eq!(refused.status, axum::http::StatusCode::SERVICE_UNAVAILABLE);
        drop(waiting.blocking_recv());
        append().unwrap();
        drop(waiting);
        assert!(append().is_err() && !orders.is_open());
    }
}
