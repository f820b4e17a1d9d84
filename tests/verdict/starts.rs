//! Where a chain may start: beside what is live, in a cell, or nowhere (`spec/verdict.md` sections
//! 3 and 4).

use countersign::change::Document;
use countersign::policy::ReasonCode;
use countersign::statement::words::{ApprovalVerdict, Assistance};
use countersign::statement::{Says, words};
use countersign::verify::cover::Cover;
use countersign::verify::evidence::Position;
use countersign::verify::{Live, Returning, StepEvidence, Verdict};

use super::given::{Given, brings};
use super::world::{POLICY, World, commit, document, step, word};

fn signed(world: &mut World, step: &StepEvidence) {
    world.declare("ben", step, &["ben"], Assistance::None).unwrap();
    world.approve("ada", step).unwrap();
}

/// Baseline `start`, then `fix` is live: it sets `lock` in file `guard`.
fn fixed() -> World {
    let mut world = World::new();
    world.deploy(&commit("fix"));
    world
}

fn live() -> Live {
    let document = document("guard", None, Some("lock"));
    Live { document, commits: vec![(commit("fix"), "Fix".to_owned())] }
}

fn diverged() -> Given {
    let mut given = Given::at(Position::Diverged { start: 0 });
    given.live = Some(live());
    given
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.reasons().iter().map(|code| code.as_str()).collect()
}

/// ATTACKS 1, 49: a branch beside what is live starts where it left, and says what it undoes.
#[test]
fn attack_01_a_branch_beside_what_is_live_tells_what_it_undoes() {
    let mut world = fixed();
    let readme = step("readme", "ben", "README", None, Some("words"));
    let question = world.question(&commit("readme"));
    let unsigned = diverged().judge(&world, &question, std::slice::from_ref(&readme));
    assert!(!unsigned.is_allowed());
    signed(&mut world, &readme);
    let question = world.question(&commit("readme"));
    let found = diverged().judge(&world, &question, &[readme]);
    assert!(found.is_allowed(), "{found:#?}");
    let undone: Vec<_> = found.undone.iter().map(|path| path.as_bytes().to_vec()).collect();
    assert_eq!(undone, [b"guard".to_vec()]);
}

/// ATTACKS 1: a merge that names the fix as a parent and keeps the other side's tree is refused,
/// whatever it is signed off with step by step; signing off the whole difference lets it through.
#[test]
fn attack_01_a_foxtrot_merge_that_drops_the_fix_is_refused() {
    let mut world = fixed();
    let readme = step("readme", "ben", "README", None, Some("words"));
    let mut merge = step("merge", "ben", "x", None, Some("y"));
    merge.step.document = Document::new(Vec::new()).unwrap();
    brings(&mut merge, "fix");
    signed(&mut world, &readme);
    let steps = [readme, merge];
    let question = world.question(&commit("merge"));
    let mut given = diverged();
    let mut whole = step("merge", "ben", "guard", Some("lock"), None);
    whole.authors.clear();
    given.whole = Some(whole.clone());
    let found = given.judge(&world, &question, &steps);
    assert_eq!(codes(&found), ["UNDOES_SETTLED"]);
    assert_eq!(found.start_entry(), Some(countersign::base::position::EntryIndex::new(0)));
    // Nobody is named as the author of the whole, so it takes two.
    world.approve("ada", &whole).unwrap();
    world.approve("cy", &whole).unwrap();
    let question = world.question(&commit("merge"));
    let found = given.judge(&world, &question, &steps);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    assert_eq!(found.start_entry(), found.newest, "it starts from what is live");
    assert_eq!(found.segments.len(), 1);
    // A reject on the whole takes that way out away.
    world.say("ben", Says::Approval(word(ApprovalVerdict::Reject, &whole.step.document))).unwrap();
    let question = world.question(&commit("merge"));
    assert!(!given.judge(&world, &question, &steps).is_allowed());
}

