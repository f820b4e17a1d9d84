//! Tests of the assessment: ATTACKS 9, 10, 12, 13, 20, 24, 25, 29, 30, 41, 43, j, l, m, o, q.

use std::collections::BTreeSet;

use super::super::fact::{Author, PathFact, Standing};
use super::*;
use crate::base::name::{EnvironmentName, LevelName, ServiceName, TeamName};
use crate::base::position::EntryIndex;
use crate::base::time::Span;

const BASE: &str = "version = 1\nlevels = [\"junior\", \"mid\", \"senior\"]\n\
                    [environment.production]\nmode = \"enforce\"\n[environment.staging]\n\
                    [service.shop]\nrepository = \"shop\"\n";

pub(in crate::policy) fn policy(more: &str) -> Policy {
    Policy::parse(&format!("{BASE}{more}")).unwrap_or_else(|errors| panic!("{errors}\n{more}"))
}

pub(in crate::policy) fn author(member: &str, level: &str, standing: Standing) -> Author {
    Author {
        member: Some(MemberId::new(member).unwrap()),
        kind: AuthorKind::Human,
        level: LevelName::new(level).ok(),
        standing,
        label: String::new(),
    }
}

pub(in crate::policy) fn path(path: &str) -> PathFact {
    PathFact { path: path.as_bytes().to_vec(), opaque: false }
}

pub(in crate::policy) fn facts() -> Facts {
    Facts {
        service: ServiceName::new("shop").unwrap(),
        environment: EnvironmentName::new("production").unwrap(),
        declared: Some(Assistance::None),
        detected: None,
        authors: vec![author("ben", "mid", Standing::Proved)],
        paths: vec![path("src/main.rs")],
        collision: false,
        artifact: false,
    }
}

pub(super) fn signed(member: &str, level: &str, teams: &[&str]) -> SignOff {
    SignOff {
        member: MemberId::new(member).unwrap(),
        level: LevelName::new(level).ok(),
        teams: teams.iter().map(|team| TeamName::new(*team).unwrap()).collect(),
        presence: Presence::NoTouch,
        answered: BTreeSet::new(),
        assistance_seen: Assistance::Generated,
        carried: false,
        age: Span::from_milliseconds(1_000),
        entry: EntryIndex::new(u64::from(member.as_bytes()[0])),
    }
}

fn codes(assessment: &Assessment) -> Vec<(ReasonCode, u32)> {
    assessment
        .requirements
        .iter()
        .filter(|asked| asked.missing > 0)
        .map(|asked| (asked.code, asked.missing))
        .collect()
}

fn refusals(assessment: &Assessment) -> Vec<ReasonCode> {
    assessment.not_counted.iter().map(|one| one.code).collect()
}

const SENIORS: &str = "[[rule]]\nname = \"seniors\"\nwhen = { author_below = \"senior\" }\n\
                       require = [{ level = \"senior\" }]\n";

#[test]
fn the_floor_is_one_human_who_is_not_an_author() {
    let policy = policy("");
    let nobody = assess(&policy, &facts(), &[]);
    assert_eq!(codes(&nobody), [(ReasonCode::NeedsSignOff, 1)]);
    let author = assess(&policy, &facts(), &[signed("ben", "senior", &[])]);
    assert_eq!(refusals(&author), [ReasonCode::IsAuthor]);
    assert!(!author.satisfied);
    let other = assess(&policy, &facts(), &[signed("ada", "", &[])]);
    assert!(other.satisfied);
    assert_eq!(other.requirements[0].because, FLOOR);
    assert_eq!(other.requirements[0].sign_offs, [EntryIndex::new(u64::from(b'a'))]);
}

