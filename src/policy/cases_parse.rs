//! From text to cases: every field, every check, every mistake at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

use toml::de::DeTable;

use super::Policy;
use super::cases::{Case, Cases};
use super::cases_expect::expected;
use super::cases_people::{Person, author, authors, people, sign_offs};
use super::error::{PolicyErrors, nearest};
use super::fact::{AuthorKind, Facts, PathFact, Standing};
use super::parse::{assistance_words, read_text};
use super::parse_rule::rule_name;
use super::read::{Reader, Value};
use crate::base::limits::{CASES_BYTES_MAX, CASES_MAX, PATH_BYTES_MAX};
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::statement::words::Assistance;
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
pub(super) struct File<'a> {
    pub(super) policy: &'a Policy,
    pub(super) people: BTreeMap<MemberId, Person>,
    given: Option<&'a DeTable<'a>>,
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

/// Notes a name that the policy does not have.
pub(super) fn unlisted<'a>(
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
pub(super) fn names<T>(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> BTreeSet<T>
where
    T: FromStr + Ord + Hash + Clone,
    T::Err: Display,
{
    reader.list(value, field, |reader, item| reader.parsed(item, field)).into_iter().collect()
}
