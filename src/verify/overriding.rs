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
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::{Span, Timestamp};
use crate::policy::{Presence, ReasonCode};
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::words::Duty;
use crate::view::{Debt, View};

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

/// What overrides do to a question.
#[derive(Debug, Default)]
pub(super) struct Glass {
    pub(super) in_force: Vec<InForce>,
    pub(super) needed: usize,
    pub(super) owed: Vec<Owed>,
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
    // What any cell of the group owes counts: naming another cell evades nothing.
    // And what ended overdue by something else than itself counts for a while: an empty commit
    // beside it pays nothing.
    let remembered = Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS);
    let is_overdue = |(debt, ended): &(&Debt, Option<Timestamp>)| {
        let until = ended.unwrap_or(question.time);
        debt.since.plus(due_within) <= until && question.time < until.plus(remembered)
    };
    let of_group = view.owed_in_group(&question.service, &question.environment);
    if let Some(oldest) = of_group.filter(is_overdue).map(|(debt, _)| debt.since).min() {
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
    Glass { in_force, needed, owed, problem: too_few }
}

/// What is owed at the place of a question, oldest first, and when it is due: by the policy that
/// asks for it soonest of those that must be passed.
#[must_use]
pub fn owed(question: &Question, view: &View) -> Vec<Owed> {
    let question = &question.not_before(view);
    owed_within(question, view, debt_due(question, view))
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
        let Some(one) = is_in_force(question, evidence.view, policies, entry) else { continue };
        let older = found.get(&one.member);
        let is_newer = |older: &InForce| (older.expires, older.entry) < (one.expires, one.entry);
        if older.is_none_or(is_newer) {
            found.insert(one.member.clone(), one);
        }
    }
    found.into_values().collect()
}

fn is_in_force(
    question: &Question,
    view: &View,
    policies: &[Version<'_>],
    entry: &VerifiedEntry,
) -> Option<InForce> {
    let Says::Override(said) = &entry.statement().says else { return None };
    let same_place = said.service == question.service && said.environment == question.environment;
    let same = said.revision == question.revision && said.artifacts == question.artifacts;
    if said.drill.is_some() || !same_place || !same {
        return None;
    }
    let mut expires = said.expires;
    for (_, policy) in policies {
        let service = policy.service(&question.service);
        let asked = policy.override_terms();
        if service.is_some_and(|service| service.repository != said.repository)
            || presence(entry.presence()) < asked.presence.max(Presence::NoTouch)
        {
            return None;
        }
        expires = expires.min(said.claimed.plus(asked.longest));
    }
    if said.claimed > question.time || expires <= question.time {
        return None;
    }
    let roster = view.roster();
    let holds = |size| {
        roster.member(entry.by(), size).is_some_and(|member| member.has_duty(Duty::Override))
    };
    let good = |key| roster.standing(key, entry.index(), view.size()) == KeyStanding::Good;
    let in_force =
        |key| roster.key(key).is_some_and(|record| record.revoked(view.size()).is_none());
    let cooling = policies.iter().map(|(_, policy)| policy.defaults().key_cooling).max()?;
    let since = |key| roster.cooling_since(key, view.size());
    let cools = |enrolled| question.time.since(enrolled) < cooling;
    let may = holds(entry.index().size_after())
        && holds(view.size())
        && !entry.keys().iter().filter_map(since).any(cools)
        && entry.keys().iter().all(good)
        && entry.keys().iter().all(in_force);
    let (member, id) = (entry.by().clone(), entry.id());
    may.then_some(InForce { member, entry: entry.index(), id, expires })
}
