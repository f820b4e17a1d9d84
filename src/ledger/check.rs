//! Checking a whole ledger: chain, times, tree, tiles and checkpoints, to the first damage.

use std::collections::VecDeque;
use std::fmt;

use super::head::open_checkpoint;
use super::leaf::{self, Leaf};
use super::read::prover;
use super::store::{CheckpointFile, Head, Store, StoreError};
use crate::base::digest::{LeafHash, RootHash};
use crate::base::limits::{ENTRIES_MAX, PAGE_LEAVES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::merkle;
use crate::merkle::proof::verify_consistency;
use crate::merkle::tile::{HASH_BYTES, TILE_WIDTH, Tile};
use crate::merkle::tree::TileTree;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::note::key::VerifierKey;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number of entries that the head names.
    pub size: TreeSize,
    /// Entries from the first on that are good.
    pub entries_good: TreeSize,
    /// Root hash over the good entries.
    pub root: RootHash,
    /// The signed checkpoint of the head, where it is good.
    pub checkpoint: Option<VerifiedCheckpoint>,
    /// The first damage; `None` where there is none.
    pub damage: Option<Damage>,
}

/// Where a ledger is damaged, and what differs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The place.
    pub place: Place,
    /// What differs.
    pub what: String,
}

/// A part of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The head in the store.
    Head,
    /// The signed checkpoint in the head.
    Checkpoint,
    /// The separate file of the newest checkpoint.
    CheckpointFile,
    /// An entry.
    Entry(EntryIndex),
    /// A hash tile.
    Tile(Tile),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => formatter.write_str("head"),
            Self::Checkpoint => formatter.write_str("checkpoint of the head"),
            Self::CheckpointFile => formatter.write_str("file of the newest checkpoint"),
            Self::Entry(index) => write!(formatter, "entry {index}"),
            Self::Tile(tile) => formatter.write_str(&tile.path()),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)
    }
}

/// What ends a check early.
enum Stop {
    Damage(Damage),
    Unavailable(StoreError),
}

impl Stop {
    #[expect(clippy::needless_pass_by_value, reason = "texts and errors alike come by value")]
    fn at(place: Place, what: impl ToString) -> Self {
        Self::Damage(Damage { place, what: what.to_string() })
    }
}

/// Damage reported by the store itself is damage of the place that was read.
fn located<T>(place: Place, result: Result<T, StoreError>) -> Result<T, Stop> {
    result.map_err(|error| match error {
        StoreError::Integrity { .. } => Stop::at(place, error),
        StoreError::Unavailable { .. } => Stop::Unavailable(error),
    })
}

/// Checks every entry of a ledger, in order, and everything that is derived from them.
///
/// `keys` are those that may have signed its checkpoints. `visit` is called for each good leaf,
/// so that the caller can replay admission; what it fails with is damage of that entry.
///
/// # Errors
/// [`StoreError::Unavailable`] alone; damage is a finding, not an error.
pub fn check<S: Store + ?Sized>(
    store: &S,
    file: &dyn CheckpointFile,
    origin: &str,
    keys: &[VerifierKey],
    visit: &mut dyn FnMut(EntryIndex, &Leaf, &LeafHash) -> Result<(), String>,
) -> Result<Report, StoreError> {
    check_until(store, file, origin, keys, TreeSize::new(u64::MAX), visit)
}

/// The same for the entries below `until` alone. Of those beyond, nothing is read; the tree of the
/// entries that were is shown to be the beginning of the one that the head's checkpoint signs.
///
/// # Errors
/// As [`check`].
pub fn check_until<S: Store + ?Sized>(
    store: &S,
    file: &dyn CheckpointFile,
    origin: &str,
    keys: &[VerifierKey],
    until: TreeSize,
    visit: &mut dyn FnMut(EntryIndex, &Leaf, &LeafHash) -> Result<(), String>,
) -> Result<Report, StoreError> {
    let mut walk = Walk::new(store, visit);
    let result = walk.run(file, origin, keys, until);
    let damage = match result {
        Ok(()) => None,
        Err(Stop::Damage(damage)) => Some(damage),
        Err(Stop::Unavailable(error)) => return Err(error),
    };
    Ok(Report {
        size: walk.head.as_ref().map_or(TreeSize::default(), |head| head.size),
        entries_good: walk.tree.size(),
        root: walk.tree.root(),
        checkpoint: walk.checkpoint,
        damage,
    })
}

struct Walk<'check, S: ?Sized> {
    store: &'check S,
    visit: &'check mut dyn FnMut(EntryIndex, &Leaf, &LeafHash) -> Result<(), String>,
    head: Option<Head>,
    checkpoint: Option<VerifiedCheckpoint>,
    tree: TileTree,
    last: (LeafHash, Timestamp),
    /// Leaves read ahead; the first is the next to judge.
    page: VecDeque<Vec<u8>>,
    /// The stored level-0 tile of the entry that is judged.
    row: Vec<u8>,
}

