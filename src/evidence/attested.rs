//! Evidence without a repository: each step on the word of a service that read it
//! (`spec/verdict.md` section 13).

use std::collections::BTreeSet;

use super::covers::known_covers;
use super::gather::{
    GatherError, Gathered, evidence_of, hashes, note_colliding, rejects_brought_in,
};
use super::rejected::{kept_document, newest_word};
use super::runs::spoken_of;
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::limits::{CHAIN_STEPS_MAX, SEGMENT_STEPS_MAX};
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::change::carry::{CarryContents, PathRelation, relate};
use crate::change::{ChangePath, Document};
use crate::git::Repository;
use crate::ledger::topics;
use crate::policy::Service;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::words::ApprovalVerdict;
use crate::verify::attested::{Contradiction, StepRecord, word_on};
use crate::verify::{Position, Question, StepEvidence, VerifiedEntry};
use crate::view::RejectedChange;

/// Why there is no evidence without a repository.
#[derive(Debug, thiserror::Error)]
pub enum AttestedError {
    /// The ledger.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// No service says what landed as a commit.
    #[error("no service says what landed as commit {}", .commit.short())]
    Unattested {
        /// The commit.
        commit: Revision,
    },
    /// What a service names is not in the side store.
    #[error("what entry {entry} names of commit {} is missing", .commit.short())]
    Incomplete {
        /// The commit.
        commit: Revision,
        /// The service's word.
        entry: EntryIndex,
    },
    /// Services contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// The first parents of a revision end, or go in a circle, before the newest settled commit.
    #[error("as the services say it, {} does not come after what is live", .revision.short())]
    NotAhead {
        /// The revision.
        revision: Revision,
    },
}

/// The steps of commits, as a service that reads them says it.
///
/// # Errors
/// [`GatherError`] where the repository cannot be read.
pub fn landed_steps(
    session: &Session,
    repository: &Repository,
    commits: &[Revision],
) -> Result<Vec<StepEvidence>, GatherError> {
    let mut steps = evidence_of(session, repository, repository.steps(commits)?)?;
    note_colliding(repository, &mut steps)?;
    Ok(steps)
}

/// What the newest word that counts says of a commit, as a step; none where nobody said anything.
///
/// # Errors
/// [`AttestedError`] where services contradict each other, or what they name is missing or wrong.
pub fn attested_step(
    session: &Session,
    service: &Service,
    commit: &Revision,
) -> Result<Option<StepEvidence>, AttestedError> {
    let entries = session.entries_under([topics::landed(&service.repository, commit)])?;
    let Some((entry, said)) = word_on(session.view(), service, commit, &entries)? else {
        return Ok(None);
    };
    let index = entry.index();
    let missing = || AttestedError::Incomplete { commit: commit.clone(), entry: index };
    let record = session.blobs().get(&said.step).map_err(SessionError::from)?;
    let record = record.ok_or_else(missing)?;
    let document = kept_document(session, &said.change)?.ok_or_else(missing)?;
    let wrong = |error: crate::verify::attested::RecordError| {
        SessionError::integrity("the record of a commit that landed", error.to_string())
    };
    let record = StepRecord::parse(&record).map_err(wrong)?;
    Ok(Some(record.into_evidence(said, entry.by(), document).map_err(wrong)?))
}

/// Gathers what a deployment's verdict rests on without a repository. Nothing is carried, for that
/// shows in contents alone, and only a chain that begins at the newest settled point is judged.
///
/// # Errors
/// [`AttestedError`] where a commit of the chain is on nobody's word, or the ledger cannot be read.
pub fn gather_attested(
    session: &Session,
    service: &Service,
    question: &Question,
) -> Result<Gathered, AttestedError> {
    let view = session.view();
    let question = &question.not_before(view);
    let points = view.starts(&question.service, &question.environment);
    let newest = points.newest().map(|point| point.revision.clone());
    let (position, steps) = match newest {
        // Without a baseline nothing is walked: the verdict says what is missing.
        None => (Position::Unrelated, Vec::new()),
        Some(start) => {
            let position = if start.is_some() { Position::Linear } else { Position::FromRoot };
            let older = points.all().iter().filter_map(|point| point.revision.as_ref());
            let older = older.filter(|one| Some(*one) != start.as_ref()).collect();
            let word = |commit: &Revision| attested_step(session, service, commit);
            (position, walk(word, &question.revision, start.as_ref(), &older)?)
        }
    };
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    // What does not add up is the verdict's to find.
    let difference = Document::compose(&documents).unwrap_or_else(|_| nothing());
    let mut wanted: BTreeSet<_> = hashes(&steps, &difference).map(topics::change).collect();
    wanted.extend(question.artifacts.iter().copied().map(topics::artifact));
    wanted.extend(rejects_brought_in(view, &steps).map(topics::change));
    let spoken_of = spoken_of(session, &steps)?;
    wanted.extend(spoken_of.iter().map(|run| topics::change(run.change)));
    let mut entries = session.entries_under(wanted)?;
    let own = view.settled(&question.service, &question.environment);
    for index in own.overrides_for(&question.revision, &question.artifacts) {
        entries.push(session.entry(index)?);
    }
    let covers = known_covers(session, view, question, &entries)?;
    let runs = spoken_of.into_iter().map(|run| (run.first, run.last)).collect();
    Ok(Gathered { position, entries, runs, covers, ..Gathered::of_steps(steps, difference) })
}

