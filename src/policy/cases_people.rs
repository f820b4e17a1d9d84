//! Who wrote and who signed in a file of cases: `[people]`, `authors`, `signed`.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

use super::Policy;
use super::cases_parse::{File, names, unlisted};
use super::error::nearest;
use super::fact::{Author, AuthorKind, Presence, SignOff, Standing};
use super::parse::{assistance_words, set};
use super::read::{Reader, Value};
use crate::base::limits::LIST_ITEMS_MAX;
use crate::base::name::{ChecklistItem, LevelName, MemberId, TeamName};
use crate::base::position::EntryIndex;
use crate::base::time::Span;
use crate::statement::words::Assistance;

const STANDINGS: &[(&str, Standing)] = &[
    ("proved", Standing::Proved),
    ("attested", Standing::Attested),
    ("claimed", Standing::Claimed),
];

/// As a rule's `presence`, and what is below both.
const PRESENCES: &[(&str, Presence)] = &[
    ("none", Presence::NoTouch),
    ("touch", Presence::TouchClaimed),
    ("attested", Presence::Touch),
];

/// Somebody of `[people]`, or as a case has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    kind: Option<AuthorKind>,
    level: Option<LevelName>,
    teams: BTreeSet<TeamName>,
}

pub(super) fn people(
    reader: &mut Reader<'_>,
    document: &DeTable<'_>,
    policy: &Policy,
) -> BTreeMap<MemberId, Person> {
    let Some(table) = document.get("people").and_then(|value| reader.table(value, "people")) else {
        return BTreeMap::new();
    };
    let mut people = BTreeMap::new();
    for (name, value) in table {
        let Some(table) = reader.table(value, "people") else { continue };
        reader.known_fields(table, "somebody of [people]", &["kind", "level", "teams"]);
        let mut somebody = Person::default();
        person(reader, table, policy, &mut somebody);
        set(&mut somebody.kind, table, "kind", |f, v| Some(reader.word(v, f, &kinds())));
        match MemberId::new(name.get_ref().as_ref()) {
            Ok(member) => {
                people.insert(member, somebody);
            }
            Err(error) => reader.mistake(name.span().start, error, ""),
        }
    }
    people
}

fn kinds() -> Vec<(&'static str, AuthorKind)> {
    AuthorKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect()
}

/// Level and teams, which people and sign-offs may both have.
fn person(reader: &mut Reader<'_>, table: &DeTable<'_>, policy: &Policy, person: &mut Person) {
    set(&mut person.level, table, "level", |f, v| Some(level(reader, v, f, policy)));
    set(&mut person.teams, table, "teams", |f, v| Some(names(reader, v, f)));
}

fn level(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    field: &str,
    policy: &Policy,
) -> Option<LevelName> {
    let level: LevelName = reader.parsed(value, field)?;
    if policy.rank(&level).is_none() {
        let listed = policy.levels().iter().map(LevelName::as_str);
        unlisted(reader, value, ("level", level.as_str()), listed);
    }
    Some(level)
}

pub(super) fn author(
    member: Option<MemberId>,
    kind: AuthorKind,
    level: Option<LevelName>,
    standing: Standing,
) -> Author {
    Author { member, kind, level, standing, label: String::new() }
}

/// Somebody: `"ada"`, or a table with `who`.
fn who<'v, 't>(
    reader: &mut Reader<'_>,
    value: &'v Value<'t>,
    (field, known): (&str, &[&str]),
    file: &File<'_>,
) -> Option<(Option<MemberId>, Person, Option<&'v DeTable<'t>>)> {
    let (text, table) = match value.get_ref() {
        DeValue::Table(table) => {
            reader.known_fields(table, field, known);
            (table.get("who"), Some(table))
        }
        _ => (Some(value), None),
    };
    let member: Option<MemberId> = match text {
        Some(text) => Some(reader.parsed(text, field)?),
        None => None,
    };
    let known = member.as_ref().and_then(|member| file.people.get(member));
    if let (Some(member), None, None) = (&member, known, table) {
        let hint = nearest(member.as_str(), file.people.keys().map(MemberId::as_str));
        let hint = hint.map_or_else(String::new, |near| format!("did you mean {near:?}?"));
        let what = format!("[people] has no {:?}", member.as_str());
        reader.mistake(value.span().start, what, hint);
    }
    let mut somebody = known.cloned().unwrap_or_default();
    if let Some(table) = table {
        person(reader, table, file.policy, &mut somebody);
    }
    Some((member, somebody, table))
}

