//! The files beside the log that a statement names: blobs of the side store by digest, openings by
//! what they open.

use std::collections::BTreeSet;

use super::error::SessionError;
use crate::base::digest::{Commitment, ContentDigest};
use crate::base::limits::CHECK_RECENT_FILES_MAX;
use crate::base::position::EntryIndex;
use crate::ledger::leaf::Leaf;
use crate::statement::envelope::Envelope;
use crate::statement::governance::Operation;
use crate::statement::words::SubjectType;
use crate::statement::{Says, Statement};

/// An entry as it stands in a log, parsed; nothing of it is verified.
pub(super) struct Parsed {
    /// The leaf.
    pub(super) leaf: Leaf,
    /// Its envelope.
    pub(super) envelope: Envelope,
    /// What is said in it.
    pub(super) statement: Statement,
}

impl Parsed {
    /// Parses the bytes of a leaf.
    ///
    /// # Errors
    /// [`SessionError::Integrity`] that names the entry.
    pub(super) fn parse(index: EntryIndex, bytes: &[u8]) -> Result<Self, SessionError> {
        let wrong = |why: String| SessionError::integrity(format!("entry {index}"), why);
        let leaf = Leaf::parse(bytes).map_err(|error| wrong(error.to_string()))?;
        let envelope =
            Envelope::parse_canonical(leaf.envelope()).map_err(|error| wrong(error.to_string()))?;
        let statement =
            Statement::parse(envelope.payload()).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { leaf, envelope, statement })
    }
}

/// A file of the side store that a statement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedFile {
    /// The digest of its content.
    pub digest: ContentDigest,
    /// What it is.
    pub kind: FileKind,
}

/// What a file of the side store is to the statement that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A decision's cover, which must be there, and names files itself.
    Cover,
    /// What must be there beside the entry: document and facts of a commit that landed.
    Required,
    /// The document of a change that was declared or signed off; it may be elsewhere.
    Document,
    /// What came with a statement and may be missing: provenance, an attestation.
    Attachment,
}

/// Every file of the side store that a statement names.
#[must_use]
pub(super) fn named_files(statement: &Statement) -> Vec<NamedFile> {
    let file = |kind, digest| NamedFile { digest, kind };
    let document = |bytes: &[u8; 32]| file(FileKind::Document, ContentDigest::from_bytes(*bytes));
    match &statement.says {
        Says::Decision(body) => {
            body.cover.map(|cover| file(FileKind::Cover, cover)).into_iter().collect()
        }
        Says::Build(body) => {
            let beside = body.provenance.filter(|_| body.embedded.is_none());
            beside.map(|digest| file(FileKind::Attachment, digest)).into_iter().collect()
        }
        Says::Landed(body) => {
            let step = file(FileKind::Required, body.step);
            vec![NamedFile { kind: FileKind::Required, ..document(body.change.as_bytes()) }, step]
        }
        Says::Change(body) => vec![document(body.change.as_bytes())],
        Says::Approval(body) if body.subject_type == SubjectType::Change => {
            body.rows.iter().map(|row| document(row.hash.as_bytes())).collect()
        }
        Says::Governance(body) => {
            let attestations = body.operations.iter().filter_map(|operation| match operation {
                Operation::AddKey(added) => added.attestation,
                _ => None,
            });
            attestations.map(|digest| file(FileKind::Attachment, digest)).collect()
        }
        Says::Approval(_) | Says::Deployment(_) | Says::Override(_) => Vec::new(),
    }
}

/// Every commitment of a statement, with what it is of.
#[must_use]
pub fn commitments(statement: &Statement) -> Vec<(String, Commitment)> {
    let mut found = Vec::new();
    match &statement.says {
        Says::Approval(body) => {
            found.extend(body.comment.map(|comment| ("comment".to_owned(), comment)));
            let answers = body.checklist.iter();
            found.extend(answers.map(|answer| (answer.item.to_string(), answer.answer)));
        }
        Says::Governance(body) => {
            found.extend(body.operations.iter().filter_map(|operation| match operation {
                Operation::SetMember(said) => {
                    Some((format!("profile of {}", said.member), said.profile?))
                }
                Operation::RetireMember(said) => {
                    Some((format!("reason to retire {}", said.member), said.reason?))
                }
                Operation::Lift(said) => {
                    Some((format!("reason to lift entry {}", said.entry.index), said.reason))
                }
                Operation::SetBaseline(said) => {
                    Some((format!("reason of the baseline of {}", said.service), said.reason?))
                }
                _ => None,
            }));
        }
        Says::Override(body) => found.push(("reason of the override".to_owned(), body.reason)),
        Says::Change(_)
        | Says::Landed(_)
        | Says::Build(_)
        | Says::Decision(_)
        | Says::Deployment(_) => {}
    }
    found
}

/// Files that were looked at lately, since these were last forgotten: what many entries name is
/// read once.
#[derive(Debug, Default)]
pub(super) struct RecentFiles(BTreeSet<ContentDigest>);

impl RecentFiles {
    /// Takes up a file; gives whether it was not among them.
    pub(super) fn note(&mut self, digest: ContentDigest) -> bool {
        if self.0.len() >= CHECK_RECENT_FILES_MAX {
            self.0.clear();
        }
        self.0.insert(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_files_are_remembered_and_then_none() {
        let digest = |number: usize| ContentDigest::of(&number.to_be_bytes());
        let mut recent = RecentFiles::default();
        assert!((0..CHECK_RECENT_FILES_MAX - 1).all(|number| recent.note(digest(number))));
        assert!(!recent.note(digest(0)), "there is room for one more");
        assert!(recent.note(digest(CHECK_RECENT_FILES_MAX - 1)));
        assert!(recent.note(digest(0)), "they are forgotten");
        assert!(recent.note(digest(1)) && !recent.note(digest(0)));
    }
}
