//! What may become an entry.

use countersign::base::digest::LeafHash;
use countersign::base::name::MemberId;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::session::sign;
use countersign::statement::Says;
use countersign::statement::governance::{
    Accepted, Operation, RetireMember, RevokeKey, SetAdmins, SetBaseline,
};
use countersign::statement::words::{ApprovalVerdict, Assistance, Duty, MemberKind, Revocation};

use super::world::{World, add_key, commit, id, seed_of, set_member, signer, step, word};

fn code(result: Result<EntryIndex, countersign::ledger::append::Refusal>) -> String {
    result.map_or_else(|refusal| refusal.code, |index| format!("entry {index}"))
}

/// ATTACKS 5: the same statement never gets a second entry, in whatever spelling.
#[test]
fn attack_05_a_replayed_statement_is_the_old_entry() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    let says = Says::Approval(word(ApprovalVerdict::Approve, &change.step.document));
    let statement = world.statement("ada", says);
    let envelope = sign(&statement, &signer(1)).unwrap();
    let first = world.submit(&envelope).unwrap();
    let text = String::from_utf8(envelope.to_canonical()).unwrap();
    let other = text.replace("\"payloadType\"", " \"payloadType\"");
    assert_ne!(text, other);
    assert_eq!(world.submit_bytes(other.as_bytes()).unwrap(), first);
    assert_eq!(world.view.size(), first.size_after());
    // An honest second approval is another statement: its nonce differs.
    assert_ne!(world.approve("ada", &change).unwrap(), first);
}

/// ATTACKS 6: a statement for another ledger, by another member, or of another history is refused.
#[test]
fn attack_06_a_statement_is_for_one_ledger_member_and_history() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    let says = Says::Approval(word(ApprovalVerdict::Approve, &change.step.document));
    let mut foreign = world.statement("ada", says.clone());
    foreign.ledger = Some(LeafHash::from_bytes([7; 32]));
    assert_eq!(code(world.submit(&sign(&foreign, &signer(1)).unwrap())), "OTHER_LEDGER");
    let stolen = world.statement("cy", says.clone());
    assert_eq!(code(world.submit(&sign(&stolen, &signer(1)).unwrap())), "NOT_THE_OWNER");
    let mut ahead = world.statement("ada", says.clone());
    ahead.seen.as_mut().unwrap().size = TreeSize::new(99);
    assert_eq!(code(world.submit(&sign(&ahead, &signer(1)).unwrap())), "SEEN");
    let unknown = world.statement("ada", says);
    assert_eq!(code(world.submit(&sign(&unknown, &signer(77)).unwrap())), "UNKNOWN_KEY");
    assert_eq!(world.view.size(), TreeSize::new(1), "nothing was appended");
}

/// ATTACKS 35: one signature, and it is good.
#[test]
fn attack_35_signatures_are_counted_and_checked() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    let says = Says::Approval(word(ApprovalVerdict::Approve, &change.step.document));
    let statement = world.statement("ada", says);
    let twice = countersign::session::sign_again(sign(&statement, &signer(1)).unwrap(), &signer(2));
    assert_eq!(code(world.submit(&twice.unwrap())), "SIGNATURES");
    let good = sign(&statement, &signer(1)).unwrap();
    let mut bad = good.signatures()[0].clone();
    if let countersign::key::Signature::Plain(bytes) = &mut bad.signature {
        bytes[3] ^= 1;
    }
    let forged =
        countersign::statement::envelope::Envelope::new(good.payload().to_vec(), vec![bad]);
    assert_eq!(code(world.submit(&forged)), "BAD_SIGNATURE");
}

/// Only humans with the duty review sign off, whatever else the roster says.
#[test]
fn who_may_say_what() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    assert_eq!(code(world.approve("bot", &change)), "NO_DUTY");
    assert_eq!(code(world.approve("gate", &change)), "NO_DUTY");
    let decision = world.decide(&commit("one"));
    assert_eq!(code(world.say("ada", decision)), "NO_DUTY");
    assert_eq!(code(world.declare("gate", &change, &["ben"], Assistance::None)), "NO_DUTY");
    world.declare("ci", &change, &["ben"], Assistance::None).unwrap();
    world.declare("bot", &change, &["ben"], Assistance::None).unwrap();
}

