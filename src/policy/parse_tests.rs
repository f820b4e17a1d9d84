//! Tests of the text: every mistake with its place, ATTACKS 10, 13, 43, l and n.

use proptest::prelude::*;

use super::super::fact::Presence;
use super::*;

/// The example of `spec/policy.md`.
fn example() -> &'static str {
    let spec = include_str!("../../spec/policy.md");
    let start = spec.find("```toml\n").unwrap() + 8;
    &spec[start..start + spec[start..].find("```").unwrap()]
}

fn mistakes(text: &str) -> Vec<String> {
    match Policy::parse(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.as_slice().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_example_of_the_spec_is_read_as_it_says() {
    let policy = Policy::parse(example()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(policy.text(), example());
    assert_eq!(policy.levels().len(), 4);
    assert_eq!(policy.defaults().approval_ttl.to_string(), "90d");
    let service = policy.service(&ServiceName::new("checkout").unwrap()).unwrap();
    assert_eq!(service.repository.as_str(), "shop");
    assert!(service.artifact_required);
    assert_eq!(policy.rules().len(), 2);
    assert_eq!(policy.rules()[1].presence, Presence::TouchClaimed);
    assert_eq!(policy.rules()[1].carry, Carry::Never);
    assert_eq!(policy.rules()[1].require[1].team.as_ref().unwrap().as_str(), "sre");
    assert_eq!(policy.weakens(&policy), []);
}

/// ATTACKS 11: builds name a repository by its URI, which says nothing but that.
#[test]
fn a_repository_has_a_uri() {
    let with = |uri: &str| {
        format!(
            "version = 1\n[environment.production]\n[repository.\"web/shop\"]\n{uri}\n\
             [service.shop]\nrepository = \"web/shop\"\nartifact_uri = \"pkg:oci/shop\"\n"
        )
    };
    let policy = Policy::parse(&with("uri = \"git+https://git.example/acme/shop\"")).unwrap();
    let name = RepositoryName::new("web/shop").unwrap();
    let uri = &policy.repository(&name).unwrap().uri;
    assert_eq!(uri.as_str(), "git+https://git.example/acme/shop");
    assert!(policy.repository(&RepositoryName::new("shop").unwrap()).is_none());
    assert_eq!(policy.services()[0].artifact_uri.as_ref().unwrap().as_str(), "pkg:oci/shop");
    for (uri, told) in [
        ("", (3, "`uri` of the repository is missing")),
        ("uri = \"git.example/shop\"", (4, "`uri`: not a URI of a repository")),
        ("uri = \"git+https://git.example/shop@refs/heads/main\"", (4, "`uri`: not a URI")),
        ("uri = 1", (4, "`uri`")),
        ("url = \"x\"", (4, "url")),
    ] {
        let (line, told) = told;
        let found = mistakes(&with(uri));
        let is_told =
            |one: &String| one.starts_with(&format!("line {line}, ")) && one.contains(told);
        assert!(found.iter().any(is_told), "{uri}: {found:?}");
    }
}

#[test]
fn the_built_in_policy_is_five_lines() {
    assert_eq!(Policy::built_in().lines().count(), 5);
    let policy = Policy::parse(Policy::built_in()).unwrap();
    let production = EnvironmentName::new("production").unwrap();
    assert_eq!(policy.environment(&production), Ok(Mode::Observe));
    let service = ServiceName::new("shop/api").unwrap();
    let repository = RepositoryName::new("shop").unwrap();
    let branch = ReferenceName::new("refs/heads/main").unwrap();
    let starter = Policy::parse(&Policy::starter(&service, &repository, &branch)).unwrap();
    assert_eq!(starter.mode(&service, &production), Mode::Observe);
    assert_eq!(starter.weakens(&policy), []);
}

/// ATTACKS 13: a name that is not listed is an error, and refuses where only a mode is asked.
#[test]
fn unknown_names_are_never_weaker() {
    let policy = Policy::parse(
        "version = 1\n[environment.production]\nmode = \"enforce\"\n\
         [environment.\"production/canary\"]\nmode = \"observe\"\n[environment.staging]\n\
         [service.shop]\nrepository = \"shop\"\n[service.slow]\nrepository = \"shop\"\n\
         mode = \"observe\"\n",
    )
    .unwrap();
    let environment = |name: &str| EnvironmentName::new(name).unwrap();
    let service = |name: &str| ServiceName::new(name).unwrap();
    assert_eq!(policy.environment(&environment("production/eu-1")), Ok(Mode::Enforce));
    assert_eq!(policy.environment(&environment("production/canary")), Ok(Mode::Observe));
    assert_eq!(policy.environment(&environment("production/canary/a")), Ok(Mode::Observe));
    let unknown = policy.environment(&environment("prod")).unwrap_err();
    assert!(unknown.to_string().contains("did you mean \"production\"?"), "{unknown}");
    assert!(policy.environment(&environment("production-eu")).is_err());
    assert!(policy.known_service(&service("shops")).is_err());
    assert_eq!(policy.mode(&service("shops"), &environment("staging")), Mode::Enforce);
    assert_eq!(policy.mode(&service("shop"), &environment("stage")), Mode::Enforce);
    assert_eq!(policy.mode(&service("shop"), &environment("staging")), Mode::Observe);
    assert_eq!(policy.mode(&service("slow"), &environment("production")), Mode::Observe);
}

/// ATTACKS 18 and 32: what is left out is as strict as it was written, and a day is the most.
#[test]
fn attack_18_32_cooling_and_overrides_have_strict_defaults_and_a_bound() {
    let plain = Policy::parse("version = 1\n").unwrap();
    assert_eq!(plain.defaults().key_cooling.to_string(), "1d");
    let terms = plain.override_terms();
    assert_eq!(
        (terms.longest.to_string(), terms.debt_due.to_string(), terms.presence),
        ("4h".to_owned(), "1d".to_owned(), Presence::NoTouch)
    );
    let day =
        Policy::parse("version = 1\n[override]\nlongest = \"24h\"\npresence = \"attested\"\n")
            .unwrap();
    assert_eq!(day.override_terms().presence, Presence::Touch);
    let found = mistakes("version = 1\n[override]\nlongest = \"25h\"\nfor_ever = true\n");
    assert!(found[0].starts_with("line 3, column 11: `longest` is 25h"), "{found:?}");
    assert!(found[1].starts_with("line 4, column 1: [override] has no field"), "{found:?}");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = r#"versoin = 1
levels = ["junior", "senior"]
[defaults]
aproval_ttl = "30d"
approval_ttl = "1y"
[environment.production]
mode = "enforced"
[service.shop]
paths = ["/shop"]
[[rule]]
name = "one"
when = { author_below = "seniour", environments = ["prod"], size = 3 }
require = [{ level = "boss", count = 0 }]
[[rule]]
name = "one"
"#;
    let found = mistakes(text);
    for expected in [
        "line 1, column 1: `version` is missing",
        "line 1, column 1: a policy has no field \"versoin\" (did you mean `version`?)",
        "line 4, column 1: [defaults] has no field \"aproval_ttl\" (did you mean `approval_ttl`?)",
        "line 5, column 16: `approval_ttl`: not a duration",
        "line 7, column 8: `mode` is one of observe, enforce, not \"enforced\" (did you mean",
        "line 8, column 10: `repository` of the service is missing",
        "line 9, column 10: `paths`: a pattern has no empty segment",
        "line 12, column 25: `levels` has no \"seniour\" (did you mean \"senior\"?)",
        "line 12, column 52: no environment \"prod\" is listed (did you mean \"production\"?)",
        "line 12, column 61: `when` has no field \"size\"",
        "line 13, column 22: `levels` has no \"boss\" (add it under levels)",
        "line 13, column 38: `count` is an integer from 1 to 100",
        "line 15, column 8: line 10 has a rule of this name already",
    ] {
        assert!(found.iter().any(|one| one.starts_with(expected)), "{expected}\n{found:#?}");
    }
    assert_eq!(found.len(), 13, "{found:#?}");
}

/// Everything that is refused after a sound start, and what is said of it.
#[test]
fn what_is_not_known_is_refused() {
    let base =
        "version = 1\nlevels = [\"a\", \"b\"]\n[environment.x]\n[service.s]\nrepository = \"r\"\n";
    assert_eq!(mistakes(base), Vec::<String>::new());
    let rule = |fields: &str| format!("{base}[[rule]]\nname = \"n\"\n{fields}\n");
    for (text, told) in [
        (rule("when = { size = 3 }"), "no field \"size\""),
        (rule("when = { opaque = false }"), "can only be true"),
        (rule("when = { artifact = false }"), "can only be true"),
        (rule("when = { paths = [] }"), "empty list"),
        (rule("when = { assistance = [] }"), "empty list"),
        (rule("when = { assistance = [\"ai\"] }"), "one of none, assisted, generated"),
        (rule("when = { author_kind = [\"robot\"] }"), "one of human"),
        (rule("when = { services = [\"t\"] }"), "no service \"t\""),
        (rule("when = { paths = \"a\" }"), "a list, not a string"),
        (rule("when = { paths = [\"a\", \"a\"] }"), "twice"),
        (rule("when = []"), "a table, not a list"),
        (rule("require = [{ level = \"c\" }]"), "no \"c\""),
        (rule("require = [{ count = 60 }, { count = 60 }]"), "asks for 120 people"),
        (rule("require = [{ count = 0x2 }]"), "plain digits"),
        (rule("require = [{ count = +2 }]"), "plain digits"),
        (rule("require = [{ count = -1 }]"), "integer from 1"),
        (rule("require = [{ count = 99999999999999999999 }]"), "integer"),
        (rule("require = [{ count = \"2\" }]"), "an integer, not a string"),
        (rule("require = [{ team = \"A team\" }]"), "not a team"),
        (rule("require = [{ who = \"x\" }]"), "no field \"who\""),
        (rule("presence = \"tap\""), "one of touch, attested"),
        (rule("carry = true"), "a string in quotes"),
        (rule("checklist = [\"\"]"), "not a checklist item"),
        (rule("escalate = \"4h\""), "no field \"escalate\""),
        (format!("{base}[[rule]]\n"), "no `name`"),
        (format!("{base}[[rule]]\nname = \" n\"\n"), "on one line"),
        (format!("{base}paths = []\n"), "empty list"),
        (base.replace("= 1", "= 2"), "from 1 to 1"),
        (base.replace("\"b\"]", "\"a\"]"), "twice"),
        (base.replace(".x]", ".X]"), "not a environment name"),
        (base.replace("[environment.x]", "environment = 3"), "a table, not an integer"),
        (format!("{base}branch = \"main\"\n"), "full reference name"),
    ] {
        let found = mistakes(&text);
        assert!(found.iter().any(|one| one.contains(told)), "{told}\n{text}\n{found:#?}");
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    }
}

/// ATTACKS n: TOML 1.0 alone, and of it strings, integers, booleans, arrays and tables.
#[test]
fn the_dialect_is_toml_1_0() {
    for (text, told) in [
        ("version = 1.0", "an integer, not a fraction"),
        ("version = 1\nlevels = [1979-05-27]", "a date"),
        ("version = 1\nversion = 1", "not TOML: duplicate key"),
        ("version = 1\n[defaults]\n[defaults]", "not TOML: duplicate key"),
        ("version = 1\n[environment.x]\n[[environment]]", "not TOML"),
        ("version = 1\ndefaults = { carry = \"never\", }", "no comma before"),
        ("version = 1\ndefaults = { carry = \"never\"\n}", "ends on its line"),
        ("version = 1\ndefaults = { # why\n carry = \"never\" }", "ends on its line"),
        ("version = 1\nlevels = [\"\\x61\"]", "no escapes"),
        ("version = 1\nlevels = [\"a\\e\"]", "no escapes"),
        ("\u{feff}version = 1", "U+FEFF"),
        ("version = 1 # \u{202e}", "U+202E"),
        ("version = 1\nlevels = [\"a\u{7f}\"]", "U+007F"),
        ("version = 1\nlevels = [\"a\\u202e\"]", "an escape for U+202E"),
        ("version = 1\n[[rule]]\nname = \"a\\u200b\"", "an escape for U+200B"),
        ("version = 1\n[defaults]\ncarry_gap = 0", "`carry_gap` is an integer from 1"),
        ("version = 1\r", "not TOML"),
        ("version = ", "not TOML"),
    ] {
        let found = mistakes(text);
        assert!(found.iter().any(|one| one.contains(told)), "{told}\n{text:?}\n{found:#?}");
    }
    for text in [
        "version = 1\r\nlevels = [\r\n  \"a\", # {\n  'b',\n]\r\n",
        "version = 1\ndefaults = { exempt = [\n \"a\",\n \"}\\\",}\",\n] }",
        "version = 1\ndefaults.carry = \"never\"\ndefaults.exempt = ['''a''', \"\"\"b\"\"\"]",
        "\"version\" = 1\nlevels = [\"\\u0061\"]",
    ] {
        let found = mistakes(text);
        assert!(found.iter().all(|one| one.contains("no meaning here")), "{text:?}\n{found:#?}");
    }
    // The bracket in the second text above is refused as a pattern, not as TOML.
    let long = "a".repeat(POLICY_BYTES_MAX + 1);
    assert!(mistakes(&long)[0].contains("at most 24576"));
    // Tables in tables, as deep as a text can say: neither parsing nor dropping runs out of stack.
    for dotted in [
        format!("{}a = 1", "a.".repeat(12_000)),
        format!("[{}a]", "a.".repeat(12_000)),
        format!("x = {{ {}a = 1 }}", "a.".repeat(12_000)),
        format!("[{}a]\n", "a.".repeat(100)).repeat(110),
        format!("{}a = 1", "a.".repeat(1_000)),
    ] {
        assert!(!mistakes(&dotted).is_empty());
    }
    let deep = format!("version = 1\nlevels = {}", "[".repeat(10_000));
    assert!(!mistakes(&deep).is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in r#"([ -~\n\u{e9}]{0,20}|\[\[rule\]\]|name = "a"|\{|\}|"|\n){0,12}"#,
    ) {
        let _ = Policy::parse(&text);
    }

    /// Cutting and doubling pieces of a real policy reaches deeper than noise does.
    #[test]
    fn no_damage_makes_it_panic(
        from in 0..1_500_usize,
        length in 0..40_usize,
        to in 0..1_500_usize,
    ) {
        let mut characters: Vec<char> = example().chars().collect();
        let from = from.min(characters.len());
        let end = (from + length).min(characters.len());
        let piece: Vec<char> = characters.drain(from..end).collect();
        let to = to.min(characters.len());
        characters.splice(to..to, piece);
        let text: String = characters.into_iter().collect();
        if let Ok(policy) = Policy::parse(&text) {
            let _ = policy.warnings();
            assert_eq!(policy.weakens(&policy), []);
        }
    }
}
