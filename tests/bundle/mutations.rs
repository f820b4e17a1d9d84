//! Mutations that know the structure: each gives its own code, and none is accepted.

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::{Signature, Signer as _};
use countersign::statement::governance::{Operation, SetMember};
use countersign::statement::words::{Duty, MemberKind};
use countersign::verify::bundle::{Attestation, Bundle, TamperCode as Code, attested_message};

use crate::second::Second;
use crate::stage::*;

/// A ledger with governance after its beginning, and two deployments.
fn prepared(test: &str) -> Stage {
    let stage = Stage::new(test);
    for name in ["eve", "flo"] {
        stage.govern(Operation::SetMember(SetMember {
            member: id(name),
            kind: MemberKind::Human,
            level: None,
            teams: Vec::new(),
            duties: vec![Duty::Review],
            operator: None,
            profile: None,
            emails: Vec::new(),
        }));
    }
    for (content, name) in [("1\n", "a.bundle"), ("2\n", "b.bundle")] {
        let tip = stage.commit("src/a", content);
        stage.approve("ada", &tip);
        stage.gate(name, &["--", "true"]).expect(0, &["YES"]);
    }
    stage
}

struct Tried<'a> {
    stage: &'a Stage,
    whole: Bundle,
    count: usize,
    second: Second,
}

impl Tried<'_> {
    /// A change by somebody on the way, and the same signed by the gate.
    #[track_caller]
    fn change(&mut self, what: &str, code: Code, change: impl Fn(&mut Bundle)) {
        self.count += 1;
        let mut changed = self.whole.clone();
        change(&mut changed);
        assert_ne!(changed, self.whole, "{what}: nothing changed");
        self.second.bundle(&format!("stage.{}", self.count), &changed.to_bytes());
        let found = self.stage.check(&changed).map(|_| "accepted").unwrap_err();
        assert_eq!(found.code, code, "{what}: {found}");
    }

    #[track_caller]
    fn signed(&mut self, what: &str, code: Code, change: impl Fn(&mut Bundle)) {
        let stage = self.stage;
        self.change(what, code, |bundle| {
            change(bundle);
            stage.sign(bundle);
        });
    }
}

fn drop_entry(bundle: &mut Bundle, index: EntryIndex) {
    bundle.entries.retain(|entry| entry.index != index);
    bundle.evidence.entries.retain(|entry| *entry != index);
}

#[test]
#[allow(clippy::print_stdout, reason = "the count is told")]
fn structure_aware_mutations_are_caught() {
    let stage = prepared("mutations");
    let (older, whole) = (stage.bundle("a.bundle"), stage.bundle("b.bundle"));
    assert!(stage.check(&whole).unwrap().is_yes());
    let second = Second::new("mutations");
    second.trust("stage", &stage.trust);
    second.bundle("stage", &whole.to_bytes());
    let mut tried = Tried { stage: &stage, whole, count: 0, second };
    of_entries(&mut tried, &older);
    of_attestation(&mut tried, &older);
    of_decision(&mut tried, &older);
    of_parts(&mut tried, &older);
    println!("{} mutations, 0 accepted", tried.count);
    tried.second.agrees(true);
}

fn of_entries(tried: &mut Tried<'_>, older: &Bundle) {
    let last = tried.whole.entries.len() - 1;
    let entry = EntryIndex::new;
    tried.change("an entry left out", Code::Entry, |b| {
        b.entries.remove(3);
    });
    tried.change("an entry left out of both lists", Code::Attestation, |b| {
        let approval = b.entries[b.entries.len() - 2].index;
        drop_entry(b, approval);
    });
    tried
        .signed("governance left out of the middle", Code::Governance, |b| drop_entry(b, entry(1)));
    tried.signed("the decision left out", Code::Decision, |b| {
        let at = b.evidence.decision.unwrap().index;
        drop_entry(b, at);
    });
    tried.signed("the start's decision left out", Code::Start, |b| {
        let point = b.evidence.settled[0].points[0].clone();
        drop_entry(b, point.decision.unwrap().index);
    });
    tried.signed("the sign-off left out by the gate", Code::OtherAnswer, |b| {
        let approval = b.entries[b.entries.len() - 2].index;
        drop_entry(b, approval);
    });
    tried.change("proofs exchanged", Code::Proof, |b| {
        let (left, right) = b.entries.split_at_mut(2);
        std::mem::swap(&mut left[1].proof, &mut right[0].proof);
    });
    tried.change("a proof cut short", Code::Proof, |b| {
        b.entries[last].proof.pop();
    });
    tried.change("entries exchanged", Code::Entry, |b| b.entries.swap(0, 1));
    tried.signed("entries exchanged in both lists", Code::Entry, |b| {
        b.entries.swap(0, 1);
        b.evidence.entries.swap(0, 1);
    });
    tried
        .change("an older checkpoint", Code::Proof, |b| b.checkpoint.clone_from(&older.checkpoint));
    tried.change("another leaf at an index", Code::OtherLedger, |b| {
        b.entries[1].leaf = b.entries[2].leaf.clone();
    });
}

