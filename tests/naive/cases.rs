//! Cases too large or too rare for the generator, by both evaluators.

use countersign::base::digest::{ContentDigest, sha256};
use countersign::change::{ChangePath, Content, Document, Mode, Row, Side};
use countersign::policy::ReasonCode;
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::governance::{Accepted, Operation, SetAdmins, SetPolicy};
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};

use super::evaluator::{Asked, evaluate};
use super::gather::gather;
use super::generate::place;
use super::ledger::World;
use super::people::{PEOPLE, START, add_key, baseline, id, person, set_member};
use super::properties::agree;
use super::repository::{Named, Repository, Tree, difference};

const POLICY: &str = "version = 1\nlevels = [\"junior\", \"mid\", \"senior\"]\n\
    [defaults]\nunproved_authors = \"accept\"\n\
    [environment.production]\nmode = \"enforce\"\n[service.shop]\nrepository = \"shop\"\n";

/// A line of commits by `eve`, each of which changes another path; the first is the baseline.
fn line(steps: usize) -> World {
    let mut repository = Repository::default();
    let mut tree = Tree::new();
    let authors = || vec![Named { email: "eve".to_owned(), tool: false }];
    let mut tip = repository.add(Vec::new(), tree.clone(), authors(), None);
    for step in 0..steps {
        tree.insert(format!("app/{step}"), "1".to_owned());
        tip = repository.add(vec![tip], tree.clone(), authors(), None);
    }
    let mut operations = Vec::new();
    for (name, number, _, level, _, duties) in PEOPLE {
        operations.push(set_member(name, *level, duties));
        operations.push(add_key(name, *number));
    }
    operations.push(Operation::SetAdmins(SetAdmins { admins: vec![id("ada")], threshold: 1 }));
    operations.push(Operation::SetPolicy(SetPolicy { text: POLICY.to_owned() }));
    let accepted = Accepted::UpTo(repository.commits[0].id.clone());
    operations.push(baseline("shop", "production", accepted));
    let mut world = World::new(repository, START);
    world.begin(operations);
    world
}

/// A word on everything between two commits.
fn word(world: &mut World, by: &str, verdict: ApprovalVerdict, old: usize, new: usize) {
    let tree = |at: usize| world.repository.tree(Some(at));
    let hash = difference(&tree(old), &tree(new)).hash();
    let row = ApprovalRow {
        hash: ContentDigest::from_bytes(*hash.as_bytes()),
        repository: Some("shop".parse().unwrap()),
        target: Some("refs/heads/main".parse().unwrap()),
        service: None,
        base: None,
        head: Some(world.repository.commits[new].id.clone()),
        assistance_seen: Some(Assistance::Generated),
        shown: Shown::Diff,
        supersedes: None,
    };
    let says = Says::Approval(Approval {
        verdict,
        subject_type: SubjectType::Change,
        rows: vec![row],
        withdraws: None,
        comment: None,
        checklist: Vec::new(),
    });
    world.say(by, person(by).1, says).unwrap();
}

fn asked(world: &World, revision: usize) -> Asked {
    let place = place("shop", "production");
    Asked { place, revision, artifacts: Vec::new(), now: world.now }
}

/// Both evaluators' answer.
fn allowed(world: &World, revision: usize) -> bool {
    let asked = asked(world, revision);
    let answer = evaluate(&world.model(), &asked);
    agree(world, &asked, &answer).unwrap();
    answer.allow
}

