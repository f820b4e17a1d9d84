//! Files that are never half-written, and that are on the disk before a call returns.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, process, thread};

use super::files::{Disk, Files, NewFile};
use crate::ledger::store::StoreError;

/// Permissions of a file that anybody on the machine may read.
pub const MODE_SHARED: u32 = 0o644;
/// Permissions of a file that its owner alone may read.
pub const MODE_PRIVATE: u32 = 0o600;

/// Files or folders that are synced at the same time: the two or three of one small update.
const SYNCS_AT_ONCE: usize = 4;

/// Tells apart temporary files that one process writes at a time.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Durable files on a file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Durable<F>(pub F);

impl<F: Files> Durable<F> {
    /// As [`replace`].
    ///
    /// # Errors
    /// As [`replace`].
    pub fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
        self.replace_unnamed(path, bytes, mode)?;
        let synced = self.0.sync_folder(folder_of(path));
        synced.map_err(|error| failed("cannot write", path, &error))
    }

    /// As [`replace_unnamed`].
    ///
    /// # Errors
    /// As [`replace_unnamed`].
    pub fn replace_unnamed(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
        let run = || {
            let temporary = self.write_temporary(path, bytes, mode)?;
            let renamed = self.0.rename(&temporary, path);
            if renamed.is_err() {
                drop(self.0.remove(&temporary));
            }
            renamed
        };
        run().map_err(|error| failed("cannot write", path, &error))
    }

    /// As [`replace_memory`].
    ///
    /// # Errors
    /// As [`replace_memory`].
    pub fn replace_memory(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let run = || {
            let (mut file, temporary) = self.create_temporary(path, MODE_PRIVATE)?;
            let written = file.write_all(bytes).and_then(|()| self.0.rename(&temporary, path));
            if written.is_err() {
                drop(self.0.remove(&temporary));
            }
            written
        };
        run().map_err(|error| failed("cannot write", path, &error))
    }

    /// As [`create_new`].
    ///
    /// # Errors
    /// As [`create_new`].
    pub fn create_new(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<bool, StoreError> {
        let run = || {
            let temporary = self.write_temporary(path, bytes, mode)?;
            // Unlike a rename, a link never takes the place of a file.
            let linked = self.0.link(&temporary, path);
            let removed = self.0.remove(&temporary);
            match linked {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                other => other?,
            }
            removed?;
            self.0.sync_folder(folder_of(path))?;
            Ok(true)
        };
        run().map_err(|error| failed("cannot create", path, &error))
    }

    /// As [`read`].
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(&self, path: &Path, limit_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.read(path, limit_bytes as u64 + 1) {
            Ok(bytes) if bytes.len() <= limit_bytes => Ok(Some(bytes)),
            Ok(_) => Err(StoreError::integrity(
                path.display().to_string(),
                format_args!("larger than {limit_bytes} bytes"),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("cannot read", path, &error)),
        }
    }

    /// As [`remove`].
    ///
    /// # Errors
    /// As [`remove`].
    pub fn remove(&self, path: &Path) -> Result<bool, StoreError> {
        match self.0.remove(path) {
            Ok(()) => self.0.sync_folder(folder_of(path)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
        .map_err(|error| failed("cannot remove", path, &error))
    }

    /// As [`create_folder`].
    ///
    /// # Errors
    /// As [`create_folder`].
    pub fn create_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.create_folder_with(path, 0o700)
    }

    /// As [`create_shared_folder`].
    ///
    /// # Errors
    /// As [`create_shared_folder`].
    pub fn create_shared_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.create_folder_with(path, 0o755)
    }

    fn create_folder_with(&self, path: &Path, mode: u32) -> Result<(), StoreError> {
        if path.as_os_str().is_empty() || self.0.is_folder(path) {
            return Ok(());
        }
        self.create_folder_with(folder_of(path), mode)?;
        let run = || {
            match self.0.create_folder(path, mode) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            self.0.sync_folder(folder_of(path))
        };
        run().map_err(|error| failed("cannot create folder", path, &error))
    }

    /// Creates a folder below `base`, which is there, and syncs the names from `base` down to it
    /// whether they are new or not: whoever made them may have been killed before they were
    /// durable, and a file is as lost with its folder as without its name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn create_folder_below(&self, base: &Path, path: &Path) -> Result<(), StoreError> {
        self.create_folder(path)?;
        let above = path.ancestors().skip(1);
        for folder in above.take_while(|folder| folder.starts_with(base)) {
            self.sync_folder(folder)?;
        }
        Ok(())
    }

    /// As [`sync_folder`].
    ///
    /// # Errors
    /// As [`sync_folder`].
    pub fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.0.sync_folder(path).map_err(|error| failed("cannot write folder", path, &error))
    }

    /// Makes the names in a file's folder durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn sync_folder_of(&self, file: &Path) -> Result<(), StoreError> {
        self.sync_folder(folder_of(file))
    }

    /// Makes the folder that a file is in, as [`Durable::create_folder_below`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn create_folder_of(&self, base: &Path, file: &Path) -> Result<(), StoreError> {
        self.create_folder_below(base, folder_of(file))
    }

    fn write_temporary(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
        let (mut file, temporary) = self.create_temporary(path, mode)?;
        if let Err(error) = file.write_all(bytes).and_then(|()| file.sync()) {
            drop(self.0.remove(&temporary));
            return Err(error);
        }
        Ok(temporary)
    }

    fn create_temporary(
        &self,
        path: &Path,
        mode: u32,
    ) -> io::Result<(Box<dyn NewFile + '_>, PathBuf)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        loop {
            let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
            let temporary = path.with_file_name(format!(".{name}.{}.{number}", process::id()));
            match self.0.create(&temporary, mode) {
                // Left behind by a killed process that had our id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => return Ok((other?, temporary)),
            }
        }
    }
}

