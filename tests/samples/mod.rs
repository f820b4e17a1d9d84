//! Statements with fixed bytes, as `spec/vectors/statement/` shows them.

#![allow(dead_code, reason = "each test binary uses some of these")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]
#![allow(missing_docs, reason = "the names say it")]
#![allow(clippy::unwrap_used, reason = "fixed values: a wrong one is a failed test")]

use countersign::base::digest::{
    ChangeHash, Commitment, ContentDigest, EmailDigest, LeafHash, RootHash, StatementId, sha256,
};
use countersign::base::encoding;
use countersign::base::name::{MemberId, Origin, Revision};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::{PublicKey, SeedSigner, Signature, Signer as _};
use countersign::statement::approval::{Approval, ApprovalRow, ChecklistAnswer};
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::change::{Declaration, DeclaredAuthor, Landed};
use countersign::statement::envelope::{Envelope, EnvelopeSignature};
use countersign::statement::governance::{
    Accepted, AddKey, ConfirmClock, Delegate, EndDelegation, EntryReference, Genesis, Governance,
    Lift, Operation, RetireMember, RevokeKey, RotateLedgerKey, SetAdmins, SetBaseline, SetMember,
    SetPolicy,
};
use countersign::statement::pipeline::{Build, Decision, Deployment, Embedded};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, DecisionVerdict, Duty, MemberKind, Mode, Outcome, Revocation,
    Shown, SubjectType,
};
use countersign::statement::{Nonce, Says, Seen, Statement};

/// The seeds of the vectors: 32 times the same byte.
pub const ADA: u8 = 1;
pub const BEN: u8 = 2;
pub const GATE: u8 = 3;
pub const LEDGER: u8 = 9;

pub const ORIGIN: &str = "shop.example/ledger";

pub fn signer(seed: u8) -> SeedSigner {
    SeedSigner::from_seed(&[seed; 32], "vector").unwrap()
}

/// 32 bytes that are the digest of a label.
pub fn bytes(label: &str) -> [u8; 32] {
    sha256(&[label.as_bytes()])
}

pub fn content(label: &str) -> ContentDigest {
    ContentDigest::from_bytes(bytes(label))
}

pub fn commitment(label: &str) -> Commitment {
    Commitment::from_bytes(bytes(label))
}

pub fn member(id: &str) -> MemberId {
    MemberId::new(id).unwrap()
}

pub fn revision(label: &str) -> Revision {
    Revision::new(&encoding::hex(&bytes(label))[..40]).unwrap()
}

pub fn entry(index: u64) -> EntryReference {
    let leaf = LeafHash::from_bytes(bytes(&format!("leaf {index}")));
    EntryReference { index: EntryIndex::new(index), leaf }
}

/// A verifier key as signed notes write it: name, key id, and the algorithm with the public key.
pub fn ledger_key(seed: u8) -> String {
    let key = [&[1][..], signer(seed).public_key().key_bytes()].concat();
    let id = sha256(&[ORIGIN.as_bytes(), b"\n", &key]);
    format!("{ORIGIN}+{}+{}", encoding::hex(&id[..4]), encoding::base64(&key))
}

/// A statement of a ledger of 40 entries, whose entry 0 is `entry(0)`.
pub fn statement(by: &str, nonce: u8, says: Says) -> Statement {
    let seen = Seen { size: TreeSize::new(40), root: RootHash::from_bytes(bytes("root 40")) };
    Statement {
        ledger: Some(entry(0).leaf),
        by: member(by),
        nonce: Nonce::from_bytes([nonce; 16]),
        seen: Some(seen),
        says,
    }
}

pub fn human(id: &str, duties: Vec<Duty>) -> SetMember {
    SetMember {
        member: member(id),
        kind: MemberKind::Human,
        level: Some("senior".parse().unwrap()),
        teams: vec!["sre".parse().unwrap(), "web/checkout".parse().unwrap()],
        duties,
        operator: None,
        profile: Some(commitment(&format!("profile {id}"))),
        emails: vec![EmailDigest::from_bytes(bytes(&format!("email {id}")))],
    }
}

