//! Who may say what: members and keys, with the entries from which and up to which each holds.
//!
//! Validity is kept as index intervals, so that every question can be asked "as of size N". A
//! [`TreeSize`] `n` sees the entries below `n`.

mod delegation;
mod key;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::digest::{Commitment, EmailDigest};
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::key::{KeyId, PublicKey};
use crate::statement::governance::{Operation, SetMember};
use crate::statement::words::{Duty, MemberKind};

use self::key::Ownership;

pub use self::delegation::Delegation;
pub use self::key::{KeyRecord, KeyStanding, Revoked};

/// The roster with its whole history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    members: BTreeMap<MemberId, MemberHistory>,
    keys: BTreeMap<KeyId, KeyRecord>,
    admins: Vec<AdminSet>,
    /// Who ever had an address, so that its owner is found without a look at everybody.
    emails: BTreeMap<EmailDigest, BTreeSet<MemberId>>,
    /// What each service may do, from its entry to the next; `None` is an end.
    delegations: BTreeMap<MemberId, Vec<(EntryIndex, Option<Delegation>)>>,
}

/// What the roster said of a member over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MemberHistory {
    /// Each version holds from its entry to the next; `None` is a retirement.
    versions: Vec<(EntryIndex, Option<Member>)>,
    /// Every key that was ever enrolled for the member, in that order.
    keys: Vec<KeyId>,
}

/// What the roster says of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The opaque id.
    pub id: MemberId,
    /// Set once.
    pub kind: MemberKind,
    /// A level of the policy.
    pub level: Option<LevelName>,
    /// Teams, sorted.
    pub teams: Vec<TeamName>,
    /// Duties, sorted.
    pub duties: Vec<Duty>,
    /// The human who answers for an agent.
    pub operator: Option<MemberId>,
    /// Commitment to the profile.
    pub profile: Option<Commitment>,
    /// Digests of e-mail addresses.
    pub emails: Vec<EmailDigest>,
}

/// The admins from an entry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminSet {
    /// The entry that set them.
    pub entry: EntryIndex,
    /// Their ids, sorted.
    pub admins: Vec<MemberId>,
    /// How many must sign governance.
    pub threshold: u32,
}

impl Member {
    /// Whether the member has a duty. Only humans review or override, whatever the roster says.
    #[must_use]
    pub fn has_duty(&self, duty: Duty) -> bool {
        let kind_may = match duty {
            Duty::Review | Duty::Override => self.kind == MemberKind::Human,
            Duty::Build | Duty::Decide | Duty::Observe => self.kind == MemberKind::Service,
            Duty::Deploy | Duty::Declare => {
                matches!(self.kind, MemberKind::Human | MemberKind::Service)
            }
        };
        kind_may && self.duties.contains(&duty)
    }
}

impl From<&SetMember> for Member {
    fn from(said: &SetMember) -> Self {
        Self {
            id: said.member.clone(),
            kind: said.kind,
            level: said.level.clone(),
            teams: said.teams.clone(),
            duties: said.duties.clone(),
            operator: said.operator.clone(),
            profile: said.profile,
            emails: said.emails.clone(),
        }
    }
}

impl Roster {
    /// The member as of a size; none where unknown or retired.
    #[must_use]
    pub fn member(&self, id: &MemberId, as_of: TreeSize) -> Option<&Member> {
        let history = self.members.get(id)?;
        let version = history.versions.iter().rev().find(|(entry, _)| as_of.covers(*entry))?;
        version.1.as_ref()
    }

    /// Everyone who is a member as of a size, by id.
    pub fn members(&self, as_of: TreeSize) -> impl Iterator<Item = &Member> {
        self.members.keys().filter_map(move |id| self.member(id, as_of))
    }

