//! A repository: opening it, its settings and its references.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{GitError, detail};
use super::objects::{BlobMemory, Objects};
use super::promisor::Promisor;
use crate::base::limits::BLOB_BYTES_MAX;
use crate::base::name::{ReferenceName, Revision};
use crate::change::{Chain, CommitFacts, ObjectId, printable};

/// How a repository names its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFormat {
    /// By SHA-1, with collision detection.
    Sha1,
    /// By SHA-256.
    Sha256,
}

impl ObjectFormat {
    /// Git's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// A reference and the commit that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchTip {
    /// The reference: `refs/heads/...` or `refs/remotes/...`.
    pub name: ReferenceName,
    /// The commit.
    pub revision: Revision,
}

/// An open git repository. It remembers what it has read: one a process is enough.
pub struct Repository {
    objects: Objects,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Repository").field("git_dir", &self.gix().git_dir()).finish()
    }
}

/// Replacement objects and the commit-graph lie about objects; the limit is ours, also in a
/// repository whose own settings are ignored. Blobs above it are never asked for.
fn options(options: gix::open::Options) -> gix::open::Options {
    let limit = format!("gitoxide.objects.allocLimit={}", 2 * BLOB_BYTES_MAX);
    options
        .config_overrides(["core.useReplaceRefs=false", "core.commitGraph=false", limit.as_str()])
        .bail_if_untrusted(true)
}

fn trust_map() -> gix::sec::trust::Mapping<gix::open::Options> {
    let mut map = gix::sec::trust::Mapping::<gix::open::Options>::default();
    map.full.modify(options);
    map.reduced.modify(options);
    map
}

impl Repository {
    /// Opens the repository that `directory` is in, as git would find it: `GIT_DIR` and its kin
    /// count, and another user's repository is refused unless `safe.directory` names it.
    ///
    /// # Errors
    /// [`GitError`] of the kind usage, with the reason.
    pub fn open(directory: &Path) -> Result<Self, GitError> {
        let discovered = gix::ThreadSafeRepository::discover_with_environment_overrides_opts(
            directory,
            gix::discover::upwards::Options {
                match_ceiling_dir_or_error: false,
                ..Default::default()
            },
            trust_map(),
        );
        match discovered {
            Ok(repository) => {
                let repository = repository.to_thread_local();
                refuse_nested(&repository)?;
                Self::from_gix(repository, BlobMemory::default())
            }
            Err(error) => Err(open_error(directory, &error)),
        }
    }

    /// The same repository once more, for another thread; blobs that one has read the other
    /// knows.
    pub(super) fn reopen(
        git_dir: &Path,
        blobs: BlobMemory,
        promisor: Option<Arc<Promisor>>,
    ) -> Result<Self, GitError> {
        let mut settings = gix::open::Options::default();
        settings.modify(options);
        match gix::open_opts(git_dir, settings.open_path_as_is(true)) {
            Ok(repository) => {
                let mut repository = Self::from_gix(repository, blobs)?;
                repository.objects.set_promisor(promisor);
                Ok(repository)
            }
            Err(error) => Err(open_error(git_dir, &error)),
        }
    }

    fn from_gix(repository: gix::Repository, blobs: BlobMemory) -> Result<Self, GitError> {
        let storage = repository.config_snapshot().string("extensions.refStorage");
        if let Some(storage) = storage.filter(|storage| !storage.eq_ignore_ascii_case(b"files")) {
            return Err(GitError::ReferenceStorage { storage: printable(&storage) });
        }
        Ok(Self { objects: Objects::new(repository, blobs) })
    }

