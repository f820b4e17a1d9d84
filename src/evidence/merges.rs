//! Merges that git could make by itself: whoever pressed "merge" wrote nothing, and whoever left
//! out a side, or wrote anything more, did (`spec/change.md`, "Steps and chains").

use std::collections::{BTreeMap, BTreeSet};

use super::carried::damage;
use crate::base::name::Revision;
use crate::carry::find;
use crate::change::carry::{PathRelation, relate};
use crate::change::{CommitFacts, Document, Step};
use crate::git::{GitError, Range, Repository};

/// Unchanged lines between the edits of both sides, whatever a policy asks of sign-offs.
const GAP_LINES: u32 = 1;

/// Settles of each merge that the steps bring in whether its author counts. Where that cannot be
/// told by its merge base, what the trees of its parents say stays.
///
/// # Errors
/// [`GitError`] where commits, trees or blobs are damaged.
pub fn settle_merges(repository: &Repository, steps: &mut [Step]) -> Result<(), GitError> {
    let mut merges: Vec<&CommitFacts> = steps.iter().flat_map(in_question).collect();
    merges.sort_unstable_by_key(|merge| &merge.id);
    merges.dedup_by_key(|merge| &merge.id);
    let pairs: Vec<[Revision; 2]> = merges.iter().filter_map(|merge| parents(merge)).collect();
    let bases = repository.merge_bases(&pairs)?;
    let mut counts: BTreeMap<Revision, bool> = BTreeMap::new();
    for ((merge, [first, second]), base) in merges.iter().zip(pairs).zip(bases) {
        let Some(base) = base else {
            // Which side changed what cannot be told, so whoever chose did.
            counts.insert(merge.id.clone(), true);
            continue;
        };
        let brought = Range { base: Some(base), head: second };
        let landed = Range { base: Some(first), head: merge.id.clone() };
        counts.insert(merge.id.clone(), !is_mechanical(repository, brought, landed)?);
    }
    for step in steps {
        for commit in &mut step.commits {
            if let Some(counted) = counts.get(&commit.id) {
                commit.author_counts = *counted;
            }
        }
        if let Some(counted) = counts.get(&step.commit) {
            step.author_counts = *counted;
        }
    }
    Ok(())
}

/// The merges of a step by whom nothing else in it names as an author: of the others it makes no
/// difference.
fn in_question(step: &Step) -> impl Iterator<Item = &CommitFacts> {
    let is_merge = |commit: &&CommitFacts| commit.parents.len() > 1;
    let mut known: BTreeSet<Vec<u8>> = BTreeSet::new();
    for commit in &step.commits {
        known.extend(commit.co_authors.iter().map(crate::change::Identity::email_folded));
        if !is_merge(&commit) {
            known.insert(commit.author.email_folded());
        }
    }
    let merges = step.commits.iter().filter(is_merge).filter(|merge| parents(merge).is_some());
    merges.filter(move |merge| !known.contains(&merge.author.email_folded()))
}

fn parents(merge: &CommitFacts) -> Option<[Revision; 2]> {
    let [first, second] = merge.parents.as_slice() else { return None };
    Some([first.clone(), second.clone()])
}

/// Whether what a merge changed on its first parent is what the other side had made since their
/// base: the same rows, or the same edits in files that the first side had edited elsewhere.
/// Nothing less, for that was left out by somebody, and nothing more.
fn is_mechanical(repository: &Repository, brought: Range, landed: Range) -> Result<bool, GitError> {
    match repository.is_same_difference(&brought, &landed) {
        Ok(true) => return Ok(true),
        Ok(false) => {}
        Err(error) => return unread(error).map(|()| false),
    }
    let documents = (document(repository, &brought)?, document(repository, &landed)?);
    let (Some(approved), Some(made)) = documents else { return Ok(false) };
    let source = repository.carried_ranges(brought, landed);
    let relations = relate(&approved, &made, &source);
    damage(source.failure())?;
    let is_different = |relation: &PathRelation| matches!(relation, PathRelation::Different(_));
    if relations.iter().any(|(_, relation)| is_different(relation)) {
        return Ok(false);
    }
    // The first side had all of it already.
    if made.is_empty() {
        return Ok(true);
    }
    let found = find(&approved, &made, GAP_LINES, &source);
    damage(source.failure())?;
    Ok(found.is_ok())
}

/// The document of a range; none where something of it is not at hand.
fn document(repository: &Repository, range: &Range) -> Result<Option<Document>, GitError> {
    match repository.document(range.base.as_ref(), &range.head) {
        Ok(document) => Ok(Some(document)),
        Err(error) => unread(error).map(|()| None),
    }
}

/// What is not at hand, or more than a document may be, shows nothing.
fn unread(error: GitError) -> Result<(), GitError> {
    match error {
        GitError::Difference(_) | GitError::Document(_) => Ok(()),
        error => damage(Some(error)),
    }
}
