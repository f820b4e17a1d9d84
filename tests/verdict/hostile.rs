//! What a hostile reader found: each was a yes, or locked honest people out.

use countersign::base::time::Span;
use countersign::change::Document;
use countersign::key::Signer as _;
use countersign::policy::ReasonCode;
use countersign::session::sign;
use countersign::statement::Says;
use countersign::statement::governance::{Operation, RevokeKey};
use countersign::statement::pipeline::Deployment;
use countersign::statement::words::{ApprovalVerdict, Assistance, Outcome, Revocation};
use countersign::verify::{KnownCover, StepEvidence, Verdict};

use super::deployments::deployment;
use super::given::{Given, landed};
use super::world::{World, add_key, commit, row, seed_of, signer, step, word};

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn declared(world: &mut World, label: &str, path: &str) -> StepEvidence {
    let step = step(label, "ben", path, None, Some("1"));
    world.declare("ben", &step, &["ben"], Assistance::None).unwrap();
    step
}

fn judge(world: &World, steps: &[StepEvidence], runs: &[(usize, usize)]) -> Verdict {
    let question = world.question(&steps.last().unwrap().step.commit);
    let given = Given { runs: runs.to_vec(), ..Given::default() };
    given.judge(world, &question, steps)
}

fn run_of(steps: &[StepEvidence]) -> Document {
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    Document::compose(&documents).unwrap()
}

fn say(world: &mut World, by: &str, verdict: ApprovalVerdict, document: &Document) {
    world.say(by, Says::Approval(word(verdict, document))).unwrap();
}

/// ATTACKS 18: a second key that an admin put to somebody's name neither signs off nor takes back
/// that person's reject before it has cooled.
#[test]
fn attack_18_a_cooling_key_takes_back_no_reject() {
    let mut world = World::new();
    let change = declared(&mut world, "one", "a");
    world.approve("ada", &change).unwrap();
    say(&mut world, "cy", ApprovalVerdict::Reject, &change.step.document);
    world.govern(vec![add_key("cy", 77)]).unwrap();
    let says = Says::Approval(word(ApprovalVerdict::Approve, &change.step.document));
    let statement = world.statement("cy", says);
    world.submit(&sign(&statement, &signer(77)).unwrap()).unwrap();
    let steps = [change];
    assert_eq!(judge(&world, &steps, &[]).reasons(), [ReasonCode::Rejected]);
    world.now = world.now.plus(span("24h"));
    assert!(judge(&world, &steps, &[]).is_allowed());
}

/// ATTACKS 27: whoever signed off more before a reject has not answered it.
#[test]
fn attack_27_an_older_sign_off_answers_no_reject() {
    let mut world = World::new();
    let paths = ["a", "b", "c", "d"];
    let steps: Vec<_> =
        paths.iter().map(|path| declared(&mut world, &format!("s{path}"), path)).collect();
    let runs = [(0, 1), (0, 3)];
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps));
    assert!(judge(&world, &steps, &runs).is_allowed());
    say(&mut world, "cy", ApprovalVerdict::Reject, &run_of(&steps[..2]));
    assert_eq!(judge(&world, &steps, &runs).reasons(), [ReasonCode::Rejected]);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps));
    assert!(judge(&world, &steps, &runs).is_allowed(), "she read it again");
}

/// A rejected commit that was reverted holds nobody up: the two compose to nothing.
#[test]
fn attack_33_a_rejected_and_reverted_step_blocks_nothing() {
    let mut world = World::new();
    let bad = declared(&mut world, "bad", "a");
    let mut revert = step("revert", "ben", "a", Some("1"), None);
    revert.step.commit = commit("revert");
    let good = declared(&mut world, "good", "b");
    world.approve("ada", &good).unwrap();
    say(&mut world, "cy", ApprovalVerdict::Reject, &bad.step.document);
    let steps = [bad, revert, good];
    assert!(!judge(&world, &steps[..1], &[]).is_allowed());
    assert!(judge(&world, &steps, &[(0, 1)]).is_allowed());
}

