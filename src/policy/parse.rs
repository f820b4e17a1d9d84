//! From text to policy: every field, every check, every mistake at once.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

use super::error::{PolicyErrors, nearest};
use super::fact::{AuthorKind, Presence};
use super::model::{
    Carry, Defaults, Environment, Need, Rule, Service, UnprovedAuthors, When, environment_matches,
};
use super::pattern::Pattern;
use super::read::{Reader, Value};
use super::{Policy, strict};
use crate::base::limits::{
    LEVELS_MAX, LIST_ITEMS_MAX, NAME_BYTES_MAX, POLICY_BYTES_MAX, RULE_PEOPLE_MAX, RULES_MAX,
};
use crate::base::name::{EnvironmentName, LevelName, ReferenceName, ServiceName};
use crate::base::time::Span;
use crate::statement::words::{Assistance, Mode};

const CARRY: &[(&str, Carry)] = &[("clean", Carry::Clean), ("never", Carry::Never)];
const MODES: &[(&str, Mode)] = &[("observe", Mode::Observe), ("enforce", Mode::Enforce)];
const PRESENCE: &[(&str, Presence)] =
    &[("touch", Presence::TouchClaimed), ("attested", Presence::Touch)];
const UNPROVED: &[(&str, UnprovedAuthors)] = &[
    ("add-one", UnprovedAuthors::AddOne),
    ("lowest-level", UnprovedAuthors::LowestLevel),
    ("accept", UnprovedAuthors::Accept),
];

/// What is listed, to check the names in rules against.
struct Listed {
    levels: Vec<LevelName>,
    environments: Vec<Environment>,
    services: Vec<Service>,
}

pub(super) fn parse(text: &str) -> Result<Policy, PolicyErrors> {
    let mut reader = Reader::new(text);
    if text.len() > POLICY_BYTES_MAX {
        let what = format!("{} bytes; a policy has at most {POLICY_BYTES_MAX}", text.len());
        reader.mistake(0, what, "");
        return Err(PolicyErrors::new(reader.mistakes));
    }
    strict::check_characters(&mut reader, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        reader.mistake(offset, format_args!("not TOML: {}", error.message()), "");
    }
    if reader.mistakes.is_empty() {
        strict::check_dialect(&mut reader, text, document.get_ref());
    }
    let policy = read_document(&mut reader, text, document.get_ref());
    if reader.mistakes.is_empty() { Ok(policy) } else { Err(PolicyErrors::new(reader.mistakes)) }
}

fn read_document(reader: &mut Reader<'_>, text: &str, document: &DeTable<'_>) -> Policy {
    let known = ["version", "levels", "defaults", "environment", "service", "rule"];
    reader.known_fields(document, "a policy", &known);
    match document.get("version") {
        Some(version) => {
            reader.integer(version, "version", (1, 1));
        }
        None => reader.mistake(0, "`version` is missing", "write version = 1"),
    }
    let levels = document.get("levels").map_or_else(Vec::new, |value| {
        if value.get_ref().as_array().is_some_and(|levels| levels.len() > LEVELS_MAX) {
            let what = format!("`levels` has more than {LEVELS_MAX} items");
            reader.mistake(value.span().start, what, "");
        }
        reader.list(value, "levels", |reader, item| reader.parsed(item, "levels"))
    });
    let defaults = defaults(reader, document);
    let environments = named(reader, document, "environment", environment);
    let services = named(reader, document, "service", service);
    let listed = Listed { levels, environments, services };
    let rules = rules(reader, document, &listed);
    Policy {
        text: text.to_owned(),
        levels: listed.levels,
        defaults,
        environments: listed.environments,
        services: listed.services,
        rules,
    }
}

fn days(days: u64) -> Span {
    Span::from_milliseconds(days * 86_400_000)
}

fn defaults(reader: &mut Reader<'_>, document: &DeTable<'_>) -> Defaults {
    let mut defaults = Defaults {
        undeclared: Assistance::Generated,
        unproved_authors: UnprovedAuthors::AddOne,
        approval_ttl: days(90),
        rollback_within: days(30),
        carry: Carry::Clean,
        weaken_delay: days(1),
        exempt: Vec::new(),
        allow_collisions: false,
        decision_ttl: Span::from_milliseconds(3_600_000),
    };
    let Some(table) = document.get("defaults").and_then(|value| reader.table(value, "defaults"))
    else {
        return defaults;
    };
    let known = [
        "undeclared",
        "unproved_authors",
        "approval_ttl",
        "rollback_within",
        "carry",
        "weaken_delay",
        "exempt",
        "allow_collisions",
        "decision_ttl",
    ];
    reader.known_fields(table, "[defaults]", &known);
    let words = assistance_words();
    set(&mut defaults.undeclared, table, "undeclared", |f, v| reader.word(v, f, &words));
    set(&mut defaults.unproved_authors, table, "unproved_authors", |f, v| {
        reader.word(v, f, UNPROVED)
    });
    set(&mut defaults.carry, table, "carry", |f, v| reader.word(v, f, CARRY));
    set(&mut defaults.approval_ttl, table, "approval_ttl", |f, v| reader.parsed(v, f));
    set(&mut defaults.rollback_within, table, "rollback_within", |f, v| reader.parsed(v, f));
    set(&mut defaults.weaken_delay, table, "weaken_delay", |f, v| reader.parsed(v, f));
    set(&mut defaults.decision_ttl, table, "decision_ttl", |f, v| reader.parsed(v, f));
    set(&mut defaults.allow_collisions, table, "allow_collisions", |f, v| reader.boolean(v, f));
    set(&mut defaults.exempt, table, "exempt", |f, v| Some(patterns(reader, v, f)));
    defaults
}

