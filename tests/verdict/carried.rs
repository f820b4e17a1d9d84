//! Sign-offs of another change that are carried to what landed (`spec/verdict.md` section 5,
//! point 7). Certificates are real: found, and made good by the checker alone.

use countersign::base::digest::ContentDigest;
use countersign::base::time::Span;
use countersign::carry::find;
use countersign::change::Document;
use countersign::change::carry::{Carried, CarryContents};
use countersign::policy::ReasonCode;
use countersign::statement::Says;
use countersign::statement::approval::Approval;
use countersign::statement::governance::{Operation, SetPolicy};
use countersign::statement::words::{ApprovalVerdict, Assistance};
use countersign::verify::cover::{Contained, Cover, Match};
use countersign::verify::{CarriedTo, StepEvidence, Uncarried, Verdict};

use super::given::{Given, deployed_elsewhere, landed};
use super::world::{POLICY, World, commit, document, step, word};

/// Before and after what was read, and before and after what landed.
const READ: [&str; 2] = ["1\n2\n3\n4\n5\n", "1\n2\n3\n4\nMINE\n"];
const LANDED: [&str; 2] = ["MAIN\n2\n3\n4\n5\n", "MAIN\n2\n3\n4\nMINE\n"];
/// What landed once more, on a newer main.
const AGAIN: [&str; 2] = ["MAIN\nMORE\n3\n4\n5\n", "MAIN\nMORE\n3\n4\nMINE\n"];

fn read() -> Document {
    document("a", Some(READ[0]), Some(READ[1]))
}

fn landing(label: &str, [old, new]: [&str; 2]) -> StepEvidence {
    step(label, "ben", "a", Some(old), Some(new))
}

fn to(step: &StepEvidence, carried: Carried) -> CarriedTo {
    CarriedTo { landing: step.step.commit.clone(), carried, is_grounded: true }
}

/// The proof that one is carried to the other.
fn carried(read: &Document, landed: &Document) -> Carried {
    let mut source = CarryContents::default();
    for text in READ.iter().chain(&LANDED).chain(&AGAIN).chain(&TOGETHER) {
        source.contents.insert(ContentDigest::of(text.as_bytes()), (*text).into());
    }
    find(read, landed, 1, &source).unwrap().1
}

fn say(world: &mut World, by: &str, verdict: ApprovalVerdict, document: &Document) -> u64 {
    world.say(by, Says::Approval(word(verdict, document))).unwrap().get()
}

fn approve(world: &mut World, by: &str, document: &Document) -> u64 {
    say(world, by, ApprovalVerdict::Approve, document)
}

/// Ben's change as it was read, and declared.
fn world(policy: &str) -> World {
    let mut world = World::with_policy(policy);
    let mut branch = landing("branch", READ);
    branch.step.document = read();
    world.declare("ben", &branch, &["ben"], Assistance::None).unwrap();
    world
}

fn with(defaults: &str) -> String {
    POLICY.replace("[environment.", &format!("[defaults]\n{defaults}\n\n[environment."))
}

fn given(steps: &[StepEvidence]) -> Given {
    let one = |step: &StepEvidence| to(step, carried(&read(), &step.step.document));
    Given { carried: steps.iter().map(one).collect(), ..Given::default() }
}

fn judge(world: &World, step: &StepEvidence) -> Verdict {
    let steps = std::slice::from_ref(step);
    given(steps).judge(world, &world.question(&step.step.commit), steps)
}

fn discounts(verdict: &Verdict) -> Vec<(ReasonCode, &str)> {
    let words = verdict.segments[0].discounted.iter();
    words.map(|word| (word.code, word.text.as_str())).collect()
}

