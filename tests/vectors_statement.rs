//! Writes and compares the vectors of `spec/statement.md`. They are generated here, byte for
//! byte: `COUNTERSIGN_BLESS=1` writes them, and without it any difference is a failure.
//!
//! A file is header lines `name: value`, an empty line, and the envelope as it is handed in.

#![allow(clippy::unwrap_used, reason = "fixed values: a wrong one is a failed test")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

#[path = "common/blessing.rs"]
mod blessing;
#[path = "vectors_statement/case.rs"]
mod case;
#[path = "vectors_statement/envelopes.rs"]
mod envelopes;
#[path = "vectors_statement/grammar.rs"]
mod grammar;
#[path = "vectors_statement/rules.rs"]
mod rules;
mod samples;

use std::collections::BTreeMap;
use std::path::PathBuf;

use countersign::key::PublicKey;
use countersign::statement::envelope::Envelope;
use countersign::statement::words::ApprovalVerdict;
use countersign::statement::{Says, Statement};

use blessing::is_blessing;
use case::{Case, key, payload_text, signed};
use samples::{ADA, BEN};

fn valid() -> Vec<Case> {
    let mut cases: Vec<Case> = samples::all()
        .into_iter()
        .map(|(name, seed, statement)| {
            let payload = statement.to_payload().unwrap();
            let envelope = samples::envelope(&payload, seed).to_canonical();
            Case {
                name: name.to_owned(),
                expect: "accept",
                comment: format!("a valid {} in its canonical form", statement.says.kind()),
                keys: vec![key(seed)],
                payload: Some(payload),
                envelope,
            }
        })
        .collect();
    let payload = samples::verdict_on(ApprovalVerdict::Approve, 0x34).to_payload().unwrap();
    let touched = samples::sign_with_security_key(&payload);
    cases.push(Case {
        name: "approval_security_key".to_owned(),
        expect: "accept",
        comment: "a FIDO signature: touched, counter 7, application ssh:".to_owned(),
        keys: vec![samples::security_key()],
        envelope: Envelope::new(payload.clone(), vec![touched]).to_canonical(),
        payload: Some(payload),
    });
    let payload = samples::genesis().to_payload().unwrap();
    let both = vec![samples::sign(&payload, ADA), samples::sign(&payload, BEN)];
    cases.push(Case {
        name: "governance_two_admins".to_owned(),
        expect: "accept",
        comment: "entry 0, signed by both admins".to_owned(),
        keys: vec![key(ADA), key(BEN)],
        envelope: Envelope::new(payload.clone(), both).to_canonical(),
        payload: Some(payload),
    });
    let text = payload_text(&samples::approval());
    let last = text.strip_suffix("}}").unwrap();
    let notes = format!("{last},\"annotations\":{{\"only_if\":[null,{{\"x\":1}}]}}}}}}");
    cases.push(signed(
        "statement_annotations",
        "accept",
        "unknown members inside annotations are ignored",
        notes.into_bytes(),
    ));
    cases.push(signed(
        "statement_white_space_and_escapes",
        "accept",
        "the payload's own spelling is free in white space, escapes and order",
        text.replacen("\"by\":\"ada\",", "\"by\" : \"\\u0061da\" , ", 1).into_bytes(),
    ));
    cases
}

fn all_cases() -> Vec<Case> {
    let mut cases = valid();
    cases.extend(envelopes::envelopes());
    cases.extend(grammar::grammar());
    cases.extend(rules::rules());
    cases
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/vectors/statement")
}

