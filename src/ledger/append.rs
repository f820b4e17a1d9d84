//! Appending: admission, one durable batch, and receipts only for what is durable.

use super::head::{check_newest, load};
use super::leaf::{self, Leaf};
use super::read::prover;
use super::receipt::Receipt;
use super::store::{Batch, CheckpointFile, Commit, Head, HeadToken, Store, StoreError, Topic};
use crate::base::digest::LeafHash;
use crate::base::limits::{
    COMMIT_ENTRIES_MAX, ENTRIES_MAX, ENVELOPE_BYTES_MAX, INTEGER_MAX, TIME_JUMP_MILLISECONDS_MAX,
};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::merkle;
use crate::merkle::tree::TileTree;
use crate::note::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use crate::note::key::{NoteSigner, VerifierKey};
use crate::statement::governance::EntryReference;

/// Refusal code of an envelope that is larger than any that is read.
pub const REFUSED_TOO_LARGE: &str = "too-large";
/// Refusal code of an entry whose time is over 31 days ahead of the entry before.
pub const REFUSED_CLOCK_JUMP: &str = "clock-jump";

/// What decides whether an envelope becomes an entry. It remembers what it admitted: after a
/// failed append it is as void as the ledger value, and is rebuilt from the log.
pub trait Admission {
    /// Judges an envelope as the entry at `index` with that leaf time. State may change only with
    /// [`Admitted::New`], which is then followed by the position after it.
    ///
    /// # Errors
    /// The [`Refusal`] to tell who handed it in.
    fn admit(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        envelope: &[u8],
    ) -> Result<Admitted, Refusal>;

    /// Tells where the statement that was admitted last now stands. Called once after each
    /// [`Admitted::New`], before the next envelope is judged: a leaf hash is known only then.
    fn accepted(&mut self, _entry: EntryReference) {}

    /// Whether this envelope may be the first entry after a pause of over 31 days: a governance
    /// confirmation of the jump, or an entry after one. Asked before [`Admission::admit`].
    fn permits_jump(&self, _before: Timestamp, _time: Timestamp, _envelope: &[u8]) -> bool {
        false
    }
}

/// An envelope that may be in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// It becomes an entry.
    New {
        /// The envelope in its canonical spelling, within
        /// [`leaf::ENVELOPE_CANONICAL_BYTES_MAX`].
        envelope: Vec<u8>,
        /// What the entry is found under later.
        topics: Vec<Topic>,
    },
    /// The same statement is an entry already; it may be one of the same append.
    Existing(EntryIndex),
}

/// Why an envelope is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The reason as a word for programs.
    pub code: String,
    /// The reason for people.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a ledger cannot be opened or appended to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Storage failed before anything was written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Storage failed on the way: the entries are there whole or not at all. Handing the same
    /// statements in again after opening anew does no harm.
    #[error("it is not known whether the entries are durable: {0}")]
    Unknown(StoreError),
    /// Another process has appended since this ledger was opened. Nothing was written.
    #[error("the ledger has grown since it was opened")]
    Stale,
    /// An append failed before; the ledger must be opened anew.
    #[error("an append failed before: the ledger must be opened again")]
    Poisoned,
    /// More envelopes than one commit takes.
    #[error("{found} entries in one append, at most {COMMIT_ENTRIES_MAX} are taken")]
    TooMany {
        /// Envelopes handed in.
        found: usize,
    },
    /// The ledger holds all the entries that it may hold.
    #[error("the ledger is full: {ENTRIES_MAX} entries")]
    Full,
    /// The clock is beyond any time that a leaf can hold.
    #[error("the clock is out of range")]
    Clock,
    /// What signs checkpoints is not the key of this ledger.
    #[error("the ledger key is named {found}, not {expected}")]
    KeyName {
        /// The ledger's origin.
        expected: String,
        /// Name of the key.
        found: String,
    },
    /// The origin cannot be written into a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The admission broke its contract.
    #[error("the admission gave what cannot be an entry: {0}")]
    Admission(String),
}

