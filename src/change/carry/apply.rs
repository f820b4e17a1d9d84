//! Applies edits to a file, without keeping what they make (`spec/change.md`, "Check", steps 6
//! to 8).

use sha2::{Digest as _, Sha256};

use super::certificate::{Edit, EditSide};
use super::error::CarryFault;
use super::relation::FourSides;
use crate::base::digest::ContentDigest;

/// Steps 6 and 8: applies `edits` to `base`, and compares what they make with the digests.
pub(super) fn rebuild(base: &[u8], edits: &[Edit], sides: &FourSides) -> Result<(), CarryFault> {
    let [mut approved, mut before, mut landed] = [(); 3].map(|()| Sha256::new());
    let (mut at, mut line) = (0, 0);
    for (number, edit) in edits.iter().enumerate() {
        let beyond = CarryFault::BeyondEnd { edit: number };
        let start = after_lines(base, at, edit.first.saturating_sub(line)).ok_or(beyond)?;
        let end = after_lines(base, start, edit.removed).ok_or(beyond)?;
        let has_open_end = start == base.len() && base.last().is_some_and(|last| *last != b'\n');
        if has_open_end || (edit.is_open() && end < base.len()) {
            return Err(CarryFault::Joins { edit: number });
        }
        for hasher in [&mut approved, &mut before, &mut landed] {
            hasher.update(&base[at..start]);
        }
        let (own, other) = match edit.side {
            EditSide::Approved => (&mut approved, &mut before),
            EditSide::Main => (&mut before, &mut approved),
        };
        own.update(&edit.inserted);
        other.update(&base[start..end]);
        landed.update(&edit.inserted);
        (at, line) = (end, edit.end());
    }
    for (mut hasher, expected, fault) in [
        (approved, sides.approved, CarryFault::ApprovedDiffers),
        (before, sides.before, CarryFault::BeforeDiffers),
        (landed, sides.landed, CarryFault::LandedDiffers),
    ] {
        hasher.update(&base[at..]);
        if ContentDigest::from_bytes(hasher.finalize().into()) != expected {
            return Err(fault);
        }
    }
    Ok(())
}

/// Where the line begins that is `count` lines after the one that begins at `at`; `None` where
/// the file has not so many.
fn after_lines(base: &[u8], mut at: usize, count: usize) -> Option<usize> {
    for _ in 0..count {
        let rest = base.get(at..).filter(|rest| !rest.is_empty())?;
        at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    }
    Some(at)
}
