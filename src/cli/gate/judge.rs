//! From what was asked to a verdict.

use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, RepositoryName, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::LiveLine;
use crate::evidence::{
    Gathered, RejectedForm, gather, gather_attested, reject_in_doubt, rejected_forms,
};
use crate::git::Repository;
use crate::policy::Policy;
use crate::statement::Says;
use crate::statement::words::Mode;
use crate::verify::{Question, Verdict, VerifiedEntry, verdict};

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
    /// Whether the steps are taken from what services said of them, and no repository is read.
    pub(crate) attested: bool,
}

impl Inquiry<'_> {
    /// The artifacts as a question has them.
    pub(crate) fn sorted_artifacts(&self) -> Vec<ContentDigest> {
        let mut artifacts = self.artifacts.to_vec();
        artifacts.sort_unstable();
        artifacts.dedup();
        artifacts
    }
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
    judge_with(desk, inquiry, now, Vec::new())
}

/// The same with entries that the ledger does not have yet.
///
/// # Errors
/// As [`judge`].
pub(crate) fn judge_with(
    desk: &Desk,
    inquiry: &Inquiry<'_>,
    now: Timestamp,
    more: Vec<VerifiedEntry>,
) -> Result<Judged, CliError> {
    let policy = desk.policy()?;
    let service = desk.service(&policy, inquiry.service)?;
    let environment = crate::cli::desk::environment(&policy, inquiry.environment)?;
    let repository = (!inquiry.attested).then(|| here(desk)).transpose()?;
    let here = desk.repository_name.as_ref().filter(|_| repository.is_some());
    if let Some(here) = here.filter(|name| **name != service.repository) {
        let message =
            format!("{} is built from {}, and this is {here}", service.name, service.repository);
        return Err(CliError::usage(message).hint("go there, or name it with -C DIR"));
    }
    let question = Question {
        service: service.name.clone(),
        environment,
        revision: match repository {
            Some(repository) => repository.resolve(inquiry.revision)?,
            None => full_id(inquiry.revision)?,
        },
        artifacts: inquiry.sorted_artifacts(),
        time: now,
    };
    let mut gathered = match repository {
        Some(repository) => gather(&desk.session, repository, &question)?,
        None => gather_attested(&desk.session, service, &question)?,
    };
    gathered.entries.extend(more);
    let verdict = verdict(&question, &gathered.evidence(&desk.session));
    if repository.is_none() && verdict.is_allowed() {
        no_reject_in_doubt(desk, &gathered)?;
    }
    let repository = service.repository.clone();
    let live = live(desk, &gathered, &verdict);
    let claimed = claimed(&gathered, &verdict);
    let steps = gathered.steps.iter().map(|step| &step.step.document);
    let documents = steps.chain([&gathered.difference]);
    let rejected = rejected_forms(&desk.session, &repository, documents)?;
    Ok(Judged { repository, policy, gathered, verdict, live, claimed, rejected })
}

/// The repository, or what serves instead of one.
fn here(desk: &Desk) -> Result<&Repository, CliError> {
    desk.need_repository().map_err(|error| {
        error.hint("or judge by what a service said of each commit: --attested --revision ID")
    })
}

/// Without a repository nothing but a whole id names a commit.
fn full_id(text: &str) -> Result<Revision, CliError> {
    Revision::new(text).map_err(|_| {
        CliError::usage(format!("{text} is no whole commit id"))
            .hint("with --attested no repository is read: name the commit by --revision ID")
    })
}

/// Whether a reject of another form is of what would be deployed shows in contents alone.
fn no_reject_in_doubt(desk: &Desk, gathered: &Gathered) -> Result<(), CliError> {
    let Some((entry, commit)) = reject_in_doubt(&desk.session, gathered)? else { return Ok(()) };
    let message = format!(
        "entry {entry} rejects another form of what landed as {}, and without contents nobody can \
         tell whether it is the same edits",
        commit.short()
    );
    Err(CliError::usage(message).hint("judge it in a clone: countersign gate, without --attested"))
}

/// Since when what goes ahead by the overrides in force will be owed.
fn claimed(gathered: &Gathered, verdict: &Verdict) -> Option<Timestamp> {
    let in_force = verdict.overrides.iter();
    let entries = in_force.filter_map(|one| gathered.entries.iter().find(|e| e.id() == one.id));
    let claimed = entries.filter_map(|entry| match &entry.statement().says {
        Says::Override(said) => Some(said.claimed),
        _ => None,
    });
    claimed.min()
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
