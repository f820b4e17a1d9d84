//! Breaking the glass with no ledger at hand (ATTACKS 32).

use crate::stage::{Stage, head, wait};

#[test]
fn attack_32_a_file_signed_with_no_ledger_is_submitted_late_and_owed_from_then_on() {
    let stage = Stage::new("away", 2, "debt_due = \"2s\"");
    let change = stage.commit("lib.rs", "one\n");
    // The key is known from an earlier use of it, while the ledger was there.
    stage.by("ada", &["queue"]).expect(0, &["1 change waits for you"]);
    stage.take_ledger(true);
    let way_out = "no ledger is needed: countersign override --service SERVICE --repository NAME \
                   -m WHY -o FILE";
    stage.run(&["gate"]).expect(4, &["there is no ledger", way_out]);
    stage.run(&["status"]).expect(4, &[way_out]);
    let file = stage.root.join("glass.json").display().to_string();
    let base = ["override", "-m", "checkout is down", "-y", "--for", "1s"];
    stage.by("ada", &base).expect(4, &["add -o FILE"]);
    let with = |more: &[&'static str]| {
        let mut arguments: Vec<String> = base.iter().map(ToString::to_string).collect();
        arguments.extend(["-o".to_owned(), file.clone()]);
        arguments.extend(more.iter().map(ToString::to_string));
        arguments
    };
    let run = |who: &str, arguments: Vec<String>| {
        stage.by(who, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run("ada", with(&[])).expect(2, &["which service?", "--service"]);
    run("ada", with(&["--service", "shop"])).expect(2, &["which repository?", "--repository"]);
    let place = ["--service", "shop", "--repository", "shop"];
    run("mia", with(&place)).expect(2, &["the ledger is not at hand to tell", "--by ID"]);
    let signed = run("ada", with(&place));
    let words = ["SIGNED", "policy unknown here", "countersign submit", "record deployment"];
    let signed = signed.expect(0, &words);
    assert!(signed.all().contains("ada, whose duty it must be"), "{signed:?}");
    wait(2_000);
    stage.take_ledger(false);
    stage.run(&["submit", &file]).expect(0, &["TAKEN UP", "override by Ada Ruiz"]);
    // It ran out long ago: nothing goes ahead by it now.
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
    stage.run(&["show", "1"]).expect(0, &["checkout is down", "the ledger at 1 entries"]);
    // What was deployed by hand is recorded, and owed since it was signed.
    let recorded = stage.run(&["record", "deployment", "--override", &file]);
    recorded.expect(0, &["by override: it settles nothing"]);
    let (entry, deployment) = stage.deployments().pop().unwrap();
    assert_eq!(deployment.revision, change);
    assert_eq!((deployment.overrides.len(), deployment.decision), (1, None));
    assert_eq!(stage.debts(), 1);
    let report =
        stage.run(&["audit", &format!("#{}", entry.index()), "--json"]).expect(0, &[]).json();
    assert_eq!(report["debts"][0]["state"], "overdue");
    assert_eq!(report["debts"][0]["since"], report["overrides"][0]["claimed"]);
    stage.run(&["audit", "shop"]).expect(0, &["not asked: it went ahead by override", "overdue"]);
}

#[test]
fn attack_32_a_file_is_taken_up_with_the_deployment_that_rests_on_it() {
    let stage = Stage::new("away-batch", 2, "");
    stage.commit("lib.rs", "one\n");
    stage.take_ledger(true);
    let file = stage.root.join("glass.json").display().to_string();
    let who = ["--by", "mia", "--service", "shop", "--repository", "shop"];
    let mut arguments = vec!["override", "-m", "down", "-y", "-o", &file];
    arguments.extend(who);
    stage.by("mia", &arguments).expect(0, &["SIGNED"]);
    stage.take_ledger(false);
    stage.run(&["record", "deployment", "--override", &file]).expect(0, &["owed until "]);
    assert_eq!(stage.debts(), 1);
    stage.run(&["log"]).expect(0, &["Mia Kern", "override shop"]);
    stage.run(&["show", "1"]).expect(0, &["reason of the override: down"]);
    // Another commit is not what it is for.
    let other = stage.commit("lib.rs", "two\n");
    let wrong = ["record", "deployment", "--override", "1", "--revision", other.as_str()];
    stage.run(&wrong).expect(2, &["and not for that deployment", "hint: "]);
    stage.run(&["record", "deployment", "--override", "0"]).expect(2, &["0 is no override"]);
    // The reason is only taken where the statement commits to it.
    std::fs::copy(&file, format!("{file}.why")).unwrap();
    stage.run(&["submit", &file]).expect(2, &["is not what was said with it", "hint: "]);
    std::fs::remove_file(format!("{file}.why")).unwrap();
    stage.run(&["submit", &file]).expect(0, &["KNOWN"]);
}

#[test]
fn attack_32_whoever_has_not_the_duty_signs_a_file_for_nothing() {
    let stage = Stage::new("away-duty", 1, "");
    stage.commit("lib.rs", "one\n");
    stage.take_ledger(true);
    let file = stage.root.join("glass.json").display().to_string();
    for (who, by, word) in [("ben", "ben", "NO_DUTY"), ("ben", "ada", "refused")] {
        let mut arguments = vec!["override", "-m", "down", "-y", "-o", &file, "--by", by];
        arguments.extend(["--service", "shop", "--repository", "shop"]);
        stage.by(who, &arguments).expect(0, &["SIGNED"]);
        stage.take_ledger(false);
        stage.run(&["submit", &file]).expect(2, &[word]);
        stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
        stage.take_ledger(true);
    }
}

#[test]
fn attack_32_a_ledger_that_is_in_use_leaves_the_way_out() {
    let stage = Stage::new("locked", 2, "");
    stage.commit("lib.rs", "one\n");
    let held = stage.session();
    let file = stage.root.join("glass.json").display().to_string();
    let mut arguments = vec!["override", "-m", "down", "-y", "-o", &file, "--by", "ada"];
    arguments.extend(["--service", "shop", "--repository", "shop"]);
    let (gate, signed) = std::thread::scope(|scope| {
        let gate = scope.spawn(|| stage.run(&["gate", "--", "true"]));
        let signed = scope.spawn(|| stage.by("ada", &arguments));
        (gate.join().unwrap(), signed.join().unwrap())
    });
    drop(held);
    gate.expect(4, &["in use", "no ledger is needed: countersign override --service SERVICE"]);
    signed.expect(0, &["SIGNED", "in use"]);
    stage.run(&["submit", &file]).expect(0, &["TAKEN UP"]);
    stage.deploy().expect(0, &["YES shop", "by override of Ada Ruiz"]);
    assert_eq!(stage.deployments()[0].1.revision, head(&stage.repository()));
}
