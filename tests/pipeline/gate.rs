//! What the gate answers and records.

use countersign::base::digest::ContentDigest;
use countersign::base::name::Revision;
use countersign::statement::Says;
use countersign::statement::words::{ApprovalVerdict, DecisionVerdict, Mode, Outcome};

use crate::stage::{Stage, commit, git, policy, said};

#[test]
fn an_unsigned_change_is_refused_and_a_signed_one_passes() {
    let stage = Stage::new("yes-no", "enforce");
    let change = stage.commit("lib.rs", "one\n");
    let refused = stage.run(&["gate"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.out.starts_with("NO  shop "), "{refused:?}");
    assert!(refused.out.contains("NEEDS_SIGN_OFF"), "{refused:?}");
    assert!(refused.out.lines().all(|line| line.len() <= 80), "{refused:?}");
    assert!(refused.out.lines().count() <= 24, "{refused:?}");
    stage.approve("ada", &change);
    let passed = stage.run(&["gate"]);
    assert_eq!(passed.status, 0, "{passed:?}");
    assert!(passed.out.starts_with("YES  shop "), "{passed:?}");
    let decisions = stage.decisions();
    assert_eq!(decisions.len(), 2);
    let (deny, allow) = (&decisions[0].1, &decisions[1].1);
    assert_eq!((deny.verdict, deny.mode), (DecisionVerdict::Deny, Mode::Enforce));
    assert_eq!(
        deny.reasons.iter().map(countersign::base::name::RequestId::as_str).collect::<Vec<_>>(),
        ["NEEDS_SIGN_OFF"]
    );
    assert_eq!((allow.verdict, &allow.revision), (DecisionVerdict::Allow, &change));
    assert_eq!(allow.trust, stage.trust.digest());
    assert_eq!(allow.program.as_str(), concat!("countersign ", env!("CARGO_PKG_VERSION")));
    // The cover and the document are there before anybody relies on them (ATTACKS 47).
    let blobs = stage.session().blobs();
    let cover = blobs.get(&allow.cover.unwrap()).unwrap().unwrap();
    let cover = countersign::verify::cover::Cover::parse(&cover).unwrap();
    assert_eq!(cover.segments.len(), 1);
    let document = ContentDigest::from_bytes(*cover.segments[0].change.as_bytes());
    assert!(blobs.get(&document).unwrap().unwrap().starts_with(b"countersign change v1\n"));
}

#[test]
fn the_author_cannot_sign_off() {
    let stage = Stage::new("author", "enforce");
    let change = stage.commit("lib.rs", "one\n");
    stage.approve("ben", &change);
    let refused = stage.run(&["gate", "-n"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.out.contains("IS_AUTHOR"), "{refused:?}");
}

#[test]
fn only_deciding_records_nothing_and_needs_no_key() {
    let stage = Stage::new("dry", "enforce");
    stage.commit("lib.rs", "one\n");
    let size = stage.entries().len();
    let key = std::fs::read_dir(stage.root.join("config/countersign/keys")).unwrap();
    for file in key.map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "gate") {
            std::fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(stage.run(&["gate", "-n"]).status, 1);
    assert_eq!(stage.entries().len(), size);
    // What cannot be recorded is not begun, and says how it can be asked all the same.
    let keyless = stage.run(&["gate", "--", "touch", "ran"]);
    assert_eq!(keyless.status, 2, "{keyless:?}");
    assert!(keyless.talk.contains("gate's key") && keyless.talk.contains("gate -n"), "{keyless:?}");
    assert!(!stage.repository().join("ran").exists());
}

/// Whoever can write the store can unsay no reject by taking it out of the lists by which entries
/// are found: what takes permission away is known without them.
#[test]
fn a_reject_that_no_topic_leads_to_is_heard() {
    let stage = Stage::new("topics", "enforce");
    let change = stage.commit("lib.rs", "one\n");
    stage.approve("ada", &change);
    let Says::Approval(mut reject) = stage.approval(&change) else { unreachable!() };
    reject.verdict = ApprovalVerdict::Reject;
    let entry = stage.say("ben", Says::Approval(reject)).get();
    let hidden = |stage: &Stage| {
        let store = sled::open(stage.root.join("ledger/sled")).unwrap();
        let topics = store.scan_prefix(b"x").keys().map(Result::unwrap);
        let its: Vec<_> = topics.filter(|key| key.ends_with(&entry.to_be_bytes())).collect();
        for key in &its {
            store.remove(key).unwrap();
        }
        store.flush().unwrap();
        its.len()
    };
    assert!(hidden(&stage) >= 2, "its statement and its change");
    let refused = stage.run(&["gate", "-n"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.out.contains("REJECTED"), "{refused:?}");
    assert_eq!(stage.run(&["ledger", "check"]).status, 3, "and the check tells");
}

#[test]
fn an_equal_denial_is_recorded_once() {
    let stage = Stage::new("once", "enforce");
    stage.commit("lib.rs", "one\n");
    let first = stage.run(&["gate"]);
    let second = stage.run(&["gate"]);
    assert_eq!((first.status, second.status), (1, 1));
    assert_eq!(stage.decisions().len(), 1, "{second:?}");
    assert!(second.out.contains("already"), "{second:?}");
    // Another question is another denial.
    assert_eq!(stage.run(&["gate", "--env", "staging"]).status, 1);
    stage.commit("lib.rs", "two\n");
    assert_eq!(stage.run(&["gate"]).status, 1);
    assert_eq!(stage.decisions().len(), 3);
}

#[test]
fn observing_refuses_nothing_and_tells_new_from_old() {
    let stage = Stage::new("observe", "observe");
    let older = stage.commit("a", "one\n");
    let observed = stage.run(&["gate", "--", "touch", "ran"]);
    assert_eq!(observed.status, 0, "{observed:?}");
    assert!(observed.out.starts_with("WOULD REFUSE  shop "), "{observed:?}");
    assert!(stage.repository().join("ran").exists());
    std::fs::remove_file(stage.repository().join("ran")).unwrap();
    let (_, decision) = &stage.decisions()[0];
    assert_eq!((decision.verdict, decision.mode), (DecisionVerdict::Deny, Mode::Observe));
    let deployments = stage.deployments();
    let outcomes: Vec<_> = deployments.iter().map(|(_, said)| said.outcome).collect();
    assert_eq!(outcomes, [Outcome::Started, Outcome::Succeeded]);
    // Let through is not signed off: nothing is settled by it.
    assert_ne!(stage.settled(), Some(older.clone()));
    let newer = stage.commit("b", "two\n");
    let again = stage.run(&["gate", "-n"]);
    assert_eq!(again.status, 0, "{again:?}");
    let place = |text: &str| again.out.find(text).unwrap_or_else(|| panic!("{text}: {again:?}"));
    let (new, old) = (place("1 new since deployment"), place("1 older, live already"));
    assert!(new < place("Change b") && place("Change b") < old, "{again:?}");
    assert!(again.out[old..].contains(older.short()), "{again:?}");
    assert!(again.out.ends_with(&format!("countersign approve {}\n", newer.short())), "{again:?}");
    let json: serde_json::Value =
        serde_json::from_str(&stage.run(&["gate", "-n", "--json"]).out).unwrap();
    assert_eq!(json["answer"], "deny");
    assert_eq!(json["mode"], "observe");
}

#[test]
fn unknown_places_are_wrong_usage_and_never_a_weaker_rule() {
    let stage = Stage::new("unknown", "enforce");
    for arguments in [
        &["gate", "-n", "--env", "prod"][..],
        &["gate", "-n", "--service", "shoop"],
        &["gate", "-n", "--revision", "no-such-branch"],
        &["gate", "-n", "--artifact", "sha256:abc"],
        // Ambiguity y: one spelling of a digest; an image's tag is none.
        &["gate", "-n", "--artifact", &format!("sha256:{}", "AB".repeat(32))],
        &["gate", "-n", "--artifact", &"ab".repeat(32)],
        &["gate", "-n", "--artifact", "shop:latest"],
    ] {
        let refused = stage.run(arguments);
        assert_eq!(refused.status, 2, "{arguments:?} {refused:?}");
        assert!(refused.talk.starts_with("countersign: error: "), "{refused:?}");
        assert!(refused.talk.contains("hint: "), "{refused:?}");
        assert_eq!(refused.out, "");
    }
    assert_eq!(stage.decisions().len(), 0);
}

#[test]
fn nothing_new_passes() {
    let stage = Stage::new("nothing", "enforce");
    let passed = stage.run(&["gate"]);
    assert_eq!(passed.status, 0, "{passed:?}");
    assert!(passed.out.contains("nothing new"), "{passed:?}");
}

/// A baseline of nothing: the chain ends in the root, and every commit needs its sign-off.
#[test]
fn without_a_baseline_every_commit_counts() {
    let stage = Stage::with("root", &policy("enforce"), false);
    assert_eq!(stage.run(&["gate"]).status, 1);
    let root = crate::stage::head(&stage.repository());
    stage.approve("ada", &root);
    assert_eq!(stage.run(&["gate"]).status, 0);
}

#[test]
fn two_gates_that_decided_from_the_same_start_settle_once() {
    let stage = Stage::new("race", "enforce");
    let change = stage.commit("a", "one\n");
    stage.approve("ada", &change);
    // ATTACKS 3: both are allowed from the baseline; what is deployed second was judged from a
    // start that is no longer the newest.
    assert_eq!(stage.run(&["gate"]).status, 0);
    assert_eq!(stage.run(&["gate"]).status, 0);
    let decisions = stage.decisions();
    let record = |decision: &str| stage.run(&["record", "deployment", "--decision", decision]);
    let first = record(&decisions[1].0.index().to_string());
    assert_eq!(first.status, 0, "{first:?}");
    assert!(first.out.contains("settled"), "{first:?}");
    let second = record(&decisions[0].0.index().to_string());
    assert_eq!(second.status, 0, "{second:?}");
    assert!(second.out.contains("settles nothing"), "{second:?}");
    let points = stage.look(|view| {
        let service = "shop".parse().unwrap();
        view.settled(&service, &crate::stage::production()).all().len()
    });
    assert_eq!(points, 2, "the baseline and the first deployment");
}

#[test]
fn a_rollback_goes_to_what_was_deployed_and_nowhere_else() {
    let stage = Stage::new("rollback", "enforce");
    let mut commits: Vec<Revision> = Vec::new();
    for content in ["one\n", "two\n"] {
        let change = stage.commit("a", content);
        stage.approve("ada", &change);
        let deployed = stage.run(&["gate", "--any-checkout", "--", "true"]);
        assert_eq!(deployed.status, 0, "{deployed:?}");
        commits.push(change);
    }
    let never = git(&stage.repository(), &["rev-list", "--max-parents=0", "HEAD"]);
    let refused = stage.run(&["gate", "--revision", &never]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.out.contains("DIVERGED"), "{refused:?}");
    let back =
        stage.run(&["gate", "--revision", commits[0].as_str(), "--any-checkout", "--", "true"]);
    assert_eq!(back.status, 0, "{back:?}");
    assert_eq!(stage.settled(), Some(commits[0].clone()));
    // And forward again over the same commits.
    assert_eq!(stage.run(&["gate", "--any-checkout", "--", "true"]).status, 0);
    assert_eq!(stage.settled(), Some(commits[1].clone()));
}

#[test]
fn a_shallow_clone_is_told_how_to_be_mended() {
    let stage = Stage::new("shallow", "enforce");
    stage.commit("a", "one\n");
    stage.commit("a", "two\n");
    let clone = stage.root.join("clone");
    let from = format!("file://{}", stage.repository().display());
    git(&stage.root, &["clone", "-q", "--depth", "1", &from, clone.to_str().unwrap()]);
    let refused = stage.run(&["-C", clone.to_str().unwrap(), "gate", "-n"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.talk.contains("git fetch --unshallow"), "{refused:?}");
}

#[test]
fn an_artifact_must_be_named_and_built_from_the_revision() {
    let text = policy("enforce").replace(
        "branch = \"refs/heads/main\"\n",
        "branch = \"refs/heads/main\"\nartifact = \"required\"\nbuilders = [\"ci\"]\n",
    );
    let stage = Stage::with("artifact", &text, true);
    let change = commit(&stage.repository(), "a", "one\n", "Change");
    stage.approve("ada", &change);
    let artifact = format!("sha256:{}", ContentDigest::of(b"image"));
    let unnamed = stage.run(&["gate", "-n"]);
    assert_eq!(unnamed.status, 1, "{unnamed:?}");
    assert!(unnamed.out.contains("ARTIFACT_REQUIRED"), "{unnamed:?}");
    let unknown = stage.run(&["gate", "-n", "--artifact", &artifact]);
    assert!(unknown.out.contains("BUILD_UNKNOWN"), "{unknown:?}");
    let key = stage.root.join("ci");
    let key = key.to_str().unwrap();
    let arguments =
        ["record", "build", "--artifact", &artifact, "--repository", "shop", "--key", key];
    let built = stage.run(&arguments);
    assert_eq!(built.status, 0, "{built:?}");
    let passed = stage.run(&["gate", "--artifact", &artifact, "--", "true"]);
    assert_eq!(passed.status, 0, "{passed:?}");
    assert_eq!(stage.settled(), Some(change));
    // The gate is no builder, and a builder decides nothing.
    let unnamed = stage.run(&["record", "build", "--artifact", &artifact, "--repository", "shop"]);
    assert_eq!(unnamed.status, 2, "{unnamed:?}");
    assert!(unnamed.talk.contains("gate does not have the duty build"), "{unnamed:?}");
    assert!(unnamed.talk.contains("the gate's own key was taken"), "{unnamed:?}");
    // The variable is said for this command, and goes before the gate's own key.
    let other = format!("sha256:{}", ContentDigest::of(b"other"));
    let arguments = ["record", "build", "--artifact", &other, "--repository", "shop"];
    let named = said(&stage.command(&arguments).env("COUNTERSIGN_KEY", key).output().unwrap());
    assert_eq!(named.status, 0, "{named:?}");
    let gate = said(&stage.command(&["gate"]).env("COUNTERSIGN_KEY", key).output().unwrap());
    assert!(gate.talk.contains("the key was taken that COUNTERSIGN_KEY names"), "{gate:?}");
    let gate = stage.run(&["gate", "--artifact", &artifact, "--key", key]);
    assert_eq!(gate.status, 2, "{gate:?}");
    assert!(gate.talk.contains("duty decide"), "{gate:?}");
}
