//! What travels beside statements: the words behind their commitments, and the files of the side
//! store that they name.

use std::collections::BTreeSet;

use super::references::{FileKind, commitments, named_files};
use super::{Session, SessionError};
use crate::base::digest::{Commitment, ContentDigest};
use crate::statement::Statement;
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::verify::cover::Cover;

/// What travels beside statements and belongs to them.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    words: Vec<Opening>,
    files: Vec<Vec<u8>>,
}

impl Beside {
    /// Of what was brought, what the statements name: openings of their commitments, their files,
    /// and the files that a cover among these names. All else is passed over: anybody may have
    /// brought it.
    pub fn named_by<'a>(
        envelopes: impl IntoIterator<Item = &'a Envelope>,
        words: impl IntoIterator<Item = Opening>,
        files: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        let words: Vec<_> = words.into_iter().collect();
        let files = files.into_iter().map(|file| (ContentDigest::of(&file), file));
        let files: Vec<(ContentDigest, Vec<u8>)> = files.collect();
        if words.is_empty() && files.is_empty() {
            return Self::default();
        }
        let (mut said, mut named, mut covers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for envelope in envelopes {
            let Ok(statement) = Statement::parse(envelope.payload()) else { continue };
            said.extend(commitments(&statement).into_iter().map(|(_, commitment)| commitment));
            for file in named_files(&statement) {
                named.insert(file.digest);
                if file.kind == FileKind::Cover {
                    covers.insert(file.digest);
                }
            }
        }
        for (_, file) in files.iter().filter(|(digest, _)| covers.contains(digest)) {
            let Ok(cover) = Cover::parse(file) else { continue };
            named.extend(in_cover(&cover));
        }
        let is_said = |opening: &Opening| {
            opening.commitment().is_some_and(|commitment: Commitment| said.contains(&commitment))
        };
        Self {
            words: words.into_iter().filter(is_said).collect(),
            files: files
                .into_iter()
                .filter(|(digest, _)| named.contains(digest))
                .map(|(_, file)| file)
                .collect(),
        }
    }

    /// Whether nothing travels beside.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty() && self.files.is_empty()
    }

    /// Keeps all of it, durably: before the entries that name it.
    ///
    /// # Errors
    /// [`SessionError`] where something cannot be written.
    pub fn keep(&self, session: &Session) -> Result<(), SessionError> {
        let (openings, blobs) = (session.openings(), session.blobs());
        for opening in &self.words {
            openings.put(opening)?;
        }
        for file in &self.files {
            blobs.put(file)?;
        }
        Ok(())
    }
}

/// The files that a cover names.
pub(super) fn in_cover(cover: &Cover) -> impl Iterator<Item = ContentDigest> + use<'_> {
    let rows = cover.segments.iter();
    rows.flat_map(|row| {
        let changes = row.changes();
        let changes = changes.map(|change| ContentDigest::from_bytes(*change.as_bytes()));
        changes.chain(row.carried.iter().map(|from| from.certificate)).collect::<Vec<_>>()
    })
}
