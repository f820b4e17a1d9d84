//! Names of git objects, in both of git's object formats.

use std::fmt;
use std::str::FromStr;

use crate::base::encoding;
use crate::base::name::Revision;

/// A text or byte string that is no git object id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a git object id: expected 40 or 64 lower-case hexadecimal digits")]
pub struct ObjectIdError;

/// The id of a git object: 20 bytes (SHA-1) or 32 bytes (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectId {
    /// In a repository of the object format `sha1`.
    Sha1([u8; 20]),
    /// In a repository of the object format `sha256`.
    Sha256([u8; 32]),
}

impl ObjectId {
    /// Takes the raw bytes of an id.
    ///
    /// # Errors
    /// [`ObjectIdError`] where they are neither 20 nor 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ObjectIdError> {
        match bytes.len() {
            20 => bytes.try_into().map(Self::Sha1).map_err(|_| ObjectIdError),
            32 => bytes.try_into().map(Self::Sha256).map_err(|_| ObjectIdError),
            _ => Err(ObjectIdError),
        }
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }

    /// Whether it is the id that git uses for "no object".
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }

    /// Git's name of the object format: `sha1` or `sha256`.
    #[must_use]
    pub const fn format(&self) -> &'static str {
        match self {
            Self::Sha1(_) => "sha1",
            Self::Sha256(_) => "sha256",
        }
    }

    /// The same id as a revision; meaningful for ids of commits.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision::new(self.to_string())
            .unwrap_or_else(|_| unreachable!("hexadecimal digits of an id are a revision"))
    }
}

impl From<&Revision> for ObjectId {
    fn from(revision: &Revision) -> Self {
        revision
            .as_str()
            .parse()
            .unwrap_or_else(|_| unreachable!("a revision is 40 or 64 hexadecimal digits"))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encoding::hex(self.as_bytes()))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ObjectId({self})")
    }
}

impl FromStr for ObjectId {
    type Err = ObjectIdError;

    fn from_str(text: &str) -> Result<Self, ObjectIdError> {
        match text.len() {
            40 => encoding::unhex_array(text).map(Self::Sha1).map_err(|_| ObjectIdError),
            64 => encoding::unhex_array(text).map(Self::Sha256).map_err(|_| ObjectIdError),
            _ => Err(ObjectIdError),
        }
    }
}

/// The commit that a submodule points at. It need not exist in the repository that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitCommitId(ObjectId);

impl GitCommitId {
    /// Takes the object id of a commit.
    #[must_use]
    pub const fn new(id: ObjectId) -> Self {
        Self(id)
    }

    /// The object id.
    #[must_use]
    pub const fn object_id(&self) -> &ObjectId {
        &self.0
    }
}

impl fmt::Display for GitCommitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}
