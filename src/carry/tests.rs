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
