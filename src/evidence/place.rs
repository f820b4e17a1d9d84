//! How a revision lies to the settled points of its place (`spec/verdict.md` section 4, step 2).

use crate::base::name::Revision;
use crate::change::ChainEnd;
use crate::git::{GitError, Range, Repository};
use crate::verify::{Live, Position, first_line};
use crate::view::SettledPoint;

/// A revision's place, and what follows from it.
pub(super) struct Placed {
    pub(super) position: Position,
    /// The commits of the chain, oldest first.
    pub(super) commits: Vec<Revision>,
    /// Of a revision that lies behind or diverged: what is live and its start has not.
    pub(super) live: Option<Live>,
}

impl Placed {
    fn at(position: Position) -> Self {
        Self { position, commits: Vec::new(), live: None }
    }
}

pub(super) fn place(
    repository: &Repository,
    points: &[SettledPoint],
    revision: &Revision,
) -> Result<Placed, GitError> {
    // Whatever is settled, the revision must exist.
    repository.commit_bytes(revision)?;
    let Some(newest) = points.last() else { return Ok(Placed::at(Position::Unrelated)) };
    let Some(settled) = &newest.revision else {
        let commits = repository.chain(None, revision)?.commits;
        return Ok(Placed { position: Position::FromRoot, commits, live: None });
    };
    let walked = match repository.chain(Some(settled), revision) {
        Ok(walked) => walked,
        // Where the walk down is cut off, the revision may still lie behind what is settled.
        Err(_) if is_behind_first_parent(repository, revision, settled) => {
            return behind(repository, revision, settled);
        }
        Err(error) => return Err(cut_off(repository, revision, error)),
    };
    if walked.end == ChainEnd::MetStart {
        return Ok(Placed { position: Position::Linear, commits: walked.commits, live: None });
    }
    if is_ancestor(repository, revision, settled)? {
        return behind(repository, revision, settled);
    }
    beside(repository, points, settled, &walked.commits)
}

fn behind(
    repository: &Repository,
    revision: &Revision,
    settled: &Revision,
) -> Result<Placed, GitError> {
    let live = Some(live(repository, revision, settled)?);
    Ok(Placed { live, ..Placed::at(Position::Behind) })
}

/// A revision beside the newest settled commit: from the nearest settled commit on its own chain.
fn beside(
    repository: &Repository,
    points: &[SettledPoint],
    settled: &Revision,
    down_to_root: &[Revision],
) -> Result<Placed, GitError> {
    let of = |commit: &Revision| points.iter().rposition(|p| p.revision.as_ref() == Some(commit));
    let nearest = down_to_root
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, commit)| of(commit).map(|start| (at, commit, start)));
    let Some((at, commit, start)) = nearest else { return Ok(Placed::at(Position::Unrelated)) };
    let live = Some(live(repository, commit, settled)?);
    let position = Position::Diverged { start };
    Ok(Placed { position, commits: down_to_root[at + 1..].to_vec(), live })
}

/// What the newest settled commit has that a start has not.
fn live(repository: &Repository, start: &Revision, settled: &Revision) -> Result<Live, GitError> {
    let range = Range { base: Some(start.clone()), head: settled.clone() };
    // They are for people, and a verdict without them is the same.
    let commits = repository.commits_only(&range).unwrap_or_default();
    Ok(Live {
        document: repository.document(Some(start), settled)?,
        commits: commits.iter().map(|c| (c.id.clone(), first_line(&c.message))).collect(),
    })
}

fn is_behind_first_parent(repository: &Repository, revision: &Revision, head: &Revision) -> bool {
    repository.is_ancestor_first_parent(revision, head).unwrap_or(false)
}

/// Whether a revision is an ancestor of another commit, by whatever parents, or is it.
///
/// What the commit has and the revision's first parent has not contains the revision exactly if
/// it is an ancestor: it is in no history of its own parent's. No clock can leave it out.
///
/// # Errors
/// [`GitError`] where one of the two, or what lies between, is not there or damaged.
pub fn is_ancestor(
    repository: &Repository,
    revision: &Revision,
    of: &Revision,
) -> Result<bool, GitError> {
    let base = repository.first_parent(revision)?;
    let brought_in = repository.commits_between(base.as_ref(), of)?;
    Ok(brought_in.contains(revision))
}

/// A start that a shallow clone does not have lies behind its border, and is not to be fetched
/// alone.
fn cut_off(repository: &Repository, revision: &Revision, error: GitError) -> GitError {
    match error {
        GitError::UnknownCommit { commit } if commit != *revision && repository.is_shallow() => {
            GitError::Shallow { commit: revision.clone() }
        }
        error => error,
    }
}
