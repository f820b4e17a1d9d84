//! Whether what CMD would find in the work tree is what was judged.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use crate::base::name::Revision;
use crate::cli::error::CliError;
use crate::cli::text::escape_bytes;
use crate::git::Repository;

/// CMD runs in the work tree: it must be the commit that is judged, with nothing changed in what
/// git tracks. A repository without a work tree has nothing to compare.
///
/// # Errors
/// Where another commit is checked out, tracked files are changed, or git cannot tell.
pub(crate) fn check(repository: &Repository, revision: &Revision) -> Result<(), CliError> {
    let Some(folder) = repository.work_dir() else { return Ok(()) };
    let opt_out = "or say --any-checkout, if CMD does not use this work tree";
    let head = repository.resolve("HEAD")?;
    if head != *revision {
        let (head, revision) = (head.short(), revision.short());
        let message = format!("{head} is checked out, and {revision} would be deployed");
        return Err(CliError::usage(message)
            .hint(format!("git checkout --detach {revision}"))
            .hint(opt_out));
    }
    let changed = asked(&folder, STATUS)?;
    let changed = String::from_utf8_lossy(&changed);
    let hidden = hidden(&folder, &asked(&folder, LIST)?);
    let first: Vec<_> =
        changed.lines().map(|line| line.trim().to_owned()).chain(hidden).take(3).collect();
    if first.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!("tracked files are changed: {}", first.join(", ")))
        .hint("commit them, or put them back: git stash")
        .hint(opt_out))
}

/// Files that git is told not to look at, and would call unchanged, though they are there. In a
/// sparse checkout such files are absent, and CMD cannot find them either.
fn hidden(folder: &Path, listed: &[u8]) -> Vec<String> {
    let entries = listed.split(|byte| *byte == 0).filter_map(|entry| entry.split_at_checked(2));
    let overlooked = entries.filter(|(look, path)| *look != b"H " && !path.is_empty());
    let there = overlooked
        .filter(|(_, path)| folder.join(OsStr::from_bytes(path)).symlink_metadata().is_ok());
    there.map(|(_, path)| escape_bytes(path)).collect()
}

/// Tracked files that are changed, in submodules too, whatever the judged tree wants ignored.
const STATUS: &[&str] =
    &["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=none"];
/// Tracked files, each with how git looks at it: `H` is as usual; a small letter is assumed
/// unchanged, `S` is skipped.
const LIST: &[&str] = &["ls-files", "-v", "-z"];
/// What would lead git to another repository, index or work tree than the one that CMD runs in.
const ELSEWHERE: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"];

/// What git says of the work tree. The program is asked, for only it knows how this work tree is
/// filtered; CMD is about to run here anyway.
fn asked(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, CliError> {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false"]).args(arguments);
    command.env("GIT_OPTIONAL_LOCKS", "0").current_dir(folder);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    let unknown = || CliError::unavailable("git cannot tell whether the work tree is as committed");
    let output = command.output().map_err(|error| unknown().because(&error))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(unknown().hint("run git status, and mend what it names"))
    }
}
