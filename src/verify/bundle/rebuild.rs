//! Claims and parts of a bundle as the evidence of a verdict (`spec/bundle.md` section 4, steps
//! 12, 16 to 18).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claims::{CarriedClaim, Claims, PlaceClaim, PositionWord, StepClaim};
use super::objects::Objects;
use super::parts::Blobs;
use super::{TamperCode, Tampered};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::change::carry::{CarryContents, Certificate, check};
use crate::change::{CommitFacts, Content, Document, PathFacts, Side, Step};
use crate::statement::commitment::EmailSalt;
use crate::verify::cover::Cover;
use crate::verify::entry::VerifiedEntry;
use crate::verify::evidence::{
    CarriedTo, Evidence, KnownCover, Live, Position, Question, Returning, StepEvidence,
};
use crate::verify::steps::step_evidence;
use crate::verify::verdict::{Verdict, verdict};
use crate::view::{Debt, SettledPoint, SettledPoints, View};

/// The evidence that a bundle holds.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// The question.
    pub question: Question,
    /// What governance folds to, and what is settled and owed.
    pub view: View,
    /// How the revision lies.
    pub position: Position,
    /// The steps of the chain.
    pub steps: Vec<StepEvidence>,
    /// The difference from the start's tree to the revision's.
    pub difference: Document,
    /// Everything as one step.
    pub whole: Option<StepEvidence>,
    entries: Vec<VerifiedEntry>,
    cover: Option<Arc<Cover>>,
    start_changes: Vec<ChangeHash>,
    returning: Vec<Returning>,
    live: Option<Live>,
    runs: Vec<(usize, usize)>,
    covers: Vec<KnownCover>,
    carried: Vec<CarriedTo>,
}

impl Rebuilt {
    /// The evidence, for a verdict.
    #[must_use]
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            view: &self.view,
            position: &self.position,
            steps: &self.steps,
            difference: &self.difference,
            entries: &self.entries,
            cover: self.cover.as_deref(),
            start_changes: &self.start_changes,
            returning: &self.returning,
            live: self.live.as_ref(),
            whole: self.whole.as_ref(),
            runs: &self.runs,
            covers: &self.covers,
            carried: &self.carried,
            uncarried: &[],
        }
    }

    /// The verdict: the same function as online.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict(&self.question, &self.evidence())
    }

    /// The entries, verified, by index.
    #[must_use]
    pub fn entries(&self) -> &[VerifiedEntry] {
        &self.entries
    }

    /// What is live and the start has not.
    #[must_use]
    pub const fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// What is carried.
    #[must_use]
    pub fn carried(&self) -> &[CarriedTo] {
        &self.carried
    }
}

/// What is claimed of settled points and debts, as a view has it.
pub(super) fn settled(claim: &PlaceClaim) -> SettledPoints {
    let point = |point: &super::claims::PointClaim| {
        SettledPoint::attested(
            point.entry,
            point.time,
            point.revision.clone(),
            point.artifacts.clone(),
            (point.decision, point.cover),
        )
    };
    let points = claim.points.iter().map(point).collect();
    SettledPoints::attested(points, claim.owed.iter().map(Debt::from).collect())
}

/// What a bundle is rebuilt from.
pub(super) struct Sources<'a> {
    pub(super) claims: &'a Claims,
    pub(super) blobs: &'a Blobs<'a>,
    pub(super) salt: Option<&'a EmailSalt>,
    /// What the commits of each step say, and of the whole.
    pub(super) facts: &'a [Vec<CommitFacts>],
    pub(super) facts_of_whole: Option<&'a Vec<CommitFacts>>,
}

