//! The files beside the log: covers and certificates must be there, documents and openings may.
//!
//! What is remembered is bounded: each file is hashed once, folder by folder, before the entries
//! are walked; the walk then only asks whether what an entry names was there and right.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{Checked, Damage, Progress};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::position::{EntryIndex, TreeSize};
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::change::carry::Certificate;
use crate::ledger::store::StoreError;
use crate::session::error::SessionError;
use crate::session::folder::LedgerFolder;
use crate::session::references::{FileKind, RecentFiles, commitments, named_files};
use crate::statement::Statement;
use crate::verify::cover::{CarriedFrom, Cover};

/// First bytes of digests: the folders of the side store.
const FOLDERS: u16 = 256;

/// The side store of a ledger that is checked.
pub(super) struct Files {
    blobs: Blobs,
    openings: Openings,
    /// Files with another content than their name says, and that nothing has named yet; where the
    /// side store was not surveyed, each file is read when it is named.
    damaged: BTreeMap<ContentDigest, String>,
    is_surveyed: bool,
    recent: RecentFiles,
    recent_documents: RecentFiles,
    /// The side store of a mirror, and how many entries that has.
    mirror: Option<(Blobs, TreeSize)>,
}

/// What became of asking for a file.
enum Asked {
    Good(Vec<u8>),
    Missing,
    Damaged(String),
    Unreadable(String),
}

