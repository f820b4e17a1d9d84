//! Files that are never half-written, and that are on the disk before a call returns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::store::StoreError;

/// Permissions of a file that anybody on the machine may read.
pub const MODE_SHARED: u32 = 0o644;
/// Permissions of a file that its owner alone may read.
pub const MODE_PRIVATE: u32 = 0o600;

/// Tells apart temporary files that one process writes at a time.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Replaces or creates a file: temporary file in the same folder, fsync, rename, fsync of the
/// folder.
///
/// # Errors
/// [`StoreError::Unavailable`]; the file is then the old one or, where only the last fsync
/// failed, the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let run = || {
        let temporary = write_temporary(path, bytes, mode)?;
        let renamed = fs::rename(&temporary, path);
        if renamed.is_err() {
            drop(fs::remove_file(&temporary));
        }
        renamed?;
        sync(folder_of(path))
    };
    run().map_err(|error| failed("cannot write", path, &error))
}

/// Replaces or creates a file that may be lost, but never torn: for what can be made anew.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn replace_memory(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let run = || {
        let (mut file, temporary) = create_temporary(path, MODE_PRIVATE)?;
        let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    };
    run().map_err(|error| failed("cannot write", path, &error))
}

/// Creates a file that must not be there yet, as durably and atomically as [`replace`]. Gives
/// `false` where it is there, and leaves it alone.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, StoreError> {
    let run = || {
        let temporary = write_temporary(path, bytes, mode)?;
        // Unlike a rename, a link never takes the place of a file.
        let linked = fs::hard_link(&temporary, path);
        let removed = fs::remove_file(&temporary);
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            other => other?,
        }
        removed?;
        sync(folder_of(path))?;
        Ok(true)
    };
    run().map_err(|error| failed("cannot create", path, &error))
}

/// The content of a file of at most `limit_bytes` bytes; `None` where there is no file.
///
/// # Errors
/// [`StoreError::Integrity`] where it is larger, else [`StoreError::Unavailable`].
pub fn read(path: &Path, limit_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let run = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit_bytes as u64 + 1).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    match run() {
        Ok(bytes) if bytes.len() <= limit_bytes => Ok(Some(bytes)),
        Ok(_) => Err(StoreError::integrity(
            path.display().to_string(),
            format_args!("larger than {limit_bytes} bytes"),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("cannot read", path, &error)),
    }
}

/// Removes a file durably; gives whether it was there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => sync(folder_of(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
    .map_err(|error| failed("cannot remove", path, &error))
}

/// Creates a folder and those above it, each durably, for their owner alone; does nothing where
/// it is there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    create_folder_with(path, 0o700)
}

/// The same for folders that everybody may read, as far as the process's umask lets them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_shared_folder(path: &Path) -> Result<(), StoreError> {
    create_folder_with(path, 0o755)
}

fn create_folder_with(path: &Path, mode: u32) -> Result<(), StoreError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    create_folder_with(folder_of(path), mode)?;
    let run = || {
        match fs::DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        sync(folder_of(path))
    };
    run().map_err(|error| failed("cannot create folder", path, &error))
}

/// Makes names in a folder durable.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    sync(path).map_err(|error| failed("cannot write folder", path, &error))
}

pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::unavailable(format!("{what} {}", path.display()), error)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn write_temporary(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let (mut file, temporary) = create_temporary(path, mode)?;
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    Ok(temporary)
}

fn create_temporary(path: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    loop {
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(mode).open(&temporary) {
            // Left behind by a killed process that had our id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return Ok((other?, temporary)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Folder;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn files_are_replaced_whole_and_leave_nothing_behind() {
        let folder = Folder::new("durable");
        let path = folder.path().join("file");
        assert_eq!(read(&path, 10).unwrap(), None);
        replace(&path, b"one", MODE_PRIVATE).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        replace(&path, b"two", MODE_PRIVATE).unwrap();
        assert!(!create_new(&path, b"three", MODE_PRIVATE).unwrap());
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"two");
        assert!(matches!(read(&path, 2), Err(StoreError::Integrity { .. })));
        assert!(create_new(&folder.path().join("other"), b"x", MODE_SHARED).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(remove(&path).unwrap());
        assert!(!remove(&path).unwrap());
        let missing = folder.path().join("none").join("file");
        assert!(matches!(replace(&missing, b"", 0o600), Err(StoreError::Unavailable { .. })));
    }
}
