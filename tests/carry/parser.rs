//! The parser of certificates: one spelling a value, and no panic on anything.

use countersign::change::carry::{Certificate, check};
use proptest::prelude::*;

use crate::independent;
use crate::support::{World, a, m};

/// The body of a fuzz target: what parses is written back as it was read, and is within limits.
fn parse_certificate(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::parse(bytes) {
        assert_eq!(certificate.to_bytes(), bytes);
        let again = Certificate::new(
            certificate.approved(),
            certificate.landed(),
            certificate.files().to_vec(),
        );
        assert_eq!(again.as_ref(), Ok(&certificate));
        assert!(certificate.files().iter().all(|file| file.closest().0 >= 1));
    }
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
        parse_certificate(&bytes);
        let header = sample()[..21 + 74 + 72].to_vec();
        parse_certificate(&[header, bytes].concat());
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
        parse_certificate(&[header, words.concat().into_bytes()].concat());
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
        parse_certificate(&bytes);
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
}
