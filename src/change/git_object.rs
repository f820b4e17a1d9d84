//! Git objects as whole byte strings, `KIND SP SIZE NUL CONTENT`: what a bundle carries, and what
//! an object id is the hash of.

use super::object_id::ObjectId;
use crate::base::digest::sha256;
use crate::base::encoding::undecimal;

/// Longest header that an object has, in bytes: a word, a space, twenty digits, a NUL.
const HEADER_BYTES_MAX: usize = 32;

/// What kind of object it is. Tags are no part of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// The content of a file, or the target of a link.
    Blob,
}

/// Which hash names objects: a repository has one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectHash {
    /// SHA-1, with collision detection: ids of 40 digits.
    Sha1,
    /// SHA-256: ids of 64 digits.
    Sha256,
}

impl ObjectHash {
    /// The hash that an id was made with.
    #[must_use]
    pub const fn of(id: &ObjectId) -> Self {
        match id {
            ObjectId::Sha1(_) => Self::Sha1,
            ObjectId::Sha256(_) => Self::Sha256,
        }
    }
}

impl ObjectKind {
    /// The word in a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Why bytes are no git object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GitObjectError {
    /// No `KIND SP SIZE NUL`, or another size.
    #[error("not a git object: its header is malformed or of another size")]
    Header,
    /// Bytes that were made to collide with others under SHA-1.
    #[error("a git object that was made to have the SHA-1 of another")]
    Collision,
}

/// A git object whose id was computed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitObject<'a> {
    id: ObjectId,
    kind: ObjectKind,
    content: &'a [u8],
}

impl<'a> GitObject<'a> {
    /// Reads a whole object and hashes it.
    ///
    /// # Errors
    /// [`GitObjectError`].
    pub fn read(bytes: &'a [u8], hash: ObjectHash) -> Result<Self, GitObjectError> {
        let start = &bytes[..bytes.len().min(HEADER_BYTES_MAX)];
        let end = start.iter().position(|byte| *byte == 0).ok_or(GitObjectError::Header)?;
        let header = std::str::from_utf8(&bytes[..end]).map_err(|_| GitObjectError::Header)?;
        let (word, size) = header.split_once(' ').ok_or(GitObjectError::Header)?;
        let kind = ObjectKind::from_word(word).ok_or(GitObjectError::Header)?;
        let size = undecimal(size).map_err(|_| GitObjectError::Header)?;
        let content = &bytes[end + 1..];
        if usize::try_from(size) != Ok(content.len()) {
            return Err(GitObjectError::Header);
        }
        Ok(Self { id: object_id(bytes, hash)?, kind, content })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// What follows its header.
    #[must_use]
    pub const fn content(&self) -> &'a [u8] {
        self.content
    }
}

/// The bytes of an object: its header before its content.
#[must_use]
pub fn object_bytes(kind: ObjectKind, content: &[u8]) -> Vec<u8> {
    let header = format!("{} {}\0", kind.as_str(), content.len());
    [header.as_bytes(), content].concat()
}

fn object_id(bytes: &[u8], hash: ObjectHash) -> Result<ObjectId, GitObjectError> {
    match hash {
        ObjectHash::Sha256 => Ok(ObjectId::Sha256(sha256(&[bytes]))),
        ObjectHash::Sha1 => {
            let mut hasher = sha1dc::Hasher::new();
            hasher.update(bytes);
            let digest = hasher.finalize().map_err(|_| GitObjectError::Collision)?;
            Ok(ObjectId::Sha1(*digest.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids as `git hash-object` gives them.
    #[test]
    fn an_id_is_the_hash_of_header_and_content() {
        let empty = object_bytes(ObjectKind::Blob, b"");
        let read = GitObject::read(&empty, ObjectHash::Sha1).unwrap();
        assert_eq!(read.id().to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!((read.kind(), read.content()), (ObjectKind::Blob, b"".as_slice()));
        let read = GitObject::read(&empty, ObjectHash::Sha256).unwrap();
        let id = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813";
        assert_eq!(read.id().to_string(), id);
        let tree = object_bytes(ObjectKind::Tree, b"");
        let read = GitObject::read(&tree, ObjectHash::Sha1).unwrap();
        assert_eq!(read.id().to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn other_headers_are_refused() {
        for bytes in [
            b"".as_slice(),
            b"blob 0",
            b"blob 1\0",
            b"blob 0\0x",
            b"blob 00\0",
            b"blob  0\0",
            b"tag 0\0",
            b"Blob 0\0",
            b"blob -0\0",
            b"blob 18446744073709551616\0",
            b"blob 000000000000000000000000000000000000000000000\0",
        ] {
            let read = GitObject::read(bytes, ObjectHash::Sha1);
            assert_eq!(read, Err(GitObjectError::Header), "{bytes:?}");
        }
    }
}