fn of_attestation(tried: &mut Tried<'_>, older: &Bundle) {
    let stage = tried.stage;
    tried.change("the salt of another ledger", Code::Salt, |b| b.salt = Some([1; 32].into()));
    tried.change("no salt", Code::Salt, |b| b.salt = None);
    tried.change("no signature of the gate", Code::Attestation, |b| b.attestation = None);
    tried.change("another member's signature", Code::Attestation, |b| {
        let ada = key(&stage.root, "ada");
        let signature = ada.sign(&attested_message(&b.evidence)).unwrap();
        b.attestation = Some(Attestation::new(ada.public_key().fingerprint(), &signature));
    });
    tried.change("another member's keyid", Code::Attestation, |b| {
        let signature = b.attestation.as_ref().unwrap().signature().unwrap();
        let ada = key(&stage.root, "ada").public_key().fingerprint();
        b.attestation = Some(Attestation::new(ada, &signature));
    });
    tried.change("the signature moved from another bundle", Code::Attestation, |b| {
        b.attestation.clone_from(&older.attestation);
    });
    tried.change("a statement's signature", Code::Attestation, |b| {
        let gate = key(&stage.root, "gate");
        let evidence = serde_json::to_vec(&b.evidence).unwrap();
        let message = countersign::statement::envelope::pre_authentication_encoding(&evidence);
        let signature = Signature::Plain(gate.sign_plain(&message));
        b.attestation = Some(Attestation::new(gate.public_key().fingerprint(), &signature));
    });
}

fn of_decision(tried: &mut Tried<'_>, older: &Bundle) {
    let last = tried.whole.entries.len() - 1;
    tried.signed("another decision", Code::Decision, |b| {
        b.evidence.decision = older.evidence.decision;
    });
    tried.signed("an approval as the decision", Code::Decision, |b| {
        let shown = &b.entries[last - 1];
        let leaf = countersign::merkle::leaf_hash(&shown.leaf.0);
        b.evidence.decision =
            Some(countersign::statement::governance::EntryReference { index: shown.index, leaf });
    });
    tried.signed("another size", Code::Decision, |b| {
        b.evidence.size = TreeSize::new(b.evidence.size.get() - 1);
    });
    tried.signed("another time", Code::Decision, |b| {
        let time = b.evidence.question.time;
        b.evidence.question.time = Timestamp::from_milliseconds(time.milliseconds() + 1);
    });
    tried.signed("another environment", Code::Decision, |b| {
        b.evidence.question.environment = "staging".parse().unwrap();
    });
    tried.signed("another revision", Code::Decision, |b| {
        b.evidence.question.revision = older.evidence.question.revision.clone();
    });
    tried.signed("a decision without an attestation's question", Code::Decision, |b| {
        b.evidence.decision = None;
    });
}

