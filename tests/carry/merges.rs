//! Whether somebody who merged wrote anything (`spec/change.md`, "Steps and chains"): merges of
//! real git, settled by hand or not. Ben merges, and does nothing else.

#![allow(clippy::disallowed_methods, reason = "files need not survive a crash")]

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::name::Revision;
use countersign::evidence::settle_merges;
use countersign::git::Repository;

use crate::library::{git, head};

const BASE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// A repository with one commit, `lock` being of nine lines.
    fn new(test: &str) -> Self {
        let name = format!("countersign-merges-{test}-{}", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&scratch.0);
        fs::create_dir_all(&scratch.0).unwrap();
        scratch.git(&["init", "-q", "-b", "main", "."]);
        scratch.commit("ada", &[("lock", BASE), ("other", "1\n")]);
        scratch
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.0, arguments)
    }

    fn commit(&self, who: &str, files: &[(&str, &str)]) -> Revision {
        for (path, content) in files {
            fs::write(self.0.join(path), content).unwrap();
        }
        self.git(&["add", "-A"]);
        let author = format!("--author={who} <{who}@shop.example>");
        self.git(&["commit", "-q", "-m", "x", &author]);
        head(&self.0)
    }

    /// Main edits, a branch of its first commit edits, and Ben merges the branch.
    fn merge(&self, main: &[(&str, &str)], side: &[(&str, &str)], resolve: impl Fn(&Path)) {
        self.git(&["switch", "-q", "-c", "side"]);
        self.commit("cy", side);
        self.git(&["switch", "-q", "main"]);
        self.commit("ada", main);
        // Where it conflicts, git says so and leaves the rest to Ben.
        let mut merge = std::process::Command::new("git");
        merge.args(["-c", "user.name=Ben Ito", "-c", "user.email=ben@example.com"]);
        merge.args(["merge", "-q", "--no-ff", "--no-commit", "side"]).current_dir(&self.0);
        merge.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        merge.output().unwrap();
        resolve(&self.0);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "Merge"]);
    }

    /// Whether Ben counts as an author of HEAD: by the trees of its parents, and as settled.
    fn counts(&self) -> (bool, bool) {
        let repository = Repository::open(&self.0).unwrap();
        let step = repository.step(&head(&self.0)).unwrap();
        let before = step.author_counts;
        let mut steps = [step];
        settle_merges(&repository, &mut steps).unwrap();
        let [step] = &steps;
        assert_eq!(step.author_counts, step.commits[0].author_counts);
        assert!(step.commits[1..].iter().all(|commit| commit.author_counts));
        (before, step.author_counts)
    }
}

fn top(text: &str) -> String {
    BASE.replace("1\n", text)
}

/// With both edits.
fn both() -> String {
    top("ada\n").replace("9\n", "cy\n")
}

#[test]
fn attack_26_who_lets_git_merge_a_file_wrote_nothing() {
    let scratch = Scratch::new("mechanical");
    scratch.merge(&[("lock", &top("ada\n"))], &[("lock", &BASE.replace("9\n", "cy\n"))], |_| {});
    assert_eq!(fs::read_to_string(scratch.0.join("lock")).unwrap(), both());
    assert_eq!(scratch.counts(), (true, false));
}

/// What is merged file by file needs no content: nothing of it is read.
#[test]
fn attack_26_who_merges_whole_files_wrote_nothing() {
    let scratch = Scratch::new("whole");
    scratch.merge(&[("lock", &top("ada\n"))], &[("other", "cy\n")], |_| {});
    fs::remove_file(object(&scratch, "side^:other")).unwrap();
    let repository = Repository::open(&scratch.0).unwrap();
    let merge = repository.commits_only(&repository.range("HEAD^..HEAD").unwrap()).unwrap();
    assert!(!merge[0].author_counts);
    // Both sides had made one and the same change.
    let scratch = Scratch::new("alike");
    let alike = [("other", "alike\n")];
    scratch.merge(&[alike[0], ("lock", &top("ada\n"))], &[alike[0], ("new", "cy\n")], |_| {});
    assert_eq!(scratch.counts(), (false, false));
}

/// Who adds to a merge, in the merged file or beside it, wrote that.
#[test]
fn attack_26_a_merge_with_one_line_more_has_an_author() {
    for (path, content) in [
        ("lock", both().replace("5\n", "5\nsmuggled\n")),
        ("lock", both().replace("cy\n", "cy\nsmuggled\n")),
        ("lock", both().replace("5\n", "")),
        ("lock", both().replace("cy\n", "cy")),
        ("other", "smuggled\n".to_owned()),
        ("new", "smuggled\n".to_owned()),
    ] {
        let scratch = Scratch::new("more");
        let side = BASE.replace("9\n", "cy\n");
        scratch.merge(&[("lock", &top("ada\n"))], &[("lock", &side)], |folder| {
            fs::write(folder.join(path), &content).unwrap();
        });
        assert_eq!(scratch.counts(), (true, true), "{path} {content:?}");
    }
}

