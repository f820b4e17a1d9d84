//! Contents of requests and files on their way, with a bound on all of them together.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use hyper::body::{Body as _, Frame, SizeHint};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Server;
use super::problem::Problem;
use crate::base::json;
use crate::base::limits::{QUESTION_BYTES_MAX, SERVER_BYTES_MAX};

/// What is counted in.
const UNIT_BYTES: usize = 64 * 1024;

/// Room for what is held in memory at a time.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A place in it.
#[derive(Debug)]
pub(super) struct Place(OwnedSemaphorePermit);

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(SERVER_BYTES_MAX / UNIT_BYTES)))
    }

    /// Takes room at once: nobody waits for it while holding some.
    ///
    /// # Errors
    /// 503 where there is none.
    pub(super) fn take(&self, bytes: usize) -> Result<Place, Problem> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).try_acquire_many_owned(units);
        permit.map(Place).map_err(|_| Problem::unavailable("too much is on its way at once"))
    }
}

/// The content of a request, and the room that it takes.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    _place: Place,
}

/// Whether a request says that its content is JSON.
///
/// # Errors
/// 415 where it says another thing, or nothing.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.map(|value| value.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let why = "the content must be application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE", why))
}

/// Reads the content of a request of at most `bytes_max` bytes. Room is taken as it arrives, so
/// that nobody takes any by announcing much.
///
/// # Errors
/// 413, 503, or 400 where it ends early.
pub(super) async fn read(
    request: Request,
    room: &Room,
    bytes_max: usize,
) -> Result<Content, Problem> {
    let too_large = || Problem::too_large(format!("at most {bytes_max} bytes are read"));
    let mut body = request.into_body();
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let (mut bytes, mut place, mut taken) = (Vec::new(), room.take(1)?, UNIT_BYTES);
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(frame) = frame else { break };
        let frame = frame
            .map_err(|_| Problem::malformed("the content ends early, or its chunks are none"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > bytes_max {
            return Err(too_large());
        }
        if length > taken {
            let more = (length - taken).div_ceil(UNIT_BYTES) * UNIT_BYTES;
            place.0.merge(room.take(more)?.0);
            taken += more;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Content { bytes, _place: place })
}

/// A small content of JSON, for what is asked and not handed in.
///
/// # Errors
/// 415, 413, 503, or 400 where it is not strict JSON of that form.
pub async fn json_of<T: DeserializeOwned>(server: &Server, request: Request) -> Result<T, Problem> {
    check_json(request.headers())?;
    let content = read(request, &server.room, QUESTION_BYTES_MAX).await?;
    json::parse(&content.bytes, QUESTION_BYTES_MAX)
        .map_err(|error| Problem::malformed(error.to_string()))
}

/// A file on its way out, which gives its room back once it was sent or given up.
struct Held {
    bytes: Option<Bytes>,
    _place: Place,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// A file as the content of an answer.
pub(super) fn held(bytes: Vec<u8>, place: Place) -> Body {
    Body::new(Held { bytes: Some(bytes.into()), _place: place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_given_back() {
        let room = Room::new();
        let most = room.take(SERVER_BYTES_MAX - UNIT_BYTES).unwrap();
        let least = room.take(1).unwrap();
        assert_eq!(room.take(1).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(least);
        assert!(room.take(UNIT_BYTES + 1).is_err());
        drop(most);
        room.take(SERVER_BYTES_MAX).unwrap();
        assert!(room.take(SERVER_BYTES_MAX + 1).is_err());
    }
}
