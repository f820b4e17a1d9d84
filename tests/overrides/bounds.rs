//! What an override lets through, and what it does not (ATTACKS 32).

use std::fmt::Write as _;

use countersign::base::digest::ContentDigest;
use countersign::statement::Says;
use countersign::statement::governance::{Operation, RevokeKey};
use countersign::statement::words::{DecisionVerdict, Revocation};

use countersign::key::Signer as _;

use crate::stage::{Stage, git, key, now, wait};

#[test]
fn attack_32_a_denial_goes_ahead_by_override_and_settles_nothing() {
    let stage = Stage::new("through", 2, "");
    let before = stage.settled();
    let change = stage.commit("lib.rs", "one\n");
    let refused = stage.deploy().expect(1, &["NEEDS_SIGN_OFF", "(leaves a debt, due in 24 h)"]);
    let emergency = format!("emergency: countersign override {} -m WHY", change.short());
    assert!(refused.out.lines().any(|line| line.starts_with(&emergency)), "{refused:?}");
    assert!(refused.out.lines().last().unwrap().starts_with("next: "), "{refused:?}");
    assert!(!stage.has_deployed());
    let signed = stage.break_glass("ada").expect(0, &["until ", "a debt: its sign-offs, due "]);
    assert!(signed.out.ends_with("next: countersign gate -- CMD\n"), "{signed:?}");
    let asked = stage.run(&["gate", "-n"]).expect(0, &["by override of Ada Ruiz until "]);
    assert!(asked.out.starts_with("YES  shop "), "{asked:?}");
    assert!(asked.all().contains("; 1 change is not signed off, and owed until "), "{asked:?}");
    assert_eq!(stage.decisions().len(), 1, "-n records nothing");
    let passed = stage.deploy().expect(0, &["by override of Ada Ruiz until "]);
    assert!(passed.out.starts_with("YES  shop "), "{passed:?}");
    assert!(stage.has_deployed());
    let decision = stage.decisions().pop().unwrap().1;
    assert_eq!(decision.verdict, DecisionVerdict::Deny);
    assert_eq!(decision.overrides.len(), 1);
    assert_eq!(decision.reasons.len(), 1);
    let (_, deployment) = stage.deployments().remove(0);
    assert_eq!(deployment.revision, change);
    assert!(deployment.decision.is_some() && deployment.overrides.is_empty());
    assert_eq!(stage.settled(), before, "what an override lets through settles nothing");
    assert_eq!(stage.debts(), 1);
    let report = stage.run(&["gate", "-n", "--json"]).expect(0, &[]).json();
    assert_eq!(report["answer"], "deny");
    assert_eq!(report["overridden"], true);
    assert_eq!(report["overrides"][0]["name"], "Ada Ruiz");
    assert_eq!(report["owed"][0]["members"][0], "ada");
}

#[test]
fn attack_32_an_override_is_for_one_revision() {
    let stage = Stage::new("revision", 2, "");
    stage.commit("lib.rs", "one\n");
    stage.break_glass("ada");
    stage.commit("lib.rs", "two\n");
    stage.deploy().expect(1, &["NO shop ", "NEEDS_SIGN_OFF"]);
    assert!(!stage.has_deployed());
}

#[test]
fn attack_32_an_override_is_for_its_artifacts() {
    let stage = Stage::new("artifact", 2, "");
    stage.commit("lib.rs", "one\n");
    let [one, other] = [b"one", b"two"].map(|text| {
        let mut name = "sha256:".to_owned();
        write!(name, "{}", ContentDigest::of(text)).unwrap();
        name
    });
    stage.by("ada", &["override", "--artifact", &one, "-m", "down", "-y"]).expect(0, &["SIGNED"]);
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
    stage.run(&["gate", "-n", "--artifact", &other]).expect(1, &["NO shop"]);
    stage.run(&["gate", "-n", "--artifact", &one, "--artifact", &other]).expect(1, &["NO shop"]);
    stage.run(&["gate", "-n", "--artifact", &one]).expect(0, &["YES shop", "by override of"]);
}

