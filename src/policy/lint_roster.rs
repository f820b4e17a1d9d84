//! Weak spots that a roster shows: what a policy asks of people who are not there.

use super::error::Lint;
use super::fact::{AuthorKind, Presence};
use super::lint::{line_of, warn};
use super::matching::fill;
use super::model::{Need, Rule, When};
use super::{Policy, UnprovedAuthors};
use crate::base::name::MemberId;
use crate::base::position::TreeSize;
use crate::roster::{Member, Roster};
use crate::statement::words::{Duty, MemberKind};

/// More people than this are counted instead of named.
const NAMED_MAX: usize = 4;

/// A roster as of a size, and how to call its people.
struct People<'a> {
    roster: &'a Roster,
    as_of: TreeSize,
    call: &'a dyn Fn(&MemberId) -> String,
    /// Who can review, with a key to sign with.
    reviewers: Vec<&'a Member>,
}

pub(super) fn warnings(
    policy: &Policy,
    roster: &Roster,
    as_of: TreeSize,
    call: &dyn Fn(&MemberId) -> String,
) -> Vec<Lint> {
    let mut people = People { roster, as_of, call, reviewers: Vec::new() };
    people.reviewers = people.with_duty(Duty::Review);
    let mut found = Vec::new();
    floor(policy, &people, &mut found);
    for rule in policy.rules() {
        self::rule(policy, rule, &people, &mut found);
    }
    services(policy, &people, &mut found);
    overrides(policy, &people, &mut found);
    levels(policy, &people, &mut found);
    found.sort();
    found.dedup();
    found
}

impl<'a> People<'a> {
    /// The members with a duty and a key that can sign.
    fn with_duty(&self, duty: Duty) -> Vec<&'a Member> {
        let can = |member: &&Member| {
            member.has_duty(duty) && !self.roster.keys_of(&member.id, self.as_of).is_empty()
        };
        self.roster.members(self.as_of).filter(can).collect()
    }

    /// Whether a member has a key that can be touched.
    fn has_touch(&self, member: &Member) -> bool {
        let keys = self.roster.keys_of(&member.id, self.as_of);
        let is_touched = |id| self.roster.key(id).is_some_and(|one| one.key.is_security_key());
        keys.iter().any(is_touched)
    }

    /// `Ada, Ben and 3 more`.
    fn names(&self, members: &[&Member]) -> String {
        let mut names: Vec<String> = members.iter().map(|member| (self.call)(&member.id)).collect();
        names.sort();
        names.truncate(NAMED_MAX);
        if members.len() > NAMED_MAX {
            let more = members.len() - NAMED_MAX;
            let last = names.pop().unwrap_or_default();
            names.push(format!("{last} and {more} more"));
        }
        names.join(", ")
    }
}

/// The floor: alone there is never a yes.
fn floor(policy: &Policy, people: &People<'_>, found: &mut Vec<Lint>) {
    let what = match people.reviewers.as_slice() {
        [] => "nobody on the roster can sign off: no human has the duty `review` and a key".into(),
        [only] => {
            format!("{} alone can sign off, and never on their own changes", people.names(&[only]))
        }
        [_, _] if policy.defaults().unproved_authors == UnprovedAuthors::AddOne => {
            "two people sign off: a change of one that is not declared with their key needs two \
             others, and can never pass"
                .to_owned()
        }
        _ => return,
    };
    warn(found, 0, what);
}

/// Who is of the sort that a need asks for.
fn suitable<'p, 'a>(policy: &Policy, need: &Need, people: &'p People<'a>) -> Vec<&'p &'a Member> {
    let suits = |member: &&&Member| {
        let level = need.level.as_ref().is_none_or(|wanted| {
            member.level.as_ref().is_some_and(|held| policy.level_at_least(held, wanted))
        });
        level && need.team.as_ref().is_none_or(|team| member.teams.contains(team))
    };
    people.reviewers.iter().filter(suits).collect()
}