impl<'check, S: Store + ?Sized> Walk<'check, S> {
    fn new(
        store: &'check S,
        visit: &'check mut dyn FnMut(EntryIndex, &Leaf, &LeafHash) -> Result<(), String>,
    ) -> Self {
        Self {
            store,
            visit,
            head: None,
            checkpoint: None,
            tree: TileTree::new(),
            last: (leaf::no_leaf(), Timestamp::default()),
            page: VecDeque::new(),
            row: Vec::new(),
        }
    }

    fn run(
        &mut self,
        file: &dyn CheckpointFile,
        origin: &str,
        keys: &[VerifierKey],
        until: TreeSize,
    ) -> Result<(), Stop> {
        self.head = located(Place::Head, self.store.head())?;
        let size = self.head.as_ref().map_or(0, |head| head.size.get());
        if size > ENTRIES_MAX || (size == 0 && self.head.is_some()) {
            return Err(Stop::at(Place::Head, "its size is out of range"));
        }
        // The entries come first: the exact place of damage is worth more than that there is any.
        let newest = newest(file, origin, keys);
        let mut newest_root = None;
        for index in 0..size.min(until.get()) {
            self.note_root(newest.as_ref(), &mut newest_root);
            self.entry(EntryIndex::new(index), TreeSize::new(size))?;
        }
        self.note_root(newest.as_ref(), &mut newest_root);
        if until.get() < size {
            return self.beginning(newest?, newest_root, origin, keys);
        }
        self.partial_tiles()?;
        if let Some(head) = self.head.take() {
            let result = self.check_head(&head, origin, keys);
            self.head = Some(head);
            result?;
        }
        let beyond = EntryIndex::new(size);
        if located(Place::Entry(beyond), self.store.leaf(beyond))?.is_some() {
            return Err(Stop::at(Place::Entry(beyond), "it is beyond the head"));
        }
        check_newest(newest?, newest_root, TreeSize::new(size))
    }

    /// Keeps the root at the size of the checkpoint file while the walk passes it.
    fn note_root(
        &self,
        newest: Result<&Option<VerifiedCheckpoint>, &Stop>,
        root: &mut Option<RootHash>,
    ) {
        if let Ok(Some(newest)) = newest
            && newest.size() == self.tree.size()
        {
            *root = Some(self.tree.root());
        }
    }

    /// The bytes of an entry without taking it out of the page.
    fn bytes(&mut self, index: EntryIndex) -> Result<&Vec<u8>, Stop> {
        if self.page.is_empty() {
            match self.store.leaves(index, PAGE_LEAVES_MAX) {
                Ok(page) => self.page = page.into(),
                // One bad entry fails a page: single reads find which.
                Err(StoreError::Integrity { .. }) => {}
                Err(error) => return Err(Stop::Unavailable(error)),
            }
        }
        if self.page.is_empty() {
            let place = Place::Entry(index);
            let leaf = located(place, self.store.leaf(index))?;
            self.page.push_back(leaf.ok_or_else(|| Stop::at(place, "missing"))?);
        }
        self.page.front().ok_or_else(|| Stop::at(Place::Entry(index), "missing"))
    }

    /// Judges one entry: its own form, the chain, and the hash in its tile.
    fn entry(&mut self, index: EntryIndex, size: TreeSize) -> Result<(), Stop> {
        let place = Place::Entry(index);
        let bytes = self.bytes(index)?;
        let hash = merkle::leaf_hash(bytes);
        let leaf = Leaf::parse(bytes).map_err(|error| Stop::at(place, error))?;
        self.page.pop_front();
        let (last_leaf, last_time) = self.last;
        if leaf.prev() != last_leaf {
            let what = format!("prev is {}, the entry before has {last_leaf}", leaf.prev());
            return Err(Stop::at(place, what));
        }
        if leaf.time() < last_time {
            let (time, before) = (leaf.time().milliseconds(), last_time.milliseconds());
            return Err(Stop::at(place, format!("time {time} is before {before}")));
        }
        self.tile_hash(index, size, &hash)?;
        (self.visit)(index, &leaf, &hash).map_err(|what| Stop::at(place, what))?;
        self.tree.append(&hash);
        self.last = (hash, leaf.time());
        if self.tree.size().get().is_multiple_of(TILE_WIDTH) {
            self.full_tiles()?;
        }
        Ok(())
    }

    /// Compares a leaf hash with the one in its tile, and says which of both is damaged.
    fn tile_hash(
        &mut self,
        index: EntryIndex,
        size: TreeSize,
        hash: &LeafHash,
    ) -> Result<(), Stop> {
        let offset = index.get() % TILE_WIDTH;
        let tile = Tile::within(0, index.get() / TILE_WIDTH, size)
            .ok_or_else(|| Stop::at(Place::Entry(index), "beyond the head"))?;
        let place = Place::Tile(tile);
        if offset == 0 {
            self.row = located(place, self.store.tile(tile))?.unwrap_or_default();
        }
        let at = usize::try_from(offset).unwrap_or(usize::MAX).saturating_mul(HASH_BYTES);
        let stored = self.row.get(at..).and_then(|rest| rest.first_chunk::<HASH_BYTES>()).copied();
        if stored.as_ref() == Some(hash.as_bytes()) {
            return Ok(());
        }
        // A third witness decides: what the next entry or the head says of this one.
        let says_so = if index.size_after() == size {
            self.head.as_ref().map(|head| head.last_leaf)
        } else {
            let next = self.bytes(index.size_after().next_index()).ok();
            next.and_then(|bytes| Leaf::parse(bytes).ok()).map(|leaf| leaf.prev())
        };
        let Some(stored) = stored else {
            return Err(Stop::at(place, "missing or too short"));
        };
        let stored = LeafHash::from_bytes(stored);
        Err(if says_so == Some(*hash) {
            Stop::at(place, format!("has {stored} for entry {index}, whose leaf hash is {hash}"))
        } else {
            Stop::at(Place::Entry(index), format!("leaf hash is {hash}, its tile has {stored}"))
        })
    }

