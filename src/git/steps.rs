//! Documents and steps out of a repository.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::GitError;
use super::objects::Objects;
use super::repository::Repository;
use crate::base::limits::PATH_BYTES_MAX;
use crate::base::name::Revision;
use crate::change::{
    ChangePath, Commit, CommitFacts, Content, Document, EntryKind, GitCommitId, Mode, ObjectId,
    Opaque, PathFacts, Row, Side, Step, TreePair, TreeRow, TreeSource as _, co_authors, difference,
    link_target, trailers,
};

/// Fewer steps than this are not worth a second thread: opening a repository takes as long.
const STEPS_PER_THREAD_MIN: usize = 32;
/// More threads wait for each other's disk.
const THREADS_MAX: usize = 8;

/// What stands at a path of a tree: never a tree itself.
type Entry = Option<(EntryKind, ObjectId)>;

impl Repository {
    /// Whether a commit is there. One that came after this repository was opened may be missed.
    #[must_use]
    pub fn has_at_hand(&self, commit: &Revision) -> bool {
        self.objects().was_found(&ObjectId::from(commit))
    }

    /// The document of the difference between two commits' trees; `None` is the empty tree.
    ///
    /// # Errors
    /// [`GitError`] where objects are missing, damaged, malformed or too large.
    pub fn document(&self, old: Option<&Revision>, new: &Revision) -> Result<Document, GitError> {
        Ok(self.document_with_facts(old, new)?.0)
    }

    /// [`Repository::document`], with facts for each of its rows, in the same order.
    ///
    /// # Errors
    /// As [`Repository::document`].
    pub fn document_with_facts(
        &self,
        old: Option<&Revision>,
        new: &Revision,
    ) -> Result<(Document, Vec<PathFacts>), GitError> {
        let tree = |revision: &Revision| {
            self.objects().commit(&ObjectId::from(revision)).map(|commit| commit.tree)
        };
        let (old, new) = (old.map(tree).transpose()?, tree(new)?);
        self.objects().fetch_missing(old.into_iter().chain([new]))?;
        let rows = difference(self.objects(), TreePair { old, new: Some(new) })?;
        self.objects().fetch_missing(blobs_of(&rows))?;
        self.objects().rows_to_document(&rows)
    }

    /// The changed paths of `document` that collide with another path of `new` after folding.
    ///
    /// # Errors
    /// As [`Repository::document`].
    pub fn collisions(
        &self,
        document: &Document,
        new: &Revision,
    ) -> Result<Vec<ChangePath>, GitError> {
        let tree = self.objects().commit(&ObjectId::from(new))?.tree;
        let present = document.rows().iter().filter(|row| !row.new.is_absent());
        let paths: Vec<&ChangePath> = present.map(|row| &row.path).collect();
        self.objects().collisions(tree, &paths)
    }

    /// Those of some paths that collide with another path of `commit` after folding, whether or
    /// not it has them itself.
    ///
    /// # Errors
    /// As [`Repository::document`].
    pub fn colliding(
        &self,
        paths: &BTreeSet<ChangePath>,
        commit: &Revision,
    ) -> Result<BTreeSet<ChangePath>, GitError> {
        let tree = self.objects().commit(&ObjectId::from(commit))?.tree;
        let paths: Vec<&ChangePath> = paths.iter().collect();
        Ok(self.objects().collisions(tree, &paths)?.into_iter().collect())
    }

    /// The step that `commit` is: its tree against its first parent's.
    ///
    /// # Errors
    /// As [`Repository::document`]; [`GitError::Shallow`] where the first parent is cut off.
    pub fn step(&self, commit: &Revision) -> Result<Step, GitError> {
        self.objects().step(&ObjectId::from(commit))
    }