fn nothing() -> Document {
    Document::new(Vec::new()).unwrap_or_else(|_| unreachable!("an empty document is one"))
}

/// The steps from a start to a revision, oldest first, each on the word on its commit. `older` were
/// live before.
fn walk(
    mut word: impl FnMut(&Revision) -> Result<Option<StepEvidence>, AttestedError>,
    revision: &Revision,
    start: Option<&Revision>,
    older: &BTreeSet<&Revision>,
) -> Result<Vec<StepEvidence>, AttestedError> {
    let mut steps: Vec<StepEvidence> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = Some(revision.clone());
    while let Some(commit) = next.take().filter(|commit| Some(commit) != start) {
        let is_too_far = steps.len() >= CHAIN_STEPS_MAX || older.contains(&commit);
        if is_too_far || !seen.insert(commit.clone()) {
            return Err(AttestedError::NotAhead { revision: revision.clone() });
        }
        let Some(step) = word(&commit)? else {
            return Err(AttestedError::Unattested { commit });
        };
        let is_root = step.step.parent.is_none();
        next.clone_from(&step.step.parent);
        steps.push(step);
        if is_root && start.is_some() {
            return Err(AttestedError::NotAhead { revision: revision.clone() });
        }
    }
    steps.reverse();
    // Whether a later step mended a collision shows in its tree alone.
    let mut colliding: BTreeSet<ChangePath> = BTreeSet::new();
    for step in &mut steps {
        colliding.extend(step.step.collisions.iter().cloned());
        step.colliding = colliding.iter().cloned().collect();
    }
    Ok(steps)
}

/// A reject of another form of something in the chain. Whether it is of the same edits shows in
/// contents alone, so without them nothing that has exactly its paths is let through, unless the
/// same member approved that since.
///
/// # Errors
/// [`SessionError`] where the ledger cannot be read.
pub fn reject_in_doubt(
    session: &Session,
    gathered: &Gathered,
) -> Result<Option<(EntryIndex, Revision)>, SessionError> {
    let steps = &gathered.steps;
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    let touched: BTreeSet<&ChangePath> =
        documents.iter().flat_map(|document| document.paths()).collect();
    for (reject, rejected) in session.view().rejected_changes() {
        let words = session.entries_under([topics::change(rejected.change)])?;
        let by = session.entry(reject)?.by().clone();
        let stands = Some((reject, ApprovalVerdict::Reject));
        if newest_word(&words, &by, rejected.change) != stands {
            continue;
        }
        let Some(document) = kept_document(session, &rejected.change)? else {
            // Where the branch is, what was rejected might be read: here nobody knows its paths.
            if is_known_elsewhere(steps, rejected) || steps.is_empty() {
                continue;
            }
            return Ok(steps.last().map(|step| (reject, step.step.commit.clone())));
        };
        let paths: BTreeSet<&ChangePath> = document.paths().collect();
        if !paths.is_subset(&touched) {
            continue;
        }
        for (last, run) in runs_of(&documents, &paths) {
            let change = run.hash();
            if may_be_carried(&document, &run) && !approved_since(session, change, &by, reject)? {
                return Ok(Some((reject, steps[last].step.commit.clone())));
            }
        }
    }
    Ok(None)
}

