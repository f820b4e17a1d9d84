//! What a verdict is computed from. Whoever gathers it reads repositories and ledgers; the
//! verdict reads nothing else.

use super::cover::Cover;
use super::entry::VerifiedEntry;
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::change::{Document, Step};
use crate::statement::words::Assistance;
use crate::view::View;

/// What is asked: may this revision, with these artifacts, be deployed there now?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts, sorted.
    pub artifacts: Vec<ContentDigest>,
    /// The moment of judging.
    pub time: Timestamp,
}

/// An author as a commit names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenAuthor {
    /// What the address is known as.
    pub kind: SeenKind,
    /// The digest of the e-mail address.
    pub email: EmailDigest,
    /// How people call the author; no verdict reads it.
    pub label: String,
}

/// What an address is known as, before any roster is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeenKind {
    /// Anybody's.
    Person,
    /// An AI tool's: a mark of assistance, and nobody who could be proved.
    Tool,
}

/// A step with what its commits say of authors and assistance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEvidence {
    /// The step.
    pub step: Step,
    /// First line of the commit's message, for people.
    pub title: String,
    /// Authors and co-authors of every commit that the step brings in, sorted.
    pub authors: Vec<SeenAuthor>,
    /// The strongest mark of assistance in those commits.
    pub detected: Option<Assistance>,
}

/// How a revision lies to the settled points of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Its first parents reach this settled point (an index into the view's list); the steps
    /// after it, oldest first.
    After(usize),
    /// Its first parents end in a root without meeting any settled commit.
    FromRoot,
    /// It lies behind the newest settled commit, on that commit's first parents.
    Behind,
}

/// All that a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The state of the ledger.
    pub view: &'a View,
    /// How the revision lies to the settled points.
    pub position: &'a Position,
    /// The steps of the chain, oldest first.
    pub steps: &'a [StepEvidence],
    /// The difference from the start's tree to the revision's, read from the trees themselves.
    pub difference: &'a Document,
    /// Every entry about the steps' and the whole chain's changes, and about the artifacts.
    pub entries: &'a [VerifiedEntry],
    /// Approvals of other versions of these changes, with the hash they are near to.
    pub near: &'a [(ChangeHash, VerifiedEntry)],
    /// For a revision that lies behind: what the decision rested on under which it was deployed
    /// last with these artifacts. `entries` are about its changes.
    pub cover: Option<&'a Cover>,
}
