//! The newest tree that this user has seen of a ledger, kept outside the ledger's folder: who puts
//! an older copy of the folder back is noticed (ATTACKS 34), and whoever has the ledger's key never
//! signs a second tree of a size that was signed before.

use std::path::{Path, PathBuf};

use super::cosigned::{continues, open};
use super::error::SessionError;
use crate::base::digest::RootHash;
use crate::base::encoding::undecimal;
use crate::base::limits::NOTE_BYTES_MAX;
use crate::base::name::MemberId;
use crate::base::position::TreeSize;
use crate::key::KeyId;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::read::prover;
use crate::ledger::store::{Store, StoreError};
use crate::note::SignedNote;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::statement::Seen;
use crate::store::durable;

/// A decimal size, a space, a root hash and a line feed.
const FILE_BYTES_MAX: usize = 128;
/// Keys that are remembered with their owners.
const OWNERS_MAX: usize = 16;
/// Bytes of the file of owners.
const OWNERS_BYTES_MAX: usize = 8 * 1024;

/// The file of the newest tree that was seen.
#[derive(Debug)]
pub(super) struct SeenFile {
    path: PathBuf,
    size: TreeSize,
    /// What is to be remembered and is not yet.
    owed: Option<VerifiedCheckpoint>,
}

impl SeenFile {
    /// Compares a ledger with what was seen of it before, and remembers the newer. A copy that was
    /// left may be behind that: others read more of the ledger since.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger is older than what was seen, or has another history.
    pub(super) fn check<S: Store>(
        path: &Path,
        store: &S,
        head: &VerifiedCheckpoint,
        keys: &LedgerKeys,
        may_be_behind: bool,
    ) -> Result<Self, SessionError> {
        let size = head.size();
        let bytes = durable::read(path, FILE_BYTES_MAX)?;
        let known = bytes.as_deref().and_then(parse);
        if let Some((known_size, known_root)) = known {
            let place = path.display();
            if known_size > size && may_be_behind {
                return Ok(Self { path: path.to_owned(), size: known_size, owed: None });
            }
            if known_size > size {
                return Err(SessionError::SetBack(format!(
                    "the ledger was set back: {known_size} entries were seen here before, and it \
                     has {size} (remembered in {place})"
                )));
            }
            if prover(store, size).root(known_size)? != known_root {
                // The checkpoint that was seen proves it, where it was kept.
                let note = durable::read(&checkpoint_file(path), NOTE_BYTES_MAX)?;
                if let Some(seen) = note.and_then(|note| open(&note, keys))
                    && seen.size() <= size
                {
                    continues(store, &seen, head, "were seen here before")?;
                }
                return Err(SessionError::Forked(format!(
                    "the ledger has another history than the {known_size} entries that were seen \
                     here before (remembered in {place})"
                )));
            }
        }
        let seen = known.map_or(TreeSize::default(), |(size, _)| size);
        let mut file = Self { path: path.to_owned(), size: seen, owed: None };
        // Who only reads does without; who signs has to settle it first.
        drop(file.remember(head));
        Ok(file)
    }

    /// Remembers a newer tree, durably. A failure forgets nothing that was remembered.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub(super) fn remember(&mut self, head: &VerifiedCheckpoint) -> Result<(), StoreError> {
        if head.size() > self.size {
            self.owed = Some(head.clone());
        }
        self.settle()
    }

    /// Writes what was not written yet: before this is done, nothing more is signed.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        let Some(head) = &self.owed else { return Ok(()) };
        let (size, line) = (head.size(), format!("{} {}\n", head.size(), head.root()));
        self.path.parent().map_or(Ok(()), durable::create_folder)?;
        // Only the evidence, should another history be shown: it may be lost.
        let note = head.note().to_string();
        drop(durable::replace_memory(&checkpoint_file(&self.path), note.as_bytes()));
        durable::replace(&self.path, line.as_bytes(), durable::MODE_PRIVATE)?;
        (self.size, self.owed) = (size, None);
        Ok(())
    }
}

/// The signed checkpoint of the newest tree, beside the file of it: the evidence, should another
/// history be shown later.
fn checkpoint_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".checkpoint");
    PathBuf::from(name)
}

/// The newest tree that was seen of a ledger, by the file of it; none where there is no file.
///
/// # Errors
/// [`StoreError`] where the file cannot be read.
pub fn newest_seen(path: &Path) -> Result<Option<Seen>, StoreError> {
    let bytes = durable::read(path, FILE_BYTES_MAX)?;
    Ok(bytes.as_deref().and_then(parse).map(|(size, root)| Seen { size, root }))
}

/// The signed checkpoint of the newest tree that was seen, where it was kept.
#[must_use]
pub fn seen_checkpoint(path: &Path) -> Option<SignedNote> {
    let bytes = durable::read(&checkpoint_file(path), NOTE_BYTES_MAX).ok()??;
    SignedNote::parse(&bytes).ok()
}

/// Whose keys this user's are, by the file of the newest tree, beside which it is kept: a line a
/// key, fingerprint and member.
fn owners_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".keys");
    PathBuf::from(name)
}

fn owners(path: &Path) -> Result<Vec<(KeyId, MemberId)>, StoreError> {
    let bytes = durable::read(&owners_file(path), OWNERS_BYTES_MAX)?.unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let owner = |line: &str| {
        let (key, member) = line.split_once(' ')?;
        Some((key.parse().ok()?, member.parse().ok()?))
    };
    Ok(text.lines().filter_map(owner).collect())
}

/// Whose key it was when [`remember_owner`] was told last; `path` is the file of the newest tree.
///
/// # Errors
/// [`StoreError`] where the file cannot be read.
pub fn known_owner(path: &Path, key: &KeyId) -> Result<Option<MemberId>, StoreError> {
    let found = owners(path)?.into_iter().find(|(known, _)| known == key);
    Ok(found.map(|(_, member)| member))
}

/// Remembers whose key it is: who signs with no ledger at hand must know their own id. A failure
/// forgets nothing that was remembered, and costs no more.
pub fn remember_owner(path: &Path, key: &KeyId, member: &MemberId) {
    let Ok(mut owners) = owners(path) else { return };
    if owners.first() == Some(&(*key, member.clone())) {
        return;
    }
    owners.retain(|(known, _)| known != key);
    owners.insert(0, (*key, member.clone()));
    owners.truncate(OWNERS_MAX);
    let lines: Vec<_> = owners.iter().map(|(key, member)| format!("{key} {member}\n")).collect();
    let lines = lines.concat();
    let folder = path.parent().map_or(Ok(()), durable::create_folder);
    // What cannot be remembered must be said: --by ID.
    let _ = folder.and_then(|()| durable::replace_memory(&owners_file(path), lines.as_bytes()));
}

fn parse(bytes: &[u8]) -> Option<(TreeSize, RootHash)> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (size, root) = line.split_once(' ')?;
    Some((TreeSize::new(undecimal(size).ok()?), root.parse().ok()?))
}
