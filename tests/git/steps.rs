//! Goal: a step tells who wrote it: every commit that it brings in, and of a merge only what it
//! adds itself. Method: merges of each kind, with `git rev-list` as the oracle of what is brought
//! in.

use countersign::base::name::Revision;
use countersign::change::{ChangePath, Step};

use crate::scratch::Scratch;

fn merge(scratch: &Scratch, resolve: impl Fn()) -> Step {
    scratch.write("a", "1\n");
    scratch.write("b", "1\n");
    scratch.commit("root");
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.write("b", "side\n");
    scratch.commit("side 1\n\nCo-Authored-By: Eve <Eve@example.com>");
    scratch.write("c", "side\n");
    scratch.commit("side 2");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("a", "main\n");
    scratch.commit("main");
    scratch.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    resolve();
    scratch.git(&["add", "-A"]);
    scratch.git(&["commit", "-q", "-m", "merge"]);
    let step = scratch.open().step(&scratch.head()).unwrap();
    let listed = scratch.git(&["rev-list", "HEAD", "^HEAD^1"]);
    let expected: Vec<&str> = listed.lines().collect();
    let found: Vec<&str> = step.commits.iter().map(|commit| commit.id.as_str()).collect();
    assert_eq!(found, expected);
    step
}

#[test]
fn attack_26_pressing_merge_is_not_writing() {
    let scratch = Scratch::new();
    let step = merge(&scratch, || ());
    assert!(!step.author_counts);
    let counts: Vec<bool> = step.commits.iter().map(|commit| commit.author_counts).collect();
    assert_eq!(counts, [false, true, true]);
    assert_eq!(step.commits[0].parents.len(), 2);
    assert_eq!(step.commits[2].co_authors[0].email_folded(), b"eve@example.com");
    assert_eq!(step.commits[2].author.email, b"ada@example.com");
    assert_eq!(step.commits[2].committer.email, b"bob@example.com");
}

#[test]
fn attack_26_a_merge_that_adds_something_has_an_author() {
    for (path, content) in [("b", "resolved\n"), ("extra", "smuggled\n")] {
        let scratch = Scratch::new();
        assert!(merge(&scratch, || scratch.write(path, content)).author_counts, "{path}");
    }
    // Taking main's whole file is no writing: it does not differ from every parent.
    let scratch = Scratch::new();
    assert!(!merge(&scratch, || scratch.write("b", "1\n")).author_counts);
}

#[test]
fn ambiguities_f_and_g_a_root_brings_in_itself() {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    let root = scratch.commit("root");
    let step = scratch.open().step(&root).unwrap();
    assert_eq!((step.parent, step.commits.len(), step.document.rows().len()), (None, 1, 1));
    let empty = scratch.commit("empty");
    let step = scratch.open().step(&empty).unwrap();
    assert_eq!((step.parent, step.commits.len()), (Some(root), 1));
    assert!(step.document.is_empty(), "finding 52");
}

#[test]
fn octopus_and_nested_merges_bring_in_all_of_theirs() {
    let scratch = Scratch::new();
    scratch.write("a", "1\n");
    scratch.commit("root");
    for name in ["one", "two", "three"] {
        scratch.git(&["checkout", "-q", "-b", name, "main"]);
        scratch.write(name, "1\n");
        scratch.commit(name);
    }
    scratch.git(&["merge", "-q", "--no-ff", "-m", "nested", "two"]);
    scratch.git(&["checkout", "-q", "main"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "octopus", "one", "two"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "outer", "three"]);
    let repository = scratch.open();
    for text in ["HEAD", "HEAD~1", "three"] {
        let step = repository.step(&scratch.revision(text)).unwrap();
        let listed = scratch.git(&["rev-list", text, &format!("^{text}^1"), "--"]);
        let mut expected: Vec<&str> = listed.lines().collect();
        let mut found: Vec<&str> = step.commits.iter().map(|commit| commit.id.as_str()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{text}");
        assert_eq!(step.author_counts, step.commits[0].parents.len() > 2, "{text}");
    }
    let range = repository.range("HEAD~2..HEAD").unwrap();
    assert_eq!(repository.commits_only(&range).unwrap().len(), 6);
}

/// Commits with committer times that run backwards, made by hand.
fn commit_at(scratch: &Scratch, seconds: u64, parents: &[&Revision]) -> Revision {
    let tree = scratch.git(&["write-tree"]);
    let parents: Vec<String> = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
    let who = format!("Ada <ada@example.com> {seconds} +0000");
    let parents = parents.concat();
    let text = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\nx\n");
    Revision::new(scratch.object("commit", text.as_bytes())).unwrap()
}

#[test]
fn clocks_that_run_back_hide_no_commit() {
    // Every walk order that dates can give: the commits brought in are all there, whatever the
    // dates say, and none that was there before while the skew is below a day.
    for skew in [0, 3_600, 86_000] {
        let scratch = Scratch::new();
        let now = 1_000_000_000;
        let root = commit_at(&scratch, now + skew, &[]);
        let shared = commit_at(&scratch, now + skew / 2, &[&root]);
        let mut main = shared.clone();
        for _ in 0..5 {
            main = commit_at(&scratch, now - 5, &[&main]);
        }
        let old = commit_at(&scratch, now + skew, &[&shared]);
        let side = commit_at(&scratch, 1, &[&old]);
        let head = commit_at(&scratch, now, &[&main, &side]);
        let step = scratch.open().step(&head).unwrap();
        let mut found: Vec<&str> = step.commits.iter().map(|commit| commit.id.as_str()).collect();
        let mut expected = vec![head.as_str(), side.as_str(), old.as_str()];
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{skew}");
    }
}

/// A link in one folder to a file of another is a path of both, on either side of the row.
#[test]
fn attack_25_where_a_link_leads_is_a_path_of_the_step() {
    let link = |scratch: &Scratch, target: &str| {
        let path = scratch.path().join("checkout/x");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(target, path).unwrap();
    };
    let targets = |scratch: &Scratch, revision: &Revision| -> Vec<String> {
        let step = scratch.open().step(revision).unwrap();
        let facts = step.path_facts.iter().find(|facts| facts.path.as_bytes() == b"checkout/x");
        let text = |path: &ChangePath| String::from_utf8(path.as_bytes().to_vec()).unwrap();
        facts.unwrap().link_targets.iter().map(text).collect()
    };
    let scratch = Scratch::new();
    scratch.write("infra/main.tf", "1\n");
    scratch.write("checkout/y", "1\n");
    link(&scratch, "../infra/main.tf");
    assert_eq!(targets(&scratch, &scratch.commit("link")), ["infra/main.tf"]);
    link(&scratch, "y");
    let moved = scratch.commit("elsewhere");
    assert_eq!(targets(&scratch, &moved), ["checkout/y", "infra/main.tf"]);
    let (_, facts) = scratch.open().document_with_facts(None, &moved).unwrap();
    assert_eq!(facts[0].link_targets.len(), 1, "a tree from nothing has no old side");
    for outside in ["/etc/passwd", "../../infra/main.tf", ".."] {
        link(&scratch, outside);
        let expected = if outside == "/etc/passwd" { vec!["checkout/y"] } else { vec![] };
        assert_eq!(targets(&scratch, &scratch.commit(outside)), expected, "{outside}");
    }
    // A file whose text is a path is no link.
    std::fs::remove_file(scratch.path().join("checkout/x")).unwrap();
    scratch.write("checkout/x", "../infra/main.tf");
    assert_eq!(targets(&scratch, &scratch.commit("file")), [""; 0]);
}
