//! What a witness answers (C2SP tlog-witness, `spec/witness.md` section 2): a pure function of what
//! it cosigned last, what it is asked, and its clock.

use super::consistency::{CONSISTENCY_START, ConsistencyProof};
use super::fork::Fork;
use super::keys::LedgerKeys;
use super::store::StoreError;
use crate::base::digest::sha256;
use crate::base::encoding;
use crate::base::position::TreeSize;
use crate::merkle::empty_root;
use crate::merkle::proof::verify_consistency;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::cosignature::Cosigner;
use crate::note::key::VerifierKey;
use crate::note::{NoteSignature, SignedNote};

/// Content type of the answer that tells a size.
pub const TLOG_SIZE: &str = "text/x.tlog.size";
/// Content type of every other answer.
const PLAIN: &str = "text/plain; charset=utf-8";

/// A request as parsed: nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    proof: ConsistencyProof,
    claimed: Checkpoint,
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: its cosignature.
    Cosigned(NoteSignature),
    /// 400: not in the layout.
    Malformed,
    /// 400: the older size is above that of the checkpoint.
    OldAboveNew,
    /// 403: the log's key did not sign it, or not so.
    NotSigned,
    /// 404: a log that this witness does not know.
    UnknownLog,
    /// 409: it cosigned another size last, this one.
    Conflict(TreeSize),
    /// 422: the tree does not continue the one that was cosigned last, as far as is shown.
    Inconsistent,
    /// 500: the record of what was cosigned cannot be read or written.
    Failed,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Malformed | Self::OldAboveNew => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent => 422,
            Self::Failed => 500,
        }
    }

    /// The content type.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict(_) => TLOG_SIZE,
            _ => PLAIN,
        }
    }

    /// The content.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Cosigned(line) => format!("{line}\n"),
            Self::Malformed => "not an add-checkpoint request\n".to_owned(),
            Self::OldAboveNew => "the old size is above the checkpoint's\n".to_owned(),
            Self::NotSigned => "no good signature of the log's key\n".to_owned(),
            Self::UnknownLog => "unknown log\n".to_owned(),
            Self::Conflict(size) => format!("{size}\n"),
            Self::Inconsistent => "not shown to continue what was cosigned\n".to_owned(),
            Self::Failed => "the record cannot be read or written\n".to_owned(),
        }
    }
}

/// What a witness does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it answers, once the record is durable.
    pub answer: Answer,
    /// What it has cosigned last from now on, to be durable before the answer: the log's
    /// signature and its own.
    pub record: Option<VerifiedCheckpoint>,
    /// What the request proves about the log.
    pub fork: Option<Fork>,
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self { answer, record: None, fork: None }
    }
}

impl AddCheckpoint {
    /// Parses the content of a request.
    ///
    /// # Errors
    /// [`Answer::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Answer> {
        if !bytes.starts_with(CONSISTENCY_START.as_bytes()) {
            return Err(Answer::Malformed);
        }
        let proof = ConsistencyProof::parse(bytes).map_err(|_| Answer::Malformed)?;
        let claimed = proof.checkpoint.text().parse().map_err(|_| Answer::Malformed)?;
        Ok(Self { proof, claimed })
    }

    /// The origin that it names.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.claimed.origin
    }
}

/// Decides on a request about one log: `keys` are the log's, and `last` is what this witness
/// cosigned of it last. The time of a cosignature never falls; a clock that does is not followed.
#[must_use]
pub fn decide(
    keys: &LedgerKeys,
    last: Option<&VerifiedCheckpoint>,
    cosigner: &Cosigner,
    seconds: u64,
    request: AddCheckpoint,
) -> Decision {
    let AddCheckpoint { proof, claimed } = request;
    let key = keys.of_size(claimed.size);
    let Ok(new) = VerifiedCheckpoint::of(proof.checkpoint, keys.origin(), key) else {
        return Answer::NotSigned.into();
    };
    if proof.old_size > new.size() {
        return Answer::OldAboveNew.into();
    }
    let (last_size, last_root) =
        last.map_or((TreeSize::new(0), empty_root()), |last| (last.size(), *last.root()));
    if proof.old_size != last_size {
        return Answer::Conflict(last_size).into();
    }
    let is_empty = new.size() == TreeSize::new(0);
    let (size, root) = (new.size(), new.root());
    let continues = verify_consistency(last_size, &last_root, size, root, &proof.hashes);
    if continues.is_err() || (is_empty && *root != empty_root()) {
        let fork = last.and_then(|last| Fork::within(last.clone(), new, &proof.hashes));
        return Decision { answer: Answer::Inconsistent, record: None, fork };
    }
    let before = last.and_then(|last| cosigner.key().find(last.note()).ok().flatten());
    let before = before.map_or(1, |cosignature| cosignature.seconds());
    cosign(&new, key, cosigner, seconds.max(before))
}

