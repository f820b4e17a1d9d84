//! The embedded store: one sled tree, one atomic batch a commit, and an fsync of our own.
//!
//! ```text
//! h                                the head
//! e || index                       number of parts of a leaf in one byte, and its first part
//! p || index || number             a further part of a leaf, from 1
//! t || level || index || half      128 hashes of a tile, or fewer at its end
//! x || topic || index              empty: the entry is found under the topic
//! ```
//! Integers are big-endian: 8 bytes for an index, else one. No value is above 4 KiB, for sled
//! moves larger ones to files that it never syncs.

mod database;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::database::{Database, guard};
use super::durable::{create_folder, failed};
use super::fault::FaultPlan;
use super::lock::{LedgerLock, is_named};
use crate::base::digest::{LeafHash, RootHash};
use crate::base::limits::{LEAF_BYTES_MAX, PAGE_LEAVES_MAX, STORE_VALUE_BYTES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::store::{Batch, Commit, Head, HeadToken, Store, StoreError, Topic};
use crate::merkle::tile::Tile;

/// A page of leaves ends after this many bytes.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a leaf in one value: the first value has the number of parts before it.
const PART_BYTES: usize = STORE_VALUE_BYTES_MAX - 1;
/// Bytes of half a full tile: the largest value that we write.
const HALF_BYTES: usize = STORE_VALUE_BYTES_MAX;
/// Bytes of the head before its checkpoint.
const HEAD_FRAME_BYTES: usize = 8 + 32 + 32 + 8;
const HEAD: &[u8] = b"h";
/// How errors call the store: what cannot be read of it comes back from the mirror.
pub const WHAT: &str = "the embedded store";

/// The embedded store in a ledger's folder. It belongs to one process at a time.
pub struct SledStore {
    db: Database,
    /// A second descriptor of sled's file: `flush` writes the pages out, only fsync keeps them.
    file: File,
    folder: PathBuf,
    broken: AtomicBool,
    /// What fails, in tests.
    plan: Option<Arc<FaultPlan>>,
    _lock: LedgerLock,
}

impl SledStore {
    /// Opens the store below a ledger's folder, or creates both, waiting up to `wait` for the
    /// lock; `command` is what others are told who wait for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the lock is held or files cannot be opened,
    /// [`StoreError::Integrity`] where sled cannot read what it wrote.
    pub fn open(ledger: &Path, command: &str, wait: Duration) -> Result<Self, StoreError> {
        create_folder(ledger)?;
        let lock = LedgerLock::take(&ledger.join("lock"), command, wait)?;
        let folder = ledger.join("sled");
        create_folder(&folder)?;
        let db = Database::open(&folder, wait)?;
        let path = folder.join("db");
        let file = File::open(&path).map_err(|error| failed("cannot open", &path, &error))?;
        let broken = AtomicBool::new(false);
        let store = Self { db, file, folder, broken, plan: None, _lock: lock };
        store.check_blobs()?;
        Ok(store)
    }

    /// Leaves the store to the end of the process: all is durable already, and to drop it takes
    /// sled milliseconds. The lock is held until then.
    pub fn leak(self) {
        std::mem::forget(self);
    }

    /// The same store, whose steps of a commit fail by plan: the batch, the flush, the fsync.
    #[must_use]
    pub fn failing(mut self, plan: Arc<FaultPlan>) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The same store, with sled opened anew after so many values that were written.
    #[must_use]
    pub fn opened_anew_after(mut self, values: u64) -> Self {
        self.db.set_tail_max(values);
        self
    }

    /// Whether nobody who reads waits, as they do while it is opened anew.
    #[must_use]
    pub fn answers_at_once(&self) -> bool {
        self.db.is_open()
    }

    /// Makes the next opening shorter, where that is worth it and nobody waits: sled is opened
    /// anew, which takes tenths of a second. If nobody has time, a commit does it in the end.
    ///
    /// # Errors
    /// As [`SledStore::open`]; the next call tries again.
    pub fn shorten_log(&self) -> Result<(), StoreError> {
        self.check_place()?;
        self.db.shorten_log()
    }

    /// The file that is open must be the one in the folder. Whoever moved the folder away, or put
    /// a copy in its place, would have entries acknowledged that no folder has.
    fn check_place(&self) -> Result<(), StoreError> {
        if is_named(&self.file, &self.folder.join("db")) {
            return Ok(());
        }
        let what = format!("the ledger's files are not in {} any more", self.folder.display());
        let why = "they were moved, removed or replaced while it was open";
        Err(StoreError::unavailable(what, why))
    }

    /// Closes the store where nothing is wrong with it, and else leaves it to the end of the
    /// process: sled's own threads may stumble over damage when they are ended.
    pub fn leak_unless(self, is_good: bool) {
        if !is_good {
            self.leak();
        }
    }

    /// Whether an entry is found under a topic.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_under(&self, topic: &Topic, index: EntryIndex) -> Result<bool, StoreError> {
        let key = topic_key(topic, index);
        self.db.with(|db| guard(|| db.contains_key(key)))
    }

    /// Hands every pair of a topic and an entry that is found under it to `visit`, until that says
    /// enough.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn each_topic(
        &self,
        visit: &mut dyn FnMut(Topic, EntryIndex) -> bool,
    ) -> Result<(), StoreError> {
        // In pages: sled may be opened anew between two, and `visit` may read the store.
        let mut from = Some(b"x".to_vec());
        while let Some(start) = from.take() {
            let keys = self.db.with(|db| {
                let keys = db.range(start..b"y".to_vec()).keys().take(PAGE_LEAVES_MAX + 1);
                guard(|| keys.collect::<Result<Vec<_>, _>>())
            })?;
            for key in keys.iter().take(PAGE_LEAVES_MAX) {
                let malformed = || StoreError::integrity("a topic", "malformed key");
                let (topic, index) = key[1..].split_first_chunk::<32>().ok_or_else(malformed)?;
                let index = index.try_into().map_err(|_| malformed())?;
                let index = EntryIndex::new(u64::from_be_bytes(index));
                if !visit(Topic::from_bytes(*topic), index) {
                    return Ok(());
                }
            }
            from = keys.get(PAGE_LEAVES_MAX).map(|key| key.to_vec());
        }
        Ok(())
    }

    /// sled never syncs the files in `blobs/`: a value there may vanish with the power.
    fn check_blobs(&self) -> Result<(), StoreError> {
        let blobs = self.folder.join("blobs");
        match fs::read_dir(&blobs).map(|mut entries| entries.next()) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(StoreError::integrity(WHAT, "it has values in blobs/")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("cannot read", &blobs, &error)),
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<::sled::IVec>, StoreError> {
        self.db.with(|db| guard(|| db.get(key)))
    }

    fn write(&self, batch: ::sled::Batch) -> Result<(), StoreError> {
        self.step(|| self.db.with(|db| guard(|| db.apply_batch(batch))))?;
        self.step(|| self.db.with(|db| guard(|| db.flush())).map(drop))?;
        self.step(|| {
            self.file.sync_data().map_err(|error| StoreError::unavailable("cannot sync", error))
        })?;
        self.check_place()
    }

    fn step(&self, call: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let Some(plan) = &self.plan else { return call() };
        plan.step(|| StoreError::unavailable(WHAT, "this call was to fail"), call)
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SledStore({})", self.folder.display())
    }
}

