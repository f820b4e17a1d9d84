//! What a service may do in the admins' place, and what it never may (ATTACKS 38).

use countersign::base::name::TeamName;
use countersign::session::sign;
use countersign::statement::Says;
use countersign::statement::governance::{
    AddKey, ConfirmClock, Delegate, EndDelegation, Governance, Operation, RetireMember, RevokeKey,
    SetAdmins, SetMember, SetPolicy,
};
use countersign::statement::words::{Duty, MemberKind, Revocation};

use crate::code;
use crate::world::{POLICY, World, email, id, set_member, signer};

/// Levels junior, mid, senior; `ci` may set people below senior, and put them into `web`.
fn delegated() -> World {
    let mut world = World::with_policy(&POLICY.replace("\"junior\", ", "\"junior\", \"mid\", "));
    world.govern(vec![delegate("senior")]).unwrap();
    world
}

fn delegate(below: &str) -> Operation {
    let teams = vec!["web".parse().unwrap()];
    Operation::Delegate(Delegate { service: id("ci"), below: below.parse().unwrap(), teams })
}

/// What `ci` signs alone.
fn sync(world: &mut World, operations: Vec<Operation>) -> String {
    let envelope = world.governance("ci", operations, &[5]);
    code(world.submit(&envelope))
}

/// Somebody new, with an address, the duty to review, and that level.
fn person(name: &str, level: Option<&str>) -> SetMember {
    SetMember {
        member: id(name),
        kind: MemberKind::Human,
        level: level.map(|level| level.parse().unwrap()),
        teams: Vec::new(),
        duties: vec![Duty::Review],
        operator: None,
        profile: None,
        emails: vec![email(name)],
    }
}

fn set(said: &SetMember) -> Operation {
    Operation::SetMember(said.clone())
}

fn key(name: &str, seed: u8) -> Operation {
    let key = countersign::key::Signer::public_key(&signer(seed)).clone();
    Operation::AddKey(AddKey { member: id(name), key, attestation: None })
}

fn retire(name: &str) -> Operation {
    Operation::RetireMember(RetireMember { member: id(name), reason: None })
}

#[test]
fn attack_38_a_service_adds_moves_and_retires_people_below_a_level() {
    let mut world = delegated();
    let team: TeamName = "web".parse().unwrap();
    let joiner = SetMember { teams: vec![team], ..person("dee", Some("junior")) };
    assert_eq!(sync(&mut world, vec![set(&joiner), key("dee", 40)]), "entry 2");
    let promoted = SetMember { level: Some("mid".parse().unwrap()), ..joiner };
    assert_eq!(sync(&mut world, vec![set(&promoted)]), "entry 3");
    // Members without a level count as below; ben's duty stays as the admins gave it.
    assert_eq!(sync(&mut world, vec![set(&person("eve", None))]), "entry 4");
    let mut ben = set_member("ben", None);
    ben.duties.clear();
    assert_eq!(sync(&mut world, vec![set(&ben)]), "entry 5");
    assert_eq!(sync(&mut world, vec![retire("dee"), retire("ben")]), "entry 6");
    // Who was below may come back below.
    assert_eq!(sync(&mut world, vec![set(&promoted)]), "entry 7");
    let size = world.view.size();
    assert!(world.view.roster().member(&id("ben"), size).is_none());
    assert_eq!(world.view.roster().keys_of(&id("dee"), size).len(), 1);
}

