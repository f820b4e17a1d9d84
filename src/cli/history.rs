//! The repository that commands look at, and what they look at where nobody names a range.

use super::error::CliError;
use crate::base::name::Revision;
use crate::change::{Chain, ChainEnd};
use crate::git::{GitError, Range, Repository};

/// What a remote's main branch may be called, the likeliest first.
const MAIN_NAMES: [&str; 5] = ["origin/HEAD", "origin/main", "origin/master", "main", "master"];

/// The commit that is checked out; a repository without any is told so in one line.
pub(super) fn head(repository: &Repository) -> Result<Revision, CliError> {
    repository.resolve("HEAD").map_err(|error| {
        let has_no_commit = matches!(error, GitError::UnknownRevision { .. })
            && repository.branches().is_ok_and(|branches| branches.is_empty());
        if has_no_commit {
            return CliError::usage("this repository has no commit yet").hint("git commit");
        }
        error.into()
    })
}

/// The range that `text` names; without a text, what the branch adds to the remote's main, and
/// on main itself the newest commit.
pub(super) fn range(repository: &Repository, text: Option<&str>) -> Result<Range, CliError> {
    let head = head(repository)?;
    if let Some(text) = text {
        return named(repository, text);
    }
    for name in MAIN_NAMES {
        let main = match repository.resolve(name) {
            Ok(main) => main,
            Err(GitError::UnknownRevision { .. } | GitError::UnknownCommit { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let base = repository.merge_base(&main, &head)?;
        if base != head {
            return Ok(Range { base: Some(base), head });
        }
        break;
    }
    named(repository, "HEAD")
}

/// What the branch called `text` adds to main, if it is a branch, ahead of main and not main
/// itself: what reviewers sign of it.
pub(super) fn of_branch(repository: &Repository, text: &str) -> Result<Option<Range>, CliError> {
    let full = [text.to_owned(), format!("refs/heads/{text}"), format!("refs/remotes/{text}")];
    let tips = repository.branches()?;
    let named = tips.iter().find(|tip| full.iter().any(|full| full == tip.name.as_str()));
    let Some(named) = named else { return Ok(None) };
    let Some(main) = main_tip(repository)? else { return Ok(None) };
    let head = named.revision.clone();
    if is_main(named.name.as_str()) || head == main {
        return Ok(None);
    }
    let base = repository.merge_base(&main, &head)?;
    Ok((base != head).then_some(Range { base: Some(base), head }))
}

fn is_main(name: &str) -> bool {
    let short = name
        .strip_prefix("refs/heads/")
        .or_else(|| name.strip_prefix("refs/remotes/"))
        .unwrap_or(name);
    MAIN_NAMES.contains(&short)
}

/// The newest commit of main that is known here: the local branch, or what was fetched of it
/// where that is ahead, as for whoever signs.
fn main_tip(repository: &Repository) -> Result<Option<Revision>, CliError> {
    let find = |name: &str| match repository.resolve(name) {
        Ok(found) => Ok(Some(found)),
        Err(GitError::UnknownRevision { .. } | GitError::UnknownCommit { .. }) => Ok(None),
        Err(error) => Err(CliError::from(error)),
    };
    let default = find("refs/remotes/origin/HEAD")?;
    for name in ["main", "master"] {
        let local = find(&format!("refs/heads/{name}"))?;
        let remote = find(&format!("refs/remotes/origin/{name}"))?;
        if default.is_some() && default != remote {
            continue;
        }
        match (local, remote) {
            (Some(local), Some(remote)) => {
                let base = repository.merge_base(&local, &remote);
                let is_behind = base.is_ok_and(|base| base == local);
                return Ok(Some(if is_behind { remote } else { local }));
            }
            (Some(tip), None) | (None, Some(tip)) => return Ok(Some(tip)),
            (None, None) => {}
        }
    }
    Ok(default)
}

/// The range that `text` names, where both of its ends are there: the first parent of a commit
/// may lie beyond the border of a shallow clone.
pub(super) fn named(repository: &Repository, text: &str) -> Result<Range, CliError> {
    let range = repository.range(text)?;
    let is_cut_off = range.base.as_ref().is_some_and(|base| {
        matches!(repository.resolve(base.as_str()), Err(GitError::UnknownCommit { .. }))
    });
    if is_cut_off && repository.is_shallow() {
        return Err(GitError::Shallow { commit: range.head }.into());
    }
    Ok(range)
}

/// Commits along first parents.
pub(super) struct Walked {
    /// The commits whose first parent is known, oldest first.
    pub(super) commits: Vec<Revision>,
    /// Where the history of a shallow clone is cut off: the last commit that is there, of which
    /// nobody can say what it changed.
    pub(super) cut_off_at: Option<Revision>,
}

/// The newest `count_max` commits from the head along first parents, as many as there are.
pub(super) fn newest(repository: &Repository, count_max: usize) -> Result<Walked, CliError> {
    let mut id = head(repository)?;
    let mut walked = Walked { commits: Vec::new(), cut_off_at: None };
    while walked.commits.len() < count_max {
        let parent = match repository.resolve(&format!("{id}~1")) {
            Ok(parent) => Some(parent),
            // The commit itself is there, so what is not known is its parent: it has none.
            Err(GitError::UnknownRevision { .. }) => None,
            Err(GitError::Shallow { .. }) => {
                walked.cut_off_at = Some(id);
                break;
            }
            Err(error) => return Err(error.into()),
        };
        walked.commits.push(id);
        let Some(parent) = parent else { break };
        id = parent;
    }
    walked.commits.reverse();
    Ok(walked)
}

/// The commits of a range along the first parents of its head, oldest first. Where the base lies
/// beside them, they start where the base branched off, as in `git log --first-parent`.
pub(super) fn first_parents(
    repository: &Repository,
    range: &Range,
) -> Result<Vec<Revision>, CliError> {
    let Range { base, head } = range;
    let Chain { commits, end } = repository.chain(base.as_ref(), head)?;
    let (ChainEnd::Root, Some(base)) = (end, base) else { return Ok(commits) };
    let others = repository.chain(None, base)?.commits;
    let shared = commits.iter().zip(&others).take_while(|(mine, theirs)| mine == theirs).count();
    if shared == 0 {
        let (one, other) = (base.clone(), head.clone());
        return Err(GitError::NoMergeBase { one, other }.into());
    }
    Ok(commits[shared..].to_vec())
}
