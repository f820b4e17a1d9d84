//! What may be deployed.

use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::change::Document;
use countersign::policy::{ReasonCode, Standing};
use countersign::statement::Says;
use countersign::statement::governance::{Lift, Operation, RevokeKey, SetPolicy};
use countersign::statement::words::{ApprovalVerdict, Assistance, Revocation};
use countersign::verify::cover::Cover;
use countersign::verify::evidence::Position;
use countersign::verify::{Evidence, SeenAuthor, SeenKind, Verdict, verdict};

use super::world::{
    POLICY, World, commit, document, email, seed_of, set_member, signer, step, word,
};

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.reasons().iter().map(|code| code.as_str()).collect()
}

/// The promise of the first page: a junior's AI-assisted change needs a senior.
#[test]
fn a_juniors_generated_change_needs_a_senior() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    world.declare("ben", &change, &["ben"], Assistance::Generated).unwrap();
    let steps = [change];
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_SIGN_OFF", "NEEDS_LEVEL"]);
    world.approve("cy", &steps[0]).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"], "a peer is not a senior");
    world.approve("ada", &steps[0]).unwrap();
    let verdict = world.judge(&steps);
    assert!(verdict.is_allowed(), "{:?}", verdict.problems);
    assert_eq!(verdict.cover().segments.len(), 1);
}

/// The floor: nobody signs off their own work.
#[test]
fn an_author_never_signs_off() {
    let mut world = World::new();
    let change = step("one", "ada", "a", None, Some("1"));
    world.declare("ada", &change, &["ada"], Assistance::None).unwrap();
    world.approve("ada", &change).unwrap();
    let verdict = world.judge(&[change]);
    assert_eq!(codes(&verdict), ["NEEDS_SIGN_OFF"]);
    let why = &verdict.segments[0].assessment.not_counted;
    assert!(why.iter().any(|item| item.code == ReasonCode::IsAuthor), "{why:?}");
}

/// ATTACKS 9: a name that somebody typed is the lowest level, and one more human.
#[test]
fn attack_09_a_claimed_author_costs_one_more() {
    let mut world = World::new();
    let change = step("one", "ada", "a", None, Some("1"));
    let steps = [change];
    // The commit says "ada", who is a senior; nobody proved it.
    world.approve("cy", &steps[0]).unwrap();
    assert!(!world.judge(&steps).is_allowed());
    world.declare("ada", &steps[0], &["ada"], Assistance::None).unwrap();
    assert!(world.judge(&steps).is_allowed(), "her own signature proves it");
}

/// ATTACKS 9, 26: another's declaration neither proves nor lowers; a service's attests.
#[test]
fn attack_26_only_authors_and_services_declare() {
    let mut world = World::new();
    let steps = [step("one", "ada", "a", None, Some("1"))];
    world.approve("cy", &steps[0]).unwrap();
    world.declare("ben", &steps[0], &["ada"], Assistance::None).unwrap();
    assert!(!world.judge(&steps).is_allowed(), "ben is no author: his word is no fact");
    world.declare("ci", &steps[0], &["ada"], Assistance::None).unwrap();
    assert!(world.judge(&steps).is_allowed());
}

/// ATTACKS 26: an empty commit beside somebody else's change makes nobody one who may declare it,
/// and so lower what the reviewers have to have seen.
#[test]
fn attack_26_an_empty_commit_makes_nobody_an_author() {
    let mut world = World::new();
    let mut steps =
        [step("empty", "cy", "x", None, Some("1")), step("one", "ben", "a", None, Some("1"))];
    steps[0].step.document = Document::default();
    let signs = |world: &mut World, by: &str| {
        let mut approval = word(ApprovalVerdict::Approve, &steps[1].step.document);
        approval.rows[0].assistance_seen = Some(Assistance::None);
        world.say(by, Says::Approval(approval)).unwrap();
    };
    // Ben said nothing, so it counts as generated, whatever Cy says of it and signs.
    world.declare("cy", &steps[1], &["ben"], Assistance::None).unwrap();
    signs(&mut world, "ada");
    signs(&mut world, "cy");
    let found = world.judge(&steps);
    let last = found.segments.last().unwrap();
    assert_eq!(last.assessment.assistance, Assistance::Generated, "{last:?}");
    assert!(!found.is_allowed());
}