impl Store for SledStore {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.check_place()?;
        let Some(value) = self.get(HEAD)? else { return Ok(None) };
        read_head(&value).map(Some).ok_or_else(|| StoreError::integrity("the head", "malformed"))
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.with(|db| {
            let first = guard(|| db.get(entry_key(index)))?;
            first.map(|first| join(db, index, &first)).transpose()
        })
    }

    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.db.with(|db| {
            let mut values = db.range(entry_key(first).to_vec()..b"f".to_vec());
            let (mut leaves, mut bytes) = (Vec::new(), 0);
            for index in (first.get()..).take(count_max.min(PAGE_LEAVES_MAX)) {
                let Some((key, value)) = guard(|| values.next().transpose())? else { break };
                let index = EntryIndex::new(index);
                if key[..] != entry_key(index) || bytes > PAGE_BYTES_MAX {
                    break;
                }
                let leaf = join(db, index, &value)?;
                bytes += leaf.len();
                leaves.push(leaf);
            }
            Ok(leaves)
        })
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(half) = self.get(&tile_key(tile, 0))? else { return Ok(None) };
        let mut bytes = half.to_vec();
        if tile.bytes_count() > HALF_BYTES
            && let Some(half) = self.get(&tile_key(tile, 1))?
        {
            bytes.extend_from_slice(&half);
        }
        bytes.truncate(tile.bytes_count());
        Ok(Some(bytes))
    }

    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        let prefix = topic_prefix(topic);
        let scan = |db: &::sled::Db| guard(|| db.scan_prefix(&prefix).keys().collect());
        let keys: Vec<::sled::IVec> = self.db.with(scan)?;
        keys.iter().map(|key| index_of(key, &prefix)).collect()
    }

    fn newest_of(
        &self,
        topic: &Topic,
        size: TreeSize,
        count_max: usize,
    ) -> Result<Vec<EntryIndex>, StoreError> {
        let prefix = topic_prefix(topic);
        let end = [&prefix[..], &size.get().to_be_bytes()].concat();
        let scan = |db: &::sled::Db| {
            guard(|| db.range(prefix.clone()..end).keys().rev().take(count_max).collect())
        };
        let keys: Vec<::sled::IVec> = self.db.with(scan)?;
        keys.iter().map(|key| index_of(key, &prefix)).collect()
    }

    fn commit(&self, expected: Option<HeadToken>, batch: &Batch) -> Result<Commit, StoreError> {
        // After a failed fsync the kernel may have dropped the pages: nothing here counts.
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable(WHAT, "a commit failed: open it again"));
        }
        if self.head()?.as_ref().map(Head::token) != expected {
            return Ok(Commit::Stale);
        }
        let (values, count) = to_values(batch)?;
        // Nothing is written yet: what fails here may be tried again.
        self.db.make_room(count)?;
        self.check_place()?;
        if let Err(error) = self.write(values) {
            self.broken.store(true, Ordering::SeqCst);
            return Ok(Commit::Unknown(error));
        }
        if cfg!(debug_assertions) {
            self.check_blobs()?;
        }
        Ok(Commit::Committed)
    }
}

