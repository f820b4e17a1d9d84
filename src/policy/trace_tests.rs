//! Tests of what is told of each rule.

use super::super::assess::tests::{author, facts, path, policy};
use super::*;
use crate::policy::fact::PathFact;

fn told(when: &str, facts: &Facts) -> Vec<(bool, String)> {
    let policy = policy(&format!(
        "[[rule]]\nname = \"r\"\nwhen = {{ {when} }}\nrequire = [{{ count = 1 }}]\n"
    ));
    let found = trace(&policy, facts);
    let conditions = found[0].conditions.iter();
    conditions.map(|one| (one.holds, format!("{}: {}", one.condition, one.text))).collect()
}

#[test]
fn every_condition_says_what_it_was_held_against() {
    let mut given = Facts {
        declared: Some(Assistance::None),
        authors: vec![author("ben", "mid", Standing::Proved)],
        paths: vec![path("src/a.rs"), path("docs/x")],
        ..facts()
    };
    for (when, holds, text) in [
        ("assistance = [\"assisted\", \"generated\"]", false, "is none, not assisted or generated"),
        ("assistance = [\"none\"]", true, "assistance: is none"),
        ("author_below = \"senior\"", true, "ben (mid) is below senior"),
        ("author_below = \"mid\"", false, "every author is at least mid"),
        ("author_kind = [\"bot\", \"agent\"]", false, "is human, not bot or agent"),
        ("author_kind = [\"human\"]", true, "author_kind: is human"),
        (
            "paths = [\"infra/**\", \"**/*.tf\"]",
            false,
            "none of 2 paths matches infra/** or **/*.tf",
        ),
        ("paths = [\"Docs/**\"]", true, "docs/x matches Docs/**"),
        ("environments = [\"production\"]", true, "environments: is production"),
        ("services = [\"shop\"]", true, "services: is shop"),
        ("opaque = true", false, "every path can be read"),
        ("collision = true", false, "no paths collide"),
        ("artifact = true", false, "a change is judged, and the rule is about artifacts"),
    ] {
        let found = told(when, &given);
        assert_eq!(found.len(), 1, "{when}");
        assert_eq!(found[0].0, holds, "{when}");
        assert!(found[0].1.ends_with(text), "{when}: {found:?}");
    }
    given.authors = vec![author("ben", "senior", Standing::Claimed)];
    given.paths = vec![PathFact { opaque: true, ..path("logo.png") }];
    given.collision = true;
    let when = "author_below = \"mid\", paths = [\"a\"], opaque = true, collision = true";
    let found: Vec<String> = told(when, &given).into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        found,
        [
            "author_below: ben (senior, only claimed) is below mid",
            "paths: logo.png does not match a",
            "opaque: nobody can read logo.png",
            "collision: paths collide",
        ]
    );
}

#[test]
fn what_matches_and_still_does_not_ask_is_told() {
    let beside = policy(
        "paths = [\"shop/**\"]\n[defaults]\nexempt = [\"docs/**\"]\n[[rule]]\nname = \"r\"\n\
         require = [{ count = 2 }]\n",
    );
    let given = Facts { paths: vec![path("docs/a")], ..facts() };
    let found = trace(&beside, &given);
    assert!(!found[0].asks);
    assert_eq!(found[0].beside, Some("the change touches none of the service's `paths`"));
    assert_eq!(not_exempt(&beside, &given, &found).unwrap(), "the rule \"r\" matches");
    let nothing = policy("[[rule]]\nname = \"r\"\n");
    assert_eq!(trace(&nothing, &given)[0].beside, Some("it asks for nobody"));
    let plain = policy("[defaults]\nexempt = [\"docs/**\"]\n");
    assert_eq!(not_exempt(&plain, &given, &[]), None);
    let other = Facts { paths: vec![path("docs/a"), path("src/b")], ..facts() };
    assert_eq!(not_exempt(&plain, &other, &[]).unwrap(), "src/b matches no pattern exactly");
}
