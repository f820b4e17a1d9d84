//! State folded from the log: everything that questions need except the entries themselves.
//!
//! The fold is a pure function of (index, leaf hash, time, statement), resumable and rebuildable
//! from nothing, and never trusted over the log: `ledger check` compares it with a fresh fold.
//! Sign-offs are not in it; they are found in the log by topic.

mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::{ChangeHash, Commitment, ContentDigest, LeafHash, StatementId};
use crate::base::name::{EnvironmentName, MemberId, Origin, RepositoryName, Revision, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::{Span, Timestamp};
use crate::key::KeyId;
use crate::policy::Policy;
use crate::roster::{AdminSet, Revoked, Roster};
use crate::statement::approval::Approval;
use crate::statement::governance::{Accepted, EntryReference, Governance, Operation};
use crate::statement::words::{ApprovalVerdict, Duty, Revocation, SubjectType};
use crate::statement::{Says, Statement};

pub use self::settle::{Debt, LiveDeployment, SettledPoint, SettledPoints};

/// What the log says as of a size. Whoever appends folds into a copy: what may be large, and seldom
/// changes, is shared by both until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    size: TreeSize,
    /// The time of the newest entry; times never fall.
    time: Timestamp,
    /// Absent only while the log is empty.
    ledger: Option<LedgerIdentity>,
    roster: Arc<Roster>,
    policies: Arc<Vec<PolicyVersion>>,
    newest_governance: Option<EntryReference>,
    settled: Arc<BTreeMap<String, SettledPoints>>,
    lifts: Vec<(EntryIndex, EntryReference)>,
    rejects: Arc<Vec<RejectRecord>>,
    /// Every reject and withdrawal by what it is about. Topics only find entries; what takes
    /// permission away must not depend on being found.
    taken_back: Arc<Vec<(EntryIndex, SubjectType, ContentDigest)>>,
    /// How many could override from a time on; one item a change.
    override_holders: Vec<(Timestamp, usize)>,
    clock_confirmed_until: Timestamp,
    newest_doubt: Doubts,
}

/// What entry 0 says of the ledger itself, kept up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerIdentity {
    /// First line of every checkpoint.
    pub origin: Origin,
    /// Leaf hash of entry 0: the name of the ledger in every statement.
    pub id: LeafHash,
    /// The verifier keys of the ledger, each from its entry on.
    pub keys: Vec<(EntryIndex, String)>,
    /// Commitment to the salt of e-mail digests.
    pub salt: Commitment,
}

/// A policy from an entry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Its number, from 1, for people.
    pub number: u64,
    /// The entry that set it.
    pub entry: EntryIndex,
    /// The time of that entry.
    pub time: Timestamp,
    /// The whole text.
    pub text: String,
    /// How long a decision may be used under it, so that the fold need not parse the text for
    /// every deployment.
    pub decision_ttl: Span,
}

/// A reject of changes, whatever became of it since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectRecord {
    /// Its entry.
    pub entry: EntryIndex,
    /// What it rejects.
    pub changes: Vec<RejectedChange>,
}

/// A change that somebody rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedChange {
    /// The change.
    pub change: ChangeHash,
    /// The repository that it was read in.
    pub repository: RepositoryName,
    /// The last commit that was read.
    pub head: Revision,
}

/// A verified statement on its way into the fold.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// Its entry.
    pub entry: EntryReference,
    /// Its identity.
    pub id: StatementId,
    /// The time of its entry.
    pub time: Timestamp,
    /// What was said.
    pub statement: &'a Statement,
    /// The fingerprints of the keys that signed.
    pub keys: &'a [KeyId],
}

/// The newest entry that took permission away: a reject or withdrawal, by repository, or a leak.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Doubts {
    by_repository: BTreeMap<RepositoryName, EntryIndex>,
    everywhere: Option<EntryIndex>,
}

impl Doubts {
    fn raise(&mut self, repository: Option<&RepositoryName>, index: EntryIndex) {
        match repository {
            Some(repository) => {
                self.by_repository.insert(repository.clone(), index);
            }
            None => self.everywhere = Some(index),
        }
    }

    fn newest(&self, repository: &RepositoryName) -> Option<EntryIndex> {
        self.everywhere.max(self.by_repository.get(repository).copied())
    }
}

impl Default for View {
    fn default() -> Self {
        Self {
            size: TreeSize::new(0),
            time: Timestamp::default(),
            ledger: None,
            roster: Arc::default(),
            policies: Arc::default(),
            newest_governance: None,
            settled: Arc::default(),
            lifts: Vec::new(),
            rejects: Arc::default(),
            taken_back: Arc::default(),
            override_holders: Vec::new(),
            clock_confirmed_until: Timestamp::default(),
            newest_doubt: Doubts::default(),
        }
    }
}

