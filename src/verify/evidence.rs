//! What a verdict is computed from. Whoever gathers it reads repositories and ledgers; the
//! verdict reads nothing else.

use std::sync::Arc;

use super::cover::Cover;
use super::entry::VerifiedEntry;
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::change::carry::Carried;
use crate::change::{ChangePath, Document, Step};
use crate::statement::words::Assistance;
use crate::view::View;

/// What is asked: may this revision, with these artifacts, be deployed there now?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// SHA-256 digests of the artifacts, sorted.
    pub artifacts: Vec<ContentDigest>,
    /// The moment of judging.
    pub time: Timestamp,
}

impl Question {
    /// The same question, asked no earlier than the newest entry of a ledger: a clock that went
    /// back makes nothing young again (`spec/verdict.md` section 2).
    #[must_use]
    pub fn not_before(&self, view: &View) -> Self {
        Self { time: self.time.max(view.time()), ..self.clone() }
    }
}

/// An author as a commit names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenAuthor {
    /// What the address is known as.
    pub kind: SeenKind,
    /// The digest of the e-mail address.
    pub email: EmailDigest,
    /// How people call the author; no verdict reads it.
    pub label: String,
}

/// What an address is known as, before any roster is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeenKind {
    /// Anybody's.
    Person,
    /// An AI tool's: a mark of assistance, and nobody who could be proved.
    Tool,
}

/// A step with what its commits say of authors and assistance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEvidence {
    /// The step.
    pub step: Step,
    /// First line of the commit's message, for people.
    pub title: String,
    /// Authors and co-authors of every commit that the step brings in, sorted.
    pub authors: Vec<SeenAuthor>,
    /// The strongest mark of assistance in those commits.
    pub detected: Option<Assistance>,
    /// The paths that this or an earlier step of the chain changed and that collide with others
    /// of its tree, whether or not it still has them.
    pub colliding: Vec<ChangePath>,
    /// The service whose word the step rests on; none where the commits themselves were read.
    pub attested_by: Option<MemberId>,
}

/// How a revision lies to the settled points of its place.
///
/// The cases are those of `spec/verdict.md` section 4, step 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Its first parents reach the newest settled commit.
    Linear,
    /// Its first parents reach a root, and the newest settled point accepts `none`.
    FromRoot,
    /// It is an ancestor of the newest settled commit.
    Behind,
    /// Its first parents reach the commit of an older settled point.
    Diverged {
        /// That point, as an index into the view's list: of several with the commit the newest.
        start: usize,
    },
    /// Its first parents meet no settled commit.
    Unrelated,
}

/// What the newest settled point has that an older start has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The difference from the start's tree to the newest settled tree.
    pub document: Document,
    /// The commits that it has and neither the start nor the revision has, newest first, each
    /// with the first line of its message; for people.
    pub commits: Vec<(Revision, String)>,
}

/// What is carried to a change where it landed as a commit. The same change may land elsewhere with
/// another tree around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedTo {
    /// Whether it was read on something that the branch had: only then does an approval count.
    pub is_grounded: bool,
    /// The last commit of what landed.
    pub landing: Revision,
    /// What was approved and what landed, as the checker found.
    pub carried: Carried,
}

/// A change that is no carried form of another, though it has its paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncarried {
    /// The change that was signed.
    pub approved: ChangeHash,
    /// The change that landed.
    pub landed: ChangeHash,
    /// Why one is not carried to the other, for people; no verdict reads it.
    pub why: String,
}

/// A change that was rejected, and that a start may bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returning {
    /// The change.
    pub change: ChangeHash,
    /// Its document; none where it was not kept.
    pub document: Option<Document>,
    /// Whether the commit up to which it was read is in the start's history.
    pub in_start: bool,
}

/// A cover of an earlier allow decision for the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCover {
    /// The settled deployment that it covered in whatever environment, and its time, where ages
    /// rest on it.
    pub deployed: Option<(EntryIndex, Timestamp)>,
    /// The settled deployment of this very place that it covered, where there is one.
    pub landed: Option<EntryIndex>,
    /// The settled deployment that it covered and that ended what an override left in the group of
    /// the place, where that makes a difference.
    pub ended: Option<EntryIndex>,
    /// What it says; none where it is lost: then everything signed before may be used up.
    pub cover: Option<Arc<Cover>>,
}

/// All that a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The state of the ledger.
    pub view: &'a View,
    /// How the revision lies to the settled points.
    pub position: &'a Position,
    /// The steps of the chain, oldest first.
    pub steps: &'a [StepEvidence],
    /// The difference from the start's tree to the revision's, read from the trees themselves.
    pub difference: &'a Document,
    /// Every entry about the changes of the steps, of the runs and of the whole chain, about the
    /// whole difference and about the artifacts, about whatever was rejected up to a commit that a
    /// step brings in, and every override for the revision.
    pub entries: &'a [VerifiedEntry],
    /// For a revision that lies behind or diverged: what the start was signed off with. `entries`
    /// are about its changes.
    pub cover: Option<&'a Cover>,
    /// For a revision that lies behind or diverged: the steps, and the runs of them that somebody
    /// speaks of, of which the rows of `cover` consist. `entries` are about them.
    pub start_changes: &'a [ChangeHash],
    /// For a revision that lies behind or diverged: the changes that somebody rejected and whose
    /// return the start may be. `entries` are about them.
    pub returning: &'a [Returning],
    /// For a revision that lies behind or diverged: what is live and its start has not.
    pub live: Option<&'a Live>,
    /// Where the chain is not linear: everything between the newest settled point and the
    /// revision as one change.
    pub whole: Option<&'a StepEvidence>,
    /// The runs of steps about which there are entries, or that compose to nothing: first and
    /// last step, as indexes into `steps`. Runs of one step, and the whole chain, need no mention.
    pub runs: &'a [(usize, usize)],
    /// Covers of earlier decisions, in any order.
    pub covers: &'a [KnownCover],
    /// What certificates show to be carried to the changes that are judged, in any order.
    /// `entries` are about what was approved as well.
    pub carried: &'a [CarriedTo],
    /// What is near to a change that is judged, and not carried to it; for people.
    pub uncarried: &'a [Uncarried],
}
