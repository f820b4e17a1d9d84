//! Git repositories, read with gix: objects, chains, authors, settings (`spec/change.md`).
//!
//! A gate reads repositories that it does not trust, so: no hook, filter or configured program
//! runs; replacement objects, grafts and the commit-graph are ignored; every object that is read
//! is hashed again; sizes are asked before content is read. Only where a caller allows it
//! ([`Repository::allow_fetch`]) git gets what a partial clone left out.

mod carried;
mod collisions;
mod error;
mod fetch;
mod history;
mod merges;
mod objects;
mod program;
mod promisor;
mod range;
mod references;
mod repository;
mod shown;
mod steps;

pub use carried::CarriedRanges;
pub use error::{ErrorKind, GitError};
pub use fetch::{FetchError, Fetched, Remote, Wanted};
pub use range::Range;
pub use references::{Push, ReferenceError, References, RemoteReference};
pub use repository::{BranchTip, ObjectFormat, Repository};
pub use shown::{ShowError, ShownObjects};
