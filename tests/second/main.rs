//! A second verifier, in another language, written from the documents alone, gives the same answers
//! (`spec/verify.py`; `spec/proof.md`, `spec/bundle.md` and the formats that they name).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so, and figures are shown")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests/run names the Python, and the two are run as whole programs"
)]

#[path = "../common/commit_reading.rs"]
mod commit_reading;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use countersign::base::encoding::unhex;
use serde_json::Value;

/// What a script prints, run with the Python that has the package `cryptography`; none: there is
/// none.
fn output_of(script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        eprintln!("skipped: COUNTERSIGN_PYTHON names no Python with cryptography");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    Some(printed)
}

/// Runs a script, and shows the figures that it prints.
fn python(script: &str, arguments: &[&str]) {
    if let Some(printed) = output_of(script, arguments) {
        eprint!("{printed}");
    }
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

#[test]
fn random_commits_are_read_alike() {
    let Some(printed) = output_of("tests/second/messages.py", &["8000", "1"]) else { return };
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for line in printed.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let content = unhex(case["content"].as_str().unwrap()).unwrap();
        let read = commit_reading::read(&content);
        assert_eq!(read, case["read"], "{:?}", String::from_utf8_lossy(&content));
        let word =
            if read.is_null() { "refused".to_owned() } else { read["assistance"].to_string() };
        *met.entry(word).or_default() += 1;
    }
    eprintln!("commits: {met:?}");
    assert!(met.len() == 4 && met.values().all(|count| *count > 100), "{met:?}");
}