/// Rebuilds evidence, but for what certificates show: `start` is where the chain starts among the
/// points.
pub(super) fn rebuild(
    sources: &Sources<'_>,
    view: View,
    entries: Vec<VerifiedEntry>,
    start: Option<usize>,
) -> Result<Rebuilt, Tampered> {
    let Sources { claims, blobs, .. } = sources;
    let steps = claims.steps.iter().zip(sources.facts);
    let steps = steps.map(|(step, facts)| sources.step(step, facts)).collect::<Result<_, _>>()?;
    let whole = claims.whole.as_ref().zip(sources.facts_of_whole);
    let whole = whole.map(|(step, facts)| sources.step(step, facts)).transpose()?;
    let position = match claims.position {
        PositionWord::Linear => Position::Linear,
        PositionWord::FromRoot => Position::FromRoot,
        PositionWord::Behind => Position::Behind,
        PositionWord::Unrelated => Position::Unrelated,
        PositionWord::Diverged => Position::Diverged { start: start.unwrap_or(usize::MAX) },
    };
    let live = match &claims.live {
        None => None,
        Some(live) => Some(Live {
            document: blobs.document(live.document)?,
            commits: live.commits.iter().map(|c| (c.commit.clone(), c.title.clone())).collect(),
        }),
    };
    let mut returning = Vec::with_capacity(claims.returning.len());
    for one in &claims.returning {
        let document = if one.kept { Some(blobs.document(one.change)?) } else { None };
        returning.push(Returning { change: one.change, document, in_start: one.in_start });
    }
    let mut covers = Vec::with_capacity(claims.covers.len());
    for one in &claims.covers {
        covers.push(KnownCover {
            deployed: one.deployed.as_ref().map(|deployed| (deployed.entry, deployed.time)),
            landed: one.landed,
            ended: one.ended,
            cover: one.cover.map(|digest| blobs.cover(digest)).transpose()?,
        });
    }
    Ok(Rebuilt {
        question: Question::from(&claims.question),
        view,
        position,
        steps,
        difference: blobs.document(claims.difference)?,
        whole,
        entries,
        cover: claims.cover.map(|digest| blobs.cover(digest)).transpose()?,
        start_changes: claims.start_changes.clone(),
        returning,
        live,
        runs: claims.runs.clone(),
        covers,
        carried: Vec::new(),
    })
}

impl Sources<'_> {
    fn step(&self, claim: &StepClaim, commits: &[CommitFacts]) -> Result<StepEvidence, Tampered> {
        let document = self.blobs.document(claim.document)?;
        let said: BTreeMap<_, _> = claim.facts.iter().map(|facts| (&facts.path.0, facts)).collect();
        let path_facts = document.paths().map(|path| {
            let said = said.get(path);
            PathFacts {
                path: path.clone(),
                opaque: said.and_then(|said| said.opaque),
                new_size_bytes: None,
                link_targets: said
                    .map(|said| said.targets.iter().map(|target| target.0.clone()).collect())
                    .unwrap_or_default(),
            }
        });
        let colliding: Vec<_> = claim.colliding.iter().map(|path| path.0.clone()).collect();
        let step = Step {
            commit: claim.commit.clone(),
            parent: claim.parent.clone(),
            path_facts: path_facts.collect(),
            document,
            author_counts: commits.first().is_none_or(|own| own.author_counts),
            commits: commits.to_vec(),
            collisions: Vec::new(),
        };
        let missing = || Tampered::new(TamperCode::Salt, "the salt of addresses is missing");
        let salt = self.salt.ok_or_else(missing)?;
        Ok(StepEvidence { colliding, ..step_evidence(step, salt) })
    }
}

/// Step 16: what certificates show.
pub(super) fn carry(
    rebuilt: &mut Rebuilt,
    claims: &Claims,
    blobs: &Blobs<'_>,
) -> Result<(), Tampered> {
    let mut runs = Runs::default();
    for claim in &claims.carried {
        let wrong = |why: String| {
            let what = format!("change {} is not carried: {why}", claim.approved.short());
            Tampered::new(TamperCode::Carried, what)
        };
        let approved = blobs.document(claim.approved)?;
        let certificate = blobs.get(claim.certificate)?;
        let certificate =
            Certificate::parse(certificate).map_err(Tampered::at(TamperCode::Blob))?;
        let source = contents(claim, &certificate, &approved, blobs)?;
        let landed = runs
            .landed(&rebuilt.steps, claims, claim, blobs)?
            .ok_or_else(|| wrong("it is carried to nothing that is judged".to_owned()))?;
        let carried = check(&approved, &landed, &certificate, 1, &source)
            .map_err(|error| wrong(error.to_string()))?;
        rebuilt.carried.push(CarriedTo {
            is_grounded: claim.grounded,
            landing: claim.landing.clone(),
            carried,
        });
    }
    Ok(())
}

