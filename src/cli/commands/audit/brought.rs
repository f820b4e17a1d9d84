//! A commit: which deployment brought it, in which change, and who signed that off.

use super::work::{Work, status};
use super::{places, render};
use crate::audit::owed::Glass;
use crate::audit::report::{ChangeReport, DeploymentReport};
use crate::audit::timeline::Timeline;
use crate::base::name::Revision;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::said::commit;
use crate::git::Repository;

/// A deployment that brought the commit, and whether what is live has it still.
struct Brought {
    report: DeploymentReport,
    is_live: bool,
}

impl Work<'_> {
    /// What brought a commit to each service that is built from this repository; none where no
    /// deployment has it.
    pub(super) fn commit(
        &self,
        context: &mut Context,
        revision: &Revision,
    ) -> Result<Option<ExitStatus>, CliError> {
        let Some(repository) = self.desk.repository.as_ref() else { return Ok(None) };
        let mut brought = Vec::new();
        for service in places::services(self.desk) {
            if places::places(self.desk, Some(&service), None)?.is_empty() {
                continue;
            }
            let environment = places::environment(self.desk, &service, self.args.env.as_ref())?;
            let timeline = self.timeline(&service, &environment)?;
            brought.extend(self.brought_to(repository, &timeline, revision)?);
        }
        if brought.is_empty() {
            return Ok(None);
        }
        let lives: Vec<bool> = brought.iter().map(|one| one.is_live).collect();
        let reports: Vec<_> = brought.into_iter().map(|one| one.report).collect();
        if self.answer(context, Some(&reports), None, None, None)? {
            for (report, is_live) in reports.iter().zip(lives) {
                let place = format!("{} {}", report.service, report.environment);
                let now = if is_live { "is live in" } else { "is not live any more in" };
                let entry = report.entry;
                let said = match report.changes.len() {
                    0 => format!("it was there before deployment {entry}, the first that has it"),
                    _ => format!("deployment {entry} brought it, in this change"),
                };
                context.ui.paragraph(0, &format!("{} {now} {place}: {said}", commit(revision)));
                context.ui.blank();
                render::deployment(&mut context.ui, self, report, &Glass::default());
            }
        }
        Ok(Some(status(reports.iter().map(|report| report.cover))))
    }

    /// The first deployment of a place that has the commit, with the change that it is part of
    /// and no other.
    fn brought_to(
        &self,
        repository: &Repository,
        timeline: &Timeline,
        revision: &Revision,
    ) -> Result<Option<Brought>, CliError> {
        let has = |head: &Revision| has(repository, head, revision);
        let mut deployments =
            timeline.deployments().iter().filter_map(|one| Some((one, one.said()?)));
        let Some((deployed, said)) = deployments.find(|(_, said)| has(&said.revision)) else {
            return Ok(None);
        };
        let mut report = self.auditor().deployment(timeline, deployed, said)?;
        let is_of = |change: &ChangeReport| {
            let before = repository.resolve(&format!("{}^", change.first));
            has(&change.last) && !before.is_ok_and(|before| has(&before))
        };
        let part = report.changes.iter().find(|change| is_of(change)).cloned();
        report.changes = part.into_iter().collect();
        let live = timeline.live().and_then(|live| live.said());
        Ok(Some(Brought { report, is_live: live.is_some_and(|live| has(&live.revision)) }))
    }
}

/// Whether the history of a commit has another, or is it. What is not here has nothing.
fn has(repository: &Repository, head: &Revision, commit: &Revision) -> bool {
    head == commit || repository.merge_base(head, commit).is_ok_and(|base| base == *commit)
}
