//! Tests of cases: what they may say, and what is told where they are not met.

use super::*;
use crate::base::limits::{CASES_BYTES_MAX, CASES_MAX};

const POLICY: &str = r#"version = 1
levels = ["junior", "senior"]
[defaults]
exempt = ["docs/**"]
[environment.production]
[service.shop]
repository = "shop"
[[rule]]
name = "seniors"
when = { assistance = ["generated"], author_below = "senior" }
require = [{ level = "senior" }]
checklist = ["read"]
"#;

fn policy() -> Policy {
    Policy::parse(POLICY).unwrap_or_else(|errors| panic!("{errors}"))
}

fn head(case: &str) -> String {
    format!(
        "version = 1\n[people]\nada = {{ level = \"senior\" }}\nbot = {{ kind = \"bot\" }}\n\
         [given]\npaths = [\"a\"]\n[[case]]\nname = \"one\"\n{case}\n"
    )
}

fn differences(case: &str) -> Vec<String> {
    let cases = Cases::parse(&head(case), &policy()).unwrap_or_else(|errors| panic!("{errors}"));
    cases.as_slice()[0].run(&policy()).differences
}

fn mistakes(case: &str) -> Vec<String> {
    match Cases::parse(&head(case), &policy()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.as_slice().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_is_left_out_is_the_strictest_reading() {
    // Nobody declared, so it is generated; the author has no level, so the rule asks.
    assert_eq!(
        differences(
            "expect = { answer = \"no\", assistance = \"generated\", rules = [\"seniors\"], \
             codes = [\"NEEDS_LEVEL\", \"NEEDS_SIGN_OFF\"], not_counted = [], needs = \
             [\"1 of at least senior\", \"1 human who is not an author\"] }"
        ),
        [""; 0]
    );
}

#[test]
fn every_difference_is_told() {
    assert_eq!(
        differences(
            "signed = [\"ada\"]\nexpect = { answer = \"yes\", codes = [\"NEEDS_TEAM\"], \
             needs = [], rules = [], not_counted = [\"EXPIRED\"], assistance = \"none\" }"
        ),
        [
            "expected yes, got no: 1 of at least senior (NEEDS_CHECKLIST)",
            "codes: expected NEEDS_TEAM, got NEEDS_CHECKLIST",
            "needs: expected nothing, got 1 of at least senior",
            "rules: expected nothing, got seniors",
            "not_counted: expected EXPIRED, got NEEDS_CHECKLIST",
            "assistance: expected none, got generated",
        ]
    );
    let no = "\nexpect.answer = \"no\"";
    assert_eq!(
        differences(&format!("signed = [{{ who = \"ada\", answered = [\"read\"] }}]{no}")),
        ["expected no, got yes: signed off by ada"]
    );
    let exempt = "given.declared = \"none\"\ngiven.paths = [\"docs/a\"]";
    assert_eq!(
        differences(&format!("{exempt}{no}")),
        ["expected no, got yes: every path is exempt"]
    );
    assert_eq!(
        differences(&format!("given.artifact = true\ngiven.paths = []{no}")),
        ["expected no, got yes: nothing is asked"]
    );
    let unknown =
        "given.environment = \"prod\"\nsigned = [{ who = \"ada\", answered = [\"read\"] }]";
    assert_eq!(
        differences(&format!("{unknown}\nexpect.answer = \"yes\"")),
        ["expected yes, got no: UNKNOWN_ENVIRONMENT denies"]
    );
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let yes = "expect.answer = \"yes\"";
    for (case, expected) in [
        ("", "line 7, column 1: a case has no `expect` (write"),
        ("expect = {}", "line 9, column 10: `expect` has no `answer`"),
        ("expect.answer = \"maybe\"", "`answer` is one of yes, no, not \"maybe\""),
        ("expects.answer = \"no\"", "a case has no field \"expects\" (did you mean `expect`?)"),
        ("given.size = 3\nexpect.answer = \"no\"", "line 9, column 7: `given` has no field"),
        ("expect = { answer = \"no\", codes = [\"NEEDS_LEVELS\"] }", "did you mean NEEDS_LEVEL?"),
        ("expect = { answer = \"no\", codes = [\"WHY\"] }", "no reason code \"WHY\" (spec/"),
        ("expect = { answer = \"no\", rules = [\"senior\"] }", "no rule \"senior\" (did you"),
        (&format!("given.paths = []\n{yes}"), "line 7, column 1: the case changes no path"),
        (&format!("given.paths = [\"/a\"]\n{yes}"), "line 9, column 16: `paths`: no path"),
        (&format!("given.declared = \"maybe\"\n{yes}"), "none, assisted, generated, nobody"),
        (&format!("given.authors = [\"adda\"]\n{yes}"), "[people] has no \"adda\" (did you mean"),
        (&format!("signed = [{{ level = \"senior\" }}]\n{yes}"), "`signed` does not say `who`"),
        (&format!("signed = [{{ who = \"x\", level = \"boss\" }}]\n{yes}"), "no level \"boss\""),
        (
            &format!("signed = [{{ who = \"ada\", answered = [\"reed\"] }}]\n{yes}"),
            "the policy has no checklist item \"reed\" (did you mean \"read\"?)",
        ),
        (&format!("signed = [{{ who = \"ada\", age = \"1y\" }}]\n{yes}"), "`age`: not a duration"),
        (&format!("signed = [\"bot\"]\n{yes}"), "line 9, column 11: only humans sign off"),
        (&format!("{yes}\n[[case]]\nname = \"one\"\n{yes}"), "line 7 has a case of this name"),
    ] {
        let found = mistakes(case);
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "{case}: {found:#?}");
    }
    let none = Cases::parse("version = 1\n", &policy()).unwrap_err();
    assert!(none.to_string().contains("there is no [[case]]"), "{none}");
    let two = Policy::parse(
        &POLICY.replace("[service.shop]", "[service.x]\nrepository = \"x\"\n[service.shop]"),
    )
    .unwrap();
    let found = Cases::parse(&head(yes), &two).unwrap_err().to_string();
    assert!(found.contains("line 7, column 1: which service?"), "{found}");
}

#[test]
fn the_policy_is_known_before_the_cases_are_read() {
    let text = "version = 1\npolicy = \"a.toml\"\n[[case]]\nnonsense = 1\n";
    assert_eq!(Cases::policy_file(text).unwrap().as_deref(), Some("a.toml"));
    assert_eq!(Cases::policy_file("version = 1\n").unwrap(), None);
    assert!(Cases::policy_file("policy = 1\n").is_err());
}

/// The example of `spec/policy.md` section 11, on the one of its beginning, is met.
#[test]
fn the_example_of_the_spec_is_met() {
    let spec = include_str!("../../spec/policy.md");
    let blocks: Vec<&str> =
        spec.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let policy = Policy::parse(blocks[0]).unwrap_or_else(|errors| panic!("{errors}"));
    let cases = Cases::parse(blocks[1], &policy).unwrap_or_else(|errors| panic!("{errors}"));
    for case in cases.as_slice() {
        assert_eq!(case.run(&policy).differences, [""; 0], "{}", case.name);
    }
    assert_eq!(cases.as_slice().len(), 2);
}

#[test]
fn a_file_of_cases_has_its_limits() {
    let many = |count: usize| {
        (0..count).fold("version = 1\n".to_owned(), |text, number| {
            format!("{text}[[case]]\nname = \"{number}\"\n")
        })
    };
    let told = |text: &str| Cases::parse(text, &policy()).unwrap_err().to_string();
    let more = format!("`case` has {} items", CASES_MAX + 1);
    assert!(!told(&many(CASES_MAX)).contains("items"));
    assert!(told(&many(CASES_MAX + 1)).contains(&more));
    let filled = |length: usize| {
        let text = "version = 1\n#";
        format!("{text}{}", "x".repeat(length - text.len()))
    };
    let limit = CASES_BYTES_MAX.to_string();
    assert!(!told(&filled(CASES_BYTES_MAX)).contains(&limit));
    assert!(told(&filled(CASES_BYTES_MAX + 1)).contains(&limit));
}
