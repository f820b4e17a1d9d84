//! References of a remote that hold files instead of history: listed, fetched, written, pushed.
//! Nothing here touches a branch, a tag, `FETCH_HEAD` or the work tree.

use gix::objs::tree::{Entry, EntryKind};

use super::program::{ProgramFailure, TALK_BYTES_MAX, first_lines, is_remote_name, run};
use super::repository::Repository;
use crate::base::limits::REFERENCES_BYTES_MAX;
use crate::base::name::Revision;
use crate::base::time::Timestamp;
use crate::change::printable;

/// Output of one push that is read, in bytes: a line for each reference.
const PUSH_BYTES_MAX: u64 = 1024 * 1024;
/// References that are pushed at once: their names must fit on a command line.
const PUSHED_MAX: usize = 512;

/// Why references of a remote cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// A remote whose name leads into git's options.
    #[error("the remote's name is not one that is used: {name:?}")]
    RemoteName {
        /// The name.
        name: String,
    },
    /// git says no, or cannot be run.
    #[error("git {verb} {remote} failed: {detail}")]
    Failed {
        /// What was tried.
        verb: &'static str,
        /// The remote.
        remote: String,
        /// What git said.
        detail: String,
    },
    /// The files cannot be written into the repository.
    #[error("the repository takes no new object: {detail}")]
    NotWritten {
        /// Why not.
        detail: String,
    },
}

/// A reference of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteReference {
    /// Its full name.
    pub name: String,
    /// What it names.
    pub id: Revision,
}

/// What a reference of a remote becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Its full name.
    pub name: String,
    /// What it shall name; none deletes it.
    pub to: Option<Revision>,
    /// What it must name until then, where that matters.
    pub was: Option<Revision>,
}

/// A remote whose references hold files.
#[derive(Debug, Clone, Copy)]
pub struct References<'a> {
    repository: &'a Repository,
    remote: &'a str,
    asks: bool,
}

impl<'a> References<'a> {
    /// Of a remote of the repository; git may ask for a password only where it `asks`.
    ///
    /// # Errors
    /// [`ReferenceError::RemoteName`].
    pub fn of(
        repository: &'a Repository,
        remote: &'a str,
        asks: bool,
    ) -> Result<Self, ReferenceError> {
        if !is_remote_name(remote) {
            return Err(ReferenceError::RemoteName { name: printable(remote.as_bytes()) });
        }
        Ok(Self { repository, remote, asks })
    }

