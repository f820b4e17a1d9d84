//! From what was asked to a verdict.

use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, RepositoryName, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::LiveLine;
use crate::evidence::{Gathered, RejectedForm, gather, rejected_forms};
use crate::policy::Policy;
use crate::statement::Says;
use crate::statement::words::Mode;
use crate::verify::{Question, Verdict, verdict};

/// What is asked, as the command line says it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inquiry<'a> {
    /// The service, if it is named.
    pub(crate) service: Option<&'a ServiceName>,
    /// The environment, if it is named.
    pub(crate) environment: Option<&'a EnvironmentName>,
    /// The commit, as git writes it.
    pub(crate) revision: &'a str,
    /// Artifacts, in any order.
    pub(crate) artifacts: &'a [ContentDigest],
}

/// A verdict and what it rests on.
pub(crate) struct Judged {
    /// The repository of the service, as the policy names it.
    pub(crate) repository: RepositoryName,
    /// The policy in force.
    pub(crate) policy: Policy,
    /// What the verdict rests on.
    pub(crate) gathered: Gathered,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// What was live before.
    pub(crate) live: Option<LiveLine>,
    /// The earliest time that an override in force claims.
    pub(crate) claimed: Option<Timestamp>,
    /// Rejects of other versions of what is judged.
    pub(crate) rejected: Vec<RejectedForm>,
}

impl Judged {
    /// Whether a denial goes ahead by overrides. Where the policy only observes nothing is
    /// refused, so that nothing is to be overridden.
    pub(crate) fn is_overridden(&self) -> bool {
        self.verdict.mode == Mode::Enforce && self.verdict.is_overridden()
    }

    /// Whether it may be deployed: allowed, observed only, or overridden.
    pub(crate) fn passes(&self) -> bool {
        self.verdict.is_allowed() || self.verdict.mode == Mode::Observe || self.is_overridden()
    }
}

/// Judges.
///
/// # Errors
/// Where service, environment or revision are not known, or the evidence cannot be read.
pub(crate) fn judge(
    desk: &Desk,
    inquiry: &Inquiry<'_>,
    now: Timestamp,
) -> Result<Judged, CliError> {
    let repository = desk.need_repository()?;
    let policy = desk.policy()?;
    let service = desk.service(&policy, inquiry.service)?;
    let environment = crate::cli::desk::environment(&policy, inquiry.environment)?;
    if let Some(here) = desk.repository_name.as_ref().filter(|name| **name != service.repository) {
        let message =
            format!("{} is built from {}, and this is {here}", service.name, service.repository);
        return Err(CliError::usage(message).hint("go there, or name it with -C DIR"));
    }
    let mut artifacts = inquiry.artifacts.to_vec();
    artifacts.sort_unstable();
    artifacts.dedup();
    let question = Question {
        service: service.name.clone(),
        environment,
        revision: repository.resolve(inquiry.revision)?,
        artifacts,
        time: now,
    };
    let gathered = gather(&desk.session, repository, &question)?;
    let verdict = verdict(&question, &gathered.evidence(&desk.session));
    let repository = service.repository.clone();
    let live = live(desk, &gathered, &verdict);
    let claimed = claimed(desk, &verdict)?;
    let steps = gathered.steps.iter().map(|step| &step.step.document);
    let documents = steps.chain([&gathered.difference]);
    let rejected = rejected_forms(&desk.session, &repository, documents)?;
    Ok(Judged { repository, policy, gathered, verdict, live, claimed, rejected })
}

/// Since when what goes ahead by the overrides in force will be owed.
fn claimed(desk: &Desk, verdict: &Verdict) -> Result<Option<Timestamp>, CliError> {
    let mut earliest: Option<Timestamp> = None;
    for one in &verdict.overrides {
        if let Says::Override(said) = &desk.session.entry(one.entry)?.statement().says {
            earliest = Some(earliest.map_or(said.claimed, |found| found.min(said.claimed)));
        }
    }
    Ok(earliest)
}

/// What is live, and how many of the segments it had.
fn live(desk: &Desk, gathered: &Gathered, verdict: &Verdict) -> Option<LiveLine> {
    let question = &verdict.question;
    let points = desk.session.view().settled(&question.service, &question.environment);
    let live = points.live()?;
    let last = gathered.steps.iter().position(|step| step.step.commit == live.revision)?;
    // Segments are runs of steps: those that end at or before the live commit are part of it.
    let mut end = 0;
    let had = verdict.segments.iter().take_while(|segment| {
        end += segment.steps;
        end <= last + 1
    });
    let segments = had.count();
    Some(LiveLine { entry: live.entry.index, revision: live.revision.clone(), segments })
}
