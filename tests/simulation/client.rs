//! Those who sign: a reviewer hands in a statement until it is answered for good.

use countersign::base::digest::{ContentDigest, LeafHash, StatementId};
use countersign::base::name::{MemberId, Origin};
use countersign::base::time::Timestamp;
use countersign::key::{SeedSigner, Signer as _};
use countersign::note::key::NoteSigner;
use countersign::session::sign;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::commitment::{EmailSalt, Opening};
use countersign::statement::envelope::Envelope;
use countersign::statement::governance::{
    AddKey, ConfirmClock, EntryReference, Genesis, Governance, Operation, SetAdmins, SetMember,
};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, Duty, MemberKind, Shown, SubjectType,
};
use countersign::statement::{Nonce, Says, Seen, Statement};

use crate::world::Random;

pub(crate) const ORIGIN: &str = "simulation.example/ledger";
/// The admin, and the reviewers that a run begins with.
pub(crate) const ADMIN: &str = "ada";
pub(crate) const REVIEWERS: [&str; 5] = ["ben", "cleo", "dan", "eve", "fay"];

pub(crate) fn ledger_key() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[200; 32]).unwrap()
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

fn key(name: &str) -> SeedSigner {
    SeedSigner::from_seed(&[name.as_bytes()[0]; 32], name).unwrap()
}

fn nonce(random: &mut Random) -> Nonce {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random.bytes()[..16]);
    Nonce::from_bytes(bytes)
}

/// Entry 0: the admin and all reviewers.
pub(crate) fn genesis() -> Envelope {
    let mut operations = Vec::new();
    for name in [ADMIN].into_iter().chain(REVIEWERS) {
        operations.push(Operation::SetMember(SetMember {
            member: id(name),
            kind: MemberKind::Human,
            level: None,
            teams: Vec::new(),
            duties: vec![Duty::Review],
            operator: None,
            profile: None,
            emails: Vec::new(),
        }));
        let key = key(name).public_key().clone();
        operations.push(Operation::AddKey(AddKey { member: id(name), key, attestation: None }));
    }
    operations.push(Operation::SetAdmins(SetAdmins { admins: vec![id(ADMIN)], threshold: 1 }));
    let genesis = Genesis {
        origin: Origin::new(ORIGIN).unwrap(),
        ledger_key: ledger_key().verifier_key().to_string(),
        salt: EmailSalt::from_bytes([1; 32]).commitment(),
    };
    let statement = Statement {
        ledger: None,
        by: id(ADMIN),
        nonce: Nonce::from_bytes([0; 16]),
        seen: None,
        says: Says::Governance(Governance { genesis: Some(genesis), base: None, operations }),
    };
    sign(&statement, &key(ADMIN)).unwrap()
}

/// What somebody wants to have in the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: StatementId,
    pub(crate) envelope: Vec<u8>,
    /// What is kept beside the ledger before the entry.
    pub(crate) opening: Option<Opening>,
}

impl Request {
    fn new(envelope: &Envelope, opening: Option<Opening>) -> Self {
        Self { id: envelope.statement_id(), envelope: envelope.to_canonical(), opening }
    }
}

/// Somebody with at most one request under way.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// The newest tree that this one has a receipt under.
    pub(crate) seen: Option<Seen>,
    pub(crate) wants: Option<Request>,
    /// When it was handed in last; none while it is to be handed in.
    pub(crate) since: Option<u64>,
    /// Whether it was handed in before.
    pub(crate) is_retry: bool,
}

impl Client {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, seen: None, wants: None, since: None, is_retry: false }
    }

    /// A sign-off, resting on what this client has seen.
    pub(crate) fn approve(&mut self, ledger: LeafHash, random: &mut Random) {
        let opening = Opening::new(random.bytes(), format!("why {}", random.next())).unwrap();
        let comment = random.chance(50).then_some(opening);
        let says = Says::Approval(Approval {
            verdict: ApprovalVerdict::Approve,
            subject_type: SubjectType::Change,
            rows: vec![ApprovalRow {
                hash: ContentDigest::from_bytes(random.bytes()),
                repository: Some("shop".parse().unwrap()),
                target: Some("refs/heads/main".parse().unwrap()),
                service: None,
                base: None,
                head: Some("0".repeat(40).parse().unwrap()),
                assistance_seen: Some(Assistance::Generated),
                shown: Shown::Diff,
                supersedes: None,
            }],
            withdraws: None,
            comment: comment.as_ref().and_then(Opening::commitment),
            checklist: Vec::new(),
        });
        self.want(ledger, says, comment, random);
    }

    /// The admin accepts the jump of a clock.
    pub(crate) fn confirm_clock(
        &mut self,
        ledger: LeafHash,
        base: Option<EntryReference>,
        until: u64,
        random: &mut Random,
    ) {
        let until = Timestamp::from_milliseconds(until);
        let says = Says::Governance(Governance {
            genesis: None,
            base: base.map(|entry| entry.leaf),
            operations: vec![Operation::ConfirmClock(ConfirmClock { until })],
        });
        self.want(ledger, says, None, random);
    }

    fn want(
        &mut self,
        ledger: LeafHash,
        says: Says,
        opening: Option<Opening>,
        random: &mut Random,
    ) {
        let statement = Statement {
            ledger: Some(ledger),
            by: id(self.name),
            nonce: nonce(random),
            seen: self.seen,
            says,
        };
        let envelope = sign(&statement, &key(self.name)).unwrap();
        self.wants = Some(Request::new(&envelope, opening));
        (self.since, self.is_retry) = (None, false);
    }
}
