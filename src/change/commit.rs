//! A strict reader of git's commit objects, and of the trailers in their messages.

use super::object_id::ObjectId;
use crate::base::limits::{COMMIT_AUTHORS_MAX, COMMIT_BYTES_MAX, COMMIT_PARENTS_MAX};

/// Bytes that are not a well-formed commit object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// More bytes than are read of a commit.
    #[error("commit of {found_bytes} bytes, at most {limit_bytes} are read")]
    TooLarge {
        /// How many there are.
        found_bytes: usize,
        /// How many there may be.
        limit_bytes: usize,
    },
    /// A header that is missing, out of place or misspelt.
    #[error("the header {name:?} is missing, out of place or misspelt")]
    Header {
        /// Which.
        name: &'static str,
    },
    /// A header that may stand once and stands twice: git shows the first, others the last.
    #[error("the header {name:?} stands twice")]
    Twice {
        /// Which.
        name: &'static str,
    },
    /// A header with a NUL byte.
    #[error("a header holds a NUL byte")]
    Nul,
    /// More parents than a commit may have.
    #[error("more than {limit} parents")]
    TooManyParents {
        /// How many there may be.
        limit: usize,
    },
    /// More co-authors than a commit may have.
    #[error("more than {limit} co-authors")]
    TooManyAuthors {
        /// How many there may be.
        limit: usize,
    },
}

/// A person as a commit names them: bytes in no known encoding, and only a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Identity {
    /// The name, without the white space around it.
    pub name: Vec<u8>,
    /// The e-mail address, without angle brackets and the white space around it.
    pub email: Vec<u8>,
}

impl Identity {
    /// Reads `Name <address>`, and what follows it is left alone. As git has it, the name ends at
    /// the first `<` and the address at the first `>` after it; without them all is name.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let Some(open) = bytes.iter().position(|byte| *byte == b'<') else {
            return Self { name: bytes.trim_ascii().to_vec(), email: Vec::new() };
        };
        let rest = &bytes[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
        Self {
            name: bytes[..open].trim_ascii().to_vec(),
            email: rest[..close].trim_ascii().to_vec(),
        }
    }

    /// The address for comparison: ASCII letters in lower case, and no mailmap.
    #[must_use]
    pub fn email_folded(&self) -> Vec<u8> {
        self.email.to_ascii_lowercase()
    }
}

/// A line of a message that reads as `Key: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The key as written: ASCII letters, digits and `-`.
    pub key: Vec<u8>,
    /// The value, without the white space around it.
    pub value: Vec<u8>,
}

impl Trailer {
    /// Whether the key is `key`, in any case.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key.as_bytes())
    }
}

/// The signature inside a commit, and the bytes that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSignature {
    /// The armoured signature, lines ending in LF.
    pub signature: Vec<u8>,
    /// The commit object without its signature headers.
    pub payload: Vec<u8>,
}

/// A commit object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, in order.
    pub parents: Vec<ObjectId>,
    /// Its author.
    pub author: Identity,
    /// Its committer.
    pub committer: Identity,
    /// When it was committed, in seconds since 1970, says the committer; 0 where it cannot be
    /// read. Orders walks, decides nothing.
    pub committer_seconds: i64,
    /// All that follows the first empty line.
    pub message: Vec<u8>,
    /// Its signature, if it has one.
    pub signature: Option<CommitSignature>,
}

/// Reads the content of a commit object.
///
/// # Errors
/// [`CommitError`] where headers are missing, doubled, out of order or misspelt, or it is too
/// large.
pub fn parse_commit(bytes: &[u8]) -> Result<Commit, CommitError> {
    if bytes.len() > COMMIT_BYTES_MAX {
        return Err(CommitError::TooLarge {
            found_bytes: bytes.len(),
            limit_bytes: COMMIT_BYTES_MAX,
        });
    }
    // Without an empty line there is no message, and all is header.
    let header_end =
        bytes.windows(2).position(|pair| pair == b"\n\n").map_or(bytes.len(), |at| at + 1);
    let (header, message) = bytes.split_at(header_end);
    if header.contains(&0) {
        return Err(CommitError::Nul);
    }
    let mut lines = header.split_inclusive(|byte| *byte == b'\n').peekable();
    let tree = object_id(lines.next(), "tree")?;
    let mut parents = Vec::new();
    while lines.peek().is_some_and(|line| line.starts_with(b"parent ")) {
        if parents.len() == COMMIT_PARENTS_MAX {
            return Err(CommitError::TooManyParents { limit: COMMIT_PARENTS_MAX });
        }
        parents.push(object_id(lines.next(), "parent")?);
    }
    if parents.iter().any(|parent| parent.format() != tree.format()) {
        return Err(CommitError::Header { name: "parent" });
    }
    let author = value(lines.next(), "author")?;
    let committer = value(lines.next(), "committer")?;
    let (author, committer_seconds) = (Identity::parse(author), seconds(committer));
    for line in lines.clone() {
        for name in ["tree", "parent", "author", "committer"] {
            if line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b" ")) {
                return Err(CommitError::Twice { name });
            }
        }
    }
    Ok(Commit {
        tree,
        parents,
        author,
        committer: Identity::parse(committer),
        committer_seconds,
        message: message.strip_prefix(b"\n").unwrap_or(message).to_vec(),
        signature: signature(header, message, &tree)?,
    })
}

