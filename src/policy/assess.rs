//! The assessment (`spec/policy.md` section 6): facts and sign-offs in, requirements out.

use std::collections::BTreeMap;

use super::Policy;
use super::assessment::{Assessment, AssistanceSource, Denial, FLOOR, NotCounted, Requirement};
use super::condition::{self, Folded};
use super::fact::{AuthorKind, Facts, Presence, SignOff};
use super::matching::fill;
use super::model::{Carry, Need, Rule, UnprovedAuthors};
use super::reason::ReasonCode;
use crate::base::name::{ChecklistItem, MemberId};
use crate::statement::words::Assistance;

/// How the sign-offs of one requirement must have been made.
struct Manner<'a> {
    rule: Option<&'a str>,
    checklist: &'a [ChecklistItem],
    presence: Presence,
    exact_only: bool,
}

/// Judges the sign-offs of one segment or artifact by a policy. Pure, and never panics.
#[must_use]
pub fn assess(policy: &Policy, facts: &Facts, sign_offs: &[SignOff]) -> Assessment {
    let (assistance, assistance_from) = assistance_of(policy, facts);
    let folded = Folded::new(facts);
    let matched = condition::matched_rules(policy, facts, &folded, assistance);
    let denials = denials(policy, facts);
    let exempt = matched.none_anywhere && condition::is_exempt(policy, facts);

    let mut not_counted = Vec::new();
    let people = people(policy, facts, sign_offs, assistance, &mut not_counted);
    let mut requirements = Vec::new();
    // An artifact is asked about by rules alone; where one asks, the floor stands as well.
    let floor_stands = if facts.artifact { !matched.rules.is_empty() } else { !exempt };
    if floor_stands {
        requirements.push(floor(policy, facts, &people, &mut not_counted));
    }
    for rule in matched.rules {
        requirements.extend(ask_rule(policy, rule, &people, &mut not_counted));
    }

    not_counted.sort_by(|one, other| {
        (one.entry, &one.rule, one.code, &one.member).cmp(&(
            other.entry,
            &other.rule,
            other.code,
            &other.member,
        ))
    });
    not_counted.dedup();
    let satisfied = denials.is_empty() && requirements.iter().all(|asked| asked.missing == 0);
    Assessment {
        assistance,
        assistance_from,
        requirements,
        not_counted,
        exempt,
        satisfied,
        denials,
    }
}

/// The strongest of declared (or the default), detected, and what the authors are.
pub(super) fn assistance_of(policy: &Policy, facts: &Facts) -> (Assistance, AssistanceSource) {
    let mut strongest = match facts.declared {
        Some(declared) => (declared, AssistanceSource::Declared),
        None => (policy.defaults().undeclared, AssistanceSource::Default),
    };
    let has = |kind| facts.authors.iter().any(|author| author.kind == kind);
    let others = [
        (facts.detected, AssistanceSource::Detected),
        (has(AuthorKind::Agent).then_some(Assistance::Generated), AssistanceSource::AgentAuthor),
        (has(AuthorKind::Tool).then_some(Assistance::Assisted), AssistanceSource::ToolAuthor),
    ];
    for (assistance, source) in others {
        if let Some(assistance) = assistance.filter(|&other| other > strongest.0) {
            strongest = (assistance, source);
        }
    }
    strongest
}

/// What no sign-off mends: names that the policy does not list, and colliding paths.
fn denials(policy: &Policy, facts: &Facts) -> Vec<Denial> {
    let mut denials = Vec::new();
    if let Err(unknown) = policy.environment(&facts.environment) {
        denials.push(Denial { code: ReasonCode::UnknownEnvironment, text: unknown.to_string() });
    }
    if let Err(unknown) = policy.known_service(&facts.service) {
        denials.push(Denial { code: ReasonCode::UnknownService, text: unknown.to_string() });
    }
    if facts.collision && !policy.defaults().allow_collisions {
        denials.push(Denial {
            code: ReasonCode::PathCollision,
            text: "a changed path equals another one where case or normal form is ignored"
                .to_owned(),
        });
    }
    denials
}

/// The sign-offs that count, person by person, exact ones and newer ones first.
type People<'a> = BTreeMap<&'a MemberId, Vec<&'a SignOff>>;

