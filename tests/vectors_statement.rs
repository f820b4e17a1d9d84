//! Writes and compares the vectors of `spec/statement.md`. They are generated here, byte for
//! byte: `COUNTERSIGN_BLESS=1` writes them, and without it any difference is a failure.
//!
//! A file is header lines `name: value`, an empty line, and the envelope as it is handed in.

#![allow(clippy::unwrap_used, reason = "fixed values: a wrong one is a failed test")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod samples;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use countersign::base::encoding;
use countersign::base::limits::{PAYLOAD_BYTES_MAX, POLICY_BYTES_MAX};
use countersign::key::{PublicKey, Signature, Signer as _};
use countersign::statement::envelope::Envelope;
use countersign::statement::words::{ApprovalVerdict, DecisionVerdict, Outcome};
use countersign::statement::{Says, Statement};

use samples::{ADA, BEN};

/// A vector before it is written.
struct Case {
    name: String,
    /// `accept`, or `refuse` and where: `envelope`, `statement`, `signature` or `admission`.
    expect: &'static str,
    comment: String,
    keys: Vec<PublicKey>,
    /// The payload, where the envelope has one that is text.
    payload: Option<Vec<u8>>,
    envelope: Vec<u8>,
}

impl Case {
    /// What this program says of it: for people, it binds nobody.
    fn error(&self) -> Option<String> {
        match Envelope::parse(&self.envelope) {
            Err(error) => Some(error.to_string()),
            Ok(envelope) => Statement::parse(envelope.payload()).err().map(|e| e.to_string()),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("expect: {}\ncomment: {}\n", self.expect, self.comment);
        for key in &self.keys {
            writeln!(text, "key: {key}").unwrap();
        }
        if let Some(payload) = &self.payload {
            let bare = Envelope::new(payload.clone(), Vec::new());
            writeln!(text, "statement: {}", bare.statement_id()).unwrap();
            writeln!(text, "payload: {}", std::str::from_utf8(payload).unwrap()).unwrap();
        }
        if let Some(error) = self.error() {
            writeln!(text, "error: {error}").unwrap();
        }
        if let Ok(envelope) = Envelope::parse(&self.envelope) {
            let canonical = String::from_utf8(envelope.to_canonical()).unwrap();
            if canonical.as_bytes() != self.envelope {
                writeln!(text, "canonical: {canonical}").unwrap();
            }
        }
        text.push('\n');
        text.push_str(std::str::from_utf8(&self.envelope).unwrap());
        text.push('\n');
        text
    }
}

fn key(seed: u8) -> PublicKey {
    samples::signer(seed).public_key().clone()
}

/// A payload, signed well, whatever it says.
fn signed(name: &str, expect: &'static str, comment: &str, payload: Vec<u8>) -> Case {
    let envelope = samples::envelope(&payload, ADA).to_canonical();
    Case {
        name: name.to_owned(),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA)],
        payload: Some(payload),
        envelope,
    }
}

fn payload_text(statement: &Statement) -> String {
    String::from_utf8(statement.to_payload().unwrap()).unwrap()
}

/// A valid statement with one thing changed in its text.
fn edited(name: &str, comment: &str, statement: &Statement, from: &str, to: &str) -> Case {
    let text = payload_text(statement);
    assert!(text.contains(from), "{name}: no {from:?} in {text}");
    let payload = text.replacen(from, to, 1).into_bytes();
    signed(&format!("statement_{name}"), "refuse statement", comment, payload)
}

/// The approval's envelope with one thing changed in its text.
fn respelt(name: &str, expect: &'static str, comment: &str, from: &str, to: &str) -> Case {
    let payload = samples::approval().to_payload().unwrap();
    let text = String::from_utf8(samples::envelope(&payload, ADA).to_canonical()).unwrap();
    assert!(text.contains(from), "{name}: no {from:?} in {text}");
    let envelope = text.replacen(from, to, 1).into_bytes();
    let parsed = Envelope::parse(&envelope).ok();
    Case {
        name: format!("envelope_{name}"),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA)],
        payload: parsed.map(|envelope| envelope.payload().to_vec()),
        envelope,
    }
}

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

