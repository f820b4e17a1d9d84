//! The change: what a reviewer approves (`spec/change.md`). Documents, their hash and composition,
//! and strict readers of git's commit and tree objects. Nothing here reads a repository.

pub mod carry;
mod commit;
mod difference;
mod document;
mod facts;
mod git_object;
pub mod marks;
mod object_id;
mod path;
mod step;
mod tree;

pub use commit::{
    Commit, CommitError, CommitSignature, Identity, Trailer, co_authors, parse_commit, trailers,
};
pub use difference::{DifferenceError, TreePair, TreeRow, TreeSource, difference};
pub use document::{Content, Document, DocumentError, Mode, Row, Side};
pub use facts::{BlobFacts, BlobReader, CommitFacts, Opaque, PathFacts, link_target};
pub use git_object::{GitObject, GitObjectError, ObjectHash, ObjectKind, object_bytes};
pub use object_id::{GitCommitId, ObjectId, ObjectIdError};
pub use path::{ChangePath, PathError, folded, folded_name, printable};
pub use step::{Chain, ChainEnd, Step};
pub use tree::{EntryKind, Tree, TreeEntry, TreeError, parse_tree};
