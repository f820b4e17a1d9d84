//! From text to policy: every field, every check, every mistake at once.

use toml::de::DeTable;

use super::error::PolicyErrors;
use super::fact::Presence;
use super::model::{
    Carry, Defaults, Environment, OverrideTerms, Repository, Service, UnprovedAuthors,
};
use super::parse_rule::{self, Listed, PRESENCE};
use super::pattern::Pattern;
use super::read::{Reader, Value};
use super::{Policy, strict};
use crate::base::limits::{CARRY_GAP_LINES_MAX, LEVELS_MAX, OVERRIDE_SPAN_MAX, POLICY_BYTES_MAX};
use crate::base::name::{EnvironmentName, ReferenceName, RepositoryName, ServiceName};
use crate::base::time::Span;
use crate::statement::words::{Assistance, Mode};

pub(super) const CARRY: &[(&str, Carry)] = &[("clean", Carry::Clean), ("never", Carry::Never)];
const MODES: &[(&str, Mode)] = &[("observe", Mode::Observe), ("enforce", Mode::Enforce)];
const UNPROVED: &[(&str, UnprovedAuthors)] = &[
    ("add-one", UnprovedAuthors::AddOne),
    ("lowest-level", UnprovedAuthors::LowestLevel),
    ("accept", UnprovedAuthors::Accept),
];

pub(super) fn parse(text: &str) -> Result<Policy, PolicyErrors> {
    read_text(text, ("a policy", POLICY_BYTES_MAX), |reader, document| {
        read_document(reader, text, document)
    })
}

/// Reads a text of the strict dialect, given what it is and its greatest size in bytes.
pub(super) fn read_text<T>(
    text: &str,
    (kind, bytes_max): (&str, usize),
    read: impl FnOnce(&mut Reader<'_>, &DeTable<'_>) -> T,
) -> Result<T, PolicyErrors> {
    let mut reader = Reader::new(text);
    if text.len() > bytes_max {
        let what = format!("{} bytes; {kind} has at most {bytes_max}", text.len());
        reader.mistake(0, what, "");
        return Err(PolicyErrors::new(reader.mistakes));
    }
    strict::check_characters(&mut reader, text);
    strict::check_depth(&mut reader, text);
    if !reader.mistakes.is_empty() {
        return Err(PolicyErrors::new(reader.mistakes));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        reader.mistake(offset, format_args!("not TOML: {}", error.message()), "");
    }
    if reader.mistakes.is_empty() {
        strict::check_dialect(&mut reader, text, document.get_ref());
    }
    let found = read(&mut reader, document.get_ref());
    if reader.mistakes.is_empty() { Ok(found) } else { Err(PolicyErrors::new(reader.mistakes)) }
}

fn read_document(reader: &mut Reader<'_>, text: &str, document: &DeTable<'_>) -> Policy {
    let known = [
        "version",
        "levels",
        "defaults",
        "override",
        "environment",
        "repository",
        "service",
        "rule",
    ];
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
    let override_terms = override_terms(reader, document);
    let environments = named(reader, document, "environment", environment);
    let repositories = named(reader, document, "repository", repository);
    let services = named(reader, document, "service", service);
    let listed = Listed { levels, environments, services };
    let rules = parse_rule::rules(reader, document, &listed);
    Policy {
        text: text.to_owned(),
        levels: listed.levels,
        defaults,
        override_terms,
        environments: listed.environments,
        repositories,
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
        carry_gap: 1,
        weaken_delay: days(1),
        exempt: Vec::new(),
        allow_collisions: false,
        decision_ttl: Span::from_milliseconds(3_600_000),
        key_cooling: days(1),
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
        "carry_gap",
        "weaken_delay",
        "exempt",
        "allow_collisions",
        "decision_ttl",
        "key_cooling",
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
    set(&mut defaults.key_cooling, table, "key_cooling", |f, v| reader.parsed(v, f));
    set(&mut defaults.carry_gap, table, "carry_gap", |f, v| {
        reader.integer(v, f, (1, CARRY_GAP_LINES_MAX))
    });
    set(&mut defaults.allow_collisions, table, "allow_collisions", |f, v| reader.boolean(v, f));
    set(&mut defaults.exempt, table, "exempt", |f, v| Some(patterns(reader, v, f)));
    defaults
}

fn override_terms(reader: &mut Reader<'_>, document: &DeTable<'_>) -> OverrideTerms {
    let mut terms = OverrideTerms {
        longest: Span::from_milliseconds(4 * 3_600_000),
        debt_due: days(1),
        presence: Presence::NoTouch,
    };
    let Some(table) = document.get("override").and_then(|value| reader.table(value, "override"))
    else {
        return terms;
    };
    reader.known_fields(table, "[override]", &["longest", "debt_due", "presence"]);
    set(&mut terms.longest, table, "longest", |f, v| {
        let longest = reader.parsed(v, f)?;
        if longest > OVERRIDE_SPAN_MAX {
            let what = format!("`longest` is {longest}: an override lasts at most 24h");
            reader.mistake(v.span().start, what, "who needs longer overrides again, and says why");
        }
        Some(longest)
    });
    set(&mut terms.debt_due, table, "debt_due", |f, v| reader.parsed(v, f));
    set(&mut terms.presence, table, "presence", |f, v| reader.word(v, f, PRESENCE));
    terms
}

/// Sets a field from a table where the table has it and it can be read.
pub(super) fn set<'v, 't, T>(
    field: &mut T,
    table: &'v DeTable<'t>,
    name: &str,
    read: impl FnOnce(&str, &'v Value<'t>) -> Option<T>,
) {
    if let Some(found) = table.get(name).and_then(|value| read(name, value)) {
        *field = found;
    }
}

pub(super) fn assistance_words() -> Vec<(&'static str, Assistance)> {
    Assistance::ALL.iter().map(|word| (word.as_str(), *word)).collect()
}

pub(super) fn patterns(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Vec<Pattern> {
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

fn repository(
    reader: &mut Reader<'_>,
    name: &str,
    start: usize,
    table: &DeTable<'_>,
) -> Option<Repository> {
    reader.known_fields(table, "a repository", &["uri"]);
    let mut uri = None;
    set(&mut uri, table, "uri", |field, value| Some(reader.parsed(value, field)));
    if !table.contains_key("uri") {
        reader.mistake(start, "`uri` of the repository is missing", "write how builds name it");
    }
    match RepositoryName::new(name) {
        Ok(name) => Some(Repository { name, uri: uri?, line: reader.line(start) }),
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
    let known = ["repository", "branch", "paths", "artifact", "artifact_uri", "builders", "mode"];
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
    let mut artifact_uri = None;
    set(&mut artifact_uri, table, "artifact_uri", |field, value| Some(reader.parsed(value, field)));
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
        artifact_uri,
        mode,
        line,
    })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
