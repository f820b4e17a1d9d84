//! Who may say what: members and keys, with the entries from which and up to which each holds.
//!
//! Validity is kept as index intervals, so that every question can be asked "as of size N". A
//! [`TreeSize`] `n` sees the entries below `n`.

mod apply;
mod delegation;
mod key;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::digest::{Commitment, EmailDigest};
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::key::KeyId;
use crate::statement::governance::SetMember;
use crate::statement::words::{Duty, MemberKind};

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
}

#[cfg(test)]
mod tests;
