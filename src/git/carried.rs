//! Contents and sides for the check of a carried sign-off, out of a repository.

use std::borrow::Cow;
use std::cell::RefCell;

use super::error::GitError;
use super::range::Range;
use super::repository::Repository;
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::change::carry::CarrySource;
use crate::change::{ChangePath, Content, Side};

/// The contents of two changes: the one that was approved and the one that landed.
#[derive(Debug)]
pub struct CarriedRanges<'r> {
    repository: &'r Repository,
    approved: Range,
    landed: Range,
    failure: RefCell<Option<GitError>>,
}

impl Repository {
    /// A source for checking whether the sign-off of `approved` is carried to `landed`, which
    /// reads what it is asked for.
    #[must_use]
    pub const fn carried_ranges(&self, approved: Range, landed: Range) -> CarriedRanges<'_> {
        CarriedRanges { repository: self, approved, landed, failure: RefCell::new(None) }
    }
}

impl CarriedRanges<'_> {
    /// Why something could not be read, the first time that it was so.
    pub fn failure(&self) -> Option<GitError> {
        self.failure.borrow_mut().take()
    }

    fn find(
        &self,
        revision: &Revision,
        path: &ChangePath,
        digest: &ContentDigest,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let side = self.repository.side(revision, path)?;
        if side.content == Content::Sha256(*digest) {
            self.repository.blob(revision, path).map(Some)
        } else {
            Ok(None)
        }
    }

    fn failed(&self, error: GitError) {
        self.failure.borrow_mut().get_or_insert(error);
    }
}

impl CarrySource for CarriedRanges<'_> {
    fn content(&self, path: &ChangePath, digest: &ContentDigest) -> Option<Cow<'_, [u8]>> {
        let Self { approved, landed, .. } = self;
        let revisions = [
            approved.base.as_ref(),
            Some(&approved.head),
            landed.base.as_ref(),
            Some(&landed.head),
        ];
        let mut failure = None;
        for revision in revisions.into_iter().flatten() {
            match self.find(revision, path, digest) {
                Ok(Some(content)) => return Some(Cow::Owned(content)),
                Ok(None) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // Where one of the four has it, it does not matter that another is not there.
        if let Some(error) = failure {
            self.failed(error);
        }
        None
    }

    fn landed_side(&self, path: &ChangePath) -> Option<Side> {
        self.repository.side(&self.landed.head, path).map_err(|error| self.failed(error)).ok()
    }
}