/// ATTACKS 13: a place that the policy does not list is refused, never judged by weaker rules.
#[test]
fn attack_13_unknown_places_are_refused() {
    let mut world = World::new();
    let mut says = world.decide(&commit("one"));
    if let Says::Decision(decision) = &mut says {
        decision.environment = "prod".parse().unwrap();
    }
    assert_eq!(code(world.say("gate", says)), "UNKNOWN_ENVIRONMENT");
    let mut says = world.decide(&commit("one"));
    if let Says::Decision(decision) = &mut says {
        decision.service = "shop2".parse().unwrap();
    }
    assert_eq!(code(world.say("gate", says)), "UNKNOWN_SERVICE");
}

/// ATTACKS 18: governance rests on the governance before it, and is by admins.
#[test]
fn attack_18_governance_is_closed() {
    let mut world = World::new();
    let promote = || vec![Operation::SetMember(set_member("ben", Some("senior")))];
    let stale = world.governance("ada", promote(), &[1]);
    world.govern(vec![Operation::SetMember(set_member("cy", Some("senior")))]).unwrap();
    assert_eq!(code(world.submit(&stale)), "STALE", "signed, kept, and handed in later");
    let usurper = world.governance("ben", promote(), &[2]);
    assert_eq!(code(world.submit(&usurper)), "NOT_ADMIN");
    let for_another = world.governance("ben", promote(), &[1]);
    assert_eq!(code(world.submit(&for_another)), "PROPOSER");
    let doubled = world.governance("ada", promote(), &[1, 1]);
    assert_eq!(code(world.submit(&doubled)), "SIGNED_TWICE");
    let padded = world.governance("ada", promote(), &[1, 2]);
    assert_eq!(code(world.submit(&padded)), "NOT_ADMIN", "any bad signature refuses the whole");
}

#[test]
fn attack_18_a_threshold_holds_and_nobody_is_locked_out() {
    let mut world = World::new();
    let admins = |ids: &[&str], threshold| {
        let admins: Vec<MemberId> = ids.iter().map(|name| id(name)).collect();
        vec![Operation::SetAdmins(SetAdmins { admins, threshold })]
    };
    assert_eq!(code(world.govern(admins(&["gate"], 1))), "LOCK_OUT", "a service is no admin");
    world.govern(admins(&["ada", "ben", "cy"], 2)).unwrap();
    let promote = || vec![Operation::SetMember(set_member("bot", None))];
    let one = world.governance("ada", promote(), &[1]);
    assert_eq!(code(world.submit(&one)), "THRESHOLD");
    let two = world.governance("ada", promote(), &[1, 2]);
    world.submit(&two).unwrap();
    // What only reduces needs one admin; but two who must sign must be left.
    let retire =
        |name: &str| vec![Operation::RetireMember(RetireMember { member: id(name), reason: None })];
    let one = world.governance("ada", retire("cy"), &[1]);
    world.submit(&one).unwrap();
    let last = world.governance("ada", retire("ben"), &[1]);
    assert_eq!(code(world.submit(&last)), "LOCK_OUT");
}

#[test]
fn attack_18_a_key_has_one_owner_for_ever() {
    let mut world = World::new();
    world.govern(vec![add_key("ben", 50)]).unwrap();
    // Unused, it may still be handed on; that is the way out of a mistake.
    world.govern(vec![add_key("cy", 50)]).unwrap();
    let change = step("one", "ada", "a", None, Some("1"));
    let says = Says::Approval(word(ApprovalVerdict::Approve, &change.step.document));
    let statement = world.statement("cy", says);
    world.submit(&sign(&statement, &signer(50)).unwrap()).unwrap();
    assert_eq!(code(world.govern(vec![add_key("ben", 50)])), "KEY_OWNED");
    let key = countersign::key::Signer::public_key(&signer(50)).fingerprint();
    let retire = RevokeKey { key, cause: Revocation::Retired, since: None };
    world.govern(vec![Operation::RevokeKey(retire)]).unwrap();
    assert_eq!(code(world.govern(vec![add_key("cy", 50)])), "KEY_REVOKED");
    let late = world
        .statement("cy", Says::Approval(word(ApprovalVerdict::Approve, &change.step.document)));
    assert_eq!(code(world.submit(&sign(&late, &signer(50)).unwrap())), "KEY_REVOKED");
}

