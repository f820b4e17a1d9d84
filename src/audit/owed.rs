//! Overrides, drills, and what became of the debts that overrides left (`spec/verdict.md`
//! section 9).

use serde::Serialize;

use super::timeline::Timeline;
use super::{AuditError, as_rfc3339};
use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, MemberId, RequestId, Revision, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::{Span, Timestamp};
use crate::git::Repository;
use crate::policy::Policy;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::verify::VerifiedEntry;
use crate::verify::cover::Cover;
use crate::view::{Debt, SettledPoint};

/// An override or a drill, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// The time of that entry.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// Who broke the glass.
    pub by: MemberId,
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// The artifacts.
    pub artifacts: Vec<ContentDigest>,
    /// When it was signed, by the signer's clock.
    #[serde(serialize_with = "as_rfc3339")]
    pub claimed: Timestamp,
    /// From when on it was good for nothing.
    #[serde(serialize_with = "as_rfc3339")]
    pub expires: Timestamp,
    /// The incident, where there was one.
    pub incident: Option<RequestId>,
    /// Why, where that was not withheld.
    pub reason: Option<String>,
    /// The deployments that went ahead by it.
    pub deployments: Vec<EntryIndex>,
}

/// What went ahead by override, and what became of the sign-offs that it owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebtReport {
    /// Where it began: the denial that names the overrides, or the deployment.
    pub entry: EntryIndex,
    /// The deployments that rest on it, as far as they were recorded.
    pub deployments: Vec<EntryIndex>,
    /// The service.
    pub service: ServiceName,
    /// The environment or cell.
    pub environment: EnvironmentName,
    /// The commit.
    pub revision: Revision,
    /// Who overrode.
    pub members: Vec<MemberId>,
    /// The entries of their overrides.
    pub overrides: Vec<EntryIndex>,
    /// Since when it was owed.
    #[serde(serialize_with = "as_rfc3339")]
    pub since: Timestamp,
    /// When it was due, by the policy in force.
    #[serde(serialize_with = "as_rfc3339")]
    pub due: Timestamp,
    /// What became of it.
    pub state: DebtState,
    /// The settled point that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EntryIndex>,
    /// The time of that entry.
    #[serde(skip)]
    pub ended: Option<Timestamp>,
    /// Whether it ended after it was due.
    pub late: bool,
    /// The newest settled commit before it: what lies between is what is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Revision>,
}

/// What became of a debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DebtState {
    /// Owed, and not due yet.
    Open,
    /// Owed, and past due.
    Overdue,
    /// A settled deployment contains the commit: it was signed off.
    Paid,
    /// A settled deployment does not contain it: it was never signed off.
    Undone,
    /// The admins accepted another start, with a reason: it was never signed off.
    Waived,
    /// It ended; whether by sign-offs only the repository can tell, which is not here.
    Ended,
}

impl DebtState {
    /// The word for people and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Paid => "paid",
            Self::Undone => "undone",
            Self::Waived => "waived",
            Self::Ended => "ended",
        }
    }
}

/// Everything about broken glass in one place or several.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Glass {
    /// Overrides, oldest first.
    pub overrides: Vec<OverrideReport>,
    /// Drills, oldest first.
    pub drills: Vec<OverrideReport>,
    /// What went ahead by override, oldest first.
    pub debts: Vec<DebtReport>,
}

impl Glass {
    /// Reads a place. `repository` tells whether a commit lies on what was settled later.
    ///
    /// # Errors
    /// [`AuditError`] where ledger or repository cannot be read, or do not verify.
    pub fn read(
        session: &Session,
        repository: Option<&Repository>,
        timeline: &Timeline,
        now: Timestamp,
    ) -> Result<Self, AuditError> {
        let size = timeline.size;
        let points = session.view().settled(&timeline.service, &timeline.environment);
        let settled: Vec<_> =
            points.all().iter().filter(|point| size.covers(point.entry.index)).collect();
        let due_within = due_within(session, size);
        let mut this = Self::default();
        let known = points.ever_owed().iter();
        for debt in known.filter(|debt| size.covers(debt.entry.index)) {
            let place = Place { session, repository, timeline, settled: &settled };
            this.debts.push(place.debt(debt, due_within, now)?);
        }
        for entry in timeline.overrides() {
            if let Some((report, is_drill)) = this.overriding(session, entry)? {
                let list = if is_drill { &mut this.drills } else { &mut this.overrides };
                list.push(report);
            }
        }
        Ok(this)
    }

