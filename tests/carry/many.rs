//! Many steps and many open sign-offs of one file: the work grows with either, not with their
//! product, and what somebody forged carries nothing.

#![allow(clippy::print_stdout, reason = "the figure is the output")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use countersign::base::digest::ContentDigest;
use countersign::base::name::{EnvironmentName, Revision, ServiceName};
use countersign::change::{ChangePath, Content, Document, Mode, Row, Side};
use countersign::evidence::{gather, gather_as_of};
use countersign::git::Repository;
use countersign::policy::ReasonCode;
use countersign::session::{Session, sign};
use countersign::statement::Says;
use countersign::statement::approval::Approval;
use countersign::statement::words::{ApprovalVerdict, Duty, MemberKind};
use countersign::verify::cover::{Cover, Match};
use countersign::verify::{Question, verdict};

use crate::library::{Beginnings, Person, Stage, gate, id, key, now, policy};

/// A file of so many lines, two of which each change leaves between itself and the next.
const LINES: usize = 3_006;

fn human(id: &'static str) -> Person {
    let duties = vec![Duty::Review];
    Person { id, called: None, kind: MemberKind::Human, level: None, duties }
}

/// Line `3 * place` says `text`.
fn edited(lines: &mut [String], place: usize, text: &str) -> String {
    text.clone_into(&mut lines[3 * place]);
    lines.join("\n") + "\n"
}

fn blank() -> Vec<String> {
    (0..LINES).map(|line| format!("line {line}")).collect()
}

