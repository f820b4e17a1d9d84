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
    /// The reason for people, who may be strangers.
    pub why: String,
    /// The reason for whoever runs the server, where it names places there: for the log alone.
    pub for_the_log: Option<String>,
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
        let (why, retry_after_seconds) = (why.into(), None);
        if !names_a_place(&why) {
            return Self { status, code, why, for_the_log: None, retry_after_seconds };
        }
        let (told, for_the_log) = (elsewhere(status).to_owned(), Some(why));
        Self { status, code, why: told, for_the_log, retry_after_seconds }
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

    /// The reason for whoever runs the server.
    #[must_use]
    pub fn whole(&self) -> String {
        self.for_the_log.as_ref().unwrap_or(&self.why).clone()
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

/// Whether a text has an absolute path in it.
fn names_a_place(text: &str) -> bool {
    let begins = |sign: char| sign.is_whitespace() || "\"'`(=".contains(sign);
    text.split(begins).any(|word| word.len() > 1 && word.starts_with('/'))
}

/// What strangers are told in place of a reason that names places on the server.
fn elsewhere(status: StatusCode) -> &'static str {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            "what this needs cannot be read or written at present; the server's log says why"
        }
        status if status.is_server_error() => {
            "what this needs does not verify; the server's log says where"
        }
        _ => "the request is not understood; the server's log says why",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_no_place_on_the_server() {
        for why in ["cannot write /srv/l/x: No space left", "/a", "x '/a b' y", "in (/a/b)"] {
            let problem = Problem::unavailable(why);
            assert!(!problem.why.contains('/'), "{why}");
            assert_eq!(problem.for_the_log.as_deref(), Some(why));
        }
        for why in ["refs/heads/main is none", "1 / 2", "application/json", "5/", ""] {
            let problem = Problem::malformed(why);
            assert_eq!((problem.why.as_str(), problem.for_the_log), (why, None));
        }
    }
}