/// ATTACKS 29: the lower of the levels at the sign-off and now.
#[test]
fn attack_29_a_promotion_does_not_lift_an_old_sign_off() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::Generated).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    world.govern(vec![Operation::SetMember(set_member("cy", Some("senior")))]).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"]);
    world.approve("cy", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed(), "signed again as a senior");
    world.govern(vec![Operation::SetMember(set_member("cy", Some("junior")))]).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"], "and demoted since");
}

/// ATTACKS 29: whoever saw less assistance than is known now has not signed this off.
#[test]
fn attack_29_a_sign_off_that_saw_less_does_not_count() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::Generated).unwrap();
    let mut approval = word(ApprovalVerdict::Approve, &steps[0].step.document);
    approval.rows[0].assistance_seen = Some(Assistance::None);
    world.say("ada", Says::Approval(approval)).unwrap();
    let verdict = world.judge(&steps);
    assert!(!verdict.is_allowed());
    let why = &verdict.segments[0].assessment.not_counted;
    assert!(why.iter().any(|item| item.code == ReasonCode::SawLessAssistance), "{why:?}");
}

/// ATTACKS 29: for a day, a relaxed policy does not help.
#[test]
fn attack_29_a_weaker_policy_waits() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::Generated).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    let start = POLICY.find("[[rule]]").unwrap();
    let text = POLICY[..start].to_owned();
    world.govern(vec![Operation::SetPolicy(SetPolicy { text })]).unwrap();
    let verdict = world.judge(&steps);
    assert_eq!(codes(&verdict), ["NEEDS_LEVEL"]);
    assert_eq!(verdict.policies_passed_as_well, [1]);
    let day = 24 * 3_600 * 1_000;
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + day - 1);
    assert!(!world.judge(&steps).is_allowed());
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + 1);
    assert!(world.judge(&steps).is_allowed());
}

/// ATTACKS 28: a sign-off for another branch or repository does not count.
#[test]
fn attack_28_a_sign_off_is_for_a_branch() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let mut approval = word(ApprovalVerdict::Approve, &steps[0].step.document);
    approval.rows[0].target = Some("refs/heads/throw-away".parse().unwrap());
    world.say("ada", Says::Approval(approval)).unwrap();
    let verdict = world.judge(&steps);
    assert_eq!(codes(&verdict), ["NEEDS_SIGN_OFF"]);
    assert_eq!(verdict.segments[0].discounted[0].code, ReasonCode::WrongBranch);
}

/// ATTACKS 33: a reject blocks until withdrawn, superseded or lifted.
#[test]
fn attack_33_a_reject_blocks() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    let reject = word(ApprovalVerdict::Reject, &steps[0].step.document);
    let entry = world.say("cy", Says::Approval(reject.clone())).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["REJECTED"]);
    let reason = countersign::base::digest::Commitment::from_bytes([1; 32]);
    let lift = Lift { entry: world.reference(entry), reason };
    world.govern(vec![Operation::Lift(lift)]).unwrap();
    assert!(world.judge(&steps).is_allowed());
    world.say("cy", Says::Approval(reject)).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["REJECTED"], "a lift is for one entry");
    world.approve("cy", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
}

