//! Contents that were read from the repository, so that none is read twice: unpacking one and
//! hashing it takes longer than all that is done with it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::damage;
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::change::carry::CarrySource;
use crate::change::{ChangePath, Content, Side};
use crate::git::{CarriedRanges, GitError, Range, Repository};

/// Bytes that are kept; with more, it begins anew.
const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Contents by their digest, and where more of them are.
pub(super) struct Memory<'r> {
    repository: &'r Repository,
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    bytes: usize,
    contents: HashMap<ContentDigest, Rc<[u8]>>,
}

impl<'r> Memory<'r> {
    pub(super) fn new(repository: &'r Repository) -> Self {
        Self { repository, known: RefCell::default() }
    }

    fn known(&self, digest: &ContentDigest) -> Option<Rc<[u8]>> {
        self.known.borrow().contents.get(digest).cloned()
    }

    fn keep(&self, digest: ContentDigest, content: &[u8]) -> Rc<[u8]> {
        let content: Rc<[u8]> = content.into();
        let mut known = self.known.borrow_mut();
        if known.bytes + content.len() > MEMORY_BYTES_MAX {
            *known = Known::default();
        }
        known.bytes += content.len();
        known.contents.insert(digest, Rc::clone(&content));
        content
    }

    /// The content of a path in the first of some commits that has it; `None` where none has.
    pub(super) fn read<'a>(
        &self,
        path: &ChangePath,
        digest: ContentDigest,
        commits: impl Iterator<Item = &'a Revision>,
    ) -> Result<Option<Rc<[u8]>>, GitError> {
        if let Some(content) = self.known(&digest) {
            return Ok(Some(content));
        }
        for commit in commits {
            let found = self.repository.side(commit, path).and_then(|side| {
                let is_it = side.content == Content::Sha256(digest);
                is_it.then(|| self.repository.blob(commit, path)).transpose()
            });
            match found {
                Ok(Some(content)) => return Ok(Some(self.keep(digest, &content))),
                Ok(None) => {}
                Err(error) => damage(Some(error))?,
            }
        }
        Ok(None)
    }

    /// A source for one change that was signed and one that landed.
    pub(super) const fn source(&self, approved: Range, landed: Range) -> Remembered<'_> {
        Remembered { memory: self, ranges: self.repository.carried_ranges(approved, landed) }
    }
}

/// Contents of two changes, read once.
pub(super) struct Remembered<'m> {
    memory: &'m Memory<'m>,
    ranges: CarriedRanges<'m>,
}

impl Remembered<'_> {
    /// Why something could not be read, the first time that it was so.
    pub(super) fn failure(&self) -> Option<GitError> {
        self.ranges.failure()
    }
}

impl CarrySource for Remembered<'_> {
    fn content(&self, path: &ChangePath, digest: &ContentDigest) -> Option<Cow<'_, [u8]>> {
        let known = self.memory.known(digest);
        let content = match known {
            Some(content) => content,
            None => self.memory.keep(*digest, &self.ranges.content(path, digest)?),
        };
        Some(Cow::Owned(content.to_vec()))
    }

    fn landed_side(&self, path: &ChangePath) -> Option<Side> {
        self.ranges.landed_side(path)
    }
}
