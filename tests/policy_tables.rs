//! The tables of `spec/policy.md` against the code: every field, default, condition and duty that
//! stands in one of them is the parser's, and the parser has no other.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail with the test")]

use std::collections::BTreeSet;

use countersign::policy::{Cases, Policy, PolicyErrors};
use countersign::roster::Member;
use countersign::statement::words::{Duty, MemberKind};

const SPEC: &str = include_str!("../spec/policy.md");

/// The rows of the table whose first head is `head`, cell by cell.
fn table(head: &str) -> Vec<Vec<String>> {
    let start = SPEC.find(&format!("\n| {head} | ")).unwrap_or_else(|| panic!("no table {head}"));
    SPEC[start + 1..]
        .lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names in the first column of a table, without what is written around a condition.
fn names(head: &str) -> BTreeSet<String> {
    let first = |row: Vec<String>| quoted(&row[0]);
    let name = |text: String| text.split(" = ").next().unwrap().to_owned();
    table(head).into_iter().flat_map(first).map(name).collect()
}

/// The fields that the parser knows in a place, by what it says where it does not know one.
fn known<T: std::fmt::Debug>(refused: Result<T, PolicyErrors>) -> BTreeSet<String> {
    let errors = refused.unwrap_err();
    let hint = errors
        .as_slice()
        .iter()
        .filter(|error| error.what.contains("has no field \"zzzzzzzz\""))
        .find_map(|error| error.hint.clone());
    let hint = hint.unwrap_or_else(|| panic!("{errors}"));
    hint.strip_prefix("it has ").unwrap().split(", ").map(str::to_owned).collect()
}

/// A policy with something said in a place; every table that names need is there.
fn policy(place: &str, said: &str) -> String {
    let at = |name: &str, usual: &str| {
        if name == place { format!("{said}\n{usual}") } else { usual.to_owned() }
    };
    // Where a field is said, its usual value must not stand too.
    let without = |usual: &str| {
        let field = said.split('=').next().unwrap().trim();
        let keep = |line: &&str| line.split('=').next().unwrap().trim() != field;
        usual.lines().filter(keep).collect::<Vec<_>>().join("\n")
    };
    let part = |name: &str, usual: &str| {
        let usual = if name == place { without(usual) } else { usual.to_owned() };
        at(name, &usual)
    };
    format!(
        "{}\n[defaults]\n{}\n[override]\n{}\n[environment.production]\n{}\n[repository.shop]\n{}\n\
         [service.shop]\n{}\n\
         [[rule]]\n{}\n",
        part("", "version = 1\nlevels = [\"senior\"]"),
        part("defaults", ""),
        part("override", ""),
        part("environment.NAME", ""),
        part("repository.NAME", "uri = \"git+https://git.example/shop\""),
        part("service.NAME", "repository = \"shop\""),
        part("rule", "name = \"r\""),
    )
}

#[test]
fn the_table_of_fields_is_the_parsers() {
    let rows = names("field");
    let in_place = |place: &str| -> BTreeSet<String> {
        let prefix = if place.is_empty() { String::new() } else { format!("{place}.") };
        let field = |name: &String| {
            let rest = name.strip_prefix(&prefix)?;
            (!rest.contains('.')).then(|| rest.to_owned())
        };
        rows.iter().filter_map(field).collect()
    };
    for place in
        ["defaults", "override", "environment.NAME", "repository.NAME", "service.NAME", "rule"]
    {
        let parsers = known(Policy::parse(&policy(place, "zzzzzzzz = 1")));
        assert_eq!(in_place(place), parsers, "{place}");
    }
    // On top stand fields and tables.
    let tables = ["defaults", "override", "environment", "repository", "service", "rule"];
    let tables = tables.map(str::to_owned);
    let top: BTreeSet<String> = in_place("").into_iter().chain(tables).collect();
    assert_eq!(top, known(Policy::parse(&policy("", "zzzzzzzz = 1"))));
    let need = known(Policy::parse(&policy("rule", "require = [{ zzzzzzzz = 1 }]")));
    let row = table("field").into_iter().find(|row| row[0] == "`rule.require`").unwrap();
    let written = quoted(&row[1])[0].trim_matches(['{', '}', ' ']).to_owned();
    assert_eq!(written.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), need);
}

