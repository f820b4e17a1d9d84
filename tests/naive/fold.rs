//! What the log says, folded anew for every question by reading it from the beginning: roster,
//! policies, settled points and debts (`spec/verdict.md` sections 3 and 9). Nothing is kept.

use countersign::base::digest::{ContentDigest, EmailDigest, StatementId};
use countersign::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use countersign::base::position::EntryIndex;
use countersign::key::{KeyId, Presence};
use countersign::policy::{Policy, environment_matches};
use countersign::statement::governance::{Accepted, Operation, SetMember};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{
    ApprovalVerdict, DecisionVerdict, Duty, MemberKind, Outcome, Revocation,
};
use countersign::statement::{Says, Statement};

/// An admitted statement.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) index: u64,
    pub(crate) time: u64,
    pub(crate) id: StatementId,
    pub(crate) statement: Statement,
    pub(crate) keys: Vec<KeyId>,
    pub(crate) presence: Presence,
    /// The policies that it sets, parsed: parsing is not what is tested here.
    pub(crate) policies: Vec<Policy>,
}

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) service: ServiceName,
    pub(crate) environment: EnvironmentName,
}

/// A settled point of a place.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) entry: u64,
    pub(crate) time: u64,
    /// `None`: everything down to the root.
    pub(crate) revision: Option<Revision>,
    /// The deployment, its artifacts and its decision; `None` for a baseline.
    pub(crate) deployed: Option<Settled>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) id: StatementId,
    pub(crate) by: MemberId,
    pub(crate) artifacts: Vec<ContentDigest>,
    pub(crate) cover: Option<ContentDigest>,
    pub(crate) failed: bool,
    /// The entry of its decision.
    pub(crate) decision: u64,
    /// Whether nothing said of it later unmakes it.
    pub(crate) concluded: bool,
}

/// The log: entry `i` is seen by every size above `i`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log<'a>(pub(crate) &'a [Logged]);

impl<'a> Log<'a> {
    /// The log as a smaller size sees it.
    pub(crate) fn below(self, size: u64) -> Self {
        Self(&self.0[..usize::try_from(size).unwrap()])
    }

    pub(crate) fn operations(self) -> Vec<(&'a Logged, &'a Operation)> {
        let mut found = Vec::new();
        for logged in self.0 {
            if let Says::Governance(body) = &logged.statement.says {
                found.extend(body.operations.iter().map(|operation| (logged, operation)));
            }
        }
        found
    }

