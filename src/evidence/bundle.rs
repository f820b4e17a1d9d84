//! A bundle out of a ledger and a repository (`spec/bundle.md`), and what a repository proves of
//! one.

use std::collections::BTreeMap;

use super::gather::{GatherError, Gathered, evidence_of_salt, note_colliding, range_step};
use super::place::{Placed, place};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::limits::BUNDLE_BYTES_MAX;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::change::carry::{CarryContents, Certificate};
use crate::change::{Content, Document, Side};
use crate::git::{GitError, Range, Repository, ShowError, ShownObjects};
use crate::ledger::receipt::EntryProof;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::commitment::EmailSalt;
use crate::statement::governance::EntryReference;
use crate::verify::bundle::{
    Attestation, Bundle, Bytes, Claims, Draft, Given, Hash, Rebuilt, ShownLeaf, TamperCode,
    Tampered, draft,
};
use crate::verify::{CarriedTo, Question, StepEvidence, VerifiedEntry};
use crate::view::View;

/// Bytes of objects that a full bundle has room for: base64 makes four of three.
const OBJECT_BYTES_MAX: usize = BUNDLE_BYTES_MAX / 4 * 3 - 16 * 1024 * 1024;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleGatherError {
    /// The evidence.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// The objects.
    #[error(transparent)]
    Objects(#[from] ShowError),
    /// What a certificate is applied to is not at hand any more.
    #[error("what change {change} was made on is not in this repository")]
    NoContent {
        /// The change that was approved.
        change: ChangeHash,
    },
}

impl From<SessionError> for BundleGatherError {
    fn from(error: SessionError) -> Self {
        Self::Gather(error.into())
    }
}

impl From<GitError> for BundleGatherError {
    fn from(error: GitError) -> Self {
        Self::Gather(error.into())
    }
}

/// What a bundle is to be of.
pub struct Judged<'a> {
    /// The question, at the moment of the decision's leaf.
    pub question: &'a Question,
    /// What the verdict rested on.
    pub gathered: &'a Gathered,
    /// The view that it was judged with.
    pub view: &'a View,
    /// The decision; none where nothing was recorded.
    pub decision: Option<EntryReference>,
    /// SHA-256 of the bundle before it.
    pub previous: Option<ContentDigest>,
}

/// Drafts the bundle of a verdict: its claims are what the gate signs.
///
/// # Errors
/// [`BundleGatherError`].
pub fn draft_bundle(
    session: &Session,
    repository: &Repository,
    judged: &Judged<'_>,
) -> Result<Draft, BundleGatherError> {
    let Judged { question, gathered, view, decision, previous } = *judged;
    let governance = session.indexes_under(topics::governance())?;
    let governance: Vec<EntryIndex> =
        governance.into_iter().filter(|index| view.size().covers(*index)).collect();
    let carried = gathered.carried.carried.iter().zip(&gathered.carried.certificates);
    let contents = carried.map(|(to, (certificate, approved))| {
        contents(repository, gathered, to, certificate, approved)
    });
    let contents = contents.collect::<Result<Vec<_>, _>>()?;
    let ledger = view.ledger().map(|ledger| ledger.id);
    let Some(ledger) = ledger else {
        return Err(SessionError::integrity("the ledger", "has no entry 0").into());
    };
    Ok(draft(&Given {
        question,
        evidence: &gathered.evidence_as_of(view),
        ledger,
        decision,
        governance: &governance,
        certificates: &gathered.carried.certificates,
        contents: &contents,
        previous,
    }))
}

