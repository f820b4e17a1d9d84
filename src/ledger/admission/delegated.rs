//! What a service may do that admins let (`spec/ledger.md` section 12.4, ATTACKS 38).

use super::authority::is_below;
use crate::base::name::MemberId;
use crate::base::position::TreeSize;
use crate::key::PublicKey;
use crate::policy::Policy;
use crate::roster::{Delegation, Member, Roster};
use crate::statement::governance::{AddKey, Operation, SetMember};
use crate::statement::words::{Duty, MemberKind};

/// What an operation is judged on: the state just before it.
struct Scope<'a> {
    roster: &'a Roster,
    policy: Option<&'a Policy>,
    delegation: &'a Delegation,
    as_of: TreeSize,
}

/// Whether an operation lies within a delegation, on the state that earlier operations of the
/// same statement left.
///
/// # Errors
/// Why not, for people.
pub fn check_delegated(
    roster: &Roster,
    policy: Option<&Policy>,
    delegation: &Delegation,
    operation: &Operation,
    as_of: TreeSize,
) -> Result<(), String> {
    let scope = Scope { roster, policy, delegation, as_of };
    match operation {
        Operation::SetMember(said) => scope.set_member(said),
        Operation::RetireMember(said) => match roster.member(&said.member, as_of) {
            Some(member) => scope.in_reach(member),
            None => Err(format!("{} is not a member", said.member)),
        },
        Operation::AddKey(said) => scope.add_key(said),
        _ => Err("it sets and retires people, and nothing else".to_owned()),
    }
}

impl Scope<'_> {
    /// Nobody at or above the level, no admin, nobody but humans.
    fn in_reach(&self, member: &Member) -> Result<(), String> {
        let id = &member.id;
        self.no_admin(id)?;
        if member.kind != MemberKind::Human {
            return Err(format!("{id} is no human"));
        }
        if let Some(duty) = member.duties.iter().find(|duty| **duty != Duty::Review) {
            return Err(format!("{id} has the duty {duty}, which is not its to give"));
        }
        if is_below(self.policy, member.level.as_ref(), &self.delegation.below) {
            Ok(())
        } else {
            Err(format!("{id} is not below the level {}", self.delegation.below))
        }
    }

    fn no_admin(&self, id: &MemberId) -> Result<(), String> {
        match self.roster.admins(self.as_of) {
            Some(set) if set.admins.contains(id) => Err(format!("{id} is an admin")),
            _ => Ok(()),
        }
    }

    fn set_member(&self, said: &SetMember) -> Result<(), String> {
        let id = &said.member;
        // Who left is judged by what was said last: nobody comes back below what they were.
        let old = self.roster.member_ever(id, self.as_of);
        if let Some(old) = old {
            self.in_reach(old)?;
        }
        let new = Member::from(said);
        self.in_reach(&new)?;
        if new.operator.is_some() {
            return Err(format!("{id} is a human, and has no operator"));
        }
        let had = |duty: Duty| old.is_some_and(|old| old.duties.contains(&duty));
        let others = Duty::ALL.iter().filter(|duty| **duty != Duty::Review);
        if let Some(duty) = others.copied().find(|duty| new.duties.contains(duty) != had(*duty)) {
            return Err(format!("it gives and takes the duty review only, not {duty}"));
        }
        let was_in = |team| old.is_some_and(|old| old.teams.contains(team));
        let open = &self.delegation.teams;
        if let Some(team) = new.teams.iter().find(|team| !was_in(team) && !open.contains(team)) {
            return Err(format!("the team {team} is not among those that it may give"));
        }
        // The address of somebody who left is still theirs: what they wrote stays what they wrote.
        let others = || self.roster.members_ever().filter(|other| other.id != *id);
        if let Some(email) =
            new.emails.iter().find(|email| others().any(|other| other.emails.contains(email)))
        {
            return Err(format!("the e-mail address {} was another member's", email.short()));
        }
        // Without the address, the author of a change would be nobody known, who may approve it.
        let lost = old.is_some_and(|old| old.emails.iter().any(|own| !new.emails.contains(own)));
        if lost { Err(format!("it would take an e-mail address from {id}")) } else { Ok(()) }
    }

    /// The first key of somebody: a further one would let others sign in their name.
    fn add_key(&self, said: &AddKey) -> Result<(), String> {
        let id = &said.member;
        match self.roster.member(id, self.as_of) {
            Some(member) => self.in_reach(member)?,
            None => return Err(format!("{id} is not a member")),
        }
        if self.roster.had_key(id) {
            return Err(format!("{id} has or had a key already"));
        }
        if self.roster.key(&PublicKey::fingerprint(&said.key)).is_some() {
            return Err("the key was enrolled before".to_owned());
        }
        Ok(())
    }
}
