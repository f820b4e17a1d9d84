//! What witnesses cosigned of a ledger, in `cosignatures/` beside it (`spec/witness.md` section 5),
//! and what contradicts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::SessionError;
use crate::base::limits::{LOCK_WAIT_MILLISECONDS_MAX, NOTE_BYTES_MAX, WITNESSES_MAX};
use crate::base::name::WitnessName;
use crate::base::position::TreeSize;
use crate::ledger::fork::Fork;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::read::{self, prover};
use crate::ledger::store::{Store, StoreError};
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::{NoteSignature, SignedNote};
use crate::store::durable::{self, MODE_SHARED};
use crate::store::lock::LedgerLock;
use crate::verify::trust::TrustRoot;
use crate::verify::witnessing::Witnessing;

/// The newest checkpoint that anybody cosigned.
const NEWEST: &str = "newest";
/// The newest whose cosignatures were enough.
const QUORUM: &str = "quorum";
/// What a witness has that the ledger seemed not to continue.
const DISPUTED: &str = "disputed-";

/// The folder of a ledger's cosignatures. It may be written without the ledger's lock.
#[derive(Debug, Clone)]
pub struct CosignatureFolder {
    path: PathBuf,
}

/// What is known to be cosigned, each the beginning of the ledger's tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Cosigned {
    newest: Option<VerifiedCheckpoint>,
    quorum: Option<VerifiedCheckpoint>,
}

impl CosignatureFolder {
    /// That of the ledger in a folder.
    #[must_use]
    pub fn of(ledger: &Path) -> Self {
        Self { path: ledger.join("cosignatures") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What is remembered of witnesses that did not answer; it may be lost.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.file("state.json")
    }

    /// A checkpoint in one of the files that one of the ledger's keys signed. What is none is
    /// passed over: the file is an aid, and a lost cosignature is gathered again.
    fn checkpoint(
        &self,
        name: &str,
        keys: &LedgerKeys,
    ) -> Result<Option<VerifiedCheckpoint>, StoreError> {
        let bytes = durable::read(&self.file(name), NOTE_BYTES_MAX)?;
        Ok(bytes.and_then(|bytes| open(&bytes, keys)))
    }

    /// The newest checkpoint that anybody cosigned, with their lines.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn newest(&self, keys: &LedgerKeys) -> Result<Option<VerifiedCheckpoint>, StoreError> {
        self.checkpoint(NEWEST, keys)
    }

    /// Adds cosignatures to what is known: those of the newest checkpoint are kept together, and
    /// the newest checkpoint that has enough of them is kept as well. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub fn add(
        &self,
        trust: &TrustRoot,
        keys: &LedgerKeys,
        checkpoint: &VerifiedCheckpoint,
        lines: &[NoteSignature],
    ) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let before = self.checkpoint(NEWEST, keys)?;
        let is_same = |old: &&VerifiedCheckpoint| old.note().text() == checkpoint.note().text();
        let known = before.as_ref().filter(is_same).map(|old| old.note().signatures());
        let Some(note) = joined(trust, checkpoint, lines, known.unwrap_or_default()) else {
            return Ok(());
        };
        let bytes = note.to_string();
        if before.is_none_or(|before| before.size() <= checkpoint.size()) {
            durable::replace(&self.file(NEWEST), bytes.as_bytes(), MODE_SHARED)?;
        }
        let is_met = trust.witnesses().assess(&note).is_ok_and(|found| found.is_met);
        let before = self.checkpoint(QUORUM, keys)?;
        if is_met && before.is_none_or(|before| before.size() <= checkpoint.size()) {
            durable::replace(&self.file(QUORUM), bytes.as_bytes(), MODE_SHARED)?;
        }
        Ok(())
    }

    /// Keeps what a witness has of the ledger, where the ledger seemed not to continue it: the next
    /// who opens the ledger compares the two.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub fn dispute(&self, witness: &WitnessName, note: &SignedNote) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let file = self.file(&format!("{DISPUTED}{witness}"));
        durable::replace(&file, note.to_string().as_bytes(), MODE_SHARED)
    }

    fn lock(&self) -> Result<LedgerLock, StoreError> {
        durable::create_folder(&self.path)?;
        let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
        LedgerLock::take(&self.file("lock"), "cosignatures", wait)
    }

    /// Reads what is cosigned and what is disputed, and holds each against the ledger.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger does not continue one: it was set back, or has two
    /// histories.
    pub(super) fn load<S: Store>(
        &self,
        store: &S,
        trust: &TrustRoot,
        keys: &LedgerKeys,
        head: &VerifiedCheckpoint,
    ) -> Result<Cosigned, SessionError> {
        let mut cosigned = Cosigned::default();
        let Ok(entries) = fs::read_dir(&self.path) else { return Ok(cosigned) };
        for name in entries.take(WITNESSES_MAX * 4) {
            let Some(name) = name.ok().and_then(|name| name.file_name().into_string().ok()) else {
                continue;
            };
            let witness = name.strip_prefix(DISPUTED);
            if witness.is_none() && ![NEWEST, QUORUM].contains(&name.as_str()) {
                continue;
            }
            let Some(found) = self.checkpoint(&name, keys)? else { continue };
            let who = witness.map_or("witnesses", |name| name);
            continues(store, &found, head, &format!("{who} cosigned"))?;
            let is_enough =
                || trust.witnesses().assess(found.note()).is_ok_and(|found| found.is_met);
            match name.as_str() {
                NEWEST if trust.witnesses().assess(found.note()).is_ok() => {
                    cosigned.newest = Some(found);
                }
                QUORUM if is_enough() => cosigned.quorum = Some(found),
                NEWEST | QUORUM => {}
                // The ledger continues it after all: another process was faster.
                _ => drop(durable::remove(&self.file(&name))),
            }
        }
        Ok(cosigned)
    }
}