fn envelopes() -> Vec<Case> {
    let sample = samples::approval().to_payload().unwrap();
    let base64 = encoding::base64(&sample);
    let id = samples::signer(ADA).public_key().fingerprint().to_string();
    let keyid = format!("\"keyid\":\"{id}\"");
    let ben = samples::signer(BEN).public_key().fingerprint().to_string();
    let end = "}]}";
    let Signature::Plain(signature) = samples::sign(&sample, ADA).signature else {
        unreachable!("a plain key")
    };
    let signature = encoding::base64(&signature);
    assert!(signature.matches(['+', '/']).count() > 1, "the sample's signature has both letters");
    let spare = format!("{}\",\"payloadType", flip_spare_bits(&base64));
    let refuse = "refuse envelope";
    let cases = vec![
        respelt(
            "white_space",
            "accept",
            "white space around and between",
            "{\"payload\"",
            " { \"payload\"",
        ),
        respelt(
            "member_order",
            "accept",
            "members in another order",
            &format!(
                "{{\"payload\":\"{base64}\",\"payloadType\":\"application/vnd.in-toto+json\","
            ),
            &format!(
                "{{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"{base64}\","
            ),
        ),
        respelt(
            "spare_bits",
            refuse,
            "ATTACKS w: base64 with spare bits set",
            &format!("{base64}\",\"payloadType"),
            &spare,
        ),
        respelt(
            "standard_without_padding",
            refuse,
            "letters of standard base64, no padding",
            &format!("{signature}\""),
            &format!("{}\"", signature.trim_end_matches('=')),
        ),
        respelt(
            "mixed_alphabets",
            refuse,
            "letters of both alphabets",
            &signature,
            &signature.replacen(['+', '/'], "-", 1),
        ),
        respelt(
            "signature_too_short",
            refuse,
            "63 bytes of signature",
            &signature,
            &encoding::base64(&encoding::unbase64(&signature).unwrap()[..63]),
        ),
        respelt(
            "line_break_in_base64",
            refuse,
            "base64 broken into lines",
            &base64[..76],
            &format!("{}\\n", &base64[..76]),
        ),
        respelt("payload_type", refuse, "another payload type", "vnd.in-toto+json", "json"),
        respelt("keyid_missing", refuse, "ATTACKS 35: no keyid", &format!("{keyid},"), ""),
        respelt("keyid_empty", refuse, "an empty keyid", &keyid, "\"keyid\":\"\""),
        respelt(
            "keyid_padded",
            refuse,
            "ATTACKS x: a fingerprint with padding",
            &keyid,
            &format!("\"keyid\":\"{id}=\""),
        ),
        respelt(
            "keyid_of_another",
            "refuse signature",
            "ATTACKS 35: the keyid of a key that did not sign",
            &keyid,
            &format!("\"keyid\":\"{ben}\""),
        ),
        respelt(
            "sig_and_sk",
            refuse,
            "ATTACKS 35: both forms of a signature",
            end,
            &format!(
                ",\"sk\":{{\"sig\":\"{}\",\"flags\":1,\"counter\":7}}}}]}}",
                encoding::base64(&[0; 64])
            ),
        ),
        respelt("sk_null", refuse, "null where a member is absent", end, ",\"sk\":null}]}"),
        respelt(
            "unknown_member",
            refuse,
            "an unknown member",
            "{\"payload\"",
            "{\"x\":1,\"payload\"",
        ),
        respelt(
            "duplicate_member",
            refuse,
            "ATTACKS 36: a member twice",
            "{\"payload\"",
            "{\"payload\":\"\",\"payload\"",
        ),
        respelt(
            "signature_as_array",
            refuse,
            "an array where an object is written",
            &format!("{{{keyid},\"sig\":"),
            &format!("[\"{id}\","),
        ),
    ];
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|mut case| {
            // The array needs its own closing bracket, with a third element that is absent.
            if case.name == "envelope_signature_as_array" {
                let text = String::from_utf8(case.envelope).unwrap();
                case.envelope = text.replacen("}]}", ",null]]}", 1).into_bytes();
            }
            case
        })
        .collect();
    let with = |name: &str, expect, comment: &str, signatures| Case {
        name: format!("envelope_{name}"),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA), key(BEN)],
        payload: Some(sample.clone()),
        envelope: Envelope::new(sample.clone(), signatures).to_canonical(),
    };
    let (ada, ben) = (samples::sign(&sample, ADA), samples::sign(&sample, BEN));
    cases.push(with("no_signature", refuse, "no signature", Vec::new()));
    cases.push(with("65_signatures", refuse, "too many signatures", vec![ada.clone(); 65]));
    cases.push(with(
        "two_signatures_on_an_approval",
        "refuse admission",
        "ATTACKS 35: a good envelope, but only governance has several signatures",
        vec![ada.clone(), ben],
    ));
    cases.push(with(
        "signature_of_another_payload",
        "refuse signature",
        "a good signature over something else",
        vec![samples::sign(b"{}", ADA)],
    ));
    let large = "x".repeat(PAYLOAD_BYTES_MAX + 1).into_bytes();
    cases.push(signed("envelope_payload_too_large", refuse, "40,961 bytes of payload", large));
    cases.push(url_safe());
    cases
}