/// ATTACKS 1: a path that the merge itself took up is a resolved conflict, not a dropped one.
#[test]
fn a_merge_that_resolves_a_path_of_the_fix_drops_nothing() {
    let mut world = fixed();
    let mut merge = step("merge", "ben", "guard", None, Some("lock and more"));
    brings(&mut merge, "fix");
    signed(&mut world, &merge);
    let question = world.question(&commit("merge"));
    let found = diverged().judge(&world, &question, &[merge]);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    assert_eq!(found.undone.len(), 1, "its content is another one all the same");
}

/// ATTACKS 8: what it starts from must have been settled lately, and nobody may have taken it back.
#[test]
fn attack_08_an_old_or_doubted_start_is_none() {
    let mut world = World::new();
    let first = step("first", "ben", "a", None, Some("1"));
    signed(&mut world, &first);
    let cover = world.judge(std::slice::from_ref(&first)).cover();
    world.deploy(&commit("first"));
    world.deploy(&commit("fix"));
    let beside = step("beside", "ben", "b", None, Some("1"));
    signed(&mut world, &beside);
    let mut given = Given::at(Position::Diverged { start: 1 });
    given.live = Some(live());
    let steps = [beside];
    let judge = |world: &World, given: &Given| {
        codes(&given.judge(world, &world.question(&commit("beside")), &steps))
    };
    assert_eq!(judge(&world, &given), ["DIVERGED"], "what it was signed off with is not known");
    given.cover = Some(cover);
    assert!(judge(&world, &given).is_empty());
    world.say("cy", Says::Approval(word(ApprovalVerdict::Reject, &first.step.document))).unwrap();
    assert_eq!(judge(&world, &given), ["REJECTED"]);
    given.cover = Some(Cover::of(&[], &[]));
    world.now = world.now.plus("30d".parse().unwrap());
    assert_eq!(judge(&world, &given), ["DIVERGED"], "thirty days are no longer within thirty days");
}

/// ATTACKS 8: a reject counts on each step, and on each run, of what the start was signed off with.
#[test]
fn attack_08_a_reject_on_a_step_of_a_run_is_a_doubt() {
    let mut world = World::new();
    let (one, two) =
        (step("s1", "ben", "a", None, Some("1")), step("s2", "ben", "b", None, Some("1")));
    let run = [one.clone(), two];
    for step in &run {
        world.declare("ben", step, &["ben"], Assistance::None).unwrap();
    }
    let documents: Vec<_> = run.iter().map(|step| &step.step.document).collect();
    let whole = Document::compose(&documents).unwrap();
    world.say("ada", Says::Approval(word(ApprovalVerdict::Approve, &whole))).unwrap();
    let deployed = world.judge(&run);
    assert!(deployed.is_allowed(), "{:?}", deployed.reasons());
    world.deploy(&commit("s2"));
    world.deploy(&commit("fix"));
    let mut given = Given::at(Position::Behind);
    given.cover = Some(deployed.cover());
    given.start_changes = run.iter().map(|step| step.step.document.hash()).collect();
    let judge = |world: &World| codes(&given.judge(world, &world.question(&commit("s2")), &[]));
    assert!(judge(&world).is_empty());
    world.say("cy", Says::Approval(word(ApprovalVerdict::Reject, &one.step.document))).unwrap();
    assert_eq!(judge(&world), ["REJECTED"]);
}

