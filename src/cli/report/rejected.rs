//! A change that was rejected in another form: shown beside what it has, and never a denial.

use serde::Serialize;

use super::labelled;
use crate::base::digest::ChangeHash;
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::cli::desk::Names;
use crate::cli::ui::Ui;
use crate::evidence::{Likeness, RejectedForm};
use crate::policy::ReasonCode;

/// A reject of another version.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RejectedEarlier {
    /// Who rejected it.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// The reject's entry.
    pub(crate) entry: EntryIndex,
    /// The version that was rejected.
    pub(crate) change: ChangeHash,
    /// What makes one a version of the other.
    pub(crate) because: String,
    /// Always `REJECTED_EARLIER`: information, never a denial.
    pub(crate) code: ReasonCode,
}

/// What makes one a version of the other.
pub(crate) fn likeness_words(because: Likeness) -> String {
    match because {
        Likeness::Predecessor => "declared as what this replaces".to_owned(),
        Likeness::Request => "declared for the same request".to_owned(),
        Likeness::Paths { shared, all } => format!("{shared} of its {all} paths"),
    }
}

impl RejectedEarlier {
    pub(super) fn new(names: &Names, form: &RejectedForm) -> Self {
        Self {
            member: form.by.clone(),
            name: names.of(&form.by),
            entry: form.reject,
            change: form.change,
            because: likeness_words(form.because),
            code: ReasonCode::RejectedEarlier,
        }
    }

    /// `rejected in another form: entry 31 by Mia Kern, change 5d20b1c7 (2 of its 3 paths)`.
    pub(crate) fn said(&self) -> String {
        format!(
            "rejected in another form: entry {} by {}, change {} ({})",
            self.entry,
            self.name,
            self.change.short(),
            self.because
        )
    }

    pub(super) fn print(&self, ui: &mut Ui) {
        labelled(ui, "note", &self.said(), self.code.as_str());
        labelled(ui, "do", &format!("see why: countersign show {}", self.entry), "");
    }
}
