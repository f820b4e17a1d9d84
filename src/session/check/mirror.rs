//! A mirror held against its ledger, and judged by itself where the ledger is damaged.

use std::path::Path;

use super::files::hash_all;
use super::{Checked, Damage, Progress};
use crate::base::position::TreeSize;
use crate::blobs::Blobs;
use crate::ledger::check::{Place, check};
use crate::ledger::read::prover;
use crate::ledger::store::StoreError;
use crate::note::key::VerifierKey;
use crate::session::error::SessionError;
use crate::store::mirror::MirrorStore;
use crate::store::sled::SledStore;

/// What a check of a mirror found; its damage stands with that of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorChecked {
    /// Entries of its checkpoint.
    pub size: TreeSize,
    /// Entries from the first on that are good: form, chain and place in the tree.
    pub entries_good: TreeSize,
    /// Whether every file of the log is good, and its checkpoint is signed.
    pub is_good: bool,
    /// Files of the side store that are there and right.
    pub files_good: u64,
}

/// Checks a mirror: every file, by itself; then that it is the beginning of the ledger.
pub(super) fn check_mirror(
    folder: &Path,
    store: &SledStore,
    origin: &str,
    keys: &[VerifierKey],
    is_ledger_good: bool,
    checked: &mut Checked,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), SessionError> {
    let damage = |what: &dyn std::fmt::Display, file: &str| {
        Damage::new("mirror", format!("{file}: {what}")).in_file(file)
    };
    let mirror = match MirrorStore::open(folder) {
        Ok(Some(mirror)) => mirror,
        Ok(None) => {
            checked.add_missing(damage(&"missing: there is no mirror there", "checkpoint"));
            return Ok(());
        }
        Err(error @ StoreError::Integrity { .. }) => {
            checked.add_damage(damage(&error, "checkpoint"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (size, of) = (mirror.size(), mirror.size().get());
    let report = check(&mirror, &mirror, origin, keys, &mut |index, _, _| {
        progress(Progress { what: "mirror", done: index.get(), of });
        Ok(())
    })?;
    let is_good = report.damage.is_none();
    if let Some(found) = &report.damage {
        let (file, entry) = match found.place {
            Place::Entry(index) => (mirror.file_of(index), Some(index)),
            Place::Tile(tile) => (Some(tile.path()), None),
            Place::Head | Place::Checkpoint | Place::CheckpointFile => (None, None),
        };
        let file = file.unwrap_or_else(|| "checkpoint".to_owned());
        let what = entry
            .map_or_else(|| found.what.clone(), |index| format!("entry {index}: {}", found.what));
        let found = damage(&what, &file);
        checked.add_damage(entry.map_or(found.clone(), |index| found.at_entry(index)));
    } else if is_ledger_good {
        compare(&mirror, store, checked)?;
    }
    let files_good = check_files(folder, checked, progress)?;
    let entries_good = report.entries_good;
    checked.mirror = Some(MirrorChecked { size, entries_good, is_good, files_good });
    Ok(())
}

/// A good mirror of a good ledger is its beginning.
fn compare(
    mirror: &MirrorStore,
    store: &SledStore,
    checked: &mut Checked,
) -> Result<(), SessionError> {
    let (of_mirror, of_ledger) = (mirror.checkpoint(), checked.size);
    let what = if of_mirror.size > of_ledger {
        format!("it has {} entries, and the ledger {of_ledger}", of_mirror.size)
    } else if prover(store, of_ledger).root(of_mirror.size)? == of_mirror.root {
        return Ok(());
    } else {
        format!("it has another history of the first {} entries", of_mirror.size)
    };
    checked.add_damage(Damage::new("mirror", format!("checkpoint: {what}")).in_file("checkpoint"));
    Ok(())
}

/// The files beside the mirror's log: each is right; gives how many are. Which are not there was
/// told by the entries that name them.
fn check_files(
    folder: &Path,
    checked: &mut Checked,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, SessionError> {
    let blobs = Blobs::shared(folder);
    let (good, damaged) = hash_all(&blobs, progress)?;
    for (digest, what) in damaged {
        let name = blobs.name(&digest);
        checked.add_damage(Damage::new("mirror", format!("{name}: {what}")).in_file(name));
    }
    Ok(good)
}
