//! Runs of steps, approvals that are used up, and how long they last (`spec/verdict.md` sections
//! 4 and 5).

use countersign::base::limits::SEGMENT_STEPS_MAX;
use countersign::base::time::Span;
use countersign::change::Document;
use countersign::policy::ReasonCode;
use countersign::statement::Says;
use countersign::statement::governance::{Operation, RetireMember};
use countersign::statement::words::{ApprovalVerdict, Assistance};
use countersign::verify::{StepEvidence, Verdict};

use super::given::{Given, brings, deployed_elsewhere, landed};
use super::world::{World, commit, document, step, word};

/// Steps `s0`, `s1`, ... by ben, each of a file of its own, none signed off.
fn chain(world: &mut World, count: usize) -> Vec<StepEvidence> {
    let one = |number: usize| {
        let (label, path) = (format!("s{number}"), format!("f{number}"));
        step(&label, "ben", &path, None, Some("1"))
    };
    let steps: Vec<_> = (0..count).map(one).collect();
    for step in &steps {
        world.declare("ben", step, &["ben"], Assistance::None).unwrap();
    }
    steps
}

fn run_of(steps: &[StepEvidence]) -> Document {
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    Document::compose(&documents).unwrap()
}

fn say(world: &mut World, by: &str, verdict: ApprovalVerdict, document: &Document) {
    world.say(by, Says::Approval(word(verdict, document))).unwrap();
}

fn judge(world: &World, steps: &[StepEvidence], runs: &[(usize, usize)]) -> Verdict {
    let question = world.question(&steps.last().unwrap().step.commit);
    let given = Given { runs: runs.to_vec(), ..Given::default() };
    given.judge(world, &question, steps)
}

fn counts(verdict: &Verdict) -> Vec<usize> {
    verdict.segments.iter().map(|segment| segment.steps).collect()
}

/// ATTACKS 27: a pull request of several commits that landed one by one is covered as the run that
/// was signed off; what lies beside it wants sign-offs of its own.
#[test]
fn attack_27_a_run_of_steps_is_covered_as_one() {
    let mut world = World::new();
    let steps = chain(&mut world, 5);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps[1..4]));
    let found = judge(&world, &steps, &[(1, 3)]);
    assert_eq!(counts(&found), [1, 3, 1]);
    assert!(!found.is_allowed());
    world.approve("ada", &steps[0]).unwrap();
    world.approve("ada", &steps[4]).unwrap();
    let found = judge(&world, &steps, &[(1, 3)]);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    assert_eq!(counts(&found), [1, 3, 1]);
    // Two runs that overlap cannot both stand, and neither is cut in two.
    let mut world = World::new();
    let steps = chain(&mut world, 4);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps[..3]));
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps[1..]));
    assert!(!judge(&world, &steps, &[(0, 2), (1, 3)]).is_allowed());
}

/// ATTACKS 27: a reject on a run blocks, though each of its steps is signed off; who signs off a
/// longer run answers it. A reject on one step blocks every run around it.
#[test]
fn attack_27_a_reject_on_a_run_blocks_until_more_is_signed_off() {
    let mut world = World::new();
    let steps = chain(&mut world, 4);
    for step in &steps {
        world.approve("ada", step).unwrap();
    }
    assert!(judge(&world, &steps, &[(0, 1)]).is_allowed());
    say(&mut world, "cy", ApprovalVerdict::Reject, &run_of(&steps[..2]));
    let found = judge(&world, &steps, &[(0, 1)]);
    assert_eq!(found.reasons(), [ReasonCode::Rejected]);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps[..3]));
    let runs = [(0, 1), (0, 2)];
    assert!(judge(&world, &steps, &runs).is_allowed());
    say(&mut world, "cy", ApprovalVerdict::Reject, &steps[0].step.document);
    let found = judge(&world, &steps, &runs);
    assert_eq!(found.reasons(), [ReasonCode::Rejected]);
}