/// What a certificate is applied to, from wherever the approved change was read.
fn contents(
    repository: &Repository,
    gathered: &Gathered,
    to: &CarriedTo,
    certificate: &Certificate,
    approved: &Document,
) -> Result<CarryContents, BundleGatherError> {
    let bases = bases_of(&gathered.entries, approved.hash());
    let mut source = CarryContents::default();
    for row in approved.rows() {
        let Content::Sha256(digest) = row.old.content else { continue };
        if certificate.file(&row.path).is_none() || source.contents.contains_key(&digest) {
            continue;
        }
        let reads = bases.iter().filter_map(|base| repository.blob(base, &row.path).ok());
        let content = reads.into_iter().find(|content| ContentDigest::of(content) == digest);
        let content =
            content.ok_or_else(|| BundleGatherError::NoContent { change: approved.hash() })?;
        source.contents.insert(digest, content);
    }
    let landed = landed_paths(gathered, to);
    for row in approved.rows() {
        if landed.as_ref().is_none_or(|landed| !landed.paths().any(|path| *path == row.path)) {
            let side = repository.side(&to.landing, &row.path)?;
            source.sides.insert(row.path.clone(), side);
        }
    }
    Ok(source)
}

/// The document that a change is carried to, where it is one step's or the chain's.
fn landed_paths(gathered: &Gathered, to: &CarriedTo) -> Option<Document> {
    let steps = gathered.steps.iter().chain(&gathered.whole).map(|step| &step.step.document);
    let mut all = steps.chain([&gathered.difference]);
    if let Some(found) = all.find(|document| document.hash() == to.carried.landed()) {
        return Some(found.clone());
    }
    gathered.runs.iter().find_map(|(first, last)| {
        let run = gathered.steps.get(*first..=*last)?;
        let documents: Vec<_> = run.iter().map(|step| &step.step.document).collect();
        let composed = Document::compose(&documents).ok()?;
        (composed.hash() == to.carried.landed()).then_some(composed)
    })
}

/// The commits on which somebody who speaks of a change read it.
fn bases_of(entries: &[VerifiedEntry], change: ChangeHash) -> Vec<Revision> {
    let mut bases = Vec::new();
    for entry in entries {
        match &entry.statement().says {
            Says::Approval(said) => {
                let rows = said.rows.iter();
                let rows = rows.filter(|row| row.hash.as_bytes() == change.as_bytes());
                bases.extend(rows.filter_map(|row| row.base.clone()));
            }
            Says::Change(said) if said.change == change => bases.extend(said.base.clone()),
            _ => {}
        }
    }
    bases.sort_unstable();
    bases.dedup();
    bases
}

/// Fills a draft with what it names: entries with their proofs, and commits, with `full` trees and
/// blobs as well.
///
/// # Errors
/// [`BundleGatherError`].
pub fn fill_bundle(
    session: &Session,
    repository: &Repository,
    draft: Draft,
    attestation: Option<Attestation>,
    full: bool,
) -> Result<Bundle, BundleGatherError> {
    let mut shown = ShownObjects::new(OBJECT_BYTES_MAX);
    for commit in &draft.commits {
        repository.show_commit(commit, &mut shown)?;
    }
    if full {
        for (old, new) in &draft.pairs {
            repository.show_difference(old.as_ref(), new, &mut shown)?;
        }
    }
    let (checkpoint, entries) = shown_leaves(session, &draft.claims)?;
    Ok(draft.finish(checkpoint, entries, session.salt(), attestation, shown.objects))
}

/// Proves the entries of a bundle anew, under the checkpoint that others are shown now: what the
/// gate signed stays as it is (`spec/bundle.md` section 2).
///
/// # Errors
/// [`SessionError`] where the ledger has not these entries.
pub fn prove_again(session: &Session, mut bundle: Bundle) -> Result<Bundle, SessionError> {
    if session.view().ledger().map(|ledger| ledger.id) != Some(bundle.evidence.ledger) {
        return Err(SessionError::integrity("the bundle", "is of another ledger"));
    }
    let (checkpoint, entries) = shown_leaves(session, &bundle.evidence)?;
    let leaf = |entry: &ShownLeaf| (entry.index, entry.leaf.clone());
    if !entries.iter().map(leaf).eq(bundle.entries.iter().map(leaf)) {
        return Err(SessionError::integrity("the bundle", "has other entries than the ledger"));
    }
    bundle.checkpoint = checkpoint;
    bundle.entries = entries;
    Ok(bundle)
}