/// ATTACKS 9: a name that anybody can type is of the lowest level and costs one more human.
#[test]
fn a_claimed_author_is_lowest_and_costs_one_more() {
    let mut facts = facts();
    facts.authors = vec![author("ben", "senior", Standing::Claimed)];
    let signers = [signed("ada", "senior", &[]), signed("mia", "mid", &[])];
    let strict = policy(SENIORS);
    let one = assess(&strict, &facts, &signers[..1]);
    assert_eq!(codes(&one), [(ReasonCode::UnknownAuthor, 1)]);
    assert!(assess(&strict, &facts, &signers).satisfied);
    assert_eq!(assess(&strict, &facts, &[]).requirements[0].missing, 2);

    let lowest = policy(&format!("[defaults]\nunproved_authors = \"lowest-level\"\n{SENIORS}"));
    assert!(assess(&lowest, &facts, &signers[..1]).satisfied);
    assert_eq!(codes(&assess(&lowest, &facts, &signers[1..])), [(ReasonCode::NeedsLevel, 1)]);
    let accept = policy(&format!("[defaults]\nunproved_authors = \"accept\"\n{SENIORS}"));
    assert!(assess(&accept, &facts, &signers[1..]).satisfied);

    facts.authors[0].standing = Standing::Attested;
    assert!(assess(&strict, &facts, &signers[1..]).satisfied);
}

/// ATTACKS 9, 41: a bot's or tool's address hides no human; an attested bot costs nothing more.
#[test]
fn a_typed_bot_address_hides_nobody() {
    let policy = policy("");
    let one = [signed("ada", "senior", &[])];
    for (kind, standing, satisfied) in [
        (AuthorKind::Bot, Standing::Claimed, false),
        (AuthorKind::Bot, Standing::Attested, true),
        (AuthorKind::Agent, Standing::Claimed, false),
        (AuthorKind::Unknown, Standing::Claimed, false),
        (AuthorKind::Tool, Standing::Claimed, false),
    ] {
        let mut facts = facts();
        facts.authors[0].kind = kind;
        facts.authors[0].standing = standing;
        assert_eq!(assess(&policy, &facts, &one).satisfied, satisfied, "{kind:?} {standing:?}");
    }
    let mut facts = facts();
    facts.authors.push(author("x", "", Standing::Claimed));
    facts.authors[1].kind = AuthorKind::Tool;
    assert!(assess(&policy, &facts, &one).satisfied, "a tool beside a proved author");
    facts.authors.clear();
    assert!(!assess(&policy, &facts, &one).satisfied, "nobody at all");
}

/// ATTACKS 41: the kind of an author is a condition.
#[test]
fn rules_can_ask_about_bots() {
    let policy = policy(
        "[[rule]]\nname = \"bots\"\nwhen = { author_kind = [\"bot\"] }\n\
         require = [{ count = 2 }]\n",
    );
    let mut facts = facts();
    assert!(assess(&policy, &facts, &[signed("ada", "", &[])]).satisfied);
    facts.authors.push(author("dep", "", Standing::Attested));
    facts.authors[1].kind = AuthorKind::Bot;
    assert_eq!(
        codes(&assess(&policy, &facts, &[signed("ada", "", &[])])),
        [(ReasonCode::NeedsSignOff, 1)]
    );
}