/// The last letter before the padding with its lowest spare bit set.
fn flip_spare_bits(base64: &str) -> String {
    let letters = base64.trim_end_matches('=');
    assert!(letters.len() < base64.len(), "the sample's payload needs padding");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = *letters.as_bytes().last().unwrap();
    let value = alphabet.iter().position(|letter| *letter == last).unwrap();
    let other = char::from(alphabet[value + 1]);
    format!("{}{other}{}", &letters[..letters.len() - 1], &base64[letters.len()..])
}

/// ATTACKS 5, w: URL-safe base64 without padding is taken when handed in, and never stored.
fn url_safe() -> Case {
    let text = payload_text(&samples::approval());
    let last = text.strip_suffix("}}").unwrap();
    let payload = format!("{last},\"annotations\":{{\"a\":\"???>>>~~~\"}}}}}}").into_bytes();
    let canonical = String::from_utf8(samples::envelope(&payload, ADA).to_canonical()).unwrap();
    let standard = encoding::base64(&payload);
    let other = standard.replace('+', "-").replace('/', "_");
    let other = other.trim_end_matches('=');
    assert_ne!(standard, other);
    Case {
        name: "envelope_url_safe".to_owned(),
        expect: "accept",
        comment: "ATTACKS w: URL-safe base64 is taken when handed in, and stored as canonical"
            .to_owned(),
        keys: vec![key(ADA)],
        payload: Some(payload),
        envelope: canonical.replace(&standard, other).into_bytes(),
    }
}

