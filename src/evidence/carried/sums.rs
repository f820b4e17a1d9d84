//! What a change adds to the lines of a file and takes from them, in whatever order, as one
//! number. It is asked of each content once, and so keeps a hundred sign-offs of one lock file
//! from being compared with a hundred landings of it.

use std::collections::BTreeMap;

use super::pair::damage;
use super::revisions;
use crate::base::digest::ContentDigest;
use crate::carry::line_sum;
use crate::change::{ChangePath, Content, Row, Side};
use crate::evidence::gather::GatherError;
use crate::git::{Range, Repository};

/// Sums of lines by content.
pub(super) struct Sums<'a> {
    repository: &'a Repository,
    /// None where the content is not at hand.
    known: BTreeMap<ContentDigest, Option<u64>>,
}

impl<'a> Sums<'a> {
    pub(super) const fn new(repository: &'a Repository) -> Self {
        Self { repository, known: BTreeMap::new() }
    }

    /// By how much a row changes the sum of its file; none where that is not known.
    pub(super) fn delta(
        &mut self,
        row: &Row,
        ranges: &[Range],
    ) -> Result<Option<u64>, GatherError> {
        let old = self.sum(&row.path, &row.old, ranges)?;
        let new = self.sum(&row.path, &row.new, ranges)?;
        Ok(old.zip(new).map(|(old, new)| new.wrapping_sub(old)))
    }

    fn sum(
        &mut self,
        path: &ChangePath,
        side: &Side,
        ranges: &[Range],
    ) -> Result<Option<u64>, GatherError> {
        if *side == Side::ABSENT {
            return Ok(Some(0));
        }
        let Content::Sha256(digest) = side.content else { return Ok(None) };
        if let Some(known) = self.known.get(&digest) {
            return Ok(*known);
        }
        let mut found = None;
        for revision in ranges.iter().flat_map(revisions) {
            match self.repository.blob(revision, path) {
                Ok(content) if ContentDigest::of(&content) == digest => {
                    found = Some(line_sum(&content));
                    break;
                }
                Ok(_) => {}
                Err(error) => damage(Some(error))?,
            }
        }
        self.known.insert(digest, found);
        Ok(found)
    }
}
