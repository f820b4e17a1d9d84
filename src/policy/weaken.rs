//! What a policy asks less for than the one before (`spec/policy.md` section 7, ATTACKS 29).
//!
//! Conservative: it looks for something that is plainly as strict, and lists what has none.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Policy;
use super::error::Weakening;
use super::model::{Need, Rule, Service, When, environment_matches};
use super::pattern::Pattern;
use crate::base::name::EnvironmentName;
use crate::statement::words::Mode;

pub(super) fn weakens(newer: &Policy, older: &Policy) -> Vec<Weakening> {
    let mut found = Vec::new();
    levels(newer, older, &mut found);
    defaults(newer, older, &mut found);
    override_terms(newer, older, &mut found);
    modes(newer, older, &mut found);
    for service in older.services() {
        self::service(newer, service, &mut found);
    }
    for old in older.repositories() {
        if let Some(new) = newer.repository(&old.name).filter(|new| new.uri != old.uri) {
            let what = format!("repository {}: {} instead of {}", old.name, new.uri, old.uri);
            weaker(&mut found, what);
        }
    }
    for rule in older.rules() {
        self::rule(newer, rule, &mut found);
    }
    uncovered_names(newer, older, &mut found);
    found
}

fn weaker(found: &mut Vec<Weakening>, what: impl Into<String>) {
    found.push(Weakening(what.into()));
}

/// ATTACKS 43: levels may be added, but none may go or change its place.
fn levels(newer: &Policy, older: &Policy, found: &mut Vec<Weakening>) {
    let mut next = 0;
    for level in older.levels() {
        match newer.rank(level) {
            None => weaker(found, format!("level {level} is gone: who holds it has no level")),
            Some(rank) if rank < next => {
                weaker(found, format!("level {level} now stands below one that it stood above"));
            }
            Some(rank) => next = rank + 1,
        }
    }
}

fn defaults(newer: &Policy, older: &Policy, found: &mut Vec<Weakening>) {
    let (new, old) = (newer.defaults(), older.defaults());
    if new.undeclared < old.undeclared {
        weaker(found, format!("undeclared: {} instead of {}", new.undeclared, old.undeclared));
    }
    for rule in newer.rules() {
        let listed = &rule.when.assistance;
        if listed.contains(&old.undeclared) && !listed.contains(&new.undeclared) {
            weaker(found, format!("undeclared changes leave rule {:?}", rule.name));
        }
    }
    if new.unproved_authors < old.unproved_authors {
        weaker(found, "unproved_authors: authors who are only claimed cost less");
    }
    if new.carry < old.carry {
        weaker(found, "carry: carried sign-offs count where they did not");
    }
    if new.carry_gap < old.carry_gap {
        weaker(found, format!("carry_gap: {} instead of {}", new.carry_gap, old.carry_gap));
    }
    if new.allow_collisions && !old.allow_collisions {
        weaker(found, "allow_collisions: colliding paths are let through");
    }
    for (field, new, old) in [
        ("approval_ttl", new.approval_ttl, old.approval_ttl),
        ("rollback_within", new.rollback_within, old.rollback_within),
        ("decision_ttl", new.decision_ttl, old.decision_ttl),
    ] {
        if new > old {
            weaker(found, format!("{field}: {new} instead of {old}"));
        }
    }
    for (field, new, old) in [
        ("weaken_delay", new.weaken_delay, old.weaken_delay),
        ("key_cooling", new.key_cooling, old.key_cooling),
    ] {
        if new < old {
            weaker(found, format!("{field}: {new} instead of {old}"));
        }
    }
    for pattern in added(&new.exempt, &old.exempt) {
        weaker(found, format!("exempt: \"{pattern}\" lifts the floor"));
    }
}

fn override_terms(newer: &Policy, older: &Policy, found: &mut Vec<Weakening>) {
    let (new, old) = (newer.override_terms(), older.override_terms());
    for (field, new, old) in
        [("longest", new.longest, old.longest), ("debt_due", new.debt_due, old.debt_due)]
    {
        if new > old {
            weaker(found, format!("override {field}: {new} instead of {old}"));
        }
    }
    if new.presence < old.presence {
        weaker(found, "override presence: asks for less");
    }
}

