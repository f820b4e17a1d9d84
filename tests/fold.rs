//! The fold of a log (`View::apply`) through the public interface: who may say what, which policy
//! is in force, and which deployments are settled points.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod samples;

use countersign::base::digest::StatementId;
use countersign::base::name::{EnvironmentName, ServiceName};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::{KeyId, Signer as _};
use countersign::roster::KeyStanding;
use countersign::statement::governance::{
    Accepted, Governance, Lift, Operation, RetireMember, RevokeKey, RotateLedgerKey, SetAdmins,
};
use countersign::statement::words::{
    ApprovalVerdict, DecisionVerdict, Duty, MemberKind, Outcome, Revocation,
};
use countersign::statement::{Nonce, Says, Statement};
use countersign::view::{Fact, SettledPoints, View};

use samples::{ADA, BEN, GATE, entry, member, revision};

/// A log under construction, folded as it grows.
struct Log {
    view: View,
    entries: Vec<(Statement, u8)>,
}

impl Log {
    /// Entry 0: `ada`, `ben` and `gate`, a policy, and a baseline of checkout in production.
    fn new() -> Self {
        let mut log = Self { view: View::default(), entries: Vec::new() };
        log.push(samples::genesis(), ADA);
        log
    }

    /// Appends a statement; each gets a nonce, and so an identity, of its own, and has seen all
    /// that is there.
    fn push(&mut self, mut statement: Statement, seed: u8) -> StatementId {
        let number = self.entries.len();
        if let Some(seen) = &mut statement.seen {
            seen.size = self.view.size();
        }
        statement.nonce = Nonce::from_bytes([u8::try_from(number).unwrap(); 16]);
        let id = samples::id(&statement);
        apply(&mut self.view, &statement, seed);
        self.entries.push((statement, seed));
        id
    }

    fn govern(&mut self, operations: Vec<Operation>) {
        let base = self.view.newest_governance().map(|entry| entry.leaf);
        let body = Governance { genesis: None, base, operations };
        self.push(samples::statement("ada", 0, Says::Governance(body)), ADA);
    }

    /// A decision on the revision of that label, made from the newest settled point.
    fn decide(&mut self, label: &str, verdict: DecisionVerdict) -> StatementId {
        let newest = self.points().newest().map(|point| point.entry.index);
        self.decide_from(label, verdict, newest)
    }

    fn decide_from(
        &mut self,
        label: &str,
        verdict: DecisionVerdict,
        newest: Option<EntryIndex>,
    ) -> StatementId {
        let mut statement = samples::decision(verdict);
        let Says::Decision(body) = &mut statement.says else { unreachable!("a decision") };
        body.revision = revision(label);
        body.newest = newest;
        self.push(statement, GATE)
    }

    fn deploy(&mut self, label: &str, decision: Option<StatementId>) {
        self.deploy_as(label, decision, Outcome::Started);
    }

    fn deploy_as(&mut self, label: &str, decision: Option<StatementId>, outcome: Outcome) {
        self.deploy_with(label, decision, outcome, |_| {});
    }

    fn deploy_with(
        &mut self,
        label: &str,
        decision: Option<StatementId>,
        outcome: Outcome,
        change: impl Fn(&mut countersign::statement::pipeline::Deployment),
    ) {
        let mut statement = samples::deployment(Outcome::Started);
        let Says::Deployment(body) = &mut statement.says else { unreachable!("a deployment") };
        (body.revision, body.decision, body.outcome) = (revision(label), decision, outcome);
        change(body);
        self.push(statement, GATE);
    }

    fn points(&self) -> &SettledPoints {
        points(&self.view)
    }

    /// The entries of the settled points.
    fn settled(&self) -> Vec<u64> {
        self.points().all().iter().map(|point| point.entry.index.get()).collect()
    }

    fn next(&self) -> u64 {
        self.view.size().get()
    }
}

