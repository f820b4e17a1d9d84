//! What a verdict rests on, read from a repository and a ledger.

use std::collections::BTreeSet;

use super::steps::step_evidence;
use crate::base::digest::ChangeHash;
use crate::base::limits::CHAIN_STEPS_MAX;
use crate::base::name::Revision;
use crate::change::{ChainEnd, Document, Step};
use crate::git::{GitError, Range, Repository};
use crate::ledger::store::Topic;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::verify::cover::Cover;
use crate::verify::evidence::Position;
use crate::verify::{Evidence, Question, StepEvidence, VerifiedEntry};
use crate::view::SettledPoint;

/// Why evidence cannot be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The ledger.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// More steps than are judged at once.
    #[error("{found} steps lie between the start and the revision: at most {CHAIN_STEPS_MAX}")]
    TooManySteps {
        /// How many there are.
        found: usize,
    },
}

/// Evidence, but for the view that it is judged with.
#[derive(Debug)]
pub struct Gathered {
    /// How the revision lies to the settled points.
    pub position: Position,
    /// The steps of the chain, oldest first.
    pub steps: Vec<StepEvidence>,
    /// The difference of the two trees.
    pub difference: Document,
    /// Every entry about these changes and artifacts.
    pub entries: Vec<VerifiedEntry>,
    /// Approvals of other versions, with the hash they are near to.
    pub near: Vec<(ChangeHash, VerifiedEntry)>,
    /// For a revision that lies behind: what it was signed off with.
    pub cover: Option<Cover>,
}

impl Gathered {
    /// The evidence, for a verdict.
    #[must_use]
    pub fn evidence<'a>(&'a self, session: &'a Session) -> Evidence<'a> {
        Evidence {
            view: session.view(),
            position: &self.position,
            steps: self.steps.as_slice(),
            difference: &self.difference,
            entries: self.entries.as_slice(),
            near: self.near.as_slice(),
            cover: self.cover.as_ref(),
        }
    }
}

/// Gathers what a deployment's verdict rests on: the chain from the newest settled point.
///
/// # Errors
/// [`GatherError`] where the repository or the ledger cannot be read, or does not verify.
pub fn gather(
    session: &Session,
    repository: &Repository,
    question: &Question,
) -> Result<Gathered, GatherError> {
    let points = session.view().settled(&question.service, &question.environment).all();
    let (position, commits) = chain(repository, points, &question.revision)?;
    if commits.len() > CHAIN_STEPS_MAX {
        return Err(GatherError::TooManySteps { found: commits.len() });
    }
    let steps = evidence_of(session, repository.steps(&commits)?);
    let difference = match commits.first() {
        // The first step's parent is the start; the trees themselves say what would be deployed.
        Some(_) => {
            let start = steps.first().and_then(|step| step.step.parent.as_ref());
            repository.document(start, &question.revision)?
        }
        None => no_difference(),
    };
    let mut wanted: BTreeSet<Topic> = hashes(&steps, &difference).map(topics::change).collect();
    wanted.extend(question.artifacts.iter().copied().map(topics::artifact));
    let cover = match position {
        Position::Behind => covered(session, points, question)?,
        _ => None,
    };
    let changes = cover.iter().flat_map(|cover| &cover.segments).map(|row| row.change);
    wanted.extend(changes.map(topics::change));
    let entries = session.entries_under(wanted)?;
    let near = near(session, &entries)?;
    Ok(Gathered { position, steps, difference, entries, near, cover })
}

/// Gathers what the verdict on a range rests on that has not landed: as one change, from its base
/// to its head.
///
/// # Errors
/// [`GatherError`] where the repository or the ledger cannot be read, or does not verify.
pub fn gather_range(
    session: &Session,
    repository: &Repository,
    range: &Range,
) -> Result<Gathered, GatherError> {
    let (document, path_facts) =
        repository.document_with_facts(range.base.as_ref(), &range.head)?;
    let collisions = repository.collisions(&document, &range.head)?;
    let commits = repository.commits_only(range)?;
    let step = Step {
        commit: range.head.clone(),
        parent: range.base.clone(),
        author_counts: commits.first().is_some_and(|own| own.author_counts),
        document: document.clone(),
        commits,
        path_facts,
        collisions,
    };
    let steps = evidence_of(session, vec![step]);
    let entries = session.entries_under([topics::change(document.hash())])?;
    let near = near(session, &entries)?;
    Ok(Gathered {
        position: Position::FromRoot,
        steps,
        difference: document,
        entries,
        near,
        cover: None,
    })
}

