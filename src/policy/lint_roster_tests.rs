//! Tests of the weak spots that a roster shows.

use super::*;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key::{PublicKey, Signer as _};
use crate::statement::governance::SetMember;

/// A member a line: id, level, team, whether the key is a security key; all review.
fn roster(people: &[(&str, &str, &str, bool)], overriders: &[&str]) -> Roster {
    let mut roster = Roster::default();
    for (index, (id, level, team, is_touched)) in (1..).zip(people) {
        let member = MemberId::new(*id).unwrap();
        let mut duties = vec![Duty::Review];
        if overriders.contains(id) {
            duties.push(Duty::Override);
        }
        let said = SetMember {
            member: member.clone(),
            kind: MemberKind::Human,
            level: (!level.is_empty()).then(|| level.parse().unwrap()),
            teams: if team.is_empty() { Vec::new() } else { vec![team.parse().unwrap()] },
            duties,
            operator: None,
            profile: None,
            emails: Vec::new(),
        };
        roster.set_member(EntryIndex::new(index), &said);
        let seed = [u8::try_from(index).unwrap(); 32];
        let plain = crate::key::SeedSigner::from_seed(&seed, "").unwrap().public_key().clone();
        let key = if *is_touched {
            PublicKey::security_key(*plain.key_bytes(), "ssh:").unwrap()
        } else {
            plain
        };
        roster.add_key(EntryIndex::new(index), Timestamp::default(), &key, &member);
    }
    roster
}

fn lints(text: &str, roster: &Roster) -> Vec<String> {
    let policy = Policy::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    let call = |id: &MemberId| id.as_str().to_uppercase();
    let found = policy.warnings_with(roster, TreeSize::new(1_000), &call);
    found.iter().map(ToString::to_string).collect()
}

const HEAD: &str = "version = 1\nlevels = [\"mid\", \"senior\"]\n[environment.production]\n\
                    [service.shop]\nrepository = \"shop\"\n";

fn rule(text: &str) -> String {
    format!("{HEAD}[[rule]]\nname = \"r\"\n{text}\n")
}

const MANY: [(&str, &str, &str, bool); 5] = [
    ("ada", "senior", "sre", true),
    ("ben", "mid", "web", false),
    ("cleo", "senior", "web", true),
    ("dan", "mid", "sre", true),
    ("eve", "", "", false),
];

#[test]
fn a_team_that_can_do_it_is_told_nothing() {
    let roster = roster(&MANY, &["ada", "cleo"]);
    let asks = rule("require = [{ level = \"senior\" }, { team = \"sre\" }]\npresence = \"touch\"");
    assert_eq!(lints(&asks, &roster), [""; 0]);
    let strict = format!("{asks}[override]\npresence = \"touch\"\n");
    assert_eq!(lints(&strict, &roster), [""; 0]);
}

#[test]
fn what_nobody_can_fill_is_told_with_the_line_of_the_rule() {
    let roster = roster(&MANY, &["ada", "ben"]);
    for (asks, told) in [
        ("require = [{ team = \"dba\" }]", "1 of team dba, and nobody on the roster is"),
        ("require = [{ level = \"senior\", team = \"ops\" }]", "of at least senior of team ops"),
        ("require = [{ level = \"senior\", count = 3 }]", "and the roster has 2"),
        (
            "require = [{ level = \"senior\", count = 2 }]",
            "asks for 2 of at least senior: a change by ADA, CLEO can never pass",
        ),
        ("require = [{ count = 5 }]", "a change by ADA, BEN, CLEO, DAN and 1 more can never"),
        (
            "require = [{ level = \"senior\", count = 2 }, { team = \"web\", count = 2 }]",
            "too few people: each fills one place",
        ),
        ("presence = \"touch\"", "wants a touch, and without a security key are BEN, EVE"),
    ] {
        let found = lints(&rule(asks), &roster);
        let is_told =
            |lint: &String| lint.starts_with("line 6: rule \"r\": ") && lint.contains(told);
        assert!(found.iter().any(is_told), "{asks}: {found:#?}");
    }
    let none = [("ben", "mid", "", false), ("eve", "mid", "", false), ("x", "mid", "", false)];
    let found = lints(&rule("presence = \"touch\""), &self::roster(&none, &["ben", "eve"]));
    assert!(found[0].contains("nobody of 1 human has a security key"), "{found:?}");
}

/// A rule that asks nothing of somebody's own changes does not stop them.
#[test]
fn only_whom_a_rule_can_ask_about_is_said_to_be_stopped() {
    let senior = roster(&MANY[..2], &["ada", "ben"]);
    let stops = |when: &str| {
        let asks = rule(&format!("when = {{ {when} }}\nrequire = [{{ level = \"senior\" }}]"));
        lints(&asks, &senior).iter().any(|lint| lint.contains("a change by ADA can never pass"))
    };
    assert!(stops("paths = [\"src\"]") && stops("author_kind = [\"human\"]"));
    assert!(stops("author_kind = [\"agent\"]"), "she answers for what her agent writes");
    assert!(!stops("author_below = \"senior\""));
    assert!(!stops("author_kind = [\"bot\"]"));
}

/// USERS c3: one holder of the duty `override` is one sleeping person away from an outage.
#[test]
fn few_people_and_few_overriders_are_told() {
    let alone = roster(&MANY[..1], &["ada"]);
    let found = lints(HEAD, &alone);
    assert!(found[0].contains("ADA alone can sign off, and never on their own"), "{found:?}");
    assert!(found[1].contains("ADA alone has the duty `override`"), "{found:?}");
    let two = roster(&MANY[..2], &[]);
    let found = lints(HEAD, &two);
    assert!(found[0].contains("nobody has the duty `override`"), "{found:?}");
    assert!(found[1].contains("needs two others"), "{found:?}");
    assert!(lints(HEAD, &Roster::default())[1].contains("nobody on the roster can sign off"));
    let found = lints(
        &format!("{HEAD}[override]\npresence = \"touch\"\n"),
        &roster(&MANY, &["ben", "cleo"]),
    );
    assert_eq!(found, ["line 7: an override wants a touch, and without a security key are BEN"]);
}

/// ATTACKS 43: a level that is in use and that the policy does not list; a builder who is none.
#[test]
fn attack_43_levels_and_builders_that_do_not_fit_are_told() {
    let roster = roster(&MANY, &["ada", "ben"]);
    let fewer = HEAD.replace("\"mid\", ", "") + "builders = [\"ci\"]\n";
    assert_eq!(
        lints(&fewer, &roster),
        [
            "line 2: `levels` does not list the level of BEN, DAN: they count as below every level",
            "line 4: service shop: the builder ci is no service with the duty `build`",
        ]
    );
}
