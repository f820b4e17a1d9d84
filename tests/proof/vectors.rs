//! Vectors of `spec/proof.md`: cosignatures, proofs of entries, consistency, entry bundles.
//!
//! `COUNTERSIGN_BLESS=1 cargo test --test proof vectors` writes `spec/vectors/proof/` anew; else
//! the files there are compared, byte for byte.

use std::fs;

use countersign::base::digest::sha256;
use countersign::base::encoding::{base64, hex};
use countersign::base::position::TreeSize;
use countersign::ledger::tiles::{LogFile, files_between};
use countersign::merkle::tile::{BundleError, bundle, unbundle};
use countersign::note::NoteError;
use countersign::note::cosignature::{Cosigner, CosignerKey};
use countersign::verify::proof::{ProofFile, ProofRefusal, Proved};
use countersign::verify::trust::TrustRoot;
use serde_json::json;

use crate::blessing::{compare, compare_cases, vectors};
use crate::support::*;

/// The files of a ledger of five entries, two of three witnesses wanted.
#[test]
fn our_vectors_of_a_ledger_with_witnesses() {
    let log = Log::new(5);
    let trust = log.trust(3, "2");
    let files = [
        ("trust.toml", trust.to_toml().to_owned()),
        ("checkpoint-2.txt", log.checkpoint(2, &[0, 1, 2]).note().to_string()),
        ("checkpoint-5.txt", log.checkpoint(5, &[0, 2]).note().to_string()),
        ("entry-0.tlog-proof", log.entry(0, 1, &[0, 1]).to_tlog_proof()),
        ("entry-3.tlog-proof", log.entry(3, 5, &[0, 2]).to_tlog_proof()),
        ("since-2.tlog-consistency", log.growth(2, 5, &[0, 2]).to_string()),
    ];
    for (name, text) in &files {
        compare(&format!("proof/{name}"), text.as_bytes());
    }
    // What is checked in is read back, and proves what it is called.
    let read = |name: &str| fs::read(vectors("proof").join(name)).unwrap();
    let trust = TrustRoot::parse(&read("trust.toml")).unwrap();
    let check = |name: &str, known| {
        let found = check(ProofFile::parse(&read(name)).unwrap(), &trust, known).unwrap();
        assert!(found.witnessed.is_met, "{name}");
        found
    };
    let old = check("checkpoint-2.txt", &[]);
    assert_eq!(old.witnessed.newest_seconds(), Some(WITNESSED + 2));
    let seen = log.seen(2);
    assert_eq!((old.checkpoint.size(), *old.checkpoint.root()), (seen.size, seen.root));
    for (name, index) in [("entry-0.tlog-proof", 0), ("entry-3.tlog-proof", 3)] {
        let Proved::Entry { entry, .. } = check(name, &[]).proved else { panic!("{name}") };
        assert_eq!(entry.receipt.index.get(), index);
    }
    let grown = check("since-2.tlog-consistency", &[seen]);
    assert!(matches!(grown.proved, Proved::Growth { since } if since == seen.size));
}

