//! What entries say, and what they say it of, read as it lies there: nothing of it is proved, and
//! no signature verified. Like a topic it tells which entries are worth reading.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::references::Parsed;
use super::{Session, SessionError};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::change::Document;
use crate::ledger::store::{Store as _, Topic};
use crate::statement::Statement;

/// How many statements and documents are remembered: verdicts look at the same ones many times.
const REMEMBERED_MAX: usize = 4_096;
/// Larger documents are read each time.
const REMEMBERED_ROWS_MAX: usize = 64;

/// What an entry says.
#[derive(Debug)]
pub struct Said {
    /// Its position.
    pub index: EntryIndex,
    /// Its time.
    pub time: Timestamp,
    /// The statement.
    pub statement: Statement,
}

/// What was read already; shared by a session and its snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Lately {
    said: Arc<Memory<EntryIndex, Said>>,
    documents: Arc<Memory<ChangeHash, Document>>,
}

#[derive(Debug)]
struct Memory<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Memory<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Where there is no room the others are forgotten: those that are asked for come back.
    fn keep(&self, key: K, value: &Arc<V>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, Arc::clone(value));
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
        let said = Arc::new(Said { index, time: leaf.time(), statement });
        self.lately.said.keep(index, &said);
        Ok(said)
    }

    /// The document of a change, where it was kept: it has the hash of the change.
    ///
    /// # Errors
    /// [`SessionError`] where the side store cannot be read.
    pub fn document(&self, change: ChangeHash) -> Result<Option<Arc<Document>>, SessionError> {
        if let Some(document) = self.lately.documents.get(&change) {
            return Ok(Some(document));
        }
        let kept = self.blobs().get(&ContentDigest::from_bytes(*change.as_bytes()))?;
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
