//! Fetching what a reviewer names and does not have: a plain `git fetch` from a remote that the
//! repository already knows, into references of our own. Branches, tags, `FETCH_HEAD` and the work
//! tree stay as they are, and no hook runs.

use std::io;
use std::process::Stdio;

use super::program::{ProgramFailure, TALK_BYTES_MAX, first_lines, is_remote_name, run};
use super::repository::Repository;
use crate::base::name::Revision;
use crate::change::printable;

/// Where what was fetched is kept: `refs/countersign/REMOTE/...`.
const OWN_REFERENCES: &str = "refs/countersign";

/// A remote, as the repository's settings have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Where it is fetched from: as it is configured, and as git rewrites that.
    pub urls: Vec<String>,
}

/// What is fetched.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The remote's name.
    pub remote: &'a str,
    /// The reference that is read: `refs/pull/7/head`.
    pub reference: &'a str,
    /// The branch that it is meant for, fetched along: `refs/heads/main`.
    pub target: &'a str,
    /// Whether git may ask for a password.
    pub asks: bool,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the reference names at the remote.
    pub head: Revision,
    /// What the branch names at the remote.
    pub target: Revision,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A remote whose name leads out of our references, or into git's options.
    #[error("the remote's name is not one that is fetched from: {name:?}")]
    RemoteName {
        /// The name.
        name: String,
    },
    /// The remote does not have it.
    #[error("{remote} has no {reference}")]
    NoReference {
        /// The remote.
        remote: String,
        /// What was asked for.
        reference: String,
    },
    /// git could not be run.
    #[error("git cannot be run")]
    NoGit(#[source] io::Error),
    /// git says no.
    #[error("git fetch {remote} failed: {detail}")]
    Failed {
        /// The remote.
        remote: String,
        /// What git said.
        detail: String,
    },
    /// What was fetched is no commit, or cannot be read.
    #[error(transparent)]
    Git(#[from] super::GitError),
}

impl Repository {
    /// The remotes that can be fetched from, in order of their names.
    #[must_use]
    pub fn remotes(&self) -> Vec<Remote> {
        let names = self.gix().remote_names();
        let found = names.into_iter().filter_map(|name| {
            let name = String::from_utf8(name.to_vec()).ok()?;
            let mut urls: Vec<String> = self.remote_url(&name).into_iter().collect();
            if let Ok(remote) = self.gix().find_remote(name.as_str())
                && let Some(url) = remote.url(gix::remote::Direction::Fetch)
                && let Ok(url) = String::from_utf8(url.to_bstring().to_vec())
                && !urls.contains(&url)
            {
                urls.push(url);
            }
            Some(Remote { name, urls })
        });
        found.collect()
    }

    /// Fetches one reference, and the branch that it is meant for. The version that was fetched
    /// before is kept, so that what came since can be told.
    ///
    /// # Errors
    /// [`FetchError`] where the remote cannot be reached, or does not have it.
    pub fn fetch(&self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
        let remote = wanted.remote;
        if !is_remote_name(remote) {
            return Err(FetchError::RemoteName { name: printable(remote.as_bytes()) });
        }
        let own = |reference: &str| {
            let rest = reference.strip_prefix("refs/").unwrap_or(reference);
            format!("{OWN_REFERENCES}/{remote}/{rest}")
        };
        let (head, target) = (own(wanted.reference), own(wanted.target));
        let before = self.resolve(&head).ok();
        let specs = [(wanted.reference, &head), (wanted.target, &target)]
            .map(|(from, to)| format!("+{from}:{to}"));
        self.run_fetch(wanted, &specs)?;
        let fetched = Fetched { head: self.resolve(&head)?, target: self.resolve(&target)? };
        if let Some(before) = before.filter(|before| *before != fetched.head) {
            let kept = format!("{OWN_REFERENCES}/{remote}/versions/{before}");
            let mut command = self.git();
            command.args(["update-ref", &kept, before.as_str()]);
            // Without it less can be told later; that is all.
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        Ok(fetched)
    }

    fn run_fetch(&self, wanted: &Wanted<'_>, specs: &[String; 2]) -> Result<(), FetchError> {
        let mut command = self.git();
        command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap="]);
        command.args(["--no-recurse-submodules", "--no-prune", "--no-auto-maintenance"]);
        command.args(["--no-write-commit-graph", "--no-show-forced-updates", "--"]);
        command.arg(wanted.remote).args(specs);
        let (talk, status) = match run(command, wanted.asks, TALK_BYTES_MAX) {
            Ok(_) => return Ok(()),
            Err(ProgramFailure::Said { talk, status, .. }) => (talk, status),
            Err(failure) => return Err(FetchError::NoGit(failure.into_error())),
        };
        let remote = wanted.remote.to_owned();
        for reference in [wanted.reference, wanted.target] {
            if talk.contains(&format!("couldn't find remote ref {reference}\n")) {
                return Err(FetchError::NoReference { remote, reference: reference.to_owned() });
            }
        }
        let detail = first_lines(&talk, status);
        Err(FetchError::Failed { remote, detail })
    }
}