pub fn plain_member(id: &str, kind: MemberKind, duties: Vec<Duty>) -> SetMember {
    SetMember {
        member: member(id),
        kind,
        level: None,
        teams: Vec::new(),
        duties,
        operator: None,
        profile: None,
        emails: Vec::new(),
    }
}

pub fn add_key(id: &str, seed: u8) -> Operation {
    let key = signer(seed).public_key().clone();
    Operation::AddKey(AddKey { member: member(id), key, attestation: None })
}

pub fn baseline(accepted: Accepted, replaces: Option<u64>) -> Operation {
    Operation::SetBaseline(SetBaseline {
        service: "checkout".parse().unwrap(),
        environment: "production".parse().unwrap(),
        accepted,
        replaces: replaces.map(EntryIndex::new),
        reason: replaces.map(|_| commitment("why the baseline moves")),
    })
}

pub fn policy(text: &str) -> Operation {
    Operation::SetPolicy(SetPolicy { text: text.to_owned() })
}

pub fn genesis() -> Statement {
    let mut statement = statement(
        "ada",
        0x10,
        Says::Governance(Governance {
            genesis: Some(Genesis {
                origin: Origin::new(ORIGIN).unwrap(),
                ledger_key: ledger_key(LEDGER),
                salt: commitment("salt"),
            }),
            base: None,
            operations: vec![
                Operation::SetMember(human("ada", vec![Duty::Review, Duty::Override])),
                add_key("ada", ADA),
                Operation::SetMember(human("ben", vec![Duty::Review])),
                add_key("ben", BEN),
                Operation::SetMember(plain_member(
                    "gate",
                    MemberKind::Service,
                    vec![Duty::Build, Duty::Decide, Duty::Deploy],
                )),
                add_key("gate", GATE),
                Operation::SetAdmins(SetAdmins {
                    admins: vec![member("ada"), member("ben")],
                    threshold: 2,
                }),
                policy("version = 1\n"),
                baseline(Accepted::UpTo(revision("base")), None),
            ],
        }),
    );
    (statement.ledger, statement.seen) = (None, None);
    statement
}

pub fn security_key() -> PublicKey {
    PublicKey::security_key(*signer(ADA).public_key().key_bytes(), "ssh:").unwrap()
}

/// One governance statement with each of the operations.
pub fn governance() -> Statement {
    let agent = SetMember {
        operator: Some(member("ada")),
        ..plain_member("helper", MemberKind::Agent, Vec::new())
    };
    let hardware = AddKey {
        member: member("ada"),
        key: security_key(),
        attestation: Some(content("attestation")),
    };
    let leaked = RevokeKey {
        key: signer(BEN).public_key().fingerprint(),
        cause: Revocation::Leaked,
        since: Some(EntryIndex::new(33)),
    };
    statement(
        "ada",
        0x11,
        Says::Governance(Governance {
            genesis: None,
            base: Some(entry(20).leaf),
            operations: vec![
                Operation::SetMember(agent),
                Operation::RetireMember(RetireMember {
                    member: member("ben"),
                    reason: Some(commitment("left")),
                }),
                Operation::AddKey(hardware),
                Operation::RevokeKey(leaked),
                Operation::SetAdmins(SetAdmins { admins: vec![member("ada")], threshold: 1 }),
                Operation::RotateLedgerKey(RotateLedgerKey { ledger_key: ledger_key(10) }),
                Operation::Lift(Lift { entry: entry(31), reason: commitment("absent") }),
                Operation::ConfirmClock(ConfirmClock {
                    until: Timestamp::from_milliseconds(1_795_305_600_000),
                }),
                policy("version = 1\nlevels = [\"senior\"]\n"),
                baseline(Accepted::Nothing, Some(12)),
                Operation::Delegate(Delegate {
                    service: member("sync"),
                    below: "senior".parse().unwrap(),
                    teams: vec!["web/checkout".parse().unwrap()],
                }),
                Operation::EndDelegation(EndDelegation { service: member("sync") }),
            ],
        }),
    )
}

