//! What admins let a service do in their place (`spec/statement.md` section 4.1).

use serde::{Deserialize, Serialize};

use super::Roster;
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::statement::governance::Delegate;

/// What a service may do with people below a level; what exactly is admission's question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The entry that gave it.
    pub entry: EntryIndex,
    /// The service sets and retires humans below this level, and nobody else.
    pub below: LevelName,
    /// Teams that it may put them into, sorted; none where empty.
    pub teams: Vec<TeamName>,
}

impl Roster {
    /// What is delegated to a service as of a size; nothing to who is no member then.
    #[must_use]
    pub fn delegation(&self, service: &MemberId, as_of: TreeSize) -> Option<&Delegation> {
        self.member(service, as_of)?;
        let versions = self.delegations.get(service)?;
        versions.iter().rev().find(|(entry, _)| as_of.covers(*entry))?.1.as_ref()
    }

    /// Every delegation in force as of a size, by service.
    pub fn delegations(&self, as_of: TreeSize) -> impl Iterator<Item = (&MemberId, &Delegation)> {
        let in_force = move |service| Some((service, self.delegation(service, as_of)?));
        self.delegations.keys().filter_map(in_force)
    }

    pub(crate) fn delegate(&mut self, entry: EntryIndex, said: &Delegate) {
        let (below, teams) = (said.below.clone(), said.teams.clone());
        let versions = self.delegations.entry(said.service.clone()).or_default();
        versions.push((entry, Some(Delegation { entry, below, teams })));
    }

    pub(crate) fn end_delegation(&mut self, entry: EntryIndex, service: &MemberId) {
        if let Some(versions) = self.delegations.get_mut(service) {
            versions.push((entry, None));
        }
    }
}
