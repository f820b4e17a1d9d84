//! Makes reports: the decision, the changes and the way back of each deployment.

use super::AuditError;
use super::accepted::is_baseline_of;
use super::change::{changes, if_here};
use super::report::{
    BackReport, Basis, BuiltReport, ChangeReport, CoverState, DecisionReport, DeploymentReport,
    SameReport,
};
use super::since::changed_since;
use super::timeline::{Deployed, Timeline};
use crate::base::name::RepositoryName;
use crate::base::position::TreeSize;
use crate::base::time::Timestamp;
use crate::evidence::gather;
use crate::git::Repository;
use crate::ledger::topics;
use crate::policy::{Policy, ReasonCode};
use crate::session::Session;
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Mode, Outcome};
use crate::verify::cover::Cover;
use crate::verify::{Question, VerifiedEntry, verdict};
use crate::view::{SettledPoint, View};

/// Makes reports, each moment of the ledger folded once.
pub struct Auditor<'a> {
    session: &'a Session,
    repository: Option<(&'a Repository, Option<&'a RepositoryName>)>,
    /// Up to where the ledger is looked at.
    size: TreeSize,
    /// The moment that is reported on: how long a rollback stays allowed depends on it.
    now: Timestamp,
    /// The state at the newest moment that was asked for.
    then: View,
}

impl<'a> Auditor<'a> {
    /// An auditor of the first `size` entries. `repository` is used for changes of the
    /// repository of that name; without a name for any whose commits it has.
    #[must_use]
    pub fn new(
        session: &'a Session,
        repository: Option<(&'a Repository, Option<&'a RepositoryName>)>,
        size: TreeSize,
        now: Timestamp,
    ) -> Self {
        Self { session, repository, size, now, then: View::default() }
    }

    /// The view as of a size, folded on from the last one that was asked for.
    pub(super) fn view_as_of(&mut self, size: TreeSize) -> Result<&View, AuditError> {
        if size == self.session.size() {
            return Ok(self.session.view());
        }
        if self.then.size() != size {
            let then = std::mem::take(&mut self.then);
            self.then = self.session.advance(then, size)?;
        }
        Ok(&self.then)
    }