pub fn declaration() -> Statement {
    statement(
        "ben",
        0x20,
        Says::Change(Declaration {
            change: ChangeHash::from_bytes(bytes("change 1")),
            repository: "shop".parse().unwrap(),
            base: Some(revision("base")),
            head: revision("head 1"),
            target: "refs/heads/main".parse().unwrap(),
            authors: vec![
                DeclaredAuthor::Member(member("ben")),
                DeclaredAuthor::Member(member("helper")),
                DeclaredAuthor::Email(EmailDigest::from_bytes(bytes("email guest"))),
            ],
            request: Some("SHOP-4711".parse().unwrap()),
            predecessor: Some(ChangeHash::from_bytes(bytes("change 0"))),
            assistance: Assistance::Generated,
            tools: vec!["Completer 3".parse().unwrap(), "refactorer".parse().unwrap()],
        }),
    )
}

pub fn landed() -> Statement {
    statement(
        "gate",
        0x21,
        Says::Landed(Landed {
            change: ChangeHash::from_bytes(bytes("change 1")),
            repository: "shop".parse().unwrap(),
            base: Some(revision("base")),
            head: revision("landed 1"),
            target: "refs/heads/main".parse().unwrap(),
            step: content("step 1"),
        }),
    )
}

pub fn change_row(number: u8) -> ApprovalRow {
    ApprovalRow {
        hash: content(&format!("change {number}")),
        repository: Some("shop".parse().unwrap()),
        target: Some("refs/heads/main".parse().unwrap()),
        service: None,
        base: Some(revision("base")),
        head: Some(revision(&format!("head {number}"))),
        assistance_seen: Some(Assistance::Generated),
        shown: Shown::Diff,
        supersedes: None,
    }
}

pub fn approval() -> Statement {
    let newer = ApprovalRow {
        shown: Shown::Interdiff,
        supersedes: Some(content("change 0")),
        ..change_row(1)
    };
    statement(
        "ada",
        0x30,
        Says::Approval(Approval {
            verdict: ApprovalVerdict::Approve,
            subject_type: SubjectType::Change,
            rows: vec![newer, change_row(2)],
            withdraws: None,
            comment: Some(commitment("read twice")),
            checklist: vec![
                ChecklistAnswer {
                    item: "blast radius".parse().unwrap(),
                    answer: commitment("one cell"),
                },
                ChecklistAnswer {
                    item: "rollback plan".parse().unwrap(),
                    answer: commitment("redeploy"),
                },
            ],
        }),
    )
}

pub fn verdict_on(verdict: ApprovalVerdict, nonce: u8) -> Statement {
    let withdraws = (verdict == ApprovalVerdict::Withdraw).then(|| entry(35));
    statement(
        "ada",
        nonce,
        Says::Approval(Approval {
            verdict,
            subject_type: SubjectType::Change,
            rows: vec![change_row(1)],
            withdraws,
            comment: None,
            checklist: Vec::new(),
        }),
    )
}

pub fn artifact_approval() -> Statement {
    let row = ApprovalRow {
        hash: content("artifact"),
        repository: None,
        target: None,
        service: Some("checkout".parse().unwrap()),
        base: None,
        head: None,
        assistance_seen: None,
        shown: Shown::None,
        supersedes: None,
    };
    statement(
        "ada",
        0x33,
        Says::Approval(Approval {
            verdict: ApprovalVerdict::Approve,
            subject_type: SubjectType::Artifact,
            rows: vec![row],
            withdraws: None,
            comment: None,
            checklist: Vec::new(),
        }),
    )
}