/// Whether there could be a certificate, as far as two documents show that have the same paths.
fn may_be_carried(rejected: &Document, landed: &Document) -> bool {
    let mut relations = relate(rejected, landed, &CarryContents::default()).into_iter();
    // Equal documents are exact, and heard by the verdict itself.
    rejected != landed
        && relations.all(|(_, relation)| match relation {
            PathRelation::Exact | PathRelation::There => true,
            // Main has to have edited it as well.
            PathRelation::Edited(sides) => sides.base != sides.before,
            PathRelation::Different(_) => false,
        })
}

/// A reject whose commits the chain brings in is heard by the verdict itself.
fn is_known_elsewhere(steps: &[StepEvidence], rejected: &RejectedChange) -> bool {
    let mut commits = steps.iter().flat_map(|step| &step.step.commits);
    commits.any(|commit| commit.id == rejected.head)
}

/// The steps, the runs of at most 32 steps and the whole chain that change exactly these paths,
/// each with its last step.
fn runs_of(documents: &[&Document], paths: &BTreeSet<&ChangePath>) -> Vec<(usize, Document)> {
    let is_of = |document: &Document| document.paths().collect::<BTreeSet<_>>() == *paths;
    let mut found = Vec::new();
    for last in 0..documents.len() {
        let mut run = documents[last].clone();
        let lowest = (last + 1).saturating_sub(SEGMENT_STEPS_MAX);
        for first in (lowest..=last).rev() {
            if first < last {
                let Ok(longer) = Document::compose(&[documents[first], &run]) else { break };
                run = longer;
            }
            if is_of(&run) {
                found.push((last, run.clone()));
            }
        }
    }
    if documents.len() > SEGMENT_STEPS_MAX
        && let Ok(whole) = Document::compose(documents)
        && is_of(&whole)
    {
        found.push((documents.len() - 1, whole));
    }
    found
}

/// Whether a member approved a change after an entry, and said nothing else of it since.
fn approved_since(
    session: &Session,
    change: ChangeHash,
    by: &crate::base::name::MemberId,
    after: EntryIndex,
) -> Result<bool, SessionError> {
    let words: Vec<VerifiedEntry> = session.entries_under([topics::change(change)])?;
    let newest = newest_word(&words, by, change);
    Ok(matches!(newest, Some((entry, ApprovalVerdict::Approve)) if entry > after))
}

/// What has to be kept beside the ledger before a service says that a step landed: its document and
/// what its commits say. Gives the digest of the latter.
///
/// # Errors
/// [`SessionError`] where they cannot be kept.
pub fn keep_step(session: &Session, step: &StepEvidence) -> Result<ContentDigest, SessionError> {
    let blobs = session.blobs();
    blobs.put(&step.step.document.to_bytes())?;
    Ok(blobs.put(&StepRecord::of(step).to_bytes())?)
}

/// Whether an entry says this of the commit already.
#[must_use]
pub fn says_so(entry: &VerifiedEntry, step: &StepEvidence) -> bool {
    let digest = StepRecord::of(step).digest();
    matches!(&entry.statement().says, Says::Landed(said)
        if said.step == digest && said.change == step.step.document.hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Step;

    fn revision(number: usize) -> Revision {
        Revision::new(format!("{number:040x}")).unwrap()
    }

    /// A step of a line of commits without end.
    fn step(commit: &Revision) -> StepEvidence {
        let number = usize::from_str_radix(commit.as_str(), 16).unwrap();
        let step = Step {
            commit: commit.clone(),
            parent: Some(revision(number - 1)),
            document: nothing(),
            commits: Vec::new(),
            path_facts: Vec::new(),
            author_counts: true,
            collisions: Vec::new(),
        };
        StepEvidence {
            step,
            title: String::new(),
            authors: Vec::new(),
            detected: None,
            colliding: Vec::new(),
            attested_by: None,
        }
    }

    #[test]
    fn a_chain_on_somebodys_word_has_its_limit() {
        let (start, head) = (revision(1), |steps| revision(1 + steps));
        let walk = |head: &Revision| {
            walk(|commit| Ok(Some(step(commit))), head, Some(&start), &BTreeSet::new())
        };
        assert_eq!(walk(&head(CHAIN_STEPS_MAX)).unwrap().len(), CHAIN_STEPS_MAX);
        let above = walk(&head(CHAIN_STEPS_MAX + 1));
        assert!(matches!(above, Err(AttestedError::NotAhead { .. })));
    }
}
