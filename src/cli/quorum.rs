//! Whose signatures governance needs, as people are told before and while they sign.

use std::collections::BTreeSet;

use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::ledger::admission::{Authority, Shortfall, check_delegated};
use crate::policy::Policy;
use crate::statement::governance::Operation;

/// What is missing where these members have signed; nothing where that is enough.
///
/// # Errors
/// Where one of them may not sign this at all.
pub(crate) fn missing(
    desk: &Desk,
    operations: &[Operation],
    signers: &BTreeSet<MemberId>,
) -> Result<Option<Shortfall>, CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let policy = policy(desk)?;
    let admins = roster.admins(size).map(|set| set.admins.as_slice()).unwrap_or_default();
    if let Some(other) = signers.iter().find(|id| !admins.contains(id)) {
        if signers.len() == 1 && roster.delegation(other, size).is_some() {
            return delegated(desk, policy.as_ref(), operations, other).map(|()| None);
        }
        let names = desk.names();
        let mut called: Vec<_> = admins.iter().map(|admin| names.of(admin)).collect();
        called.sort_unstable();
        return Err(CliError::usage(format!("{} is no admin of this ledger", names.of(other)))
            .hint(format!("ask an admin: {}", called.join(", "))));
    }
    let authority = Authority::of(roster, policy.as_ref(), operations, size);
    Ok(authority.and_then(|authority| authority.shortfall(signers)))
}

/// How many admins must sign, whoever they are.
///
/// # Errors
/// Where the policy cannot be read.
pub(crate) fn needed(desk: &Desk, operations: &[Operation]) -> Result<usize, CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let authority = Authority::of(roster, policy(desk)?.as_ref(), operations, size);
    Ok(authority.map_or(1, |authority| authority.count))
}

/// What is missing, in words and with what to do.
pub(crate) fn refuse(desk: &Desk, by: &MemberId, missing: &Shortfall) -> CliError {
    let error = match &missing.about {
        Some(about) if about == by => {
            CliError::usage("this gives something to yourself: your signature does not count")
        }
        Some(about) => CliError::usage(format!(
            "this gives something to {}: {} others must sign",
            desk.names().of(about),
            missing.needed
        )),
        None => CliError::usage(format!("{} admins must sign this", missing.needed)),
    };
    error.hint("write it with -o FILE; the others run countersign sign FILE")
}

/// The policy in force, if there is one.
fn policy(desk: &Desk) -> Result<Option<Policy>, CliError> {
    desk.session.view().policy().map(|_| desk.policy()).transpose()
}

/// A service may do what admins let it, and nothing else.
fn delegated(
    desk: &Desk,
    policy: Option<&Policy>,
    operations: &[Operation],
    service: &MemberId,
) -> Result<(), CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let Some(delegation) = roster.delegation(service, size) else { return Ok(()) };
    let index = EntryIndex::new(size.get());
    let mut after = roster.clone();
    for operation in operations {
        let judged = check_delegated(&after, policy, delegation, operation, index.size_after());
        judged.map_err(|why| {
            CliError::usage(format!("{} may not do this alone: {why}", desk.names().of(service)))
                .hint("an admin signs it, with a key of their own")
        })?;
        after.apply(index, Timestamp::default(), operation);
    }
    Ok(())
}
