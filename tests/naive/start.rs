//! Where a chain starts (`spec/verdict.md` section 4, step 2).

use std::collections::BTreeSet;

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::base::name::Revision;
use countersign::policy::{Policy, ReasonCode};
use countersign::statement::Says;
use countersign::statement::words::{ApprovalVerdict, SubjectType};

use super::chain::change_of;
use super::evaluator::{Asked, CoverRow, Lies, Model};
use super::fold::Point;
use super::repository::differing;
use super::segment::{Part, Segments};

/// Where a chain starts, its steps, and what refuses it.
pub(crate) struct Start {
    pub(crate) lies: Lies,
    /// The entry of the settled point.
    pub(crate) entry: u64,
    pub(crate) steps: Vec<usize>,
    /// The codes of what is refused; there may be none where no cover is at hand.
    pub(crate) refused: Option<BTreeSet<ReasonCode>>,
}

/// Step 2.
pub(crate) fn find(
    model: &Model<'_>,
    asked: &Asked,
    policies: &[Policy],
    points: &[Point],
) -> Start {
    let lies = lies(model, asked, points);
    let newest = &points[points.len() - 1];
    let within = policies.iter().map(|policy| policy.defaults().rollback_within.milliseconds());
    let within = within.min().unwrap();
    let revision = &model.repository.commits[asked.revision].id;
    let mut start = newest.entry;
    let mut refused = BTreeSet::new();
    let mut is_refused = false;
    let walk = model.repository.walk(asked.revision);
    let commit = |point: &Point| point.revision.as_ref().and_then(|r| model.repository.find(r));
    let after = |start: Option<usize>| -> Vec<usize> {
        let mut steps: Vec<usize> =
            walk.iter().copied().take_while(|step| Some(*step) != start).collect();
        steps.reverse();
        steps
    };
    let mut steps = Vec::new();
    match lies {
        Lies::Linear => steps = after(commit(newest)),
        Lies::FromRoot => steps = after(None),
        Lies::Behind => {
            let point = points.iter().rev().find(|point| {
                point.revision.as_ref() == Some(revision)
                    && point.deployed.as_ref().is_some_and(|d| d.artifacts == asked.artifacts)
            });
            match point {
                Some(point) if asked.now - point.time < within => {
                    start = point.entry;
                    match doubts(model, asked, points, policies, revision, Some(&asked.artifacts)) {
                        Ok(()) => {}
                        Err(codes) => {
                            is_refused = true;
                            refused = codes;
                        }
                    }
                }
                _ => {
                    is_refused = true;
                    refused.insert(ReasonCode::Diverged);
                }
            }
        }
        Lies::Diverged(at) => {
            let point = &points[at];
            start = point.entry;
            steps = after(commit(point));
            if asked.now - point.time >= within {
                is_refused = true;
                refused.insert(ReasonCode::Diverged);
            }
            // A baseline rests on no sign-off that could be doubted.
            if point.deployed.is_some()
                && let Err(codes) =
                    doubts(model, asked, points, policies, point.revision.as_ref().unwrap(), None)
            {
                is_refused = true;
                refused.extend(codes);
            }
            if undoes_settled(model, &steps, commit(point), commit(newest).unwrap()) {
                is_refused = true;
                refused.insert(ReasonCode::UndoesSettled);
            }
        }
        Lies::Unrelated => {
            is_refused = true;
            refused.insert(ReasonCode::Diverged);
        }
    }
    let refused = is_refused.then_some(refused);
    Start { lies, entry: start, steps, refused }
}

/// Step 2: how the revision lies.
pub(crate) fn lies(model: &Model<'_>, asked: &Asked, points: &[Point]) -> Lies {
    let repository = model.repository;
    let newest = &points[points.len() - 1];
    let Some(live) = &newest.revision else { return Lies::FromRoot };
    let live = repository.find(live).unwrap();
    let walk = repository.walk(asked.revision);
    if walk.contains(&live) {
        return Lies::Linear;
    }
    if repository.reachable(live).contains(&asked.revision) {
        return Lies::Behind;
    }
    for commit in walk {
        let id = &repository.commits[commit].id;
        let at = points.iter().rposition(|point| point.revision.as_ref() == Some(id));
        if let Some(at) = at {
            return Lies::Diverged(at);
        }
    }
    Lies::Unrelated
}