    pub(super) const fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) const fn gix(&self) -> &gix::Repository {
        self.objects.repository()
    }

    /// From now on trees and blobs that a partial clone left at the server are fetched with the
    /// git program, all that one question needs in one round. Elsewhere it changes nothing.
    pub fn allow_fetch(&mut self) {
        let promisor = Promisor::of(self.gix()).map(Arc::new);
        self.objects.set_promisor(promisor);
    }

    /// Lowers the size above which a blob is streamed through the git program.
    pub fn set_blob_bytes_max(&mut self, limit_bytes: u64) {
        self.objects.set_blob_bytes_max(limit_bytes);
    }

    /// How the repository names its objects.
    #[must_use]
    pub fn object_format(&self) -> ObjectFormat {
        match self.gix().object_hash() {
            gix::hash::Kind::Sha256 => ObjectFormat::Sha256,
            _ => ObjectFormat::Sha1,
        }
    }

    /// Whether the history is cut off somewhere.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.gix().is_shallow().unwrap_or(true)
    }

    /// The folder that all work trees of the repository share.
    #[must_use]
    pub fn common_dir(&self) -> PathBuf {
        self.gix().common_dir().to_path_buf()
    }

    /// The top of the work tree; `None` in a bare repository.
    #[must_use]
    pub fn work_dir(&self) -> Option<PathBuf> {
        self.gix().workdir().map(Path::to_path_buf)
    }

    /// The branch that is checked out; `None` where the head is detached, or its name is not one
    /// that a statement can hold.
    ///
    /// # Errors
    /// [`GitError::Unreadable`].
    pub fn head_branch(&self) -> Result<Option<ReferenceName>, GitError> {
        let name = self.gix().head_name().map_err(|error| unreadable(&error))?;
        Ok(name.and_then(|name| ReferenceName::new(name.as_bstr().to_string()).ok()))
    }

    /// The URL that is fetched from the remote `name`, as configured.
    #[must_use]
    pub fn remote_url(&self, name: &str) -> Option<String> {
        self.config_string(&format!("remote.{name}.url"))
    }

    /// A value of git's configuration: system, user, repository and `GIT_CONFIG_*` variables, as
    /// git itself reads it. It may come from the repository, so it is never a reason to trust.
    #[must_use]
    pub fn config_string(&self, key: &str) -> Option<String> {
        let value = self.gix().config_snapshot().string(key)?;
        String::from_utf8(value.to_vec()).ok()
    }

    /// Local and remote-tracking branches with their commits, in order of their names. Those
    /// whose names a statement cannot hold, or that name no commit, are left out.
    ///
    /// # Errors
    /// [`GitError::Unreadable`].
    pub fn branches(&self) -> Result<Vec<BranchTip>, GitError> {
        let references = self.gix().references().map_err(|error| unreadable(&error))?;
        let mut tips = Vec::new();
        for prefix in ["refs/heads/", "refs/remotes/"] {
            let found = references.prefixed(prefix).map_err(|error| unreadable(&error))?;
            for mut reference in found.flatten() {
                let Ok(name) = ReferenceName::new(reference.name().as_bstr().to_string()) else {
                    continue;
                };
                // `refs/remotes/origin/HEAD` is another name of a branch that is listed anyway.
                let is_alias = matches!(reference.target(), gix::refs::TargetRef::Symbolic(_));
                let peeled = if is_alias { None } else { reference.peel_to_id().ok() };
                let revision = peeled
                    .and_then(|id| ObjectId::from_bytes(id.as_bytes()).ok())
                    .filter(|id| matches!(self.objects.find_commit(id), Ok(Some(_))))
                    .map(|id| id.revision());
                tips.extend(revision.map(|revision| BranchTip { name, revision }));
            }
        }
        tips.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(tips)
    }

    /// The first line of a commit's message, as it is but for bytes that are no text: whoever
    /// shows it to people spells out what could mislead.
    ///
    /// # Errors
    /// [`GitError`] where there is no such commit, or it is damaged.
    pub fn short_summary(&self, revision: &Revision) -> Result<String, GitError> {
        let commit = self.objects.commit(&ObjectId::from(revision))?;
        let mut lines = commit.message.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    /// The raw content of a commit object: for its signature, or for a bundle.
    ///
    /// # Errors
    /// [`GitError`] where there is no such commit, or it is damaged.
    pub fn commit_bytes(&self, revision: &Revision) -> Result<Vec<u8>, GitError> {
        let id = ObjectId::from(revision);
        self.objects.commit(&id)?;
        self.objects.commit_bytes(&id)
    }

    /// Walks along first parents from `head` until `start` itself is met, or a root; without a
    /// start, down to the root.
    ///
    /// # Errors
    /// [`GitError::Shallow`] where the history is cut off before; [`GitError::UnknownCommit`]
    /// where the repository does not have the start.
    pub fn chain(&self, start: Option<&Revision>, head: &Revision) -> Result<Chain, GitError> {
        self.objects.chain(start.map(ObjectId::from).as_ref(), &ObjectId::from(head))
    }

    /// Whether `ancestor` is on the first-parent chain of `head`, or is it.
    ///
    /// # Errors
    /// As [`Repository::chain`].
    pub fn is_ancestor_first_parent(
        &self,
        ancestor: &Revision,
        head: &Revision,
    ) -> Result<bool, GitError> {
        let chain = self.chain(Some(ancestor), head)?;
        Ok(chain.end == crate::change::ChainEnd::MetStart)
    }

    /// The first parent of a commit; none of a root.
    ///
    /// # Errors
    /// [`GitError`] where there is no such commit, or it is damaged.
    pub fn first_parent(&self, commit: &Revision) -> Result<Option<Revision>, GitError> {
        let commit = self.objects.commit(&ObjectId::from(commit))?;
        Ok(commit.parents.first().map(ObjectId::revision))
    }

    /// The ids of all commits that are reachable from `head` and not from `base`. Where clocks
    /// ran back it may have more of `head`'s ancestors, never fewer.
    ///
    /// # Errors
    /// [`GitError`] where commits are missing or damaged, or there are too many.
    pub fn commits_between(
        &self,
        base: Option<&Revision>,
        head: &Revision,
    ) -> Result<BTreeSet<Revision>, GitError> {
        let base = base.map(ObjectId::from);
        let commits = self.objects.brought_in(&ObjectId::from(head), base.as_ref())?;
        Ok(commits.iter().map(|(id, _)| id.revision()).collect())
    }

    /// The facts of all commits that a range brings in: reachable from its head, not its base.
    ///
    /// # Errors
    /// [`GitError`] where commits or trees are missing or damaged.
    pub fn commits_only(&self, range: &super::Range) -> Result<Vec<CommitFacts>, GitError> {
        let base = range.base.as_ref().map(ObjectId::from);
        self.objects.commit_facts(&ObjectId::from(&range.head), base.as_ref())
    }
}

