//! A witness that answers over HTTP.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::task::spawn_blocking;

use super::folder::WitnessFolder;
use crate::base::limits::{CONSISTENCY_BYTES_MAX, WITNESS_CONNECTIONS_MAX};
use crate::base::time::Clock;
use crate::http::server::Limits;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::store::StoreError;
use crate::ledger::witness::{Answer, Answered, answer, origin_hash, recorded};
use crate::note::cosignature::Cosigner;

/// What a witness spends: requests are one note each, and rare.
pub const LIMITS: Limits = Limits {
    connections_max: WITNESS_CONNECTIONS_MAX,
    body_bytes_max: CONSISTENCY_BYTES_MAX,
    head_wait: Duration::from_secs(10),
    request_wait: Duration::from_secs(20),
    connection_wait: Duration::from_secs(60),
    stop_wait: Duration::from_secs(10),
};

/// A witness: its folder, its key, and the logs that it knows.
pub struct Witness {
    /// One request at a time: between reading and writing the record nobody else may write.
    folder: Mutex<WitnessFolder>,
    cosigner: Cosigner,
    logs: BTreeMap<String, LedgerKeys>,
    clock: Box<dyn Clock + Send + Sync>,
    told: Mutex<Sender<Answered>>,
}

impl Witness {
    /// A witness; `told` hears of every answer. What it recorded of the logs is read once, so
    /// that a damaged record is told at
    /// the start.
    ///
    /// # Errors
    /// [`StoreError`] where a record cannot be read or is none.
    pub fn new(
        folder: WitnessFolder,
        cosigner: Cosigner,
        logs: Vec<LedgerKeys>,
        clock: Box<dyn Clock + Send + Sync>,
        told: Sender<Answered>,
    ) -> Result<Self, StoreError> {
        for log in &logs {
            recorded(&folder, log)?;
        }
        let logs = logs.into_iter().map(|keys| (keys.origin().to_owned(), keys)).collect();
        Ok(Self { folder: Mutex::new(folder), cosigner, logs, clock, told: Mutex::new(told) })
    }

    /// Its routes: `add-checkpoint`, and below the hash of an origin `checkpoint`.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/{hash}/checkpoint", get(checkpoint))
            .with_state(Arc::clone(self))
    }

    /// Answers a request; the record is durable when it returns.
    fn answer(&self, request: &[u8]) -> Answer {
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = |origin: &str| self.logs.get(origin).cloned();
        let seconds = self.clock.now().milliseconds() / 1_000;
        let answered = answer(&*folder, keys, &self.cosigner, seconds, request);
        drop(folder);
        let answer = answered.answer.clone();
        // That nobody listens harms nobody.
        drop(self.told.lock().unwrap_or_else(PoisonError::into_inner).send(answered));
        answer
    }

    fn newest(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let is_known = self.logs.keys().any(|origin| origin_hash(origin) == hash);
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if is_known { folder.newest(hash) } else { Ok(None) }
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, request: Bytes) -> Response {
    let answered = spawn_blocking(move || witness.answer(&request)).await;
    let answer = answered.unwrap_or(Answer::Failed);
    let status = StatusCode::from_u16(answer.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, answer.content_type())], answer.body()).into_response()
}

async fn checkpoint(State(witness): State<Arc<Witness>>, Path(hash): Path<String>) -> Response {
    const HEAD: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    match spawn_blocking(move || witness.newest(&hash)).await {
        Ok(Ok(Some(note))) => (HEAD, note).into_response(),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, HEAD, "nothing cosigned\n").into_response(),
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
