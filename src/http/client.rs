//! A client for single requests: each has a time within which it ends, and most bytes of an answer.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::base::limits::HTTP_HEAD_BYTES_MAX;

/// What a certificate is that can be a root, and no server's: `openssl req -x509` makes such.
pub const CERTIFICATE_OF_AN_AUTHORITY: &str = "that of an authority (CA:TRUE)";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer has more bytes than are read.
    #[error("the answer has over {0} bytes")]
    TooLarge(u64),
    /// Nobody listens there.
    #[error("{0}")]
    NoConnection(String),
    /// Whoever answers is not known to be the server: nothing was sent.
    #[error("{0}")]
    Untrusted(String),
    /// A connection that broke, or an answer that is no HTTP.
    #[error("{0}")]
    Failed(String),
    /// What the server is to be traced to is no certificate in PEM.
    #[error("the file of roots holds no certificate in PEM")]
    Roots,
    /// The token cannot be sent.
    #[error("the token cannot be sent")]
    Token,
}

impl ClientError {
    /// Whether what was sent may have arrived.
    #[must_use]
    pub const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::TooLarge(_) | Self::Failed(_))
    }
}

/// What a server is asked with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The token that is sent with each request.
    pub token: Option<&'a str>,
    /// Certificates in PEM that the server's is traced to, in place of those of Mozilla.
    pub roots: Option<&'a [u8]>,
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
    /// For how many seconds the server wants to be left alone, where it says so.
    pub retry_after_seconds: Option<u64>,
    /// The content.
    pub body: Vec<u8>,
}

/// Whether a text is a URL that can be asked: of HTTP, with a name in it.
#[must_use]
pub fn is_http(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else { return false };
    let is_known = url.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"));
    is_known && url.host().is_some_and(|host| !host.is_empty())
}

/// A client. It takes nothing from the environment: no proxy is used.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    wait: Duration,
    answer_bytes_max: u64,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client that waits so long for a whole answer, from the look-up of the name to the last
    /// byte, and reads so many bytes of it.
    #[must_use]
    pub fn new(wait: Duration, answer_bytes_max: u64) -> Self {
        let agent = agent(wait, None);
        Self { agent, wait, answer_bytes_max, authorization: None }
    }

    /// The same for a server that is asked with a token, or traced to other roots. One connection
    /// carries one request after the other.
    ///
    /// # Errors
    /// [`ClientError::Roots`], [`ClientError::Token`].
    pub fn with(
        wait: Duration,
        answer_bytes_max: u64,
        credentials: Credentials<'_>,
    ) -> Result<Self, ClientError> {
        let roots = credentials.roots.map(certificates).transpose()?;
        let bearer = |token: &str| {
            let mut value =
                HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::Token)?;
            value.set_sensitive(true);
            Ok(value)
        };
        let authorization = credentials.token.map(bearer).transpose()?;
        let agent = agent(wait, roots);
        Ok(Self { agent, wait, answer_bytes_max, authorization })
    }

    /// Asks for what is at a URL.
    ///
    /// # Errors
    /// [`ClientError`] where there is no whole answer.
    pub fn get(&self, url: &str) -> Result<Answer, ClientError> {
        self.answer(self.authorized(self.agent.get(url)).call())
    }

    /// Asks whether there is something at a URL: the same answer without content.
    ///
    /// # Errors
    /// [`ClientError`] where there is no whole answer.
    pub fn head(&self, url: &str) -> Result<Answer, ClientError> {
        self.answer(self.authorized(self.agent.head(url)).call())
    }

    /// Hands something in.
    ///
    /// # Errors
    /// [`ClientError`] where there is no whole answer: what was handed in may have arrived.
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Answer, ClientError> {
        let request = self.authorized(self.agent.post(url));
        self.answer(request.header(CONTENT_TYPE, content_type).send(body))
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    fn answer(
        &self,
        outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, ClientError> {
        let failed = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => ClientError::TimedOut(self.wait),
            ureq::Error::BodyExceedsLimit(limit) => ClientError::TooLarge(limit),
            error @ (ureq::Error::HostNotFound | ureq::Error::ConnectionFailed) => {
                ClientError::NoConnection(error.to_string())
            }
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                ClientError::NoConnection(error.to_string())
            }
            ureq::Error::Io(error) if is_of_certificate(&error) => {
                ClientError::Untrusted(in_words(&error.to_string()))
            }
            other => ClientError::Failed(other.to_string()),
        };
        let mut response = outcome.map_err(failed)?;
        let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (content_type, location) = (text(CONTENT_TYPE), text(LOCATION));
        let retry_after_seconds = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(self.answer_bytes_max);
        let body = body.read_to_vec().map_err(failed)?;
        Ok(Answer { status, content_type, location, retry_after_seconds, body })
    }
}

/// Whether it is about the server's certificate: the handshake is read and written like all else.
fn is_of_certificate(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::InvalidData && error.to_string().contains("peer certificate")
}

/// What is said of a certificate, without the names that it has in a library.
fn in_words(said: &str) -> String {
    if said.contains("CaUsedAsEndEntity") {
        return format!("the server's certificate is {CERTIFICATE_OF_AN_AUTHORITY}");
    }
    said.to_owned()
}

fn agent(wait: Duration, roots: Option<Vec<Certificate<'static>>>) -> Agent {
    let builder = Agent::config_builder()
        .timeout_global(Some(wait))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(HTTP_HEAD_BYTES_MAX)
        .proxy(None)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
    let builder = match roots {
        None => builder,
        Some(roots) => {
            let roots = RootCerts::Specific(Arc::new(roots));
            builder.tls_config(TlsConfig::builder().root_certs(roots).build())
        }
    };
    builder.build().new_agent()
}

/// The certificates of a file in PEM; at least one.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ClientError> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| ClientError::Roots)? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(ClientError::Roots) } else { Ok(found) }
}
