//! The gate without a clone: on the word of a service (`spec/verdict.md` section 13).

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::base::name::{RepositoryName, Revision};
use countersign::blobs::Blobs;
use countersign::git::Repository;
use countersign::key::Signer as _;
use countersign::statement::Says;
use countersign::statement::approval::Approval;
use countersign::statement::change::Landed;
use countersign::statement::governance::{Operation, RevokeKey};
use countersign::statement::words::{ApprovalVerdict, Duty, MemberKind, Revocation};
use countersign::verify::attested::StepRecord;
use serde_json::{Value, json};

use crate::library::{Beginnings, Person, Said, gate};
use crate::stage::{Stage, commit, git, head, key, policy, said};

/// Ada reviews, Ben writes, `ci` and `other` read what landed.
fn stage(test: &str, rules: &str) -> Stage {
    let person = |id, kind, level, duties| Person { id, called: None, kind, level, duties };
    let people = vec![
        person("ada", MemberKind::Human, Some("senior"), vec![Duty::Review, Duty::Declare]),
        person("ben", MemberKind::Human, Some("mid"), vec![Duty::Review]),
        person("cy", MemberKind::Human, Some("mid"), vec![Duty::Review]),
        person("ci", MemberKind::Service, None, vec![Duty::Declare]),
        person("other", MemberKind::Service, None, vec![Duty::Declare]),
        person("helper", MemberKind::Bot, None, vec![Duty::Declare]),
        gate(),
    ];
    let policy = Some(format!("{}{rules}", policy("enforce")));
    Stage::begin(test, &Beginnings { people, policy, has_baseline: true })
}

/// The program in a folder that is no repository.
fn away(stage: &Stage, arguments: &[&str]) -> Said {
    let nowhere = stage.root.join("nowhere");
    fs::create_dir_all(&nowhere).unwrap();
    said(&stage.command(arguments).current_dir(nowhere).output().unwrap())
}

fn attested(stage: &Stage, revision: &Revision, more: &[&str]) -> Said {
    let asked = ["gate", "--attested", "--revision", revision.as_str()];
    away(stage, &[&asked, more].concat())
}

#[test]
fn attack_50_a_gate_without_a_clone_rests_on_a_services_word() {
    let stage = stage("attested", "");
    let step = stage.commit("a", "1\n");
    let next = stage.commit("b", "1\n");
    stage.approve("ada", &step);
    // Nobody has said yet what landed.
    attested(&stage, &next, &["-n"])
        .expect(2, &["no service says what landed as", "countersign record change"]);
    let shown = stage.by("ci", &["record", "change", "-n"]);
    assert_eq!(shown.out.matches("\"step\"").count(), 2, "{shown:?}");
    stage.by("ci", &["record", "change"]).expect(0, &["recorded: 2 commits of shop"]);
    stage.by("ci", &["record", "change"]).expect(0, &["0 commits of shop; 2 were recorded"]);
    let no = attested(&stage, &next, &["-n"])
        .expect(1, &["NEEDS_SIGN_OFF", "what each commit changed: attested by ci"]);
    assert!(no.out.starts_with("NO  shop "), "{no:?}");
    stage.approve("ada", &next);
    let yes = attested(&stage, &next, &["-n", "--json"]).expect(0, &[]);
    assert_eq!(yes.json()["attested_by"], json!(["ci"]));
    // It is the verdict of whoever has the clone, words for people aside.
    let read = stage.run(&["gate", "-n", "--json"]).json();
    assert_eq!(read.get("attested_by"), None);
    let compared = |answer: &Value| {
        let segments = answer["segments"].as_array().unwrap().iter();
        let members = ["change", "first", "last", "satisfied", "needs", "not_counted"];
        segments.map(|one| members.map(|member| one[member].clone())).collect::<Vec<_>>()
    };
    assert_eq!(compared(&yes.json()), compared(&read));
    // It decides, deploys and settles like any other, and the audit reads the commits.
    let deployed = attested(&stage, &next, &["--any-checkout", "--", "true"]);
    deployed.expect(0, &["YES", "attested by ci"]);
    assert_eq!(stage.settled(), Some(next.clone()));
    stage.run(&["audit", "shop"]).expect(0, &["2 changes"]);
    stage.run(&["ledger", "check"]).expect(0, &[]);
    let third = stage.commit("a", "2\n");
    stage.by("ci", &["record", "change"]).expect(0, &["recorded: 1 commit of shop"]);
    stage.approve("ada", &third);
    attested(&stage, &third, &["-n"]).expect(0, &["1 change, signed off"]);
    // What is live needs nobody's word, and what is older is judged where its commits are.
    attested(&stage, &next, &["-n"]).expect(0, &["nothing new"]);
    attested(&stage, &step, &["-n"]).expect(2, &["does not come after what is live"]);
}

