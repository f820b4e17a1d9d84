//! Who must sign governance (`spec/ledger.md` section 12.3).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::{LevelName, MemberId};
use crate::base::position::{EntryIndex, TreeSize};
use crate::policy::Policy;
use crate::roster::{Member, Roster};
use crate::statement::governance::{Operation, SetMember};
use crate::statement::words::Duty;

/// Duties whose loss can only make a verdict stricter. What the others let people say may be
/// what stands against a change: declarations, builds that contradict, who else must override.
const REDUCIBLE: [Duty; 3] = [Duty::Review, Duty::Decide, Duty::Deploy];

/// Whose signatures a statement of governance needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// How many admins must sign.
    pub count: usize,
    /// Admins whom the statement gives something, and how many others must sign (ATTACKS 18).
    pub others: BTreeMap<MemberId, usize>,
}

/// Signatures that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Signatures that count.
    pub found: usize,
    /// How many must.
    pub needed: usize,
    /// The admin whom it gives something, where it is that one's own signature that is not counted.
    pub about: Option<MemberId>,
}

impl Authority {
    /// What operations need that come after the entries below `size`, in this order; none where
    /// there are no admins. `policy` is the one in force before them.
    #[must_use]
    pub fn of(
        roster: &Roster,
        policy: Option<&Policy>,
        operations: &[Operation],
        size: TreeSize,
    ) -> Option<Self> {
        let admins = roster.admins(size)?;
        let able = roster.able_admins(size);
        let index = EntryIndex::new(size.get());
        let mut after = Cow::Borrowed(roster);
        let (mut only_reduces, mut others) = (true, BTreeMap::new());
        let threshold = usize::try_from(admins.threshold).unwrap_or(usize::MAX);
        let mut rest = operations.iter().peekable();
        while let Some(operation) = rest.next() {
            if !is_reduction(&after, policy, operation, index.size_after()) {
                only_reduces = false;
                let about = match operation {
                    Operation::SetMember(said) => Some(&said.member),
                    Operation::AddKey(said) => Some(&said.member),
                    _ => None,
                };
                if let Some(about) = about.filter(|id| admins.admins.contains(id)) {
                    let rest = able.iter().filter(|id| *id != about).count();
                    others.insert(about.clone(), threshold.min(rest));
                }
            }
            // What the last one leads to concerns none.
            if rest.peek().is_some() {
                Roster::apply_to_copy(&mut after, index, operation);
            }
        }
        let count = if only_reduces { 1 } else { threshold };
        Some(Self { count, others })
    }

    /// What is missing, where these admins have signed.
    #[must_use]
    pub fn shortfall(&self, signers: &BTreeSet<MemberId>) -> Option<Shortfall> {
        if signers.len() < self.count {
            return Some(Shortfall { found: signers.len(), needed: self.count, about: None });
        }
        self.others.iter().find_map(|(about, needed)| {
            let found = signers.iter().filter(|id| *id != about).count();
            let about = Some(about.clone());
            (found < *needed).then_some(Shortfall { found, needed: *needed, about })
        })
    }
}

/// Whether an operation only takes permission away, so that one admin suffices.
#[must_use]
pub fn is_reduction(
    roster: &Roster,
    policy: Option<&Policy>,
    operation: &Operation,
    as_of: TreeSize,
) -> bool {
    match operation {
        Operation::RetireMember(_) | Operation::RevokeKey(_) | Operation::EndDelegation(_) => true,
        Operation::SetMember(said) => {
            roster.member(&said.member, as_of).is_some_and(|old| is_demotion(old, said, policy))
        }
        _ => false,
    }
}

/// Whether what is said of a member is what was said, with a lower level, fewer teams, or fewer
/// of the duties whose loss only makes verdicts stricter.
fn is_demotion(old: &Member, said: &SetMember, policy: Option<&Policy>) -> bool {
    let same = old.kind == said.kind
        && old.operator == said.operator
        && old.profile == said.profile
        && old.emails == said.emails;
    let teams = said.teams.iter().all(|team| old.teams.contains(team));
    let added = said.duties.iter().any(|duty| !old.duties.contains(duty));
    let lost = old.duties.iter().filter(|duty| !said.duties.contains(duty));
    // To say the same again is no loss: it is a statement of its own.
    *old != Member::from(said)
        && same
        && teams
        && !added
        && lost.into_iter().all(|duty| REDUCIBLE.contains(duty))
        && is_not_above(policy, said.level.as_ref(), old.level.as_ref())
}

/// Whether a level is the same as another or below it; who has none is below every level.
fn is_not_above(policy: Option<&Policy>, new: Option<&LevelName>, old: Option<&LevelName>) -> bool {
    match (new, old) {
        (None, _) => true,
        (Some(new), Some(old)) if new == old => true,
        (Some(new), Some(old)) => {
            let rank = |level| policy.and_then(|policy| policy.rank(level));
            matches!((rank(new), rank(old)), (Some(new), Some(old)) if new <= old)
        }
        (Some(_), None) => false,
    }
}

/// Whether a level is below another of the policy. Who has none is below every one.
pub(super) fn is_below(policy: Option<&Policy>, held: Option<&LevelName>, bar: &LevelName) -> bool {
    let rank = |level| policy.and_then(|policy| policy.rank(level));
    match (held, rank(bar)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(held), Some(bar)) => rank(held).is_some_and(|held| held < bar),
    }
}
