//! What became known after a decision, and would count today: leaks, withdrawals, rejects.

use super::AuditError;
use super::report::{ChangeReport, SignedReport, SinceKind, SinceReport};
use crate::base::digest::ChangeHash;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::topics;
use crate::session::Session;
use crate::statement::Says;
use crate::statement::words::{ApprovalVerdict, Duty, Revocation};

/// What became known of the changes and their sign-offs after an entry.
pub(super) fn changed_since(
    session: &Session,
    size: TreeSize,
    changes: &[ChangeReport],
    after: EntryIndex,
) -> Result<Vec<SinceReport>, AuditError> {
    let mut found = Vec::new();
    for change in changes {
        for signed in &change.signed {
            found.extend(signer_since(session, size, change.change, signed, after));
        }
        for entry in session.entries_under([topics::change(change.change)])? {
            let Says::Approval(said) = &entry.statement().says else { continue };
            let kind = match said.verdict {
                ApprovalVerdict::Reject => SinceKind::Rejected,
                ApprovalVerdict::Withdraw => SinceKind::Withdrawn,
                ApprovalVerdict::Approve => continue,
            };
            if entry.index() > after && size.covers(entry.index()) {
                found.push(SinceReport {
                    entry: entry.index(),
                    change: change.change,
                    member: entry.by().clone(),
                    kind,
                    sign_off: said.withdraws.map(|withdrawn| withdrawn.index),
                });
            }
        }
    }
    Ok(found)
}

/// What became of a signer's key and duty.
fn signer_since(
    session: &Session,
    size: TreeSize,
    change: ChangeHash,
    signed: &SignedReport,
    after: EntryIndex,
) -> Option<SinceReport> {
    let roster = session.view().roster();
    let report = |entry, kind| SinceReport {
        entry,
        change,
        member: signed.member.clone(),
        kind,
        sign_off: Some(signed.entry),
    };
    let record = signed.key.as_ref().and_then(|key| roster.key(key));
    if let Some(revoked) = record.and_then(|record| record.revoked(size))
        && revoked.entry > after
    {
        let leaked = revoked.cause == Revocation::Leaked && signed.entry >= revoked.since;
        let kind = if leaked { SinceKind::KeyLeaked } else { SinceKind::KeyRetired };
        return Some(report(revoked.entry, kind));
    }
    let may_review = |as_of| {
        roster.member(&signed.member, as_of).is_some_and(|member| member.has_duty(Duty::Review))
    };
    (may_review(after.size_after()) && !may_review(size))
        .then(|| report(signed.entry, SinceKind::NoReviewDuty))
}
