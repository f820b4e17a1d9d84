//! Where a chain starts, and what it takes back (`spec/verdict.md` section 4, step 2).

use std::collections::{BTreeMap, BTreeSet};

use super::cover::CoverRow;
use super::entry::VerifiedEntry;
use super::evidence::{Evidence, Position, Question, Returning};
use super::judge::Judge;
use super::verdict::{Problem, problem};
use super::word::content;
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::base::time::Span;
use crate::change::{ChangePath, Side};
use crate::policy::ReasonCode;
use crate::statement::Says;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::view::{SettledPoint, SettledPoints};

/// The start of a chain, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Start<'a> {
    pub(super) point: Option<&'a SettledPoint>,
    pub(super) problems: Vec<Problem>,
    /// Paths that are live and would no longer be as they are.
    pub(super) undone: Vec<ChangePath>,
}

impl<'a> Start<'a> {
    fn at(point: &'a SettledPoint) -> Self {
        Self { point: Some(point), ..Self::default() }
    }

    fn none(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }
}

/// Finds the start among the settled points of the place.
pub(super) fn find<'a>(
    question: &Question,
    evidence: &Evidence<'_>,
    points: &'a SettledPoints,
    within: Span,
) -> Start<'a> {
    let Some(newest) = points.newest() else {
        let place = format!("{} in {}", question.service, question.environment);
        let text = format!("nothing is settled for {place}, and there is no baseline");
        let hint = format!(
            "an admin says from where on: countersign baseline --service {} --env {} REVISION",
            question.service, question.environment
        );
        return Start::none(problem(ReasonCode::BaselineMissing, text, hint));
    };
    match *evidence.position {
        Position::Linear => Start::at(newest),
        Position::FromRoot if newest.revision.is_none() => Start::at(newest),
        Position::Behind => {
            let mut found = rollback(question, points.all(), newest, within);
            found.undone = undone(evidence);
            found
        }
        Position::Diverged { start } => diverged(question, evidence, points, start, within),
        Position::FromRoot | Position::Unrelated => Start::none(unrelated(question, newest)),
    }
}

fn unrelated(question: &Question, newest: &SettledPoint) -> Problem {
    let live = newest.revision.as_ref().map_or("none", Revision::short);
    let revision = question.revision.short();
    let text = format!(
        "{revision} does not descend from {live}, which is settled as entry {}, nor from what was \
         settled before",
        newest.entry.index
    );
    problem(ReasonCode::Diverged, text, sign_whole(question, newest))
}

/// The way out where there is no chain: somebody reads everything that would change.
fn sign_whole(question: &Question, newest: &SettledPoint) -> String {
    let revision = question.revision.short();
    match &newest.revision {
        Some(live) => format!(
            "merge or rebase onto it, or sign off all that would change: \
             countersign approve {}..{revision}",
            live.short()
        ),
        None => "deploy a commit whose first parents lead to it".to_owned(),
    }
}

/// A revision behind the newest settled one may be deployed again only if it was itself settled
/// there, with the same artifacts, lately (ATTACKS 2, 8).
fn rollback<'a>(
    question: &Question,
    points: &'a [SettledPoint],
    newest: &SettledPoint,
    within: Span,
) -> Start<'a> {
    let same = |point: &&SettledPoint| {
        point.revision.as_ref() == Some(&question.revision)
            && point.decision.is_some()
            && point.artifacts == question.artifacts
    };
    let lately = |point: &&SettledPoint| question.time.since(point.time) < within;
    if let Some(point) = points.iter().rev().filter(same).find(lately) {
        return Start::at(point);
    }
    let text = format!(
        "{} lies behind what is settled, and was not deployed here so within {within}",
        question.revision.short()
    );
    let to = "roll back to a revision that was (countersign log --kind deployment)";
    let hint = newest.revision.as_ref().map_or_else(
        || to.to_owned(),
        |live| {
            let (live, revision) = (live.short(), question.revision.short());
            format!(
                "{to}, or sign off all that would change: countersign approve {live}..{revision}"
            )
        },
    );
    Start::none(problem(ReasonCode::Diverged, text, hint))
}

/// A revision beside what is live starts at the nearest settled point on its own chain.
fn diverged<'a>(
    question: &Question,
    evidence: &Evidence<'_>,
    points: &'a SettledPoints,
    start: usize,
    within: Span,
) -> Start<'a> {
    let (Some(point), Some(newest)) = (points.all().get(start), points.newest()) else {
        return Start::default();
    };
    let mut found = Start::at(point);
    if question.time.since(point.time) >= within {
        let settled = point.revision.as_ref().map_or("none", Revision::short);
        let text = format!(
            "{} is beside what is live, and its start {settled} (entry {}) was not settled within \
             {within}",
            question.revision.short(),
            point.entry.index
        );
        let hint = sign_whole(question, newest);
        found.problems.push(problem(ReasonCode::Diverged, text, hint));
    }
    let undone = undone(evidence);
    let dropped = dropped(evidence, newest, &undone);
    if let Some(first) = dropped.first() {
        let live = newest.revision.as_ref().map_or("none", Revision::short);
        let more = dropped.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let text = format!(
            "{} claims to contain {live}, which is live, and drops its {}{more}",
            question.revision.short(),
            String::from_utf8_lossy(first.as_bytes())
        );
        let hint = sign_whole(question, newest);
        found.problems.push(problem(ReasonCode::UndoesSettled, text, hint));
    }
    found.undone = undone;
    found
}