fn value<'a>(line: Option<&'a [u8]>, name: &'static str) -> Result<&'a [u8], CommitError> {
    line.and_then(|line| line.strip_prefix(name.as_bytes()))
        .and_then(|rest| rest.strip_prefix(b" "))
        .and_then(|rest| rest.strip_suffix(b"\n"))
        .ok_or(CommitError::Header { name })
}

fn object_id(line: Option<&[u8]>, name: &'static str) -> Result<ObjectId, CommitError> {
    std::str::from_utf8(value(line, name)?)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(CommitError::Header { name })
}

/// The seconds between the last `>` and the time zone.
fn seconds(committer: &[u8]) -> i64 {
    let start = committer.iter().rposition(|byte| *byte == b'>').map_or(0, |at| at + 1);
    std::str::from_utf8(&committer[start..])
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// Takes the signature headers out: `gpgsig` in SHA-1 repositories, `gpgsig-sha256` in others.
/// The payload is without either, as git has it.
fn signature(
    header: &[u8],
    message: &[u8],
    tree: &ObjectId,
) -> Result<Option<CommitSignature>, CommitError> {
    let own = if matches!(tree, ObjectId::Sha1(_)) { &b"gpgsig"[..] } else { b"gpgsig-sha256" };
    let (mut signature, mut payload) = (Vec::new(), Vec::new());
    // What the line before belongs to: our signature, the other format's, or the payload.
    let (mut in_own, mut in_other) = (false, false);
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if let Some(rest) = line.strip_prefix(b" ")
            && (in_own || in_other)
        {
            if in_own {
                signature.extend_from_slice(rest);
            }
            continue;
        }
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let name = &line[..space];
        in_own = name == own;
        in_other = !in_own && matches!(name, b"gpgsig" | b"gpgsig-sha256");
        if in_own {
            if !signature.is_empty() {
                return Err(CommitError::Twice { name: "gpgsig" });
            }
            signature.extend_from_slice(line.get(space + 1..).unwrap_or_default());
        } else if !in_other {
            payload.extend_from_slice(line);
        }
    }
    if signature.is_empty() {
        return Ok(None);
    }
    payload.extend_from_slice(message);
    Ok(Some(CommitSignature { signature, payload }))
}

/// Every line of `message` that reads as a trailer: at the start of any line, a key of ASCII
/// letters, digits and `-`, white space or none, and `:`. Lines end in LF or CRLF.
pub fn trailers(message: &[u8]) -> impl Iterator<Item = Trailer> {
    message.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|byte| *byte == b':')?;
        let key = line[..colon].trim_ascii_end();
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        (!key.is_empty() && key.iter().all(good))
            .then(|| Trailer { key: key.to_vec(), value: line[colon + 1..].trim_ascii().to_vec() })
    })
}