    /// Compares the tiles that were filled since the last call with the stored ones.
    fn full_tiles(&mut self) -> Result<(), Stop> {
        let changed = self.tree.take_changed().into_iter();
        changed.filter(|(tile, _)| tile.is_full()).try_for_each(|tile| self.compare(tile))
    }

    /// Compares the partial tile of each level with the stored one.
    fn partial_tiles(&self) -> Result<(), Stop> {
        (0..8).filter_map(|level| self.tree.partial(level)).try_for_each(|tile| self.compare(tile))
    }

    fn compare(&self, (tile, bytes): (Tile, Vec<u8>)) -> Result<(), Stop> {
        let stored = located(Place::Tile(tile), self.store.tile(tile))?;
        if stored.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let what = if stored.is_some() { "differs from the entries" } else { "missing" };
        Err(Stop::at(Place::Tile(tile), what))
    }

    /// Shows that the entries that were walked are the beginning of the tree that the head's
    /// checkpoint signs, by the tiles alone.
    fn beginning(
        &mut self,
        newest: Option<VerifiedCheckpoint>,
        newest_root: Option<RootHash>,
        origin: &str,
        keys: &[VerifierKey],
    ) -> Result<(), Stop> {
        let Some(head) = self.head.clone() else { return Ok(()) };
        self.check_checkpoint(&head, origin, keys)?;
        let continues = |old: TreeSize, root: &RootHash| {
            let hashes = located(Place::Head, prover(self.store, head.size).consistency(old))?;
            Ok(verify_consistency(old, root, head.size, &head.root, &hashes).is_ok())
        };
        if !continues(self.tree.size(), &self.tree.root())? {
            let what =
                format!("its tree does not begin with the first {} entries", self.tree.size());
            return Err(Stop::at(Place::Head, what));
        }
        // A file beyond what was walked is held against the tiles, as at every opening.
        let newest_root = match &newest {
            Some(newest) if newest.size() > self.tree.size() && newest.size() <= head.size => {
                continues(newest.size(), newest.root())?.then(|| *newest.root())
            }
            _ => newest_root,
        };
        check_newest(newest, newest_root, head.size)
    }

    fn check_head(&mut self, head: &Head, origin: &str, keys: &[VerifierKey]) -> Result<(), Stop> {
        if head.root != self.tree.root() {
            let what = format!("root is {}, that of the entries {}", head.root, self.tree.root());
            return Err(Stop::at(Place::Head, what));
        }
        if (head.last_leaf, head.last_time) != self.last {
            return Err(Stop::at(Place::Head, "the newest entry is another one"));
        }
        self.check_checkpoint(head, origin, keys)
    }

    fn check_checkpoint(
        &mut self,
        head: &Head,
        origin: &str,
        keys: &[VerifierKey],
    ) -> Result<(), Stop> {
        let checkpoint = open_checkpoint(head.checkpoint.as_bytes(), origin, keys)
            .map_err(|error| Stop::at(Place::Checkpoint, error))?;
        if (checkpoint.size(), *checkpoint.root()) != (head.size, head.root) {
            return Err(Stop::at(Place::Checkpoint, "it is of another tree"));
        }
        self.checkpoint = Some(checkpoint);
        Ok(())
    }
}

/// The checkpoint in its file.
fn newest(
    file: &dyn CheckpointFile,
    origin: &str,
    keys: &[VerifierKey],
) -> Result<Option<VerifiedCheckpoint>, Stop> {
    let place = Place::CheckpointFile;
    let Some(note) = located(place, file.load())? else { return Ok(None) };
    open_checkpoint(&note, origin, keys).map(Some).map_err(|error| Stop::at(place, error))
}

/// Compares the checkpoint file with the entries.
fn check_newest(
    newest: Option<VerifiedCheckpoint>,
    root: Option<RootHash>,
    size: TreeSize,
) -> Result<(), Stop> {
    let place = Place::CheckpointFile;
    let Some(newest) = newest else {
        return if size.get() == 0 { Ok(()) } else { Err(Stop::at(place, "missing")) };
    };
    if newest.size() > size {
        let what = format!("it has {} entries, the store only {size}", newest.size());
        return Err(Stop::at(place, what));
    }
    if root.as_ref() != Some(newest.root()) {
        let what = format!("another history of the first {} entries", newest.size());
        return Err(Stop::at(place, what));
    }
    Ok(())
}
