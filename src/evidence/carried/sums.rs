//! What a change adds to the lines of a file and takes from them, in whatever order, as one
//! number. It is asked of each content once, and so keeps a hundred sign-offs of one lock file
//! from being compared with a hundred landings of it.

use std::collections::BTreeMap;

use super::memory::Memory;
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::carry::line_sum;
use crate::change::{ChangePath, Content, Row, Side};
use crate::evidence::gather::GatherError;
use crate::git::Range;

/// Sums of lines by content.
pub(super) struct Sums<'a> {
    memory: &'a Memory<'a>,
    /// None where the content is not at hand.
    known: BTreeMap<ContentDigest, Option<u64>>,
}

impl<'a> Sums<'a> {
    pub(super) const fn new(memory: &'a Memory<'a>) -> Self {
        Self { memory, known: BTreeMap::new() }
    }

    /// By how much a row changes the sum of its file; none where that is not known.
    pub(super) fn delta(
        &mut self,
        row: &Row,
        ranges: &[Range],
    ) -> Result<Option<u64>, GatherError> {
        let bases = || ranges.iter().filter_map(|range| range.base.as_ref());
        let heads = || ranges.iter().map(|range| &range.head);
        let old = self.sum(&row.path, &row.old, bases().chain(heads()))?;
        let new = self.sum(&row.path, &row.new, heads().chain(bases()))?;
        Ok(old.zip(new).map(|(old, new)| new.wrapping_sub(old)))
    }

    fn sum<'r>(
        &mut self,
        path: &ChangePath,
        side: &Side,
        commits: impl Iterator<Item = &'r Revision>,
    ) -> Result<Option<u64>, GatherError> {
        if *side == Side::ABSENT {
            return Ok(Some(0));
        }
        let Content::Sha256(digest) = side.content else { return Ok(None) };
        if let Some(known) = self.known.get(&digest) {
            return Ok(*known);
        }
        let content = self.memory.read(path, digest, commits)?;
        let found = content.map(|content| line_sum(&content));
        self.known.insert(digest, found);
        Ok(found)
    }
}
