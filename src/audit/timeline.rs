//! What happened in one service and environment, as of a size of the ledger.

use std::collections::BTreeMap;

use crate::base::digest::StatementId;
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::Outcome;
use crate::verify::VerifiedEntry;

/// So many entries of a place are read at once, from the newest on: a deployment is two or three.
const ENTRIES_AT_ONCE: usize = 64;

/// The decisions, deployments and overrides of a place, oldest first.
#[derive(Debug)]
pub struct Timeline {
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// How many entries of the ledger were looked at.
    pub size: TreeSize,
    decisions: Vec<VerifiedEntry>,
    deployments: Vec<Deployed>,
    overrides: Vec<VerifiedEntry>,
}

/// A deployment and what was said of its outcome later.
#[derive(Debug)]
pub struct Deployed {
    entry: VerifiedEntry,
    outcomes: Vec<(EntryIndex, Outcome)>,
}

impl Deployed {
    /// The entry that recorded it first.
    #[must_use]
    pub const fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }

    /// What was said; none where the entry is no deployment, which no timeline holds.
    #[must_use]
    pub fn said(&self) -> Option<&Deployment> {
        match &self.entry.statement().says {
            Says::Deployment(said) => Some(said),
            _ => None,
        }
    }

    /// The newest word on its outcome, and the entry of it.
    #[must_use]
    pub fn outcome(&self) -> (EntryIndex, Outcome) {
        let first = self.said().map_or(Outcome::Unknown, |said| said.outcome);
        self.outcomes.last().copied().unwrap_or((self.entry.index(), first))
    }

    /// Whether it is not known to have failed: the newest of these is thought to be live.
    #[must_use]
    pub fn may_be_live(&self) -> bool {
        self.outcome().1 != Outcome::Failed
    }
}

impl Timeline {
    /// Reads a place out of the first `size` entries of the ledger.
    ///
    /// # Errors
    /// [`SessionError`] where an entry cannot be read or does not verify.
    pub fn read(
        session: &Session,
        service: &ServiceName,
        environment: &EnvironmentName,
        size: TreeSize,
    ) -> Result<Self, SessionError> {
        let mut this = Self {
            service: service.clone(),
            environment: environment.clone(),
            size,
            decisions: Vec::new(),
            deployments: Vec::new(),
            overrides: Vec::new(),
        };
        for entry in session.entries_under([topics::place(service, environment)])? {
            if !size.covers(entry.index()) {
                continue;
            }
            match &entry.statement().says {
                // A topic is an aid, never evidence: the entry says itself where it belongs.
                Says::Decision(said)
                    if said.service == *service && said.environment == *environment =>
                {
                    this.decisions.push(entry);
                }
                Says::Override(said)
                    if said.service == *service && said.environment == *environment =>
                {
                    this.overrides.push(entry);
                }
                Says::Deployment(said)
                    if said.service == *service && said.environment == *environment =>
                {
                    let (started, outcome) = (said.started, said.outcome);
                    match started {
                        None => {
                            this.deployments.push(Deployed { entry, outcomes: Vec::new() });
                        }
                        Some(started) => this.note_outcome(started, &entry, outcome),
                    }
                }
                _ => {}
            }
        }
        Ok(this)
    }

    /// Whoever recorded a deployment says what became of it, and nobody else.
    fn note_outcome(&mut self, started: StatementId, said: &VerifiedEntry, outcome: Outcome) {
        let found = self.deployments.iter_mut().find(|one| one.entry.id() == started);
        if let Some(found) = found.filter(|found| found.entry.by() == said.by()) {
            found.outcomes.push((said.index(), outcome));
        }
    }

    /// The deployment that an entry recorded first.
    #[must_use]
    pub fn deployment_at(&self, index: EntryIndex) -> Option<(&Deployed, &Deployment)> {
        let place = self.deployments.binary_search_by_key(&index, |one| one.entry.index()).ok()?;
        let found = self.deployments.get(place)?;
        Some((found, found.said()?))
    }

    /// Every deployment, oldest first.
    #[must_use]
    pub fn deployments(&self) -> &[Deployed] {
        &self.deployments
    }

    /// Every decision, oldest first.
    #[must_use]
    pub fn decisions(&self) -> &[VerifiedEntry] {
        &self.decisions
    }

    /// Every override, drills included, oldest first.
    #[must_use]
    pub fn overrides(&self) -> &[VerifiedEntry] {
        &self.overrides
    }

    /// What is thought to be live: the newest deployment that is not known to have failed.
    #[must_use]
    pub fn live(&self) -> Option<&Deployed> {
        self.deployments.iter().rev().find(|one| one.may_be_live())
    }

    /// The decision that a deployment rests on, where it names one of this place.
    #[must_use]
    pub fn decision_of(&self, said: &Deployment) -> Option<(&VerifiedEntry, &Decision)> {
        let named = said.decision?;
        let entry = self.decisions.iter().find(|entry| entry.id() == named)?;
        match &entry.statement().says {
            Says::Decision(decision) => Some((entry, decision)),
            _ => None,
        }
    }
}

/// The newest deployments of a service in an environment, the newest first, each with what was
/// said of its outcome. Reads from the newest entry of the place on until these are enough.
///
/// # Errors
/// [`SessionError`] where an entry cannot be read or does not verify.
pub fn newest_deployments(
    session: &Session,
    service: &ServiceName,
    environment: &EnvironmentName,
    is_enough: impl Fn(&[Deployed]) -> bool,
) -> Result<Vec<Deployed>, SessionError> {
    let mut indexes = session.newest_under(topics::place(service, environment));
    let mut found = Vec::new();
    // A word on an outcome stands above its deployment, and so is met first.
    let mut words: BTreeMap<StatementId, Vec<(MemberId, EntryIndex, Outcome)>> = BTreeMap::new();
    loop {
        let some: Vec<_> = indexes.by_ref().take(ENTRIES_AT_ONCE).collect::<Result<_, _>>()?;
        if some.is_empty() {
            return Ok(found);
        }
        for entry in session.entries_at(some)?.into_iter().rev() {
            let Says::Deployment(said) = &entry.statement().says else { continue };
            if said.service != *service || said.environment != *environment {
                continue;
            }
            if let Some(started) = said.started {
                let word = (entry.by().clone(), entry.index(), said.outcome);
                words.entry(started).or_default().push(word);
                continue;
            }
            let its = words.remove(&entry.id()).unwrap_or_default().into_iter().rev();
            let own = its.filter(|(by, ..)| by == entry.by());
            let outcomes = own.map(|(_, index, outcome)| (index, outcome)).collect();
            found.push(Deployed { entry, outcomes });
            if is_enough(&found) {
                return Ok(found);
            }
        }
    }
}
