//! A repository in a temporary folder, made by the git program with a fixed clock and no
//! configuration of the machine.

use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use countersign::base::name::Revision;
use countersign::git::Repository;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A scratch repository; its folder goes when it does.
pub(crate) struct Scratch {
    folder: PathBuf,
    seconds: Cell<u64>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(init: &[&str]) -> Self {
        let scratch = Self::empty();
        scratch.git(&[&["init", "-q", "-b", "main"], init].concat());
        scratch
    }

    /// A folder without a repository.
    pub(crate) fn empty() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("countersign-git-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        Self { folder, seconds: Cell::new(1_000_000_000) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("git");
        let seconds = self.seconds.get();
        self.seconds.set(seconds + 1);
        command
            .arg("-C")
            .arg(&self.folder)
            .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Bob")
            .env("GIT_COMMITTER_EMAIL", "bob@example.com")
            .env("GIT_AUTHOR_DATE", format!("{seconds} +0000"))
            .env("GIT_COMMITTER_DATE", format!("{seconds} +0000"));
        command
    }

    pub(crate) fn try_git(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    pub(crate) fn git_bytes(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.try_git(arguments, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {error}");
        output.stdout
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(arguments, b"")).unwrap().trim_end().to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let mut file = std::fs::File::create(path).unwrap();
        file.write_all(content.as_ref()).unwrap();
    }

    /// Commits all that is in the work tree.
    pub(crate) fn commit(&self, message: &str) -> Revision {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> Revision {
        self.revision("HEAD")
    }

    pub(crate) fn revision(&self, text: &str) -> Revision {
        Revision::new(self.git(&["rev-parse", text])).unwrap()
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.folder).unwrap()
    }

    /// Makes an object of any content, well-formed or not.
    pub(crate) fn object(&self, kind: &str, content: &[u8]) -> String {
        let id =
            self.git_bytes(&["hash-object", "-t", kind, "-w", "--literally", "--stdin"], content);
        String::from_utf8(id).unwrap().trim_end().to_owned()
    }

    /// A commit of a tree that was made by hand.
    pub(crate) fn commit_tree(&self, tree: &str, parents: &[&Revision]) -> Revision {
        let mut arguments = vec!["commit-tree", tree, "-m", "made by hand"];
        for parent in parents {
            arguments.extend(["-p", parent.as_str()]);
        }
        Revision::new(self.git(&arguments)).unwrap()
    }

    /// Where a loose object lies.
    pub(crate) fn loose(&self, id: &str) -> PathBuf {
        self.folder.join(".git/objects").join(&id[..2]).join(&id[2..])
    }
}
