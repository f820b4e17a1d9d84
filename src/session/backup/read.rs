//! Reading a backup: names of one spelling in one order, lengths within limits before anything is
//! read, every content held against its name or the manifest.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{FORMAT_TEXT, Member};
use crate::base::digest::ContentDigest;
use crate::base::limits::KEY_FILE_BYTES_MAX;
use crate::ledger::store::StoreError;
use crate::session::error::SessionError;
use crate::statement::commitment::Opening;
use crate::store::durable;

/// Bytes of the manifest that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Why a file is not read as a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is none.
    #[error("not a backup of a ledger")]
    NotABackup,
    /// It is one, and something in it is not as it should be.
    #[error("{name}: {why}")]
    Damaged {
        /// The member.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// What takes the members failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What takes the members of a backup, one after the other.
pub type Take<'a> = dyn FnMut(Member, &[u8]) -> Result<(), BackupError> + 'a;

/// A backup, taken apart into a folder.
#[derive(Debug)]
pub struct Unpacked {
    /// The folder of the mirror.
    pub mirror: PathBuf,
    /// The folder of what may be forgotten.
    pub openings: PathBuf,
    /// The ledger's own key and the next one, where they were in it.
    pub keys: [Option<Zeroizing<Vec<u8>>>; 2],
    folder: PathBuf,
}

/// It is needed for as long as the ledger is built.
impl Drop for Unpacked {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads a backup and hands each member but the first and the last to `take`. Nothing may be
/// believed of what was handed over unless the whole is good.
///
/// # Errors
/// [`BackupError`].
pub fn read_backup(input: impl Read, take: &mut Take<'_>) -> Result<(), BackupError> {
    let mut archive = tar::Archive::new(input);
    let mut before: Option<Member> = None;
    let mut lines = Sha256::new();
    // Raw: no long names, no sparse files, nothing that needs memory before it was looked at.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry.map_err(|error| unreadable(before, error))?;
        let member = member_of(&entry, before)?;
        let damaged = |why: &str| BackupError::Damaged { name: member.name(), why: why.to_owned() };
        let length = entry.size();
        if length > member.bytes_max() {
            return Err(damaged("is larger than it may be"));
        }
        before = Some(member);
        if member == Member::Manifest {
            if digest_of(&mut entry)? != <[u8; 32]>::from(lines.clone().finalize()) {
                return Err(damaged("does not list what the file holds"));
            }
            continue;
        }
        let mut content = Zeroizing::new(Vec::new());
        entry.by_ref().take(length).read_to_end(&mut content)?;
        if content.len() as u64 != length {
            return Err(damaged("ends too early"));
        }
        check_content(member, &content)?;
        lines.update(member.line(&ContentDigest::of(&content)));
        if member != Member::Format {
            take(member, &content)?;
        }
    }
    match before {
        None => Err(BackupError::NotABackup),
        Some(Member::Manifest) => check_end(archive.into_inner()),
        Some(_) => Err(BackupError::Damaged {
            name: Member::Manifest.name(),
            why: "is missing: the file was cut off".to_owned(),
        }),
    }
}

/// The member that a header names, which stands after the one before.
fn member_of(
    entry: &tar::Entry<'_, impl Read>,
    before: Option<Member>,
) -> Result<Member, BackupError> {
    let name = entry.path_bytes();
    let member = std::str::from_utf8(&name).ok().and_then(Member::from_name);
    let is_file = entry.header().entry_type() == tar::EntryType::Regular;
    let member = member.filter(|_| is_file);
    match (member, before) {
        (Some(Member::Format), None) => Ok(Member::Format),
        (_, None) => Err(BackupError::NotABackup),
        (Some(member), Some(before)) if member > before => Ok(member),
        _ => Err(BackupError::Damaged {
            // What stands in the file reaches a terminal: cut short, and escaped there.
            name: String::from_utf8_lossy(&name).chars().take(100).collect(),
            why: "is not a member that may stand there".to_owned(),
        }),
    }
}

/// What is known of a content by the name of its member.
fn check_content(member: Member, content: &[u8]) -> Result<(), BackupError> {
    let damaged = |why: &str| BackupError::Damaged { name: member.name(), why: why.to_owned() };
    match member {
        Member::Format if !content.starts_with(FORMAT_TEXT.as_bytes()) => {
            Err(BackupError::NotABackup)
        }
        Member::Blob(digest) if ContentDigest::of(content) != digest => {
            Err(damaged("has another content than its name says"))
        }
        Member::Opening(what) => {
            let opening: Option<Opening> = serde_json::from_slice(content).ok();
            let is_it = opening.is_some_and(|opening| opening.commitment() == Some(what));
            if is_it { Ok(()) } else { Err(damaged("opens another commitment than its name says")) }
        }
        _ => Ok(()),
    }
}

/// The digest of a member that may be too large for the memory.
fn digest_of(entry: &mut impl Read) -> Result<[u8; 32], BackupError> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match entry.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&piece[..count]),
        }
    }
}

/// After the last member come zeros alone.
fn check_end(mut rest: impl Read) -> Result<(), BackupError> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = rest.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        if piece[..count].iter().any(|byte| *byte != 0) {
            let (name, why) = (Member::Manifest.name(), "something stands after it".to_owned());
            return Err(BackupError::Damaged { name, why });
        }
    }
}

/// A header that cannot be read: at the beginning the file is no archive at all.
fn unreadable(before: Option<Member>, error: io::Error) -> BackupError {
    match before {
        None => BackupError::NotABackup,
        Some(before)
            if matches!(
                error.kind(),
                io::ErrorKind::Other
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
            ) =>
        {
            let why = format!("what follows it is damaged: {error}");
            BackupError::Damaged { name: before.name(), why }
        }
        Some(_) => error.into(),
    }
}

/// Takes a backup apart into a folder that is made for it, and removed with the value.
///
/// # Errors
/// [`SessionError`] where it is none, is damaged, or cannot be read.
pub fn unpack(file: &Path, folder: &Path) -> Result<Unpacked, SessionError> {
    let opened = File::open(file).map_err(|error| durable::failed("cannot read", file, &error))?;
    let _ = fs::remove_dir_all(folder);
    durable::create_folder(folder)?;
    let mut unpacked = Unpacked {
        mirror: folder.join("mirror"),
        openings: folder.join("private"),
        keys: [None, None],
        folder: folder.to_owned(),
    };
    let outcome = read_backup(BufReader::new(opened), &mut |member, content| {
        match member {
            Member::Key => unpacked.keys[0] = Some(Zeroizing::new(content.to_vec())),
            Member::NextKey => unpacked.keys[1] = Some(Zeroizing::new(content.to_vec())),
            _ => {
                let path = folder.join(member.name());
                path.parent().map_or(Ok(()), |parent| {
                    fs::create_dir_all(parent)
                        .map_err(|error| durable::failed("cannot create folder", parent, &error))
                })?;
                durable::replace_memory(&path, content)?;
            }
        }
        Ok(())
    });
    debug_assert!(unpacked.keys.iter().flatten().all(|key| key.len() <= KEY_FILE_BYTES_MAX));
    let what = || format!("the backup {}", file.display());
    match outcome {
        Ok(()) => Ok(unpacked),
        Err(BackupError::NotABackup) => Err(SessionError::NotABackup { path: file.to_owned() }),
        Err(error @ BackupError::Damaged { .. }) => {
            Err(SessionError::integrity(what(), error.to_string()))
        }
        Err(BackupError::Unreadable(error)) => {
            Err(durable::failed("cannot read", file, &error).into())
        }
        Err(BackupError::Store(error)) => Err(error.into()),
    }
}
