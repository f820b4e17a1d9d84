//! What a ledger's server is asked, over HTTP (`spec/server.md` sections 1 to 3). Nothing that it
//! answers is believed here: who asks verifies.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::digest::{Commitment, ContentDigest};
use crate::base::limits::{CLIENT_ANSWER_BYTES_MAX, NOTE_BYTES_MAX, OPENING_FILE_BYTES_MAX};
use crate::base::name::Origin;
use crate::blobs::Elsewhere;
use crate::http::client::{Answer, Client, ClientError, Credentials};
use crate::ledger::store::StoreError;
use crate::note::SignedNote;
use crate::statement::commitment::{EmailSalt, Opening};
use crate::store::mirror::MirrorFiles;

/// How long is waited before what was not answered is asked again.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Longest pause that a server may ask for which a command makes; a longer one is told.
const PAUSE_SECONDS_MAX: u64 = 5;

/// Why a server gave no answer of use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Nobody answers. What was handed in was not taken up.
    #[error("the ledger's server at {url} cannot be reached: {why}")]
    Away {
        /// The server.
        url: String,
        /// Why.
        why: String,
    },
    /// The server answers that it cannot at present. What was handed in was not taken up.
    #[error("the server at {url} cannot at present: {why}{}", pause(*.seconds))]
    Busy {
        /// The server.
        url: String,
        /// Why, in its words.
        why: String,
        /// For how many seconds it wants to be left alone, where it says so.
        seconds: Option<u64>,
    },
    /// Whoever answers is not known to be the server.
    #[error("whoever answers at {url} is not known to be the server: {why}")]
    Untrusted {
        /// The server.
        url: String,
        /// Why.
        why: String,
    },
    /// The connection broke after something was handed in.
    #[error("the server at {url} gave no answer ({why}): it may have taken it up, or not")]
    Unanswered {
        /// The server.
        url: String,
        /// Why.
        why: String,
    },
    /// A token is missing, unknown, or not enough.
    #[error("the server at {url} does not let {who} read {what}")]
    Denied {
        /// The server.
        url: String,
        /// `this token`, or `anybody without a token`.
        who: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// The server does not take what was handed in.
    #[error("the server at {url} refused it: {why}")]
    Refused {
        /// The server.
        url: String,
        /// Why.
        why: String,
    },
    /// What answers is no ledger's server, or not one that is understood.
    #[error("what {url} answered is not what a ledger's server answers: {why}")]
    Strange {
        /// The server.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// What the server is to be asked with is of no use.
    #[error("the server at {url} cannot be asked: {why}")]
    Credentials {
        /// The server.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl ServerError {
    /// Whether another try may do: nobody answered, or nobody that is known to be the server, such
    /// as a proxy that has a page to show in its place.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Away { .. }
                | Self::Busy { .. }
                | Self::Untrusted { .. }
                | Self::Unanswered { .. }
                | Self::Strange { .. }
        )
    }
}

/// A ledger's server.
pub struct Server {
    client: Client,
    url: String,
    has_token: bool,
    /// What it said that it does not have; asked once a command.
    missing: Mutex<BTreeSet<[u8; 32]>>,
    /// Whether it said that the token may not read something.
    denies: AtomicBool,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Server({})", self.url)
    }
}

/// What the server says of what was handed in: one answer of an inbox for each statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    answers: Vec<Box<RawValue>>,
}

/// What the server says where it does not answer.
#[derive(Deserialize)]
struct Complaint {
    error: String,
    why: String,
}

impl Server {
    /// The server at a URL that ends in no slash; each answer is waited for so long.
    ///
    /// # Errors
    /// [`ServerError::Credentials`].
    pub fn new(
        url: &str,
        credentials: Credentials<'_>,
        wait: Duration,
    ) -> Result<Self, ServerError> {
        let wrong = |why: String| ServerError::Credentials { url: url.to_owned(), why };
        if credentials.token.is_some() && !is_private(url) {
            let why = "the token would be sent for all to read: the url must begin with https://";
            return Err(wrong(why.to_owned()));
        }
        let client = Client::with(wait, CLIENT_ANSWER_BYTES_MAX as u64, credentials)
            .map_err(|error| wrong(error.to_string()))?;
        let has_token = credentials.token.is_some();
        let (missing, denies) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self { client, url: url.to_owned(), has_token, missing, denies })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The newest checkpoint, as it is served.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn checkpoint(&self) -> Result<SignedNote, ServerError> {
        let bytes = self.need("checkpoint", "the ledger", NOTE_BYTES_MAX)?;
        SignedNote::parse(&bytes).map_err(|error| self.strange(error.to_string()))
    }

