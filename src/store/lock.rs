//! The lock of a ledger folder: one process at a time, and a word about who it is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::durable::{MODE_PRIVATE, failed};
use crate::ledger::store::StoreError;

/// How long to sleep between two tries.
pub(super) const TRY_AGAIN_AFTER: Duration = Duration::from_millis(2);
/// What a server says of itself; its URL follows.
pub const SERVER: &str = "(serve ";
/// How long the word of a holder may be that of the one before, who was killed.
const SERVER_KNOWN_AFTER: Duration = Duration::from_millis(200);
/// Most bytes of the holder's description that are read.
const HOLDER_BYTES_MAX: u64 = 256;

/// A held lock; dropping it, or the end of the process, lets it go.
#[derive(Debug)]
pub struct LedgerLock {
    _file: File,
}

impl LedgerLock {
    /// Takes the lock at `path`, waiting up to `wait`. `command` is what others are told.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], naming who holds it.
    pub fn take(path: &Path, command: &str, wait: Duration) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE_PRIVATE);
        let open = || options.open(path).map_err(|error| failed("cannot open", path, &error));
        let mut file = open()?;
        let (start, mut server_after) = (Instant::now(), SERVER_KNOWN_AFTER);
        loop {
            match file.try_lock() {
                // A lock on a file that is not there any more keeps nobody out.
                Ok(()) if is_named(&file, path) => break,
                Ok(()) => file = open()?,
                Err(TryLockError::Error(error)) => {
                    return Err(failed("cannot lock", path, &error));
                }
                Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                    return Err(busy(path, &holder(&mut file)));
                }
                Err(TryLockError::WouldBlock) if start.elapsed() >= server_after => {
                    let holder = holder(&mut file);
                    // A server goes on for days: nobody waits for its end.
                    if holder.contains(SERVER) {
                        return Err(busy(path, &holder));
                    }
                    server_after = wait;
                }
                Err(TryLockError::WouldBlock) => thread::sleep(TRY_AGAIN_AFTER),
            }
        }
        // Only a word for people; a lock is as good without it, on a full disk too.
        let told = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| {
            write!(file, "process {} ({})", std::process::id(), command.replace('\n', " "))
        });
        drop(told);
        Ok(Self { _file: file })
    }
}

/// Whether an open file is still the one of that name.
pub(super) fn is_named(file: &File, path: &Path) -> bool {
    let place = |data: fs::Metadata| (data.dev(), data.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => place(open) == place(named),
        _ => false,
    }
}

/// What the holder says of itself.
fn holder(file: &mut File) -> String {
    let mut holder = Vec::new();
    drop(file.rewind().and_then(|()| file.take(HOLDER_BYTES_MAX).read_to_end(&mut holder)));
    match String::from_utf8_lossy(&holder) {
        text if text.is_empty() => "another process".to_owned(),
        // What another process wrote reaches a terminal: no control characters.
        text => text.chars().filter(|letter| !letter.is_control()).collect(),
    }
}

fn busy(path: &Path, holder: &str) -> StoreError {
    let what = format!("the ledger in {} is in use", path.parent().unwrap_or(path).display());
    StoreError::unavailable(what, format_args!("{holder} holds its lock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Folder;

    #[test]
    fn a_second_taker_is_told_who_holds_the_lock() {
        let folder = Folder::new("lock");
        let path = folder.path().join("lock");
        let held = LedgerLock::take(&path, "countersign serve", Duration::ZERO).unwrap();
        let wait = Duration::from_millis(20);
        let error = LedgerLock::take(&path, "countersign approve", wait).unwrap_err().to_string();
        let holder = format!("process {} (countersign serve) holds", std::process::id());
        assert!(error.contains(&holder), "{error}");
        let waiter = thread::spawn({
            let path = path.clone();
            move || LedgerLock::take(&path, "waits", Duration::from_secs(10))
        });
        thread::sleep(Duration::from_millis(20));
        drop(held);
        let held = waiter.join().unwrap().unwrap();
        // Whoever removes the file meanwhile does not make two holders of the next one.
        let waiter = thread::spawn({
            let path = path.clone();
            move || LedgerLock::take(&path, "waits", Duration::from_secs(10))
        });
        thread::sleep(Duration::from_millis(20));
        fs::remove_file(&path).unwrap();
        drop(held);
        let held = waiter.join().unwrap().unwrap();
        assert!(LedgerLock::take(&path, "late", Duration::ZERO).is_err());
        drop(held);
        // For a server nobody waits.
        let held = LedgerLock::take(&path, "serve http://a.example:80", Duration::ZERO).unwrap();
        let error = LedgerLock::take(&path, "approve", Duration::MAX).unwrap_err().to_string();
        assert!(error.contains("(serve http://a.example:80) holds"), "{error}");
        drop(held);
    }
}
