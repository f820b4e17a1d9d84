//! `demo`: the whole story, on every kind of clone, and nothing outside of its folder.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of the test's own, with an empty home and a temporary folder.
struct Ground(PathBuf);

impl Ground {
    fn new(test: &str) -> Self {
        let root = std::env::temp_dir().join(format!("demo-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for folder in ["home", "tmp", "work"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        Self(root)
    }

    fn git(&self, folder: &str, arguments: &[&str]) {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.0.join(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "Cy"), ("GIT_AUTHOR_EMAIL", "cy@work.example")])
            .envs([("GIT_COMMITTER_NAME", "Cy"), ("GIT_COMMITTER_EMAIL", "cy@work.example")])
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    /// A commit that changes one file, with whatever the message says.
    fn commit(&self, folder: &str, content: &str, message: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
        fs::write(self.0.join(folder).join("file"), content).unwrap();
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "-m", message]);
    }

    /// The demo, with nothing around it but PATH.
    #[expect(clippy::disallowed_methods, reason = "the program under test finds git here")]
    fn demo(&self, folder: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("demo")
            .current_dir(self.0.join(folder))
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.join("home"))
            .env("TMPDIR", self.0.join("tmp"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Tells the story, and shows that it is whole and stays where it says.
    fn story(&self, folder: &str) -> String {
        let before = (files(&self.0.join("home")), files(&self.0.join("work")));
        let (status, out, talk) = self.demo(folder);
        assert_eq!((status, talk.as_str()), (0, ""), "{out}");
        let mut rest = out.as_str();
        for piece in [
            "$ countersign init -y",
            "$ countersign policy apply",
            "$ countersign roster apply",
            "$ countersign declare",
            "\nNO  demo ",
            "NEEDS_LEVEL",
            "(exit status 1)",
            "$ countersign approve",
            "\nsigned: entry 5",
            "\nYES  demo ",
            "\ndeployed to production\n",
            "outcome: succeeded",
            "$ countersign audit demo",
            "Ada, senior",
            "$ countersign ledger check",
            "\nTAMPERED  entry 5",
            "(exit status 3)",
            "next: countersign init\n",
        ] {
            let found = rest.find(piece);
            assert!(found.is_some(), "{piece:?} is missing or late:\n{out}");
            let at = found.unwrap_or_default();
            rest = &rest[at + piece.len()..];
        }
        let after = (files(&self.0.join("home")), files(&self.0.join("work")));
        assert_eq!(before, after, "the demo touched what is not its own");
        let left: Vec<_> = fs::read_dir(self.0.join("tmp")).unwrap().collect();
        assert_eq!(left.len(), 1, "one folder, which is named");
        let left = left.into_iter().next().unwrap().unwrap().file_name();
        assert!(out.contains(left.to_str().unwrap()), "{out}");
        let first: Vec<_> = out.split("1. Ada").next().unwrap().split_whitespace().collect();
        first.join(" ")
    }
}

/// Every file below a folder, with its length and the time of its last change.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            found.extend(files(&entry.path()));
        }
        found.insert(entry.path(), (metadata.len(), metadata.modified().unwrap()));
    }
    found
}

fn repository(ground: &Ground) {
    ground.git("work", &["init", "-q", "-b", "main", "."]);
    ground.commit("work", "one\n", "First");
}

#[test]
fn head_against_its_first_parent() {
    let ground = Ground::new("usual");
    repository(&ground);
    ground.commit("work", "two\n", "Second \x1b[2J with a trap");
    let first = ground.story("work");
    assert!(first.contains("\\u{1b}[2J") && !first.contains("HEAD once more"), "{first}");
    let (_, out, _) = ground.demo("work");
    assert!(!out.contains('\x1b'), "{out}");
    // What people read fits their terminal; only what is typed may be longer,
    // and the place of the temporary folder is the system's.
    let ours = |line: &&str| !line.starts_with("$ ") && !line.contains("countersign-demo-");
    assert!(out.lines().filter(ours).all(|line| line.chars().count() <= 80), "{out}");
}

#[test]
fn a_single_commit_and_a_detached_head() {
    let ground = Ground::new("single");
    repository(&ground);
    ground.git("work", &["checkout", "-q", "--detach"]);
    assert!(ground.story("work").contains("against nothing: First"));
}

#[test]
fn a_clone_of_depth_1() {
    let ground = Ground::new("depth");
    fs::create_dir_all(ground.0.join("origin")).unwrap();
    ground.git("origin", &["init", "-q", "-b", "main", "."]);
    ground.commit("origin", "one\n", "First");
    ground.commit("origin", "two\n", "Second");
    let from = format!("file://{}", ground.0.join("origin").display());
    ground.git("work", &["clone", "-q", "--depth", "1", &from, "clone"]);
    assert!(ground.story("work/clone").contains("against nothing: Second"));
}

/// A merge and a change of two authors are told as Ben's alone: the others would have to speak.
#[test]
fn a_change_of_several_authors() {
    let ground = Ground::new("several");
    repository(&ground);
    ground.commit("work", "two\n", "Second\n\nCo-authored-by: Di <di@work.example>");
    assert!(ground.story("work").contains("(HEAD once more, as Ben's alone)"));
}

#[test]
fn an_empty_change_and_another_object_format() {
    let ground = Ground::new("sha256");
    ground.git("work", &["init", "-q", "--object-format=sha256", "-b", "main", "."]);
    ground.commit("work", "one\n", "First");
    ground.git("work", &["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    assert!(ground.story("work").contains("against nothing: Nothing"));
}

#[test]
fn without_a_commit_there_is_no_story() {
    let ground = Ground::new("unborn");
    ground.git("work", &["init", "-q", "."]);
    let (status, out, talk) = ground.demo("work");
    assert_eq!((status, out.as_str()), (2, ""), "{talk}");
    assert!(talk.contains("make one first"), "{talk}");
    assert_eq!(fs::read_dir(ground.0.join("tmp")).unwrap().count(), 0);
}