/// Keeps the sign-offs that may count anywhere, and says of the others why they do not.
fn people<'a>(
    policy: &Policy,
    facts: &Facts,
    sign_offs: &'a [SignOff],
    assistance: Assistance,
    not_counted: &mut Vec<NotCounted>,
) -> People<'a> {
    let ttl = policy.defaults().approval_ttl;
    let mut people = People::new();
    for sign_off in sign_offs {
        let is_author =
            facts.authors.iter().any(|author| author.member.as_ref() == Some(&sign_off.member));
        let refusal = if is_author {
            Some((ReasonCode::IsAuthor, "an author of the change".to_owned()))
        } else if sign_off.age >= ttl {
            let text = format!("{} old; it counts while younger than {ttl}", sign_off.age);
            Some((ReasonCode::Expired, text))
        } else if sign_off.assistance_seen < assistance {
            let seen = sign_off.assistance_seen;
            let text = format!("was shown assistance {seen}; it is {assistance}");
            Some((ReasonCode::SawLessAssistance, text))
        } else {
            None
        };
        match refusal {
            Some((code, text)) => {
                not_counted.push(NotCounted {
                    entry: sign_off.entry,
                    member: sign_off.member.clone(),
                    code,
                    rule: None,
                    text,
                });
            }
            None => people.entry(&sign_off.member).or_default().push(sign_off),
        }
    }
    for of_one in people.values_mut() {
        of_one.sort_by_key(|sign_off| (sign_off.carried, std::cmp::Reverse(sign_off.entry)));
    }
    people
}

/// The floor: one human, and one more where an author is only claimed.
fn floor(
    policy: &Policy,
    facts: &Facts,
    people: &People<'_>,
    not_counted: &mut Vec<NotCounted>,
) -> Requirement {
    let add_one = policy.defaults().unproved_authors == UnprovedAuthors::AddOne
        && condition::has_unproved_author(facts);
    let need = Need { count: 1 + u32::from(add_one), level: None, team: None };
    let manner = Manner {
        rule: None,
        checklist: &[],
        presence: Presence::NoTouch,
        exact_only: policy.defaults().carry == Carry::Never,
    };
    let mut filled = ask(policy, FLOOR, vec![need], &manner, people, not_counted);
    // `ask` answers with one requirement a need.
    let mut floor = filled.swap_remove(0);
    if add_one {
        floor.ask.push_str(", for an author is only claimed");
        if floor.missing == 1 {
            floor.code = ReasonCode::UnknownAuthor;
            floor.ask = String::from(
                "1 more human who is not an author, or proof of who wrote it: a signed change \
                 statement or commit",
            );
        }
    }
    floor
}

/// What one rule asks for.
fn ask_rule(
    policy: &Policy,
    rule: &Rule,
    people: &People<'_>,
    not_counted: &mut Vec<NotCounted>,
) -> Vec<Requirement> {
    let manner = Manner {
        rule: Some(&rule.name),
        checklist: &rule.checklist,
        presence: rule.presence,
        exact_only: rule.carry == Carry::Never || policy.defaults().carry == Carry::Never,
    };
    ask(policy, &rule.name, rule.needs(), &manner, people, not_counted)
}

/// Fills the needs of one rule with as many people as can be, each in one place.
fn ask(
    policy: &Policy,
    because: &str,
    needs: Vec<Need>,
    manner: &Manner<'_>,
    people: &People<'_>,
    not_counted: &mut Vec<NotCounted>,
) -> Vec<Requirement> {
    let everything = [Wish::Exact, Wish::Checklist, Wish::Presence];
    for sign_off in people.values().flatten() {
        if let Some(refused) = refused_for(manner, sign_off) {
            not_counted.push(refused);
        }
    }
    let filled = fill(&needs, &candidates(policy, &needs, manner, people, &everything));
    // Which single wish, were it dropped, would let somebody in: that is what to tell.
    let relaxed: Vec<(ReasonCode, Vec<Vec<usize>>)> = everything
        .iter()
        .map(|dropped| {
            let rest: Vec<Wish> =
                everything.iter().copied().filter(|wish| wish != dropped).collect();
            (dropped.code(), fill(&needs, &candidates(policy, &needs, manner, people, &rest)))
        })
        .collect();

    let members: Vec<&MemberId> = people.keys().copied().collect();
    needs
        .into_iter()
        .enumerate()
        .map(|(index, need)| {
            let mut by = filled.get(index).cloned().unwrap_or_default();
            by.sort_unstable();
            let found = u32::try_from(by.len()).unwrap_or(u32::MAX);
            let missing = need.count.saturating_sub(found);
            let code = relaxed
                .iter()
                .find(|(_, with_less)| with_less.get(index).map_or(0, Vec::len) > by.len())
                .map_or(need_code(&need), |&(code, _)| code);
            let code = if missing == 0 { need_code(&need) } else { code };
            Requirement {
                because: because.to_owned(),
                filled_by: by.iter().filter_map(|&at| members.get(at).copied().cloned()).collect(),
                sign_offs: by
                    .iter()
                    .filter_map(|at| people.get(members.get(*at)?))
                    .filter_map(|of_one| {
                        of_one.iter().find(|one| {
                            suits(policy, &need, one) && meets(manner, one, &everything)
                        })
                    })
                    .map(|sign_off| sign_off.entry)
                    .collect(),
                missing,
                code,
                ask: describe(&need, missing),
                checklist: manner.checklist.to_vec(),
                presence: manner.presence,
                exact_only: manner.exact_only,
                need,
            }
        })
        .collect()
}

