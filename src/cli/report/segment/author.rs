//! Who wrote a segment, and how people are named.

use serde::Serialize;

use crate::base::name::{LevelName, MemberId};
use crate::cli::report::{Reporting, presence_word};
use crate::policy::{AuthorKind, Presence, Standing};
use crate::verify::Segment;

/// An author.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuthorReport {
    /// Who it is on the roster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<MemberId>,
    /// What people call the author.
    pub(crate) name: String,
    /// What kind of author it is.
    pub(crate) kind: AuthorKind,
    /// The level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<LevelName>,
    /// How the authorship is known.
    pub(crate) standing: Standing,
    /// Whether they are on the roster still, with a key to sign with.
    #[serde(skip)]
    pub(crate) can_sign: bool,
}

impl AuthorReport {
    /// Everybody who wrote a segment.
    pub(super) fn all(reporting: &Reporting<'_>, segment: &Segment) -> Vec<Self> {
        let (names, roster) = (reporting.names, reporting.view.roster());
        let size = reporting.view.size();
        let can_sign = |id: &MemberId| {
            roster.member(id, size).is_some() && !roster.keys_of(id, size).is_empty()
        };
        let report = |author: &crate::policy::Author| Self {
            member: author.member.clone(),
            name: author.member.as_ref().map_or_else(|| author.label.clone(), |id| names.of(id)),
            kind: author.kind,
            level: author.level.clone(),
            standing: author.standing,
            can_sign: author.member.as_ref().is_some_and(can_sign),
        };
        segment.authors.iter().map(report).collect()
    }

    /// `Ben Ito (mid)`.
    pub(crate) fn shown(&self) -> String {
        match (&self.level, self.kind) {
            (Some(level), _) => format!("{} ({level})", self.name),
            (None, AuthorKind::Human) => self.name.clone(),
            (None, kind) => format!("{} ({})", self.name, kind.as_str()),
        }
    }
}

/// `Ada Ruiz, senior, touch`.
pub(crate) fn person(name: &str, level: Option<&LevelName>, presence: Presence) -> String {
    let mut said = name.to_owned();
    for part in [level.map_or("", LevelName::as_str), presence_word(presence)] {
        if !part.is_empty() {
            said.push_str(", ");
            said.push_str(part);
        }
    }
    said
}
