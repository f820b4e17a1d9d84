//! Writing a backup while the ledger is used: what it holds is fixed by a checkpoint at its
//! beginning, and nothing below a checkpoint ever changes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{FORMAT_TEXT, MANIFEST_NAME, Member};
use crate::base::digest::ContentDigest;
use crate::base::limits::{BACKUP_MANIFEST_BYTES_MAX, KEY_FILE_BYTES_MAX};
use crate::base::position::TreeSize;
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::ledger::store::StoreError;
use crate::ledger::tiles::{LogFile, check_root, files_between};
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::session::error::SessionError;
use crate::session::folder::{LedgerFolder, LedgerKeyFile};
use crate::session::{Session, encode_salt};
use crate::store::durable;

/// A backup that is being written, beside the file that it becomes.
pub struct Backup {
    target: PathBuf,
    beside: PathBuf,
    archive: tar::Builder<BufWriter<File>>,
    /// The lines of the manifest: there may be millions.
    manifest: File,
    checkpoint: VerifiedCheckpoint,
    files: Box<dyn Iterator<Item = LogFile>>,
    written: Written,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries.
    pub size: TreeSize,
    /// Files of the log, the checkpoint among them.
    pub files: u64,
    /// Files of the side store.
    pub blobs: u64,
    /// Openings.
    pub openings: u64,
    /// Whether the ledger's own key is in it.
    pub has_key: bool,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Backup {
    /// Begins a backup of the newest checkpoint in a file that must not be there.
    ///
    /// # Errors
    /// [`SessionError::Exists`], [`SessionError`] where the file cannot be written.
    pub fn begin(session: &Session, target: &Path) -> Result<Self, SessionError> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(SessionError::Exists { path: target.to_owned() });
        }
        let checkpoint = session.checkpoint().clone();
        check_root(session.store(), &checkpoint)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = target.with_file_name(format!(".{name}.{}", std::process::id()));
        let list = target.with_file_name(format!(".{name}.{}.list", std::process::id()));
        let file = create(&beside)?;
        let manifest = create(&list)?;
        // It stays open; its name is not needed.
        fs::remove_file(&list).map_err(|error| durable::failed("cannot remove", &list, &error))?;
        let archive = tar::Builder::new(BufWriter::new(file));
        let files = Box::new(files_between(TreeSize::default(), checkpoint.size()));
        let written = Written { size: checkpoint.size(), ..Written::default() };
        let target = target.to_owned();
        let mut this = Self { target, beside, archive, manifest, checkpoint, files, written };
        let text = format!("{FORMAT_TEXT}{}\n", this.checkpoint.checkpoint().origin);
        this.put(Member::Format, text.as_bytes())?;
        let note = this.checkpoint.note().to_string();
        this.put(Member::Checkpoint, note.as_bytes())?;
        this.written.files = 1;
        Ok(this)
    }

    /// Writes a part of the log, of about `bytes_max` bytes; gives whether all of it is there.
    /// Between two parts the ledger may be used by others.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger does not verify, or the file cannot be written.
    pub fn step(&mut self, session: &Session, bytes_max: usize) -> Result<bool, SessionError> {
        let mut bytes_written = 0;
        while bytes_written < bytes_max {
            let Some(file) = self.files.next() else { return Ok(true) };
            let bytes = file.read(session.store(), self.checkpoint.size())?;
            self.put(Member::Log(file), &bytes)?;
            self.written.files += 1;
            bytes_written += bytes.len();
        }
        Ok(false)
    }

    /// Writes what lies beside the log, which is as durable and never changes: the ledger need not
    /// be open. Then the backup takes its name.
    ///
    /// # Errors
    /// [`SessionError`] where a file is not what it should be, or cannot be written.
    pub fn finish(
        mut self,
        folder: &LedgerFolder,
        key: Option<&LedgerKeyFile>,
    ) -> Result<Written, SessionError> {
        let blobs = Blobs::new(folder.path());
        for first in 0..=u8::MAX {
            for digest in blobs.beginning_with(first)? {
                let Some(content) = blobs.get(&digest)? else { continue };
                self.put(Member::Blob(digest), &content)?;
                self.written.blobs += 1;
            }
        }
        self.put(Member::Salt, encode_salt(&folder.email_salt()?).as_bytes())?;
        let openings = Openings::new(folder.path());
        for first in 0..=u8::MAX {
            for what in openings.beginning_with(first)? {
                // One that is forgotten meanwhile is not in it.
                let Some(opening) = openings.get(what)? else { continue };
                let bytes = serde_json::to_vec(&opening)
                    .map_err(|error| StoreError::integrity("an opening", error))?;
                self.put(Member::Opening(what), &bytes)?;
                self.written.openings += 1;
            }
        }
        if let Some(key) = key {
            self.put_key(key)?;
        }
        self.end()
    }

    fn put_key(&mut self, key: &LedgerKeyFile) -> Result<(), SessionError> {
        let next = key.next();
        for (member, path) in [(Member::Key, key.path()), (Member::NextKey, next.path())] {
            let bytes = durable::read(path, KEY_FILE_BYTES_MAX)?.map(zeroize::Zeroizing::new);
            if let Some(bytes) = bytes {
                self.put(member, &bytes)?;
                self.written.has_key = true;
            }
        }
        Ok(())
    }

    /// The manifest, the end of the archive, and the name.
    fn end(mut self) -> Result<Written, SessionError> {
        let run = |this: &mut Self| -> io::Result<u64> {
            let length = this.manifest.stream_position()?;
            check_manifest(length)?;
            this.manifest.rewind()?;
            let mut header = header(length);
            let lines = io::Read::by_ref(&mut this.manifest).take(length);
            this.archive.append_data(&mut header, MANIFEST_NAME, lines)?;
            this.archive.finish()?;
            let file = this.archive.get_mut();
            file.flush()?;
            file.get_ref().sync_all()?;
            let bytes = file.get_ref().metadata()?.len();
            // Unlike a rename, a link never takes the place of a file; not every disk has links.
            match fs::hard_link(&this.beside, &this.target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => fs::rename(&this.beside, &this.target)?,
                Ok(()) => {}
            }
            Ok(bytes)
        };
        let failed = |path: &Path, error: &io::Error| durable::failed("cannot write", path, error);
        self.written.bytes = run(&mut self).map_err(|error| failed(&self.target, &error))?;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        durable::sync_folder(folder.unwrap_or(Path::new(".")))?;
        Ok(self.written)
    }

    fn put(&mut self, member: Member, content: &[u8]) -> Result<(), SessionError> {
        let line = member.line(&ContentDigest::of(content));
        let mut header = header(content.len() as u64);
        let appended = self.archive.append_data(&mut header, member.name(), content);
        let run = appended.and_then(|()| self.manifest.write_all(line.as_bytes()));
        run.map_err(|error| durable::failed("cannot write", &self.target, &error).into())
    }
}

/// Whatever becomes of a backup, nothing half-written stays.
impl Drop for Backup {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside);
    }
}

/// Nobody reads a longer one.
fn check_manifest(length: u64) -> io::Result<()> {
    if length > BACKUP_MANIFEST_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too many files"));
    }
    Ok(())
}

/// Every member looks alike but for name and length, so that equal ledgers make equal files.
fn header(length: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Openings and perhaps a key are in it: for its owner alone.
fn create(path: &Path) -> Result<File, SessionError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(durable::MODE_PRIVATE);
    Ok(options.open(path).map_err(|error| durable::failed("cannot write", path, &error))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_written_that_is_read() {
        assert!(check_manifest(BACKUP_MANIFEST_BYTES_MAX).is_ok());
        assert!(check_manifest(BACKUP_MANIFEST_BYTES_MAX + 1).is_err());
    }
}
