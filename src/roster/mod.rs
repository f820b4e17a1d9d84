//! Who may say what: members and keys, with the entries from which and up to which each holds.
//!
//! Validity is kept as index intervals, so that every question can be asked "as of size N". A
//! [`TreeSize`] `n` sees the entries below `n`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Commitment, EmailDigest};
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::key::{KeyId, PublicKey};
use crate::statement::governance::SetMember;
use crate::statement::words::{Duty, MemberKind, Revocation};

/// The roster with its whole history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    members: BTreeMap<MemberId, MemberHistory>,
    keys: BTreeMap<KeyId, KeyRecord>,
    admins: Vec<AdminSet>,
}

/// What the roster said of a member over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MemberHistory {
    /// Each version holds from its entry to the next; `None` is a retirement.
    versions: Vec<(EntryIndex, Option<Member>)>,
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

/// A key and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public key.
    pub key: PublicKey,
    /// Owners, each from its entry on; the last is final once the key has been used.
    owners: Vec<(EntryIndex, MemberId)>,
    /// The first accepted statement of this key.
    first_used: Option<EntryIndex>,
    /// In the order of their entries: a later one never changes what an earlier size sees.
    revocations: Vec<Revoked>,
}

/// When and why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The entry of the revocation.
    pub entry: EntryIndex,
    /// Retired or leaked.
    pub cause: Revocation,
    /// Leaked: the first entry whose permission is void.
    pub since: EntryIndex,
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

/// How a key stands to a statement that it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// Good at the entry, and not known to have leaked by then.
    Good,
    /// Not enrolled at that entry, or no longer.
    NotValid,
    /// Leaked, and the entry lies in the time of the leak: permission is void.
    Leaked,
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

impl KeyRecord {
    /// The owner as of a size.
    #[must_use]
    pub fn owner(&self, as_of: TreeSize) -> Option<&MemberId> {
        self.owners.iter().rev().find(|(entry, _)| as_of.covers(*entry)).map(|(_, owner)| owner)
    }

    /// Whether an accepted statement has bound the key to its owner for ever.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.first_used.is_some()
    }

    /// The first revocation, if it was entered below a size: from there on nothing is signed.
    #[must_use]
    pub fn revoked(&self, as_of: TreeSize) -> Option<Revoked> {
        self.revocations.first().copied().filter(|revoked| as_of.covers(revoked.entry))
    }

    /// The first entry whose permission is void, as far as is known as of a size.
    #[must_use]
    pub fn leaked_since(&self, as_of: TreeSize) -> Option<EntryIndex> {
        let leaks = self
            .revocations
            .iter()
            .filter(|revoked| revoked.cause == Revocation::Leaked && as_of.covers(revoked.entry));
        leaks.map(|leak| leak.since).min()
    }

    /// Whether the key may sign the entry at `index`.
    #[must_use]
    pub fn signs_at(&self, index: EntryIndex) -> bool {
        let before = TreeSize::new(index.get());
        self.owner(before).is_some() && self.revoked(before).is_none()
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

    /// The kind that a member was given once, retired or not.
    #[must_use]
    pub fn kind_ever(&self, id: &MemberId) -> Option<MemberKind> {
        let versions = &self.members.get(id)?.versions;
        versions.iter().find_map(|(_, member)| member.as_ref()).map(|member| member.kind)
    }

    /// The member whose commits carry an address, as of a size.
    #[must_use]
    pub fn member_of_email(&self, email: EmailDigest, as_of: TreeSize) -> Option<&Member> {
        self.members(as_of).find(|member| member.emails.contains(&email))
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
        let signs =
            |record: &KeyRecord| record.owner(as_of) == Some(id) && record.revoked(as_of).is_none();
        self.keys.iter().filter(|(_, record)| signs(record)).map(|(id, _)| *id).collect()
    }

    /// The admins as of a size.
    #[must_use]
    pub fn admins(&self, as_of: TreeSize) -> Option<&AdminSet> {
        self.admins.iter().rev().find(|set| as_of.covers(set.entry))
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
    }

    /// Retires a member from an entry on.
    pub(crate) fn retire(&mut self, entry: EntryIndex, id: &MemberId) {
        if let Some(history) = self.members.get_mut(id) {
            history.versions.push((entry, None));
        }
    }

    /// Enrols a key, or hands an unused one to another member.
    pub(crate) fn add_key(&mut self, entry: EntryIndex, key: &PublicKey, owner: &MemberId) {
        let record = self.keys.entry(key.fingerprint()).or_insert_with(|| KeyRecord {
            key: key.clone(),
            owners: Vec::new(),
            first_used: None,
            revocations: Vec::new(),
        });
        record.owners.push((entry, owner.clone()));
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
}

impl MemberHistory {
    const fn new() -> Self {
        Self { versions: Vec::new() }
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

    /// Only services decide and only humans review, whatever else the roster says.
    #[test]
    fn a_duty_of_another_kind_counts_for_nothing() {
        let member = Member::from(&said("senior"));
        assert!(member.has_duty(Duty::Review));
        assert!(!member.has_duty(Duty::Decide));
    }
}
