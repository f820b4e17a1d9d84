//! One change that was signed and one that landed: whether the first is carried to the second.

use std::collections::BTreeMap;

use super::ground::Grounds;
use super::memory::Memory;
use super::open::{Open, Signed, row_of};
use super::sums::Sums;
use super::{Carries, Landed, Search, damage};
use crate::base::digest::ChangeHash;
use crate::base::limits::{CARRY_SEARCHES_FAILED_MAX, CARRY_SEARCHES_MAX};
use crate::base::name::Revision;
use crate::carry::{FindError, find};
use crate::change::Document;
use crate::change::carry::{
    Carried, CarryError, CarryFault, Certificate, PathRelation, check, relate,
};
use crate::evidence::gather::GatherError;
use crate::verify::{CarriedTo, Uncarried};

/// A certificate, what it shows, and the base on which the change was read.
type Found = (Certificate, Carried, Option<Revision>);

/// How many certificates of sign-offs are still looked for.
#[derive(Debug)]
struct Budget {
    searches: usize,
    failures: usize,
}

impl Budget {
    const fn new() -> Self {
        Self { searches: CARRY_SEARCHES_MAX, failures: CARRY_SEARCHES_FAILED_MAX }
    }

    /// Takes one up, if one is looked for still.
    const fn search(&mut self) -> bool {
        let is_left = self.searches > 0 && self.failures > 0;
        if is_left {
            self.searches -= 1;
        }
        is_left
    }

    /// The one that was taken up was not found.
    const fn failed(&mut self) {
        self.failures -= 1;
    }
}

