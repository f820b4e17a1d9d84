//! The statement and what is told of it, with a ledger and without.

use serde::Serialize;

use super::Args;
use crate::base::digest::ContentDigest;
use crate::base::limits::FREE_TEXT_BYTES_MAX;
use crate::base::name::{EnvironmentName, MemberId, RepositoryName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::{Span, Timestamp};
use crate::cli::Context;
use crate::cli::desk::write_signed;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::governance::tell;
use crate::cli::text;
use crate::cli::time;
use crate::git::{GitError, Repository};
use crate::session::random;
use crate::statement::break_glass::{Drill, Override};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;

/// Columns of the words before each line of the plan.
const LABEL_COLUMNS: usize = 10;

/// Where an override is for.
pub(super) struct Target {
    pub(super) service: ServiceName,
    pub(super) environment: EnvironmentName,
    pub(super) repository: RepositoryName,
    pub(super) revision: Revision,
    pub(super) artifacts: Vec<ContentDigest>,
}

/// The answer.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    pub(super) by: &'a MemberId,
    pub(super) service: &'a ServiceName,
    pub(super) environment: &'a EnvironmentName,
    pub(super) revision: &'a Revision,
    pub(super) artifacts: &'a [ContentDigest],
    pub(super) drill: bool,
    pub(super) claimed: String,
    pub(super) expires: String,
    /// When its sign-offs are due, where the policy is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<String>,
    /// How many members override it now, of how many that must; where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overriding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) needed: Option<usize>,
}

impl Target {
    /// The statement's body, signed at that moment, and the opening of its reason.
    pub(super) fn says(
        &self,
        args: &Args,
        why: &str,
        claimed: Timestamp,
        lasts: Span,
    ) -> Result<(Override, Opening), CliError> {
        let opening = Opening::new(random(), why).map_err(|error| {
            CliError::from_error(ErrorKind::Usage, &error)
                .hint(format!("say why in at most {FREE_TEXT_BYTES_MAX} bytes"))
        })?;
        let reason =
            opening.commitment().ok_or_else(|| CliError::integrity("a fresh salt is no salt"))?;
        let says = Override {
            service: self.service.clone(),
            environment: self.environment.clone(),
            repository: self.repository.clone(),
            revision: self.revision.clone(),
            artifacts: self.artifacts.clone(),
            claimed,
            expires: claimed.plus(lasts),
            reason,
            incident: args.incident.clone(),
            drill: args.drill.then_some(Drill),
        };
        Ok((says, opening))
    }

    /// `shop 41c09aa to production`.
    pub(super) fn called(&self) -> String {
        format!("{} {} to {}", self.service, self.revision.short(), self.environment)
    }
}

/// Artifacts as the statement has them.
pub(super) fn artifacts(args: &Args) -> Vec<ContentDigest> {
    let mut artifacts = args.artifacts.clone();
    artifacts.sort_unstable();
    artifacts.dedup();
    artifacts
}

/// The commit that is meant: as git names it, or whole where no repository is at hand or has it.
pub(super) fn revision(repository: Option<&Repository>, named: &str) -> Result<Revision, CliError> {
    let whole = Revision::new(named).ok();
    match (repository.map(|repository| repository.resolve(named)), whole) {
        (Some(Ok(revision)), _) => Ok(revision),
        (Some(Err(GitError::UnknownCommit { .. })) | None, Some(whole)) => Ok(whole),
        (Some(Err(error)), _) => Err(error.into()),
        (None, None) => Err(CliError::usage("this is not a git repository")
            .hint("go to one, name it with -C DIR, or write all digits of the commit")),
    }
}

/// Tells a line of the plan after its label.
pub(super) fn plan(context: &mut Context, args: &Args, label: &str, said: &str) {
    let escaped = text::escape(said);
    let quiet = args.flags.yes || args.flags.dry_run;
    let lines = text::wrap(&escaped, 0, text::WIDTH_MAX - LABEL_COLUMNS);
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        tell(context, quiet, &format!("{label:<LABEL_COLUMNS$}{line}"));
    }
}

/// Writes the envelope to a file, and beside it why: the reason itself is not in the statement.
pub(super) fn write(
    context: &mut Context,
    path: &std::path::Path,
    envelope: &Envelope,
    opening: &Opening,
) -> Result<Option<String>, CliError> {
    write_signed(context, path, envelope, std::slice::from_ref(opening))?;
    Ok((path.as_os_str() != "-").then(|| path.display().to_string()))
}

impl<'a> Answer<'a> {
    /// The answer, but for where the statement went and what becomes of it.
    pub(super) fn new(by: &'a MemberId, said: &'a Override) -> Self {
        Self {
            entry: None,
            file: None,
            by,
            service: &said.service,
            environment: &said.environment,
            revision: &said.revision,
            artifacts: &said.artifacts,
            drill: said.drill.is_some(),
            claimed: time::rfc3339(said.claimed),
            expires: time::rfc3339(said.expires),
            due: None,
            overriding: None,
            needed: None,
        }
    }
}