fn points(view: &View) -> &SettledPoints {
    view.settled(&"checkout".parse().unwrap(), &"production".parse().unwrap())
}

fn key(seed: u8) -> KeyId {
    samples::signer(seed).public_key().fingerprint()
}

fn apply(view: &mut View, statement: &Statement, seed: u8) {
    let index = view.size().get();
    view.apply(&Fact {
        entry: entry(index),
        id: samples::id(statement),
        time: Timestamp::from_milliseconds(1_000 * index),
        statement,
        keys: &[key(seed)],
    });
}

/// A log in which everything happens once.
fn eventful() -> Log {
    let mut log = Log::new();
    let first = log.decide("one", DecisionVerdict::Allow);
    log.deploy("one", Some(first));
    log.push(samples::verdict_on(ApprovalVerdict::Reject, 0), ADA);
    let reject = entry(log.next() - 1);
    let dead = log.decide("two", DecisionVerdict::Deny);
    log.deploy("two", Some(dead));
    let lift = Lift { entry: reject, reason: samples::commitment("gone") };
    log.govern(vec![Operation::Lift(lift), samples::policy("version = 1\n# stricter\n")]);
    let open = log.decide("three", DecisionVerdict::Allow);
    log.push(samples::declaration(), BEN);
    log.push(samples::approval(), ADA);
    log.push(samples::build(), GATE);
    log.deploy("three", Some(open));
    log.govern(vec![Operation::RetireMember(RetireMember { member: member("ben"), reason: None })]);
    log
}

#[test]
fn an_empty_view_knows_nothing() {
    let view = View::default();
    assert_eq!(view.size(), TreeSize::new(0));
    assert!(view.ledger().is_none() && view.policy().is_none());
    assert!(view.newest_governance().is_none() && view.places().next().is_none());
    assert!(points(&view).newest().is_none() && points(&view).live().is_none());
}

#[test]
fn entry_0_makes_ledger_roster_policy_and_baseline() {
    let view = Log::new().view;
    let ledger = view.ledger().unwrap();
    assert_eq!((ledger.origin.as_str(), ledger.id), (samples::ORIGIN, entry(0).leaf));
    assert_eq!(ledger.keys, [(EntryIndex::new(0), samples::ledger_key(samples::LEDGER))]);
    assert_eq!(ledger.salt, samples::commitment("salt"));
    assert_eq!(view.newest_governance(), Some(entry(0)));

    let now = view.size();
    let ids: Vec<_> = view.roster().members(now).map(|member| member.id.as_str()).collect();
    assert_eq!(ids, ["ada", "ben", "gate"]);
    assert!(view.roster().members(TreeSize::new(0)).next().is_none());
    let ada = view.roster().member(&member("ada"), now).unwrap();
    assert!(ada.has_duty(Duty::Review) && ada.kind == MemberKind::Human);
    assert_eq!(view.roster().keys_of(&member("ben"), now), [key(BEN)]);
    assert_eq!(view.roster().admins(now).unwrap().threshold, 2);

    let policy = view.policy().unwrap();
    assert_eq!((policy.number, policy.text.as_str()), (1, "version = 1\n"));
    let point = points(&view).newest().unwrap();
    assert_eq!((point.entry, &point.revision), (entry(0), &Some(revision("base"))));
    assert!(point.decision.is_none() && point.cover.is_none());
}

