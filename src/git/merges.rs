//! Merge bases, and what a merge did beside what it brought in.

use std::cell::Cell;

use gix::revision::plumbing::merge_base::Flags;
use gix::revwalk::graph::Commit;

use super::error::{GitError, detail};
use super::objects::Checked;
use super::range::Range;
use super::repository::Repository;
use crate::base::name::Revision;
use crate::change::{ObjectId, TreePair, difference};

/// Commits that a search for merge bases has read.
type Graph<'g> = gix::revwalk::Graph<'g, 'g, Commit<Flags>>;

impl Repository {
    /// The best common ancestor of two commits.
    ///
    /// # Errors
    /// [`GitError::NoMergeBase`], [`GitError::SeveralMergeBases`]: then the range has to be named.
    pub fn merge_base(&self, one: &Revision, other: &Revision) -> Result<Revision, GitError> {
        let stopped_at = Cell::new(None);
        let checked = Checked { objects: self.objects(), stopped_at: &stopped_at };
        self.base_of(&mut Graph::new(checked, None), &stopped_at, [one, other])
    }

    /// [`Repository::merge_base`] of many pairs, each commit being read once. `None` where a pair
    /// has no base or several, or the history is cut off before it.
    ///
    /// # Errors
    /// [`GitError`] where a commit is damaged.
    pub fn merge_bases(&self, pairs: &[[Revision; 2]]) -> Result<Vec<Option<Revision>>, GitError> {
        let stopped_at = Cell::new(None);
        let checked = Checked { objects: self.objects(), stopped_at: &stopped_at };
        let mut graph = Graph::new(checked, None);
        let base = |[one, other]: &[Revision; 2]| {
            stopped_at.set(None);
            match self.base_of(&mut graph, &stopped_at, [one, other]) {
                Ok(base) => Ok(Some(base)),
                Err(
                    GitError::NoMergeBase { .. }
                    | GitError::SeveralMergeBases { .. }
                    | GitError::Shallow { .. }
                    | GitError::Missing { .. }
                    | GitError::UnknownCommit { .. },
                ) => Ok(None),
                Err(error) => Err(error),
            }
        };
        pairs.iter().map(base).collect()
    }

    fn base_of(
        &self,
        graph: &mut Graph<'_>,
        stopped_at: &Cell<Option<(ObjectId, bool)>>,
        [one, other]: [&Revision; 2],
    ) -> Result<Revision, GitError> {
        let mut git_ids = Vec::new();
        for id in [ObjectId::from(one), ObjectId::from(other)] {
            self.objects().commit(&id)?;
            let git_id = gix::ObjectId::try_from(id.as_bytes())
                .map_err(|_| GitError::UnknownCommit { commit: id.revision() })?;
            git_ids.push(git_id);
        }
        let bases = gix::revision::plumbing::merge_base(git_ids[0], &git_ids[1..], graph);
        let bases = bases.map_err(|error| self.walk_error(&error, stopped_at.get(), other))?;
        let (one, other) = (one.clone(), other.clone());
        let Some(bases) = bases else { return Err(GitError::NoMergeBase { one, other }) };
        let bases: Vec<gix::ObjectId> = bases.into_iter().collect();
        match bases.as_slice() {
            [base] => ObjectId::from_bytes(base.as_slice())
                .map(|base| base.revision())
                .map_err(|error| GitError::Unreadable { detail: error.to_string() }),
            several => Err(GitError::SeveralMergeBases { one, other, count: several.len() }),
        }
    }

    /// What stopped gix's walk over the commits.
    fn walk_error(
        &self,
        error: &gix::Error,
        stopped_at: Option<(ObjectId, bool)>,
        commit: &Revision,
    ) -> GitError {
        let (detail, place) = (detail(error), "history".to_owned());
        match stopped_at {
            Some((_, true)) if self.is_shallow() => GitError::Shallow { commit: commit.clone() },
            Some((id, true)) => GitError::Missing { id, place, is_partial: false },
            Some((id, false)) => GitError::Damaged { id, place, detail },
            None => GitError::Unreadable { detail },
        }
    }

    /// Whether two ranges change the same paths from and to the same objects. No blob is read.
    ///
    /// # Errors
    /// [`GitError`] where commits or trees are missing, damaged or too large.
    pub fn is_same_difference(&self, one: &Range, other: &Range) -> Result<bool, GitError> {
        let tree = |revision: &Revision| {
            self.objects().commit(&ObjectId::from(revision)).map(|commit| commit.tree)
        };
        let trees = |range: &Range| -> Result<TreePair, GitError> {
            let old = range.base.as_ref().map(tree).transpose()?;
            Ok(TreePair { old, new: Some(tree(&range.head)?) })
        };
        let (one, other) = (trees(one)?, trees(other)?);
        if (one.old, one.new) == (other.old, other.new) {
            return Ok(true);
        }
        self.objects()
            .fetch_missing([one, other].into_iter().flat_map(|p| p.old.into_iter().chain(p.new)))?;
        Ok(difference(self.objects(), one)? == difference(self.objects(), other)?)
    }
}
