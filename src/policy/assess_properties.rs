//! The properties that `spec/policy.md` promises, over random policies, facts and sign-offs.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;

use super::tests::{author, facts, path, policy, signed};
use super::*;
use crate::base::name::{ChecklistItem, EnvironmentName};
use crate::base::position::EntryIndex;
use crate::base::time::Span;
use crate::policy::fact::{Author, AuthorKind, Facts, PathFact, Presence, SignOff, Standing};

fn rule_strategy() -> impl Strategy<Value = String> {
    let when = prop::collection::vec(
        prop::sample::select(vec![
            ("assistance", "[\"generated\"]"),
            ("assistance", "[\"assisted\", \"generated\"]"),
            ("author_below", "\"senior\""),
            ("author_below", "\"mid\""),
            ("author_kind", "[\"bot\", \"agent\"]"),
            ("paths", "[\"infra/**\"]"),
            ("paths", "[\"**/*.tf\", \"infra/**\"]"),
            ("paths_outside", "[\"infra/**\", \"**/*.md\"]"),
            ("environments", "[\"production\"]"),
            ("opaque", "true"),
            ("collision", "true"),
            ("services", "[\"shop\"]"),
        ]),
        0..3,
    );
    let require = prop::collection::vec(
        prop::sample::select(vec![
            "{ level = \"senior\" }",
            "{ level = \"mid\", count = 2 }",
            "{ team = \"sre\" }",
            "{ team = \"sre\", level = \"mid\" }",
            "{ count = 2 }",
        ]),
        0..3,
    );
    let how = prop::sample::subsequence(
        vec!["checklist = [\"plan\"]", "presence = \"touch\"", "carry = \"never\""],
        0..=3,
    );
    (when, require, how).prop_map(|(when, require, how)| {
        let when: BTreeMap<&str, &str> = when.into_iter().collect();
        let when: Vec<String> =
            when.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        format!(
            "when = {{ {} }}\nrequire = [{}]\n{}\n",
            when.join(", "),
            require.join(", "),
            how.join("\n")
        )
    })
}

fn policy_strategy() -> impl Strategy<Value = (String, Vec<String>)> {
    let defaults = prop::sample::subsequence(
        vec![
            "unproved_authors = \"accept\"",
            "undeclared = \"assisted\"",
            "carry = \"never\"",
            "exempt = [\"docs/**\", \"infra/x\"]",
            "allow_collisions = true",
            "approval_ttl = \"2d\"",
        ],
        0..=6,
    );
    let paths = prop::bool::ANY;
    (defaults, paths, prop::collection::vec(rule_strategy(), 0..4)).prop_map(
        |(defaults, paths, rules)| {
            let paths = if paths { "paths = [\"infra/**\", \"src/**\"]\n" } else { "" };
            (format!("{paths}[defaults]\n{}\n", defaults.join("\n")), rules)
        },
    )
}

fn people_seated(assessment: &Assessment) -> usize {
    assessment.requirements.iter().map(|asked| asked.filled_by.len()).sum()
}

fn build(head: &str, rules: &[String]) -> Policy {
    let mut text = head.to_owned();
    for (index, rule) in rules.iter().enumerate() {
        write!(text, "[[rule]]\nname = \"r{index}\"\n{rule}").unwrap();
    }
    policy(&text)
}

fn assistance_strategy() -> impl Strategy<Value = Assistance> {
    prop::sample::select(Assistance::ALL)
}

fn facts_strategy() -> impl Strategy<Value = Facts> {
    let author = (
        prop::sample::select(vec!["a", "b", "z"]),
        prop::sample::select(AuthorKind::ALL),
        prop::sample::select(vec!["", "junior", "mid", "senior"]),
        prop::sample::select(vec![Standing::Proved, Standing::Attested, Standing::Claimed]),
    )
        .prop_map(|(member, kind, level, standing)| Author {
            kind,
            ..author(member, level, standing)
        });
    let path =
        (prop::sample::select(vec!["docs/a", "infra/x", "src/a.tf", "Infra/y"]), any::<u8>())
            .prop_map(|(name, opaque)| PathFact { opaque: opaque < 30, ..path(name) });
    (
        prop::option::of(assistance_strategy()),
        prop::option::of(assistance_strategy()),
        prop::collection::vec(author, 0..3),
        prop::collection::vec(path, 0..4),
        any::<u8>(),
        prop::sample::select(vec!["production", "staging", "production/eu"]),
    )
        .prop_map(|(declared, detected, authors, paths, collision, environment)| Facts {
            environment: EnvironmentName::new(environment).unwrap(),
            declared,
            detected,
            authors,
            paths,
            collision: collision < 30,
            ..facts()
        })
}