/// Cosignatures for themselves: message, line, key; and lines that are none.
#[test]
fn our_vectors_of_cosignatures() {
    let log = Log::new(5);
    let mut cases = Vec::new();
    for (number, seconds) in [(0, 0), (1, WITNESSED), (2, (1 << 63) - 1)] {
        let cosigner = cosigner(number);
        let note = log.checkpoint(5, &[]).note().clone();
        let line = cosigner.sign(&note, seconds).unwrap();
        let mut signed = note.clone();
        signed.add(line.clone()).unwrap();
        let found = cosigner.key().find(&signed).unwrap().unwrap();
        assert_eq!((found.seconds(), line.bytes().len()), (seconds, 72));
        cases.push(json!({
            "key": cosigner.key().to_string(),
            "checkpoint": note.text(),
            "seconds": seconds.to_string(),
            "message": format!("cosignature/v1\ntime {seconds}\n{}", note.text()),
            "line": line.to_string(),
            "good": true,
        }));
    }
    let good = cases[1].clone();
    for (why, bytes) in refused_cosignatures(&log) {
        let mut case = good.clone();
        let mut blob = cosigner(1).key().id().to_be_bytes().to_vec();
        blob.extend_from_slice(&bytes);
        let line = format!("\u{2014} witness.example/w1 {}", base64(&blob));
        case["line"] = json!(line);
        case["good"] = json!(false);
        case["why"] = json!(why);
        case.as_object_mut().unwrap().remove("message");
        case.as_object_mut().unwrap().remove("seconds");
        let note = log.checkpoint(5, &[]).note().to_string();
        let note = countersign::note::SignedNote::parse(format!("{note}{line}\n").as_bytes());
        let name = "witness.example/w1".to_owned();
        assert_eq!(
            cosigner(1).key().find(&note.unwrap()),
            Err(NoteError::BadSignature { name }),
            "{why}"
        );
        cases.push(case);
    }
    // What bears another name or id proves nothing, and is no mistake either.
    let bytes = cosigner(1).sign(log.checkpoint(5, &[]).note(), WITNESSED).unwrap();
    let id = cosigner(1).key().id();
    for (why, name, id) in [
        ("another key id", "witness.example/w1", id ^ 1),
        ("the id of a plain signature by that key", "witness.example/w1", plain_id()),
        ("another name", "witness.example/w2", id),
    ] {
        let blob = [&id.to_be_bytes()[..], bytes.bytes()].concat();
        assert_eq!(blob.len(), 76);
        let mut case = good.clone();
        let line = format!("\u{2014} {name} {}", base64(&blob));
        let note = log.checkpoint(5, &[]).note().to_string();
        let note = countersign::note::SignedNote::parse(format!("{note}{line}\n").as_bytes());
        assert_eq!(cosigner(1).key().find(&note.unwrap()), Ok(None), "{why}");
        case["line"] = json!(line);
        case["good"] = json!(false);
        case["passed over"] = json!(true);
        case["why"] = json!(why);
        case.as_object_mut().unwrap().remove("message");
        case.as_object_mut().unwrap().remove("seconds");
        cases.push(case);
    }
    compare_cases(
        "proof/cosignatures.json",
        "Ed25519 cosignatures (C2SP tlog-cosignature): the key of the witness, the text of the \
         checkpoint, the signature line, whether it is good, and the message that is signed",
        &cases,
    );
}

/// The id that the key of the second witness would have in a note that it signs itself.
fn plain_id() -> u32 {
    let key = *cosigner(1).key().public_key();
    countersign::note::key::VerifierKey::new("witness.example/w1", key).unwrap().id()
}

/// Which files a log of so many entries has, where full tiles begin and end.
#[test]
fn our_vectors_of_the_files_of_a_log() {
    let mut cases = Vec::new();
    for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000] {
        let files = files_between(TreeSize::new(0), TreeSize::new(size));
        let paths: Vec<_> = files.map(LogFile::path).collect();
        // Of each folder the first and the last: the names between are counted.
        let mut folders = Vec::new();
        for folder in ["tile/entries/", "tile/0/", "tile/1/", "tile/2/"] {
            let its: Vec<_> = paths.iter().filter(|path| path.starts_with(folder)).collect();
            if let (Some(first), Some(last)) = (its.first(), its.last()) {
                folders.push(json!({ "files": its.len(), "first": first, "last": last }));
            }
        }
        cases.push(json!({ "size": size, "folders": folders }));
    }
    compare_cases(
        "proof/files.json",
        "the files of a log of so many entries (C2SP tlog-tiles), folder by folder; \
         the checkpoint comes beside them",
        &cases,
    );
}

