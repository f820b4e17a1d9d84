//! What a policy that only observes would have refused: counted over the newest deployments, and
//! told again before it is enforced.

use countersign::audit::observed::Observed;
use countersign::base::limits::OBSERVED_DEPLOYMENTS_MAX;
use countersign::base::name::Revision;
use countersign::statement::Says;
use countersign::statement::pipeline::Deployment;
use countersign::statement::words::Outcome;

use crate::library::service;
use crate::stage::{Stage, policy, production};

fn observed(stage: &Stage) -> Observed {
    Observed::read(&stage.session(), &service(), &production()).unwrap()
}

fn reasons(observed: &Observed) -> Vec<(&str, usize)> {
    observed.reasons.iter().map(|reason| (reason.code.as_str(), reason.deployments)).collect()
}

fn deploy(stage: &Stage) {
    let deployed = stage.run(&["gate", "-q", "--", "true"]);
    assert_eq!(deployed.status, 0, "{deployed:?}");
}

/// A deployment that nobody asked a gate about.
fn record(stage: &Stage, revision: &Revision) {
    stage.say("gate", Says::Deployment(fact(revision)));
}

fn fact(revision: &Revision) -> Deployment {
    Deployment {
        service: service(),
        environment: production(),
        revision: revision.clone(),
        artifacts: Vec::new(),
        decision: None,
        overrides: Vec::new(),
        started: None,
        outcome: Outcome::Succeeded,
        trigger: None,
        run: None,
    }
}

#[test]
fn each_deployment_counts_once_as_its_gate_decided() {
    let stage = Stage::new("observed-counts", "observe");
    assert_eq!(observed(&stage), Observed::default());
    let quiet = stage.run(&["status"]).expect(0, &["nothing to sign"]);
    assert!(!quiet.out.contains("observed:"), "{quiet:?}");
    let signed = stage.commit("a", "one\n");
    stage.approve("ada", &signed);
    deploy(&stage);
    let none = observed(&stage);
    assert_eq!((none.deployments, none.would_refuse, none.undecided), (1, 0, 0));
    stage
        .run(&["status"])
        .expect(0, &["observed: the last deployment would not have been refused"]);
    let unsigned = stage.commit("a", "two\n");
    deploy(&stage);
    // The outcome is a word on the same deployment, and a decision alone is none.
    assert_eq!(stage.run(&["gate", "-q"]).status, 0);
    record(&stage, &unsigned);
    let found = observed(&stage);
    assert_eq!((found.deployments, found.would_refuse, found.undecided), (3, 1, 1));
    assert_eq!(reasons(&found), [("NEEDS_SIGN_OFF", 1)]);
    let said = "1 of the last 3 deployments would have been refused: 1 NEEDS_SIGN_OFF; 1 rests on \
                no decision";
    stage.run(&["status"]).expect(0, &[said]);
    let json = stage.run(&["status", "--json"]).json();
    let told = &json["observed"];
    assert_eq!(told["deployments"], 3);
    assert_eq!(told["would_refuse"], 1);
    assert_eq!(told["undecided"], 1);
    assert_eq!(told["reasons"][0]["code"], "NEEDS_SIGN_OFF");
    assert_eq!(told["reasons"][0]["deployments"], 1);
    assert!(told["since"].as_str().unwrap().ends_with('Z'), "{told}");
    // Another place has its own deployments.
    assert_eq!(
        stage.run(&["status", "--env", "staging", "--json"]).json()["observed"]["deployments"],
        0
    );
}

