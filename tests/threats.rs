//! `spec/threats.md` against the tests: every finding has a row, and every name in it is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The last number of the findings.
const FINDINGS: u32 = 61;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust source below a folder, as one text.
fn source(folder: &Path, text: &mut String) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            source(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Rows of the tables: the cells between the bars.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect());
    cells.filter(|row: &Vec<&str>| row.first() != Some(&"#")).collect()
}

#[test]
fn every_finding_has_a_row() {
    let text = std::fs::read_to_string(top().join("spec/threats.md")).unwrap();
    let mut found = BTreeSet::new();
    for row in rows(&text) {
        assert_eq!(row.len(), 4, "number, attack, control, test: {row:?}");
        for number in row[0].split(", ").filter(|number| !number.is_empty()) {
            found.insert(number.parse::<u32>().unwrap());
        }
    }
    let missing: Vec<_> = (1..=FINDINGS).filter(|number| !found.contains(number)).collect();
    assert!(missing.is_empty(), "no row for the findings {missing:?}");
}

#[test]
fn every_test_that_is_named_is_there() {
    let text = std::fs::read_to_string(top().join("spec/threats.md")).unwrap();
    let mut code = String::new();
    source(&top().join("tests"), &mut code);
    source(&top().join("src"), &mut code);
    let mut missing = String::new();
    for row in rows(&text) {
        let names: Vec<_> = row[3].split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !row[3].contains("vectors") {
            writeln!(missing, "{}: no test is named", row[1]).unwrap();
        }
        for name in names {
            let is_there = if let Some(start) = name.strip_suffix('*') {
                code.contains(&format!("fn {start}"))
            } else if name.contains('/') {
                top().join(name).exists()
            } else if name.contains(".md") {
                top().join("tests/scenarios").join(name).exists()
            } else {
                code.contains(&format!("fn {name}("))
            };
            if !is_there {
                writeln!(missing, "{name} is named and missing").unwrap();
            }
        }
    }
    assert!(missing.is_empty(), "\n{missing}");
}
