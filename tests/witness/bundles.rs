//! Bundles where the trust root wants a quorum (`spec/bundle.md` section 2, `spec/witness.md`
//! section 5), with a witness that is a program of its own.

use std::fs;

use countersign::verify::bundle::Bundle;

use crate::common::Output;
use crate::gather::Witnessed;

impl Witnessed {
    fn bundle(&self, name: &str) -> Bundle {
        Bundle::parse(&fs::read(self.stage.repository().join(name)).unwrap()).unwrap()
    }

    /// The answer about a bundle: its exit status, and why it is a no.
    fn verify(&self, name: &str) -> (i32, serde_json::Value) {
        let verified = self.stage.run(["verify", name, "--json"]);
        (verified.status, verified.json()["files"][0]["reasons"].clone())
    }
}

fn words(output: &Output) -> String {
    output.talk.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A new decision lies behind what enough witnesses saw: they are asked before its bundle is
/// written, and where they are away nothing waits for them; the bundle says so, and is proved anew.
#[test]
fn a_bundle_of_a_new_decision_has_the_quorum_or_says_what_it_owes() {
    let ledger = Witnessed::new("bundle");
    let stage = &ledger.stage;
    let north = ledger.start("north", "127.0.0.1:0");
    ledger.name_running(&[("north", &north)], 1);
    stage.run(["ledger", "checkpoint", "--witness"]).ok();
    for name in ["one.bundle", "two.bundle"] {
        let gate = stage.run(["gate", "-o", name]);
        gate.ok();
        assert!(!gate.talk.contains("owes"), "{}", gate.talk);
        assert_eq!(ledger.verify(name), (0, serde_json::json!([])));
        assert!(stage.run(["verify", name]).ok().contains("witnessed 1 of 1"));
    }
    let ran = stage.run(["gate", "-o", "three.bundle", "--", "touch", "../three"]);
    ran.ok();
    assert!(stage.root().join("three").exists());
    assert_eq!(ledger.verify("three.bundle"), (0, serde_json::json!([])));

    // Away: the deployment runs all the same.
    let url = north.url.clone();
    drop(north);
    let ran = stage.run(["gate", "-o", "four.bundle", "--", "touch", "../four"]);
    ran.ok();
    assert!(stage.root().join("four").exists());
    let told = words(&ran);
    assert!(told.contains("the bundle owes the quorum of witnesses"), "{told}");
    let again = "countersign ledger prove --bundle";
    assert!(told.contains(again), "{told}");
    assert_eq!(ledger.verify("four.bundle"), (1, serde_json::json!(["QUORUM"])));
    // Proved anew while they are away it owes the same.
    let same = stage.run(["ledger", "prove", "--bundle", "four.bundle", "-o", "same.bundle"]);
    same.ok();
    assert!(words(&same).contains("owes the quorum"), "{}", same.talk);
    assert_eq!(ledger.verify("same.bundle"), (1, serde_json::json!(["QUORUM"])));

    let _north = ledger.start("north", url.trim_start_matches("http://"));
    stage.run(["ledger", "checkpoint", "--witness"]).ok();
    let before = ledger.bundle("four.bundle");
    let four = ["ledger", "prove", "--bundle", "four.bundle", "-o", "four.bundle"];
    let again = stage.run(four);
    again.ok();
    assert!(!again.talk.contains("owes"), "{}", again.talk);
    assert_eq!(ledger.verify("four.bundle"), (0, serde_json::json!([])));
    // What the gate signed is what it was.
    let after = ledger.bundle("four.bundle");
    assert_ne!(after.checkpoint, before.checkpoint);
    assert_eq!(after.evidence, before.evidence);
    assert_eq!(after.attestation, before.attestation);
    // A decision that enough witnesses saw is shown under what they saw.
    ledger.append("Fay").ok();
    stage.run(four).ok();
    assert_eq!(ledger.verify("four.bundle"), (0, serde_json::json!([])));
    let json = stage.run(["ledger", "prove", "--bundle", "one.bundle", "-o", "x", "--json"]).json();
    assert_eq!((&json["is_witnessed"], &json["file"]), (&true.into(), &"x".into()));
    // A later key of the ledger is a stranger's to who has the bundle, as to the witness: it is
    // shown under what the key before signed, which is all that the witness saw.
    stage.run(["ledger", "rotate-key", "-y"]).ok();
    ledger.append("Gus").ok();
    stage.run(four).ok();
    assert_eq!(ledger.verify("four.bundle"), (0, serde_json::json!([])));
    stage.run(["gate", "-o", "five.bundle"]).ok();
    assert_ne!(ledger.verify("five.bundle").0, 3);
}

/// What is no bundle, or of another ledger, is not proved anew.
#[test]
fn only_bundles_of_the_ledger_are_proved_anew() {
    let (ledger, other) = (Witnessed::new("bundle-own"), Witnessed::new("bundle-other"));
    let stage = &ledger.stage;
    other.stage.run(["gate", "-o", "../other.bundle"]).ok();
    let theirs = other.stage.root().join("other.bundle");
    let theirs = theirs.to_str().unwrap();
    let prove = |file: &str| stage.run(["ledger", "prove", "--bundle", file, "-o", "x.bundle"]);
    prove(theirs).refused(3, "the bundle: is of another ledger");
    stage.run(["ledger", "checkpoint", "-o", "checkpoint.txt"]).ok();
    prove("checkpoint.txt").refused(2, "checkpoint.txt is no bundle");
    assert!(!stage.repository().join("x.bundle").exists());
    stage.run(["ledger", "prove", "--bundle", theirs]).refused(2, "--output");
    let both = ["ledger", "prove", "1", "--bundle", theirs, "-o", "x"];
    stage.run(both).refused(2, "cannot be used with");
}