/// ATTACKS 5, 33: withdrawing takes a sign-off back, and an old one does not come back.
#[test]
fn a_withdrawn_sign_off_is_gone() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    let second = world.approve("ada", &steps[0]).unwrap();
    let mut withdrawal = word(ApprovalVerdict::Withdraw, &steps[0].step.document);
    withdrawal.withdraws = Some(world.reference(second));
    world.say("ada", Says::Approval(withdrawal)).unwrap();
    let verdict = world.judge(&steps);
    assert_eq!(codes(&verdict), ["NEEDS_SIGN_OFF"]);
    assert_eq!(verdict.segments[0].discounted[0].code, ReasonCode::Withdrawn);
}

fn revoke(world: &mut World, name: &str, cause: Revocation, since: Option<EntryIndex>) {
    let key = countersign::key::Signer::public_key(&signer(seed_of(name))).fingerprint();
    let revoke = RevokeKey { key, cause, since };
    world.govern(vec![Operation::RevokeKey(revoke)]).unwrap();
}

/// ATTACKS 19: a leak voids what gave permission; a reject stands, and cannot be taken back by it.
#[test]
fn attack_19_a_leak_never_turns_no_to_yes() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let reject = word(ApprovalVerdict::Reject, &steps[0].step.document);
    let rejected = world.say("cy", Says::Approval(reject)).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    // A thief with cy's key takes the reject back, and then approves.
    let mut withdrawal = word(ApprovalVerdict::Withdraw, &steps[0].step.document);
    withdrawal.withdraws = Some(world.reference(rejected));
    let stolen = world.say("cy", Says::Approval(withdrawal)).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
    revoke(&mut world, "cy", Revocation::Leaked, Some(stolen));
    assert_eq!(codes(&world.judge(&steps)), ["REJECTED"]);
}

#[test]
fn attack_19_a_leaked_approval_is_void_and_a_retired_one_stands() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let approval = world.approve("cy", &steps[0]).unwrap();
    revoke(&mut world, "cy", Revocation::Retired, None);
    assert!(world.judge(&steps).is_allowed(), "what a key signed before it retired stands");
    revoke(&mut world, "cy", Revocation::Leaked, Some(approval));
    let verdict = world.judge(&steps);
    assert_eq!(codes(&verdict), ["NEEDS_SIGN_OFF"]);
    assert_eq!(verdict.segments[0].discounted[0].code, ReasonCode::KeyRevoked);
}

/// ATTACKS 19: a declaration under a leaked key proves nobody's authorship; whom it names is an
/// author all the same.
#[test]
fn attack_19_under_a_leaked_key_nobody_proves_that_they_wrote_it() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let declared = world.declare("cy", &steps[0], &["ada", "cy"], Assistance::None).unwrap();
    let standings = |world: &World| -> Vec<(String, Standing)> {
        let authors = world.judge(&steps).segments[0].authors.clone();
        let named = |author: &countersign::policy::Author| author.member.clone().unwrap();
        authors.iter().map(|author| (named(author).to_string(), author.standing)).collect()
    };
    let own = |name: &str, standing| (name.to_owned(), standing);
    assert_eq!(standings(&world), [own("ben", Standing::Proved), own("cy", Standing::Proved)]);
    revoke(&mut world, "cy", Revocation::Leaked, Some(declared));
    let claimed = |name| own(name, Standing::Claimed);
    let found = standings(&world);
    assert_eq!(found, [claimed("ada"), own("ben", Standing::Proved), claimed("cy")]);
}

/// ATTACKS 27: the whole chain may be signed off as one change; two halves never add up.
#[test]
fn attack_27_sign_offs_of_different_segments_never_add_up() {
    let mut world = World::new();
    let steps =
        [step("one", "ben", "a", None, Some("1")), step("two", "ben", "a", Some("1"), Some("2"))];
    for each in &steps {
        world.declare("ben", each, &["ben"], Assistance::Generated).unwrap();
    }
    world.approve("cy", &steps[0]).unwrap();
    world.approve("ada", &steps[1]).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"], "cy's step lacks a senior");
    let whole = step("two", "ben", "a", None, Some("2"));
    world.approve("ada", &whole).unwrap();
    let verdict = world.judge(&steps);
    assert!(verdict.is_allowed());
    assert_eq!((verdict.segments.len(), verdict.segments[0].steps), (1, 2));
    // A reject on a step blocks the whole as well.
    let reject = word(ApprovalVerdict::Reject, &steps[0].step.document);
    world.say("cy", Says::Approval(reject)).unwrap();
    assert!(codes(&world.judge(&steps)).contains(&"REJECTED"));
}

