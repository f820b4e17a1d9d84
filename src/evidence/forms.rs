//! Sign-offs of other versions of a change: what was signed before its author went on. They count
//! for nothing; whoever reads the new version is told of them, and need not read all of it again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rejected::{Likeness, likeness, newest_word, versions};
use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::change::{ChangePath, Document, Row, Side};
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::statement::{Says, Statement};
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
    /// Documents that were looked for, also in vain.
    documents: RefCell<BTreeMap<ChangeHash, Option<Arc<Document>>>>,
}

impl ApprovedForms {
    /// Reads the newest approvals of a repository, as they lie there: those that matter are
    /// verified by whoever uses them.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger cannot be read.
    pub fn read(session: &Session, repository: &RepositoryName) -> Result<Self, SessionError> {
        let topic = topics::approved(repository);
        let said = session.newest_said(&topic, session.size(), APPROVALS_COMPARED_MAX)?;
        let newest = said
            .iter()
            .flat_map(|said| approved(said.index, said.time, &said.statement, repository));
        Ok(Self {
            repository: repository.clone(),
            newest: newest.collect(),
            documents: RefCell::default(),
        })
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
        let mut of_named: Vec<Approved> = Vec::new();
        for entry in session.entries_under(named.iter().copied().map(topics::change))? {
            let of_them = of_entry(&entry, &self.repository);
            of_named.extend(of_them.into_iter().filter(|row| named.contains(&row.change)));
        }
        let others = self.newest.iter();
        let others = others.filter(|row| row.change != of && !named.contains(&row.change));
        let before: BTreeMap<&ChangePath, Side> =
            document.rows().iter().map(|row| (&row.path, row.old)).collect();
        let paths: BTreeSet<&ChangePath> = document.paths().collect();
        let mut best: BTreeMap<MemberId, (u8, SignedForm)> = BTreeMap::new();
        for row in of_named.iter().chain(others) {
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
            if !is_better {
                continue;
            }
            if let Some(row) = self.standing(session, row)? {
                let document = self.document(session, row.change)?;
                let document = document.map(Arc::unwrap_or_clone);
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
    ) -> Result<Option<Arc<Document>>, SessionError> {
        if let Some(known) = self.documents.borrow().get(&change) {
            return Ok(known.clone());
        }
        let document = session.document(change)?;
        self.documents.borrow_mut().insert(change, document.clone());
        Ok(document)
    }

    /// The sign-off as it was verified, if nothing that the signer said later took it back.
    fn standing(
        &self,
        session: &Session,
        row: &Approved,
    ) -> Result<Option<Approved>, SessionError> {
        let words = session.entries_under([topics::change(row.change)])?;
        let newest = newest_word(&words, &row.by, row.change);
        if newest != Some((row.entry, ApprovalVerdict::Approve)) {
            return Ok(None);
        }
        let entry = words.iter().find(|entry| entry.index() == row.entry);
        let rows = entry.map(|entry| of_entry(entry, &self.repository)).unwrap_or_default();
        Ok(rows.into_iter().find(|own| own.change == row.change))
    }
}

/// The rows of a verified approval of changes of a repository.
fn of_entry(entry: &VerifiedEntry, repository: &RepositoryName) -> Vec<Approved> {
    approved(entry.index(), entry.time(), entry.statement(), repository).collect()
}

/// The rows of an approval of changes of a repository.
fn approved<'a>(
    entry: EntryIndex,
    time: Timestamp,
    statement: &'a Statement,
    repository: &'a RepositoryName,
) -> impl Iterator<Item = Approved> + 'a {
    let said = match &statement.says {
        Says::Approval(said) => Some(said),
        _ => None,
    };
    let said = said.filter(|said| {
        said.verdict == ApprovalVerdict::Approve && said.subject_type == SubjectType::Change
    });
    let rows = said.into_iter().flat_map(|said| &said.rows);
    let here = rows.filter(move |row| row.repository.as_ref() == Some(repository));
    here.map(move |row| Approved {
        entry,
        time,
        by: statement.by.clone(),
        change: ChangeHash::from_bytes(*row.hash.as_bytes()),
        base: row.base.clone(),
        head: row.head.clone(),
    })
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
