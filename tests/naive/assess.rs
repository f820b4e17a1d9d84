//! One segment or artifact against one policy, straight from `spec/policy.md` section 6.

use std::collections::BTreeSet;

use countersign::base::name::{ChecklistItem, LevelName, TeamName};
use countersign::policy::{
    AuthorKind, Carry, Facts, Pattern, Policy, Presence, ReasonCode, Rule, SignOff, Standing,
    UnprovedAuthors, environment_matches,
};
use countersign::statement::words::Assistance;

/// What an assessment finds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Denials, and what is missing.
    pub(crate) codes: BTreeSet<ReasonCode>,
    /// Entries of the sign-offs that fill a place.
    pub(crate) filled: BTreeSet<u64>,
    /// Whether a rule matched.
    pub(crate) asks: bool,
}

/// What a rule or the floor asks of a sign-off.
#[derive(Clone)]
struct Wishes {
    level: Option<LevelName>,
    team: Option<TeamName>,
    checklist: Vec<ChecklistItem>,
    presence: Presence,
    no_carry: bool,
}

pub(crate) fn assess(policy: &Policy, facts: &Facts, sign_offs: &[SignOff]) -> Found {
    let mut found = Found::default();
    let defaults = policy.defaults();
    if facts.collision && !defaults.allow_collisions {
        found.codes.insert(ReasonCode::PathCollision);
    }
    let assistance = assistance(policy, facts);
    let matching: Vec<&Rule> =
        policy.rules().iter().filter(|rule| matches(policy, facts, assistance, rule)).collect();
    found.asks = !matching.is_empty();
    let counted: Vec<&SignOff> = sign_offs
        .iter()
        .filter(|sign_off| {
            !facts.authors.iter().any(|author| author.member.as_ref() == Some(&sign_off.member))
                && sign_off.age < defaults.approval_ttl
                && sign_off.assistance_seen >= assistance
        })
        .collect();
    let is_exempt = !facts.artifact
        && matching.is_empty()
        && !facts.collision
        && !facts.paths.is_empty()
        && facts.paths.iter().all(|path| {
            !path.opaque && defaults.exempt.iter().any(|p| p.matches_exactly(&path.path))
        });
    let nobody =
        !facts.artifact && facts.authors.iter().all(|author| author.kind == AuthorKind::Tool);
    let claimed = facts
        .authors
        .iter()
        .any(|author| author.kind != AuthorKind::Tool && author.standing == Standing::Claimed);
    let adds_one = defaults.unproved_authors == UnprovedAuthors::AddOne;
    let no_carry = defaults.carry == Carry::Never;
    let floor = Wishes {
        level: None,
        team: None,
        checklist: Vec::new(),
        presence: Presence::NoTouch,
        no_carry,
    };
    let floor_count = if is_exempt || (facts.artifact && matching.is_empty()) {
        0
    } else if adds_one && (claimed || nobody) {
        2
    } else {
        1
    };
    let missing = fill(policy, &vec![floor; floor_count], &counted, &mut found.filled);
    if !missing.is_empty() {
        let one = floor_count == 2 && missing.len() == 1;
        found.codes.insert(if one { ReasonCode::UnknownAuthor } else { ReasonCode::NeedsSignOff });
    }
    let elsewhere = !facts.artifact
        && policy.service(&facts.service).is_some_and(|service| {
            !service.paths.is_empty()
                && !facts.paths.iter().any(|path| touches(&service.paths, &path.path))
        });
    for rule in matching.into_iter().filter(|_| !elsewhere) {
        let places = places(rule, no_carry);
        for place in fill(policy, &places, &counted, &mut found.filled) {
            found.codes.insert(match (&places[place].team, &places[place].level) {
                (Some(_), _) => ReasonCode::NeedsTeam,
                (None, Some(_)) => ReasonCode::NeedsLevel,
                (None, None) => ReasonCode::NeedsSignOff,
            });
        }
    }
    found
}

/// Step 2.
fn assistance(policy: &Policy, facts: &Facts) -> Assistance {
    let mut strongest = facts.declared.unwrap_or(policy.defaults().undeclared);
    strongest = strongest.max(facts.detected.unwrap_or(Assistance::None));
    for author in &facts.authors {
        match author.kind {
            AuthorKind::Agent => strongest = Assistance::Generated,
            AuthorKind::Tool => strongest = strongest.max(Assistance::Assisted),
            _ => {}
        }
    }
    strongest
}