fn rule(policy: &Policy, rule: &Rule, people: &People<'_>, found: &mut Vec<Lint>) {
    let needs = rule.needs();
    let mut weak = |what: String| warn(found, rule.line, format!("rule {:?}: {what}", rule.name));
    let mut candidates = Vec::new();
    for need in &needs {
        let who = suitable(policy, need, people);
        let asked = describe(need);
        let count = usize::try_from(need.count).unwrap_or(usize::MAX);
        match who.len() {
            0 => weak(format!("asks for {asked}, and nobody on the roster is")),
            have if have < count => {
                weak(format!("asks for {asked}, and the roster has {have}"));
            }
            have if have == count && !rule.when.artifact => {
                let alone: Vec<&Member> =
                    who.iter().map(|one| **one).filter(|one| asks_of(policy, rule, one)).collect();
                if !alone.is_empty() {
                    let names = people.names(&alone);
                    weak(format!("asks for {asked}: a change by {names} can never pass"));
                }
            }
            _ => {}
        }
        let place =
            |member: &&&Member| people.reviewers.iter().position(|other| other.id == member.id);
        candidates.push(who.iter().filter_map(place).collect::<Vec<_>>());
        if rule.presence > Presence::NoTouch {
            let without: Vec<&Member> =
                who.iter().filter(|member| !people.has_touch(member)).map(|one| **one).collect();
            if !without.is_empty() && without.len() == who.len() {
                weak(format!("wants a touch, and nobody of {asked} has a security key"));
            } else if !without.is_empty() {
                let names = people.names(&without);
                weak(format!("wants a touch, and without a security key are {names}"));
            }
        }
    }
    let each_alone = needs
        .iter()
        .zip(&candidates)
        .all(|(need, who)| u32::try_from(who.len()).is_ok_and(|count| count >= need.count));
    let filled = fill(&needs, &candidates);
    let together = needs
        .iter()
        .zip(&filled)
        .all(|(need, by)| u32::try_from(by.len()).is_ok_and(|count| count >= need.count));
    if each_alone && !together {
        weak("the roster has too few people: each fills one place of a rule".to_owned());
    }
}

/// Whether a rule can ask about what a human writes alone, or has an agent write.
fn asks_of(policy: &Policy, rule: &Rule, author: &Member) -> bool {
    let When { author_below, author_kind, .. } = &rule.when;
    let is_below = author_below.as_ref().is_none_or(|level| {
        author.level.as_ref().is_none_or(|held| !policy.level_at_least(held, level))
    });
    let kinds = [AuthorKind::Human, AuthorKind::Agent];
    is_below && (author_kind.is_empty() || kinds.iter().any(|kind| author_kind.contains(kind)))
}

/// `2 of at least senior in sre`.
fn describe(need: &Need) -> String {
    let level = need.level.as_ref().map(|level| format!(" of at least {level}"));
    let team = need.team.as_ref().map(|team| format!(" of team {team}"));
    match (level, team) {
        (None, None) if need.count == 1 => "1 human".to_owned(),
        (None, None) => format!("{} humans", need.count),
        (level, team) => {
            let (level, team) = (level.unwrap_or_default(), team.unwrap_or_default());
            format!("{}{level}{team}", need.count)
        }
    }
}

fn services(policy: &Policy, people: &People<'_>, found: &mut Vec<Lint>) {
    for service in policy.services() {
        for builder in &service.builders {
            let member = people.roster.member(builder, people.as_of);
            if !member.is_some_and(|member| member.has_duty(Duty::Build)) {
                let name = &service.name;
                let what = format!(
                    "service {name}: the builder {builder} is no service with the duty `build`"
                );
                warn(found, service.line, what);
            }
        }
    }
}

/// Who can break the glass at night.
fn overrides(policy: &Policy, people: &People<'_>, found: &mut Vec<Lint>) {
    let holders = people.with_duty(Duty::Override);
    let line = line_of(policy, "presence", "override").max(line_of(policy, "longest", "override"));
    match holders.as_slice() {
        [] => warn(
            found,
            line,
            "nobody has the duty `override`: an emergency waits until somebody signs off",
        ),
        [only] => {
            let name = people.names(&[only]);
            let what = format!(
                "{name} alone has the duty `override`: nobody can in their absence, and an overdue \
                 debt stays"
            );
            warn(found, line, what);
        }
        _ => {}
    }
    if policy.override_terms().presence > Presence::NoTouch {
        let without: Vec<&Member> =
            holders.iter().copied().filter(|member| !people.has_touch(member)).collect();
        if !without.is_empty() {
            let names = people.names(&without);
            let what = format!("an override wants a touch, and without a security key are {names}");
            warn(found, line, what);
        }
    }
}

/// ATTACKS 43: whoever holds a level that the policy does not list is below every level.
fn levels(policy: &Policy, people: &People<'_>, found: &mut Vec<Lint>) {
    let unlisted: Vec<&Member> = people
        .roster
        .members(people.as_of)
        .filter(|member| member.kind == MemberKind::Human)
        .filter(|member| member.level.as_ref().is_some_and(|held| policy.rank(held).is_none()))
        .collect();
    if !unlisted.is_empty() {
        let what = format!(
            "`levels` does not list the level of {}: they count as below every level",
            people.names(&unlisted)
        );
        warn(found, line_of(policy, "levels", ""), what);
    }
}

#[cfg(test)]
#[path = "lint_roster_tests.rs"]
mod tests;
