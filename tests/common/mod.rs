//! A stage for tests of commands: a home with keys, a repository, and people to act.
//!
//! Each test has its own folder, and the program runs with nothing else around it. All people
//! share one host, as with an embedded ledger: who acts is said by key and git identity.

#![allow(dead_code, reason = "each test program uses what it needs")]
#![allow(unreachable_pub, reason = "a module of several test programs")]
#![allow(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// People with a key each: `NAME` and `NAME.pub` in `keys` at home.
pub const PEOPLE: [&str; 4] = ["ada", "ben", "cleo", "dan"];

/// A temporary folder with `home/` and the repository `shop/` (branch `main`, one commit by ada).
#[derive(Debug)]
pub struct Stage {
    root: PathBuf,
}

/// Somebody on the stage.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    stage: &'a Stage,
    name: &'a str,
}

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub talk: String,
}

impl Output {
    /// Runs a command that has everything set.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let status = output.status.code().unwrap_or(-1);
        Self { status, out: text(output.stdout), talk: text(output.stderr) }
    }

    /// Expects a status; gives standard output.
    #[track_caller]
    pub fn expect_status(&self, status: i32) -> &str {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.talk);
        &self.out
    }

    /// Expects status 0; gives standard output.
    #[track_caller]
    pub fn ok(&self) -> &str {
        self.expect_status(0)
    }

    /// Expects a refusal of that status whose talk holds `words`, line breaks aside.
    #[track_caller]
    pub fn refused(&self, status: i32, words: &str) {
        self.expect_status(status);
        let talk = self.talk.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(talk.contains(words), "{words:?} does not stand in:\n{}", self.talk);
        assert!(self.talk.contains("hint: "), "a refusal has a hint:\n{}", self.talk);
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_str(&self.out);
        assert!(parsed.is_ok(), "stdout:\n{}\nstderr:\n{}", self.out, self.talk);
        parsed.unwrap()
    }
}

impl Stage {
    /// A stage with an empty folder `shop/` and nobody on it.
    pub fn empty(test: &str) -> Self {
        // Outside the project, whose own repository would be found from inside.
        let root = std::env::temp_dir().join(format!("stage-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("home/keys")).unwrap();
        fs::create_dir_all(root.join("shop")).unwrap();
        // People see the folder that git and the program see.
        Self { root: fs::canonicalize(root).unwrap() }
    }

    /// A stage on which nothing was begun. git signs with ada's key file.
    pub fn new(test: &str) -> Self {
        let stage = Self::empty(test);
        for name in PEOPLE {
            let file = stage.key(name);
            let mut command = stage.program("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file);
            Output::of(&mut command).ok();
        }
        stage.git(["init", "-q", "-b", "main"]);
        stage.git(["config", "--global", "user.name", "Ada"]);
        stage.git(["config", "--global", "user.email", "ada@shop.example"]);
        stage.git(["config", "--global", "gpg.format", "ssh"]);
        let key = stage.key("ada").with_extension("pub");
        stage.git([
            OsStr::new("config"),
            "--global".as_ref(),
            "user.signingkey".as_ref(),
            key.as_ref(),
        ]);
        stage.as_user("ada").commit("README", "A shop.\n", "Begin");
        stage
    }

    /// A stage with a ledger (`init`), and with ben and cleo on the roster beside ada: all three
    /// review, ada is the admin. The service and the repository are called `shop`.
    pub fn begun(test: &str) -> Self {
        let stage = Self::new(test);
        stage.run(["init", "-y"]).ok();
        for (name, called) in [("ben", "Ben"), ("cleo", "Cleo")] {
            let key = stage.key(name).with_extension("pub");
            let email = format!("{name}@shop.example");
            let key = key.to_str().unwrap();
            stage.run(["roster", "add", called, "--email", &email, "--public-key", key, "-y"]).ok();
        }
        stage
    }

    /// The same, where ben has written two commits on the branch `retry`.
    pub fn with_branch(test: &str) -> Self {
        let stage = Self::begun(test);
        stage.git(["checkout", "-q", "-b", "retry"]);
        let ben = stage.as_user("ben");
        ben.commit("src/capture.rs", "fn a() {\n\tx();\n}\n", "Retry card capture");
        ben.commit("README", "A shop.\nMore.\n", "Say more");
        stage
    }

    /// The hash of what a range changes, as `status` tells it.
    pub fn change_of(&self, range: &str) -> String {
        let answer = self.run(["status", range, "--json"]);
        answer.ok();
        answer.json()["segments"][0]["change"].as_str().unwrap().to_owned()
    }

    /// The folder of everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The repository's work tree.
    pub fn repository(&self) -> PathBuf {
        self.root.join("shop")
    }

    /// The private key file of somebody.
    pub fn key(&self, name: &str) -> PathBuf {
        self.home().join("keys").join(name)
    }

    /// The file of the gate's key, once `init` has run.
    pub fn gate_key(&self) -> PathBuf {
        self.home().join(".config/countersign/keys/localhost_shop.gate")
    }

    /// The folder of the ledger, once `init` has run.
    pub fn ledger(&self) -> PathBuf {
        self.home().join(".local/share/countersign/localhost_shop")
    }

    /// Somebody of [`PEOPLE`]. ada signs with the key that git signs with, the others with theirs.
    pub fn as_user<'a>(&'a self, name: &'a str) -> User<'a> {
        User { stage: self, name }
    }

    /// A program in the repository with the stage's environment and nobody at the terminal.
    #[allow(clippy::disallowed_methods, reason = "where programs are is the machine's")]
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.repository()).stdin(Stdio::null()).env_clear();
        let home = self.home();
        command.env("XDG_CONFIG_HOME", home.join(".config"));
        command.env("XDG_DATA_HOME", home.join(".local/share"));
        command.env("XDG_STATE_HOME", home.join(".local/state"));
        command.env("XDG_CACHE_HOME", home.join(".cache"));
        command.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// The program under test, as ada.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments);
        command
    }

    /// Runs the program under test, as ada.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Runs git in the repository, as ada; it must succeed. Gives its output, trimmed.
    #[track_caller]
    pub fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        self.as_user("ada").git(arguments)
    }

    /// Writes a file below the repository, or at an absolute path.
    #[allow(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    pub fn write(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.repository().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl User<'_> {
    /// The program under test, as this person.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.stage.command(arguments);
        if self.name != "ada" {
            command.env("COUNTERSIGN_KEY", self.stage.key(self.name));
        }
        command
    }

    /// Runs the program under test, as this person.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Runs git in the repository, as this person; it must succeed. Gives its output, trimmed.
    #[track_caller]
    pub fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let mut command = self.stage.program("git");
        let email = format!("{}@shop.example", self.name);
        let mut name = self.name.to_owned();
        name[..1].make_ascii_uppercase();
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), &name);
            command.env(format!("GIT_{role}_EMAIL"), &email);
        }
        Output::of(command.args(arguments)).ok().trim().to_owned()
    }

    /// Writes a file and commits it as this person; gives the full commit id.
    #[track_caller]
    pub fn commit(&self, path: &str, text: &str, message: &str) -> String {
        self.stage.write(path, text);
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }
}

impl Drop for Stage {
    /// What a failed test left stays, to be looked at.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
