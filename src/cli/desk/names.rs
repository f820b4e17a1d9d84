//! What people are called, out of the openings that are there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Desk;
use crate::base::name::MemberId;

/// What people are called, out of the openings that are there.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<MemberId, String>);

/// The profile behind a member's commitment, as `roster apply` writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// How the person is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// E-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) emails: Vec<String>,
    /// Handles at forges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) handles: Vec<String>,
}

impl From<BTreeMap<MemberId, String>> for Names {
    fn from(names: BTreeMap<MemberId, String>) -> Self {
        Self(names)
    }
}

impl Names {
    /// Everyone whose name is known, by id.
    pub(crate) const fn all(&self) -> &BTreeMap<MemberId, String> {
        &self.0
    }

    /// What a member is called: the name, or the id where the name is withheld.
    pub(crate) fn of(&self, id: &MemberId) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}

impl Desk {
    /// What people are called.
    pub(crate) fn names(&self) -> Names {
        let openings = self.session.openings();
        let mut names = BTreeMap::new();
        for member in self.session.view().roster().members_ever() {
            let text = member.profile.and_then(|profile| openings.text(profile).ok().flatten());
            let profile = text.and_then(|text| serde_json::from_str::<Profile>(&text).ok());
            if let Some(profile) = profile.filter(|profile| !profile.name.is_empty()) {
                names.insert(member.id.clone(), profile.name);
            }
        }
        Names(names)
    }
}
