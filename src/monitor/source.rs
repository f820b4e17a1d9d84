//! Where a ledger is shown: the folder of a mirror, or a server, be it a ledger's own or any that
//! serves a mirror's files. Nothing of it is believed.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::digest::ContentDigest;
use crate::base::limits::{ENTRY_BUNDLE_BYTES_MAX, SIDE_BLOB_BYTES_MAX};
use crate::blobs::Blobs;
use crate::http::client::{Client, ClientError, Credentials};
use crate::ledger::store::StoreError;
use crate::session::{Server, ServerError};
use crate::store::mirror::{MirrorFiles, MirrorStore};

/// Where a ledger is shown.
pub trait Source {
    /// What is shown now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it cannot be reached, [`StoreError::Integrity`] where it
    /// is no ledger's.
    fn show(&self) -> Result<MirrorStore, StoreError>;

    /// A file of its side store; none where it is not at hand.
    ///
    /// # Errors
    /// [`StoreError::Integrity`] where it is another than its name says.
    fn file(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError>;
}

/// The folder of a mirror.
#[derive(Debug, Clone)]
pub struct MirrorFolder(pub PathBuf);

impl Source for MirrorFolder {
    fn show(&self) -> Result<MirrorStore, StoreError> {
        let what = || format!("the mirror in {}", self.0.display());
        let found = MirrorStore::open(&self.0)?;
        found.ok_or_else(|| StoreError::unavailable(what(), "it is not there"))
    }

    fn file(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        Blobs::shared(&self.0).get(digest)
    }
}

/// What is served at a URL: `/checkpoint`, `/tile/`, `/blobs/`.
#[derive(Debug, Clone)]
pub struct Served {
    url: String,
    tiles: Client,
    blobs: Client,
}

impl Served {
    /// What is served below a URL, to whoever has these credentials; each file is waited for so
    /// long.
    ///
    /// # Errors
    /// [`ServerError::Credentials`], also where a token would be sent for all to read.
    pub fn new(
        url: &str,
        credentials: Credentials<'_>,
        wait: Duration,
    ) -> Result<Self, ServerError> {
        let url = url.trim_end_matches('/').to_owned();
        // What a client of that server is refused is refused here.
        drop(Server::new(&url, credentials, wait)?);
        let wrong = |error: ClientError| ServerError::Credentials {
            url: url.clone(),
            why: error.to_string(),
        };
        let client =
            |bytes_max: usize| Client::with(wait, bytes_max as u64, credentials).map_err(wrong);
        let (tiles, blobs) = (client(ENTRY_BUNDLE_BYTES_MAX)?, client(SIDE_BLOB_BYTES_MAX)?);
        Ok(Self { url, tiles, blobs })
    }

    fn get(&self, client: &Client, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let url = format!("{}/{path}", self.url);
        match client.get(&url) {
            Ok(answer) if answer.status == 200 => Ok(Some(answer.body)),
            Ok(answer) if answer.status == 404 => Ok(None),
            Ok(answer) => {
                let why = match answer.status {
                    401 => ", for it does not know the token (COUNTERSIGN_TOKEN)",
                    403 => ", for the token may not read (COUNTERSIGN_TOKEN)",
                    _ => "",
                };
                let what = format!("answered with status {}{why}", answer.status);
                Err(StoreError::unavailable(url, what))
            }
            Err(error @ ClientError::TooLarge(_)) => Err(StoreError::integrity(url, error)),
            Err(error) => Err(StoreError::unavailable(url, error)),
        }
    }
}

impl MirrorFiles for Served {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.get(&self.tiles, path)?;
        if bytes.as_ref().is_some_and(|bytes| bytes.len() > bytes_max) {
            return Err(StoreError::integrity(path, format!("larger than {bytes_max} bytes")));
        }
        Ok(bytes)
    }
}

impl Source for Served {
    fn show(&self) -> Result<MirrorStore, StoreError> {
        let name = format!("{}/checkpoint", self.url);
        let found = MirrorStore::over(Box::new(self.clone()), &name)?;
        found.ok_or_else(|| StoreError::unavailable(name, "it is not there"))
    }

    fn file(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let name = digest.to_string();
        let (folder, rest) = name.split_at(2);
        let Some(content) = self.get(&self.blobs, &format!("blobs/{folder}/{rest}"))? else {
            return Ok(None);
        };
        if ContentDigest::of(&content) != *digest {
            return Err(StoreError::integrity(name, "has another content than its name says"));
        }
        Ok(Some(content))
    }
}