/// Whether nothing speaks against what was deployed: `Err` with the codes, of which there are
/// none where no cover is at hand.
fn doubts(
    model: &Model<'_>,
    asked: &Asked,
    points: &[Point],
    policies: &[Policy],
    revision: &Revision,
    artifacts: Option<&Vec<ContentDigest>>,
) -> Result<(), BTreeSet<ReasonCode>> {
    let mut newest = None;
    for point in points {
        let Some(deployed) = &point.deployed else { continue };
        if point.revision.as_ref() != Some(revision)
            || artifacts.is_some_and(|artifacts| deployed.artifacts != *artifacts)
        {
            continue;
        }
        let Some(rows) = deployed.cover.and_then(|cover| model.covers.get(&cover)) else {
            continue;
        };
        // A deployment that brought nothing says nothing, where another one brought something.
        let rows: Vec<&CoverRow> = rows.iter().filter(|row| !row.contained).collect();
        if newest.is_none() || !rows.is_empty() {
            newest = Some(rows);
        }
    }
    let Some(rows) = newest else { return Err(BTreeSet::new()) };
    let mut codes = BTreeSet::new();
    let mut changes: BTreeSet<ChangeHash> = returning(model, asked, points, revision);
    changes.extend(within(model, &rows));
    for row in &rows {
        changes.insert(row.change);
        changes.extend(row.carried.keys().copied());
    }
    for policy in policies {
        let service = policy.service(&asked.place.service).unwrap();
        let (approvals_after, elsewhere) = (None, None);
        let segments = Segments { model, asked, policy, service, approvals_after, elsewhere };
        if changes.iter().any(|change| segments.words(*change, None, &[]).rejected) {
            codes.insert(ReasonCode::Rejected);
        }
    }
    for row in rows {
        for approval in &row.approvals {
            let logged = &model.log.0[usize::try_from(*approval).unwrap()];
            if model.log.under_leaked_key(logged) {
                codes.insert(ReasonCode::KeyRevoked);
            }
        }
    }
    if codes.is_empty() { Ok(()) } else { Err(codes) }
}

/// The changes between the first step of rows and the last: steps, runs, and all of it.
pub(crate) fn within(model: &Model<'_>, rows: &[&CoverRow]) -> BTreeSet<ChangeHash> {
    let repository = model.repository;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return BTreeSet::new() };
    let first = repository.find(&first.first).unwrap();
    let mut steps = repository.walk(repository.find(&last.last).unwrap());
    steps.truncate(steps.iter().position(|step| *step == first).unwrap() + 1);
    steps.reverse();
    let parts: Vec<Part> = steps.iter().map(|step| step_part(model, *step)).collect();
    let mut changes = BTreeSet::from([change_of(&parts).0]);
    for first in 0..parts.len() {
        for last in first..parts.len().min(first + 32) {
            changes.insert(change_of(&parts[first..=last]).0);
        }
    }
    changes
}

/// The rejected changes that come back with a start.
fn returning(
    model: &Model<'_>,
    asked: &Asked,
    points: &[Point],
    start: &Revision,
) -> BTreeSet<ChangeHash> {
    let repository = model.repository;
    let find = |revision: &Revision| repository.find(revision);
    let newest = points[points.len() - 1].revision.as_ref().and_then(find);
    let (live, deployed) = (repository.tree(newest), repository.tree(Some(asked.revision)));
    let start = find(start).unwrap();
    let tree = repository.tree(Some(start));
    let taken_back: Vec<String> = differing(&tree, &live)
        .into_iter()
        .filter(|path| deployed.get(path) != live.get(path))
        .collect();
    let mut found = BTreeSet::new();
    for (change, head) in rejected(model) {
        let in_start = head.is_some_and(|head| repository.reachable(start).contains(&head));
        let comes_back = match repository.known_trees(change) {
            None => in_start,
            Some((old, new)) => differing(&old, &new).iter().any(|path| {
                taken_back.contains(path) && (in_start || new.get(path) == tree.get(path))
            }),
        };
        if comes_back {
            found.insert(change);
        }
    }
    found
}

/// Every change that somebody rejected, with the commit up to which it was read, but for what was
/// lifted.
pub(crate) fn rejected(model: &Model<'_>) -> Vec<(ChangeHash, Option<usize>)> {
    let mut found = Vec::new();
    for logged in model.log.0 {
        if let Says::Approval(said) = &logged.statement.says
            && said.verdict == ApprovalVerdict::Reject
            && said.subject_type == SubjectType::Change
            && !model.log.is_lifted(logged.index)
        {
            found.extend(said.rows.iter().map(|row| {
                let head = row.head.as_ref().and_then(|head| model.repository.find(head));
                (ChangeHash::from_bytes(*row.hash.as_bytes()), head)
            }));
        }
    }
    found
}

/// 2d: a step claims to bring in what is live, and drops some of it unseen.
fn undoes_settled(model: &Model<'_>, steps: &[usize], start: Option<usize>, live: usize) -> bool {
    let repository = model.repository;
    let Some(first) = steps.iter().find(|step| repository.brings_in(**step).contains(&live)) else {
        return false;
    };
    let step = step_part(model, *first);
    let changed_by_step = differing(&step.old, &step.new);
    let live = repository.tree(Some(live));
    let revision = repository.tree(steps.last().copied());
    differing(&repository.tree(start), &live)
        .iter()
        .any(|path| revision.get(path) != live.get(path) && !changed_by_step.contains(path))
}

pub(crate) fn step_part(model: &Model<'_>, step: usize) -> Part {
    let repository = model.repository;
    let commit = &repository.commits[step];
    Part {
        old: repository.tree(commit.parents.first().copied()),
        new: commit.tree.clone(),
        first: commit.id.clone(),
        last: commit.id.clone(),
        commits: repository.brings_in(step),
    }
}

/// The whole difference from what is live, as one step.
pub(crate) fn whole_part(model: &Model<'_>, live: Option<usize>, revision: usize) -> Part {
    let repository = model.repository;
    let commit = &repository.commits[revision];
    let commits = match live {
        Some(live) => repository.apart(live, revision),
        None => repository.reachable(revision),
    };
    Part {
        old: repository.tree(live),
        new: commit.tree.clone(),
        first: commit.id.clone(),
        last: commit.id.clone(),
        commits,
    }
}