/// ATTACKS 27: a reject up to a commit that lands is heard, though what was rejected began before
/// the chain, or is longer than any run. Whoever signs off what lands after it has answered it.
#[test]
fn attack_27_a_reject_on_more_than_lands_is_heard() {
    let mut world = World::new();
    let steps = chain(&mut world, 2);
    for step in &steps {
        world.approve("ada", step).unwrap();
    }
    let mut rejected = word(ApprovalVerdict::Reject, &run_of(&steps));
    rejected.rows[0].head = Some(commit("s1"));
    world.say("cy", Says::Approval(rejected)).unwrap();
    let first = std::slice::from_ref(&steps[0]);
    assert!(judge(&world, first, &[]).is_allowed(), "what was read is not all here");
    world.deploy(&commit("s0"));
    let second = std::slice::from_ref(&steps[1]);
    let found = judge(&world, second, &[]);
    assert_eq!(found.reasons(), [ReasonCode::Rejected]);
    assert!(found.problems[0].text.contains("rejected by cy"), "{:?}", found.problems);
    world.approve("ada", &steps[1]).unwrap();
    assert!(judge(&world, second, &[]).is_allowed(), "signed off since");
}

/// ATTACKS 27: landing what was rejected, and taking it back, answers no reject of it where it
/// comes in again with a merge.
#[test]
fn attack_27_a_reject_is_not_silenced_by_landing_and_reverting() {
    let mut world = World::new();
    let bad = step("picked", "ben", "a", None, Some("bad"));
    let back = step("back", "ben", "a", Some("bad"), None);
    let mut merge = step("merge", "ben", "a", None, Some("bad"));
    let more = document("b", None, Some("1"));
    merge.step.document = Document::compose(&[&merge.step.document, &more]).unwrap();
    brings(&mut merge, "bad");
    world.declare("ben", &merge, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &merge).unwrap();
    let alone = std::slice::from_ref(&merge);
    assert!(judge(&world, alone, &[]).is_allowed());
    let mut rejected = word(ApprovalVerdict::Reject, &bad.step.document);
    rejected.rows[0].head = Some(commit("bad"));
    world.say("cy", Says::Approval(rejected)).unwrap();
    assert_eq!(judge(&world, alone, &[]).reasons(), [ReasonCode::Rejected]);
    let steps = [bad, back, merge];
    assert_eq!(judge(&world, &steps, &[(0, 1)]).reasons(), [ReasonCode::Rejected]);
}

/// ATTACKS 33: a rejected step that a later one took back path by path blocks no run around both;
/// what comes in again is not gone.
#[test]
fn attack_33_what_was_taken_back_blocks_nobody() {
    let mut world = World::new();
    let change = |label: &str, path: &str, old: Option<&str>, new: Option<&str>| {
        step(label, "ben", path, old, new)
    };
    let steps = [
        change("bad", "a", None, Some("bad")),
        change("good", "b", None, Some("1")),
        change("back", "a", Some("bad"), None),
    ];
    for step in &steps {
        world.declare("ben", step, &["ben"], Assistance::None).unwrap();
    }
    say(&mut world, "cy", ApprovalVerdict::Reject, &steps[0].step.document);
    assert!(!judge(&world, &steps, &[]).is_allowed());
    // All that is left is the good one: together they are the very change that Ada signs.
    world.approve("ada", &steps[1]).unwrap();
    assert!(judge(&world, &steps, &[]).is_allowed(), "the run has nothing of it");
    // Unsigned, taken back and put there again: a run that changes nothing answers nothing.
    let mut world = World::new();
    let parts = chain(&mut world, 2);
    let run = run_of(&parts);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run);
    assert!(judge(&world, &parts, &[]).is_allowed());
    say(&mut world, "cy", ApprovalVerdict::Reject, &run);
    assert!(!judge(&world, &parts, &[]).is_allowed());
    let mut steps = parts.clone();
    steps.push(change("u1", "f1", Some("1"), None));
    steps.push(change("u0", "f0", Some("1"), None));
    let gone = steps.clone();
    assert!(judge(&world, &gone, &[(0, 1)]).is_allowed(), "all of it is gone");
    steps.push(change("r1", "f1", None, Some("1")));
    steps.push(change("r0", "f0", None, Some("1")));
    for step in &steps[4..] {
        world.declare("ben", step, &["ben"], Assistance::None).unwrap();
        world.approve("ada", step).unwrap();
    }
    let runs = [(0, 1), (0, 3), (1, 4)];
    assert_eq!(judge(&world, &steps, &runs).reasons(), [ReasonCode::Rejected]);
}