#[test]
fn governance_is_kept_by_entry() {
    let mut log = Log::new();
    let retired = Operation::RetireMember(RetireMember { member: member("ben"), reason: None });
    let leak = Operation::RevokeKey(RevokeKey {
        key: key(ADA),
        cause: Revocation::Leaked,
        since: Some(EntryIndex::new(1)),
    });
    let admins = SetAdmins { admins: vec![member("ada")], threshold: 1 };
    let rotated = RotateLedgerKey { ledger_key: samples::ledger_key(10) };
    log.govern(vec![samples::policy("version = 1\n# two\n"), retired]);
    log.govern(vec![leak, Operation::SetAdmins(admins), Operation::RotateLedgerKey(rotated)]);
    let (view, now) = (&log.view, log.view.size());

    let roster = view.roster();
    assert!(roster.member(&member("ben"), TreeSize::new(1)).is_some());
    assert!(roster.member(&member("ben"), TreeSize::new(2)).is_none());
    assert_eq!(roster.admins(TreeSize::new(2)).unwrap().threshold, 2);
    assert_eq!(roster.admins(now).unwrap().threshold, 1);
    let numbers: Vec<_> = view.policies().iter().map(|p| (p.number, p.entry.get())).collect();
    assert_eq!(numbers, [(1, 0), (2, 1)]);
    assert_eq!(view.ledger().unwrap().keys.len(), 2);
    assert_eq!(view.newest_governance(), Some(entry(2)));

    // A leak reaches back to the named entry, and only once it is known.
    let standing =
        |index, size| roster.standing(&key(ADA), EntryIndex::new(index), TreeSize::new(size));
    assert_eq!(standing(1, 2), KeyStanding::Good);
    assert_eq!(standing(1, 3), KeyStanding::Leaked);
    assert_eq!(standing(3, 4), KeyStanding::NotValid);
    // The key of ada signed entry 0, so it is hers for ever; that of ben signed nothing.
    assert!(roster.key(&key(ADA)).unwrap().is_bound());
    assert!(!roster.key(&key(BEN)).unwrap().is_bound());
}

#[test]
fn an_allowed_deployment_settles_and_the_next_starts_there() {
    let mut log = Log::new();
    let decision = log.decide("one", DecisionVerdict::Allow);
    log.deploy("one", Some(decision));
    assert_eq!(log.settled(), [0, 2]);
    let point = log.points().newest().unwrap();
    assert_eq!(point.revision, Some(revision("one")));
    assert_eq!(point.decision, Some(entry(1)));
    assert_eq!(point.cover, Some(samples::content("cover")));
    assert_eq!(point.time, Timestamp::from_milliseconds(2_000));
    assert!(log.points().live().unwrap().settled);
    let next = log.decide("two", DecisionVerdict::Allow);
    log.deploy("two", Some(next));
    assert_eq!(log.settled(), [0, 2, 4]);
}

/// ATTACKS 3: what a deployer's key says settles nothing by itself.
#[test]
fn a_deployment_without_an_allow_decision_does_not_settle() {
    let mut log = Log::new();
    log.deploy("evil", None);
    log.deploy("evil", Some(StatementId::from_bytes([0xee; 32])));
    let denied = log.decide("evil", DecisionVerdict::Deny);
    log.deploy("evil", Some(denied));
    assert_eq!(log.settled(), [0]);
    let live = log.points().live().unwrap();
    assert_eq!((&live.revision, live.settled), (&revision("evil"), false));
}

/// ATTACKS 3: nor does another revision, artifact, service or environment than was allowed.
#[test]
fn a_deployment_of_something_else_does_not_settle() {
    let mut log = Log::new();
    let decision = Some(log.decide("one", DecisionVerdict::Allow));
    log.deploy("evil", decision);
    log.deploy_with("one", decision, Outcome::Started, |body| {
        body.artifacts = vec![samples::content("evil artifact")];
    });
    log.deploy_with("one", decision, Outcome::Started, |body| {
        body.environment = EnvironmentName::new("production/eu-1").unwrap();
    });
    log.deploy_with("one", decision, Outcome::Started, |body| {
        body.service = ServiceName::new("payments").unwrap();
    });
    log.deploy_as("one", decision, Outcome::Failed);
    log.deploy_as("one", decision, Outcome::Unknown);
    assert_eq!(log.settled(), [0]);
    assert!(log.view.places().all(|(place, points)| {
        points.all().len() == usize::from(place == "checkout production")
    }));
    log.deploy_as("one", decision, Outcome::Succeeded);
    assert_eq!(log.settled(), [0, log.next() - 1]);
}

