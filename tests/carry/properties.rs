//! Properties over thousands of small files with repeated lines, CRLF and open ends: what is
//! found and what is checked against the independent reader; what is not found against a search
//! of every alignment.

use std::cell::Cell;
use std::ops::Range;

use countersign::carry::find_file;
use countersign::change::carry::{CarryFault, EditSide, FileEdits, check_file};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::independent::{self, Edit, applied, lines};
use crate::support::{four_sides, path};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_global_rejects: 100 * cases,
        ..Default::default()
    })
}

/// A file of few different lines, so that many are repeated.
fn content(lines: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    let line = proptest::sample::select(vec!["}\n", "\n", "x\n", "x\r\n", "y\n", "z\n"]);
    let end = proptest::sample::select(vec!["", "", "x", "}"]);
    (proptest::collection::vec(line, lines), end)
        .prop_map(|(lines, end)| format!("{}{end}", lines.concat()).into_bytes())
}

/// Edits of both sides in order: lines before each, its side, lines removed, what is inserted.
fn scripts() -> impl Strategy<Value = Vec<(usize, bool, usize, Vec<u8>)>> {
    let edit = (0..4_usize, any::<bool>(), 0..3_usize, content(0..3));
    proptest::collection::vec(edit, 2..6).prop_map(|mut edits| {
        // Both sides edit something.
        edits[1].1 = !edits[0].1;
        edits
    })
}

fn edit((tag, first, removed, inserted): &Edit) -> countersign::change::carry::Edit {
    let side = if *tag == 'a' { EditSide::Approved } else { EditSide::Main };
    let (first, removed, inserted) = (*first, *removed, inserted.clone());
    countersign::change::carry::Edit { side, first, removed, inserted }
}

fn read(edits: &FileEdits, four: [&[u8]; 4]) -> Vec<Edit> {
    let world = crate::support::World::of("a", four);
    let bytes = world.certificate(&[("a", edits.edits())]).to_bytes();
    independent::read(&bytes).remove(&b"a"[..]).unwrap()
}

/// The line edits of the scripts on `base`, each with `gap` lines before it at least; parts of a
/// line are left out.
fn placed(base: &[u8], scripts: &[(usize, bool, usize, Vec<u8>)], gap: usize) -> Vec<Edit> {
    let base = lines(base);
    let open = base.last().is_some_and(|line| !line.ends_with(b"\n"));
    let (mut at, mut edits): (usize, Vec<Edit>) = (0, Vec::new());
    for (before, side, removed, inserted) in scripts {
        let first = at + before + if edits.is_empty() { 0 } else { gap };
        let removed = (*removed).min(base.len().saturating_sub(first));
        let is_end = first + removed == base.len();
        let mut inserted = inserted.clone();
        if !is_end && !inserted.is_empty() && !inserted.ends_with(b"\n") {
            inserted.push(b'\n');
        }
        let joins = open && removed == 0 && first == base.len() && !base.is_empty();
        if first > base.len() || joins || (removed == 0 && inserted.is_empty()) {
            break;
        }
        at = first + removed;
        edits.push((if *side { 'a' } else { 'm' }, first, removed, inserted));
        if is_end {
            break;
        }
    }
    edits
}

