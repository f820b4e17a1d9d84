//! Goal: what an earlier step of a pipeline wrote into `.git` changes no document and no chain, or
//! is refused as an integrity error. Method: each attack is carried out, and git is shown to fall
//! for it where it does.

use std::path::Path;

use countersign::base::encoding::unhex;
use countersign::base::name::Revision;
use countersign::change::{ChainEnd, Step};
use countersign::git::{ErrorKind, GitError};
use serde_json::Value;

use crate::scratch::Scratch;

/// Replaces a loose object's file: git makes them read-only.
fn overwrite(from: &Path, to: &Path) {
    std::fs::remove_file(to).unwrap();
    std::fs::copy(from, to).unwrap();
}

fn three_commits() -> (Scratch, [Revision; 3]) {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    let one = scratch.commit("one");
    scratch.write("a", "2\n");
    let two = scratch.commit("two");
    scratch.write("a", "evil\n");
    let three = scratch.commit("three");
    (scratch, [one, two, three])
}

#[test]
fn attack_22_replace_refs_are_ignored() {
    let (scratch, [_, two, three]) = three_commits();
    let before = scratch.open().step(&three).unwrap();
    let innocent =
        scratch.commit_tree(&scratch.git(&["rev-parse", &format!("{two}^{{tree}}")]), &[&two]);
    scratch.git(&["replace", three.as_str(), innocent.as_str()]);
    let shown = scratch.git(&["diff-tree", "-r", two.as_str(), three.as_str()]);
    assert_eq!(shown, "", "git shows an empty change");
    assert_eq!(scratch.open().step(&three).unwrap(), before);
    assert_eq!(scratch.open().resolve("HEAD~1").unwrap(), two);
}

#[test]
fn attack_22_grafts_are_ignored() {
    let (scratch, [one, two, three]) = three_commits();
    let before = scratch.open().chain(None, &three).unwrap();
    std::fs::create_dir_all(scratch.path().join(".git/info")).unwrap();
    scratch.write(".git/info/grafts", format!("{three} {one}\n"));
    assert_eq!(scratch.git(&["rev-parse", "HEAD~1"]), one.to_string(), "git skips a commit");
    assert_eq!(scratch.open().chain(None, &three).unwrap(), before);
    assert_eq!(scratch.open().resolve("HEAD~1").unwrap(), two);
    assert_eq!(scratch.open().range("HEAD").unwrap().base, Some(two));
}

#[test]
fn attack_22_a_forged_shallow_file_hides_nothing() {
    let (scratch, [_, _, three]) = three_commits();
    let before = scratch.open().chain(None, &three).unwrap();
    scratch.write(".git/shallow", format!("{three}\n"));
    assert_eq!(scratch.git(&["rev-list", "--count", "HEAD"]), "1", "git ends there");
    assert_eq!(scratch.open().chain(None, &three).unwrap(), before);
}

#[test]
fn attack_22_a_forged_commit_graph_is_not_read() {
    let (scratch, [one, two, three]) = three_commits();
    let before = scratch.open().chain(None, &three).unwrap();
    // The first parent of three is made to be one, and the checksum made to fit.
    let graph =
        |count: &str| scratch.git(&["-c", "core.commitGraph=true", "rev-list", "--count", count]);
    scratch.git(&["commit-graph", "write", "--reachable"]);
    let file = scratch.path().join(".git/objects/info/commit-graph");
    let mut bytes = std::fs::read(&file).unwrap();
    // In the commit data of three, the position of the first parent follows the tree id. The ids
    // stand sorted, so that position is the rank of the commit.
    let root = scratch.git(&["rev-parse", &format!("{three}^{{tree}}")]);
    let root: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&root[2 * at..2 * at + 2], 16).unwrap()).collect();
    let at = bytes.windows(20).position(|window| window == root).unwrap() + 20;
    let mut ids = [&one, &two, &three];
    ids.sort();
    let rank = u8::try_from(ids.iter().position(|id| **id == one).unwrap()).unwrap();
    bytes[at..at + 4].copy_from_slice(&[0, 0, 0, rank]);
    let body = bytes.len() - 20;
    scratch.write("body", &bytes[..body]);
    let sum =
        std::process::Command::new("sha1sum").arg(scratch.path().join("body")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    for index in 0..20 {
        bytes[body + index] = u8::from_str_radix(&sum[2 * index..2 * index + 2], 16).unwrap();
    }
    scratch.write(".git/objects/info/commit-graph", &bytes);
    assert_eq!(graph("HEAD"), "2", "git loses a commit");
    let repository = scratch.open();
    assert_eq!(repository.chain(None, &three).unwrap(), before);
    assert_eq!(repository.merge_base(&two, &three).unwrap(), two);
    assert_eq!(repository.resolve("HEAD~1").unwrap(), two);
}

