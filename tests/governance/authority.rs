//! Who must sign, what one admin may do alone, and that nobody is locked out.

use countersign::base::digest::Commitment;
use countersign::base::position::EntryIndex;
use countersign::key::{KeyId, Signer as _};
use countersign::statement::governance::{
    Operation, RetireMember, RevokeKey, SetAdmins, SetMember,
};
use countersign::statement::words::{Duty, Revocation};

use crate::code;
use crate::world::{POLICY, World, add_key, email, id, seed_of, set_member, signer};

fn set_admins(names: &[&str], threshold: u32) -> Operation {
    let admins = names.iter().map(|name| id(name)).collect();
    Operation::SetAdmins(SetAdmins { admins, threshold })
}

/// A world in which these people are admins.
fn world(names: &[&str], threshold: u32) -> World {
    let policy = POLICY.replace("\"junior\", ", "\"junior\", \"mid\", ");
    let mut world = World::with_policy(&policy);
    if names.len() > 1 {
        world.govern(vec![set_admins(names, threshold)]).unwrap();
    }
    world
}

/// Signed by these people, the first of whom proposes.
fn signed(world: &mut World, names: &[&str], operations: Vec<Operation>) -> String {
    let seeds: Vec<u8> = names.iter().map(|name| seed_of(name)).collect();
    let envelope = world.governance(names[0], operations, &seeds);
    let code = code(world.submit(&envelope));
    if code.starts_with("entry") { "taken".to_owned() } else { code }
}

fn promote(name: &str) -> Operation {
    let said = set_member(name, Some("senior"));
    Operation::SetMember(SetMember { teams: vec!["sre".parse().unwrap()], ..said })
}

fn key_of(name: &str) -> KeyId {
    signer(seed_of(name)).public_key().fingerprint()
}

fn revoke(name: &str, cause: Revocation) -> Operation {
    let since = (cause == Revocation::Leaked).then(|| EntryIndex::new(0));
    Operation::RevokeKey(RevokeKey { key: key_of(name), cause, since })
}

fn retire(name: &str) -> Operation {
    Operation::RetireMember(RetireMember { member: id(name), reason: None })
}

/// ATTACKS 18 (c): in an operation that gives an admin something, that admin's own signature
/// does not count. Teams of one, two and three; nobody is locked out.
#[test]
fn attack_18_own_signature_does_not_count() {
    // Alone there is nobody else: it works, and is told everywhere.
    let mut one = world(&["ada"], 1);
    assert!(one.view.roster().is_single_admin(one.view.size()));
    assert_eq!(signed(&mut one, &["ada"], vec![promote("ada")]), "taken");
    assert_eq!(signed(&mut one, &["ada"], vec![add_key("ada", 60)]), "taken");

    for gift in [promote("ada"), add_key("ada", 60)] {
        let mut two = world(&["ada", "ben"], 1);
        assert!(!two.view.roster().is_single_admin(two.view.size()));
        assert_eq!(signed(&mut two, &["ada"], vec![gift.clone()]), "OWN_SIGNATURE");
        // What helps both at once is no way around it.
        let bundle = vec![gift.clone(), promote("ben")];
        assert_eq!(signed(&mut two, &["ada"], bundle.clone()), "OWN_SIGNATURE");
        assert_eq!(signed(&mut two, &["ada", "ben"], bundle), "taken");
        let mut two = world(&["ada", "ben"], 1);
        assert_eq!(signed(&mut two, &["ben"], vec![gift.clone()]), "taken");
        let mut two = world(&["ada", "ben"], 2);
        assert_eq!(signed(&mut two, &["ben"], vec![gift.clone()]), "THRESHOLD");
        assert_eq!(signed(&mut two, &["ada", "ben"], vec![gift.clone()]), "taken");

        let mut three = world(&["ada", "ben", "cy"], 2);
        assert_eq!(signed(&mut three, &["ada", "ben"], vec![gift.clone()]), "OWN_SIGNATURE");
        assert_eq!(signed(&mut three, &["ben", "cy"], vec![gift.clone()]), "taken");
        let mut three = world(&["ada", "ben", "cy"], 3);
        assert_eq!(signed(&mut three, &["ada", "ben", "cy"], vec![gift]), "taken");
    }
    // About somebody who is no admin, every signature counts.
    let mut two = world(&["ada", "ben"], 1);
    assert_eq!(signed(&mut two, &["ada"], vec![promote("cy")]), "taken");
    // The other admin is gone: who is left is single again, and not locked out.
    assert_eq!(signed(&mut two, &["ada"], vec![retire("ben")]), "taken");
    assert!(two.view.roster().is_single_admin(two.view.size()));
    assert_eq!(signed(&mut two, &["ada"], vec![promote("ada")]), "taken");
}

