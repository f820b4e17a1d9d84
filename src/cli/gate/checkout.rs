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
    let changed = changed_files(&folder)?;
    if changed.is_empty() {
        return Ok(());
    }
    let first: Vec<_> = changed.lines().take(3).map(|line| line.trim().to_owned()).collect();
    Err(CliError::usage(format!("tracked files are changed: {}", first.join(", ")))
        .hint("commit them, or put them back: git stash")
        .hint(opt_out))
}

/// What `git status` says of tracked files. The program is asked, for only it knows how this work
/// tree is filtered; CMD is about to run here anyway.
fn changed_files(folder: &Path) -> Result<String, CliError> {
    let mut command = Command::new("git");
    command
        .args(["-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=no"])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .current_dir(folder);
    let unknown = || CliError::unavailable("git cannot tell whether the work tree is as committed");
    let output = command.output().map_err(|error| unknown().because(&error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(unknown().hint("run git status, and mend what it names"))
    }
}
