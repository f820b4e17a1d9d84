//! Sign-offs of other versions of the same changes.

use std::collections::BTreeSet;

use crate::base::digest::ChangeHash;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::verify::VerifiedEntry;

/// Approvals of other versions of the same changes: those that a declaration names as its
/// predecessor, or that were declared for the same request.
pub(super) fn near(
    session: &Session,
    entries: &[VerifiedEntry],
) -> Result<Vec<(ChangeHash, VerifiedEntry)>, SessionError> {
    let mut near = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let Says::Change(said) = &entry.statement().says else { continue };
        let mut versions: BTreeSet<ChangeHash> = said.predecessor.into_iter().collect();
        if let Some(request) = &said.request {
            for other in session.entries_under([topics::request(&said.repository, request)])? {
                if let Says::Change(other) = &other.statement().says {
                    versions.insert(other.change);
                }
            }
        }
        versions.remove(&said.change);
        for found in session.entries_under(versions.into_iter().map(topics::change))? {
            let is_approval = matches!(&found.statement().says, Says::Approval(approval)
                if approval.verdict == ApprovalVerdict::Approve
                    && approval.subject_type == SubjectType::Change);
            if is_approval && seen.insert((said.change, found.index())) {
                near.push((said.change, found));
            }
        }
    }
    Ok(near)
}