#[test]
fn a_carried_sign_off_counts_and_the_cover_names_its_certificate() {
    let mut world = world(POLICY);
    let entry = approve(&mut world, "ada", &read());
    let squash = landing("squash", LANDED);
    assert!(!world.judge(std::slice::from_ref(&squash)).is_allowed(), "no certificate, no word");
    let found = judge(&world, &squash);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let segment = &found.segments[0];
    assert!(segment.is_carried() && segment.sign_offs[0].carried);
    let row = &found.cover().segments[0];
    let proof = carried(&read(), &squash.step.document);
    assert_eq!(row.matched, Match::Carried);
    assert_eq!(row.approvals.iter().map(|index| index.get()).collect::<Vec<_>>(), [entry]);
    assert_eq!((row.carried[0].change, row.carried.len()), (read().hash(), 1));
    assert_eq!(row.carried[0].certificate, proof.certificate());
    assert_eq!(Cover::parse(&found.cover().to_bytes()).unwrap(), found.cover());
    // A sign-off of what landed itself is exact, and then the cover says so.
    world.approve("ada", &squash).unwrap();
    let found = judge(&world, &squash);
    assert_eq!(found.cover().segments[0].matched, Match::Exact);
    assert_eq!(found.cover().segments[0].carried.len(), 1, "used up all the same");
}

#[test]
fn the_policy_says_how_far_carrying_goes() {
    let never = with("carry = \"never\"");
    let rule = format!(
        "{POLICY}\n[[rule]]\nname = \"all\"\nwhen = {{ paths = [\"**\"] }}\n\
         require = [{{ count = 1 }}]\ncarry = \"never\"\n"
    );
    for (policy, allowed) in [
        (POLICY.to_owned(), true),
        (with("carry_gap = 3"), true),
        (with("carry_gap = 4"), false),
        (never, false),
        (rule, false),
    ] {
        let mut world = world(&policy);
        approve(&mut world, "ada", &read());
        let found = judge(&world, &landing("squash", LANDED));
        assert_eq!(found.is_allowed(), allowed, "{policy}");
        if !allowed && policy.contains("carry_gap") {
            let [(code, said), ..] = discounts(&found)[..] else { unreachable!() };
            assert_eq!(code, ReasonCode::CarryRefused);
            assert!(
                said.ends_with("3 unchanged lines between both edits, and the policy asks for 4")
            );
        } else if !allowed {
            assert!(found.reasons().contains(&ReasonCode::CarryRefused), "{:?}", found.reasons());
        }
    }
}

/// ATTACKS 29: a gap that was made smaller today still is the older one.
#[test]
fn attack_29_a_smaller_gap_waits_for_the_delay() {
    let mut world = world(&with("carry_gap = 4"));
    approve(&mut world, "ada", &read());
    world.govern(vec![Operation::SetPolicy(SetPolicy { text: POLICY.to_owned() })]).unwrap();
    let squash = landing("squash", LANDED);
    assert!(!judge(&world, &squash).is_allowed());
    world.now = world.now.plus("25h".parse::<Span>().unwrap());
    assert!(judge(&world, &squash).is_allowed());
}

/// ATTACKS 33: a reject of what was read blocks what it was carried to, whatever the policy says
/// of carrying; what answers it is the same person's word on either.
#[test]
fn attack_33_a_reject_is_carried_as_well() {
    for policy in [POLICY.to_owned(), with("carry = \"never\""), with("carry_gap = 9")] {
        let mut world = world(&policy);
        let squash = landing("squash", LANDED);
        world.declare("ben", &squash, &["ben"], Assistance::None).unwrap();
        world.approve("ada", &squash).unwrap();
        assert!(judge(&world, &squash).is_allowed());
        say(&mut world, "cy", ApprovalVerdict::Reject, &read());
        assert_eq!(judge(&world, &squash).reasons(), [ReasonCode::Rejected]);
        let mut after = world;
        approve(&mut after, "cy", &read());
        assert!(judge(&after, &squash).is_allowed(), "taken back where it was said");
        say(&mut after, "cy", ApprovalVerdict::Reject, &read());
        after.approve("cy", &squash).unwrap();
        assert!(judge(&after, &squash).is_allowed(), "who signs off what landed has seen it");
    }
}

/// ATTACKS 33: an older form signed off again answers no reject of what landed.
#[test]
fn attack_33_what_is_carried_answers_no_reject_of_what_landed() {
    let mut world = world(POLICY);
    let squash = landing("squash", LANDED);
    world.approve("ada", &squash).unwrap();
    let reject = say(&mut world, "cy", ApprovalVerdict::Reject, &squash.step.document);
    approve(&mut world, "cy", &read());
    assert_eq!(judge(&world, &squash).reasons(), [ReasonCode::Rejected]);
    let named = Approval {
        withdraws: Some(world.reference(countersign::base::position::EntryIndex::new(reject))),
        ..word(ApprovalVerdict::Withdraw, &squash.step.document)
    };
    world.say("cy", Says::Approval(named)).unwrap();
    assert!(judge(&world, &squash).is_allowed());
}

