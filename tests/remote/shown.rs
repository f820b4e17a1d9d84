//! A server that shows what a test wants: the files of a mirror, and answers that break.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use countersign::base::encoding::unbase64;
use countersign::base::time::{Clock as _, Timestamp};
use countersign::cli::env::SystemClock;
use countersign::http::server::{Limits, serve};
use countersign::ledger::inbox::Answer;
use countersign::session::{LedgerKeyFile, MirrorPlace, Opening, Session};
use countersign::statement::commitment::Opening as Words;
use countersign::statement::envelope::Envelope;
use countersign::verify::trust::TrustRoot;

use crate::common::Stage;
use crate::serving::address_of_its_own;

const LONG: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits {
    connections_max: 8,
    body_bytes_max: 8 * 1024 * 1024,
    head_wait: LONG,
    request_wait: LONG,
    connection_wait: LONG,
    stop_wait: LONG,
};

/// What breaks, once or for good.
#[derive(Debug, Default)]
pub(crate) struct Mood {
    /// Paths that are answered otherwise.
    pub(crate) instead: BTreeMap<String, Vec<u8>>,
    /// So many posts are taken up and not answered.
    pub(crate) swallowed: usize,
    /// So many posts are answered 503 before anything is taken up.
    pub(crate) busy: usize,
    /// The token that reading needs.
    pub(crate) token: Option<String>,
    /// Posts that came, and every path that was asked for.
    pub(crate) posts: usize,
    pub(crate) bytes: usize,
    pub(crate) asked: Vec<String>,
}

/// Where the ledger itself is.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) folder: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) trust: PathBuf,
    pub(crate) mirror: PathBuf,
}

impl Ledger {
    pub(crate) fn of(stage: &Stage) -> Self {
        let config = stage.home().join(".config/countersign");
        Self {
            folder: stage.ledger(),
            key: config.join("keys/localhost_shop.ledger"),
            trust: config.join("trust/localhost_shop.toml"),
            mirror: stage.root().join("mirror"),
        }
    }

    /// The same ledger for a second server, which has a mirror of its own.
    pub(crate) fn of_folder(stage: &Stage) -> Self {
        Self { mirror: stage.root().join("second-mirror"), ..Self::of(stage) }
    }

    fn with<T>(&self, run: impl FnOnce(&mut Session) -> T) -> T {
        let trust = TrustRoot::parse(&fs::read(&self.trust).unwrap()).unwrap();
        let opening = Opening {
            folder: &self.folder,
            trust: &trust,
            ledger_key: &LedgerKeyFile::new(&self.key),
            command: "test",
            seen: None,
        };
        let mut session = Session::open(&opening).unwrap();
        let outcome = run(&mut session);
        self.mirror_of(&session);
        outcome
    }

    /// Brings the mirror up to what the folder has.
    pub(crate) fn bring_up(&self) {
        self.with(|_| ());
    }

    fn mirror_of(&self, session: &Session) {
        let place = MirrorPlace { folder: self.mirror.clone(), openings: None };
        session.mirror_to(&place, false).unwrap();
    }
}

#[derive(Debug)]
struct Shown {
    ledger: Ledger,
    mood: Mutex<Mood>,
}

/// The running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shown: Arc<Shown>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(ledger: &Ledger) -> Self {
        ledger.bring_up();
        Self::start_at(ledger, &address_of_its_own())
    }

    /// The same without looking at the ledger first.
    pub(crate) fn start_at(ledger: &Ledger, address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = tokio::sync::oneshot::channel::<()>();
        let stopped = async move { drop(asked.await) };
        let shown = Arc::new(Shown { ledger: ledger.clone(), mood: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shown));
        let running = thread::spawn(move || serve(listener, routes, LIMITS, stopped).unwrap());
        Self { address, shown, stop: Some(stop), running: Some(running) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn mood<T>(&self, change: impl FnOnce(&mut Mood) -> T) -> T {
        change(&mut self.shown.mood.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("{{\"error\":\"{code}\",\"why\":\"the test wants it\"}}")).into_response()
}

async fn answer(
    State(shown): State<Arc<Shown>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches('/').to_owned();
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let (instead, swallow, busy) = {
        let mut mood = shown.mood.lock().unwrap();
        mood.asked.push(path.clone());
        if method == Method::GET && mood.token.is_some() && given != mood.token {
            return error(StatusCode::UNAUTHORIZED, "token");
        }
        let (mut swallow, mut busy) = (false, false);
        if method == Method::POST {
            mood.posts += 1;
            mood.bytes += body.len();
            (swallow, busy) = (mood.swallowed > 0, mood.busy > 0);
            mood.swallowed = mood.swallowed.saturating_sub(1);
            mood.busy = mood.busy.saturating_sub(1);
        }
        (mood.instead.get(&path).cloned(), swallow, busy)
    };
    if busy {
        let busy = error(StatusCode::SERVICE_UNAVAILABLE, "busy");
        return ([("retry-after", "1")], busy).into_response();
    }
    if let Some(bytes) = instead {
        return bytes.into_response();
    }
    if method == Method::POST {
        let ledger = shown.ledger.clone();
        let said = tokio::task::spawn_blocking(move || taken_up(&ledger, &body)).await.unwrap();
        assert!(!swallow, "the connection is to break before the answer");
        return said.into_response();
    }
    let found = match path.strip_prefix("v1/") {
        Some("salt") => {
            let text = fs::read_to_string(shown.ledger.folder.join("email-salt")).unwrap();
            countersign::base::encoding::unhex_array::<32>(text.trim()).map(Vec::from).ok()
        }
        Some(rest) => {
            let name = rest.strip_prefix("openings/").unwrap_or("00");
            let file = format!("openings/{}/{}.json", &name[..2], &name[2..]);
            fs::read(shown.ledger.folder.join(file)).ok()
        }
        None => file(&shown.ledger.mirror, &path),
    };
    found.map_or_else(|| error(StatusCode::NOT_FOUND, "none"), IntoResponse::into_response)
}

fn file(mirror: &Path, path: &str) -> Option<Vec<u8>> {
    fs::read(mirror.join(path)).ok()
}

/// Appends as the protocol says.
fn taken_up(ledger: &Ledger, body: &[u8]) -> Vec<u8> {
    let request: serde_json::Value = serde_json::from_slice(body).unwrap();
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let decoded = |name: &str| -> Vec<Vec<u8>> {
        list(name).iter().map(|text| unbase64(text.as_str().unwrap()).unwrap()).collect()
    };
    let envelopes: Vec<Envelope> = list("envelopes")
        .iter()
        .map(|one| Envelope::parse(one.to_string().as_bytes()).unwrap())
        .collect();
    let now: Timestamp = SystemClock.now();
    let answers: Vec<_> = ledger.with(|session| {
        for words in decoded("words") {
            let words: Words = serde_json::from_slice(&words).unwrap();
            session.openings().put(&words).unwrap();
        }
        for file in decoded("files") {
            session.blobs().put(&file).unwrap();
        }
        let receipts = session.append(now, &envelopes).unwrap();
        let answer = |(envelope, receipt): (&Envelope, _)| {
            let id = envelope.statement_id();
            let answer = match receipt {
                Ok(countersign::ledger::receipt::Receipt { index, .. }) => {
                    Answer::taken_up(id, &session.prove(index).unwrap())
                }
                Err(refusal) => Answer::refused(id, &refusal),
            };
            String::from_utf8(answer.to_bytes()).unwrap()
        };
        envelopes.iter().zip(receipts).map(answer).collect()
    });
    format!("{{\"answers\":[{}]}}", answers.join(",")).into_bytes()
}