    /// Which ledger the server says that it answers for: it only tells which trust root is meant.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn origin(&self) -> Result<Origin, ServerError> {
        let note = self.checkpoint()?;
        let line = note.text().lines().next().unwrap_or_default();
        Origin::new(line).map_err(|error| self.strange(error.to_string()))
    }

    /// Whether something was asked for that the token may not read.
    pub(super) fn denies(&self) -> bool {
        self.denies.load(Ordering::Relaxed)
    }

    /// The salt of e-mail digests, without which nobody can tell who wrote a commit.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn salt(&self) -> Result<EmailSalt, ServerError> {
        let bytes = self.need("v1/salt", "what is said in words", 32)?;
        let bytes = bytes.try_into().map_err(|_| self.strange("a salt of another length"))?;
        Ok(EmailSalt::from_bytes(bytes))
    }

    /// Whether the server has a file of the side store.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn has_blob(&self, digest: &ContentDigest) -> Result<bool, ServerError> {
        let url = format!("{}/{}", self.url, blob_path(digest));
        let answer = self.again(|| self.client.head(&url))?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.complaint(&answer, "the ledger")),
        }
    }

    /// Hands in a request of statements; one answer for each, not yet verified. What is not
    /// answered is handed in again, the same bytes: the ledger knows a statement again.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn hand_in(&self, body: &[u8]) -> Result<Vec<String>, ServerError> {
        let url = format!("{}/v1/statements", self.url);
        let mut may_have_arrived = false;
        let mut post = || {
            let answer = self.client.post(&url, "application/json", body);
            may_have_arrived |= answer.as_ref().is_err_and(ClientError::may_have_arrived);
            answer
        };
        let answer = match self.again(&mut post) {
            Err(ServerError::Away { url, why } | ServerError::Busy { url, why, .. })
                if may_have_arrived =>
            {
                return Err(ServerError::Unanswered { url, why });
            }
            other => other?,
        };
        let answered = match answer.status {
            200 => serde_json::from_slice::<Answers>(&answer.body)
                .map_err(|error| self.strange(error.to_string())),
            _ => Err(self.complaint(&answer, "the ledger")),
        };
        match answered {
            Ok(answers) => {
                Ok(answers.answers.into_iter().map(|one| one.get().to_owned()).collect())
            }
            // Whoever stands before the server may show a page in place of its answer.
            Err(ServerError::Strange { url, why }) => Err(ServerError::Unanswered { url, why }),
            Err(error) => Err(error),
        }
    }

    /// What is at a path, which must be there.
    fn need(&self, path: &str, what: &'static str, max: usize) -> Result<Vec<u8>, ServerError> {
        let found = self.file(path, what, max)?;
        found.ok_or_else(|| self.strange(format!("there is no /{path}")))
    }

    /// What is at a path; none where there is nothing.
    fn file(
        &self,
        path: &str,
        what: &'static str,
        max: usize,
    ) -> Result<Option<Vec<u8>>, ServerError> {
        let url = format!("{}/{path}", self.url);
        let answer = self.again(|| self.client.get(&url))?;
        match answer.status {
            200 if answer.body.len() <= max => Ok(Some(answer.body)),
            200 => Err(self.strange(format!("/{path} is larger than {max} bytes"))),
            404 => Ok(None),
            _ => Err(self.complaint(&answer, what)),
        }
    }

    /// What is at a path; none where there is nothing, or the token may not read it.
    fn find(&self, path: &str, name: [u8; 32]) -> Result<Option<Vec<u8>>, ServerError> {
        if self.missing.lock().unwrap_or_else(PoisonError::into_inner).contains(&name) {
            return Ok(None);
        }
        let url = format!("{}/{path}", self.url);
        let answer = self.again(|| self.client.get(&url))?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            status @ (401 | 403 | 404 | 410) => {
                if matches!(status, 401 | 403) {
                    self.denies.store(true, Ordering::Relaxed);
                }
                self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
                Ok(None)
            }
            _ => Err(self.complaint(&answer, "the ledger")),
        }
    }

    /// Asks once more, and again, where no answer came or the server asked for a short pause. Who
    /// gave no answer in all the time that is waited is not asked again.
    fn again(
        &self,
        mut ask: impl FnMut() -> Result<Answer, ClientError>,
    ) -> Result<Answer, ServerError> {
        let away = |why: String| ServerError::Away { url: self.url.clone(), why };
        let mut pauses = AGAIN_AFTER.iter();
        loop {
            let (error, asked_for) = match ask() {
                Ok(answer) if matches!(answer.status, 429 | 502..=504) => {
                    let seconds = answer.retry_after_seconds.unwrap_or_default();
                    (self.complaint(&answer, "the ledger"), seconds)
                }
                Ok(answer) => return Ok(answer),
                Err(error @ ClientError::TimedOut(_)) => return Err(away(error.to_string())),
                Err(ClientError::Untrusted(why)) => {
                    return Err(ServerError::Untrusted { url: self.url.clone(), why });
                }
                Err(error @ ClientError::TooLarge(_)) => {
                    return Err(self.strange(error.to_string()));
                }
                Err(error) => (away(error.to_string()), 0),
            };
            match pauses.next() {
                Some(pause) if asked_for <= PAUSE_SECONDS_MAX => {
                    sleep((*pause).max(Duration::from_secs(asked_for)));
                }
                _ => return Err(error),
            }
        }
    }

    fn complaint(&self, answer: &Answer, what: &'static str) -> ServerError {
        let (url, status) = (self.url.clone(), answer.status);
        let said = complained(&answer.body);
        // What is in no words of the server's own, somebody else may have said in its place.
        let is_its_word = said.is_some();
        let why = said.unwrap_or_else(|| format!("status {status}"));
        match status {
            401 | 403 if is_its_word => {
                let who = if self.has_token { "this token" } else { "anybody without a token" };
                ServerError::Denied { url, who, what }
            }
            400 | 409 | 413 | 415 => ServerError::Refused { url, why },
            429 | 503 => ServerError::Busy { url, why, seconds: answer.retry_after_seconds },
            408 | 500..=599 if is_its_word => {
                ServerError::Busy { url, why, seconds: answer.retry_after_seconds }
            }
            408 | 500..=599 => {
                ServerError::Away { url, why: format!("what answers in its place says {status}") }
            }
            _ => ServerError::Strange { url, why },
        }
    }

    fn strange(&self, why: impl Into<String>) -> ServerError {
        ServerError::Strange { url: self.url.clone(), why: why.into() }
    }
}

