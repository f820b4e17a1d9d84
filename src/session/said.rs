//! What entries say, and what they say it of, read as it lies there: nothing of it is proved, and
//! no signature verified. Like a topic it tells which entries are worth reading.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::references::Parsed;
use super::{Session, SessionError};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::change::Document;
use crate::ledger::store::{Store as _, Topic};
use crate::statement::{Says, Statement};

/// How many statements and documents are remembered: verdicts look at the same ones many times.
const REMEMBERED_MAX: usize = 4_096;
/// Larger documents are read each time.
const REMEMBERED_ROWS_MAX: usize = 64;

/// So long what was not there is not looked for again.
const MISSING_FOR: Duration = Duration::from_secs(2);

/// What an entry says.
#[derive(Debug)]
pub struct Said {
    /// Its position.
    pub index: EntryIndex,
    /// Its time.
    pub time: Timestamp,
    /// The statement.
    pub statement: Arc<Statement>,
}

/// What was read already; shared by a session and its snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Lately {
    said: Arc<Memory<EntryIndex, Said>>,
    documents: Arc<Memory<ChangeHash, Document>>,
    missing: Arc<Missing>,
}

impl Lately {
    /// Counts what is kept in the side store.
    pub(super) fn files_kept(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.missing.kept)
    }
}

/// Documents that were not there. Whatever is kept may be one of them, so nothing is remembered
/// beyond it; and who puts a file back by hand need not wait for that.
#[derive(Debug, Default)]
struct Missing {
    kept: Arc<AtomicU64>,
    known: Mutex<Option<Known>>,
}

/// What was not there after so much was kept, since then.
#[derive(Debug)]
struct Known {
    kept: u64,
    since: Instant,
    changes: HashSet<ChangeHash>,
}

impl Known {
    fn new(kept: u64) -> Self {
        Self { kept, since: Instant::now(), changes: HashSet::new() }
    }

    fn holds(&self, kept: u64) -> bool {
        self.kept == kept
            && self.since.elapsed() < MISSING_FOR
            && self.changes.len() < REMEMBERED_MAX
    }
}

impl Missing {
    fn kept(&self) -> u64 {
        self.kept.load(Ordering::SeqCst)
    }

    fn has(&self, change: ChangeHash) -> bool {
        let kept = self.kept();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.holds(kept));
        known.is_some_and(|known| known.changes.contains(&change))
    }

    /// It was not there, looked for after so much was kept.
    fn note(&self, change: ChangeHash, kept: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.take().filter(|known| known.holds(kept));
        let known = known.insert(before.unwrap_or_else(|| Known::new(kept)));
        known.changes.insert(change);
    }
}

#[derive(Debug)]
struct Memory<K, V>(Mutex<Halves<K, V>>);

/// What was asked for lately, and what was before that. Where there is no room, what nobody asked
/// for since the last time is forgotten.
#[derive(Debug)]
struct Halves<K, V> {
    lately: HashMap<K, Arc<V>>,
    before: HashMap<K, Arc<V>>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Halves { lately: HashMap::new(), before: HashMap::new() }))
    }
}

impl<K: Eq + Hash + Copy, V> Memory<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = halves.lately.get(key) {
            return Some(Arc::clone(value));
        }
        let value = halves.before.remove(key)?;
        halves.keep(*key, &value);
        Some(value)
    }

    fn keep(&self, key: K, value: &Arc<V>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(key, value);
    }
}

impl<K: Eq + Hash, V> Halves<K, V> {
    fn keep(&mut self, key: K, value: &Arc<V>) {
        if self.lately.len() >= REMEMBERED_MAX / 2 {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(key, Arc::clone(value));
    }
}

impl Session {
    /// What the newest entries of a topic say, at most `count_max`, newest first.
    ///
    /// # Errors
    /// [`SessionError`] where the store cannot be read, or an entry does not parse.
    pub fn newest_said(
        &self,
        topic: &Topic,
        size: TreeSize,
        count_max: usize,
    ) -> Result<Vec<Arc<Said>>, SessionError> {
        let indexes = self.store.newest_of(topic, self.size().min(size), count_max)?;
        indexes.into_iter().map(|index| self.said_at(index)).collect()
    }

