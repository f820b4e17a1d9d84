//! The file operations that durable files rest on, as a port: tests put a disk behind it that
//! fails, and one that forgets what was not synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// A file that is being written for the first time.
pub trait NewFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// Where they cannot be written, or not all of them.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written is on the disk. Says nothing of the file's name.
    ///
    /// # Errors
    /// Where it is not known to be there.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file system, as far as durable files need one.
pub trait Files {
    /// Creates a file that must not be there, with those permissions.
    ///
    /// # Errors
    /// Of the system.
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>>;

    /// Gives a file another name, in place of a file that has it.
    ///
    /// # Errors
    /// Of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name, never in place of a file that has it.
    ///
    /// # Errors
    /// Of the system.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name of a file.
    ///
    /// # Errors
    /// Of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Whether a folder is there.
    fn is_folder(&self, path: &Path) -> bool;

    /// Creates a folder below one that is there.
    ///
    /// # Errors
    /// Of the system.
    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()>;

    /// Returns when the names in a folder are on the disk.
    ///
    /// # Errors
    /// Where it is not known that they are.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// The first `limit_bytes` bytes of a file.
    ///
    /// # Errors
    /// Of the system.
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>>;
}

/// The machine's own file systems.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disk;

impl NewFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Files for Disk {
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(path)?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::DirBuilder::new().mode(mode).create(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit_bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<T: Files + ?Sized> Files for Arc<T> {
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        (**self).create(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        (**self).link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        (**self).remove(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        (**self).is_folder(path)
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        (**self).create_folder(path, mode)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        (**self).sync_folder(path)
    }

    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
        (**self).read(path, limit_bytes)
    }
}
