//! Settled points (`spec/verdict.md` section 3): from where a chain may start. And what is owed
//! since the newest (section 9).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Doubts, Fact};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::{Span, Timestamp};
use crate::key::KeyId;
use crate::statement::break_glass::Override;
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
    /// With which keys decision and deployment were signed, each with its entry.
    signed_with: Vec<(EntryIndex, KeyId)>,
    /// The deployment's statement, and who made it; none for a baseline, and none for what may not
    /// be unmade any more.
    deployed_by: Option<(StatementId, MemberId)>,
}

/// The settled points of one service in one environment, the decisions that may yet settle, and
/// what overrides left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SettledPoints {
    points: Vec<SettledPoint>,
    /// Points that failed later: they start nothing, but have spent their approvals.
    failed: Vec<SettledPoint>,
    /// Allow decisions whose `newest` is the newest settled point: any other is dead.
    open: BTreeMap<StatementId, OpenDecision>,
    /// The newest deployment of any standing: what is thought to be live.
    live: Option<LiveDeployment>,
    /// Every override that is no drill.
    overrides: BTreeMap<StatementId, Overriding>,
    /// Denials that name overrides.
    overridden: BTreeMap<StatementId, Overridden>,
    /// Everything that ever went ahead by overrides.
    owed: Vec<Debt>,
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

/// What went ahead by overrides: its sign-offs are owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// Where it begins: the denial that names the overrides, or the deployment where no gate
    /// decided, or the deployment came after the denial's debt had ended.
    pub entry: EntryReference,
    /// The deployments that rest on it, as far as they were recorded, oldest first.
    pub deployments: Vec<EntryReference>,
    /// Since when it is owed: the earliest time that one of its overrides claims, or that of its
    /// entry where that is earlier.
    pub since: Timestamp,
    /// The commit.
    pub revision: Revision,
    /// Who overrode, sorted.
    pub members: Vec<MemberId>,
    /// The entries of the overrides, sorted.
    pub overrides: Vec<EntryIndex>,
}

/// An override that stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Overriding {
    entry: EntryIndex,
    member: MemberId,
    revision: Revision,
    artifacts: Vec<ContentDigest>,
    claimed: Timestamp,
}

/// A denial that names overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Overridden {
    revision: Revision,
    artifacts: Vec<ContentDigest>,
    overrides: Vec<StatementId>,
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
    keys: Vec<KeyId>,
}

impl SettledPoint {
    /// A point as somebody attests it: by the entries that are shown, and by whose word it is
    /// settled.
    #[must_use]
    pub fn attested(
        entry: EntryReference,
        time: Timestamp,
        revision: Option<Revision>,
        artifacts: Vec<ContentDigest>,
        rests_on: (Option<EntryReference>, Option<ContentDigest>),
    ) -> Self {
        let (decision, cover) = rests_on;
        let (signed_with, deployed_by) = (Vec::new(), None);
        Self { entry, time, revision, artifacts, decision, cover, signed_with, deployed_by }
    }
}

impl SettledPoints {
    /// What somebody attests of a place. Nothing more is folded into it.
    #[must_use]
    pub fn attested(points: Vec<SettledPoint>, owed: Vec<Debt>) -> Self {
        Self { points, owed, ..Self::new() }
    }

