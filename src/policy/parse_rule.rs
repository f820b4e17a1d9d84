//! The rules of a policy text: conditions, needs, and the names that they may use.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::error::nearest;
use super::fact::{AuthorKind, Presence};
use super::model::{Carry, Environment, Need, Rule, Service, When, environment_matches};
use super::parse::{CARRY, assistance_words, patterns, set};
use super::read::{Reader, Value};
use crate::base::limits::{LIST_ITEMS_MAX, NAME_BYTES_MAX, RULE_PEOPLE_MAX, RULES_MAX};
use crate::base::name::{EnvironmentName, LevelName, ServiceName};

pub(super) const PRESENCE: &[(&str, Presence)] =
    &[("touch", Presence::TouchClaimed), ("attested", Presence::Touch)];

/// What is listed, to check the names in rules against.
pub(super) struct Listed {
    pub(super) levels: Vec<LevelName>,
    pub(super) environments: Vec<Environment>,
    pub(super) services: Vec<Service>,
}

pub(super) fn rules(reader: &mut Reader<'_>, document: &DeTable<'_>, listed: &Listed) -> Vec<Rule> {
    let Some(value) = document.get("rule") else { return Vec::new() };
    let mut rules = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for item in reader.items(value, "rule", RULES_MAX) {
        let Some(table) = reader.table(item, "rule") else { continue };
        let Some(rule) = rule(reader, item.span().start, table, listed) else { continue };
        if let Some(first) = lines.get(&rule.name) {
            let what = format!("line {first} has a rule of this name already");
            let start = table.get("name").map_or(item.span().start, |name| name.span().start);
            reader.mistake(start, what, "reports name rules: give each its own");
        } else {
            lines.insert(rule.name.clone(), rule.line);
        }
        rules.push(rule);
    }
    rules
}

fn rule(
    reader: &mut Reader<'_>,
    start: usize,
    table: &DeTable<'_>,
    listed: &Listed,
) -> Option<Rule> {
    let known = ["name", "when", "require", "checklist", "presence", "carry"];
    reader.known_fields(table, "a rule", &known);
    let name = table.get("name").and_then(|value| rule_name(reader, value));
    if !table.contains_key("name") {
        reader.mistake(start, "a rule has no `name`", "say what it is for: reports print it");
    }
    let mut condition = When::default();
    set(&mut condition, table, "when", |field, value| {
        let table = reader.table(value, field)?;
        Some(when(reader, table, listed))
    });
    let mut require = Vec::new();
    set(&mut require, table, "require", |field, value| Some(needs(reader, value, field, listed)));
    let mut checklist = Vec::new();
    set(&mut checklist, table, "checklist", |field, value| {
        Some(reader.list(value, field, |reader, item| reader.parsed(item, field)))
    });
    let mut presence = Presence::NoTouch;
    set(&mut presence, table, "presence", |field, value| reader.word(value, field, PRESENCE));
    let mut carry = Carry::Clean;
    set(&mut carry, table, "carry", |field, value| reader.word(value, field, CARRY));
    let line = reader.line(start);
    Some(Rule { name: name?, when: condition, require, checklist, presence, carry, line })
}

pub(super) fn rule_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let name = reader.string(value, "name")?;
    let plain = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if !plain {
        let what = format!("`name` of a rule is 1 to {NAME_BYTES_MAX} bytes on one line");
        reader.mistake(value.span().start, what, "");
        return None;
    }
    Some(name.to_owned())
}