/// ATTACKS 53: who wrote one step of a chain is an author of the whole.
#[test]
fn attack_53_an_author_of_a_step_never_signs_off_the_whole() {
    let mut world = World::new();
    let steps =
        [step("one", "ada", "a", None, Some("1")), step("two", "ben", "b", None, Some("1"))];
    world.declare("ada", &steps[0], &["ada"], Assistance::None).unwrap();
    world.declare("ben", &steps[1], &["ben"], Assistance::None).unwrap();
    let mut whole = word(ApprovalVerdict::Approve, &steps[0].step.document);
    let documents = [&steps[0].step.document, &steps[1].step.document];
    let composed = Document::compose(&documents).unwrap();
    whole.rows = vec![super::world::row(composed.hash())];
    world.say("ada", Says::Approval(whole)).unwrap();
    assert!(!world.judge(&steps).is_allowed());
}

/// ATTACKS 9: whoever signed that they wrote a change does not sign it off, under whatever name it
/// landed, and what they declared of it stands; their word gives nothing.
#[test]
fn attack_09_ones_own_word_bars_whatever_the_commits_say() {
    let mut world = World::new();
    // Cy wrote and declared it; Ben squashed it, and declared it as his.
    let squashed = step("squash", "ben", "a", None, Some("1"));
    world.declare("cy", &squashed, &["cy"], Assistance::None).unwrap();
    world.declare("ben", &squashed, &["ben"], Assistance::None).unwrap();
    world.approve("cy", &squashed).unwrap();
    let steps = [squashed];
    let found = world.judge(&steps);
    assert!(!found.is_allowed(), "its author alone");
    assert_eq!(found.segments[0].authors.len(), 2);
    world.approve("ada", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
    // Of generated code Cy said so, and whoever landed it cannot unsay it.
    let mut world = World::new();
    world.declare("cy", &steps[0], &["cy"], Assistance::Generated).unwrap();
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let assistance = |world: &World| world.judge(&steps).segments[0].assessment.assistance;
    assert_eq!(assistance(&world), Assistance::Generated);
}

/// ATTACKS 1: steps that do not add up to the difference of the trees are no cover.
#[test]
fn attack_01_steps_must_add_up_to_the_difference() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    world.declare("ben", &change, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &change).unwrap();
    let question = world.question(&change.step.commit);
    let evidence = Evidence {
        view: &world.view,
        position: &Position::Linear,
        steps: &[change],
        difference: &document("a", None, Some("something else")),
        entries: &world.entries(),
        cover: None,
        start_changes: &[],
        returning: &[],
        live: None,
        whole: None,
        runs: &[],
        covers: &[],
        carried: &[],
        uncarried: &[],
    };
    assert_eq!(codes(&verdict(&question, &evidence)), ["COMPOSITION_MISMATCH"]);
}