/// An open ledger: the one writer of its store.
#[derive(Debug)]
pub struct Ledger<S, C> {
    store: S,
    file: C,
    signer: NoteSigner,
    origin: String,
    tree: TileTree,
    last: Option<(LeafHash, Timestamp)>,
    checkpoint: VerifiedCheckpoint,
    poisoned: bool,
}

/// Entries of one append on their way to the store.
struct Staged {
    tree: TileTree,
    last: Option<(LeafHash, Timestamp)>,
    leaves: Vec<Vec<u8>>,
    topics: Vec<(Topic, EntryIndex)>,
}

impl<S: Store, C: CheckpointFile> Ledger<S, C> {
    /// Opens a ledger, or begins one where store and checkpoint file are both empty.
    /// `earlier_keys` are ledger keys that may have signed the newest checkpoint before `signer`.
    ///
    /// # Errors
    /// [`LedgerError::Store`] with [`StoreError::Integrity`] where the store contradicts itself or
    /// is older than the checkpoint file says; and as the type says.
    pub fn open(
        store: S,
        origin: &str,
        signer: NoteSigner,
        earlier_keys: &[VerifierKey],
        file: C,
    ) -> Result<Self, LedgerError> {
        let own = signer.verifier_key();
        if own.name() != origin {
            let (expected, found) = (origin.to_owned(), own.name().to_owned());
            return Err(LedgerError::KeyName { expected, found });
        }
        let keys: Vec<_> = std::iter::once(own).chain(earlier_keys.iter().cloned()).collect();
        let head = store.head()?;
        let newest = file.load()?;
        let (tree, last, checkpoint) = if let Some(head) = &head {
            let last = Some((head.last_leaf, head.last_time));
            let (tree, checkpoint) = load(&store, head, origin, &keys)?;
            (tree, last, checkpoint)
        } else {
            let tree = TileTree::new();
            let empty = Checkpoint::new(origin, TreeSize::default(), tree.root());
            (tree, None, empty.sign(&signer)?)
        };
        let is_newest = check_newest(&store, newest.as_deref(), &checkpoint, origin, &keys)?;
        if !is_newest {
            file.store(checkpoint.note().to_string().as_bytes())?;
        }
        let origin = origin.to_owned();
        Ok(Self { store, file, signer, origin, tree, last, checkpoint, poisoned: false })
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Appends envelopes as one durable batch and gives a receipt or a refusal for each, in
    /// order. A statement that is there already gets the receipt of its position.
    ///
    /// # Errors
    /// [`LedgerError`]; after any but [`LedgerError::TooMany`] the value is poisoned.
    pub fn append(
        &mut self,
        admission: &mut dyn Admission,
        now: Timestamp,
        envelopes: &[&[u8]],
    ) -> Result<Vec<Result<Receipt, Refusal>>, LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned);
        }
        if envelopes.len() > COMMIT_ENTRIES_MAX {
            return Err(LedgerError::TooMany { found: envelopes.len() });
        }
        // Whatever ends this early, a panic of the admission included, leaves the mark behind.
        self.poisoned = true;
        let mut staged = Staged {
            tree: self.tree.clone(),
            last: self.last,
            leaves: Vec::new(),
            topics: Vec::new(),
        };
        let positions = envelopes
            .iter()
            .map(|envelope| staged.admit(admission, now, envelope))
            .collect::<Result<Vec<_>, _>>()?;
        if !staged.leaves.is_empty() {
            self.commit(staged)?;
        }
        let receipts = self.receipts(positions)?;
        self.poisoned = false;
        Ok(receipts)
    }

    fn commit(&mut self, mut staged: Staged) -> Result<(), LedgerError> {
        let Some((last_leaf, last_time)) = staged.last else { return Ok(()) };
        let (size, root) = (staged.tree.size(), staged.tree.root());
        let checkpoint = Checkpoint::new(&self.origin, size, root).sign(&self.signer)?;
        let note = checkpoint.note().to_string();
        let batch = Batch {
            first: self.tree.size().next_index(),
            leaves: staged.leaves,
            tiles: staged.tree.take_changed().into_iter().collect(),
            topics: staged.topics,
            head: Head { size, root, last_leaf, last_time, checkpoint: note },
        };
        let expected =
            self.last.map(|_| HeadToken { size: self.tree.size(), root: self.tree.root() });
        match self.store.commit(expected, &batch)? {
            Commit::Committed => {}
            Commit::Stale => return Err(LedgerError::Stale),
            Commit::Unknown(error) => return Err(LedgerError::Unknown(error)),
        }
        self.file.store(batch.head.checkpoint.as_bytes()).map_err(LedgerError::Unknown)?;
        self.tree = staged.tree;
        self.last = staged.last;
        self.checkpoint = checkpoint;
        Ok(())
    }

    fn receipts(
        &self,
        positions: Vec<Result<EntryIndex, Refusal>>,
    ) -> Result<Vec<Result<Receipt, Refusal>>, LedgerError> {
        let mut prover = prover(&self.store, self.tree.size());
        let mut receipt = |index| {
            let missing = || StoreError::integrity(format!("entry {index}"), "missing");
            let leaf = self.store.leaf(index)?.ok_or_else(missing)?;
            let receipt = Receipt {
                index,
                leaf_hash: merkle::leaf_hash(&leaf),
                checkpoint: self.checkpoint.clone(),
                proof: prover.inclusion(index)?,
            };
            receipt
                .verify()
                .map_err(|error| StoreError::integrity(format!("entry {index}"), error))?;
            Ok::<_, StoreError>(receipt)
        };
        positions
            .into_iter()
            .map(|position| match position {
                Ok(index) => receipt(index).map(Ok).map_err(LedgerError::Unknown),
                Err(refusal) => Ok(Err(refusal)),
            })
            .collect()
    }
}