/// The identities that `Co-authored-by` trailers name, in the order of the message.
///
/// # Errors
/// [`CommitError::TooManyAuthors`].
pub fn co_authors(message: &[u8]) -> Result<Vec<Identity>, CommitError> {
    let found: Vec<Identity> = trailers(message)
        .filter(|trailer| trailer.is("Co-authored-by"))
        .map(|trailer| Identity::parse(&trailer.value))
        .take(COMMIT_AUTHORS_MAX + 1)
        .collect();
    if found.len() > COMMIT_AUTHORS_MAX {
        return Err(CommitError::TooManyAuthors { limit: COMMIT_AUTHORS_MAX });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn commit(extra: &str, message: &str) -> String {
        format!(
            "tree {TREE}\nparent {TREE}\nauthor Ada <Ada@Example.com> 1 +0000\n\
             committer Bob <bob@example.com> 1700000000 +0100\n{extra}\n{message}"
        )
    }

    #[test]
    fn commit_is_read() {
        let commit = parse_commit(commit("encoding latin1\n", "subject\n\nbody\n").as_bytes());
        let commit = commit.unwrap();
        assert_eq!(commit.parents.len(), 1);
        assert_eq!(commit.author.name, b"Ada");
        assert_eq!(commit.author.email, b"Ada@Example.com");
        assert_eq!(commit.author.email_folded(), b"ada@example.com");
        assert_eq!(commit.committer.email, b"bob@example.com");
        assert_eq!(commit.committer_seconds, 1_700_000_000);
        assert_eq!(commit.message, b"subject\n\nbody\n");
        assert_eq!(commit.signature, None);
    }

    #[test]
    fn commit_refuses_a_second_author_and_other_oddities() {
        let good = commit("", "m");
        parse_commit(good.as_bytes()).unwrap();
        let author = "author Ada <Ada@Example.com> 1 +0000\n";
        for bad in [
            good.replace(author, ""),
            good.replace(author, &author.repeat(2)),
            commit("author Eve <e@example.com> 1 +0000\n", "m"),
            commit(&format!("parent {TREE}\n"), "m"),
            good.replace("tree 4b", "tree 4B"),
            good.replace("tree ", "tree  "),
            good.replace("parent 4b825d", "parent "),
            good.replace("Bob", "B\0b"),
            String::new(),
        ] {
            assert!(parse_commit(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_commit_has_so_many_bytes() {
        let good = commit("", "m");
        let filled = |length: usize| format!("{good}{}", "x".repeat(length - good.len()));
        assert!(parse_commit(filled(COMMIT_BYTES_MAX).as_bytes()).is_ok());
        assert!(parse_commit(filled(COMMIT_BYTES_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn so_many_authors_of_a_commit_are_read() {
        let many = |count: usize| "Co-authored-by: a <a@x>\n".repeat(count);
        let most = co_authors(many(COMMIT_AUTHORS_MAX).as_bytes()).unwrap();
        assert_eq!(most.len(), COMMIT_AUTHORS_MAX);
        assert!(co_authors(many(COMMIT_AUTHORS_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn signature_and_payload_are_taken_apart() {
        let signed = commit("gpgsig -----BEGIN\n  abc\n \n -----END\nencoding x\n", "m\n gpgsig\n");
        let signature = parse_commit(signed.as_bytes()).unwrap().signature.unwrap();
        assert_eq!(signature.signature, b"-----BEGIN\n abc\n\n-----END\n");
        assert_eq!(signature.payload, commit("encoding x\n", "m\n gpgsig\n").as_bytes());
        let twice = commit("gpgsig a\ngpgsig b\n", "m");
        assert_eq!(parse_commit(twice.as_bytes()), Err(CommitError::Twice { name: "gpgsig" }));
    }

    #[test]
    fn ambiguity_p_trailers_stand_anywhere_at_the_start_of_a_line() {
        let message = b"subject\n\nCo-authored-by: Ada <a@x>\r\ntext\nCO-AUTHORED-BY :B <b@x>\n\
            \n Co-authored-by: indented <i@x>\nx Co-authored-by: inner <n@x>\n\
            Co-Authored-By: \xff\xfe <c@x>";
        let emails: Vec<Vec<u8>> =
            co_authors(message).unwrap().into_iter().map(|who| who.email).collect();
        assert_eq!(emails, [b"a@x", b"b@x", b"c@x"]);
        assert_eq!(co_authors(message).unwrap()[2].name, b"\xff\xfe");
    }

    #[test]
    fn identity_is_split_as_git_splits_it() {
        let parse = |text: &str| {
            let identity = Identity::parse(text.as_bytes());
            (String::from_utf8(identity.name).unwrap(), String::from_utf8(identity.email).unwrap())
        };
        assert_eq!(parse("A <a@x> <b@x> 1 +0000"), ("A".to_owned(), "a@x".to_owned()));
        assert_eq!(parse("A a@x"), ("A a@x".to_owned(), String::new()));
        assert_eq!(parse("<a@x"), (String::new(), "a@x".to_owned()));
        assert_eq!(parse(""), (String::new(), String::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            lines in "(gpgsig a|gpgsig-sha256 b| more|author |x y|tree |\n|\x00| ){0,8}",
        ) {
            let _ = parse_commit(&bytes);
            let _ = parse_commit(commit(&format!("{lines}\n"), "m").as_bytes());
            let _ = co_authors(&bytes);
            let _ = Identity::parse(&bytes);
        }
    }
}