/// ATTACKS 7, 40: one signature under a morning's queue is not used up by the first that lands.
#[test]
fn attack_07_a_batch_is_not_spent_by_its_first_change() {
    let mut world = World::new();
    let first = declared(&mut world, "one", "a");
    let second = declared(&mut world, "two", "b");
    let mut batch = word(ApprovalVerdict::Approve, &first.step.document);
    batch.rows.push(row(second.step.document.hash()));
    world.say("ada", Says::Approval(batch)).unwrap();
    let deployed = judge(&world, std::slice::from_ref(&first), &[]);
    let entry = world.deploy(&commit("one")).get();
    let given = Given { covers: vec![landed(&deployed, entry)], ..Given::default() };
    let question = world.question(&commit("two"));
    assert!(given.judge(&world, &question, &[second]).is_allowed());
}

/// A cover that is lost asks for new sign-offs; it locks nobody out.
#[test]
fn attack_07_a_lost_cover_spends_what_came_before() {
    let mut world = World::new();
    let change = declared(&mut world, "one", "a");
    world.approve("ada", &change).unwrap();
    let entry = world.deploy(&commit("other"));
    let lost = KnownCover { deployed: None, landed: Some(entry), ended: None, cover: None };
    let given = Given { covers: vec![lost], ..Given::default() };
    let question = world.question(&commit("one"));
    let found = given.judge(&world, &question, std::slice::from_ref(&change));
    assert_eq!(found.segments[0].discounted[0].code, ReasonCode::Spent);
    world.approve("ada", &change).unwrap();
    let question = world.question(&commit("one"));
    assert!(given.judge(&world, &question, &[change]).is_allowed());
}

fn newest(world: &World) -> u64 {
    let (service, place) = ("shop".parse().unwrap(), "production".parse().unwrap());
    world.view.settled(&service, &place).newest().unwrap().entry.index.get()
}

/// ATTACKS 19: what a leaked gate key allowed and deployed starts nothing any more.
#[test]
fn attack_19_a_leaked_gate_key_settles_nothing() {
    let mut world = World::new();
    let good = world.deploy(&commit("good")).get();
    let evil = world.deploy(&commit("evil")).get();
    assert_eq!(newest(&world), evil);
    let key = signer(seed_of("gate")).public_key().fingerprint();
    let leaked = |since: u64| {
        let since = Some(countersign::base::position::EntryIndex::new(since));
        vec![Operation::RevokeKey(RevokeKey { key, cause: Revocation::Leaked, since })]
    };
    // Its decision stands one entry before it.
    world.govern(leaked(evil - 1)).unwrap();
    assert_eq!(newest(&world), good);
    world.govern(leaked(0)).unwrap();
    assert_eq!(newest(&world), 0, "the baseline is the admins' word");
}

/// ATTACKS 3: whoever deploys unmakes the newest point, once; not one after the other.
#[test]
fn attack_03_a_deploy_key_does_not_walk_back() {
    let mut world = World::new();
    let entries: Vec<_> = ["one", "two", "three"].map(|l| world.deploy(&commit(l))).into();
    let ids: Vec<_> = world.entries().iter().map(countersign::verify::VerifiedEntry::id).collect();
    let mut fail = |at: usize, label: &str| {
        let started = ids[usize::try_from(entries[at].get()).unwrap()];
        let outcome = Outcome::Failed;
        let said = Deployment { started: Some(started), outcome, ..deployment(label) };
        world.say("gate", Says::Deployment(said)).unwrap();
        newest(&world)
    };
    assert_eq!(fail(2, "three"), entries[1].get());
    assert_eq!(fail(1, "two"), entries[1].get(), "it has been built upon");
    assert_eq!(fail(0, "one"), entries[1].get());
}
