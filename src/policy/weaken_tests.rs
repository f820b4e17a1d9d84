//! Tests of the comparison: ATTACKS 29 and 43.

use super::*;

const BASE: &str = r#"version = 1
levels = ["junior", "mid", "senior"]
[defaults]
unproved_authors = "lowest-level"
undeclared = "assisted"
carry = "never"
carry_gap = 3
key_cooling = "48h"
exempt = ["docs/**"]
[override]
longest = "2h"
debt_due = "12h"
presence = "touch"
[environment.production]
mode = "enforce"
[environment.staging]
mode = "observe"
[repository.shop]
uri = "git+https://git.example/shop"
[service.shop]
repository = "shop"
paths = ["shop/**"]
artifact = "required"
builders = ["ci"]
[[rule]]
name = "seniors"
when = { assistance = ["generated"], author_below = "mid", environments = ["production"] }
require = [{ level = "mid", count = 2 }, { team = "sre" }]
checklist = ["plan"]
presence = "touch"
"#;

fn compare(changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = BASE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let newer = Policy::parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let older = Policy::parse(BASE).unwrap();
    weakens(&newer, &older).into_iter().map(|weakening| weakening.0).collect()
}

#[test]
fn as_strict_or_stricter_is_no_weakening() {
    assert_eq!(compare(&[]), Vec::<String>::new());
    assert_eq!(
        compare(&[
            ("\"lowest-level\"", "\"add-one\""),
            ("[\"docs/**\"]", "[]"),
            ("\"observe\"", "\"enforce\""),
            ("paths = [\"shop/**\"]\n", ""),
            ("[\"generated\"]", "[\"assisted\", \"generated\"]"),
            (
                "author_below = \"mid\", environments = [\"production\"]",
                "author_below = \"senior\""
            ),
            ("{ level = \"mid\", count = 2 }", "{ level = \"senior\", count = 3 }"),
            ("{ team = \"sre\" }", "{ team = \"sre\", level = \"junior\" }"),
            ("\"plan\"", "\"plan\", \"radius\""),
            ("\"touch\"", "\"attested\""),
            ("longest = \"2h\"", "longest = \"1h\""),
            ("\"12h\"", "\"6h\""),
            ("\"48h\"", "\"72h\""),
            ("\"seniors\"", "\"renamed\""),
            ("\"senior\"]", "\"senior\", \"principal\"]"),
        ]),
        Vec::<String>::new()
    );
}

/// ATTACKS 29: whatever asks for less is told, each with one sentence.
#[test]
fn whatever_asks_for_less_is_told() {
    for (from, to, told) in [
        ("\"lowest-level\"", "\"accept\"", "unproved_authors"),
        ("undeclared = \"assisted\"", "undeclared = \"none\"", "undeclared"),
        ("carry = \"never\"", "carry = \"clean\"", "carry"),
        ("[\"docs/**\"]", "[\"**\"]", "exempt"),
        ("carry = \"never\"", "carry = \"never\"\nallow_collisions = true", "allow_collisions"),
        ("carry = \"never\"", "carry = \"never\"\napproval_ttl = \"91d\"", "approval_ttl"),
        ("carry = \"never\"", "carry = \"never\"\nrollback_within = \"31d\"", "rollback_within"),
        ("carry = \"never\"", "carry = \"never\"\ndecision_ttl = \"2h\"", "decision_ttl"),
        ("carry = \"never\"", "carry = \"never\"\nweaken_delay = \"23h\"", "weaken_delay"),
        ("key_cooling = \"48h\"", "key_cooling = \"47h\"", "key_cooling: 47h instead of 2d"),
        ("longest = \"2h\"", "longest = \"3h\"", "override longest: 3h instead of 2h"),
        ("longest = \"2h\"\n", "", "override longest: 4h instead of 2h"),
        ("debt_due = \"12h\"", "debt_due = \"13h\"", "override debt_due: 13h instead of 12h"),
        ("presence = \"touch\"\n[env", "[env", "override presence"),
        ("carry_gap = 3", "carry_gap = 2", "carry_gap: 2 instead of 3"),
        ("\"enforce\"", "\"observe\"", "environment production"),
        ("builders =", "mode = \"observe\"\nbuilders =", "service shop in production"),
        ("[environment.staging]", "[environment.\"production/eu\"]\n[environment.staging]", "eu"),
        ("repository = \"shop\"", "repository = \"other\"", "repository other"),
        ("git.example/shop", "git.example/fork", "fork instead of git+https://git.example/shop"),
        ("artifact =", "branch = \"refs/heads/x\"\nartifact =", "refs/heads/x"),
        ("\"required\"", "\"optional\"", "no artifact"),
        ("[\"ci\"]", "[\"ci\", \"ci2\"]", "ci2 may build"),
        ("\"shop/**\"", "\"other/**\"", "no longer concern"),
        ("\"generated\"]", "\"none\"]", "`assistance`"),
        ("author_below = \"mid\"", "author_below = \"junior\"", "`author_below`"),
        ("[\"production\"]", "[\"staging\"]", "`environments`"),
        ("author_below", "paths = [\"a\"], author_below", "`paths`"),
        ("author_below", "paths_outside = [\"a\"], author_below", "`paths_outside`"),
        ("author_below", "author_kind = [\"bot\"], author_below", "`author_kind`"),
        ("author_below", "services = [\"shop\"], author_below", "`services`"),
        ("author_below", "opaque = true, author_below", "`opaque`"),
        ("author_below", "collision = true, author_below", "`collision`"),
        ("author_below", "artifact = true, author_below", "`artifact`"),
        ("count = 2", "count = 1", "no longer asks for 2 of at least mid"),
        ("{ level = \"mid\", count = 2 }", "{ level = \"junior\", count = 2 }", "at least mid"),
        ("{ team = \"sre\" }", "{ team = \"web\" }", "of team sre"),
        ("\"plan\"", "\"radius\"", "\"plan\""),
        ("presence = \"touch\"", "", "presence"),
        ("\"junior\", \"mid\"", "\"mid\", \"junior\"", "level mid"),
        ("\"junior\", ", "", "level junior is gone"),
        (
            "[environment.staging]",
            "[environment.new]\nmode=\"enforce\"\n[environment.staging]",
            "new",
        ),
    ] {
        let found = compare(&[(from, to)]);
        assert!(found.iter().any(|what| what.contains(told)), "{to}: {found:?}");
    }
    // A stronger default that a rule does not list gets out of that rule.
    let listed = [("\"generated\"]", "\"assisted\"]"), ("undeclared = \"assisted\"", "")];
    let found = compare(&listed);
    assert!(found.iter().any(|what| what.contains("undeclared changes leave")), "{found:?}");
    // The order of the needs does not matter.
    let both = [(
        "{ level = \"mid\", count = 2 }, { team = \"sre\" }",
        "{ team = \"sre\" }, { level = \"mid\", count = 2 }",
    )];
    assert_eq!(compare(&both), Vec::<String>::new());
    let gone = &BASE[BASE.find("[[rule]]").unwrap()..];
    assert_eq!(compare(&[(gone, "")]).len(), 1);
}