/// Commits on main that each edit `lock`, and branches `b0`, `b5`, ... off its first commit that
/// make every fifth of these edits there.
fn history(stage: &Stage, steps: usize) {
    let mut stream = String::new();
    let mut mark = 1;
    let mut commit = |stream: &mut String, branch: &str, from: &str, text: &str| {
        let _ = write!(
            stream,
            "commit refs/heads/{branch}\nmark :{mark}\ncommitter Ben <ben@shop.example> \
             1795150000 +0000\ndata 2\nx\nfrom {from}\nM 100644 inline lock\ndata {}\n{text}\n",
            text.len(),
        );
        mark += 1;
        format!(":{}", mark - 1)
    };
    let base = commit(&mut stream, "main", "refs/heads/main^0", &edited(&mut blank(), 0, "first"));
    let (mut lines, mut tip) = (blank(), base.clone());
    edited(&mut lines, 0, "first");
    for step in 1..=steps {
        let text = format!("step {step}");
        if step % 5 == 0 {
            let mut read = blank();
            edited(&mut read, 0, "first");
            commit(&mut stream, &format!("b{step}"), &base, &edited(&mut read, step, &text));
        }
        tip = commit(&mut stream, "main", &tip, &edited(&mut lines, step, &text));
    }
    let mut import = Command::new("git");
    import.arg("-C").arg(stage.repository()).args(["fast-import", "--quiet", "--force"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}

fn stage(test: &str, steps: usize) -> Stage {
    let people = vec![human("ada"), human("mia"), gate()];
    let policy = Some(policy("enforce", ""));
    let stage = Stage::begin(test, &Beginnings { people, policy, has_baseline: true });
    history(&stage, steps);
    stage
}

fn question(repository: &Repository) -> Question {
    Question {
        service: ServiceName::new("shop").unwrap(),
        environment: EnvironmentName::new("production").unwrap(),
        revision: repository.resolve("main").unwrap(),
        artifacts: Vec::new(),
        time: now(),
    }
}

/// Ada signs off these changes, a hundred with one signature.
fn approve(stage: &Stage, changes: &[Revision]) {
    for some in changes.chunks(100) {
        let mut said = None;
        for change in some {
            let Says::Approval(one) = stage.approval(change) else { unreachable!() };
            match &mut said {
                None => said = Some(one),
                Some(all) => all.rows.extend(one.rows),
            }
        }
        stage.say("ada", Says::Approval(said.unwrap()));
    }
}

/// In numbers: 1,000 steps with 200 open sign-offs, in under two seconds on two cores.
///
///     cargo test --release --test carry a_thousand -- --nocapture
#[test]
fn a_thousand_steps_and_two_hundred_sign_offs() {
    // Without optimisation it shall not take long; the work is the same.
    let steps = if cfg!(debug_assertions) { 100 } else { 1_000 };
    let sign_offs = steps / 5;
    let stage = stage("thousand", steps);
    let repository = Repository::open(&stage.repository()).unwrap();
    let read: Vec<_> =
        (1..=sign_offs).map(|at| repository.resolve(&format!("b{}", 5 * at)).unwrap()).collect();
    approve(&stage, &read);
    let session: Session = stage.session();
    let question = question(&repository);
    let begin = Instant::now();
    let gathered = gather(&session, &repository, &question).unwrap();
    let found = verdict(&question, &gathered.evidence(&session));
    println!("{} steps, {sign_offs} open sign-offs: {:?}", steps + 1, begin.elapsed());
    // Where the line before was edited meanwhile, three lines off, nothing is in the way.
    assert_eq!(gathered.carried.carried.len(), sign_offs);
    let carried = found.segments.iter().filter(|segment| segment.is_carried()).count();
    assert_eq!((carried, found.segments.len()), (sign_offs, steps + 1));
}

fn said(stage: &Stage, change: &Revision, verdict: ApprovalVerdict) -> Approval {
    let Says::Approval(said) = stage.approval(change) else { unreachable!() };
    Approval { verdict, ..said }
}

/// A document of `lock` that nobody has the contents of, so that it may be anything.
fn unknown(number: u64) -> Document {
    let side = |text: &str| Side {
        mode: Mode::File,
        content: Content::Sha256(ContentDigest::of(format!("{text} {number}").as_bytes())),
    };
    let path = ChangePath::new("lock").unwrap();
    Document::new(vec![Row { path, old: side("old"), new: side("new") }]).unwrap()
}

/// ATTACKS 33: who rejects much, and in vain, makes nobody's reject forgotten.
#[test]
fn attack_33_a_reject_is_not_lost_among_many() {
    let stage = stage("rejects", 5);
    let repository = Repository::open(&stage.repository()).unwrap();
    let steps: Vec<_> =
        (0..6).map(|at| repository.resolve(&format!("main~{at}")).unwrap()).collect();
    approve(&stage, &steps);
    let judge = |session: &Session| {
        let question = question(&repository);
        let gathered = gather(session, &repository, &question).unwrap();
        verdict(&question, &gathered.evidence(session)).reasons()
    };
    assert_eq!(judge(&stage.session()), []);
    let read = repository.resolve("b5").unwrap();
    stage.say("mia", Says::Approval(said(&stage, &read, ApprovalVerdict::Reject)));
    let mut session = stage.session();
    let mut spam = Vec::new();
    for number in 0..250 {
        let document = unknown(number);
        session.blobs().put(&document.to_bytes()).unwrap();
        let mut said = said(&stage, &read, ApprovalVerdict::Reject);
        said.rows[0].hash = ContentDigest::from_bytes(*document.hash().as_bytes());
        let statement = session.statement(&id("ada"), Says::Approval(said));
        spam.push(sign(&statement, &key(&stage.root, "ada")).unwrap());
    }
    let receipts = session.append(now(), &spam).unwrap();
    assert!(receipts.iter().all(Result::is_ok));
    assert_eq!(judge(&session), [ReasonCode::Rejected]);
}

/// ATTACKS 7: what was signed and landed in another form, covered by others, is used up though
/// nobody needed it.
#[test]
fn attack_07_what_was_not_needed_is_used_up() {
    let stage = stage("needless", 5);
    let repository = Repository::open(&stage.repository()).unwrap();
    let steps: Vec<_> =
        (0..6).map(|at| repository.resolve(&format!("main~{at}")).unwrap()).collect();
    approve(&stage, &steps);
    let read = repository.resolve("b5").unwrap();
    stage.say("mia", Says::Approval(said(&stage, &read, ApprovalVerdict::Approve)));
    let session = stage.session();
    let question = question(&repository);
    let gathered = gather(&session, &repository, &question).unwrap();
    let found = verdict(&question, &gathered.evidence(&session));
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let cover = found.cover();
    let read = repository.step(&read).unwrap().document.hash();
    let last = &cover.segments[5];
    assert_eq!((last.matched, last.carried.len()), (Match::Exact, 1));
    assert_eq!(last.carried[0].change, read);
    let mut used_up = cover.used_up();
    assert!(used_up.any(|(change, commit)| change == read && *commit == question.revision));
}

/// What a cover names is checked again: a certificate of other edits is none, and an honest one is
/// looked for in its place.
#[test]
fn a_forged_certificate_carries_nothing() {
    let stage = stage("forged", 5);
    let repository = Repository::open(&stage.repository()).unwrap();
    let steps: Vec<_> =
        (0..6).map(|at| repository.resolve(&format!("main~{at}")).unwrap()).collect();
    approve(&stage, &steps[1..]);
    approve(&stage, &[repository.resolve("b5").unwrap()]);
    let session = stage.session();
    let question = question(&repository);
    let gathered = gather(&session, &repository, &question).unwrap();
    let found = verdict(&question, &gathered.evidence(&session));
    assert!(found.is_allowed(), "{:?}", found.reasons());
    let cover = found.cover();
    let honest = cover.segments[5].carried[0];
    let (certificate, _) = &gathered.carried.certificates[0];
    let forged = String::from_utf8(certificate.to_bytes()).unwrap().replace("step 5", "step 6");
    let mut lying = cover.clone();
    lying.segments[5].carried[0].certificate = session.blobs().put(forged.as_bytes()).unwrap();
    let again = |cover: &Cover| {
        let view = session.view();
        let gathered = gather_as_of(&session, &repository, &question, view, Some(cover)).unwrap();
        verdict(&question, &gathered.evidence(&session)).cover()
    };
    assert_eq!(again(&lying).segments[5].carried, [honest]);
    // One that was kept, and is good, is the one that is named again.
    session.blobs().put(&certificate.to_bytes()).unwrap();
    assert_eq!(again(&cover), cover);
}