#[test]
fn a_short_id_or_a_branch_names_nothing_without_a_repository() {
    let stage = stage("attested-names", "");
    away(&stage, &["gate", "--attested", "-n"]).expect(2, &["HEAD is no whole commit id"]);
    away(&stage, &["gate", "-n"]).expect(2, &["not a git repository", "--attested"]);
    let step = stage.commit("a", "1\n");
    attested(&stage, &step, &["--", "true"]).expect(2, &["--any-checkout"]);
}

/// Whoever has the duty and is no service says nothing that others could rest on; nor does who had
/// it, or whose key leaked.
#[test]
fn attack_9_only_a_service_in_its_duty_is_believed() {
    let stage = stage("attested-who", "");
    let step = stage.commit("a", "1\n");
    stage.approve("ada", &step);
    for who in ["ada", "helper", "ben"] {
        let refused = stage.by(who, &["record", "change"]);
        assert_eq!(refused.status, 2, "{refused:?}");
        let refused = stage.try_say(who, Says::Landed(landed(&stage, &step))).unwrap_err();
        assert_eq!(refused.code, "NOT_SERVICE", "{refused:?}");
    }
    stage.by("ci", &["record", "change"]).expect(0, &[]);
    attested(&stage, &step, &["-n"]).expect(0, &["attested by ci"]);
    let key = key(&stage.root, "ci").public_key().fingerprint();
    let first = stage.entries().iter().find(|one| one.by().as_str() == "ci").unwrap().index();
    stage.govern(Operation::RevokeKey(RevokeKey {
        key,
        cause: Revocation::Leaked,
        since: Some(first),
    }));
    attested(&stage, &step, &["-n"]).expect(2, &["no service says what landed"]);
    stage.by("other", &["record", "change"]).expect(0, &[]);
    attested(&stage, &step, &["-n"]).expect(0, &["attested by other"]);
}

/// What a service says of a step, its files kept.
fn landed(stage: &Stage, revision: &Revision) -> Landed {
    let repository = Repository::open(&stage.repository()).unwrap();
    let commits = [revision.clone()];
    let session = stage.session();
    let steps = countersign::evidence::landed_steps(&session, &repository, &commits).unwrap();
    let step = countersign::evidence::keep_step(&session, &steps[0]).unwrap();
    Landed {
        change: steps[0].step.document.hash(),
        repository: RepositoryName::new("shop").unwrap(),
        base: steps[0].step.parent.clone(),
        head: revision.clone(),
        target: "refs/heads/main".parse().unwrap(),
        step,
    }
}

#[test]
fn services_that_contradict_each_other_are_not_believed() {
    let stage = stage("attested-lies", "");
    let step = stage.commit("a", "1\n");
    let evil = stage.commit("a", "evil\n");
    stage.approve("ada", &step);
    // A service that calls the evil commit by the change that was signed off.
    let lie = Landed { head: evil.clone(), ..landed(&stage, &step) };
    stage.say("other", Says::Landed(lie));
    // Its record is of another commit.
    attested(&stage, &evil, &["-n"]).expect(3, &["of another step than the statement"]);
    stage.by("ci", &["record", "change"]).expect(0, &[]);
    attested(&stage, &evil, &["-n"]).expect(3, &["say different things of commit"]);
    // For another branch, or of another repository, it is no word on this one.
    let of = |says: fn(&mut Landed)| {
        let mut said = landed(&stage, &evil);
        says(&mut said);
        Says::Landed(said)
    };
    stage.say("other", of(|said| said.target = "refs/heads/other".parse().unwrap()));
    attested(&stage, &evil, &["-n"]).expect(3, &["say different things"]);
    // Each service's newest word is its word.
    stage.say("other", of(|_| {}));
    attested(&stage, &evil, &["-n"]).expect(1, &["NEEDS_SIGN_OFF"]);
}

