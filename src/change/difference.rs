//! The difference of two trees, path by path, from tree objects alone: no attributes, no
//! `.gitmodules`, no rename detection (`spec/change.md`).

use std::cmp::Ordering;
use std::sync::Arc;

use super::object_id::ObjectId;
use super::path::{ChangePath, PathError};
use super::tree::{EntryKind, Tree, TreeEntry};
use crate::base::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_ROWS_MAX, TREE_DEPTH_MAX};

/// Trees that are larger than any change may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DifferenceError {
    /// Folders inside folders, too many of them.
    #[error("{path}: folders are nested deeper than {limit}")]
    TooDeep {
        /// The folder.
        path: ChangePath,
        /// How deep they may be.
        limit: usize,
    },
    /// More paths or folders differ than a document may have rows.
    #[error("more than {limit} paths or folders differ")]
    TooMany {
        /// How many may.
        limit: usize,
    },
    /// The differing paths take more bytes than a document may.
    #[error("the differing paths take more than {limit_bytes} bytes")]
    TooLarge {
        /// How many they may take.
        limit_bytes: usize,
    },
    /// A path that no document may hold.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Where trees come from: a repository, or the objects of a bundle.
pub trait TreeSource {
    /// What can go wrong there.
    type Error: From<DifferenceError>;

    /// The tree `id`, checked; `path` is where it stands, empty for the top, for messages.
    ///
    /// # Errors
    /// Where it is absent, damaged or no well-formed tree.
    fn tree(&self, id: &ObjectId, path: &[u8]) -> Result<Arc<Tree>, Self::Error>;
}

/// Two trees to compare; `None` is the empty tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreePair {
    /// The tree before.
    pub old: Option<ObjectId>,
    /// The tree after.
    pub new: Option<ObjectId>,
}

/// One path that differs, by object ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRow {
    /// Where.
    pub path: ChangePath,
    /// What stood there: never a tree.
    pub old: Option<(EntryKind, ObjectId)>,
    /// What stands there: never a tree.
    pub new: Option<(EntryKind, ObjectId)>,
}

/// Every path that differs between two trees, in ascending order of the paths' bytes.
///
/// # Errors
/// What the source answers, and [`DifferenceError`] where the trees are too large.
pub fn difference<S: TreeSource>(source: &S, pair: TreePair) -> Result<Vec<TreeRow>, S::Error> {
    let mut walk = Walk { rows: Vec::new(), folders: Vec::new(), seen: 0, path_bytes: 0 };
    walk.folders.push(Folder { path: Vec::new(), depth: 0, pair });
    while let Some(folder) = walk.folders.pop() {
        if folder.pair.old != folder.pair.new {
            walk.compare(source, &folder)?;
        }
    }
    walk.rows.sort_unstable_by(|left, right| left.path.cmp(&right.path));
    Ok(walk.rows)
}

struct Folder {
    path: Vec<u8>,
    depth: usize,
    pair: TreePair,
}

struct Walk {
    rows: Vec<TreeRow>,
    folders: Vec<Folder>,
    seen: usize,
    path_bytes: usize,
}

