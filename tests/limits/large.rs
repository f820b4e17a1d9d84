//! Limits of what is large: the things are made without the people and repositories around them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use countersign::base::digest::ContentDigest;
use countersign::base::encoding::base64;
use countersign::base::limits::*;
use countersign::base::name::RepositoryUri;
use countersign::base::position::EntryIndex;
use countersign::change::{
    DifferenceError, Document, ObjectId, Side, Tree, TreePair, TreeSource, difference,
    parse_commit, parse_tree,
};
use countersign::git::Repository;
use countersign::ledger::append::Refusal;
use countersign::ledger::inbox::Answer;
use countersign::ledger::store::Store as _;
use countersign::statement::pipeline::Embedded;
use countersign::statement::provenance::Provenance;
use countersign::statement::summary::ReadSummary;
use countersign::store::mirror::MirrorStore;
use countersign::verify::bundle::{Bundle, BundleError, Bytes, ShownLeaf};

use crate::{both, passes, refused};

/// Folders in folders, and a file in the innermost.
struct Nested {
    depth: usize,
}

fn id_of_depth(depth: usize) -> [u8; 20] {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&(depth as u64).to_be_bytes());
    id
}

impl TreeSource for Nested {
    type Error = DifferenceError;

    fn tree(&self, _: &ObjectId, path: &[u8]) -> Result<Arc<Tree>, DifferenceError> {
        // `a/a/a` lies three deep.
        let depth = path.len().div_ceil(2);
        let mode = if depth < self.depth { "40000" } else { "100644" };
        let mut bytes = format!("{mode} a\0").into_bytes();
        bytes.extend_from_slice(&id_of_depth(depth + 1));
        Ok(Arc::new(parse_tree(bytes, 20).unwrap()))
    }
}

/// Runs git in a folder, with this on its standard input.
pub(crate) fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let file = folder.join("input");
    std::fs::write(&file, input).unwrap();
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "ada");
        command.env(format!("GIT_{role}_EMAIL"), "ada@shop.example");
    }
    command.args(arguments).stdin(std::fs::File::open(file).unwrap()).stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bundle of the vectors, to be filled with what is small.
fn bundle() -> Bundle {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "bundle")
                && let Ok(bundle) = Bundle::parse(&std::fs::read(&path).unwrap())
            {
                return bundle;
            }
        }
    }
    panic!("there is no bundle among the vectors");
}

/// The vector's bundle with something else in it.
fn parse_with(fill: impl FnOnce(&mut Bundle)) -> Result<Bundle, BundleError> {
    let mut bundle = bundle();
    fill(&mut bundle);
    Bundle::parse(&bundle.to_bytes())
}

