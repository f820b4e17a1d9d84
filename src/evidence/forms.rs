//! Sign-offs of other versions of a change: what was signed before its author went on. They count
//! for nothing; whoever reads the new version is told of them, and need not read all of it again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::rejected::{Likeness, likeness, newest_word, versions};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::change::{ChangePath, Document, Row, Side};
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::approval::ApprovalRow;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::verify::VerifiedEntry;

/// At most so many approvals are compared by their paths, the newest of the repository.
const APPROVALS_COMPARED_MAX: usize = 300;

/// A sign-off of another version of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedForm {
    /// The change that is looked at.
    pub of: ChangeHash,
    /// The approval's entry.
    pub entry: EntryIndex,
    /// Its time.
    pub time: Timestamp,
    /// Who signed.
    pub by: MemberId,
    /// The version that was signed.
    pub change: ChangeHash,
    /// The commit that it was read against, as the signer says.
    pub base: Option<Revision>,
    /// The last commit that was read, as the signer says.
    pub head: Option<Revision>,
    /// What makes one a version of the other.
    pub because: Likeness,
    /// What was signed; none where the document was not kept.
    pub document: Option<Document>,
}

/// One row of an approval that stands in the ledger.
#[derive(Debug, Clone)]
struct Approved {
    entry: EntryIndex,
    time: Timestamp,
    by: MemberId,
    change: ChangeHash,
    base: Option<Revision>,
    head: Option<Revision>,
}

/// The approvals of a repository, read once for all the changes that are compared with them.
#[derive(Debug)]
pub struct ApprovedForms {
    repository: RepositoryName,
    newest: Vec<Approved>,
    documents: RefCell<BTreeMap<ChangeHash, Option<Rc<Document>>>>,
}

impl ApprovedForms {
    /// Reads the newest approvals of a repository.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger cannot be read, or does not verify.
    pub fn read(session: &Session, repository: &RepositoryName) -> Result<Self, SessionError> {
        let indexes = session.indexes_under(topics::approved(repository))?;
        let mut newest = Vec::new();
        for index in indexes.into_iter().rev().take(APPROVALS_COMPARED_MAX) {
            newest.extend(approved(&session.entry(index)?, repository));
        }
        Ok(Self { repository: repository.clone(), newest, documents: RefCell::default() })
    }

    /// Each member's sign-off of another version of a change, oldest first: of a declared
    /// predecessor, else of what was declared for the same request, else of what changes at least
    /// half of the same paths, one of them from the same content. Of several the newest.
    ///
    /// # Errors
    /// As [`ApprovedForms::read`].
    pub fn of(
        &self,
        session: &Session,
        document: &Document,
    ) -> Result<Vec<SignedForm>, SessionError> {
        let of = document.hash();
        if document.is_empty() {
            return Ok(Vec::new());
        }
        let (predecessors, requested) = versions(session, &self.repository, of)?;
        let named: BTreeSet<ChangeHash> =
            predecessors.union(&requested).copied().filter(|other| *other != of).collect();
        let mut rows: Vec<Approved> = Vec::new();
        for entry in session.entries_under(named.iter().copied().map(topics::change))? {
            let of_them = approved(&entry, &self.repository);
            rows.extend(of_them.into_iter().filter(|row| named.contains(&row.change)));
        }
        let others = self.newest.iter();
        rows.extend(others.filter(|row| row.change != of && !named.contains(&row.change)).cloned());
        let before: BTreeMap<&ChangePath, Side> =
            document.rows().iter().map(|row| (&row.path, row.old)).collect();
        let paths: BTreeSet<&ChangePath> = document.paths().collect();
        let mut best: BTreeMap<MemberId, (u8, SignedForm)> = BTreeMap::new();
        for row in rows {
            let (rank, because) = if predecessors.contains(&row.change) {
                (2, Some(Likeness::Predecessor))
            } else if requested.contains(&row.change) {
                (1, Some(Likeness::Request))
            } else {
                let signed = self.document(session, row.change)?;
                (0, signed.and_then(|signed| shares(&signed, &before, &paths)))
            };
            let Some(because) = because else { continue };
            let is_better = best
                .get(&row.by)
                .is_none_or(|(known, form)| (rank, row.entry) > (*known, form.entry));
            if is_better && stands(session, &row)? {
                let document = self.document(session, row.change)?;
                let document = document.map(Rc::unwrap_or_clone);
                let Approved { entry, time, by, change, base, head } = row;
                let form =
                    SignedForm { of, entry, time, by, change, base, head, because, document };
                best.insert(form.by.clone(), (rank, form));
            }
        }
        let mut forms: Vec<SignedForm> = best.into_values().map(|(_, form)| form).collect();
        forms.sort_by_key(|form| form.entry);
        Ok(forms)
    }

    fn document(
        &self,
        session: &Session,
        change: ChangeHash,
    ) -> Result<Option<Rc<Document>>, SessionError> {
        if let Some(known) = self.documents.borrow().get(&change) {
            return Ok(known.clone());
        }
        let kept = session.blobs().get(&ContentDigest::from_bytes(*change.as_bytes()))?;
        let document = kept.and_then(|bytes| Document::parse(&bytes).ok()).map(Rc::new);
        self.documents.borrow_mut().insert(change, document.clone());
        Ok(document)
    }
}

/// The rows of an approval of changes of a repository.
fn approved(entry: &VerifiedEntry, repository: &RepositoryName) -> Vec<Approved> {
    let Says::Approval(said) = &entry.statement().says else { return Vec::new() };
    if said.verdict != ApprovalVerdict::Approve || said.subject_type != SubjectType::Change {
        return Vec::new();
    }
    let here = |row: &&ApprovalRow| row.repository.as_ref() == Some(repository);
    let of_row = |row: &ApprovalRow| Approved {
        entry: entry.index(),
        time: entry.time(),
        by: entry.by().clone(),
        change: ChangeHash::from_bytes(*row.hash.as_bytes()),
        base: row.base.clone(),
        head: row.head.clone(),
    };
    said.rows.iter().filter(here).map(of_row).collect()
}

/// Shared paths make a version only where both begin with the same content of one of them: what
/// landed and was built upon shares its paths with what comes after it.
fn shares(
    signed: &Document,
    before: &BTreeMap<&ChangePath, Side>,
    paths: &BTreeSet<&ChangePath>,
) -> Option<Likeness> {
    let begins_alike = |row: &Row| before.get(&row.path).is_some_and(|old| *old == row.old);
    if !signed.rows().iter().any(begins_alike) {
        return None;
    }
    likeness(&signed.paths().cloned().collect(), paths)
}

/// Whether nothing that the signer said later took the sign-off back.
fn stands(session: &Session, row: &Approved) -> Result<bool, SessionError> {
    let words = session.entries_under([topics::change(row.change)])?;
    let newest = newest_word(&words, &row.by, row.change);
    Ok(newest == Some((row.entry, ApprovalVerdict::Approve)))
}
