//! Goal: a document has one spelling, and composition is the difference of the ends.
//! Method: hand-written cases for each refusal, and proptest over chains of small trees.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn path(text: &str) -> ChangePath {
    ChangePath::new(text).unwrap()
}

fn file(content: &str) -> Side {
    Side { mode: Mode::File, content: Content::Sha256(ContentDigest::of(content.as_bytes())) }
}

fn row(at: &str, old: Side, new: Side) -> Row {
    Row { path: path(at), old, new }
}

fn submodule(id: ObjectId) -> Side {
    Side { mode: Mode::Submodule, content: Content::Submodule(GitCommitId::new(id)) }
}

#[test]
fn document_survives_its_own_parser() {
    let rows = vec![
        row("a b", Side::ABSENT, file("1")),
        row("link", file("1"), Side { mode: Mode::Symlink, ..file("1") }),
        row("lib", submodule(ObjectId::Sha1([1; 20])), submodule(ObjectId::Sha256([1; 32]))),
        Row { path: ChangePath::new(&b"\xff\n"[..]).unwrap(), old: file("1"), new: Side::ABSENT },
    ];
    let document = Document::new(rows).unwrap();
    assert_eq!(Document::parse(&document.to_bytes()).unwrap(), document);
    assert_eq!(document.rows().len(), 4);
}

#[test]
fn attack_52_empty_document_is_its_header() {
    let empty = Document::default();
    assert!(empty.is_empty());
    assert_eq!(empty.to_bytes(), b"countersign change v1\n");
    assert_eq!(Document::parse(&empty.to_bytes()).unwrap(), empty);
}

#[test]
fn ambiguity_a_rows_sort_by_whole_path_bytes() {
    let rows = ["a/b", "a.b", "a", "B"].map(|at| row(at, Side::ABSENT, file(at))).to_vec();
    let document = Document::new(rows).unwrap();
    let order: Vec<String> = document.paths().map(ToString::to_string).collect();
    assert_eq!(order, ["B", "a", "a.b", "a/b"]);
}

#[test]
fn parser_refuses_every_other_spelling() {
    let digest = ContentDigest::of(b"1");
    let with = |rows: &str| format!("countersign change v1\n{rows}").into_bytes();
    let good = format!("000000 - 100644 {digest} a\0");
    Document::parse(&with(&good)).unwrap();
    let bad = [
        good.trim_end_matches('\0').to_owned(),
        good.replace("100644", "100664"),
        good.replace("100644", "040000"),
        good.replace("000000", "100644"),
        good.replace("000000 -", "000000  -"),
        good.replace("100644", "160000"),
        good.replace(" a\0", " \0"),
        good.replace(" a\0", " /a\0"),
        good.replace(&digest.to_string(), &digest.to_string().to_uppercase()),
        good.replace(&digest.to_string(), "-"),
        format!("{good}{good}"),
        format!("000000 - 100644 {digest} b\0{good}"),
        "000000 - 000000 - a\0".to_owned(),
        format!("100644 {digest} 100644 {digest} a\0"),
        format!("000000 - 160000 git-sha256:{} a\0", "1".repeat(40)),
        format!("000000 - 160000 git-sha1:{} a\0", "1".repeat(64)),
        format!("000000 - 160000 git:{} a\0", "1".repeat(40)),
        format!("{good}\0"),
        format!("{good}\n"),
    ];
    for rows in bad {
        assert!(Document::parse(&with(&rows)).is_err(), "{rows:?}");
    }
    assert_eq!(Document::parse(b"countersign change v1"), Err(DocumentError::Header));
    assert_eq!(Document::parse(b"countersign change v2\n"), Err(DocumentError::Header));
}

#[test]
fn rows_must_be_rows() {
    assert!(Document::new(vec![row("a", file("1"), file("1"))]).is_err());
    assert!(Document::new(vec![row("a", Side::ABSENT, Side::ABSENT)]).is_err());
    let twice = vec![row("a", Side::ABSENT, file("1")), row("a", file("1"), file("2"))];
    assert!(matches!(Document::new(twice), Err(DocumentError::Order { .. })));
    let odd = Side { mode: Mode::Absent, ..file("1") };
    assert!(matches!(
        Document::new(vec![row("a", odd, file("1"))]),
        Err(DocumentError::Side { .. })
    ));
}

#[test]
fn attack_1_composition_refuses_documents_that_do_not_join() {
    let first = Document::new(vec![row("a", Side::ABSENT, file("1"))]).unwrap();
    let second = Document::new(vec![row("a", file("2"), file("3"))]).unwrap();
    assert_eq!(
        Document::compose(&[&first, &second]),
        Err(DocumentError::NotConsecutive { path: path("a"), document: 1 })
    );
    // What one step does and the next undoes leaves nothing, yet the chain must still join.
    let back = Document::new(vec![row("a", file("1"), Side::ABSENT)]).unwrap();
    assert!(Document::compose(&[&first, &back]).unwrap().is_empty());
    assert!(Document::compose(&[&first, &back, &second]).is_err());
    assert!(Document::compose(&[]).unwrap().is_empty());
}

type Files = BTreeMap<u8, u8>;

fn between(old: &Files, new: &Files) -> Document {
    let side = |files: &Files, name: &u8| {
        files.get(name).map_or(Side::ABSENT, |content| file(&content.to_string()))
    };
    let names: std::collections::BTreeSet<&u8> = old.keys().chain(new.keys()).collect();
    let rows = names
        .into_iter()
        .map(|name| row(&name.to_string(), side(old, name), side(new, name)))
        .filter(|row| row.old != row.new)
        .collect();
    Document::new(rows).unwrap()
}

proptest! {
    #[test]
    fn composition_of_steps_is_the_difference_of_the_ends(
        states in prop::collection::vec(prop::collection::btree_map(0..6_u8, 0..3_u8, 0..6), 1..8),
        cut in 0..8_usize,
    ) {
        let steps: Vec<Document> =
            states.windows(2).map(|pair| between(&pair[0], &pair[1])).collect();
        let steps: Vec<&Document> = steps.iter().collect();
        let whole = between(&states[0], &states[states.len() - 1]);
        prop_assert_eq!(&Document::compose(&steps).unwrap(), &whole);
        // Composition is associative: any cut gives the same whole.
        let (left, right) = steps.split_at(cut.min(steps.len()));
        let halves = [Document::compose(left).unwrap(), Document::compose(right).unwrap()];
        prop_assert_eq!(&Document::compose(&[&halves[0], &halves[1]]).unwrap(), &whole);
        prop_assert_eq!(&Document::parse(&whole.to_bytes()).unwrap(), &whole);
    }

    #[test]
    fn parser_answers_or_refuses_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [HEADER, &bytes].concat();
        if let Ok(document) = Document::parse(&bytes) {
            prop_assert_eq!(document.to_bytes(), bytes);
        }
    }

    #[test]
    fn one_changed_byte_is_another_hash_or_no_document(at in 0..200_usize, flip in 1..=255_u8) {
        let rows = vec![row("a", file("1"), file("2")), row("b", Side::ABSENT, file("3"))];
        let document = Document::new(rows).unwrap();
        let mut bytes = document.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(other) = Document::parse(&bytes) {
            prop_assert_ne!(other.hash(), document.hash());
        }
    }
}