/// ATTACKS 8: what was rejected does not come back with a later deployment that still contained it.
/// A path counts if it is live otherwise and the start has what the change made of it, or the
/// start's history has what was read.
#[test]
fn attack_08_what_was_rejected_does_not_come_back() {
    let mut world = World::new();
    let later = step("later", "ben", "b", None, Some("1"));
    signed(&mut world, &later);
    let cover = world.judge(std::slice::from_ref(&later)).cover();
    world.deploy(&commit("later"));
    world.deploy(&commit("reverted"));
    let bad = step("bad", "ben", "a", None, Some("1")).step.document;
    let mut given = Given::at(Position::Behind);
    given.cover = Some(cover);
    // The newest deployment took the path `a` back, which the start has.
    let document = step("back", "ben", "a", Some("1"), None).step.document;
    given.live = Some(Live { document, commits: Vec::new() });
    let judge = |world: &World, given: &Given| {
        codes(&given.judge(world, &world.question(&commit("later")), &[]))
    };
    let returning = |document: &Document, in_start: bool| {
        vec![Returning { change: bad.hash(), document: Some(document.clone()), in_start }]
    };
    given.returning = returning(&bad, false);
    assert!(judge(&world, &given).is_empty(), "nobody rejected it");
    world.say("cy", Says::Approval(word(ApprovalVerdict::Reject, &bad))).unwrap();
    assert_eq!(judge(&world, &given), ["REJECTED"], "the start has what it made");
    let other = step("bad", "ben", "a", None, Some("2")).step.document;
    given.returning = returning(&other, false);
    assert!(judge(&world, &given).is_empty(), "the start has something else there");
    given.returning = returning(&other, true);
    assert_eq!(judge(&world, &given), ["REJECTED"], "it was built on");
    let elsewhere = step("bad", "ben", "c", None, Some("1")).step.document;
    given.returning = returning(&elsewhere, true);
    assert!(judge(&world, &given).is_empty(), "what it touched is live as it is in the start");
    given.returning[0].document = None;
    assert_eq!(judge(&world, &given), ["REJECTED"], "nobody knows what it touched");
}

/// ATTACKS 49: a new cell starts at its group's newest point; one that the policy names itself
/// wants a baseline.
#[test]
fn attack_49_a_new_cell_starts_at_its_groups_newest() {
    let cell = |world: &World, label: &str| {
        let mut question = world.question(&commit(label));
        question.environment = "production/canary".parse().unwrap();
        question
    };
    let change = step("one", "ben", "a", None, Some("1"));
    let mut world = World::new();
    signed(&mut world, &change);
    let question = cell(&world, "one");
    let found = Given::default().judge(&world, &question, std::slice::from_ref(&change));
    assert!(found.is_allowed(), "{:?}", found.reasons());
    assert_eq!(found.start_entry(), found.newest);
    for named in [
        "\n[environment.\"production/canary\"]\nmode = \"enforce\"\n",
        "\n[[rule]]\nname = \"canary\"\nwhen = { environments = [\"production/canary\"] }\n\
         require = [{ count = 2 }]\n",
    ] {
        let mut world = World::with_policy(&format!("{POLICY}{named}"));
        signed(&mut world, &change);
        let question = cell(&world, "one");
        let found = Given::default().judge(&world, &question, std::slice::from_ref(&change));
        assert!(found.reasons().contains(&ReasonCode::BaselineMissing), "{:?}", found.reasons());
    }
}

/// ATTACKS 31, 49: a cell's decision dies when the point of its group that it started from is the
/// newest no more.
#[test]
fn attack_31_a_cells_decision_dies_with_its_groups_point() {
    let mut world = World::new();
    let says = |world: &mut World| match world.decide(&commit("one")) {
        Says::Decision(mut body) => {
            body.environment = "production/canary".parse().unwrap();
            Says::Decision(body)
        }
        other => other,
    };
    let settled = |world: &World| {
        let cell = "production/canary".parse().unwrap();
        world.view.settled(&"shop".parse().unwrap(), &cell).newest().is_some()
    };
    let late = says(&mut world);
    let id = world.say_by_gate(late);
    world.deploy(&commit("other"));
    world.deploy_in("production/canary", &commit("one"), id, words::Outcome::Started);
    assert!(!settled(&world), "the group moved on in between");
    let fresh = says(&mut world);
    let id = world.say_by_gate(fresh);
    // What settles nothing in the group moves no start on: whoever deploys there unasked keeps no
    // cell from its deployment.
    world.deploy_in("production", &commit("unasked"), id, words::Outcome::Started);
    world.deploy_in("production/canary", &commit("one"), id, words::Outcome::Started);
    assert!(settled(&world));
}