pub fn build() -> Statement {
    statement(
        "gate",
        0x40,
        Says::Build(Build {
            artifact: content("artifact"),
            repository: "shop".parse().unwrap(),
            revision: revision("release"),
            provenance: Some(content("provenance")),
            embedded: None,
        }),
    )
}

/// A provenance of the sample build; its signature is that of nobody.
pub fn provenance() -> Vec<u8> {
    let statement = format!(
        "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{{\"name\":\"shop.tar\",\
         \"digest\":{{\"sha256\":\"{}\"}}}}],\
         \"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{{\
         \"buildDefinition\":{{\"buildType\":\"https://builds.example/v1\",\
         \"externalParameters\":{{}},\"resolvedDependencies\":[{{\
         \"uri\":\"git+https://git.example/acme/shop@refs/heads/main\",\
         \"digest\":{{\"gitCommit\":\"{}\"}}}}]}},\
         \"runDetails\":{{\"builder\":{{\"id\":\"https://builds.example/1\"}}}}}}}}",
        content("artifact"),
        revision("release"),
    );
    let payload = encoding::base64(statement.as_bytes());
    format!(
        "{{\"payload\":\"{payload}\",\"payloadType\":\"application/vnd.in-toto+json\",\
         \"signatures\":[{{\"keyid\":\"\",\"sig\":\"AA==\"}}]}}"
    )
    .into_bytes()
}

/// A build whose provenance stands in the statement.
pub fn build_embedded() -> Statement {
    let digest = ContentDigest::of(&provenance());
    statement(
        "gate",
        0x41,
        Says::Build(Build {
            artifact: content("artifact"),
            repository: "shop".parse().unwrap(),
            revision: revision("release"),
            provenance: Some(digest),
            embedded: Embedded::new(provenance()),
        }),
    )
}

pub fn decision(verdict: DecisionVerdict) -> Statement {
    let allows = verdict == DecisionVerdict::Allow;
    let reasons: &[&str] = if allows { &[] } else { &["NEEDS_LEVEL", "REJECTED"] };
    statement(
        "gate",
        if allows { 0x50 } else { 0x51 },
        Says::Decision(Decision {
            service: "checkout".parse().unwrap(),
            environment: "production".parse().unwrap(),
            repository: "shop".parse().unwrap(),
            revision: revision("release"),
            artifacts: vec![content("artifact")],
            verdict,
            mode: Mode::Enforce,
            start: Some(EntryIndex::new(12)),
            newest: Some(EntryIndex::new(12)),
            policy: EntryIndex::new(0),
            trust: content("trust root"),
            reasons: reasons.iter().map(|reason| reason.parse().unwrap()).collect(),
            cover: allows.then(|| content("cover")),
            overrides: Vec::new(),
            program: "countersign 0.1.0".parse().unwrap(),
        }),
    )
}

pub fn deployment(outcome: Outcome) -> Statement {
    let starts = outcome == Outcome::Started;
    statement(
        "gate",
        if starts { 0x60 } else { 0x61 },
        Says::Deployment(Deployment {
            service: "checkout".parse().unwrap(),
            environment: "production".parse().unwrap(),
            revision: revision("release"),
            artifacts: vec![content("artifact")],
            decision: starts.then(|| id(&decision(DecisionVerdict::Allow))),
            overrides: Vec::new(),
            started: (!starts).then(|| id(&deployment(Outcome::Started))),
            outcome,
            trigger: Some("merge:8812".parse().unwrap()),
            run: Some("https://ci.example/runs/77".parse().unwrap()),
        }),
    )
}

