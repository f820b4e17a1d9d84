//! Row by row: how what landed relates to what was approved (`spec/change.md`, "Check", step 3).

use std::cmp::Ordering;

use super::CarrySource;
use super::error::CarryFault;
use crate::base::digest::ContentDigest;
use crate::change::document::{Content, Document, Mode, Row};
use crate::change::path::ChangePath;

/// The four contents of a path that both changes edit: all regular files of one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FourSides {
    /// B: what the approved change was made on.
    pub base: ContentDigest,
    /// T: what it made of that.
    pub approved: ContentDigest,
    /// O: what stood there when it landed.
    pub before: ContentDigest,
    /// R: what stands there since.
    pub landed: ContentDigest,
}

/// How one path of the two documents relates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRelation {
    /// The rows are equal.
    Exact,
    /// Only the approved document has it, and the branch had its part already.
    There,
    /// Both edit it, in different files: a certificate has to show how.
    Edited(FourSides),
    /// It is carried by nothing.
    Different(CarryFault),
}

/// Relates every path of the two documents, in ascending order of the paths.
#[must_use]
pub fn relate(
    approved: &Document,
    landed: &Document,
    source: &impl CarrySource,
) -> Vec<(ChangePath, PathRelation)> {
    let (mut left, mut right) = (approved.rows(), landed.rows());
    let mut relations = Vec::with_capacity(left.len().max(right.len()));
    loop {
        let order = match (left.first(), right.first()) {
            (Some(one), Some(other)) => one.path.cmp(&other.path),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return relations,
        };
        let (one, other) = (left.first(), right.first());
        let (one, other) = match order {
            Ordering::Less => (one, None),
            Ordering::Equal => (one, other),
            Ordering::Greater => (None, other),
        };
        left = left.get(usize::from(one.is_some())..).unwrap_or_default();
        right = right.get(usize::from(other.is_some())..).unwrap_or_default();
        relations.extend(
            match (one, other) {
                (Some(approved), Some(landed)) => Some((approved, related(approved, landed))),
                (Some(approved), None) => Some((approved, absent(approved, source))),
                (None, Some(landed)) => {
                    Some((landed, PathRelation::Different(CarryFault::OnlyLanded)))
                }
                (None, None) => None,
            }
            .map(|(row, relation)| (row.path.clone(), relation)),
        );
    }
}

fn absent(approved: &Row, source: &impl CarrySource) -> PathRelation {
    match source.landed_side(&approved.path) {
        Some(side) if side == approved.new => PathRelation::There,
        Some(_) => PathRelation::Different(CarryFault::NotLanded),
        None => PathRelation::Different(CarryFault::UnknownSide),
    }
}

fn related(approved: &Row, landed: &Row) -> PathRelation {
    if approved == landed {
        return PathRelation::Exact;
    }
    let sides = [approved.old, approved.new, landed.old, landed.new];
    let fault = if sides.iter().any(|side| side.mode == Mode::Absent) {
        CarryFault::AddedOrDeleted
    } else if sides.iter().any(|side| !matches!(side.mode, Mode::File | Mode::Executable)) {
        CarryFault::NotAFile
    } else if sides.iter().any(|side| side.mode != approved.old.mode) {
        CarryFault::Mode
    } else {
        let [base, new, before, after] = sides.map(|side| side.content);
        if let (
            Content::Sha256(base),
            Content::Sha256(approved),
            Content::Sha256(before),
            Content::Sha256(landed),
        ) = (base, new, before, after)
        {
            return PathRelation::Edited(FourSides { base, approved, before, landed });
        }
        CarryFault::NotAFile
    };
    PathRelation::Different(fault)
}