/// Replaces or creates a file: temporary file in the same folder, fsync, rename, fsync of the
/// folder.
///
/// # Errors
/// [`StoreError::Unavailable`]; the file is then the old one or, where only the last fsync
/// failed, the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    Durable(Disk).replace(path, bytes, mode)
}

/// Replaces or creates a file as [`replace`] does, but for its name: the caller makes that durable
/// with [`sync_folder`], once for many files.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn replace_unnamed(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    Durable(Disk).replace_unnamed(path, bytes, mode)
}

/// As [`replace_unnamed`] for several files, in any order and some at a time: what waits for the
/// disk together waits once.
///
/// # Errors
/// [`StoreError::Unavailable`]; some of the files are there then, each whole.
pub fn replace_together(files: &[(PathBuf, Vec<u8>)], mode: u32) -> Result<(), StoreError> {
    together(files, |(path, bytes)| replace_unnamed(path, bytes, mode))
}

/// As [`sync_folder`] for several folders, some at a time.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn sync_folders(folders: &[PathBuf]) -> Result<(), StoreError> {
    together(folders, |folder| sync_folder(folder))
}

/// Does each of these, on some threads; gives the first failure.
fn together<T: Sync>(
    items: &[T],
    each: impl Fn(&T) -> Result<(), StoreError> + Sync,
) -> Result<(), StoreError> {
    let part = items.len().div_ceil(SYNCS_AT_ONCE);
    if part == 0 || items.len() == 1 {
        return items.iter().try_for_each(each);
    }
    let each = &each;
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = |part: &'_ [T]| part.iter().try_for_each(each);
        let started: Vec<_> =
            items.chunks(part).map(|part| scope.spawn(move || run(part))).collect();
        started.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let ended = || StoreError::unavailable("a file", "the thread that wrote it ended early");
    outcomes.into_iter().try_for_each(|outcome| outcome.unwrap_or_else(|_| Err(ended())))
}

/// Replaces or creates a file that may be lost, but never torn: for what can be made anew.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn replace_memory(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    Durable(Disk).replace_memory(path, bytes)
}

/// Creates a file that must not be there yet, as durably and atomically as [`replace`]. Gives
/// `false` where it is there, and leaves it alone.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, StoreError> {
    Durable(Disk).create_new(path, bytes, mode)
}

/// The content of a file of at most `limit_bytes` bytes; `None` where there is no file.
///
/// # Errors
/// [`StoreError::Integrity`] where it is larger, else [`StoreError::Unavailable`].
pub fn read(path: &Path, limit_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
    Durable(Disk).read(path, limit_bytes)
}

/// The names in a folder, sorted; none where there is no folder.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let run = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    };
    match run() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|error| failed("cannot read", folder, &error)),
    }
}

/// Removes a file durably; gives whether it was there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn remove(path: &Path) -> Result<bool, StoreError> {
    Durable(Disk).remove(path)
}

/// Creates a folder and those above it, each durably, for their owner alone; does nothing where
/// it is there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    Durable(Disk).create_folder(path)
}

/// The same for folders that everybody may read, as far as the process's umask lets them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn create_shared_folder(path: &Path) -> Result<(), StoreError> {
    Durable(Disk).create_shared_folder(path)
}

/// Makes names in a folder durable.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    Durable(Disk).sync_folder(path)
}

/// Removes temporary files that killed processes left in a folder; `names` are those of the files
/// that they were to become. Only where nobody else writes these: under a lock. A failure leaves
/// them, and does no harm.
pub fn sweep(folder: &Path, names: &[&str]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        let of = |name: &&str| {
            let rest = file.strip_prefix('.').and_then(|rest| rest.strip_prefix(*name));
            let numbers = rest.and_then(|rest| rest.strip_prefix('.')?.split_once('.'));
            let is_number = |text: &str| text.parse::<u64>().is_ok();
            numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
        };
        if names.iter().any(of) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::unavailable(format!("{what} {}", path.display()), error)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
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

    #[test]
    #[expect(clippy::disallowed_methods, reason = "these files are what a kill left")]
    fn what_killed_processes_left_is_swept_and_nothing_else() {
        let folder = Folder::new("sweep");
        for name in [".file.12.0", ".file.99.7", ".file.12", ".file.a.0", ".other.1.1", "file"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        sweep(folder.path(), &["file", "view"]);
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [".file.12", ".file.a.0", ".other.1.1", "file"]);
        sweep(&folder.path().join("none"), &["file"]);
    }
}