/// What the keys of a topic begin with; the index of the entry follows.
fn topic_prefix(topic: &Topic) -> Vec<u8> {
    [b"x", &topic.as_bytes()[..]].concat()
}

/// The entry that a key of a topic names.
fn index_of(key: &[u8], prefix: &[u8]) -> Result<EntryIndex, StoreError> {
    let index = key.get(prefix.len()..).and_then(|rest| rest.try_into().ok());
    let index = index.ok_or_else(|| StoreError::integrity("a topic", "malformed key"))?;
    Ok(EntryIndex::new(u64::from_be_bytes(index)))
}

/// Puts the parts of a leaf together; `first` is its first value.
fn join(db: &::sled::Db, index: EntryIndex, first: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = |why: &str| StoreError::integrity(format!("entry {index}"), why);
    let (parts, first) = first.split_first().ok_or_else(|| damaged("an empty value"))?;
    if *parts == 0 {
        return Err(damaged("a leaf of no parts"));
    }
    let mut leaf = first.to_vec();
    for number in 1..*parts {
        let part = guard(|| db.get(part_key(index, number)))?;
        leaf.extend_from_slice(&part.ok_or_else(|| damaged("a part is missing"))?);
        if leaf.len() > LEAF_BYTES_MAX {
            return Err(damaged("larger than a leaf may be"));
        }
    }
    Ok(leaf)
}

