//! The change document, its strict parser, its hash and its composition (`spec/change.md`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::object_id::{GitCommitId, ObjectId};
use super::path::{ChangePath, PathError};
use crate::base::digest::{ChangeHash, ContentDigest, sha256};
use crate::base::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_ROWS_MAX};

/// First line of every document.
const HEADER: &[u8] = b"countersign change v1\n";
/// Longest side in bytes: a mode, a space, and the digest of a submodule of 64 digits.
const SIDE_BYTES_MAX: usize = 6 + 1 + "git-sha256:".len() + 64;

/// Bytes or rows that are not a change document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The first line is another.
    #[error("not a change document: the first line is not \"countersign change v1\"")]
    Header,
    /// More bytes than a document may have.
    #[error("change document of {found_bytes} bytes or more, at most {limit_bytes} are allowed")]
    TooLarge {
        /// How many there are, at least.
        found_bytes: usize,
        /// How many there may be.
        limit_bytes: usize,
    },
    /// More rows than a document may have.
    #[error("change document with more than {limit_rows} rows")]
    TooManyRows {
        /// How many there may be.
        limit_rows: usize,
    },
    /// A row that is not spelt as the format has it.
    #[error("row {row} of the change document is malformed")]
    Malformed {
        /// Which, from 0.
        row: usize,
    },
    /// A path that no tree may hold.
    #[error("row {row} of the change document: {source}")]
    Path {
        /// Which, from 0.
        row: usize,
        /// What is wrong with it.
        source: PathError,
    },
    /// Mode and content of a side do not belong together.
    #[error("{path}: mode and content of a side do not belong together")]
    Side {
        /// The path of the row.
        path: ChangePath,
    },
    /// Both sides of a row are the same, so nothing changes.
    #[error("{path}: both sides of the row are equal")]
    EqualSides {
        /// The path of the row.
        path: ChangePath,
    },
    /// A path stands twice, or after a greater one.
    #[error("{path}: rows are not in strictly ascending order")]
    Order {
        /// The first path out of order.
        path: ChangePath,
    },
    /// A document does not start from where the one before it ended.
    #[error("{path}: document {document} does not continue the one before it")]
    NotConsecutive {
        /// The path with the gap.
        path: ChangePath,
        /// Index of the later document among those composed.
        document: usize,
    },
}

/// The mode of a path: what kind of thing a tree has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// `000000`: nothing.
    Absent,
    /// `100644`: a file.
    File,
    /// `100755`: a file that may be executed.
    Executable,
    /// `120000`: a symbolic link, its target being the content.
    Symlink,
    /// `160000`: a commit of another repository.
    Submodule,
}

impl Mode {
    /// Six octal digits.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "000000",
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Submodule => "160000",
        }
    }

    fn from_digits(digits: &[u8]) -> Option<Self> {
        [Self::Absent, Self::File, Self::Executable, Self::Symlink, Self::Submodule]
            .into_iter()
            .find(|mode| mode.as_str().as_bytes() == digits)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Nothing: the path is absent.
    Absent,
    /// A blob with this SHA-256.
    Sha256(ContentDigest),
    /// A submodule at this commit.
    Submodule(GitCommitId),
}

impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("-"),
            Self::Sha256(digest) => digest.fmt(formatter),
            Self::Submodule(id) => write!(formatter, "git-{}:{id}", id.object_id().format()),
        }
    }
}

/// One side of a row: a path before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Side {
    /// Its mode.
    pub mode: Mode,
    /// Its content.
    pub content: Content,
}

impl Side {
    /// The side where there is nothing.
    pub const ABSENT: Self = Self { mode: Mode::Absent, content: Content::Absent };

    /// Whether there is nothing on this side.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.mode == Mode::Absent
    }

    fn is_consistent(&self) -> bool {
        matches!(
            (self.mode, self.content),
            (Mode::Absent, Content::Absent)
                | (Mode::File | Mode::Executable | Mode::Symlink, Content::Sha256(_))
                | (Mode::Submodule, Content::Submodule(_))
        )
    }

    /// Reads a side as a document writes it: mode, a space, content.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (digits, rest) = bytes.split_at_checked(6)?;
        let text = std::str::from_utf8(rest.strip_prefix(b" ")?).ok()?;
        let content = if text == "-" {
            Content::Absent
        } else if let Some(digits) = text.strip_prefix("git-") {
            let (format, digits) = digits.split_once(':')?;
            let id: ObjectId = digits.parse().ok()?;
            if id.format() != format {
                return None;
            }
            Content::Submodule(GitCommitId::new(id))
        } else {
            Content::Sha256(text.parse().ok()?)
        };
        let side = Self { mode: Mode::from_digits(digits)?, content };
        side.is_consistent().then_some(side)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.mode, self.content)
    }
}

/// One path that differs, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// Where.
    pub path: ChangePath,
    /// What was there before.
    pub old: Side,
    /// What is there after.
    pub new: Side,
}

impl Row {
    fn check(&self) -> Result<(), DocumentError> {
        if !self.old.is_consistent() || !self.new.is_consistent() {
            return Err(DocumentError::Side { path: self.path.clone() });
        }
        if self.old == self.new {
            return Err(DocumentError::EqualSides { path: self.path.clone() });
        }
        Ok(())
    }