    /// Adds another place.
    pub fn extend(&mut self, other: Self) {
        self.overrides.extend(other.overrides);
        self.drills.extend(other.drills);
        self.debts.extend(other.debts);
    }

    /// Only what one deployment rests on.
    #[must_use]
    pub fn of_deployment(mut self, deployment: EntryIndex) -> Self {
        self.debts.retain(|debt| debt.deployments.contains(&deployment));
        self.overrides.retain(|one| one.deployments.contains(&deployment));
        self.drills.clear();
        self
    }

    fn overriding(
        &self,
        session: &Session,
        entry: &VerifiedEntry,
    ) -> Result<Option<(OverrideReport, bool)>, AuditError> {
        let Says::Override(said) = &entry.statement().says else { return Ok(None) };
        let index = entry.index();
        let used = self.debts.iter().filter(|debt| debt.overrides.contains(&index));
        let report = OverrideReport {
            entry: index,
            time: entry.time(),
            by: entry.by().clone(),
            service: said.service.clone(),
            environment: said.environment.clone(),
            revision: said.revision.clone(),
            artifacts: said.artifacts.clone(),
            claimed: said.claimed,
            expires: said.expires,
            incident: said.incident.clone(),
            reason: session.openings().text(said.reason)?,
            deployments: used.flat_map(|debt| debt.deployments.clone()).collect(),
        };
        Ok(Some((report, said.drill.is_some())))
    }
}

/// After how long a debt is overdue, by the policy in force as of a size.
fn due_within(session: &Session, size: TreeSize) -> Span {
    let versions = session.view().policies().iter();
    let newest = versions.rev().find(|version| size.covers(version.entry));
    let policy = newest.and_then(|version| Policy::parse(&version.text).ok());
    policy.map_or(Span::from_milliseconds(0), |policy| policy.override_terms().debt_due)
}

/// A place as of a size.
struct Place<'a> {
    session: &'a Session,
    repository: Option<&'a Repository>,
    timeline: &'a Timeline,
    settled: &'a [&'a SettledPoint],
}

impl Place<'_> {
    fn debt(
        &self,
        debt: &Debt,
        due_within: Span,
        now: Timestamp,
    ) -> Result<DebtReport, AuditError> {
        let after = |point: &&&SettledPoint| point.entry.index > debt.entry.index;
        let end = self.settled.iter().find(after);
        let start = self.settled.iter().rev().find(|point| !after(point));
        let due = debt.since.plus(due_within);
        let state = match end {
            Some(point) => self.end(debt, point)?,
            None if due <= now => DebtState::Overdue,
            None => DebtState::Open,
        };
        Ok(DebtReport {
            entry: debt.entry.index,
            deployments: debt
                .deployments
                .iter()
                .map(|deployment| deployment.index)
                .filter(|index| self.timeline.size.covers(*index))
                .collect(),
            service: self.timeline.service.clone(),
            environment: self.timeline.environment.clone(),
            revision: debt.revision.clone(),
            members: debt.members.clone(),
            overrides: debt.overrides.clone(),
            since: debt.since,
            due,
            state,
            ended_by: end.map(|point| point.entry.index),
            ended: end.map(|point| point.time),
            late: end.is_some_and(|point| due <= point.time),
            start: start.and_then(|point| point.revision.clone()),
        })
    }

    /// Whether what was settled next contains the commit.
    fn end(&self, debt: &Debt, point: &SettledPoint) -> Result<DebtState, AuditError> {
        let Some(settled) = point.revision.as_ref().filter(|_| point.decision.is_some()) else {
            return Ok(DebtState::Waived);
        };
        if *settled == debt.revision {
            return Ok(DebtState::Paid);
        }
        if let Some(repository) = self.repository
            && let Ok(contains) = repository.is_ancestor_first_parent(&debt.revision, settled)
        {
            return Ok(if contains { DebtState::Paid } else { DebtState::Undone });
        }
        let bytes = point.cover.map(|cover| self.session.blobs().get(&cover)).transpose()?;
        let Some(bytes) = bytes.flatten() else { return Ok(DebtState::Ended) };
        let cover = Cover::parse(&bytes).map_err(|error| {
            SessionError::integrity("the cover of a decision", error.to_string())
        })?;
        let rows = &cover.segments;
        if rows.iter().any(|row| [&row.first, &row.last].contains(&&debt.revision)) {
            return Ok(DebtState::Paid);
        }
        // Of a run of steps the cover names the first and the last alone.
        let is_whole = rows.iter().all(|row| row.first == row.last);
        Ok(if is_whole { DebtState::Undone } else { DebtState::Ended })
    }
}
