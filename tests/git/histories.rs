//! Goal: every document equals the oracle's. Method: one history that goes through each kind of
//! change, in both object formats, a random one, and the repository that this file is in.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use countersign::base::limits::BLOB_BYTES_MAX;
use countersign::base::name::Revision;
use countersign::change::{ChainEnd, ChangePath, Document, Opaque};
use countersign::git::{ErrorKind, Repository};

use crate::oracle;
use crate::scratch::Scratch;

/// Each commit of `revision`'s whole history against each of its parents, or nothing.
fn compare_all(scratch: &Scratch, repository: &Repository, revision: &str) -> usize {
    let mut memory = HashMap::new();
    let mut rows = 0;
    let listed = scratch.git(&["rev-list", "--parents", revision]);
    for line in listed.lines() {
        let ids: Vec<Revision> = line.split(' ').map(|id| Revision::new(id).unwrap()).collect();
        let parents: Vec<Option<&Revision>> =
            if ids.len() == 1 { vec![None] } else { ids[1..].iter().map(Some).collect() };
        for parent in parents {
            let document = repository.document(parent, &ids[0]).unwrap();
            let expected = oracle::document(scratch, parent, &ids[0], &mut memory);
            assert_eq!(
                document.to_bytes().escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{parent:?} {}",
                ids[0]
            );
            rows += document.rows().len();
        }
    }
    rows
}

/// The sum of the steps is the whole, each step brings in what `git rev-list` says, and a merge has
/// an author of its own where git's combined diff shows a path.
fn compare_chain(scratch: &Scratch, repository: &Repository, head: &Revision) {
    let chain = repository.chain(None, head).unwrap();
    assert_eq!(chain.end, ChainEnd::Root);
    let steps = repository.steps(&chain.commits).unwrap();
    let documents: Vec<&Document> = steps.iter().map(|step| &step.document).collect();
    let whole = repository.document(None, head).unwrap();
    assert_eq!(Document::compose(&documents).unwrap(), whole);
    for pair in steps.windows(2) {
        assert_eq!(pair[1].parent.as_ref(), Some(&pair[0].commit));
    }
    for step in &steps {
        let commit = step.commit.as_str();
        let hidden = step.parent.as_ref().map(|parent| format!("^{parent}"));
        let listed = scratch.git(&["rev-list", commit, hidden.as_deref().unwrap_or("--")]);
        let expected: BTreeSet<&str> = listed.lines().collect();
        let found: BTreeSet<&str> = step.commits.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(found, expected, "{commit}");
        if step.commits[0].parents.len() > 1 {
            let combined = ["diff-tree", "-c", "-r", "--no-renames", "--name-only"];
            let own = scratch.git(&[&combined[..], &["--no-commit-id", commit]].concat());
            assert_eq!(step.author_counts, !own.is_empty(), "{commit}: {own}");
        }
    }
}