/// The paths whose live content the revision has not: what the newest settled point changed since
/// the start, and the revision has otherwise.
fn undone(evidence: &Evidence<'_>) -> Vec<ChangePath> {
    let Some(live) = evidence.live else { return Vec::new() };
    let landed: BTreeMap<&ChangePath, &Side> =
        evidence.difference.rows().iter().map(|row| (&row.path, &row.new)).collect();
    // A path that the chain leaves alone is as it was at the start.
    let is_undone = |row: &&crate::change::Row| {
        landed.get(&row.path).is_none_or(|revision| **revision != row.new)
    };
    live.document.rows().iter().filter(is_undone).map(|row| row.path.clone()).collect()
}

/// What a merge of the live commit silently left out: the first step that brings it in did not
/// touch these undone paths (ATTACKS 1: `merge -s ours` with the other side as first parent).
fn dropped<'e>(
    evidence: &Evidence<'_>,
    newest: &SettledPoint,
    undone: &'e [ChangePath],
) -> Vec<&'e ChangePath> {
    let Some(live) = &newest.revision else { return Vec::new() };
    let brings = |commits: &[crate::change::CommitFacts]| commits.iter().any(|c| c.id == *live);
    let merge = evidence.steps.iter().find(|step| brings(&step.step.commits));
    let Some(merge) = merge else { return Vec::new() };
    let touched = |path: &ChangePath| merge.step.document.paths().any(|own| own == path);
    undone.iter().filter(|path| !touched(path)).collect()
}

/// Whether a rejected change comes back with the start: a path of it that is live otherwise has in
/// the start what the change made of it, or the start's history has the commit that was read. Of
/// one whose document was not kept only the history tells.
fn comes_back(rejected: &Returning, evidence: &Evidence<'_>, undone: &[ChangePath]) -> bool {
    let (Some(document), Some(live)) = (&rejected.document, evidence.live) else {
        return rejected.in_start;
    };
    let made: BTreeMap<&ChangePath, &Side> =
        document.rows().iter().map(|row| (&row.path, &row.new)).collect();
    let mut taken_back = live.document.rows().iter().filter(|row| undone.contains(&row.path));
    taken_back
        .any(|row| made.get(&row.path).is_some_and(|made| rejected.in_start || **made == row.old))
}

/// Whether an entry signs off changes.
fn approves(entry: &VerifiedEntry) -> bool {
    let Says::Approval(said) = &entry.statement().says else { return false };
    said.verdict == ApprovalVerdict::Approve && said.subject_type == SubjectType::Change
}

/// What was signed off once may be started from again only as long as nobody took it back: no
/// reject stands on its changes, and no key that signed them off has leaked (ATTACKS 8).
pub(super) fn doubts(
    judge: &Judge<'_>,
    evidence: &Evidence<'_>,
    start: &Start<'_>,
) -> Vec<Problem> {
    let hint = match evidence.position {
        Position::Behind => "roll back to another revision, or forward to one that is signed off",
        Position::Diverged { .. } => "start from another revision, or sign off all that changes",
        _ => return Vec::new(),
    };
    // A baseline was accepted by the admins, not signed off change by change.
    if start.point.is_none_or(|point| point.decision.is_none()) {
        return Vec::new();
    }
    let Some(cover) = evidence.cover else {
        let text = "what it starts from was signed off with is not known any more";
        return vec![problem(ReasonCode::Diverged, text, hint)];
    };
    let revision = start.point.and_then(|point| point.revision.as_ref());
    let named = revision.map_or("none", Revision::short);
    let rows = cover.segments.iter().flat_map(CoverRow::changes);
    let mut changes: BTreeSet<_> = rows.chain(evidence.start_changes.iter().copied()).collect();
    let returns = evidence.returning.iter().filter(|one| comes_back(one, evidence, &start.undone));
    changes.extend(returns.map(|one| one.change));
    let rejected = changes.into_iter().filter(|change| !judge.rejects(*change).is_empty());
    let tell = |change: ChangeHash| {
        let text = format!("change {}, part of {named}, was rejected since", change.short());
        problem(ReasonCode::Rejected, text, hint)
    };
    let mut problems: Vec<_> = rejected.map(tell).collect();
    for row in &cover.segments {
        let words = row.changes().flat_map(|change| judge.words(content(change)));
        let given: BTreeSet<_> = words
            .filter(|entry| approves(entry) && !judge.is_leaked(entry))
            .map(|entry| entry.index())
            .collect();
        if !row.approvals.iter().all(|approval| given.contains(approval)) {
            let change = row.change.short();
            let text =
                format!("a key that signed off change {change}, part of {named}, has leaked");
            problems.push(problem(ReasonCode::KeyRevoked, text, hint));
        }
    }
    problems
}
