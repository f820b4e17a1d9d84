//! What is read as it lies there: the checkpoint, the log as files, the side store, the salt.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::Server;
use super::content::held;
use super::metrics::Form;
use super::problem::Problem;
use crate::base::digest::{Commitment, ContentDigest};
use crate::ledger::tiles::LogFile;
use crate::merkle::tile::Tile;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const JSON: &str = "application/json";
/// What changes, and is asked for anew.
const ANEW: &str = "no-cache";

type Answered = Result<Response, Problem>;

fn head(content_type: &'static str, cached: &'static str) -> [(HeaderName, &'static str); 2] {
    [(CONTENT_TYPE, content_type), (CACHE_CONTROL, cached)]
}

impl Server {
    /// How what never changes may be kept by others.
    const fn for_ever(&self) -> &'static str {
        if self.access.everybody.read {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        }
    }
}

pub(super) async fn checkpoint(State(server): State<Arc<Server>>) -> Response {
    (head(TEXT, ANEW), server.current.get().checkpoint.clone()).into_response()
}

/// A file of the log, out of the tree of the newest checkpoint.
pub(super) async fn tile(State(server): State<Arc<Server>>, Path(path): Path<String>) -> Answered {
    let nothing = || Problem::not_found("the ledger has no such tile");
    let file = LogFile::from_path(&format!("tile/{path}")).map_err(|_| nothing())?;
    let (LogFile::Entries(tile) | LogFile::Hashes(tile)) = file;
    let snapshot = server.current.get();
    let size = snapshot.session.size();
    let widest = Tile::within(tile.level, tile.index, size);
    if widest.is_none_or(|widest| tile.width > widest.width) {
        return Err(nothing());
    }
    let content = if let Some(content) = server.tiles.get(file) {
        content
    } else {
        let read = move || file.read(snapshot.session.store(), size);
        let content = Bytes::from(server.work(read).await??);
        server.tiles.keep(file, &content);
        content
    };
    Ok((head(BYTES, server.for_ever()), content).into_response())
}

/// A required file of the side store.
pub(super) async fn blob(
    State(server): State<Arc<Server>>,
    method: Method,
    Path((first, rest)): Path<(String, String)>,
) -> Answered {
    let nothing = || Problem::not_found("there is no file of that digest");
    let digest: Option<ContentDigest> = format!("{first}{rest}").parse().ok();
    let digest = digest.filter(|_| first.len() == 2).ok_or_else(nothing)?;
    let blobs = server.current.get().session.blobs();
    let length = length_of(&server, blobs.path(&digest)).await?.ok_or_else(nothing)?;
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let place = server.room.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let content = server.work(move || blobs.get(&digest)).await??.ok_or_else(nothing)?;
        held(content, place)
    };
    let mut response = (head(BYTES, server.for_ever()), body).into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// How many bytes a file has; none where there is no file.
async fn length_of(server: &Server, path: std::path::PathBuf) -> Result<Option<u64>, Problem> {
    let look = move || std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    Ok(server.work(look).await?.map(|found| found.len()))
}

pub(super) async fn salt(State(server): State<Arc<Server>>) -> Response {
    let salt = *server.current.get().session.salt().as_bytes();
    (head(BYTES, "no-store"), salt).into_response()
}

pub(super) async fn opening(
    State(server): State<Arc<Server>>,
    Path(commitment): Path<String>,
) -> Answered {
    let nothing = || Problem::not_found("nothing that opens it is kept");
    let commitment: Commitment = commitment.parse().map_err(|_| nothing())?;
    let openings = server.current.get().session.openings();
    let opening = server.work(move || openings.get(commitment)).await??.ok_or_else(nothing)?;
    let bytes = serde_json::to_vec(&opening).unwrap_or_default();
    Ok((head(JSON, "no-store"), bytes).into_response())
}

pub(super) async fn health(State(server): State<Arc<Server>>) -> Answered {
    if server.is_well().await {
        return Ok((StatusCode::OK, head(TEXT, "no-store"), "ok\n").into_response());
    }
    Err(Problem::unavailable("statements cannot be kept at present; the log says why"))
}

pub(super) async fn metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let form = Form::of(accept.unwrap_or_default());
    let size = server.current.get().session.size().get();
    let text = server.metrics.text(form, size, server.orders.waiting());
    (head(form.content_type(), "no-store"), [(VARY, "accept")], text).into_response()
}

/// The page for machines.
pub(super) async fn description() -> Response {
    const DESCRIPTION: &str = include_str!("../../spec/server.openapi.json");
    (head(JSON, ANEW), DESCRIPTION).into_response()
}