#[test]
fn a_withdrawal_takes_back_what_was_carried() {
    let mut world = world(POLICY);
    let entry = approve(&mut world, "ada", &read());
    let squash = landing("squash", LANDED);
    assert!(judge(&world, &squash).is_allowed());
    let withdrawn = Approval {
        withdraws: Some(world.reference(countersign::base::position::EntryIndex::new(entry))),
        ..word(ApprovalVerdict::Withdraw, &read())
    };
    world.say("ada", Says::Approval(withdrawn)).unwrap();
    let found = judge(&world, &squash);
    assert!(!found.is_allowed());
    assert_eq!(discounts(&found)[0].0, ReasonCode::Withdrawn);
}

/// ATTACKS 7: an approval that was carried to one landing is used up: neither the same change
/// again, nor what it is carried to next, may rest on it.
#[test]
fn attack_07_a_carried_approval_is_spent_by_its_landing() {
    let mut world = world(POLICY);
    approve(&mut world, "ada", &read());
    let squash = landing("c1", LANDED);
    let deployed = judge(&world, &squash);
    assert!(deployed.is_allowed());
    let entry = world.deploy(&commit("c1")).get();
    let covers = vec![landed(&deployed, entry)];
    let judge = |world: &World, step: &StepEvidence| {
        let steps = std::slice::from_ref(step);
        let given = Given { covers: covers.clone(), ..given_or_exact(steps) };
        given.judge(world, &world.question(&step.step.commit), steps)
    };
    for (label, texts) in [("c2", LANDED), ("c3", AGAIN), ("c4", READ)] {
        let again = landing(label, texts);
        let found = judge(&world, &again);
        assert!(!found.is_allowed(), "{label}");
        assert_eq!(discounts(&found)[0].0, ReasonCode::Spent, "{label}");
    }
    // Forward over the same commit asks for nothing.
    assert!(judge(&world, &squash).is_allowed());
    // A new word on what was read is carried again.
    approve(&mut world, "ada", &read());
    assert!(judge(&world, &landing("c3", AGAIN)).is_allowed());
}

/// ATTACKS 7: in a file of equal lines one more of them is one more wherever it lands. Of a chain
/// one landing uses the sign-off up: the exact one, else the first.
#[test]
fn attack_07_one_approval_is_carried_to_one_landing_of_a_chain() {
    let lines = |count: usize| "grant\n".repeat(count);
    let more = |label: &str, count: usize| {
        step(label, "ben", "a", Some(&lines(count)), Some(&lines(count + 1)))
    };
    let mut source = CarryContents::default();
    for count in 4..9 {
        source.contents.insert(ContentDigest::of(lines(count).as_bytes()), lines(count).into());
    }
    let signed = more("branch", 4);
    let mut world = World::with_policy(POLICY);
    world.declare("ben", &signed, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &signed).unwrap();
    let to_each = |steps: &[StepEvidence]| {
        let others = steps.iter().filter(|step| step.step.document != signed.step.document);
        let one = |step: &StepEvidence| {
            let found = find(&signed.step.document, &step.step.document, 1, &source);
            found.ok().map(|(_, carried)| to(step, carried))
        };
        Given { carried: others.filter_map(one).collect(), ..Given::default() }
    };
    let judge = |steps: &[StepEvidence]| {
        let question = world.question(&steps.last().unwrap().step.commit);
        to_each(steps).judge(&world, &question, steps)
    };
    assert!(judge(&[more("squash", 5)]).is_allowed());
    let found = judge(&[more("squash", 5), more("another", 6), more("third", 7)]);
    let satisfied: Vec<_> = found.segments.iter().map(|segment| segment.satisfied).collect();
    assert_eq!(satisfied, [true, false, false]);
    let why = &found.segments[1].discounted[0];
    let words = format!("used up by {}, which lands as well", commit("squash").short());
    assert_eq!((why.code, why.text.as_str()), (ReasonCode::Spent, words.as_str()));
    // The exact landing takes it, whether it comes first or not.
    let found = judge(&[signed.clone(), more("another", 5)]);
    let satisfied: Vec<_> = found.segments.iter().map(|segment| segment.satisfied).collect();
    assert_eq!(satisfied, [true, false]);
    let mut exact_last = signed.clone();
    exact_last.step.commit = commit("last");
    let back = step("back", "ben", "a", Some(&lines(7)), Some(&lines(4)));
    let found = judge(&[more("squash", 6), back, exact_last]);
    let satisfied: Vec<_> = found.segments.iter().map(|segment| segment.satisfied).collect();
    assert!(!satisfied[0] && *satisfied.last().unwrap(), "{satisfied:?}");
}