/// ATTACKS 31: of two decisions from one newest point, the first to settle kills the other.
#[test]
fn the_first_of_two_decisions_kills_the_other() {
    let mut log = Log::new();
    let left = log.decide("left", DecisionVerdict::Allow);
    let right = log.decide("right", DecisionVerdict::Allow);
    log.deploy("right", Some(right));
    log.deploy("left", Some(left));
    assert_eq!(log.settled(), [0, 3]);
    assert!(!log.points().live().unwrap().settled);
    // A decision is good for one deployment: its own killed it as well.
    log.deploy("right", Some(right));
    assert_eq!(log.settled(), [0, 3]);
}

/// ATTACKS 31: a decision that did not know the newest settled point never settles anything.
#[test]
fn a_decision_from_an_older_point_is_dead() {
    let mut log = Log::new();
    let first = log.decide("one", DecisionVerdict::Allow);
    log.deploy("one", Some(first));
    for newest in [Some(EntryIndex::new(0)), None, Some(EntryIndex::new(99))] {
        let stale = log.decide_from("old", DecisionVerdict::Allow, newest);
        log.deploy("old", Some(stale));
    }
    assert_eq!(log.settled(), [0, 2]);
    // A baseline is a newer point too.
    let decision = log.decide("two", DecisionVerdict::Allow);
    log.govern(vec![samples::baseline(Accepted::Nothing, Some(2))]);
    log.deploy("two", Some(decision));
    assert_eq!(log.settled(), [0, 2, log.next() - 2]);
    assert_eq!(log.points().newest().unwrap().revision, None);
}

/// ATTACKS 31: a reject or a withdrawal in the repository comes between.
#[test]
fn a_doubt_between_decision_and_deployment_prevents_settling() {
    for verdict in [ApprovalVerdict::Reject, ApprovalVerdict::Withdraw] {
        let mut log = Log::new();
        let decision = log.decide("one", DecisionVerdict::Allow);
        log.push(samples::verdict_on(verdict, 0), ADA);
        log.deploy("one", Some(decision));
        assert_eq!(log.settled(), [0], "{verdict}");
        // Deciding again knows the doubt.
        let again = log.decide("one", DecisionVerdict::Allow);
        log.deploy("one", Some(again));
        assert_eq!(log.settled(), [0, 5], "{verdict}");
    }
}

/// A reject is of the change itself, whatever repository it names: a verdict hears it everywhere,
/// so it is a doubt everywhere. An approval is none.
#[test]
fn an_approval_is_no_doubt_and_a_reject_is_one_wherever_it_is_said() {
    let mut log = Log::new();
    let decision = log.decide("one", DecisionVerdict::Allow);
    log.push(samples::approval(), ADA);
    log.deploy("one", Some(decision));
    assert_eq!(log.settled(), [0, 3]);
    let decision = log.decide("two", DecisionVerdict::Allow);
    let mut elsewhere = samples::verdict_on(ApprovalVerdict::Reject, 0);
    let Says::Approval(body) = &mut elsewhere.says else { unreachable!("an approval") };
    body.rows[0].repository = Some("other".parse().unwrap());
    log.push(elsewhere, ADA);
    log.deploy("two", Some(decision));
    assert_eq!(log.settled(), [0, 3]);
}

