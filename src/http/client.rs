//! A client for single requests: each has a time within which it ends, and most bytes of an answer.

use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{CONTENT_TYPE, LOCATION};

use crate::base::limits::HTTP_HEAD_BYTES_MAX;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer has more bytes than are read.
    #[error("the answer has over {0} bytes")]
    TooLarge(u64),
    /// No connection, or one that broke, or an answer that is no HTTP.
    #[error("{0}")]
    Failed(String),
}

/// An answer, of whatever status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type, where it is text.
    pub content_type: Option<String>,
    /// Where a redirection points, where it is text. None is followed: who is asked is settled by
    /// who asks.
    pub location: Option<String>,
    /// The content.
    pub body: Vec<u8>,
}

/// A client. It takes nothing from the environment: no proxy is used.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    wait: Duration,
    answer_bytes_max: u64,
}

impl Client {
    /// A client that waits so long for a whole answer, from the look-up of the name to the last
    /// byte, and reads so many bytes of it.
    #[must_use]
    pub fn new(wait: Duration, answer_bytes_max: u64) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(wait))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HTTP_HEAD_BYTES_MAX)
            .proxy(None)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), wait, answer_bytes_max }
    }

    /// Asks for what is at a URL.
    ///
    /// # Errors
    /// [`ClientError`] where there is no whole answer.
    pub fn get(&self, url: &str) -> Result<Answer, ClientError> {
        self.answer(self.agent.get(url).call())
    }

    /// Hands something in.
    ///
    /// # Errors
    /// [`ClientError`] where there is no whole answer: what was handed in may have arrived.
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Answer, ClientError> {
        self.answer(self.agent.post(url).header(CONTENT_TYPE, content_type).send(body))
    }

    fn answer(
        &self,
        outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, ClientError> {
        let failed = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => ClientError::TimedOut(self.wait),
            ureq::Error::BodyExceedsLimit(limit) => ClientError::TooLarge(limit),
            other => ClientError::Failed(other.to_string()),
        };
        let mut response = outcome.map_err(failed)?;
        let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (content_type, location) = (text(CONTENT_TYPE), text(LOCATION));
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(self.answer_bytes_max);
        let body = body.read_to_vec().map_err(failed)?;
        Ok(Answer { status, content_type, location, body })
    }
}
