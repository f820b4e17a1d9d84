//! Walks over commits: along first parents, and over what one commit has and another lacks.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::error::GitError;
use super::objects::Objects;
use crate::base::limits::{CHAIN_STEPS_MAX, STEP_COMMITS_MAX};
use crate::change::{Chain, ChainEnd, Commit, ObjectId};

/// Committers' clocks may run back by this many seconds along a history before a walk takes a
/// commit as brought in that was there already. It never leaves one out.
const CLOCK_SKEW_SECONDS_MAX: i64 = 24 * 3_600;

/// A commit with its id.
type Found = (ObjectId, Arc<Commit>);

/// A line of commits is followed so far before all that is below its end is walked.
const LINE_COMMITS_MAX: usize = 100;

impl Objects {
    /// The commit `id`, that `child` names as its parent.
    pub(super) fn parent(&self, child: &ObjectId, id: &ObjectId) -> Result<Arc<Commit>, GitError> {
        match self.find_commit(id)? {
            Some(commit) => Ok(commit),
            None if self.is_border(child) => Err(GitError::Shallow { commit: child.revision() }),
            None => Err(GitError::Missing {
                id: *id,
                place: format!("parent of commit {child}"),
                is_partial: false,
            }),
        }
    }

    /// The commit `id`, that somebody named.
    pub(super) fn commit(&self, id: &ObjectId) -> Result<Arc<Commit>, GitError> {
        self.find_commit(id)?.ok_or_else(|| GitError::UnknownCommit { commit: id.revision() })
    }

    /// Whether a shallow clone ends at the commit. It is only asked where a parent is missing:
    /// a forged list of borders hides nothing that is there.
    fn is_border(&self, id: &ObjectId) -> bool {
        let border = self.repository().shallow_commits().ok().flatten();
        border.is_some_and(|border| border.iter().any(|commit| commit.as_slice() == id.as_bytes()))
    }

    /// Walks along first parents from `head` until `start` itself is met, or a root.
    pub(super) fn chain(
        &self,
        start: Option<&ObjectId>,
        head: &ObjectId,
    ) -> Result<Chain, GitError> {
        if let Some(start) = start {
            self.commit(start)?;
        }
        let mut commits = Vec::new();
        let mut id = *head;
        let mut commit = self.commit(head)?;
        let end = loop {
            if Some(&id) == start {
                break ChainEnd::MetStart;
            }
            if commits.len() == CHAIN_STEPS_MAX {
                return Err(GitError::ChainTooLong { limit: CHAIN_STEPS_MAX });
            }
            commits.push(id.revision());
            let Some(parent) = commit.parents.first().copied() else { break ChainEnd::Root };
            commit = self.parent(&id, &parent)?;
            id = parent;
        };
        commits.reverse();
        Ok(Chain { commits, end })
    }

    /// The commits that are reachable from `tip` and not from `hidden`, `tip` first, then by
    /// committer time, newest first, and id.
    pub(super) fn brought_in(
        &self,
        tip: &ObjectId,
        hidden: Option<&ObjectId>,
    ) -> Result<Vec<(ObjectId, Arc<Commit>)>, GitError> {
        let commit = self.commit(tip)?;
        if commit.parents.len() <= 1 && commit.parents.first() == hidden {
            return Ok(vec![(*tip, commit)]);
        }
        if let Some(mut found) = hidden.map_or(Ok(None), |hidden| self.line(tip, hidden))? {
            sort(&mut found, tip);
            return Ok(found);
        }
        let mut walk = Walk {
            objects: self,
            seen: HashMap::new(),
            queue: BinaryHeap::new(),
            wanted_in_queue: 0,
            brought_in: 0,
        };
        walk.insert(*tip, commit, true);
        if let Some(hidden) = hidden {
            let commit = self.commit(hidden)?;
            walk.hide(*hidden, commit);
        }
        walk.run()?;
        let mut found: Vec<(ObjectId, Arc<Commit>)> = walk
            .seen
            .into_iter()
            .filter(|(_, state)| state.wanted)
            .map(|(id, state)| (id, state.commit))
            .collect();
        sort(&mut found, tip);
        Ok(found)
    }

