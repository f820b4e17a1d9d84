//! The objects that show a change to somebody who has no repository: for a full bundle
//! (`spec/bundle.md` section 5).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::GitError;
use super::objects::Objects;
use super::repository::Repository;
use crate::base::name::Revision;
use crate::change::{
    EntryKind, ObjectId, ObjectKind, Tree, TreePair, TreeSource, difference, object_bytes,
};

/// Why not all objects are shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// One cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// They are too many bytes.
    #[error("{path} takes the objects above {limit_bytes} bytes")]
    TooLarge {
        /// The path whose content is too much, or the folder.
        path: String,
        /// How many bytes there may be.
        limit_bytes: usize,
    },
}

/// Whole objects by their id, as far as a limit.
#[derive(Debug)]
pub struct ShownObjects {
    /// The objects.
    pub objects: BTreeMap<ObjectId, Vec<u8>>,
    left_bytes: usize,
    limit_bytes: usize,
}

impl ShownObjects {
    /// None yet, and room for so many bytes.
    #[must_use]
    pub const fn new(limit_bytes: usize) -> Self {
        Self { objects: BTreeMap::new(), left_bytes: limit_bytes, limit_bytes }
    }

    fn take(
        &mut self,
        id: ObjectId,
        kind: ObjectKind,
        path: &[u8],
        read: impl FnOnce() -> Result<Vec<u8>, GitError>,
    ) -> Result<(), ShowError> {
        if self.objects.contains_key(&id) {
            return Ok(());
        }
        let bytes = object_bytes(kind, &read()?);
        self.left_bytes = self.left_bytes.checked_sub(bytes.len()).ok_or_else(|| {
            let path = crate::change::printable(path);
            ShowError::TooLarge { path, limit_bytes: self.limit_bytes }
        })?;
        self.objects.insert(id, bytes);
        Ok(())
    }
}

/// Remembers which trees were read.
struct Recording<'r> {
    objects: &'r Objects,
    read: RefCell<BTreeSet<ObjectId>>,
}

impl TreeSource for Recording<'_> {
    type Error = GitError;

    fn tree(&self, id: &ObjectId, path: &[u8]) -> Result<Arc<Tree>, GitError> {
        self.read.borrow_mut().insert(*id);
        self.objects.tree(id, path)
    }
}

impl Repository {
    /// Takes up a commit.
    ///
    /// # Errors
    /// [`ShowError`].
    pub fn show_commit(
        &self,
        commit: &ObjectId,
        shown: &mut ShownObjects,
    ) -> Result<(), ShowError> {
        let read = || self.commit_bytes(&commit.revision());
        shown.take(*commit, ObjectKind::Commit, commit.to_string().as_bytes(), read)
    }

    /// Takes up whatever the difference between two commits is read from: both, every tree that
    /// differs, and both sides of every path that does.
    ///
    /// # Errors
    /// [`ShowError`].
    pub fn show_difference(
        &self,
        old: Option<&Revision>,
        new: &Revision,
        shown: &mut ShownObjects,
    ) -> Result<(), ShowError> {
        let objects = self.objects();
        let mut tree = |revision: &Revision| -> Result<ObjectId, ShowError> {
            let id = ObjectId::from(revision);
            self.show_commit(&id, shown)?;
            Ok(objects.commit(&id)?.tree)
        };
        let (old, new) = (old.map(&mut tree).transpose()?, tree(new)?);
        let recording = Recording { objects, read: RefCell::default() };
        let rows = difference(&recording, TreePair { old, new: Some(new) })?;
        // Both roots are shown even where they are one: a merge may keep a side as it is.
        for id in recording.read.into_inner().into_iter().chain(old).chain([new]) {
            let read = || objects.tree_bytes(&id);
            shown.take(id, ObjectKind::Tree, id.to_string().as_bytes(), read)?;
        }
        for row in &rows {
            for (kind, id) in [row.old, row.new].into_iter().flatten() {
                if kind != EntryKind::Submodule {
                    let path = row.path.as_bytes();
                    shown.take(id, ObjectKind::Blob, path, || objects.blob(&id, path))?;
                }
            }
        }
        Ok(())
    }
}
