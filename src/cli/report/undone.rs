//! What a deployment would take back of what is live: it stands beside it, not after it.

use serde::Serialize;

use super::labelled;
use crate::base::name::Revision;
use crate::cli::text;
use crate::cli::text::counted;
use crate::cli::ui::Ui;
use crate::verify::Verdict;

/// So many commits and paths are named; `-v` names all.
const NAMED_MAX: usize = 3;

/// Commits and paths that are live and would no longer be so.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Undone {
    commits: Vec<UndoneCommit>,
    paths: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct UndoneCommit {
    commit: Revision,
    title: String,
}

impl Undone {
    /// What a verdict takes back; none where nothing is.
    pub(crate) fn new(verdict: &Verdict) -> Option<Self> {
        let commit = |(commit, title): &(Revision, String)| UndoneCommit {
            commit: commit.clone(),
            title: title.clone(),
        };
        let path = |path: &crate::change::ChangePath| text::escape_bytes(path.as_bytes());
        (!verdict.undone.is_empty()).then(|| Self {
            commits: verdict.undone_commits.iter().map(commit).collect(),
            paths: verdict.undone.iter().map(path).collect(),
        })
    }

    /// A line or two: it is no reason to refuse, and must not be overlooked.
    pub(super) fn print(&self, ui: &mut Ui) {
        let most = if ui.is_verbose() { usize::MAX } else { NAMED_MAX };
        let rest = |all: usize| match all.saturating_sub(most) {
            0 => String::new(),
            more => format!(" and {more} more (-v)"),
        };
        let named: Vec<_> = self.paths.iter().take(most).map(String::as_str).collect();
        let said = format!(
            "{} as it is live: {}{}",
            counted(self.paths.len(), "path"),
            named.join(", "),
            rest(self.paths.len())
        );
        ui.blank();
        labelled(ui, "undoes", &said, "");
        for one in self.commits.iter().take(most) {
            labelled(ui, "", &format!("{} {}", one.commit.short(), one.title), "");
        }
        if self.commits.len() > most {
            labelled(ui, "", &format!("{} more commits: -v", self.commits.len() - most), "");
        }
    }
}
