//! A reject and the later versions of its change (ATTACKS 33).

use countersign::statement::Says;
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::governance::{Lift, Operation};
use countersign::statement::words::Assistance;

use crate::stage::{Stage, git, head, id};

/// Ben's branch `name` with two files; `content` is what one of them says.
fn branch(stage: &Stage, name: &str, content: &str) {
    git(&stage.repository(), &["switch", "-q", "-c", name, "main"]);
    stage.commit("pay/capture.rs", content);
    stage.commit("pay/retry.rs", "retry\n");
}

/// The hash of what a branch adds.
fn hash(stage: &Stage, name: &str) -> String {
    let said = stage.run(&["hash", &format!("main..{name}")]).expect(0, &[]);
    said.out.split_whitespace().next().unwrap().to_owned()
}

fn reject(stage: &Stage, name: &str) {
    let expect = hash(stage, name);
    let arguments = ["reject", name, "-m", "retries are not idempotent", "--expect", &expect];
    stage.by("mia", &arguments).expect(0, &["entry 1"]);
}

const TOLD: &str = "rejected in another form: entry 1 by Mia Kern, change ";

#[test]
fn attack_33_one_blank_does_not_hide_a_reject() {
    let stage = Stage::new("blank", 0, "");
    branch(&stage, "retry", "one\n");
    reject(&stage, "retry");
    stage.by("ada", &["status", "retry"]).expect(0, &["rejected"]);
    let first = hash(&stage, "retry");
    branch(&stage, "retry-again", "one \n");
    let told = format!("{TOLD}{}", &first[..10]);
    stage.by("ada", &["status", "retry-again"]).expect(0, &[&told, "(2 of its 2 paths)"]);
    stage.by("ada", &["queue"]).expect(0, &[&told]);
    let report = stage.by("ada", &["queue", "--json"]).expect(0, &[]).json();
    let waiting = report["waiting"].as_array().unwrap();
    let again = waiting.iter().find(|line| line["rejected_earlier"][0].is_object()).unwrap();
    assert_eq!(again["rejected_earlier"][0]["code"], "REJECTED_EARLIER");
    let expect = hash(&stage, "retry-again");
    let signed = stage.by("ada", &["approve", "retry-again", "--expect", &expect]);
    signed.expect(0, &[&told]);
    // It landed, and is signed off: the gate says yes, and says what was rejected.
    git(&stage.repository(), &["switch", "-q", "main"]);
    git(&stage.repository(), &["merge", "-q", "--squash", "retry-again"]);
    git(&stage.repository(), &["commit", "-q", "-m", "Retry"]);
    let passed = stage.run(&["gate", "-n"]).expect(0, &["YES shop", "REJECTED_EARLIER"]);
    let shown = passed.all().replace("REJECTED_EARLIER ", "");
    assert!(shown.contains(&told), "{passed:?}");
    assert!(!passed.out.contains("denied"), "{passed:?}");
    stage.by("ada", &["status"]).expect(0, &["YES", &told]);
}

#[test]
fn attack_33_fewer_than_half_of_the_paths_are_another_change() {
    let stage = Stage::new("third", 0, "");
    branch(&stage, "retry", "one\n");
    stage.commit("pay/third.rs", "three\n");
    reject(&stage, "retry");
    git(&stage.repository(), &["switch", "-q", "-c", "other", "main"]);
    stage.commit("pay/capture.rs", "another\n");
    let shown = stage.by("ada", &["status", "other"]).expect(0, &[]);
    assert!(!shown.all().contains("another form"), "{shown:?}");
    stage.commit("pay/retry.rs", "another\n");
    stage.by("ada", &["status", "other"]).expect(0, &[TOLD, "(2 of its 3 paths)"]);
}