/// The pairs that were looked at.
pub(super) struct Pairs<'a> {
    search: &'a Search<'a>,
    open: &'a Open,
    found: Carries,
    /// Why what could be carried by its rows is not.
    failed: BTreeMap<(ChangeHash, ChangeHash), String>,
    sums: Sums<'a>,
    memory: &'a Memory<'a>,
    budget: Budget,
    /// Of each that was found: on what it was read, onto what it landed, and its paths.
    grounds: Vec<(Option<Revision>, Option<Revision>, Document)>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(
        search: &'a Search<'a>,
        open: &'a Open,
        (memory, sums): (&'a Memory<'a>, Sums<'a>),
    ) -> Self {
        Self {
            search,
            open,
            found: Carries { carried: Vec::new(), uncarried: Vec::new(), certificates: Vec::new() },
            failed: BTreeMap::new(),
            sums,
            memory,
            budget: Budget::new(),
            grounds: Vec::new(),
        }
    }

    /// What was found; of each whether it was read on something that the branch had. `landed` are
    /// the changes of the chain itself.
    pub(super) fn finish(
        mut self,
        landed: impl IntoIterator<Item = ChangeHash>,
    ) -> Result<Carries, GatherError> {
        let mut known = self.search.has_landed.clone();
        known.extend(landed);
        known.extend(self.found.carried.iter().map(|to| to.carried.approved()));
        let mut grounds = Grounds::new(self.search, self.open.all(), known);
        for (to, (base, onto, change)) in self.found.carried.iter_mut().zip(&self.grounds) {
            to.is_grounded = grounds.is_ground(base.as_ref(), onto.as_ref(), change)?;
        }
        Ok(self.found)
    }

    /// Looks for everything that is carried to a change; whether there is any.
    pub(super) fn carry(&mut self, landed: &Landed<'_>) -> Result<bool, GatherError> {
        let change = landed.document.hash();
        let head = &landed.range.head;
        if self.has_any(change, head) {
            return Ok(true);
        }
        let open = self.open;
        for signed in open.candidates(landed.document, &landed.range, &mut self.sums)? {
            let pair = (signed.change, change);
            if self.failed.contains_key(&pair) {
                continue;
            }
            if let Some(found) = self.check_named(signed, landed)? {
                self.take(signed, landed, found);
                continue;
            }
            if !self.adds_up(signed, landed)? {
                continue;
            }
            // A limit keeps nobody's reject from being heard: whoever may reject can block anyhow,
            // and who makes it slow stands in the ledger.
            if !signed.is_rejected && !self.budget.search() {
                continue;
            }
            match self.find(signed, landed)? {
                Ok(found) => self.take(signed, landed, found),
                Err(error) => {
                    if !signed.is_rejected {
                        self.budget.failed();
                    }
                    self.failed.insert(pair, told(&error));
                }
            }
        }
        Ok(self.has_any(change, head))
    }

    /// Whether anything is carried to a change, landed as a commit.
    pub(super) fn has_any(&self, landed: ChangeHash, landing: &Revision) -> bool {
        let is_it = |to: &CarriedTo| to.carried.landed() == landed && to.landing == *landing;
        self.found.carried.iter().any(is_it)
    }

    /// Tells what is near to a change that nothing is carried to, and why it is not carried.
    pub(super) fn tell(&mut self, landed: &Landed<'_>, most: usize) -> Result<(), GatherError> {
        let change = landed.document.hash();
        let is_carried = |found: &Carries, approved: ChangeHash| {
            let pair = |to: &CarriedTo| (to.carried.approved(), to.carried.landed());
            found.carried.iter().any(|to| pair(to) == (approved, change))
        };
        let open = self.open;
        let is_open =
            |signed: &&Signed| !signed.is_rejected && !self.search.has_landed(signed.change);
        let near = open.like(landed.document).filter(is_open);
        let near: Vec<_> =
            near.filter(|near| !is_carried(&self.found, near.change)).take(most).collect();
        for signed in near {
            let known = self.failed.get(&(signed.change, change)).cloned();
            let why = match known {
                Some(why) => why,
                None => self.why_not(signed, landed)?,
            };
            let near = Uncarried { approved: signed.change, landed: change, why };
            if !self.found.uncarried.contains(&near) {
                self.found.uncarried.push(near);
            }
        }
        Ok(())
    }

    fn take(&mut self, signed: &Signed, landed: &Landed<'_>, (certificate, carried, base): Found) {
        let landing = landed.range.head.clone();
        self.found.carried.push(CarriedTo { landing, carried, is_grounded: false });
        self.grounds.push((base, landed.range.base.clone(), landed.document.clone()));
        self.found.certificates.push((certificate, Document::clone(&signed.document)));
    }

    /// The certificate that a decision rests on, if it holds here.
    fn check_named(
        &self,
        signed: &Signed,
        landed: &Landed<'_>,
    ) -> Result<Option<Found>, GatherError> {
        let pair = (signed.change, landed.document.hash());
        let Some(digest) = self.search.named.get(&pair) else { return Ok(None) };
        let Some(bytes) = self.search.session.blobs().get(digest).map_err(unkept)? else {
            return Ok(None);
        };
        let Ok(certificate) = Certificate::parse(&bytes) else { return Ok(None) };
        for range in &signed.ranges {
            let source = self.memory.source(range.clone(), landed.range.clone());
            let checked = check(&signed.document, landed.document, &certificate, 1, &source);
            damage(source.failure())?;
            if let Ok(carried) = checked {
                return Ok(Some((certificate, carried, range.base.clone())));
            }
        }
        Ok(None)
    }

    /// Looks for edits as far apart as is asked, else for any: how near they are decides for a
    /// sign-off, and not for a reject.
    fn find(
        &self,
        signed: &Signed,
        landed: &Landed<'_>,
    ) -> Result<Result<Found, FindError>, GatherError> {
        let gaps = if self.search.gap_lines > 1 { vec![self.search.gap_lines, 1] } else { vec![1] };
        let mut why = Err(FindError::Check(CarryError::Empty));
        for gap in gaps {
            for range in &signed.ranges {
                let source = self.memory.source(range.clone(), landed.range.clone());
                let found = find(&signed.document, landed.document, gap, &source);
                damage(source.failure())?;
                why =
                    found.map(|(certificate, carried)| (certificate, carried, range.base.clone()));
                if why.is_ok() {
                    return Ok(why);
                }
            }
        }
        Ok(why)
    }

    /// Whether the lines of each file add up: what the signed change adds and removes is what the
    /// landed one does, in whatever order. It is asked of each content once, and so keeps a
    /// hundred sign-offs of one lock file from being compared with a hundred landings of it.
    fn adds_up(&mut self, signed: &Signed, landed: &Landed<'_>) -> Result<bool, GatherError> {
        for row in landed.document.rows() {
            let Some(own) = row_of(&signed.document, &row.path).filter(|own| *own != row) else {
                continue;
            };
            let there = self.sums.delta(row, std::slice::from_ref(&landed.range))?;
            let here = self.sums.delta(own, &signed.ranges)?;
            if let (Some(there), Some(here)) = (there, here)
                && there != here
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn why_not(&self, signed: &Signed, landed: &Landed<'_>) -> Result<String, GatherError> {
        let Some(range) = signed.ranges.first() else {
            return Ok("it is not known which commits were read".to_owned());
        };
        let source = self.memory.source(range.clone(), landed.range.clone());
        let relations = relate(&signed.document, landed.document, &source);
        damage(source.failure())?;
        let mut edited = None;
        for (path, relation) in relations {
            match relation {
                PathRelation::Different(fault) => {
                    return Ok(CarryError::Path { path, fault }.to_string());
                }
                PathRelation::Edited(_) => edited = edited.or(Some(path)),
                PathRelation::Exact | PathRelation::There => {}
            }
        }
        let fault = CarryFault::NotFound;
        Ok(edited.map_or_else(String::new, |path| CarryError::Path { path, fault }.to_string()))
    }
}

/// Why no certificate was made: of several paths the first.
fn told(error: &FindError) -> String {
    match error {
        FindError::Different(paths) => match paths.first() {
            Some((path, fault)) => {
                CarryError::Path { path: path.clone(), fault: *fault }.to_string()
            }
            None => error.to_string(),
        },
        error => error.to_string(),
    }
}

fn unkept(error: crate::ledger::store::StoreError) -> GatherError {
    crate::session::SessionError::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_certificates_are_looked_for() {
        let mut found = Budget::new();
        assert!((0..CARRY_SEARCHES_MAX).all(|_| found.search()));
        assert!(!found.search());
    }

    #[test]
    fn so_many_certificates_are_looked_for_in_vain() {
        let mut failing = Budget::new();
        for _ in 0..CARRY_SEARCHES_FAILED_MAX {
            assert!(failing.search());
            failing.failed();
        }
        assert!(!failing.search());
        assert!(!failing.search(), "none is left at all");
    }
}
