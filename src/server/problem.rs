//! What goes wrong, as a server says it (`spec/server.md` section 3).

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::ledger::store::StoreError;
use crate::session::{SessionError, SessionErrorKind};

/// After how many seconds it is worth asking again, where nothing is known.
const AGAIN_SECONDS: u64 = 1;

/// Why a request is not answered with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The reason as a word for programs.
    pub code: &'static str,
    /// The reason for people.
    pub why: String,
    /// After how many seconds it is worth asking again.
    pub retry_after_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    why: &'a str,
}

impl Problem {
    /// A problem that another try does not mend.
    pub fn new(status: StatusCode, code: &'static str, why: impl Into<String>) -> Self {
        Self { status, code, why: why.into(), retry_after_seconds: None }
    }

    /// 400: the request is not of its form.
    pub fn malformed(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MALFORMED", why)
    }

    /// 404.
    pub fn not_found(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", why)
    }

    /// 413.
    pub fn too_large(why: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", why)
    }

    /// 500: what the ledger holds does not verify.
    pub fn integrity(why: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTEGRITY", why)
    }

    /// 503: another try may do.
    pub fn unavailable(why: impl Into<String>) -> Self {
        let this = Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", why);
        this.after(AGAIN_SECONDS)
    }

    /// The same, worth another try after so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// What stands for an answer of that status that says nothing of itself.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("there is nothing of that name"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "METHOD", "that method is not answered here")
            }
            StatusCode::REQUEST_TIMEOUT => {
                Self::new(status, "TIMEOUT", "the request took too long").after(AGAIN_SECONDS)
            }
            status if status.is_client_error() => {
                Self::new(status, "MALFORMED", "the request is not understood")
            }
            status => Self::new(status, "INTERNAL", "internal error, please report"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let told = Told { error: self.code, why: &self.why };
        let body = serde_json::to_vec(&told).unwrap_or_default();
        let head = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        let mut response = (self.status, head, body).into_response();
        response.extensions_mut().insert(self.clone());
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // A browser asks its user for a password, which is the token; the name means nothing.
            for scheme in ["Bearer", "Basic realm=\"countersign\", charset=\"UTF-8\""] {
                let value = HeaderValue::from_static(scheme);
                response.headers_mut().append(WWW_AUTHENTICATE, value);
            }
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Integrity { .. } => Self::integrity(error.to_string()),
            StoreError::Unavailable { .. } => Self::unavailable(error.to_string()),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error.kind() {
            SessionErrorKind::Integrity => Self::integrity(error.to_string()),
            SessionErrorKind::Unavailable => Self::unavailable(error.to_string()),
            SessionErrorKind::Usage => Self::malformed(error.to_string()),
        }
    }
}