/// The patterns of one list that the other does not have.
fn added<'a>(list: &'a [Pattern], other: &'a [Pattern]) -> impl Iterator<Item = &'a Pattern> {
    list.iter().filter(|pattern| !other.contains(pattern))
}

/// Wherever a deny refused, it must go on to; a name that is gone refuses more, not less.
fn modes(newer: &Policy, older: &Policy, found: &mut Vec<Weakening>) {
    // Names of both, for a cell may fall back to its group, or get a mode of its own.
    let names: BTreeSet<&EnvironmentName> = newer
        .environments()
        .iter()
        .chain(older.environments())
        .map(|environment| &environment.name)
        .collect();
    for name in names {
        let (Ok(new), Ok(old)) = (newer.environment(name), older.environment(name)) else {
            continue;
        };
        if new < old {
            weaker(found, format!("environment {name}: observed, no longer enforced"));
        }
        for service in older.services() {
            let Some(now) = newer.service(&service.name) else { continue };
            let before = service.mode.unwrap_or(old);
            let after = now.mode.unwrap_or(new);
            let by_environment = now.mode.is_none() && service.mode.is_none();
            if after < before && !by_environment {
                let service = &service.name;
                let what = format!("service {service} in {name}: observed, no longer enforced");
                weaker(found, what);
            }
        }
    }
}

fn service(newer: &Policy, old: &Service, found: &mut Vec<Weakening>) {
    let Some(new) = newer.service(&old.name) else { return };
    let mut weaker = |what: String| weaker(found, format!("service {}: {what}", old.name));
    if new.repository != old.repository {
        weaker(format!("repository {} instead of {}", new.repository, old.repository));
    }
    if new.branch != old.branch {
        weaker(format!("sign-offs for {} instead of {}", new.branch, old.branch));
    }
    if old.artifact_required && !new.artifact_required {
        weaker("no artifact is required".to_owned());
    }
    if !old.builders.is_empty() && new.builders.is_empty() {
        weaker("whoever has the duty may build".to_owned());
    }
    for builder in new.builders.iter().filter(|builder| !old.builders.contains(builder)) {
        weaker(format!("{builder} may build"));
    }
    if !new.paths.is_empty() {
        if old.paths.is_empty() {
            weaker("rules concern some paths instead of all".to_owned());
        }
        for pattern in added(&old.paths, &new.paths) {
            weaker(format!("rules no longer concern \"{pattern}\""));
        }
    }
}

/// An old rule needs one new rule that asks at least the same wherever the old one asked.
fn rule(newer: &Policy, old: &Rule, found: &mut Vec<Weakening>) {
    if newer.rules().iter().any(|new| shortfall(newer, new, old).is_none()) {
        return;
    }
    let what = newer
        .rules()
        .iter()
        .find(|new| new.name == old.name)
        .and_then(|new| shortfall(newer, new, old))
        .unwrap_or_else(|| "no rule asks all that it asked".to_owned());
    weaker(found, format!("rule {:?}: {what}", old.name));
}

/// What keeps a new rule from plainly asking all that an old one asked; `None` where nothing does.
fn shortfall(newer: &Policy, new: &Rule, old: &Rule) -> Option<String> {
    if let Some(condition) = narrower(newer, &new.when, &old.when) {
        return Some(format!("`{condition}` holds less often"));
    }
    if let Some(item) = old.checklist.iter().find(|item| !new.checklist.contains(item)) {
        return Some(format!("the checklist has no \"{item}\""));
    }
    if new.presence < old.presence {
        return Some("`presence` asks for less".to_owned());
    }
    if new.carry < old.carry {
        return Some("carried sign-offs count".to_owned());
    }
    let mut left = new.needs();
    for need in old.needs() {
        let same = left.iter().position(|candidate| *candidate == need);
        let as_much = || left.iter().position(|candidate| asks_as_much(newer, candidate, &need));
        let Some(index) = same.or_else(as_much) else {
            return Some(format!("no longer asks for {}", describe(&need)));
        };
        left.swap_remove(index);
    }
    None
}

