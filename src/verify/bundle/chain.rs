//! Whether the commits lead from the start to the revision, and the start is what it is said to be
//! (`spec/bundle.md` section 4, steps 14 and 15).

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claims, PointClaim, PositionWord, StepClaim};
use super::rebuild::CommitsOf;
use super::shown::Shown;
use super::{TamperCode, Tampered, ensure};
use crate::base::name::{EnvironmentName, Revision};
use crate::base::position::EntryIndex;
use crate::change::CommitFacts;
use crate::statement::Says;
use crate::statement::governance::{Accepted, Operation};
use crate::statement::words::{DecisionVerdict, Duty, Outcome};
use crate::view::{SettledPoint, View};

/// The environment whose points a chain starts from: its own, or its group's.
pub(super) struct Starts<'a> {
    environment: EnvironmentName,
    points: &'a [SettledPoint],
    start: Option<&'a SettledPoint>,
}

impl<'a> Starts<'a> {
    /// Where the chain of a question starts, by what is claimed.
    pub(super) fn find(claims: &Claims, view: &'a View) -> Result<Self, Tampered> {
        let question = &claims.question;
        let (service, environment) = (&question.service, &question.environment);
        let points = view.starts(service, environment).all();
        let is_own = !view.settled(service, environment).all().is_empty();
        let group = EnvironmentName::new(environment.group());
        let environment = group.ok().filter(|_| !is_own).unwrap_or_else(|| environment.clone());
        let newest = points.last();
        let same = |point: &&SettledPoint| {
            point.decision.is_some()
                && point.revision.as_ref() == Some(&question.revision)
                && point.artifacts == question.artifacts
        };
        let start = match claims.position {
            PositionWord::Behind => points.iter().rev().find(same).or(newest),
            PositionWord::Diverged => {
                let at = points.iter().find(|point| Some(point.entry.index) == claims.start);
                ensure(at.is_some(), TamperCode::Chain, || {
                    "the chain starts at no settled point".to_owned()
                })?;
                at
            }
            PositionWord::Linear | PositionWord::FromRoot | PositionWord::Unrelated => newest,
        };
        ensure(
            claims.start.is_none() || claims.position == PositionWord::Diverged,
            TamperCode::Chain,
            || "only a chain that diverged starts elsewhere than at the newest point".to_owned(),
        )?;
        Ok(Self { environment, points, start })
    }

    /// The place of the start among the points.
    pub(super) fn at(&self) -> Option<usize> {
        let start = self.start?;
        self.points.iter().position(|point| point.entry == start.entry)
    }

    /// Step 15: points ascend, and the newest and the start are what their entries say.
    pub(super) fn check(&self, claims: &Claims, shown: &Shown<'_>) -> Result<(), Tampered> {
        for place in &claims.settled {
            let ascend = place.points.is_sorted_by(|one, other| {
                one.entry.index < other.entry.index && one.time <= other.time
            });
            let newest = place.points.last();
            let points = place.points.iter().map(|point| point.entry.index);
            let points: BTreeSet<EntryIndex> = points.collect();
            let is_apart = place.owed.iter().all(|owed| !points.contains(&owed.entry.index));
            let seen = newest.is_none_or(|point| claims.size.covers(point.entry.index));
            ensure(ascend && seen && is_apart, TamperCode::Start, || {
                format!("the settled points of {} do not follow each other", place.environment)
            })?;
        }
        let of_covers = claims.covers.iter().flat_map(|one| {
            let deployed = one.deployed.as_ref().map(|deployed| deployed.entry);
            [deployed, one.landed, one.ended]
        });
        let is_seen = of_covers.flatten().all(|entry| claims.size.covers(entry));
        ensure(is_seen, TamperCode::Start, || {
            "a cover is of a deployment that the gate had not seen".to_owned()
        })?;
        for point in self.points.last().into_iter().chain(self.start) {
            check_point(claims, &self.environment, &PointClaim::from(point), shown)?;
        }
        Ok(())
    }

    /// Step 14: whether every border of the commits that are shown is known.
    pub(super) fn check_chain(
        &self,
        claims: &Claims,
        (facts, facts_of_whole): &CommitsOf,
    ) -> Result<bool, Tampered> {
        let wrong = |what: &str| Err(Tampered::new(TamperCode::Chain, what));
        let steps = claims.steps.iter().zip(facts);
        for (step, facts) in steps.chain(claims.whole.iter().zip(facts_of_whole)) {
            check_mechanical(step, facts)?;
        }
        if let Some(whole) = &claims.whole {
            let newest = self.points.last().and_then(|point| point.revision.as_ref());
            if whole.commit != claims.question.revision || whole.parent.as_ref() != newest {
                return wrong("the whole is not from what is settled to the revision");
            }
        }
        let start = self.start.and_then(|point| point.revision.clone());
        let mut at = match claims.position {
            PositionWord::Linear | PositionWord::Diverged if start.is_none() => {
                return wrong("the start has no commit");
            }
            PositionWord::Linear | PositionWord::Diverged => start,
            PositionWord::FromRoot if claims.steps.is_empty() => {
                return wrong("a chain from the root has steps");
            }
            PositionWord::FromRoot => None,
            PositionWord::Behind | PositionWord::Unrelated if !claims.steps.is_empty() => {
                return wrong("there is no chain, and it has steps");
            }
            PositionWord::Behind | PositionWord::Unrelated => return Ok(true),
        };
        let mut known: BTreeSet<Revision> = at.iter().cloned().collect();
        let mut is_complete = true;
        for (step, facts) in claims.steps.iter().zip(facts) {
            if step.parent != at {
                return wrong("a step does not follow the one before");
            }
            check_brought_in(step, facts)?;
            let shown: BTreeSet<&Revision> = step.commits.iter().collect();
            let mut borders = facts.iter().flat_map(|facts| &facts.parents);
            is_complete &= borders.all(|parent| shown.contains(parent) || known.contains(parent));
            known.extend(step.commits.iter().cloned());
            at = Some(step.commit.clone());
        }
        if at.as_ref() == Some(&claims.question.revision) {
            Ok(is_complete)
        } else {
            wrong("the chain does not end at the revision")
        }
    }
}