    /// Everyone who ever was a member, as last described, by id: who left is still called by name.
    pub fn members_ever(&self) -> impl Iterator<Item = &Member> {
        let newest = |history: &'_ MemberHistory| {
            history.versions.iter().rposition(|(_, member)| member.is_some())
        };
        self.members.values().filter_map(move |history| {
            history.versions.get(newest(history)?).and_then(|(_, member)| member.as_ref())
        })
    }

    /// Who is meant by each address, as of a size: the member who has it; else whoever had it last,
    /// a member still or not. What somebody wrote stays theirs.
    #[must_use]
    pub fn by_address(&self, as_of: TreeSize) -> BTreeMap<EmailDigest, &Member> {
        let mut said: Vec<(EntryIndex, EmailDigest, &MemberId)> = Vec::new();
        for (id, history) in &self.members {
            let seen = history.versions.iter().filter(|(entry, _)| as_of.covers(*entry));
            for (entry, member) in seen {
                let emails = member.iter().flat_map(|member| &member.emails);
                said.extend(emails.map(|email| (*entry, *email, id)));
            }
        }
        said.sort_unstable();
        let last = said.into_iter().filter_map(|(_, email, id)| {
            Some((email, self.member(id, as_of).or_else(|| self.member_ever(id, as_of))?))
        });
        let mut found: BTreeMap<_, _> = last.collect();
        for member in self.members(as_of) {
            found.extend(member.emails.iter().map(|email| (*email, member)));
        }
        found
    }

    /// The kind that a member was given once, retired or not.
    #[must_use]
    pub fn kind_ever(&self, id: &MemberId) -> Option<MemberKind> {
        let versions = &self.members.get(id)?.versions;
        versions.iter().find_map(|(_, member)| member.as_ref()).map(|member| member.kind)
    }

    /// The member whose commits carry an address, as of a size.
    #[must_use]
    pub fn member_of_email(&self, email: EmailDigest, as_of: TreeSize) -> Option<&Member> {
        let ever = self.emails.get(&email)?;
        ever.iter()
            .filter_map(|id| self.member(id, as_of))
            .find(|member| member.emails.contains(&email))
    }

    /// A key, enrolled now or ever.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.keys.get(id)
    }

    /// Every key with its fingerprint.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, &KeyRecord)> {
        self.keys.iter()
    }

    /// The fingerprints of a member's keys that may sign the next entry after `as_of`.
    #[must_use]
    pub fn keys_of(&self, id: &MemberId, as_of: TreeSize) -> Vec<KeyId> {
        let signs = |key: &&KeyId| {
            self.keys.get(key).is_some_and(|record| {
                record.owner(as_of) == Some(id) && record.revoked(as_of).is_none()
            })
        };
        let ever = self.members.get(id).map(|history| history.keys.as_slice()).unwrap_or_default();
        ever.iter().filter(signs).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether a key was ever enrolled for a member, revoked or handed on since or not.
    #[must_use]
    pub fn had_key(&self, id: &MemberId) -> bool {
        self.members.get(id).is_some_and(|history| !history.keys.is_empty())
    }

    /// Since when a key cools, as of a size: see [`KeyRecord::cooling_since`].
    #[must_use]
    pub fn cooling_since(&self, key: &KeyId, as_of: TreeSize) -> Option<Timestamp> {
        self.keys.get(key)?.cooling_since(as_of)
    }

    /// The admins as of a size.
    #[must_use]
    pub fn admins(&self, as_of: TreeSize) -> Option<&AdminSet> {
        self.admins.iter().rev().find(|set| as_of.covers(set.entry))
    }

    /// The admins who can sign as of a size: human members with a key in force.
    #[must_use]
    pub fn able_admins(&self, as_of: TreeSize) -> BTreeSet<MemberId> {
        let able = |id: &&MemberId| {
            self.member(id, as_of).is_some_and(|member| member.kind == MemberKind::Human)
                && !self.keys_of(id, as_of).is_empty()
        };
        let admins = self.admins(as_of).map(|set| set.admins.as_slice()).unwrap_or_default();
        admins.iter().filter(able).cloned().collect()
    }

    /// Whether at most one admin can sign: nobody else watches over what that one does.
    #[must_use]
    pub fn is_single_admin(&self, as_of: TreeSize) -> bool {
        self.able_admins(as_of).len() < 2
    }

    /// What was said last of a member, who may be retired since.
    #[must_use]
    pub fn member_ever(&self, id: &MemberId, as_of: TreeSize) -> Option<&Member> {
        let versions = &self.members.get(id)?.versions;
        let mut seen = versions.iter().rev().filter(|(entry, _)| as_of.covers(*entry));
        seen.find_map(|(_, member)| member.as_ref())
    }

    /// How the permission that `key` gave at `index` stands as of a size. A leak that became
    /// known later voids it; a retirement does not (`spec/verdict.md`).
    #[must_use]
    pub fn standing(&self, key: &KeyId, index: EntryIndex, as_of: TreeSize) -> KeyStanding {
        let Some(record) = self.keys.get(key) else { return KeyStanding::NotValid };
        if !record.signs_at(index) {
            return KeyStanding::NotValid;
        }
        match record.leaked_since(as_of) {
            Some(since) if index >= since => KeyStanding::Leaked,
            _ => KeyStanding::Good,
        }
    }

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
}