    /// Those that match one of the patterns, in the order of their names.
    ///
    /// # Errors
    /// [`ReferenceError::Failed`].
    pub fn list(&self, patterns: &[String]) -> Result<Vec<RemoteReference>, ReferenceError> {
        let mut command = self.repository.git();
        command.args(["ls-remote", "--quiet", "--refs", "--", self.remote]).args(patterns);
        let output = run(command, self.asks, REFERENCES_BYTES_MAX as u64)
            .map_err(|failure| self.failed("ls-remote", failure))?;
        let text = String::from_utf8_lossy(&output);
        let mut found: Vec<RemoteReference> = text
            .lines()
            .filter_map(|line| {
                let (id, name) = line.split_once('\t')?;
                Some(RemoteReference { name: name.to_owned(), id: Revision::new(id).ok()? })
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Fetches what references name; nothing here names it afterwards.
    ///
    /// # Errors
    /// [`ReferenceError::Failed`].
    pub fn fetch(&self, references: &[RemoteReference]) -> Result<(), ReferenceError> {
        if references.is_empty() {
            return Ok(());
        }
        let mut command = self.repository.git();
        command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap="]);
        command.args(["--no-recurse-submodules", "--no-prune", "--no-auto-maintenance"]);
        command.args(["--no-write-commit-graph", "--no-show-forced-updates", "--", self.remote]);
        command.args(references.iter().map(|reference| &reference.name));
        match run(command, self.asks, TALK_BYTES_MAX) {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.failed("fetch", failure)),
        }
    }

    /// Changes references, each by itself; gives the names of those that were not changed, because
    /// they named something else by then.
    ///
    /// # Errors
    /// [`ReferenceError::Failed`] where the remote takes nothing.
    pub fn push(&self, changes: &[Push]) -> Result<Vec<String>, ReferenceError> {
        let mut refused = Vec::new();
        for some in changes.chunks(PUSHED_MAX) {
            refused.extend(self.push_some(some)?);
        }
        Ok(refused)
    }

    fn push_some(&self, changes: &[Push]) -> Result<Vec<String>, ReferenceError> {
        let mut command = self.repository.git();
        command.args(["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"]);
        command.arg("--recurse-submodules=no");
        for change in changes {
            if let Some(was) = &change.was {
                command.arg(format!("--force-with-lease={}:{was}", change.name));
            }
        }
        command.args(["--", self.remote]);
        for change in changes {
            let to = change.to.as_ref().map_or("", Revision::as_str);
            // A parcel is sent again over an older one of the same name.
            let force = if change.to.is_some() && change.was.is_none() { "+" } else { "" };
            command.arg(format!("{force}{to}:{}", change.name));
        }
        let Err(failure) = run(command, self.asks, PUSH_BYTES_MAX) else { return Ok(Vec::new()) };
        // Where it has a line for each, the others were changed.
        if let ProgramFailure::Said { output, .. } = &failure {
            let rejected = rejected(&String::from_utf8_lossy(output));
            if !rejected.is_empty() {
                return Ok(rejected);
            }
        }
        Err(self.failed("push", failure))
    }

    fn failed(&self, verb: &'static str, failure: ProgramFailure) -> ReferenceError {
        let detail = match failure {
            ProgramFailure::Said { talk, status, .. } => first_lines(&talk, status),
            other => other.into_error().to_string(),
        };
        ReferenceError::Failed { verb, remote: self.remote.to_owned(), detail }
    }
}

/// The references that a push did not change, out of its lines `!\tFROM:TO\tWHY`.
fn rejected(lines: &str) -> Vec<String> {
    let lines = lines.lines().filter_map(|line| line.strip_prefix("!\t"));
    let names = lines.filter_map(|line| {
        let (both, _) = line.split_once('\t')?;
        Some(both.rsplit_once(':')?.1.to_owned())
    });
    names.collect()
}

impl Repository {
    /// Writes files as a commit without parent, which nothing names. The same files and time are
    /// the same commit.
    ///
    /// # Errors
    /// [`ReferenceError::NotWritten`].
    pub fn write_files(
        &self,
        files: &[(String, Vec<u8>)],
        time: Timestamp,
    ) -> Result<Revision, ReferenceError> {
        let mut entries = Vec::with_capacity(files.len());
        for (name, content) in files {
            let oid = self.gix().write_blob(content).map_err(|error| not_written(&error))?;
            let (mode, filename) = (EntryKind::Blob.into(), name.as_str().into());
            entries.push(Entry { mode, filename, oid: oid.detach() });
        }
        entries.sort();
        let tree = gix::objs::Tree { entries };
        let tree = self.gix().write_object(&tree).map_err(|error| not_written(&error))?.detach();
        let seconds = i64::try_from(time.milliseconds() / 1000).unwrap_or(i64::MAX);
        let whoever = gix::actor::Signature {
            name: "countersign".into(),
            email: "".into(),
            time: gix::date::Time::new(seconds, 0),
        };
        let commit = gix::objs::Commit {
            tree,
            parents: std::iter::empty().collect(),
            author: whoever.clone(),
            committer: whoever,
            encoding: None,
            message: "countersign\n".into(),
            extra_headers: Vec::new(),
        };
        let id = self.gix().write_object(&commit).map_err(|error| not_written(&error))?;
        Revision::new(id.to_string()).map_err(|error| not_written(&error))
    }
}

fn not_written(error: &impl std::fmt::Display) -> ReferenceError {
    ReferenceError::NotWritten { detail: error.to_string() }
}
