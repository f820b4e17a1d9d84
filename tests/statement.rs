//! Properties of statements and envelopes (`spec/statement.md`), over generated ones of every
//! kind and over bytes that are none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod samples;

use std::collections::BTreeSet;

use countersign::base::digest::{
    ChangeHash, Commitment, ContentDigest, EmailDigest, LeafHash, RootHash, StatementId,
};
use countersign::base::limits::PAYLOAD_BYTES_MAX;
use countersign::base::name::{
    ChecklistItem, EnvironmentName, MemberId, Origin, ReferenceName, RequestId, Revision,
    ServiceName,
};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::{Signature, Signer as _};
use countersign::statement::approval::{Approval, ApprovalRow, ChecklistAnswer};
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::commitment::{EmailSalt, Opening};
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
use countersign::statement::{Nonce, Says, Seen, Statement, StatementError};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use samples::ADA;

// Leaves: digests, numbers, names.

fn any_bytes() -> impl Strategy<Value = [u8; 32]> {
    any::<u64>().prop_map(|seed| samples::bytes(&seed.to_string()))
}

fn content() -> impl Strategy<Value = ContentDigest> {
    any_bytes().prop_map(ContentDigest::from_bytes)
}

fn commitment() -> impl Strategy<Value = Commitment> {
    any_bytes().prop_map(Commitment::from_bytes)
}

fn index() -> impl Strategy<Value = EntryIndex> {
    prop_oneof![0..100_u64, Just((1 << 53) - 1)].prop_map(EntryIndex::new)
}

fn entry() -> impl Strategy<Value = EntryReference> {
    (index(), any_bytes())
        .prop_map(|(index, leaf)| EntryReference { index, leaf: LeafHash::from_bytes(leaf) })
}

fn name<T>(pattern: &'static str) -> impl Strategy<Value = T>
where
    T: std::str::FromStr + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    // No regular expressions: letters of the pattern, first one plain.
    let letters: Vec<char> = pattern.chars().collect();
    vec(select(letters), 0..12)
        .prop_map(|rest| format!("a{}", rest.iter().collect::<String>()).parse().unwrap())
}

fn plain<T: std::str::FromStr + std::fmt::Debug>() -> impl Strategy<Value = T>
where
    T::Err: std::fmt::Debug,
{
    name("abz019._-")
}

fn token() -> impl Strategy<Value = RequestId> {
    name("aZ9:/#?&=+%<>{}[]~")
}

fn revision() -> impl Strategy<Value = Revision> {
    (any_bytes(), any::<bool>()).prop_map(|(bytes, long)| {
        let hex = countersign::base::encoding::hex(&bytes);
        Revision::new(if long { &hex[..] } else { &hex[..40] }).unwrap()
    })
}

fn sorted<T: Ord + std::fmt::Debug>(
    item: impl Strategy<Value = T>,
    least: usize,
) -> impl Strategy<Value = Vec<T>> {
    btree_set(item, least..5).prop_map(|set: BTreeSet<T>| set.into_iter().collect())
}

fn any_word<T: Copy + std::fmt::Debug + 'static>(words: &'static [T]) -> impl Strategy<Value = T> {
    select(words.to_vec())
}

// Bodies.

fn set_member() -> impl Strategy<Value = Operation> {
    (
        (plain(), any_word(MemberKind::ALL), option::of(plain())),
        (sorted(plain(), 0), sorted(any_word(Duty::ALL), 0)),
        (option::of(plain()), option::of(commitment())),
        sorted(any_bytes().prop_map(EmailDigest::from_bytes), 0),
    )
        .prop_map(|((member, kind, level), (teams, duties), (operator, profile), emails)| {
            Operation::SetMember(SetMember {
                member,
                kind,
                level,
                teams,
                duties,
                operator,
                profile,
                emails,
            })
        })
}

fn key_operation() -> impl Strategy<Value = Operation> {
    let add = (plain(), any::<bool>(), 1..6_u8, option::of(content())).prop_map(
        |(member, hardware, seed, attestation)| {
            let plain_key = samples::signer(seed).public_key().clone();
            let key = if hardware { samples::security_key() } else { plain_key };
            Operation::AddKey(AddKey { member, key, attestation })
        },
    );
    let revoke = (1..6_u8, option::of(index()), any::<bool>()).prop_map(|(seed, since, leaked)| {
        Operation::RevokeKey(RevokeKey {
            key: samples::signer(seed).public_key().fingerprint(),
            cause: if leaked { Revocation::Leaked } else { Revocation::Retired },
            since: since.filter(|_| leaked),
        })
    });
    let rotate = (1..6_u8).prop_map(|seed| {
        Operation::RotateLedgerKey(RotateLedgerKey { ledger_key: samples::ledger_key(seed) })
    });
    prop_oneof![add, revoke, rotate]
}