/// What the strict grammar refuses.
fn grammar() -> Vec<Case> {
    let approval = &samples::approval();
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let root = encoding::hex(&samples::bytes("root 40"));
    let (by, size) = ("\"by\":\"ada\"", "\"size\":40");
    let annotated = |value: &str| format!("{by},\"annotations\":{{\"a\":{value}}}");
    let mut deep =
        edited("depth_16", "depth 16 is the deepest", approval, by, &annotated(&nested(13)));
    deep.expect = "accept";
    vec![
        deep,
        edited("depth_17", "ATTACKS 36: nested 17 deep", approval, by, &annotated(&nested(14))),
        edited(
            "duplicate_member",
            "ATTACKS 36: a member twice",
            approval,
            by,
            "\"by\":\"ben\",\"by\":\"ada\"",
        ),
        edited(
            "duplicate_member_escaped",
            "ATTACKS 36: twice after unescaping",
            approval,
            by,
            "\"b\\u0079\":\"ben\",\"by\":\"ada\"",
        ),
        edited(
            "duplicate_member_in_annotations",
            "ATTACKS 36: at any depth",
            approval,
            by,
            &annotated("{\"x\":1,\"x\":1}"),
        ),
        edited(
            "unknown_member",
            "unknown members stand only in annotations",
            approval,
            by,
            "\"by\":\"ada\",\"only_if\":\"x\"",
        ),
        edited(
            "unknown_member_in_row",
            "neither in a row",
            approval,
            "\"shown\":",
            "\"only_if\":1,\"shown\":",
        ),
        edited(
            "unknown_member_in_shell",
            "nor in the shell",
            approval,
            "{\"_type\"",
            "{\"x\":1,\"_type\"",
        ),
        edited("float", "ATTACKS 36: a fraction", approval, size, "\"size\":40.0"),
        edited("exponent", "ATTACKS 36: an exponent", approval, size, "\"size\":4e1"),
        edited("negative_zero", "ATTACKS 36: -0", approval, size, "\"size\":-0"),
        edited("integer_too_large", "2^53", approval, size, "\"size\":9007199254740992"),
        edited(
            "lone_surrogate",
            "ATTACKS 36: half a pair",
            approval,
            by,
            &annotated("\"\\ud800\""),
        ),
        edited("leading_space", "bytes around the object", approval, "{\"_type\"", " {\"_type\""),
        edited(
            "null_member",
            "null where a member is absent",
            approval,
            by,
            "\"by\":\"ada\",\"annotations\":null",
        ),
        edited(
            "seen_as_array",
            "an array where an object is written",
            approval,
            &format!("{{\"size\":40,\"root\":\"{}\"}}", encoding::hex(&samples::bytes("root 40"))),
            &format!("[40,\"{}\"]", encoding::hex(&samples::bytes("root 40"))),
        ),
        edited(
            "word_as_object",
            "an object where a word is written",
            approval,
            "\"verdict\":\"approve\"",
            "\"verdict\":{\"approve\":null}",
        ),
        edited(
            "upper_case_digest",
            "ATTACKS y: digests are lower case",
            approval,
            &root,
            &root.to_uppercase(),
        ),
        edited("nonce_too_short", "16 bytes", approval, &"30".repeat(16), &"30".repeat(15)),
        edited(
            "member_id",
            "ATTACKS 37: an address is no member id",
            approval,
            by,
            "\"by\":\"ada@shop.example\"",
        ),
    ]
}

