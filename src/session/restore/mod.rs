//! A ledger that is built again from a mirror (`spec/ledger.md` section 13): sled, the checkpoint
//! file, the side store and the view, in a folder of their own, which takes its place only once
//! everything in it was checked.

mod place;
mod rebuild;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::{CheckRequest, Progress, check_fresh};
use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile, SALT_FILE};
use super::view_file;
use crate::base::digest::RootHash;
use crate::base::limits::LOCK_WAIT_MILLISECONDS_MAX;
use crate::base::position::TreeSize;
use crate::ledger::store::{CheckpointFile as _, Store as _};
use crate::merkle::tile::{HASH_BYTES, tiles_of};
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::store::durable;
use crate::store::lock::LedgerLock;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;

use self::place::Place;
use self::rebuild::{Files, rebuild};
use self::source::Source;

/// What is to be built, and from what.
#[derive(Debug)]
pub struct RestoreRequest<'a> {
    /// The folder of the mirror.
    pub mirror: &'a Path,
    /// The folder of what may be forgotten: openings and the salt of e-mail digests.
    pub openings: Option<&'a Path>,
    /// The folder of the ledger.
    pub into: &'a Path,
    /// Whether what is there may be moved aside.
    pub in_place: bool,
    /// What the ledger must be.
    pub trust: &'a TrustRoot,
    /// The file of the ledger's own key.
    pub ledger_key: &'a LedgerKeyFile,
    /// The newest tree that this user has seen.
    pub seen: Option<&'a Path>,
}

/// What was built.
#[derive(Debug)]
pub struct Restored {
    /// Entries.
    pub size: TreeSize,
    /// Root hash over them, which the checkpoint signs.
    pub root: RootHash,
    /// Leaf hashes that were compared with those of the mirror, one by one.
    pub leaf_hashes: u64,
    /// Tiles that were compared with those of the mirror, byte for byte.
    pub tiles: u64,
    /// Signatures that were verified.
    pub signatures: u64,
    /// Entries that the mirror did not have and the damaged store still had.
    pub entries_saved: u64,
    /// Files of the side store.
    pub files: u64,
    /// Documents of changes that are kept nowhere.
    pub documents_absent: u64,
    /// Openings.
    pub openings: u64,
    /// Openings that are not there: withheld, forgotten, or not in what it was built from.
    pub openings_withheld: u64,
    /// Whether the ledger's own key is here: without it nothing can be appended.
    pub has_key: bool,
    /// Where what was there before is now.
    pub aside: Option<PathBuf>,
    /// What must be there and is not.
    pub missing: Vec<String>,
}

/// Builds a ledger.
///
/// # Errors
/// [`SessionError::Integrity`] where the mirror does not verify, or is behind what was promised;
/// [`SessionError::Exists`] where something is there and is not to be moved. Nothing was changed
/// then.
pub fn restore(
    request: &RestoreRequest<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, SessionError> {
    let place = Place::new(request.into);
    let old = place.has_ledger()?.then(|| LedgerFolder::new(request.into));
    if old.is_some() && !request.in_place {
        return Err(SessionError::Exists { path: request.into.to_owned() });
    }
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    // Nobody appends to the old one meanwhile.
    let _lock = match &old {
        Some(old) => Some(LedgerLock::take(&old.path().join("lock"), "ledger restore", wait)?),
        None => None,
    };
    let work = place.begin()?;
    let outcome = build(request, old.as_ref(), &work, progress);
    let mut restored = match outcome {
        Ok(restored) => restored,
        Err(error) => {
            Place::give_up(&work);
            return Err(error);
        }
    };
    restored.aside = place.put(&work, old.is_some())?;
    Ok(restored)
}

/// Builds the ledger in a folder that nobody looks at, and checks all of it.
fn build(
    request: &RestoreRequest<'_>,
    old: Option<&LedgerFolder>,
    work: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, SessionError> {
    let source = Source::open(request, old, work, progress)?;
    let checkpoint = source.checkpoint().clone();
    let folder = LedgerFolder::new(work);
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    let store = SledStore::open(work, "ledger restore", wait)?;
    let mut files = Files::new(request, old, &folder);
    rebuild(&source, &store, &mut files, progress)?;
    folder.checkpoint_file().store(checkpoint.note().to_string().as_bytes())?;
    let mut missing = Vec::new();
    if !copy_salt(request, old, &folder)? {
        missing.push(format!(
            "{SALT_FILE}: nobody is found by an e-mail address, and commands but `ledger check` \
             refuse; it lies beside the ledger and in the mirror's folder of openings"
        ));
    }
    let check = CheckRequest {
        folder: work,
        trust: request.trust,
        ledger_key: request.ledger_key,
        range: 0..u64::MAX,
        mirror: None,
    };
    let (checked, view) = check_fresh(&check, &folder, &store, progress)?;
    let is_salt = |place: &str| place == SALT_FILE && !missing.is_empty();
    if let Some(found) = checked.damage.iter().find(|found| !is_salt(&found.place)) {
        return Err(SessionError::integrity(&found.place, &found.what));
    }
    missing.extend(checked.missing.iter().map(|found| format!("{}: {}", found.place, found.what)));
    let (tiles, leaf_hashes) = compare(&source, &store, &checkpoint)?;
    let key = request.ledger_key.read()?;
    if let Some(key) = &key {
        view_file::save(&folder, key, &view, *checkpoint.root(), TreeSize::default());
    }
    Ok(Restored {
        size: checkpoint.size(),
        root: *checkpoint.root(),
        leaf_hashes,
        tiles,
        signatures: checked.signatures,
        entries_saved: source.saved(),
        files: checked.files_good,
        documents_absent: checked.documents_absent,
        openings: checked.openings_good,
        openings_withheld: checked.openings_withheld,
        has_key: key.is_some(),
        aside: None,
        missing,
    })
}

/// Compares every tile of the new store with the mirror's; gives how many, and how many leaf
/// hashes are among them.
fn compare(
    source: &Source,
    store: &SledStore,
    checkpoint: &VerifiedCheckpoint,
) -> Result<(u64, u64), SessionError> {
    let (mut tiles, mut hashes) = (0, 0);
    let head = store.head()?;
    if head.as_ref().map(|head| head.root) != Some(*checkpoint.root()) {
        return Err(SessionError::integrity("the new store", "has another root hash"));
    }
    for tile in tiles_of(source.mirror_size()) {
        let (mine, theirs) = (store.tile(tile)?, source.mirror_tile(tile)?);
        if mine.is_none() || mine != theirs {
            return Err(SessionError::integrity(tile.path(), "is not that of the mirror"));
        }
        tiles += 1;
        if tile.level == 0 {
            hashes += (tile.bytes_count() / HASH_BYTES) as u64;
        }
    }
    Ok((tiles, hashes))
}

/// Brings the salt from the folder of openings, or from the old ledger; gives whether it did.
fn copy_salt(
    request: &RestoreRequest<'_>,
    old: Option<&LedgerFolder>,
    folder: &LedgerFolder,
) -> Result<bool, SessionError> {
    let apart = request.openings.map(LedgerFolder::new);
    for from in apart.iter().chain(old) {
        if let Ok(salt) = from.email_salt() {
            folder.write_email_salt(&salt)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a folder of ours that nobody needs.
fn remove_folder(path: &Path) -> Result<(), SessionError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(durable::failed("cannot remove", path, &error).into())
        }
        _ => Ok(()),
    }
}