/// What a row says is left out is what is read where it is: written out it changes nothing.
#[test]
fn the_defaults_of_the_table_are_the_parsers() {
    let mut checked = 0;
    for row in table("field") {
        let name = &quoted(&row[0])[0];
        let (place, field) = name.rsplit_once('.').unwrap_or(("", name));
        let read = |text: &str| {
            let policy = Policy::parse(text).unwrap_or_else(|errors| panic!("{name}: {errors}"));
            let rules = policy.rules().iter().map(|rule| {
                (
                    rule.when.clone(),
                    rule.require.clone(),
                    rule.checklist.clone(),
                    rule.presence,
                    rule.carry,
                )
            });
            let services = policy.services().iter().map(|service| {
                let service = service.clone();
                (service.branch, service.artifact_required, service.builders, service.mode)
            });
            let modes: Vec<_> = policy.environments().iter().map(|one| one.mode).collect();
            format!(
                "{:?} {:?} {:?} {:?} {modes:?}",
                policy.defaults(),
                policy.override_terms(),
                rules.collect::<Vec<_>>(),
                services.collect::<Vec<_>>(),
            )
        };
        if row[2] == "refused" {
            let written = policy(place, "");
            let lines = written.lines().filter(|line| !line.starts_with(&format!("{field} =")));
            let without = lines.collect::<Vec<_>>().join("\n");
            let errors = Policy::parse(&without).expect_err(name);
            assert!(errors.to_string().contains('`'), "{name}: {errors}");
            checked += 1;
            continue;
        }
        if let [default] = quoted(&row[2]).as_slice()
            && row[2] == format!("`{default}`")
        {
            let written = policy(place, &format!("{field} = {default}"));
            assert_eq!(read(&written), read(&policy("", "")), "{name}");
            checked += 1;
        }
        // Every word that the row lists is read, and another one is not.
        let words: Vec<String> =
            quoted(&row[1]).into_iter().take_while(|word| word.starts_with('"')).collect();
        for word in words.iter().filter(|_| row[1].starts_with("`\"")) {
            read(&policy(place, &format!("{field} = {word}")));
            let other = policy(place, &format!("{field} = \"zzzzzzzz\""));
            assert!(Policy::parse(&other).is_err(), "{name}");
        }
    }
    assert!(checked >= 22, "{checked} defaults were checked");
}

#[test]
fn the_table_of_conditions_is_the_parsers() {
    let parsers = known(Policy::parse(&policy("rule", "when = { zzzzzzzz = 1 }")));
    assert_eq!(names("condition in `when`"), parsers);
}

#[test]
fn the_tables_of_cases_are_the_parsers() {
    let policy = Policy::parse(&policy("", "")).unwrap();
    let known = |case: &str| {
        let text = format!("version = 1\n[[case]]\nname = \"x\"\ngiven.paths = [\"a\"]\n{case}\n");
        known(Cases::parse(&text, &policy))
    };
    assert_eq!(names("field of `given`"), known("given.zzzzzzzz = 1"));
    assert_eq!(names("field of an item of `signed`"), known("signed = [{ zzzzzzzz = 1 }]"));
    assert_eq!(names("field of `expect`"), known("expect.zzzzzzzz = 1"));
}

#[test]
fn the_table_of_duties_is_the_rosters() {
    let rows = table("duty");
    let duties: Vec<&str> = Duty::ALL.iter().map(|duty| duty.as_str()).collect();
    let written: Vec<String> = rows.iter().map(|row| quoted(&row[0]).remove(0)).collect();
    assert_eq!(written, duties);
    for (row, duty) in rows.iter().zip(Duty::ALL) {
        let has = |kind: &&MemberKind| {
            let member = Member {
                id: "x".parse().unwrap(),
                kind: **kind,
                level: None,
                teams: Vec::new(),
                duties: vec![*duty],
                operator: None,
                profile: None,
                emails: Vec::new(),
            };
            member.has_duty(*duty)
        };
        let kinds: Vec<&str> =
            MemberKind::ALL.iter().filter(has).map(|kind| kind.as_str()).collect();
        assert_eq!(row[1], kinds.join(", "), "{duty}");
    }
}
