//! What can go wrong with a repository, who is to mend it, and how.

use std::path::PathBuf;

use crate::base::name::Revision;
use crate::change::{ChangePath, CommitError, DifferenceError, DocumentError, ObjectId, TreeError};

/// What an error means for the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong usage or bad input: exit 2.
    Usage,
    /// Something does not verify that should: exit 3.
    Integrity,
    /// Something is missing or cannot be reached: exit 4.
    Unavailable,
}

/// An answer that a repository did not give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// No repository here or above.
    #[error("not in a git repository: {}", directory.display())]
    NotARepository {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Nobody can tell whether there is a repository: the folder may not be read.
    #[error("the folder may not be read: {}", directory.display())]
    Forbidden {
        /// Which.
        directory: PathBuf,
    },
    /// The repository belongs to another user.
    #[error("the repository belongs to another user: {}", directory.display())]
    NotOwned {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A bare repository in another one's work tree, with which it may have come.
    #[error("a bare repository inside a work tree is not trusted: {}", directory.display())]
    Nested {
        /// Where it is.
        directory: PathBuf,
    },
    /// References are kept in a way that cannot be read.
    #[error("the repository keeps its references as {storage:?}; only \"files\" can be read")]
    ReferenceStorage {
        /// How it keeps them.
        storage: String,
    },
    /// The repository cannot be opened, or its configuration cannot be read.
    #[error("cannot open the repository: {detail}")]
    Open {
        /// Why.
        detail: String,
    },
    /// A text that names no commit.
    #[error("{text:?} names no commit here: {detail}")]
    UnknownRevision {
        /// The text.
        text: String,
        /// Why.
        detail: String,
    },
    /// A commit that this repository does not have.
    #[error("commit {commit} is not in this repository")]
    UnknownCommit {
        /// Which.
        commit: Revision,
    },
    /// Two commits without common history.
    #[error("{one} and {other} have no merge base")]
    NoMergeBase {
        /// One of them.
        one: Revision,
        /// The other.
        other: Revision,
    },
    /// Two commits with several best merge bases, so that there are several documents.
    #[error("{one} and {other} have {count} merge bases")]
    SeveralMergeBases {
        /// One of them.
        one: Revision,
        /// The other.
        other: Revision,
        /// How many bases there are.
        count: usize,
    },
    /// The history ends at the border of a shallow clone.
    #[error("the history is cut off at or below commit {commit}: this is a shallow clone")]
    Shallow {
        /// The last commit that is there, or the one that was walked from.
        commit: Revision,
    },
    /// Commits that are to land as they are do not follow each other from their base on.
    #[error("{base} is not among the first parents of {head}")]
    NotOnChain {
        /// Where they were said to begin.
        base: Revision,
        /// The last of them.
        head: Revision,
    },
    /// A chain with more steps than are judged.
    #[error("more than {limit} commits between start and head")]
    ChainTooLong {
        /// How many there may be.
        limit: usize,
    },
    /// A blob too large to be read into memory, and git is not there to stream it.
    #[error("{path} has {found_bytes} bytes, at most {limit_bytes} are read without git: {detail}")]
    BlobTooLarge {
        /// Where it stands.
        path: String,
        /// Its size.
        found_bytes: u64,
        /// How large it may be.
        limit_bytes: u64,
        /// Why git could not stream it.
        detail: String,
    },
    /// A tree or commit larger than any that is read.
    #[error("object {id} ({place}) has {found_bytes} bytes, at most {limit_bytes} are read")]
    ObjectTooLarge {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// Its size.
        found_bytes: u64,
        /// How large it may be.
        limit_bytes: u64,
    },
    /// A change that is larger than a document may be.
    #[error(transparent)]
    Difference(#[from] DifferenceError),
    /// A change that makes no document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An object whose content is not what its name says, or that SHA-1 collision detection
    /// refuses.
    #[error("object {id} ({place}) does not hash to its name: {detail}")]
    HashMismatch {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// What it hashes to.
        detail: String,
    },
    /// An object that cannot be decoded.
    #[error("object {id} ({place}) is damaged: {detail}")]
    Damaged {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// How.
        detail: String,
    },
    /// An object that is not what the one above it says.
    #[error("object {id} ({place}) is a {found}, not a {expected}")]
    WrongKind {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A tree that `git fsck --strict` refuses.
    #[error("tree {id} ({place}) is malformed: {source}")]
    Tree {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// What is wrong with it.
        source: TreeError,
    },
    /// A malformed commit.
    #[error("commit {id} is malformed: {source}")]
    Commit {
        /// Which.
        id: ObjectId,
        /// What is wrong with it.
        source: CommitError,
    },
    /// An object that the repository should have.
    #[error("object {id} ({place}) is missing")]
    Missing {
        /// Which.
        id: ObjectId,
        /// Where it stands.
        place: String,
        /// Whether the clone leaves objects at the server.
        is_partial: bool,
    },
    /// Objects that a partial clone left at the server, which did not come.
    #[error("cannot fetch {count} objects from {remote}: {detail}")]
    NotFetched {
        /// The remote that promised them.
        remote: String,
        /// How many were asked for.
        count: usize,
        /// What git says.
        detail: String,
    },
    /// The path is not in the commit.
    #[error("{path} is not a file of commit {commit}")]
    NoSuchFile {
        /// The path.
        path: ChangePath,
        /// The commit.
        commit: Revision,
    },
    /// Anything else that the file system or git refused.
    #[error("cannot read the repository: {detail}")]
    Unreadable {
        /// Why.
        detail: String,
    },
}

impl GitError {
    /// What it means for the exit status.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotARepository { .. }
            | Self::Forbidden { .. }
            | Self::NotOwned { .. }
            | Self::ReferenceStorage { .. }
            | Self::Open { .. }
            | Self::UnknownRevision { .. }
            | Self::Nested { .. }
            | Self::UnknownCommit { .. }
            | Self::NoMergeBase { .. }
            | Self::SeveralMergeBases { .. }
            | Self::Shallow { .. }
            | Self::NotOnChain { .. }
            | Self::ChainTooLong { .. }
            | Self::BlobTooLarge { .. }
            | Self::ObjectTooLarge { .. }
            | Self::Difference(_)
            | Self::Document(_)
            | Self::NoSuchFile { .. } => ErrorKind::Usage,
            Self::HashMismatch { .. }
            | Self::Damaged { .. }
            | Self::WrongKind { .. }
            | Self::Tree { .. }
            | Self::Commit { .. } => ErrorKind::Integrity,
            Self::Missing { .. } | Self::NotFetched { .. } | Self::Unreadable { .. } => {
                ErrorKind::Unavailable
            }
        }
    }

    /// What to do about it, as an imperative sentence; empty where there is nothing to advise.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotARepository { .. } => "run it inside the work tree of a repository".into(),
            Self::Forbidden { .. } => "run it in one that you may read: -C DIR".into(),
            Self::NotOwned { directory } => format!(
                "if you trust it: git config --global --add safe.directory {}",
                directory.display()
            ),
            Self::ReferenceStorage { .. } => {
                "convert it: git refs migrate --ref-format=files".into()
            }
            Self::Nested { .. } => {
                "stand in the repository around it, or clone this one elsewhere".into()
            }
            Self::UnknownRevision { .. } => "name a branch, a tag or a commit id".into(),
            Self::UnknownCommit { commit } => format!("fetch it: git fetch origin {commit}"),
            Self::NoMergeBase { .. } | Self::SeveralMergeBases { .. } => {
                "name the range yourself: BASE..HEAD".into()
            }
            Self::Shallow { .. } => {
                "fetch the whole history: git fetch --unshallow (in CI: fetch-depth: 0, and \
                 filter: blob:none)"
                    .into()
            }
            Self::NotOnChain { .. } => {
                "name where they begin: BASE..HEAD along first parents".into()
            }
            Self::ChainTooLong { .. } => "name a start that is nearer".into(),
            Self::BlobTooLarge { .. } => "install git, which reads it piece by piece".into(),
            Self::ObjectTooLarge { .. } | Self::Difference(_) | Self::Document(_) => {
                "split the change".into()
            }
            Self::HashMismatch { .. }
            | Self::Damaged { .. }
            | Self::WrongKind { .. }
            | Self::Missing { is_partial: false, .. } => {
                "look at it with git fsck, then clone afresh".into()
            }
            Self::Tree { .. } | Self::Commit { .. } => {
                "such objects mislead people and programs: rewrite the commit".into()
            }
            Self::Missing { is_partial: true, .. } => {
                "fetch what the partial clone left out: git fetch --refetch --no-filter".into()
            }
            Self::NotFetched { remote, .. } => {
                format!("where {remote} can be reached: git fetch --refetch --no-filter {remote}")
            }
            Self::Open { .. } | Self::NoSuchFile { .. } | Self::Unreadable { .. } => String::new(),
        }
    }
}

/// All of gix's message, from its outermost error to its cause.
pub(super) fn detail(error: &gix::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in error.iter_errors().map(ToString::to_string) {
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(": ")
}
