//! Both ways with proofbundle, which is not ours: it asks our witness, and our ledger asks its.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use countersign::note::SignedNote;

use crate::gather::Witnessed;
use crate::support::*;
use crate::told::*;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/witness.py");

#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn python(arguments: &[&str]) -> Option<Command> {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        eprintln!("skipped: COUNTERSIGN_PYTHON names no Python with proofbundle");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(SCRIPT).args(arguments);
    Some(command)
}

/// Their client, our witness: they verify what it answers and what it serves.
#[test]
fn their_client_verifies_what_our_witness_cosigns() {
    let folder = Folder::new("proofbundle");
    let log = Log::new(7);
    let key = signer().verifier_key().to_string();
    let running = Running::start(&folder.path().join("w"), "witness.example/w0", &[&key]);
    let witness_key = running.key.to_string();
    let request = folder.path().join("request");
    for (old, new, expected) in
        [(0, 3, "200 verified"), (3, 5, "200 verified"), (3, 7, "409 5"), (5, 7, "200 verified")]
    {
        fs::write(&request, log.growth(old, new, &[]).to_string()).unwrap();
        let file = request.to_str().unwrap();
        let Some(mut command) = python(&["ask", &running.url, file, &key, &witness_key]) else {
            return;
        };
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.trim_end(), expected, "{talk}");
    }
}

/// Kills what it started.
struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Our ledger, their witness, at two prefixes of its own: it cosigns one checkpoint after another.
#[test]
fn our_ledger_gathers_from_their_witness() {
    let ledger = Witnessed::new("theirs");
    let seed = "21".repeat(32);
    let log_key = ledger.ledger_key();
    let arguments = ["serve", &log_key, &seed, "witness.example/w1", "1767225611"];
    let Some(mut command) = python(&arguments) else { return };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let _theirs = Theirs(child);
    let key = cosigner(1).key();
    let submission = format!("{}/w/", url.trim_end());
    let monitoring = format!("{}/m", url.trim_end());
    ledger.name_at(&[("theirs", &key.to_string(), &submission, &monitoring)], 1);
    for name in ["", "Fay", "Gil"] {
        if !name.is_empty() {
            ledger.append(name).ok();
        }
        let shown = ledger.stage.run(["ledger", "checkpoint", "--witness"]);
        let note = SignedNote::parse(shown.ok().as_bytes()).unwrap();
        assert_eq!(key.find(&note).unwrap().unwrap().seconds(), 1_767_225_611);
    }
}