/// What stands behind the key id, one mistake each.
fn refused_cosignatures(log: &Log) -> Vec<(&'static str, Vec<u8>)> {
    let note = log.checkpoint(5, &[]).note().clone();
    let good = cosigner(1).sign(&note, WITNESSED).unwrap().bytes().to_vec();
    let other = Cosigner::new("witness.example/w1", &[9; 32]).unwrap();
    let with_time = |seconds: u64| [&seconds.to_be_bytes()[..], &good[8..]].concat();
    let plain = countersign::note::key::NoteSigner::new("witness.example/w1", &[0x21; 32]).unwrap();
    let plain = plain.sign(note.text()).unwrap().signatures()[0].bytes().to_vec();
    vec![
        ("another second", with_time(WITNESSED + 1)),
        ("a time above 2^63 - 1", with_time(1 << 63)),
        ("a signature without a time", good[8..].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("a signature of the text itself", [&good[..8], &plain].concat()),
        ("of another key", other.sign(&note, WITNESSED).unwrap().bytes().to_vec()),
        (
            "of a smaller tree",
            cosigner(1).sign(log.checkpoint(4, &[]).note(), WITNESSED).unwrap().bytes().to_vec(),
        ),
    ]
}

/// Keys of witnesses have one spelling, and none of another algorithm is read.
#[test]
fn keys_of_witnesses_have_one_spelling() {
    let key = cosigner(1).key().to_string();
    assert_eq!(key.parse::<CosignerKey>().unwrap().to_string(), key);
    let (name, rest) = key.split_once('+').unwrap();
    let (id, body) = rest.split_once('+').unwrap();
    for other in [
        format!("{key}\n"),
        format!("{name}+00000000+{body}"),
        format!("{name}+{}+{body}", id.to_uppercase()),
        format!("other+{id}+{body}"),
        format!("{name}+{id}+A{}", &body[1..]),
        signer().verifier_key().to_string(),
    ] {
        assert!(other == key || other.parse::<CosignerKey>() == Err(NoteError::Key), "{other}");
    }
    let secret = cosigner(1).to_text();
    assert_eq!(*Cosigner::from_text(&format!("{}\n", *secret)).unwrap().to_text(), *secret);
    assert!(Cosigner::from_text(&signer().to_text()).is_err());
    assert!(!format!("{:?}", cosigner(1)).contains(&secret[secret.len() - 20..]));
}

/// Entry bundles at their edges: good ones and refused ones (ATTACKS 36, t).
#[test]
fn our_vectors_of_entry_bundles() {
    let entry = |length: usize| vec![b'a'; length];
    let long = entry(65_535);
    let good: [(&str, Vec<Vec<u8>>); 5] = [
        ("no entry", vec![]),
        ("an empty entry", vec![vec![]]),
        ("three entries", vec![b"one".to_vec(), vec![], b"three".to_vec()]),
        ("the longest entry", vec![long.clone()]),
        ("a full bundle", (0..=255).map(|number| vec![number]).collect()),
    ];
    let mut cases = Vec::new();
    for (why, entries) in &good {
        let bytes = bundle(entries.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(
            unbundle(&bytes).unwrap(),
            entries.iter().map(Vec::as_slice).collect::<Vec<_>>()
        );
        cases.push(json!({
            "why": why,
            "good": true,
            "entries": entries.len(),
            "bytes": bytes.len(),
            "sha256": hex(&sha256(&[&bytes])),
            // Large ones are known by their hash alone.
            "bundle": (bytes.len() < 1_024).then(|| hex(&bytes)),
        }));
    }
    let three = bundle([&b"one"[..], b"", b"three"]).unwrap();
    let refused = [
        ("half a length", vec![0]),
        ("an entry that ends early", three[..three.len() - 1].to_vec()),
        ("a byte behind the last entry", [&three[..], &[0]].concat()),
        ("257 entries", vec![0; 2 * 257]),
        ("little-endian lengths", vec![3, 0, b'o', b'n', b'e']),
    ];
    for (why, bytes) in &refused {
        assert_eq!(unbundle(bytes), Err(BundleError::Malformed), "{why}");
        cases.push(json!({ "why": why, "good": false, "bundle": hex(bytes) }));
    }
    assert!(bundle([&entry(65_536)[..]]).is_err());
    compare_cases(
        "proof/bundles.json",
        "entry bundles (C2SP tlog-tiles): each entry behind its length in 2 bytes, big-endian",
        &cases,
    );
}

/// Files that are no proof, or prove nothing, one reason each.
#[test]
fn our_vectors_of_refused_files() {
    let log = Log::new(5);
    let trust = log.trust(3, "2");
    let entry = log.entry(3, 5, &[0, 2]).to_tlog_proof();
    let growth = log.growth(2, 5, &[0, 2]).to_string();
    let with = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from:?}");
        text.replacen(from, to, 1)
    };
    let hash = entry.lines().nth(3).unwrap().to_owned();
    let extra = entry.lines().nth(1).unwrap().to_owned();
    let other_extra = log.entry(2, 5, &[]).to_tlog_proof().lines().nth(1).unwrap().to_owned();
    let lines = |count: usize| format!("{hash}\n").repeat(count);
    let malformed = [
        ("another first line", with(&entry, "@v1", "@v2")),
        ("CR LF", with(&entry, "@v1\n", "@v1\r\n")),
        ("an empty extra line", with(&entry, &extra, "extra ")),
        (
            "extra after index",
            with(
                &with(&entry, &format!("{extra}\n"), ""),
                "index 3\n",
                &format!("index 3\n{extra}\n"),
            ),
        ),
        ("two extra lines", with(&entry, &extra, &format!("{extra}\n{extra}"))),
        ("a leading zero", with(&entry, "index 3", "index 03")),
        ("an exponent", with(&entry, "index 3", "index 3e0")),
        ("no empty line before the checkpoint", with(&entry, "=\n\n", "=\n")),
        ("two empty lines before it", with(&entry, "=\n\n", "=\n\n\n")),
        ("a hash of 31 bytes", with(&entry, &hash, &base64(&[0; 31]))),
        ("spare bits in a hash", with(&entry, &hash, &format!("{}B=", &base64(&[0; 32])[..42]))),
        ("64 hashes", with(&entry, &format!("{hash}\n"), &lines(62))),
        ("bytes behind the last line", format!("{entry}\n")),
        ("an index above 2^53 - 1", with(&entry, "index 3", "index 9007199254740992")),
        ("consistency: a leading zero", with(&growth, "old 2", "old 02")),
        ("consistency: no empty line", with(&growth, "=\n\n", "=\n")),
    ];
    let refused = [
        ("another index", with(&entry, "index 3", "index 2")),
        ("an index beyond the tree", with(&entry, "index 3", "index 5")),
        ("another entry in the extra line", with(&entry, &extra, &other_extra)),
        ("an extra line that is no entry", with(&entry, &extra, "extra AAAA")),
        ("a hash too few", with(&entry, &format!("{hash}\n"), "")),
        ("a hash too many", with(&entry, &hash, &format!("{hash}\n{hash}"))),
        ("another hash", with(&entry, &hash, &base64(&[0; 32]))),
        ("a checkpoint of another size", with(&entry, "\n5\n", "\n6\n")),
        ("consistency: from another size", with(&growth, "old 2", "old 1")),
        ("consistency: a hash too many", with(&growth, "=\n\n", &format!("=\n{hash}\n\n"))),
    ];
    let mut cases = Vec::new();
    for (why, text) in &malformed {
        assert!(ProofFile::parse(text.as_bytes()).is_err(), "{why}");
        cases.push(json!({ "why": why, "parses": false, "file": text }));
    }
    for (why, text) in &refused {
        let file = ProofFile::parse(text.as_bytes()).unwrap();
        let found = check(file, &trust, &[log.seen(2)]);
        assert!(found.is_err(), "{why}");
        cases.push(json!({ "why": why, "parses": true, "file": text }));
    }
    compare_cases(
        "proof/refused.json",
        "files that are refused under trust.toml, where the tree of checkpoint-2.txt is known",
        &cases,
    );
    // A proof without the entry is well formed, and a reader must have the entry from elsewhere.
    let bare = with(&entry, &format!("{extra}\n"), "");
    let found = check(ProofFile::parse(bare.as_bytes()).unwrap(), &trust, &[]);
    assert!(matches!(
        found,
        Err(ProofRefusal::Entry(countersign::ledger::receipt::ReceiptError::NoLeaf))
    ));
}
