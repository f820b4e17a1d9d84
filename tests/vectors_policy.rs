//! The vectors of `spec/policy.md`: this file makes them, and checks that they are as checked in.
//!
//! `COUNTERSIGN_BLESS=1 cargo test --test vectors_policy` rewrites them. What each vector is about
//! (whether it says yes) stands here as well, so that no rewriting changes that unseen.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

#[path = "common/blessing.rs"]
mod blessing;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use blessing::compare;
use countersign::base::fold::folded;
use countersign::base::name::{
    ChecklistItem, EnvironmentName, LevelName, MemberId, ServiceName, TeamName,
};
use countersign::base::position::EntryIndex;
use countersign::base::time::Span;
use countersign::policy::{
    Author, AuthorKind, Facts, PathFact, Pattern, Policy, Presence, SignOff, Standing, assess,
};
use countersign::statement::words::Assistance;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsVector {
    service: ServiceName,
    environment: EnvironmentName,
    declared: Option<Assistance>,
    detected: Option<Assistance>,
    authors: Vec<AuthorVector>,
    paths: Vec<PathVector>,
    collision: bool,
    artifact: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorVector {
    member: Option<MemberId>,
    kind: AuthorKind,
    level: Option<LevelName>,
    standing: Standing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathVector {
    path: String,
    opaque: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOffVector {
    member: MemberId,
    level: Option<LevelName>,
    teams: BTreeSet<TeamName>,
    presence: Presence,
    answered: BTreeSet<ChecklistItem>,
    assistance_seen: Assistance,
    carried: bool,
    age_milliseconds: u64,
    entry: u64,
}

impl From<FactsVector> for Facts {
    fn from(vector: FactsVector) -> Self {
        let author = |author: AuthorVector| Author {
            member: author.member,
            kind: author.kind,
            level: author.level,
            standing: author.standing,
            label: String::new(),
        };
        let path = |path: PathVector| PathFact { path: path.path.into(), opaque: path.opaque };
        Self {
            service: vector.service,
            environment: vector.environment,
            declared: vector.declared,
            detected: vector.detected,
            authors: vector.authors.into_iter().map(author).collect(),
            paths: vector.paths.into_iter().map(path).collect(),
            collision: vector.collision,
            artifact: vector.artifact,
        }
    }
}

impl From<SignOffVector> for SignOff {
    fn from(vector: SignOffVector) -> Self {
        Self {
            member: vector.member,
            level: vector.level,
            teams: vector.teams,
            presence: vector.presence,
            answered: vector.answered,
            assistance_seen: vector.assistance_seen,
            carried: vector.carried,
            age: Span::from_milliseconds(vector.age_milliseconds),
            entry: EntryIndex::new(vector.entry),
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/vectors/policy")
}

/// Compares a vector with the one that is checked in, or rewrites that.
fn check_in(name: &str, vector: &Value) {
    let text = ascii(&serde_json::to_string_pretty(vector).unwrap()) + "\n";
    compare(&format!("policy/{name}"), text.as_bytes());
}

/// The same JSON in ASCII: a vector must not hide a character either.
fn ascii(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").unwrap();
            }
        }
    }
    escaped
}

/// The policy of most vectors: the example of the spec, read from there.
fn example() -> String {
    let spec = include_str!("../spec/policy.md");
    let start = spec.find("```toml\n").unwrap() + 8;
    spec[start..start + spec[start..].find("```").unwrap()].to_owned()
}

/// Facts that a vector changes: one changed file of a mid-level author who is proved.
fn facts(changes: Value) -> Value {
    let mut facts = json!({
        "service": "checkout", "environment": "production",
        "declared": "none", "detected": null,
        "authors": [author("ben", "mid", "proved")],
        "paths": [path("lib/retry.rs")],
        "collision": false, "artifact": false,
    });
    merge(&mut facts, changes);
    facts
}

fn author(member: &str, level: &str, standing: &str) -> Value {
    json!({ "member": member, "kind": "human", "level": level, "standing": standing })
}

fn path(path: &str) -> Value {
    json!({ "path": path, "opaque": false })
}

/// A sign-off that a vector changes: an hour old, exact, plain key.
fn signed(entry: u64, member: &str, level: Option<&str>, changes: Value) -> Value {
    let mut sign_off = json!({
        "member": member, "level": level, "teams": [], "presence": "no_touch", "answered": [],
        "assistance_seen": "generated", "carried": false, "age_milliseconds": 3_600_000,
        "entry": entry,
    });
    merge(&mut sign_off, changes);
    sign_off
}

fn merge(value: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, change) in changes {
        assert!(value.get(&name).is_some(), "no field {name}");
        value[name] = change;
    }
}

struct Case {
    name: &'static str,
    about: &'static str,
    policy: String,
    facts: Value,
    sign_offs: Vec<Value>,
    satisfied: bool,
}

fn case(
    name: &'static str,
    about: &'static str,
    (policy, facts, sign_offs): (String, Value, Vec<Value>),
    satisfied: bool,
) -> Case {
    Case { name, about, policy, facts, sign_offs, satisfied }
}

/// Head of the small policies.
fn small(more: &str) -> String {
    format!(
        "version = 1\nlevels = [\"junior\", \"mid\", \"senior\"]\n[environment.production]\n\
         [service.checkout]\nrepository = \"shop\"\n{more}"
    )
}

fn cases() -> Vec<Case> {
    let ada = || signed(20_417, "ada", Some("senior"), json!({}));
    let none = || json!({});
    let mut cases = vec![
        case(
            "floor",
            "one human who is not an author",
            (example(), facts(none()), vec![ada()]),
            true,
        ),
        case(
            "floor-author",
            "an author never counts",
            (example(), facts(none()), vec![signed(1, "ben", Some("senior"), none())]),
            false,
        ),
        case(
            "undeclared",
            "q: undeclared is replaced by the default first, so the senior rule asks",
            (
                example(),
                facts(json!({ "declared": null, "detected": "assisted" })),
                vec![signed(1, "mia", Some("mid"), none())],
            ),
            false,
        ),
        case(
            "agent-author",
            "q: an agent among the authors makes it generated",
            (
                example(),
                facts(json!({ "authors": [
                    author("ben", "senior", "proved"),
                    { "member": "robo", "kind": "agent", "level": null, "standing": "attested" },
                ] })),
                vec![ada()],
            ),
            true,
        ),
        case(
            "saw-less",
            "29: who was shown less assistance than is known now does not count",
            (
                example(),
                facts(json!({ "detected": "assisted" })),
                vec![signed(1, "ada", Some("senior"), json!({ "assistance_seen": "none" }))],
            ),
            false,
        ),
        case(
            "unknown-environment",
            "13: a name that is not listed denies",
            (example(), facts(json!({ "environment": "prod" })), vec![ada()]),
            false,
        ),
        case(
            "beside-service-paths",
            "25: beside the service's paths the floor alone",
            (
                example(),
                facts(json!({ "declared": "generated", "paths": [path("Makefile")] })),
                vec![signed(1, "mia", None, none())],
            ),
            true,
        ),
    ];
    cases.extend(claimed_cases());
    cases.extend(rule_cases());
    cases.extend(floor_cases());
    cases
}

/// Vectors of an author who is only claimed.
fn claimed_cases() -> Vec<Case> {
    let ada = || signed(20_417, "ada", Some("senior"), json!({}));
    vec![
        case(
            "claimed-author",
            "9: a claimed author is below every level and costs one more human",
            (
                example(),
                facts(json!({ "authors": [author("ben", "principal", "claimed")] })),
                vec![ada()],
            ),
            false,
        ),
        case(
            "claimed-author-two",
            "9: two humans meet the raised floor; rules do not rise",
            (
                example(),
                facts(json!({
                    "declared": "assisted",
                    "authors": [author("ben", "principal", "claimed")],
                })),
                vec![ada(), signed(20_418, "mia", Some("mid"), json!({}))],
            ),
            true,
        ),
    ]
}

/// Vectors of the rule that asks for a principal and an sre, with a checklist, touched and exact.
fn rule_cases() -> Vec<Case> {
    let infra = |path_name: &str| facts(json!({ "paths": [path(path_name)] }));
    let made = |teams: &[&str]| {
        json!({
            "teams": teams, "presence": "touch_claimed",
            "answered": ["blast radius", "rollback plan"],
        })
    };
    let both = |changes: Value| {
        let mut ada = signed(7, "ada", Some("principal"), made(&["sre"]));
        merge(&mut ada, changes);
        vec![ada, signed(8, "mia", Some("mid"), made(&["sre"]))]
    };
    vec![
        case(
            "matching",
            "43, o: Mia fills the team's place, so Ada moves to the level's",
            (example(), infra("infra/a"), both(json!({}))),
            true,
        ),
        case(
            "one-person-one-place",
            "43, o: inside a rule a person fills one place",
            (
                example(),
                infra("infra/a"),
                vec![signed(7, "ada", Some("principal"), made(&["sre"]))],
            ),
            false,
        ),
        case(
            "folded-path",
            "24: a path that folds to a matching one matches",
            (example(), infra("Infra/A.TF"), vec![]),
            false,
        ),
        case(
            "carried",
            "a carried sign-off does not count for a rule with carry never",
            (example(), infra("infra/a"), both(json!({ "carried": true }))),
            false,
        ),
        case(
            "untouched",
            "an untouched key does not count for a rule with presence",
            (example(), infra("infra/a"), both(json!({ "presence": "no_touch" }))),
            false,
        ),
        case(
            "checklist",
            "an open item of the checklist",
            (example(), infra("infra/a"), both(json!({ "answered": ["blast radius"] }))),
            false,
        ),
        case(
            "cell",
            "a cell matches the rules of its group",
            (
                example(),
                facts(json!({ "environment": "production/eu-1", "paths": [path("infra/a")] })),
                both(json!({})),
            ),
            true,
        ),
    ]
}

fn floor_cases() -> Vec<Case> {
    let exempt = || small("[defaults]\nexempt = [\"docs/**\"]\n");
    let docs = |opaque: bool, second: &str| {
        facts(json!({ "paths": [{ "path": "docs/a", "opaque": opaque }, path(second)] }))
    };
    let ttl = || small("[defaults]\napproval_ttl = \"2d\"\n");
    let aged = |age: u64| vec![signed(3, "ada", None, json!({ "age_milliseconds": age }))];
    let nothing = "[[rule]]\nname = \"docs\"\nwhen = { paths = [\"docs/**\"] }\nrequire = []\n";
    let plans =
        "[[rule]]\nname = \"plans\"\nwhen = { artifact = true }\nrequire = [{ team = \"sre\" }]\n";
    let outside = || {
        small(
            "[[rule]]\nname = \"beside\"\nwhen = { paths_outside = [\"**/*.lock\"] }\n\
             require = [{ count = 2 }]\n",
        )
    };
    let two = |one: &str, other: &str| facts(json!({ "paths": [path(one), path(other)] }));
    let bots = "[[rule]]\nname = \"bots\"\nwhen = { author_kind = [\"bot\"] }\n\
                require = [{ count = 2 }]\n";
    let bot = json!({ "member": "dep", "kind": "bot", "level": null, "standing": "attested" });
    vec![
        case(
            "outside-none",
            "every path is inside",
            (outside(), two("a/b.lock", "c.lock"), aged(1)),
            true,
        ),
        case(
            "outside-one",
            "one path outside is enough",
            (outside(), two("a/b.lock", "d"), aged(1)),
            false,
        ),
        case(
            "outside-folded",
            "24: what only folds alike is outside",
            (outside(), two("a/b.lock", "c.LOCK"), aged(1)),
            false,
        ),
        case("exempt", "every path matches", (exempt(), docs(false, "docs/b/c"), vec![]), true),
        case(
            "exempt-opaque",
            "20: none may be opaque",
            (exempt(), docs(true, "docs/b"), vec![]),
            false,
        ),
        case(
            "exempt-folded",
            "folding lifts nothing",
            (exempt(), docs(false, "Docs/b"), vec![]),
            false,
        ),
        case(
            "exempt-other",
            "10: all paths, not any",
            (exempt(), docs(false, "pay/x"), vec![]),
            false,
        ),
        case(
            "rule-asks-nothing",
            "10: a rule that asks nothing lifts nothing, and keeps an exemption away",
            (
                small(&format!("[defaults]\nexempt = [\"docs/**\"]\n{nothing}")),
                docs(false, "docs/b"),
                vec![],
            ),
            false,
        ),
        case(
            "ttl-under",
            "l, m: one millisecond younger",
            (ttl(), facts(json!({})), aged(172_799_999)),
            true,
        ),
        case(
            "ttl-at",
            "l, m: at approval_ttl it has expired",
            (ttl(), facts(json!({})), aged(172_800_000)),
            false,
        ),
        case(
            "collision",
            "24: colliding paths deny",
            (small(""), facts(json!({ "collision": true })), aged(1)),
            false,
        ),
        case(
            "artifact",
            "12: rules about artifacts ask about artifacts",
            (small(plans), facts(json!({ "artifact": true, "paths": [] })), aged(1)),
            false,
        ),
        case(
            "artifact-change",
            "12: and about nothing else",
            (small(plans), facts(json!({})), aged(1)),
            true,
        ),
        case(
            "bot",
            "41: the kind of an author is a condition",
            (small(bots), facts(json!({ "authors": [bot] })), aged(1)),
            false,
        ),
    ]
}

#[test]
fn assessments_are_as_checked_in() {
    let mut names = BTreeSet::new();
    for case in cases() {
        let policy = Policy::parse(&case.policy).unwrap_or_else(|errors| panic!("{errors}"));
        let facts: FactsVector = serde_json::from_value(case.facts.clone()).unwrap();
        let sign_offs: Vec<SignOffVector> =
            serde_json::from_value(Value::Array(case.sign_offs.clone())).unwrap();
        let sign_offs: Vec<SignOff> = sign_offs.into_iter().map(SignOff::from).collect();
        let assessment = assess(&policy, &facts.into(), &sign_offs);
        assert_eq!(assessment.satisfied, case.satisfied, "{}", case.name);
        let vector = json!({
            "about": case.about, "policy": case.policy, "facts": case.facts,
            "sign_offs": case.sign_offs, "assessment": assessment,
        });
        let name = format!("assess/{}.json", case.name);
        check_in(&name, &vector);
        assert!(names.insert(format!("{}.json", case.name)), "{name} twice");
    }
    // No vector lies about that nothing makes.
    let stored: BTreeSet<String> = fs::read_dir(folder().join("assess"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(stored, names);
}

/// ATTACKS i: one vector for each way in which pattern languages differ.
#[test]
fn patterns_are_as_checked_in() {
    let rows: Vec<(&str, &[u8])> = vec![
        ("infra/**", b"infra"),
        ("infra/**", b"infra/a/b.tf"),
        ("infra/**", b"infrared"),
        ("infra/**", b"Infra/a"),
        ("**/*.tf", b"x.tf"),
        ("**/*.tf", b"a/b/.tf"),
        ("*.tf", b"a/x.tf"),
        ("*", b".hidden"),
        ("a/**/b", b"a/b"),
        ("a/**/b", b"a/x/y/b"),
        ("a/**/b/**/c", b"a/b/b/x/c"),
        ("a/*/b", b"a/b"),
        ("?", b"a"),
        ("?", "\u{e9}".as_bytes()),
        ("caf\u{e9}", "CAFE\u{301}".as_bytes()),
        ("a/*", b"a/\xff"),
        ("a/b\u{df}", b"a/BSS"),
        ("**", b"a/b/c"),
    ];
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(text, path)| {
            let pattern = Pattern::new(text).unwrap();
            let mut hex = String::new();
            for byte in path {
                write!(hex, "{byte:02x}").unwrap();
            }
            json!({
                "pattern": text, "path_hex": hex, "exactly": pattern.matches_exactly(path),
                "folded": pattern.matches_folded(&folded(path)),
            })
        })
        .collect();
    let refused = ["", "/a", "a/", "a//b", "a/../b", "**.tf", "!a", "[ab]", "{a,b}", "a\\*"];
    for text in refused {
        assert!(Pattern::new(text).is_err(), "{text}");
    }
    check_in("patterns.json", &json!({ "matches": rows, "refused": refused }));
}

/// ATTACKS 13, 43, k, l, n: texts that are no policy, and the lines of their mistakes.
#[test]
fn refused_texts_are_as_checked_in() {
    let head = "version = 1\nlevels = [\"a\"]\n[environment.x]\n";
    let rule = |when: &str| format!("{head}[[rule]]\nname = \"n\"\nwhen = {{ {when} }}\n");
    let texts = [
        String::new(),
        "version = 2\n".to_owned(),
        "version = 1\nversion = 1\n".to_owned(),
        "version = 1\n[defaults]\napproval_ttl = \"1y\"\n".to_owned(),
        "version = 1\n[defaults]\napproval_ttl = 1979-05-27\n".to_owned(),
        "version = 1\ndefaults = { carry = \"never\", }\n".to_owned(),
        "version = 1 # \u{202e}\n".to_owned(),
        "version = 1\n[service.shop]\npaths = [\"a\"]\n".to_owned(),
        "version = 1\n[override]\nlongest = \"25h\"\n".to_owned(),
        "version = 1\n[defaults]\nkey_cooling = 24\n".to_owned(),
        rule("size = 3"),
        rule("opaque = false"),
        rule("paths = []"),
        rule("environments = [\"y\"]"),
        rule("author_below = \"b\""),
        format!("{head}[[rule]]\nname = \"n\"\n[[rule]]\nname = \"n\"\n"),
        format!("{head}[[rule]]\nname = \"n\"\nrequire = [{{ count = 0 }}]\n"),
    ];
    let rows: Vec<Value> = texts
        .iter()
        .map(|text| {
            let errors = Policy::parse(text).expect_err(text);
            let lines: BTreeSet<usize> = errors.as_slice().iter().map(|error| error.line).collect();
            json!({ "policy": text, "lines": lines })
        })
        .collect();
    check_in("refused.json", &json!(rows));
}