#[test]
fn attack_32_an_override_runs_out() {
    let stage = Stage::new("expiry", 2, "longest = \"2s\"");
    stage.commit("lib.rs", "one\n");
    stage
        .by("ada", &["override", "-m", "down", "-y", "--for", "3s"])
        .expect(2, &["lets an override last 2s at most", "hint: ask for less: --for 2s"]);
    stage.by("ada", &["override", "-m", "down", "-y", "--for", "25h"]).expect(2, &["a day"]);
    stage.by("ada", &["override", "-m", "down", "-y", "--for", "2s"]).expect(0, &["SIGNED"]);
    stage.run(&["gate", "-n"]).expect(0, &["YES shop"]);
    wait(2_000);
    stage.deploy().expect(1, &["NO shop"]);
    assert!(!stage.has_deployed());
}

#[test]
fn attack_32_the_policy_bounds_what_was_signed_for_longer() {
    let stage = Stage::new("bounded", 2, "longest = \"1s\"");
    let change = stage.commit("lib.rs", "one\n");
    let claimed = now().milliseconds();
    stage.say("ada", Says::Override(Stage::overriding(&change, claimed, 3_600_000)));
    wait(1_000);
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
}

#[test]
fn attack_32_a_drill_lets_nothing_through_and_is_listed_apart() {
    let stage = Stage::new("drill", 2, "");
    stage.commit("lib.rs", "one\n");
    let drill = stage.by("ada", &["override", "--drill", "-m", "yearly exercise", "-y"]);
    drill.expect(0, &["a drill", "lets nothing through"]);
    stage.deploy().expect(1, &["NO shop"]);
    assert_eq!(stage.debts(), 0);
    let audit = stage.run(&["audit", "shop"]).expect(0, &["Drills", "Ada Ruiz", "yearly exercise"]);
    assert!(!audit.out.contains("owed"), "{audit:?}");
    let report = stage.run(&["audit", "shop", "--json"]).expect(0, &[]).json();
    assert_eq!(report["drills"][0]["by"], "ada");
    assert_eq!(report["overrides"], serde_json::json!([]));
}

#[test]
fn attack_32_a_leaked_key_breaks_no_glass() {
    let stage = Stage::new("leaked", 2, "");
    stage.commit("lib.rs", "one\n");
    stage.break_glass("mia");
    stage.run(&["gate", "-n"]).expect(0, &["YES shop", "Mia Kern"]);
    let key = key(&stage.root, "mia").public_key().fingerprint();
    let since = Some(stage.entries().last().unwrap().index());
    let cause = Revocation::Leaked;
    stage.govern(Operation::RevokeKey(RevokeKey { key, cause, since }));
    stage.deploy().expect(1, &["NO shop"]);
    assert!(!stage.has_deployed());
}

#[test]
fn attack_32_an_override_for_staging_does_nothing_in_production() {
    let stage = Stage::new("staging", 2, "");
    stage.commit("lib.rs", "one\n");
    let staging = ["override", "--env", "staging", "-m", "down", "-y"];
    stage.by("ada", &staging).expect(0, &["to staging"]);
    stage.run(&["gate", "-n", "--env", "staging"]).expect(0, &["YES shop"]);
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
}

#[test]
fn attack_32_who_has_not_the_duty_is_told_who_has() {
    let stage = Stage::new("duty", 2, "");
    let change = stage.commit("lib.rs", "one\n");
    let refused = stage.by("ben", &["override", "-m", "down", "-y"]);
    refused.expect(2, &["Ben Ito does not have the duty", "who has it: Ada Ruiz and Mia Kern"]);
    let says = Stage::overriding(&change, now().milliseconds(), 60_000);
    let refusal = stage.try_say("ben", Says::Override(says)).unwrap_err();
    assert_eq!(refusal.code, "NO_DUTY");
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
}

#[test]
fn attack_32_a_touch_that_the_policy_wants_is_no_plain_signature() {
    let stage = Stage::new("touch", 2, "presence = \"touch\"");
    let change = stage.commit("lib.rs", "one\n");
    let refused = stage.by("ada", &["override", "-m", "down", "-y"]);
    refused.expect(2, &["the policy wants a touch", "this key has none", "hint: "]);
    let says = Stage::overriding(&change, now().milliseconds(), 60_000);
    stage.say("ada", Says::Override(says));
    stage.run(&["gate", "-n"]).expect(1, &["NO shop"]);
    let other = ["override", "--by", "mia", "-m", "down", "-y"];
    stage.by("ada", &other).expect(2, &["is of ada, not of mia", "hint: "]);
}

