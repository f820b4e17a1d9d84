//! Whether a change was read on something that the branch had: a certificate calls what lies
//! between the base that was read and the landing's the branch's own edits, and takes them for
//! reviewed (`spec/verdict.md` section 5, point 7).

use std::collections::{BTreeMap, BTreeSet};

use super::open::Signed;
use super::{Search, damage};
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::change::Document;
use crate::evidence::gather::GatherError;
use crate::evidence::place::is_ancestor;
use crate::git::GitError;

/// So many changes that build on each other are followed.
const STACK_MAX: usize = 16;

/// What tells whether a base is the branch's.
pub(super) struct Grounds<'a> {
    search: &'a Search<'a>,
    signed: &'a [Signed],
    /// Changes that landed on the branch, exact or carried.
    landed: BTreeSet<ChangeHash>,
    /// Of a base and the commit that something landed on: whether the base is below it.
    below: BTreeMap<(Revision, Revision), bool>,
}

impl<'a> Grounds<'a> {
    pub(super) fn new(
        search: &'a Search<'a>,
        signed: &'a [Signed],
        landed: BTreeSet<ChangeHash>,
    ) -> Self {
        Self { search, signed, landed, below: BTreeMap::new() }
    }

    /// Whether what was read on `base` was read on something of the branch that `onto` is of: a
    /// commit of its history, one that has the same at every path of the change as where it
    /// parted from the branch, or the last commit of a change that landed and was itself so read.
    pub(super) fn is_ground(
        &mut self,
        base: Option<&Revision>,
        onto: Option<&Revision>,
        change: &Document,
    ) -> Result<bool, GatherError> {
        // On nothing everything was shown.
        let (Some(base), Some(onto)) = (base, onto) else { return Ok(base.is_none()) };
        let mut base = base.clone();
        for _ in 0..STACK_MAX {
            if self.is_below(&base, onto)? || self.parted_elsewhere(&base, onto, change)? {
                return Ok(true);
            }
            let ends_there = |signed: &&Signed| {
                self.landed.contains(&signed.change)
                    && signed.ranges.iter().any(|range| range.head == base)
            };
            let Some(below) = self.signed.iter().find(ends_there) else { return Ok(false) };
            let range = below.ranges.iter().find(|range| range.head == base);
            match range.and_then(|range| range.base.clone()) {
                Some(next) if next != base => base = next,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    fn is_below(&mut self, base: &Revision, onto: &Revision) -> Result<bool, GatherError> {
        let key = (base.clone(), onto.clone());
        if let Some(known) = self.below.get(&key) {
            return Ok(*known);
        }
        let found = match is_ancestor(self.search.repository, base, onto) {
            Ok(found) => found,
            Err(error) => {
                damage(Some(error))?;
                false
            }
        };
        self.below.insert(key, found);
        Ok(found)
    }

    /// Whether what the base has beside the branch touches no path of the change.
    fn parted_elsewhere(
        &self,
        base: &Revision,
        onto: &Revision,
        change: &Document,
    ) -> Result<bool, GatherError> {
        let repository = self.search.repository;
        let parted = repository
            .merge_base(base, onto)
            .and_then(|parted| repository.document(Some(&parted), base));
        match parted {
            Ok(beside) => {
                let own: BTreeSet<_> = beside.paths().collect();
                Ok(!change.paths().any(|path| own.contains(path)))
            }
            Err(
                GitError::NoMergeBase { .. }
                | GitError::SeveralMergeBases { .. }
                | GitError::Difference(_)
                | GitError::Document(_),
            ) => Ok(false),
            Err(error) => {
                damage(Some(error))?;
                Ok(false)
            }
        }
    }
}