/// ATTACKS 31: a leak is a doubt everywhere, a retirement is none; neither is a rejected artifact
/// bound to a repository, so it is a doubt everywhere.
#[test]
fn a_leak_is_a_doubt_everywhere() {
    let revoke =
        |cause| vec![Operation::RevokeKey(RevokeKey { key: key(BEN), cause, since: None })];
    for (cause, settles) in [(Revocation::Leaked, false), (Revocation::Retired, true)] {
        let mut log = Log::new();
        let decision = log.decide("one", DecisionVerdict::Allow);
        log.govern(revoke(cause));
        log.deploy("one", Some(decision));
        assert_eq!(log.settled().len(), 1 + usize::from(settles), "{cause}");
    }
    let mut log = Log::new();
    let decision = log.decide("one", DecisionVerdict::Allow);
    let mut artifact = samples::artifact_approval();
    let Says::Approval(body) = &mut artifact.says else { unreachable!("an approval") };
    body.verdict = ApprovalVerdict::Reject;
    log.push(artifact, ADA);
    log.deploy("one", Some(decision));
    assert_eq!(log.settled(), [0]);
}

/// An outcome names its beginning and changes no settled point.
#[test]
fn an_outcome_settles_nothing() {
    let mut log = Log::new();
    let decision = Some(log.decide("one", DecisionVerdict::Allow));
    log.push(samples::deployment(Outcome::Succeeded), GATE);
    assert_eq!(log.settled(), [0]);
    log.deploy("one", decision);
    let before = log.points().clone();
    log.push(samples::deployment(Outcome::Succeeded), GATE);
    assert_eq!(log.points(), &before);
}

#[test]
fn a_lift_is_known_by_its_entry() {
    let log = eventful();
    assert!(log.view.is_lifted(EntryIndex::new(3)));
    assert!(!log.view.is_lifted(EntryIndex::new(4)));
    assert_eq!(log.settled(), [0, 2, 11]);
    assert_eq!(log.view.policies().len(), 2);
}

/// Resuming from a stored view anywhere gives what a fresh fold gives.
#[test]
fn a_resumed_fold_equals_a_fresh_one() {
    let log = eventful();
    for stop in 0..=log.entries.len() {
        let mut view = View::default();
        for (statement, seed) in &log.entries[..stop] {
            apply(&mut view, statement, *seed);
        }
        let stored = serde_json::to_vec(&view).unwrap();
        let mut resumed: View = serde_json::from_slice(&stored).unwrap();
        assert_eq!(resumed, view, "stored at {stop}");
        for (statement, seed) in &log.entries[stop..] {
            apply(&mut resumed, statement, *seed);
        }
        assert_eq!(resumed, log.view, "resumed at {stop}");
        assert_eq!(serde_json::to_vec(&resumed).unwrap(), serde_json::to_vec(&log.view).unwrap());
    }
}

/// ATTACKS 31: a reject that the gate had not seen yet was not weighed.
#[test]
fn a_reject_that_the_gate_had_not_seen_prevents_settling() {
    let mut log = Log::new();
    log.push(samples::verdict_on(ApprovalVerdict::Reject, 0), ADA); // entry 1
    let mut statement = samples::decision(DecisionVerdict::Allow);
    let Says::Decision(body) = &mut statement.says else { unreachable!("a decision") };
    (body.revision, body.newest) = (revision("one"), Some(EntryIndex::new(0)));
    statement.seen.as_mut().unwrap().size = TreeSize::new(1); // push() overwrites: apply directly
    apply(&mut log.view, &statement, GATE); // entry 2
    log.deploy("one", Some(samples::id(&statement)));
    assert_eq!(log.settled(), [0]);
}

/// ATTACKS 29: what a later entry says never changes what an earlier size sees.
#[test]
fn a_later_leak_does_not_revive_a_retired_key_as_of_earlier() {
    let mut log = Log::new();
    let revoke = |cause, since| Operation::RevokeKey(RevokeKey { key: key(BEN), cause, since });
    log.govern(vec![revoke(Revocation::Retired, None)]);
    log.govern(vec![samples::policy("")]);
    let before = log.view.roster().keys_of(&member("ben"), TreeSize::new(3));
    log.govern(vec![revoke(Revocation::Leaked, Some(EntryIndex::new(0)))]);
    assert_eq!(log.view.roster().keys_of(&member("ben"), TreeSize::new(3)), before);
}
