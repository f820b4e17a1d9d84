//! Files that prove something of a ledger to whoever has its trust root and nothing else: an entry,
//! growth, a checkpoint (`spec/proof.md` section 5).

use std::collections::BTreeMap;

use super::trust::TrustRoot;
use crate::base::digest::{RootHash, StatementId};
use crate::base::position::TreeSize;
use crate::ledger::consistency::{CONSISTENCY_START, ConsistencyError, ConsistencyProof};
use crate::ledger::receipt::{EntryProof, ReceiptError};
use crate::ledger::tlog_proof::{ProofFileError, TLOG_PROOF_START, TlogProof};
use crate::merkle::empty_root;
use crate::note::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use crate::note::quorum::Witnessed;
use crate::note::{NoteError, SignedNote};
use crate::statement::envelope::{Envelope, EnvelopeError};
use crate::statement::{Seen, Statement, StatementError};

/// A file as parsed: nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFile {
    /// The proof that an entry is in the ledger.
    Entry(TlogProof),
    /// The proof that a ledger only grew.
    Consistency(ConsistencyProof),
    /// A signed checkpoint.
    Checkpoint(SignedNote),
}

impl ProofFile {
    /// Parses a file; its first bytes say of which kind it is.
    ///
    /// # Errors
    /// [`ProofFileError`] where it is of none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let file = if bytes.starts_with(TLOG_PROOF_START.as_bytes()) {
            Self::Entry(TlogProof::parse(bytes)?)
        } else if bytes.starts_with(CONSISTENCY_START.as_bytes()) {
            Self::Consistency(ConsistencyProof::parse(bytes)?)
        } else {
            Self::Checkpoint(SignedNote::parse(bytes)?)
        };
        file.claimed().map_err(|_| ProofFileError::Malformed)?;
        Ok(file)
    }

    /// The note of its checkpoint.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        match self {
            Self::Entry(file) => &file.checkpoint,
            Self::Consistency(file) => &file.checkpoint,
            Self::Checkpoint(note) => note,
        }
    }

    /// The checkpoint that it claims to hold, unverified: its origin tells which trust root is
    /// asked for.
    ///
    /// # Errors
    /// [`CheckpointError`] where the note holds none.
    pub fn claimed(&self) -> Result<Checkpoint, CheckpointError> {
        self.note().text().parse()
    }
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefusal {
    /// The proof of an entry does not verify.
    #[error(transparent)]
    Entry(#[from] ReceiptError),
    /// The consistency proof does not verify.
    #[error(transparent)]
    Consistency(#[from] ConsistencyError),
    /// The checkpoint does not verify.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A known witness's line does not verify.
    #[error(transparent)]
    Witness(#[from] NoteError),
    /// The entry holds no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The entry holds no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The entry, or the tree, is not of the ledger that the trust root names by its entry 0.
    #[error("it does not begin with the entry 0 that the trust root names")]
    OtherLedger,
    /// No tree of the size that the consistency proof starts at is known.
    #[error("no checkpoint of {size} entries is known to hold it against")]
    NoOlder {
        /// The size that it starts at.
        size: TreeSize,
    },
    /// Two trees of one size: two histories.
    #[error("there are two trees of {size} entries: the ledger has two histories")]
    Fork {
        /// The size.
        size: TreeSize,
    },
}

/// What a file proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proved {
    /// This entry is in the ledger. That its signer was allowed to is the ledger's word.
    Entry {
        /// The entry and its position.
        entry: Box<EntryProof>,
        /// Which statement it is.
        id: StatementId,
        /// What was said.
        statement: Box<Statement>,
    },
    /// The ledger only grew since it had so many entries.
    Growth {
        /// Entries of the older tree.
        since: TreeSize,
    },
    /// The ledger signed this tree.
    Checkpoint,
}

/// A file that verifies, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedProof {
    /// What it proves.
    pub proved: Proved,
    /// The checkpoint that it rests on.
    pub checkpoint: VerifiedCheckpoint,
    /// Which witnesses saw that checkpoint. Where the quorum is not met, the file proves nothing
    /// to whom the trust root is of.
    pub witnessed: Witnessed,
}

/// Checks a file against a trust root and the trees that are known: pure, and the same wherever it
/// runs.
///
/// # Errors
/// [`ProofRefusal`].
pub fn check(
    file: ProofFile,
    trust: &TrustRoot,
    known: &[Seen],
) -> Result<CheckedProof, ProofRefusal> {
    let (origin, key) = (trust.origin().as_str(), trust.ledger_key());
    let mut trees = Trees::new(trust);
    for tree in known {
        trees.add(tree.size, tree.root)?;
    }
    let (proved, checkpoint) = match file {
        ProofFile::Entry(file) => {
            let entry = EntryProof::of(file, origin, key)?;
            let (id, statement) = statement(&entry, trust)?;
            let checkpoint = entry.receipt.checkpoint.clone();
            let (entry, statement) = (Box::new(entry), Box::new(statement));
            (Proved::Entry { entry, id, statement }, checkpoint)
        }
        ProofFile::Consistency(file) => {
            let since = file.old_size;
            // Whose the checkpoint is comes before what it is held against.
            VerifiedCheckpoint::of(file.checkpoint.clone(), origin, key)?;
            let root = trees.0.get(&since).ok_or(ProofRefusal::NoOlder { size: since })?;
            (Proved::Growth { since }, file.verify(since, root, origin, key)?)
        }
        ProofFile::Checkpoint(note) => {
            (Proved::Checkpoint, VerifiedCheckpoint::of(note, origin, key)?)
        }
    };
    trees.add(checkpoint.size(), *checkpoint.root())?;
    let witnessed = trust.witnesses().assess(checkpoint.note())?;
    Ok(CheckedProof { proved, checkpoint, witnessed })
}

/// What an entry says, which must be of the ledger that the trust root names.
fn statement(
    entry: &EntryProof,
    trust: &TrustRoot,
) -> Result<(StatementId, Statement), ProofRefusal> {
    let envelope = Envelope::parse_canonical(entry.leaf.envelope())?;
    let statement = Statement::parse(envelope.payload())?;
    let ledger = trust.ledger();
    let is_ours = match entry.receipt.index.get() {
        0 => entry.receipt.leaf_hash == ledger && statement.ledger.is_none(),
        index => statement.ledger == Some(ledger) && (index > 1 || entry.leaf.prev() == ledger),
    };
    if is_ours { Ok((envelope.statement_id(), statement)) } else { Err(ProofRefusal::OtherLedger) }
}

/// Trees that are known, one a size.
struct Trees(BTreeMap<TreeSize, RootHash>);

impl Trees {
    /// What everybody knows: the empty tree, and the tree of entry 0, whose root is its leaf hash.
    fn new(trust: &TrustRoot) -> Self {
        let first = RootHash::from_bytes(*trust.ledger().as_bytes());
        Self(BTreeMap::from([(TreeSize::new(0), empty_root()), (TreeSize::new(1), first)]))
    }

    fn add(&mut self, size: TreeSize, root: RootHash) -> Result<(), ProofRefusal> {
        match self.0.insert(size, root) {
            Some(other) if other != root && size <= TreeSize::new(1) => {
                Err(ProofRefusal::OtherLedger)
            }
            Some(other) if other != root => Err(ProofRefusal::Fork { size }),
            _ => Ok(()),
        }
    }
}
