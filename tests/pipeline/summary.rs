//! `gate -o FILE.vsa.json` and `verify FILE.vsa.json` (`spec/slsa.md` sections 3 and 4).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::base::digest::{ChangeHash, ContentDigest, sha256};
use countersign::base::encoding::{hex, unbase64};
use countersign::base::name::Revision;
use countersign::git::Repository;
use countersign::key::Signer as _;
use countersign::statement::Says;
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::envelope::Envelope;
use countersign::statement::summary::ReadSummary;
use countersign::statement::words::Assistance;

use crate::stage::{Said, Stage, id, key, policy};

const URI: &str = "git+https://git.example/acme/shop";
const TWO: &str = "SLSA_SOURCE_TWO_PARTY_REVIEWED";

struct Gate {
    stage: Stage,
    signer: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

impl Gate {
    fn new(test: &str, mode: &str) -> Self {
        let usual = policy(mode);
        let stage =
            Stage::with(test, &format!("{usual}\n[repository.shop]\nuri = \"{URI}\"\n"), true);
        let signer = stage.root.join("gate.pub");
        write(&signer, key(&stage.root, "gate").public_key().to_openssh().as_bytes());
        Self { stage, signer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stage.root.join(name)
    }

    /// Asks the gate for a summary beside its answer.
    fn gate(&self, name: &str, more: &[&str]) -> Said {
        let path = self.path(name);
        self.stage.run(&[&["gate", "-o", path.to_str().unwrap()], more].concat())
    }

    /// Reads one in a home that knows nothing, with nothing but a key.
    fn verify(&self, name: &str, more: &[&str]) -> Said {
        let (path, signer) = (self.path(name), self.signer.to_str().unwrap());
        let mut command =
            self.stage.command(&["verify", path.to_str().unwrap(), "--signer", signer]);
        command.args(more).env_remove("COUNTERSIGN_TRUST").env_remove("COUNTERSIGN_LEDGER");
        command.env("HOME", self.path("nowhere")).env("XDG_CONFIG_HOME", self.path("nowhere"));
        let said = crate::stage::said(&command.current_dir("/").output().unwrap());
        let is_json = more.contains(&"--json");
        let is_narrow = said.out.lines().all(|line| line.chars().count() <= 80 || is_json);
        assert!(is_narrow || line_is_uri(&said.out), "{said:?}");
        said
    }

    fn statement(&self, name: &str) -> serde_json::Value {
        let envelope: serde_json::Value =
            serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap();
        let payload = unbase64(envelope["payload"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }

    /// Ben, whose the commit is, says so with his own key.
    fn declare(&self, revision: &Revision) {
        let step = Repository::open(&self.stage.repository()).unwrap().step(revision).unwrap();
        let change = ChangeHash::from_bytes(*step.document.hash().as_bytes());
        let said = Declaration {
            change,
            repository: "shop".parse().unwrap(),
            base: step.parent,
            head: revision.clone(),
            target: "refs/heads/main".parse().unwrap(),
            authors: vec![DeclaredAuthor::Member(id("ben"))],
            request: None,
            predecessor: None,
            assistance: Assistance::None,
            tools: Vec::new(),
        };
        self.stage.say("ben", Says::Change(said));
    }
}

/// A digest or URI stays whole, to be copied.
fn line_is_uri(text: &str) -> bool {
    let long = text.lines().filter(|line| line.chars().count() > 80);
    long.into_iter().all(|line| line.split_whitespace().any(|word| word.len() > 60))
}

/// What the gate writes: every field, by hand, and the digests against the bytes that they are of.
#[test]
fn a_summary_says_what_the_gate_saw() {
    let gate = Gate::new("summary", "enforce");
    let change = gate.stage.commit("a", "one\n");
    gate.stage.approve("ada", &change);
    gate.declare(&change);
    // It is there when the command runs.
    let path = gate.path("a.vsa.json");
    let ran = gate.gate("a.vsa.json", &["--", "test", "-s", path.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.talk.contains("a.vsa.json (PASSED, reviewed by two)"), "{ran:?}");
    let said = gate.statement("a.vsa.json");
    let ledger = gate.stage.trust.ledger();
    assert_eq!(said["predicateType"], "https://slsa.dev/verification_summary/v1");
    let subject = &said["subject"][0];
    assert_eq!(subject["digest"]["gitCommit"], change.as_str());
    assert_eq!(subject["annotations"]["sourceRefs"], serde_json::json!(["refs/heads/main"]));
    let predicate = &said["predicate"];
    assert_eq!(predicate["verifier"]["id"], format!("urn:countersign:gate:{ledger}:gate"));
    assert_eq!(predicate["verifier"]["version"]["countersign"], env!("CARGO_PKG_VERSION"));
    assert_eq!(predicate["resourceUri"], URI);
    assert_eq!(predicate["verificationResult"], "PASSED");
    let levels = serde_json::json!(["SLSA_SOURCE_LEVEL_UNEVALUATED", TWO]);
    assert_eq!(predicate["verifiedLevels"], levels);
    assert_eq!(predicate["slsaVersion"], "1.2");
    let (decision, _) = gate.stage.decisions().remove(0);
    let time = predicate["timeVerified"].as_str().unwrap();
    let shown = gate.stage.run(&["show", &decision.index().to_string(), "--json"]).json();
    assert_eq!(shown["time"].as_str().unwrap(), time);
    let text = gate.stage.run(&["policy", "show"]).out;
    let policy = &predicate["policy"];
    assert_eq!(policy["uri"], format!("urn:countersign:policy:{ledger}:0"));
    let stored =
        format!("{}\n[repository.shop]\nuri = \"{URI}\"\n", crate::stage::policy("enforce"));
    assert!(text.contains(URI), "{text}");
    assert_eq!(policy["digest"]["sha256"], hex(&sha256(&[stored.as_bytes()])));
    let inputs = predicate["inputAttestations"].as_array().unwrap();
    let start = format!("urn:countersign:entry:{ledger}:");
    let mut entries = Vec::new();
    for input in &inputs[1..] {
        let entry = input["uri"].as_str().unwrap().strip_prefix(&start).unwrap();
        let envelope = gate.stage.run(&["show", entry, "--envelope"]).out;
        assert_eq!(input["digest"]["sha256"], hex(&sha256(&[envelope.as_bytes()])));
        entries.push(entry.to_owned());
    }
    // The policy, the sign-off, the author's statement and the decision.
    assert_eq!(entries, ["0", "1", "2", &decision.index().to_string()]);
    let size = decision.index().get() + 2;
    assert_eq!(inputs[0]["uri"], format!("urn:countersign:checkpoint:{ledger}:{size}"));
}

/// Whoever reads it says whose key counts and what is expected; anything else is no yes.
#[test]
fn a_summary_is_held_against_what_is_expected() {
    let gate = Gate::new("expected", "enforce");
    let change = gate.stage.commit("a", "one\n");
    gate.stage.approve("ada", &change);
    gate.declare(&change);
    assert_eq!(gate.gate("a.vsa.json", &[]).status, 0);
    let verifier = format!("urn:countersign:gate:{}:gate", gate.stage.trust.ledger());
    let subject = format!("gitCommit:{change}");
    let all = ["--subject", &subject, "--resource", URI, "--verifier", &verifier, "--level", TWO];
    let yes = gate.verify("a.vsa.json", &all);
    assert_eq!(yes.status, 0, "{yes:?}");
    assert!(yes.out.starts_with("YES  "), "{yes:?}");
    assert!(yes.out.contains("not proved: what the gate saw"), "{yes:?}");
    assert!(!yes.out.contains("next: "), "{yes:?}");
    let some = gate.verify("a.vsa.json", &["--subject", &subject]);
    assert!(some.out.contains("--resource, --verifier, --level"), "{some:?}");
    let json = gate.verify("a.vsa.json", &["--json"]).json();
    assert_eq!(json["files"][0]["result"], "PASSED");
    assert_eq!(json["files"][0]["subjects"][0], subject);
    let other = format!("gitCommit:{}", "ab".repeat(20));
    for (expected, says) in [
        (["--subject", &other], "it is not about gitCommit:"),
        (["--resource", "git+https://git.example/mallory/shop"], "it is not about git+https"),
        (["--verifier", "urn:countersign:gate:00:gate"], "it is not of urn:countersign:gate:00"),
        (["--level", "SLSA_BUILD_LEVEL_3"], "it does not say SLSA_BUILD_LEVEL_3"),
    ] {
        let no = gate.verify("a.vsa.json", &expected);
        assert_eq!(no.status, 1, "{no:?}");
        assert!(no.all().contains(says), "{no:?}");
    }
    // Another key of the same form, and no key at all.
    let path = gate.path("a.vsa.json");
    let path = path.to_str().unwrap();
    let ada = gate.path("ada.pub");
    write(&ada, key(&gate.stage.root, "ada").public_key().to_openssh().as_bytes());
    let stranger = gate.stage.run(&["verify", path, "--signer", ada.to_str().unwrap()]);
    assert_eq!(stranger.status, 1, "{stranger:?}");
    assert!(stranger.all().contains("not signed by SHA256:"), "{stranger:?}");
    let keyless = gate.stage.run(&["verify", path]);
    assert_eq!(keyless.status, 2, "{keyless:?}");
    assert!(keyless.talk.contains("--signer GATE.pub"), "{keyless:?}");
    // A signature moved to another statement, and one under another's name.
    let good = Envelope::parse(&fs::read(path).unwrap()).unwrap();
    let payload = String::from_utf8(good.payload().to_vec()).unwrap();
    let forged = payload.replace("refs/heads/main", "refs/heads/evil");
    let forged = Envelope::new(forged.into_bytes(), good.signatures().to_vec());
    write(&gate.path("forged.vsa.json"), &forged.to_canonical());
    let forged = gate.verify("forged.vsa.json", &[]);
    assert_eq!(forged.status, 3, "{forged:?}");
    assert!(forged.out.starts_with("TAMPERED  "), "{forged:?}");
}

/// ATTACKS 9: an author who is only claimed is nobody, and what is denied has no level.
#[test]
fn attack_09_what_two_did_not_see_is_not_called_reviewed_by_two() {
    let gate = Gate::new("claimed", "enforce");
    let change = gate.stage.commit("a", "one\n");
    let denied = gate.gate("denied.vsa.json", &[]);
    assert_eq!(denied.status, 1, "{denied:?}");
    let said = gate.statement("denied.vsa.json");
    assert_eq!(said["predicate"]["verificationResult"], "FAILED");
    assert_eq!(said["predicate"]["verifiedLevels"], serde_json::json!(["FAILED"]));
    let no = gate.verify("denied.vsa.json", &[]);
    assert_eq!(no.status, 1, "{no:?}");
    assert!(no.all().contains("the policy did not let it pass"), "{no:?}");
    gate.stage.approve("ada", &change);
    assert_eq!(gate.gate("claimed.vsa.json", &[]).status, 0);
    let only = serde_json::json!(["SLSA_SOURCE_LEVEL_UNEVALUATED"]);
    let said = gate.statement("claimed.vsa.json");
    assert_eq!(said["predicate"]["verificationResult"], "PASSED");
    assert_eq!(said["predicate"]["verifiedLevels"], only);
    // One segment of two is enough to spoil it.
    gate.declare(&change);
    let later = gate.stage.commit("b", "two\n");
    gate.stage.approve("ada", &later);
    assert_eq!(gate.gate("half.vsa.json", &[]).status, 0);
    assert_eq!(gate.statement("half.vsa.json")["predicate"]["verifiedLevels"], only);
    gate.declare(&later);
    assert_eq!(gate.gate("both.vsa.json", &[]).status, 0);
    let levels = &gate.statement("both.vsa.json")["predicate"]["verifiedLevels"];
    assert_eq!(levels[1], TWO);
    // Where it is only observed, what is denied did not pass all the same.
    let observed = Gate::new("observed", "observe");
    observed.stage.commit("a", "one\n");
    assert_eq!(observed.gate("a.vsa.json", &[]).status, 0);
    assert_eq!(observed.statement("a.vsa.json")["predicate"]["verificationResult"], "FAILED");
}

/// ATTACKS 11: artifacts have a summary of their own, which says no more than a builder does.
#[test]
fn attack_11_artifacts_have_a_summary_beside_it() {
    let gate = Gate::new("artifacts", "enforce");
    let change = gate.stage.commit("a", "one\n");
    gate.stage.approve("ada", &change);
    gate.declare(&change);
    let artifact = format!("sha256:{}", ContentDigest::of(b"image"));
    let passed = gate.gate("a.vsa.json", &["--artifact", &artifact]);
    assert_eq!(passed.status, 0, "{passed:?}");
    let levels = |name: &str| gate.statement(name)["predicate"]["verifiedLevels"].clone();
    assert_eq!(levels("a.vsa.json")[1], TWO);
    assert_eq!(
        levels("a.artifact.vsa.json"),
        serde_json::json!(["SLSA_BUILD_LEVEL_UNEVALUATED"]),
        "nobody says that it was built from the commit"
    );
    let builder = gate.path("ci");
    let build = ["record", "build", "--artifact", &artifact, "--repository", "shop", "--key"];
    let recorded = gate.stage.run(&[&build[..], &[builder.to_str().unwrap()]].concat());
    assert_eq!(recorded.status, 0, "{recorded:?}");
    assert_eq!(gate.gate("b.vsa.json", &["--artifact", &artifact]).status, 0);
    let said = gate.statement("b.artifact.vsa.json");
    assert_eq!(levels("b.artifact.vsa.json")[1], TWO);
    assert_eq!(said["subject"][0]["digest"]["sha256"], artifact["sha256:".len()..]);
    assert_eq!(said["predicate"]["resourceUri"], URI);
    let yes = gate.verify("b.artifact.vsa.json", &["--subject", &artifact, "--level", TWO]);
    assert_eq!(yes.status, 0, "{yes:?}");
    let other = gate.verify("b.vsa.json", &["--subject", &artifact]);
    assert_eq!(other.status, 1, "{other:?}");
}

/// What cannot be written is told before anything is decided.
#[test]
fn a_summary_that_cannot_be_is_refused_at_once() {
    let stage = Stage::new("no-uri", "enforce");
    stage.commit("a", "one\n");
    let path = stage.root.join("a.vsa.json");
    let path = path.to_str().unwrap();
    let size = stage.entries().len();
    let refused = |arguments: &[&str], says: &str| {
        let refused = stage.run(arguments);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.all().contains(says), "{refused:?}");
        assert_eq!(stage.entries().len(), size);
    };
    refused(&["gate", "-o", path], "the policy does not say which URI shop has");
    refused(&["gate", "-n", "-o", path], "a summary tells a decision that is recorded");
    refused(&["gate", "-o", path, "-o", path], "two files that end in .vsa.json");
    refused(&["gate", "-o", "a.json"], "expected a name that ends in .bundle or .vsa.json");
    refused(&["gate", "-o", path, "--full"], "--full and --after are about a bundle");
}

/// Every bit of a summary's file: what still parses and verifies says the very same.
#[test]
#[expect(clippy::print_stderr, reason = "the campaign prints its counts")]
fn every_single_bit_flip_of_a_summary_is_refused_or_nothing() {
    let gate = Gate::new("summary-flips", "enforce");
    let change = gate.stage.commit("a", "one\n");
    gate.stage.approve("ada", &change);
    assert_eq!(gate.gate("a.vsa.json", &[]).status, 0);
    let mut bytes = fs::read(gate.path("a.vsa.json")).unwrap();
    let signer = key(&gate.stage.root, "gate");
    let key = signer.public_key();
    let accepted = |bytes: &[u8]| {
        let envelope = Envelope::parse(bytes).ok()?;
        let [signature] = envelope.signatures() else { return None };
        let is_its = signature.keyid == key.fingerprint();
        let message = envelope.pre_authentication_encoding();
        let is_good = is_its && key.verify(&message, &signature.signature).is_ok();
        is_good.then(|| ReadSummary::parse(envelope.payload()).unwrap())
    };
    let good = accepted(&bytes).unwrap();
    let (mut refused, mut same) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            match accepted(&bytes) {
                None => refused += 1,
                Some(found) if found == good => same += 1,
                Some(found) => panic!("bit {bit} of byte {at}: {found:?}"),
            }
            bytes[at] ^= 1 << bit;
        }
    }
    eprintln!("{} flips: {refused} refused, {same} say the same, 0 accepted", refused + same);
    // White space at the end, and nothing else, is no part of it.
    assert!(refused > 10_000 && same <= 8, "{refused} {same}");
}

/// PyPI's securesystemslib verifies what the gate signs.
#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
#[expect(clippy::disallowed_methods, reason = "tests/run names the Python")]
fn securesystemslib_verifies_a_summary() {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        eprintln!("skipped: COUNTERSIGN_PYTHON names no Python with securesystemslib");
        return;
    };
    let gate = Gate::new("summary-python", "enforce");
    let change = gate.stage.commit("a", "one\n");
    gate.stage.approve("ada", &change);
    let artifact = format!("sha256:{}", ContentDigest::of(b"image"));
    assert_eq!(gate.gate("a.vsa.json", &["--artifact", &artifact]).status, 0);
    let signer = key(&gate.stage.root, "gate");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/dsse.py");
    let verify = |name: &str, public: &[u8]| {
        let mut command = Command::new(&python);
        let output = command.arg(script).arg(gate.path(name)).arg(hex(public)).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    for name in ["a.vsa.json", "a.artifact.vsa.json"] {
        let public = signer.public_key().key_bytes();
        assert_eq!(verify(name, public), (true, "verified\n".to_owned()), "{name}");
        let other = key(&gate.stage.root, "ada");
        assert!(!verify(name, other.public_key().key_bytes()).0, "{name}");
    }
}

/// A cloud vendor's summary has an ECDSA signature of 64 bytes, as long as one of Ed25519: what a
/// signature is, its key says, never its length.
#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn a_signature_of_64_bytes_is_not_taken_for_ours() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/slsa");
    if !folder.exists() {
        eprintln!("skipped: {} is missing", folder.display());
        return;
    }
    let gate = Gate::new("vendor", "enforce");
    let real = fs::read_to_string(folder.join("slsa-verifier_gke-gce-pre.bcid-vsa.jsonl")).unwrap();
    write(&gate.path("real.vsa.json"), real.as_bytes());
    let refused = gate.verify("real.vsa.json", &[]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.talk.contains("keyid is not in its one accepted form"), "{refused:?}");
    // Renamed to the gate's own key it is a signature that does not verify.
    let fingerprint = key(&gate.stage.root, "gate").public_key().fingerprint().to_string();
    let renamed = real.replace("keystore://76574:prod:vsa_signing_public_key", &fingerprint);
    assert_ne!(renamed, real);
    write(&gate.path("renamed.vsa.json"), renamed.as_bytes());
    let tampered = gate.verify("renamed.vsa.json", &[]);
    assert_eq!(tampered.status, 3, "{tampered:?}");
    // Its statement is read, so that only the key is what is missing.
    let envelope = Envelope::parse(renamed.as_bytes()).unwrap();
    let summary = ReadSummary::parse(envelope.payload()).unwrap();
    assert_eq!(summary.subjects, ["gce_image_id:8970095005306000053"]);
    assert_eq!(summary.levels, ["BCID_L1", "SLSA_BUILD_LEVEL_2"]);
    let pem = folder.join("slsa-verifier_vsa_signing_public_key.pem");
    let path = gate.path("real.vsa.json");
    let other = ["verify", path.to_str().unwrap(), "--signer", pem.to_str().unwrap()];
    let other = gate.stage.run(&other);
    assert_eq!(other.status, 2, "{other:?}");
}