fn evidence_of(session: &Session, steps: Vec<Step>) -> Vec<StepEvidence> {
    steps.into_iter().map(|step| step_evidence(step, session.salt())).collect()
}

fn no_difference() -> Document {
    Document::new(Vec::new()).unwrap_or_else(|_| unreachable!("an empty document is one"))
}

fn hashes<'a>(
    steps: &'a [StepEvidence],
    difference: &Document,
) -> impl Iterator<Item = ChangeHash> + 'a {
    let whole = difference.hash();
    steps.iter().map(|step| step.step.document.hash()).chain(std::iter::once(whole))
}

/// How a revision lies to the settled points, and the steps from the newest of them. Steps are
/// named only where the chain can be judged: from the newest settled point.
fn chain(
    repository: &Repository,
    points: &[SettledPoint],
    revision: &Revision,
) -> Result<(Position, Vec<Revision>), GitError> {
    let Some((last, newest)) = points.len().checked_sub(1).zip(points.last()) else {
        // Nothing is settled; the revision must exist all the same.
        repository.commit_bytes(revision)?;
        return Ok((Position::FromRoot, Vec::new()));
    };
    let is_behind = || match &newest.revision {
        Some(settled) => repository.is_ancestor_first_parent(revision, settled).unwrap_or(false),
        None => false,
    };
    let walked = match repository.chain(newest.revision.as_ref(), revision) {
        Ok(walked) => walked,
        // Where the walk down is cut off, the revision may still lie behind what is settled.
        Err(_) if is_behind() => return Ok((Position::Behind, Vec::new())),
        Err(error) => return Err(cut_off(repository, revision, error)),
    };
    if walked.end == ChainEnd::MetStart {
        return Ok((Position::After(last), walked.commits));
    }
    let Some(settled) = &newest.revision else { return Ok((Position::FromRoot, walked.commits)) };
    if repository.is_ancestor_first_parent(revision, settled)? {
        return Ok((Position::Behind, Vec::new()));
    }
    let on_chain = |point: &SettledPoint| {
        point.revision.as_ref().is_some_and(|settled| walked.commits.contains(settled))
    };
    let nearest = points.iter().rposition(on_chain);
    Ok((nearest.map_or(Position::FromRoot, Position::After), Vec::new()))
}

/// What the newest deployment of the revision with these artifacts was signed off with. A
/// redeployment of a commit brings no changes of its own: what it rests on stands before it.
fn covered(
    session: &Session,
    points: &[SettledPoint],
    question: &Question,
) -> Result<Option<Cover>, SessionError> {
    let same = points.iter().rev().filter(|point| {
        point.revision.as_ref() == Some(&question.revision) && point.artifacts == question.artifacts
    });
    let mut found = None;
    for digest in same.filter_map(|point| point.cover) {
        let Some(bytes) = session.blobs().get(&digest)? else { continue };
        let cover = Cover::parse(&bytes).map_err(|error| {
            SessionError::integrity("the cover of a decision", error.to_string())
        })?;
        let brings = !cover.segments.is_empty();
        found = Some(cover);
        if brings {
            break;
        }
    }
    Ok(found)
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

/// Approvals of other versions of the same changes: those that a declaration names as its
/// predecessor, or that were declared for the same request.
fn near(
    session: &Session,
    entries: &[VerifiedEntry],
) -> Result<Vec<(ChangeHash, VerifiedEntry)>, SessionError> {
    let mut near = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let Says::Change(said) = &entry.statement().says else { continue };
        let mut versions: BTreeSet<ChangeHash> = said.predecessor.into_iter().collect();
        if let Some(request) = &said.request {
            for other in session.entries_under([topics::request(&said.repository, request)])? {
                if let Says::Change(other) = &other.statement().says {
                    versions.insert(other.change);
                }
            }
        }
        versions.remove(&said.change);
        for found in session.entries_under(versions.into_iter().map(topics::change))? {
            let is_approval = matches!(&found.statement().says, Says::Approval(approval)
                if approval.verdict == ApprovalVerdict::Approve
                    && approval.subject_type == SubjectType::Change);
            if is_approval && seen.insert((said.change, found.index())) {
                near.push((said.change, found));
            }
        }
    }
    Ok(near)
}
