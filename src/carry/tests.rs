//! Files that the ways to align lines fail at, and the search does not; the rest is in
//! `tests/carry`.

use super::*;
use crate::change::carry::CarryContents;

fn found(four: [&str; 4], gap: u32) -> Result<FileEdits, CarryFault> {
    let [base, approved, before, landed] = four.map(|text| ContentDigest::of(text.as_bytes()));
    let sides = FourSides { base, approved, before, landed };
    let mut source = CarryContents::default();
    for text in four {
        source.contents.insert(ContentDigest::of(text.as_bytes()), text.into());
    }
    find_file(&ChangePath::new("a").unwrap(), &sides, gap, &source)
}

#[test]
fn edits_slide_apart_in_repeated_lines() {
    // A block is added between two others, and the line after it is edited: diffs put the block's
    // end or its beginning next to that line.
    let four = [
        "f {\n}\n\ng {\n}\nend\n",
        "f {\n}\n\nh {\n}\n\ng {\n}\nend\n",
        "F {\n}\n\ng {\n}\nend\n",
        "F {\n}\n\nh {\n}\n\ng {\n}\nend\n",
    ];
    for gap in 1..=2 {
        assert!(found(four, gap).unwrap().closest().0 >= gap as usize);
    }
    assert!(matches!(found(four, 3), Err(CarryFault::TooClose { gap_lines: 3, .. })));
}

#[test]
fn long_files_are_no_burden() {
    let lines = |edit: &dyn Fn(usize) -> Option<String>| -> String {
        (0..20_000).map(|at| edit(at).unwrap_or_else(|| format!("{}\n", at % 7))).collect()
    };
    let approved = |at: usize| at.is_multiple_of(1_000).then(|| format!("approved {at}\n"));
    let main = |at: usize| (at % 1_000 == 500).then(|| format!("main {at}\n"));
    let both = |at: usize| approved(at).or_else(|| main(at));
    let four = [lines(&|_| None), lines(&approved), lines(&main), lines(&both)];
    let edits = found(four.each_ref().map(String::as_str), 1).unwrap();
    assert_eq!(edits.edits().len(), 40);
    // Where what landed is another by one line, lines do not add up, and no search begins.
    let other = four[3].replace("main 19500\n", "other\n");
    let four = [&four[0], &four[1], &four[2], &other].map(String::as_str);
    assert_eq!(found(four, 1), Err(CarryFault::NotFound));
}

#[test]
fn edits_that_both_made_alike_are_not_carried() {
    let four = ["1\n2\n3\n4\n5\n", "A\n2\n3\n4\nB\n", "A\n2\n3\n4\n5\n", "A\n2\n3\n4\nB\n"];
    assert_eq!(found(four, 1), Err(CarryFault::NotFound));
}

/// Where lines repeat, one branch and one approved change can be landed in more than one way, and
/// a checker accepts each. What takes longer edits than need be is not found.
#[test]
fn only_short_edits_are_looked_for() {
    let [base, approved, before] = ["}\n}\n}\n}\n", "}\n}\na\n}\n}\n", "}\nm\n}\n}\n}\n"];
    let natural = "}\nm\n}\na\n}\n}\n";
    assert!(found([base, approved, before, natural], 1).is_ok());
    let far_fetched = "}\nm\n}\n}\na\n}\n";
    assert_eq!(found([base, approved, before, far_fetched], 1), Err(CarryFault::NotFound));
}

/// What the approved change made is often gone with its branch: it follows from the rest, and only
/// where its digest says so.
#[test]
fn what_is_gone_is_made_again() {
    let four = ["1\n2\n3\n4\n5\n", "1\nB\n3\n4\n5\n", "0\n1\n2\n3\n4\n", "0\n1\nB\n3\n4\n"];
    let [base, approved, before, landed] = four.map(|text| ContentDigest::of(text.as_bytes()));
    let mut sides = FourSides { base, approved, before, landed };
    let mut source = CarryContents::default();
    for text in [four[0], four[2], four[3]] {
        source.contents.insert(ContentDigest::of(text.as_bytes()), text.into());
    }
    let path = ChangePath::new("a").unwrap();
    let edits = find_file(&path, &sides, 1, &source).unwrap();
    assert_eq!(edits.edits().len(), 3);
    assert_eq!(Ok(edits), found(four, 1));
    sides.approved = ContentDigest::of(b"1\nC\n3\n4\n5\n");
    assert_eq!(find_file(&path, &sides, 1, &source), Err(CarryFault::MissingContent));
    // Without any other of the four nothing is made up.
    source.contents.remove(&before);
    assert_eq!(find_file(&path, &sides, 1, &source), Err(CarryFault::MissingContent));
}

#[test]
fn edits_within_each_other_are_not_moved_back() {
    let gone = |base: &str, before: &str, landed: &str, approved: &str| {
        let [base, before, landed] = [base, before, landed].map(str::as_bytes);
        recover::recover(base, before, landed, &ContentDigest::of(approved.as_bytes()))
    };
    assert_eq!(gone("a\nb\n", "a\nx\ny\nb\n", "a\nx\nN\ny\nb\n", "a\nN\nb\n"), None);
    assert_eq!(gone("a\nb\n", "a\nx\ny\nb\n", "a\nb\n", "a\nb\n"), None);
    assert_eq!(
        gone("a\nb\nc\n", "x\na\nb\nc\n", "x\na\nb\nC\n", "a\nb\nC\n").unwrap(),
        b"a\nb\nC\n"
    );
    assert_eq!(gone("a\nb\nc\n", "a\nb\n", "A\nb\n", "A\nb\nc\n").unwrap(), b"A\nb\nc\n");
    assert_eq!(gone("", "", "", "").unwrap(), b"");
}

#[test]
fn sums_of_lines_tell_the_order_of_nothing_else() {
    assert_eq!(line_sum(b"a\nb\n"), line_sum(b"b\na\n"));
    assert_ne!(line_sum(b"a\nb\n"), line_sum(b"a\nb"));
    assert_eq!(line_sum(b""), 0);
    assert_ne!(line_sum(b"a\n"), line_sum(b"a\na\n"));
}