    /// [`Repository::step`] of each commit, in their order; many of them on several threads.
    ///
    /// # Errors
    /// As [`Repository::step`]: that of the first commit that has one.
    pub fn steps(&self, commits: &[Revision]) -> Result<Vec<Step>, GitError> {
        self.objects().fetch_steps(commits)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX).min(commits.len() / STEPS_PER_THREAD_MIN);
        if threads < 2 {
            return commits.iter().map(|commit| self.step(commit)).collect();
        }
        // Neighbours share trees and blobs, so each thread takes a run of them.
        let runs = commits.chunks(commits.len().div_ceil(threads));
        let (git_dir, limit) = (self.gix().git_dir(), self.objects().blob_bytes_max());
        let promisor = self.objects().promisor();
        let parts: Vec<Result<Vec<Step>, GitError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = runs
                .map(|run| {
                    let (blobs, promisor) = (self.objects().blobs(), promisor.clone());
                    scope.spawn(move || {
                        let mut repository = Self::reopen(git_dir, blobs, promisor)?;
                        repository.set_blob_bytes_max(limit);
                        run.iter().map(|commit| repository.step(commit)).collect()
                    })
                })
                .collect();
            let stopped = || GitError::Unreadable { detail: "a worker thread stopped".to_owned() };
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| Err(stopped())))
                .collect()
        });
        let mut steps = Vec::with_capacity(commits.len());
        for part in parts {
            steps.extend(part?);
        }
        Ok(steps)
    }

    /// What a commit has at `path`; a folder is nothing, as in a document.
    ///
    /// # Errors
    /// As [`Repository::document`].
    pub fn side(&self, revision: &Revision, path: &ChangePath) -> Result<Side, GitError> {
        let tree = self.objects().commit(&ObjectId::from(revision))?.tree;
        Ok(self.objects().side(self.objects().entry(tree, path)?, path)?.0)
    }

    /// The content of the file `path` in a commit.
    ///
    /// # Errors
    /// [`GitError::NoSuchFile`] where there is none, or it is a submodule;
    /// [`GitError::ObjectTooLarge`] above the limit.
    pub fn blob(&self, revision: &Revision, path: &ChangePath) -> Result<Vec<u8>, GitError> {
        let tree = self.objects().commit(&ObjectId::from(revision))?.tree;
        match self.objects().entry(tree, path)? {
            Some((kind, id)) if kind != EntryKind::Submodule => {
                self.objects().blob(&id, path.as_bytes())
            }
            _ => Err(GitError::NoSuchFile { path: path.clone(), commit: revision.clone() }),
        }
    }
}

/// The blobs of both sides of rows.
fn blobs_of(rows: &[TreeRow]) -> impl Iterator<Item = ObjectId> {
    let sides = rows.iter().flat_map(|row| [row.old, row.new]).flatten();
    sides.filter(|(kind, _)| *kind != EntryKind::Submodule).map(|(_, id)| id)
}

impl Objects {
    /// Fetches what a partial clone left out of all that steps are made from: at most one round
    /// for trees, which only a treeless clone lacks, and one for blobs.
    fn fetch_steps(&self, commits: &[Revision]) -> Result<(), GitError> {
        if self.promisor().is_none() {
            return Ok(());
        }
        let (mut trees, mut pairs) = (Vec::new(), Vec::new());
        for revision in commits {
            let id = ObjectId::from(revision);
            let commit = self.commit(&id)?;
            let parent = commit.parents.first();
            let old = parent.map(|parent| self.parent(&id, parent)).transpose()?;
            let pair = TreePair { old: old.map(|old| old.tree), new: Some(commit.tree) };
            trees.extend(pair.old.into_iter().chain(pair.new));
            pairs.push(pair);
            // Whether a merge wrote something itself is seen beside each of its parents.
            for (id, commit) in self.brought_in(&id, parent)? {
                if commit.parents.len() > 1 {
                    trees.push(commit.tree);
                    for parent in &commit.parents {
                        trees.push(self.parent(&id, parent)?.tree);
                    }
                }
            }
        }
        self.fetch_missing(trees)?;
        let mut blobs = Vec::new();
        for pair in pairs {
            blobs.extend(blobs_of(&difference(self, pair)?));
        }
        self.fetch_missing(blobs)
    }

    fn step(&self, id: &ObjectId) -> Result<Step, GitError> {
        let commit = self.commit(id)?;
        let parent = commit.parents.first();
        let old = match parent {
            Some(parent) => Some(self.parent(id, parent)?.tree),
            None => None,
        };
        let rows = difference(self, TreePair { old, new: Some(commit.tree) })?;
        let (document, path_facts) = self.rows_to_document(&rows)?;
        let present = rows.iter().filter(|row| row.new.is_some());
        let present: Vec<&ChangePath> = present.map(|row| &row.path).collect();
        let collisions = self.collisions(commit.tree, &present)?;
        let commits = self.commit_facts(id, parent)?;
        Ok(Step {
            commit: id.revision(),
            parent: parent.map(ObjectId::revision),
            author_counts: commits.first().is_none_or(|facts| facts.author_counts),
            document,
            commits,
            path_facts,
            collisions,
        })
    }

