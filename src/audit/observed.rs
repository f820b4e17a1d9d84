//! What a policy would have refused where it only observes: the newest deployments of a place, and
//! what the gate said of each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::as_rfc3339;
use crate::base::digest::StatementId;
use crate::base::limits::OBSERVED_DEPLOYMENTS_MAX;
use crate::base::name::{EnvironmentName, RequestId, ServiceName};
use crate::base::time::Timestamp;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Mode};
use crate::verify::VerifiedEntry;

/// So many entries of a place are read at once, from the newest on: a deployment is two or three.
const ENTRIES_AT_ONCE: usize = 64;

/// The newest deployments of a place, at most [`OBSERVED_DEPLOYMENTS_MAX`], and how many of them
/// went ahead only because the policy was observed. Each as the gate decided it then, under the
/// policy of its time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Observed {
    /// Deployments that were looked at.
    pub deployments: usize,
    /// How many of them would have been refused.
    pub would_refuse: usize,
    /// How many rest on no decision: nobody asked a gate.
    pub undecided: usize,
    /// Why, the most frequent first, then by name. One deployment may have several reasons.
    pub reasons: Vec<ReasonCount>,
    /// The time of the oldest of them.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moment")]
    pub since: Option<Timestamp>,
}

/// A reason, and how many of the deployments have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The reason code.
    pub code: RequestId,
    /// Deployments that would have been refused for it.
    pub deployments: usize,
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn moment<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

impl Observed {
    /// Looks at the newest deployments of a service in an environment.
    ///
    /// # Errors
    /// [`SessionError`] where an entry cannot be read or does not verify.
    pub fn read(
        session: &Session,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<Self, SessionError> {
        let deployments =
            newest_deployments(session, service, environment, OBSERVED_DEPLOYMENTS_MAX)?;
        let said = deployments.iter().filter_map(deployment);
        let named: BTreeSet<_> = said.filter_map(|said| said.decision).collect();
        let mut decisions = BTreeMap::new();
        for entry in session.entries_under(named.into_iter().map(topics::statement))? {
            if let Says::Decision(said) = &entry.statement().says
                && said.service == *service
                && said.environment == *environment
            {
                decisions.insert(entry.id(), said.clone());
            }
        }
        Ok(Self::count(&deployments, &decisions))
    }

    fn count(deployments: &[VerifiedEntry], decisions: &BTreeMap<StatementId, Decision>) -> Self {
        let mut this = Self {
            deployments: deployments.len(),
            since: deployments.last().map(VerifiedEntry::time),
            ..Self::default()
        };
        let mut reasons: BTreeMap<&RequestId, usize> = BTreeMap::new();
        for said in deployments.iter().filter_map(deployment) {
            match said.decision.and_then(|id| decisions.get(&id)) {
                None => this.undecided += 1,
                Some(decision)
                    if decision.verdict == DecisionVerdict::Deny
                        && decision.mode == Mode::Observe =>
                {
                    this.would_refuse += 1;
                    for code in &decision.reasons {
                        *reasons.entry(code).or_default() += 1;
                    }
                }
                Some(_) => {}
            }
        }
        let counted = reasons.into_iter();
        this.reasons = counted
            .map(|(code, deployments)| ReasonCount { code: code.clone(), deployments })
            .collect();
        // The sort is stable: equals stay in the order of their names.
        this.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.deployments));
        this
    }
}

/// The newest deployments of a service in an environment, the newest first, at most `most`: each
/// the entry that recorded it first. Reads from the newest entry of the place on, and no further
/// than it needs.
///
/// # Errors
/// [`SessionError`] where an entry cannot be read or does not verify.
pub fn newest_deployments(
    session: &Session,
    service: &ServiceName,
    environment: &EnvironmentName,
    most: usize,
) -> Result<Vec<VerifiedEntry>, SessionError> {
    let mut indexes = session.newest_under(topics::place(service, environment));
    let mut deployments = Vec::new();
    while deployments.len() < most {
        let some: Vec<_> = indexes.by_ref().take(ENTRIES_AT_ONCE).collect::<Result<_, _>>()?;
        if some.is_empty() {
            break;
        }
        for entry in session.entries_at(some)?.into_iter().rev() {
            // The word on an outcome is no deployment of its own.
            let is_one = deployment(&entry).is_some_and(|said| {
                said.service == *service
                    && said.environment == *environment
                    && said.started.is_none()
            });
            if is_one && deployments.len() < most {
                deployments.push(entry);
            }
        }
    }
    Ok(deployments)
}

const fn deployment(entry: &VerifiedEntry) -> Option<&Deployment> {
    match &entry.statement().says {
        Says::Deployment(said) => Some(said),
        _ => None,
    }
}
