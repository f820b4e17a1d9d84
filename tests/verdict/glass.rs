//! Overrides and what is owed for them (`spec/verdict.md` section 9, ATTACKS 32).

use std::sync::Arc;

use countersign::base::digest::{Commitment, StatementId};
use countersign::base::limits::{HOLDERS_REMEMBERED_MILLISECONDS, OVERRIDE_AHEAD_MILLISECONDS_MAX};
use countersign::base::name::Revision;
use countersign::base::position::EntryIndex;
use countersign::base::time::Span;
use countersign::policy::ReasonCode;
use countersign::session::sign;
use countersign::statement::Says;
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::governance::{Operation, RetireMember, RevokeKey, SetMember};
use countersign::statement::pipeline::Deployment;
use countersign::statement::words::{DecisionVerdict, Duty, Outcome, Revocation};
use countersign::verify::{KnownCover, StepEvidence, Verdict};

use super::deployments::deployment;
use super::given::Given;
use super::world::{World, commit, id, seed_of, set_member, signer, step};

/// A world in which these people may override.
fn world_of(holders: &[&str]) -> World {
    let mut world = World::new();
    let may = |name: &&str| {
        let level = if *name == "ada" { "senior" } else { "junior" };
        let mut duties = vec![Duty::Review, Duty::Override];
        if *name == "ada" {
            duties.insert(1, Duty::Deploy);
        }
        Operation::SetMember(SetMember { duties, ..set_member(name, Some(level)) })
    };
    world.govern(holders.iter().map(may).collect()).unwrap();
    world
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn glass(world: &World, revision: &Revision, lasts: &str) -> Override {
    Override {
        service: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        repository: "shop".parse().unwrap(),
        revision: revision.clone(),
        artifacts: Vec::new(),
        claimed: world.now,
        expires: world.now.plus(span(lasts)),
        reason: Commitment::from_bytes([7; 32]),
        incident: None,
        drill: None,
    }
}

fn broken(world: &mut World, by: &str, body: Override) -> (EntryIndex, StatementId) {
    let statement = world.statement(by, Says::Override(body));
    let envelope = sign(&statement, &signer(seed_of(by))).unwrap();
    (world.submit(&envelope).unwrap(), envelope.statement_id())
}

fn unsigned(label: &str) -> StepEvidence {
    step(label, "ben", label, None, Some("1"))
}

fn judge(world: &World, label: &str) -> Verdict {
    world.judge(&[unsigned(label)])
}

/// The gate denies, and names overrides: gives the decision's entry and identity.
fn let_through(
    world: &mut World,
    label: &str,
    overrides: Vec<StatementId>,
) -> (EntryIndex, StatementId) {
    let mut says = world.decide(&commit(label));
    if let Says::Decision(body) = &mut says {
        body.verdict = DecisionVerdict::Deny;
        body.reasons = vec!["NEEDS_SIGN_OFF".parse().unwrap()];
        body.cover = None;
        body.overrides = overrides;
    }
    let entry = world.view.size().next_index();
    (entry, world.say_by_gate(says))
}

/// Deploys by override, as the gate does; gives the deployment's entry.
fn deploy_by(world: &mut World, label: &str, overrides: Vec<StatementId>) -> EntryIndex {
    let (_, decision) = let_through(world, label, overrides);
    world.deploy_in("production", &commit(label), decision, Outcome::Started)
}

#[test]
fn attack_32_an_override_is_for_one_revision_and_some_hours() {
    let mut world = world_of(&["ada"]);
    let body = glass(&world, &commit("fix"), "4h");
    broken(&mut world, "ada", body);
    let found = judge(&world, "fix");
    assert!(!found.is_allowed() && found.is_overridden(), "{:?}", found.reasons());
    assert!(!judge(&world, "other").is_overridden(), "another revision");
    let mut question = world.question(&commit("fix"));
    question.artifacts = vec![countersign::base::digest::ContentDigest::from_bytes([1; 32])];
    assert!(!world.judge_question(&question, &[unsigned("fix")]).is_overridden(), "an artifact");
    let mut question = world.question(&commit("fix"));
    question.environment = "production/canary".parse().unwrap();
    assert!(!world.judge_question(&question, &[unsigned("fix")]).is_overridden(), "a cell");
    world.now = world.now.plus(span("4h"));
    assert!(!judge(&world, "fix").is_overridden(), "four hours are over");
}

/// The policy's `longest` (4 hours where it says nothing) ends an override that asks for more.
#[test]
fn attack_32_the_policy_bounds_an_override() {
    let mut world = world_of(&["ada"]);
    let body = glass(&world, &commit("fix"), "1d");
    broken(&mut world, "ada", body);
    let start = world.now;
    for (later, in_force) in [("239m", true), ("240m", false)] {
        world.now = start.plus(span(later));
        assert_eq!(judge(&world, "fix").is_overridden(), in_force, "{later}");
    }
    assert_eq!(judge(&world, "fix").overrides, []);
}

#[test]
fn attack_32_a_drill_lets_nothing_through_and_owes_nothing() {
    let mut world = world_of(&["ada"]);
    let body = Override { drill: Some(Drill), ..glass(&world, &commit("fix"), "4h") };
    let (_, drill) = broken(&mut world, "ada", body);
    assert!(!judge(&world, "fix").is_overridden());
    deploy_by(&mut world, "fix", vec![drill]);
    assert!(judge(&world, "fix").owed.is_empty());
}

#[test]
fn attack_32_the_duty_and_the_key_must_hold_now() {
    let mut world = world_of(&["ada", "ben"]);
    let body = glass(&world, &commit("fix"), "4h");
    assert_eq!(world.say("cy", Says::Override(body.clone())).unwrap_err().code, "NO_DUTY");
    let (entry, _) = broken(&mut world, "ben", body);
    assert!(judge(&world, "fix").is_overridden());
    let key = countersign::key::Signer::public_key(&signer(seed_of("ben"))).fingerprint();
    let leaked = RevokeKey { key, cause: Revocation::Leaked, since: Some(entry) };
    world.govern(vec![Operation::RevokeKey(leaked)]).unwrap();
    assert!(!judge(&world, "fix").is_overridden(), "a leaked key gives no permission");
    let body = glass(&world, &commit("fix"), "4h");
    broken(&mut world, "ada", body);
    assert!(judge(&world, "fix").is_overridden());
    let back = set_member("ada", Some("senior"));
    world.govern(vec![Operation::SetMember(back)]).unwrap();
    assert!(!judge(&world, "fix").is_overridden(), "the duty is gone");
}

/// What an override let through settles nothing: the next chain starts before it.
#[test]
fn attack_32_a_debt_stands_until_the_next_settled_point() {
    let mut world = world_of(&["ada"]);
    let start = judge(&world, "fix").start_entry();
    let body = glass(&world, &commit("fix"), "4h");
    let (_, glass_id) = broken(&mut world, "ada", body);
    let entry = deploy_by(&mut world, "fix", vec![glass_id]);
    let found = judge(&world, "fix");
    assert_eq!(found.start_entry(), start, "it settled nothing");
    assert_eq!(found.owed.len(), 1);
    let debt = &found.owed[0].debt;
    let deployments: Vec<_> = debt.deployments.iter().map(|one| one.index).collect();
    assert_eq!((debt.entry.index.get(), deployments), (entry.get() - 1, vec![entry]));
    assert_eq!(found.owed[0].debt.members, [id("ada")]);
    assert!(!found.owed[0].overdue);
    world.now = world.now.plus(span("24h"));
    assert!(judge(&world, "fix").owed[0].overdue, "a day is over");
    world.deploy(&commit("fix"));
    assert!(judge(&world, "next").owed.is_empty(), "settled: paid");
}

/// Who deploys by override and records nothing owes all the same, since the gate let it through;
/// a deployment that is recorded after the debt ended is owed anew.
#[test]
fn attack_32_a_deployment_that_nobody_records_is_owed() {
    let mut world = world_of(&["ada"]);
    let body = glass(&world, &commit("fix"), "4h");
    let (_, glass_id) = broken(&mut world, "ada", body);
    let (entry, decision) = let_through(&mut world, "fix", vec![glass_id]);
    // The gate asked once more says the same.
    world.now = world.now.plus(span("1m"));
    let_through(&mut world, "fix", vec![glass_id]);
    let found = judge(&world, "fix");
    assert_eq!(found.owed.len(), 1);
    assert_eq!(found.owed[0].debt.entry.index, entry);
    assert!(found.owed[0].debt.deployments.is_empty());
    world.now = world.now.plus(span("24h"));
    assert!(judge(&world, "fix").owed[0].overdue);
    world.deploy(&commit("other"));
    assert!(judge(&world, "next").owed.is_empty(), "something else was settled");
    let late = world.deploy_in("production", &commit("fix"), decision, Outcome::Started);
    let found = judge(&world, "next");
    assert_eq!(found.owed.len(), 1);
    assert_eq!(found.owed[0].debt.entry.index, late);
}

/// Something new that is settled beside what was overridden ends what is owed; where that was
/// overdue, it makes overrides harder for 30 days more. What is settled as what it is does not.
#[test]
fn attack_32_an_empty_commit_makes_no_override_easier() {
    let holders = ["ada", "ben", "cy"];
    let needed = |settled: &str, after: &str, later: Span| {
        let mut world = world_of(&holders);
        let body = glass(&world, &commit("fix"), "4h");
        let (_, glass_id) = broken(&mut world, "ada", body);
        deploy_by(&mut world, "fix", vec![glass_id]);
        world.now = world.now.plus(span(after));
        world.deploy(&commit(settled));
        world.now = world.now.plus(later);
        judge(&world, "next").overrides_needed
    };
    let most = Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS);
    let below = Span::from_milliseconds(HOLDERS_REMEMBERED_MILLISECONDS - 1);
    assert_eq!(needed("empty", "2d", span("1m")), 3);
    assert_eq!(needed("empty", "2d", below), 3);
    assert_eq!(needed("empty", "2d", most), 1);
    assert_eq!(needed("empty", "23h", span("2d")), 1, "it was not overdue yet");
    assert_eq!(needed("fix", "2d", span("1m")), 1, "late, and paid");
}