/// What the rules of the shell and of each kind refuse.
fn rules() -> Vec<Case> {
    let approval = &samples::approval();
    let (governance, genesis) = (&samples::governance(), &samples::genesis());
    let declaration = &samples::declaration();
    let withdrawal = &samples::verdict_on(ApprovalVerdict::Withdraw, 0x32);
    let artifact = &samples::artifact_approval();
    let (allow, deny) =
        (&samples::decision(DecisionVerdict::Allow), &samples::decision(DecisionVerdict::Deny));
    let started = &samples::deployment(Outcome::Started);
    let hash = |label: &str| samples::content(label).to_string();
    let ledger = format!("\"ledger\":\"{}\",", samples::entry(0).leaf);
    let base = format!("\"base\":\"{}\",", samples::entry(20).leaf);
    let subject = |label: &str| {
        format!("{{\"name\":\"change\",\"digest\":{{\"countersignChange1\":\"{}\"}}}}", hash(label))
    };
    let (first, second) = (subject("change 1"), subject("change 2"));
    let cover = format!(",\"cover\":\"{}\"", hash("cover"));
    let authors = format!(
        "\"authors\":[{{\"member\":\"ben\"}},{{\"member\":\"helper\"}},{{\"email\":\"{}\"}}]",
        encoding::hex(&samples::bytes("email guest"))
    );
    let withdraws =
        format!(",\"withdraws\":{{\"index\":35,\"leaf\":\"{}\"}}", samples::entry(35).leaf);
    let mut cases = vec![
        edited("type", "another statement type", approval, "Statement/v1", "Statement/v0.1"),
        edited(
            "kind",
            "an unknown kind",
            approval,
            "urn:countersign:approval:v1",
            "urn:countersign:approval:v2",
        ),
        edited(
            "no_ledger",
            "ATTACKS 6: every statement but entry 0 names its ledger",
            approval,
            &ledger,
            "",
        ),
        edited("seen_nothing", "seen.size is at least 1", approval, "\"size\":40", "\"size\":0"),
        edited(
            "wrong_subject",
            "the subjects follow from the predicate",
            approval,
            &first,
            &subject("change 3"),
        ),
        edited(
            "subject_order",
            "and have the order of the rows",
            approval,
            &format!("{first},{second}"),
            &format!("{second},{first}"),
        ),
        edited("subject_missing", "none is left out", approval, &format!("{first},"), ""),
        edited(
            "change_as_artifact",
            "ATTACKS 12: a change is never a bare sha256",
            approval,
            "countersignChange1",
            "sha256",
        ),
        edited(
            "two_digests",
            "one digest a subject",
            approval,
            "{\"countersignChange1\":",
            &format!("{{\"sha256\":\"{}\",\"countersignChange1\":", hash("x")),
        ),
        edited(
            "withdrawal_of_nothing",
            "ATTACKS 5: a withdrawal names its entry",
            withdrawal,
            &withdraws,
            "",
        ),
        edited(
            "approval_withdraws",
            "and only a withdrawal does",
            withdrawal,
            "\"withdraw\",",
            "\"approve\",",
        ),
        edited(
            "change_without_target",
            "ATTACKS 29: a change is approved for a branch",
            approval,
            ",\"target\":\"refs/heads/main\"",
            "",
        ),
        edited(
            "artifact_with_target",
            "an artifact is not",
            artifact,
            "\"shown\":",
            "\"target\":\"refs/heads/main\",\"shown\":",
        ),
        edited(
            "checklist_unsorted",
            "checklist answers are sorted by item",
            approval,
            "blast radius",
            "s blast radius",
        ),
        edited(
            "governance_without_base",
            "ATTACKS 18: governance is one chain",
            governance,
            &base,
            "",
        ),
        edited(
            "genesis_with_base",
            "entry 0 has none",
            genesis,
            "\"operations\"",
            &format!("{base}\"operations\""),
        ),
        edited(
            "genesis_with_ledger",
            "entry 0 names no ledger",
            genesis,
            "\"by\"",
            &format!("{ledger}\"by\""),
        ),
        edited("unknown_operation", "an unknown operation", governance, "retire_member", "promote"),
        edited(
            "admins_unsorted",
            "admins are sorted",
            genesis,
            "[\"ada\",\"ben\"]",
            "[\"ben\",\"ada\"]",
        ),
        edited("threshold_0", "a threshold of none", genesis, "\"threshold\":2", "\"threshold\":0"),
        edited(
            "threshold_3_of_2",
            "a threshold that nobody reaches",
            genesis,
            "\"threshold\":2",
            "\"threshold\":3",
        ),
        edited(
            "teams_unsorted",
            "teams are sorted",
            genesis,
            "[\"sre\",\"web/checkout\"]",
            "[\"web/checkout\",\"sre\"]",
        ),
        edited(
            "duty_twice",
            "no duty stands twice",
            genesis,
            "[\"review\",\"override\"]",
            "[\"review\",\"review\"]",
        ),
        edited(
            "retired_since",
            "since stands only with leaked",
            governance,
            "\"leaked\"",
            "\"retired\"",
        ),
        edited(
            "key_with_comment",
            "a public key has no comment",
            genesis,
            "\"}},{\"set_member\"",
            " ada\"}},{\"set_member\"",
        ),
        edited(
            "baseline_without_reason",
            "a replaced baseline says why",
            governance,
            "\"replaces\":12,",
            "",
        ),
        edited("no_authors", "somebody wrote it", declaration, &authors, "\"authors\":[]"),
        edited(
            "empty_list",
            "an empty list is left out",
            declaration,
            "\"tools\":[\"Completer 3\",\"refactorer\"]",
            "\"tools\":[]",
        ),
        edited(
            "authors_unsorted",
            "members before addresses",
            declaration,
            "{\"member\":\"ben\"},{\"member\":\"helper\"}",
            "{\"member\":\"helper\"},{\"member\":\"ben\"}",
        ),
        edited(
            "tools_without_assistance",
            "ATTACKS q: tools are named where a machine helped",
            declaration,
            "\"generated\"",
            "\"none\"",
        ),
        edited(
            "assistance_undeclared",
            "ATTACKS q: undeclared is no word of a declaration",
            declaration,
            "\"generated\"",
            "\"undeclared\"",
        ),
        edited("allow_without_cover", "an allow names its cover", allow, &cover, ""),
        edited("allow_without_start", "an allow names its start", allow, "\"start\":12,", ""),
        edited("allow_with_reasons", "an allow has no reasons", deny, "\"deny\"", "\"allow\""),
        edited("deny_without_reasons", "a deny has some", allow, "\"allow\"", "\"deny\""),
        edited(
            "reasons_unsorted",
            "reasons are sorted",
            deny,
            "[\"NEEDS_LEVEL\",\"REJECTED\"]",
            "[\"REJECTED\",\"NEEDS_LEVEL\"]",
        ),
        edited(
            "start_of_a_start",
            "a beginning names no beginning",
            started,
            "\"decision\":",
            "\"started\":",
        ),
    ];
    cases.extend(counts());
    cases
}

