//! A mirror of a ledger: the log as plain files, the files of the side store that its entries name,
//! and, in a folder apart, what may be forgotten (`spec/proof.md` section 6).

use std::path::{Path, PathBuf};

use super::error::SessionError;
use super::folder::{LedgerFolder, SALT_FILE};
use super::references::{FileKind, Parsed, RecentFiles, commitments, named_files};
use super::{Session, VerifiedCheckpoint};
use crate::base::digest::ContentDigest;
use crate::base::limits::{
    MIRROR_STEP_BYTES, MIRROR_STEP_ENTRIES, NOTE_BYTES_MAX, PAGE_LEAVES_MAX,
};
use crate::base::position::{EntryIndex, TreeSize};
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::tiles::CHECKPOINT_NAME;
use crate::store::durable;
use crate::store::mirror::Update;
use crate::verify::cover::Cover;

/// Where a mirror is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPlace {
    /// The folder of what anybody may read.
    pub folder: PathBuf,
    /// The folder of openings and of the salt of e-mail digests; none where they are not kept.
    pub openings: Option<PathBuf>,
}

/// What bringing a mirror up to date came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Entries that it had.
    pub had: TreeSize,
    /// Entries that it has.
    pub size: TreeSize,
    /// Files of the log that were written, beside the checkpoint.
    pub files_written: u64,
    /// Files of the side store that were written.
    pub blobs_written: u64,
    /// Covers that a decision names and that the ledger does not have either.
    pub covers_missing: u64,
    /// Openings that were written.
    pub openings_written: u64,
    /// Openings that the ledger no longer has, and that were removed.
    pub openings_removed: u64,
}

/// A mirror on its way to a checkpoint, in steps between which the ledger may be used by others.
pub struct MirrorRun {
    place: MirrorPlace,
    checkpoint: VerifiedCheckpoint,
    /// The next entry whose files are copied.
    next: u64,
    from: TreeSize,
    update: Option<Update>,
    recent: RecentFiles,
    done: Mirrored,
}

impl MirrorRun {
    /// Begins to bring a mirror up to the ledger's newest checkpoint; with `whole` every file is
    /// looked at again, and those that are gone are put back.
    ///
    /// # Errors
    /// [`SessionError::Integrity`] where the mirror is of another history, or ahead of the ledger.
    pub fn begin(
        session: &Session,
        place: &MirrorPlace,
        whole: bool,
    ) -> Result<Self, SessionError> {
        let note = durable::read(&place.folder.join(CHECKPOINT_NAME), NOTE_BYTES_MAX)?;
        let had = match note {
            Some(note) => session.earlier(&note, "the checkpoint of the mirror")?,
            None => TreeSize::default(),
        };
        let from = if whole { TreeSize::default() } else { had };
        let checkpoint = session.checkpoint().clone();
        let done = Mirrored { had, size: checkpoint.size(), ..Mirrored::default() };
        let place = place.clone();
        let recent = RecentFiles::default();
        Ok(Self { place, checkpoint, next: from.get(), from, update: None, recent, done })
    }

    /// Verifies and writes a part; gives whether all is there but the checkpoint.
    ///
    /// # Errors
    /// [`SessionError`] where the ledger does not verify, or the mirror has other content.
    pub fn step(&mut self, session: &Session) -> Result<bool, SessionError> {
        let size = self.checkpoint.size().get();
        if self.next < size {
            let end = size.min(self.next + MIRROR_STEP_ENTRIES);
            while self.next < end {
                let index = EntryIndex::new(self.next);
                let leaves = session.store().leaves(index, PAGE_LEAVES_MAX)?;
                if leaves.is_empty() {
                    return Err(SessionError::integrity(format!("entry {index}"), "is missing"));
                }
                for leaf in leaves {
                    self.files_of(session, EntryIndex::new(self.next), &leaf)?;
                    self.next += 1;
                    if self.next == end {
                        break;
                    }
                }
            }
            return Ok(false);
        }
        let update = match &mut self.update {
            Some(update) => update,
            none => none.insert(Update::new(session.store(), self.from, &self.checkpoint)?),
        };
        Ok(update.step(session.store(), &self.place.folder, MIRROR_STEP_BYTES)?)
    }