/// What ended it and has its commit in the chain that it covered, at the end of a segment, has
/// paid it, late or not; a cover of something else has not.
#[test]
fn attack_32_what_was_paid_on_the_way_to_something_later_is_paid() {
    let needed = |last: &str| {
        let mut world = world_of(&["ada", "ben", "cy"]);
        let body = glass(&world, &commit("fix"), "4h");
        let (_, glass_id) = broken(&mut world, "ada", body);
        deploy_by(&mut world, "fix", vec![glass_id]);
        world.now = world.now.plus(span("2d"));
        let ended = world.deploy(&commit("later"));
        world.now = world.now.plus(span("1m"));
        let change = step(last, "ben", "a", None, Some("1"));
        let segment = Given::default().judge(
            &world,
            &world.question(&commit(last)),
            std::slice::from_ref(&change),
        );
        let (ended, cover) = (Some(ended), Some(Arc::new(segment.cover())));
        let covers = vec![KnownCover { deployed: None, landed: None, ended, cover }];
        let given = Given { covers, ..Given::default() };
        let found = given.judge(&world, &world.question(&commit("next")), &[]);
        (found.overrides_needed, found.owed_elsewhere.len())
    };
    assert_eq!(needed("fix"), (1, 0));
    assert_eq!(needed("beside"), (3, 1));
}

