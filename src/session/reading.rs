//! Reading: entries, proved and verified, and the state as of an earlier size or moment.

use std::collections::BTreeSet;
use std::num::NonZero;

use super::keys::{keys_by_size, ledger_keys};
use super::{Session, SessionError, replay};
use crate::base::name::WitnessName;
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::consistency::ConsistencyProof;
use crate::ledger::head::open_checkpoint;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::leaf::Leaf;
use crate::ledger::read;
use crate::ledger::receipt::{EntryProof, Receipt};
use crate::ledger::store::{Store as _, Topic};
use crate::ledger::topics;
use crate::merkle;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::roster::Roster;
use crate::verify::VerifiedEntry;
use crate::verify::trust::TrustRoot;
use crate::verify::witnessing::Witnessing;
use crate::view::View;

/// Fewer entries than this are verified without other threads.
const VERIFIED_ALONE_MAX: usize = 32;
/// So many positions are read at once where the newest come first.
const NEWEST_AT_ONCE: usize = 64;

impl Session {
    /// Reads an entry: proved under the newest checkpoint, each signature verified.
    ///
    /// # Errors
    /// [`SessionError`] where there is no such entry, or it does not verify.
    pub fn entry(&self, index: EntryIndex) -> Result<VerifiedEntry, SessionError> {
        let found = read::entry(&*self.store, index, &self.checkpoint)?;
        let found = found.ok_or(SessionError::NoEntry { index, size: self.size() })?;
        Ok(VerifiedEntry::verify(index, &found.leaf().to_bytes(), self.view.roster())?)
    }

    /// The entries under any of `topics`, in order, each once.
    ///
    /// # Errors
    /// [`SessionError`] where one cannot be read or does not verify.
    pub fn entries_under(
        &self,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Result<Vec<VerifiedEntry>, SessionError> {
        let topics: BTreeSet<Topic> = topics.into_iter().collect();
        let mut indexes = BTreeSet::new();
        for topic in &topics {
            indexes.extend(self.found_under(topic)?);
        }
        indexes.extend(self.taken_back(&topics));
        let found = read::entries(&*self.store, indexes, &self.checkpoint)?;
        let roster = self.view.roster();
        verify_all(&found, roster)
    }

    /// The entries at positions, in order, each once.
    ///
    /// # Errors
    /// [`SessionError`] where one is not there, cannot be read or does not verify.
    pub fn entries_at(
        &self,
        indexes: impl IntoIterator<Item = EntryIndex>,
    ) -> Result<Vec<VerifiedEntry>, SessionError> {
        let indexes: BTreeSet<_> = indexes.into_iter().collect();
        let found = read::entries(&*self.store, indexes, &self.checkpoint)?;
        verify_all(&found, self.view.roster())
    }

    /// What the store finds under a topic. It may have grown since this session's checkpoint.
    fn found_under(
        &self,
        topic: &Topic,
    ) -> Result<impl Iterator<Item = EntryIndex> + use<>, SessionError> {
        let size = self.size();
        let found = self.store.entries_of(topic)?.into_iter();
        Ok(found.take_while(move |index| size.covers(*index)))
    }

    /// Rejects and withdrawals under any of `topics`. A topic is an aid in the store, under no
    /// signature: what takes permission away is known without it.
    fn taken_back(&self, topics: &BTreeSet<Topic>) -> impl Iterator<Item = EntryIndex> {
        self.view
            .taken_back()
            .filter(|(_, subject_type, hash)| {
                topics.contains(&topics::subject(*subject_type, *hash))
            })
            .map(|(index, _, _)| index)
    }

    /// The positions of the entries under a topic, oldest first.
    ///
    /// # Errors
    /// [`SessionError`] where the store cannot be read.
    pub fn indexes_under(&self, topic: Topic) -> Result<Vec<EntryIndex>, SessionError> {
        let mut indexes: BTreeSet<_> = self.found_under(&topic)?.collect();
        indexes.extend(self.taken_back(&BTreeSet::from([topic])));
        Ok(indexes.into_iter().collect())
    }

    /// The positions of the entries under a topic that names no subject, newest first: read a page
    /// at a time, for whoever seldom goes far back.
    pub fn newest_under(
        &self,
        topic: Topic,
    ) -> impl Iterator<Item = Result<EntryIndex, SessionError>> + '_ {
        let (mut size, mut page) = (self.size(), Vec::new().into_iter());
        std::iter::from_fn(move || {
            if page.len() == 0 {
                match self.store.newest_of(&topic, size, NEWEST_AT_ONCE) {
                    Ok(found) => page = found.into_iter(),
                    Err(error) => return Some(Err(error.into())),
                }
            }
            let index: EntryIndex = page.next()?;
            size = TreeSize::new(index.get());
            Some(Ok(index))
        })
    }