impl Staged {
    /// Judges one envelope and stages it; gives its position, or that of the same statement.
    fn admit(
        &mut self,
        admission: &mut dyn Admission,
        now: Timestamp,
        envelope: &[u8],
    ) -> Result<Result<EntryIndex, Refusal>, LedgerError> {
        if envelope.len() > ENVELOPE_BYTES_MAX {
            let message =
                format!("an envelope of {} bytes, at most {ENVELOPE_BYTES_MAX}", envelope.len());
            return Ok(Err(Refusal::new(REFUSED_TOO_LARGE, message)));
        }
        let size = self.tree.size();
        if size.get() >= ENTRIES_MAX {
            return Err(LedgerError::Full);
        }
        if now.milliseconds() > INTEGER_MAX {
            return Err(LedgerError::Clock);
        }
        let index = size.next_index();
        let (prev, time) = match self.last {
            Some((leaf, before)) => (leaf, now.max(before)),
            None => (leaf::no_leaf(), now),
        };
        if let Some((_, before)) = self.last
            && time.since(before).milliseconds() > TIME_JUMP_MILLISECONDS_MAX
            && !admission.permits_jump(before, time, envelope)
        {
            let message = "the clock is over 31 days ahead of the newest entry";
            let hint =
                "check the clock; if it is right, confirm the jump in a governance statement";
            return Ok(Err(Refusal::new(REFUSED_CLOCK_JUMP, message).with_hint(hint)));
        }
        let (envelope, topics) = match admission.admit(index, time, envelope) {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Admitted::Existing(found)) if size.covers(found) => return Ok(Ok(found)),
            Ok(Admitted::Existing(found)) => {
                return Err(LedgerError::Admission(format!("there is no entry {found}")));
            }
            Ok(Admitted::New { envelope, topics }) => (envelope, topics),
        };
        let leaf = Leaf::new(time, prev, envelope)
            .map_err(|error| LedgerError::Admission(error.to_string()))?;
        let bytes = leaf.to_bytes();
        let hash = merkle::leaf_hash(&bytes);
        self.tree.append(&hash);
        self.leaves.push(bytes);
        self.topics.extend(topics.into_iter().map(|topic| (topic, index)));
        self.last = Some((hash, time));
        admission.accepted(EntryReference { index, leaf: hash });
        Ok(Ok(index))
    }
}