fn history_of_every_kind(scratch: &Scratch, format: &str) {
    let path = |name: &str| scratch.path().join(name);
    scratch.write("a.txt", "one\n");
    scratch.write("dir/b.txt", "two\n");
    scratch.write("a/b", "slash\n");
    scratch.write("a.b", "dot\n");
    scratch.commit("root");
    scratch.commit("empty");
    scratch.git(&["mv", "a.txt", "renamed.txt"]);
    scratch.commit("rename");
    std::fs::set_permissions(path("renamed.txt"), PermissionsExt::from_mode(0o755)).unwrap();
    scratch.commit("mode");
    std::fs::remove_file(path("renamed.txt")).unwrap();
    symlink("dir/b.txt", path("renamed.txt")).unwrap();
    scratch.commit("file to symlink");
    std::fs::remove_file(path("renamed.txt")).unwrap();
    scratch.write("renamed.txt/inner", "file to folder\n");
    scratch.commit("symlink to folder");
    std::fs::remove_dir_all(path("dir")).unwrap();
    scratch.write("dir", "folder to file\n");
    scratch.write("binary", [0, 159, 146, 150, 0, 10]);
    scratch.write(
        "big.iso",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n",
    );
    scratch.write("tab\there", "odd\n");
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe\n name");
    std::fs::File::create(scratch.path().join(odd)).unwrap();
    scratch.commit("odd names and contents");

    let commit = if format == "sha256" { "1".repeat(64) } else { "1".repeat(40) };
    let other = commit.replace('1', "2");
    let bump = |id: &str, message: &str| {
        scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
        scratch.git(&["commit", "-q", "-m", message]);
    };
    bump(&commit, "submodule");
    scratch.git(&["config", "-f", ".gitmodules", "submodule.sub.path", "sub"]);
    scratch.git(&["config", "-f", ".gitmodules", "submodule.sub.url", "./sub"]);
    scratch.git(&["config", "-f", ".gitmodules", "submodule.sub.ignore", "all"]);
    scratch.git(&["add", ".gitmodules"]);
    bump(&other, "submodule bump");
    scratch.git(&["rm", "-q", "--cached", "sub"]);
    scratch.write("sub", "now a file\n");
    scratch.commit("submodule to file");

    scratch.git(&["checkout", "-q", "-b", "side", "HEAD~3"]);
    scratch.write("side.txt", "side\n");
    scratch.commit("on the side");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    scratch.git(&["rm", "-q", "-r", "."]);
    scratch.commit("nothing left");
}

#[test]
fn every_kind_of_change_is_what_git_says() {
    for format in ["sha1", "sha256"] {
        let scratch = Scratch::with(&[&format!("--object-format={format}")]);
        history_of_every_kind(&scratch, format);
        let repository = scratch.open();
        assert_eq!(repository.object_format().as_str(), format);
        assert!(compare_all(&scratch, &repository, "HEAD") > 30);
        compare_chain(&scratch, &repository, &scratch.head());
        // The same again out of a pack with deltas.
        scratch.git(&["gc", "-q"]);
        compare_all(&scratch, &scratch.open(), "HEAD");
    }
}

#[test]
fn attack_21_bump_of_an_ignored_submodule_is_seen_and_opaque() {
    let scratch = Scratch::new();
    history_of_every_kind(&scratch, "sha1");
    let bump = scratch.git(&["log", "--format=%H", "--grep=submodule bump"]);
    // Git reads `.gitmodules` from the work tree.
    scratch.git(&["checkout", "-q", &bump]);
    let careless = scratch.git(&["diff-tree", "-r", "--raw", "--no-renames", &bump]);
    assert!(!careless.contains("160000"), "git itself shows nothing: {careless}");
    let step = scratch.open().step(&Revision::new(bump).unwrap()).unwrap();
    let row = step.document.rows().iter().position(|row| row.path.as_bytes() == b"sub").unwrap();
    assert_eq!(step.path_facts[row].opaque, Some(Opaque::Submodule));
    assert!(step.is_opaque());
}

