//! A server for one ledger (`spec/server.md`): statements are handed in, and what a verifier needs
//! is read.
//!
//! One thread appends (`commit.rs`). Whoever reads has a snapshot of the newest commit, and waits
//! for nobody. What takes the disk or the processor is done on a bounded number of threads.

mod access;
mod commit;
mod content;
mod events;
mod gatherer;
mod health;
mod metrics;
mod patient;
mod problem;
mod quiet;
mod rate;
mod resources;
mod statements;
mod tiles;
mod verified;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::base::limits::{
    REQUEST_BYTES_MAX, SERVER_CONNECTIONS_MAX, STRANGER_STATEMENTS_PER_MINUTE,
};
use crate::base::name::{MemberId, WitnessName};
use crate::base::position::TreeSize;
use crate::base::time::Clock;
use crate::config::WitnessAddress;
use crate::http::server::{Limits, Peer, either};
use crate::ledger::receipt::EntryProof;
use crate::session::{Session, SessionError};
use crate::statement::envelope::Envelope;
use crate::verify::trust::TrustRoot;

pub use self::access::{Access, Right, Rights, Token, guarded};
pub use self::commit::{Current, Snapshot};
pub use self::content::json_of;
pub use self::events::{Event, Listener};
pub use self::problem::Problem;

use self::access::Bearer;
use self::commit::{Append, Committed, Committer, NotCommitted, Orders, Parts};
use self::content::Room;
use self::events::{Teller, events};
use self::gatherer::Gatherer;
use self::health::Health;
use self::metrics::Metrics;
use self::patient::Patient;
use self::quiet::tell_of_quiet;
use self::rate::Rate;
use self::tiles::FullTiles;

/// How long a request may take, its content included: 64 MiB at 20 Mbit/s.
const REQUEST_WAIT: Duration = Duration::from_secs(30);
/// How much later the connection itself gives up, so that who waits is told why.
const GRACE: Duration = Duration::from_secs(5);
/// Threads at work for each processor: some wait for the disk.
const WORKERS_PER_PROCESSOR: usize = 4;

/// What a server spends on connections.
pub const LIMITS: Limits = Limits {
    connections_max: SERVER_CONNECTIONS_MAX,
    body_bytes_max: REQUEST_BYTES_MAX,
    head_wait: Duration::from_secs(10),
    request_wait: REQUEST_WAIT.saturating_add(GRACE),
    connection_wait: Duration::from_secs(60),
    stop_wait: Duration::from_secs(10),
};

/// What all requests share.
#[derive(Debug)]
pub struct Server {
    current: Current,
    orders: Orders,
    access: Access,
    members: Rate<MemberId>,
    strangers: Rate<()>,
    room: Room,
    tiles: FullTiles,
    workers: Arc<Semaphore>,
    /// Their own, so that no number of readers keeps them waiting.
    handing: Arc<Semaphore>,
    patient: Patient,
    health: Arc<Health>,
    teller: Teller,
    metrics: Arc<Metrics>,
}

/// What a server is started with.
pub struct Beginning {
    /// The ledger, with its key.
    pub session: Session,
    /// What the ledger must be.
    pub trust: TrustRoot,
    /// Where its witnesses are.
    pub witnesses: BTreeMap<WitnessName, WitnessAddress>,
    /// Who may what.
    pub access: Access,
    /// How many new statements of one member are taken in a minute.
    pub member_statements_per_minute: u32,
    /// A clock for each of two threads.
    pub clocks: [Box<dyn Clock + Send + Sync>; 2],
}

