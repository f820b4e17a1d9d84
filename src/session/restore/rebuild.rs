//! Entries, tiles, topics and files, from the first entry on.

use std::collections::BTreeSet;

use super::source::Source;
use super::{Progress, RestoreRequest};
use crate::base::digest::ContentDigest;
use crate::base::position::EntryIndex;
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::ledger::leaf::Leaf;
use crate::ledger::store::{Batch, Commit, Head, Store as _, StoreError, Topic};
use crate::ledger::topics::topics;
use crate::merkle::leaf_hash;
use crate::merkle::tree::TileTree;
use crate::session::error::SessionError;
use crate::session::folder::LedgerFolder;
use crate::session::references::{FileKind, Parsed, RecentFiles, commitments, named_files};
use crate::store::sled::SledStore;
use crate::verify::cover::Cover;

/// Writes every entry to an empty store. Only the last commit has a checkpoint: a store that was
/// left before it is no ledger.
pub(super) fn rebuild(
    source: &Source,
    store: &SledStore,
    files: &mut Files,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), SessionError> {
    let checkpoint = source.checkpoint();
    let size = checkpoint.size();
    let (mut tree, mut expected) = (TileTree::new(), None);
    while tree.size() < size {
        let first = tree.size().next_index();
        progress(Progress { what: "restoring", done: first.get(), of: size.get() });
        let leaves = source.leaves(first)?;
        let (mut last, mut found) = (None, Vec::new());
        for (index, bytes) in (first.get()..).map(EntryIndex::new).zip(&leaves) {
            let (leaf, of_entry) = files.entry(index, bytes)?;
            found.extend(of_entry.into_iter().map(|topic| (topic, index)));
            let hash = leaf_hash(bytes);
            tree.append(&hash);
            last = Some((hash, leaf.time()));
        }
        let Some((last_leaf, last_time)) = last else {
            return Err(SessionError::integrity(format!("entry {first}"), "is missing"));
        };
        let note = (tree.size() == size).then(|| checkpoint.note().to_string());
        let head = Head {
            size: tree.size(),
            root: tree.root(),
            last_leaf,
            last_time,
            checkpoint: note.unwrap_or_default(),
        };
        let token = head.token();
        let tiles = tree.take_changed().into_iter().collect();
        match store.commit(expected, &Batch { first, leaves, tiles, topics: found, head })? {
            Commit::Committed => expected = Some(token),
            Commit::Unknown(error) => return Err(error.into()),
            Commit::Stale => {
                return Err(StoreError::unavailable("the new store", "is used by others").into());
            }
        }
    }
    if tree.root() == *checkpoint.root() {
        return Ok(());
    }
    Err(SessionError::integrity("the entries", "do not have the root of the checkpoint"))
}

/// Files beside the log, from the mirror or from the damaged ledger, whichever has them right.
pub(super) struct Files {
    to: Blobs,
    from: Vec<Blobs>,
    openings_to: Openings,
    openings_from: Vec<Openings>,
    recent: RecentFiles,
}

impl Files {
    pub(super) fn new(
        request: &RestoreRequest<'_>,
        old: Option<&LedgerFolder>,
        folder: &LedgerFolder,
    ) -> Self {
        let old = old.map(LedgerFolder::path);
        Self {
            to: Blobs::new(folder.path()),
            from: std::iter::once(Blobs::shared(request.mirror))
                .chain(old.map(Blobs::new))
                .collect(),
            openings_to: Openings::new(folder.path()),
            openings_from: request.openings.into_iter().chain(old).map(Openings::new).collect(),
            recent: RecentFiles::default(),
        }
    }

    /// Reads an entry, and copies what it names; gives the leaf, and its topics.
    fn entry(
        &mut self,
        index: EntryIndex,
        bytes: &[u8],
    ) -> Result<(Leaf, BTreeSet<Topic>), SessionError> {
        let Parsed { leaf, envelope, statement } = Parsed::parse(index, bytes)?;
        for file in named_files(&statement) {
            let content = self.copy(file.digest)?;
            let Some(content) = content.filter(|_| file.kind == FileKind::Cover) else { continue };
            // A cover that is none is told by the check of the whole.
            let Ok(cover) = Cover::parse(&content) else { continue };
            for row in &cover.segments {
                for change in row.changes() {
                    self.copy(ContentDigest::from_bytes(*change.as_bytes()))?;
                }
                for from in &row.carried {
                    self.copy(from.certificate)?;
                }
            }
        }
        for (_, commitment) in commitments(&statement) {
            let mut found = self.openings_from.iter().map(|from| from.get(commitment));
            if let Some(opening) = found.find_map(|found| found.ok().flatten()) {
                self.openings_to.put(&opening)?;
            }
        }
        let topics = topics(envelope.statement_id(), &statement).into_iter().collect();
        Ok((leaf, topics))
    }

    /// Copies a file that is right somewhere; gives its content where it was not copied lately.
    fn copy(&mut self, digest: ContentDigest) -> Result<Option<Vec<u8>>, SessionError> {
        if !self.recent.note(digest) {
            return Ok(None);
        }
        let content = self.from.iter().find_map(|from| from.get(&digest).ok().flatten());
        if let Some(content) = &content {
            self.to.put(content)?;
        }
        Ok(content)
    }
}