/// Who says that a deployment by override failed does not get rid of its debt.
#[test]
fn attack_32_an_outcome_pays_no_debt() {
    let mut world = world_of(&["ada"]);
    let body = glass(&world, &commit("fix"), "4h");
    let (_, glass_id) = broken(&mut world, "ada", body);
    let entry = deploy_by(&mut world, "fix", vec![glass_id]);
    let started = world.entries()[usize::try_from(entry.get()).unwrap()].id();
    let outcome = Outcome::Failed;
    let says =
        Says::Deployment(Deployment { started: Some(started), outcome, ..deployment("fix") });
    world.say("gate", says).unwrap();
    assert_eq!(judge(&world, "fix").owed.len(), 1);
}

/// While something is overdue, three members override, or all where there are fewer.
#[test]
fn attack_32_an_overdue_debt_wants_two_more_members() {
    let cases: &[(&[&str], usize)] =
        &[(&["ada"], 1), (&["ada", "ben"], 2), (&["ada", "ben", "cy"], 3)];
    for (holders, needed) in cases {
        let mut world = world_of(holders);
        let body = glass(&world, &commit("fix"), "4h");
        let (_, glass_id) = broken(&mut world, "ada", body);
        deploy_by(&mut world, "fix", vec![glass_id]);
        world.now = world.now.plus(span("2d"));
        assert_eq!(judge(&world, "more").overrides_needed, *needed, "{holders:?}");
        for (number, holder) in (1..).zip(*holders) {
            let body = glass(&world, &commit("more"), "4h");
            broken(&mut world, holder, body);
            let found = judge(&world, "more");
            assert_eq!(found.is_overridden(), number >= *needed, "{number} of {holders:?}");
            let too_few = found.reasons().contains(&ReasonCode::DebtOverdue);
            assert_eq!(too_few, number < *needed);
        }
    }
}