#[test]
fn attack_18_kind_is_set_once_and_addresses_are_nobody_elses() {
    let mut world = World::new();
    let mut human = set_member("bot", None);
    human.kind = MemberKind::Human;
    human.operator = None;
    assert_eq!(code(world.govern(vec![Operation::SetMember(human)])), "KIND");
    let mut shared = set_member("ben", Some("junior"));
    shared.emails = set_member("ada", None).emails;
    assert_eq!(code(world.govern(vec![Operation::SetMember(shared)])), "EMAIL");
    let mut alone = set_member("bot", None);
    alone.operator = None;
    assert_eq!(code(world.govern(vec![Operation::SetMember(alone)])), "OPERATOR");
    let mut unlisted = set_member("ben", Some("wizard"));
    unlisted.duties = vec![Duty::Review];
    assert_eq!(code(world.govern(vec![Operation::SetMember(unlisted)])), "LEVEL");
}

/// ATTACKS 3: one baseline for each place, unless it says what it replaces and why.
#[test]
fn attack_03_a_second_baseline_says_what_it_replaces() {
    let mut world = World::new();
    let baseline = |replaces: Option<u64>| SetBaseline {
        service: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        accepted: Accepted::UpTo(commit("evil")),
        replaces: replaces.map(EntryIndex::new),
        reason: replaces.map(|_| countersign::base::digest::Commitment::from_bytes([1; 32])),
    };
    assert_eq!(code(world.govern(vec![Operation::SetBaseline(baseline(None))])), "BASELINE");
    assert_eq!(code(world.govern(vec![Operation::SetBaseline(baseline(Some(5)))])), "BASELINE");
    world.govern(vec![Operation::SetBaseline(baseline(Some(0)))]).unwrap();
    world.deploy(&commit("one"));
    assert_eq!(code(world.govern(vec![Operation::SetBaseline(baseline(Some(1)))])), "BASELINE");
}

/// A withdrawal names an entry of one's own about the same subject.
#[test]
fn a_withdrawal_names_an_entry_of_ones_own() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    let other = step("two", "ben", "b", None, Some("1"));
    let mine = world.approve("ada", &change).unwrap();
    let mut withdrawal = word(ApprovalVerdict::Withdraw, &change.step.document);
    withdrawal.withdraws = Some(world.reference(mine));
    assert_eq!(code(world.say("cy", Says::Approval(withdrawal.clone()))), "NOT_YOURS");
    let mut elsewhere = word(ApprovalVerdict::Withdraw, &other.step.document);
    elsewhere.withdraws = withdrawal.withdraws;
    assert_eq!(code(world.say("ada", Says::Approval(elsewhere))), "OTHER_SUBJECTS");
    let mut wrong = withdrawal.clone();
    wrong.withdraws.as_mut().unwrap().leaf = LeafHash::from_bytes([1; 32]);
    assert_eq!(code(world.say("ada", Says::Approval(wrong))), "NO_SUCH_ENTRY");
    world.say("ada", Says::Approval(withdrawal)).unwrap();
}

/// A policy that cannot be read, or that drops a level in use, never comes into force.
#[test]
fn attack_43_a_policy_that_cannot_hold_is_refused() {
    use countersign::statement::governance::SetPolicy;
    let mut world = World::new();
    let set = |text: String| vec![Operation::SetPolicy(SetPolicy { text })];
    assert_eq!(code(world.govern(set("version = 1\nfrobnicate = 2\n".to_owned()))), "POLICY");
    let without = super::world::POLICY.replace("\"junior\", ", "");
    assert_eq!(code(world.govern(set(without))), "LEVEL");
    // ATTACKS 43: nor one that turns the levels around that people hold.
    let turned = super::world::POLICY.replace("\"junior\", \"senior\"", "\"senior\", \"junior\"");
    assert_eq!(code(world.govern(set(turned))), "LEVEL");
    let more = super::world::POLICY.replace("\"junior\",", "\"trainee\", \"junior\",");
    world.govern(set(more)).unwrap();
    assert_eq!(seed_of("ada"), 1);
}

/// Of two policies in one statement each is a policy. A version that nobody can read would stay
/// in the ledger for good, and every verdict reads them all: nothing would ever pass again.
#[test]
fn attack_18_a_policy_that_is_replaced_at_once_is_a_policy_too() {
    use countersign::statement::governance::SetPolicy;
    let mut world = World::new();
    let set = |text: &str| Operation::SetPolicy(SetPolicy { text: text.to_owned() });
    let unreadable = vec![set("frobnicate = 2\n"), set(super::world::POLICY)];
    assert_eq!(code(world.govern(unreadable)), "POLICY");
    let readable = vec![set(super::world::POLICY), set(super::world::POLICY)];
    world.govern(readable).unwrap();
    assert_eq!(world.view.policies().len(), 3);
}
