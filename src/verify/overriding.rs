//! Broken glass: who lets a denied deployment through, and what is owed for it
//! (`spec/verdict.md` section 9).

use std::collections::BTreeMap;

use super::entry::VerifiedEntry;
use super::evidence::{Evidence, Question};
use super::policies::{Version, policies};
use super::signoff::presence;
use super::verdict::{Problem, problem};
use crate::base::digest::StatementId;
use crate::base::limits::HOLDERS_REMEMBERED_MILLISECONDS;
use crate::base::name::{EnvironmentName, MemberId};
use crate::base::position::EntryIndex;
use crate::base::time::{Span, Timestamp};
use crate::policy::{Presence, ReasonCode};
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::words::Duty;
use crate::view::{Debt, SettledPoint, View};

/// While a debt is overdue, so many members must override.
const MEMBERS_WHILE_OVERDUE: usize = 3;

/// An override that is in force for the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Whose.
    pub member: MemberId,
    /// Its entry.
    pub entry: EntryIndex,
    /// Its identity, which the decision names.
    pub id: StatementId,
    /// From when on it is good for nothing.
    pub expires: Timestamp,
}

/// A deployment whose sign-offs are owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What is owed.
    pub debt: Debt,
    /// When it is overdue.
    pub due: Timestamp,
    /// Whether it is.
    pub overdue: bool,
}

/// A debt that counts at a place and is none of its own: of another cell of its group, or ended
/// overdue by something else than what pays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedElsewhere {
    /// Where it was left.
    pub environment: EnvironmentName,
    /// What was owed.
    pub debt: Debt,
    /// When it was overdue.
    pub due: Timestamp,
    /// Whether it makes overrides harder.
    pub overdue: bool,
    /// What ended it, and until when it counts all the same.
    pub ended: Option<(EntryIndex, Timestamp)>,
}

/// What overrides do to a question.
#[derive(Debug, Default)]
pub(super) struct Glass {
    pub(super) in_force: Vec<InForce>,
    pub(super) needed: usize,
    pub(super) owed: Vec<Owed>,
    pub(super) elsewhere: Vec<OwedElsewhere>,
    pub(super) problem: Option<Problem>,
}

pub(super) fn judge(
    question: &Question,
    evidence: &Evidence<'_>,
    policies: &[Version<'_>],
) -> Glass {
    let view = evidence.view;
    let due_within = soonest_due(policies);
    let owed = owed_within(question, view, due_within);
    let in_force = in_force(question, evidence, policies);
    let mut needed = 1;
    let mut too_few = None;
    let elsewhere = elsewhere(question, evidence, due_within);
    // What any cell of the group owes counts: naming another cell evades nothing.
    let own = owed.iter().filter(|owed| owed.overdue).map(|owed| owed.debt.since);
    let other = elsewhere.iter().filter(|owed| owed.overdue).map(|owed| owed.debt.since);
    if let Some(oldest) = own.chain(other).min() {
        let remembered = Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS);
        let since = oldest.before(remembered);
        let holders = view.most_override_holders_since(since).max(1);
        needed = MEMBERS_WHILE_OVERDUE.min(holders);
        let found = in_force.len();
        if (1..needed).contains(&found) {
            let text =
                format!("an override is overdue, so {needed} members must override: {found} did");
            let hint = "others with that duty run: countersign override -m WHY";
            too_few = Some(problem(ReasonCode::DebtOverdue, text, hint));
        }
    }
    Glass { in_force, needed, owed, elsewhere, problem: too_few }
}

/// What is owed at the place of a question, oldest first, and when it is due: by the policy that
/// asks for it soonest of those that must be passed.
#[must_use]
pub fn owed(question: &Question, view: &View) -> Vec<Owed> {
    let question = &question.not_before(view);
    owed_within(question, view, debt_due(question, view))
}

/// What the other cells of the group of a question's place owe now, oldest first: it counts there.
#[must_use]
pub fn owed_elsewhere(question: &Question, view: &View) -> Vec<OwedElsewhere> {
    let question = &question.not_before(view);
    let found = counting(question, view, debt_due(question, view));
    found.into_iter().filter(|(_, ended)| ended.is_none()).map(|(owed, _)| owed).collect()
}

/// Whether what ended a debt at a moment lately enough for it to count still.
#[must_use]
pub fn still_counts(ended: Timestamp, question: &Question) -> bool {
    question.time < ended.plus(Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS))
}

/// What counts at a place beside what it owes itself: what other cells owe, and what was overdue
/// when something else ended it: an empty commit beside it pays nothing. What ended it and has its
/// commit in the chain that it covered has paid it.
fn elsewhere(question: &Question, evidence: &Evidence<'_>, due_within: Span) -> Vec<OwedElsewhere> {
    let pays = |debt: &Debt, point: &SettledPoint| {
        let known = evidence.covers.iter().filter(|one| one.ended == Some(point.entry.index));
        let mut rows = known.flat_map(|known| &known.cover).flat_map(|cover| &cover.segments);
        rows.any(|row| row.last == debt.revision)
    };
    let found = counting(question, evidence.view, due_within).into_iter();
    found
        .filter(|(owed, ended)| !ended.is_some_and(|point| pays(&owed.debt, point)))
        .map(|(owed, _)| owed)
        .collect()
}