fn sign_off_strategy() -> impl Strategy<Value = Vec<SignOff>> {
    let sign_off = (
        prop::sample::select(vec!["a", "b", "c", "d", "e"]),
        prop::sample::select(vec!["", "junior", "mid", "senior", "senior"]),
        any::<bool>(),
        prop::sample::select(vec![Presence::NoTouch, Presence::TouchClaimed, Presence::Touch]),
        any::<bool>(),
        assistance_strategy(),
        any::<bool>(),
        0..4_u64,
    );
    prop::collection::vec(sign_off, 0..8).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(index, (member, level, sre, presence, answered, seen, carried, days))| {
                let mut one = signed(member, level, if sre { &["sre"] } else { &[] });
                one.entry = EntryIndex::new(index as u64);
                one.presence = presence;
                one.assistance_seen = seen.max(Assistance::Assisted);
                one.carried = carried;
                one.age = Span::from_milliseconds(days * 86_400_000);
                if answered {
                    one.answered.insert(ChecklistItem::new("plan").unwrap());
                }
                one
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn another_sign_off_never_turns_yes_into_no(
        (head, rules) in policy_strategy(), facts in facts_strategy(), all in sign_off_strategy(),
    ) {
        let policy = build(&head, &rules);
        let mut before = assess(&policy, &facts, &[]);
        for count in 1..=all.len() {
            let after = assess(&policy, &facts, &all[..count]);
            prop_assert!(after.satisfied || !before.satisfied);
            prop_assert!(people_seated(&after) >= people_seated(&before));
            before = after;
        }
    }

    #[test]
    fn another_rule_never_turns_no_into_yes(
        (head, rules) in policy_strategy(), facts in facts_strategy(), all in sign_off_strategy(),
    ) {
        let mut before = assess(&build(&head, &[]), &facts, &all);
        for count in 1..=rules.len() {
            let after = assess(&build(&head, &rules[..count]), &facts, &all);
            prop_assert!(before.satisfied || !after.satisfied);
            before = after;
        }
    }

    #[test]
    fn an_author_never_counts_and_order_is_nothing(
        (head, rules) in policy_strategy(),
        facts in facts_strategy(),
        (all, mixed) in sign_off_strategy().prop_flat_map(|all| {
            (Just(all.clone()), Just(all).prop_shuffle())
        }),
    ) {
        let policy = build(&head, &rules);
        let assessment = assess(&policy, &facts, &all);
        prop_assert_eq!(&assess(&policy, &facts, &mixed), &assessment);
        for requirement in &assessment.requirements {
            for author in &facts.authors {
                let by = &requirement.filled_by;
                prop_assert!(author.member.as_ref().is_none_or(|member| !by.contains(member)));
            }
            prop_assert_eq!(requirement.filled_by.len(), requirement.sign_offs.len());
            let filled = u32::try_from(requirement.filled_by.len()).unwrap();
            prop_assert_eq!(filled + requirement.missing, requirement.need.count);
        }
        // Without anybody, only an exemption says yes.
        if assess(&policy, &facts, &[]).satisfied {
            prop_assert!(assessment.exempt);
        }
    }

    /// What is told of the rules is what the assessment does.
    #[test]
    fn the_trace_of_the_rules_is_the_assessments(
        (head, rules) in policy_strategy(), facts in facts_strategy(),
    ) {
        let policy = build(&head, &rules);
        let assessment = assess(&policy, &facts, &[]);
        let traces = crate::policy::trace(&policy, &facts);
        let asking: Vec<&str> =
            traces.iter().filter(|one| one.asks).map(|one| one.rule.as_str()).collect();
        let mut asked: Vec<&str> = assessment
            .requirements
            .iter()
            .map(|requirement| requirement.because.as_str())
            .filter(|because| *because != FLOOR)
            .collect();
        asked.dedup();
        prop_assert_eq!(asking, asked);
        for one in &traces {
            let all_hold = one.conditions.iter().all(|condition| condition.holds);
            prop_assert_eq!(all_hold, one.asks || one.beside.is_some(), "{:?}", one);
        }
        if !facts.artifact && !facts.paths.is_empty() {
            let why = crate::policy::not_exempt(&policy, &facts, &traces);
            prop_assert_eq!(why.is_none(), assessment.exempt);
        }
    }

    /// ATTACKS 29: where `weakens` finds nothing, the newer policy never says yes alone.
    #[test]
    fn what_does_not_weaken_is_at_least_as_strict(
        older in policy_strategy(),
        newer in policy_strategy(),
        extend in any::<bool>(),
        facts in facts_strategy(),
        all in sign_off_strategy(),
    ) {
        let old = build(&older.0, &older.1);
        // Two random policies seldom compare, so half of the time the newer one extends the older.
        let mut rules = if extend { older.1.clone() } else { Vec::new() };
        rules.extend(newer.1);
        let new = build(if extend { &older.0 } else { &newer.0 }, &rules);
        if new.weakens(&old).is_empty() && assess(&new, &facts, &all).satisfied {
            let before = assess(&old, &facts, &all);
            prop_assert!(before.satisfied, "{}\n---\n{}\n{:#?}", old.text(), new.text(), before);
        }
        if extend {
            prop_assert_eq!(new.weakens(&old), []);
        }
    }
}
