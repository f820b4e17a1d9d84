//! Paths that are one on a file system that knows neither case nor normalisation (finding 24).

use std::collections::HashMap;

use super::error::GitError;
use super::objects::Objects;
use crate::change::{ChangePath, EntryKind, ObjectId, Tree, TreeSource as _, folded_name};

/// With more changed paths than this, folders are indexed by folded names instead of gone through
/// for each path.
const PATHS_SCANNED_MAX: usize = 16;

/// Folded names of a folder's entries, and where those stand.
type Index = HashMap<Vec<u8>, Vec<usize>>;

impl Objects {
    /// Those of `paths`, which are in `tree`, that collide with another path of it.
    pub(super) fn collisions(
        &self,
        tree: ObjectId,
        paths: &[&ChangePath],
    ) -> Result<Vec<ChangePath>, GitError> {
        let mut indexes = (paths.len() > PATHS_SCANNED_MAX).then(HashMap::new);
        let mut found = Vec::new();
        for path in paths {
            if self.collides(tree, path, indexes.as_mut())? {
                found.push((*path).clone());
            }
        }
        Ok(found)
    }

    fn collides(
        &self,
        tree: ObjectId,
        path: &ChangePath,
        mut indexes: Option<&mut HashMap<ObjectId, Index>>,
    ) -> Result<bool, GitError> {
        // Folders whose folded path is that of the path so far, and whether they are its own.
        let mut folders = vec![(tree, true)];
        let mut parts = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            let folded_part = folded_name(part);
            let mut next = Vec::new();
            for (folder, is_own) in folders {
                let tree = self.tree(&folder, path.as_bytes())?;
                let alike = match indexes.as_deref_mut() {
                    Some(indexes) => {
                        let index = indexes.entry(folder).or_insert_with(|| index(&tree));
                        index.get(&folded_part).cloned().unwrap_or_default()
                    }
                    None => scan(&tree, part, &folded_part),
                };
                for entry in alike.into_iter().filter_map(|at| tree.get(at)) {
                    let is_same = is_own && entry.name == part;
                    match entry.kind {
                        EntryKind::Tree if !is_last => next.push((entry.id, is_same)),
                        _ if is_same => {}
                        _ => return Ok(true),
                    }
                }
            }
            folders = next;
        }
        Ok(false)
    }
}

fn index(tree: &Tree) -> Index {
    let mut index = Index::new();
    for (at, entry) in tree.entries().enumerate() {
        index.entry(folded_name(entry.name)).or_default().push(at);
    }
    index
}

/// Where names stand that fold to what `part` folds to; two ASCII names need no folding.
fn scan(tree: &Tree, part: &[u8], folded_part: &[u8]) -> Vec<usize> {
    let is_alike = |name: &[u8]| {
        if name.is_ascii() && part.is_ascii() {
            name.eq_ignore_ascii_case(part)
        } else {
            folded_name(name) == folded_part
        }
    };
    let entries = tree.entries().enumerate();
    entries.filter(|(_, entry)| is_alike(entry.name)).map(|(at, _)| at).collect()
}
