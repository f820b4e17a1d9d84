//! A ledger in one file (`spec/ledger.md` section 13): a tar archive of the mirror's files, of what
//! may be forgotten, and of the ledger's own key where that was asked for; its last member lists
//! the others with their digests.

mod read;
mod write;

use crate::base::digest::{Commitment, ContentDigest};
use crate::base::limits::{
    BACKUP_MANIFEST_BYTES_MAX, ENTRY_BUNDLE_BYTES_MAX, KEY_FILE_BYTES_MAX, NOTE_BYTES_MAX,
    OPENING_FILE_BYTES_MAX, SIDE_BLOB_BYTES_MAX,
};
use crate::ledger::tiles::{CHECKPOINT_NAME, LogFile};
use crate::merkle::tile::{HASH_BYTES, TILE_WIDTH};

pub use read::{BackupError, Take, Unpacked, read_backup, unpack};
pub use write::{Backup, Written};

/// Name and content of the first member: what the file is.
const FORMAT_NAME: &str = "countersign-backup";
/// What the first member begins with; a line with the origin follows.
const FORMAT_TEXT: &str = "countersign backup v1\n";
/// Name of the last member: SHA-256 and name of every other, as `sha256sum` writes it.
const MANIFEST_NAME: &str = "manifest";
/// Bytes of a format member: its text and an origin.
const FORMAT_BYTES_MAX: u64 = 256;
/// Bytes of the salt's file.
const SALT_BYTES_MAX: u64 = 65;

/// A member of a backup. Members stand in this order, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// What the file is, and the origin of the ledger.
    Format,
    /// The checkpoint.
    Checkpoint,
    /// A file of the log.
    Log(LogFile),
    /// A file of the side store.
    Blob(ContentDigest),
    /// The salt of e-mail digests.
    Salt,
    /// An opening.
    Opening(Commitment),
    /// The ledger's own key.
    Key,
    /// The key that the next rotation brings.
    NextKey,
    /// The list of the others.
    Manifest,
}

impl Member {
    /// The name in the archive: less than 100 bytes.
    #[must_use]
    pub fn name(&self) -> String {
        let split = |text: String| format!("{}/{}", &text[..2], &text[2..]);
        match self {
            Self::Format => FORMAT_NAME.to_owned(),
            Self::Checkpoint => format!("mirror/{CHECKPOINT_NAME}"),
            Self::Log(file) => format!("mirror/{}", file.path()),
            Self::Blob(digest) => format!("mirror/blobs/{}", split(digest.to_string())),
            Self::Salt => "private/email-salt".to_owned(),
            Self::Opening(what) => format!("private/openings/{}.json", split(what.to_string())),
            Self::Key => "private/key/ledger".to_owned(),
            Self::NextKey => "private/key/ledger.next".to_owned(),
            Self::Manifest => MANIFEST_NAME.to_owned(),
        }
    }

    /// The member of a name; none for any name that [`Member::name`] does not write.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let join = |text: &str| Some(text.split_once('/')?).map(|(a, b)| format!("{a}{b}"));
        let found = match name {
            FORMAT_NAME => Self::Format,
            MANIFEST_NAME => Self::Manifest,
            "private/email-salt" => Self::Salt,
            "private/key/ledger" => Self::Key,
            "private/key/ledger.next" => Self::NextKey,
            _ => {
                if let Some(rest) = name.strip_prefix("mirror/blobs/") {
                    Self::Blob(join(rest)?.parse().ok()?)
                } else if let Some(rest) = name.strip_prefix("private/openings/") {
                    Self::Opening(join(rest.strip_suffix(".json")?)?.parse().ok()?)
                } else {
                    let rest = name.strip_prefix("mirror/")?;
                    let is_checkpoint = rest == CHECKPOINT_NAME;
                    let log = || LogFile::from_path(rest).ok().map(Self::Log);
                    if is_checkpoint { Self::Checkpoint } else { log()? }
                }
            }
        };
        (found.name() == name).then_some(found)
    }

    /// Most bytes of its content.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        let bytes = |count: usize| count as u64;
        match self {
            Self::Format => FORMAT_BYTES_MAX,
            Self::Checkpoint => bytes(NOTE_BYTES_MAX),
            Self::Log(LogFile::Entries(_)) => bytes(ENTRY_BUNDLE_BYTES_MAX),
            Self::Log(LogFile::Hashes(_)) => TILE_WIDTH * bytes(HASH_BYTES),
            Self::Blob(_) => bytes(SIDE_BLOB_BYTES_MAX),
            Self::Salt => SALT_BYTES_MAX,
            Self::Opening(_) => bytes(OPENING_FILE_BYTES_MAX),
            Self::Key | Self::NextKey => bytes(KEY_FILE_BYTES_MAX),
            Self::Manifest => BACKUP_MANIFEST_BYTES_MAX,
        }
    }

    /// A line of the manifest.
    fn line(&self, digest: &ContentDigest) -> String {
        format!("{digest}  {}\n", self.name())
    }
}
