//! A server has its checkpoints cosigned, and waits for no witness (`spec/witness.md` section 5).

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use countersign::note::SignedNote;

use crate::common::Stage;
use crate::running::*;

/// What the served checkpoint says: how many entries, and who signed it.
fn signers(running: &Running) -> (String, Vec<String>) {
    let note = SignedNote::parse(&running.get("/checkpoint").body).unwrap();
    let size = note.text().lines().nth(1).unwrap().to_owned();
    (size, note.signatures().iter().map(|line| line.name().to_owned()).collect())
}

#[test]
fn checkpoints_are_cosigned_beside_the_commits() {
    let stage = Stage::begun("serve-witness");
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
    // One that is there, and one that answers nobody.
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