impl Files {
    /// Hashes every file of the side store, where the whole ledger is checked.
    pub(super) fn survey(
        folder: &LedgerFolder,
        is_whole: bool,
        checked: &mut Checked,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, SessionError> {
        let blobs = Blobs::new(folder.path());
        let openings = Openings::new(folder.path());
        let damaged = if is_whole {
            let (good, damaged) = hash_all(&blobs, progress)?;
            checked.files_good = good;
            damaged
        } else {
            BTreeMap::new()
        };
        let (recent, recent_documents) = (RecentFiles::default(), RecentFiles::default());
        let is_surveyed = is_whole;
        let mirror = None;
        Ok(Self { blobs, openings, damaged, is_surveyed, recent, recent_documents, mirror })
    }

    /// Asks for the same files in a mirror, where that has the entries that name them.
    pub(super) fn hold_against(&mut self, mirror: &Path, size: TreeSize) {
        self.mirror = Some((Blobs::shared(mirror), size));
    }

    /// What is kept here and named by an entry that the mirror has is in the mirror too.
    fn in_mirror(&self, index: EntryIndex, digest: &ContentDigest, checked: &mut Checked) {
        let Some((mirror, size)) = &self.mirror else { return };
        if size.covers(index) && self.blobs.has(digest) && !mirror.has(digest) {
            let name = mirror.name(digest);
            let what = format!("{name}: missing, and entry {index} names it");
            checked.add_missing(Damage::new("mirror", what).at_entry(index).in_file(name));
        }
    }

    /// Whether a file was not looked at lately.
    fn is_new(&mut self, digest: ContentDigest) -> bool {
        self.recent.note(digest)
    }

    fn read(&self, digest: &ContentDigest) -> Asked {
        match self.blobs.get(digest) {
            Ok(Some(bytes)) => Asked::Good(bytes),
            Ok(None) => Asked::Missing,
            Err(error @ StoreError::Integrity { .. }) => Asked::Damaged(error.to_string()),
            Err(error) => Asked::Unreadable(error.to_string()),
        }
    }

    /// Sorts what a file came to; gives its content, where it was read and is good.
    fn keep(
        &mut self,
        digest: ContentDigest,
        place: &str,
        index: EntryIndex,
        required: bool,
        checked: &mut Checked,
    ) -> Option<Vec<u8>> {
        let name = self.blobs.name(&digest);
        let finding = |what: String| Damage::new(place, what).at_entry(index).in_file(&name);
        match self.read(&digest) {
            Asked::Good(bytes) => {
                if !self.is_surveyed {
                    checked.files_good += 1;
                }
                return Some(bytes);
            }
            Asked::Missing if required => {
                checked.add_missing(finding("the file is missing".to_owned()));
            }
            Asked::Missing => {}
            Asked::Damaged(what) => {
                self.damaged.remove(&digest);
                checked.add_damage(finding(what));
            }
            Asked::Unreadable(what) => checked.add_missing(finding(what)),
        }
        None
    }

    /// Looks at what an entry names.
    pub(super) fn entry(
        &mut self,
        index: EntryIndex,
        statement: &Statement,
        checked: &mut Checked,
    ) {
        for file in named_files(statement) {
            self.in_mirror(index, &file.digest, checked);
            let short = file.digest.short();
            match file.kind {
                FileKind::Cover => self.cover(index, file.digest, checked),
                FileKind::Required => {
                    let place = format!("file {short} of the landing at entry {index}");
                    if self.is_new(file.digest) {
                        self.keep(file.digest, &place, index, true, checked);
                    }
                }
                FileKind::Document | FileKind::Attachment => {
                    let place = format!("file {short} that entry {index} names");
                    self.optional(index, file.digest, &place, checked);
                }
            }
        }
        for (_, commitment) in commitments(statement) {
            match self.openings.text(commitment) {
                Ok(Some(_)) => checked.openings_good += 1,
                Ok(None) => checked.openings_withheld += 1,
                Err(error) => {
                    let name = self.openings.name(commitment);
                    let found = Damage::new(format!("an opening of entry {index}"), error);
                    checked.add_damage(found.at_entry(index).in_file(name));
                }
            }
        }
    }

    /// A file that may be missing; gives whether it is there.
    fn optional(
        &mut self,
        index: EntryIndex,
        digest: ContentDigest,
        place: &str,
        checked: &mut Checked,
    ) -> bool {
        // Surveyed already: only what was wrong, and by which entry it is named, is still open.
        if self.is_surveyed && !self.damaged.contains_key(&digest) {
            return self.blobs.has(&digest);
        }
        !self.is_new(digest) || self.keep(digest, place, index, false, checked).is_some()
    }

    fn cover(&mut self, index: EntryIndex, digest: ContentDigest, checked: &mut Checked) {
        // Decisions share covers and changes: each file is read once, for the first that names it.
        if !self.is_new(digest) {
            return;
        }
        let place = format!("cover of the decision at entry {index}");
        let Some(bytes) = self.keep(digest, &place, index, true, checked) else { return };
        let cover = match Cover::parse(&bytes) {
            Ok(cover) => cover,
            Err(error) => return checked.add_damage(Damage::new(place, error).at_entry(index)),
        };
        for row in &cover.segments {
            for change in row.changes() {
                let document = ContentDigest::from_bytes(*change.as_bytes());
                self.in_mirror(index, &document, checked);
                let place = format!("document of change {}", change.short());
                if self.recent_documents.note(document)
                    && !self.document(index, document, &place, checked)
                {
                    checked.documents_absent += 1;
                }
            }
            for from in &row.carried {
                self.certificate(index, row.change, from, checked);
            }
        }
    }

    fn document(
        &mut self,
        index: EntryIndex,
        digest: ContentDigest,
        place: &str,
        checked: &mut Checked,
    ) -> bool {
        if self.is_surveyed && !self.damaged.contains_key(&digest) {
            return self.blobs.has(&digest);
        }
        self.keep(digest, place, index, false, checked).is_some()
    }

    /// A certificate that a cover names: whether it holds is judged with a repository.
    fn certificate(
        &mut self,
        index: EntryIndex,
        landed: ChangeHash,
        from: &CarriedFrom,
        checked: &mut Checked,
    ) {
        if !self.is_new(from.certificate) {
            return;
        }
        self.in_mirror(index, &from.certificate, checked);
        let place =
            format!("certificate {} of the cover at entry {index}", from.certificate.short());
        let kept = self.keep(from.certificate, &place, index, true, checked);
        let Some(bytes) = kept else { return };
        let what = match Certificate::parse(&bytes) {
            Ok(one) if (one.approved(), one.landed()) == (from.change, landed) => return,
            Ok(_) => "it is of other changes".to_owned(),
            Err(error) => error.to_string(),
        };
        checked.add_damage(Damage::new(place, what).at_entry(index));
    }

    /// Tells of the damaged files that no entry names.
    pub(super) fn conclude(&mut self, checked: &mut Checked) {
        for (digest, what) in std::mem::take(&mut self.damaged) {
            let place = format!("file {} of the side store", digest.short());
            checked.add_damage(Damage::new(place, what).in_file(self.blobs.name(&digest)));
        }
    }
}

/// Hashes every file of a side store, on every processor; gives how many are right, and those that
/// are not.
pub(super) fn hash_all(
    blobs: &Blobs,
    progress: &mut dyn FnMut(Progress),
) -> Result<(u64, BTreeMap<ContentDigest, String>), StoreError> {
    let (next, good) = (AtomicU16::new(0), AtomicU64::new(0));
    let damaged = Mutex::new(BTreeMap::new());
    let work = || -> Result<(), StoreError> {
        loop {
            let Ok(folder) = u8::try_from(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            for digest in blobs.beginning_with(folder)? {
                match blobs.get(&digest) {
                    Ok(Some(_)) => {
                        good.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let mut damaged = damaged.lock().unwrap_or_else(PoisonError::into_inner);
                        damaged.insert(digest, error.to_string());
                    }
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        while !running.iter().all(thread::ScopedJoinHandle::is_finished) {
            let done = u64::from(next.load(Ordering::Relaxed).min(FOLDERS));
            progress(Progress { what: "files", done, of: u64::from(FOLDERS) });
            thread::sleep(std::time::Duration::from_millis(1));
        }
        let broken = || StoreError::unavailable("the side store", "reading it ended early");
        running.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err(broken())))
    })?;
    Ok((good.into_inner(), damaged.into_inner().unwrap_or_else(PoisonError::into_inner)))
}
