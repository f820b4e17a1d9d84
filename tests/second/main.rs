//! A second verifier, in another language, written from the documents alone, gives the same answers
//! (`spec/verify.py`; `spec/proof.md`, `spec/bundle.md` and the formats that they name).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so, and figures are shown")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests/run names the Python, and the two are run as whole programs"
)]

use std::path::Path;
use std::process::Command;

/// Runs a script with the Python that has the package `cryptography`; false: there is none.
fn python(script: &str, arguments: &[&str]) -> bool {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        eprintln!("skipped: COUNTERSIGN_PYTHON names no Python with cryptography");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// Runs one campaign of `tests/second/campaign.py`: so many questions, from this seed on.
fn campaign(what: &str, count: u32, seed: u32) {
    let program = env!("CARGO_BIN_EXE_countersign");
    let script = "tests/second/campaign.py";
    python(script, &[what, program, &count.to_string(), &seed.to_string()]);
}

#[test]
fn every_vector_is_read_alike() {
    python("spec/verify_vectors.py", &[]);
}

#[test]
fn attack_36_mutated_proofs_and_trust_roots_are_answered_alike() {
    campaign("proofs", 1_500, 1);
}

#[test]
fn mutated_policies_are_refused_alike() {
    campaign("policies", 800, 1);
}

#[test]
fn cases_of_policies_are_assessed_alike() {
    campaign("assessments", 3_000, 1);
}

#[test]
fn random_governance_is_admitted_alike() {
    campaign("governance", 120, 1);
}

#[test]
fn random_chains_are_judged_alike() {
    campaign("verdicts", 150, 1);
}

#[test]
fn attack_17_mutated_bundles_are_answered_alike() {
    campaign("bundles", 200, 1);
}