pub(super) fn authors(reader: &mut Reader<'_>, value: &Value<'_>, file: &File<'_>) -> Vec<Author> {
    let known = ["who", "kind", "level", "standing"];
    let mut found = Vec::new();
    for item in reader.items(value, "authors", LIST_ITEMS_MAX) {
        let Some((member, mut somebody, table)) = who(reader, item, ("authors", &known), file)
        else {
            continue;
        };
        let mut standing = Standing::Proved;
        if let Some(table) = table {
            set(&mut somebody.kind, table, "kind", |f, v| Some(reader.word(v, f, &kinds())));
            set(&mut standing, table, "standing", |f, v| reader.word(v, f, STANDINGS));
        }
        let kind = somebody.kind.unwrap_or(AuthorKind::Human);
        found.push(author(member, kind, somebody.level, standing));
    }
    found
}

pub(super) fn sign_offs(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    file: &File<'_>,
) -> Vec<SignOff> {
    let known = ["who", "level", "teams", "presence", "answered", "age", "saw", "carried"];
    let words = assistance_words();
    let mut found = Vec::new();
    for (entry, item) in (1..).zip(reader.items(value, "signed", LIST_ITEMS_MAX)) {
        let Some((member, somebody, table)) = who(reader, item, ("signed", &known), file) else {
            continue;
        };
        if somebody.kind.is_some_and(|kind| kind != AuthorKind::Human) {
            let hint = "the verdict leaves such a sign-off out before it asks the policy";
            reader.mistake(item.span().start, "only humans sign off", hint);
        }
        let Some(member) = member else {
            reader.mistake(item.span().start, "`signed` does not say `who`", "");
            continue;
        };
        let mut sign_off = SignOff {
            member,
            level: somebody.level,
            teams: somebody.teams,
            presence: Presence::NoTouch,
            answered: BTreeSet::new(),
            assistance_seen: Assistance::Generated,
            carried: false,
            age: Span::from_milliseconds(0),
            entry: EntryIndex::new(entry),
        };
        if let Some(table) = table {
            set(&mut sign_off.presence, table, "presence", |f, v| reader.word(v, f, PRESENCES));
            set(&mut sign_off.answered, table, "answered", |f, v| {
                Some(items(reader, v, f, file.policy))
            });
            set(&mut sign_off.assistance_seen, table, "saw", |f, v| reader.word(v, f, &words));
            set(&mut sign_off.age, table, "age", |f, v| reader.parsed(v, f));
            set(&mut sign_off.carried, table, "carried", |f, v| reader.boolean(v, f));
        }
        found.push(sign_off);
    }
    found
}

/// Checklist items that some rule has.
fn items(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    field: &str,
    policy: &Policy,
) -> BTreeSet<ChecklistItem> {
    let listed =
        || policy.rules().iter().flat_map(|rule| &rule.checklist).map(ChecklistItem::as_str);
    let read = |reader: &mut Reader<'_>, item: &Value<'_>| {
        let found: ChecklistItem = reader.parsed(item, field)?;
        if !listed().any(|item| item == found.as_str()) {
            unlisted(reader, item, ("checklist item", found.as_str()), listed());
        }
        Some(found)
    };
    reader.list(value, field, read).into_iter().collect()
}
