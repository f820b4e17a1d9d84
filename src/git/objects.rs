//! Objects out of a repository: sizes asked before content is read, content hashed before it is
//! used, each tree and blob read once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use gix::objs::{Exists as _, Find as _, FindHeader as _, Kind};
use sha2::{Digest as _, Sha256};

use super::error::{GitError, detail};
use super::promisor::Promisor;
use crate::base::digest::ContentDigest;
use crate::base::limits::{BLOB_BYTES_MAX, COMMIT_BYTES_MAX, TREE_BYTES_MAX};
use crate::change::{
    BlobFacts, BlobReader, Commit, ObjectId, Tree, TreeSource, parse_commit, parse_tree, printable,
};

/// Bytes of parsed trees that are kept: neighbouring commits share nearly all of theirs.
const TREE_MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Commits that are kept.
const COMMIT_MEMORY_MAX: usize = 20_000;
/// Digests of blobs that are kept, by object id.
const BLOB_MEMORY_MAX: usize = 1_000_000;

/// What is known of blobs already; shared by the threads of a process.
pub(super) type BlobMemory = Arc<Mutex<HashMap<ObjectId, BlobFacts>>>;

/// A reader of objects. One a thread.
pub(super) struct Objects {
    repository: gix::Repository,
    /// Looks no second time for packs that may have come: for what is not expected to be there.
    as_found: gix::OdbHandle,
    blobs: BlobMemory,
    promisor: Option<Arc<Promisor>>,
    blob_bytes_max: Cell<u64>,
    trees: RefCell<(usize, HashMap<ObjectId, Arc<Tree>>)>,
    commits: RefCell<HashMap<ObjectId, Arc<Commit>>>,
    buffer: RefCell<Vec<u8>>,
}

impl Objects {
    pub(super) fn new(mut repository: gix::Repository, blobs: BlobMemory) -> Self {
        // The configuration says so too; this is the switch that the reader itself looks at.
        repository.objects.ignore_replacements = true;
        let mut as_found = repository.objects.clone();
        as_found.refresh_never();
        Self {
            repository,
            as_found,
            blobs,
            promisor: None,
            blob_bytes_max: Cell::new(BLOB_BYTES_MAX),
            trees: RefCell::default(),
            commits: RefCell::default(),
            buffer: RefCell::default(),
        }
    }

    pub(super) const fn repository(&self) -> &gix::Repository {
        &self.repository
    }

    pub(super) fn blobs(&self) -> BlobMemory {
        Arc::clone(&self.blobs)
    }

    pub(super) fn promisor(&self) -> Option<Arc<Promisor>> {
        self.promisor.clone()
    }

    pub(super) fn set_promisor(&mut self, promisor: Option<Arc<Promisor>>) {
        self.promisor = promisor;
    }

