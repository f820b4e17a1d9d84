//! Folded names: what a file system that ignores case or normal forms takes for the same name.

use unicode_normalization::UnicodeNormalization;

/// The folded form of a path or name: NFC(casefold(NFC(text))), with Unicode's default case
/// folding. Bytes that are not UTF-8 keep all but the case of their ASCII letters.
///
/// Two names that are equal after folding collide where a file system ignores case (ATTACKS 24).
#[must_use]
pub fn folded(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_ascii() {
        return bytes.to_ascii_lowercase();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let composed: String = text.nfc().collect();
            caseless::default_case_fold_str(&composed).nfc().collect::<String>().into_bytes()
        }
        Err(_) => bytes.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 24: case and normal forms fold together; nothing else does.
    #[test]
    fn names_that_collide_fold_to_the_same_bytes() {
        for (one, other) in [
            ("Infra/main.tf", "infra/MAIN.tf"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAF\u{c9}", "cafe\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{212a}ey", "key"),
            ("\u{3a3}", "\u{3c2}"),
        ] {
            assert_eq!(folded(one.as_bytes()), folded(other.as_bytes()), "{one} {other}");
        }
        assert_ne!(folded(b"a-b"), folded(b"a_b"));
        assert_eq!(folded(b"A\xff"), b"a\xff");
        assert_ne!(folded(b"\xfe"), folded(b"\xff"));
    }

    proptest::proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in ".{0,12}") {
            let once = folded(text.as_bytes());
            proptest::prop_assert_eq!(folded(&once), once);
        }
    }
}
