//! Vectors of `spec/ledger.md`, and those that others publish.
//!
//! `COUNTERSIGN_BLESS=1 cargo test --test vectors_ledger` writes `spec/vectors/ledger/` anew;
//! else the files there are compared, byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/blessing.rs"]
mod blessing;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blessing::compare;
use countersign::base::digest::{LeafHash, RootHash};
use countersign::base::encoding::{base64, hex, unbase64_array};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::ledger::leaf::{Leaf, no_leaf};
use countersign::ledger::receipt::Receipt;
use countersign::ledger::store::Topic;
use countersign::merkle::proof::{Prover, verify_consistency, verify_inclusion};
use countersign::merkle::tile::{Tile, bundle, unbundle};
use countersign::merkle::tree::{TileError, TileTree};
use countersign::merkle::{empty_root, leaf_hash};
use countersign::note::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use countersign::note::key::{NoteSigner, VerifierKey};
use countersign::note::{NoteError, SignedNote};
use serde_json::{Value, json};

const ORIGIN: &str = "ledger.example/payments";

/// Vectors of others, which are not part of this repository.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(path);
    if path.exists() {
        return Some(path);
    }
    skipped(&path);
    None
}

#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn skipped(path: &Path) {
    eprintln!("skipped: {} is missing", path.display());
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn hash_of(value: &Value) -> [u8; 32] {
    unbase64_array(value.as_str().unwrap()).unwrap()
}

/// The hashes of a proof; `None` where one is no hash at all, which no parser lets through.
fn proof_of(value: &Value) -> Option<Vec<[u8; 32]>> {
    let hashes = value.as_array().into_iter().flatten();
    hashes.map(|hash| unbase64_array(hash.as_str()?).ok()).collect()
}

#[test]
fn published_inclusion_proofs() {
    let Some(path) = shared("merkle/transparency-dev_inclusion.json") else { return };
    for (name, case) in read_json(&path).as_object().unwrap() {
        let root = unbase64_array(case["root"].as_str().unwrap_or_default());
        let leaf = unbase64_array(case["leafHash"].as_str().unwrap_or_default());
        let good = match (root, leaf, proof_of(&case["proof"])) {
            (Ok(root), Ok(leaf), Some(proof)) => verify_inclusion(
                &LeafHash::from_bytes(leaf),
                EntryIndex::new(case["leafIdx"].as_u64().unwrap()),
                TreeSize::new(case["treeSize"].as_u64().unwrap()),
                &RootHash::from_bytes(root),
                &proof,
            )
            .is_ok(),
            _ => false,
        };
        assert_eq!(good, !case["wantErr"].as_bool().unwrap(), "{name}");
    }
}

#[test]
fn published_consistency_proofs() {
    let Some(path) = shared("merkle/transparency-dev_consistency.json") else { return };
    let mut judged = 0;
    for (name, case) in read_json(&path).as_object().unwrap() {
        let roots =
            ["root1", "root2"].map(|root| unbase64_array(case[root].as_str().unwrap_or_default()));
        let (old, new) = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let [Ok(old_root), Ok(new_root)] = roots else {
            // What is no hash has no type here; some edge cases have short texts for roots.
            let is_edge = name.starts_with("testdata/consistency/additional/");
            assert!(is_edge || case["wantErr"] == true, "{name}");
            continue;
        };
        let good = proof_of(&case["proof"]).is_some_and(|proof| {
            let (old_root, new_root) =
                (RootHash::from_bytes(old_root), RootHash::from_bytes(new_root));
            let (old, new) = (TreeSize::new(old), TreeSize::new(new));
            verify_consistency(old, &old_root, new, &new_root, &proof).is_ok()
        });
        judged += 1;
        // Here the empty tree is the beginning of every tree, as witnesses have it; the authors
        // of these cases call the question useless.
        let is_empty_tree = old == 0 && old_root == *empty_root().as_bytes();
        if !(is_empty_tree && case["proof"] == json!([])) {
            assert_eq!(good, !case["wantErr"].as_bool().unwrap(), "{name}");
        }
    }
    assert!(judged > 60, "{judged}");
}