impl MemberHistory {
    const fn new() -> Self {
        Self { versions: Vec::new(), keys: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(level: &str) -> SetMember {
        SetMember {
            member: MemberId::new("m1").unwrap(),
            kind: MemberKind::Human,
            level: Some(LevelName::new(level).unwrap()),
            teams: Vec::new(),
            duties: vec![Duty::Review, Duty::Decide],
            operator: None,
            profile: None,
            emails: vec![EmailDigest::from_bytes([9; 32])],
        }
    }

    /// ATTACKS 29: every question can be asked as of an earlier size.
    #[test]
    fn a_promotion_does_not_reach_back() {
        let mut roster = Roster::default();
        let id = MemberId::new("m1").unwrap();
        roster.set_member(EntryIndex::new(0), &said("junior"));
        roster.set_member(EntryIndex::new(5), &said("senior"));
        roster.retire(EntryIndex::new(9), &id);
        let level = |size| {
            let member = roster.member(&id, TreeSize::new(size));
            member.and_then(|member| member.level.as_ref()).map(LevelName::as_str)
        };
        assert_eq!(level(0), None);
        assert_eq!(level(5), Some("junior"));
        assert_eq!(level(6), Some("senior"));
        assert_eq!(level(10), None);
        let email = EmailDigest::from_bytes([9; 32]);
        assert!(roster.member_of_email(email, TreeSize::new(9)).is_some());
        assert!(roster.member_of_email(email, TreeSize::new(10)).is_none());
    }

    /// ATTACKS 18 (d): a further key cools from its enrolment on, a first one never.
    #[test]
    fn attack_18_only_a_further_key_cools() {
        use crate::key::{SeedSigner, Signer as _};
        let key = |seed| SeedSigner::from_seed(&[seed; 32], "").unwrap().public_key().clone();
        let (mut roster, time) = (Roster::default(), Timestamp::from_milliseconds);
        let id = MemberId::new("m1").unwrap();
        let other = MemberId::new("m2").unwrap();
        let entry = EntryIndex::new;
        roster.set_member(entry(0), &said("senior"));
        roster.add_key(entry(0), time(5), &key(1), &id);
        roster.add_key(entry(0), time(5), &key(2), &id);
        roster.set_member(entry(1), &SetMember { member: other.clone(), ..said("junior") });
        roster.add_key(entry(1), time(6), &key(3), &other);
        roster.add_key(entry(2), time(7), &key(4), &id);
        let since = |roster: &Roster, seed: u8, size| {
            roster.cooling_since(&key(seed).fingerprint(), TreeSize::new(size))
        };
        for seed in [1, 2, 3] {
            assert_eq!(since(&roster, seed, 9), None, "{seed} is a first key, or of entry 0");
        }
        assert_eq!(since(&roster, 4, 3), Some(time(7)));
        assert_eq!(since(&roster, 4, 2), None, "it is not enrolled yet");
        // The only key revoked, or handed to somebody else: the next one cools all the same.
        let cause = crate::statement::words::Revocation::Retired;
        let revoked = Revoked { entry: entry(3), cause, since: entry(3) };
        roster.revoke(&key(3).fingerprint(), revoked);
        roster.add_key(entry(4), time(9), &key(5), &other);
        assert_eq!(since(&roster, 5, 9), Some(time(9)));
        roster.add_key(entry(5), time(11), &key(4), &other);
        assert_eq!((since(&roster, 4, 5), since(&roster, 4, 6)), (Some(time(7)), Some(time(11))));
        assert_eq!(roster.keys_of(&id, TreeSize::new(9)).len(), 2);
    }

    /// Only services decide and only humans review, whatever else the roster says.
    #[test]
    fn a_duty_of_another_kind_counts_for_nothing() {
        let member = Member::from(&said("senior"));
        assert!(member.has_duty(Duty::Review));
        assert!(!member.has_duty(Duty::Decide));
    }
}