    /// What the roster says of a member; none where unknown or retired.
    pub(crate) fn member(self, id: &MemberId) -> Option<&'a SetMember> {
        let mut found = None;
        for (_, operation) in self.operations() {
            match operation {
                Operation::SetMember(said) if said.member == *id => found = Some(said),
                Operation::RetireMember(said) if said.member == *id => found = None,
                _ => {}
            }
        }
        found
    }

    /// What the roster last said of somebody, member still or not.
    pub(crate) fn member_ever(self, id: &MemberId) -> Option<&'a SetMember> {
        self.operations().into_iter().rev().find_map(|(_, operation)| match operation {
            Operation::SetMember(said) if said.member == *id => Some(said),
            _ => None,
        })
    }

    /// Who has an address, else who had it.
    pub(crate) fn member_of(self, address: EmailDigest) -> Option<MemberId> {
        let members = self.members();
        let now = members.into_iter().find(|member| member.emails.contains(&address));
        now.map(|member| member.member.clone()).or_else(|| {
            self.operations().into_iter().rev().find_map(|(_, operation)| match operation {
                Operation::SetMember(said) if said.emails.contains(&address) => {
                    Some(said.member.clone())
                }
                _ => None,
            })
        })
    }

    /// Every member.
    pub(crate) fn members(self) -> Vec<&'a SetMember> {
        let mut ids = Vec::new();
        for (_, operation) in self.operations() {
            if let Operation::SetMember(said) = operation
                && !ids.contains(&&said.member)
            {
                ids.push(&said.member);
            }
        }
        ids.into_iter().filter_map(|id| self.member(id)).collect()
    }

    pub(crate) fn human_with(self, id: &MemberId, duty: Duty) -> bool {
        self.member(id)
            .is_some_and(|member| member.kind == MemberKind::Human && member.duties.contains(&duty))
    }

    /// When each key of a member was enrolled: entry and time, oldest first.
    pub(crate) fn keys_of(self, id: &MemberId) -> Vec<(KeyId, u64, u64)> {
        let mut keys = Vec::new();
        for (logged, operation) in self.operations() {
            if let Operation::AddKey(said) = operation
                && said.member == *id
            {
                keys.push((said.key.fingerprint(), logged.index, logged.time));
            }
        }
        keys
    }

    /// Whether a member has a key that nobody revoked.
    pub(crate) fn has_key(self, id: &MemberId) -> bool {
        self.keys_of(id).iter().any(|(key, _, _)| {
            !self.operations().iter().any(|(_, operation)| {
                matches!(operation, Operation::RevokeKey(said) if said.key == *key)
            })
        })
    }

    /// Since which entry a key has leaked, as far as is known.
    pub(crate) fn leaked_since(self, key: &KeyId) -> Option<u64> {
        let mut since = None;
        for (logged, operation) in self.operations() {
            if let Operation::RevokeKey(said) = operation
                && said.key == *key
                && said.cause == Revocation::Leaked
            {
                let this = said.since.map_or(logged.index, EntryIndex::get);
                since = Some(since.map_or(this, |other: u64| other.min(this)));
            }
        }
        since
    }

    /// Whether what a statement permits is void, for its key had leaked by then.
    pub(crate) fn under_leaked_key(self, logged: &Logged) -> bool {
        logged
            .keys
            .iter()
            .any(|key| self.leaked_since(key).is_some_and(|since| since <= logged.index))
    }

    pub(crate) fn is_lifted(self, reject: u64) -> bool {
        self.operations().iter().any(|(_, operation)| {
            matches!(operation, Operation::Lift(said) if said.entry.index.get() == reject)
        })
    }

    /// Every policy: entry, time and text, oldest first.
    pub(crate) fn policies(self) -> Vec<(u64, u64, &'a Policy)> {
        let mut found = Vec::new();
        for logged in self.0 {
            found.extend(logged.policies.iter().map(|p| (logged.index, logged.time, p)));
        }
        found
    }

    fn decision(self, id: StatementId) -> Option<(&'a Logged, &'a Decision)> {
        self.0.iter().find_map(|logged| match &logged.statement.says {
            Says::Decision(body) if logged.id == id => Some((logged, body)),
            _ => None,
        })
    }

    /// Section 3: all points that a place ever had of its own, those that failed marked so.
    pub(crate) fn own_points(self, place: &Place) -> Vec<Point> {
        self.points_of_both(place).0
    }

    /// All points of a place, and of its group, which for a group are the same.
    fn points_of_both(self, place: &Place) -> (Vec<Point>, Vec<Point>) {
        let group_place = group_of(place);
        let (mut own, mut group): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
        for logged in self.0 {
            let before = self.below(logged.index);
            let newest_of = |points: &[Point]| {
                points.iter().rev().find(|point| point.stands()).map(|point| point.entry)
            };
            let newest_of_group = newest_of(&group);
            let mut newest = newest_of(&own);
            let names = || before.policies().last().is_none_or(|p| names_cell(p.2, place));
            if newest.is_none() && group_place != *place && !names() {
                newest = newest_of_group;
            }
            before.note_point(logged, &group_place, newest_of_group, &mut group);
            before.note_point(logged, place, newest, &mut own);
        }
        (own, group)
    }

    /// What an entry makes of the points of a place; the log is what was before it.
    fn note_point(self, logged: &Logged, place: &Place, newest: Option<u64>, to: &mut Vec<Point>) {
        match &logged.statement.says {
            Says::Governance(body) => {
                for operation in &body.operations {
                    if let Operation::RevokeKey(said) = operation
                        && said.cause == Revocation::Leaked
                    {
                        let since = said.since.map_or(logged.index, EntryIndex::get);
                        let signed = |index: u64| {
                            let by = self.0.iter().find(|one| one.index == index);
                            index >= since && by.is_some_and(|one| one.keys.contains(&said.key))
                        };
                        for point in to.iter_mut() {
                            let entry = point.entry;
                            if let Some(deployed) = &mut point.deployed
                                && (signed(entry) || signed(deployed.decision))
                            {
                                deployed.failed = true;
                            }
                        }
                    }
                    let Operation::SetBaseline(said) = operation else { continue };
                    if said.service != place.service || said.environment != place.environment {
                        continue;
                    }
                    let revision = match &said.accepted {
                        Accepted::Nothing => None,
                        Accepted::UpTo(revision) => Some(revision.clone()),
                    };
                    let (entry, time) = (logged.index, logged.time);
                    to.push(Point { entry, time, revision, deployed: None });
                }
            }
            Says::Deployment(body)
                if body.service == place.service && body.environment == place.environment =>
            {
                if let Some(decision) = self.settles(logged, body, newest) {
                    conclude(to);
                    to.push(Point {
                        entry: logged.index,
                        time: logged.time,
                        revision: Some(body.revision.clone()),
                        deployed: Some(Settled {
                            id: logged.id,
                            by: logged.statement.by.clone(),
                            artifacts: body.artifacts.clone(),
                            cover: decision.cover,
                            failed: false,
                            decision: self.decision_entry(body.decision),
                            concluded: false,
                        }),
                    });
                }
                // 3.3: only the newest point is unmade, and once at most.
                if let Some(started) = body.started
                    && matches!(body.outcome, Outcome::Failed | Outcome::Succeeded)
                    && let Some(newest) = to.iter_mut().rev().find(|point| point.stands())
                    && let Some(deployed) = &mut newest.deployed
                    && deployed.id == started
                    && deployed.by == logged.statement.by
                    && !deployed.concluded
                {
                    deployed.failed = body.outcome == Outcome::Failed;
                    conclude(to);
                }
            }
            _ => {}
        }
    }

    fn decision_entry(self, named: Option<StatementId>) -> u64 {
        named.and_then(|named| self.decision(named)).map_or(0, |(entry, _)| entry.index)
    }

    /// 3.2: whether a deployment settles, judged by the log before it.
    fn settles(
        self,
        logged: &Logged,
        body: &Deployment,
        newest: Option<u64>,
    ) -> Option<&'a Decision> {
        let happened = matches!(body.outcome, Outcome::Started | Outcome::Succeeded);
        if !happened || body.started.is_some() {
            return None;
        }
        let (entry, decision) = self.decision(body.decision?)?;
        let same = decision.service == body.service
            && decision.environment == body.environment
            && decision.revision == body.revision
            && decision.artifacts == body.artifacts;
        let named = decision.newest.map(EntryIndex::get);
        let seen = entry.statement.seen.map_or(0, |seen| seen.size.get());
        let has_seen = self.doubts().iter().all(|doubt| *doubt < seen);
        let policies = self.policies();
        let (policy_entry, _, policy) = policies.last()?;
        let young = logged.time - entry.time < policy.defaults().decision_ttl.milliseconds();
        let allows = decision.verdict == DecisionVerdict::Allow;
        let is_good = same && allows && newest.is_some() && newest == named && has_seen;
        (is_good && young && *policy_entry < entry.index).then_some(decision)
    }

    /// Every reject and withdrawal, and every leak.
    fn doubts(self) -> Vec<u64> {
        let mut doubts = Vec::new();
        for logged in self.0 {
            let doubtful = match &logged.statement.says {
                Says::Approval(body) => body.verdict != ApprovalVerdict::Approve,
                Says::Governance(body) => body.operations.iter().any(|operation| {
                    matches!(operation, Operation::RevokeKey(said)
                        if said.cause == Revocation::Leaked)
                }),
                _ => false,
            };
            if doubtful {
                doubts.push(logged.index);
            }
        }
        doubts
    }

    /// The points that a place has now, oldest first: its own, or its group's (3.5).
    pub(crate) fn points(self, place: &Place) -> Vec<Point> {
        let (mut own, mut group) = self.points_of_both(place);
        own.retain(Point::stands);
        group.retain(Point::stands);
        let names = self.policies().last().is_none_or(|policy| names_cell(policy.2, place));
        if own.is_empty() && !names { group } else { own }
    }
}