/// The cosignature, and the note with it and the log's own signature alone.
fn cosign(
    new: &VerifiedCheckpoint,
    key: &VerifierKey,
    cosigner: &Cosigner,
    seconds: u64,
) -> Decision {
    let is_the_logs = |line: &&NoteSignature| line.name() == key.name() && line.id() == key.id();
    let signed = || {
        let line = cosigner.sign(new.note(), seconds).ok()?;
        let logs = new.note().signatures().iter().find(is_the_logs)?.clone();
        let note = SignedNote::new(new.note().text().to_owned(), vec![logs, line.clone()]).ok()?;
        Some((line, VerifiedCheckpoint::of(note, &new.checkpoint().origin, key).ok()?))
    };
    match signed() {
        Some((line, record)) => {
            Decision { answer: Answer::Cosigned(line), record: Some(record), fork: None }
        }
        // A clock beyond 2^63 - 1 seconds.
        None => Answer::Failed.into(),
    }
}

/// The name under which a witness keeps and serves what it cosigned of a log.
#[must_use]
pub fn origin_hash(origin: &str) -> String {
    encoding::hex(&sha256(&[origin.as_bytes()]))
}

/// Where a witness keeps what it cosigned.
pub trait WitnessRecord {
    /// The note of the newest checkpoint that was cosigned of a log; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self, origin: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces it, durably and atomically.
    ///
    /// # Errors
    /// [`StoreError`]; either note may be the one that is kept then.
    fn store(&self, origin: &str, note: &[u8]) -> Result<(), StoreError>;

    /// Keeps the evidence of a fork.
    ///
    /// # Errors
    /// [`StoreError`].
    fn keep(&self, fork: &Fork) -> Result<(), StoreError>;
}

/// What was answered, and about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The log and the size that the request claims to be about; `None` where it is no request.
    pub claimed: Option<(String, TreeSize)>,
    /// What the request proves about the log.
    pub fork: Option<Fork>,
    /// Why the answer is [`Answer::Failed`], where storage failed.
    pub failure: Option<StoreError>,
}

/// Answers a request: decides, and has the record durable before the answer is there. Calls about
/// one log must not overlap: between load and store nobody else may store.
pub fn answer<R: WitnessRecord + ?Sized>(
    record: &R,
    keys: impl Fn(&str) -> Option<LedgerKeys>,
    cosigner: &Cosigner,
    seconds: u64,
    request: &[u8],
) -> Answered {
    let request = match AddCheckpoint::parse(request) {
        Ok(request) => request,
        Err(answer) => return Answered { answer, claimed: None, fork: None, failure: None },
    };
    let claimed = Some((request.origin().to_owned(), request.claimed.size));
    let Some(keys) = keys(request.origin()) else {
        return Answered { answer: Answer::UnknownLog, claimed, fork: None, failure: None };
    };
    let decide_and_store = || {
        let last = recorded(record, &keys)?;
        let decision = decide(&keys, last.as_ref(), cosigner, seconds, request);
        if let Some(new) = &decision.record {
            record.store(keys.origin(), new.note().to_string().as_bytes())?;
        }
        Ok::<_, StoreError>(decision)
    };
    match decide_and_store() {
        Ok(Decision { answer, fork, .. }) => {
            // The evidence is kept as well as can be: the answer is no all the same.
            let failure = fork.as_ref().and_then(|fork| record.keep(fork).err());
            Answered { answer, claimed, fork, failure }
        }
        Err(error) => {
            Answered { answer: Answer::Failed, claimed, fork: None, failure: Some(error) }
        }
    }
}

/// What is recorded of a log.
///
/// # Errors
/// [`StoreError`] where it cannot be read, or is no checkpoint that the log signed.
pub fn recorded<R: WitnessRecord + ?Sized>(
    record: &R,
    keys: &LedgerKeys,
) -> Result<Option<VerifiedCheckpoint>, StoreError> {
    let Some(bytes) = record.load(keys.origin())? else { return Ok(None) };
    let wrong =
        |why: String| StoreError::integrity(format!("the record of {}", keys.origin()), why);
    let note = SignedNote::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let claimed: Checkpoint = note.text().parse().map_err(|_| wrong("no checkpoint".to_owned()))?;
    VerifiedCheckpoint::of(note, keys.origin(), keys.of_size(claimed.size))
        .map(Some)
        .map_err(|error| wrong(error.to_string()))
}