#[test]
fn two_scripts_that_lie_apart_hold() {
    let carried = Cell::new(0);
    let strategy = (content(2..24), scripts(), 1..4_u32);
    runner(4_000)
        .run(&strategy, |(base, scripts, gap)| {
            let edits = placed(&base, &scripts, gap as usize);
            let [approved, before, landed] =
                ["a", "m", "am"].map(|tags| applied(&base, &edits, tags));
            prop_assume!(approved != base && before != base);
            let four = [&base[..], &approved, &before, &landed];
            let (sides, source) = four_sides(four);
            let given = FileEdits::new(path("a"), edits.iter().map(edit).collect()).unwrap();
            prop_assert!(check_file(&given, &sides, gap, &source).is_ok(), "{:?}", edits);
            prop_assert_eq!(independent::holds(&edits, gap as usize, four), Ok(()));
            // The certificate says no more than that: with another byte landed it holds no longer.
            let [_, approved, before, landed] = four;
            let other = [landed, b"\n"].concat();
            let (sides, _) = four_sides([&base, approved, before, &other]);
            let fault = check_file(&given, &sides, gap, &source);
            prop_assert_eq!(fault, Err(CarryFault::LandedDiffers));
            carried.set(carried.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(carried.get() >= 1_000, "{}", carried.get());
}

/// Whatever four files are given: what is said to be carried is.
#[test]
fn what_is_said_to_be_carried_is_made_by_both_scripts() {
    let strategy =
        (content(2..8), scripts(), scripts(), 0..4_u8, content(0..3), any::<prop::sample::Index>());
    let told = [Cell::new(0), Cell::new(0)];
    runner(4_000)
        .run(&strategy, |(base, one, other, way, noise, at)| {
            let own = |scripts: &[_], tag| {
                let mut edits = placed(&base, scripts, 1);
                for edit in &mut edits {
                    edit.0 = tag;
                }
                edits
            };
            let (one, other) = (own(&one, 'a'), own(&other, 'm'));
            let (approved, before) = (applied(&base, &one, "a"), applied(&base, &other, "m"));
            let mut both = [one, other].concat();
            both.sort_by_key(|(_, first, removed, _)| (*first, first + removed));
            let overlap = both.windows(2).any(|pair| pair[1].1 < pair[0].1 + pair[0].2);
            let mut landed = if overlap { before.clone() } else { applied(&base, &both, "am") };
            if way == 0 {
                let at = at.index(landed.len() + 1);
                landed.splice(at..at, noise);
            }
            prop_assume!(approved != base && before != base);
            let four = [&base[..], &approved, &before, &landed];
            let (sides, source) = four_sides(four);
            let found = find_file(&path("a"), &sides, 1, &source);
            told[usize::from(found.is_ok())].set(told[usize::from(found.is_ok())].get() + 1);
            if let Ok(found) = found {
                prop_assert_eq!(independent::holds(&read(&found, four), 1, four), Ok(()));
            }
            Ok(())
        })
        .unwrap();
    assert!(told.iter().all(|count| count.get() >= 200), "{told:?}");
}

/// Every way to keep lines of `base` that stand in `target` in the same order.
fn alignments(base: &[Vec<u8>], target: &[Vec<u8>], tag: char) -> Vec<Vec<Edit>> {
    let mut found = Vec::new();
    let mut kept = Vec::new();
    choose(base, target, (0, 0), &mut kept, &mut |kept| {
        let mut edits = Vec::new();
        let (mut at, mut line) = (0, 0);
        for (base_line, target_line) in kept.iter().copied().chain([(base.len(), target.len())]) {
            if base_line > at || target_line > line {
                edits.push((tag, at, base_line - at, target[line..target_line].concat()));
            }
            (at, line) = (base_line + 1, target_line + 1);
        }
        found.push(edits);
    });
    found
}

fn choose(
    base: &[Vec<u8>],
    target: &[Vec<u8>],
    (at, line): (usize, usize),
    kept: &mut Vec<(usize, usize)>,
    found: &mut impl FnMut(&[(usize, usize)]),
) {
    found(kept);
    for next in at..base.len() {
        for other in (line..target.len()).filter(|other| target[*other] == base[next]) {
            kept.push((next, other));
            choose(base, target, (next + 1, other + 1), kept, found);
            kept.pop();
        }
    }
}

/// How many lines the edits remove and insert.
fn cost(edits: &[Edit]) -> usize {
    edits.iter().map(|(_, _, removed, inserted)| removed + lines(inserted).len()).sum()
}

/// Whether some alignments make edits that hold; only among the shortest, if so asked.
fn exists(four: [&[u8]; 4], gap: usize, only_shortest: bool) -> bool {
    let [base, approved, before, _] = four.map(lines);
    let all = [alignments(&base, &approved, 'a'), alignments(&base, &before, 'm')];
    let [one, other] = all.map(|mut scripts| {
        let fewest = scripts.iter().map(|edits| cost(edits)).min().unwrap();
        scripts.retain(|edits| !only_shortest || cost(edits) == fewest);
        scripts
    });
    one.iter().any(|one| {
        other.iter().any(|other| {
            let mut both = [one.clone(), other.clone()].concat();
            both.sort_by_key(|(_, first, removed, _)| (*first, first + removed));
            let overlap = both.windows(2).any(|pair| pair[1].1 < pair[0].1 + pair[0].2);
            !overlap && independent::holds(&both, gap, four).is_ok()
        })
    })
}

/// Where none is found there is none among the shortest: against every pair of alignments.
#[test]
fn the_search_is_complete_on_small_files() {
    let told = [Cell::new(0), Cell::new(0)];
    let strategy = (content(1..6), scripts(), 0..3_usize, 1..3_u32);
    runner(800)
        .run(&strategy, |(base, scripts, apart, gap)| {
            // Scripts that lie as far apart as is wanted, or not.
            let edits = placed(&base, &scripts, apart);
            let [approved, before, landed] =
                ["a", "m", "am"].map(|tags| applied(&base, &edits, tags));
            prop_assume!(approved != base && before != base);
            prop_assume!(lines(&approved).len() <= 6 && lines(&before).len() <= 6);
            let four = [&base[..], &approved, &before, &landed];
            let (sides, source) = four_sides(four);
            let found = find_file(&path("a"), &sides, gap, &source);
            let [any, shortest] = [false, true].map(|only| exists(four, gap as usize, only));
            prop_assert!(found.is_ok() || !shortest, "{:?} {:?}", four, found);
            prop_assert!(found.is_err() || any, "{:?} {:?}", four, found);
            if let Err(fault) = &found {
                let is_gap = gap > 1 && matches!(fault, CarryFault::TooClose { .. });
                prop_assert!(is_gap || *fault == CarryFault::NotFound);
            }
            let told = &told[usize::from(shortest)];
            told.set(told.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(told.iter().all(|count| count.get() >= 100), "{told:?}");
}