/// ATTACKS 28: the same edit on a base that the branch never had was read among other lines. A
/// reject of it is heard all the same.
#[test]
fn attack_28_what_was_read_elsewhere_is_not_carried() {
    let mut world = world(POLICY);
    approve(&mut world, "ada", &read());
    let steps = [landing("squash", LANDED)];
    let mut given = given(&steps);
    let judge = |world: &World, given: &Given| {
        given.judge(world, &world.question(&commit("squash")), &steps)
    };
    assert!(judge(&world, &given).is_allowed());
    given.carried[0].is_grounded = false;
    let found = judge(&world, &given);
    assert!(!found.is_allowed());
    assert_eq!(discounts(&found)[0].0, ReasonCode::CarryRefused);
    say(&mut world, "cy", ApprovalVerdict::Reject, &read());
    assert!(judge(&world, &given).reasons().contains(&ReasonCode::Rejected));
}

fn given_or_exact(steps: &[StepEvidence]) -> Given {
    if steps[0].step.document == read() { Given::default() } else { given(steps) }
}

/// ATTACKS 9: nobody signs off what they wrote, in whatever form they read it.
#[test]
fn attack_09_an_author_of_what_landed_does_not_sign_off_what_was_read() {
    let mut world = world(POLICY);
    approve(&mut world, "ben", &read());
    let found = judge(&world, &landing("squash", LANDED));
    assert!(!found.is_allowed());
    let not_counted = &found.segments[0].assessment.not_counted;
    assert_eq!(not_counted[0].code, ReasonCode::IsAuthor);
}

/// What was declared of the change that was read is said of what it became; what was seen of it
/// has to be as much as is known now.
#[test]
fn a_declaration_is_carried_as_well() {
    let mut world = world(POLICY);
    let mut said = word(ApprovalVerdict::Approve, &read());
    said.rows[0].assistance_seen = Some(Assistance::None);
    world.say("cy", Says::Approval(said)).unwrap();
    let squash = landing("squash", LANDED);
    assert!(judge(&world, &squash).is_allowed());
    let mut marked = squash.clone();
    marked.detected = Some(Assistance::Assisted);
    let found = judge(&world, &marked);
    assert!(!found.is_allowed());
    let not_counted = &found.segments[0].assessment.not_counted;
    assert_eq!(not_counted[0].code, ReasonCode::SawLessAssistance);
    // Whether the policy takes carried sign-offs is another question.
    let found = judge(&self::world(&with("carry = \"never\"")), &squash);
    assert_eq!(found.segments[0].assessment.assistance, Assistance::None);
}

/// ATTACKS 30: the age of a carried sign-off ends with the first allow of its landing.
#[test]
fn attack_30_the_age_of_a_carried_sign_off_ends_where_it_was_first_allowed() {
    let mut world = world(POLICY);
    let entry = approve(&mut world, "ada", &read());
    let squash = landing("one", LANDED);
    let staged = judge(&world, &squash);
    let early = world.now.plus("89d".parse::<Span>().unwrap());
    world.now = world.now.plus("200d".parse::<Span>().unwrap());
    assert!(!judge(&world, &squash).is_allowed());
    let steps = [squash];
    let covers = vec![deployed_elsewhere(&staged, entry + 1, early)];
    let given = Given { covers, ..given(&steps) };
    assert!(given.judge(&world, &world.question(&commit("one")), &steps).is_allowed());
}

