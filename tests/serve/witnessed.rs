//! A server has its checkpoints cosigned, and waits for no witness (`spec/witness.md` section 5).

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use countersign::note::SignedNote;

use crate::common::{Output, Stage};
use crate::running::*;

/// What the served checkpoint says: how many entries, and who signed it.
fn signers(running: &Running) -> (String, Vec<String>) {
    let note = SignedNote::parse(&running.get("/checkpoint").body).unwrap();
    let size = note.text().lines().nth(1).unwrap().to_owned();
    (size, note.signatures().iter().map(|line| line.name().to_owned()).collect())
}

/// Starts a witness that knows the stage's ledger, and names it in the trust root, which wants it.
fn begin_witness(stage: &Stage) -> Running {
    let trust = stage.home().join(".config/countersign/trust");
    let trust = fs::read_dir(trust).unwrap().next().unwrap().unwrap().path();
    let mut command = stage.command(["witness", "--json", "--listen", "127.0.0.1:0", "--folder"]);
    command.arg(stage.root().join("witness")).args(["--name", "witness.example/w0", "--log"]);
    command.arg(&trust);
    let witness = Running::of(command);
    let key = witness.said["key"].as_str().unwrap();
    let before = fs::read_to_string(&trust).unwrap();
    let table = format!("[[witness]]\nname = \"north\"\nkey = \"{key}\"\n");
    fs::write(&trust, format!("{before}quorum = \"north\"\n\n{table}")).unwrap();
    witness
}

#[test]
fn checkpoints_are_cosigned_beside_the_commits() {
    let stage = Stage::begun("serve-witness");
    let witness = begin_witness(&stage);
    let address = "[ledger.\"localhost/shop\".witness.north]";
    settings(&stage, &format!("{OPEN}\n{address}\nsubmission = \"{}\"\n", witness.url));
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    for number in 0..3 {
        running.hand_in(&[ada.approves(number)]);
        let (size, _) = signers(&running);
        let begun = Instant::now();
        // Another commit may come before it; here none does.
        while signers(&running).1 != ["localhost/shop", "witness.example/w0"] {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", signers(&running));
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(signers(&running).0, size);
    }
    // Without the witness everything goes on, but for the second signature.
    drop(witness);
    let answered = running.hand_in(&[ada.approves(9)]);
    assert!(answered[0]["receipt"].is_string());
    assert_eq!(signers(&running).1, ["localhost/shop"]);
    assert_eq!(running.end().0, Some(0));
}

/// The program at a server, with a copy of its own, and a file that is written in the stage's root.
fn gate(stage: &Stage, running: &Running, name: &str) -> (Output, u64) {
    let file = stage.root().join(name);
    let mut command = stage.command(["gate", "--json", "-o", file.to_str().unwrap()]);
    command.env("COUNTERSIGN_LEDGER", &running.url);
    let output = Output::of(&mut command);
    output.ok();
    let decision = output.json()["recorded"]["decision"].as_u64().unwrap();
    (output, decision)
}

/// Why a bundle is a no.
fn reasons(stage: &Stage, name: &str) -> Vec<String> {
    let file = stage.root().join(name);
    let verified = stage.run(["verify", file.to_str().unwrap(), "--json"]);
    let reasons = verified.json()["files"][0]["reasons"].clone();
    serde_json::from_value(reasons).unwrap()
}

/// `spec/bundle.md` section 2: the entries of a bundle are proved under one checkpoint, which
/// enough witnesses cosigned where they saw the decision; else it is the newest.
#[test]
fn bundles_of_decisions_have_the_quorum() {
    let stage = Stage::begun("serve-witness-bundles");
    stage.git(["clone", "-q", "--bare", ".", "../served.git"]);
    let witness = begin_witness(&stage);
    let clone = stage.root().join("served.git");
    let tables = format!(
        "{OPEN}\n[ledger.\"localhost/shop\".serve.repository]\nshop = \"{}\"\n\
         [ledger.\"localhost/shop\".witness.north]\nsubmission = \"{}\"\n",
        clone.display(),
        witness.url
    );
    settings(&stage, &tables);
    let running = Running::start(&stage);
    // Who decides elsewhere waits a moment for the server's witness; a slow machine may need more.
    let seen = (0..20).map(|_| gate(&stage, &running, "seen.bundle"));
    let mut seen = seen.filter(|_| reasons(&stage, "seen.bundle").is_empty());
    let (said, seen) = seen.next().expect("none had the quorum");
    assert!(!said.talk.contains("owes"), "{}", said.talk);
    // Nobody sees the next one.
    drop(witness);
    let (said, unseen) = gate(&stage, &running, "unseen.bundle");
    assert!(said.talk.contains("the bundle owes the quorum"), "{}", said.talk);
    assert_eq!(reasons(&stage, "unseen.bundle"), ["QUORUM"]);
    for (decision, owes) in [(seen, false), (unseen, true)] {
        let bundle = running.get(&format!("/v1/bundles/{decision}"));
        assert_eq!(bundle.status, 200, "{}", String::from_utf8_lossy(&bundle.body));
        fs::write(stage.root().join("served.bundle"), bundle.body).unwrap();
        let reasons = reasons(&stage, "served.bundle");
        assert_eq!(reasons.contains(&"QUORUM".to_owned()), owes, "{reasons:?}");
        assert!(reasons.len() <= usize::from(owes), "{reasons:?}");
    }
    assert_eq!(running.end().0, Some(0));
}