#[test]
fn attack_32_where_nobody_has_the_duty_no_way_out_is_offered() {
    let stage = Stage::new("nobody", 0, "");
    stage.commit("lib.rs", "one\n");
    let refused = stage.run(&["gate", "-n"]).expect(1, &["NEEDS_SIGN_OFF"]);
    assert!(!refused.out.contains("emergency"), "{refused:?}");
    let refused = stage.by("ada", &["override", "-m", "down", "-y"]);
    refused.expect(2, &["nobody has it; an admin gives it"]);
    stage.run(&["roster", "show"]).expect(0, &["warning: nobody has the duty override"]);
}

#[test]
fn nothing_is_signed_that_nobody_needs() {
    let stage = Stage::new("needless", 2, "");
    let change = stage.commit("lib.rs", "one\n");
    stage.by("ada", &["override", "-y"]).expect(2, &["says why", "add -m WHY"]);
    stage.by("ada", &["override", "-m", "down"]).expect(2, &["nobody can be asked", "add -y"]);
    let shown = stage.by("ada", &["override", "-n", "-m", "down", "--json"]).expect(0, &[]).json();
    assert_eq!(shown["predicate"]["says"]["revision"], change.as_str());
    stage.approve("mia", &change);
    stage.by("ada", &["override", "-m", "down", "-y"]).expect(2, &["passes without an override"]);
    let observing = Stage::observing("needless-observed");
    observing.commit("lib.rs", "one\n");
    let refused = observing.by("ada", &["override", "-m", "down", "-y"]);
    refused.expect(2, &["nothing is refused in production: the policy observes"]);
}

#[test]
fn where_the_policy_only_observes_an_override_changes_nothing() {
    let stage = Stage::observing("observed");
    let change = stage.commit("lib.rs", "one\n");
    let says = Stage::overriding(&change, now().milliseconds(), 60_000);
    stage.say("ada", Says::Override(says));
    let passed = stage.deploy().expect(0, &["WOULD REFUSE shop"]);
    assert!(!passed.out.contains("override"), "{passed:?}");
    assert!(stage.decisions()[0].1.overrides.is_empty());
    assert_eq!(stage.debts(), 0);
}

#[test]
fn an_override_reads_well_and_is_not_withdrawn() {
    let stage = Stage::new("read", 2, "");
    stage.commit("lib.rs", "one\n");
    let incident = ["override", "-m", "checkout is down", "--incident", "INC-204", "-y"];
    let signed = stage.by("ada", &incident).expect(0, &["SIGNED", "entry 1"]);
    assert!(signed.out.starts_with("SIGNED  entry 1: shop "), "{signed:?}");
    let words = ["Entry 1: override by Ada Ruiz", "INC-204", "checkout is down", "lasts"];
    stage.run(&["show", "1"]).expect(0, &words);
    stage.run(&["log", "--kind", "override"]).expect(0, &["Ada Ruiz", "override shop"]);
    let refused = stage.by("ada", &["withdraw", "1", "-y"]);
    refused.expect(2, &["entry 1 is an override: it is not withdrawn", "hint: "]);
    stage.by("ada", &["withdraw", "99", "-y"]).expect(2, &["there is no entry 99", "hint: "]);
    stage.by("mia", &["withdraw", "0", "-y"]).expect(2, &["entry 0 is no approval", "hint: "]);
}

/// Another program may begin a ledger without a policy: nothing passes until the admin sets one.
#[test]
fn without_a_policy_nothing_passes_and_the_admin_is_told_to_set_one() {
    let stage = Stage::without_policy("lawless");
    let change = stage.commit("lib.rs", "one\n");
    let hint = "hint: an admin sets one: countersign policy apply FILE";
    for command in [&["gate", "-n"][..], &["status"], &["policy", "explain", "HEAD"]] {
        stage.run(command).expect(2, &["no policy yet (POLICY_MISSING)", hint]);
    }
    let policy = stage.write_policy();
    stage.by("ada", &["policy", "apply", "-y", &policy]).expect(0, &["DONE"]);
    let refused = stage.run(&["gate", "-n"]).expect(1, &["BASELINE_MISSING", "baseline"]);
    // What is told next is done as it stands there.
    let (_, next) = refused.out.rsplit_once("countersign ").unwrap();
    let first = git(&stage.repository(), &["rev-parse", &format!("{change}^")]);
    let told: Vec<_> = next
        .split_whitespace()
        .map(|word| match word {
            "REVISION" => first.as_str(),
            word => word,
        })
        .collect();
    stage.by("ada", &[&told[..], &["-y"]].concat()).expect(0, &["DONE"]);
    stage.run(&["gate", "-n"]).expect(1, &["NEEDS_SIGN_OFF"]);
}
