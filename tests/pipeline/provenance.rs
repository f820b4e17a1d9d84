//! `record build --provenance` (`spec/slsa.md` section 2, ATTACKS 11).

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::digest::ContentDigest;
use countersign::base::encoding::base64;
use countersign::statement::Says;
use countersign::statement::pipeline::Build;

use crate::stage::{Stage, commit, policy};

const URI: &str = "git+https://git.example/acme/shop";

/// A stage whose policy names the repository's URI.
fn stage_of(test: &str, uri: &str) -> Stage {
    let usual = policy("enforce").replace(
        "branch = \"refs/heads/main\"\n",
        "branch = \"refs/heads/main\"\nartifact = \"required\"\nbuilders = [\"ci\"]\n",
    );
    Stage::with(test, &format!("{usual}\n[repository.shop]\nuri = \"{uri}\"\n"), true)
}

/// A provenance of `image` with those dependencies, each a URI and a commit.
fn provenance(dependencies: &[(&str, &str)]) -> String {
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|(uri, commit)| serde_json::json!({ "uri": uri, "digest": { "gitCommit": commit } }))
        .collect();
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": ContentDigest::of(b"image").to_string() } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": { "buildDefinition": { "resolvedDependencies": dependencies } },
    });
    let payload = base64(statement.to_string().as_bytes());
    let envelope = serde_json::json!({
        "payload": payload,
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{ "sig": "AA==" }],
    });
    envelope.to_string()
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
fn write(stage: &Stage, text: &str) -> PathBuf {
    let file = stage.root.join("provenance.json");
    fs::write(&file, text).unwrap();
    file
}

fn build<'a>(artifact: &'a str, file: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let file = file.to_str().unwrap();
    let mut arguments = vec![
        "record",
        "build",
        "--artifact",
        artifact,
        "--repository",
        "shop",
        "--provenance",
        file,
    ];
    arguments.extend(more);
    arguments
}

fn builds(stage: &Stage) -> Vec<Build> {
    let said = stage.entries().into_iter();
    let build = |says: Says| if let Says::Build(build) = says { Some(build) } else { None };
    said.filter_map(|entry| build(entry.statement().says.clone())).collect()
}

/// The commit is the provenance's, which stands in the statement; the gate takes the builder's
/// word for it, and a bundle of the entry holds the provenance.
#[test]
fn a_build_takes_its_commit_from_the_provenance() {
    let stage = stage_of("provenance", URI);
    let change = stage.commit("a", "one\n");
    stage.approve("ada", &change);
    let key = stage.root.join("ci");
    let key = ["--key", key.to_str().unwrap()];
    let artifact = format!("sha256:{}", ContentDigest::of(b"image"));
    let uri = format!("{URI}@refs/heads/main");
    let text = provenance(&[("git+https://git.example/tool", "ab"), (&uri, change.as_str())]);
    let file = write(&stage, &text);
    // Whatever is checked out, what was built is what the provenance says.
    commit(&stage.repository(), "b", "later\n", "Later");
    let built = stage.run(&build(&artifact, &file, &key));
    assert_eq!(built.status, 0, "{built:?}");
    let says = "provenance kept in the statement; its own signature was not checked\n";
    assert!(built.out.ends_with(says), "{built:?}");
    let found = builds(&stage).remove(0);
    assert_eq!(
        (&found.revision, found.provenance),
        (&change, Some(ContentDigest::of(text.as_bytes())))
    );
    assert_eq!(found.embedded.unwrap().as_bytes(), text.as_bytes());
    assert!(!stage.session().blobs().has(&ContentDigest::of(text.as_bytes())));
    let passed = stage.run(&["gate", "-n", "--artifact", &artifact, "--revision", change.as_str()]);
    assert_eq!(passed.status, 0, "{passed:?}");
    let check = stage.run(&["ledger", "check"]);
    assert_eq!(check.status, 0, "{check:?}");
    // Beside the ledger it can be deleted, and is told to be missing.
    let detached = stage.run(&build(&artifact, &file, &[&key[..], &["--detached"]].concat()));
    assert!(detached.out.contains("provenance kept beside the ledger"), "{detached:?}");
    let found = builds(&stage).remove(1);
    assert_eq!(
        (found.embedded, found.provenance),
        (None, Some(ContentDigest::of(text.as_bytes())))
    );
    assert!(stage.session().blobs().has(&ContentDigest::of(text.as_bytes())));
    // One that is too large for a statement lies there too.
    let large = format!("{}{text}", " ".repeat(24 * 1024));
    let file = write(&stage, &large);
    let beside = stage.run(&build(&artifact, &file, &key));
    assert!(beside.out.contains("provenance kept beside the ledger"), "{beside:?}");
    assert_eq!(stage.run(&["ledger", "check"]).status, 0);
}