/// What a server shows of the log, as a mirror has it.
#[derive(Debug)]
pub(super) struct ServedFiles(pub(super) Arc<Server>);

impl MirrorFiles for ServedFiles {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.file(path, "the ledger", bytes_max)?)
    }
}

impl Elsewhere for Server {
    fn blob(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.find(&blob_path(digest), *digest.as_bytes())?)
    }

    fn opening(&self, commitment: Commitment) -> Result<Option<Opening>, StoreError> {
        let found = self.find(&format!("v1/openings/{commitment}"), *commitment.as_bytes())?;
        let Some(bytes) = found.filter(|bytes| bytes.len() <= OPENING_FILE_BYTES_MAX) else {
            return Ok(None);
        };
        let what = || format!("an opening of {}", self.url);
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| StoreError::integrity(what(), error))
    }
}

impl From<ServerError> for StoreError {
    fn from(error: ServerError) -> Self {
        Self::unavailable("the ledger's server", error)
    }
}

/// Whether nobody on the way reads what is sent: encrypted, or within this machine.
fn is_private(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return true };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn blob_path(digest: &ContentDigest) -> String {
    let text = digest.to_string();
    format!("blobs/{}/{}", &text[..2], &text[2..])
}

/// When to try again.
fn pause(seconds: Option<u64>) -> String {
    seconds.map(|seconds| format!("; try again in {seconds} s")).unwrap_or_default()
}

/// What a server says that it cannot do, in its words.
fn complained(body: &[u8]) -> Option<String> {
    let complaint: Complaint = serde_json::from_slice(body).ok()?;
    let said = format!("{} ({})", complaint.why, complaint.error);
    Some(said.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_only_where_nobody_reads_it() {
        for (url, is_good) in [
            ("https://ledger.example", true),
            ("http://127.0.0.1:8080", true),
            ("http://localhost/x", true),
            ("http://[::1]:1", true),
            ("http://ledger.example", false),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
        ] {
            assert_eq!(is_private(url), is_good, "{url}");
            let credentials = Credentials { token: Some("t"), roots: None };
            assert_eq!(Server::new(url, credentials, Duration::ZERO).is_ok(), is_good, "{url}");
        }
    }
}
