//! Which row of an approval is about another version of a change: one signature may be about many
//! changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::{ChangeHash, ContentDigest};
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::approval::{Approval, ApprovalRow};
use crate::verify::VerifiedEntry;

/// Other versions of changes, by the change.
pub(crate) type Versions = BTreeMap<ChangeHash, BTreeSet<ContentDigest>>;

/// The other versions of the changes that `entries` declare: declared predecessors, and what else
/// was declared for the same request.
///
/// # Errors
/// Where an entry cannot be read or does not verify.
pub(crate) fn versions(
    session: &Session,
    entries: &[VerifiedEntry],
) -> Result<Versions, SessionError> {
    let mut versions = Versions::new();
    for entry in entries {
        let Says::Change(said) = &entry.statement().says else { continue };
        let found = versions.entry(said.change).or_default();
        found.extend(said.predecessor.as_ref().map(content));
        if let Some(request) = &said.request {
            for other in session.entries_under([topics::request(&said.repository, request)])? {
                if let Says::Change(other) = &other.statement().says {
                    found.insert(content(&other.change));
                }
            }
        }
        found.remove(&content(&said.change));
    }
    Ok(versions)
}

/// The row of an approval that is about another version of `of`. Where the versions were not
/// looked up it is the first that is not about `of` itself.
pub(crate) fn near_row<'a>(
    approval: &'a Approval,
    of: ChangeHash,
    versions: &Versions,
) -> Option<&'a ApprovalRow> {
    let current = content(&of);
    let mut rows = approval.rows.iter().filter(|row| row.hash != current);
    match versions.get(&of) {
        Some(versions) => rows.find(|row| versions.contains(&row.hash)),
        None => rows.next(),
    }
}

fn content(change: &ChangeHash) -> ContentDigest {
    ContentDigest::from_bytes(*change.as_bytes())
}
