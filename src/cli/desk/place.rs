//! Which policy, service and environment are meant.

use super::Desk;
use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::error::{CliError, ErrorKind};
use crate::policy::{Policy, ReasonCode, Service, UnknownName};

impl Desk {
    /// The policy in force.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn policy(&self) -> Result<Policy, CliError> {
        let version = self.session.view().policy().ok_or_else(|| {
            CliError::refused(ReasonCode::PolicyMissing, "the ledger has no policy yet")
        })?;
        Policy::parse(&version.text)
            .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))
    }

    /// The service that is named, or the only one of this repository.
    ///
    /// # Errors
    /// Where the policy does not list it, or several could be meant.
    pub(crate) fn service<'p>(
        &self,
        policy: &'p Policy,
        named: Option<&ServiceName>,
    ) -> Result<&'p Service, CliError> {
        if let Some(name) = named {
            return policy.known_service(name).map_err(|error| {
                let known = policy.services().iter().map(|service| service.name.to_string());
                unlisted(ReasonCode::UnknownService, &error, &known.collect::<Vec<_>>())
            });
        }
        let here = |service: &&Service| {
            self.repository_name.as_ref().is_none_or(|name| service.repository == *name)
        };
        let mut services = policy.services().iter().filter(here);
        match (services.next(), services.next()) {
            (Some(service), None) => Ok(service),
            (None, _) => {
                let message = "the policy lists no service of this repository";
                Err(CliError::refused(ReasonCode::UnknownService, message))
            }
            (Some(_), Some(_)) => {
                let known: Vec<_> =
                    policy.services().iter().filter(here).map(|s| s.name.to_string()).collect();
                Err(CliError::usage("several services are built from this repository")
                    .hint(format!("name one with --service: {}", known.join(", "))))
            }
        }
    }
}

/// The environment that is named, `production` where the policy lists it, or the only one.
///
/// # Errors
/// Where the policy does not list it, or several could be meant.
pub(crate) fn environment(
    policy: &Policy,
    named: Option<&EnvironmentName>,
) -> Result<EnvironmentName, CliError> {
    if let Some(name) = named {
        policy.environment(name).map_err(|error| {
            let known = policy.environments().iter().map(|listed| listed.name.to_string());
            unlisted(ReasonCode::UnknownEnvironment, &error, &known.collect::<Vec<_>>())
        })?;
        return Ok(name.clone());
    }
    let mut listed = policy.environments().iter().map(|environment| &environment.name);
    if let Some(name) = listed.clone().find(|name| name.as_str() == "production") {
        return Ok(name.clone());
    }
    match (listed.next(), listed.next()) {
        (Some(name), None) => Ok(name.clone()),
        _ => Err(CliError::usage("which environment?").hint("name one with --env")),
    }
}

/// A name that the policy does not list. What it lists is told once: in the error, where no other
/// name is near, else in the hint.
fn unlisted(code: ReasonCode, error: &UnknownName, known: &[String]) -> CliError {
    let this = CliError::usage(format!("{error} ({code})"));
    if known.len() > 1 && error.is_near_another() {
        return this.hint(format!("the policy lists: {}", known.join(", ")));
    }
    this.hint("an admin lists another first: countersign policy apply FILE")
}