/// Section 4, step 4: 32 steps are a segment, 33 of 34 are none, and the whole chain always is.
#[test]
fn a_run_has_at_most_32_steps_or_all() {
    let mut world = line(34);
    word(&mut world, "ada", ApprovalVerdict::Approve, 0, 33);
    word(&mut world, "ada", ApprovalVerdict::Approve, 33, 34);
    assert!(allowed(&world, 33), "33 steps are the whole chain of the commit before the last");
    assert!(!allowed(&world, 34), "33 of 34 steps are no segment");
    let mut shorter = line(34);
    word(&mut shorter, "ada", ApprovalVerdict::Approve, 0, 32);
    word(&mut shorter, "ben", ApprovalVerdict::Approve, 32, 33);
    word(&mut shorter, "ben", ApprovalVerdict::Approve, 33, 34);
    assert!(allowed(&shorter, 34), "32 steps are a segment");
    word(&mut world, "ben", ApprovalVerdict::Approve, 0, 34);
    assert!(allowed(&world, 34), "the whole chain is a segment");
}

/// Section 4, step 4, and ATTACKS 27: who signs off more answers a reject on a run, never one on
/// a step.
#[test]
fn a_reject_on_a_run_is_answered_by_more() {
    let mut world = line(4);
    for step in 0..4 {
        word(&mut world, "ada", ApprovalVerdict::Approve, step, step + 1);
    }
    assert!(allowed(&world, 4));
    word(&mut world, "dee", ApprovalVerdict::Reject, 1, 3);
    assert!(!allowed(&world, 4));
    word(&mut world, "ada", ApprovalVerdict::Approve, 0, 3);
    assert!(allowed(&world, 4));
    word(&mut world, "dee", ApprovalVerdict::Reject, 1, 2);
    assert!(!allowed(&world, 4));
    word(&mut world, "ada", ApprovalVerdict::Approve, 0, 4);
    assert!(!allowed(&world, 4));
}

/// Section 4, step 3, and ATTACKS 1: steps that do not add up to the difference.
#[test]
fn another_difference_is_a_mismatch() {
    let mut world = line(2);
    word(&mut world, "ada", ApprovalVerdict::Approve, 0, 1);
    word(&mut world, "ada", ApprovalVerdict::Approve, 1, 2);
    assert!(allowed(&world, 2));
    let mut gathered = gather(&world, &asked(&world, 2));
    let side = Side {
        mode: Mode::File,
        content: Content::Sha256(ContentDigest::from_bytes(sha256(&[b"slipped in"]))),
    };
    let path = ChangePath::new(b"app/more".to_vec()).unwrap();
    let mut rows = gathered.difference.rows().to_vec();
    rows.push(Row { path, old: Side::ABSENT, new: side });
    gathered.difference = Document::new(rows).unwrap();
    let verdict = gathered.judge(&world.view);
    assert!(!verdict.is_allowed());
    assert_eq!(verdict.reasons(), [ReasonCode::CompositionMismatch]);
}

/// A declaration under a leaked key still bars whom it names: a leak never helps anybody.
#[test]
fn a_leak_bars_no_fewer_authors() {
    use countersign::base::position::EntryIndex;
    use countersign::statement::change::{Declaration, DeclaredAuthor};
    use countersign::statement::governance::RevokeKey;
    use countersign::statement::words::Revocation;
    let mut world = line(1);
    let tree = |at: usize| world.repository.tree(Some(at));
    let change = difference(&tree(0), &tree(1)).hash();
    let says = Says::Change(Declaration {
        change,
        repository: "shop".parse().unwrap(),
        base: None,
        head: world.repository.commits[1].id.clone(),
        target: "refs/heads/main".parse().unwrap(),
        authors: vec![DeclaredAuthor::Member(id("dee")), DeclaredAuthor::Member(id("eve"))],
        request: None,
        predecessor: None,
        assistance: Assistance::None,
        tools: Vec::new(),
    });
    world.say("ci", person("ci").1, says).unwrap();
    word(&mut world, "dee", ApprovalVerdict::Approve, 0, 1);
    assert!(!allowed(&world, 1), "dee is an author");
    let key = super::ledger::public_key(person("ci").1).fingerprint();
    let since = Some(EntryIndex::new(1));
    let cause = Revocation::Leaked;
    world.govern(vec![Operation::RevokeKey(RevokeKey { key, cause, since })]).unwrap();
    assert!(!allowed(&world, 1), "dee is an author still");
}
