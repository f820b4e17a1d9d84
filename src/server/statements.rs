//! `POST /v1/statements` (`spec/server.md` section 3): statements are judged, and taken up with
//! those that others hand in meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Server;
use super::commit::{Append, Committed, Snapshot};
use super::content::{self, Content, check_json};
use super::events::Event;
use super::problem::Problem;
use super::verified::Verified;
use crate::base::encoding;
use crate::base::json;
use crate::base::limits::{REQUEST_BYTES_MAX, REQUEST_STATEMENTS_MAX};
use crate::base::name::MemberId;
use crate::ledger::inbox::Answer;
use crate::ledger::topics;
use crate::session::{Beside, SessionError};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::governance::Operation;
use crate::statement::{Says, Statement};

/// A request of so many bytes, a statement or a few, is prepared in less time than a thread for
/// such work takes to be woken.
const SMALL_BYTES_MAX: usize = 16 * 1024;

/// What is handed in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parcel {
    envelopes: Vec<Box<RawValue>>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
}

/// What is answered.
#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

/// What is known of an envelope before it is judged.
struct Known {
    /// Who said it, where a signature of theirs holds, by a key in force, and it is not in the
    /// ledger yet.
    by: Option<MemberId>,
    /// Whether it brings a new ledger key.
    rotates: bool,
}

/// A request, ready for the commit.
struct Ready {
    append: Append,
    known: Vec<Known>,
    /// What is to be kept before the commit.
    beside: Beside,
}

pub(super) async fn hand_in(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, Problem> {
    check_json(request.headers())?;
    let content = content::read(request, &server.room, REQUEST_BYTES_MAX).await?;
    let is_small = content.bytes.len() <= SMALL_BYTES_MAX;
    let snapshot = server.current.get();
    let (shared, seen) = (Arc::clone(&server), Arc::clone(&snapshot));
    let ready = server.prepare(is_small, move || prepare(&shared, &seen, &content)).await??;
    let Ready { append, known, beside } = ready;
    if !beside.is_empty() {
        let shared = Arc::clone(&server);
        server.prepare(false, move || keep(&shared, &snapshot, &beside)).await??;
    }
    let envelopes = append.envelopes.clone();
    let committed = server.commit(append).await?;
    let committed = committed.ok_or_else(|| Problem::unavailable("the ledger has grown"))?;
    let shared = Arc::clone(&server);
    let answers = move || answers(&shared, &envelopes, known, &committed);
    let body = server.prepare(is_small, answers).await??;
    let head = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, head, body).into_response())
}

/// Reads a request and verifies its signatures: what can be done before the commit, beside others.
fn prepare(server: &Server, snapshot: &Snapshot, content: &Content) -> Result<Ready, Problem> {
    let parcel: Parcel = json::parse(&content.bytes, REQUEST_BYTES_MAX)
        .map_err(|error| Problem::malformed(error.to_string()))?;
    if !(1..=REQUEST_STATEMENTS_MAX).contains(&parcel.envelopes.len()) {
        return Err(Problem::malformed(format!(
            "{} envelopes: 1 to {REQUEST_STATEMENTS_MAX} are taken at once",
            parcel.envelopes.len()
        )));
    }
    let parse = |(number, raw): (usize, &RawValue)| {
        Envelope::parse(raw.get().as_bytes())
            .map_err(|error| Problem::malformed(format!("envelope {number}: {error}")))
    };
    let envelopes: Vec<Envelope> = parcel
        .envelopes
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .map(parse)
        .collect::<Result<_, _>>()?;
    let words = parcel.words.iter().enumerate().map(|(number, text)| word(number, text));
    let words: Vec<Opening> = words.collect::<Result<_, _>>()?;
    let files = parcel.files.iter().enumerate().map(|(number, text)| {
        encoding::unbase64(text)
            .map_err(|_| Problem::malformed(format!("file {number} is not base64")))
    });
    let files: Vec<Vec<u8>> = files.collect::<Result<_, _>>()?;
    drop(parcel);
    let mut verified = Verified::default();
    let known: Vec<Known> = envelopes
        .iter()
        .map(|envelope| known(snapshot, envelope, &mut verified))
        .collect::<Result<_, _>>()?;
    take_rates(server, &known)?;
    // What nobody of the ledger has signed leaves nothing behind on the disk.
    let signed = envelopes.iter().zip(&known).filter(|(_, known)| known.by.is_some());
    let beside = Beside::named_by(signed.map(|(envelope, _)| envelope), words, files);
    let rotates = known.iter().any(|known| known.rotates);
    Ok(Ready { append: Append { envelopes, verified, only_at: None, rotates }, known, beside })
}