#[test]
fn published_notes_open_as_they_should() {
    let Some(path) = shared("tlog/golang_mod_note_open_cases.json") else { return };
    let file = read_json(&path);
    for case in file["cases"].as_array().unwrap() {
        let note = if let Some(text) = case["note"].as_str() {
            text.as_bytes().to_vec()
        } else {
            let text = case["note_latin1"].as_str().unwrap();
            text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
        };
        let keys: Vec<VerifierKey> = case["vkeys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap().parse().unwrap())
            .collect();
        let result = SignedNote::parse(&note).and_then(|parsed| {
            assert_eq!(parsed.to_string().as_bytes(), note);
            parsed.verify(&keys)
        });
        let found = match &result {
            Ok(_) => "ok",
            Err(NoteError::Unsigned) => "unverified",
            Err(NoteError::AmbiguousKey { .. }) => "ambiguous key",
            Err(NoteError::BadSignature { .. }) => "invalid signature",
            Err(_) => "malformed",
        };
        assert_eq!(found, case["expect"].as_str().unwrap(), "{}", case["name"]);
        if let Ok(verified) = result {
            let names: Vec<_> = verified.iter().map(|at| keys[*at].name()).collect();
            assert_eq!(json!(names), case["verified"], "{}", case["name"]);
        }
        // The reference implementation reads the same notes.
        assert_eq!(
            signed_note::Note::from_bytes(&note).is_ok(),
            found != "malformed",
            "{}",
            case["name"]
        );
    }
    let secret = file["skey_peter"].as_str().unwrap();
    let signer = NoteSigner::from_text(secret).unwrap();
    assert_eq!(*signer.to_text(), secret);
    assert_eq!(
        signer.verifier_key().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
}

#[test]
fn a_published_log_has_our_tiles_and_roots() {
    let Some(folder) = shared("tlog/tessera_testlog") else { return };
    let mut tree = TileTree::new();
    let mut sizes = 0;
    for size in 0..=15_u64 {
        if size > 0 {
            let width = u16::try_from(size).unwrap();
            let tile = Tile { level: 0, index: 0, width };
            let bytes = fs::read(folder.join(tile.bundle_path())).unwrap();
            let entries = unbundle(&bytes).unwrap();
            assert_eq!(bundle(entries.iter().copied()).unwrap(), bytes);
            tree.append(&leaf_hash(entries[usize::from(width) - 1]));
            let partial = tree.partial(0).unwrap();
            assert_eq!(partial, (tile, fs::read(folder.join(tile.path())).unwrap()));
        }
        let note = fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
        let note = SignedNote::parse(&note).unwrap();
        let checkpoint: Checkpoint = note.text().parse().unwrap();
        assert_eq!(checkpoint.to_string(), note.text());
        assert_eq!((checkpoint.size.get(), checkpoint.root), (size, tree.root()));
        sizes += 1;
    }
    assert_eq!(sizes, 16);
}

fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[0x17; 32]).unwrap()
}

/// A note of ours is verified by the crate signed_note, and one of its signer by us.
#[test]
fn notes_go_both_ways_with_signed_note() {
    let text = "some text\n\nwith an empty line\n";
    let signer = signer();
    let ours = signer.sign(text).unwrap();
    let theirs = signed_note::Note::from_bytes(ours.to_string().as_bytes()).unwrap();
    let vkey = signer.verifier_key().to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    assert_eq!(theirs.verify(&list).unwrap().0.len(), 1);
    let other = signed_note::StandardSigner::new(&signer.to_text()).unwrap();
    let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&other]).unwrap();
    assert_eq!(SignedNote::parse(&note.to_bytes()).unwrap(), ours);
    assert_eq!(ours.verify(&[signer.verifier_key()]), Ok(vec![0]));
}