/// Every place of a service that something was deployed in.
pub(crate) fn places_of(log: &[Logged], service: &ServiceName) -> Vec<Place> {
    let of = |logged: &Logged| match &logged.statement.says {
        Says::Deployment(said) if said.service == *service => {
            Some(Place { service: service.clone(), environment: said.environment.clone() })
        }
        _ => None,
    };
    let mut places: Vec<Place> = log.iter().filter_map(of).collect();
    places.sort();
    places.dedup();
    places
}

pub(crate) fn group_of(place: &Place) -> Place {
    let environment = place.environment.group().parse().unwrap();
    Place { service: place.service.clone(), environment }
}

/// The newest point that stands stays.
fn conclude(points: &mut [Point]) {
    let newest = points.iter_mut().rev().find(|point| point.stands());
    if let Some(deployed) = newest.and_then(|point| point.deployed.as_mut()) {
        deployed.concluded = true;
    }
}

/// Whether a policy names a cell itself, and not only its group.
pub(crate) fn names_cell(policy: &Policy, place: &Place) -> bool {
    let tables = policy.environments().iter().map(|table| &table.name);
    let rules = policy.rules().iter().flat_map(|rule| &rule.when.environments);
    let group = place.environment.group();
    tables
        .chain(rules)
        .any(|name| name.as_str() != group && environment_matches(name, &place.environment))
}

impl Point {
    /// Whether no failure has unmade it.
    pub(crate) fn stands(&self) -> bool {
        self.deployed.as_ref().is_none_or(|deployed| !deployed.failed)
    }
}
