//! Tests of the pattern language: ATTACKS 24 and i.

use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, path: &[u8]) -> bool {
    Pattern::new(pattern).unwrap().matches_exactly(path)
}

/// ATTACKS i: the cases where other pattern languages differ.
#[test]
fn patterns_match_as_the_spec_says() {
    for (pattern, path, expected) in [
        ("infra/**", "infra", true),
        ("infra/**", "infra/a/b", true),
        ("infra/**", "infrared", false),
        ("infra/**", "x/infra/a", false),
        ("**/*.tf", "x.tf", true),
        ("**/*.tf", "a/b/x.tf", true),
        ("**/*.tf", "a/.tf", true),
        ("*.tf", "a/x.tf", false),
        ("*", "a/b", false),
        ("*", ".hidden", true),
        ("**", "a/b/c", true),
        ("**/**", "a", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b/**/c", "a/b/b/x/c", true),
        ("a/**/b/**/c", "a/c/b", false),
        ("a/*/b", "a/b", false),
        ("?", "a", true),
        ("?", "ab", false),
        ("a?b", "a/b", false),
        ("a*b*c", "aXbYbZc", true),
        ("a*b*c", "aXbYbZ", false),
        ("a", "a/b", false),
        ("infra", "Infra", false),
        ("(a)+$^.|", "(a)+$^.|", true),
    ] {
        assert_eq!(matches(pattern, path.as_bytes()), expected, "{pattern} {path}");
    }
    assert!(matches("a/*.bin", b"a/\xff\xfe.bin"));
    assert!(matches("??", "\u{e9}".as_bytes()), "`?` is one byte");
}

/// ATTACKS 24: a pattern also matches what a file system that ignores case takes for its path.
#[test]
fn folded_patterns_match_folded_paths() {
    for (pattern, path) in [
        ("infra/**", "Infra/main.tf"),
        ("caf\u{e9}/*", "CAFE\u{301}/x"),
        ("**/Dockerfile", "a/dockerFILE"),
    ] {
        let pattern = Pattern::new(pattern).unwrap();
        assert!(!pattern.matches_exactly(path.as_bytes()));
        assert!(pattern.matches_folded(&folded(path.as_bytes())), "{pattern} {path}");
    }
}

/// ATTACKS i: what has a meaning elsewhere is refused here, not taken literally.
#[test]
fn other_pattern_languages_are_refused() {
    for text in [
        "", "/a", "a/", "a//b", "a/../b", "./a", "**.tf", "a**", "***", "!a", "[ab]", "{a,b}",
        "a\\*", "a\nb",
    ] {
        assert!(Pattern::new(text).is_err(), "{text:?}");
    }
    assert!(Pattern::new(&"a".repeat(PATTERN_BYTES_MAX)).is_ok());
    assert_eq!(Pattern::new(&"a".repeat(PATTERN_BYTES_MAX + 1)), Err(PatternError::TooLong));
}

/// Folding makes and unmakes none of the three signs, nor a `/`.
#[test]
fn folding_keeps_the_signs_of_patterns() {
    for character in (0..=0x0010_ffff).filter_map(char::from_u32) {
        let mut bytes = [0; 4];
        let text = character.encode_utf8(&mut bytes);
        let signs = |bytes: &[u8]| {
            bytes.iter().copied().filter(|byte| b"*?/".contains(byte)).collect::<Vec<u8>>()
        };
        assert_eq!(signs(&folded(text.as_bytes())), signs(text.as_bytes()), "{character:?}");
    }
}

/// The time is quadratic at worst: what makes other matchers hang ends at once here.
#[test]
fn hostile_patterns_end_at_once() {
    let pattern = Pattern::new(&format!("{}b", "*a".repeat(500))).unwrap();
    assert!(!pattern.matches_exactly("a".repeat(4_096).as_bytes()));
    let pattern = Pattern::new(&format!("{}b", "**/a/".repeat(200))).unwrap();
    assert!(!pattern.matches_exactly("a/".repeat(2_047).trim_end_matches('/').as_bytes()));
}

/// The definition, word by word, and exponential.
fn naive(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), None) => naive(rest, &[]),
        (Some((&"**", rest)), Some((_, shorter))) => naive(rest, path) || naive(pattern, shorter),
        (Some((one, rest)), Some((name, shorter))) => {
            naive_bytes(one.as_bytes(), name.as_bytes()) && naive(rest, shorter)
        }
        _ => false,
    }
}

fn naive_bytes(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => naive_bytes(rest, &[]),
        (Some((b'*', rest)), Some((_, shorter))) => {
            naive_bytes(rest, text) || naive_bytes(pattern, shorter)
        }
        (Some((&one, rest)), Some((&byte, shorter))) => {
            (one == b'?' || one == byte) && naive_bytes(rest, shorter)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn matching_agrees_with_the_definition(
        pattern in r"(\*\*|[ab*?]{1,3})(/(\*\*|[ab?]{1,2}|\*)){0,4}",
        path in "[ab]{1,3}(/[ab]{1,3}){0,5}",
    ) {
        if let Ok(parsed) = Pattern::new(&pattern) {
            let pieces: Vec<&str> = pattern.split('/').collect();
            let names: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parsed.matches_exactly(path.as_bytes()), naive(&pieces, &names));
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        pattern in ".{0,30}",
        path in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        if let Ok(parsed) = Pattern::new(&pattern) {
            // What matches exactly also matches folded, where folding keeps the bytes apart.
            if parsed.matches_exactly(&path) && path.is_ascii() && pattern.is_ascii() {
                prop_assert!(parsed.matches_folded(&folded(&path)));
            }
            let _ = parsed.matches_folded(&path);
        }
    }
}

#[test]
fn patterns_meet_where_a_path_can_match_both() {
    for (one, other, meets) in [
        ("infra/**", "infra/main.tf", true),
        ("infra/**", "Infra/Main.tf", true),
        ("infra/**", "checkout/**", false),
        ("**/*.tf", "checkout/**", true),
        ("*.tf", "checkout/**", false),
        ("*.tf", "*.md", true),
        ("a/**/b", "a/c", false),
        ("a/**/b", "a/**/c/b", true),
        ("**", "a", true),
        ("a", "a/b", false),
        ("a/**", "a", true),
    ] {
        let (one, other) = (Pattern::new(one).unwrap(), Pattern::new(other).unwrap());
        assert_eq!(one.may_meet(&other), meets, "{one} {other}");
        assert_eq!(other.may_meet(&one), meets, "{other} {one}");
    }
}
