//! From text to cases: every field, every check, every mistake at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::Policy;
use super::cases::{Case, Cases, Expected};
use super::error::{PolicyErrors, nearest};
use super::fact::{Author, AuthorKind, Facts, PathFact, Presence, SignOff, Standing};
use super::parse::{assistance_words, read_text, set};
use super::parse_rule::rule_name;
use super::read::{Reader, Value};
use super::reason::ReasonCode;
use crate::base::limits::{CASES_BYTES_MAX, CASES_MAX, LIST_ITEMS_MAX, PATH_BYTES_MAX};
use crate::base::name::{
    ChecklistItem, EnvironmentName, LevelName, MemberId, ServiceName, TeamName,
};
use crate::base::position::EntryIndex;
use crate::base::time::Span;
use crate::statement::words::Assistance;

const ANSWERS: &[(&str, bool)] = &[("yes", true), ("no", false)];
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
/// Fields of `[given]` and of `given` of a case.
const GIVEN: &[&str] = &[
    "service",
    "environment",
    "declared",
    "detected",
    "authors",
    "paths",
    "opaque",
    "collision",
    "artifact",
];
const FILE: (&str, usize) = ("a file of cases", CASES_BYTES_MAX);

pub(super) fn policy_file(text: &str) -> Result<Option<String>, PolicyErrors> {
    read_text(text, FILE, |reader, document| {
        let value = document.get("policy")?;
        reader.string(value, "policy").map(str::to_owned)
    })
}

pub(super) fn parse(text: &str, policy: &Policy) -> Result<Cases, PolicyErrors> {
    read_text(text, FILE, |reader, document| read_file(reader, document, policy))
}

/// What holds for a whole file.
struct File<'a> {
    policy: &'a Policy,
    people: BTreeMap<MemberId, Person>,
    given: Option<&'a DeTable<'a>>,
}

/// Somebody of `[people]`, or as a case has them.
#[derive(Debug, Clone, Default)]
struct Person {
    kind: Option<AuthorKind>,
    level: Option<LevelName>,
    teams: BTreeSet<TeamName>,
}

fn read_file(reader: &mut Reader<'_>, document: &DeTable<'_>, policy: &Policy) -> Cases {
    let known = ["version", "policy", "people", "given", "case"];
    reader.known_fields(document, FILE.0, &known);
    match document.get("version") {
        Some(version) => {
            reader.integer(version, "version", (1, 1));
        }
        None => reader.mistake(0, "`version` is missing", "write version = 1"),
    }
    let people = people(reader, document, policy);
    let given = document.get("given").and_then(|value| reader.table(value, "given"));
    if let Some(given) = given {
        reader.known_fields(given, "[given]", GIVEN);
    }
    let file = File { policy, people, given };
    let Some(value) = document.get("case") else {
        reader.mistake(0, "there is no [[case]]", "say what is given and what you expect");
        return Cases { cases: Vec::new() };
    };
    let mut cases = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for item in reader.items(value, "case", CASES_MAX) {
        let Some(table) = reader.table(item, "case") else { continue };
        let start = item.span().start;
        let Some(case) = case(reader, start, table, &file) else { continue };
        if let Some(first) = lines.insert(case.name.clone(), case.line) {
            let what = format!("line {first} has a case of this name already");
            reader.mistake(start, what, "the report names cases: give each its own");
        }
        cases.push(case);
    }
    Cases { cases }
}

fn people(
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

/// Notes a name that the policy does not have.
fn unlisted<'a>(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    (kind, name): (&str, &str),
    listed: impl Iterator<Item = &'a str> + Clone,
) {
    let hint = match nearest(name, listed.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("it has {}", listed.collect::<Vec<_>>().join(", ")),
    };
    let what = format!("the policy has no {kind} {name:?}");
    reader.mistake(value.span().start, what, hint);
}

