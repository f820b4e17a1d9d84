//! What every parser of untrusted bytes must do with any bytes at all: give an answer, and take one
//! spelling for one value. The same bodies serve libFuzzer (`fuzz/targets/`) and `tests/fuzz.rs`.
//!
//! A body says whether the bytes were taken: a target that takes no seed tests nothing.

use countersign::base::encoding;
use countersign::base::json;
use countersign::base::limits::{CARRY_CERTIFICATE_BYTES_MAX, ENVELOPE_BYTES_MAX};
use countersign::base::time::Timestamp;
use countersign::change::carry::Certificate;
use countersign::change::{
    Document, GitObject, ObjectHash, co_authors, object_bytes, parse_commit, parse_tree, trailers,
};
use countersign::key::PublicKey;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::fork::ForkFile;
use countersign::ledger::inbox::{Answer, ParcelName};
use countersign::ledger::leaf::Leaf;
use countersign::ledger::tlog_proof::TlogProof;
use countersign::ledger::witness::AddCheckpoint;
use countersign::merkle::tile::{Tile, bundle, unbundle};
use countersign::note::SignedNote;
use countersign::note::checkpoint::Checkpoint;
use countersign::note::cosignature::{Cosigner, CosignerKey};
use countersign::note::key::VerifierKey;
use countersign::policy::Policy;
use countersign::statement::Statement;
use countersign::statement::envelope::Envelope;
use countersign::statement::provenance::Provenance;
use countersign::statement::summary::ReadSummary;
use countersign::verify::attested::StepRecord;
use countersign::verify::bundle::{Bundle, check};
use countersign::verify::cover::Cover;
use countersign::verify::proof::ProofFile;
use countersign::verify::trust::TrustRoot;

/// A parser with what must hold of it.
pub(crate) struct Target {
    /// Its name, which its file in `fuzz/targets/` has as well.
    pub(crate) name: &'static str,
    /// Whether it took the bytes.
    pub(crate) body: fn(&[u8]) -> bool,
    /// Inputs that it takes, beside what the vectors hold.
    pub(crate) seeds: &'static [&'static [u8]],
}

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "answer", body: answer, seeds: &[ANSWER] },
    Target { name: "bundle", body: whole_bundle, seeds: &[] },
    Target { name: "certificate", body: certificate, seeds: &[] },
    Target { name: "commit", body: commit, seeds: &[COMMIT] },
    Target { name: "cover", body: cover, seeds: &[] },
    Target { name: "document", body: document, seeds: &[] },
    Target { name: "envelope", body: envelope, seeds: &[] },
    Target { name: "fork", body: fork, seeds: &[] },
    Target { name: "git_object", body: git_object, seeds: &[b"blob 2\0a\n", b"tree 0\0"] },
    Target { name: "key", body: key, seeds: &[] },
    Target { name: "leaf", body: leaf, seeds: &[] },
    Target { name: "note", body: note, seeds: &[] },
    Target { name: "policy", body: policy, seeds: &[] },
    Target { name: "proof", body: proof, seeds: &[] },
    Target { name: "provenance", body: provenance, seeds: &[] },
    Target { name: "record", body: record, seeds: &[RECORD] },
    Target { name: "statement", body: statement, seeds: &[] },
    Target { name: "strict_json", body: strict_json, seeds: &[] },
    Target { name: "summary", body: summary, seeds: &[] },
    Target { name: "tile", body: tile, seeds: &[b"tile/entries/x001/x234/067.p/8"] },
    Target { name: "tree", body: tree, seeds: &[TREE] },
    Target { name: "trust", body: trust, seeds: &[] },
    Target { name: "witness", body: witness, seeds: &[] },
];

const ANSWER: &[u8] = b"{\"type\":\"countersign answer v1\",\"statement\":\"0707070707070707070707\
    070707070707070707070707070707070707070707\",\"refused\":\"KEY_REVOKED\",\"why\":\"it was\"}";
const COMMIT: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
    parent 1111111111111111111111111111111111111111\n\
    author Ada Ruiz <ada@shop.example> 1764400000 +0100\n\
    committer Ada Ruiz <ada@shop.example> 1764400000 +0100\ngpgsig -----BEGIN\n end\n\n\
    Retry\n\nCo-authored-by: Ben Ito <ben@shop.example>\nAssisted-by: a tool\n";
const RECORD: &[u8] = b"\
    {\"type\":\"countersign step v1\",\"commit\":\"1111111111111111111111111111111111111\
    111\",\"parent\":\"2222222222222222222222222222222222222222\",\"change\":\"070707070\
    7070707070707070707070707070707070707070707070707070707\",\"commits\":[\"11111111111\
    11111111111111111111111111111\"],\"authors\":[{\"kind\":\"person\",\"email\":\"09090\
    90909090909090909090909090909090909090909090909090909090909\"}],\"detected\":\"assis\
    ted\",\"opaque\":[{\"row\":0,\"why\":\"lfs-pointer\"}],\"links\":[{\"row\":1,\"to\":\
    [\"61\"]}],\"collisions\":[2]}";