impl Cosigned {
    /// The head with the cosignatures that it has.
    pub(super) fn head(&self, head: VerifiedCheckpoint) -> VerifiedCheckpoint {
        let has_it = |newest: &&VerifiedCheckpoint| newest.note().text() == head.note().text();
        self.newest.as_ref().filter(has_it).cloned().unwrap_or(head)
    }

    /// The newest checkpoint that has enough cosignatures.
    pub(super) const fn quorum(&self) -> Option<&VerifiedCheckpoint> {
        self.quorum.as_ref()
    }

    /// How many entries a witness cosigned last, as far as is known here; 0 where nothing is.
    pub(super) fn last_of(&self, trust: &TrustRoot, witness: &WitnessName) -> TreeSize {
        let known = |checkpoint: &&VerifiedCheckpoint| {
            let found = trust.witnesses().assess(checkpoint.note());
            found.is_ok_and(|found| found.cosigned.iter().any(|(name, _)| name == witness))
        };
        let both = [&self.newest, &self.quorum];
        let sizes = both.into_iter().flatten().filter(known).map(VerifiedCheckpoint::size);
        sizes.max().unwrap_or_default()
    }

    /// What a ledger of `size` entries owes to whom.
    pub(super) fn witnessing(&self, trust: &TrustRoot, size: TreeSize) -> Witnessing {
        let quorum = trust.witnesses();
        let wanted = quorum.quorum().is_some();
        // What has enough counts before what has fewer, be it newer.
        let enough = self.quorum.as_ref().filter(|_| wanted);
        let best = enough.or(self.newest.as_ref());
        let found = best.and_then(|best| Some((quorum.assess(best.note()).ok()?, best.size())));
        Witnessing::new(quorum, found, size)
    }
}

/// A note that one of the ledger's keys signed.
pub(super) fn open(bytes: &[u8], keys: &LedgerKeys) -> Option<VerifiedCheckpoint> {
    let note = SignedNote::parse(bytes).ok()?;
    let claimed: Checkpoint = note.text().parse().ok()?;
    VerifiedCheckpoint::of(note, keys.origin(), keys.of_size(claimed.size)).ok()
}

/// The checkpoint with a line of each known witness: the new ones, then what there was.
fn joined(
    trust: &TrustRoot,
    checkpoint: &VerifiedCheckpoint,
    new: &[NoteSignature],
    known: &[NoteSignature],
) -> Option<SignedNote> {
    let own = checkpoint.note().signatures().first()?.clone();
    let mut note = SignedNote::new(checkpoint.note().text().to_owned(), vec![own]).ok()?;
    for witness in trust.witnesses().witnesses() {
        let key = &witness.key;
        let is_its = |line: &&NoteSignature| line.name() == key.name() && line.id() == key.id();
        if let Some(line) = new.iter().chain(known).find(is_its) {
            note.add(line.clone()).ok()?;
        }
    }
    // A line that does not verify would make the whole note invalid.
    trust.witnesses().assess(&note).ok()?;
    Some(note)
}

/// Whether the ledger continues a tree that it signed once; `whose` says who has it.
///
/// # Errors
/// [`SessionError`] where the ledger has fewer entries, or another history.
pub(super) fn continues<S: Store>(
    store: &S,
    found: &VerifiedCheckpoint,
    head: &VerifiedCheckpoint,
    whose: &str,
) -> Result<(), SessionError> {
    let size = found.size();
    if size > head.size() {
        return Err(SessionError::SetBack(format!(
            "the ledger was set back, or is an older copy: {whose} {size} entries, and it has {}",
            head.size()
        )));
    }
    let root = prover(store, head.size()).root(size)?;
    if root == *found.root() {
        return Ok(());
    }
    let beginning = if size == head.size() {
        None
    } else {
        Some((root, read::consistency(store, size, head.size())?))
    };
    let why = format!("has another history than the {size} entries that {whose}");
    match Fork::prove(found.clone(), head.clone(), beginning) {
        Some(fork) => Err(SessionError::Fork { why, fork: Box::new(fork) }),
        None => Err(SessionError::Forked(format!("the ledger {why}"))),
    }
}