#[test]
fn keys_have_one_spelling() {
    let key = signer().verifier_key().to_string();
    assert_eq!(key.parse::<VerifierKey>().unwrap().to_string(), key);
    let (name, rest) = key.split_once('+').unwrap();
    let (id, body) = rest.split_once('+').unwrap();
    for other in [
        String::new(),
        format!("{key}\n"),
        format!(" {key}"),
        format!("{name}+00000000+{body}"),
        format!("{name}+{}+{body}", id.to_uppercase().replace(|l: char| l.is_ascii_digit(), "A")),
        format!("other+{id}+{body}"),
        format!("{name}+{id}+{}", &body[..40]),
        format!("{name}+{id}+B{}", &body[1..]),
        format!("+{id}+{body}"),
        format!("a\u{2003}b+{id}+{body}"),
    ] {
        assert_eq!(other.parse::<VerifierKey>(), Err(NoteError::Key), "{other}");
    }
    let secret = signer().to_text();
    assert_eq!(*NoteSigner::from_text(&format!("{}\n", *secret)).unwrap().to_text(), *secret);
    assert!(NoteSigner::from_text(&key).is_err());
    assert!(!format!("{:?}", signer()).contains(&secret[secret.len() - 20..]));
}

#[test]
fn checkpoints_have_one_spelling() {
    let signer = signer();
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(0), empty_root());
    let text = checkpoint.to_string();
    assert!(text.ends_with("\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
    assert_eq!(
        tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap().to_bytes(),
        text.as_bytes()
    );
    for other in [
        text.replace("\n0\n", "\n00\n"),
        text.replace("\n0\n", "\n+0\n"),
        text.replace("\n0\n", "\n9007199254740992\n"),
        text.replace("uFU=", "uFV="),
        text.replace("uFU=", "uFU"),
        text.replace(ORIGIN, ""),
        format!("{text}\n"),
        text.trim_end().to_owned(),
    ] {
        assert_eq!(other.parse::<Checkpoint>(), Err(CheckpointError::Malformed), "{other:?}");
    }
    let extended: Checkpoint = format!("{text}extension 1\n").parse().unwrap();
    assert_eq!(extended.extensions, ["extension 1"]);
    let note = checkpoint.sign(&signer).unwrap().note().to_string();
    let key = signer.verifier_key();
    assert!(VerifiedCheckpoint::open(note.as_bytes(), ORIGIN, &key).is_ok());
    let other = VerifiedCheckpoint::open(note.as_bytes(), "ledger.example/other", &key);
    assert!(matches!(other, Err(CheckpointError::Origin { .. })));
    let forged = note.replacen("\n0\n", "\n1\n", 1);
    assert!(VerifiedCheckpoint::open(forged.as_bytes(), ORIGIN, &key).is_err());
    assert!(Checkpoint::new("two words", TreeSize::new(0), empty_root()).sign(&signer).is_err());
}

/// The leaves of our vectors: three entries, of which the second has the time of the first.
fn leaves() -> Vec<Leaf> {
    let mut prev = no_leaf();
    let mut leaves = Vec::new();
    for (time, payload) in
        [(1_767_225_600_000, "e30="), (1_767_225_600_000, "e30K"), (1_767_225_600_001, "")]
    {
        let envelope = format!(
            "{{\"payload\":\"{payload}\",\
             \"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[]}}"
        );
        let time = Timestamp::from_milliseconds(time);
        let leaf = Leaf::new(time, prev, envelope.into_bytes()).unwrap();
        prev = leaf.hash();
        leaves.push(leaf);
    }
    leaves
}

/// `spec/ledger.md`, example: leaves, hashes, tile, bundle, checkpoint and receipt.
#[test]
fn our_vectors_of_a_small_ledger() {
    let leaves = leaves();
    let signer = signer();
    let mut tree = TileTree::new();
    let mut rows = Vec::new();
    for leaf in &leaves {
        tree.append(&leaf.hash());
        rows.push(json!({
            "leaf": String::from_utf8(leaf.to_bytes()).unwrap(),
            "leafHash": leaf.hash().to_string(),
            "root": tree.root().to_string(),
        }));
    }
    let (tile, tile_bytes) = tree.partial(0).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root()).sign(&signer).unwrap();
    let mut prover = Prover::new(tree.size(), |_| Ok::<_, TileError>(Some(tile_bytes.clone())));
    let receipt = Receipt {
        index: EntryIndex::new(1),
        leaf_hash: leaves[1].hash(),
        checkpoint: checkpoint.clone(),
        proof: prover.inclusion(EntryIndex::new(1)).unwrap(),
    };
    receipt.verify().unwrap();
    let bytes: Vec<_> = leaves.iter().map(Leaf::to_bytes).collect();
    compare("ledger/leaves.json", &pretty(&json!({ "origin": ORIGIN, "entries": rows })));
    compare("ledger/verifier-key.txt", format!("{}\n", signer.verifier_key()).as_bytes());
    compare("ledger/checkpoint.txt", checkpoint.note().to_string().as_bytes());
    compare("ledger/receipt-of-entry-1.tlog-proof", receipt.to_tlog_proof().as_bytes());
    compare(
        "ledger/tile.json",
        &pretty(&json!({
            tile.path(): hex(&tile_bytes),
            tile.bundle_path(): hex(&bundle(bytes.iter().map(Vec::as_slice)).unwrap()),
        })),
    );
    let topics = [("statement", vec![&b"ab"[..]]), ("statement", vec![b"a", b"b"]), ("", vec![])];
    let topics: Vec<_> = topics
        .iter()
        .map(|(kind, parts)| {
            let texts: Vec<_> = parts.iter().map(|part| String::from_utf8_lossy(part)).collect();
            let topic = hex(Topic::of(kind, parts).as_bytes());
            json!({ "kind": kind, "parts": texts, "topic": topic })
        })
        .collect();
    compare("ledger/topics.json", &pretty(&json!(topics)));
    // ATTACKS u: 32 zero bytes before entry 0.
    assert!(bytes[0].windows(46).any(|window| window == [b"\"", &[b'A'; 43][..], b"=\""].concat()));
}

