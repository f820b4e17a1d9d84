//! Names that may stand in signed bytes: short, ASCII, without white space or control characters.
//!
//! They are opaque facts, never personal data, and they compare byte by byte.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::{NAME_BYTES_MAX, REFERENCE_BYTES_MAX, URI_BYTES_MAX};

/// A text that is not a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: {text:?} (expected {expected})")]
pub struct NameError {
    kind: &'static str,
    expected: &'static str,
    text: String,
}

/// Lower-case letters, digits and `allowed`, starting with a letter or digit.
fn is_plain(text: &str, allowed: &[u8]) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().next().is_some_and(good)
        && text.bytes().all(|byte| good(byte) || allowed.contains(&byte))
}

/// Path-like names: plain parts joined by `/`, none of them empty.
fn is_path(text: &str, allowed: &[u8]) -> bool {
    text.len() <= NAME_BYTES_MAX && text.split('/').all(|part| is_plain(part, allowed))
}

/// Printable ASCII without spaces, quotes or backslashes.
fn is_token(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\`".contains(&byte))
}

/// A label that people read: printable ASCII with single inner spaces.
fn is_label(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && text.split(' ').all(|word| !word.is_empty())
}

/// A full reference name as `git check-ref-format` has it, in ASCII.
fn is_reference(text: &str) -> bool {
    text.starts_with("refs/")
        && text.len() <= REFERENCE_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"~^:?*[\\\"".contains(&byte))
        && !text.contains("..")
        && !text.contains("@{")
        && !text.ends_with('.')
        && text.split('/').all(|part| {
            !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
        })
}

/// A commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
fn is_revision(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A URI with a scheme, of the characters that RFC 3986 lets stand in one, without a fragment.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let of_scheme = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    text.len() <= URI_BYTES_MAX
        && scheme.starts_with(|letter: char| letter.is_ascii_lowercase())
        && scheme.bytes().all(of_scheme)
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte))
}

/// A URI of a repository: `SCHEME://HOST/PATH`. In the path there is no `@`, since what others
/// write behind one is the commit or reference that they took.
fn is_repository_uri(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let Some((host, path)) = rest.split_once('/') else { return false };
    is_uri(text)
        && !host.is_empty()
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(['@', '?'])
}

macro_rules! name_type {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that is such a name.
            ///
            /// # Errors
            /// [`NameError`] where it is not.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    // What came in may be large or hostile: keep the start, printed with escapes.
                    let text = text.chars().take(60).collect();
                    Err(NameError { kind: $kind, expected: $expected, text })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

name_type! {
    /// A member of the roster: an opaque id, never an e-mail address.
    MemberId, "member id", "lower-case letters, digits, . _ -", |text| is_plain(text, b"._-");
    /// A level of the policy, such as `senior`.
    LevelName, "level", "lower-case letters, digits, . _ -", |text| is_plain(text, b"._-");
    /// A team.
    TeamName, "team", "lower-case letters, digits, . _ - /", |text| is_path(text, b"._-");
    /// A repository, as the policy names it.
    RepositoryName, "repository name", "lower-case letters, digits, . _ - /",
        |text| is_path(text, b"._-");
    /// A service that is deployed.
    ServiceName, "service name", "lower-case letters, digits, . _ - /",
        |text| is_path(text, b"._-");
    /// An environment; a cell is written `group/cell`.
    EnvironmentName, "environment name", "lower-case letters, digits, . _ - /",
        |text| is_path(text, b"._-");
    /// A full reference name, such as `refs/heads/main`.
    ReferenceName, "full reference name", "refs/heads/...", is_reference;
    /// A git commit id, in full.
    Revision, "full commit id", "40 or 64 lower-case hexadecimal digits", is_revision;
    /// A ticket, pull request or run: a short token that a machine can follow.
    RequestId, "request id", "1 to 200 printable characters without spaces or quotes",
        |text| is_token(text, 200);
    /// A tool that assisted, as a short label.
    ToolName, "tool name", "1 to 100 printable ASCII characters", is_label;
    /// An item of a checklist.
    ChecklistItem, "checklist item", "1 to 100 printable ASCII characters", is_label;
    /// A URI, such as where an artifact is fetched from.
    Uri, "URI", "a lower-case scheme, a colon, and printable characters", is_uri;
    /// The URI of a repository, as provenances of builds name it.
    RepositoryUri, "URI of a repository", "git+https://HOST/PATH, without @ or ? in the path",
        is_repository_uri;
    /// A witness, or a group of witnesses, in a trust root.
    WitnessName, "witness name", "lower-case letters, digits, . _ -", |text| is_plain(text, b"._-");
    /// The origin of a ledger: a URL without a scheme, first line of its checkpoints.
    Origin, "ledger origin", "1 to 100 printable characters without spaces, quotes or +",
        |text| is_token(text, NAME_BYTES_MAX) && !text.contains('+');
}

impl EnvironmentName {
    /// The group of a cell: `production` of `production/eu-1`; the name itself where it is none.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

impl Revision {
    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_mislead_a_reader() {
        MemberId::new("m4f0c1").unwrap();
        RepositoryName::new("shop/api").unwrap();
        ReferenceName::new("refs/heads/main").unwrap();
        for text in ["", "-a", "A", "a b", "a\u{202e}", "a\n", "ada@example.com", &"a".repeat(101)]
        {
            assert!(MemberId::new(text).is_err(), "{text:?}");
        }
        for text in
            ["main", "refs/heads//x", "refs/heads/x.lock", "refs/heads/a..b", "refs/heads/\u{1b}"]
        {
            assert!(ReferenceName::new(text).is_err(), "{text:?}");
        }
        assert!(Revision::new("HEAD").is_err());
        Uri::new("pkg:oci/shop?repository_url=images.example/acme").unwrap();
        for text in ["", "shop", ":x", "pkg:", "Pkg:x", "1:x", "a:b c", "a:\u{e9}", "a:#b"] {
            assert!(Uri::new(text).is_err(), "{text:?}");
        }
        for text in ["git+https://git.example/acme/shop", "git+ssh://git@git.example/shop"] {
            RepositoryUri::new(text).unwrap();
        }
        for text in [
            "git.example/acme/shop",
            "git+https://git.example",
            "git+https://git.example/",
            "git+https://git.example/shop/",
            "git+https://git.example//shop",
            "git+https://git.example/a/../shop",
            "git+https:///shop",
            "git+https://git.example/shop@refs/heads/main",
            "git+https://git.example/shop?a=b",
        ] {
            assert!(RepositoryUri::new(text).is_err(), "{text:?}");
        }
        assert_eq!(EnvironmentName::new("production/eu-1").unwrap().group(), "production");
    }
}
