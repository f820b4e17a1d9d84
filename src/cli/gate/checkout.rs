//! Whether what CMD would find in the work tree is what was judged.

use std::path::Path;
use std::process::Command;

use crate::base::name::Revision;
use crate::cli::error::CliError;
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
    let listed = asked(&folder, LIST)?;
    // git is told not to look at these: it would call them unchanged.
    let hidden = listed.lines().filter(|line| !line.starts_with("H "));
    let first: Vec<_> =
        changed.lines().chain(hidden).take(3).map(|line| line.trim().to_owned()).collect();
    if first.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!("tracked files are changed: {}", first.join(", ")))
        .hint("commit them, or put them back: git stash")
        .hint(opt_out))
}

/// Tracked files that are changed, in submodules too, whatever the judged tree wants ignored.
const STATUS: &[&str] =
    &["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=none"];
/// Tracked files, each with how git looks at it: `H` is as usual; a small letter is assumed
/// unchanged, `S` is skipped.
const LIST: &[&str] = &["ls-files", "-v"];
/// What would lead git to another repository, index or work tree than the one that CMD runs in.
const ELSEWHERE: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"];

/// What git says of the work tree. The program is asked, for only it knows how this work tree is
/// filtered; CMD is about to run here anyway.
fn asked(folder: &Path, arguments: &[&str]) -> Result<String, CliError> {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false"]).args(arguments);
    command.env("GIT_OPTIONAL_LOCKS", "0").current_dir(folder);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    let unknown = || CliError::unavailable("git cannot tell whether the work tree is as committed");
    let output = command.output().map_err(|error| unknown().because(&error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(unknown().hint("run git status, and mend what it names"))
    }
}