    /// Reads what the rows name.
    fn rows_to_document(&self, rows: &[TreeRow]) -> Result<(Document, Vec<PathFacts>), GitError> {
        let mut document = Vec::with_capacity(rows.len());
        let mut facts = Vec::with_capacity(rows.len());
        for row in rows {
            let (old, old_opaque, _) = self.side(row.old, &row.path)?;
            let (new, new_opaque, new_size_bytes) = self.side(row.new, &row.path)?;
            let opaque = new_opaque.or(old_opaque);
            let path = row.path.clone();
            let link_targets = self.link_targets(row)?;
            facts.push(PathFacts { path, opaque, new_size_bytes, link_targets });
            document.push(Row { path: row.path.clone(), old, new });
        }
        // The rows are in the document's order, so facts and rows stay side by side.
        Ok((Document::new(document)?, facts))
    }

    /// Where the links of a row lead (finding 25): the new side's, then the old side's.
    fn link_targets(&self, row: &TreeRow) -> Result<Vec<ChangePath>, GitError> {
        let mut targets = Vec::new();
        for (kind, id) in [row.new, row.old].into_iter().flatten() {
            // A text above the limit leads nowhere, and need not be read again.
            let is_link = kind == EntryKind::Symlink;
            let is_short = |id| -> Result<bool, GitError> {
                Ok(self.blob_facts(id, row.path.as_bytes())?.size_bytes <= PATH_BYTES_MAX as u64)
            };
            if is_link && is_short(&id)? {
                let text = self.blob(&id, row.path.as_bytes())?;
                targets.extend(link_target(&row.path, &text));
            }
        }
        targets.dedup();
        Ok(targets)
    }

    fn side(
        &self,
        entry: Entry,
        path: &ChangePath,
    ) -> Result<(Side, Option<Opaque>, Option<u64>), GitError> {
        let Some((kind, id)) = entry else { return Ok((Side::ABSENT, None, None)) };
        let mode = match kind {
            EntryKind::Executable => Mode::Executable,
            EntryKind::Symlink => Mode::Symlink,
            EntryKind::Submodule => Mode::Submodule,
            EntryKind::File | EntryKind::Tree => Mode::File,
        };
        if mode == Mode::Submodule {
            let content = Content::Submodule(GitCommitId::new(id));
            return Ok((Side { mode, content }, Some(Opaque::Submodule), None));
        }
        let facts = self.blob_facts(&id, path.as_bytes())?;
        let side = Side { mode, content: Content::Sha256(facts.digest) };
        Ok((side, facts.opaque, Some(facts.size_bytes)))
    }

    /// What stands at `path`.
    fn entry(&self, tree: ObjectId, path: &ChangePath) -> Result<Entry, GitError> {
        let mut tree = self.tree(&tree, b"")?;
        let mut parts = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let Some(entry) = tree.find(part) else { return Ok(None) };
            let (kind, id) = (entry.kind, entry.id);
            match (kind == EntryKind::Tree, parts.peek().is_some()) {
                (true, true) => tree = self.tree(&id, path.as_bytes())?,
                (false, false) => return Ok(Some((kind, id))),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Facts of the commits that are reachable from `tip` and not from `hidden`, `tip` first.
    pub(super) fn commit_facts(
        &self,
        tip: &ObjectId,
        hidden: Option<&ObjectId>,
    ) -> Result<Vec<CommitFacts>, GitError> {
        let commits = self.brought_in(tip, hidden)?;
        commits.iter().map(|(id, commit)| self.facts(id, commit)).collect()
    }

    fn facts(&self, id: &ObjectId, commit: &Arc<Commit>) -> Result<CommitFacts, GitError> {
        let co_authors =
            co_authors(&commit.message).map_err(|source| GitError::Commit { id: *id, source })?;
        Ok(CommitFacts {
            id: id.revision(),
            parents: commit.parents.iter().map(ObjectId::revision).collect(),
            author: commit.author.clone(),
            committer: commit.committer.clone(),
            co_authors,
            trailers: trailers(&commit.message).collect(),
            message: commit.message.clone(),
            author_counts: self.author_counts(id, commit)?,
        })
    }

    /// Of a merge of two, the author counts only if some path differs from both (finding 26).
    fn author_counts(&self, id: &ObjectId, commit: &Commit) -> Result<bool, GitError> {
        let [first, others @ ..] = commit.parents.as_slice() else { return Ok(true) };
        // Who merges more than two may choose among versions that were never meant to be live.
        if others.len() != 1 {
            return Ok(true);
        }
        let old = Some(self.parent(id, first)?.tree);
        let others: Vec<ObjectId> = others
            .iter()
            .map(|other| Ok(self.parent(id, other)?.tree))
            .collect::<Result<_, GitError>>()?;
        for row in difference(self, TreePair { old, new: Some(commit.tree) })? {
            let mut everywhere = true;
            for other in &others {
                everywhere = everywhere && self.entry(*other, &row.path)? != row.new;
            }
            if everywhere {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