/// An override; a drill is the same with the mark.
pub fn break_glass(drill: Option<Drill>) -> Statement {
    let claimed = 1_795_305_600_000;
    statement(
        "ada",
        if drill.is_none() { 0x70 } else { 0x71 },
        Says::Override(Override {
            service: "checkout".parse().unwrap(),
            environment: "production".parse().unwrap(),
            repository: "shop".parse().unwrap(),
            revision: revision("release"),
            artifacts: vec![content("artifact")],
            claimed: Timestamp::from_milliseconds(claimed),
            expires: Timestamp::from_milliseconds(claimed + 4 * 3_600_000),
            reason: commitment("payments are down"),
            incident: Some("INC-204".parse().unwrap()),
            drill,
        }),
    )
}

/// A denial that an override lets through.
pub fn overridden_decision() -> Statement {
    let mut statement = decision(DecisionVerdict::Deny);
    statement.nonce = Nonce::from_bytes([0x52; 16]);
    if let Says::Decision(body) = &mut statement.says {
        body.overrides = vec![id(&break_glass(None))];
    }
    statement
}

/// A deployment that rests on an override alone, no gate being in reach.
pub fn overriding_deployment() -> Statement {
    let mut statement = deployment(Outcome::Started);
    statement.nonce = Nonce::from_bytes([0x62; 16]);
    if let Says::Deployment(body) = &mut statement.says {
        body.decision = None;
        body.overrides = vec![id(&break_glass(None))];
    }
    statement
}

/// Every valid statement, with its file name and the seed of its signer.
pub fn all() -> Vec<(&'static str, u8, Statement)> {
    vec![
        ("governance_genesis", ADA, genesis()),
        ("governance_operations", ADA, governance()),
        ("change", BEN, declaration()),
        ("change_landed", GATE, landed()),
        ("approval_approve", ADA, approval()),
        ("approval_reject", ADA, verdict_on(ApprovalVerdict::Reject, 0x31)),
        ("approval_withdraw", ADA, verdict_on(ApprovalVerdict::Withdraw, 0x32)),
        ("approval_artifact", ADA, artifact_approval()),
        ("build", GATE, build()),
        ("build_embedded", GATE, build_embedded()),
        ("decision_allow", GATE, decision(DecisionVerdict::Allow)),
        ("decision_deny", GATE, decision(DecisionVerdict::Deny)),
        ("deployment_started", GATE, deployment(Outcome::Started)),
        ("deployment_succeeded", GATE, deployment(Outcome::Succeeded)),
        ("decision_overridden", GATE, overridden_decision()),
        ("deployment_overriding", GATE, overriding_deployment()),
        ("override", ADA, break_glass(None)),
        ("override_drill", ADA, break_glass(Some(Drill))),
    ]
}

/// The identity of a statement.
pub fn id(statement: &Statement) -> StatementId {
    Envelope::new(statement.to_payload().unwrap(), Vec::new()).statement_id()
}

/// A plain signature over a payload, whatever the payload is.
pub fn sign(payload: &[u8], seed: u8) -> EnvelopeSignature {
    let signer = signer(seed);
    let message = Envelope::new(payload.to_vec(), Vec::new()).pre_authentication_encoding();
    EnvelopeSignature {
        keyid: signer.public_key().fingerprint(),
        signature: Signature::Plain(signer.sign_plain(&message)),
    }
}

/// An envelope around a payload.
pub fn envelope(payload: &[u8], seed: u8) -> Envelope {
    Envelope::new(payload.to_vec(), vec![sign(payload, seed)])
}

/// What a security key with the seed of `ADA` would sign: touched, counter 7.
pub fn sign_with_security_key(payload: &[u8]) -> EnvelopeSignature {
    let message = Envelope::new(payload.to_vec(), Vec::new()).pre_authentication_encoding();
    let (flags, counter): (u8, u32) = (1, 7);
    let signed =
        [&bytes("ssh:")[..], &[flags], &counter.to_be_bytes(), &sha256(&[&message])].concat();
    let signature = signer(ADA).sign_plain(&signed);
    EnvelopeSignature {
        keyid: security_key().fingerprint(),
        signature: Signature::Sk { signature, flags, counter },
    }
}