/// ATTACKS 10, 20: a rule that asks nothing lifts nothing, and an exemption covers every path.
#[test]
fn only_an_exemption_of_every_path_lifts_the_floor() {
    let exempt = policy("[defaults]\nexempt = [\"docs/**\"]\n");
    let mut facts = facts();
    facts.paths = vec![path("docs/a"), path("docs/b/c")];
    let lifted = assess(&exempt, &facts, &[]);
    assert!(lifted.exempt && lifted.satisfied && lifted.requirements.is_empty());
    for spoiled in [path("src/a"), path("Docs/a"), path("docs2/a")] {
        facts.paths.push(spoiled);
        assert!(!assess(&exempt, &facts, &[]).satisfied);
        facts.paths.pop();
    }
    facts.paths[0].opaque = true;
    assert!(!assess(&exempt, &facts, &[]).exempt);
    facts.paths.clear();
    assert!(!assess(&exempt, &facts, &[]).exempt, "no path is no reason");

    facts.paths = vec![path("docs/a")];
    let empty_rule = "[[rule]]\nname = \"docs\"\nwhen = { paths = [\"docs/**\"] }\nrequire = []\n";
    assert!(!assess(&policy(empty_rule), &facts, &[]).satisfied);
    let both = policy(&format!("[defaults]\nexempt = [\"docs/**\"]\n{empty_rule}"));
    assert!(!assess(&both, &facts, &[]).satisfied);
    // A rule that the service's paths silence keeps the floor as well.
    let silenced =
        policy(&format!("paths = [\"src/**\"]\n[defaults]\nexempt = [\"docs/**\"]\n{empty_rule}"));
    assert!(!assess(&silenced, &facts, &[]).exempt);
}

/// ATTACKS 12: approvals of artifacts meet rules about artifacts and no others.
#[test]
fn artifact_rules_and_change_rules_keep_apart() {
    let policy = policy(
        "[[rule]]\nname = \"plans\"\nwhen = { artifact = true }\nrequire = [{ team = \"sre\" }]\n",
    );
    let mut facts = facts();
    assert_eq!(assess(&policy, &facts, &[]).requirements.len(), 1);
    facts.artifact = true;
    facts.paths.clear();
    let asked = assess(&policy, &facts, &[signed("ada", "", &["sre"])]);
    assert!(asked.satisfied);
    assert_eq!(asked.requirements.len(), 2);
    let plain = assess(&self::policy(SENIORS), &facts, &[]);
    assert!(plain.satisfied && plain.requirements.is_empty() && !plain.exempt);
}

/// ATTACKS 13: unknown names deny, and cells match the rules of their group.
#[test]
fn unknown_names_deny_and_cells_match_their_group() {
    let policy = policy(
        "[[rule]]\nname = \"prod\"\nwhen = { environments = [\"production\"] }\n\
         require = [{ level = \"senior\" }]\n",
    );
    let mut facts = facts();
    let ada = [signed("ada", "mid", &[])];
    for (environment, satisfied, denied) in [
        ("production", false, false),
        ("production/eu-1", false, false),
        ("staging", true, false),
        ("prod", false, true),
        ("production-eu", false, true),
    ] {
        facts.environment = EnvironmentName::new(environment).unwrap();
        let assessment = assess(&policy, &facts, &ada);
        assert_eq!(assessment.satisfied, satisfied, "{environment}");
        assert_eq!(!assessment.denials.is_empty(), denied, "{environment}");
    }
    facts.environment = EnvironmentName::new("staging").unwrap();
    facts.service = ServiceName::new("shop2").unwrap();
    let unknown = assess(&policy, &facts, &ada);
    assert_eq!(unknown.denials[0].code, ReasonCode::UnknownService);
}

/// ATTACKS 20, 24: opaque paths and collisions are facts; a collision denies unless allowed.
#[test]
fn opaque_paths_and_collisions_are_facts() {
    let rule = "[[rule]]\nname = \"o\"\nwhen = { opaque = true }\n\
                require = [{ level = \"senior\" }]\n\
                [[rule]]\nname = \"c\"\nwhen = { collision = true }\n\
                require = [{ team = \"sre\" }]\n";
    let mut facts = facts();
    let ada = [signed("ada", "senior", &[])];
    facts.paths[0].opaque = true;
    assert_eq!(assess(&policy(rule), &facts, &ada).requirements.len(), 2);
    facts.collision = true;
    let denied = assess(&policy(rule), &facts, &ada);
    assert_eq!(denied.denials[0].code, ReasonCode::PathCollision);
    let allowed =
        assess(&policy(&format!("[defaults]\nallow_collisions = true\n{rule}")), &facts, &ada);
    assert!(allowed.denials.is_empty());
    assert_eq!(codes(&allowed), [(ReasonCode::NeedsTeam, 1)]);
}