    /// The commits from `tip` down to `hidden`, if each has one parent and they are few: none of
    /// them is an ancestor of `hidden`, so that nothing below it need be read.
    fn line(&self, tip: &ObjectId, hidden: &ObjectId) -> Result<Option<Vec<Found>>, GitError> {
        let (mut id, mut commit) = (*tip, self.commit(tip)?);
        let mut found = Vec::new();
        while id != *hidden {
            let [parent] = commit.parents[..] else { return Ok(None) };
            if found.len() == LINE_COMMITS_MAX {
                return Ok(None);
            }
            // What is cut off below `tip` may be no matter: the walk tells.
            let Ok(next) = self.parent(&id, &parent) else { return Ok(None) };
            found.push((id, std::mem::replace(&mut commit, next)));
            id = parent;
        }
        Ok(Some(found))
    }
}

/// `tip` first, then by committer time, newest first, and id.
fn sort(found: &mut [Found], tip: &ObjectId) {
    found.sort_unstable_by_key(|(id, commit)| {
        (id != tip, std::cmp::Reverse(commit.committer_seconds), *id)
    });
}

struct State {
    commit: Arc<Commit>,
    wanted: bool,
    queued: bool,
}

/// Commits are taken newest first. One that is hidden hides its parents, also such as were taken
/// before.
struct Walk<'a> {
    objects: &'a Objects,
    seen: HashMap<ObjectId, State>,
    queue: BinaryHeap<(i64, ObjectId)>,
    wanted_in_queue: usize,
    /// Those that were taken and are still wanted.
    brought_in: usize,
}

impl Walk<'_> {
    fn insert(&mut self, id: ObjectId, commit: Arc<Commit>, wanted: bool) {
        self.queue.push((commit.committer_seconds, id));
        self.wanted_in_queue += usize::from(wanted);
        self.seen.insert(id, State { commit, wanted, queued: true });
    }

    fn hide(&mut self, id: ObjectId, commit: Arc<Commit>) {
        let Some(state) = self.seen.get_mut(&id) else {
            return self.insert(id, commit, false);
        };
        if !state.wanted {
            return;
        }
        state.wanted = false;
        if state.queued {
            self.wanted_in_queue -= 1;
        } else {
            // Its parents were taken as wanted: it has to be gone through once more.
            self.brought_in -= 1;
            state.queued = true;
            self.queue.push((commit.committer_seconds, id));
        }
    }

    /// Hidden commits are followed until all that are left are older than any that is wanted.
    fn is_done(&self) -> bool {
        if self.wanted_in_queue > 0 {
            return false;
        }
        let oldest = self
            .seen
            .values()
            .filter(|state| state.wanted)
            .map(|state| state.commit.committer_seconds)
            .min();
        match (oldest, self.queue.peek()) {
            (Some(oldest), Some((newest, _))) => {
                *newest < oldest.saturating_sub(CLOCK_SKEW_SECONDS_MAX)
            }
            _ => true,
        }
    }

    fn run(&mut self) -> Result<(), GitError> {
        // Asking whether it is done looks at all that was seen, so it is asked ever less often.
        let (mut rounds, mut next_check) = (0_usize, 1_usize);
        loop {
            if rounds >= next_check && self.wanted_in_queue == 0 {
                if self.is_done() {
                    return Ok(());
                }
                next_check = rounds + rounds / 8 + 1;
            }
            rounds += 1;
            let Some((_, id)) = self.queue.pop() else { return Ok(()) };
            let Some(state) = self.seen.get_mut(&id).filter(|state| state.queued) else { continue };
            state.queued = false;
            let (wanted, commit) = (state.wanted, Arc::clone(&state.commit));
            self.wanted_in_queue -= usize::from(wanted);
            self.brought_in += usize::from(wanted);
            if self.brought_in > STEP_COMMITS_MAX {
                return Err(GitError::ChainTooLong { limit: STEP_COMMITS_MAX });
            }
            for parent in &commit.parents {
                self.follow(&id, *parent, wanted)?;
            }
        }
    }

    fn follow(&mut self, child: &ObjectId, id: ObjectId, wanted: bool) -> Result<(), GitError> {
        if wanted && self.seen.contains_key(&id) {
            return Ok(());
        }
        match self.objects.parent(child, &id) {
            Ok(commit) if wanted => self.insert(id, commit, true),
            Ok(commit) => self.hide(id, commit),
            // Below a border nothing can be hidden any more: more is brought in, never less.
            Err(GitError::Shallow { .. }) if !wanted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
