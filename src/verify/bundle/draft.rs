//! A bundle before it is signed: what a verdict rested on, as claims and parts (`spec/bundle.md`
//! section 3).

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{
    CarriedClaim, Claims, CoverClaim, DeployedClaim, LiveClaim, PathText, PlaceClaim, PointClaim,
    PositionWord, QuestionClaim, ReturningClaim, SideClaim, StepClaim, TitleClaim,
};
use super::rebuild::bases;
use super::trees::path_claim;
use super::wire::{Attestation, Bundle, Bytes, Salt, ShownLeaf};
use crate::base::digest::{ChangeHash, ContentDigest, LeafHash};
use crate::base::name::{EnvironmentName, Revision};
use crate::base::position::EntryIndex;
use crate::change::carry::{CarryContents, Certificate};
use crate::change::{Document, ObjectId};
use crate::statement::Says;
use crate::statement::commitment::EmailSalt;
use crate::statement::governance::EntryReference;
use crate::verify::entry::VerifiedEntry;
use crate::verify::evidence::{CarriedTo, Evidence, Position, Question, StepEvidence};
use crate::view::{SettledPoint, SettledPoints};

/// What a verdict rested on.
pub struct Given<'a> {
    /// The question, its time being that of the decision's leaf.
    pub question: &'a Question,
    /// The evidence; its view is that of the size which the gate had seen.
    pub evidence: &'a Evidence<'a>,
    /// The leaf hash of entry 0.
    pub ledger: LeafHash,
    /// The decision; none where nothing was recorded.
    pub decision: Option<EntryReference>,
    /// Every governance entry below that size.
    pub governance: &'a [EntryIndex],
    /// The certificates of what is carried, in its order, each with the document that was approved.
    pub certificates: &'a [(Certificate, Document)],
    /// Of each of them the contents that it is applied to, and what landed at paths that only the
    /// approved document names.
    pub contents: &'a [CarryContents],
    /// SHA-256 of the bundle before this one.
    pub previous: Option<ContentDigest>,
}

/// A bundle whose entries and objects are still to be read.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What the gate attests.
    pub claims: Claims,
    /// The commits to be shown.
    pub commits: BTreeSet<ObjectId>,
    /// Of a full bundle: each pair of commits between whose trees everything is shown.
    pub pairs: Vec<(Option<Revision>, Revision)>,
    blobs: BTreeMap<ContentDigest, Vec<u8>>,
}

impl Draft {
    /// The bundle, of what was read: entries by index, and objects in any order.
    #[must_use]
    pub fn finish(
        self,
        checkpoint: String,
        entries: Vec<ShownLeaf>,
        salt: &EmailSalt,
        attestation: Option<Attestation>,
        objects: BTreeMap<ObjectId, Vec<u8>>,
    ) -> Bundle {
        let mut bundle = Bundle::new(checkpoint, entries, self.claims);
        bundle.salt = (!objects.is_empty()).then(|| Salt::from(*salt.as_bytes()));
        bundle.attestation = attestation;
        bundle.blobs = self.blobs.into_values().map(Bytes).collect();
        bundle.objects = objects.into_values().map(Bytes).collect();
        bundle
    }

    fn keep(&mut self, document: &Document) {
        let digest = ContentDigest::from_bytes(*document.hash().as_bytes());
        self.blobs.entry(digest).or_insert_with(|| document.to_bytes());
    }

    fn keep_bytes(&mut self, bytes: Vec<u8>) -> ContentDigest {
        let digest = ContentDigest::of(&bytes);
        self.blobs.entry(digest).or_insert(bytes);
        digest
    }
}