/// The contents that a certificate is applied to: what the approved change was made on.
fn contents(
    claim: &CarriedClaim,
    certificate: &Certificate,
    approved: &Document,
    blobs: &Blobs<'_>,
) -> Result<CarryContents, Tampered> {
    let mut source = CarryContents::default();
    for digest in bases(certificate, approved) {
        source.contents.insert(digest, blobs.get(digest)?.to_vec());
    }
    for side in &claim.sides {
        let parsed = Side::parse(side.side.as_bytes()).ok_or_else(|| {
            Tampered::new(TamperCode::Carried, format!("{} has no such side", side.path.0))
        })?;
        source.sides.insert(side.path.0.clone(), parsed);
    }
    Ok(source)
}

/// The digests of what the files of a certificate were before the approved change.
pub(super) fn bases<'a>(
    certificate: &'a Certificate,
    approved: &'a Document,
) -> impl Iterator<Item = ContentDigest> + 'a {
    let rows = approved.rows().iter();
    let rows = rows.filter(|row| certificate.file(&row.path).is_some());
    rows.filter_map(|row| match row.old.content {
        Content::Sha256(digest) => Some(digest),
        Content::Absent | Content::Submodule(_) => None,
    })
}

/// The runs of steps that claims look among, by their last step: where each begins, by its hash.
#[derive(Default)]
struct Runs(BTreeMap<usize, BTreeMap<ChangeHash, usize>>);

impl Runs {
    /// The document of what landed: of a step, the whole chain, the whole difference, or a run.
    fn landed(
        &mut self,
        steps: &[StepEvidence],
        claims: &Claims,
        claim: &CarriedClaim,
        blobs: &Blobs<'_>,
    ) -> Result<Option<Document>, Tampered> {
        let of_steps = claims.steps.iter().chain(&claims.whole).map(|step| step.document);
        if of_steps.chain([claims.difference]).any(|document| document == claim.landed) {
            return blobs.document(claim.landed).map(Some);
        }
        let Some(last) = claims.steps.iter().position(|step| step.commit == claim.landing) else {
            return Ok(None);
        };
        let runs = self.0.entry(last).or_insert_with(|| runs_to(steps, last));
        let first = runs.get(&claim.landed);
        Ok(first.and_then(|first| composed(steps.get(*first..=last)?)))
    }
}

/// Where each run begins that ends at a step, by its hash; the shortest of those that are equal.
fn runs_to(steps: &[StepEvidence], last: usize) -> BTreeMap<ChangeHash, usize> {
    let mut found = BTreeMap::new();
    let mut run = steps.get(last).map(|step| step.step.document.clone());
    for (first, step) in steps.iter().enumerate().take(last).rev() {
        // Steps that do not follow one another do not in a longer run either.
        run = run.and_then(|run| Document::compose(&[&step.step.document, &run]).ok());
        let Some(run) = &run else { break };
        found.entry(run.hash()).or_insert(first);
    }
    found
}

fn composed(steps: &[StepEvidence]) -> Option<Document> {
    let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
    Document::compose(&documents).ok()
}

/// What the commits of each step say, and of the whole.
pub(super) type CommitsOf = (Vec<Vec<CommitFacts>>, Option<Vec<CommitFacts>>);

/// Step 13, but for trees and blobs.
pub(super) fn commits(claims: &Claims, objects: &Objects<'_>) -> Result<CommitsOf, Tampered> {
    let steps = claims.steps.iter().map(|step| objects.facts(step)).collect::<Result<_, _>>()?;
    let whole = claims.whole.as_ref().map(|step| objects.facts(step)).transpose()?;
    Ok((steps, whole))
}