fn when(reader: &mut Reader<'_>, table: &DeTable<'_>, listed: &Listed) -> When {
    let known = [
        "assistance",
        "author_below",
        "author_kind",
        "paths",
        "paths_outside",
        "environments",
        "services",
        "opaque",
        "collision",
        "artifact",
    ];
    reader.known_fields(table, "`when`", &known);
    for name in &known {
        // An empty list would be no condition at all, or one that never holds: say which.
        if let Some(value) = table.get(*name)
            && matches!(value.get_ref(), DeValue::Array(items) if items.is_empty())
        {
            let hint = "leave the condition out where it should not matter";
            reader.mistake(value.span().start, format_args!("`{name}` is an empty list"), hint);
        }
    }
    let words = assistance_words();
    let kinds: Vec<_> = AuthorKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let mut when = When::default();
    set(&mut when.assistance, table, "assistance", |field, value| {
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| reader.word(item, field, &words);
        Some(reader.list(value, field, read).into_iter().collect())
    });
    set(&mut when.author_kind, table, "author_kind", |field, value| {
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| reader.word(item, field, &kinds);
        Some(reader.list(value, field, read).into_iter().collect())
    });
    set(&mut when.author_below, table, "author_below", |field, value| {
        Some(level(reader, value, field, listed))
    });
    set(&mut when.paths, table, "paths", |field, value| Some(patterns(reader, value, field)));
    set(&mut when.paths_outside, table, "paths_outside", |field, value| {
        Some(patterns(reader, value, field))
    });
    set(&mut when.environments, table, "environments", |field, value| {
        let read =
            |reader: &mut Reader<'_>, item: &Value<'_>| known_environment(reader, item, listed);
        Some(reader.list(value, field, read).into_iter().collect())
    });
    set(&mut when.services, table, "services", |field, value| {
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| known_service(reader, item, listed);
        Some(reader.list(value, field, read).into_iter().collect())
    });
    set(&mut when.opaque, table, "opaque", |field, value| only_true(reader, value, field));
    set(&mut when.collision, table, "collision", |field, value| only_true(reader, value, field));
    set(&mut when.artifact, table, "artifact", |field, value| only_true(reader, value, field));
    when
}

/// A rule that holds only while something is absent could be switched off by adding it.
fn only_true(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Option<bool> {
    if reader.boolean(value, field)? {
        return Some(true);
    }
    let hint = "leave it out: a rule then asks whether or not";
    reader.mistake(value.span().start, format_args!("`{field}` can only be true"), hint);
    None
}

fn level(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    field: &str,
    listed: &Listed,
) -> Option<LevelName> {
    let level: LevelName = reader.parsed(value, field)?;
    if !listed.levels.contains(&level) {
        let names: Vec<&str> = listed.levels.iter().map(LevelName::as_str).collect();
        let hint = unlisted_hint(level.as_str(), &names, "levels");
        reader.mistake(
            value.span().start,
            format_args!("`levels` has no {:?}", level.as_str()),
            hint,
        );
    }
    Some(level)
}

fn known_environment(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    listed: &Listed,
) -> Option<EnvironmentName> {
    let name: EnvironmentName = reader.parsed(value, "environments")?;
    if !listed.environments.iter().any(|one| environment_matches(&one.name, &name)) {
        let names: Vec<&str> = listed.environments.iter().map(|one| one.name.as_str()).collect();
        let what = format!("no environment {:?} is listed", name.as_str());
        let hint = unlisted_hint(name.as_str(), &names, "[environment.NAME]");
        reader.mistake(value.span().start, what, hint);
    }
    Some(name)
}

fn known_service(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    listed: &Listed,
) -> Option<ServiceName> {
    let name: ServiceName = reader.parsed(value, "services")?;
    if !listed.services.iter().any(|one| one.name == name) {
        let names: Vec<&str> = listed.services.iter().map(|one| one.name.as_str()).collect();
        let what = format!("no service {:?} is listed", name.as_str());
        let hint = unlisted_hint(name.as_str(), &names, "[service.NAME]");
        reader.mistake(value.span().start, what, hint);
    }
    Some(name)
}

fn unlisted_hint(name: &str, names: &[&str], place: &str) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("add it under {place}"),
    }
}

fn needs(reader: &mut Reader<'_>, value: &Value<'_>, field: &str, listed: &Listed) -> Vec<Need> {
    let mut needs = Vec::new();
    for item in reader.items(value, field, LIST_ITEMS_MAX) {
        let Some(table) = reader.table(item, field) else { continue };
        reader.known_fields(table, "`require`", &["level", "team", "count"]);
        let mut need = Need { count: 1, level: None, team: None };
        set(&mut need.level, table, "level", |field, value| {
            Some(level(reader, value, field, listed))
        });
        set(&mut need.team, table, "team", |field, value| Some(reader.parsed(value, field)));
        set(&mut need.count, table, "count", |field, value| {
            reader.integer(value, field, (1, RULE_PEOPLE_MAX))
        });
        needs.push(need);
    }
    let people: u32 = needs.iter().map(|need| need.count).sum();
    if people > RULE_PEOPLE_MAX {
        let what = format!("asks for {people} people; a rule asks for at most {RULE_PEOPLE_MAX}");
        reader.mistake(value.span().start, what, "");
    }
    needs
}