const TREE: &[u8] = b"100644 a\0aaaaaaaaaaaaaaaaaaaa40000 b\0bbbbbbbbbbbbbbbbbbbb";

/// `spec/inbox.md` section 4, and the names of parcels in section 1.
fn answer(bytes: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(name) = ParcelName::from_reference(text)
    {
        assert_eq!(name.reference(), text);
        return true;
    }
    let Ok((answer, _)) = Answer::parse(bytes) else { return false };
    assert_eq!(Answer::parse(&answer.to_bytes()).map(|(again, _)| again), Ok(answer));
    true
}

/// `spec/bundle.md`: what is taken has one spelling; what is another bundle than the one that was
/// made does not verify.
fn whole_bundle(bytes: &[u8]) -> bool {
    const MADE: &[u8] = include_bytes!("../spec/vectors/bundle/linear.bundle");
    const TRUST: &[u8] = include_bytes!("../spec/vectors/bundle/linear.toml");
    let Ok(bundle) = Bundle::parse(bytes) else { return false };
    assert_eq!(bundle.to_bytes(), bytes);
    if let Ok(trust) = TrustRoot::parse(TRUST) {
        let outcome = check(&bundle, &trust, Timestamp::from_milliseconds(u64::from(u32::MAX)));
        assert!(outcome.is_err() || bytes == MADE, "another bundle of the same ledger verifies");
    }
    true
}

/// `spec/carry.md`: one spelling, within limits.
fn certificate(bytes: &[u8]) -> bool {
    let Ok(certificate) = Certificate::parse(bytes) else { return false };
    assert!(bytes.len() <= CARRY_CERTIFICATE_BYTES_MAX);
    assert_eq!(certificate.to_bytes(), bytes);
    let (approved, landed) = (certificate.approved(), certificate.landed());
    let again = Certificate::new(approved, landed, certificate.files().to_vec());
    assert_eq!(again.as_ref(), Ok(&certificate));
    assert!(certificate.files().iter().all(|file| file.closest().0 >= 1));
    true
}

/// Commits as git has them, their trailers, and who is named in them.
fn commit(bytes: &[u8]) -> bool {
    let Ok(commit) = parse_commit(bytes) else { return false };
    assert!(commit.message.len() <= bytes.len());
    assert!(trailers(&commit.message).count() <= commit.message.len());
    drop(co_authors(&commit.message));
    true
}

/// `spec/verdict.md` section 5.
fn cover(bytes: &[u8]) -> bool {
    let Ok(cover) = Cover::parse(bytes) else { return false };
    assert_eq!(Cover::parse(&cover.to_bytes()), Ok(cover.clone()));
    assert!(cover.used_up().count() >= cover.segments.len());
    true
}

/// `spec/change.md`: only what is written is read, and it composes with itself to nothing new.
fn document(bytes: &[u8]) -> bool {
    let Ok(document) = Document::parse(bytes) else { return false };
    assert_eq!(document.to_bytes(), bytes);
    assert_eq!(Document::compose(&[&document]).as_ref(), Ok(&document));
    true
}

/// `spec/statement.md` section 1: what is stored is canonical, and the same statement.
fn envelope(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(bytes) else { return false };
    let canonical = envelope.to_canonical();
    let again = Envelope::parse_canonical(&canonical);
    assert_eq!(again.as_ref().map(Envelope::statement_id), Ok(envelope.statement_id()));
    assert!(envelope.payload().len() < bytes.len());
    true
}

/// `spec/witness.md` section 4.
fn fork(bytes: &[u8]) -> bool {
    let Ok(file) = ForkFile::parse(bytes) else { return false };
    assert_eq!(file.to_string().as_bytes(), bytes);
    true
}

/// Objects as git hashes them, under both hashes.
fn git_object(bytes: &[u8]) -> bool {
    let read = [ObjectHash::Sha1, ObjectHash::Sha256].map(|hash| GitObject::read(bytes, hash));
    let taken = read.iter().flatten().map(|object| object_bytes(object.kind(), object.content()));
    assert!(taken.clone().all(|written| written == bytes));
    taken.count() > 0
}