#[test]
fn attack_22_loose_objects_with_other_content_are_an_integrity_error() {
    // A blob, a tree and a commit, each overwritten by another of its kind.
    for (victim, other) in
        [("HEAD:a", "HEAD~1:a"), ("HEAD^{tree}", "HEAD~1^{tree}"), ("HEAD", "HEAD~1")]
    {
        let (scratch, [_, _, three]) = three_commits();
        let victim = scratch.git(&["rev-parse", victim]);
        let other = scratch.git(&["rev-parse", other]);
        overwrite(&scratch.loose(&other), &scratch.loose(&victim));
        let error = scratch.open().step(&three).unwrap_err();
        assert!(matches!(error, GitError::HashMismatch { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(error.to_string().contains(&victim), "{error}");
    }
}

#[test]
fn attack_22_a_streamed_blob_is_hashed_as_well() {
    let scratch = Scratch::new();
    scratch.write("large", vec![b'x'; 5_000]);
    scratch.write("other", vec![b'y'; 5_000]);
    let revision = scratch.commit("large");
    let [victim, other] =
        ["HEAD:large", "HEAD:other"].map(|name| scratch.git(&["rev-parse", name]));
    overwrite(&scratch.loose(&other), &scratch.loose(&victim));
    let mut repository = scratch.open();
    repository.set_blob_bytes_max(100);
    let error = repository.step(&revision).unwrap_err();
    assert!(matches!(error, GitError::HashMismatch { .. }), "{error:?}");
}

#[test]
fn attack_22_damaged_and_missing_objects_are_named_with_their_path() {
    let (scratch, [_, _, three]) = three_commits();
    let blob = scratch.git(&["rev-parse", "HEAD:a"]);
    std::fs::remove_file(scratch.loose(&blob)).unwrap();
    let error = scratch.open().step(&three).unwrap_err();
    assert!(matches!(error, GitError::Missing { is_partial: false, .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("(a)"), "{error}");
    scratch.write(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]), "rubbish");
    let error = scratch.open().step(&three).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
}

#[test]
fn attack_22_a_merge_base_is_not_taken_from_what_is_damaged_or_missing() {
    let (scratch, [one, two, three]) = three_commits();
    scratch.git(&["checkout", "-q", "-b", "side", one.as_str()]);
    let side = scratch.commit("side");
    assert_eq!(scratch.open().merge_base(&side, &three).unwrap(), one);
    let kept = std::fs::read(scratch.loose(two.as_str())).unwrap();
    overwrite(&scratch.loose(side.as_str()), &scratch.loose(two.as_str()));
    let error = scratch.open().merge_base(&side, &three).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    std::fs::remove_file(scratch.loose(two.as_str())).unwrap();
    let error = scratch.open().merge_base(&side, &three).unwrap_err();
    assert!(matches!(error, GitError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains(two.as_str()), "{error}");
    let path = format!(".git/objects/{}/{}", &two.as_str()[..2], &two.as_str()[2..]);
    scratch.write(&path, kept);
    assert_eq!(scratch.open().merge_base(&side, &three).unwrap(), one);
}

#[test]
fn attack_23_malformed_trees_are_an_integrity_error() {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    let parent = scratch.commit("root");
    let blob = scratch.git(&["rev-parse", "HEAD:a"]);
    let id: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap()).collect();
    let tree = |entries: &[(&str, &str)]| {
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(&id);
        }
        scratch.object("tree", &bytes)
    };
    for entries in [
        &[("100644", "a"), ("100644", "a")][..],
        &[("100644", "b"), ("100644", "a")],
        &[("100600", "a")],
        &[("100644", ".git")],
        &[("100644", "..")],
        &[("100644", "x/y")],
        &[("100644", "")],
    ] {
        let revision = scratch.commit_tree(&tree(entries), &[&parent]);
        let error = scratch.open().step(&revision).unwrap_err();
        assert!(matches!(error, GitError::Tree { .. }), "{entries:?}: {error:?}");
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
    // Git sees no change between the old mode and the plain one, and neither does the document.
    let old = scratch.commit_tree(&tree(&[("100664", "a")]), &[&parent]);
    assert!(scratch.open().step(&old).unwrap().document.is_empty());
}

#[test]
fn attack_23_what_fsck_refuses_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors/change/trees.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut refused_by_git = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut tree = unhex(case["tree"].as_str().unwrap()).unwrap();
        let accepted = case["accepted"].as_bool().unwrap();
        // The vectors name an object that is not there: put the ids of ones that are in its place.
        let scratch = Scratch::new();
        let empty_tree = unhex(&scratch.object("tree", b"")).unwrap();
        let empty_blob = unhex(&scratch.object("blob", b"")).unwrap();
        while let Some(at) = tree.windows(20).position(|window| window == [7; 20]) {
            let entry = tree[..at].windows(5).rposition(|window| window.starts_with(b"40000"));
            let file = tree[..at].windows(4).rposition(|window| window.starts_with(b"100"));
            let id = if entry > file { &empty_tree } else { &empty_blob };
            tree[at..at + 20].copy_from_slice(id);
        }
        let id = scratch.object("tree", &tree);
        let revision = scratch.commit_tree(&id, &[]);
        let fsck = scratch.try_git(&["fsck", "--strict", "--no-dangling"], b"").status.success();
        assert_eq!(scratch.open().step(&revision).is_ok(), accepted, "{name}");
        assert!(fsck || !accepted, "{name}: git refuses it");
        refused_by_git += usize::from(!fsck);
    }
    assert!(refused_by_git >= 14, "{refused_by_git}");
}

#[test]
fn attack_1_a_foxtrot_merge_does_not_meet_the_start() {
    let (scratch, [one, _, start]) = three_commits();
    scratch.git(&["checkout", "-q", "-b", "side", one.as_str()]);
    scratch.write("readme", "x\n");
    scratch.commit("harmless");
    scratch.git(&["merge", "-q", "-s", "ours", "-m", "merge", "main"]);
    let head = scratch.head();
    let repository = scratch.open();
    assert_eq!(repository.merge_base(&start, &head).unwrap(), start, "it is an ancestor");
    let chain = repository.chain(Some(&start), &head).unwrap();
    assert_eq!(chain.end, ChainEnd::Root);
    assert!(!repository.is_ancestor_first_parent(&start, &head).unwrap());
    // The difference of the trees shows what the merge undid.
    let whole = repository.document(Some(&start), &head).unwrap();
    assert!(whole.paths().any(|path| path.as_bytes() == b"a"));
}

#[test]
fn attack_2_an_ancestor_of_the_start_is_no_empty_chain() {
    let (scratch, [_, two, three]) = three_commits();
    let repository = scratch.open();
    assert_eq!(repository.chain(Some(&three), &two).unwrap().end, ChainEnd::Root);
    let same = repository.chain(Some(&three), &three).unwrap();
    assert_eq!((same.end, same.commits.len()), (ChainEnd::MetStart, 0));
    let last = repository.chain(Some(&two), &three).unwrap();
    assert_eq!(last.commits, [three]);
}

#[test]
fn attack_24_paths_that_fold_to_one_are_named() {
    let scratch = Scratch::new();
    scratch.write("infra/main.tf", "a");
    scratch.write("caf\u{e9}", "a");
    scratch.write("Docs", "a");
    scratch.write("alone/x", "a");
    scratch.commit("root");
    scratch.write("Infra/main.tf", "b");
    scratch.write("Infra/other.tf", "b");
    scratch.write("cafe\u{301}", "b");
    scratch.write("docs/page", "b");
    scratch.write("alone/y", "b");
    let step = scratch.open().step(&scratch.commit("more")).unwrap();
    let names =
        |step: &Step| -> Vec<String> { step.collisions.iter().map(ToString::to_string).collect() };
    assert_eq!(names(&step), ["Infra/main.tf", "cafe\u{301}", "docs/page"]);
    // Many paths at once are looked up in another way, to the same end.
    for number in 0..30 {
        scratch.write(&format!("many/f{number}"), "c");
    }
    scratch.write("Many/F7", "c");
    scratch.write("MANY", "c");
    scratch.write("infra/Main.tf", "c");
    let step = scratch.open().step(&scratch.commit("many")).unwrap();
    let found = names(&step);
    assert_eq!(found.len(), 33, "MANY is a folder to all of many/: {found:?}");
    std::fs::remove_file(scratch.path().join("MANY")).unwrap();
    scratch.commit("less");
    let (head, parent) = (scratch.head(), scratch.revision("HEAD~2"));
    let repository = scratch.open();
    let document = repository.document(Some(&parent), &head).unwrap();
    let found = repository.collisions(&document, &head).unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["Many/F7", "infra/Main.tf", "many/f7"]);
}

#[test]
fn forged_commit_headers_are_an_integrity_error() {
    let (scratch, [one, ..]) = three_commits();
    let raw = scratch.git_bytes(&["cat-file", "commit", one.as_str()], b"");
    let raw = String::from_utf8(raw).unwrap();
    let author = raw.lines().find(|line| line.starts_with("author ")).unwrap();
    let twice = raw.replace(author, &format!("{author}\n{}", author.replace("Ada", "Eve")));
    let id = Revision::new(scratch.object("commit", twice.as_bytes())).unwrap();
    let error = scratch.open().step(&id).unwrap_err();
    assert!(matches!(error, GitError::Commit { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Integrity);
}
