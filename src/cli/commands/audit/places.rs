//! Which services and environments there are: those of every policy, and those of the log.

use std::collections::BTreeSet;

use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::ledger::topics;
use crate::policy::Policy;

/// Every pair of names that some policy listed or that the state knows: a service that was taken
/// out of the policy has not left production.
fn known(desk: &Desk) -> (BTreeSet<ServiceName>, BTreeSet<EnvironmentName>) {
    let view = desk.session.view();
    let (mut services, mut environments) = (BTreeSet::new(), BTreeSet::new());
    for policy in view.policies().iter().filter_map(|version| Policy::parse(&version.text).ok()) {
        services.extend(policy.services().iter().map(|service| service.name.clone()));
        environments.extend(policy.environments().iter().map(|found| found.name.clone()));
    }
    for (place, _) in view.places() {
        if let Some((service, environment)) = place.split_once(' ') {
            services.extend(ServiceName::new(service));
            environments.extend(EnvironmentName::new(environment));
        }
    }
    (services, environments)
}

/// Every service.
pub(in crate::cli) fn services(desk: &Desk) -> BTreeSet<ServiceName> {
    known(desk).0
}

/// Every place that something was decided or deployed in.
pub(in crate::cli) fn places(
    desk: &Desk,
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Result<Vec<(ServiceName, EnvironmentName)>, CliError> {
    let (services, environments) = known(desk);
    let mut places = Vec::new();
    for one in services.iter().filter(|one| service.is_none_or(|wanted| wanted == *one)) {
        let mut add = |found: &EnvironmentName| -> Result<(), CliError> {
            let mut entries = desk.session.newest_under(topics::place(one, found));
            if entries.next().transpose()?.is_some() {
                places.push((one.clone(), found.clone()));
            }
            Ok(())
        };
        match environment {
            Some(wanted) => add(wanted)?,
            None => environments.iter().try_for_each(add)?,
        }
    }
    Ok(places)
}

/// The environment that is meant: the named one, production, or the only one in use.
pub(in crate::cli) fn environment(
    desk: &Desk,
    service: &ServiceName,
    named: Option<&EnvironmentName>,
) -> Result<EnvironmentName, CliError> {
    if let Some(named) = named {
        if known(desk).1.contains(named) {
            return Ok(named.clone());
        }
        let all: Vec<_> = known(desk).1.iter().map(ToString::to_string).collect();
        return Err(CliError::usage(format!("there is no environment {named}"))
            .hint(format!("there are: {}", all.join(", "))));
    }
    let used = places(desk, Some(service), None)?;
    if let [(_, only)] = used.as_slice() {
        return Ok(only.clone());
    }
    if let Some((_, production)) = used.iter().find(|(_, name)| name.as_str() == "production") {
        return Ok(production.clone());
    }
    let (_, environments) = known(desk);
    match environments.iter().find(|name| name.as_str() == "production") {
        Some(production) if used.is_empty() => Ok(production.clone()),
        _ => crate::cli::desk::environment(&desk.policy()?, None),
    }
}