    /// Ends, once [`MirrorRun::step`] has said that all is there: the checkpoint is replaced.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn finish(mut self, ledger: &LedgerFolder) -> Result<Mirrored, SessionError> {
        if let Some(openings) = &self.place.openings {
            copy_salt(ledger, openings)?;
        }
        if let Some(update) = self.update.take() {
            self.done.files_written = update.finish(&self.place.folder)?;
        }
        Ok(self.done)
    }

    /// Copies what an entry names, before the entry itself.
    fn files_of(
        &mut self,
        session: &Session,
        index: EntryIndex,
        leaf: &[u8],
    ) -> Result<(), SessionError> {
        let statement = Parsed::parse(index, leaf)?.statement;
        let blobs = session.blobs();
        for file in named_files(&statement) {
            let content = self.copy(&blobs, file.digest)?;
            if file.kind != FileKind::Cover {
                continue;
            }
            let Some(content) = content else {
                self.done.covers_missing += u64::from(!blobs.has(&file.digest));
                continue;
            };
            let cover = Cover::parse(&content).map_err(|error| {
                SessionError::integrity(format!("the cover of entry {index}"), error.to_string())
            })?;
            for row in &cover.segments {
                for change in row.changes() {
                    self.copy(&blobs, ContentDigest::from_bytes(*change.as_bytes()))?;
                }
                for from in &row.carried {
                    self.copy(&blobs, from.certificate)?;
                }
            }
        }
        if let Some(folder) = &self.place.openings {
            let (from, to) = (session.openings(), Openings::new(folder));
            for (_, commitment) in commitments(&statement) {
                if let Some(opening) = from.get(commitment)?
                    && to.get(commitment)?.is_none()
                {
                    to.put(&opening)?;
                    self.done.openings_written += 1;
                }
            }
        }
        Ok(())
    }

    /// Copies a file of the side store, verified by its digest; gives its content where it was not
    /// looked at lately.
    fn copy(
        &mut self,
        blobs: &Blobs,
        digest: ContentDigest,
    ) -> Result<Option<Vec<u8>>, SessionError> {
        if !self.recent.note(digest) {
            return Ok(None);
        }
        let mirror = Blobs::shared(&self.place.folder);
        // A file that is there and another is an error: nothing in a mirror is replaced.
        let there = mirror.get(&digest)?;
        let Some(content) = blobs.get(&digest)? else { return Ok(there) };
        if there.is_none() {
            mirror.put(&content)?;
            self.done.blobs_written += 1;
        }
        Ok(Some(content))
    }
}

/// Puts the salt of e-mail digests beside the openings.
fn copy_salt(ledger: &LedgerFolder, openings: &Path) -> Result<(), SessionError> {
    let salt = ledger.email_salt()?;
    let mirror = LedgerFolder::new(openings);
    if !openings.join(SALT_FILE).exists() {
        durable::create_folder(openings)?;
        return Ok(mirror.write_email_salt(&salt)?);
    }
    if mirror.email_salt()?.commitment() == salt.commitment() {
        return Ok(());
    }
    Err(SessionError::integrity("the e-mail salt of the mirror", "is another ledger's"))
}

/// Removes the openings from a mirror that the ledger no longer has: `roster forget` holds there
/// too. Gives how many.
///
/// # Errors
/// [`StoreError`].
pub fn forget_in_mirror(ledger: &LedgerFolder, place: &MirrorPlace) -> Result<u64, StoreError> {
    let Some(folder) = &place.openings else { return Ok(0) };
    let (kept, mirror) = (Openings::new(ledger.path()), Openings::new(folder));
    let mut removed = 0;
    for first in 0..=u8::MAX {
        for commitment in mirror.beginning_with(first)? {
            if !kept.has(commitment) {
                removed += u64::from(mirror.remove(commitment)?);
            }
        }
    }
    Ok(removed)
}

impl Session {
    /// Makes a mirror part of every acknowledgement: no receipt before it is durable there too.
    pub fn acknowledge_with(&mut self, place: MirrorPlace) {
        self.mirror = Some(place);
    }

    /// Whether what is appended now would be durable: writes a file in the ledger's folder, and
    /// brings up the mirror that acknowledgements wait for.
    ///
    /// # Errors
    /// [`SessionError`] where it would not.
    pub fn try_writing(&self) -> Result<(), SessionError> {
        self.folder.try_writing()?;
        self.mirror_before_receipts()
    }

    /// Brings a mirror up to the newest checkpoint, all at once.
    ///
    /// # Errors
    /// As [`MirrorRun::begin`] and [`MirrorRun::step`].
    pub fn mirror_to(&self, place: &MirrorPlace, whole: bool) -> Result<Mirrored, SessionError> {
        let mut run = MirrorRun::begin(self, place, whole)?;
        while !run.step(self)? {}
        run.finish(self.folder())
    }

    /// Brings the mirror up that acknowledgements wait for, if there is one.
    pub(super) fn mirror_before_receipts(&self) -> Result<(), SessionError> {
        let Some(place) = &self.mirror else { return Ok(()) };
        let bring_up = || {
            // An empty folder is mostly a disk that is not mounted: nothing is begun there.
            if !place.folder.join(CHECKPOINT_NAME).exists() {
                let what = format!("the mirror in {}", place.folder.display());
                return Err(StoreError::unavailable(what, "it is not there").into());
            }
            self.mirror_to(place, false)
        };
        bring_up().map(|_| ()).map_err(|error| SessionError::NotMirrored { error: Box::new(error) })
    }
}
