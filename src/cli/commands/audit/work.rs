//! The kinds of report: what is live, one entry, a period, and the lines of a listing.

use std::path::PathBuf;

use super::answer::Scope;
use super::list::Listing;
use super::{Args, Period, glass, places, render};
use crate::audit::auditor::Auditor;
use crate::audit::owed::Glass;
use crate::audit::report::{CoverState, DeploymentReport};
use crate::audit::timeline::Timeline;
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::statement::Says;
use crate::statement::pipeline::Deployment;

/// What every kind of report needs.
pub(super) struct Work<'a> {
    pub(super) desk: &'a Desk,
    pub(super) names: &'a Names,
    pub(super) scope: &'a Scope,
    pub(super) moment: Timestamp,
    pub(super) format: Option<(PathBuf, bool)>,
    pub(super) args: &'a Args,
}

impl Work<'_> {
    pub(super) fn auditor(&self) -> Auditor<'_> {
        let repository = self.desk.repository.as_ref();
        let repository = repository.map(|found| (found, self.desk.repository_name.as_ref()));
        Auditor::new(&self.desk.session, repository, self.scope.size, self.moment)
    }

    pub(super) fn timeline(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<Timeline, CliError> {
        Ok(Timeline::read(&self.desk.session, service, environment, self.scope.size)?)
    }

    /// What is live in one place.
    pub(super) fn live(
        &self,
        context: &mut Context,
        service: &ServiceName,
    ) -> Result<ExitStatus, CliError> {
        let environment = places::environment(self.desk, service, self.args.env.as_ref())?;
        let timeline = self.timeline(service, &environment)?;
        let Some((live, said)) = timeline.live().and_then(|live| Some((live, live.said()?))) else {
            let glass = self.glass(&timeline)?;
            let report = self.answer(context, Some(&[]), None, None, Some(&glass))?;
            if report {
                render::nothing(&mut context.ui, self, service, &environment, &timeline, &glass);
            }
            return Ok(ExitStatus::Yes);
        };
        let report = self.auditor().deployment(&timeline, live, said)?;
        let glass = self.glass(&timeline)?;
        self.one(context, report, &glass)
    }

    /// Overrides, drills and debts of a place.
    fn glass(&self, timeline: &Timeline) -> Result<Glass, CliError> {
        let repository = self.desk.repository.as_ref();
        Ok(Glass::read(&self.desk.session, repository, timeline, self.moment)?)
    }

    /// A deployment, whether it is live or not.
    fn one(
        &self,
        context: &mut Context,
        report: DeploymentReport,
        glass: &Glass,
    ) -> Result<ExitStatus, CliError> {
        let reports = [report];
        if self.answer(context, Some(&reports), None, None, Some(glass))? {
            let [report] = &reports;
            render::deployment(&mut context.ui, self, report, glass);
        }
        Ok(status(reports.iter().map(|report| report.cover)))
    }

    /// One entry: a deployment, or a decision and what rests on it.
    pub(super) fn entry(
        &self,
        context: &mut Context,
        index: EntryIndex,
    ) -> Result<ExitStatus, CliError> {
        let entry = self.desk.session.entry(index)?;
        if !self.scope.size.covers(index) {
            return Err(CliError::usage(format!("entry {index} came later than that")));
        }
        let (service, environment) = match &entry.statement().says {
            Says::Deployment(said) => (&said.service, &said.environment),
            Says::Decision(said) => (&said.service, &said.environment),
            Says::Override(said) => {
                return self.override_at(context, index, &said.service, &said.environment);
            }
            _ => {
                let message = format!("entry {index} is no deployment and no decision");
                return Err(CliError::usage(message)
                    .hint(format!("countersign show {index}"))
                    .hint(
                        "of a request or a path: countersign audit COMMIT, as git log or git blame \
                     names it",
                    ));
            }
        };
        let timeline = self.timeline(service, environment)?;
        let rests_on = |said: &Deployment| {
            timeline.decision_of(said).is_some_and(|(decision, _)| decision.index() == index)
        };
        let started = match &entry.statement().says {
            Says::Deployment(said) => said.started,
            _ => None,
        };
        let mut found = timeline.deployments().iter().filter_map(|one| Some((one, one.said()?)));
        let found = found.find(|(one, said)| {
            one.entry().index() == index || Some(one.entry().id()) == started || rests_on(said)
        });
        if let Some((deployed, said)) = found {
            let report = self.auditor().deployment(&timeline, deployed, said)?;
            let glass = self.glass(&timeline)?.of_deployment(report.entry);
            return self.one(context, report, &glass);
        }
        let Says::Decision(said) = &entry.statement().says else {
            return Err(CliError::usage(format!("entry {index} has no deployment here")));
        };
        let (decision, cover, changes) = self.auditor().lone_decision(&entry, said)?;
        let decisions = [decision];
        if self.answer(context, None, Some(&decisions), None, None)? {
            let [decision] = &decisions;
            render::decision(&mut context.ui, self, said, decision, cover, &changes);
        }
        Ok(status([cover]))
    }

    /// One override, and what became of the debts that it left.
    fn override_at(
        &self,
        context: &mut Context,
        index: EntryIndex,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<ExitStatus, CliError> {
        let mut glass = self.glass(&self.timeline(service, environment)?)?;
        glass.overrides.retain(|one| one.entry == index);
        glass.drills.retain(|one| one.entry == index);
        glass.debts.retain(|debt| debt.overrides.contains(&index));
        if self.answer(context, None, None, None, Some(&glass))? {
            glass::print(&mut context.ui, self, &glass);
            render::last_lines(&mut context.ui, self);
        }
        Ok(ExitStatus::Yes)
    }

    /// Every deployment of a period, or what is live everywhere.
    pub(super) fn population(
        &self,
        context: &mut Context,
        service: Option<&ServiceName>,
        period: &Period,
    ) -> Result<ExitStatus, CliError> {
        let places = places::places(self.desk, service, self.args.env.as_ref())?;
        let mut timelines = Vec::new();
        for (service, environment) in places {
            timelines.push(self.timeline(&service, &environment)?);
        }
        let mut wanted = Vec::new();
        for timeline in &timelines {
            for deployed in timeline.deployments() {
                let is_live = timeline
                    .live()
                    .is_some_and(|live| live.entry().index() == deployed.entry().index());
                let in_scope =
                    if period.is_given() { period.holds(deployed.entry().time()) } else { is_live };
                if let Some(said) = deployed.said().filter(|_| in_scope) {
                    wanted.push((timeline, deployed, said));
                }
            }
        }
        // In the ledger's order, so that the state is folded forward once.
        wanted.sort_by_key(|(_, deployed, _)| deployed.entry().index());
        let mut auditor = self.auditor();
        let mut reports = Vec::new();
        for (timeline, deployed, said) in wanted {
            reports.push(auditor.deployment(timeline, deployed, said)?);
        }
        let mut glass = Glass::default();
        for timeline in &timelines {
            glass.extend(self.glass(timeline)?);
        }
        glass.overrides.retain(|one| period.holds(one.time));
        glass.drills.retain(|one| period.holds(one.time));
        if self.answer(context, Some(&reports), None, None, Some(&glass))? {
            render::population(&mut context.ui, self, &reports, &glass, period.is_given());
        }
        Ok(status(reports.iter().map(|report| report.cover)))
    }

    pub(super) fn listing(
        &self,
        context: &mut Context,
        listing: &Listing,
    ) -> Result<ExitStatus, CliError> {
        if self.answer(context, None, None, Some(&listing.lines), None)? {
            render::listing(&mut context.ui, self, listing);
        }
        Ok(ExitStatus::Yes)
    }

    /// Whether details were asked for is the terminal's to know; who was called what is ours.
    pub(super) fn name(&self, id: &MemberId) -> String {
        self.names.of(id)
    }
}

/// A report is printed as far as it is known; one whose list of changes is missing is not whole
/// (`spec/verdict.md` section 8).
pub(super) fn status(covers: impl IntoIterator<Item = CoverState>) -> ExitStatus {
    let covers: Vec<_> = covers.into_iter().collect();
    if covers.contains(&CoverState::Contradicted) {
        ExitStatus::Integrity
    } else if covers.contains(&CoverState::Missing) {
        ExitStatus::Unavailable
    } else {
        ExitStatus::Yes
    }
}