/// Two changes with one landing: either's sign-offs stand on it, and one person is one person.
#[test]
fn two_certificates_for_one_landing_make_nobody_two() {
    let two = format!(
        "{POLICY}\n[[rule]]\nname = \"two\"\nwhen = {{ paths = [\"**\"] }}\n\
         require = [{{ count = 2 }}]\n"
    );
    let mut world = world(&two);
    let first = document("a", Some(LANDED[0]), Some(LANDED[1]));
    let squash = landing("squash", AGAIN);
    let of = |read: &Document| to(&squash, carried(read, &squash.step.document));
    let certificates = vec![of(&read()), of(&first)];
    let given = Given { carried: certificates, ..Given::default() };
    let steps = [squash];
    let judge = |world: &World| given.judge(world, &world.question(&commit("squash")), &steps);
    approve(&mut world, "ada", &read());
    approve(&mut world, "ada", &first);
    assert!(!judge(&world).is_allowed());
    approve(&mut world, "cy", &first);
    let found = judge(&world);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    assert_eq!(found.cover().segments[0].carried.len(), 2);
}

/// What was read as one change and landed in two steps, in files that main had changed.
const TOGETHER: [&str; 3] =
    ["x\n2\n3\n4\n5\n", "x\n2\n3\n4\n5\ntail\n", "x\n2\n3\n4\nMINE\ntail\n"];

#[test]
fn attack_27_a_sign_off_is_carried_to_a_run_of_steps() {
    let mut world = world(POLICY);
    let whole = document("a", Some(READ[0]), Some("1\n2\n3\n4\nMINE\ntail\n"));
    let steps = [
        step("s0", "ben", "b", None, Some("1")),
        step("s1", "ben", "a", Some(TOGETHER[0]), Some(TOGETHER[1])),
        step("s2", "ben", "a", Some(TOGETHER[1]), Some(TOGETHER[2])),
    ];
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    let mut branch = steps[1].clone();
    branch.step.document = whole.clone();
    world.declare("ben", &branch, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &steps[0]).unwrap();
    approve(&mut world, "ada", &whole);
    let run = document("a", Some(TOGETHER[0]), Some(TOGETHER[2]));
    let mut source = CarryContents::default();
    for text in [READ[0], "1\n2\n3\n4\nMINE\ntail\n", TOGETHER[0], TOGETHER[2]] {
        source.contents.insert(ContentDigest::of(text.as_bytes()), text.into());
    }
    let proof = find(&whole, &run, 1, &source).unwrap().1;
    let given =
        Given { carried: vec![to(&steps[2], proof)], runs: vec![(1, 2)], ..Given::default() };
    let found = given.judge(&world, &world.question(&commit("s2")), &steps);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let rows: Vec<_> = found.cover().segments.iter().map(|row| row.matched).collect();
    assert_eq!(rows, [Match::Exact, Match::Carried]);
}

/// ATTACKS 7: what was signed as one change and landed as steps that others signed is used up, and
/// so is what the policy's gap refused.
#[test]
fn attack_07_what_is_carried_beside_the_cover_is_used_up() {
    let mut world = world(POLICY);
    let text = "1\n2\n3\n4\nMINE\ntail\n";
    let whole = document("a", Some(READ[0]), Some(text));
    let steps = [
        step("s1", "ben", "a", Some(TOGETHER[0]), Some(TOGETHER[1])),
        step("s2", "ben", "a", Some(TOGETHER[1]), Some(TOGETHER[2])),
    ];
    for step in &steps {
        world.declare("ben", step, &["ben"], Assistance::None).unwrap();
        world.approve("ada", step).unwrap();
    }
    approve(&mut world, "cy", &whole);
    let run = document("a", Some(TOGETHER[0]), Some(TOGETHER[2]));
    let mut source = CarryContents::default();
    for text in [READ[0], text, TOGETHER[0], TOGETHER[2]] {
        source.contents.insert(ContentDigest::of(text.as_bytes()), text.into());
    }
    let proof = find(&whole, &run, 1, &source).unwrap().1;
    let given = Given { carried: vec![to(&steps[1], proof)], ..Given::default() };
    let found = given.judge(&world, &world.question(&commit("s2")), &steps);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let cover = found.cover();
    assert!(cover.segments.iter().all(|row| row.matched == Match::Exact && row.carried.is_empty()));
    let contained = Contained { change: whole.hash(), first: commit("s1"), last: commit("s2") };
    assert_eq!(cover.contained, [contained]);
    assert_eq!(Cover::parse(&cover.to_bytes()).unwrap(), cover);
    let entry = world.deploy(&commit("s2")).get();
    let mut again = step("again", "ben", "a", Some(READ[0]), Some(text));
    again.step.document = whole;
    let given = Given { covers: vec![landed(&found, entry)], ..Given::default() };
    let found = given.judge(&world, &world.question(&commit("again")), &[again]);
    assert!(!found.is_allowed());
    assert_eq!(discounts(&found)[0].0, ReasonCode::Spent);
    // Too near for the policy, and landed all the same.
    let mut world = self::world(&with("carry_gap = 4"));
    approve(&mut world, "cy", &read());
    let squash = landing("squash", LANDED);
    world.declare("ben", &squash, &["ben"], Assistance::None).unwrap();
    world.approve("ada", &squash).unwrap();
    let found = judge(&world, &squash);
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let cover = found.cover();
    assert!(cover.segments[0].carried.is_empty());
    assert_eq!(cover.contained[0].change, read().hash());
}

