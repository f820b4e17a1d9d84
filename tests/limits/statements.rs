//! Limits of statements, and of what they are written with.

use countersign::base::digest::{Commitment, ContentDigest, EmailDigest, LeafHash, RootHash};
use countersign::base::encoding;
use countersign::base::json;
use countersign::base::limits::*;
use countersign::base::name::{MemberId, ReferenceName, Uri};
use countersign::base::position::TreeSize;
use countersign::base::time::Timestamp;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::break_glass::Override;
use countersign::statement::envelope::{Envelope, EnvelopeSignature};
use countersign::statement::governance::{
    Governance, Operation, RetireMember, RotateLedgerKey, SetMember,
};
use countersign::statement::words::{ApprovalVerdict, MemberKind, Shown, SubjectType};
use countersign::statement::{Nonce, Says, Seen, Statement};

use crate::both;
use crate::support::NOW;

fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

fn statement(says: Says) -> Statement {
    let seen = Seen { size: TreeSize::new(1), root: RootHash::from_bytes([1; 32]) };
    Statement {
        ledger: Some(LeafHash::from_bytes([2; 32])),
        by: id("ada"),
        nonce: Nonce::from_bytes([3; 16]),
        seen: Some(seen),
        says,
    }
}

fn governance(operations: Vec<Operation>) -> Statement {
    let base = Some(LeafHash::from_bytes([4; 32]));
    statement(Says::Governance(Governance { genesis: None, base, operations }))
}

limits! {
    an_integer: INTEGER_MAX => {
        assert_eq!(encoding::undecimal(&INTEGER_MAX.to_string()).unwrap(), INTEGER_MAX);
        assert!(encoding::undecimal(&(INTEGER_MAX + 1).to_string()).is_err());
        let json = |number: u64| json::check(format!("{{\"a\":{number}}}").as_bytes(), 100);
        assert!(json(INTEGER_MAX).is_ok() && json(INTEGER_MAX + 1).is_err());
    }
    depth: JSON_DEPTH_MAX => {
        both(JSON_DEPTH_MAX, "nested deeper", |depth| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            json::check(format!("{{\"a\":{open}{close}}}").as_bytes(), 1_000)
        });
    }
    a_payload: PAYLOAD_BYTES_MAX => {
        both(PAYLOAD_BYTES_MAX, "bytes", |length| {
            let fill = "x".repeat(length - 8);
            json::check(format!("{{\"a\":\"{fill}\"}}").as_bytes(), PAYLOAD_BYTES_MAX)
        });
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(PAYLOAD_BYTES_MAX));
        assert!(Statement::parse(large.as_bytes()).is_err());
    }
    signatures: SIGNATURES_MAX => {
        both(SIGNATURES_MAX, "signatures", |count| {
            let one = |number: usize| {
                let mut keyid = [8; 32];
                keyid[0] = u8::try_from(number).unwrap();
                EnvelopeSignature {
                    keyid: countersign::key::KeyId::from_bytes(keyid),
                    signature: countersign::key::Signature::Plain([9; 64]),
                }
            };
            let envelope = Envelope::new(b"{}".to_vec(), (0..count).map(one).collect());
            Envelope::parse(&envelope.to_canonical())
        });
    }
    subjects: SUBJECTS_MAX => {
        both(SUBJECTS_MAX, "subjects", |count| {
            let row = |number: usize| {
                let mut hash = [10; 32];
                hash[0] = u8::try_from(number).unwrap();
                ApprovalRow {
                    hash: ContentDigest::from_bytes(hash),
                    repository: None,
                    target: None,
                    service: None,
                    base: None,
                    head: None,
                    assistance_seen: None,
                    shown: Shown::Diff,
                    supersedes: None,
                }
            };
            statement(Says::Approval(Approval {
                verdict: ApprovalVerdict::Approve,
                subject_type: SubjectType::Artifact,
                rows: (0..count).map(row).collect(),
                withdraws: None,
                comment: None,
                checklist: Vec::new(),
            }))
            .to_payload()
        });
    }
    operations: OPERATIONS_MAX => {
        both(OPERATIONS_MAX, "operations", |count| {
            let one = Operation::RetireMember(RetireMember { member: id("ben"), reason: None });
            governance(vec![one; count]).to_payload()
        });
    }
    items_of_a_list: LIST_ITEMS_MAX => {
        both(LIST_ITEMS_MAX, "sorted list", |count| {
            let email = |number: usize| {
                let mut bytes = [0; 32];
                bytes[0] = u8::try_from(number).unwrap();
                EmailDigest::from_bytes(bytes)
            };
            let member = SetMember {
                member: id("ben"),
                kind: MemberKind::Human,
                level: None,
                teams: Vec::new(),
                duties: Vec::new(),
                operator: None,
                profile: None,
                emails: (0..count).map(email).collect(),
            };
            governance(vec![Operation::SetMember(member)]).to_payload()
        });
    }
    a_name: NAME_BYTES_MAX => {
        both(NAME_BYTES_MAX, "not a", |length| MemberId::new("a".repeat(length)));
    }
    a_reference: REFERENCE_BYTES_MAX => {
        both(REFERENCE_BYTES_MAX, "not a", |length| {
            ReferenceName::new(format!("refs/heads/{}", "a".repeat(length - 11)))
        });
    }
    a_uri: URI_BYTES_MAX => {
        both(URI_BYTES_MAX, "not a", |length| Uri::new(format!("x:{}", "a".repeat(length - 2))));
    }
    a_ledger_key: LEDGER_KEY_BYTES_MAX => {
        both(LEDGER_KEY_BYTES_MAX, "ledger key", |length| {
            let rotation = RotateLedgerKey { ledger_key: "k".repeat(length) };
            governance(vec![Operation::RotateLedgerKey(rotation)]).to_payload()
        });
    }
    an_override: OVERRIDE_MILLISECONDS_MAX => {
        both(usize::try_from(OVERRIDE_MILLISECONDS_MAX).unwrap(), "at most a day", |lasts| {
            statement(Says::Override(Override {
                service: "shop".parse().unwrap(),
                environment: "production".parse().unwrap(),
                repository: "shop".parse().unwrap(),
                revision: "0".repeat(40).parse().unwrap(),
                artifacts: Vec::new(),
                claimed: NOW,
                expires: Timestamp::from_milliseconds(NOW.milliseconds() + lasts as u64),
                reason: Commitment::from_bytes([1; 32]),
                incident: None,
                drill: None,
            }))
            .to_payload()
        });
    }
}
