//! Git as an oracle: `git merge-file` on files whose lines are all different, so that there is
//! one alignment only and git's merge has to agree.

#![allow(clippy::disallowed_methods, reason = "makes scratch files")]

use std::cell::Cell;
use std::process::Command;

use countersign::carry::find_file;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::independent;
use crate::support::{four_sides, path};

/// Edits of one side: where, how many lines are removed, how many inserted.
fn script() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    proptest::collection::vec((0..14_usize, 0..3_usize, 0..3_usize), 1..4)
}

/// `base` with the script applied; what is inserted names its side, so no two lines are equal.
fn edited(base: &[String], script: &[(usize, usize, usize)], side: &str) -> Vec<String> {
    let mut lines: Vec<Option<String>> = base.iter().cloned().map(Some).collect();
    let mut inserted = vec![Vec::new(); base.len() + 1];
    for (number, (first, removed, count)) in script.iter().enumerate() {
        let first = (*first).min(base.len());
        for line in lines.iter_mut().skip(first).take(*removed) {
            *line = None;
        }
        inserted[first].extend((0..*count).map(|line| format!("{side} {number} {line}\n")));
    }
    let mut result = Vec::new();
    for (at, new) in inserted.into_iter().enumerate() {
        result.extend(new);
        result.extend(lines.get(at).cloned().flatten());
    }
    result
}

#[test]
fn git_merges_exactly_what_is_carried_where_lines_are_unique() {
    let folder = std::env::temp_dir().join(format!("countersign-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let counts = [Cell::new(0), Cell::new(0)];
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Default::default() });
    let strategy = (0..14_usize, script(), script());
    let result = runner.run(&strategy, |(length, approved, main)| {
        let base: Vec<String> = (0..length).map(|line| format!("line {line}\n")).collect();
        let approved = edited(&base, &approved, "approved").concat();
        let before = edited(&base, &main, "main").concat();
        let base = base.concat();
        prop_assume!(approved != base && before != base);
        for (name, text) in [("base", &base), ("approved", &approved), ("before", &before)] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let output = Command::new("git")
            .current_dir(&folder)
            .args(["merge-file", "-p", "before", "base", "approved"])
            .output()
            .unwrap();
        let landed = output.stdout;
        let four = [base.as_bytes(), approved.as_bytes(), before.as_bytes(), &landed];
        let (sides, source) = four_sides(four);
        let found = find_file(&path("a"), &sides, 1, &source);
        // Where git leaves conflicts, what it wrote is no merge, and nothing is carried. Both
        // sides deleting the same line is a clean merge for git: an edit that both made alike.
        let both_deleted =
            base.lines().any(|line| !approved.contains(line) && !before.contains(line));
        if both_deleted {
            prop_assert!(found.is_err());
            return Ok(());
        }
        prop_assert_eq!(output.status.success(), found.is_ok(), "{:?} {:?}", four, found);
        let count = &counts[usize::from(found.is_ok())];
        count.set(count.get() + 1);
        if found.is_ok() {
            for gap in 1..4 {
                if let Ok(edits) = find_file(&path("a"), &sides, gap, &source) {
                    let certificate = crate::support::World::of("a", four);
                    let bytes = certificate.certificate(&[("a", edits.edits())]).to_bytes();
                    let read = independent::read(&bytes);
                    let holds = independent::holds(&read[&b"a"[..]], gap as usize, four);
                    prop_assert_eq!(holds, Ok(()));
                }
            }
        }
        Ok(())
    });
    std::fs::remove_dir_all(&folder).unwrap();
    result.unwrap();
    assert!(counts.iter().all(|count| count.get() >= 40), "{counts:?}");
}