fn blob(stage: &Stage, digest: &str) -> PathBuf {
    fn find(folder: &Path, digest: &str) -> Option<PathBuf> {
        let mut entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        entries.find_map(|path| {
            let flat = path.to_string_lossy().replace('/', "");
            if path.is_dir() { find(&path, digest) } else { flat.ends_with(digest).then_some(path) }
        })
    }
    find(&stage.root.join("ledger"), digest).unwrap()
}

#[test]
fn what_a_service_names_and_is_gone_or_damaged_gives_no_verdict() {
    let stage = stage("attested-files", "");
    let step = stage.commit("a", "1\n");
    stage.approve("ada", &step);
    stage.by("ci", &["record", "change"]).expect(0, &[]);
    let said = landed(&stage, &step);
    for digest in [said.step.to_string(), said.change.to_string()] {
        let path = blob(&stage, &digest);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        attested(&stage, &step, &["-n"]).expect(4, &["is missing", "bring the whole folder"]);
        let checked = stage.run(&["ledger", "check"]);
        assert_ne!(checked.status, 0, "{checked:?}");
        fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
        let damaged = attested(&stage, &step, &["-n"]);
        assert_eq!(damaged.status, 3, "{damaged:?}");
        fs::write(&path, bytes).unwrap();
    }
    attested(&stage, &step, &["-n"]).expect(0, &[]);
}