/// Statements at and above what may stand in one list. They are written without this crate's own
/// check, which would refuse to make them.
fn counts() -> Vec<Case> {
    let approval_of = |count: u32| {
        let whole = payload_text(&samples::artifact_approval());
        let hash = samples::content("artifact").to_string();
        let other = |number: u32| samples::content(&format!("artifact {number}")).to_string();
        let subject = format!("{{\"name\":\"artifact\",\"digest\":{{\"sha256\":\"{hash}\"}}}}");
        let row = format!("{{\"hash\":\"{hash}\",\"shown\":\"none\"}}");
        let repeat = |part: &str| {
            let parts: Vec<_> = (0..count).map(|n| part.replace(&hash, &other(n))).collect();
            parts.join(",")
        };
        whole.replace(&subject, &repeat(&subject)).replace(&row, &repeat(&row)).into_bytes()
    };
    let twice = String::from_utf8(approval_of(2)).unwrap();
    let twice = twice.replace(
        &samples::content("artifact 1").to_string(),
        &samples::content("artifact 0").to_string(),
    );
    let refuse = "refuse statement";
    let mut policy = samples::governance();
    let Says::Governance(body) = &mut policy.says else { unreachable!("it is governance") };
    body.operations = vec![samples::policy("P")];
    let long = payload_text(&policy).replacen(
        "\"P\"",
        &format!("\"{}\"", "P".repeat(POLICY_BYTES_MAX + 1)),
        1,
    );
    let none = payload_text(&policy).replacen("{\"set_policy\":{\"text\":\"P\"}}", "", 1);
    vec![
        signed("statement_subjects_100", "accept", "100 subjects", approval_of(100)),
        signed("statement_subjects_101", refuse, "101 subjects", approval_of(101)),
        signed("statement_subjects_0", refuse, "no subject", approval_of(0)),
        signed("statement_subject_twice", refuse, "one subject twice", twice.into_bytes()),
        signed("statement_policy_too_long", refuse, "24 KiB and one byte", long.into_bytes()),
        signed("statement_no_operation", refuse, "no operation", none.into_bytes()),
    ]
}

fn all_cases() -> Vec<Case> {
    let mut cases = valid();
    cases.extend(envelopes());
    cases.extend(grammar());
    cases.extend(rules());
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
    if std::env::var_os("COUNTERSIGN_BLESS").is_some() {
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
        if !key.is_some_and(|key| key.verify(&message, &signature.signature).is_ok()) {
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
