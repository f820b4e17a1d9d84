//! What is generated and kept: compared byte for byte with the file that is checked in, or, with
//! `COUNTERSIGN_BLESS=1`, written there.

#![allow(dead_code, reason = "each test program uses what it needs")]
#![allow(clippy::disallowed_methods, reason = "the one switch of these tests, and their files")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Whether whoever runs the tests asks for new files.
pub(crate) fn is_blessing() -> bool {
    std::env::var_os("COUNTERSIGN_BLESS").is_some_and(|value| value == "1")
}

/// A file or folder of `spec/vectors`.
pub(crate) fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors").join(name)
}

/// Compares what was generated with the vector of that name, such as `change/trees.json`.
#[track_caller]
pub(crate) fn compare(name: &str, content: &[u8]) {
    let path = vectors(name);
    if is_blessing() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
    }
    let found = fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; COUNTERSIGN_BLESS=1 writes it", path.display());
    });
    assert!(found == content, "{name} is not what is generated: look at it, then bless it");
}

/// The same for cases, and what they are about.
#[track_caller]
pub(crate) fn compare_cases(name: &str, about: &str, cases: &[Value]) {
    let text = serde_json::to_string_pretty(&json!({ "about": about, "cases": cases })).unwrap();
    compare(name, format!("{text}\n").as_bytes());
}