/// Keeps what travels beside, durable before the commit.
fn keep(server: &Server, snapshot: &Snapshot, beside: &Beside) -> Result<(), Problem> {
    let kept = beside.keep(&snapshot.session);
    server.health.note_kept(kept.is_ok());
    Ok(kept?)
}

fn word(number: usize, text: &str) -> Result<Opening, Problem> {
    let malformed = || Problem::malformed(format!("word {number} is no opening in base64"));
    let bytes = encoding::unbase64(text).map_err(|_| malformed())?;
    serde_json::from_slice(&bytes).map_err(|_| malformed())
}

/// Verifies the signatures of an envelope under keys that are in force. What does not hold is
/// for admission to refuse, in its own words.
fn known(
    snapshot: &Snapshot,
    envelope: &Envelope,
    verified: &mut Verified,
) -> Result<Known, Problem> {
    let statement = Statement::parse(envelope.payload());
    let rotates = matches!(&statement, Ok(Statement { says: Says::Governance(body), .. })
        if body.operations.iter().any(|one| matches!(one, Operation::RotateLedgerKey(_))));
    let stranger = Ok(Known { by: None, rotates });
    let id = envelope.statement_id();
    if !snapshot.session.indexes_under(topics::statement(id))?.is_empty() {
        return stranger;
    }
    let Ok(statement) = statement else { return stranger };
    let verify = |key: &_, message: &_, signature: &_| verified.verify(key, message, signature);
    let by = snapshot.session.signer(envelope, &statement, verify);
    if by.is_some() {
        verified.note(envelope.payload(), statement);
    }
    Ok(Known { by, rotates })
}

/// Counts new statements to those who signed them, and all else to nobody: who hands in again what
/// others have signed uses up nothing of theirs.
fn take_rates(server: &Server, known: &[Known]) -> Result<(), Problem> {
    let (mut members, mut strangers) = (BTreeMap::new(), 0);
    for one in known {
        match &one.by {
            Some(member) => *members.entry(member.clone()).or_insert(0) += 1,
            None => strangers += 1,
        }
    }
    let now = Instant::now();
    let taken = server.members.take(&members, now).and_then(|()| match strangers {
        0 => Ok(()),
        count => server.strangers.take(&BTreeMap::from([((), count)]), now),
    });
    taken.map_err(|wait| {
        let why = "more statements than are taken of one member in a minute";
        let seconds = wait.as_secs() + 1;
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE", why).after(seconds)
    })
}

/// The answers of the inbox, each receipt with its entry.
fn answers(
    server: &Server,
    envelopes: &[Envelope],
    known: Vec<Known>,
    committed: &Committed,
) -> Result<Vec<u8>, SessionError> {
    let mut answers = Vec::with_capacity(envelopes.len());
    for ((envelope, known), outcome) in envelopes.iter().zip(known).zip(&committed.receipts) {
        let statement = envelope.statement_id();
        let (answer, outcome, entry) = match outcome {
            Ok(receipt) => {
                let (session, index) = (&committed.snapshot.session, receipt.index);
                let is_new = !committed.before.covers(index);
                let proof =
                    if is_new { session.prove_new(receipt)? } else { session.prove(index)? };
                let word = if is_new { "taken up" } else { "known" };
                let entry = Some(receipt.index.get());
                (Answer::taken_up(statement, &proof), word.to_owned(), entry)
            }
            Err(refusal) => (Answer::refused(statement, refusal), refusal.code.clone(), None),
        };
        let (statement, by) = (statement.to_string(), known.by.map(|by| by.to_string()));
        server.teller.tell(Event::Judged { statement, by, outcome, entry });
        answers.push(answer);
    }
    Ok(serde_json::to_vec(&Answers { answers }).unwrap_or_default())
}