/// Step 4.
fn matches(policy: &Policy, facts: &Facts, assistance: Assistance, rule: &Rule) -> bool {
    let when = &rule.when;
    (when.assistance.is_empty() || when.assistance.contains(&assistance))
        && when.author_below.as_ref().is_none_or(|level| author_below(policy, facts, level))
        && (when.author_kind.is_empty()
            || facts.authors.iter().any(|author| when.author_kind.contains(&author.kind)))
        && (when.paths.is_empty()
            || facts.paths.iter().any(|path| touches(&when.paths, &path.path)))
        && (when.paths_outside.is_empty()
            || !facts
                .paths
                .iter()
                .all(|path| when.paths_outside.iter().any(|one| one.matches_exactly(&path.path))))
        && (when.environments.is_empty()
            || when.environments.iter().any(|e| environment_matches(e, &facts.environment)))
        && (when.services.is_empty() || when.services.contains(&facts.service))
        && (!when.opaque || facts.paths.iter().any(|path| path.opaque))
        && (!when.collision || facts.collision)
        && when.artifact == facts.artifact
}

/// Step 3.
fn author_below(policy: &Policy, facts: &Facts, level: &LevelName) -> bool {
    let rank = |level: &LevelName| policy.levels().iter().position(|listed| listed == level);
    let believes = policy.defaults().unproved_authors == UnprovedAuthors::Accept;
    let mut people = facts.authors.iter().filter(|author| author.kind != AuthorKind::Tool);
    let mut other = people.clone();
    other.next().is_none()
        || people.any(|author| {
            let below_all = author.standing == Standing::Claimed && !believes;
            let held = author.level.as_ref().and_then(rank);
            below_all || held.is_none_or(|held| held < rank(level).unwrap())
        })
}

/// Whether a pattern matches, exactly or folded.
fn touches(patterns: &[Pattern], path: &[u8]) -> bool {
    patterns.iter().any(|pattern| {
        pattern.matches_folded(&path.to_ascii_lowercase()) || pattern.matches_exactly(path)
    })
}

/// Step 7: one place a person.
fn places(rule: &Rule, no_carry: bool) -> Vec<Wishes> {
    let wishes = |level: Option<LevelName>, team: Option<TeamName>| Wishes {
        level,
        team,
        checklist: rule.checklist.clone(),
        presence: rule.presence,
        no_carry: no_carry || rule.carry == Carry::Never,
    };
    let says_how = !rule.checklist.is_empty()
        || rule.presence > Presence::NoTouch
        || rule.carry == Carry::Never;
    if rule.require.is_empty() && says_how {
        return vec![wishes(None, None)];
    }
    let mut places = Vec::new();
    for need in &rule.require {
        for _ in 0..need.count {
            places.push(wishes(need.level.clone(), need.team.clone()));
        }
    }
    places
}

/// Step 9 and the need itself.
fn suits(policy: &Policy, wishes: &Wishes, sign_off: &SignOff) -> bool {
    let rank = |level: &LevelName| policy.levels().iter().position(|listed| listed == level);
    let held = sign_off.level.as_ref().and_then(rank);
    !(wishes.no_carry && sign_off.carried)
        && sign_off.presence >= wishes.presence
        && wishes.checklist.iter().all(|item| sign_off.answered.contains(item))
        && wishes.team.as_ref().is_none_or(|team| sign_off.teams.contains(team))
        && wishes.level.as_ref().is_none_or(|level| held.is_some() && held >= rank(level))
}

/// Step 10: fills places with people by trying every way; gives the places that stay empty, and
/// prefers to leave the last ones empty.
fn fill(
    policy: &Policy,
    places: &[Wishes],
    counted: &[&SignOff],
    filled: &mut BTreeSet<u64>,
) -> Vec<usize> {
    fn best<'a>(
        policy: &Policy,
        places: &[Wishes],
        at: usize,
        free: &[&'a SignOff],
    ) -> (usize, Vec<Option<&'a SignOff>>) {
        if at == places.len() {
            return (0, Vec::new());
        }
        let mut found: Option<(usize, Vec<Option<&SignOff>>)> = None;
        for chosen in free.iter().filter(|s| suits(policy, &places[at], s)) {
            let others: Vec<&SignOff> =
                free.iter().filter(|other| other.member != chosen.member).copied().collect();
            let (count, mut rest) = best(policy, places, at + 1, &others);
            if found.as_ref().is_none_or(|(most, _)| count + 1 > *most) {
                rest.insert(0, Some(chosen));
                found = Some((count + 1, rest));
            }
        }
        let (count, mut rest) = best(policy, places, at + 1, free);
        if found.as_ref().is_none_or(|(most, _)| count > *most) {
            rest.insert(0, None);
            found = Some((count, rest));
        }
        found.unwrap()
    }
    let (_, chosen) = best(policy, places, 0, counted);
    filled.extend(chosen.iter().flatten().map(|sign_off| sign_off.entry.get()));
    (0..places.len()).filter(|place| chosen[*place].is_none()).collect()
}