/// Who leaves out what one side had made chose what is gone.
#[test]
fn attack_01_a_merge_that_drops_a_side_has_an_author() {
    let (main, side) = (top("ada\n"), BASE.replace("9\n", "cy\n").replace("5\n", "five\n"));
    let half = both();
    for (lock, other, by_trees) in [
        (&main, "1\n", false),
        (&side, "cy\n", false),
        (&main, "cy\n", false),
        (&half, "cy\n", true),
        (&half.replace("5\n", "five\n"), "1\n", true),
    ] {
        let scratch = Scratch::new("drops");
        let of_side = [("lock", side.as_str()), ("other", "cy\n")];
        scratch.merge(&[("lock", &main)], &of_side, |folder| {
            fs::write(folder.join("lock"), lock).unwrap();
            fs::write(folder.join("other"), other).unwrap();
        });
        assert_eq!(scratch.counts(), (by_trees, true), "{lock:?} {other:?}");
    }
}

#[test]
fn attack_26_a_conflict_that_was_settled_has_an_author() {
    let (main, side) = (BASE.replace("5\n", "ada\n"), BASE.replace("5\n", "cy\n"));
    for (settled, by_trees) in [("ada and cy\n", true), ("ada\ncy\n", true), ("ada\n", false)] {
        let scratch = Scratch::new("conflict");
        scratch.merge(&[("lock", &main)], &[("lock", &side)], |folder| {
            fs::write(folder.join("lock"), BASE.replace("5\n", settled)).unwrap();
        });
        assert_eq!(scratch.counts(), (by_trees, true), "{settled:?}");
    }
    // Edits that touch conflict too, whatever somebody makes of them.
    let scratch = Scratch::new("touch");
    let (main, side) = (BASE.replace("5\n", "ada\n"), BASE.replace("6\n", "cy\n"));
    scratch.merge(&[("lock", &main)], &[("lock", &side)], |folder| {
        fs::write(folder.join("lock"), BASE.replace("5\n6\n", "ada\ncy\n")).unwrap();
    });
    assert_eq!(scratch.counts(), (true, true));
}

fn object(scratch: &Scratch, name: &str) -> PathBuf {
    let id = scratch.git(&["rev-parse", name]);
    scratch.0.join(".git/objects").join(&id[..2]).join(&id[2..])
}

/// What cannot be shown is not believed.
#[test]
fn without_the_blobs_of_a_side_its_merge_has_an_author() {
    let scratch = Scratch::new("blobs");
    scratch.merge(&[("lock", &top("ada\n"))], &[("lock", &BASE.replace("9\n", "cy\n"))], |_| {});
    fs::remove_file(object(&scratch, "side:lock")).unwrap();
    assert_eq!(scratch.counts(), (true, true));
}

/// With several merge bases, or more than two parents, it cannot be told which side changed what.
#[test]
fn attack_26_who_merges_several_sides_is_an_author() {
    let scratch = Scratch::new("criss-cross");
    let (main, side) = (top("ada\n"), BASE.replace("9\n", "cy\n"));
    scratch.merge(&[("lock", &main)], &[("lock", &side)], |_| {});
    scratch.git(&["switch", "-q", "side"]);
    scratch.git(&["merge", "-q", "-m", "Merge", "main^1"]);
    scratch.commit("cy", &[("lock", &both().replace("7\n", "seven\n"))]);
    scratch.git(&["switch", "-q", "main"]);
    scratch.commit("ada", &[("lock", &both().replace("3\n", "three\n"))]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    let bases = scratch.git(&["merge-base", "--all", "main^1", "main^2"]);
    assert_eq!(bases.lines().count(), 2);
    let repository = Repository::open(&scratch.0).unwrap();
    let mut steps = [repository.step(&head(&scratch.0)).unwrap()];
    settle_merges(&repository, &mut steps).unwrap();
    assert!(steps[0].author_counts);
    // Three sides at once, one file a side.
    let scratch = Scratch::new("octopus");
    for name in ["one", "two"] {
        scratch.git(&["switch", "-q", "-c", name, "main"]);
        scratch.commit("cy", &[(name, "1\n")]);
    }
    scratch.git(&["switch", "-q", "main"]);
    scratch.commit("ada", &[("other", "ada\n")]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "Merge", "one", "two"]);
    assert_eq!(scratch.counts(), (true, true), "who chooses among three sides is an author");
}

/// Main that was merged into a branch on the way is a merge like any other, and who wrote
/// something else in the branch is an author all the same.
#[test]
fn merges_on_the_way_are_settled_as_well() {
    let scratch = Scratch::new("way");
    scratch.git(&["switch", "-q", "-c", "side"]);
    scratch.commit("cy", &[("lock", &BASE.replace("9\n", "cy\n"))]);
    scratch.git(&["switch", "-q", "main"]);
    scratch.commit("ada", &[("lock", &top("ada\n"))]);
    scratch.git(&["switch", "-q", "side"]);
    scratch.git(&["merge", "-q", "-m", "Merge main", "main"]);
    scratch.git(&["switch", "-q", "main"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    let repository = Repository::open(&scratch.0).unwrap();
    let authors = || {
        let mut steps = [repository.step(&head(&scratch.0)).unwrap()];
        settle_merges(&repository, &mut steps).unwrap();
        let counted = steps[0].commits.iter().filter(|commit| commit.author_counts);
        let mut found: Vec<String> =
            counted.map(|commit| String::from_utf8_lossy(&commit.author.name).into()).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(authors(), ["cy"]);
    scratch.git(&["switch", "-q", "side"]);
    scratch.git(&["commit", "-q", "--allow-empty", "-m", "Ben was here"]);
    scratch.git(&["switch", "-q", "main"]);
    scratch.git(&["reset", "-q", "--hard", "main^1"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    assert!(authors().contains(&"Ben Ito".to_owned()));
}
