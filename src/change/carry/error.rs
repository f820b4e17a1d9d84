//! Why a change is not carried to another.

use crate::base::digest::ChangeHash;
use crate::change::path::ChangePath;

/// Why a certificate does not show that one change is carried to another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// A document of no difference is neither approved nor in need of a sign-off.
    #[error("one of the changes is empty")]
    Empty,
    /// The documents are equal: the sign-off is exact.
    #[error("the changes are the same, so that no certificate is needed")]
    Exact,
    /// The certificate is one of other changes.
    #[error("certificate of another change: it names {found}, not {expected}")]
    OtherChange {
        /// The hash in the certificate.
        found: ChangeHash,
        /// The hash of the document.
        expected: ChangeHash,
    },
    /// The files of the certificate are larger together than is hashed.
    #[error("the files of the certificate have more than {limit_bytes} bytes together")]
    TooLarge {
        /// How many they may have.
        limit_bytes: usize,
    },
    /// One path decides against it.
    #[error("{path}: {fault}")]
    Path {
        /// The path.
        path: ChangePath,
        /// Why.
        fault: CarryFault,
    },
}

impl CarryError {
    /// Whether something is missing that could still show it: content, or the landed tree.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        let Self::Path { fault, .. } = self else { return false };
        matches!(fault, CarryFault::MissingContent | CarryFault::UnknownSide)
    }

    /// Whether content is other than its digest says, which is never right.
    #[must_use]
    pub const fn is_integrity(&self) -> bool {
        matches!(self, Self::Path { fault: CarryFault::WrongContent, .. })
    }
}

/// Why one path is not carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CarryFault {
    /// The landed change has a path that nobody approved.
    #[error("landed, and is no part of what was approved")]
    OnlyLanded,
    /// The approved change has a path that landed otherwise, or not at all.
    #[error("approved, and neither landed so nor there before")]
    NotLanded,
    /// It is not known what the landed tree has there.
    #[error("approved and not landed, and it is not known what is there")]
    UnknownSide,
    /// One of the four sides is absent, and the rows are not equal.
    #[error("added or deleted otherwise than was approved")]
    AddedOrDeleted,
    /// A symbolic link or a submodule, and the rows are not equal.
    #[error("a symbolic link or submodule that changed otherwise than was approved")]
    NotAFile,
    /// The modes of the four sides are not all the same.
    #[error("the mode changes, and the rest not as approved")]
    Mode,
    /// The certificate says nothing of a path that differs.
    #[error("the certificate has no edits of it")]
    NoEdits,
    /// The certificate has a path that needs no edits.
    #[error("the certificate has edits of it, and none are needed")]
    NeedlessEdits,
    /// The file before the approved change is not at hand.
    #[error("the content before the approved change is not at hand")]
    MissingContent,
    /// What is at hand is not what the digest says.
    #[error("the content does not have the digest that the change names")]
    WrongContent,
    /// A file is larger than edits are carried in.
    #[error("the file has more than {limit_bytes} bytes")]
    FileTooLarge {
        /// How many it may have.
        limit_bytes: usize,
    },
    /// A file is not text.
    #[error("the file has a NUL byte, so that it has no lines")]
    Binary,
    /// An edit lies beyond the file.
    #[error("edit {edit} is beyond the end of the file")]
    BeyondEnd {
        /// Which edit of the file, from 0.
        edit: usize,
    },
    /// An edit would change a line that it does not name.
    #[error("edit {edit} would join a line that it does not remove")]
    Joins {
        /// Which edit of the file, from 0.
        edit: usize,
    },
    /// Edits of the two sides are too near to each other.
    #[error(
        "at line {line} only {found_lines} unchanged lines lie between both edits, not {gap_lines}"
    )]
    TooClose {
        /// The line of the file before both changes at which the later edit begins, from 1.
        line: usize,
        /// How many unchanged lines there are between them.
        found_lines: usize,
        /// How many are wanted.
        gap_lines: u32,
    },
    /// The approved edits do not make what was approved.
    #[error("the approved edits do not make what was approved")]
    ApprovedDiffers,
    /// The branch's edits do not make what was there before it landed.
    #[error("the branch's edits do not make what was there before it landed")]
    BeforeDiffers,
    /// All edits together do not make what landed.
    #[error("what landed is not what both edits make")]
    LandedDiffers,
    /// No edits were found that lie apart and make what landed; it may be that there are some.
    #[error("both changes edit the same lines, or what landed is not their edits alone")]
    NotFound,
}
