//! Fetching what a reviewer names and does not have: a plain `git fetch` from a remote that the
//! repository already knows, into references of our own. Branches, tags, `FETCH_HEAD` and the work
//! tree stay as they are, and no hook runs.

use std::io::{self, Read as _};
use std::process::{Command, Stdio};

use super::repository::Repository;
use crate::base::name::Revision;
use crate::change::printable;

/// Where what was fetched is kept: `refs/countersign/REMOTE/...`.
const OWN_REFERENCES: &str = "refs/countersign";
/// Bytes that are read of what git complains about.
const TALK_BYTES_MAX: u64 = 16 * 1024;

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
        let is_plain = |name: &str| {
            let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']);
            name.split('/').all(part)
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        };
        if !is_plain(remote) {
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
        if !wanted.asks {
            command.env("GIT_TERMINAL_PROMPT", "0").env("SSH_ASKPASS_REQUIRE", "never");
        }
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(FetchError::NoGit)?;
        let mut talk = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            let mut stderr = stderr.take(TALK_BYTES_MAX);
            let _ = stderr.read_to_end(&mut talk);
            // What else it says is thrown away, or it would wait for a reader.
            let _ = io::copy(&mut stderr.into_inner(), &mut io::sink());
        }
        let status = child.wait().map_err(FetchError::NoGit)?;
        if status.success() {
            return Ok(());
        }
        let talk = String::from_utf8_lossy(&talk);
        let remote = wanted.remote.to_owned();
        for reference in [wanted.reference, wanted.target] {
            if talk.contains(&format!("couldn't find remote ref {reference}\n")) {
                return Err(FetchError::NoReference { remote, reference: reference.to_owned() });
            }
        }
        let lines = talk.lines().map(str::trim).filter(|line| !line.is_empty());
        let said = lines.take(3).map(|line| printable(line.as_bytes())).collect::<Vec<_>>();
        let detail = if said.is_empty() { status.to_string() } else { said.join("; ") };
        Err(FetchError::Failed { remote, detail })
    }

    /// git in this repository, with nothing of the repository's own to run but what reaches a
    /// remote.
    fn git(&self) -> Command {
        let mut command = Command::new("git");
        let git_dir = self.gix().git_dir();
        let git_dir = git_dir.canonicalize().unwrap_or_else(|_| git_dir.to_path_buf());
        // The URL of a remote may be a path: it starts where git itself would start it.
        command.current_dir(self.work_dir().unwrap_or_else(|| git_dir.clone()));
        command.arg("--git-dir").arg(git_dir);
        for setting in ["core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0"] {
            command.args(["-c", setting]);
        }
        command.env("GIT_NO_REPLACE_OBJECTS", "1").env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}