/// A bare repository inside a work tree may have come with it: whoever can commit files can commit
/// one, with a history of their own.
fn refuse_nested(repository: &gix::Repository) -> Result<(), GitError> {
    if repository.workdir().is_some() {
        return Ok(());
    }
    let git_dir = repository.git_dir();
    let git_dir = git_dir.canonicalize().unwrap_or_else(|_| git_dir.to_path_buf());
    let Some(around) = git_dir.parent().and_then(|parent| gix::discover(parent).ok()) else {
        return Ok(());
    };
    let is_inside =
        around.workdir().and_then(|tree| tree.canonicalize().ok()).is_some_and(|tree| {
            let own = around.git_dir().canonicalize().unwrap_or_default();
            git_dir.starts_with(tree) && !git_dir.starts_with(own)
        });
    if is_inside {
        return Err(GitError::Nested { directory: git_dir });
    }
    Ok(())
}

fn unreadable(error: &gix::Error) -> GitError {
    GitError::Unreadable { detail: detail(error) }
}

fn open_error(directory: &Path, error: &gix::Error) -> GitError {
    let detail = detail(error);
    let directory = directory.to_path_buf();
    if detail.contains("not owned by the current user") {
        GitError::NotOwned { directory }
    } else if error.is_not_found() || detail.contains("Could not find a git repository") {
        GitError::NotARepository { directory }
    } else if detail.contains("reftable") {
        GitError::ReferenceStorage { storage: "reftable".to_owned() }
    } else if std::fs::read_dir(&directory)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    {
        GitError::Forbidden { directory }
    } else {
        GitError::Open { detail }
    }
}