    fn said_at(&self, index: EntryIndex) -> Result<Arc<Said>, SessionError> {
        if let Some(said) = self.lately.said.get(&index) {
            return Ok(said);
        }
        let none = || SessionError::NoEntry { index, size: self.size() };
        let bytes = self.store.leaf(index)?.ok_or_else(none)?;
        let Parsed { leaf, statement, .. } = Parsed::parse(index, &bytes)?;
        let (time, statement) = (leaf.time(), Arc::new(statement));
        let said = Arc::new(Said { index, time, statement });
        self.lately.said.keep(index, &said);
        Ok(said)
    }

    /// Remembers what an entry of the newest commit says, for verdicts: an approval they look at
    /// next. Whoever had it read already spares them reading it again.
    pub fn note_said(&self, index: EntryIndex, statement: Arc<Statement>) {
        if matches!(statement.says, Says::Approval(_)) {
            // Every entry of a commit has its time.
            let said = Said { index, time: self.view.time(), statement };
            self.lately.said.keep(index, &Arc::new(said));
        }
    }

    /// The document of a change, where it was kept: it has the hash of the change.
    ///
    /// # Errors
    /// [`SessionError`] where the side store cannot be read.
    pub fn document(&self, change: ChangeHash) -> Result<Option<Arc<Document>>, SessionError> {
        if let Some(document) = self.lately.documents.get(&change) {
            return Ok(Some(document));
        }
        let (blobs, kept_before) = (self.blobs(), self.lately.missing.kept());
        if blobs.is_all_here() && self.lately.missing.has(change) {
            return Ok(None);
        }
        let kept = blobs.get(&ContentDigest::from_bytes(*change.as_bytes()))?;
        if kept.is_none() {
            self.lately.missing.note(change, kept_before);
        }
        let document = kept.and_then(|bytes| Document::parse(&bytes).ok());
        let Some(document) = document.filter(|document| document.hash() == change) else {
            return Ok(None);
        };
        let document = Arc::new(document);
        if document.rows().len() <= REMEMBERED_ROWS_MAX {
            self.lately.documents.keep(change, &document);
        }
        Ok(Some(document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_in_time() {
        let memory = Memory::<u64, u64>::default();
        let (first, second, most) = (0, 1, REMEMBERED_MAX as u64);
        for key in 0..10 * most {
            memory.keep(key, &Arc::new(key));
            assert_eq!(memory.get(&first), Some(Arc::new(first)));
            assert_eq!(memory.get(&key), Some(Arc::new(key)));
        }
        assert_eq!(memory.get(&second), None);
        let halves = memory.0.lock().unwrap();
        assert!(halves.lately.len() + halves.before.len() <= REMEMBERED_MAX);
    }

    #[test]
    fn what_was_missing_is_looked_for_again_once_anything_is_kept() {
        let (missing, change) = (Missing::default(), ChangeHash::from_bytes([1; 32]));
        assert!(!missing.has(change));
        missing.note(change, missing.kept());
        assert!(missing.has(change) && !missing.has(ChangeHash::from_bytes([2; 32])));
        // Kept between the look and the note: what was seen may be true no more.
        let before = missing.kept();
        missing.kept.fetch_add(1, Ordering::SeqCst);
        assert!(!missing.has(change));
        missing.note(change, before);
        assert!(!missing.has(change));
    }

    #[test]
    fn what_was_missing_is_looked_for_again_after_a_while() {
        let (missing, change) = (Missing::default(), ChangeHash::from_bytes([1; 32]));
        missing.note(change, 0);
        let mut known = missing.known.lock().unwrap();
        let known = known.as_mut().unwrap();
        assert!(known.holds(0));
        known.since = known.since.checked_sub(MISSING_FOR).unwrap();
        assert!(!known.holds(0));
    }
}