fn describe(need: &Need) -> String {
    let of = |word: &str, name: Option<&dyn Display>| {
        name.map(|name| format!(" {word} {name}")).unwrap_or_default()
    };
    let level = of("of at least", need.level.as_ref().map(|level| level as &dyn Display));
    let team = of("of team", need.team.as_ref().map(|team| team as &dyn Display));
    format!("{}{level}{team}", need.count)
}

fn asks_as_much(newer: &Policy, new: &Need, old: &Need) -> bool {
    let level = match (&new.level, &old.level) {
        (_, None) => true,
        (Some(new), Some(old)) => newer.level_at_least(new, old),
        (None, Some(_)) => false,
    };
    let team = old.team.is_none() || new.team == old.team;
    level && team && new.count >= old.count
}

/// The first condition that may fail where the old one held.
fn narrower(newer: &Policy, new: &When, old: &When) -> Option<&'static str> {
    let level = match (&new.author_below, &old.author_below) {
        (None, _) => true,
        (Some(new), Some(old)) => newer.level_at_least(new, old),
        (Some(_), None) => false,
    };
    let environments = new.environments.is_empty()
        || (!old.environments.is_empty()
            && old.environments.iter().all(|name| {
                new.environments.iter().any(|listed| environment_matches(listed, name))
            }));
    let paths = new.paths.is_empty()
        || (!old.paths.is_empty() && added(&old.paths, &new.paths).next().is_none());
    // What a pattern takes out is no longer asked for.
    let outside = new.paths_outside.is_empty()
        || (!old.paths_outside.is_empty()
            && added(&new.paths_outside, &old.paths_outside).next().is_none());
    [
        ("assistance", includes(&new.assistance, &old.assistance)),
        ("author_below", level),
        ("author_kind", includes(&new.author_kind, &old.author_kind)),
        ("paths", paths),
        ("paths_outside", outside),
        ("environments", environments),
        ("services", includes(&new.services, &old.services)),
        ("opaque", old.opaque || !new.opaque),
        ("collision", old.collision || !new.collision),
        // A rule about artifacts says nothing of changes, and the other way round.
        ("artifact", old.artifact == new.artifact),
    ]
    .into_iter()
    .find(|(_, holds)| !holds)
    .map(|(condition, _)| condition)
}

/// Whether a list of alternatives, none meaning any, takes all that the other takes.
fn includes<T: Ord>(new: &BTreeSet<T>, old: &BTreeSet<T>) -> bool {
    new.is_empty() || (!old.is_empty() && old.is_subset(new))
}

/// ATTACKS 13: under a new name, rules that list names do not ask.
fn uncovered_names(newer: &Policy, older: &Policy, found: &mut Vec<Weakening>) {
    for environment in newer.environments() {
        let name = &environment.name;
        if older.environment(name).is_ok() {
            continue;
        }
        for rule in newer.rules() {
            let listed = &rule.when.environments;
            if !listed.is_empty() && !listed.iter().any(|one| environment_matches(one, name)) {
                weaker(found, format!("new environment {name}: not in rule {:?}", rule.name));
            }
        }
        if environment.mode == Mode::Observe {
            weaker(found, format!("new environment {name}: observed, not enforced"));
        }
    }
    for service in newer.services() {
        if older.service(&service.name).is_some() {
            continue;
        }
        let name = &service.name;
        for rule in newer.rules() {
            if !rule.when.services.is_empty() && !rule.when.services.contains(name) {
                weaker(found, format!("new service {name}: not in rule {:?}", rule.name));
            }
        }
        if service.mode == Some(Mode::Observe) {
            weaker(found, format!("new service {name}: observed, not enforced"));
        }
    }
}

#[cfg(test)]
#[path = "weaken_tests.rs"]
mod tests;