/// A list of names.
fn names<T>(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> BTreeSet<T>
where
    T: FromStr + Ord + Hash + Clone,
    T::Err: Display,
{
    reader.list(value, field, |reader, item| reader.parsed(item, field)).into_iter().collect()
}

fn case(
    reader: &mut Reader<'_>,
    start: usize,
    table: &DeTable<'_>,
    file: &File<'_>,
) -> Option<Case> {
    reader.known_fields(table, "a case", &["name", "given", "signed", "expect"]);
    let name = if let Some(value) = table.get("name") {
        rule_name(reader, value)
    } else {
        reader.mistake(start, "a case has no `name`", "say what it shows: the report prints it");
        None
    };
    let given = table.get("given").and_then(|value| reader.table(value, "given"));
    if let Some(given) = given {
        reader.known_fields(given, "`given`", GIVEN);
    }
    let facts = facts(reader, start, given, file);
    let sign_offs = match table.get("signed") {
        None => Vec::new(),
        Some(value) => sign_offs(reader, value, file),
    };
    let expected = if let Some(value) = table.get("expect") {
        expected(reader, value, file.policy)
    } else {
        reader.mistake(start, "a case has no `expect`", "write expect.answer = \"no\"");
        None
    };
    let line = reader.line(start);
    Some(Case { name: name?, line, facts: facts?, sign_offs, expected: expected? })
}

fn facts(
    reader: &mut Reader<'_>,
    start: usize,
    given: Option<&DeTable<'_>>,
    file: &File<'_>,
) -> Option<Facts> {
    let field = |name: &str| -> Option<&Value<'_>> {
        given.and_then(|table| table.get(name)).or_else(|| file.given?.get(name))
    };
    let mut words: Vec<(&str, Option<Assistance>)> =
        assistance_words().into_iter().map(|(word, meaning)| (word, Some(meaning))).collect();
    let detected = field("detected").and_then(|value| reader.word(value, "detected", &words));
    words.push(("nobody", None));
    let declared = field("declared").and_then(|value| reader.word(value, "declared", &words));
    let mut flag = |name| field(name).and_then(|value| reader.boolean(value, name));
    let (collision, artifact) = (flag("collision") == Some(true), flag("artifact") == Some(true));
    let mut paths = Vec::new();
    for (name, opaque) in [("paths", false), ("opaque", true)] {
        let Some(value) = field(name) else { continue };
        let texts = reader.list(value, name, |reader, item| path(reader, item, name));
        paths.extend(texts.into_iter().map(|text| PathFact { path: text.into_bytes(), opaque }));
    }
    if paths.is_empty() && !artifact {
        let hint = "given.paths = [\"src/a\"], or given.artifact = true";
        reader.mistake(start, "the case changes no path, and is about no artifact", hint);
    }
    let authors = match field("authors") {
        Some(value) => authors(reader, value, file),
        // Somebody of no level who signed for it: no rule about levels is missed by leaving it out.
        None => vec![author(None, AuthorKind::Human, None, Standing::Proved)],
    };
    let services = file.policy.services();
    let service: Option<ServiceName> = match (field("service"), services) {
        (Some(value), _) => reader.parsed(value, "service"),
        (None, [only]) => Some(only.name.clone()),
        (None, _) => {
            let hint = "given.service = \"NAME\"";
            reader.mistake(start, "which service? the policy does not list just one", hint);
            None
        }
    };
    let environment: Option<EnvironmentName> =
        match (field("environment"), file.policy.environments()) {
            (Some(value), _) => reader.parsed(value, "environment"),
            (None, [only]) => Some(only.name.clone()),
            (None, _) => {
                let hint = "given.environment = \"NAME\"";
                reader.mistake(start, "which environment? the policy does not list just one", hint);
                None
            }
        };
    Some(Facts {
        service: service?,
        environment: environment?,
        declared: declared.flatten(),
        detected: detected.flatten(),
        authors,
        paths,
        collision,
        artifact,
    })
}

fn path(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Option<String> {
    let text = reader.string(value, field)?;
    let parts = || text.split('/');
    if text.len() > PATH_BYTES_MAX || parts().any(|part| matches!(part, "" | "." | "..")) {
        let hint = "as git has it: a/b.rs";
        reader.mistake(value.span().start, format_args!("`{field}`: no path of a tree"), hint);
        return None;
    }
    Some(text.to_owned())
}

fn author(
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

fn authors(reader: &mut Reader<'_>, value: &Value<'_>, file: &File<'_>) -> Vec<Author> {
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

fn sign_offs(reader: &mut Reader<'_>, value: &Value<'_>, file: &File<'_>) -> Vec<SignOff> {
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

fn code(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Option<ReasonCode> {
    let word = reader.string(value, field)?;
    let code = ReasonCode::from_word(word);
    if code.is_none() {
        let all = ReasonCode::ALL.iter().map(|code| code.as_str());
        let hint = nearest(word, all).map_or_else(
            || "spec/policy.md section 8 lists them".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        let shown: String = word.chars().take(60).collect();
        reader.mistake(value.span().start, format_args!("no reason code {shown:?}"), hint);
    }
    code
}

fn expected(reader: &mut Reader<'_>, value: &Value<'_>, policy: &Policy) -> Option<Expected> {
    let table = reader.table(value, "expect")?;
    let known = ["answer", "codes", "needs", "rules", "not_counted", "assistance"];
    reader.known_fields(table, "`expect`", &known);
    let mut answer = None;
    set(&mut answer, table, "answer", |f, v| Some(reader.word(v, f, ANSWERS)));
    if !table.contains_key("answer") {
        reader.mistake(value.span().start, "`expect` has no `answer`", "\"yes\" or \"no\"");
    }
    let mut expected = Expected {
        satisfied: answer?,
        codes: None,
        needs: None,
        rules: None,
        not_counted: None,
        assistance: None,
    };
    let codes = |reader: &mut Reader<'_>, field: &str, value: &Value<'_>| {
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| code(reader, item, field);
        Some(Some(reader.list(value, field, read).into_iter().collect()))
    };
    set(&mut expected.codes, table, "codes", |f, v| codes(reader, f, v));
    set(&mut expected.not_counted, table, "not_counted", |f, v| codes(reader, f, v));
    set(&mut expected.needs, table, "needs", |f, v| Some(Some(names(reader, v, f))));
    set(&mut expected.rules, table, "rules", |f, v| {
        let listed = || policy.rules().iter().map(|rule| rule.name.as_str());
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| {
            let name = reader.string(item, f)?.to_owned();
            if !listed().any(|listed| listed == name) {
                unlisted(reader, item, ("rule", &name), listed());
            }
            Some(name)
        };
        Some(Some(reader.list(v, f, read).into_iter().collect()))
    });
    set(&mut expected.assistance, table, "assistance", |f, v| {
        Some(reader.word(v, f, &assistance_words()))
    });
    Some(expected)
}
