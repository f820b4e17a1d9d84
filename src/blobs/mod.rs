//! The side store: plain durable files by digest, `<ledger>/blobs/ab/cdef...`.
//!
//! Documents, covers and openings lie here, outside of the ledger: what is personal can be
//! removed, with every proof intact.

pub mod openings;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::digest::{Commitment, ContentDigest};
use crate::base::limits::SIDE_BLOB_BYTES_MAX;
use crate::ledger::store::StoreError;
use crate::statement::commitment::Opening;
use crate::store::durable::{self, Durable, MODE_PRIVATE, MODE_SHARED};
use crate::store::files::{Disk, Files};

/// Where files are that a folder does not have yet. What comes from there is not believed: it is
/// known by its digest, or by what it opens.
pub trait Elsewhere: Debug + Send + Sync {
    /// The content with that digest, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn blob(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError>;

    /// The opening of a commitment, if it is there and may be read.
    ///
    /// # Errors
    /// [`StoreError`].
    fn opening(&self, commitment: Commitment) -> Result<Option<Opening>, StoreError>;
}

/// The side store of a ledger.
#[derive(Debug, Clone)]
pub struct Blobs<F = Disk> {
    files: Durable<F>,
    ledger: PathBuf,
    is_shared: bool,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    /// How often something was kept, for who remembers what was not there.
    kept: Arc<AtomicU64>,
}

impl Blobs {
    /// The side store below a ledger's folder. Its own folder is made with the first file.
    #[must_use]
    pub fn new(ledger: &Path) -> Self {
        Self::over(Disk, ledger)
    }

    /// The side store of a mirror: its files may be read by everybody, as far as the process's
    /// umask lets them.
    #[must_use]
    pub fn shared(mirror: &Path) -> Self {
        Self { is_shared: true, ..Self::new(mirror) }
    }
}

impl<F: Files> Blobs<F> {
    /// The same on another file system.
    pub fn over(files: F, ledger: &Path) -> Self {
        let files = Durable(files);
        let kept = Arc::default();
        Self { files, ledger: ledger.to_owned(), is_shared: false, elsewhere: None, kept }
    }

    /// The same, where what is not here yet is fetched from elsewhere and kept.
    #[must_use]
    pub fn backed_by(self, elsewhere: Arc<dyn Elsewhere>) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    /// The same, where whatever is kept is counted.
    #[must_use]
    pub fn counted(self, kept: Arc<AtomicU64>) -> Self {
        Self { kept, ..self }
    }

    /// Whether files come from nowhere but this folder.
    #[must_use]
    pub fn is_all_here(&self) -> bool {
        self.elsewhere.is_none()
    }

    /// Keeps content durably and gives its digest. Keeping it again does nothing, but a damaged
    /// file is replaced.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where the content is larger than 256 MiB.
    pub fn put(&self, content: &[u8]) -> Result<ContentDigest, StoreError> {
        let digest = ContentDigest::of(content);
        if content.len() > SIDE_BLOB_BYTES_MAX {
            let why = format!("{} bytes, at most {SIDE_BLOB_BYTES_MAX} are kept", content.len());
            return Err(StoreError::unavailable(format!("cannot keep {digest}"), why));
        }
        let path = self.path(&digest);
        if let Some(folder) = path.parent().filter(|_| self.is_shared) {
            self.files.create_shared_folder(folder)?;
        }
        self.files.create_folder_of(&self.ledger, &path)?;
        if matches!(self.get_here(&digest), Ok(Some(_))) {
            // Whoever wrote the file may have been killed before its name was durable.
            self.files.sync_folder_of(&path)?;
            return Ok(digest);
        }
        // Documents and openings are for their owner alone, unless a mirror serves them.
        let mode = if self.is_shared { MODE_SHARED } else { MODE_PRIVATE };
        self.files.replace(&path, content, mode)?;
        self.kept.fetch_add(1, Ordering::SeqCst);
        Ok(digest)
    }

    /// The content with that digest; `None` where it is not kept.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where the file has other content, [`StoreError::Unavailable`].
    pub fn get(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let here = self.get_here(digest)?;
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| here.is_none()) else {
            return Ok(here);
        };
        let Some(content) = elsewhere.blob(digest)? else { return Ok(None) };
        let found = ContentDigest::of(&content);
        if found != *digest {
            let why = format!("what was fetched has the digest {found}");
            return Err(StoreError::integrity(format!("the file {digest}"), why));
        }
        self.put(&content)?;
        Ok(Some(content))
    }

    /// The content that lies in the folder itself.
    fn get_here(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest);
        let content = self.files.read(&path, SIDE_BLOB_BYTES_MAX)?;
        if let Some(content) = &content {
            let found = ContentDigest::of(content);
            if found != *digest {
                let why = format!("its content has the digest {found}");
                return Err(StoreError::integrity(path.display().to_string(), why));
            }
        }
        Ok(content)
    }

    /// Whether there is a file of that digest; its content is not looked at.
    #[must_use]
    pub fn has(&self, digest: &ContentDigest) -> bool {
        self.path(digest).is_file()
    }

    /// The digests, in order, that begin with this byte and that there are files of; their content
    /// is not looked at. Files of other names are not told.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn beginning_with(&self, first: u8) -> Result<Vec<ContentDigest>, StoreError> {
        let beginning = format!("{first:02x}");
        let names = durable::names(&self.ledger.join("blobs").join(&beginning))?;
        Ok(names.iter().filter_map(|rest| format!("{beginning}{rest}").parse().ok()).collect())
    }

    /// Removes content durably; gives whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn remove(&self, digest: &ContentDigest) -> Result<bool, StoreError> {
        self.files.remove(&self.path(digest))
    }

    /// The file of a digest.
    #[must_use]
    pub fn path(&self, digest: &ContentDigest) -> PathBuf {
        let text = digest.to_string();
        self.ledger.join("blobs").join(&text[..2]).join(&text[2..])
    }

    /// The file of a digest, below the ledger's folder.
    #[must_use]
    pub fn name(&self, digest: &ContentDigest) -> String {
        let text = digest.to_string();
        format!("blobs/{}/{}", &text[..2], &text[2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Folder;
    use std::fs::OpenOptions;
    use std::io::Write as _;

    #[test]
    fn content_is_kept_once_verified_and_removed() {
        let folder = Folder::new("blobs");
        let blobs = Blobs::new(folder.path());
        let digest = ContentDigest::of(b"cover");
        assert_eq!(blobs.get(&digest), Ok(None));
        assert_eq!(blobs.put(b"cover"), Ok(digest));
        assert_eq!(blobs.put(b"cover"), Ok(digest));
        assert!(blobs.has(&digest));
        assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"cover");
        let path = blobs.path(&digest);
        assert!(path.ends_with(format!(
            "{}/{}",
            &digest.to_string()[..2],
            &digest.to_string()[2..]
        )));
        // A wrong content is told apart from none, and put repairs it.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
        assert!(matches!(blobs.get(&digest), Err(StoreError::Integrity { .. })));
        blobs.put(b"cover").unwrap();
        assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"cover");
        assert_eq!(blobs.remove(&digest), Ok(true));
        assert_eq!(blobs.remove(&digest), Ok(false));
        assert_eq!(blobs.get(&digest), Ok(None));
    }
}
