//! A whole copy: every file that an entry names, fetched before it is checked or kept elsewhere.

use crate::base::limits::PAGE_LEAVES_MAX;
use crate::base::position::EntryIndex;
use crate::ledger::store::Store as _;
use crate::session::Session;
use crate::session::beside::in_cover;
use crate::session::error::SessionError;
use crate::session::references::{FileKind, Parsed, commitments, named_files};
use crate::verify::cover::Cover;

impl Session {
    /// Fetches what the entries name and the copy does not have yet; in a ledger's own folder there
    /// is nothing to do. `progress` is told how many entries are done, and of how many.
    ///
    /// # Errors
    /// [`SessionError`] where the server cannot be reached, or an entry cannot be read.
    pub fn complete(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), SessionError> {
        if self.server().is_none() {
            return Ok(());
        }
        let (blobs, openings, size) = (self.blobs(), self.openings(), self.size().get());
        let mut next = 0;
        while next < size {
            progress(next, size);
            let leaves = self.store().leaves(EntryIndex::new(next), PAGE_LEAVES_MAX)?;
            if leaves.is_empty() {
                return Err(SessionError::integrity(format!("entry {next}"), "is missing"));
            }
            for bytes in &leaves {
                let statement = Parsed::parse(EntryIndex::new(next), bytes)?.statement;
                for file in named_files(&statement) {
                    let content = blobs.get(&file.digest)?;
                    let content = content.filter(|_| file.kind == FileKind::Cover);
                    let cover = content.and_then(|content| Cover::parse(&content).ok());
                    for digest in cover.iter().flat_map(in_cover) {
                        blobs.get(&digest)?;
                    }
                }
                for (_, commitment) in commitments(&statement) {
                    openings.get(commitment)?;
                }
                next += 1;
            }
        }
        Ok(())
    }
}