/// ATTACKS 11: none, two, another artifact, another commit than is said, and a repository without a
/// URI are refused with what was found, and nothing is recorded.
#[test]
fn attack_11_what_names_no_single_source_is_refused() {
    let stage = stage_of("no-source", URI);
    let head = stage.commit("a", "one\n");
    let key = stage.root.join("ci");
    let key = ["--key", key.to_str().unwrap()];
    let artifact = format!("sha256:{}", ContentDigest::of(b"image"));
    let other = format!("sha256:{}", ContentDigest::of(b"other"));
    let size = stage.entries().len();
    let refused = |text: &str, artifact: &str, more: &[&str], says: &str| {
        let file = write(&stage, text);
        let refused = stage.run(&build(artifact, &file, &[&key[..], more].concat()));
        assert_eq!(refused.status, 2, "{refused:?}");
        let talk = refused.talk.replace("\n  ", " ");
        assert!(talk.contains(says), "{says}: {refused:?}");
        assert_eq!(stage.entries().len(), size);
    };
    let it = (URI, head.as_str());
    let fork = ("git+https://git.example/mallory/shop", head.as_str());
    refused(&provenance(&[fork]), &artifact, &[], "0 of its resolved dependencies are");
    refused(&provenance(&[fork]), &artifact, &[], "git+https://git.example/mallory/shop");
    refused(&provenance(&[it, it]), &artifact, &[], "2 of its resolved dependencies are");
    refused(&provenance(&[it]), &other, &[], "it is not about sha256:");
    refused(&provenance(&[(URI, "main")]), &artifact, &[], "names no commit");
    refused("{}", &artifact, &[], "not a DSSE envelope");
    let before = ["--revision", "HEAD~1"];
    refused(&provenance(&[it]), &artifact, &before, "the provenance names commit");
    let file = write(&stage, &provenance(&[it]));
    let mut elsewhere = build(&artifact, &file, &key);
    elsewhere[5] = "web";
    let unknown = stage.run(&elsewhere);
    assert_eq!(unknown.status, 2, "{unknown:?}");
    assert!(unknown.talk.contains("the policy does not say which URI web has"), "{unknown:?}");
    assert!(unknown.talk.contains("[repository.\"web\"]"), "{unknown:?}");
}

/// Provenances that hosted builders made (`../shared/vectors/slsa`): one of v1 is taken with its
/// Sigstore bundle, whoever signed it, and one of v0.2 is not.
#[test]
fn real_provenances_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/slsa");
    if !folder.exists() {
        skipped(&folder);
        return;
    }
    let stage = stage_of("real-provenance", "git+https://github.com/aspect-build/rules_lint");
    let key = stage.root.join("ci");
    let key = ["--key", key.to_str().unwrap()];
    let file = fs::read(folder.join("slsa-verifier_MODULE.bazel")).unwrap();
    let artifact = format!("sha256:{}", ContentDigest::of(&file));
    for (count, name) in ["MODULE.bazel", "MODULE-wrong-signer.bazel"].into_iter().enumerate() {
        let file = folder.join(format!("slsa-verifier_{name}.intoto.jsonl"));
        let built = stage.run(&build(&artifact, &file, &key));
        assert_eq!(built.status, 0, "{built:?}");
        // Who signed the provenance is not looked at: the builder who records it vouches.
        assert!(built.out.contains("its own signature was not checked"), "{built:?}");
        let found = builds(&stage).remove(count);
        assert_eq!(found.revision.as_str(), "8f70009fde0c94ade6ce2a054b94718c819126ec");
        assert_eq!(found.embedded.unwrap().as_bytes(), fs::read(&file).unwrap());
    }
    let tag = fs::read(folder.join("slsa-verifier_annotated-tag")).unwrap();
    let artifact = format!("sha256:{}", ContentDigest::of(&tag));
    let file = folder.join("slsa-verifier_annotated-tag.intoto.jsonl");
    let older = stage.run(&build(&artifact, &file, &key));
    assert_eq!(older.status, 2, "{older:?}");
    assert!(older.talk.contains("https://slsa.dev/provenance/v0.2"), "{older:?}");
}

#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn skipped(folder: &Path) {
    eprintln!("skipped: {} is missing", folder.display());
}