/// One admin suffices where a member only loses: level, teams, duties whose loss is stricter.
#[test]
fn attack_38_a_demotion_needs_one_admin() {
    let mut world = world(&["ada", "ben", "cy"], 2);
    let full = SetMember {
        teams: vec!["sre".parse().unwrap(), "web".parse().unwrap()],
        duties: vec![Duty::Review, Duty::Declare, Duty::Deploy, Duty::Override],
        ..set_member("ada", Some("senior"))
    };
    let set = |said: SetMember| vec![Operation::SetMember(said)];
    assert_eq!(signed(&mut world, &["ben", "cy"], set(full.clone())), "taken");
    let changed = |change: &dyn Fn(&mut SetMember)| {
        let mut said = full.clone();
        change(&mut said);
        set(said)
    };
    let mut other_emails = vec![email("ada"), email("else")];
    other_emails.sort_unstable();
    for (what, operations) in [
        ("another address", changed(&|said| said.emails.clone_from(&other_emails))),
        ("no address", changed(&|said| said.emails.clear())),
        ("another profile", changed(&|said| said.profile = Some(Commitment::from_bytes([7; 32])))),
        ("another team", changed(&|said| said.teams = vec!["pay".parse().unwrap()])),
        ("one more duty", changed(&|said| said.duties.insert(2, Duty::Build))),
        ("no declarations", changed(&|said| said.duties.retain(|duty| *duty != Duty::Declare))),
        ("no overrides", changed(&|said| said.duties.retain(|duty| *duty != Duty::Override))),
        (
            "a level less, a team more",
            changed(&|said| {
                said.level = Some("junior".parse().unwrap());
                said.teams.insert(0, "pay".parse().unwrap());
            }),
        ),
    ] {
        assert_eq!(signed(&mut world, &["ben"], operations), "THRESHOLD", "{what}");
    }
    let mut lower = full.clone();
    lower.level = Some("mid".parse().unwrap());
    lower.teams.remove(0);
    lower.duties = vec![Duty::Declare, Duty::Override];
    assert_eq!(signed(&mut world, &["ben"], set(lower.clone())), "taken");
    // Back up it is not only a loss; and down again in the same statement does not hide that.
    assert_eq!(signed(&mut world, &["ben"], set(full.clone())), "THRESHOLD");
    let up_and_down = [set(full), set(lower.clone())].concat();
    assert_eq!(signed(&mut world, &["ben"], up_and_down), "THRESHOLD");
    // To no level at all, which is below every one; also one's own.
    lower.level = None;
    assert_eq!(signed(&mut world, &["ada"], set(lower.clone())), "taken");
    lower.level = Some("junior".parse().unwrap());
    assert_eq!(signed(&mut world, &["ben"], set(lower)), "THRESHOLD");
}

/// Nobody is locked out by mistake, whatever takes an admin away.
#[test]
fn attack_18_the_last_able_admins_stay() {
    let names = ["ada", "ben", "cy"];
    for threshold in 1..=3_u32 {
        let able = usize::try_from(threshold).unwrap();
        for take in [
            retire as fn(&str) -> Operation,
            |name| revoke(name, Revocation::Retired),
            |name| revoke(name, Revocation::Leaked),
        ] {
            let mut world = world(&names, threshold);
            // Down to as many as must sign, one by one; then no further.
            for name in &names[able..] {
                assert_eq!(signed(&mut world, &["ada"], vec![take(name)]), "taken");
            }
            let last = names[able - 1];
            assert_eq!(signed(&mut world, &["ada"], vec![take(last)]), "LOCK_OUT", "{threshold}");
            assert_eq!(signed(&mut world, &["ada"], vec![take("ada")]), "LOCK_OUT", "{threshold}");
            // More than are able can never be asked for.
            let more = set_admins(&names, threshold + 1);
            if threshold < 3 {
                let all = &names[..able];
                assert_eq!(signed(&mut world, all, vec![more]), "LOCK_OUT", "{threshold}");
            }
        }
    }
    // The way out: another key, or another admin, in the same statement.
    let mut alone = world(&["ada"], 1);
    let leaked = revoke("ada", Revocation::Leaked);
    assert_eq!(signed(&mut alone, &["ada"], vec![add_key("ada", 61), leaked.clone()]), "taken");
    let mut alone = world(&["ada"], 1);
    assert_eq!(signed(&mut alone, &["ada"], vec![set_admins(&["ben"], 1), leaked]), "taken");
    // An unused key of the last admin does not go to somebody else either.
    let mut alone = world(&["ada"], 1);
    assert_eq!(signed(&mut alone, &["ada"], vec![set_admins(&["ben"], 1)]), "taken");
    assert_eq!(signed(&mut alone, &["ben"], vec![add_key("cy", 2)]), "LOCK_OUT");
}

/// ATTACKS 33: only a reject is lifted, and once.
#[test]
fn attack_33_only_a_reject_is_lifted_and_once() {
    use crate::world::{step, word};
    use countersign::statement::Says;
    use countersign::statement::governance::Lift;
    use countersign::statement::words::ApprovalVerdict;

    let mut world = world(&["ada"], 1);
    let change = step("one", "ben", "a", None, Some("1"));
    let approval = world.approve("ada", &change).unwrap();
    let reject = Says::Approval(word(ApprovalVerdict::Reject, &change.step.document));
    let reject = world.say("cy", reject).unwrap();
    let lift = |world: &World, entry| {
        let reason = Commitment::from_bytes([1; 32]);
        Operation::Lift(Lift { entry: world.reference(entry), reason })
    };
    for entry in [approval, EntryIndex::new(0)] {
        let operation = lift(&world, entry);
        assert_eq!(code(world.govern(vec![operation])), "NOT_A_REJECT");
    }
    let operation = lift(&world, reject);
    assert_eq!(code(world.govern(vec![operation.clone(), operation.clone()])), "LIFTED");
    world.govern(vec![operation.clone()]).unwrap();
    assert_eq!(code(world.govern(vec![operation])), "LIFTED");
    assert!(world.view.is_lifted(reject));
}
