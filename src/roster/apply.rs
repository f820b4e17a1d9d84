//! What governance does to the roster. Nothing is ever removed: each entry adds what holds from
//! it on.

use std::borrow::Cow;

use super::key::Ownership;
use super::{AdminSet, KeyRecord, MemberHistory, Revoked, Roster};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key::{KeyId, PublicKey};
use crate::statement::governance::{Operation, SetMember};

impl Roster {
    /// Sets all that is said of a member from an entry on.
    pub(crate) fn set_member(&mut self, entry: EntryIndex, said: &SetMember) {
        let history = self.members.entry(said.member.clone()).or_insert_with(MemberHistory::new);
        history.versions.push((entry, Some(said.into())));
        for email in &said.emails {
            self.emails.entry(*email).or_default().insert(said.member.clone());
        }
    }

    /// Retires a member from an entry on. What was delegated to it ends, and does not come back
    /// with the member.
    pub(crate) fn retire(&mut self, entry: EntryIndex, id: &MemberId) {
        self.end_delegation(entry, id);
        if let Some(history) = self.members.get_mut(id) {
            history.versions.push((entry, None));
        }
    }

    /// Enrols a key at the time of its entry, or hands an unused one to another member.
    pub(crate) fn add_key(
        &mut self,
        entry: EntryIndex,
        time: Timestamp,
        key: &PublicKey,
        owner: &MemberId,
    ) {
        let id = key.fingerprint();
        let history = self.members.entry(owner.clone()).or_insert_with(MemberHistory::new);
        // A key that was handed on counts as one before: else handing on would evade the cooling.
        let is_further = entry.get() > 0 && history.keys.iter().any(|other| *other != id);
        history.keys.push(id);
        let record = self.keys.entry(id).or_insert_with(|| KeyRecord {
            key: key.clone(),
            owners: Vec::new(),
            first_used: None,
            revocations: Vec::new(),
        });
        let (owner, cools_since) = (owner.clone(), is_further.then_some(time));
        record.owners.push(Ownership { entry, owner, cools_since });
    }

    /// Revokes a key.
    pub(crate) fn revoke(&mut self, id: &KeyId, revoked: Revoked) {
        if let Some(record) = self.keys.get_mut(id) {
            record.revocations.push(revoked);
        }
    }

    /// Whether a key is enrolled and has signed nothing yet.
    pub(crate) fn is_unused(&self, id: &KeyId) -> bool {
        self.keys.get(id).is_some_and(|record| record.first_used.is_none())
    }

    /// Notes that a key signed an accepted statement: it is bound to its owner from then on.
    pub(crate) fn note_use(&mut self, entry: EntryIndex, id: &KeyId) {
        if let Some(record) = self.keys.get_mut(id) {
            record.first_used.get_or_insert(entry);
        }
    }

    /// Sets the admins from an entry on.
    pub(crate) fn set_admins(&mut self, set: AdminSet) {
        self.admins.push(set);
    }

    /// Does what an operation does to the roster; nothing where it concerns something else.
    pub(crate) fn apply(&mut self, entry: EntryIndex, time: Timestamp, operation: &Operation) {
        match operation {
            Operation::SetMember(said) => self.set_member(entry, said),
            Operation::RetireMember(said) => self.retire(entry, &said.member),
            Operation::AddKey(said) => self.add_key(entry, time, &said.key, &said.member),
            Operation::RevokeKey(said) => {
                let since = said.since.unwrap_or(entry);
                self.revoke(&said.key, Revoked { entry, cause: said.cause, since });
            }
            Operation::SetAdmins(said) => {
                let (admins, threshold) = (said.admins.clone(), said.threshold);
                self.set_admins(AdminSet { entry, admins, threshold });
            }
            Operation::Delegate(said) => self.delegate(entry, said),
            Operation::EndDelegation(said) => self.end_delegation(entry, &said.service),
            Operation::RotateLedgerKey(_)
            | Operation::Lift(_)
            | Operation::ConfirmClock(_)
            | Operation::SetPolicy(_)
            | Operation::SetBaseline(_) => {}
        }
    }

    /// The same to what may be borrowed yet: it is copied only for an operation that is about the
    /// roster at all. Times are left out, since nothing that is only tried cools.
    pub(crate) fn apply_to_copy(
        this: &mut Cow<'_, Self>,
        entry: EntryIndex,
        operation: &Operation,
    ) {
        let is_about_it = match operation {
            Operation::SetMember(_)
            | Operation::RetireMember(_)
            | Operation::AddKey(_)
            | Operation::RevokeKey(_)
            | Operation::SetAdmins(_)
            | Operation::Delegate(_)
            | Operation::EndDelegation(_) => true,
            Operation::RotateLedgerKey(_)
            | Operation::Lift(_)
            | Operation::ConfirmClock(_)
            | Operation::SetPolicy(_)
            | Operation::SetBaseline(_) => false,
        };
        if is_about_it {
            this.to_mut().apply(entry, Timestamp::default(), operation);
        }
    }
}

impl MemberHistory {
    const fn new() -> Self {
        Self { versions: Vec::new(), keys: Vec::new() }
    }
}