    /// Fetches those trees and blobs of `ids` that a partial clone left out, in one round. Does
    /// nothing where nothing may be fetched: whoever reads them says what is missing.
    pub(super) fn fetch_missing(
        &self,
        ids: impl IntoIterator<Item = ObjectId>,
    ) -> Result<(), GitError> {
        let Some(promisor) = &self.promisor else { return Ok(()) };
        let mut missing = BTreeSet::new();
        for id in ids {
            // Git knows the empty tree without having it.
            let is_known = self.git_id(&id).is_none_or(|id| id.is_empty_tree());
            if !is_known && self.header(&id)?.is_none() {
                missing.insert(id);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        promisor.fetch(&missing.into_iter().collect::<Vec<_>>())
    }

    pub(super) fn blob_bytes_max(&self) -> u64 {
        self.blob_bytes_max.get()
    }

    pub(super) fn set_blob_bytes_max(&self, limit_bytes: u64) {
        self.blob_bytes_max.set(limit_bytes.min(BLOB_BYTES_MAX));
    }

    /// Whether the clone leaves objects at a server.
    fn is_partial(&self) -> bool {
        let config = self.repository.config_snapshot();
        config.string("extensions.partialClone").is_some()
            || config
                .plumbing()
                .sections_by_name("remote")
                .is_some_and(|mut remotes| remotes.any(|remote| remote.value("promisor").is_some()))
    }

    fn missing(&self, id: &ObjectId, place: &str) -> GitError {
        GitError::Missing { id: *id, place: place.to_owned(), is_partial: self.is_partial() }
    }

    /// Kind and size, without the content; `None` where there is no such object.
    pub(super) fn header(&self, id: &ObjectId) -> Result<Option<(Kind, u64)>, GitError> {
        let Some(git_id) = self.git_id(id) else { return Ok(None) };
        match self.repository.objects.try_header(&git_id) {
            Ok(header) => Ok(header.map(|header| (header.kind, header.size))),
            Err(error) => Err(damaged(id, "header", &error)),
        }
    }

    /// Whether an object is there, as far as the packs that were found first tell: one that came
    /// meanwhile may be missed. Cheap, where most are not there.
    pub(super) fn was_found(&self, id: &ObjectId) -> bool {
        self.git_id(id).is_some_and(|id| self.as_found.exists(&id))
    }

    /// The id as gix has it, where it is of this repository's object format.
    fn git_id(&self, id: &ObjectId) -> Option<gix::ObjectId> {
        gix::ObjectId::try_from(id.as_bytes())
            .ok()
            .filter(|id| id.kind() == self.repository.object_hash())
    }

    /// Reads an object of at most `limit_bytes`, hashes it, and hands its content to `take`.
    fn read<T>(
        &self,
        id: &ObjectId,
        kind: Kind,
        limit_bytes: u64,
        place: &str,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, GitError> {
        let mut header = self.header(id)?;
        // Commits are never left out of a partial clone: one that is missing is beyond a border.
        if header.is_none() && matches!(kind, Kind::Tree | Kind::Blob) && self.promisor.is_some() {
            self.fetch_missing([*id])?;
            header = self.header(id)?;
        }
        let (Some(git_id), Some((found, found_bytes))) = (self.git_id(id), header) else {
            return Err(self.missing(id, place));
        };
        if found != kind {
            return Err(wrong_kind(id, place, found, kind));
        }
        if found_bytes > limit_bytes {
            let place = place.to_owned();
            return Err(GitError::ObjectTooLarge { id: *id, place, found_bytes, limit_bytes });
        }
        let mut buffer = self.buffer.borrow_mut();
        let data = match self.repository.objects.try_find(&git_id, &mut buffer) {
            Ok(Some(data)) => data,
            Ok(None) => return Err(self.missing(id, place)),
            Err(error) => return Err(damaged(id, place, &error)),
        };
        data.verify_checksum(&git_id).map_err(|error| GitError::HashMismatch {
            id: *id,
            place: place.to_owned(),
            detail: detail(&error),
        })?;
        // The header and the object are two reads; only the second is hashed.
        if data.kind != kind {
            return Err(wrong_kind(id, place, data.kind, kind));
        }
        Ok(take(data.data))
    }

    /// A commit; `None` where there is no such object.
    pub(super) fn find_commit(&self, id: &ObjectId) -> Result<Option<Arc<Commit>>, GitError> {
        if let Some(commit) = self.commits.borrow().get(id) {
            return Ok(Some(Arc::clone(commit)));
        }
        let limit_bytes = COMMIT_BYTES_MAX as u64;
        let parsed = match self.read(id, Kind::Commit, limit_bytes, "commit", parse_commit) {
            Err(GitError::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let commit = Arc::new(parsed.map_err(|source| GitError::Commit { id: *id, source })?);
        let mut commits = self.commits.borrow_mut();
        if commits.len() >= COMMIT_MEMORY_MAX {
            commits.clear();
        }
        commits.insert(*id, Arc::clone(&commit));
        Ok(Some(commit))
    }

    /// The raw content of a commit object.
    pub(super) fn commit_bytes(&self, id: &ObjectId) -> Result<Vec<u8>, GitError> {
        self.read(id, Kind::Commit, COMMIT_BYTES_MAX as u64, "commit", <[u8]>::to_vec)
    }

    /// The raw content of a tree object.
    pub(super) fn tree_bytes(&self, id: &ObjectId) -> Result<Vec<u8>, GitError> {
        self.read(id, Kind::Tree, TREE_BYTES_MAX, "tree", <[u8]>::to_vec)
    }

    /// The object that a tag object is about.
    pub(super) fn tagged(&self, id: &ObjectId) -> Result<ObjectId, GitError> {
        let target = self.read(id, Kind::Tag, COMMIT_BYTES_MAX as u64, "tag", |bytes| {
            let line = bytes.strip_prefix(b"object ")?.split(|byte| *byte == b'\n').next()?;
            std::str::from_utf8(line).ok()?.parse().ok()
        })?;
        target.ok_or_else(|| GitError::Damaged {
            id: *id,
            place: "tag".to_owned(),
            detail: "the header \"object\" is missing".to_owned(),
        })
    }

    /// The content of a blob of at most the limit.
    pub(super) fn blob(&self, id: &ObjectId, path: &[u8]) -> Result<Vec<u8>, GitError> {
        let limit_bytes = self.blob_bytes_max();
        self.read(id, Kind::Blob, limit_bytes, &printable(path), <[u8]>::to_vec)
    }

    /// Digest, size and readability of a blob, whatever its size.
    pub(super) fn blob_facts(&self, id: &ObjectId, path: &[u8]) -> Result<BlobFacts, GitError> {
        let memory = || self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = memory().get(id) {
            return Ok(*facts);
        }
        let place = printable(path);
        let limit_bytes = self.blob_bytes_max();
        let facts = match self.read(id, Kind::Blob, limit_bytes, &place, BlobFacts::of) {
            Err(GitError::ObjectTooLarge { found_bytes, .. }) => {
                self.stream_blob(id, &place, found_bytes)?
            }
            other => other?,
        };
        let mut memory = memory();
        if memory.len() >= BLOB_MEMORY_MAX {
            memory.clear();
        }
        memory.insert(*id, facts);
        Ok(facts)
    }

    /// gix inflates a blob whole; git can stream one. Reading a blob by its id runs no filter and
    /// no configured program.
    fn stream_blob(
        &self,
        id: &ObjectId,
        place: &str,
        found_bytes: u64,
    ) -> Result<BlobFacts, GitError> {
        let refused = |detail: String| GitError::BlobTooLarge {
            path: place.to_owned(),
            found_bytes,
            limit_bytes: self.blob_bytes_max(),
            detail,
        };
        let mut child = Command::new("git")
            .arg("--git-dir")
            .arg(self.repository.git_dir())
            .args(["cat-file", "blob"])
            .arg(id.to_string())
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| refused(error.to_string()))?;
        let mut output = child.stdout.take().ok_or_else(|| refused("no output".to_owned()))?;
        let hashed = hash_blob(&mut output, self.repository.object_hash(), found_bytes);
        drop(output);
        let status = child.wait().map_err(|error| refused(error.to_string()))?;
        let (facts, actual) = hashed.map_err(refused)?;
        if !status.success() {
            return Err(refused(format!("git cat-file: {status}")));
        }
        if actual.as_slice() != id.as_bytes() {
            let (place, detail) = (place.to_owned(), format!("it hashes to {actual}"));
            return Err(GitError::HashMismatch { id: *id, place, detail });
        }
        Ok(facts)
    }
}

/// Hashes what git streams: with SHA-256, and as git names a blob.
fn hash_blob(
    input: &mut impl std::io::Read,
    format: gix::hash::Kind,
    size_bytes: u64,
) -> Result<(BlobFacts, gix::ObjectId), String> {
    let mut reader = BlobReader::default();
    let mut content = Sha256::new();
    let mut name = gix::hash::hasher(format);
    name.update(format!("blob {size_bytes}\0").as_bytes());
    let mut piece = vec![0; 64 * 1024];
    // One byte more than was announced is enough to know that the name cannot match.
    let mut input = input.take(size_bytes.saturating_add(1));
    loop {
        let length = input.read(&mut piece).map_err(|error| error.to_string())?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
        reader.update(read);
        content.update(read);
        name.update(read);
    }
    let name = name.try_finalize().map_err(|error| error.to_string())?;
    Ok((reader.finish(ContentDigest::from_bytes(content.finalize().into())), name))
}

fn damaged(id: &ObjectId, place: &str, error: &gix::Error) -> GitError {
    GitError::Damaged { id: *id, place: place.to_owned(), detail: detail(error) }
}

fn wrong_kind(id: &ObjectId, place: &str, found: Kind, expected: Kind) -> GitError {
    let expected = match expected {
        Kind::Tree => "tree",
        Kind::Blob => "blob",
        Kind::Commit => "commit",
        Kind::Tag => "tag",
    };
    GitError::WrongKind { id: *id, place: place.to_owned(), found: found.to_string(), expected }
}

impl TreeSource for Objects {
    type Error = GitError;

    fn tree(&self, id: &ObjectId, path: &[u8]) -> Result<Arc<Tree>, GitError> {
        if let Some(tree) = self.trees.borrow().1.get(id) {
            return Ok(Arc::clone(tree));
        }
        // Git knows the empty tree without having it.
        if self.git_id(id).is_some_and(|id| id.is_empty_tree()) {
            return Ok(Arc::default());
        }
        let place = format!("folder {:?}", printable(path));
        let bytes = self.read(id, Kind::Tree, TREE_BYTES_MAX, &place, <[u8]>::to_vec)?;
        let tree = parse_tree(bytes, id.as_bytes().len()).map_err(|source| GitError::Tree {
            id: *id,
            place,
            source,
        })?;
        let tree = Arc::new(tree);
        let mut memory = self.trees.borrow_mut();
        if memory.0 > TREE_MEMORY_BYTES_MAX {
            *memory = (0, HashMap::new());
        }
        memory.0 += tree.size_bytes();
        memory.1.insert(*id, Arc::clone(&tree));
        Ok(tree)
    }
}

/// For gix's own walks: the same objects, hashed before they are believed. Those walks take a
/// missing commit for the end of the history; here it is an error.
pub(super) struct Checked<'a> {
    pub(super) objects: &'a Objects,
    /// The object that stopped the walk, and whether it is missing.
    pub(super) stopped_at: &'a Cell<Option<(ObjectId, bool)>>,
}

impl gix::objs::Find for Checked<'_> {
    fn try_find<'a>(
        &self,
        id: &gix::hash::oid,
        buffer: &'a mut Vec<u8>,
    ) -> gix::Result<Option<gix::objs::Data<'a>>> {
        let stop = |is_missing| {
            self.stopped_at
                .set(ObjectId::from_bytes(id.as_bytes()).ok().map(|id| (id, is_missing)));
        };
        let found = self.objects.repository.objects.try_find(id, buffer);
        if let Some(data) = found.inspect_err(|_| stop(false))? {
            data.verify_checksum(id).inspect_err(|_| stop(false))?;
            Ok(Some(data))
        } else {
            stop(true);
            Err(gix::Error::from_error(std::io::Error::other("missing object")))
        }
    }
}
