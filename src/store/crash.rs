//! A disk and a store that forget what was not synced, for tests: the power fails at any call, and
//! what is there afterwards is every state that the promises of a file system allow.
//!
//! The promises are those of POSIX and no more. A file's content is there once the file was synced,
//! until then it is old, new, cut or blank. A name is there, gone or moved once its folder was
//! synced, until then each change of a name has happened or not, whatever became of the others. A
//! rename is one change. A batch of the store is there whole or not at all before its sync: sled
//! promises that, and tests of its own files show it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::FaultPlan;
use super::files::{Files, NewFile};
use super::memory::{MemoryState, MemoryStore};
use crate::base::position::EntryIndex;
use crate::ledger::store::{Batch, Commit, Head, HeadToken, Store, StoreError, Topic};
use crate::merkle::tile::Tile;

/// Takes one of so many possibilities: gives a number below its argument.
pub type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

/// Walks through every sequence of choices, one after the other.
#[derive(Debug, Default)]
pub struct EveryChoice {
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl EveryChoice {
    /// Takes the next choice of this sequence.
    pub fn choose(&mut self, count: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, count));
        }
        let (chosen, _) = self.taken[self.at];
        self.at += 1;
        chosen
    }

    /// Goes on to the next sequence; `false` where there is none.
    pub fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, count)) = self.taken.pop() {
            if chosen + 1 < count {
                self.taken.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    /// A file, by its place in [`DiskState::contents`].
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// What processes read.
    written: Vec<u8>,
    /// What was there at the last sync.
    synced: Vec<u8>,
}

/// One change of names, which happens as a whole.
#[derive(Debug, Clone)]
struct Change {
    set: Option<(PathBuf, Node)>,
    cleared: Option<PathBuf>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(path) = &self.cleared {
            names.remove(path);
        }
        if let Some((path, node)) = &self.set {
            names.insert(path.clone(), *node);
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        let set = self.set.as_ref().map(|(path, _)| path);
        set.or(self.cleared.as_ref()).and_then(|path| path.parent()) == Some(folder)
    }
}

/// Everything on a disk, and what of it would be lost.
#[derive(Debug, Clone, Default)]
pub struct DiskState {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    synced: BTreeMap<PathBuf, Node>,
    unsynced: Vec<Change>,
}

impl DiskState {
    /// What is on the disk after the power failed, one of the possibilities.
    #[must_use]
    pub fn after_power_loss(&self, choose: Choose<'_>) -> Self {
        let mut names = self.synced.clone();
        for change in &self.unsynced {
            if choose(2) == 1 {
                change.apply(&mut names);
            }
        }
        // With a folder goes what was in it.
        let has_folder = |path: &PathBuf| {
            let mut above = path.ancestors().skip(1);
            above.all(|folder| {
                folder.parent().is_none() || matches!(names.get(folder), Some(Node::Folder))
            })
        };
        let kept: BTreeMap<_, _> = names
            .iter()
            .filter(|(path, _)| has_folder(path))
            .map(|(path, node)| (path.clone(), *node))
            .collect();
        let mut contents = vec![Content::default(); self.contents.len()];
        for node in kept.values() {
            if let Node::File(number) = node {
                let bytes = self.contents[*number].after_power_loss(choose);
                contents[*number] = Content { written: bytes.clone(), synced: bytes };
            }
        }
        Self { contents, names: kept.clone(), synced: kept, unsynced: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(number)) => Ok(*number),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn needs_folder_of(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        match self.names.get(folder) {
            Some(Node::Folder) => Ok(()),
            _ if folder.parent().is_none() => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Content {
    fn after_power_loss(&self, choose: Choose<'_>) -> Vec<u8> {
        if self.written == self.synced {
            return self.synced.clone();
        }
        match choose(4) {
            0 => self.synced.clone(),
            1 => self.written.clone(),
            2 => self.written[..self.written.len() / 2].to_vec(),
            _ => vec![0; self.written.len()],
        }
    }
}

/// A disk in memory that forgets.
#[derive(Debug)]
pub struct CrashDisk {
    plan: Arc<FaultPlan>,
    state: Mutex<DiskState>,
}

impl CrashDisk {
    /// A disk with this on it, whose calls fail by plan.
    #[must_use]
    pub fn new(state: DiskState, plan: Arc<FaultPlan>) -> Arc<Self> {
        Arc::new(Self { plan, state: Mutex::new(state) })
    }

    /// What is on it at present: a process that is killed loses nothing of it.
    #[must_use]
    pub fn state(&self) -> DiskState {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call, if it is not to fail.
    fn step<T>(&self, call: impl FnOnce(&mut DiskState) -> io::Result<T>) -> io::Result<T> {
        self.plan.step(|| io::Error::other("injected fault"), || call(&mut self.lock()))
    }
}

struct OpenFile<'a> {
    disk: &'a CrashDisk,
    number: usize,
}

impl NewFile for OpenFile<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.step(|state| {
            state.contents[self.number].written.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step(|state| {
            let content = &mut state.contents[self.number];
            content.synced.clone_from(&content.written);
            Ok(())
        })
    }
}

impl Files for CrashDisk {
    fn create(&self, path: &Path, _: u32) -> io::Result<Box<dyn NewFile + '_>> {
        let number = self.step(|state| {
            state.needs_folder_of(path)?;
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let number = state.contents.len();
            state.contents.push(Content::default());
            let set = Some((path.to_owned(), Node::File(number)));
            state.change(Change { set, cleared: None });
            Ok(number)
        })?;
        Ok(Box::new(OpenFile { disk: self, number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|state| {
            let node = Node::File(state.file(from)?);
            state.needs_folder_of(to)?;
            let (set, cleared) = (Some((to.to_owned(), node)), Some(from.to_owned()));
            state.change(Change { set, cleared });
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|state| {
            let node = Node::File(state.file(from)?);
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.change(Change { set: Some((to.to_owned(), node)), cleared: None });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|state| {
            state.file(path)?;
            state.change(Change { set: None, cleared: Some(path.to_owned()) });
            Ok(())
        })
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.parent().is_none() || matches!(self.lock().names.get(path), Some(Node::Folder))
    }

    fn create_folder(&self, path: &Path, _: u32) -> io::Result<()> {
        self.step(|state| {
            state.needs_folder_of(path)?;
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.change(Change { set: Some((path.to_owned(), Node::Folder)), cleared: None });
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|state| {
            let changes = std::mem::take(&mut state.unsynced);
            for change in changes {
                if change.is_in(path) {
                    change.apply(&mut state.synced);
                } else {
                    state.unsynced.push(change);
                }
            }
            Ok(())
        })
    }

    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
        if self.plan.has_crashed() {
            return Err(io::Error::other("injected fault: the process has died"));
        }
        let state = self.lock();
        let mut bytes = state.contents[state.file(path)?].written.clone();
        bytes.truncate(usize::try_from(limit_bytes).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

/// A store in memory that forgets a batch whose sync did not end; as with the embedded store,
/// nothing counts after a commit that failed, and opening syncs what is read from then on.
#[derive(Debug)]
pub struct CrashStore {
    plan: Arc<FaultPlan>,
    written: MemoryStore,
    synced: Mutex<(MemoryState, bool)>,
}

impl CrashStore {
    /// Opens what a store holds, written or on the disk: it is synced first.
    ///
    /// # Errors
    /// Where the plan says so.
    pub fn open(state: MemoryState, plan: Arc<FaultPlan>) -> Result<Arc<Self>, StoreError> {
        plan.step(fault, || Ok(()))?;
        let written = MemoryStore::from_state(state.clone());
        Ok(Arc::new(Self { plan, written, synced: Mutex::new((state, false)) }))
    }

    /// What processes read at present: one that is killed loses nothing of it.
    #[must_use]
    pub fn state(&self) -> MemoryState {
        self.written.state().clone()
    }

    /// What is there after the power failed, one of the possibilities.
    #[must_use]
    pub fn after_power_loss(&self, choose: Choose<'_>) -> MemoryState {
        let synced = self.lock().0.clone();
        let written = self.state();
        if synced == written || choose(2) == 1 { written } else { synced }
    }

    fn lock(&self) -> MutexGuard<'_, (MemoryState, bool)> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fault() -> StoreError {
    StoreError::unavailable("injected fault", "this call was to fail")
}

impl Store for CrashStore {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.written.head()
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.written.leaf(index)
    }

    fn leaves(&self, first: EntryIndex, count_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.written.leaves(first, count_max)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.written.tile(tile)
    }

    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        self.written.entries_of(topic)
    }

    fn commit(&self, expected: Option<HeadToken>, batch: &Batch) -> Result<Commit, StoreError> {
        let mut synced = self.lock();
        if synced.1 {
            return Err(StoreError::unavailable("the store", "a commit failed: open it again"));
        }
        let mut write = || {
            let outcome = self.plan.step(fault, || self.written.commit(expected, batch))?;
            if outcome == Commit::Committed {
                self.plan.step(fault, || {
                    synced.0 = self.state();
                    Ok(())
                })?;
            }
            Ok(outcome)
        };
        let outcome = write();
        synced.1 |= outcome.is_err();
        Ok(outcome.unwrap_or_else(Commit::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durable::{Durable, MODE_PRIVATE};

    /// Every content that a file can have after the power failed; `None` where it is gone.
    fn outcomes(state: &DiskState, path: &str) -> Vec<Option<Vec<u8>>> {
        let (mut every, mut found) = (EveryChoice::default(), Vec::new());
        loop {
            let after = state.after_power_loss(&mut |count| every.choose(count));
            let disk = CrashDisk::new(after, FaultPlan::none());
            let content = Durable(disk).read(Path::new(path), 100).unwrap();
            if !found.contains(&content) {
                found.push(content);
            }
            if !every.advance() {
                found.sort();
                return found;
            }
        }
    }

    /// The model itself: without a sync anything may be left, with it nothing else.
    #[test]
    fn what_was_not_synced_is_forgotten() {
        let disk = CrashDisk::new(DiskState::default(), FaultPlan::none());
        let path = Path::new("/file");
        disk.create(path, 0).unwrap().write_all(b"new!").unwrap();
        let blank = Some(vec![0; 4]);
        let some = |text: &[u8]| Some(text.to_vec());
        let all = vec![None, some(b""), blank, some(b"ne"), some(b"new!")];
        assert_eq!(outcomes(&disk.state(), "/file"), all);
        // With its name on the disk and its content not, it is never gone.
        disk.sync_folder(Path::new("/")).unwrap();
        assert_eq!(outcomes(&disk.state(), "/file"), all[1..]);
        // A durable file is the old one or the new one, and in the end the new one.
        let disk = CrashDisk::new(DiskState::default(), FaultPlan::none());
        let files = Durable(disk.clone());
        files.create_folder(Path::new("/a/b")).unwrap();
        let path = Path::new("/a/b/file");
        files.replace(path, b"one", MODE_PRIVATE).unwrap();
        assert_eq!(outcomes(&disk.state(), "/a/b/file"), [some(b"one")]);
        files.replace_memory(path, b"two").unwrap();
        let found = outcomes(&disk.state(), "/a/b/file");
        assert!(found.contains(&some(b"one")) && found.contains(&some(b"two")));
        assert!(files.create_new(Path::new("/a/b/other"), b"x", MODE_PRIVATE).unwrap());
        assert!(!files.create_new(Path::new("/a/b/other"), b"y", MODE_PRIVATE).unwrap());
        assert_eq!(outcomes(&disk.state(), "/a/b/other"), [some(b"x")]);
        assert!(files.remove(Path::new("/a/b/other")).unwrap());
        assert_eq!(outcomes(&disk.state(), "/a/b/other"), [None]);
        // With a folder whose name was not synced goes what was in it.
        disk.create_folder(Path::new("/c"), 0).unwrap();
        files.replace(Path::new("/c/file"), b"x", MODE_PRIVATE).unwrap();
        assert_eq!(outcomes(&disk.state(), "/c/file"), [None, some(b"x")]);
    }
}
