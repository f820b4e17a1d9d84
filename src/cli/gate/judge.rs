//! From what was asked to a verdict.

use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, RepositoryName, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::evidence::{GatherError, Gathered, gather};
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
    /// What the verdict rests on.
    pub(crate) gathered: Gathered,
    /// The verdict.
    pub(crate) verdict: Verdict,
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
    let environment = desk.environment(&policy, inquiry.environment)?;
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
    let gathered = gather(&desk.session, repository, &question).map_err(gather_error)?;
    let verdict = verdict(&question, &gathered.evidence(&desk.session));
    Ok(Judged { repository: service.repository.clone(), gathered, verdict })
}

fn gather_error(error: GatherError) -> CliError {
    match error {
        GatherError::Git(error) => error.into(),
        GatherError::Session(error) => error.into(),
        GatherError::TooManySteps { .. } => CliError::from_error(ErrorKind::Usage, &error)
            .hint("deploy in smaller steps, or let an admin set a newer baseline"),
    }
}