    fn parse(bytes: &[u8], row: usize) -> Result<Self, DocumentError> {
        let malformed = DocumentError::Malformed { row };
        // Three spaces end the four fields before the path; the path itself may hold spaces.
        let mut spaces = bytes
            .iter()
            .enumerate()
            .take(2 * SIDE_BYTES_MAX + 2)
            .filter_map(|(at, byte)| (*byte == b' ').then_some(at));
        let (Some(old_end), Some(new_end)) = (spaces.nth(1), spaces.nth(1)) else {
            return Err(malformed);
        };
        let sides = (Side::parse(&bytes[..old_end]), Side::parse(&bytes[old_end + 1..new_end]));
        let (Some(old), Some(new)) = sides else { return Err(malformed) };
        let path = ChangePath::new(&bytes[new_end + 1..])
            .map_err(|source| DocumentError::Path { row, source })?;
        Ok(Self { path, old, new })
    }
}

/// The difference between two trees, path by path: sorted, each path once, no equal sides.
/// A clone shares the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    rows: Arc<Vec<Row>>,
}

impl Document {
    /// Makes a document of `rows`, in any order.
    ///
    /// # Errors
    /// [`DocumentError`] where a path stands twice, a row is not one, or there are too many.
    pub fn new(mut rows: Vec<Row>) -> Result<Self, DocumentError> {
        rows.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Self::from_sorted(rows)
    }

    fn from_sorted(rows: Vec<Row>) -> Result<Self, DocumentError> {
        if rows.len() > DOCUMENT_ROWS_MAX {
            return Err(DocumentError::TooManyRows { limit_rows: DOCUMENT_ROWS_MAX });
        }
        let mut bytes = HEADER.len();
        for (at, row) in rows.iter().enumerate() {
            row.check()?;
            if at > 0 && rows[at - 1].path >= row.path {
                return Err(DocumentError::Order { path: row.path.clone() });
            }
            bytes = bytes.saturating_add(row.path.as_bytes().len() + 2 * SIDE_BYTES_MAX + 3);
        }
        // The estimate takes each side at its longest; only near the limit is the exact sum due.
        let document = Self { rows: Arc::new(rows) };
        if bytes > DOCUMENT_BYTES_MAX {
            let found_bytes = document.to_bytes().len();
            if found_bytes > DOCUMENT_BYTES_MAX {
                return Err(DocumentError::TooLarge {
                    found_bytes,
                    limit_bytes: DOCUMENT_BYTES_MAX,
                });
            }
        }
        Ok(document)
    }

    /// Reads a document; only the bytes that [`Document::to_bytes`] writes are one.
    ///
    /// # Errors
    /// [`DocumentError`] for any other bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge {
                found_bytes: bytes.len(),
                limit_bytes: DOCUMENT_BYTES_MAX,
            });
        }
        let mut rest = bytes.strip_prefix(HEADER).ok_or(DocumentError::Header)?;
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let row = rows.len();
            if row == DOCUMENT_ROWS_MAX {
                return Err(DocumentError::TooManyRows { limit_rows: DOCUMENT_ROWS_MAX });
            }
            let end =
                rest.iter().position(|byte| *byte == 0).ok_or(DocumentError::Malformed { row })?;
            rows.push(Row::parse(&rest[..end], row)?);
            rest = &rest[end + 1..];
        }
        Self::from_sorted(rows)
    }

    /// The bytes that are hashed, and that the side store keeps.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for row in self.rows() {
            bytes.extend_from_slice(format!("{} {} ", row.old, row.new).as_bytes());
            bytes.extend_from_slice(row.path.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    /// The change hash: the SHA-256 of the document's bytes.
    #[must_use]
    pub fn hash(&self) -> ChangeHash {
        ChangeHash::from_bytes(sha256(&[&self.to_bytes()]))
    }

    /// Whether nothing differs. An empty document needs no sign-off and cannot be approved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, in ascending order of their paths.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The paths that differ, in ascending order. Rules about paths look at every one of them.
    #[must_use]
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &ChangePath> {
        self.rows.iter().map(|row| &row.path)
    }

    /// The document of consecutive changes taken as one: each path's first old side and last
    /// new side, where they differ. Of no documents, it is the empty one.
    ///
    /// # Errors
    /// [`DocumentError::NotConsecutive`] where a document does not continue what the ones
    /// before it left at a path; [`DocumentError`] where the result is too large.
    pub fn compose(documents: &[&Self]) -> Result<Self, DocumentError> {
        let mut sides: BTreeMap<&ChangePath, (Side, Side)> = BTreeMap::new();
        for (document, rows) in documents.iter().map(|document| document.rows()).enumerate() {
            for row in rows {
                let (_, last) = sides.entry(&row.path).or_insert((row.old, row.old));
                if *last != row.old {
                    let path = row.path.clone();
                    return Err(DocumentError::NotConsecutive { path, document });
                }
                *last = row.new;
            }
        }
        let rows = sides
            .into_iter()
            .filter(|(_, (old, new))| old != new)
            .map(|(path, (old, new))| Row { path: path.clone(), old, new })
            .collect();
        Self::from_sorted(rows)
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