/// Only who merges may have written nothing.
fn check_mechanical(step: &StepClaim, facts: &[CommitFacts]) -> Result<(), Tampered> {
    let is_merge = |commit: &&Revision| {
        facts.iter().any(|facts| facts.id == **commit && facts.parents.len() > 1)
    };
    match step.mechanical.iter().find(|commit| !is_merge(commit)) {
        None => Ok(()),
        Some(commit) => {
            let what = format!("{} is no merge of step {}", commit.short(), step.commit.short());
            Err(Tampered::new(TamperCode::Chain, what))
        }
    }
}

/// The commits of a step: itself first, and whatever else is reachable from it otherwise than by
/// its first parent.
fn check_brought_in(step: &StepClaim, facts: &[CommitFacts]) -> Result<(), Tampered> {
    let wrong = |what: String| Err(Tampered::new(TamperCode::Chain, what));
    let Some(own) = facts.first().filter(|own| own.id == step.commit) else {
        return wrong(format!("step {} does not bring in itself", step.commit.short()));
    };
    if own.parents.first() != step.parent.as_ref() {
        return wrong(format!("the first parent of {} is another", step.commit.short()));
    }
    let mut left: BTreeSet<&Revision> = step.commits.iter().collect();
    if left.len() != step.commits.len() {
        return wrong(format!("step {} brings in a commit twice", step.commit.short()));
    }
    left.remove(&step.commit);
    let parents: BTreeMap<_, _> = facts.iter().map(|facts| (&facts.id, &facts.parents)).collect();
    let mut reached: Vec<&Revision> = own.parents.iter().skip(1).collect();
    while let Some(commit) = reached.pop() {
        if left.remove(commit) {
            reached.extend(parents.get(commit).copied().into_iter().flatten());
        }
    }
    match left.first() {
        None => Ok(()),
        Some(other) => {
            wrong(format!("step {} does not bring in {}", step.commit.short(), other.short()))
        }
    }
}

fn check_point(
    claims: &Claims,
    environment: &EnvironmentName,
    point: &PointClaim,
    shown: &Shown<'_>,
) -> Result<(), Tampered> {
    let index = point.entry.index;
    let wrong = |why: &str| {
        Tampered::new(TamperCode::Start, format!("the settled point at entry {index} {why}"))
    };
    let found = shown.entries.get(&index).filter(|found| found.entry == point.entry);
    let Some(found) = found.filter(|_| claims.size.covers(index)) else {
        return Err(wrong("is not shown"));
    };
    let service = &claims.question.service;
    let holds = found.time == point.time
        && match &found.statement.says {
            Says::Governance(body) => {
                let rests_on_nothing = point.decision.is_none() && point.cover.is_none();
                rests_on_nothing && point.artifacts.is_empty() && {
                    let is_it = |operation: &Operation| match operation {
                        Operation::SetBaseline(said) => {
                            let accepted = match &said.accepted {
                                Accepted::Nothing => None,
                                Accepted::UpTo(revision) => Some(revision),
                            };
                            said.service == *service
                                && said.environment == *environment
                                && accepted == point.revision.as_ref()
                        }
                        _ => false,
                    };
                    body.operations.iter().any(is_it)
                }
            }
            Says::Deployment(said) => {
                let Some(named) = point.decision else { return Err(wrong("has no decision")) };
                let decision = shown.entries.get(&named.index);
                let Some(decision) = decision.filter(|found| found.entry == named) else {
                    return Err(wrong("rests on a decision that is not shown"));
                };
                let Says::Decision(decided) = &decision.statement.says else {
                    return Err(wrong("rests on what is no decision"));
                };
                let revision = point.revision.as_ref();
                said.service == *service
                    && said.environment == *environment
                    && Some(&said.revision) == revision
                    && said.artifacts == point.artifacts
                    && said.decision == Some(decision.id)
                    && said.started.is_none()
                    && matches!(said.outcome, Outcome::Started | Outcome::Succeeded)
                    && decided.service == *service
                    && decided.environment == *environment
                    && Some(&decided.revision) == revision
                    && decided.artifacts == point.artifacts
                    && decided.verdict == DecisionVerdict::Allow
                    && decided.cover == point.cover
                    && named.index < index
                    && shown.had_duty(index, Duty::Deploy, claims.size)
                    && shown.had_duty(named.index, Duty::Decide, claims.size)
            }
            _ => false,
        };
    if holds { Ok(()) } else { Err(wrong("says something else")) }
}
