//! Pipelines: what a forge asks about, and the forms in which it shows an answer
//! (`spec/pipelines.md`).
//!
//! A forge is told by its own variables; they say what is asked, never what is trusted.

mod event;
mod finding;
mod github;
mod gitlab;

pub(crate) use event::{Asked, asked};
pub(crate) use finding::Finding;
pub(crate) use github::{Summary, WorkflowCommand, annotations, summary};
pub(crate) use gitlab::code_quality;