/// Only the newest count; a decision that lies further back than what is read for them is found.
#[test]
fn only_the_newest_deployments_count() {
    let stage = Stage::new("observed-newest", "observe");
    let unsigned = stage.commit("a", "one\n");
    deploy(&stage);
    let decided = stage.deployments()[0].1.decision;
    assert!(decided.is_some());
    let mut session = stage.session();
    let said: Vec<_> = (0..OBSERVED_DEPLOYMENTS_MAX + 80)
        .map(|number| {
            let is_last = number == OBSERVED_DEPLOYMENTS_MAX + 79;
            let decision = decided.filter(|_| is_last);
            let said = Deployment { decision, ..fact(&unsigned) };
            let statement = session.statement(&crate::stage::id("gate"), Says::Deployment(said));
            let key = crate::stage::key(&stage.root, "gate");
            countersign::session::sign(&statement, &key).unwrap()
        })
        .collect();
    let receipts = session.append(crate::stage::now(), &said).unwrap();
    assert!(receipts.iter().all(Result::is_ok), "{receipts:?}");
    drop(session);
    let found = observed(&stage);
    assert_eq!(found.deployments, OBSERVED_DEPLOYMENTS_MAX);
    assert_eq!((found.would_refuse, found.undecided), (1, OBSERVED_DEPLOYMENTS_MAX - 1));
    assert_eq!(reasons(&found), [("NEEDS_SIGN_OFF", 1)]);
}

#[test]
fn the_plan_to_enforce_tells_the_same_and_what_is_live() {
    let stage = Stage::new("observed-enforce", "observe");
    let enforced = stage.root.join("enforced.toml");
    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    std::fs::write(&enforced, policy("enforce")).unwrap();
    let apply = |more: &[&str]| {
        stage.by("ada", &[&["policy", "apply", enforced.to_str().unwrap()], more].concat())
    };
    apply(&["-n"]).expect(0, &["ENFORCES shop in production: no deployment is recorded there"]);
    stage.commit("a", "one\n");
    deploy(&stage);
    let second = stage.commit("b", "one\n");
    stage.approve("ada", &second);
    deploy(&stage);
    let refused = "2 of the last 2 deployments would have been refused: 2 NEEDS_SIGN_OFF";
    stage.run(&["status"]).expect(0, &[refused]);
    let live = format!("1 of 2 changes up to {}, which is live, is not signed off", second.short());
    apply(&["-n"]).expect(0, &[refused, &live, "--baseline"]);
    // A start that is replaced has a reason, and one is set only where something begins.
    apply(&["--baseline", "HEAD", "-y"]).expect(2, &["starts at entry 0 already", "-m WHY"]);
    let alone = apply(&["-m", "why", "-y"]);
    assert!(alone.status == 2 && alone.talk.contains("--baseline"), "{alone:?}");
    let done = apply(&["--baseline", "HEAD", "-m", "from here on", "-y"]);
    let done = done.expect(0, &[refused, "shop in production: everything up to", "DONE entry"]);
    assert!(!done.all().contains("LIVE"), "what is accepted needs no advice: {done:?}");
    let newest = stage.entries().pop().unwrap();
    let Says::Governance(said) = &newest.statement().says else { unreachable!("{newest:?}") };
    // Both places begin to refuse: a policy, and a start for each of them, in one statement.
    assert_eq!(said.operations.len(), 3, "{said:?}");
    assert_eq!(stage.settled(), Some(second));
    let third = stage.commit("c", "one\n");
    stage.run(&["gate"]).expect(1, &["1 of 1 change is not signed off"]);
    stage.approve("ada", &third);
    stage.run(&["gate"]).expect(0, &["YES"]);
    // What was observed is of the past now: people are not told, machines are.
    let after = stage.run(&["status"]);
    assert!(!after.out.contains("observed:"), "{after:?}");
    assert_eq!(stage.run(&["status", "--json"]).json()["observed"]["would_refuse"], 2);
    stage.run(&["ledger", "check"]).expect(0, &[]);
    // A change of the policy that enforces already begins nothing.
    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    std::fs::write(&enforced, format!("{}\n# more\n", policy("enforce"))).unwrap();
    let again = apply(&["-n"]).expect(0, &[]);
    assert!(!again.all().contains("ENFORCES"), "{again:?}");
    apply(&["--baseline", "HEAD", "-y"])
        .expect(2, &["begins to refuse nothing", "countersign baseline"]);
}
