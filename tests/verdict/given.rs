//! Evidence beyond a plain chain: where a revision stands, and what earlier decisions covered.

use std::sync::Arc;

use countersign::base::digest::ChangeHash;
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::change::{CommitFacts, Document, Identity};
use countersign::verify::cover::Cover;
use countersign::verify::evidence::Position;
use countersign::verify::{
    CarriedTo, Evidence, KnownCover, Live, Question, Returning, StepEvidence, Uncarried, Verdict,
    verdict,
};

use super::world::{World, commit};

/// What is given beside the steps; a plain chain where nothing is.
pub(crate) struct Given {
    pub(crate) position: Position,
    pub(crate) live: Option<Live>,
    pub(crate) whole: Option<StepEvidence>,
    pub(crate) runs: Vec<(usize, usize)>,
    pub(crate) cover: Option<Cover>,
    pub(crate) start_changes: Vec<ChangeHash>,
    pub(crate) returning: Vec<Returning>,
    pub(crate) covers: Vec<KnownCover>,
    pub(crate) carried: Vec<CarriedTo>,
    pub(crate) uncarried: Vec<Uncarried>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            position: Position::Linear,
            live: None,
            whole: None,
            runs: Vec::new(),
            cover: None,
            start_changes: Vec::new(),
            returning: Vec::new(),
            covers: Vec::new(),
            carried: Vec::new(),
            uncarried: Vec::new(),
        }
    }
}

impl Given {
    pub(crate) fn at(position: Position) -> Self {
        Self { position, ..Self::default() }
    }

    pub(crate) fn judge(
        &self,
        world: &World,
        question: &Question,
        steps: &[StepEvidence],
    ) -> Verdict {
        let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
        let evidence = Evidence {
            view: &world.view,
            position: &self.position,
            steps,
            difference: &Document::compose(&documents).unwrap(),
            entries: &world.entries(),
            cover: self.cover.as_ref(),
            start_changes: &self.start_changes,
            returning: &self.returning,
            live: self.live.as_ref(),
            whole: self.whole.as_ref(),
            runs: &self.runs,
            covers: &self.covers,
            carried: &self.carried,
            uncarried: &self.uncarried,
        };
        verdict(question, &evidence)
    }
}

/// That a deployment at an entry, decided before, landed what a verdict covers.
pub(crate) fn landed(verdict: &Verdict, deployment: u64) -> KnownCover {
    let landed = Some(EntryIndex::new(deployment));
    KnownCover { deployed: None, landed, ended: None, cover: Some(Arc::new(verdict.cover())) }
}

/// That a deployment at an entry and a time, anywhere, was of what a verdict covers.
pub(crate) fn deployed_elsewhere(
    verdict: &Verdict,
    deployment: u64,
    time: Timestamp,
) -> KnownCover {
    let deployed = Some((EntryIndex::new(deployment), time));
    KnownCover { deployed, landed: None, ended: None, cover: Some(Arc::new(verdict.cover())) }
}

/// The commit of a label among those that a step brings in.
pub(crate) fn brings(step: &mut StepEvidence, label: &str) {
    let nobody = || Identity { name: b"N".to_vec(), email: b"n@x".to_vec() };
    step.step.commits.push(CommitFacts {
        id: commit(label),
        parents: Vec::new(),
        author: nobody(),
        committer: nobody(),
        co_authors: Vec::new(),
        trailers: Vec::new(),
        message: Vec::new(),
        author_counts: true,
    });
}