/// ATTACKS 7: a run that was signed off beside its steps is used up with them, and landed again as
/// one commit it wants a new sign-off.
#[test]
fn attack_07_what_a_chain_contains_is_used_up_with_it() {
    let mut world = World::new();
    let steps = chain(&mut world, 3);
    for step in &steps {
        world.approve("ada", step).unwrap();
    }
    let run = run_of(&steps[..2]);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run);
    let first = judge(&world, &steps, &[(0, 1)]);
    assert_eq!(counts(&first), [1, 1, 1]);
    let contained = first.cover().contained;
    assert_eq!(contained.len(), 1, "{contained:?}");
    assert_eq!((contained[0].change, &contained[0].last), (run.hash(), &commit("s1")));
    let entry = world.deploy(&commit("s2")).get();
    let mut squashed = steps[1].clone();
    squashed.step.document = run;
    squashed.step.commit = commit("squashed");
    let question = world.question(&commit("squashed"));
    let given = Given { covers: vec![landed(&first, entry)], ..Given::default() };
    let found = given.judge(&world, &question, &[squashed]);
    assert!(!found.is_allowed());
    assert_eq!(found.segments[0].discounted[0].code, ReasonCode::Spent);
}

/// ATTACKS 24: a collision that a later step of a run mended is none of that run; of the step alone
/// it is one.
#[test]
fn attack_24_a_mended_collision_is_none() {
    let mut world = World::new();
    let mut steps = chain(&mut world, 2);
    let paths: Vec<_> = steps[0].step.document.paths().cloned().collect();
    steps[0].step.collisions.clone_from(&paths);
    steps[0].colliding.clone_from(&paths);
    for step in &steps {
        world.approve("ada", step).unwrap();
    }
    assert_eq!(judge(&world, &steps, &[]).reasons(), [ReasonCode::PathCollision]);
    say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps));
    assert!(judge(&world, &steps, &[]).is_allowed());
    steps[1].colliding = paths;
    assert!(!judge(&world, &steps, &[]).is_allowed(), "it is there still");
}

/// Limit: a segment that is not the whole chain has at most 32 steps.
#[test]
fn a_run_of_33_steps_is_no_segment() {
    let most = SEGMENT_STEPS_MAX;
    for (length, allowed) in [(most, true), (most + 1, false)] {
        let mut world = World::new();
        let steps = chain(&mut world, most + 2);
        for step in &steps[length..] {
            world.approve("ada", step).unwrap();
        }
        say(&mut world, "ada", ApprovalVerdict::Approve, &run_of(&steps[..length]));
        let found = judge(&world, &steps, &[(0, length - 1)]);
        assert_eq!(found.is_allowed(), allowed, "{length} steps");
    }
}

