//! The newest tree that this user has seen of a ledger, kept outside the ledger's folder: who puts
//! an older copy of the folder back is noticed (ATTACKS 34).

use std::path::{Path, PathBuf};

use super::error::SessionError;
use crate::base::digest::RootHash;
use crate::base::encoding::undecimal;
use crate::base::position::TreeSize;
use crate::ledger::read::prover;
use crate::ledger::store::Store;
use crate::store::durable;

/// A decimal size, a space, a root hash and a line feed.
const FILE_BYTES_MAX: usize = 128;

/// The file of the newest tree that was seen.
#[derive(Debug)]
pub(super) struct SeenFile {
    path: PathBuf,
    size: TreeSize,
}

impl SeenFile {
    /// Compares a ledger with what was seen of it before, and remembers the newer.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger is older than what was seen, or has another history.
    pub(super) fn check<S: Store>(
        path: &Path,
        store: &S,
        size: TreeSize,
        root: RootHash,
    ) -> Result<Self, SessionError> {
        let bytes = durable::read(path, FILE_BYTES_MAX)?;
        let known = bytes.as_deref().and_then(parse);
        if let Some((known_size, known_root)) = known {
            let wrong = |why: String| SessionError::integrity("the ledger", why);
            if known_size > size {
                return Err(wrong(format!(
                    "was set back: {known_size} entries were seen here before, and it has {size}"
                )));
            }
            if prover(store, size).root(known_size)? != known_root {
                return Err(wrong(format!(
                    "has another history than the {known_size} entries that were seen here before"
                )));
            }
        }
        let seen = known.map_or(TreeSize::default(), |(size, _)| size);
        let mut file = Self { path: path.to_owned(), size: seen };
        file.remember(size, root);
        Ok(file)
    }

    /// Remembers a newer tree. A failure forgets nothing that was remembered.
    pub(super) fn remember(&mut self, size: TreeSize, root: RootHash) {
        if size <= self.size {
            return;
        }
        let line = format!("{size} {root}\n");
        let folder = self.path.parent().map_or(Ok(()), durable::create_folder);
        if folder.and_then(|()| durable::replace_memory(&self.path, line.as_bytes())).is_ok() {
            self.size = size;
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(TreeSize, RootHash)> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (size, root) = line.split_once(' ')?;
    Some((TreeSize::new(undecimal(size).ok()?), root.parse().ok()?))
}
