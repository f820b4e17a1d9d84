//! Settled points (`spec/verdict.md` section 3): from where a chain may start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Doubts, Fact};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::TreeSize;
use crate::base::time::{Span, Timestamp};
use crate::statement::governance::EntryReference;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Outcome};

/// A start that everything before has been accepted or signed off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledPoint {
    /// The baseline's or the deployment's entry.
    pub entry: EntryReference,
    /// The time of that entry.
    pub time: Timestamp,
    /// The commit; none for a baseline of `none`.
    pub revision: Option<Revision>,
    /// What was deployed; empty for a baseline.
    pub artifacts: Vec<ContentDigest>,
    /// The allow decision that a deployment rests on; none for a baseline.
    pub decision: Option<EntryReference>,
    /// The cover of that decision.
    pub cover: Option<ContentDigest>,
    /// The deployment's statement, and who made it; none for a baseline.
    deployed_by: Option<(StatementId, MemberId)>,
}

/// The settled points of one service in one environment, and the decisions that may yet settle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SettledPoints {
    points: Vec<SettledPoint>,
    /// Allow decisions whose `newest` is the newest settled point: any other is dead.
    open: BTreeMap<StatementId, OpenDecision>,
    /// The newest deployment of any standing: what is thought to be live.
    live: Option<LiveDeployment>,
}

/// The newest deployment that was recorded, settled or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveDeployment {
    /// Its entry.
    pub entry: EntryReference,
    /// The time of that entry.
    pub time: Timestamp,
    /// The commit.
    pub revision: Revision,
    /// Whether it is a settled point.
    pub settled: bool,
    /// The identity of its statement, which its outcome names.
    pub id: StatementId,
    /// What became of it, as far as is recorded.
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OpenDecision {
    entry: EntryReference,
    /// What the gate had seen: a doubt at or above it was not weighed.
    seen: TreeSize,
    time: Timestamp,
    repository: RepositoryName,
    revision: Revision,
    artifacts: Vec<ContentDigest>,
    cover: Option<ContentDigest>,
}

impl SettledPoints {
    /// No point yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { points: Vec::new(), open: BTreeMap::new(), live: None }
    }

    /// The newest settled point.
    #[must_use]
    pub fn newest(&self) -> Option<&SettledPoint> {
        self.points.last()
    }

    /// Every settled point, oldest first.
    #[must_use]
    pub fn all(&self) -> &[SettledPoint] {
        &self.points
    }

    /// The newest deployment that was recorded.
    #[must_use]
    pub const fn live(&self) -> Option<&LiveDeployment> {
        self.live.as_ref()
    }

    /// A baseline is a settled point. Whether it may replace another is admission's question.
    pub(super) fn baseline(
        &mut self,
        entry: EntryReference,
        time: Timestamp,
        revision: Option<Revision>,
    ) {
        self.settle(SettledPoint {
            entry,
            time,
            revision,
            artifacts: Vec::new(),
            decision: None,
            cover: None,
            deployed_by: None,
        });
    }

    /// An allow decision may settle a deployment while its `newest` is the newest point. The
    /// gate's start was one of ours, for admission checked it.
    pub(super) fn decided(&mut self, fact: &Fact<'_>, said: &Decision) {
        let newest = self.points.last().map(|point| point.entry.index);
        if said.verdict == DecisionVerdict::Allow && said.newest == newest {
            let open = OpenDecision {
                entry: fact.entry,
                seen: fact.statement.seen.map(|seen| seen.size).unwrap_or_default(),
                time: fact.time,
                repository: said.repository.clone(),
                revision: said.revision.clone(),
                artifacts: said.artifacts.clone(),
                cover: said.cover,
            };
            self.open.insert(fact.id, open);
        }
    }

    /// A deployment settles if it names an open allow decision for the same revision and
    /// artifacts, and nothing took permission away in that repository since what the gate had
    /// seen (ATTACKS 3, 31). Whether the doubt concerns a fact that was used is not asked:
    /// deciding again is cheap, and a fold that asked would need the cover.
    pub(super) fn deployed(
        &mut self,
        fact: &Fact<'_>,
        said: &Deployment,
        doubts: &Doubts,
        decision_ttl: Span,
    ) {
        let (entry, time) = (fact.entry, fact.time);
        if let Some(started) = said.started {
            self.fail(started, fact, said.outcome);
            if let Some(live) = self.live.as_mut().filter(|live| live.id == started) {
                live.outcome = said.outcome;
            }
            return;
        }
        let decision = said.decision.and_then(|named| {
            let open = self.open.get(&named)?;
            let same = open.revision == said.revision && open.artifacts == said.artifacts;
            let doubt = doubts.newest(&open.repository);
            let undoubted = doubt.is_none_or(|doubt| open.seen.covers(doubt));
            let fresh = time.since(open.time) < decision_ttl;
            (same && undoubted && fresh).then(|| open.clone())
        });
        let happened = matches!(said.outcome, Outcome::Started | Outcome::Succeeded);
        let settled = happened && decision.is_some();
        if said.outcome != Outcome::Failed {
            let (revision, id, outcome) = (said.revision.clone(), fact.id, said.outcome);
            self.live = Some(LiveDeployment { entry, time, revision, settled, id, outcome });
        }
        if let Some(decision) = decision.filter(|_| happened) {
            self.settle(SettledPoint {
                entry,
                time,
                revision: Some(said.revision.clone()),
                artifacts: said.artifacts.clone(),
                decision: Some(decision.entry),
                cover: decision.cover,
                deployed_by: Some((fact.id, fact.statement.by.clone())),
            });
        }
    }

    /// A deployment that failed, says who began it, is no point to start from: the next chain
    /// begins at the one before, and asks for the same sign-offs once more.
    fn fail(&mut self, started: StatementId, fact: &Fact<'_>, outcome: Outcome) {
        let its = Some((started, fact.statement.by.clone()));
        let is_newest = self.points.last().is_some_and(|point| point.deployed_by == its);
        if outcome == Outcome::Failed && is_newest {
            self.points.pop();
            self.open.clear();
        }
    }

    /// Decisions that were made under another policy are not to be deployed any more.
    pub(super) fn void_decisions(&mut self) {
        self.open.clear();
    }

    fn settle(&mut self, point: SettledPoint) {
        self.points.push(point);
        // Every open decision knew an older newest point: none of them can settle any more.
        self.open.clear();
    }
}
