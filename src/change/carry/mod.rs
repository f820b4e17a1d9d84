//! Carried sign-offs: the same edits in files that others edited elsewhere (`spec/change.md`,
//! "Carried"). A certificate shows the edits of both sides; here they are only applied.

mod apply;
mod certificate;
mod error;
mod relation;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use certificate::{Certificate, CertificateError, Edit, EditFault, EditSide, FileEdits};
pub use error::{CarryError, CarryFault};
pub use relation::{FourSides, PathRelation, relate};

use super::document::{Document, Side};
use super::path::ChangePath;
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::limits::{CARRY_BYTES_MAX, CARRY_FILE_BYTES_MAX};

/// Where a check takes contents and the landed tree from: a repository, or the files of a bundle.
pub trait CarrySource {
    /// The content with this SHA-256, which stands at `path`; `None` where it is not at hand.
    /// What is given is hashed.
    fn content(&self, path: &ChangePath, digest: &ContentDigest) -> Option<Cow<'_, [u8]>>;

    /// What the landed tree has at `path`, be it nothing; `None` where that is not known. It is
    /// believed.
    fn landed_side(&self, path: &ChangePath) -> Option<Side>;
}

/// Contents and sides that were read before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CarryContents {
    /// Contents by their SHA-256.
    pub contents: BTreeMap<ContentDigest, Vec<u8>>,
    /// What the landed tree has, of the paths that only the approved document names.
    pub sides: BTreeMap<ChangePath, Side>,
}

impl CarrySource for CarryContents {
    fn content(&self, _: &ChangePath, digest: &ContentDigest) -> Option<Cow<'_, [u8]>> {
        self.contents.get(digest).map(|content| Cow::Borrowed(content.as_slice()))
    }

    fn landed_side(&self, path: &ChangePath) -> Option<Side> {
        self.sides.get(path).copied()
    }
}

/// That one change is carried to another: made by [`check`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    approved: ChangeHash,
    landed: ChangeHash,
    certificate: ContentDigest,
    exact: usize,
    there: Vec<ChangePath>,
    edited: Vec<ChangePath>,
    closest_lines: Option<usize>,
}

impl Carried {
    /// The change that was approved.
    #[must_use]
    pub const fn approved(&self) -> ChangeHash {
        self.approved
    }

    /// The change that landed.
    #[must_use]
    pub const fn landed(&self) -> ChangeHash {
        self.landed
    }

    /// The certificate that shows it.
    #[must_use]
    pub const fn certificate(&self) -> ContentDigest {
        self.certificate
    }

    /// How many paths changed exactly as was approved.
    #[must_use]
    pub const fn exact(&self) -> usize {
        self.exact
    }

    /// Paths that were approved and that the branch had so already.
    #[must_use]
    pub fn there(&self) -> &[ChangePath] {
        &self.there
    }

    /// Paths that both sides edited, apart from each other.
    #[must_use]
    pub fn edited(&self) -> &[ChangePath] {
        &self.edited
    }

    /// The fewest unchanged lines between an edit of one side and one of the other; none where no
    /// path was edited by both.
    #[must_use]
    pub const fn closest_lines(&self) -> Option<usize> {
        self.closest_lines
    }
}

/// Checks that `certificate` shows that the sign-off of `approved` is carried to `landed`, with
/// `gap_lines` unchanged lines or more between an edit of one side and one of the other (0 counts
/// as 1). The numbers of the steps are those of `spec/change.md`, "Check".
///
/// # Errors
/// [`CarryError`] with the first path that is not carried, and why.
pub fn check(
    approved: &Document,
    landed: &Document,
    certificate: &Certificate,
    gap_lines: u32,
    source: &impl CarrySource,
) -> Result<Carried, CarryError> {
    // Step 1.
    if approved.is_empty() || landed.is_empty() {
        return Err(CarryError::Empty);
    }
    if approved == landed {
        return Err(CarryError::Exact);
    }
    // Step 2.
    for (found, expected) in
        [(certificate.approved(), approved.hash()), (certificate.landed(), landed.hash())]
    {
        if found != expected {
            return Err(CarryError::OtherChange { found, expected });
        }
    }
    let mut carried = Carried {
        approved: certificate.approved(),
        landed: certificate.landed(),
        certificate: certificate.digest(),
        exact: 0,
        there: Vec::new(),
        edited: Vec::new(),
        closest_lines: None,
    };
    let mut hashed = Hashed(0);
    for (path, relation) in relate(approved, landed, source) {
        // Step 3.
        let edits = certificate.file(&path);
        let fault = match (relation, edits) {
            (PathRelation::Different(fault), _) => fault,
            (PathRelation::Edited(sides), Some(edits)) => {
                match check_file(edits, &sides, gap_lines, source) {
                    Ok(base_bytes) => {
                        hashed.add(base_bytes)?;
                        let closest = edits.closest().0;
                        carried.closest_lines =
                            Some(carried.closest_lines.map_or(closest, |lines| lines.min(closest)));
                        carried.edited.push(path);
                        continue;
                    }
                    Err(fault) => fault,
                }
            }
            (PathRelation::Edited(_), None) => CarryFault::NoEdits,
            (_, Some(_)) => CarryFault::NeedlessEdits,
            (PathRelation::Exact, None) => {
                carried.exact += 1;
                continue;
            }
            (PathRelation::There, None) => {
                carried.there.push(path);
                continue;
            }
        };
        return Err(CarryError::Path { path, fault });
    }
    // Step 4: each of its files that is a path of the documents was met, so another is of none.
    let is_met = |file: &&FileEdits| carried.edited.binary_search(file.path()).is_err();
    match certificate.files().iter().find(is_met) {
        Some(file) => {
            Err(CarryError::Path { path: file.path().clone(), fault: CarryFault::NeedlessEdits })
        }
        None => Ok(carried),
    }
}

/// How many bytes of files one check has hashed.
struct Hashed(usize);

impl Hashed {
    fn add(&mut self, bytes: usize) -> Result<(), CarryError> {
        self.0 += bytes;
        if self.0 > CARRY_BYTES_MAX {
            return Err(CarryError::TooLarge { limit_bytes: CARRY_BYTES_MAX });
        }
        Ok(())
    }
}

/// Steps 5 to 8 for one file; the bytes of B.
///
/// # Errors
/// [`CarryFault`] of the first step that fails.
pub fn check_file(
    edits: &FileEdits,
    sides: &FourSides,
    gap_lines: u32,
    source: &impl CarrySource,
) -> Result<usize, CarryFault> {
    // Step 5.
    let base = source.content(edits.path(), &sides.base).ok_or(CarryFault::MissingContent)?;
    if base.len() > CARRY_FILE_BYTES_MAX {
        return Err(CarryFault::FileTooLarge { limit_bytes: CARRY_FILE_BYTES_MAX });
    }
    if ContentDigest::of(&base) != sides.base {
        return Err(CarryFault::WrongContent);
    }
    if base.contains(&0) {
        return Err(CarryFault::Binary);
    }
    // Step 7 needs no content, so it comes first.
    let (found_lines, at) = edits.closest();
    if u32::try_from(found_lines).is_ok_and(|found| found < gap_lines) {
        return Err(CarryFault::TooClose { line: at + 1, found_lines, gap_lines });
    }
    // Steps 6 and 8.
    apply::rebuild(&base, edits.edits(), sides)?;
    Ok(base.len())
}