fn of_parts(tried: &mut Tried<'_>, older: &Bundle) {
    tried.change("a blob left out", Code::Blob, |b| {
        b.blobs.remove(0);
    });
    tried.change("a needless blob", Code::Blob, |b| {
        b.blobs.push(countersign::verify::bundle::Bytes(b"needless".to_vec()));
        b.blobs.sort_by_key(|blob| countersign::base::digest::ContentDigest::of(&blob.0));
    });
    tried.change("a commit left out", Code::Object, |b| {
        b.objects.clone_from(&older.objects);
    });
    tried.signed("a step that does not follow", Code::Chain, |b| {
        b.evidence.steps[0].parent = None;
    });
    tried.signed("who merged nothing, as a merge that wrote nothing", Code::Chain, |b| {
        b.evidence.steps[0].mechanical = b.evidence.steps[0].commits.clone();
    });
    tried.signed("a commit of nobody, as a merge", Code::Chain, |b| {
        b.evidence.steps[0].mechanical = vec!["f".repeat(40).parse().unwrap()];
    });
    tried.signed("an older point, settled lately and by nobody", Code::Start, |b| {
        let points = &mut b.evidence.settled[0].points;
        let mut invented = points[0].clone();
        invented.entry.index = EntryIndex::new(0);
        invented.time = Timestamp::from_milliseconds(u64::MAX >> 12);
        points.insert(0, invented);
    });
    tried.signed("a newest time before that of an entry", Code::Entry, |b| {
        b.evidence.newest_time = Timestamp::from_milliseconds(1);
    });
    tried.signed("no step at all", Code::Chain, |b| b.evidence.steps.clear());
    tried.signed("an older start", Code::Chain, |b| {
        b.evidence.settled.clone_from(&older.evidence.settled);
    });
    tried.signed("a point of another commit", Code::Chain, |b| {
        b.evidence.settled[0].points[0].revision = None;
    });
    tried.signed("a point of another artifact", Code::Start, |b| {
        let digest = countersign::base::digest::ContentDigest::of(b"other");
        b.evidence.settled[0].points[0].artifacts.push(digest);
    });
    tried.signed("another document", Code::OtherAnswer, |b| {
        // The document of the step before, which nobody signed again.
        b.evidence.steps[0].document = older.evidence.steps[0].document;
        b.evidence.difference = b.evidence.steps[0].document;
        b.blobs.clone_from(&older.blobs);
    });
}

/// A bundle of one ledger under the trust root of another.
#[test]
fn another_ledgers_bundle_is_refused() {
    let (one, other) = (Stage::new("one"), Stage::new("other"));
    for stage in [&one, &other] {
        let tip = stage.commit("src/a", "1\n");
        stage.approve("ada", &tip);
        stage.gate("a.bundle", &[]).expect(0, &["YES"]);
    }
    let bundle = one.bundle("a.bundle");
    assert_eq!(other.check(&bundle).unwrap_err().code, Code::OtherLedger);
    // An entry of the other ledger among one's own.
    let mut mixed = bundle;
    let theirs = other.bundle("a.bundle");
    mixed.entries[1] = theirs.entries[1].clone();
    assert_eq!(one.check(&mixed).unwrap_err().code, Code::OtherLedger);
}

/// What is looked up by a name stands once: of two no reader could say which is meant.
#[test]
fn nothing_stands_twice() {
    let stage = prepared("twice");
    let text = std::fs::read_to_string(stage.file("b.bundle")).unwrap();
    let bundle = stage.bundle("b.bundle");
    let evidence = &bundle.evidence;
    let step = &evidence.steps[0];
    let commits = format!("\"commits\":[\"{}\"]", step.commit);
    let in_step = |list: &str| (commits.clone(), format!("{commits},{list}"));
    let place = serde_json::to_string(&evidence.settled[0]).unwrap();
    let difference = format!("\"difference\":\"{}\"", evidence.difference);
    let named = format!("\"start_changes\":[\"{0}\",\"{0}\"]", evidence.difference);
    let twice = [
        ("settled", (place.clone(), format!("{place},{place}"))),
        ("start_changes", (difference.clone(), format!("{difference},{named}"))),
        ("mechanical", in_step(&format!("\"mechanical\":[\"{0}\",\"{0}\"]", step.commit))),
        ("facts", in_step("\"facts\":[{\"path\":\"YQ==\"},{\"path\":\"YQ==\"}]")),
        ("colliding", in_step("\"colliding\":[\"Yg==\",\"YQ==\"]")),
    ];
    let second = Second::new("twice");
    second.trust("stage", &stage.trust);
    for (what, (from, to)) in twice {
        assert!(text.contains(&from), "{what}: {from}");
        let changed = text.replacen(&from, &to, 1);
        let found = Bundle::parse(changed.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(what), "{what}: {found}");
        second.bundle(&format!("stage.{what}"), changed.as_bytes());
    }
    second.agrees(false);
}