/// ATTACKS 24, j: any row on either side, and its folded form, is enough for a rule.
#[test]
fn any_path_matches_a_rule_in_either_form() {
    let policy = policy(
        "[[rule]]\nname = \"infra\"\nwhen = { paths = [\"infra/**\", \"**/*.tf\"] }\n\
         require = [{ level = \"senior\" }]\n",
    );
    let mut facts = facts();
    for (name, asked) in [("Infra/x", 2), ("x.TF", 2), ("infra", 2), ("infra2/x", 1)] {
        facts.paths = vec![path("a"), path(name)];
        assert_eq!(assess(&policy, &facts, &[]).requirements.len(), asked, "{name}");
    }
}

/// ATTACKS 25: beside the service's paths the floor stands, and rules do not ask.
#[test]
fn beside_the_paths_of_a_service_the_floor_stands() {
    let policy = policy(&format!("paths = [\"shop/**\"]\n{SENIORS}"));
    let mut facts = facts();
    facts.paths = vec![path("Makefile")];
    let beside = assess(&policy, &facts, &[]);
    assert_eq!(codes(&beside), [(ReasonCode::NeedsSignOff, 1)]);
    facts.paths.push(path("SHOP/x"));
    assert_eq!(assess(&policy, &facts, &[]).requirements.len(), 2);
}

/// ATTACKS 29, q: the strongest assistance counts, and who saw less does not.
#[test]
fn the_strongest_assistance_counts() {
    let policy = policy("");
    let mut facts = facts();
    for (declared, detected, kind, strongest, source) in [
        (None, None, AuthorKind::Human, Assistance::Generated, AssistanceSource::Default),
        (
            Some(Assistance::None),
            None,
            AuthorKind::Human,
            Assistance::None,
            AssistanceSource::Declared,
        ),
        (
            Some(Assistance::None),
            Some(Assistance::Assisted),
            AuthorKind::Human,
            Assistance::Assisted,
            AssistanceSource::Detected,
        ),
        (
            Some(Assistance::Generated),
            Some(Assistance::Assisted),
            AuthorKind::Human,
            Assistance::Generated,
            AssistanceSource::Declared,
        ),
        (
            Some(Assistance::None),
            None,
            AuthorKind::Agent,
            Assistance::Generated,
            AssistanceSource::AgentAuthor,
        ),
        (
            Some(Assistance::None),
            None,
            AuthorKind::Tool,
            Assistance::Assisted,
            AssistanceSource::ToolAuthor,
        ),
    ] {
        facts.declared = declared;
        facts.detected = detected;
        facts.authors[0].kind = kind;
        let assessment = assess(&policy, &facts, &[]);
        assert_eq!((assessment.assistance, assessment.assistance_from), (strongest, source));
    }
    facts.authors[0].kind = AuthorKind::Human;
    facts.detected = Some(Assistance::Assisted);
    let mut ada = signed("ada", "", &[]);
    ada.assistance_seen = Assistance::None;
    assert_eq!(refusals(&assess(&policy, &facts, &[ada.clone()])), [ReasonCode::SawLessAssistance]);
    ada.assistance_seen = Assistance::Assisted;
    assert!(assess(&policy, &facts, &[ada]).satisfied);
}

/// ATTACKS 30, l, m: a sign-off counts while it is younger than `approval_ttl`, not at it.
#[test]
fn a_sign_off_counts_while_it_is_younger() {
    let policy = policy("[defaults]\napproval_ttl = \"2d\"\n");
    let mut ada = signed("ada", "", &[]);
    ada.age = Span::from_milliseconds(2 * 86_400_000 - 1);
    assert!(assess(&policy, &facts(), &[ada.clone()]).satisfied);
    ada.age = Span::from_milliseconds(2 * 86_400_000);
    assert_eq!(refusals(&assess(&policy, &facts(), &[ada])), [ReasonCode::Expired]);
}

