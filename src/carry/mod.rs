//! Finds certificates of carried sign-offs (`spec/change.md`, "Carried"). How they are found is
//! no part of the format: whatever is found here is checked by [`crate::change::carry::check`].

mod lines;
mod recover;
mod search;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::LazyCell;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use crate::base::digest::ContentDigest;
use crate::base::limits::CARRY_FILE_BYTES_MAX;
use crate::change::carry::{
    Carried, CarryError, CarryFault, CarrySource, Certificate, CertificateError, EditSide,
    FileEdits, FourSides, PathRelation, check, check_file, relate,
};
use crate::change::{ChangePath, Document};
pub use lines::line_sum;
use lines::{FourFiles, Span};

/// Ways to align lines. Where one side's edits come too near to the other's, or land elsewhere,
/// another way often puts them where they were made. The first is by far the fastest in a file of
/// many edits: it takes time for each, and the second for each the whole file.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Myers, Algorithm::Histogram, Algorithm::Patience];

/// Why no certificate was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is nothing to show, or what was found does not hold.
    #[error(transparent)]
    Check(#[from] CarryError),
    /// Paths that are not carried, in ascending order.
    #[error("{} paths are not carried", .0.len())]
    Different(Vec<(ChangePath, CarryFault)>),
    /// What was found is larger than a certificate may be.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Makes a certificate that the sign-off of `approved` is carried to `landed`, with `gap_lines`
/// unchanged lines between edits of either side, and checks it. `source` has the contents of the
/// paths that both edit; what the approved change made of them may be missing, where it follows
/// from the other three.
///
/// # Errors
/// [`FindError`] with every path that is not carried.
pub fn find(
    approved: &Document,
    landed: &Document,
    gap_lines: u32,
    source: &impl CarrySource,
) -> Result<(Certificate, Carried), FindError> {
    if approved.is_empty() || landed.is_empty() {
        return Err(CarryError::Empty.into());
    }
    if approved == landed {
        return Err(CarryError::Exact.into());
    }
    let (mut files, mut different) = (Vec::new(), Vec::new());
    for (path, relation) in relate(approved, landed, source) {
        match relation {
            PathRelation::Exact | PathRelation::There => {}
            PathRelation::Different(fault) => different.push((path, fault)),
            PathRelation::Edited(sides) => match find_file(&path, &sides, gap_lines, source) {
                Ok(edits) => files.push(edits),
                Err(fault) => different.push((path, fault)),
            },
        }
    }
    if !different.is_empty() {
        return Err(FindError::Different(different));
    }
    let certificate = Certificate::new(approved.hash(), landed.hash(), files)?;
    let carried = check(approved, landed, &certificate, gap_lines, source)?;
    Ok((certificate, carried))
}

/// Finds the edits of both sides of one file, as [`find`] does.
///
/// # Errors
/// [`CarryFault`] why there are none, or none were found.
pub fn find_file(
    path: &ChangePath,
    sides: &FourSides,
    gap_lines: u32,
    source: &impl CarrySource,
) -> Result<FileEdits, CarryFault> {
    let digests = [sides.base, sides.approved, sides.before, sides.landed];
    let mut contents: [Cow<'_, [u8]>; 4] = Default::default();
    for at in [0, 2, 3, 1] {
        contents[at] = match read(path, &digests[at], source) {
            Err(CarryFault::MissingContent) if at == 1 => {
                let [base, _, before, landed] = contents.each_ref().map(AsRef::as_ref);
                let recovered = recover::recover(base, before, landed, &sides.approved);
                Cow::Owned(recovered.ok_or(CarryFault::MissingContent)?)
            }
            content => content?,
        };
    }
    let [base, approved, before, landed] = contents.each_ref().map(AsRef::as_ref);
    let files = FourFiles::new(base, approved, before, landed);
    if !files.add_up() {
        return Err(CarryFault::NotFound);
    }
    let gap = usize::try_from(gap_lines.max(1)).unwrap_or(usize::MAX);
    // The first way is mostly enough, and each takes its time.
    let [base, approved, before] = [files.base(), files.approved(), files.before()];
    let approved = ALGORITHMS.map(|way| LazyCell::new(move || aligned(way, base, approved)));
    let before = ALGORITHMS.map(|way| LazyCell::new(move || aligned(way, base, before)));
    // The same way for both first, then every other pair.
    let ways = ALGORITHMS.len();
    let pairs = (0..ways).flat_map(|shift| (0..ways).map(move |way| (way, (way + shift) % ways)));
    let of_both = |(one, other): (usize, usize)| together(&approved[one], &before[other]);
    let mut candidates = pairs.map(of_both);
    let found = candidates.find(|spans| files.stand(spans, gap)).or_else(|| {
        let fewest = |costs: [usize; 3]| costs.into_iter().min().unwrap_or(0);
        let approved = fewest(approved.each_ref().map(|script| cost(script)));
        let before = fewest(before.each_ref().map(|script| cost(script)));
        search::search(&files, gap, approved + before)
    });
    let Some(found) = found else {
        // With a smaller gap there may be edits: then that is the reason, and where.
        if gap_lines > 1 {
            let edits = find_file(path, sides, 1, source)?;
            let (found_lines, at) = edits.closest();
            let too_close = CarryFault::TooClose { line: at + 1, found_lines, gap_lines };
            return if found_lines < gap { Err(too_close) } else { Ok(edits) };
        }
        return Err(CarryFault::NotFound);
    };
    let edits = FileEdits::new(path.clone(), files.edits(&found));
    let edits = edits.map_err(|_| CarryFault::NotFound)?;
    check_file(&edits, sides, gap_lines, source)?;
    Ok(edits)
}

fn read<'s>(
    path: &ChangePath,
    digest: &ContentDigest,
    source: &'s impl CarrySource,
) -> Result<Cow<'s, [u8]>, CarryFault> {
    let content = source.content(path, digest).ok_or(CarryFault::MissingContent)?;
    if content.len() > CARRY_FILE_BYTES_MAX {
        return Err(CarryFault::FileTooLarge { limit_bytes: CARRY_FILE_BYTES_MAX });
    }
    if ContentDigest::of(&content) != *digest {
        return Err(CarryFault::WrongContent);
    }
    if content.contains(&0) {
        return Err(CarryFault::Binary);
    }
    Ok(content)
}

/// What one side replaced: the first line, how many, and the lines of its own file from and to.
type Script = Vec<(usize, usize, [usize; 2])>;

/// How many lines a script removes and inserts.
fn cost(script: &Script) -> usize {
    script.iter().map(|(_, removed, [from, to])| removed + to - from).sum()
}

/// Which lines of `base` one side replaced, by which of its own.
fn aligned(way: Algorithm, base: &[u32], target: &[u32]) -> Script {
    capture_diff_slices(way, base, target)
        .into_iter()
        .filter(|operation| operation.tag() != DiffTag::Equal)
        .map(|operation| {
            let (old, new) = (operation.old_range(), operation.new_range());
            (old.start, old.len(), [new.start, new.end])
        })
        .collect()
}

/// The edits of both sides in the order of the lines.
fn together(approved: &Script, before: &Script) -> Vec<Span> {
    let of = |side| {
        move |&(first, removed, [from, to]): &(usize, usize, [usize; 2])| Span {
            side,
            first,
            removed,
            from,
            to,
        }
    };
    let mut spans: Vec<Span> = approved.iter().map(of(EditSide::Approved)).collect();
    spans.extend(before.iter().map(of(EditSide::Main)));
    spans.sort_by_key(|span| (span.first, span.first + span.removed));
    spans
}
