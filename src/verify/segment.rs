//! Judging one segment: its authors, its assistance, what the policy asks and who has signed.

use std::collections::BTreeSet;

use super::declared::{Written, written};
use super::evidence::StepEvidence;
use super::judge::Judge;
use super::signoff::{self, CarriedSignOff, Reject};
use super::word::{About, Discounted};
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::change::{Document, Mode, Row, Side};
use crate::policy::{Assessment, Author, Facts, PathFact, ReasonCode, SignOff, assess};

/// A segment and what was found about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The hash of its composed document.
    pub change: ChangeHash,
    /// Its first and last step; equal for a single step.
    pub first: Revision,
    /// Its last step.
    pub last: Revision,
    /// How many steps it has.
    pub steps: usize,
    /// First line of the last commit's message, for people.
    pub title: String,
    /// How many paths it changes.
    pub paths: usize,
    /// Who wrote it.
    pub authors: Vec<Author>,
    /// Requests that declarations name.
    pub requests: Vec<String>,
    /// What the policy asks, and what fills it.
    pub assessment: Assessment,
    /// Every sign-off that stands, whether or not the policy needs it.
    pub sign_offs: Vec<SignOff>,
    /// Which of them are of another change, carried to this one.
    pub carried: Vec<CarriedSignOff>,
    /// Sign-offs that do not stand.
    pub discounted: Vec<Discounted>,
    /// Rejects that block.
    pub rejects: Vec<Reject>,
    /// Whether the segment is covered.
    pub satisfied: bool,
}

/// Judges the change that `steps` compose to, `document` being its document.
#[must_use]
pub(super) fn judge_change(
    judge: &Judge<'_>,
    steps: &[&StepEvidence],
    document: &Document,
) -> Segment {
    let change = document.hash();
    let Written { authors, declared } = written(judge, steps, change);
    let (first, last) = (steps.first(), steps.last());
    let landing = last.map(|step| &step.step.commit);
    let mut standing = signoff::standing(
        judge,
        &About::change(judge, change, first.map(|step| &step.step.commit), landing),
    );
    let not_carried = signoff::not_carried(judge, change, landing, &standing);
    standing.discounted.extend(not_carried);
    let facts = Facts {
        service: judge.question().service.clone(),
        environment: judge.question().environment.clone(),
        declared: declared.assistance,
        detected: steps.iter().filter_map(|step| step.detected).max().max(declared.raised),
        authors: authors.into_values().collect(),
        paths: path_facts(steps, document),
        collision: last.is_some_and(|last| collides(document, last)),
        artifact: false,
    };
    let assessment = assess(judge.policy(), &facts, &standing.sign_offs);
    // An empty document needs no sign-off and cannot be approved (ATTACKS 52).
    let covered = document.is_empty() || (assessment.satisfied && standing.rejects.is_empty());
    let commit = |step: Option<&&StepEvidence>| step.map(|step| step.step.commit.clone());
    Segment {
        change,
        first: commit(first).unwrap_or_else(|| judge.question().revision.clone()),
        last: commit(last).unwrap_or_else(|| judge.question().revision.clone()),
        steps: steps.len(),
        title: last.map(|step| step.title.clone()).unwrap_or_default(),
        paths: document.rows().len(),
        authors: facts.authors,
        requests: declared.requests,
        assessment,
        sign_offs: standing.sign_offs,
        carried: standing.carried,
        discounted: standing.discounted,
        rejects: standing.rejects,
        satisfied: covered,
    }
}

impl Segment {
    /// Whether one of the sign-offs that the policy needs is carried.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        let used = self.assessment.requirements.iter().flat_map(|filled| &filled.sign_offs);
        let used: BTreeSet<_> = used.collect();
        self.sign_offs.iter().any(|one| one.carried && used.contains(&one.entry))
    }

    /// The codes of what keeps the segment from being covered.
    #[must_use]
    pub fn reasons(&self) -> Vec<ReasonCode> {
        if self.satisfied {
            return Vec::new();
        }
        let assessment = &self.assessment;
        let missing = assessment.requirements.iter().filter(|requirement| requirement.missing > 0);
        let mut codes: Vec<_> = missing.map(|requirement| requirement.code).collect();
        codes.extend(assessment.denials.iter().map(|denial| denial.code));
        if !self.rejects.is_empty() {
            codes.push(ReasonCode::Rejected);
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Whether a path that the change leaves collides with another, where its last step leaves it: what
/// a later step of it mended collides no more (ATTACKS 24).
fn collides(document: &Document, last: &StepEvidence) -> bool {
    let mut left = document.rows().iter().filter(|row| !row.new.is_absent());
    left.any(|row| last.colliding.contains(&row.path))
}

/// Whether a row makes or changes a link or a submodule, or what may be executed.
fn is_more_than_text(row: &Row) -> bool {
    let linked = |side: &Side| matches!(side.mode, Mode::Symlink | Mode::Submodule);
    let executable = |side: &Side| side.mode == Mode::Executable;
    linked(&row.old) || linked(&row.new) || (executable(&row.new) && !executable(&row.old))
}

/// The paths that rules see in a segment. One is opaque if it is in any of the steps.
#[must_use]
pub fn path_facts(steps: &[&StepEvidence], document: &Document) -> Vec<PathFact> {
    let mut opaque: BTreeSet<&[u8]> = steps
        .iter()
        .flat_map(|step| &step.step.path_facts)
        .filter(|facts| facts.opaque.is_some())
        .map(|facts| facts.path.as_bytes())
        .collect();
    // What a path does changes with its mode, and a link leads elsewhere: no diff shows that.
    let rows = steps.iter().flat_map(|step| step.step.document.rows()).chain(document.rows());
    opaque.extend(rows.filter(|row| is_more_than_text(row)).map(|row| row.path.as_bytes()));
    // Rules see every path that a step touched, also where later steps took the change back.
    let mut paths: BTreeSet<&[u8]> =
        document.paths().map(crate::change::ChangePath::as_bytes).collect();
    let touched = steps.iter().flat_map(|step| step.step.document.paths());
    paths.extend(touched.map(crate::change::ChangePath::as_bytes));
    // What a link leads to is changed by the link as well (ATTACKS 25).
    let facts = steps.iter().flat_map(|step| &step.step.path_facts);
    let targets = facts.flat_map(|facts| &facts.link_targets);
    paths.extend(targets.map(crate::change::ChangePath::as_bytes));
    let fact = |path: &[u8]| PathFact { path: path.to_vec(), opaque: opaque.contains(path) };
    paths.into_iter().map(fact).collect()
}
