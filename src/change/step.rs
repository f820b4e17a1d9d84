//! A step: one commit of a first-parent chain, and all that it brings in.

use super::document::Document;
use super::facts::{CommitFacts, PathFacts};
use super::path::ChangePath;
use crate::base::name::Revision;

/// One commit of a first-parent chain against its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub commit: Revision,
    /// Its first parent; `None` at a root, whose old side is the empty tree.
    pub parent: Option<Revision>,
    /// The difference between the two trees.
    pub document: Document,
    /// All commits that it brings in: reachable from it and not from its first parent, itself
    /// first.
    pub commits: Vec<CommitFacts>,
    /// One for each row of the document, in the same order.
    pub path_facts: Vec<PathFacts>,
    /// Whether the author of the commit itself counts; see [`CommitFacts::author_counts`].
    pub author_counts: bool,
    /// Changed paths of the new tree that another path equals, or lies above, after folding.
    pub collisions: Vec<ChangePath>,
}

impl Step {
    /// Whether any path of the step cannot be read by a person.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.path_facts.iter().any(|facts| facts.opaque.is_some())
    }
}

/// Where a walk along first parents ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainEnd {
    /// At the start commit itself.
    MetStart,
    /// At a commit without parents: the start is not on the chain.
    Root,
}

/// The commits from a start to a head, along first parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The commits after the start, oldest first; with `Root`, from the root itself. Empty only
    /// where the head is the start.
    pub commits: Vec<Revision>,
    /// How the walk ended.
    pub end: ChainEnd,
}
