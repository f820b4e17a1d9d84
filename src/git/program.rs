//! The git program, where a remote is asked: no hook runs, and what it says is bounded.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use super::repository::Repository;
use crate::change::printable;

/// Bytes that are read of what git complains about, or says where nobody asked.
pub(super) const TALK_BYTES_MAX: u64 = 16 * 1024;

/// Why git gave no answer.
pub(super) enum ProgramFailure {
    /// It could not be run.
    NoGit(io::Error),
    /// It said more than is read.
    TooLong,
    /// It failed.
    Said {
        /// What it wrote all the same.
        output: Vec<u8>,
        /// What it complained about.
        talk: String,
        /// How it ended.
        status: ExitStatus,
    },
}

impl ProgramFailure {
    /// The failure where git itself said nothing.
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Self::NoGit(error) => error,
            Self::TooLong => io::Error::other("it answers with more than is read"),
            Self::Said { talk, status, .. } => io::Error::other(first_lines(&talk, status)),
        }
    }
}

/// Whether it can name a remote: nothing that leads out of our references, or into git's options.
pub(super) fn is_remote_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']);
    name.split('/').all(part)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

/// The first lines of what git complained about, or how it ended.
pub(super) fn first_lines(talk: &str, status: ExitStatus) -> String {
    let lines = talk.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.take(3).map(|line| printable(line.as_bytes())).collect::<Vec<_>>();
    if said.is_empty() { status.to_string() } else { said.join("; ") }
}

/// Runs git to its end, and gives what it wrote, of at most `output_bytes_max` bytes. Only where it
/// `asks` it may ask for a password.
pub(super) fn run(
    mut command: Command,
    asks: bool,
    output_bytes_max: u64,
) -> Result<Vec<u8>, ProgramFailure> {
    if !asks {
        command.env("GIT_TERMINAL_PROMPT", "0").env("SSH_ASKPASS_REQUIRE", "never");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(ProgramFailure::NoGit)?;
    let talk = child.stderr.take().map(|pipe| thread::spawn(|| read_some(pipe, TALK_BYTES_MAX)));
    let output = child.stdout.take().map(|pipe| read_some(pipe, output_bytes_max + 1));
    let status = child.wait().map_err(ProgramFailure::NoGit)?;
    let talk = talk.and_then(|talk| talk.join().ok()).unwrap_or_default();
    let output = output.unwrap_or_default();
    if !status.success() {
        let talk = String::from_utf8_lossy(&talk).into_owned();
        return Err(ProgramFailure::Said { output, talk, status });
    }
    if output.len() as u64 > output_bytes_max {
        return Err(ProgramFailure::TooLong);
    }
    Ok(output)
}

/// The beginning of what a program writes. What else it says is thrown away, or it would wait for a
/// reader.
fn read_some(pipe: impl Read, bytes_max: u64) -> Vec<u8> {
    let mut beginning = Vec::new();
    let mut pipe = pipe.take(bytes_max);
    let _ = pipe.read_to_end(&mut beginning);
    let _ = io::copy(&mut pipe.into_inner(), &mut io::sink());
    beginning
}

impl Repository {
    /// git in this repository, with nothing of the repository's own to run but what reaches a
    /// remote.
    pub(super) fn git(&self) -> Command {
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