/// What a bundle holds of a verdict.
#[must_use]
pub fn draft(given: &Given<'_>) -> Draft {
    let Given { question, evidence, .. } = *given;
    let claims = Claims {
        ledger: given.ledger,
        decision: given.decision,
        previous: given.previous,
        question: QuestionClaim::from(question),
        size: evidence.view.size(),
        newest_time: evidence.view.time(),
        settled: settled(question, evidence),
        position: position(*evidence.position),
        start: start(question, evidence),
        steps: evidence.steps.iter().map(step).collect(),
        difference: evidence.difference.hash(),
        whole: evidence.whole.map(step),
        runs: evidence.runs.to_vec(),
        cover: None,
        start_changes: sorted(evidence.start_changes),
        returning: Vec::new(),
        live: None,
        covers: Vec::new(),
        carried: Vec::new(),
        entries: Vec::new(),
    };
    let (commits, pairs) = (BTreeSet::new(), Vec::new());
    let mut draft = Draft { claims, commits, pairs, blobs: BTreeMap::new() };
    let steps = || evidence.steps.iter().chain(evidence.whole);
    for step in steps() {
        draft.keep(&step.step.document);
        draft.commits.extend(step.step.commits.iter().map(|commit| ObjectId::from(&commit.id)));
        draft.pairs.push((step.step.parent.clone(), step.step.commit.clone()));
    }
    draft.keep(evidence.difference);
    draft.claims.cover = evidence.cover.map(|cover| draft.keep_bytes(cover.to_bytes()));
    draft.take_returning(evidence);
    draft.take_covers(evidence);
    let carried = evidence.carried.iter().zip(given.certificates).zip(given.contents);
    for ((carried, (certificate, approved)), contents) in carried {
        draft.take_carried(carried, certificate, approved, contents);
    }
    let mut entries: BTreeSet<_> = given.governance.iter().copied().collect();
    let size = evidence.view.size();
    entries.extend(evidence.entries.iter().map(VerifiedEntry::index).filter(|at| size.covers(*at)));
    entries.extend(given.decision.map(|decision| decision.index));
    entries.extend(proved_points(question, evidence).into_iter().flat_map(|point| {
        std::iter::once(point.entry.index).chain(point.decision.map(|decision| decision.index))
    }));
    draft.claims.entries = entries.into_iter().collect();
    draft
}

impl Draft {
    fn take_returning(&mut self, evidence: &Evidence<'_>) {
        if let Some(live) = evidence.live {
            self.keep(&live.document);
            let commits = live.commits.iter();
            let commits = commits
                .map(|(commit, title)| TitleClaim { commit: commit.clone(), title: title.clone() });
            let document = live.document.hash();
            self.claims.live = Some(LiveClaim { document, commits: commits.collect() });
        }
        // What was rejected twice, up to different commits, stands once.
        let mut returning: BTreeMap<ChangeHash, ReturningClaim> = BTreeMap::new();
        for one in evidence.returning {
            if let Some(document) = &one.document {
                self.keep(document);
            }
            let (kept, change) = (one.document.is_some(), one.change);
            let fresh = ReturningClaim { change, kept, in_start: false };
            returning.entry(change).or_insert(fresh).in_start |= one.in_start;
        }
        self.claims.returning = returning.into_values().collect();
    }

    /// Only what names a change that somebody speaks of uses anything up, or ends an age; and what
    /// ended a debt may have paid it.
    fn take_covers(&mut self, evidence: &Evidence<'_>) {
        let spoken_of: BTreeSet<[u8; 32]> = evidence
            .entries
            .iter()
            .flat_map(|entry| match &entry.statement().says {
                Says::Approval(said) => said.rows.as_slice(),
                _ => &[],
            })
            .map(|row| *row.hash.as_bytes())
            .collect();
        for known in evidence.covers {
            let bears = known.cover.as_ref().is_none_or(|cover| {
                cover.used_up().any(|(change, _)| spoken_of.contains(change.as_bytes()))
            });
            if bears || known.ended.is_some() {
                let cover = known.cover.as_ref().map(|cover| self.keep_bytes(cover.to_bytes()));
                let deployed = known.deployed;
                let deployed = deployed.map(|(entry, time)| DeployedClaim { entry, time });
                let (landed, ended) = (known.landed, known.ended);
                self.claims.covers.push(CoverClaim { deployed, landed, ended, cover });
            }
        }
    }