/// Who retires the other holders 30 days before makes it easier, and nobody later.
#[test]
fn attack_32_holders_of_the_month_before_count() {
    let needed = |after: u64| {
        let mut world = world_of(&["ada", "ben", "cy"]);
        let retire =
            |name: &str| Operation::RetireMember(RetireMember { member: id(name), reason: None });
        world.govern(vec![retire("ben"), retire("cy")]).unwrap();
        world.now = world.now.plus(Span::from_milliseconds(after));
        let body = glass(&world, &commit("fix"), "4h");
        let (_, glass_id) = broken(&mut world, "ada", body);
        deploy_by(&mut world, "fix", vec![glass_id]);
        world.now = world.now.plus(span("2d"));
        judge(&world, "more").overrides_needed
    };
    assert_eq!(needed(HOLDERS_REMEMBERED_MILLISECONDS - 1), 3);
    assert_eq!(needed(HOLDERS_REMEMBERED_MILLISECONDS), 1);
}

/// An override from a machine whose clock is ahead by more than minutes is not taken up; one that
/// comes late is, and is owed from its own time on.
#[test]
fn attack_32_a_late_override_is_owed_from_its_own_time() {
    let mut world = world_of(&["ada"]);
    let ahead = |milliseconds: u64| {
        let mut world = world_of(&["ada"]);
        let mut body = glass(&world, &commit("fix"), "4h");
        body.claimed = world.now.plus(Span::from_milliseconds(milliseconds));
        world.say("ada", Says::Override(body)).map_err(|refusal| refusal.code)
    };
    assert!(ahead(OVERRIDE_AHEAD_MILLISECONDS_MAX).is_ok());
    assert_eq!(ahead(OVERRIDE_AHEAD_MILLISECONDS_MAX + 1).unwrap_err(), "CLOCK");
    let body = glass(&world, &commit("fix"), "4h");
    let claimed = body.claimed;
    world.now = world.now.plus(span("30h"));
    let (_, glass_id) = broken(&mut world, "ada", body);
    let overrides = vec![glass_id];
    let says = Says::Deployment(Deployment { overrides, ..deployment("fix") });
    world.say("gate", says).unwrap();
    let found = judge(&world, "fix");
    assert!(!found.is_overridden(), "it expired long ago");
    assert_eq!(found.owed[0].debt.since, claimed);
    assert!(found.owed[0].overdue);
}

/// Who retires the other holders first makes nothing easier, and another cell owes the same.
#[test]
fn attack_32_an_overdue_debt_is_not_evaded() {
    let mut world = world_of(&["ada", "ben", "cy"]);
    let retire =
        |name: &str| Operation::RetireMember(RetireMember { member: id(name), reason: None });
    world.govern(vec![retire("ben"), retire("cy")]).unwrap();
    let body = glass(&world, &commit("fix"), "4h");
    let (_, glass_id) = broken(&mut world, "ada", body);
    deploy_by(&mut world, "fix", vec![glass_id]);
    world.now = world.now.plus(span("2d"));
    assert_eq!(judge(&world, "more").overrides_needed, 3, "there were three that month");
    let mut question = world.question(&commit("more"));
    question.environment = "production/canary".parse().unwrap();
    let found = world.judge_question(&question, &[unsigned("more")]);
    assert_eq!(found.overrides_needed, 3, "a cell of the same group");
    // Deploying once more what is settled already ends what is owed, and no more.
    world.deploy(&commit("start"));
    let found = judge(&world, "more");
    assert!(found.owed.is_empty());
    assert_eq!(found.overrides_needed, 3);
    world.deploy(&commit("fix"));
    assert_eq!(judge(&world, "more").overrides_needed, 1, "signed off, and paid");
}