/// `spec/keys.md`: OpenSSH public keys, as text and as a blob.
fn key(bytes: &[u8]) -> bool {
    if let Ok(key) = PublicKey::from_blob(bytes) {
        assert_eq!(key.to_blob(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(key) = PublicKey::from_openssh(text) else { return false };
    assert_eq!(PublicKey::from_openssh(&key.to_openssh()), Ok(key.clone()));
    assert_eq!(PublicKey::from_blob(&key.to_blob()), Ok(key));
    true
}

/// `spec/ledger.md` section 2.
fn leaf(bytes: &[u8]) -> bool {
    let Ok(leaf) = Leaf::parse(bytes) else { return false };
    assert_eq!(leaf.to_bytes(), bytes);
    true
}

/// Signed notes and checkpoints, C2SP, and the keys that they are verified with.
fn note(bytes: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(key) = text.parse::<CosignerKey>() {
            assert_eq!(key.to_string(), text);
        }
        drop(Cosigner::from_text(text));
    }
    let Ok(note) = SignedNote::parse(bytes) else { return false };
    assert_eq!(note.to_string().as_bytes(), bytes);
    drop(note.text().parse::<Checkpoint>());
    true
}

/// `spec/policy.md`: what parses is no weaker than itself.
fn policy(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(policy) = Policy::parse(text) else { return false };
    assert_eq!(policy.text(), text);
    assert!(policy.weakens(&policy).is_empty());
    drop(policy.warnings());
    true
}

/// `spec/proof.md`: files that prove something, against a trust root of another ledger as well.
fn proof(bytes: &[u8]) -> bool {
    if let Ok(file) = TlogProof::parse(bytes) {
        assert_eq!(file.to_string().as_bytes(), bytes);
        assert!(file.hashes.len() <= 63);
    }
    if let Ok(file) = ConsistencyProof::parse(bytes) {
        assert_eq!(file.to_string().as_bytes(), bytes);
        assert!(file.hashes.len() <= 63);
    }
    ProofFile::parse(bytes).is_ok()
}

/// `spec/slsa.md`: other people's JSON, which is read and not trusted.
fn provenance(bytes: &[u8]) -> bool {
    Provenance::parse(bytes).is_ok()
}

/// `spec/verdict.md` section 13.
fn record(bytes: &[u8]) -> bool {
    let Ok(record) = StepRecord::parse(bytes) else { return false };
    assert_eq!(StepRecord::parse(&record.to_bytes()), Ok(record));
    true
}

/// `spec/statement.md`: what is written again says the same, and has the same identity where the
/// spelling is the same.
fn statement(bytes: &[u8]) -> bool {
    let Ok(statement) = Statement::parse(bytes) else { return false };
    // A statement at the limit may be longer in its canonical spelling.
    if let Ok(written) = statement.to_payload() {
        assert_eq!(Statement::parse(&written), Ok(statement));
    }
    true
}

/// `spec/statement.md` section 2: what is strict JSON is JSON to others too.
fn strict_json(bytes: &[u8]) -> bool {
    let is_strict = json::check(bytes, ENVELOPE_BYTES_MAX).is_ok();
    assert!(!is_strict || serde_json::from_slice::<serde_json::Value>(bytes).is_ok());
    is_strict
}

/// `spec/slsa.md`: summaries of others.
fn summary(bytes: &[u8]) -> bool {
    ReadSummary::parse(bytes).is_ok()
}

/// C2SP tlog-tiles: bundles of entries, and paths of tiles.
fn tile(bytes: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(tile) = Tile::from_bundle_path(text)
    {
        assert_eq!(tile.bundle_path(), text);
        return true;
    }
    let Ok(entries) = unbundle(bytes) else { return false };
    assert!(entries.len() <= 256);
    assert_eq!(bundle(entries).as_deref(), Ok(bytes));
    true
}

/// Trees as git has them, with ids of both lengths.
fn tree(bytes: &[u8]) -> bool {
    let read = [20, 32].map(|id_bytes| parse_tree(bytes.to_vec(), id_bytes));
    for tree in read.iter().flatten() {
        let found = |name| tree.find(name).is_some();
        assert!(tree.entries().all(|entry| found(entry.name)));
    }
    read.iter().any(Result::is_ok)
}

/// `spec/settings.md` section 2.
fn trust(bytes: &[u8]) -> bool {
    TrustRoot::parse(bytes).is_ok()
}

/// `spec/witness.md` section 2.
fn witness(bytes: &[u8]) -> bool {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return false };
    assert!(!request.origin().is_empty());
    true
}

/// Everything that text of a vector could be: itself, and what it is the encoding of.
pub(crate) fn readings(text: &str) -> Vec<Vec<u8>> {
    let encoded = [encoding::unbase64(text).ok(), encoding::unhex(text).ok()];
    std::iter::once(text.as_bytes().to_vec()).chain(encoded.into_iter().flatten()).collect()
}

/// Runs the body of that name.
pub(crate) fn run(name: &str, bytes: &[u8]) -> bool {
    TARGETS.iter().filter(|target| target.name == name).all(|target| (target.body)(bytes))
}