    fn take_carried(
        &mut self,
        to: &CarriedTo,
        certificate: &Certificate,
        approved: &Document,
        contents: &CarryContents,
    ) {
        self.keep(approved);
        for digest in bases(certificate, approved) {
            if let Some(content) = contents.contents.get(&digest) {
                self.keep_bytes(content.clone());
            }
        }
        let sides = contents
            .sides
            .iter()
            .map(|(path, side)| SideClaim { path: PathText(path.clone()), side: side.to_string() });
        let certificate = self.keep_bytes(certificate.to_bytes());
        self.claims.carried.push(CarriedClaim {
            approved: to.carried.approved(),
            landed: to.carried.landed(),
            landing: to.landing.clone(),
            grounded: to.is_grounded,
            certificate,
            sides: sides.collect(),
        });
    }
}

fn sorted(changes: &[ChangeHash]) -> Vec<ChangeHash> {
    changes.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

fn step(step: &StepEvidence) -> StepClaim {
    let of = &step.step;
    let mut mechanical: Vec<_> =
        of.commits.iter().filter(|commit| !commit.author_counts).map(|c| c.id.clone()).collect();
    mechanical.sort_unstable();
    StepClaim {
        commit: of.commit.clone(),
        parent: of.parent.clone(),
        document: of.document.hash(),
        commits: of.commits.iter().map(|commit| commit.id.clone()).collect(),
        mechanical,
        facts: of.path_facts.iter().filter_map(path_claim).collect(),
        colliding: step.colliding.iter().cloned().map(PathText).collect(),
    }
}

const fn position(position: Position) -> PositionWord {
    match position {
        Position::Linear => PositionWord::Linear,
        Position::FromRoot => PositionWord::FromRoot,
        Position::Behind => PositionWord::Behind,
        Position::Diverged { .. } => PositionWord::Diverged,
        Position::Unrelated => PositionWord::Unrelated,
    }
}

fn start(question: &Question, evidence: &Evidence<'_>) -> Option<EntryIndex> {
    let Position::Diverged { start } = *evidence.position else { return None };
    let points = evidence.view.starts(&question.service, &question.environment);
    points.all().get(start).map(|point| point.entry.index)
}

/// The newest point, and the one that the chain starts at.
fn proved_points<'a>(question: &Question, evidence: &Evidence<'a>) -> Vec<&'a SettledPoint> {
    let points = evidence.view.starts(&question.service, &question.environment).all();
    let same = |point: &&SettledPoint| {
        point.decision.is_some()
            && point.revision.as_ref() == Some(&question.revision)
            && point.artifacts == question.artifacts
    };
    let start = match *evidence.position {
        Position::Diverged { start } => points.get(start),
        Position::Behind => points.iter().rev().find(same),
        Position::Linear | Position::FromRoot | Position::Unrelated => None,
    };
    let mut found: Vec<_> = points.last().into_iter().chain(start).collect();
    found.sort_unstable_by_key(|point| point.entry.index);
    found.dedup_by_key(|point| point.entry.index);
    found
}

/// What is settled and owed where the verdict looks: where nothing is owed, only what it starts
/// from.
fn settled(question: &Question, evidence: &Evidence<'_>) -> Vec<PlaceClaim> {
    let (service, environment) = (&question.service, &question.environment);
    let view = evidence.view;
    let own = view.settled(service, environment);
    let group = EnvironmentName::new(environment.group()).ok().filter(|_| own.newest().is_none());
    let starts = group.unwrap_or_else(|| environment.clone());
    let is_of_group = |other: &EnvironmentName| other.group() == environment.group();
    let mut places: BTreeMap<EnvironmentName, PlaceClaim> = BTreeMap::new();
    for other in view.environments_of(service).filter(is_of_group) {
        let points = view.settled(service, &other);
        let owed: Vec<_> = points.ever_owed().iter().map(Into::into).collect();
        let shown = if !owed.is_empty() {
            points.all().iter().map(PointClaim::from).collect()
        } else if other == starts {
            proved_points_of(points, question, evidence)
        } else {
            Vec::new()
        };
        if !(shown.is_empty() && owed.is_empty()) {
            let claim = PlaceClaim { environment: other.clone(), points: shown, owed };
            places.insert(other, claim);
        }
    }
    places.into_values().collect()
}

fn proved_points_of(
    points: &SettledPoints,
    question: &Question,
    evidence: &Evidence<'_>,
) -> Vec<PointClaim> {
    let proved = proved_points(question, evidence).into_iter();
    proved.filter(|point| points.all().contains(point)).map(PointClaim::from).collect()
}
