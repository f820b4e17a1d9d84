//! Partial clones: objects that were left at the server, fetched many at a time.
//!
//! gix fetches nothing, and `git cat-file --batch` fetches each missing object by itself. So ids
//! are collected first, and one `git fetch` gets all of them: it is called as git calls it for
//! an object that it misses.
//!
//! What is relied on: the configuration of the clone, and nothing of its content. Whoever may
//! write that configuration is the user who runs this (gix has refused any other owner) and has
//! fetched with it to make the clone; it says where the server is and how to speak with it
//! (`core.sshCommand`, credential helpers, proxies), so it cannot be left out. Hooks, housekeeping
//! and transports that are commands (`ext::`) are switched off. What arrives is hashed like any
//! other object: a server that lies is found out.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::error::GitError;
use crate::change::{ObjectId, printable};

/// What git says of a failure is cut here, in bytes.
const SAID_BYTES_MAX: usize = 2_000;

/// The remote that has what a partial clone left out. Threads share it and fetch in turn.
#[derive(Debug)]
pub(super) struct Promisor {
    git_dir: PathBuf,
    remote: String,
    turn: Mutex<()>,
}

impl Promisor {
    /// The remote that a repository's configuration promises missing objects from; the first, as
    /// git asks them in that order.
    pub(super) fn of(repository: &gix::Repository) -> Option<Self> {
        let config = repository.config_snapshot();
        let named = config.string("extensions.partialClone").map(|name| printable(&name));
        let is_yes = |value: &[u8]| !matches!(value, b"false" | b"no" | b"off" | b"0");
        let promised = || {
            let mut remotes = config.plumbing().sections_by_name("remote")?;
            let found =
                remotes.find(|one| one.value("promisor").is_some_and(|value| is_yes(&value)))?;
            found.header().subsection_name().map(|name| printable(name))
        };
        let remote = named.or_else(promised)?;
        // It becomes an argument: nothing that git could take for an option, nor for a URL.
        let is_name = !remote.starts_with('-')
            && config.string(format!("remote.{remote}.url").as_str()).is_some();
        is_name.then(|| Self {
            git_dir: repository.git_dir().to_path_buf(),
            remote,
            turn: Mutex::default(),
        })
    }

    /// Fetches objects in one round. Trees come with all trees below them, never with blobs.
    ///
    /// # Errors
    /// [`GitError::NotFetched`], with what git says.
    pub(super) fn fetch(&self, ids: &[ObjectId]) -> Result<(), GitError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |detail: String| GitError::NotFetched {
            remote: self.remote.clone(),
            count: ids.len(),
            detail,
        };
        let mut child = self.command().spawn().map_err(|error| failed(error.to_string()))?;
        let mut wanted = String::with_capacity(ids.len() * 65);
        for id in ids {
            wanted.push_str(&id.to_string());
            wanted.push('\n');
        }
        let input = child.stdin.take();
        // git reads every id before it says anything; only a git that fails at once says
        // something first, and that fits into a pipe.
        let written = input.map_or(Ok(()), |mut input| input.write_all(wanted.as_bytes()));
        let mut said = Vec::new();
        if let Some(talk) = child.stderr.take() {
            let limit_bytes = SAID_BYTES_MAX as u64;
            let mut talk = talk;
            let mut first = std::io::Read::by_ref(&mut talk).take(limit_bytes);
            // What it says beyond is read as well, so that it never waits for a reader.
            let _ = first.read_to_end(&mut said);
            let _ = std::io::copy(&mut talk, &mut std::io::sink());
        }
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if status.success() && written.is_ok() {
            return Ok(());
        }
        let said = printable(said.trim_ascii());
        Err(failed(if said.is_empty() { format!("git fetch: {status}") } else { said }))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.git_dir);
        for setting in [
            // The history is there: nothing is negotiated, the ids alone are asked for.
            "fetch.negotiationAlgorithm=noop",
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "protocol.ext.allow=never",
            "gc.auto=0",
            "maintenance.auto=false",
            "fetch.writeCommitGraph=false",
        ] {
            command.args(["-c", setting]);
        }
        command
            .args(["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head"])
            .args(["--recurse-submodules=no", "--filter=blob:none", "--stdin", "--"])
            .arg(&self.remote)
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}