#[test]
fn attack_38_a_service_never_touches_who_is_not_below() {
    let mut world = delegated();
    let senior = SetMember { level: Some("senior".parse().unwrap()), ..person("sue", None) };
    world.govern(vec![set(&senior), key("sue", 41)]).unwrap();
    let junior = |name: &str| person(name, Some("junior"));
    let with = |change: &dyn Fn(&mut SetMember)| {
        let mut said = person("ned", Some("junior"));
        change(&mut said);
        vec![set(&said)]
    };
    for (what, operations) in [
        ("a new senior", vec![set(&person("ned", Some("senior")))]),
        ("a promotion to senior", vec![set(&set_member("ben", Some("senior")))]),
        ("a demotion of a senior", vec![set(&junior("sue"))]),
        ("a senior's departure", vec![retire("sue")]),
        ("a key for a senior", vec![key("sue", 42)]),
        ("an admin's level", vec![set(&set_member("ada", Some("junior")))]),
        ("a key for an admin", vec![key("ada", 42)]),
        ("an admin's departure", vec![retire("ada")]),
        ("a further key for a junior", vec![key("ben", 42)]),
        ("a senior's key for a junior", vec![set(&junior("ned")), key("ned", 41)]),
        ("the duty to override", with(&|said| said.duties.push(Duty::Override))),
        ("the duty to deploy", with(&|said| said.duties.push(Duty::Deploy))),
        ("a team that is not its to give", with(&|said| said.teams = vec!["sre".parse().unwrap()])),
        ("an agent", with(&|said| said.kind = MemberKind::Agent)),
        ("a bot", with(&|said| said.kind = MemberKind::Bot)),
        ("a service", with(&|said| said.kind = MemberKind::Service)),
        ("an operator", with(&|said| said.operator = Some(id("ada")))),
        ("itself", vec![retire("ci")]),
        ("another service", vec![retire("gate")]),
        (
            "an address taken away",
            vec![set(&SetMember { emails: Vec::new(), ..set_member("ben", Some("junior")) })],
        ),
        ("a wider delegation", vec![delegate("senior")]),
        ("an end", vec![Operation::EndDelegation(EndDelegation { service: id("ci") })]),
        ("a policy", vec![Operation::SetPolicy(SetPolicy { text: POLICY.to_owned() })]),
        ("admins", vec![Operation::SetAdmins(SetAdmins { admins: vec![id("ben")], threshold: 1 })]),
        ("a clock", vec![Operation::ConfirmClock(ConfirmClock { until: world.now })]),
        (
            "a key's end",
            vec![Operation::RevokeKey(RevokeKey {
                key: countersign::key::Signer::public_key(&signer(2)).fingerprint(),
                cause: Revocation::Retired,
                since: None,
            })],
        ),
    ] {
        assert_eq!(sync(&mut world, operations), "DELEGATION", "{what}");
        assert_eq!(world.view.size().get(), 3, "{what}");
    }
    // One operation beyond its reach refuses all.
    assert_eq!(sync(&mut world, vec![set(&junior("ned")), retire("sue")]), "DELEGATION");
    // A senior's address belongs to the senior.
    let thief = SetMember { emails: vec![email("sue")], ..person("ned", None) };
    assert_eq!(sync(&mut world, vec![set(&thief)]), "DELEGATION");
}

/// No way up in two steps: what is out of reach stays so after anything that is in reach.
#[test]
fn attack_38_no_escalation_in_two_steps() {
    let mut world = delegated();
    // To just below, and then on; in two statements, or in one.
    let (mid, senior) = (person("dee", Some("mid")), person("dee", Some("senior")));
    assert_eq!(sync(&mut world, vec![set(&mid), key("dee", 40)]), "entry 2");
    assert_eq!(sync(&mut world, vec![set(&senior)]), "DELEGATION");
    assert_eq!(
        sync(&mut world, vec![set(&person("fay", Some("mid"))), set(&senior)]),
        "DELEGATION"
    );
    // A senior who left does not come back as a junior, whose key then still signs.
    world.govern(vec![set(&senior)]).unwrap();
    world.govern(vec![retire("dee")]).unwrap();
    assert_eq!(sync(&mut world, vec![set(&mid)]), "DELEGATION");
    // Nor does an address move: taken from one, it would be free for another.
    let two = SetMember {
        emails: {
            let mut both = vec![email("gus"), email("gus2")];
            both.sort_unstable();
            both
        },
        ..person("gus", Some("junior"))
    };
    assert_eq!(sync(&mut world, vec![set(&two)]), "entry 5");
    assert_eq!(sync(&mut world, vec![set(&person("gus", Some("junior")))]), "DELEGATION");
    // Retired and set again without it: the same.
    let again = vec![retire("gus"), set(&person("gus", Some("junior")))];
    assert_eq!(sync(&mut world, again), "DELEGATION");
    // A key that was revoked was a key all the same: no second first one.
    let key_of_ben = countersign::key::Signer::public_key(&signer(2)).fingerprint();
    let revoke = RevokeKey { key: key_of_ben, cause: Revocation::Retired, since: None };
    world.govern(vec![Operation::RevokeKey(revoke)]).unwrap();
    assert_eq!(sync(&mut world, vec![key("ben", 43)]), "DELEGATION");
    assert_eq!(
        sync(&mut world, vec![retire("ben"), set(&set_member("ben", None)), key("ben", 43)]),
        "DELEGATION"
    );
    // Nobody is named an admin in advance; one who left stays out of reach.
    let admins = |names: &[&str]| {
        let admins = names.iter().map(|name| id(name)).collect();
        vec![Operation::SetAdmins(SetAdmins { admins, threshold: 1 })]
    };
    assert_eq!(code(world.govern(admins(&["ada", "zoe"]))), "UNKNOWN_MEMBER");
    assert_eq!(code(world.govern(admins(&["ada", "gate"]))), "NOT_HUMAN");
    world.govern(admins(&["ada", "cy"])).unwrap();
    world.govern(vec![retire("cy")]).unwrap();
    assert_eq!(sync(&mut world, vec![set(&set_member("cy", None))]), "DELEGATION");
}

