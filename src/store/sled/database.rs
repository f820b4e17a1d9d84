//! sled itself: opened, and opened anew where its log has become long.
//!
//! sled writes a snapshot only when it opens, and reads all of its log since the newest one. Who
//! writes for days without opening anew would make the next opening slow.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::WHAT;
use crate::base::limits::{
    LOCK_WAIT_MILLISECONDS_MAX, STORE_TAIL_VALUES_IDLE, STORE_TAIL_VALUES_MAX,
};
use crate::ledger::store::StoreError;
use crate::store::durable::{failed, sync_folder};
use crate::store::lock::TRY_AGAIN_AFTER;

/// Bytes of memory that sled may use for pages; its default is a gibibyte.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// sled in a folder, whose lock is held as long.
pub(super) struct Database {
    folder: PathBuf,
    /// None where it was closed and could not be opened again.
    db: RwLock<Option<::sled::Db>>,
    /// Values written since it was opened: about what the next opening reads.
    tail: AtomicU64,
    /// It is opened anew after so many.
    tail_max: u64,
}

impl Database {
    /// Opens sled in a folder that is there, waiting up to `wait` for its file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where files cannot be opened, [`StoreError::Integrity`] where
    /// sled cannot read what it wrote.
    pub(super) fn open(folder: &Path, wait: Duration) -> Result<Self, StoreError> {
        let db = RwLock::new(Some(open_durable(folder, wait)?));
        let folder = folder.to_owned();
        Ok(Self { folder, db, tail: AtomicU64::new(0), tail_max: STORE_TAIL_VALUES_MAX })
    }

    /// Whether it is open, and nobody opens it anew.
    pub(super) fn is_open(&self) -> bool {
        self.db.try_read().is_ok_and(|db| db.is_some())
    }

    /// Has it opened anew after so many values.
    pub(super) fn set_tail_max(&mut self, values: u64) {
        self.tail_max = values;
    }

    /// Calls sled, which is not opened anew meanwhile: `call` must not come back here.
    ///
    /// # Errors
    /// Those of `call`, and of opening where an earlier try to open it anew has failed.
    pub(super) fn with<T>(
        &self,
        call: impl FnOnce(&::sled::Db) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let placed = |error| placed(error, &self.folder);
        let held = self.db.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = &*held {
            return call(db).map_err(placed);
        }
        drop(held);
        let mut held = self.db.write().unwrap_or_else(PoisonError::into_inner);
        call(self.open_again(&mut held)?).map_err(placed)
    }

    /// Says how many values are to be written, and opens sled anew before that where its log would
    /// get too long. Whoever reads waits until those are done who read before.
    ///
    /// # Errors
    /// As [`Database::open`]; the next call tries again.
    pub(super) fn make_room(&self, values: usize) -> Result<(), StoreError> {
        let tail = self.tail.fetch_add(values as u64, Ordering::SeqCst);
        if tail < self.tail_max {
            return Ok(());
        }
        self.open_anew()?;
        self.tail.store(values as u64, Ordering::SeqCst);
        Ok(())
    }

    /// Opens sled anew where that is worth it already, for whoever has time for it.
    ///
    /// # Errors
    /// As [`Database::open`]; the next call tries again.
    pub(super) fn shorten_log(&self) -> Result<(), StoreError> {
        let is_worth_it = STORE_TAIL_VALUES_IDLE.min(self.tail_max);
        if self.tail.load(Ordering::SeqCst) < is_worth_it {
            return Ok(());
        }
        self.open_anew()?;
        self.tail.store(0, Ordering::SeqCst);
        Ok(())
    }

    fn open_anew(&self) -> Result<(), StoreError> {
        let mut held = self.db.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = held.take() {
            guard(|| {
                drop(db);
                Ok(())
            })?;
        }
        self.open_again(&mut held).map(drop)
    }

    fn open_again<'held>(
        &self,
        held: &'held mut Option<::sled::Db>,
    ) -> Result<&'held ::sled::Db, StoreError> {
        if held.is_none() {
            let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
            *held = Some(open_durable(&self.folder, wait)?);
        }
        held.as_ref().ok_or_else(|| StoreError::unavailable(WHAT, "it is closed"))
    }
}

/// Says where the store is that cannot be used: whoever frees space has to know.
fn placed(error: StoreError, folder: &Path) -> StoreError {
    match error {
        StoreError::Unavailable { what, why } if what == WHAT => {
            StoreError::unavailable(format!("{WHAT} in {}", folder.display()), why)
        }
        other => other,
    }
}

/// Opens sled, and makes durable what is read from then on: it may be acknowledged, and whoever
/// wrote it may have been killed before its fsync. Nor does sled sync the names of its snapshots.
fn open_durable(folder: &Path, wait: Duration) -> Result<::sled::Db, StoreError> {
    let names = sweep(folder)?;
    let config =
        ::sled::Config::default().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let db = open_free(&config, wait).map_err(|error| placed(error, folder))?;
    let path = folder.join("db");
    let file = File::open(&path).map_err(|error| failed("cannot open", &path, &error))?;
    file.sync_all().map_err(|error| failed("cannot write", &path, &error))?;
    if sweep(folder)? != names {
        sync_folder(folder)?;
    }
    Ok(db)
}

/// Removes snapshots that a kill left half-written: with one of them sled never opens again.
/// Only under our lock, for else it may be the one that another process is writing. Gives the
/// names that are left.
fn sweep(folder: &Path) -> Result<BTreeSet<OsString>, StoreError> {
    let mut names = BTreeSet::new();
    let unreadable = |error| failed("cannot read", folder, &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with("snap.") && text.ends_with(".generating") {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| failed("cannot remove", &path, &error))?;
        } else {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Opens sled once its file is free. We hold the ledger's lock, so whoever still has the file is a
/// process that is ending: the system lets go of its locks one after the other.
fn open_free(config: &::sled::Config, wait: Duration) -> Result<::sled::Db, StoreError> {
    let start = Instant::now();
    loop {
        match guard(|| config.open()) {
            Err(StoreError::Unavailable { why, .. })
                if why.contains("could not acquire lock") && start.elapsed() < wait =>
            {
                thread::sleep(TRY_AGAIN_AFTER);
            }
            other => return other,
        }
    }
}

/// Runs a call into sled, whose panics mean that it found its own file inconsistent.
pub(super) fn guard<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, StoreError> {
    let damaged = "it cannot read what it wrote";
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        // A file that ends too early is no passing trouble.
        Ok(Err(::sled::Error::Io(error))) if error.kind() != ErrorKind::UnexpectedEof => {
            Err(StoreError::unavailable(WHAT, error))
        }
        // It says no more about corruption than that there is some.
        Err(_) | Ok(Err(::sled::Error::Corruption { .. })) => {
            Err(StoreError::integrity(WHAT, damaged))
        }
        Ok(Err(error)) => {
            Err(StoreError::integrity(WHAT, format_args!("{damaged} (sled: {error})")))
        }
    }
}
