//! Handing statements in at a server: with what they name, in one request, and believed only by a
//! receipt that verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::server::Server;
use crate::base::digest::{Commitment, ContentDigest};
use crate::base::encoding::base64;
use crate::base::limits::{CLIENT_FILES_UNASKED_BYTES, REQUEST_STATEMENTS_MAX};
use crate::ledger::append::Refusal;
use crate::ledger::inbox::{Answer, Said};
use crate::ledger::leaf::Leaf;
use crate::ledger::receipt::{EntryProof, Receipt};
use crate::ledger::store::Store as _;
use crate::ledger::tlog_proof::TlogProof;
use crate::note::checkpoint::Checkpoint;
use crate::session::beside::in_cover;
use crate::session::error::SessionError;
use crate::session::references::{FileKind, commitments, named_files};
use crate::session::{ServerError, Session};
use crate::statement::Statement;
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::verify::cover::Cover;

/// A request, as it is sent.
#[derive(Serialize)]
struct Request {
    envelopes: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    words: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// What statements name and a folder has.
#[derive(Default)]
pub(in crate::session) struct Named {
    /// Openings, by what they open.
    pub(in crate::session) words: BTreeMap<Commitment, Opening>,
    /// Files of the side store, by digest.
    pub(in crate::session) files: BTreeMap<ContentDigest, Vec<u8>>,
}

impl Session {
    /// Hands envelopes in at the server, and brings the copy up to them.
    pub(in crate::session) fn hand_in(
        &mut self,
        server: &Arc<Server>,
        envelopes: &[Envelope],
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        let mut receipts = Vec::with_capacity(envelopes.len());
        for part in envelopes.chunks(REQUEST_STATEMENTS_MAX) {
            let body = self.request(server, part)?;
            let answers = server.hand_in(&body)?;
            if answers.len() != part.len() {
                let why = format!("{} answers to {} statements", answers.len(), part.len());
                return Err(ServerError::Strange { url: server.url().to_owned(), why }.into());
            }
            // The receipts prove what was taken up, also where the server is gone by now.
            match self.follow(server) {
                Err(error) if error.is_away() => {}
                other => other?,
            }
            for (envelope, answer) in part.iter().zip(&answers) {
                receipts.push(self.believe(server, envelope, answer)?);
            }
        }
        Ok(receipts)
    }

    /// The bytes of a request: the envelopes, and what they name and the server may not have.
    fn request(&self, server: &Server, envelopes: &[Envelope]) -> Result<Vec<u8>, SessionError> {
        let broken = |error: serde_json::Error| {
            SessionError::integrity("a signed statement", error.to_string())
        };
        let raw = |envelope: &Envelope| {
            let text = String::from_utf8(envelope.to_canonical()).unwrap_or_default();
            RawValue::from_string(text).map_err(broken)
        };
        let Named { words, mut files } = self.named_here(envelopes)?;
        let bytes: usize = files.values().map(Vec::len).sum();
        if bytes > CLIENT_FILES_UNASKED_BYTES {
            let mut wanted = BTreeMap::new();
            for (digest, content) in files {
                if !server.has_blob(&digest)? {
                    wanted.insert(digest, content);
                }
            }
            files = wanted;
        }
        let opened = |opening: &Opening| serde_json::to_vec(opening).map_err(broken);
        let request = Request {
            envelopes: envelopes.iter().map(raw).collect::<Result<_, _>>()?,
            words: words
                .values()
                .map(|opening| Ok(base64(&opened(opening)?)))
                .collect::<Result<_, SessionError>>()?,
            files: files.values().map(|content| base64(content)).collect(),
        };
        serde_json::to_vec(&request).map_err(broken)
    }

    /// What lies in the folder itself of what envelopes name.
    pub(in crate::session) fn named_here(
        &self,
        envelopes: &[Envelope],
    ) -> Result<Named, SessionError> {
        let mut named = Named::default();
        for envelope in envelopes {
            let Ok(statement) = Statement::parse(envelope.payload()) else { continue };
            for (_, commitment) in commitments(&statement) {
                if let Some(opening) = self.openings_here().get(commitment)? {
                    named.words.insert(commitment, opening);
                }
            }
            self.add_files(&statement, &mut named.files)?;
        }
        Ok(named)
    }

    /// Adds the files that a statement names and that lie in the copy.
    fn add_files(
        &self,
        statement: &Statement,
        files: &mut BTreeMap<ContentDigest, Vec<u8>>,
    ) -> Result<(), SessionError> {
        let blobs = self.blobs_here();
        let mut named = BTreeSet::new();
        for file in named_files(statement) {
            named.insert(file.digest);
            let cover = match file.kind {
                FileKind::Cover => blobs.get(&file.digest)?,
                _ => None,
            };
            let cover = cover.and_then(|bytes| Cover::parse(&bytes).ok());
            named.extend(cover.iter().flat_map(in_cover));
        }
        for digest in named {
            if let Some(content) = blobs.get(&digest)? {
                files.insert(digest, content);
            }
        }
        Ok(())
    }

    /// What an answer is worth: a receipt must prove an entry of this very statement.
    fn believe(
        &self,
        server: &Server,
        envelope: &Envelope,
        answer: &str,
    ) -> Result<Result<Receipt, Refusal>, SessionError> {
        let strange = |why: String| ServerError::Strange { url: server.url().to_owned(), why };
        let (answer, said) =
            Answer::parse(answer.as_bytes()).map_err(|error| strange(error.to_string()))?;
        let id = envelope.statement_id();
        let wrong =
            |why: String| SessionError::integrity(format!("a receipt of {}", server.url()), why);
        if answer.statement != id {
            return Err(wrong(format!("it answers to {}, not to {id}", answer.statement)));
        }
        let text = match said {
            Said::Refused { code, why } => return Ok(Err(Refusal::new(code, why))),
            Said::Receipt(text) => text,
        };
        let file = TlogProof::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let claimed: Checkpoint =
            file.checkpoint.text().parse().map_err(|_| wrong("no checkpoint".to_owned()))?;
        let keys = self.ledger_keys()?;
        let proof = EntryProof::of(file, keys.origin(), keys.of_size(claimed.size))
            .map_err(|error| wrong(error.to_string()))?;
        if said_by(&proof.leaf) != Some(id) {
            return Err(wrong("it proves another statement".to_owned()));
        }
        // Where the copy has that entry, both must be of one history.
        let index = proof.receipt.index;
        if self.size().covers(index) {
            let here = self.store().leaf(index)?;
            if here.as_deref() != Some(proof.leaf.to_bytes().as_slice()) {
                return Err(wrong(format!("entry {index} is another one in the ledger")));
            }
        }
        Ok(Ok(proof.receipt))
    }
}

/// Which statement stands in a leaf.
fn said_by(leaf: &Leaf) -> Option<crate::base::digest::StatementId> {
    Some(Envelope::parse_canonical(leaf.envelope()).ok()?.statement_id())
}