#[test]
fn attack_33_a_declared_successor_is_told_whatever_it_touches() {
    let stage = Stage::new("declared", 0, "");
    branch(&stage, "retry", "one\n");
    reject(&stage, "retry");
    let rejected = hash(&stage, "retry");
    git(&stage.repository(), &["switch", "-q", "-c", "elsewhere", "main"]);
    stage.commit("moved.rs", "one\n");
    let declare = |predecessor: Option<&str>, request: Option<&str>, change: &str, name: &str| {
        stage.say(
            "ben",
            Says::Change(Declaration {
                change: change.parse().unwrap(),
                repository: "shop".parse().unwrap(),
                base: Some(git(&stage.repository(), &["rev-parse", "main"]).parse().unwrap()),
                head: git(&stage.repository(), &["rev-parse", name]).parse().unwrap(),
                target: "refs/heads/main".parse().unwrap(),
                authors: vec![DeclaredAuthor::Member(id("ben"))],
                request: request.map(|request| request.parse().unwrap()),
                predecessor: predecessor.map(|change| change.parse().unwrap()),
                assistance: Assistance::None,
                tools: Vec::new(),
            }),
        );
    };
    let shown = stage.by("ada", &["status", "elsewhere"]).expect(0, &[]);
    assert!(!shown.all().contains("another form"), "{shown:?}");
    declare(None, Some("SHOP-1"), &rejected, "retry");
    declare(None, Some("SHOP-1"), &hash(&stage, "elsewhere"), "elsewhere");
    stage.by("ada", &["status", "elsewhere"]).expect(0, &[TOLD, "(declared for the same request)"]);
    declare(Some(&rejected), None, &hash(&stage, "elsewhere"), "elsewhere");
    let words = [TOLD, "(declared as what this replaces)"];
    stage.by("ada", &["status", "elsewhere"]).expect(0, &words);
}

#[test]
fn attack_33_what_was_taken_back_or_lifted_is_told_no_more() {
    let stage = Stage::new("lifted", 0, "");
    branch(&stage, "retry", "one\n");
    reject(&stage, "retry");
    branch(&stage, "again", "two\n");
    stage.by("ada", &["status", "again"]).expect(0, &[TOLD]);
    let other = stage.by("ada", &["withdraw", "1", "-y"]);
    other.expect(2, &["entry 1 is not yours", "countersign show 1"]);
    let taken = stage.by("mia", &["withdraw", "1", "-y"]);
    taken.expect(0, &["your reject of 1 change, entry 1, no longer counts"]);
    let shown = stage.by("ada", &["status", "again"]).expect(0, &[]);
    assert!(!shown.all().contains("another form"), "{shown:?}");
    let second = Stage::new("lifted-by-admins", 0, "");
    branch(&second, "retry", "one\n");
    reject(&second, "retry");
    branch(&second, "again", "two\n");
    let entry = second.entries()[1].entry();
    let reason = Stage::overriding(&head(&second.repository()), 1, 1).reason;
    second.govern(Operation::Lift(Lift { entry, reason }));
    let shown = second.by("ada", &["status", "again"]).expect(0, &[]);
    assert!(!shown.all().contains("another form"), "{shown:?}");
}

#[test]
fn attack_33_a_reject_keeps_the_document_that_it_is_about() {
    let stage = Stage::new("kept", 0, "");
    branch(&stage, "retry", "one\n");
    reject(&stage, "retry");
    let digest = hash(&stage, "retry").parse().unwrap();
    let kept = stage.session().blobs().get(&digest).unwrap().unwrap();
    assert!(kept.starts_with(b"countersign change v1\n"));
    // Where it was lost, the reject is still told of what is declared, and nothing fails.
    std::fs::remove_file(stage.session().blobs().path(&digest)).unwrap();
    branch(&stage, "again", "two\n");
    let shown = stage.by("ada", &["status", "again"]).expect(0, &[]);
    assert!(!shown.all().contains("another form"), "{shown:?}");
}

#[test]
fn a_withdrawal_of_several_subjects_says_how_many() {
    let stage = Stage::new("several", 0, "");
    branch(&stage, "one", "one\n");
    git(&stage.repository(), &["switch", "-q", "main"]);
    git(&stage.repository(), &["switch", "-q", "-c", "two", "main"]);
    stage.commit("two.rs", "two\n");
    let (one, two) = (hash(&stage, "one"), hash(&stage, "two"));
    let both = ["approve", "one", "two", "--expect", &one, "--expect", &two];
    stage.by("ada", &both).expect(0, &["entry 1"]);
    let part = stage.by("ada", &["withdraw", "two", "-y"]);
    part.expect(0, &["your approval of 1 of 2 changes, entry 1, no longer counts"]);
    let all = stage.by("ada", &["withdraw", "1", "-y"]);
    all.expect(0, &["your approval of 2 changes, entry 1, no longer counts"]);
}