/// ATTACKS 43, o: inside a rule one person fills one place; in another rule they count again.
#[test]
fn one_person_fills_one_place_of_a_rule() {
    let policy = policy(
        "[[rule]]\nname = \"both\"\nrequire = [{ level = \"mid\" }, { team = \"sre\" }]\n\
         [[rule]]\nname = \"again\"\nrequire = [{ level = \"senior\" }]\n",
    );
    let ada = signed("ada", "senior", &["sre"]);
    let alone = assess(&policy, &facts(), std::slice::from_ref(&ada));
    assert_eq!(codes(&alone), [(ReasonCode::NeedsTeam, 1)]);
    // Mia is no sre, so she takes the place of the level and Ada moves to the team's.
    let both = assess(&policy, &facts(), &[ada.clone(), signed("mia", "mid", &[])]);
    assert!(both.satisfied);
    // Two sign-offs of one person are one person.
    let mut again = ada.clone();
    again.entry = EntryIndex::new(900);
    assert!(!assess(&policy, &facts(), &[ada, again]).satisfied);
}

/// How a rule wants its sign-offs made: touch, checklist, exact.
#[test]
fn a_rule_says_how_its_sign_offs_are_made() {
    let policy = policy(
        "[[rule]]\nname = \"infra\"\nrequire = [{ team = \"sre\" }]\nchecklist = [\"plan\"]\n\
         presence = \"touch\"\ncarry = \"never\"\n",
    );
    let mut ada = signed("ada", "", &["sre"]);
    ada.carried = true;
    let told = |sign_off: &SignOff| {
        let assessment = assess(&policy, &facts(), std::slice::from_ref(sign_off));
        (refusals(&assessment).first().copied(), codes(&assessment).first().copied())
    };
    let team = Some((ReasonCode::NeedsTeam, 1));
    assert_eq!(told(&ada), (Some(ReasonCode::CarryRefused), team));
    ada.carried = false;
    assert_eq!(told(&ada), (Some(ReasonCode::NeedsTouch), team));
    ada.presence = Presence::TouchClaimed;
    let checklist = Some((ReasonCode::NeedsChecklist, 1));
    assert_eq!(told(&ada), (Some(ReasonCode::NeedsChecklist), checklist));
    ada.answered.insert(ChecklistItem::new("plan").unwrap());
    assert_eq!(told(&ada), (None, None));
    let attested = self::policy("[[rule]]\nname = \"a\"\npresence = \"attested\"\n");
    let claimed = assess(&attested, &facts(), &[ada.clone()]);
    assert_eq!(codes(&claimed), [(ReasonCode::NeedsTouch, 1)]);
    ada.presence = Presence::Touch;
    assert!(assess(&attested, &facts(), &[ada]).satisfied);
}

#[test]
fn the_policy_can_refuse_carrying_everywhere() {
    let policy = policy("[defaults]\ncarry = \"never\"\n");
    let mut ada = signed("ada", "", &[]);
    ada.carried = true;
    let assessment = assess(&policy, &facts(), &[ada.clone()]);
    assert_eq!(codes(&assessment), [(ReasonCode::CarryRefused, 1)]);
    // An exact one of the same person counts beside it.
    let mut exact = ada.clone();
    exact.carried = false;
    exact.entry = EntryIndex::new(1);
    let assessment = assess(&policy, &facts(), &[ada, exact]);
    assert_eq!(assessment.requirements[0].sign_offs, [EntryIndex::new(1)]);
}

/// A level that the policy no longer lists is no level.
#[test]
fn an_unlisted_level_is_below_all() {
    let policy = policy(SENIORS);
    let assessment = assess(&policy, &facts(), &[signed("ada", "principal", &[])]);
    assert_eq!(codes(&assessment), [(ReasonCode::NeedsLevel, 1)]);
}
