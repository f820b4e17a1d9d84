//! Files that prove something of a ledger to whoever has its trust root and nothing else: an entry,
//! growth, a checkpoint (`spec/proof.md` section 5).

use std::collections::BTreeMap;

use super::trust::TrustRoot;
use crate::base::digest::{RootHash, StatementId};
use crate::base::position::TreeSize;
use crate::ledger::consistency::{CONSISTENCY_START, ConsistencyError, ConsistencyProof};
use crate::ledger::fork::{FORK_START, Fork, ForkError, ForkFile};
use crate::ledger::keys::LedgerKeys;
use crate::ledger::receipt::{EntryProof, ReceiptError};
use crate::ledger::tlog_proof::{ProofFileError, TLOG_PROOF_START, TlogProof};
use crate::merkle::empty_root;
use crate::note::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use crate::note::key::VerifierKey;
use crate::note::quorum::Witnessed;
use crate::note::{NoteError, SignedNote};
use crate::statement::envelope::{Envelope, EnvelopeError};
use crate::statement::governance::Operation;
use crate::statement::{Says, Seen, Statement, StatementError};

/// A file as parsed: nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFile {
    /// The proof that an entry is in the ledger.
    Entry(TlogProof),
    /// The proof that a ledger only grew.
    Consistency(ConsistencyProof),
    /// A signed checkpoint.
    Checkpoint(SignedNote),
    /// Evidence of a fork.
    Fork(ForkFile),
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
        } else if bytes.starts_with(FORK_START.as_bytes()) {
            Self::Fork(ForkFile::parse(bytes)?)
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
            Self::Fork(file) => &file.newer,
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
    /// Two checkpoints that the ledger signed, of two histories.
    #[error("{}: the ledger has two histories", trees_of(.0))]
    Forked(Box<Fork>),
    /// What should be evidence of a fork shows none.
    #[error(transparent)]
    NoFork(#[from] ForkError),
}

/// Which two trees a fork is of, in words.
fn trees_of(fork: &Fork) -> String {
    let (older, newer) = (fork.older().size(), fork.newer().size());
    if older == newer {
        format!("there are two trees of {older} entries")
    } else {
        format!("{older} entries that were signed are not the first of {newer} that were")
    }
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

/// What is known of a ledger: trees, one a size, and the keys that followed the pinned one. Each
/// file that is checked adds to it.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    trust: &'a TrustRoot,
    trees: BTreeMap<TreeSize, RootHash>,
    /// The checkpoints of those that the ledger was seen to sign.
    signed: BTreeMap<TreeSize, VerifiedCheckpoint>,
    keys: LedgerKeys,
}

impl<'a> Known<'a> {
    /// What a trust root alone says: the empty tree, the tree of entry 0, whose root is its leaf
    /// hash, and the first key.
    #[must_use]
    pub fn new(trust: &'a TrustRoot) -> Self {
        let first = RootHash::from_bytes(*trust.ledger().as_bytes());
        let trees = BTreeMap::from([(TreeSize::new(0), empty_root()), (TreeSize::new(1), first)]);
        Self {
            trust,
            trees,
            signed: BTreeMap::new(),
            keys: LedgerKeys::new(trust.ledger_key().clone()),
        }
    }

    /// The trust root.
    #[must_use]
    pub const fn trust(&self) -> &'a TrustRoot {
        self.trust
    }

    /// The keys of the ledger, as far as they are known.
    #[must_use]
    pub const fn keys(&self) -> &LedgerKeys {
        &self.keys
    }

    /// Takes up the keys that a copy of the ledger, verified whole, has for it.
    pub fn follow_keys(&mut self, keys: &LedgerKeys) {
        self.keys.follow(keys);
    }

    /// Adds a tree that somebody vouches for, such as what this user has seen of the ledger.
    ///
    /// # Errors
    /// [`ProofRefusal::Fork`] and [`ProofRefusal::OtherLedger`] where another of that size is
    /// known.
    pub fn add_tree(&mut self, tree: Seen) -> Result<(), ProofRefusal> {
        let Seen { size, root } = tree;
        match self.trees.get(&size) {
            Some(other) if *other == root => Ok(()),
            Some(_) if size <= TreeSize::new(1) => Err(ProofRefusal::OtherLedger),
            Some(_) => Err(ProofRefusal::Fork { size }),
            None => {
                self.trees.insert(size, root);
                Ok(())
            }
        }
    }

    /// Checks a file, and learns from one that verifies: its tree, and the key that an entry brings
    /// (`spec/ledger.md` section 12.6). Pure, and the same wherever it runs.
    ///
    /// # Errors
    /// [`ProofRefusal`]; nothing is learnt then.
    pub fn check(&mut self, file: ProofFile) -> Result<CheckedProof, ProofRefusal> {
        let origin = self.trust.origin().as_str();
        let key = self.keys.of_size(file.claimed()?.size).clone();
        let (proved, checkpoint) = match file {
            ProofFile::Entry(file) => {
                let entry = EntryProof::of(file, origin, &key)?;
                let (id, statement) = statement(&entry, self.trust)?;
                let checkpoint = entry.receipt.checkpoint.clone();
                let (entry, statement) = (Box::new(entry), Box::new(statement));
                (Proved::Entry { entry, id, statement }, checkpoint)
            }
            ProofFile::Consistency(file) => {
                let since = file.old_size;
                // Whose the checkpoint is comes before what it is held against.
                VerifiedCheckpoint::of(file.checkpoint.clone(), origin, &key)?;
                let root = self.trees.get(&since).ok_or(ProofRefusal::NoOlder { size: since })?;
                let grown = file.verify(since, root, origin, &key);
                (Proved::Growth { since }, grown.map_err(|error| self.grown(&file, &key, error))?)
            }
            ProofFile::Fork(file) => {
                return Err(ProofRefusal::Forked(Box::new(file.verify(&self.keys)?)));
            }
            ProofFile::Checkpoint(note) => {
                (Proved::Checkpoint, VerifiedCheckpoint::of(note, origin, &key)?)
            }
        };
        let witnessed = self.trust.witnesses().assess(checkpoint.note())?;
        self.sign(&checkpoint)?;
        if witnessed.is_met {
            self.follow(&proved);
        }
        Ok(CheckedProof { proved, checkpoint, witnessed })
    }

    /// Takes up the tree of a checkpoint, which may be another of its size than is known.
    fn sign(&mut self, checkpoint: &VerifiedCheckpoint) -> Result<(), ProofRefusal> {
        let size = checkpoint.size();
        self.add_tree(Seen { size, root: *checkpoint.root() }).map_err(|refusal| {
            let other = self.signed.get(&size).cloned();
            let fork = other.and_then(|other| Fork::prove(other, checkpoint.clone(), None));
            fork.map_or(refusal, |fork| ProofRefusal::Forked(Box::new(fork)))
        })?;
        self.signed.entry(size).or_insert_with(|| checkpoint.clone());
        Ok(())
    }

    /// What a proof of growth shows that does not verify: perhaps another history.
    fn grown(
        &self,
        file: &ConsistencyProof,
        key: &VerifierKey,
        error: ConsistencyError,
    ) -> ProofRefusal {
        let shown = || {
            let older = self.signed.get(&file.old_size)?.clone();
            let origin = self.trust.origin().as_str();
            let newer = VerifiedCheckpoint::of(file.checkpoint.clone(), origin, key).ok()?;
            Fork::within(older, newer, &file.hashes)
        };
        shown().map_or(error.into(), |fork| ProofRefusal::Forked(Box::new(fork)))
    }

    /// Takes up the key that an entry brings, which is this ledger's by its name.
    fn follow(&mut self, proved: &Proved) {
        let Proved::Entry { entry, statement, .. } = proved else { return };
        let Says::Governance(body) = &statement.says else { return };
        let index = entry.receipt.index;
        for operation in &body.operations {
            if let Operation::RotateLedgerKey(said) = operation
                && let Ok(key) = said.ledger_key.parse::<VerifierKey>()
            {
                self.keys.add(index, key);
            }
        }
    }
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