/// Every debt of the group that is not owed by the place itself, with what ended it; of those that
/// ended only the ones that were overdue by then, and still count.
fn counting<'a>(
    question: &Question,
    view: &'a View,
    due_within: Span,
) -> Vec<(OwedElsewhere, Option<&'a SettledPoint>)> {
    let newest = view.settled(&question.service, &question.environment).newest();
    let newest = newest.map(|point| point.entry.index);
    let mut found = Vec::new();
    for (environment, debt, ended) in view.owed_in_group(&question.service, &question.environment) {
        let is_own = environment == question.environment && Some(debt.entry.index) > newest;
        let due = debt.since.plus(due_within);
        let until = |point: &SettledPoint| {
            point.time.plus(Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS))
        };
        let overdue = due <= ended.map_or(question.time, |point| point.time);
        let counts = ended.is_none_or(|point| overdue && still_counts(point.time, question));
        if is_own || !counts {
            continue;
        }
        let ended_by = ended.map(|point| (point.entry.index, until(point)));
        let debt = debt.clone();
        found.push((OwedElsewhere { environment, debt, due, overdue, ended: ended_by }, ended));
    }
    found.sort_by_key(|(owed, _)| owed.debt.entry.index);
    found
}

/// After how long a debt that is made at the place of a question is overdue: by the policy that
/// asks for it soonest of those that must be passed; at once without a policy.
#[must_use]
pub fn debt_due(question: &Question, view: &View) -> Span {
    soonest_due(&policies(&question.not_before(view), view).unwrap_or_default())
}

fn soonest_due(policies: &[Version<'_>]) -> Span {
    let asked = policies.iter().map(|(_, policy)| policy.override_terms().debt_due);
    asked.min().unwrap_or(Span::from_milliseconds(0))
}

fn owed_within(question: &Question, view: &View, due_within: Span) -> Vec<Owed> {
    let debts = view.settled(&question.service, &question.environment).debts();
    let owed = debts.map(|debt| {
        let due = debt.since.plus(due_within);
        Owed { debt: debt.clone(), due, overdue: due <= question.time }
    });
    owed.collect()
}

/// Of each member the override that lasts longest, by member.
fn in_force(
    question: &Question,
    evidence: &Evidence<'_>,
    policies: &[Version<'_>],
) -> Vec<InForce> {
    let mut found: BTreeMap<MemberId, InForce> = BTreeMap::new();
    let size = evidence.view.size();
    for entry in evidence.entries.iter().filter(|entry| size.covers(entry.index())) {
        let Ok(one) = is_in_force(question, evidence.view, policies, entry) else { continue };
        let older = found.get(&one.member);
        let is_newer = |older: &InForce| (older.expires, older.entry) < (one.expires, one.entry);
        if older.is_none_or(is_newer) {
            found.insert(one.member.clone(), one);
        }
    }
    found.into_values().collect()
}

/// Why an override is not in force for a question as of a view; none where it is.
#[must_use]
pub fn why_not_in_force(
    question: &Question,
    view: &View,
    entry: &VerifiedEntry,
) -> Option<&'static str> {
    let question = &question.not_before(view);
    let policies = policies(question, view).unwrap_or_default();
    is_in_force(question, view, &policies, entry).err()
}

fn is_in_force(
    question: &Question,
    view: &View,
    policies: &[Version<'_>],
    entry: &VerifiedEntry,
) -> Result<InForce, &'static str> {
    let Says::Override(said) = &entry.statement().says else { return Err("it is no override") };
    let wrong = [
        (said.drill.is_some(), "it is a drill"),
        (said.service != question.service, "it is for another service"),
        (said.environment != question.environment, "it is for another environment"),
        (said.revision != question.revision, "it is for another revision"),
        (said.artifacts != question.artifacts, "it is for other artifacts"),
    ];
    if let Some((_, why)) = wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        return Err(why);
    }
    let mut expires = said.expires;
    for (_, policy) in policies {
        let service = policy.service(&question.service);
        let asked = policy.override_terms();
        if service.is_some_and(|service| service.repository != said.repository) {
            return Err("it is for another repository");
        }
        if presence(entry.presence()) < asked.presence.max(Presence::NoTouch) {
            return Err("the policy wants its key touched");
        }
        expires = expires.min(said.claimed.plus(asked.longest));
    }
    if said.claimed > question.time {
        return Err("it was signed later than now");
    }
    if expires <= question.time {
        return Err("it ran out");
    }
    let roster = view.roster();
    let holds = |size| {
        roster.member(entry.by(), size).is_some_and(|member| member.has_duty(Duty::Override))
    };
    if !holds(entry.index().size_after()) || !holds(view.size()) {
        return Err("who signed it does not have the duty override");
    }
    let is_good = |key| {
        roster.standing(key, entry.index(), view.size()) == KeyStanding::Good
            && roster.key(key).is_some_and(|record| record.revoked(view.size()).is_none())
    };
    if !entry.keys().iter().all(is_good) {
        return Err("its key is not valid");
    }
    let cooling = policies.iter().map(|(_, policy)| policy.defaults().key_cooling).max();
    let cooling = cooling.ok_or("there is no policy")?;
    let since = |key| roster.cooling_since(key, view.size());
    if entry.keys().iter().filter_map(since).any(|since| question.time.since(since) < cooling) {
        return Err("its key was enrolled too lately");
    }
    let (member, id) = (entry.by().clone(), entry.id());
    Ok(InForce { member, entry: entry.index(), id, expires })
}