impl Walk {
    /// Joins both lists of entries. In git's order a tree `a` is `a/`, so that a path that turns
    /// from file to folder falls apart into a deletion and additions by itself.
    fn compare<S: TreeSource>(&mut self, source: &S, folder: &Folder) -> Result<(), S::Error> {
        let read = |id: Option<ObjectId>| match id {
            Some(id) => source.tree(&id, &folder.path),
            None => Ok(Arc::default()),
        };
        let (old, new) = (read(folder.pair.old)?, read(folder.pair.new)?);
        let (mut old_at, mut new_at) = (0, 0);
        loop {
            let (mut left, mut right) = (old.get(old_at), new.get(new_at));
            let order = match (&left, &right) {
                (Some(left), Some(right)) => left.order(right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(()),
            };
            match order {
                Ordering::Less => right = None,
                Ordering::Greater => left = None,
                Ordering::Equal => {}
            }
            old_at += usize::from(left.is_some());
            new_at += usize::from(right.is_some());
            self.entry(folder, left, right)?;
        }
    }

    fn entry(
        &mut self,
        folder: &Folder,
        old: Option<TreeEntry<'_>>,
        new: Option<TreeEntry<'_>>,
    ) -> Result<(), DifferenceError> {
        let (Some(any), old, new) = (
            old.or(new),
            old.map(|entry| (entry.kind, entry.id)),
            new.map(|entry| (entry.kind, entry.id)),
        ) else {
            return Ok(());
        };
        if old == new {
            return Ok(());
        }
        self.seen += 1;
        if self.seen > DOCUMENT_ROWS_MAX {
            return Err(DifferenceError::TooMany { limit: DOCUMENT_ROWS_MAX });
        }
        let mut path = folder.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(any.name);
        self.path_bytes += path.len();
        if self.path_bytes > DOCUMENT_BYTES_MAX {
            return Err(DifferenceError::TooLarge { limit_bytes: DOCUMENT_BYTES_MAX });
        }
        let path = ChangePath::new(path)?;
        if any.kind != EntryKind::Tree {
            self.rows.push(TreeRow { path, old, new });
            return Ok(());
        }
        let depth = folder.depth + 1;
        if depth > TREE_DEPTH_MAX {
            return Err(DifferenceError::TooDeep { path, limit: TREE_DEPTH_MAX });
        }
        let id = |side: Option<(EntryKind, ObjectId)>| side.map(|(_, id)| id);
        let pair = TreePair { old: id(old), new: id(new) };
        self.folders.push(Folder { path: path.as_bytes().to_vec(), depth, pair });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::change::tree::parse_tree;

    #[derive(Default)]
    struct Memory(HashMap<ObjectId, Arc<Tree>>);

    impl Memory {
        fn add(&mut self, number: u8, entries: &[(&str, &str, u8)]) -> ObjectId {
            let mut bytes = Vec::new();
            for (mode, name, id) in entries {
                bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
                bytes.extend_from_slice(&[*id; 20]);
            }
            let id = ObjectId::Sha1([number; 20]);
            self.0.insert(id, Arc::new(parse_tree(bytes, 20).unwrap()));
            id
        }
    }

    impl TreeSource for Memory {
        type Error = DifferenceError;

        fn tree(&self, id: &ObjectId, _: &[u8]) -> Result<Arc<Tree>, DifferenceError> {
            Ok(Arc::clone(&self.0[id]))
        }
    }

    #[test]
    fn ambiguities_b_and_c_a_folder_is_other_paths_and_a_type_change_is_one_row() {
        let mut trees = Memory::default();
        trees.add(9, &[("100644", "b", 1)]);
        let old = trees.add(10, &[("100644", "a", 1), ("100644", "x", 2)]);
        let new = trees.add(11, &[("40000", "a", 9), ("120000", "x", 2)]);
        let rows = difference(&trees, TreePair { old: Some(old), new: Some(new) }).unwrap();
        let shown: Vec<(String, bool, bool)> = rows
            .iter()
            .map(|row| (row.path.to_string(), row.old.is_some(), row.new.is_some()))
            .collect();
        let expected = [("a", true, false), ("a/b", false, true), ("x", true, true)];
        assert_eq!(shown, expected.map(|(path, old, new)| (path.to_owned(), old, new)));
    }

    #[test]
    fn trees_that_hold_each_other_over_and_over_are_refused() {
        // Twenty levels of ten equal folders each: a small repository, 10^20 paths.
        let mut trees = Memory::default();
        let names: Vec<String> = (0..10).map(|name| name.to_string()).collect();
        let mut top = trees.add(1, &[]);
        for level in 2..22 {
            let entries: Vec<(&str, &str, u8)> =
                names.iter().map(|name| ("40000", name.as_str(), level - 1)).collect();
            top = trees.add(level, &entries);
        }
        let pair = TreePair { old: None, new: Some(top) };
        assert!(matches!(difference(&trees, pair), Err(DifferenceError::TooMany { .. })));
    }
}
