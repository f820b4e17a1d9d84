//! What must hold of roster and policy once every operation of one entry is done.

use std::collections::BTreeSet;

use super::operation::unknown;
use super::{refuse, refuse_with};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::ledger::append::Refusal;
use crate::policy::Policy;
use crate::roster::Roster;
use crate::statement::governance::Operation;
use crate::statement::words::MemberKind;

/// What must hold of the whole roster once every operation is done. It held before: where the
/// policy stays, only members that were set are looked at.
pub(super) fn check_roster_after(
    roster: &Roster,
    (before, newer): (Option<&Policy>, Option<&Policy>),
    operations: &[Operation],
    index: EntryIndex,
) -> Result<(), Refusal> {
    let policy = newer.or(before);
    let after = index.size_after();
    let Some(admins) = roster.admins(after) else {
        return Err(refuse("NO_ADMINS", "the genesis names no admins"));
    };
    let count = roster.able_admins(after).len();
    if count < usize::try_from(admins.threshold).unwrap_or(usize::MAX) {
        return Err(refuse_with(
            "LOCK_OUT",
            format!(
                "{count} {} with a key would be left, and {} must sign: nobody could govern",
                if count == 1 { "admin" } else { "admins" },
                admins.threshold
            ),
            "first enroll another key for them, or name other admins or a lower threshold in a \
             roster file: countersign roster apply FILE",
        ));
    }
    for (service, delegation) in roster.delegations(after) {
        if policy.is_none_or(|policy| policy.rank(&delegation.below).is_none()) {
            return Err(refuse_with(
                "LEVEL",
                format!(
                    "{service} may set people below {}, which the policy does not list",
                    delegation.below
                ),
                "list it in the policy's levels, or end the delegation first",
            ));
        }
    }
    let Some(policy) = policy else { return Ok(()) };
    let set: BTreeSet<_> = operations.iter().filter_map(member_set).collect();
    let members: Vec<_> = match newer {
        Some(_) => roster.members(after).collect(),
        None => set.into_iter().filter_map(|id| roster.member(id, after)).collect(),
    };
    for member in members {
        if let Some(level) = &member.level
            && policy.rank(level).is_none()
        {
            return Err(refuse_with(
                "LEVEL",
                format!("{} has the level {level}, which the policy does not list", member.id),
                "list it in the policy's levels, or give the member another level first",
            ));
        }
    }
    Ok(())
}

fn member_set(operation: &Operation) -> Option<&MemberId> {
    match operation {
        Operation::SetMember(said) => Some(&said.member),
        _ => None,
    }
}

/// A policy that puts one level in use above another which was above it promotes and demotes
/// people in silence (ATTACKS 43).
pub(super) fn check_level_order(
    roster: &Roster,
    older: &Policy,
    newer: &Policy,
    index: EntryIndex,
) -> Result<(), Refusal> {
    let after = index.size_after();
    let held = roster.members(after).filter_map(|member| member.level.as_ref());
    let bounds = roster.delegations(after).map(|(_, delegation)| &delegation.below);
    let mut ranks: Vec<_> = held
        .chain(bounds)
        .filter_map(|level| Some((older.rank(level)?, newer.rank(level)?, level)))
        .collect();
    ranks.sort_unstable();
    match ranks.windows(2).find(|pair| pair[0].1 > pair[1].1) {
        None => Ok(()),
        Some(pair) => Err(refuse_with(
            "LEVEL",
            format!("the policy puts {} above {}, and people hold both", pair[0].2, pair[1].2),
            "give them other levels first: countersign roster apply FILE",
        )),
    }
}

/// Admins who are named are present humans: nobody becomes one by getting a name that waits.
pub(super) fn check_admins_are_people(roster: &Roster, index: EntryIndex) -> Result<(), Refusal> {
    let after = index.size_after();
    for id in roster.admins(after).map(|set| set.admins.as_slice()).unwrap_or_default() {
        match roster.member(id, after) {
            Some(member) if member.kind == MemberKind::Human => {}
            Some(member) => {
                let what = format!("{id} is of the kind {}: only humans are admins", member.kind);
                return Err(refuse("NOT_HUMAN", what));
            }
            None => return Err(unknown(id)),
        }
    }
    Ok(())
}
