//! Paths in a tree: bytes, compared byte by byte, and shown so that nothing in them misleads.

use std::fmt;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::base::limits::PATH_BYTES_MAX;

/// Bytes that are not a path of a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No bytes at all.
    #[error("empty path")]
    Empty,
    /// More bytes than any path may have.
    #[error("path of {found_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLong {
        /// How many there are.
        found_bytes: usize,
        /// How many there may be.
        limit_bytes: usize,
    },
    /// A part that is empty, `.`, `..` or holds a NUL byte.
    #[error("path {path:?} has a part that is empty, \".\", \"..\" or holds a NUL byte")]
    Part {
        /// The path, made printable.
        path: String,
    },
}

/// A path inside a tree: parts joined by `/`, in whatever bytes the author chose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangePath(Vec<u8>);

impl ChangePath {
    /// Takes the bytes of a path.
    ///
    /// # Errors
    /// [`PathError`] where they are empty, too long, hold a NUL byte, or a part is empty, `.`
    /// or `..`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(PathError::Empty);
        }
        if bytes.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong {
                found_bytes: bytes.len(),
                limit_bytes: PATH_BYTES_MAX,
            });
        }
        let good = bytes
            .split(|byte| *byte == b'/')
            .all(|part| !matches!(part, b"" | b"." | b"..") && !part.contains(&0));
        if good { Ok(Self(bytes)) } else { Err(PathError::Part { path: printable(&bytes) }) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The path with everything escaped that could mislead a reader: `\n`, `\x1b`, `\u{202e}`,
/// bytes that are not UTF-8 as `\xff`, and a backslash as `\\`.
impl fmt::Display for ChangePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&printable(&self.0))
    }
}

impl fmt::Debug for ChangePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChangePath({self})")
    }
}

/// Whether a character could hide, reorder or imitate others on a terminal.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3000 | 0x3164
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
        || (character.is_whitespace() && character != ' ')
}

/// `bytes` as text without anything that could mislead a reader, each of them shown in one way:
/// for paths, subject lines and names of people, wherever they are printed.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                character if character.is_ascii_control() => push_byte(&mut text, character as u8),
                character if misleads(character) => text.extend(character.escape_unicode()),
                character => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut text, *byte);
        }
    }
    text
}

fn push_byte(text: &mut String, byte: u8) {
    text.push_str("\\x");
    text.push_str(&crate::base::encoding::hex(&[byte]));
}

/// What a file system that knows neither case nor normalisation makes of a name: the NFC of the
/// full case folding of its NFD. A name that is not UTF-8 has its ASCII letters lowered.
#[must_use]
pub fn folded_name(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    match std::str::from_utf8(name) {
        Ok(text) => text.nfd().default_case_fold().nfc().collect::<String>().into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// [`folded_name`] of every part of a path. Two paths with equal results collide.
#[must_use]
pub fn folded(path: &ChangePath) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = path.0.split(|byte| *byte == b'/').map(folded_name).collect();
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(bytes: &[u8]) -> ChangePath {
        ChangePath::new(bytes).unwrap()
    }

    #[test]
    fn path_is_shown_without_anything_that_misleads() {
        assert_eq!(path(b"src/lib.rs").to_string(), "src/lib.rs");
        assert_eq!(path(b"a\xff\x1b[31m\n\\").to_string(), "a\\xff\\x1b[31m\\n\\\\");
        assert_eq!(path("x\u{202e}gpj.rs".as_bytes()).to_string(), "x\\u{202e}gpj.rs");
        assert_eq!(path("a\u{9b}31m\u{200b}".as_bytes()).to_string(), "a\\u{9b}31m\\u{200b}");
        assert_eq!(path("stra\u{df}e".as_bytes()).to_string(), "stra\u{df}e");
    }

    #[test]
    fn path_refuses_what_no_tree_may_hold() {
        for bytes in [&b""[..], b"/a", b"a/", b"a//b", b".", b"a/../b", b"a/./b", b"a\0b"] {
            assert!(ChangePath::new(bytes).is_err(), "{bytes:?}");
        }
        assert!(ChangePath::new(vec![b'a'; PATH_BYTES_MAX]).is_ok());
        assert!(ChangePath::new(vec![b'a'; PATH_BYTES_MAX + 1]).is_err());
        assert!(ChangePath::new(&b"a/..b/.c"[..]).is_ok());
    }

    #[test]
    fn attack_24_case_and_normalisation_fold_to_one_name() {
        assert_eq!(folded(&path(b"Infra/main.tf")), folded(&path(b"infra/MAIN.tf")));
        let composed = path("caf\u{e9}".as_bytes());
        let decomposed = path("cafe\u{301}".as_bytes());
        assert_ne!(composed, decomposed);
        assert_eq!(folded(&composed), folded(&decomposed));
        assert_eq!(folded(&path("Stra\u{df}e".as_bytes())), b"strasse");
        assert_eq!(folded(&path("\u{212a}ey".as_bytes())), b"key");
        assert_eq!(folded(&path(b"A\xff")), b"a\xff");
        assert_ne!(folded(&path(b"a/b")), folded(&path(b"ab")));
    }
}
