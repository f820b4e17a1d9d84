//! What this ledger holds is read by programs that are not ours (`spec/statement.md` section 1).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests/run names the Python, and a file is handed to it"
)]

mod common;

use std::process::Command;

use countersign::base::encoding::hex;
use countersign::key::PublicKey;

use common::Stage;

/// PyPI's securesystemslib verifies an envelope out of the ledger, and refuses it under another
/// key or with another payload.
#[test]
fn securesystemslib_verifies_an_envelope_of_the_ledger() {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        eprintln!("skipped: COUNTERSIGN_PYTHON names no Python with securesystemslib");
        return;
    };
    let stage = Stage::begun("interop");
    let envelope = stage.run(["show", "0", "--envelope"]).ok().to_owned();
    let file = stage.root().join("envelope.json");
    let verify = |text: &str, name: &str| {
        let line = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        let key = PublicKey::from_openssh(line.trim()).unwrap();
        std::fs::write(&file, text).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/dsse.py");
        let mut command = Command::new(&python);
        let output = command.arg(script).arg(&file).arg(hex(key.key_bytes())).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(verify(&envelope, "ada"), (true, "verified\n".to_owned()));
    assert!(!verify(&envelope, "ben").0, "under another key it is not verified");
    let at = envelope.find("\"payload\":\"").unwrap() + 30;
    let letter = if envelope.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut changed = envelope.clone();
    changed.replace_range(at..=at, letter);
    assert!(!verify(&changed, "ada").0, "a changed payload is not verified");
}