/// How a sign-off must have been made, one wish at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Exact,
    Checklist,
    Presence,
}

impl Wish {
    const fn code(self) -> ReasonCode {
        match self {
            Self::Exact => ReasonCode::CarryRefused,
            Self::Checklist => ReasonCode::NeedsChecklist,
            Self::Presence => ReasonCode::NeedsTouch,
        }
    }
}

fn meets(manner: &Manner<'_>, sign_off: &SignOff, wishes: &[Wish]) -> bool {
    wishes.iter().all(|wish| match wish {
        Wish::Exact => !(manner.exact_only && sign_off.carried),
        Wish::Checklist => manner.checklist.iter().all(|item| sign_off.answered.contains(item)),
        Wish::Presence => sign_off.presence >= manner.presence,
    })
}

/// Whether the signer is of the sort that a need asks for.
fn suits(policy: &Policy, need: &Need, sign_off: &SignOff) -> bool {
    let level = need.level.as_ref().is_none_or(|wanted| {
        sign_off.level.as_ref().is_some_and(|held| policy.level_at_least(held, wanted))
    });
    level && need.team.as_ref().is_none_or(|team| sign_off.teams.contains(team))
}

/// For every need, who may fill it, as positions among the people.
fn candidates(
    policy: &Policy,
    needs: &[Need],
    manner: &Manner<'_>,
    people: &People<'_>,
    wishes: &[Wish],
) -> Vec<Vec<usize>> {
    needs
        .iter()
        .map(|need| {
            people
                .values()
                .enumerate()
                .filter(|(_, of_one)| {
                    of_one.iter().any(|one| suits(policy, need, one) && meets(manner, one, wishes))
                })
                .map(|(index, _)| index)
                .collect()
        })
        .collect()
}

/// Why a sign-off does not count for one rule, where it does not.
fn refused_for(manner: &Manner<'_>, sign_off: &SignOff) -> Option<NotCounted> {
    let (code, text) = if !meets(manner, sign_off, &[Wish::Exact]) {
        (ReasonCode::CarryRefused, "carried; an exact sign-off is wanted".to_owned())
    } else if !meets(manner, sign_off, &[Wish::Presence]) {
        let text = match manner.presence {
            Presence::Touch => "no touch of a key whose enrolment was attested",
            _ => "the key was not touched",
        };
        (ReasonCode::NeedsTouch, text.to_owned())
    } else {
        let open: Vec<&str> = manner
            .checklist
            .iter()
            .filter(|item| !sign_off.answered.contains(*item))
            .map(ChecklistItem::as_str)
            .collect();
        if open.is_empty() {
            return None;
        }
        (ReasonCode::NeedsChecklist, format!("not answered: {}", open.join(", ")))
    };
    Some(NotCounted {
        entry: sign_off.entry,
        member: sign_off.member.clone(),
        code,
        rule: manner.rule.map(str::to_owned),
        text,
    })
}

const fn need_code(need: &Need) -> ReasonCode {
    match (&need.level, &need.team) {
        (_, Some(_)) => ReasonCode::NeedsTeam,
        (Some(_), None) => ReasonCode::NeedsLevel,
        (None, None) => ReasonCode::NeedsSignOff,
    }
}

/// `1 of at least senior in sre`: what is missing, or what was asked for where nothing is.
fn describe(need: &Need, missing: u32) -> String {
    let count = if missing == 0 { need.count } else { missing };
    let mut text = match (&need.level, &need.team, count) {
        (None, None, 1) => "1 human who is not an author".to_owned(),
        (None, None, _) => format!("{count} humans who are not authors"),
        (Some(level), _, _) => format!("{count} of at least {level}"),
        (None, Some(_), _) => format!("{count}"),
    };
    if let Some(team) = &need.team {
        text.push_str(if need.level.is_some() { " in " } else { " of " });
        text.push_str(team.as_str());
    }
    text
}

#[cfg(test)]
#[path = "assess_tests.rs"]
pub(super) mod tests;

#[cfg(test)]
#[path = "assess_properties.rs"]
mod properties;