/// Texts that are no leaf, one reason each (ATTACKS 36, v, w).
#[test]
fn our_vectors_of_what_is_no_leaf() {
    let good = String::from_utf8(leaves()[0].to_bytes()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    let bad: BTreeMap<&str, String> = BTreeMap::from([
        ("bytes after the leaf", format!("{good}\n")),
        ("members in another order", with("\"time\":1767225600000,", "")),
        ("a space", with("\"time\":", "\"time\": ")),
        ("time with a leading zero", with(":1767225600000", ":01767225600000")),
        ("time with an exponent", with("1767225600000", "1767225600e3")),
        ("time above 2^53 - 1", with("1767225600000", "9007199254740992")),
        ("prev with spare bits", with("AAA=", "AAB=")),
        ("prev without padding", with("AAA=", "AAA")),
        ("prev in URL-safe letters", with("AAA=", "A_A=")),
        ("prev of 31 bytes", with("AAAA=", "AAA==")),
        ("an escape in the envelope", with("vnd.in", "vnd.\\u0069n")),
        ("an escaped slash", with("application/", "application\\/")),
        ("a letter beyond ASCII", with("vnd.in", "vnd.\u{ef}n")),
        ("a member twice", with("\"signatures\"", "\"payload\":\"\",\"signatures\"")),
        ("an envelope that is no object", with("{\"payload\"", "[\"payload\"")),
    ]);
    for (why, text) in &bad {
        assert!(Leaf::parse(text.as_bytes()).is_err(), "{why}");
    }
    compare("ledger/no-leaves.json", &pretty(&json!(bad)));
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap();
    bytes.push(b'\n');
    bytes
}

#[test]
fn hashes_of_vectors_are_read_strictly() {
    assert_eq!(hash_of(&json!(base64(&[0; 32]))), [0; 32]);
    assert_eq!(proof_of(&json!(["AAAA"])), None);
}
