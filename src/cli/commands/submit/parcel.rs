//! Parcels of an inbox: a statement, its words and the documents that it is about
//! (`spec/inbox.md` section 2).

use std::collections::BTreeSet;

use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::limits::{ENVELOPE_BYTES_MAX, OPENINGS_BYTES_MAX};
use crate::base::name::Revision;
use crate::change::ChangePath;
use crate::cli::desk::words_of;
use crate::git::{GitError, Repository};
use crate::key::PublicKey;
use crate::ledger::append::Refusal;
use crate::ledger::inbox::{DOCUMENT_ENDING, ENVELOPE_FILE, NOT_A_PARCEL, ParcelName, WORDS_FILE};
use crate::session::{Beside, Session};
use crate::statement::approval::ApprovalRow;
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::words::SubjectType;
use crate::statement::{Says, Statement};

/// What is in a parcel.
pub(super) struct Parcel {
    pub(super) envelope: Envelope,
    pub(super) words: Vec<Opening>,
    pub(super) documents: Vec<Vec<u8>>,
}

impl Parcel {
    /// The files of a parcel, sorted by name. Documents are those that the repository can make.
    pub(super) fn files(
        envelope: &Envelope,
        words: &[Opening],
        repository: &Repository,
    ) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![(ENVELOPE_FILE.to_owned(), envelope.to_canonical())];
        if !words.is_empty()
            && let Ok(bytes) = serde_json::to_vec(words)
        {
            files.push((WORDS_FILE.to_owned(), bytes));
        }
        for (hash, document) in documents(envelope, repository) {
            files.push((format!("{hash}{DOCUMENT_ENDING}"), document));
        }
        files.sort();
        files
    }

    /// Reads what a reference of the inbox names, once it was fetched.
    pub(super) fn read(
        repository: &Repository,
        name: ParcelName,
        commit: &Revision,
    ) -> Result<Self, Refusal> {
        let refused = |why: String| Refusal::new(NOT_A_PARCEL, why);
        let bytes = file(repository, commit, ENVELOPE_FILE, ENVELOPE_BYTES_MAX);
        let bytes = bytes
            .map_err(|error| refused(format!("{ENVELOPE_FILE} cannot be read: {error}")))?
            .ok_or_else(|| {
                refused(format!("it holds no {ENVELOPE_FILE} of a size that is read"))
            })?;
        let envelope = Envelope::parse(&bytes)
            .map_err(|error| refused(format!("{ENVELOPE_FILE} is no envelope: {error}")))?;
        if ParcelName::of(&envelope) != Some(name) {
            return Err(refused("its reference names another key or statement".to_owned()));
        }
        let words = file(repository, commit, WORDS_FILE, OPENINGS_BYTES_MAX).ok().flatten();
        let words = words.and_then(|bytes| words_of(&bytes, &envelope)).unwrap_or_default();
        let documents = hashes(&envelope)
            .into_iter()
            .filter_map(|hash| {
                let name = format!("{hash}{DOCUMENT_ENDING}");
                let bytes = file(repository, commit, &name, usize::MAX).ok().flatten()?;
                (ContentDigest::of(&bytes).as_bytes() == hash.as_bytes()).then_some(bytes)
            })
            .collect();
        Ok(Self { envelope, words, documents })
    }

    /// Whether somebody of the ledger signed it, with a key in force.
    pub(super) fn is_signed(&self, session: &Session) -> bool {
        let Ok(statement) = Statement::parse(self.envelope.payload()) else { return false };
        let holds = |key: &PublicKey, message: &_, said: &_| key.verify(message, said).is_ok();
        session.signer(&self.envelope, &statement, holds).is_some()
    }

    /// What travels with the envelope and belongs to it.
    pub(super) fn beside(&self) -> Beside {
        Beside::named_by([&self.envelope], self.words.clone(), self.documents.clone())
    }
}

/// A file of a parcel; none where there is none, or it is larger than `bytes_max`.
fn file(
    repository: &Repository,
    commit: &Revision,
    name: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, GitError> {
    let Ok(path) = ChangePath::new(name) else { return Ok(None) };
    match repository.blob(commit, &path) {
        Ok(bytes) => Ok(Some(bytes).filter(|bytes| bytes.len() <= bytes_max)),
        Err(GitError::NoSuchFile { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The rows of a sign-off of changes.
fn rows(envelope: &Envelope) -> Vec<ApprovalRow> {
    match Statement::parse(envelope.payload()) {
        Ok(Statement { says: Says::Approval(said), .. })
            if said.subject_type == SubjectType::Change =>
        {
            said.rows
        }
        _ => Vec::new(),
    }
}

/// The changes that a statement signs off.
fn hashes(envelope: &Envelope) -> BTreeSet<ChangeHash> {
    let rows = rows(envelope);
    rows.iter().map(|row| ChangeHash::from_bytes(*row.hash.as_bytes())).collect()
}

/// The documents of the changes that were signed, where they are here to be read: by them later
/// versions are compared. What is not here, or is another change, is left out: the sign-off counts
/// without.
pub(super) fn documents(
    envelope: &Envelope,
    repository: &Repository,
) -> Vec<(ChangeHash, Vec<u8>)> {
    let found = rows(envelope).into_iter().filter_map(|row| {
        let document = repository.document(row.base.as_ref(), row.head.as_ref()?).ok()?;
        let is_it = document.hash().as_bytes() == row.hash.as_bytes();
        is_it.then(|| (document.hash(), document.to_bytes()))
    });
    found.collect()
}
