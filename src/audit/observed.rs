//! What a policy would have refused where it only observes: the newest deployments of a place, and
//! what the gate said of each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::as_rfc3339;
use super::timeline::{Deployed, newest_deployments};
use crate::base::digest::StatementId;
use crate::base::limits::OBSERVED_DEPLOYMENTS_MAX;
use crate::base::name::{EnvironmentName, RequestId, ServiceName};
use crate::base::time::Timestamp;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::pipeline::Decision;
use crate::statement::words::{DecisionVerdict, Mode};

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
        let is_enough = |found: &[Deployed]| found.len() >= OBSERVED_DEPLOYMENTS_MAX;
        let deployments = newest_deployments(session, service, environment, is_enough)?;
        let said = deployments.iter().filter_map(Deployed::said);
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

    fn count(deployments: &[Deployed], decisions: &BTreeMap<StatementId, Decision>) -> Self {
        let mut this = Self {
            deployments: deployments.len(),
            since: deployments.last().map(|oldest| oldest.entry().time()),
            ..Self::default()
        };
        let mut reasons: BTreeMap<&RequestId, usize> = BTreeMap::new();
        for said in deployments.iter().filter_map(Deployed::said) {
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