/// Every value of a batch, and how many. The one place where values are made, and where their size
/// is checked.
fn to_values(batch: &Batch) -> Result<(::sled::Batch, usize), StoreError> {
    let (mut values, mut count) = (::sled::Batch::default(), 0);
    let mut put = |key: Vec<u8>, value: Vec<u8>| {
        if value.len() > STORE_VALUE_BYTES_MAX {
            return Err(StoreError::unavailable(WHAT, "a value above 4 KiB was refused"));
        }
        values.insert(key, value);
        count += 1;
        Ok(())
    };
    for (index, leaf) in (batch.first.get()..).zip(&batch.leaves) {
        let index = EntryIndex::new(index);
        let mut parts = leaf.chunks(PART_BYTES);
        let parts_count = u8::try_from(parts.len())
            .map_err(|_| StoreError::unavailable(WHAT, "a leaf is too large"))?;
        let first = parts.next().unwrap_or_default();
        put(entry_key(index).to_vec(), [&[parts_count], first].concat())?;
        for (number, part) in (1_u8..).zip(parts) {
            put(part_key(index, number).to_vec(), part.to_vec())?;
        }
    }
    for (tile, bytes) in &batch.tiles {
        for (number, half) in (0_u8..).zip(bytes.chunks(HALF_BYTES)) {
            put(tile_key(*tile, number).to_vec(), half.to_vec())?;
        }
    }
    for (topic, index) in &batch.topics {
        put(topic_key(topic, *index).to_vec(), Vec::new())?;
    }
    put(HEAD.to_vec(), write_head(&batch.head))?;
    Ok((values, count))
}

fn entry_key(index: EntryIndex) -> [u8; 9] {
    let mut key = [b'e'; 9];
    key[1..].copy_from_slice(&index.get().to_be_bytes());
    key
}

fn topic_key(topic: &Topic, index: EntryIndex) -> [u8; 41] {
    let mut key = [b'x'; 41];
    key[1..33].copy_from_slice(topic.as_bytes());
    key[33..].copy_from_slice(&index.get().to_be_bytes());
    key
}

fn part_key(index: EntryIndex, number: u8) -> [u8; 10] {
    let mut key = [b'p'; 10];
    key[1..9].copy_from_slice(&index.get().to_be_bytes());
    key[9] = number;
    key
}

fn tile_key(tile: Tile, half: u8) -> [u8; 11] {
    let mut key = [b't'; 11];
    key[1] = tile.level;
    key[2..10].copy_from_slice(&tile.index.to_be_bytes());
    key[10] = half;
    key
}

fn write_head(head: &Head) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_FRAME_BYTES + head.checkpoint.len());
    value.extend_from_slice(&head.size.get().to_be_bytes());
    value.extend_from_slice(head.root.as_bytes());
    value.extend_from_slice(head.last_leaf.as_bytes());
    value.extend_from_slice(&head.last_time.milliseconds().to_be_bytes());
    value.extend_from_slice(head.checkpoint.as_bytes());
    value
}

fn read_head(value: &[u8]) -> Option<Head> {
    let (size, rest) = value.split_first_chunk::<8>()?;
    let (root, rest) = rest.split_first_chunk::<32>()?;
    let (last_leaf, rest) = rest.split_first_chunk::<32>()?;
    let (last_time, checkpoint) = rest.split_first_chunk::<8>()?;
    Some(Head {
        size: TreeSize::new(u64::from_be_bytes(*size)),
        root: RootHash::from_bytes(*root),
        last_leaf: LeafHash::from_bytes(*last_leaf),
        last_time: Timestamp::from_milliseconds(u64::from_be_bytes(*last_time)),
        checkpoint: String::from_utf8(checkpoint.to_vec()).ok()?,
    })
}