impl View {
    /// How many entries are folded in.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The time of the newest entry; the beginning of all times while the log is empty.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The ledger; none while it is empty.
    #[must_use]
    pub const fn ledger(&self) -> Option<&LedgerIdentity> {
        self.ledger.as_ref()
    }

    /// Members, keys and admins.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Every policy, oldest first.
    #[must_use]
    pub fn policies(&self) -> &[PolicyVersion] {
        &self.policies
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Option<&PolicyVersion> {
        self.policies.last()
    }

    /// The newest governance entry: the `base` of the next.
    #[must_use]
    pub const fn newest_governance(&self) -> Option<EntryReference> {
        self.newest_governance
    }

    /// The settled points of a service in an environment.
    #[must_use]
    pub fn settled(&self, service: &ServiceName, environment: &EnvironmentName) -> &SettledPoints {
        static NONE: SettledPoints = SettledPoints::new();
        self.settled.get(&place(service, environment)).unwrap_or(&NONE)
    }

    /// The settled points from which a chain to this place may start: its own, or those of its
    /// group for a cell that has none yet and that the policy does not name itself
    /// (`spec/verdict.md` section 3, ATTACKS 49).
    #[must_use]
    pub fn starts(&self, service: &ServiceName, environment: &EnvironmentName) -> &SettledPoints {
        let own = self.settled(service, environment);
        let group = environment.group();
        if own.newest().is_some() || group == environment.as_str() {
            return own;
        }
        let policy = self.policies.last().and_then(|version| Policy::parse(&version.text).ok());
        if policy.is_none_or(|policy| policy.names_cell(environment)) {
            return own;
        }
        self.group_of(service, environment).unwrap_or(own)
    }

    /// The settled points of the group that a cell is of; none for what is no cell.
    #[must_use]
    pub fn group_of(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Option<&SettledPoints> {
        let group = environment.group();
        let is_cell = group != environment.as_str();
        self.settled.get(&format!("{service} {group}")).filter(|_| is_cell)
    }

    /// Every reject of changes, oldest first, those that were taken back or lifted included.
    #[must_use]
    pub fn rejects(&self) -> &[RejectRecord] {
        &self.rejects
    }

    /// Every reject and withdrawal: its entry, and what it is about; oldest first.
    pub fn taken_back(&self) -> impl Iterator<Item = (EntryIndex, SubjectType, ContentDigest)> {
        self.taken_back.iter().copied()
    }

    /// Every rejected change with its reject's entry, oldest first, but for what was lifted.
    pub fn rejected_changes(&self) -> impl Iterator<Item = (EntryIndex, &RejectedChange)> {
        let stands = self.rejects.iter().filter(|reject| !self.is_lifted(reject.entry));
        stands.flat_map(|reject| reject.changes.iter().map(|change| (reject.entry, change)))
    }

    /// Every service and environment that has settled points.
    pub fn places(&self) -> impl Iterator<Item = (&str, &SettledPoints)> {
        self.settled.iter().map(|(place, points)| (place.as_str(), points))
    }

    /// The environments, cells included, of which the ledger knows something for a service.
    pub fn environments_of(&self, service: &ServiceName) -> impl Iterator<Item = EnvironmentName> {
        let prefix = format!("{service} ");
        let places = self.settled.range(prefix.clone()..);
        places.map_while(move |(place, _)| EnvironmentName::new(place.strip_prefix(&prefix)?).ok())
    }

    /// Whether governance has lifted the reject at an entry.
    #[must_use]
    pub fn is_lifted(&self, reject: EntryIndex) -> bool {
        self.lifts.iter().any(|(_, lifted)| lifted.index == reject)
    }

    /// Up to which time an admin confirmed a jump of the clock.
    #[must_use]
    pub const fn clock_confirmed_until(&self) -> Timestamp {
        self.clock_confirmed_until
    }

    /// The newest entry that takes permission away in a repository, or everywhere: what a gate that
    /// had not seen it allowed settles nothing.
    #[must_use]
    pub fn newest_doubt(&self, repository: &RepositoryName) -> Option<EntryIndex> {
        self.newest_doubt.newest(repository)
    }

    /// Folds one more entry in. The statement has been admitted: its signature is good and its
    /// signer may say so.
    pub fn apply(&mut self, fact: &Fact<'_>) {
        debug_assert_eq!(fact.entry.index, self.size.next_index());
        let index = fact.entry.index;
        self.size = index.size_after();
        self.time = fact.time;
        match &fact.statement.says {
            Says::Governance(body) => self.apply_governance(fact, body),
            Says::Approval(body) if body.verdict != ApprovalVerdict::Approve => {
                // Of the change itself, wherever it was said: a verdict hears it everywhere.
                self.newest_doubt.raise(None, index);
                let subjects = body.rows.iter().map(|row| (index, body.subject_type, row.hash));
                Arc::make_mut(&mut self.taken_back).extend(subjects);
                self.note_reject(index, body);
            }
            Says::Decision(body) => {
                let group = self.starts(&body.service, &body.environment).newest();
                let group = group.map(|point| point.entry.index);
                let place = place(&body.service, &body.environment);
                Arc::make_mut(&mut self.settled)
                    .entry(place)
                    .or_default()
                    .decided(fact, body, group);
            }
            Says::Deployment(body) => {
                let place = place(&body.service, &body.environment);
                let lasts = self.decisions_last();
                let doubts = &self.newest_doubt;
                let points = Arc::make_mut(&mut self.settled).entry(place).or_default();
                let newest = |points: &SettledPoints| points.newest().map(|point| point.entry);
                let before = newest(points);
                points.deployed(fact, body, doubts, lasts);
                // What settles nothing moves no start on: a fact voids no decision.
                if newest(points) != before {
                    self.void_decisions_of_cells(&body.service, &body.environment);
                }
            }
            Says::Override(body) => {
                let place = place(&body.service, &body.environment);
                Arc::make_mut(&mut self.settled).entry(place).or_default().broke_glass(fact, body);
            }
            Says::Approval(_) | Says::Change(_) | Says::Landed(_) | Says::Build(_) => {}
        }
        for key in fact.keys {
            if self.roster.is_unused(key) {
                self.roster_mut().note_use(index, key);
            }
        }
    }

    /// Passes over entries that are not at hand, up to a size: what they say is not known here.
    pub fn pass_over(&mut self, size: TreeSize) {
        self.size = self.size.max(size);
    }

    /// Hears a word on changes that was said below the size, where words are not folded in order.
    pub fn hear(&mut self, entry: EntryIndex, said: &Approval) {
        self.note_reject(entry, said);
    }

    /// What somebody attests of the log at its end, in place of what was folded: the time of its
    /// newest entry, and what is settled and owed in each environment of a service.
    pub fn attest(
        &mut self,
        time: Timestamp,
        service: &ServiceName,
        settled: impl IntoIterator<Item = (EnvironmentName, SettledPoints)>,
    ) {
        self.time = time;
        let settled = settled.into_iter();
        let settled = settled.map(|(at, points)| (place(service, &at), points));
        self.settled = Arc::new(settled.collect());
    }

    fn roster_mut(&mut self) -> &mut Roster {
        Arc::make_mut(&mut self.roster)
    }

    fn note_reject(&mut self, entry: EntryIndex, body: &Approval) {
        if body.verdict != ApprovalVerdict::Reject || body.subject_type != SubjectType::Change {
            return;
        }
        let changes = body.rows.iter().filter_map(|row| {
            Some(RejectedChange {
                change: ChangeHash::from_bytes(*row.hash.as_bytes()),
                repository: row.repository.clone()?,
                head: row.head.clone()?,
            })
        });
        Arc::make_mut(&mut self.rejects).push(RejectRecord { entry, changes: changes.collect() });
    }

    /// A cell that starts from its group's newest point must decide again when that moved on.
    fn void_decisions_of_cells(&mut self, service: &ServiceName, environment: &EnvironmentName) {
        let prefix = format!("{service} {environment}/");
        let cells = Arc::make_mut(&mut self.settled).range_mut(prefix.clone()..);
        for (_, points) in cells.take_while(|(place, _)| place.starts_with(&prefix)) {
            if points.newest().is_none() {
                points.void_decisions();
            }
        }
    }

    /// How long a decision may be used, by the policy in force: not at all where there is none.
    #[must_use]
    pub fn decisions_last(&self) -> Span {
        self.policies.last().map_or(Span::from_milliseconds(0), |version| version.decision_ttl)
    }

    fn apply_governance(&mut self, fact: &Fact<'_>, body: &Governance) {
        let index = fact.entry.index;
        if let Some(genesis) = &body.genesis {
            self.ledger = Some(LedgerIdentity {
                origin: genesis.origin.clone(),
                id: fact.entry.leaf,
                keys: vec![(index, genesis.ledger_key.clone())],
                salt: genesis.salt,
            });
        }
        for operation in &body.operations {
            self.apply_operation(fact, operation);
        }
        self.newest_governance = Some(fact.entry);
        self.note_override_holders(fact.time);
    }

    fn note_override_holders(&mut self, time: Timestamp) {
        let can = |id: &MemberId| !self.roster.keys_of(id, self.size).is_empty();
        let members = self.roster.members(self.size);
        let holders = members.filter(|one| one.has_duty(Duty::Override) && can(&one.id)).count();
        if self.override_holders.last().is_none_or(|(_, before)| *before != holders) {
            self.override_holders.push((time, holders));
        }
    }

    /// The most members that could override at one time since a moment: with the duty, and a key
    /// to do it with.
    #[must_use]
    pub fn most_override_holders_since(&self, since: Timestamp) -> usize {
        // What held when the time began counts as well.
        let first = self.override_holders.partition_point(|(time, _)| *time <= since);
        let counted = self.override_holders.iter().skip(first.saturating_sub(1));
        counted.map(|(_, holders)| *holders).max().unwrap_or(0)
    }

    /// What was owed for a service in the group of an environment, in whatever cell, and was
    /// neither settled as what it is nor waived; each with where, and with what is new and ended
    /// it.
    pub fn owed_in_group(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> impl Iterator<Item = (EnvironmentName, &Debt, Option<&SettledPoint>)> {
        let group = format!("{service} {}", environment.group());
        let is_of = move |place: &str| {
            place.strip_prefix(&group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let places = self.settled.iter().filter(move |(place, _)| is_of(place));
        // The place was written from names.
        let named = |place: &str| place.split_once(' ').and_then(|(_, name)| name.parse().ok());
        places.filter_map(move |(place, points)| Some((named(place)?, points))).flat_map(
            |(name, points): (EnvironmentName, _)| {
                points.counting().map(move |(debt, ended)| (name.clone(), debt, ended))
            },
        )
    }

    fn apply_operation(&mut self, fact: &Fact<'_>, operation: &Operation) {
        let index = fact.entry.index;
        match operation {
            Operation::SetMember(said) => self.roster_mut().set_member(index, said),
            Operation::RetireMember(said) => self.roster_mut().retire(index, &said.member),
            Operation::AddKey(said) => {
                self.roster_mut().add_key(index, fact.time, &said.key, &said.member);
            }
            Operation::Delegate(_) | Operation::EndDelegation(_) => {
                self.roster_mut().apply(index, fact.time, operation);
            }
            Operation::RevokeKey(said) => {
                let since = said.since.unwrap_or(index);
                self.roster_mut()
                    .revoke(&said.key, Revoked { entry: index, cause: said.cause, since });
                if said.cause == Revocation::Leaked {
                    self.newest_doubt.raise(None, index);
                    let points = Arc::make_mut(&mut self.settled).values_mut();
                    points.for_each(|points| points.void_leaked(&said.key, since));
                }
            }
            Operation::SetAdmins(said) => self.roster_mut().set_admins(AdminSet {
                entry: index,
                admins: said.admins.clone(),
                threshold: said.threshold,
            }),
            Operation::RotateLedgerKey(said) => {
                if let Some(ledger) = &mut self.ledger {
                    ledger.keys.push((index, said.ledger_key.clone()));
                }
            }
            Operation::Lift(said) => self.lifts.push((index, said.entry)),
            Operation::ConfirmClock(said) => self.clock_confirmed_until = said.until,
            Operation::SetPolicy(said) => {
                let number = self.policies.len() as u64 + 1;
                let text = said.text.clone();
                Arc::make_mut(&mut self.settled)
                    .values_mut()
                    .for_each(SettledPoints::void_decisions);
                // A text that is no policy is never admitted; under it nothing would last.
                let decision_ttl = Policy::parse(&text)
                    .map_or(Span::from_milliseconds(0), |policy| policy.defaults().decision_ttl);
                let (entry, time) = (index, fact.time);
                Arc::make_mut(&mut self.policies).push(PolicyVersion {
                    number,
                    entry,
                    time,
                    text,
                    decision_ttl,
                });
            }
            Operation::SetBaseline(said) => {
                let place = place(&said.service, &said.environment);
                let points = Arc::make_mut(&mut self.settled).entry(place).or_default();
                let revision = match &said.accepted {
                    Accepted::Nothing => None,
                    Accepted::UpTo(revision) => Some(revision.clone()),
                };
                points.baseline(fact.entry, fact.time, revision);
                self.void_decisions_of_cells(&said.service, &said.environment);
            }
        }
    }
}

/// The key of a service in an environment: names hold no space, so it is unambiguous.
fn place(service: &ServiceName, environment: &EnvironmentName) -> String {
    format!("{service} {environment}")
}