    /// The view as it was when the log had `size` entries, folded anew.
    ///
    /// # Errors
    /// [`SessionError`] where the log cannot be read or an entry should not be in it.
    pub fn view_as_of(&self, size: TreeSize) -> Result<View, SessionError> {
        if size == self.size() {
            return Ok(View::clone(&self.view));
        }
        replay::catch_up(View::default(), &*self.store, size)
    }

    /// Folds a view on to `size` entries, for who looks at one moment after another.
    ///
    /// # Errors
    /// As [`Session::view_as_of`].
    pub fn advance(&self, view: View, size: TreeSize) -> Result<View, SessionError> {
        if view.size() > size {
            return self.view_as_of(size);
        }
        replay::catch_up(view, &*self.store, size)
    }

    /// How many entries the log had at a moment: those whose time is not later. Times never
    /// fall, so a handful of entries is read.
    ///
    /// # Errors
    /// [`SessionError`] where an entry cannot be read.
    pub fn size_at(&self, moment: Timestamp) -> Result<TreeSize, SessionError> {
        let (mut low, mut high) = (0, self.size().get());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(EntryIndex::new(middle))?.time() <= moment {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(TreeSize::new(low))
    }

    /// The checkpoint that others are shown: the newest that enough witnesses cosigned, where it
    /// shows what is wanted; else the newest.
    fn shown(&self, shows: impl Fn(TreeSize) -> bool) -> &VerifiedCheckpoint {
        let wanted = self.trust.witnesses().quorum();
        let enough = self.cosigned.quorum().filter(|_| wanted.is_some());
        enough.filter(|enough| shows(enough.size())).unwrap_or(&self.checkpoint)
    }

    /// An entry and the proof that it is in the ledger, under the newest checkpoint that enough
    /// witnesses cosigned, or the newest of all where that does not cover it.
    ///
    /// # Errors
    /// [`SessionError`] where there is no such entry, or it does not verify.
    pub fn prove(&self, index: EntryIndex) -> Result<EntryProof, SessionError> {
        let checkpoint = self.shown(|size| size.covers(index));
        let found = read::entry(&*self.store, index, checkpoint)?;
        let found = found.ok_or(SessionError::NoEntry { index, size: self.size() })?;
        Ok(EntryProof { leaf: found.leaf().clone(), receipt: found.receipt().clone() })
    }

    /// Entries with their proofs, all under one checkpoint of at least `size` entries: the newest
    /// that enough witnesses cosigned, or the newest of all where that does not cover them.
    ///
    /// # Errors
    /// [`SessionError`] where there is no such entry, or one does not verify.
    pub fn prove_all(
        &self,
        indexes: &[EntryIndex],
        size: TreeSize,
    ) -> Result<(&VerifiedCheckpoint, Vec<EntryProof>), SessionError> {
        if let Some(index) = indexes.iter().find(|index| !self.size().covers(**index)) {
            return Err(SessionError::NoEntry { index: *index, size: self.size() });
        }
        let shows = |shown: TreeSize| indexes.iter().all(|index| shown.covers(*index));
        let checkpoint = self.shown(|shown| shown >= size && shows(shown));
        let found = read::entries(&*self.store, indexes.iter().copied(), checkpoint)?;
        let proved = |found: &read::VerifiedEntry| EntryProof {
            leaf: found.leaf().clone(),
            receipt: found.receipt().clone(),
        };
        Ok((checkpoint, found.iter().map(proved).collect()))
    }

    /// The entry of a receipt with its proof, as it was made: for what has just become an entry, of
    /// which no older checkpoint can tell.
    ///
    /// # Errors
    /// [`SessionError`] where the entry cannot be read, or is another.
    pub fn prove_new(&self, receipt: &Receipt) -> Result<EntryProof, SessionError> {
        let what = || format!("entry {}", receipt.index);
        let bytes = self.store.leaf(receipt.index)?;
        let bytes = bytes.filter(|bytes| merkle::leaf_hash(bytes) == receipt.leaf_hash);
        let bytes = bytes.ok_or_else(|| SessionError::integrity(what(), "is another one"))?;
        let leaf = Leaf::parse(&bytes)
            .map_err(|error| SessionError::integrity(what(), error.to_string()))?;
        Ok(EntryProof { leaf, receipt: receipt.clone() })
    }

    /// The proof that the newest checkpoint's tree continues the first `old` entries.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger has fewer entries, or a tile cannot be read.
    pub fn prove_since(&self, old: TreeSize) -> Result<ConsistencyProof, SessionError> {
        self.growth(old, self.shown(|size| size > old))
    }

    /// The same under the newest checkpoint, whoever cosigned it: what a witness is shown.
    ///
    /// # Errors
    /// As [`Session::prove_since`].
    pub fn prove_growth(&self, old: TreeSize) -> Result<ConsistencyProof, SessionError> {
        self.growth(old, &self.checkpoint)
    }

    fn growth(
        &self,
        old_size: TreeSize,
        new: &VerifiedCheckpoint,
    ) -> Result<ConsistencyProof, SessionError> {
        let hashes = read::consistency(&*self.store, old_size, new.size())?;
        Ok(ConsistencyProof { old_size, hashes, checkpoint: new.note().clone() })
    }

    /// How many entries a witness cosigned last, as far as is known here; 0 where nothing is.
    #[must_use]
    pub fn cosigned_last(&self, trust: &TrustRoot, witness: &WitnessName) -> TreeSize {
        self.cosigned.last_of(trust, witness)
    }

    /// The ledger's own keys, by the trees that each signs.
    ///
    /// # Errors
    /// [`SessionError`] where one cannot be read.
    pub fn ledger_keys(&self) -> Result<LedgerKeys, SessionError> {
        keys_by_size(&self.view)
    }

    /// What the ledger owes to whom beside its operator.
    #[must_use]
    pub fn witnessing(&self) -> Witnessing {
        self.cosigned.witnessing(&self.trust, self.size())
    }

    /// How many entries a checkpoint of this ledger has, which an earlier commit left somewhere:
    /// signed by one of its keys, and the beginning of its tree.
    ///
    /// # Errors
    /// [`SessionError`] where it is not: `what` says where it is from.
    pub fn earlier(&self, note: &[u8], what: &str) -> Result<TreeSize, SessionError> {
        let wrong = |why: String| SessionError::integrity(what, why);
        let origin = &self.checkpoint.checkpoint().origin;
        let keys = ledger_keys(&self.view)?;
        let earlier =
            open_checkpoint(note, origin, &keys).map_err(|error| wrong(error.to_string()))?;
        let size = earlier.size();
        let (mine, root) = (&self.checkpoint, earlier.root());
        if size > mine.size() {
            return Err(wrong(format!(
                "has {size} entries (root {root}), and the ledger {} (root {}): the ledger was set \
                 back",
                mine.size(),
                mine.root()
            )));
        }
        let here = read::prover(&*self.store, mine.size()).root(size)?;
        if here != *root {
            return Err(wrong(format!(
                "has another history of the first {size} entries: root {root} there, {here} in the \
                 ledger, which has {} (root {})",
                mine.size(),
                mine.root()
            )));
        }
        Ok(size)
    }

    /// The bytes of an entry's leaf, proved under the newest checkpoint.
    ///
    /// # Errors
    /// [`SessionError`] where there is no such entry, or it does not verify.
    pub fn leaf(&self, index: EntryIndex) -> Result<Vec<u8>, SessionError> {
        let found = read::entry(&*self.store, index, &self.checkpoint)?;
        let found = found.ok_or(SessionError::NoEntry { index, size: self.size() })?;
        Ok(found.leaf().to_bytes())
    }
}

/// Verifies entries on every processor: a release may rest on thousands of signatures.
fn verify_all(
    found: &[read::VerifiedEntry],
    roster: &Roster,
) -> Result<Vec<VerifiedEntry>, SessionError> {
    let verify = |part: &[read::VerifiedEntry]| -> Result<Vec<_>, SessionError> {
        let one = |entry: &read::VerifiedEntry| {
            Ok(VerifiedEntry::verify(entry.index(), &entry.leaf().to_bytes(), roster)?)
        };
        part.iter().map(one).collect()
    };
    if found.len() < VERIFIED_ALONE_MAX {
        return verify(found);
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let verify = &verify;
    let parts: Vec<_> = std::thread::scope(|scope| {
        let parts = found.chunks(found.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || verify(part))).collect();
        let broken = || SessionError::integrity("verification", "ended early");
        running.into_iter().map(|part| part.join().unwrap_or_else(|_| Err(broken()))).collect()
    });
    let mut entries = Vec::with_capacity(found.len());
    for part in parts {
        entries.extend(part?);
    }
    Ok(entries)
}
