//! Goal: one change has one hash however it lands, and another at any other byte. Method: the
//! ways in which git lands a change, carried out.

use countersign::base::digest::ChangeHash;
use countersign::base::name::Revision;
use countersign::change::Document;

use crate::scratch::Scratch;

/// A branch of two commits, and main that has moved on elsewhere.
fn branch() -> (Scratch, ChangeHash) {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    scratch.write("b", "1\n");
    scratch.write("c", "1\n");
    scratch.commit("root");
    scratch.git(&["checkout", "-q", "-b", "topic"]);
    scratch.write("a", "2\n");
    scratch.commit("first");
    scratch.write("a", "3\n");
    scratch.write("new", "1\n");
    std::fs::remove_file(scratch.path().join("b")).unwrap();
    scratch.commit("second");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("c", "unrelated\n");
    scratch.commit("elsewhere");
    let repository = scratch.open();
    let range = repository.range("main...topic").unwrap();
    let hash = repository.document(range.base.as_ref(), &range.head).unwrap().hash();
    (scratch, hash)
}

fn step_hash(scratch: &Scratch) -> ChangeHash {
    scratch.open().step(&scratch.head()).unwrap().document.hash()
}

#[test]
fn hash_survives_squash_merge_rebase_and_cherry_pick() {
    let (scratch, approved) = branch();
    let main = scratch.head();
    let reset = || scratch.git(&["reset", "-q", "--hard", main.as_str()]);

    scratch.git(&["merge", "-q", "--squash", "topic"]);
    scratch.git(&["commit", "-q", "-m", "squashed"]);
    assert_eq!(step_hash(&scratch), approved, "squash");
    reset();
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merged", "topic"]);
    assert_eq!(step_hash(&scratch), approved, "merge");
    reset();
    scratch.git(&["checkout", "-q", "topic"]);
    scratch.git(&["rebase", "-q", "main"]);
    let repository = scratch.open();
    let range = repository.merge_base_with("main").unwrap();
    assert_eq!(range.base.as_ref(), Some(&main));
    let document = repository.document(range.base.as_ref(), &range.head).unwrap();
    assert_eq!(document.hash(), approved, "rebase");
    // Finding 27: landed as two commits, only the segment matches.
    let chain = repository.chain(Some(&main), &range.head).unwrap();
    let steps = repository.steps(&chain.commits).unwrap();
    assert_eq!(steps.len(), 2);
    assert!(steps.iter().all(|step| step.document.hash() != approved));
    let documents: Vec<&Document> = steps.iter().map(|step| &step.document).collect();
    assert_eq!(Document::compose(&documents).unwrap().hash(), approved, "segment");

    // One commit, picked onto a history that shares nothing with it but the files it touches.
    scratch.git(&["checkout", "-q", "--orphan", "other"]);
    scratch.git(&["rm", "-q", "-r", "-f", "."]);
    scratch.write("a", "2\n");
    scratch.write("b", "1\n");
    scratch.commit("other root");
    scratch.git(&["cherry-pick", "topic"]);
    assert_eq!(step_hash(&scratch), steps[1].document.hash(), "cherry-pick");
}

#[test]
fn hash_is_another_at_any_changed_byte() {
    let (scratch, approved) = branch();
    let squash = |change: &dyn Fn()| {
        scratch.git(&["reset", "-q", "--hard", "main"]);
        scratch.git(&["merge", "-q", "--squash", "topic"]);
        change();
        scratch.git(&["add", "-A"]);
        scratch.git(&["commit", "-q", "-m", "landed"]);
        let hash = step_hash(&scratch);
        scratch.git(&["reset", "-q", "--hard", "HEAD~1"]);
        hash
    };
    assert_eq!(squash(&|| ()), approved);
    let mut seen = std::collections::BTreeSet::from([approved]);
    assert!(seen.insert(squash(&|| scratch.write("a", "3 \n"))));
    assert!(seen.insert(squash(&|| scratch.write("a", "3"))));
    assert!(seen.insert(squash(&|| scratch.write("b", "1\n"))));
    assert!(seen.insert(squash(&|| scratch.write("extra", ""))));
    assert!(seen.insert(squash(&|| {
        scratch.git(&["update-index", "--chmod=+x", "new"]);
        scratch.git(&["config", "core.fileMode", "false"]);
    })));
    // Another byte before: somebody touched the file that the change touches.
    scratch.write("b", "moved\n");
    scratch.commit("under it");
    std::fs::remove_file(scratch.path().join("b")).unwrap();
    scratch.write("a", "3\n");
    scratch.write("new", "1\n");
    scratch.commit("landed");
    assert!(seen.insert(step_hash(&scratch)));
}