/// Second spellings of one bundle.
#[test]
fn there_is_one_spelling() {
    let stage = Stage::new("spelling");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &[]).expect(0, &["YES"]);
    let text = std::fs::read_to_string(stage.file("a.bundle")).unwrap();
    let salt = "\"salt\":\"";
    let at = text.find(salt).unwrap() + salt.len();
    let spare = format!("{}{}", &text[..at + 42], {
        // The last letter before the padding carries four spare bits.
        let letter = text.as_bytes()[at + 42];
        let other = if letter == b'A' { 'B' } else { char::from(letter + 1) };
        format!("{other}{}", &text[at + 43..])
    });
    let spellings = [
        ("white space", text.replacen("\"size\":", "\"size\": ", 1)),
        ("a line break behind", format!("{text}\n")),
        ("1e0", text.replacen("\"size\":2", "\"size\":2e0", 1)),
        ("2.0", text.replacen("\"size\":2", "\"size\":2.0", 1)),
        ("a member twice", text.replacen("\"size\":2", "\"size\":2,\"size\":2", 1)),
        (
            "another order",
            text.replacen("\"size\":2,", "", 1).replacen(
                "\"position\"",
                "\"size\":2,\"position\"",
                1,
            ),
        ),
        ("an empty list", text.replacen("\"position\"", "\"runs\":[],\"position\"", 1)),
        ("null", text.replacen("\"position\"", "\"start\":null,\"position\"", 1)),
        ("an escape", text.replacen("linear", "l\\u0069near", 1)),
        ("an unknown member", text.replacen("\"size\":2", "\"size\":2,\"more\":1", 1)),
        ("base64 without padding", text.replacen("=\",\"evidence\"", "\",\"evidence\"", 1)),
        ("spare bits", spare),
        ("upper case", text.replacen("\"ledger\":\"", "\"ledger\":\"A", 1)),
        ("a negative number", text.replacen("\"size\":2", "\"size\":-2", 1)),
        ("a leading zero", text.replacen("\"size\":2", "\"size\":02", 1)),
    ];
    for (what, spelling) in spellings {
        assert_ne!(spelling, text, "{what}: nothing changed");
        assert!(Bundle::parse(spelling.as_bytes()).is_err(), "{what}");
    }
    assert_eq!(Bundle::parse(text.as_bytes()).unwrap().to_bytes(), text.as_bytes());
}

/// Arbitrary bytes, and bundles with bytes replaced, make no parser panic.
#[test]
fn no_input_panics() {
    let stage = Stage::new("fuzz");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &["--full"]).expect(0, &["YES"]);
    let bytes = std::fs::read(stage.file("a.bundle")).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut parsed = 0;
    for _ in 0..4_000 {
        let mut changed = bytes.clone();
        for _ in 0..=next(3) {
            match next(4) {
                0 => {
                    let at = next(changed.len());
                    changed[at] = u8::try_from(next(256)).unwrap();
                }
                1 => {
                    let at = next(changed.len());
                    changed.truncate(at.max(1));
                }
                2 => {
                    let (from, to) = (next(changed.len()), next(changed.len()));
                    let piece = changed[from.min(to)..from.max(to).min(from.min(to) + 64)].to_vec();
                    let at = next(changed.len());
                    changed.splice(at..at, piece);
                }
                _ => {
                    let digit = changed.iter().position(u8::is_ascii_digit).unwrap_or(0);
                    changed[digit] = b'9';
                }
            }
            if changed.is_empty() {
                changed.push(b'{');
            }
            while changed.len() < 2 {
                changed.push(b'}');
            }
        }
        if let Ok(bundle) = Bundle::parse(&changed) {
            parsed += 1;
            if changed != bytes {
                assert!(stage.check(&bundle).is_err());
            }
        }
    }
    assert!(parsed < 4_000);
}