fn baseline() -> impl Strategy<Value = Operation> {
    (plain(), plain(), option::of(revision()), option::of((index(), commitment()))).prop_map(
        |(service, environment, accepted, replaced)| {
            Operation::SetBaseline(SetBaseline {
                service,
                environment,
                accepted: accepted.map_or(Accepted::Nothing, Accepted::UpTo),
                replaces: replaced.map(|(index, _)| index),
                reason: replaced.map(|(_, reason)| reason),
            })
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let admins = (sorted(plain(), 1), any::<u32>()).prop_map(|(admins, number)| {
        let count = u32::try_from(admins.len()).unwrap();
        Operation::SetAdmins(SetAdmins { admins, threshold: number % count + 1 })
    });
    prop_oneof![
        set_member(),
        key_operation(),
        admins,
        baseline(),
        (plain(), option::of(commitment())).prop_map(|(member, reason)| {
            Operation::RetireMember(RetireMember { member, reason })
        }),
        (entry(), commitment()).prop_map(|(entry, reason)| Operation::Lift(Lift { entry, reason })),
        (plain(), plain(), sorted(plain(), 0)).prop_map(|(service, below, teams)| {
            Operation::Delegate(Delegate { service, below, teams })
        }),
        plain().prop_map(|service| Operation::EndDelegation(EndDelegation { service })),
        (0..1_u64 << 53).prop_map(|until| {
            let until = Timestamp::from_milliseconds(until);
            Operation::ConfirmClock(ConfirmClock { until })
        }),
        any::<String>().prop_map(|text| Operation::SetPolicy(SetPolicy { text })),
    ]
}

fn governance() -> impl Strategy<Value = Says> {
    (any::<bool>(), any_bytes(), vec(operation(), 1..6)).prop_map(|(first, bytes, operations)| {
        let genesis = first.then(|| Genesis {
            origin: samples::ORIGIN.parse().unwrap(),
            ledger_key: samples::ledger_key(samples::LEDGER),
            salt: Commitment::from_bytes(bytes),
        });
        let base = (!first).then(|| LeafHash::from_bytes(bytes));
        Says::Governance(Governance { genesis, base, operations })
    })
}

fn declaration() -> impl Strategy<Value = Says> {
    let author = prop_oneof![
        plain().prop_map(DeclaredAuthor::Member),
        any_bytes().prop_map(|bytes| DeclaredAuthor::Email(EmailDigest::from_bytes(bytes))),
    ];
    (
        (any_bytes(), plain(), option::of(revision()), revision()),
        (sorted(author, 1), option::of(token()), option::of(any_bytes())),
        (any_word(Assistance::ALL), sorted(name("aZ9+!\"'"), 0)),
    )
        .prop_map(
            |((change, repository, base, head), (authors, request, old), (said, tools))| {
                Says::Change(Declaration {
                    change: ChangeHash::from_bytes(change),
                    repository,
                    base,
                    head,
                    target: "refs/heads/main".parse().unwrap(),
                    authors,
                    request,
                    predecessor: old.map(ChangeHash::from_bytes),
                    assistance: said,
                    tools: if said == Assistance::None { Vec::new() } else { tools },
                })
            },
        )
}

fn row(subject_type: SubjectType) -> impl Strategy<Value = ApprovalRow> {
    let is_change = subject_type == SubjectType::Change;
    (
        (content(), plain(), option::of(revision()), revision()),
        (any_word(Assistance::ALL), any_word(Shown::ALL), option::of(content())),
    )
        .prop_map(move |((hash, repository, base, head), (seen, shown, supersedes))| {
            ApprovalRow {
                hash,
                repository: is_change.then_some(repository),
                target: is_change.then(|| "refs/heads/main".parse().unwrap()),
                service: (!is_change).then(|| "shop".parse().unwrap()),
                base: base.filter(|_| is_change),
                head: is_change.then_some(head),
                assistance_seen: is_change.then_some(seen),
                shown,
                supersedes,
            }
        })
}

fn approval() -> impl Strategy<Value = Says> {
    any_word(SubjectType::ALL).prop_flat_map(|subject_type| {
        (
            vec(row(subject_type), 1..5),
            (any_word(ApprovalVerdict::ALL), entry(), option::of(commitment())),
            sorted((name::<ChecklistItem>("aZ9(.!"), any_bytes()), 0),
        )
            .prop_map(move |(mut rows, (verdict, withdrawn, comment), answers)| {
                let mut hashes = BTreeSet::new();
                rows.retain(|row| hashes.insert(row.hash));
                let mut checklist: Vec<ChecklistAnswer> = Vec::new();
                for (item, bytes) in answers {
                    if checklist.last().is_none_or(|last| last.item != item) {
                        let answer = Commitment::from_bytes(bytes);
                        checklist.push(ChecklistAnswer { item, answer });
                    }
                }
                let withdraws = (verdict == ApprovalVerdict::Withdraw).then_some(withdrawn);
                Says::Approval(Approval {
                    verdict,
                    subject_type,
                    rows,
                    withdraws,
                    comment,
                    checklist,
                })
            })
    })
}

fn build() -> impl Strategy<Value = Says> {
    let file = option::of(vec(any::<u8>(), 1..200));
    (content(), plain(), revision(), option::of(content()), file).prop_map(
        |(artifact, repository, revision, beside, file)| {
            let embedded = file.and_then(Embedded::new);
            let its = embedded.as_ref().map(|file| ContentDigest::of(file.as_bytes()));
            let provenance = its.or(beside);
            Says::Build(Build { artifact, repository, revision, provenance, embedded })
        },
    )
}

fn decision() -> impl Strategy<Value = Says> {
    (
        (plain(), plain(), plain(), revision(), sorted(content(), 0)),
        (any_word(DecisionVerdict::ALL), any_word(Mode::ALL), option::of(index())),
        (index(), index(), content(), sorted(token(), 1), content()),
    )
        .prop_map(
            |(place, (verdict, mode, newest), (start, policy, trust, reasons, cover))| {
                let (service, environment, repository, revision, artifacts) = place;
                let allows = verdict == DecisionVerdict::Allow;
                Says::Decision(Decision {
                    service,
                    environment,
                    repository,
                    revision,
                    artifacts,
                    verdict,
                    mode,
                    start: (allows || newest.is_some()).then_some(start),
                    newest,
                    policy,
                    trust,
                    reasons: if allows { Vec::new() } else { reasons },
                    cover: allows.then_some(cover),
                    overrides: Vec::new(),
                    program: "countersign 0.1.0".parse().unwrap(),
                })
            },
        )
}

fn deployment() -> impl Strategy<Value = Says> {
    (
        (plain(), plain(), revision(), sorted(content(), 0)),
        (any_word(Outcome::ALL), option::of(any_bytes()), option::of(any_bytes())),
        (option::of(token()), option::of(token())),
    )
        .prop_map(|(place, (outcome, decision, started), (trigger, run))| {
            let (service, environment, revision, artifacts) = place;
            let began = outcome == Outcome::Started;
            Says::Deployment(Deployment {
                service,
                environment,
                revision,
                artifacts,
                decision: decision.map(StatementId::from_bytes),
                overrides: Vec::new(),
                started: started.filter(|_| !began).map(StatementId::from_bytes),
                outcome,
                trigger,
                run,
            })
        })
}

fn break_glass() -> impl Strategy<Value = Says> {
    let place = (plain(), plain(), plain(), revision(), sorted(content(), 0));
    let times = (0..1_u64 << 50, 1..=86_400_000_u64);
    (place, times, any_bytes(), option::of(token()), any::<bool>()).prop_map(
        |(place, (claimed, lasts), reason, incident, drill)| {
            let (service, environment, repository, revision, artifacts) = place;
            Says::Override(Override {
                service,
                environment,
                repository,
                revision,
                artifacts,
                claimed: Timestamp::from_milliseconds(claimed),
                expires: Timestamp::from_milliseconds(claimed + lasts),
                reason: Commitment::from_bytes(reason),
                incident,
                drill: drill.then_some(Drill),
            })
        },
    )
}

fn statement() -> impl Strategy<Value = Statement> {
    let says = prop_oneof![
        governance(),
        declaration(),
        approval(),
        build(),
        decision(),
        deployment(),
        break_glass()
    ];
    (says, plain::<MemberId>(), any::<[u8; 16]>(), any_bytes(), 1..1_000_u64).prop_map(
        |(says, by, nonce, bytes, size)| {
            let first = matches!(&says, Says::Governance(body) if body.genesis.is_some());
            let root = RootHash::from_bytes(bytes);
            Statement {
                ledger: (!first).then(|| LeafHash::from_bytes(bytes)),
                by,
                nonce: Nonce::from_bytes(nonce),
                seen: (!first).then(|| Seen { size: TreeSize::new(size), root }),
                says,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..Default::default()
    })]

    /// What was meant is what is read, and it is written in one way.
    #[test]
    fn a_statement_survives_its_payload(statement in statement()) {
        let payload = statement.to_payload().unwrap();
        let read = Statement::parse(&payload).unwrap();
        prop_assert_eq!(&read, &statement);
        prop_assert_eq!(read.to_payload().unwrap(), payload);
    }

    /// ATTACKS 5, w: another spelling of an envelope is the same statement, with one stored form.
    #[test]
    fn another_spelling_of_an_envelope_is_the_same_statement(
        payload in vec(any::<u8>(), 0..300),
        sk in any::<bool>(),
        flags in any::<u8>(),
        counter in any::<u32>(),
        seeds in vec(1..6_u8, 1..4),
    ) {
        let signatures = seeds.iter().map(|&seed| {
            let mut signature = samples::sign(&payload, seed);
            if let (true, Signature::Plain(bytes)) = (sk, signature.signature) {
                signature.signature = Signature::Sk { signature: bytes, flags, counter };
            }
            signature
        });
        let envelope = Envelope::new(payload.clone(), signatures.collect());
        let canonical = envelope.to_canonical();
        prop_assert_eq!(&Envelope::parse_canonical(&canonical).unwrap(), &envelope);

        let value: serde_json::Value = serde_json::from_slice(&canonical).unwrap();
        let base64 = value["payload"].as_str().unwrap();
        let url_safe = base64.replace('+', "-").replace('/', "_");
        let other = format!(
            "\n{{ \"signatures\" : {},\r\n\t\"\\u0070ayloadType\": {}, \"payload\":\"{}\" }}\n",
            value["signatures"], value["payloadType"], url_safe.trim_end_matches('='),
        );
        let again = Envelope::parse(other.as_bytes()).unwrap();
        prop_assert_eq!(again.statement_id(), envelope.statement_id());
        prop_assert_eq!(again.to_canonical(), canonical);
        prop_assert!(Envelope::parse_canonical(other.as_bytes()).is_err());
    }

    /// No bytes make a parser panic.
    #[test]
    fn arbitrary_bytes_are_refused_quietly(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(Envelope::parse(&bytes).is_err());
        prop_assert!(Statement::parse(&bytes).is_err());
    }

    /// Text made of what statements are made of gets further into the parsers; still no panic, and
    /// what is taken is written as it was meant.
    #[test]
    fn pieces_of_statements_never_panic(pieces in vec(select(PIECES.to_vec()), 0..40)) {
        let text = format!("{{{}}}", pieces.concat());
        let _ = Envelope::parse(text.as_bytes());
        if let Ok(statement) = Statement::parse(text.as_bytes()) {
            prop_assert_eq!(Statement::parse(&statement.to_payload().unwrap()), Ok(statement));
        }
    }

    /// One byte changed, left out or put in, anywhere in a payload: refused or another meaning
    /// that is written again, never a panic.
    #[test]
    fn a_changed_payload_never_panics(
        statement in statement(),
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        how in 0..3_u8,
    ) {
        let mut payload = statement.to_payload().unwrap();
        let at = position.index(payload.len());
        match how {
            0 => payload[at] = byte,
            1 => { payload.remove(at); }
            _ => payload.insert(at, byte),
        }
        if let Ok(read) = Statement::parse(&payload) {
            prop_assert_eq!(Statement::parse(&read.to_payload().unwrap()), Ok(read));
        }
    }
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\u0000",
    "\\ud800",
    "null",
    "1",
    "1e9",
    "-0",
    "\"_type\"",
    "\"https://in-toto.io/Statement/v1\"",
    "\"subject\"",
    "\"predicateType\"",
    "\"predicate\"",
    "\"urn:countersign:build:v1\"",
    "\"by\"",
    "\"says\"",
    "\"seen\"",
    "\"payload\"",
    "\"signatures\"",
    "\"sk\"",
    "\"sig\"",
    "\"keyid\"",
    "\"annotations\"",
    "{\"a\":",
    "[[[[[[[[",
    "]]]]]]]]",
    " ",
    "\u{e9}",
];

/// Every byte of every kind's payload, replaced by each of a few telling bytes.
#[test]
fn mutations_of_every_payload_byte_never_panic() {
    let mut tried = 0;
    for (name, _, statement) in samples::all() {
        let payload = statement.to_payload().unwrap();
        for at in 0..payload.len() {
            for byte in [0, b'"', b'0'] {
                let mut other = payload.clone();
                other[at] = byte;
                if let Ok(read) = Statement::parse(&other) {
                    let written = read.to_payload().unwrap();
                    assert_eq!(Statement::parse(&written).as_ref(), Ok(&read), "{name} at {at}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 12_000, "{tried}");
}

/// A signature holds for its payload alone: each flipped bit of either kills it.
#[test]
fn a_signed_envelope_dies_at_any_flipped_bit() {
    let payload = samples::build().to_payload().unwrap();
    let key = samples::signer(ADA).public_key().clone();
    let holds = |payload: &[u8], signature: &Signature| {
        let envelope = Envelope::new(payload.to_vec(), Vec::new());
        key.verify(&envelope.pre_authentication_encoding(), signature).is_ok()
    };
    let stored = samples::envelope(&payload, ADA).to_canonical();
    let envelope = Envelope::parse_canonical(&stored).unwrap();
    let EnvelopeSignature { keyid, signature } = envelope.signatures()[0].clone();
    assert_eq!(keyid, key.fingerprint());
    assert!(holds(envelope.payload(), &signature));
    for at in 0..payload.len() {
        let mut other = payload.clone();
        other[at] ^= 1 << (at % 8);
        assert!(!holds(&other, &signature), "payload byte {at}");
    }
    assert!(!holds(&payload[..payload.len() - 1], &signature));
    assert!(!holds(&[&payload[..], b" "].concat(), &signature));
    let Signature::Plain(bytes) = signature else { unreachable!("a plain key signed") };
    for bit in 0..512 {
        let mut other = bytes;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!holds(&payload, &Signature::Plain(other)), "signature bit {bit}");
    }
}

/// The form of a signature is told by its member, and must be that of the key (ATTACKS 35).
#[test]
fn a_signature_of_the_other_form_never_holds() {
    let payload = samples::build().to_payload().unwrap();
    let message = Envelope::new(payload.clone(), Vec::new()).pre_authentication_encoding();
    let touched = samples::sign_with_security_key(&payload).signature;
    let plain = samples::sign(&payload, ADA).signature;
    assert!(samples::security_key().verify(&message, &touched).is_ok());
    assert!(samples::security_key().verify(&message, &plain).is_err());
    assert!(samples::signer(ADA).public_key().verify(&message, &touched).is_err());
    // The fingerprint of a security key covers its application (ATTACKS x).
    let other = countersign::key::PublicKey::security_key(
        *samples::signer(ADA).public_key().key_bytes(),
        "ssh:countersign",
    );
    assert_ne!(other.unwrap().fingerprint(), samples::security_key().fingerprint());
}

/// Nobody signs what nobody reads: the writer keeps the same limits as the reader.
#[test]
fn the_writer_keeps_the_limits_of_the_reader() {
    let mut late = samples::decision(DecisionVerdict::Allow);
    let Says::Decision(body) = &mut late.says else { unreachable!("it is a decision") };
    body.policy = EntryIndex::new(1 << 53);
    assert!(matches!(late.to_payload(), Err(StatementError::Json(_))));

    let mut large = samples::governance();
    let Says::Governance(body) = &mut large.says else { unreachable!("it is governance") };
    // Each control character is six bytes of JSON: 24 KiB of them do not fit.
    body.operations = vec![samples::policy(&"\u{1}".repeat(24 * 1024))];
    assert!(matches!(large.to_payload(), Err(StatementError::Json(_))));
    body_of(&mut large).operations = vec![samples::policy(&"x".repeat(24 * 1024))];
    let payload = large.to_payload().unwrap();
    assert!(payload.len() <= PAYLOAD_BYTES_MAX);

    let mut many = samples::governance();
    body_of(&mut many).operations = vec![samples::policy(""); 500];
    assert_eq!(Statement::parse(&many.to_payload().unwrap()), Ok(many.clone()));
    body_of(&mut many).operations = vec![samples::policy(""); 501];
    assert!(matches!(many.to_payload(), Err(StatementError::Shape { .. })));
}

fn body_of(statement: &mut Statement) -> &mut Governance {
    let Says::Governance(body) = &mut statement.says else { unreachable!("it is governance") };
    body
}

/// Two sign-offs of the same thing are two statements, for their nonces differ (ATTACKS 5).
#[test]
fn a_repeated_sign_off_is_another_statement() {
    let again = Statement { nonce: Nonce::from_bytes([0xfe; 16]), ..samples::approval() };
    assert_ne!(samples::id(&again), samples::id(&samples::approval()));
}

/// ATTACKS 37, h: the values of section 5 of the specification.
#[test]
fn salted_fields_are_what_the_specification_says() {
    let salt: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let opening = Opening::new(salt, "rollback: redeploy 41c09aa").unwrap();
    let email_salt = EmailSalt::from_bytes(salt);
    let values = [
        opening.commitment().unwrap().to_string(),
        email_salt.digest(b"Ada@Shop.Example").to_string(),
        email_salt.commitment().to_string(),
    ];
    assert_eq!(
        values,
        [
            "67078a83c348a9286e9bc27a2174dd4940470689d39223310f78bec59ca45c5c",
            "094c87362bd5b7ada903c5da80eb9812bc1c747577b457a3e9cb3c3200e0afa5",
            "2105e03e6623cc45c2ce091d99db891345f0b9a8a8b9d8cf460dc1fe92c56b25",
        ]
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/statement.md");
    let specification = std::fs::read_to_string(path).unwrap();
    for value in values {
        assert!(specification.contains(&value), "{value}");
    }
    assert!(!format!("{email_salt:?}").contains("00"), "a salt is never printed");
}

/// Section 6: each grammar at its edges.
#[test]
fn names_have_the_grammars_of_section_6() {
    fn check<T: std::str::FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text:?}");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }
    let long = "a".repeat(100);
    let longer = "a".repeat(101);
    check::<MemberId>(
        &["a", "0", "m4f0c1", "a._-9", &long],
        &["", "_a", ".a", "-a", "A", "a/b", "a b", "a@b", "\u{e4}", &longer],
    );
    check::<ServiceName>(
        &["checkout", "shop/api", "a/b/c"],
        &["", "/a", "a/", "a//b", "a/-b", "a/.b", "A/b", &format!("a/{longer}")],
    );
    let reference = |length: usize| format!("refs/heads/{}", "a".repeat(length - 11));
    check::<ReferenceName>(
        &["refs/heads/main", "refs/tags/v1.0", "refs/heads/A@b", &reference(255)],
        &[
            "main",
            "refs/",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/a@{1",
            "refs/heads/a.",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a.lock/b",
            "refs/heads/a b",
            "refs/heads/a^",
            "refs/heads/a:b",
            "refs/heads/\\",
            &reference(256),
        ],
    );
    let digits = "0123456789abcdef0123456789abcdef01234567";
    let upper = digits.to_uppercase();
    check::<Revision>(&[digits, &"0".repeat(64)], &["", "HEAD", &digits[1..], &upper, &long]);
    check::<RequestId>(
        &["SHOP-4711", "https://ci.example/runs/77?a=1&b", &"!".repeat(200)],
        &["", "a b", "a\"", "a'", "a\\", "a`", "\u{7f}", &"!".repeat(201)],
    );
    check::<ChecklistItem>(
        &["blast radius", "\"quoted\" \\ `too`", &long],
        &["", " a", "a ", "a  b", "a\tb", "\u{202e}", &longer],
    );
    check::<Origin>(&["shop.example/ledger", "L"], &["", "a+b", "a b", &longer]);
    assert_eq!("production/eu-1".parse::<EnvironmentName>().unwrap().group(), "production");
}