/// ATTACKS 2, 8: behind what is live only what was settled there lately may be deployed again.
#[test]
fn attack_02_a_rewound_revision_is_a_rollback() {
    let mut world = World::new();
    let first = step("one", "ben", "a", None, Some("1"));
    let second = step("two", "ben", "a", Some("1"), Some("2"));
    world.deploy(&first.step.commit);
    world.deploy(&second.step.commit);
    let cover = Cover::of(&[], &[]);
    let judge = |world: &World, label: &str| {
        let question = world.question(&commit(label));
        let evidence = Evidence {
            view: &world.view,
            position: &Position::Behind,
            steps: &[],
            difference: &Document::new(Vec::new()).unwrap(),
            entries: &[],
            cover: Some(&cover),
            start_changes: &[],
            returning: &[],
            live: None,
            whole: None,
            runs: &[],
            covers: &[],
            carried: &[],
            uncarried: &[],
        };
        codes(&verdict(&question, &evidence))
    };
    assert_eq!(judge(&world, "one"), [""; 0], "it was live here an instant ago");
    assert_eq!(judge(&world, "half"), ["DIVERGED"], "this one never was");
    assert_eq!(judge(&world, "start"), ["DIVERGED"], "a baseline is no deployment");
    let month = 30 * 24 * 3_600 * 1_000;
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + month);
    assert_eq!(judge(&world, "one"), ["DIVERGED"], "too long ago");
}

/// ATTACKS 3: a deployment without a decision is a fact, and settles nothing.
#[test]
fn attack_03_an_ungated_deployment_never_starts_a_chain() {
    let mut world = World::new();
    let service = "shop".parse().unwrap();
    let environment = "production".parse().unwrap();
    let before = world.view.settled(&service, &environment).newest().unwrap().entry;
    let mut says = world.decide(&commit("evil"));
    let deployment = |decision| {
        Says::Deployment(countersign::statement::pipeline::Deployment {
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            revision: commit("evil"),
            artifacts: Vec::new(),
            decision,
            overrides: Vec::new(),
            started: None,
            outcome: countersign::statement::words::Outcome::Succeeded,
            trigger: None,
            run: None,
        })
    };
    world.say("ada", deployment(None)).unwrap();
    assert_eq!(world.view.settled(&service, &environment).newest().unwrap().entry, before);
    // Neither does one that quotes a decision on another revision.
    if let Says::Decision(decision) = &mut says {
        decision.revision = commit("good");
    }
    let statement = world.statement("gate", says);
    let envelope = countersign::session::sign(&statement, &signer(4)).unwrap();
    world.submit(&envelope).unwrap();
    world.say("ada", deployment(Some(envelope.statement_id()))).unwrap();
    let points = world.view.settled(&service, &environment);
    assert_eq!(points.newest().unwrap().entry, before);
    assert_eq!(points.live().unwrap().revision, commit("evil"), "the fact is kept");
}

/// An AI tool's address is a mark, and an agent's operator is an author.
#[test]
fn an_operator_is_an_author_of_what_the_agent_wrote() {
    let mut world = World::new();
    let change = step("one", "bot", "a", None, Some("1"));
    world.declare("bot", &change, &["bot"], Assistance::None).unwrap();
    world.approve("ben", &change).unwrap();
    let steps = [change];
    let verdict = world.judge(&steps);
    assert!(!verdict.is_allowed());
    let segment = &verdict.segments[0];
    assert_eq!(segment.assessment.assistance, Assistance::Generated, "an agent wrote it");
    let why = &segment.assessment.not_counted;
    assert!(why.iter().any(|item| item.code == ReasonCode::IsAuthor), "{why:?}");
    world.approve("ada", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
}

/// A mark in a commit is stronger than a declaration of nothing.
#[test]
fn a_detected_mark_outweighs_a_declaration() {
    let mut world = World::new();
    let mut change = step("one", "ben", "a", None, Some("1"));
    change.detected = Some(Assistance::Assisted);
    change.authors.push(SeenAuthor {
        kind: SeenKind::Tool,
        email: email("tool"),
        label: "a tool".to_owned(),
    });
    world.declare("ben", &change, &["ben"], Assistance::None).unwrap();
    world.approve("cy", &change).unwrap();
    assert_eq!(codes(&world.judge(&[change])), ["NEEDS_LEVEL"]);
}

/// ATTACKS 52: an empty change needs nobody.
#[test]
fn attack_52_an_empty_step_needs_no_sign_off() {
    let world = World::new();
    let mut empty = step("one", "ben", "a", None, Some("1"));
    empty.step.document = Document::new(Vec::new()).unwrap();
    assert!(world.judge(&[empty]).is_allowed());
}

/// The floor counts the days: a sign-off as old as the limit is none.
#[test]
fn attack_30_a_sign_off_expires() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    let age = 90 * 24 * 3_600 * 1_000;
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + age - 1);
    assert!(world.judge(&steps).is_allowed());
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + 1);
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_SIGN_OFF"]);
}