/// The entries that claims name, under one checkpoint that covers them all.
fn shown_leaves(
    session: &Session,
    claims: &Claims,
) -> Result<(String, Vec<ShownLeaf>), SessionError> {
    let (checkpoint, proved) = session.prove_all(&claims.entries, claims.size)?;
    let shown = |proved: EntryProof| ShownLeaf {
        index: proved.receipt.index,
        leaf: Bytes(proved.leaf.to_bytes()),
        proof: proved.receipt.proof.into_iter().map(Hash::from).collect(),
    };
    Ok((checkpoint.note().to_string(), proved.into_iter().map(shown).collect()))
}

/// Holds what a bundle claims of git objects against a repository that has them: chain, documents,
/// what is opaque, linked or collides, who wrote merges, what is live, and what certificates take
/// from the landed tree. Without commits it has no salt.
///
/// # Errors
/// [`Tampered`] inside where the repository says otherwise; [`GitError`] where it cannot tell.
pub fn prove_from(
    repository: &Repository,
    rebuilt: &Rebuilt,
    claims: &Claims,
    salt: Option<&EmailSalt>,
) -> Result<Result<(), Tampered>, GatherError> {
    let question = &rebuilt.question;
    let points = rebuilt.view.starts(&question.service, &question.environment);
    let Placed { position, commits, live } = place(repository, points.all(), &question.revision)?;
    let wrong = |what: &str| Ok(Err(Tampered::new(TamperCode::Repository, what)));
    if position != rebuilt.position {
        return wrong("the revision lies otherwise to what is settled");
    }
    if live.map(|live| live.document).as_ref() != rebuilt.live().map(|live| &live.document) {
        return wrong("what is live, and the start has not, is something else");
    }
    for carried in &claims.carried {
        for claim in &carried.sides {
            let found = repository.side(&carried.landing, &claim.path.0)?;
            if Side::parse(claim.side.as_bytes()) != Some(found) {
                return wrong("what landed has something else where a certificate says what");
            }
        }
    }
    let Some(salt) = salt else {
        let is_none = commits.is_empty() && rebuilt.steps.is_empty() && rebuilt.whole.is_none();
        return if is_none { Ok(Ok(())) } else { wrong("it shows no commits, and there are some") };
    };
    let mut steps = evidence_of_salt(salt, repository, repository.steps(&commits)?)?;
    note_colliding(repository, &mut steps)?;
    if !same(&steps, &rebuilt.steps) {
        return wrong("the steps of the chain are others in the repository");
    }
    if let (Some(first), Some(_)) = (steps.first(), commits.first()) {
        let start = first.step.parent.as_ref();
        if repository.document(start, &question.revision)? != rebuilt.difference {
            return wrong("the difference from the start to the revision is another");
        }
    }
    if let Some(whole) = &rebuilt.whole {
        let range = Range { base: whole.step.parent.clone(), head: whole.step.commit.clone() };
        let found = evidence_of_salt(salt, repository, vec![range_step(repository, &range)?])?;
        if !same(&found, std::slice::from_ref(whole)) {
            return wrong("the whole difference is another in the repository");
        }
    }
    Ok(Ok(()))
}

/// Whether steps are the same in all that a verdict reads of them.
fn same(found: &[StepEvidence], claimed: &[StepEvidence]) -> bool {
    let read = |step: &StepEvidence| {
        let of = &step.step;
        let facts: BTreeMap<_, _> = of
            .path_facts
            .iter()
            .map(|facts| (facts.path.clone(), (facts.opaque, facts.link_targets.clone())))
            .collect();
        let commits: Vec<_> =
            of.commits.iter().map(|commit| (commit.id.clone(), commit.author_counts)).collect();
        let place = (of.commit.clone(), of.parent.clone(), of.document.hash());
        (place, facts, commits, step.authors.clone(), step.detected, step.colliding.clone())
    };
    found.iter().map(read).eq(claimed.iter().map(read))
}