#[test]
fn attack_20_pointers_and_binaries_are_opaque() {
    let scratch = Scratch::new();
    scratch.write(".gitattributes", "*.py -diff\n*.txt filter=evil diff=evil\n");
    scratch.write("code.py", "print(1)\n");
    scratch.write("image", [0; 9]);
    scratch.write("file.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    scratch.write("text.txt", "text\n");
    let step = scratch.open().step(&scratch.commit("all")).unwrap();
    let opaque = |name: &str| {
        let facts = step.path_facts.iter().find(|facts| facts.path.as_bytes() == name.as_bytes());
        (facts.unwrap().opaque, facts.unwrap().new_size_bytes)
    };
    assert_eq!(opaque("code.py"), (None, Some(9)), "attributes hide nothing");
    assert_eq!(opaque("image"), (Some(Opaque::Binary), Some(9)));
    assert_eq!(opaque("file.bin").0, Some(Opaque::LfsPointer));
    assert_eq!(opaque("text.txt").0, None);
    std::fs::remove_file(scratch.path().join("image")).unwrap();
    let gone = scratch.open().step(&scratch.commit("gone")).unwrap();
    assert_eq!(gone.path_facts[0].opaque, Some(Opaque::Binary), "the old side counts as well");
    assert_eq!(gone.path_facts[0].new_size_bytes, None);
}

/// A small generator (xorshift), so that a failure repeats.
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn random_histories_are_what_git_says() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..3 {
        let scratch = Scratch::new();
        scratch.write("f0", "");
        scratch.commit("root");
        for number in 0..25 {
            for _ in 0..random(&mut state, 5) {
                let name = format!("d{}/f{}", random(&mut state, 3), random(&mut state, 6));
                match random(&mut state, 5) {
                    0 => drop(std::fs::remove_file(scratch.path().join(&name))),
                    1 => drop(std::fs::remove_dir_all(scratch.path().join(&name[..2]))),
                    _ => scratch.write(&name, format!("{}\n", random(&mut state, 9))),
                }
            }
            scratch.commit(&number.to_string());
            if random(&mut state, 6) == 0 && number > 2 {
                scratch.git(&["checkout", "-q", "-b", &format!("b{number}"), "HEAD~2"]);
                scratch.write(&format!("branch{number}"), "b");
                scratch.commit("branch");
                scratch.git(&["checkout", "-q", "main"]);
                scratch.git(&["merge", "-q", "-m", "merge", &format!("b{number}")]);
            }
        }
        let repository = scratch.open();
        compare_all(&scratch, &repository, "HEAD");
        compare_chain(&scratch, &repository, &scratch.head());
    }
}

#[test]
fn this_repository_is_what_git_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(repository) = Repository::open(root) else {
        println!("skipped: the sources are not in a git repository");
        return;
    };
    if repository.is_shallow() {
        println!("skipped: the sources are in a shallow clone");
        return;
    }
    let scratch = Scratch::empty();
    let common = repository.common_dir();
    scratch.git(&["clone", "-q", "--bare", common.to_str().unwrap(), ".git"]);
    let head = repository.resolve("HEAD").unwrap();
    assert!(compare_all(&scratch, &scratch.open(), head.as_str()) > 10);
    compare_chain(&scratch, &repository, &head);
}

#[test]
fn a_blob_above_the_limit_is_streamed_by_git() {
    let scratch = Scratch::new();
    scratch.write("large", vec![b'x'; 300_000]);
    let revision = scratch.commit("large");
    let expected = scratch.open().document(None, &revision).unwrap();
    let mut limited = scratch.open();
    limited.set_blob_bytes_max(299_999);
    assert_eq!(limited.document(None, &revision).unwrap(), expected);
    // Content as such is not handed out above the limit.
    let refused = limited.blob(&revision, &ChangePath::new("large").unwrap()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(refused.to_string().contains("large"), "{refused}");
    limited.set_blob_bytes_max(300_000);
    let content = limited.blob(&revision, &ChangePath::new("large").unwrap()).unwrap();
    assert_eq!(content.len(), 300_000);
}

#[test]
fn the_largest_blob_is_read_and_none_above_it() {
    let scratch = Scratch::new();
    for (name, length) in [("at", BLOB_BYTES_MAX), ("above", BLOB_BYTES_MAX + 1)] {
        std::fs::File::create(scratch.path().join(name)).unwrap().set_len(length).unwrap();
    }
    let revision = scratch.commit("large");
    let repository = scratch.open();
    let blob = |name: &str| repository.blob(&revision, &ChangePath::new(name).unwrap());
    assert_eq!(blob("at").unwrap().len() as u64, BLOB_BYTES_MAX);
    assert_eq!(blob("above").unwrap_err().kind(), ErrorKind::Usage);
}
