//! What `init` takes from git: the ledger's origin, names, the main branch and its commit.

use std::path::PathBuf;

use crate::base::limits::REFERENCE_BYTES_MAX;
use crate::base::name::{Origin, ReferenceName};
use crate::cli::error::CliError;
use crate::git::Repository;
use crate::statement::governance::Accepted;
use crate::store::durable;

/// `host/path` of a remote's URL; none where it names a folder.
pub(super) fn origin_of_url(url: &str) -> Option<Origin> {
    let (host, path) = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split_once('/')?,
        // `git@host:path`; a path with a slash before the colon is a folder.
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if host.is_empty() || path.is_empty() {
        return None;
    }
    Origin::new(format!("{}/{path}", host.to_ascii_lowercase())).ok()
}

/// The folder of the work tree, or of a bare repository, as one plain name.
pub(super) fn folder_name(repository: &Repository) -> String {
    let folder = repository.work_dir().unwrap_or_else(|| repository.common_dir());
    let folder = folder.canonicalize().unwrap_or(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    plain_name(name.strip_suffix(".git").unwrap_or(&name))
}

/// Lower-case letters, digits and `. _ -`; whatever else is there becomes `-`.
pub(super) fn plain_name(text: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | '.' | '_' | '-') => letter,
        _ => '-',
    };
    let name: String = text.chars().take(64).map(plain).collect();
    let name = name.trim_matches(['.', '_', '-']);
    if name.is_empty() { "repository".to_owned() } else { name.to_owned() }
}

/// The branch that production is built from: the named one, the remote's, or the present one.
pub(super) fn main_branch(
    repository: &Repository,
    named: Option<&str>,
) -> Result<ReferenceName, CliError> {
    let full = |name: &str| {
        let full =
            if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") };
        ReferenceName::new(full)
    };
    if let Some(name) = named {
        return full(name).map_err(|error| CliError::usage(error.to_string()));
    }
    if let Some(branch) = remote_head(repository).and_then(|name| full(&name).ok()) {
        return Ok(branch);
    }
    repository.head_branch()?.ok_or_else(|| {
        CliError::usage("no branch is checked out").hint("name the main branch with --branch")
    })
}

/// The branch that `refs/remotes/origin/HEAD` points to, without `refs/heads/`.
fn remote_head(repository: &Repository) -> Option<String> {
    let file: PathBuf = repository.common_dir().join("refs/remotes/origin/HEAD");
    let bytes = durable::read(&file, REFERENCE_BYTES_MAX + 8).ok()??;
    let text = String::from_utf8(bytes).ok()?;
    text.trim().strip_prefix("ref: refs/remotes/origin/").map(str::to_owned)
}

/// The present commit of the main branch; nothing where it has none yet.
pub(super) fn start(repository: &Repository, branch: &ReferenceName) -> Result<Accepted, CliError> {
    let tips = repository.branches()?;
    let short = branch.as_str().strip_prefix("refs/heads/").unwrap_or(branch.as_str());
    let remote = format!("refs/remotes/origin/{short}");
    let tip = |name: &str| tips.iter().find(|tip| tip.name.as_str() == name);
    let found = tip(branch.as_str()).or_else(|| tip(&remote));
    if let Some(found) = found {
        return Ok(Accepted::UpTo(found.revision.clone()));
    }
    // A branch that is checked out and has no commit is a repository without history.
    if repository.head_branch()?.as_ref() == Some(branch) {
        return Ok(Accepted::Nothing);
    }
    Err(CliError::usage(format!("there is no branch {short} here"))
        .hint("name the main branch with --branch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_host_and_path_of_the_remote() {
        let origin = |url| origin_of_url(url).map(|origin| origin.to_string());
        for url in [
            "https://git.example/team/shop.git",
            "https://me:secret@git.example:8443/team/shop",
            "ssh://git@Git.Example:22/team/shop.git/",
            "git@git.example:team/shop.git",
        ] {
            assert_eq!(origin(url).as_deref(), Some("git.example/team/shop"), "{url}");
        }
        for url in ["/srv/git/shop.git", "file:///srv/git/shop", "../shop", "", "./a:b", "host:"] {
            assert_eq!(origin(url), None, "{url}");
        }
    }

    #[test]
    fn a_folder_becomes_a_plain_name() {
        assert_eq!(plain_name("My Shop"), "my-shop");
        assert_eq!(plain_name(".hidden_"), "hidden");
        assert_eq!(plain_name("\u{e9}"), "repository");
    }
}