#[test]
fn attack_44_several_merge_bases_or_none_are_refused() {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    scratch.commit("root");
    scratch.git(&["checkout", "-q", "-b", "left"]);
    scratch.write("left", "1\n");
    let left = scratch.commit("left");
    scratch.git(&["checkout", "-q", "-b", "right", "main"]);
    scratch.write("right", "1\n");
    let right = scratch.commit("right");
    scratch.git(&["merge", "-q", "-m", "merge", left.as_str()]);
    scratch.git(&["checkout", "-q", "left"]);
    scratch.git(&["merge", "-q", "-m", "merge", right.as_str()]);
    let error = scratch.open().range("left...right").unwrap_err();
    assert!(error.to_string().ends_with("have 2 merge bases"), "{error}");
    assert_eq!(error.hint(), "name the range yourself: BASE..HEAD");
    scratch.git(&["checkout", "-q", "--orphan", "alone"]);
    scratch.commit("alone");
    let error = scratch.open().range("alone...right").unwrap_err();
    assert!(error.to_string().ends_with("have no merge base"), "{error}");
    let named = scratch.open().range(&format!("{left}..{right}")).unwrap();
    assert_eq!((named.base, named.head), (Some(left), right));
}

#[test]
fn ranges_and_revisions_are_read_as_git_reads_them() {
    let (scratch, _) = branch();
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merged", "topic"]);
    scratch.git(&["tag", "-a", "-m", "tag", "v1", "topic"]);
    scratch.git(&["tag", "-a", "-m", "tag of a tag", "v1-final", "v1"]);
    let repository = scratch.open();
    let short = &scratch.head().as_str()[..12].to_owned();
    for text in [
        "HEAD",
        "main",
        "topic~1",
        "HEAD^2",
        "HEAD^2^0",
        "v1",
        "v1-final~2",
        "@",
        short.as_str(),
        "HEAD^2~1",
    ] {
        assert_eq!(
            repository.resolve(text).unwrap(),
            scratch.revision(&format!("{text}^0")),
            "{text}"
        );
    }
    for text in
        ["", "nothing", "HEAD~99", "HEAD:a", "HEAD^{tree}", "-x", "a\nb", "HEAD^3", "HEAD^^2^0"]
    {
        let error = repository.resolve(text).unwrap_err();
        assert_eq!(error.kind(), countersign::git::ErrorKind::Usage, "{text:?}: {error}");
    }
    let root = scratch.git(&["rev-list", "--max-parents=0", "HEAD"]);
    assert_eq!(repository.range(&root).unwrap().base, None);
    let range = repository.range("topic..").unwrap();
    assert_eq!((range.base.unwrap(), range.head), (scratch.revision("topic"), scratch.head()));
    let range = repository.range("HEAD^!").unwrap();
    assert_eq!(range.base, Some(scratch.revision("HEAD~1")));
    // Finding 48: a commit that is not here is said to be so, and is no empty range.
    let unknown = Revision::new("1".repeat(40)).unwrap();
    let error = repository.chain(Some(&unknown), &scratch.head()).unwrap_err();
    assert_eq!(error.hint(), format!("fetch it: git fetch origin {unknown}"));
}
