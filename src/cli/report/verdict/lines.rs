//! The lines beside the segments: where a chain starts, what is wrong, artifacts, what is live.

use serde::Serialize;

use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::cli::report::Reporting;
use crate::cli::time;
use crate::policy::ReasonCode;
use crate::verify::Problem;
use crate::view::SettledPoint;

/// The entries that hold a decision.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecordedLine {
    /// The decision's entry.
    pub(crate) decision: EntryIndex,
    /// Whether an equal denial stood there already.
    pub(crate) repeated: bool,
    /// The entry of the deployment that began with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployment: Option<EntryIndex>,
}

/// The newest deployment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LiveLine {
    /// Its entry.
    pub(crate) entry: EntryIndex,
    /// Its commit.
    pub(crate) revision: Revision,
    /// How many of the segments, oldest first, it had already.
    pub(crate) segments: usize,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProblemLine {
    pub(super) code: ReasonCode,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// The settled point that a chain starts at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StartLine {
    pub(super) entry: EntryIndex,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<Revision>,
    pub(super) time: String,
    /// `deployment` or `baseline`.
    pub(super) kind: &'static str,
    #[serde(skip)]
    pub(super) date: String,
}

impl ProblemLine {
    /// One that denies.
    pub(super) fn new(reporting: &Reporting<'_>, problem: &Problem) -> Self {
        let mut hint = problem.hint.clone();
        if let Some(hint) = hint.as_mut().filter(|hint| hint.contains("countersign approve ")) {
            // Such a hint ends with its command.
            hint.push_str(&reporting.flags);
        }
        Self { code: problem.code, text: problem.text.clone(), hint }
    }
}

impl StartLine {
    /// A settled point, by what settled it.
    pub(super) fn new(point: &SettledPoint) -> Self {
        Self {
            entry: point.entry.index,
            revision: point.revision.clone(),
            time: time::rfc3339(point.time),
            kind: if point.decision.is_some() { "deployment" } else { "baseline" },
            date: time::date(point.time),
        }
    }
}