/// What is near and not carried is told, with why, and gives nothing.
#[test]
fn what_is_not_carried_is_told() {
    let mut world = world(POLICY);
    let squash = landing("squash", LANDED);
    approve(&mut world, "ada", &read());
    approve(&mut world, "ben", &read());
    let why = "a: landed, and is no part of what was approved".to_owned();
    let (approved, change) = (read().hash(), squash.step.document.hash());
    let uncarried = vec![Uncarried { approved, landed: change, why }];
    let given = Given { uncarried, ..Given::default() };
    let steps = [squash];
    let found = given.judge(&world, &world.question(&commit("squash")), &steps);
    assert!(!found.is_allowed());
    let said = discounts(&found);
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].0, ReasonCode::CarryRefused);
    let short = read().hash().short();
    assert_eq!(
        said[0].1,
        format!("signed as {short}, not carried: a: landed, and is no part of what was approved")
    );
    // Who has signed off what landed is not told of an older form.
    world.approve("ada", &steps[0]).unwrap();
    let found = given.judge(&world, &world.question(&commit("squash")), &steps);
    assert_eq!(discounts(&found).len(), 1);
}

/// The same change may land twice with another tree around it: what is carried to one landing is
/// not carried to the other.
#[test]
fn a_certificate_is_for_one_landing() {
    let mut world = world(POLICY);
    approve(&mut world, "ada", &read());
    let squash = landing("squash", LANDED);
    let elsewhere = landing("elsewhere", LANDED);
    let given = given(std::slice::from_ref(&squash));
    let judge = |step: &StepEvidence| {
        given.judge(&world, &world.question(&step.step.commit), std::slice::from_ref(step))
    };
    assert!(judge(&squash).is_allowed());
    assert!(!judge(&elsewhere).is_allowed());
}

/// A reject of what had landed in part before may be of that part: it blocks no other landing, and
/// takes back all the same what its signer said.
#[test]
fn attack_33_a_reject_of_more_is_not_carried() {
    let mut world = world(POLICY);
    let squash = landing("squash", LANDED);
    let rows = |document: &Document| document.rows().to_vec();
    let other = document("b", None, Some("1"));
    let both = Document::new([rows(&read()), rows(&other)].concat()).unwrap();
    let mut source = CarryContents::default();
    for text in READ.iter().chain(&LANDED) {
        source.contents.insert(ContentDigest::of(text.as_bytes()), (*text).into());
    }
    source.sides.insert(other.rows()[0].path.clone(), other.rows()[0].new);
    let proof = find(&both, &squash.step.document, 1, &source).unwrap().1;
    let given = Given { carried: vec![to(&squash, proof)], ..Given::default() };
    let steps = [squash];
    let judge = |world: &World| given.judge(world, &world.question(&commit("squash")), &steps);
    world.declare("ben", &steps[0], &["ben"], Assistance::None).unwrap();
    approve(&mut world, "ada", &both);
    assert!(judge(&world).is_allowed(), "what was there already may be missing");
    say(&mut world, "cy", ApprovalVerdict::Reject, &both);
    assert!(judge(&world).is_allowed());
    say(&mut world, "ada", ApprovalVerdict::Reject, &both);
    let found = judge(&world);
    assert!(!found.is_allowed() && found.segments[0].rejects.is_empty());
}