/// Ambiguity r: of each signer the newest declaration counts, of those that count the strongest.
#[test]
fn ambiguity_r_the_newest_declaration_of_each_signer() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::Generated).unwrap();
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed(), "ben corrected himself");
    world.declare("ci", &steps[0], &["ben"], Assistance::Assisted).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"], "and the service says more");
}

/// Ambiguity s: a sign-off stands below the size that the decision saw, or not at all.
#[test]
fn ambiguity_s_a_sign_off_at_or_above_the_size_does_not_count() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let before = world.view.clone();
    world.approve("ada", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
    world.view = before;
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_SIGN_OFF"], "entries beyond the size");
}

/// What somebody signed for one step says nothing of another (ATTACKS 9, 27).
#[test]
fn attack_09_a_declaration_of_one_step_vouches_for_no_other() {
    let mut world = World::new();
    // Ben wrote and declared the first; whoever wrote the second typed his address.
    let steps =
        [step("one", "ben", "a", None, Some("1")), step("two", "ben", "b", None, Some("evil"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let documents = [&steps[0].step.document, &steps[1].step.document];
    let whole = Document::compose(&documents).unwrap();
    let mut approval = word(ApprovalVerdict::Approve, &whole);
    approval.rows[0].hash =
        countersign::base::digest::ContentDigest::from_bytes(*whole.hash().as_bytes());
    world.say("cy", Says::Approval(approval.clone())).unwrap();
    let verdict = world.judge(&steps);
    assert!(!verdict.is_allowed(), "one is proved, the other is only claimed");
    // His word on the whole is a word on each of its steps.
    let mut both = step("two", "ben", "a", None, Some("1"));
    both.step.document = whole;
    world.declare("ben", &both, &["ben"], Assistance::None).unwrap();
    assert!(world.judge(&steps).is_allowed());
}

/// A step that names no author at all, such as a merge by hand, is nobody's proved work.
#[test]
fn attack_01_a_step_without_an_author_costs_one_more() {
    let mut world = World::new();
    let mut steps = [
        step("one", "ben", "a", None, Some("1")),
        step("two", "ben", "b", Some("fix"), Some("hole")),
    ];
    steps[1].authors.clear();
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    world.approve("cy", &steps[1]).unwrap();
    assert!(!world.judge(&steps).is_allowed());
    let documents = [&steps[0].step.document, &steps[1].step.document];
    let whole = Document::compose(&documents).unwrap();
    let mut both = step("two", "ben", "a", None, Some("1"));
    both.step.document = whole;
    world.approve("cy", &both).unwrap();
    assert!(!world.judge(&steps).is_allowed(), "nor does the whole chain hide it");
}

/// A service's word on itself proves no author: other people hold its key.
#[test]
fn attack_09_a_service_never_proves_its_own_authorship() {
    let mut world = World::new();
    let steps = [step("one", "ci", "a", None, Some("1"))];
    world.declare("ci", &steps[0], &["ci"], Assistance::None).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    assert!(!world.judge(&steps).is_allowed());
}

/// An agent for which nobody answers any more has no known author behind it.
#[test]
fn an_agent_without_its_operator_costs_one_more() {
    use countersign::statement::governance::RetireMember;
    let mut world = World::new();
    let text = POLICY[..POLICY.find("[[rule]]").unwrap()].to_owned();
    world.govern(vec![Operation::SetPolicy(SetPolicy { text })]).unwrap();
    world.now = Timestamp::from_milliseconds(world.now.milliseconds() + 48 * 3_600 * 1_000);
    let steps = [step("one", "bot", "a", None, Some("1"))];
    world.declare("bot", &steps[0], &["bot"], Assistance::Generated).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    assert!(world.judge(&steps).is_allowed());
    let retire = RetireMember { member: super::world::id("ben"), reason: None };
    world.govern(vec![Operation::RetireMember(retire)]).unwrap();
    assert!(!world.judge(&steps).is_allowed());
}

/// ATTACKS 28: an approval for another branch does not replace the one for this branch, nor take
/// back a reject.
#[test]
fn attack_28_a_word_for_another_branch_replaces_nothing() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let mut elsewhere = word(ApprovalVerdict::Approve, &steps[0].step.document);
    elsewhere.rows[0].target = Some("refs/heads/release".parse().unwrap());
    world.approve("ada", &steps[0]).unwrap();
    world.say("ada", Says::Approval(elsewhere.clone())).unwrap();
    assert!(world.judge(&steps).is_allowed());
    let reject = word(ApprovalVerdict::Reject, &steps[0].step.document);
    world.say("ada", Says::Approval(reject)).unwrap();
    world.say("ada", Says::Approval(elsewhere)).unwrap();
    assert!(codes(&world.judge(&steps)).contains(&"REJECTED"));
}

/// ATTACKS 29: a strict policy's delay holds, however often it is replaced meanwhile.
#[test]
fn attack_29_a_short_delay_in_between_hides_no_older_policy() {
    let mut world = World::new();
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::Generated).unwrap();
    world.approve("cy", &steps[0]).unwrap();
    let weak = POLICY[..POLICY.find("[[rule]]").unwrap()].to_owned();
    for comment in ["", "# again\n"] {
        let text = format!("{comment}{weak}\n[defaults]\nweaken_delay = \"1s\"\n");
        world.govern(vec![Operation::SetPolicy(SetPolicy { text })]).unwrap();
        world.now = Timestamp::from_milliseconds(world.now.milliseconds() + 2_000);
    }
    assert_eq!(codes(&world.judge(&steps)), ["NEEDS_LEVEL"]);
}

/// ATTACKS 12: a rule about artifacts asks for sign-offs of the artifact itself.
#[test]
fn attack_12_an_artifact_rule_is_asked() {
    use countersign::base::digest::ContentDigest;
    use countersign::statement::words::SubjectType;
    let rule = "\n[[rule]]\nname = \"plans are read\"\nwhen = { artifact = true }\n\
                require = [{ level = \"senior\", count = 1 }]\n";
    let mut world = World::with_policy(&format!("{POLICY}{rule}"));
    let steps = [step("one", "ben", "a", None, Some("1"))];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    assert_eq!(codes(&world.judge(&steps)), ["ARTIFACT_REQUIRED"]);
    let mut question = world.question(&steps[0].step.commit);
    question.artifacts = vec![ContentDigest::of(b"plan")];
    let verdict = world.judge_question(&question, &steps);
    assert!(codes(&verdict).contains(&"NEEDS_LEVEL"), "{:?}", codes(&verdict));
    let mut approval = word(ApprovalVerdict::Approve, &steps[0].step.document);
    approval.subject_type = SubjectType::Artifact;
    let row = &mut approval.rows[0];
    row.hash = question.artifacts[0];
    (row.repository, row.target, row.head, row.assistance_seen) = (None, None, None, None);
    row.service = Some("other".parse().unwrap());
    world.say("ada", Says::Approval(approval.clone())).unwrap();
    let verdict = world.judge_question(&question, &steps);
    assert!(codes(&verdict).contains(&"NEEDS_LEVEL"), "signed for another service");
    approval.rows[0].service = Some("shop".parse().unwrap());
    world.say("ada", Says::Approval(approval)).unwrap();
    let verdict = world.judge_question(&question, &steps);
    assert!(verdict.is_allowed(), "{:?}", verdict.problems);
}
