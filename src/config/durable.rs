//! Small files: bounded reading, and writing that leaves the old or the new file, never a half.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::ConfigError;
use crate::base::limits::SETTINGS_BYTES_MAX;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The user alone: mode 0600.
    User,
    /// Everybody: mode 0644.
    Everybody,
}

/// The bytes of a file that nobody else is to know, `None` where there is none. One that everybody
/// may read is refused: it is no secret any more.
pub(super) fn read_secret(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    let bytes = read(path)?;
    let metadata = fs::metadata(path);
    if bytes.is_some() && metadata.is_ok_and(|metadata| may_others(&metadata, READ)) {
        return Err(ConfigError::NoSecret { path: path.to_owned() });
    }
    Ok(bytes)
}

/// The bytes of a file, `None` where there is none. A file that everybody may write is refused:
/// whoever did write it is not known.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    let failed = |source| ConfigError::File { action: "read", path: path.to_owned(), source };
    // Asked before it is opened: to open a pipe waits for a writer.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a file")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let file = File::open(path).map_err(failed)?;
    if may_others(&file.metadata().map_err(failed)?, WRITE) {
        return Err(ConfigError::Exposed { path: path.to_owned() });
    }
    let limit = u64::try_from(SETTINGS_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > SETTINGS_BYTES_MAX {
        let text = format!("larger than {SETTINGS_BYTES_MAX} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, text)));
    }
    Ok(Some(bytes))
}

/// Replaces a file: a new one beside it, synced, renamed over it, and the folder synced.
pub(super) fn write(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), ConfigError> {
    // Where people keep their settings elsewhere and link to them, the link stays.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&target, bytes, audience).map_err(|source| ConfigError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8], audience: Audience) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file's path"));
    };
    create_folder(folder)?;
    let mut beside_name = name.to_owned();
    beside_name.push(format!(".new-{}", std::process::id()));
    let beside = folder.join(beside_name);
    let outcome = (|| {
        let mut file = create(&beside, audience)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    })();
    if outcome.is_err() {
        // What is left over is no one's; that it could not be removed adds nothing.
        let _ = fs::remove_file(&beside);
    }
    outcome
}

#[cfg(unix)]
fn create(path: &Path, audience: Audience) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mode = match audience {
        Audience::User => 0o600,
        Audience::Everybody => 0o644,
    };
    // A leftover of a process of the same number that died is in the way, no more.
    let _ = fs::remove_file(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask may have taken away what everybody needs, and never adds anything.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

#[cfg(not(unix))]
fn create(path: &Path, _audience: Audience) -> io::Result<File> {
    let _ = fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// What everybody may do with a file, as its mode has it.
const WRITE: u32 = 0o002;
const READ: u32 = 0o004;

#[cfg(unix)]
fn may_others(metadata: &fs::Metadata, what: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & what != 0
}

#[cfg(not(unix))]
fn may_others(_metadata: &fs::Metadata, _what: u32) -> bool {
    false
}