limits! {
    bytes_of_a_document: DOCUMENT_BYTES_MAX => {
        let bytes = vec![0; DOCUMENT_BYTES_MAX + 1];
        passes(Document::parse(&bytes[1..]), &format!("{DOCUMENT_BYTES_MAX}"));
        refused(Document::parse(&bytes), &format!("{DOCUMENT_BYTES_MAX}"));
    }
    parents_of_a_commit: COMMIT_PARENTS_MAX => {
        both(COMMIT_PARENTS_MAX, "parents", |count| {
            let digits = "0".repeat(40);
            let parents = format!("parent {digits}\n").repeat(count);
            let person = "A <a@x.example> 0 +0000";
            let text = format!(
                "tree {digits}\n{parents}author {person}\ncommitter {person}\n\nTitle\n"
            );
            parse_commit(text.as_bytes())
        });
    }
    rows_of_a_document: DOCUMENT_ROWS_MAX => {
        let side = format!("100644 {}", "1".repeat(64));
        let row = |number: usize| format!("{} {side} {number:07}\0", Side::ABSENT);
        let mut bytes = Document::default().to_bytes();
        for number in 0..DOCUMENT_ROWS_MAX {
            bytes.extend_from_slice(row(number).as_bytes());
        }
        assert_eq!(Document::parse(&bytes).unwrap().rows().len(), DOCUMENT_ROWS_MAX);
        bytes.extend_from_slice(row(DOCUMENT_ROWS_MAX).as_bytes());
        refused(Document::parse(&bytes), "rows");
    }
    depth_of_a_tree: TREE_DEPTH_MAX => {
        both(TREE_DEPTH_MAX, "nested deeper", |depth| {
            let pair = TreePair { old: None, new: Some(ObjectId::Sha1(id_of_depth(0))) };
            let rows = difference(&Nested { depth }, pair)?;
            assert_eq!(rows.len(), 1);
            Ok::<_, DifferenceError>(rows)
        });
    }
    bytes_of_a_tree: TREE_BYTES_MAX => {
        let folder = crate::support::Folder::new();
        let folder = folder.path();
        git(folder, &["init", "-q", "."], b"");
        let blob = git(folder, &["hash-object", "-w", "--stdin"], b"text");
        let blob: Vec<_> = (0..40).step_by(2).map(|at| &blob[at..at + 2]).collect();
        let blob: Vec<u8> = blob.iter().map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        let limit = usize::try_from(TREE_BYTES_MAX).unwrap();
        both(limit, "are read", |length| {
            let mut tree = Vec::with_capacity(length);
            for number in 0_u32.. {
                // The last name fills up what is left.
                let rest = length - tree.len() - 28;
                let fill = if rest < 500 { rest - 8 } else { 92 };
                let fill = "x".repeat(fill);
                tree.extend_from_slice(format!("100644 {number:08}{fill}\0").as_bytes());
                tree.extend_from_slice(&blob);
                if rest < 500 {
                    break;
                }
            }
            assert_eq!(tree.len(), length);
            let arguments = ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"];
            let tree = git(folder, &arguments, &tree);
            let commit = git(folder, &["commit-tree", &tree, "-m", "x"], b"");
            let repository = Repository::open(folder).unwrap();
            let revision = countersign::base::name::Revision::new(commit).unwrap();
            repository.step(&revision).map(|step| step.document.rows().len())
        });
    }
    a_provenance_in_a_statement: PROVENANCE_EMBEDDED_BYTES_MAX => {
        assert!(Embedded::new(vec![1; PROVENANCE_EMBEDDED_BYTES_MAX]).is_some());
        assert!(Embedded::new(vec![1; PROVENANCE_EMBEDDED_BYTES_MAX + 1]).is_none());
        assert!(Embedded::new(Vec::new()).is_none());
    }
    what_is_told_of_a_provenance: PROVENANCE_TOLD_MAX => {
        let artifact = ContentDigest::of(b"image");
        let told = |count: usize| {
            let uri = |number: usize| format!(r#"{{"uri":"git+https://x.example/tool{number}"}}"#);
            let dependencies: Vec<_> = (0..count).map(uri).collect();
            let payload = format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":
                "{artifact}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":
                {{"buildDefinition":{{"resolvedDependencies":[{}]}}}}}}"#,
                dependencies.join(",")
            );
            let payload = base64(payload.as_bytes());
            let kind = "application/vnd.in-toto+json";
            let file =
                format!(r#"{{"payload":"{payload}","payloadType":"{kind}","signatures":[]}}"#);
            let uri = RepositoryUri::new("git+https://git.example/acme/shop").unwrap();
            let found = Provenance::parse(file.as_bytes()).unwrap().source(artifact, &uri);
            found.unwrap_err().to_string()
        };
        let (all, some) = (told(PROVENANCE_TOLD_MAX), told(PROVENANCE_TOLD_MAX + 1));
        assert!(all.contains(&format!("tool{}", PROVENANCE_TOLD_MAX - 1)), "{all}");
        assert!(!all.contains("more"), "{all}");
        assert!(some.contains("and 1 more"), "{some}");
        assert!(!some.contains(&format!("tool{PROVENANCE_TOLD_MAX}")), "{some}");
    }
    an_answer_of_an_inbox: ANSWER_BYTES_MAX => {
        let statement = countersign::base::digest::StatementId::from_bytes([9; 32]);
        let answer = |fill: usize| Answer::refused(statement, &Refusal::new("X", "x".repeat(fill)));
        let frame = answer(0).to_bytes().len();
        let at = answer(ANSWER_BYTES_MAX - frame).to_bytes();
        assert_eq!(at.len(), ANSWER_BYTES_MAX);
        assert!(Answer::parse(&at).is_ok());
        assert!(Answer::parse(&answer(ANSWER_BYTES_MAX - frame + 1).to_bytes()).is_err());
    }
    a_summary: SUMMARY_BYTES_MAX => {
        let payload = |fill: usize| {
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":
                "https://slsa.dev/verification_summary/v1","predicate":{{"verifier":{{"id":"v"}},
                "resourceUri":"{}","policy":{{"uri":"p"}},"verificationResult":"PASSED",
                "verifiedLevels":[]}}}}"#,
                "x".repeat(fill)
            )
        };
        let frame = payload(0).len();
        let at = payload(SUMMARY_BYTES_MAX - frame);
        passes(ReadSummary::parse(at.as_bytes()), "no error at all");
        assert!(ReadSummary::parse(at.as_bytes()).is_ok());
        assert!(ReadSummary::parse(payload(SUMMARY_BYTES_MAX - frame + 1).as_bytes()).is_err());
    }
    entries_of_a_bundle: BUNDLE_ENTRIES_MAX => {
        let leaf = ShownLeaf { index: EntryIndex::new(0), leaf: Bytes(vec![1]), proof: Vec::new() };
        both(BUNDLE_ENTRIES_MAX, "list of at most", |count| {
            parse_with(|bundle| bundle.entries = vec![leaf.clone(); count])
        });
    }
    parts_of_a_bundle: BUNDLE_PARTS_MAX => {
        let parts = |count| vec![Bytes(vec![1]); count];
        let most = BUNDLE_PARTS_MAX;
        both(most, "list of at most", |count| parse_with(|bundle| bundle.blobs = parts(count)));
        both(most, "list of at most", |count| parse_with(|bundle| bundle.objects = parts(count)));
    }
    a_bundle_of_entries: ENTRY_BUNDLE_BYTES_MAX => {
        let folder = crate::support::Folder::new();
        std::fs::write(folder.path().join("checkpoint"), crate::note()).unwrap();
        let mirror = MirrorStore::open(folder.path()).unwrap().unwrap();
        let bundle = folder.path().join(mirror.file_of(EntryIndex::new(0)).unwrap());
        std::fs::create_dir_all(bundle.parent().unwrap()).unwrap();
        both(ENTRY_BUNDLE_BYTES_MAX, "larger than", |length| {
            std::fs::write(&bundle, vec![0; length]).unwrap();
            mirror.leaf(EntryIndex::new(0))
        });
    }
}