fn stored() -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a generator that a person runs")]
fn the_vectors_are_what_this_generator_writes() {
    let cases = all_cases();
    let count = cases.len();
    let made: BTreeMap<String, Vec<u8>> =
        cases.into_iter().map(|case| (case.name.clone(), case.text().into_bytes())).collect();
    assert_eq!(made.len(), count, "two vectors have one name");
    if is_blessing() {
        std::fs::create_dir_all(folder()).unwrap();
        for name in stored().keys().filter(|name| !made.contains_key(*name)) {
            std::fs::remove_file(folder().join(name)).unwrap();
        }
        for (name, text) in &made {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    let stored = stored();
    assert_eq!(made.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>());
    for (name, text) in made {
        assert!(stored[&name] == text, "{name} differs: see COUNTERSIGN_BLESS");
    }
}

/// Where a vector is refused, as a verifier that reads only files finds it.
fn answer(envelope: &[u8], keys: &[PublicKey]) -> &'static str {
    let Ok(parsed) = Envelope::parse(envelope) else { return "refuse envelope" };
    let Ok(statement) = Statement::parse(parsed.payload()) else { return "refuse statement" };
    let message = parsed.pre_authentication_encoding();
    for signature in parsed.signatures() {
        let key = keys.iter().find(|key| key.fingerprint() == signature.keyid);
        if key.is_none_or(|key| key.verify(&message, &signature.signature).is_err()) {
            return "refuse signature";
        }
    }
    let is_governance = matches!(statement.says, Says::Governance(_));
    if parsed.signatures().len() > 1 && !is_governance { "refuse admission" } else { "accept" }
}

#[test]
fn each_vector_is_answered_as_it_expects() {
    let mut counts = BTreeMap::new();
    for (name, bytes) in stored() {
        let text = String::from_utf8(bytes).unwrap();
        let (head, envelope) = text.split_once("\n\n").unwrap();
        let envelope = envelope.strip_suffix('\n').unwrap().as_bytes();
        let values = |wanted: &str| -> Vec<&str> {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(name, _)| *name == wanted).map(|(_, value)| value).collect()
        };
        let keys: Vec<PublicKey> = values("key").iter().map(|line| line.parse().unwrap()).collect();
        let expect = values("expect")[0];
        assert_eq!(answer(envelope, &keys), expect, "{name}");
        *counts.entry(expect.to_owned()).or_insert(0) += 1;
        let Ok(parsed) = Envelope::parse(envelope) else { continue };
        // The identity and the canonical form, for every envelope that is one.
        assert_eq!(values("payload")[0].as_bytes(), parsed.payload(), "{name}");
        assert_eq!(values("statement")[0], parsed.statement_id().to_string(), "{name}");
        let given = std::str::from_utf8(envelope).unwrap();
        let canonical = *values("canonical").first().unwrap_or(&given);
        assert_eq!(parsed.to_canonical(), canonical.as_bytes(), "{name}");
        assert_eq!(Envelope::parse_canonical(envelope).is_ok(), canonical == given, "{name}");
    }
    assert!(counts["accept"] >= 18, "{counts:?}");
    assert!(counts["refuse envelope"] >= 15, "{counts:?}");
    assert!(counts["refuse statement"] >= 50, "{counts:?}");
    assert!(counts["refuse signature"] >= 2, "{counts:?}");
    assert_eq!(counts["refuse admission"], 1);
}

/// A refusal must be for the reason that the vector is about: the error is told here, once.
#[test]
fn a_refused_statement_is_refused_for_its_own_reason() {
    let wanted = [
        ("statement_wrong_subject", "the subjects are not those"),
        ("statement_subject_order", "the subjects are not those"),
        ("statement_subjects_101", "expected 1 to 100 subjects"),
        ("statement_subject_twice", "no subject stands twice"),
        ("statement_duplicate_member_escaped", "duplicate member \"by\""),
        ("statement_depth_17", "nested deeper than 16"),
        ("statement_float", "not an integer"),
        ("statement_unknown_member_in_row", "unknown field `only_if`"),
        ("statement_seen_as_array", "spelt otherwise"),
        ("statement_word_as_object", "spelt otherwise"),
        ("statement_retired_since", "since stands only"),
        ("statement_key_with_comment", "without a comment"),
        ("statement_baseline_without_reason", "a baseline says why"),
        ("statement_threshold_3_of_2", "threshold is from 1"),
        ("statement_allow_without_cover", "an allow names its start and its cover"),
        ("statement_policy_too_long", "at most 24 KiB"),
        ("statement_teams_unsorted", "teams are a sorted list"),
        ("statement_upper_case_digest", "not lower-case hexadecimal"),
        ("statement_no_authors", "authors are a sorted list, not empty"),
        ("statement_start_of_a_start", "not itself a beginning"),
        ("statement_checklist_unsorted", "sorted by item"),
    ];
    let stored = stored();
    for (name, message) in wanted {
        let text = String::from_utf8(stored[name].clone()).unwrap();
        let envelope = text.split_once("\n\n").unwrap().1;
        let payload = Envelope::parse(envelope.as_bytes()).unwrap().payload().to_vec();
        let error = Statement::parse(&payload).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

/// The examples of the specification are the vectors, byte for byte.
#[test]
fn the_specification_shows_the_vectors() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/statement.md");
    let specification = std::fs::read_to_string(path).unwrap();
    let stored = stored();
    let shown: Vec<&str> = specification
        .lines()
        .filter_map(|line| line.strip_prefix("    {\"_type\":"))
        .filter(|line| line.contains("\"nonce\":\""))
        .collect();
    assert_eq!(shown.len(), 11);
    for example in shown {
        let line = format!("payload: {{\"_type\":{example}\n");
        let is_there = stored.values().any(|text| {
            let text = std::str::from_utf8(text).unwrap();
            text.starts_with("expect: accept") && text.contains(&line)
        });
        assert!(is_there, "no vector has the payload {line}");
    }
    let first = std::str::from_utf8(&stored["approval_artifact"]).unwrap();
    let envelope = first.split_once("\n\n").unwrap().1;
    assert!(specification.contains(&format!("    {envelope}")));
    let id = first.lines().find_map(|line| line.strip_prefix("statement: ")).unwrap();
    assert!(specification.contains(&format!("Its identity: `{id}`.")));
}