/// A server that takes statements.
pub struct Running {
    server: Arc<Server>,
    committing: JoinHandle<Result<(), SessionError>>,
    gathering: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

/// What is left of a server whose routes are served.
pub struct Ending {
    committing: JoinHandle<Result<(), SessionError>>,
    gathering: JoinHandle<()>,
}

impl Running {
    /// Starts the threads that append and that ask witnesses.
    #[must_use]
    pub fn start(beginning: Beginning) -> (Self, Listener) {
        let metrics = Arc::new(Metrics::new());
        let (teller, listener) = events(Arc::clone(&metrics));
        let (grown, growing) = sync_channel(1);
        let [clock, other_clock] = beginning.clocks;
        let health = Arc::new(Health::new());
        let (teller_of_commits, health_of_commits) = (teller.clone(), Arc::clone(&health));
        let parts = Parts {
            session: beginning.session,
            clock,
            teller: teller_of_commits,
            grown,
            health: health_of_commits,
        };
        let (committer, orders, current) = Committer::new(parts);
        let (end, ended) = oneshot::channel::<()>();
        let committing = thread::spawn(move || {
            let outcome = committer.run();
            drop(end);
            outcome
        });
        let gatherer = Gatherer {
            current: current.clone(),
            trust: beginning.trust,
            addresses: beginning.witnesses,
            clock: other_clock,
            teller: teller.clone(),
            grown: growing,
        };
        let weak = orders.downgrade();
        let gathering = thread::spawn(move || gatherer.run(|| weak.upgrade()));
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let server = Arc::new(Server {
            current,
            orders,
            access: beginning.access,
            members: Rate::new(beginning.member_statements_per_minute),
            strangers: Rate::new(STRANGER_STATEMENTS_PER_MINUTE),
            room: Room::new(),
            tiles: FullTiles::default(),
            workers: Arc::new(Semaphore::new(processors * WORKERS_PER_PROCESSOR)),
            handing: Arc::new(Semaphore::new(processors * WORKERS_PER_PROCESSOR)),
            patient: Patient::new(),
            health,
            teller,
            metrics,
        });
        (Self { server, committing, gathering, ended }, listener)
    }

    /// What all requests share.
    #[must_use]
    pub fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// Lets go of the server: it ends when nobody else has it. Gives what is ready when the ledger
    /// can take no more, and what is to be waited for at the end.
    pub fn leave(self) -> (impl Future<Output = ()> + Send + 'static, Ending) {
        let Self { server, committing, gathering, ended } = self;
        let current = server.current.clone();
        let size = move || current.get().session.size();
        let quiet = tell_of_quiet(server.orders.downgrade(), size);
        drop(server);
        let ended = async move {
            let _ = either(ended, quiet).await;
        };
        (ended, Ending { committing, gathering })
    }
}

impl Ending {
    /// Waits until everything that was handed in is durable.
    ///
    /// # Errors
    /// Why the ledger can take no more.
    pub fn wait(self) -> Result<(), SessionError> {
        let broken = || SessionError::integrity("the thread that commits", "ended early");
        let outcome = self.committing.join().unwrap_or_else(|_| Err(broken()));
        // It asks nobody any more once the other has ended; it knows nothing that is not durable.
        drop(self.gathering.join());
        outcome
    }
}

impl Server {
    /// The newest commit, for reading.
    #[must_use]
    pub fn newest(&self) -> Arc<Snapshot> {
        self.current.get()
    }

    /// Tells what happened around the server, for its log.
    pub fn tell(&self, event: Event) {
        self.teller.tell(event);
    }

    /// Does what takes the disk or the processor, on a thread for such work; waits where too many
    /// are at work.
    ///
    /// # Errors
    /// 500 where it ended early.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        Self::at_a_place(&self.workers, work).await
    }

