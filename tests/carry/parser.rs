//! The parser of certificates: one spelling a value, and no panic on anything.

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::carry::find_file;
use countersign::change::carry::{Certificate, check, check_file};
use countersign::verify::cover::Cover;
use proptest::prelude::*;

use crate::bodies;
use crate::independent;
use crate::support::{World, a, four_sides, m, path};

/// Whatever a repository has, what is found for it holds, be the content
/// that was approved at hand or made again from the others.
fn find_for(bytes: &[u8]) {
    let mut parts: Vec<&[u8]> = bytes.splitn(5, |byte| *byte == 0xff).collect();
    parts.resize(5, &[]);
    let four = [parts[0], parts[1], parts[2], parts[3]];
    let [flag, gap] = [0, 1].map(|at| parts[4].get(at).copied().unwrap_or_default());
    let (sides, mut source) = four_sides(four);
    // What lacks a content, or has another under its digest, carries nothing wrong.
    for (at, content) in four.iter().enumerate().filter(|(at, _)| flag & (1 << at) != 0) {
        if flag & 0x80 == 0 {
            source.contents.remove(&ContentDigest::of(content));
        } else {
            source.contents.insert(ContentDigest::of(content), four[(at + 1) % 4].to_vec());
        }
    }
    let gap = u32::from(gap % 4);
    let Ok(edits) = find_file(&path("a"), &sides, gap, &source) else { return };
    assert!(check_file(&edits, &sides, gap, &source).is_ok());
    let [approved, landed] = [1, 2].map(|byte| ChangeHash::from_bytes([byte; 32]));
    let bytes = Certificate::new(approved, landed, vec![edits]).unwrap().to_bytes();
    bodies::run("certificate", &bytes);
    let gap = usize::try_from(gap.max(1)).unwrap();
    assert_eq!(independent::holds(&independent::read(&bytes)[&b"a"[..]], gap, four), Ok(()));
}

fn cover() -> Vec<u8> {
    let (change, commit) = ("7".repeat(64), "a".repeat(40));
    let carried = format!("{{\"change\":\"{change}\",\"certificate\":\"{change}\"}}");
    let place = format!("\"change\":\"{change}\",\"first\":\"{commit}\",\"last\":\"{commit}\"");
    format!(
        "{{\"type\":\"countersign cover v1\",\"segments\":[{{{place},\"approvals\":[1,2],\
         \"match\":\"carried\",\"carried\":[{carried}]}}],\"contained\":[{{{place}}}]}}"
    )
    .into_bytes()
}

fn sample() -> Vec<u8> {
    let mut world = World::of("a", [b"1\n2\n3\n", b"x\n2\n3\n", b"1\n2\ny\n", b"x\n2\ny\n"]);
    world.add("b/c", [None, None, None, None]);
    let edits = [a(0, 1, "x\n"), m(2, 1, "y\n"), a(40, 2, "\u{e9}\r\n"), m(50, 0, "no end")];
    world.certificate(&[("a", &edits), ("b/c", &edits[..2])]).to_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn anything_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        bodies::run("certificate", &bytes);
        let header = sample()[..21 + 74 + 72].to_vec();
        bodies::run("certificate", &[header, bytes].concat());
    }

    #[test]
    fn words_of_the_grammar_in_any_order(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "f a\0", "f b\0", "a ", "m ", "0 ", "1 ", "7 ", "0\n", "2\n", "x\n", "\n", "9",
            ]),
            0..24,
        ),
    ) {
        let header = sample()[..21 + 74 + 72].to_vec();
        bodies::run("certificate", &[header, words.concat().into_bytes()].concat());
    }

    #[test]
    fn whatever_is_found_holds(
        parts in proptest::collection::vec(
            proptest::collection::vec(
                proptest::sample::select(vec!["}\n", "x\n", "y\r\n", "\n", "x", "\0"]),
                0..7,
            ),
            4,
        ),
        edited in any::<bool>(),
        flags in any::<[u8; 2]>(),
    ) {
        let mut parts: Vec<String> = parts.iter().map(|part| part.concat()).collect();
        if edited {
            // Both sides edit the first file, so that more than nothing is found.
            let base = format!("1\n{}2\n", parts[0]);
            let top = format!("{}1\n", parts[1]);
            let end = format!("2\n{}", parts[2]);
            let edit = |text: &str, is_top, is_end| {
                let text = if is_top { text.replacen("1\n", &top, 1) } else { text.to_owned() };
                if is_end { text.replacen("2\n", &end, 1) } else { text }
            };
            parts = [(false, false), (true, false), (false, true), (true, true)]
                .map(|(is_top, is_end)| edit(&base, is_top, is_end))
                .to_vec();
        }
        let [flag, gap] = flags;
        // Most often everything is at hand, or what was approved is gone.
        let flag = match flag % 4 { 0 => flag, 1 => 2, _ => 0 };
        let tail = vec![flag, gap];
        let contents = parts.into_iter().map(String::into_bytes);
        find_for(&contents.chain([tail]).collect::<Vec<_>>().join(&0xff));
    }

    #[test]
    fn altered_covers_are_read_without_panic(
        at in any::<proptest::sample::Index>(),
        piece in proptest::sample::select(vec!["", "7", "\"", "}", "]", ",", "{", "null", "-1"]),
        length in 0..3_usize,
    ) {
        let mut bytes = cover();
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, piece.bytes());
        bodies::run("cover", &bytes);
    }

    #[test]
    fn altered_certificates_have_no_second_spelling(
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3_u8,
    ) {
        let mut bytes = sample();
        let at = at.index(bytes.len());
        match change {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        bodies::run("certificate", &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whoever writes the certificate cannot make another landing of it: what still checks after
    /// its words were changed still makes all four files.
    #[test]
    fn altered_certificates_that_hold_are_right(
        swaps in proptest::collection::vec(
            (any::<proptest::sample::Index>(), proptest::sample::select(b"am0123\n}".to_vec())),
            1..4,
        ),
    ) {
        let four: [&[u8]; 4] = [
            b"}\n}\n1\n}\n}\n",
            b"}\n}\n}\n1\n}\n}\n",
            b"}\n}\n1\n}\n}\n}\n",
            b"}\n}\n}\n1\n}\n}\n}\n",
        ];
        let world = World::of("a", four);
        let mut bytes = world.certificate(&[("a", &[a(1, 0, "}\n"), m(4, 0, "}\n")])]).to_bytes();
        let body = bytes.len() - 20;
        for (at, byte) in swaps {
            let at = body + at.index(20);
            bytes[at] = byte;
        }
        let (approved, landed) = world.documents();
        if let Ok(certificate) = Certificate::parse(&bytes)
            && check(&approved, &landed, &certificate, 1, &world.source).is_ok()
        {
            let read = independent::read(&bytes);
            prop_assert_eq!(independent::holds(&read[&b"a"[..]], 1, four), Ok(()));
        }
    }
}

#[test]
fn the_sample_is_a_certificate() {
    assert!(Certificate::parse(&sample()).is_ok());
    assert!(sample()[..21 + 74 + 72].ends_with(b"\n"));
    assert_eq!(Cover::parse(&cover()).unwrap().to_bytes(), cover());
}