/// Sets a field from a table where the table has it and it can be read.
fn set<'v, 't, T>(
    field: &mut T,
    table: &'v DeTable<'t>,
    name: &str,
    read: impl FnOnce(&str, &'v Value<'t>) -> Option<T>,
) {
    if let Some(found) = table.get(name).and_then(|value| read(name, value)) {
        *field = found;
    }
}

fn assistance_words() -> Vec<(&'static str, Assistance)> {
    Assistance::ALL.iter().map(|word| (word.as_str(), *word)).collect()
}

fn patterns(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Vec<Pattern> {
    let mut read = Vec::new();
    let texts = reader.list(value, field, |reader, item| {
        let text = reader.string(item, field)?;
        match Pattern::new(text) {
            Ok(pattern) => {
                read.push(pattern);
                Some(text.to_owned())
            }
            Err(error) => {
                reader.mistake(item.span().start, format_args!("`{field}`: {error}"), "");
                None
            }
        }
    });
    // A pattern that stands twice is a mistake, so nothing is lost where one is.
    read.truncate(texts.len());
    read
}

/// The tables `[kind.NAME]`, by name.
fn named<T>(
    reader: &mut Reader<'_>,
    document: &DeTable<'_>,
    kind: &str,
    mut read: impl FnMut(&mut Reader<'_>, &str, usize, &DeTable<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(tables) = document.get(kind).and_then(|value| reader.table(value, kind)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in tables {
        let start = name.span().start;
        if let Some(table) = reader.table(value, kind) {
            found.extend(read(reader, name.get_ref(), start, table));
        }
    }
    found
}

fn environment(
    reader: &mut Reader<'_>,
    name: &str,
    start: usize,
    table: &DeTable<'_>,
) -> Option<Environment> {
    reader.known_fields(table, "an environment", &["mode"]);
    let mut mode = Mode::Observe;
    set(&mut mode, table, "mode", |field, value| reader.word(value, field, MODES));
    match EnvironmentName::new(name) {
        Ok(name) => Some(Environment { name, mode, line: reader.line(start) }),
        Err(error) => {
            reader.mistake(start, error, "");
            None
        }
    }
}

fn service(
    reader: &mut Reader<'_>,
    name: &str,
    start: usize,
    table: &DeTable<'_>,
) -> Option<Service> {
    let known = ["repository", "branch", "paths", "artifact", "builders", "mode"];
    reader.known_fields(table, "a service", &known);
    let mut repository = None;
    set(&mut repository, table, "repository", |field, value| Some(reader.parsed(value, field)));
    if !table.contains_key("repository") {
        reader.mistake(start, "`repository` of the service is missing", "name the repository");
    }
    let mut branch = ReferenceName::new("refs/heads/main").ok();
    set(&mut branch, table, "branch", |field, value| Some(reader.parsed(value, field)));
    let mut paths = Vec::new();
    set(&mut paths, table, "paths", |field, value| {
        if value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            let hint = "leave `paths` out for the whole repository";
            reader.mistake(value.span().start, "`paths` of a service is an empty list", hint);
        }
        Some(patterns(reader, value, field))
    });
    let mut artifact_required = false;
    set(&mut artifact_required, table, "artifact", |field, value| {
        reader.word(value, field, &[("required", true), ("optional", false)])
    });
    let mut builders = Vec::new();
    set(&mut builders, table, "builders", |field, value| {
        Some(reader.list(value, field, |reader, item| reader.parsed(item, field)))
    });
    let mut mode = None;
    set(&mut mode, table, "mode", |field, value| Some(reader.word(value, field, MODES)));
    let name = match ServiceName::new(name) {
        Ok(name) => name,
        Err(error) => {
            reader.mistake(start, error, "");
            return None;
        }
    };
    let line = reader.line(start);
    Some(Service {
        name,
        repository: repository?,
        branch: branch?,
        paths,
        artifact_required,
        builders,
        mode,
        line,
    })
}

fn rules(reader: &mut Reader<'_>, document: &DeTable<'_>, listed: &Listed) -> Vec<Rule> {
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

fn rule_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
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

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