/// ATTACKS 7: an approval is used up by the commit that it landed as. The same change landed again
/// wants a new one; rolling forward over the same commit does not.
#[test]
fn attack_07_an_approval_is_spent_by_its_landing() {
    let mut world = World::new();
    let first = step("c1", "ben", "a", Some("1"), Some("2"));
    world.declare("ben", &first, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &first).unwrap();
    let deployed = world.judge(std::slice::from_ref(&first));
    assert!(deployed.is_allowed());
    let entry = world.deploy(&commit("c1")).get();
    let spent = Given { covers: vec![landed(&deployed, entry)], ..Given::default() };
    // The same document, as another commit.
    let mut again = first.clone();
    again.step.commit = commit("c2");
    let question = world.question(&commit("c2"));
    let found = spent.judge(&world, &question, std::slice::from_ref(&again));
    assert!(!found.is_allowed());
    assert_eq!(found.segments[0].discounted[0].code, ReasonCode::Spent);
    // Forward over the same commit once more: nothing is asked.
    let question = world.question(&commit("c1"));
    assert!(spent.judge(&world, &question, std::slice::from_ref(&first)).is_allowed());
    // What was deployed in another place spends nothing here.
    let thrown_away =
        Given { covers: vec![deployed_elsewhere(&deployed, 3, world.now)], ..Given::default() };
    let question = world.question(&commit("c2"));
    assert!(thrown_away.judge(&world, &question, std::slice::from_ref(&again)).is_allowed());
    // A sign-off that came after the deployment is a new one.
    world.approve("ada", &again).unwrap();
    let question = world.question(&commit("c2"));
    assert!(spent.judge(&world, &question, &[again]).is_allowed());
}

/// ATTACKS 30: an approval's age ends with the first deployment of its step anywhere.
#[test]
fn attack_30_an_age_ends_where_the_step_was_first_deployed() {
    let mut world = World::new();
    let change = step("one", "ben", "a", None, Some("1"));
    world.declare("ben", &change, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &change).unwrap();
    let steps = [change];
    let staged = world.judge(&steps);
    let entry = world.view.size().get() - 1;
    let early = world.now.plus("89d".parse::<Span>().unwrap());
    world.now = world.now.plus("200d".parse::<Span>().unwrap());
    let question = world.question(&commit("one"));
    let judge = |covers| {
        let given = Given { covers, ..Given::default() };
        given.judge(&world, &question, &steps).is_allowed()
    };
    assert!(!judge(vec![]), "200 days are more than 90");
    assert!(judge(vec![deployed_elsewhere(&staged, entry + 1, early)]));
    let late = early.plus("1d".parse::<Span>().unwrap());
    assert!(
        !judge(vec![deployed_elsewhere(&staged, entry + 1, late)]),
        "90 days are not within 90 days"
    );
    assert!(
        !judge(vec![deployed_elsewhere(&staged, entry, early)]),
        "a deployment before it is not of it"
    );
}

/// One admin alone may retire members and revoke keys, so that must never help anybody: an agent
/// who left is still an agent, and its operator an author (ATTACKS 9, 18, 19).
#[test]
fn attack_18_whoever_left_is_still_who_wrote_it() {
    let mut world = World::new();
    let change = step("one", "bot", "a", None, Some("1"));
    world.declare("ci", &change, &["bot", "cy"], Assistance::Generated).unwrap();
    world.approve("ben", &change).unwrap();
    world.approve("cy", &change).unwrap();
    let not_counted = |world: &World| {
        let found = judge(world, std::slice::from_ref(&change), &[]);
        let items = found.segments[0].assessment.not_counted.clone();
        let authors: Vec<_> = items
            .iter()
            .filter(|item| item.code == ReasonCode::IsAuthor)
            .map(|item| item.member.as_str().to_owned())
            .collect();
        (authors, found.segments[0].assessment.assistance)
    };
    let before = (vec!["ben".to_owned(), "cy".to_owned()], Assistance::Generated);
    assert_eq!(not_counted(&world), before, "the operator and who was declared");
    for who in ["bot", "ci"] {
        let retire = RetireMember { member: who.parse().unwrap(), reason: None };
        world.govern(vec![Operation::RetireMember(retire)]).unwrap();
        assert_eq!(not_counted(&world), before, "{who} left");
    }
}