/// What rules see of paths, authors and marks is what they see in a clone: binaries, links,
/// co-authors, machines.
#[test]
fn rules_see_what_they_see_in_a_clone() {
    let rules = "\n[[rule]]\nname = \"opaque\"\nwhen = { opaque = true }\n\
                 require = [{ level = \"senior\" }]\n\
                 [[rule]]\nname = \"infra\"\nwhen = { paths = [\"infra/**\"] }\n\
                 require = [{ level = \"mid\", count = 2 }]\n\
                 [[rule]]\nname = \"machines\"\nwhen = { assistance = [\"assisted\", \
                 \"generated\"] }\nrequire = [{ level = \"senior\", count = 2 }]\n";
    let stage = stage("attested-facts", rules);
    let repository = stage.repository();
    commit(&repository, "blob", "a\0b", "Binary");
    std::os::unix::fs::symlink("infra/x", repository.join("link")).unwrap();
    commit(&repository, "text", "1\n", "Link");
    let message = "Help\n\nCo-authored-by: Claude <noreply@anthropic.com>\n\
                   Co-authored-by: Ada <ada@example.com>";
    commit(&repository, "c", "1\n", message);
    git(&repository, &["switch", "-q", "-c", "side"]);
    commit(&repository, "side", "1\n", "Side");
    git(&repository, &["switch", "-q", "main"]);
    commit(&repository, "c", "2\n", "Beside");
    git(&repository, &["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    let last = head(&repository);
    stage.by("ci", &["record", "change"]).expect(0, &["5 commits"]);
    let read = stage.run(&["gate", "-n", "--json"]).json();
    let told = attested(&stage, &last, &["-n", "--json"]).expect(1, &[]).json();
    assert_eq!(read["reasons"], told["reasons"]);
    let (read, told) = (&read["segments"], &told["segments"]);
    assert_eq!(read.as_array().unwrap().len(), 5);
    for (read, told) in read.as_array().unwrap().iter().zip(told.as_array().unwrap()) {
        for member in ["change", "needs", "assistance", "paths", "reasons", "satisfied"] {
            assert_eq!(read[member], told[member], "{member}");
        }
        let members = |of: &Value| -> Vec<Value> {
            of["authors"].as_array().unwrap().iter().map(|one| one["member"].clone()).collect()
        };
        assert_eq!(members(read), members(told));
    }
    assert!(read[1]["needs"].to_string().contains("infra"), "{read}");
    assert!(read[2]["needs"].to_string().contains("machines"), "{read}");
}

fn word(stage: &Stage, revision: &Revision, verdict: ApprovalVerdict) -> Says {
    let Says::Approval(said) = stage.approval(revision) else { unreachable!() };
    Says::Approval(Approval { verdict, ..said })
}

/// Whether a reject of another form is of the same edits shows in contents, so nobody who has none
/// says that it is not.
#[test]
fn attack_33_a_reject_of_another_form_is_told_where_contents_are_not_read() {
    let stage = stage("attested-rejected", "");
    let repository = stage.repository();
    let lines = |edit: &str| format!("{edit}\n2\n3\n4\n5\n");
    let base = stage.commit("a", &lines("1"));
    git(&repository, &["switch", "-q", "-c", "early"]);
    let rejected = commit(&repository, "a", &lines("evil"), "Evil");
    git(&repository, &["switch", "-q", "main"]);
    let reject = stage.say("ada", word(&stage, &rejected, ApprovalVerdict::Reject));
    // The document of what was rejected is kept, as the program keeps it.
    let document = Repository::open(&repository).unwrap().step(&rejected).unwrap().document;
    Blobs::new(&stage.root.join("ledger")).put(&document.to_bytes()).unwrap();
    let moved = stage.commit("a", &lines("1").replace('5', "5 moved"));
    let landed = stage.commit("a", &lines("evil").replace('5', "5 moved"));
    for step in [&base, &moved, &landed] {
        stage.approve("cy", step);
    }
    stage.by("ci", &["record", "change"]).expect(0, &["3 commits"]);
    // All is signed off, and the reject is heard where the contents are.
    stage.run(&["gate", "-n"]).expect(1, &["REJECTED"]);
    let told = format!("entry {reject} rejects another form");
    attested(&stage, &landed, &["-n"]).expect(2, &[&told, landed.short(), "in a clone"]);
    // What was made on the same base is no form of it.
    attested(&stage, &moved, &["-n"]).expect(0, &[]);
    // The same member's approval of what landed ends their reject.
    stage.approve("ada", &landed);
    stage.run(&["gate", "-n"]).expect(0, &[]);
    attested(&stage, &landed, &["-n"]).expect(0, &["attested by ci"]);
}

/// ATTACKS 36: a record has one spelling, and its rows are rows of its document.
#[test]
fn attack_36_a_record_is_strict() {
    let stage = stage("attested-strict", "");
    let step = stage.commit("a", "1\n");
    let said = landed(&stage, &step);
    let bytes = Blobs::new(&stage.root.join("ledger")).get(&said.step).unwrap().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(StepRecord::parse(&bytes).unwrap().to_bytes(), bytes);
    let parse = |text: &str| StepRecord::parse(text.as_bytes());
    let (commit, email) = (step.as_str(), "\"kind\":\"person\",");
    for (old, new) in [
        ("step v1", "step v2"),
        ("\"opaque\":[]", "\"opaque\":[{\"row\":0,\"why\":\"dull\"}]"),
        (
            "\"opaque\":[]",
            "\"opaque\":[{\"row\":1,\"why\":\"binary\"},{\"row\":1,\"why\":\"binary\"}]",
        ),
        ("\"links\":[],", ""),
        ("\"collisions\":[]", "\"collisions\":[1,0]"),
        ("\"collisions\":[]", "\"collisions\":[],\"more\":1"),
        (email, ""),
    ] {
        assert!(text.contains(old), "{old} in {text}");
        assert!(parse(&text.replacen(old, new, 1)).is_err(), "{new}");
    }
    let twice = text.replace(
        &format!("\"commits\":[\"{commit}\"]"),
        &format!("\"commits\":[\"{commit}\",\"{commit}\"]"),
    );
    assert!(parse(&twice).is_err());
    let none = text.replace(&format!("\"commits\":[\"{commit}\"]"), "\"commits\":[]");
    assert!(parse(&none).is_err());
    let outside = text.replace("\"collisions\":[]", "\"collisions\":[7]");
    let document = stage.session().blobs().get(&digest(said.change)).unwrap().unwrap();
    let document = countersign::change::Document::parse(&document).unwrap();
    let by = crate::stage::id("ci");
    let outside = parse(&outside).unwrap().into_evidence(&said, &by, document.clone());
    assert!(outside.is_err(), "{outside:?}");
    let links = text.replace("\"links\":[]", "\"links\":[{\"row\":0,\"to\":[\"2e2e\"]}]");
    let links = parse(&links).unwrap().into_evidence(&said, &by, document);
    assert!(links.is_err(), "{links:?}");
}

fn digest(change: ChangeHash) -> ContentDigest {
    ContentDigest::from_bytes(*change.as_bytes())
}
