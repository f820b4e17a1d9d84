//! The cover of a decision (`spec/verdict.md` section 8): a row a segment, kept in the side store.

use serde::{Deserialize, Serialize};

use super::segment::Segment;
use super::signoff::CarriedSignOff;
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::json::{self, JsonError};
use crate::base::limits::SIDE_BLOB_BYTES_MAX;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;

/// Which segments a decision rests on, and which sign-offs covered each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    /// Always `countersign cover v1`.
    #[serde(rename = "type")]
    kind: CoverType,
    /// The segments, oldest first.
    pub segments: Vec<CoverRow>,
    /// Other steps and runs of the chain that were signed off as well, and changes that are carried
    /// to a step or run: their sign-offs are used up with it (ATTACKS 7).
    pub contained: Vec<Contained>,
}

/// A step or a run of a chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contained {
    /// The hash of its composed document.
    pub change: ChangeHash,
    /// Its first step.
    pub first: Revision,
    /// Its last step.
    pub last: Revision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum CoverType {
    #[serde(rename = "countersign cover v1")]
    Version1,
}

/// One segment of a cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverRow {
    /// The hash of the composed document.
    pub change: ChangeHash,
    /// Its first step.
    pub first: Revision,
    /// Its last step.
    pub last: Revision,
    /// The entries of the sign-offs that filled a requirement, sorted.
    pub approvals: Vec<EntryIndex>,
    /// How they match what landed: carried where one of them is.
    #[serde(rename = "match")]
    pub matched: Match,
    /// The other changes whose sign-offs stood on this one, each once, sorted.
    pub carried: Vec<CarriedFrom>,
}

/// A change whose sign-offs were carried to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedFrom {
    /// The change that was approved.
    pub change: ChangeHash,
    /// The certificate, a file of the side store.
    pub certificate: ContentDigest,
}

impl CoverRow {
    /// Whether it used up the sign-offs of a change: as what landed, or carried to it.
    #[must_use]
    pub fn is_of(&self, change: ContentDigest) -> bool {
        self.changes().any(|own| own.as_bytes() == change.as_bytes())
    }

    /// The change that landed, and those whose sign-offs were carried to it.
    pub fn changes(&self) -> impl Iterator<Item = ChangeHash> {
        std::iter::once(self.change).chain(self.carried.iter().map(|carried| carried.change))
    }
}

/// How a sign-off matches what landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// The same document.
    Exact,
    /// The same edits in files that others changed elsewhere, shown by certificates.
    Carried,
}

impl Cover {
    /// The cover of segments that are all satisfied, of a chain with these signed-off runs.
    #[must_use]
    pub fn of(segments: &[Segment], signed: &[Contained]) -> Self {
        let is_segment = |one: &Contained| {
            let place =
                |segment: &&Segment| (&segment.first, &segment.last) == (&one.first, &one.last);
            let mut here = segments.iter().filter(place);
            let told = |from: &CarriedSignOff| from.approved == one.change;
            here.any(|segment| segment.change == one.change || segment.carried.iter().any(told))
        };
        let row = |segment: &Segment| {
            let requirements = &segment.assessment.requirements;
            let mut approvals: Vec<_> =
                requirements.iter().flat_map(|filled| filled.sign_offs.iter().copied()).collect();
            approvals.sort_unstable();
            approvals.dedup();
            let from = |one: &CarriedSignOff| {
                let CarriedSignOff { approved, certificate, .. } = *one;
                CarriedFrom { change: approved, certificate }
            };
            let mut carried: Vec<_> = segment.carried.iter().map(from).collect();
            carried.sort_unstable();
            carried.dedup();
            CoverRow {
                change: segment.change,
                first: segment.first.clone(),
                last: segment.last.clone(),
                matched: if segment.is_carried() { Match::Carried } else { Match::Exact },
                approvals,
                carried,
            }
        };
        Self {
            kind: CoverType::Version1,
            segments: segments.iter().map(row).collect(),
            contained: signed.iter().filter(|one| !is_segment(one)).cloned().collect(),
        }
    }

    /// Every change whose sign-offs the deployment used up, with the commit that it ended at.
    pub fn used_up(&self) -> impl Iterator<Item = (ChangeHash, &Revision)> {
        let rows = self.segments.iter();
        let rows = rows.flat_map(|row| row.changes().map(move |change| (change, &row.last)));
        rows.chain(self.contained.iter().map(|one| (one.change, &one.last)))
    }

    /// The bytes that the decision names by digest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("only strings and integers"))
    }

    /// Parses a cover.
    ///
    /// # Errors
    /// [`JsonError`] where it is no strict JSON of this shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::parse_exact(bytes, SIDE_BLOB_BYTES_MAX)
    }
}