    pub(super) const fn session(&self) -> &'a Session {
        self.session
    }

    /// The repository, if it is the one of that name.
    pub(super) fn repository_of(&self, name: &RepositoryName) -> Option<&'a Repository> {
        let (repository, known) = self.repository?;
        known.is_none_or(|known| known == name).then_some(repository)
    }

    /// Reports on a deployment.
    ///
    /// # Errors
    /// [`AuditError`] where ledger or repository cannot be read, or do not verify.
    pub fn deployment(
        &mut self,
        timeline: &Timeline,
        deployed: &Deployed,
        said: &Deployment,
    ) -> Result<DeploymentReport, AuditError> {
        let entry = deployed.entry();
        let live = timeline.live().is_some_and(|live| live.entry().index() == entry.index());
        let (outcome_entry, outcome) = deployed.outcome();
        let found = timeline.decision_of(said);
        let place = self.session.view().settled(&timeline.service, &timeline.environment);
        let points = place.all();
        let mut owed = place.ever_owed().iter();
        let owed = owed.find(|debt| debt.deployments.iter().any(|one| one.index == entry.index()));
        let settled = points.iter().position(|point| point.entry.index == entry.index());
        let (cover, changes, same_commit_as) = match found {
            Some((entry, decision)) => self.brought(timeline, entry, decision)?,
            None => (CoverState::None, Vec::new(), None),
        };
        let decision =
            found.map(|(entry, decision)| self.decision(entry, decision, cover, &changes));
        let would_refuse = decision.as_ref().is_some_and(|decision| {
            decision.verdict == DecisionVerdict::Deny && decision.mode == Mode::Observe
        });
        let after = found.map_or(entry.index(), |(entry, _)| entry.index());
        let repository = found.and_then(|(_, said)| self.repository_of(&said.repository));
        let title = match repository {
            Some(repository) => if_here(repository.short_summary(&said.revision))?,
            None => None,
        };
        Ok(DeploymentReport {
            entry: entry.index(),
            time: entry.time(),
            by: entry.by().clone(),
            service: said.service.clone(),
            environment: said.environment.clone(),
            revision: said.revision.clone(),
            title,
            artifacts: self.artifacts(said)?,
            outcome,
            outcome_entry,
            trigger: said.trigger.clone(),
            run: said.run.clone(),
            live,
            settled: settled.is_some(),
            would_refuse,
            overrides: owed.map(|debt| debt.overrides.clone()).unwrap_or_default(),
            decision,
            back: self.back(timeline, points, deployed, repository.filter(|_| live)),
            cover,
            same_commit_as,
            changed_since: changed_since(self.session, self.size, &changes, after)?,
            changes,
        })
    }

    /// The changes that a decision brought. One about a commit that had been deployed before
    /// brings none: those are of the earlier deployment that its chain started at.
    fn brought(
        &mut self,
        timeline: &Timeline,
        entry: &VerifiedEntry,
        said: &Decision,
    ) -> Result<(CoverState, Vec<ChangeReport>, Option<SameReport>), AuditError> {
        let (mut entry, mut said, mut same) = (entry, said, None);
        loop {
            let (state, found) = changes(self, entry, said)?;
            let is_empty = found.is_empty() && state == CoverState::Good;
            // Starts lie below the decision, so this ends.
            let start = said.start.filter(|start| is_empty && *start < entry.index());
            let Some(start) = start else { return Ok((state, found, same)) };
            let Some((earlier, its)) = timeline.deployment_at(start) else {
                if is_baseline_of(self.session.view(), said, start) {
                    same = Some(SameReport { entry: start, baseline: true });
                }
                return Ok((state, found, same));
            };
            if its.revision != said.revision {
                return Ok((state, found, same));
            }
            same = Some(SameReport { entry: earlier.entry().index(), baseline: false });
            match timeline.decision_of(its) {
                Some(found) => (entry, said) = found,
                None => return Ok((state, found, same)),
            }
        }
    }

    /// Reports on a decision whose changes are known.
    fn decision(
        &self,
        entry: &VerifiedEntry,
        said: &Decision,
        cover: CoverState,
        changes: &[ChangeReport],
    ) -> DecisionReport {
        let view = self.session.view();
        let versions = view.policies().iter();
        let policy = versions.rev().find(|version| version.entry == said.policy);
        let is_known = match cover {
            CoverState::Good => said.verdict == DecisionVerdict::Allow,
            CoverState::Denied => !changes.is_empty(),
            CoverState::None | CoverState::Missing | CoverState::Contradicted => false,
        };
        let judged = is_known && changes.iter().all(|change| change.judged_again == Some(true));
        let basis = if judged { Basis::Proved } else { Basis::AttestedBy(entry.by().clone()) };
        DecisionReport {
            entry: entry.index(),
            time: entry.time(),
            by: entry.by().clone(),
            revision: said.revision.clone(),
            verdict: said.verdict,
            mode: said.mode,
            policy: policy.map(|version| version.number),
            policy_entry: said.policy,
            start: said.start,
            reasons: said.reasons.clone(),
            program: said.program.to_string(),
            basis,
        }
    }

    /// A decision that no deployment rests on.
    ///
    /// # Errors
    /// [`AuditError`] as [`Auditor::deployment`].
    pub fn lone_decision(
        &mut self,
        entry: &VerifiedEntry,
        said: &Decision,
    ) -> Result<(DecisionReport, CoverState, Vec<ChangeReport>), AuditError> {
        let (cover, changes) = changes(self, entry, said)?;
        Ok((self.decision(entry, said, cover, &changes), cover, changes))
    }

    fn artifacts(&self, said: &Deployment) -> Result<Vec<BuiltReport>, AuditError> {
        let mut reports = Vec::new();
        for artifact in &said.artifacts {
            let mut attested_by = Vec::new();
            for entry in self.session.entries_under([topics::artifact(*artifact)])? {
                if let Says::Build(build) = &entry.statement().says
                    && self.size.covers(entry.index())
                    && build.artifact == *artifact
                    && build.revision == said.revision
                {
                    attested_by.push((entry.by().clone(), entry.index()));
                }
            }
            reports.push(BuiltReport { artifact: *artifact, attested_by });
        }
        Ok(reports)
    }

    /// The newest settled point before a deployment that is of another commit, neither live nor
    /// failed. A baseline only where there is no such deployment: none was decided on.
    fn back(
        &self,
        timeline: &Timeline,
        points: &[SettledPoint],
        deployed: &Deployed,
        repository: Option<&Repository>,
    ) -> Option<BackReport> {
        let index = deployed.entry().index();
        let own = deployed.said().map(|said| &said.revision);
        let live = timeline.live().and_then(Deployed::said).map(|said| &said.revision);
        let has_failed = |point: &SettledPoint| {
            let found = timeline.deployment_at(point.entry.index);
            found.is_some_and(|(found, _)| found.outcome().1 == Outcome::Failed)
        };
        let other = |point: &&SettledPoint| {
            let revision = point.revision.as_ref();
            let is_other = revision.is_none() || (revision != own && revision != live);
            point.entry.index < index && is_other && !has_failed(point)
        };
        let mut earlier = points.iter().rev().filter(other);
        let newest = earlier.clone().next();
        let point = earlier.find(|point| point.decision.is_some()).or(newest)?;
        let policies = self.session.view().policies();
        let policy = policies.iter().rev().find(|version| self.size.covers(version.entry));
        let within = policy
            .and_then(|version| Policy::parse(&version.text).ok())
            .map(|policy| policy.defaults().rollback_within);
        let why_not = match within {
            _ if point.decision.is_none() => Some("it is a baseline, never decided on".to_owned()),
            Some(within) if self.now.since(point.time) >= within => {
                Some(format!("it was deployed longer than {within} ago"))
            }
            Some(_) => None,
            None => Some("no policy says how long".to_owned()),
        };
        let refused = repository
            .filter(|_| why_not.is_none())
            .and_then(|repository| self.refused(timeline, point, repository));
        let judged = refused.is_some();
        let why_not = why_not.or_else(|| {
            let codes = refused.filter(|codes| !codes.is_empty())?;
            let codes: Vec<_> = codes.iter().map(ToString::to_string).collect();
            Some(format!("the gate would refuse it: {}", codes.join(", ")))
        });
        Some(BackReport {
            entry: point.entry.index,
            revision: point.revision.clone(),
            artifacts: point.artifacts.clone(),
            may_roll_back: why_not.is_none(),
            judged,
            why_not,
        })
    }

    /// Why the gate would refuse to go back to a point now: a reject or a leak since; empty where
    /// it would not. None where that cannot be told here, or another moment is looked at.
    fn refused(
        &self,
        timeline: &Timeline,
        point: &SettledPoint,
        repository: &Repository,
    ) -> Option<Vec<ReasonCode>> {
        let revision = point.revision.as_ref()?;
        if self.size != self.session.size() {
            return None;
        }
        let question = Question {
            service: timeline.service.clone(),
            environment: timeline.environment.clone(),
            revision: revision.clone(),
            artifacts: point.artifacts.clone(),
            time: self.now,
        };
        // Commits that are gone are no reason to refuse the audit.
        let gathered = gather(self.session, repository, &question).ok()?;
        let verdict = verdict(&question, &gathered.evidence(self.session));
        let codes = verdict.reasons();
        Some(if verdict.is_allowed() { Vec::new() } else { codes })
    }
}

/// The cover that a decision names, read and checked.
///
/// # Errors
/// [`AuditError`] where the file is not what the decision names.
pub(super) fn cover(
    session: &Session,
    said: &Decision,
) -> Result<(CoverState, Option<Cover>), AuditError> {
    let Some(digest) = said.cover else { return Ok((CoverState::None, None)) };
    let Some(bytes) = session.blobs().get(&digest)? else { return Ok((CoverState::Missing, None)) };
    let cover = Cover::parse(&bytes).map_err(|error| {
        crate::ledger::store::StoreError::integrity("the cover of a decision", error)
    })?;
    Ok((CoverState::Good, Some(cover)))
}