    /// No point yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            points: Vec::new(),
            failed: Vec::new(),
            open: BTreeMap::new(),
            live: None,
            overrides: BTreeMap::new(),
            overridden: BTreeMap::new(),
            owed: Vec::new(),
        }
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

    /// Every deployment that has spent the approvals of its cover, those that failed included.
    pub fn landed(&self) -> impl Iterator<Item = &SettledPoint> {
        self.points.iter().chain(&self.failed).filter(|point| point.cover.is_some())
    }

    /// The newest deployment that was recorded.
    #[must_use]
    pub const fn live(&self) -> Option<&LiveDeployment> {
        self.live.as_ref()
    }

    /// What is owed: what went ahead by override after the newest settled point, oldest first.
    pub fn debts(&self) -> impl Iterator<Item = &Debt> {
        let newest = self.newest().map(|point| point.entry.index);
        self.owed.iter().filter(move |debt| Some(debt.entry.index) > newest)
    }

    /// Debts that may make further overrides harder, each with what ended it, if it did: neither
    /// settled as what they are, nor waived by a baseline. Going back to what was settled, or
    /// deploying it once more, ends what is owed, and makes no override easier.
    pub(super) fn counting(&self) -> impl Iterator<Item = (&Debt, Option<&SettledPoint>)> {
        self.owed.iter().filter_map(|debt| {
            let at = self.points.partition_point(|point| point.entry.index < debt.entry.index);
            let (before, after) = self.points.split_at(at);
            let pays = |point: &SettledPoint| {
                point.decision.is_none() || point.revision.as_ref() == Some(&debt.revision)
            };
            let is_new = |point: &&SettledPoint| {
                !before.iter().any(|older| older.revision == point.revision)
            };
            (!after.iter().any(pays)).then(|| (debt, after.iter().find(is_new)))
        })
    }

    /// Everything that ever went ahead by override, oldest first.
    #[must_use]
    pub fn ever_owed(&self) -> &[Debt] {
        &self.owed
    }

    /// The entries of the overrides for a revision with these artifacts, whoever made them and
    /// whenever.
    pub fn overrides_for<'a>(
        &'a self,
        revision: &'a Revision,
        artifacts: &'a [ContentDigest],
    ) -> impl Iterator<Item = EntryIndex> + 'a {
        let same = move |one: &&Overriding| one.revision == *revision && one.artifacts == artifacts;
        self.overrides.values().filter(same).map(|one| one.entry)
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
            signed_with: Vec::new(),
            deployed_by: None,
        });
    }

    /// An allow decision may settle a deployment while its `newest` is the newest point: of the
    /// place, or of the group that a cell without a point starts from. The gate's start was one
    /// of ours, for admission checked it. A denial may name overrides.
    pub(super) fn decided(
        &mut self,
        fact: &Fact<'_>,
        said: &Decision,
        of_group: Option<EntryIndex>,
    ) {
        if !said.overrides.is_empty() {
            let denial = Overridden {
                revision: said.revision.clone(),
                artifacts: said.artifacts.clone(),
                overrides: said.overrides.clone(),
            };
            self.owe(fact, &denial, None);
            self.overridden.insert(fact.id, denial);
        }
        let newest = self.points.last().map(|point| point.entry.index).or(of_group);
        if said.verdict == DecisionVerdict::Allow && said.newest == newest {
            let open = OpenDecision {
                entry: fact.entry,
                seen: fact.statement.seen.map(|seen| seen.size).unwrap_or_default(),
                time: fact.time,
                repository: said.repository.clone(),
                revision: said.revision.clone(),
                artifacts: said.artifacts.clone(),
                cover: said.cover,
                keys: fact.keys.to_vec(),
            };
            self.open.insert(fact.id, open);
        }
    }

    /// An override stands until it expires, for its revision and artifacts alone.
    pub(super) fn broke_glass(&mut self, fact: &Fact<'_>, said: &Override) {
        if said.drill.is_some() {
            return;
        }
        let overriding = Overriding {
            entry: fact.entry.index,
            member: fact.statement.by.clone(),
            revision: said.revision.clone(),
            artifacts: said.artifacts.clone(),
            claimed: said.claimed,
        };
        self.overrides.insert(fact.id, overriding);
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
            self.deployed_by_override(fact, said);
        }
        if let Some(decision) = decision.filter(|_| happened) {
            self.settle(SettledPoint {
                entry,
                time,
                revision: Some(said.revision.clone()),
                artifacts: said.artifacts.clone(),
                decision: Some(decision.entry),
                cover: decision.cover,
                signed_with: decision
                    .keys
                    .iter()
                    .map(|key| (decision.entry.index, *key))
                    .chain(fact.keys.iter().map(|key| (entry.index, *key)))
                    .collect(),
                deployed_by: Some((fact.id, fact.statement.by.clone())),
            });
        }
    }

    /// A deployment that rests on overrides is owed, whatever became of it later: an outcome is
    /// the word of whoever deploys (ATTACKS 32). Where its denial is owed already, it is one debt.
    fn deployed_by_override(&mut self, fact: &Fact<'_>, said: &Deployment) {
        let denial = said.decision.and_then(|named| self.overridden.get(&named)).filter(|denial| {
            denial.revision == said.revision && denial.artifacts == said.artifacts
        });
        let used = denial.cloned().unwrap_or_else(|| Overridden {
            revision: said.revision.clone(),
            artifacts: said.artifacts.clone(),
            overrides: said.overrides.clone(),
        });
        self.owe(fact, &used, Some(fact.entry));
    }

    /// What overrides let through is owed from the moment that a gate lets it through: who deploys
    /// need not record it.
    fn owe(&mut self, fact: &Fact<'_>, used: &Overridden, deployment: Option<EntryReference>) {
        let same =
            |one: &&Overriding| one.revision == used.revision && one.artifacts == used.artifacts;
        let named = used.overrides.iter().filter_map(|id| self.overrides.get(id));
        let named: Vec<_> = named.filter(same).collect();
        let Some(claimed) = named.iter().map(|one| one.claimed).min() else { return };
        let mut members: Vec<_> = named.iter().map(|one| one.member.clone()).collect();
        members.sort_unstable();
        members.dedup();
        let mut overrides: Vec<_> = named.iter().map(|one| one.entry).collect();
        overrides.sort_unstable();
        let newest = self.newest().map(|point| point.entry.index);
        let is_it = |debt: &&mut Debt| {
            Some(debt.entry.index) > newest
                && debt.revision == used.revision
                && debt.overrides == overrides
        };
        if let Some(known) = self.owed.iter_mut().find(is_it) {
            known.deployments.extend(deployment);
            return;
        }
        self.owed.push(Debt {
            entry: fact.entry,
            deployments: deployment.into_iter().collect(),
            since: claimed.min(fact.time),
            revision: used.revision.clone(),
            members,
            overrides,
        });
    }

    /// A deployment that failed, says who began it, is no point to start from: the next chain
    /// begins at the one before, and asks for the same sign-offs once more.
    fn fail(&mut self, started: StatementId, fact: &Fact<'_>, outcome: Outcome) {
        let its = Some((started, fact.statement.by.clone()));
        let is_newest = self.points.last().is_some_and(|point| point.deployed_by == its);
        if outcome == Outcome::Failed && is_newest {
            self.failed.extend(self.points.pop());
            self.open.clear();
        }
        // Whoever deploys could else unmake one point after the other, and start anywhere.
        if is_newest && matches!(outcome, Outcome::Failed | Outcome::Succeeded) {
            self.conclude();
        }
    }

    /// The newest point stays, whatever is said of it later.
    fn conclude(&mut self) {
        if let Some(newest) = self.points.last_mut() {
            newest.deployed_by = None;
        }
    }

    /// What a leaked key allowed or deployed since the leak settles nothing: the next chain begins
    /// before it (ATTACKS 19). Baselines are governance, and stay.
    pub(super) fn void_leaked(&mut self, key: &KeyId, since: EntryIndex) {
        let is_void = |point: &SettledPoint| {
            point.signed_with.iter().any(|(index, with)| with == key && *index >= since)
        };
        let points = std::mem::take(&mut self.points);
        let (void, kept): (Vec<_>, Vec<_>) = points.into_iter().partition(is_void);
        self.points = kept;
        self.failed.extend(void);
        self.open.clear();
    }

    /// Decisions that were made under another policy, or from another newest point, are not to be
    /// deployed any more.
    pub(super) fn void_decisions(&mut self) {
        self.open.clear();
    }

    fn settle(&mut self, point: SettledPoint) {
        self.conclude();
        self.points.push(point);
        // Every open decision knew an older newest point: none of them can settle any more.
        self.open.clear();
    }
}