    /// The same for what takes a processor for long: it gives way to all else.
    ///
    /// # Errors
    /// 500 where it ended early.
    pub async fn judge<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.patient.run(work).await.ok_or_else(ended_early)
    }

    /// The same for who hands statements in; what is small is done at once, unless the store cannot
    /// be read just now.
    async fn prepare<T: Send + 'static>(
        &self,
        is_small: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        if is_small && self.current.get().session.store().answers_at_once() {
            return Ok(work());
        }
        Self::at_a_place(&self.handing, work).await
    }

    async fn at_a_place<T: Send + 'static>(
        places: &Arc<Semaphore>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // Nobody closes the semaphore.
        let place = Arc::clone(places).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|_| ended_early())
    }

    /// Has envelopes committed; `None` where the ledger must have a size and has another.
    async fn commit(&self, append: Append) -> Result<Option<Committed>, Problem> {
        let (told, answer) = oneshot::channel();
        self.orders.append(append, told)?;
        match answer.await {
            Ok(Ok(committed)) => Ok(Some(committed)),
            Ok(Err(NotCommitted::Grown)) => Ok(None),
            Ok(Err(NotCommitted::Problem(problem))) => Err(problem),
            // The thread ended without a word: nothing is known of what was handed in.
            Err(_) => Err(Problem::unavailable("the server stops")),
        }
    }

    /// Appends what the server itself has signed; `None` where the ledger must have the size
    /// `only_at` and has another. Gives the proof of its entry.
    ///
    /// # Errors
    /// 503 where it could not be appended, 409 where it is refused.
    pub async fn append_own(
        &self,
        envelope: Envelope,
        only_at: Option<TreeSize>,
    ) -> Result<Option<EntryProof>, Problem> {
        let statement = envelope.statement_id().to_string();
        let envelopes = vec![envelope];
        let append = Append { envelopes, only_at, ..Append::default() };
        let committed = self.commit(append).await?;
        let Some(Committed { receipts, snapshot, .. }) = committed else { return Ok(None) };
        let receipt = match receipts.into_iter().next() {
            Some(Ok(receipt)) => receipt,
            Some(Err(refusal)) => {
                let conflict = axum::http::StatusCode::CONFLICT;
                return Err(Problem::new(conflict, "REFUSED", refusal.message));
            }
            None => return Err(Problem::unavailable("the ledger gave no answer")),
        };
        let (index, outcome) = (receipt.index, "taken up".to_owned());
        let entry = Some(index.get());
        self.teller.tell(Event::Judged { statement, by: None, outcome, entry });
        Ok(Some(self.work(move || snapshot.session.prove(index)).await??))
    }

    /// The routes of what lies there, and of handing in.
    pub fn routes(self: &Arc<Self>) -> Router {
        let reading = Router::new()
            .route("/checkpoint", get(resources::checkpoint))
            .route("/tile/{*path}", get(resources::tile))
            .route("/blobs/{first}/{rest}", get(resources::blob))
            .route("/metrics", get(resources::metrics));
        let words = Router::new()
            .route("/v1/salt", get(resources::salt))
            .route("/v1/openings/{commitment}", get(resources::opening));
        let open = Router::new()
            .route("/v1/statements", post(statements::hand_in))
            .route("/healthz", get(resources::health))
            .route("/openapi.json", get(resources::description));
        guarded(reading, self, Right::Read)
            .merge(guarded(words, self, Right::Words))
            .merge(open)
            .with_state(Arc::clone(self))
    }

    /// All routes, with what holds for each answer: its time, its form where it is an error, and
    /// its line in the log.
    pub fn finish(self: &Arc<Self>, routes: Router) -> Router {
        let missing = || async { Problem::of_status(axum::http::StatusCode::NOT_FOUND) };
        routes.fallback(missing).layer(from_fn_with_state(Arc::clone(self), around))
    }
}

fn ended_early() -> Problem {
    Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR)
}

async fn around(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let late = axum::http::StatusCode::REQUEST_TIMEOUT;
    let answered = timeout(REQUEST_WAIT, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Problem::of_status(late).into_response());
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let says_why = kind.is_some_and(|kind| kind.starts_with(b"application/json"))
        || kind.is_some_and(|kind| kind.starts_with(b"text/html"));
    if (status.is_client_error() || status.is_server_error()) && !says_why {
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = Problem::of_status(status).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(axum::http::header::ALLOW, allow);
        }
    }
    let token = response.extensions().get::<Bearer>().map(|bearer| bearer.0.clone());
    let why = response.extensions().get::<Problem>().map(Problem::whole);
    let elapsed = start.elapsed();
    let status = status.as_u16();
    server.teller.tell(Event::Answered { method, path, status, elapsed, token, peer, why });
    response
}
