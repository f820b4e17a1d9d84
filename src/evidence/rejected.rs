//! Rejects of other versions of a change (ATTACKS 33): a reject is of one hash, and one blank
//! evades it. Whoever reads a later version is told; it never denies.

use std::collections::BTreeSet;

use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{MemberId, RepositoryName, RequestId};
use crate::base::position::EntryIndex;
use crate::change::{ChangePath, Document};
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::words::ApprovalVerdict;
use crate::verify::VerifiedEntry;

/// At most so many rejects are compared, the newest of the repository.
const REJECTS_COMPARED_MAX: usize = 200;

/// At most so many versions before one are followed.
const PREDECESSORS_MAX: usize = 32;

/// A change that was rejected in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedForm {
    /// The change that is looked at.
    pub of: ChangeHash,
    /// The reject's entry.
    pub reject: EntryIndex,
    /// Who rejected.
    pub by: MemberId,
    /// The change that was rejected.
    pub change: ChangeHash,
    /// What makes one a version of the other.
    pub because: Likeness,
}

/// What makes a change a version of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// A declaration names the other as its predecessor.
    Predecessor,
    /// Both were declared for the same request.
    Request,
    /// It touches so many of so many paths of the rejected one: at least half.
    Paths {
        /// Paths of the rejected change that are among the paths of this one.
        shared: usize,
        /// Paths of the rejected change.
        all: usize,
    },
}

/// A reject that stands, and what it rejects.
struct Standing {
    reject: EntryIndex,
    by: MemberId,
    change: ChangeHash,
    /// None where the document was not kept.
    paths: Option<BTreeSet<ChangePath>>,
}

/// The standing rejects in a repository of other versions of these changes, oldest first for each.
///
/// # Errors
/// [`SessionError`] where the ledger cannot be read, or does not verify.
pub fn rejected_forms<'a>(
    session: &Session,
    repository: &RepositoryName,
    documents: impl IntoIterator<Item = &'a Document>,
) -> Result<Vec<RejectedForm>, SessionError> {
    let rejects = standing(session, repository)?;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    if rejects.is_empty() {
        return Ok(found);
    }
    for document in documents.into_iter().filter(|document| !document.is_empty()) {
        let of = document.hash();
        if !seen.insert(of) {
            continue;
        }
        let paths: BTreeSet<_> = document.paths().collect();
        let (predecessors, requested) = versions(session, repository, of)?;
        for one in rejects.iter().filter(|one| one.change != of) {
            let because = if predecessors.contains(&one.change) {
                Some(Likeness::Predecessor)
            } else if requested.contains(&one.change) {
                Some(Likeness::Request)
            } else {
                one.paths.as_ref().and_then(|rejected| likeness(rejected, &paths))
            };
            found.extend(because.map(|because| RejectedForm {
                of,
                reject: one.reject,
                by: one.by.clone(),
                change: one.change,
                because,
            }));
        }
    }
    Ok(found)
}

/// At least half of what was rejected.
pub(super) fn likeness(
    rejected: &BTreeSet<ChangePath>,
    paths: &BTreeSet<&ChangePath>,
) -> Option<Likeness> {
    let all = rejected.len();
    let shared = rejected.iter().filter(|path| paths.contains(path)).count();
    (shared > 0 && 2 * shared >= all).then_some(Likeness::Paths { shared, all })
}

/// The newest rejects of a repository that were neither taken back nor lifted.
fn standing(session: &Session, repository: &RepositoryName) -> Result<Vec<Standing>, SessionError> {
    let view = session.view();
    let is_here = |record: &&crate::view::RejectRecord| {
        record.changes.iter().any(|rejected| rejected.repository == *repository)
    };
    let records = view.rejects().iter().rev().filter(is_here).take(REJECTS_COMPARED_MAX);
    let mut found = Vec::new();
    for record in records.filter(|record| !view.is_lifted(record.entry)) {
        let by = session.entry(record.entry)?.by().clone();
        for rejected in &record.changes {
            let change = &rejected.change;
            let words = session.entries_under([topics::change(*change)])?;
            if newest_word(&words, &by, *change) != Some((record.entry, ApprovalVerdict::Reject)) {
                continue;
            }
            let document = kept_document(session, change)?;
            let paths = document.map(|document| document.paths().cloned().collect());
            found.push(Standing { reject: record.entry, by: by.clone(), change: *change, paths });
        }
    }
    found.sort_by_key(|one| one.reject);
    Ok(found)
}

/// A member's newest word about a change: where it stands, and what it says.
pub(super) fn newest_word(
    words: &[VerifiedEntry],
    by: &MemberId,
    change: ChangeHash,
) -> Option<(EntryIndex, ApprovalVerdict)> {
    let hash = content(&change);
    let is_theirs = |entry: &&VerifiedEntry| {
        entry.by() == by
            && matches!(&entry.statement().says, Says::Approval(said)
                if said.rows.iter().any(|row| row.hash == hash))
    };
    let newest = words.iter().filter(is_theirs).max_by_key(|entry| entry.index())?;
    match &newest.statement().says {
        Says::Approval(said) => Some((newest.index(), said.verdict)),
        _ => None,
    }
}

/// What declarations of a change name as its predecessors, and theirs before them, and what else
/// was declared for the same requests.
pub(super) fn versions(
    session: &Session,
    repository: &RepositoryName,
    of: ChangeHash,
) -> Result<(BTreeSet<ChangeHash>, BTreeSet<ChangeHash>), SessionError> {
    let (mut predecessors, mut requested) = (BTreeSet::new(), BTreeSet::new());
    let mut requests: BTreeSet<RequestId> = BTreeSet::new();
    let mut wanted = vec![of];
    while let Some(next) = wanted.pop() {
        for entry in session.entries_under([topics::change(next)])? {
            if let Says::Change(said) = &entry.statement().says
                && said.change == next
                && said.repository == *repository
            {
                let older = said.predecessor.filter(|older| *older != of);
                let older = older.filter(|_| predecessors.len() < PREDECESSORS_MAX);
                wanted.extend(older.filter(|older| predecessors.insert(*older)));
                requests.extend(said.request.clone());
            }
        }
    }
    for request in &requests {
        for entry in session.entries_under([topics::request(repository, request)])? {
            if let Says::Change(said) = &entry.statement().says
                && said.request.as_ref() == Some(request)
            {
                requested.insert(said.change);
            }
        }
    }
    Ok((predecessors, requested))
}

/// The document of a change, where the side store has it.
pub(super) fn kept_document(
    session: &Session,
    change: &ChangeHash,
) -> Result<Option<Document>, SessionError> {
    let kept = session.blobs().get(&content(change))?;
    Ok(kept.and_then(|bytes| Document::parse(&bytes).ok()))
}

fn content(change: &ChangeHash) -> ContentDigest {
    ContentDigest::from_bytes(*change.as_bytes())
}
