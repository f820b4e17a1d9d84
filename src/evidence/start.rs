//! What a start behind or beside the newest settled point rests on: what it was signed off with,
//! and which rejected changes it may bring back (`spec/verdict.md` section 4, step 2c).

use std::collections::BTreeSet;

use super::covers::parse;
use super::place::is_ancestor;
use super::rejected::kept_document;
use super::runs::spoken_of;
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::change::{ChangePath, Document};
use crate::git::{GitError, Repository};
use crate::session::{Session, SessionError};
use crate::verify::cover::{Cover, CoverRow};
use crate::verify::{Live, Position, Question, Returning, StepEvidence, step_evidence};
use crate::view::{SettledPoints, View};

use super::gather::{GatherError, Gathered, Wanted, carry};

/// What a start rests on; nothing of a chain from the newest settled point.
#[derive(Debug, Default)]
pub(super) struct RestsOn {
    /// What it was signed off with.
    pub(super) cover: Option<Cover>,
    /// The steps and runs that the rows of the cover consist of.
    pub(super) changes: Vec<ChangeHash>,
    /// Rejected changes that it may bring back.
    pub(super) returning: Vec<Returning>,
}

impl RestsOn {
    /// Every change that it matters whether somebody rejected.
    pub(super) fn every_change(&self) -> impl Iterator<Item = ChangeHash> {
        let rows = self.cover.iter().flat_map(|cover| &cover.segments);
        let rows = rows.flat_map(CoverRow::changes);
        let returning = self.returning.iter().map(|one| one.change);
        rows.chain(self.changes.iter().copied()).chain(returning)
    }
}

/// Reads what a start rests on.
pub(super) fn rests_on(
    session: &Session,
    repository: &Repository,
    question: &Question,
    view: &View,
    position: Position,
    live: Option<&Live>,
) -> Result<RestsOn, GatherError> {
    let points = view.starts(&question.service, &question.environment).all();
    let start = match position {
        Position::Behind => Some(&question.revision),
        Position::Diverged { start } => points.get(start).and_then(|point| point.revision.as_ref()),
        _ => None,
    };
    let Some(start) = start else { return Ok(RestsOn::default()) };
    let cover = start_cover(session, view, position, question)?;
    let changes = match &cover {
        Some(cover) => changes_of(session, repository, (question, view), cover)?,
        None => Vec::new(),
    };
    let returning = returning(session, repository, view, start, live)?;
    Ok(RestsOn { cover, changes, returning })
}

/// The steps, and the runs of them that somebody speaks of, of what the start was signed off with:
/// a run may lie across several rows.
fn changes_of(
    session: &Session,
    repository: &Repository,
    (question, view): (&Question, &View),
    cover: &Cover,
) -> Result<Vec<ChangeHash>, GatherError> {
    let (Some(first), Some(last)) = (cover.segments.first(), cover.segments.last()) else {
        return Ok(Vec::new());
    };
    let before = repository.first_parent(&first.first)?;
    let chain = repository.chain(before.as_ref(), &last.last)?;
    let steps = repository.steps(&chain.commits)?.into_iter();
    let steps: Vec<StepEvidence> = steps.map(|step| step_evidence(step, session.salt())).collect();
    let mut changes: Vec<_> = steps.iter().map(|step| step.step.document.hash()).collect();
    changes.extend(spoken_of(session, &steps)?.into_iter().map(|run| run.change));
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    let whole = Document::compose(&documents).ok();
    changes.extend(whole.iter().map(Document::hash));
    // What somebody rejected in another form is rejected in this one (ATTACKS 8, 33).
    if let Some(whole) = whole {
        changes.extend(rejected_as(session, repository, (question, view), steps, whole)?);
    }
    Ok(changes)
}

/// The rejected changes that are carried to steps or runs of the start, or to all of it.
fn rejected_as(
    session: &Session,
    repository: &Repository,
    (question, view): (&Question, &View),
    steps: Vec<StepEvidence>,
    whole: Document,
) -> Result<Vec<ChangeHash>, GatherError> {
    let mut gathered = Gathered::of_steps(steps, whole);
    carry(session, repository, question, view, &mut gathered, Wanted::default())?;
    Ok(gathered.carried.carried.iter().map(|to| to.carried.approved()).collect())
}

/// The rejected changes that touch something which is live otherwise, and those of which nobody
/// knows what they touch.
fn returning(
    session: &Session,
    repository: &Repository,
    view: &View,
    start: &Revision,
    live: Option<&Live>,
) -> Result<Vec<Returning>, GatherError> {
    let rows = live.iter().flat_map(|live| live.document.rows());
    let taken_back: BTreeSet<&ChangePath> = rows.map(|row| &row.path).collect();
    let mut found = Vec::new();
    for (_, rejected) in view.rejected_changes() {
        let document = kept_document(session, &rejected.change)?;
        let touches = |path: &ChangePath| taken_back.contains(path);
        if document.as_ref().is_some_and(|document| !document.paths().any(touches)) {
            continue;
        }
        let in_start = match is_ancestor(repository, &rejected.head, start) {
            Ok(is_ancestor) => is_ancestor,
            // What was read on a branch that is gone is in no history.
            Err(GitError::UnknownCommit { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        found.push(Returning { change: rejected.change, document, in_start });
    }
    Ok(found)
}

/// For a revision that lies behind or diverged: what the newest deployment of its start was
/// signed off with. A redeployment of a commit brings no changes of its own: what it rests on
/// stands before it.
pub(super) fn start_cover(
    session: &Session,
    view: &View,
    position: Position,
    question: &Question,
) -> Result<Option<Cover>, SessionError> {
    let (service, environment) = (&question.service, &question.environment);
    let points = view.starts(service, environment).all();
    let of_group = view.group_of(service, environment).map_or(&[][..], SettledPoints::all);
    let (revision, artifacts) = match position {
        Position::Behind => (Some(&question.revision), Some(&question.artifacts)),
        Position::Diverged { start } => {
            (points.get(start).and_then(|point| point.revision.as_ref()), None)
        }
        _ => return Ok(None),
    };
    let mut found = None;
    for point in points.iter().rev().chain(of_group.iter().rev()) {
        if point.revision.as_ref() != revision {
            continue;
        }
        // What the admins accepted rests on no cover.
        if point.decision.is_none() {
            return Ok(found);
        }
        if artifacts.is_some_and(|artifacts| point.artifacts != *artifacts) {
            continue;
        }
        let Some(digest) = point.cover else { continue };
        let Some(bytes) = session.blobs().get(&digest)? else { continue };
        let cover = parse(&bytes)?;
        if !cover.segments.is_empty() {
            return Ok(Some(cover));
        }
        found = Some(cover);
    }
    // Whatever brought its changes here is not known any more.
    Ok(None)
}