#[test]
fn attack_38_a_delegation_is_given_and_ended_by_admins() {
    let mut world = delegated();
    let join = |name: &str| vec![set(&person(name, None))];
    // The chain of governance holds for the service as well.
    let stale = world.governance("ci", join("one"), &[5]);
    assert_eq!(sync(&mut world, join("two")), "entry 2");
    assert_eq!(code(world.submit(&stale)), "STALE");
    // It signs alone and for itself.
    let both = world.governance("ci", join("one"), &[1, 5]);
    assert_eq!(code(world.submit(&both)), "SIGNATURES");
    let other = world.governance("ci", join("one"), &[1]);
    assert_eq!(code(world.submit(&other)), "NOT_THE_OWNER");
    let as_admin = world.governance("ada", join("one"), &[1, 5]);
    assert_eq!(code(world.submit(&as_admin)), "NOT_ADMIN");
    let gate = world.governance("gate", join("one"), &[4]);
    assert_eq!(code(world.submit(&gate)), "NOT_ADMIN", "nothing is delegated to the gate");
    // A service that leaves and comes back has lost it; an end ends it.
    world.govern(vec![retire("ci"), set(&set_member("ci", None))]).unwrap();
    assert_eq!(sync(&mut world, join("one")), "NOT_ADMIN");
    world.govern(vec![delegate("mid")]).unwrap();
    assert_eq!(sync(&mut world, vec![set(&person("one", Some("mid")))]), "DELEGATION");
    assert_eq!(sync(&mut world, vec![set(&person("one", Some("junior")))]), "entry 5");
    let end = || vec![Operation::EndDelegation(EndDelegation { service: id("ci") })];
    world.govern(end()).unwrap();
    assert_eq!(sync(&mut world, join("tom")), "NOT_ADMIN");
    assert_eq!(code(world.govern(end())), "DELEGATION", "there is none");
    // To a service of the roster, below a level of the policy, and that level stays listed.
    let to = |service: &str, below: &str| {
        let below = below.parse().unwrap();
        let said = Delegate { service: id(service), below, teams: Vec::new() };
        vec![Operation::Delegate(said)]
    };
    assert_eq!(code(world.govern(to("ben", "mid"))), "NOT_A_SERVICE");
    assert_eq!(code(world.govern(to("nobody", "mid"))), "NOT_A_SERVICE");
    assert_eq!(code(world.govern(to("ci", "wizard"))), "LEVEL");
    world.govern(to("ci", "mid")).unwrap();
    let without_mid = vec![Operation::SetPolicy(SetPolicy { text: POLICY.to_owned() })];
    assert_eq!(code(world.govern(without_mid)), "LEVEL");
}

/// A revoked key of the service signs nothing more.
#[test]
fn attack_38_a_leaked_key_of_the_service_is_ended_by_one_admin() {
    let mut world = delegated();
    let key = countersign::key::Signer::public_key(&signer(5)).fingerprint();
    let since = Some(countersign::base::position::EntryIndex::new(1));
    let revoke = RevokeKey { key, cause: Revocation::Leaked, since };
    world.govern(vec![Operation::RevokeKey(revoke)]).unwrap();
    assert_eq!(sync(&mut world, vec![set(&person("one", None))]), "KEY_REVOKED");
    let base = world.view.newest_governance().map(|entry| entry.leaf);
    let operations = vec![set(&person("one", None))];
    let says = Says::Governance(Governance { genesis: None, base, operations });
    let statement = world.statement("ci", says);
    assert_eq!(code(world.submit(&sign(&statement, &signer(99)).unwrap())), "UNKNOWN_KEY");
}
