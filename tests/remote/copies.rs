//! Copies: made, brought up, appended through, and held against what the server shows later.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use countersign::base::limits::CLIENT_FILES_UNASKED_BYTES;

use crate::common::{Output, Stage};
use crate::shown::{Ledger, Server};

/// A second machine on the stage: its own cache and state, no ledger of its own.
pub(crate) struct Elsewhere<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) url: String,
}

impl Elsewhere<'_> {
    pub(crate) fn home(&self) -> PathBuf {
        self.stage.root().join("elsewhere")
    }

    pub(crate) fn copy(&self) -> PathBuf {
        self.home().join("cache/countersign/localhost_shop")
    }

    pub(crate) fn command(&self, who: &str, arguments: &[&str]) -> Command {
        let mut command = self.stage.as_user(who).command(arguments);
        command.env("XDG_DATA_HOME", self.home().join("data"));
        command.env("XDG_STATE_HOME", self.home().join("state"));
        command.env("XDG_CACHE_HOME", self.home().join("cache"));
        command.env("COUNTERSIGN_LEDGER", &self.url);
        command
    }

    pub(crate) fn run(&self, who: &str, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(who, arguments))
    }
}

fn size(output: &Output) -> u64 {
    let rows = output.json();
    let newest =
        rows["entries"].as_array().unwrap().iter().map(|row| row["entry"].as_u64().unwrap());
    newest.max().unwrap() + 1
}

/// Reading and appending through a server, end to end: what one machine signs, the other reads.
#[test]
fn what_is_signed_elsewhere_is_in_the_ledger() {
    let stage = Stage::with_branch("remote");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    let before = size(&stage.run(["log", "--json"]));
    assert_eq!(size(&there.run("cleo", &["log", "--json"])), before);
    let hash = stage.change_of("main..retry");
    let signed = there.run("cleo", &["approve", "retry", "--expect", &hash, "-m", "read it"]);
    assert!(signed.ok().contains(&before.to_string()), "{}", signed.out);
    // The entry, its words and its document are where the ledger is.
    let shown = stage.run(["show", &before.to_string()]);
    assert!(shown.ok().contains("read it"), "{}", shown.out);
    stage.run(["ledger", "check"]).ok();
    // What others append is there with the next command, and nothing is fetched twice.
    stage.run(["declare", "main..retry", "--assistance", "none", "-y"]);
    server.mood(|mood| mood.asked.clear());
    let log = there.run("cleo", &["log", "--json"]);
    log.ok();
    let asked = server.mood(|mood| std::mem::take(&mut mood.asked));
    assert_eq!(asked.iter().filter(|path| path.as_str() == "checkpoint").count(), 1, "{asked:?}");
    // What the copy is believes nobody but the ledger: it checks like one.
    for private in ["secret", "email-salt", "url"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(there.copy().join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private}");
    }
    // Losing it costs a download.
    fs::remove_dir_all(there.copy()).unwrap();
    assert_eq!(there.run("cleo", &["log", "--json"]).out, log.out);
}

/// A connection that breaks after the server took it up: the same bytes again, one entry.
#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let stage = Stage::with_branch("remote-lost");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    let before = size(&stage.run(["log", "--json"]));
    let hash = stage.change_of("main..retry");
    server.mood(|mood| mood.swallowed = 1);
    there.run("cleo", &["approve", "retry", "--expect", &hash]).ok();
    assert_eq!(server.mood(|mood| mood.posts), 2);
    assert_eq!(size(&stage.run(["log", "--json"])), before + 1);
    server.mood(|mood| mood.busy = 1);
    there.run("ben", &["withdraw", "--help"]).ok();
    there.run("ada", &["approve", "retry", "--expect", &hash]).ok();
    assert_eq!(server.mood(|mood| mood.posts), 4);
    assert_eq!(size(&stage.run(["log", "--json"])), before + 2);
    // Where no answer ever comes, nobody is told that it failed.
    server.mood(|mood| mood.swallowed = 3);
    let unknown = there.run("ada", &["reject", "retry", "--expect", &hash, "-m", "no"]);
    unknown.refused(4, "it may have taken it up, or not");
    assert_eq!(size(&stage.run(["log", "--json"])), before + 3);
}

/// A server that answers, and cannot at present: what it said is told, and what was signed is kept.
#[test]
fn what_a_server_does_not_take_now_is_kept() {
    let stage = Stage::with_branch("remote-busy");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    let before = size(&stage.run(["log", "--json"]));
    let hash = stage.change_of("main..retry");
    server.mood(|mood| mood.busy = 3);
    let busy = there.run("cleo", &["approve", "retry", "--expect", &hash]);
    busy.refused(4, "the test wants it (busy); try again in 1 s");
    let talk = busy.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("it is kept") && talk.contains("submit --spooled"), "{talk}");
    assert!(!talk.contains("cannot be reached") && !talk.contains("healthz"), "{talk}");
    assert_eq!(size(&stage.run(["log", "--json"])), before);
    there.run("cleo", &["submit", "--spooled"]).ok();
    assert_eq!(size(&stage.run(["log", "--json"])), before + 1);
}

/// ATTACKS 34: a server that was set back, one with another history, and one that serves garbage.
#[test]
fn attack_34_a_server_that_shows_another_history_is_caught() {
    let stage = Stage::with_branch("remote-fork");
    let ledger = Ledger::of(&stage);
    let other = Ledger { folder: stage.root().join("other"), ..ledger.clone() };
    let other = Ledger { mirror: stage.root().join("other-mirror"), ..other };
    let copied = |from: &Ledger, to: &Ledger| {
        let mut command = stage.program("cp");
        command.args(["-a"]).arg(&from.folder).arg(&to.folder);
        Output::of(&mut command).ok();
    };
    copied(&ledger, &other);
    let server = Server::start(&ledger);
    let there = Elsewhere { stage: &stage, url: server.url() };
    let hash = stage.change_of("main..retry");
    there.run("cleo", &["approve", "retry", "--expect", &hash]).ok();
    let address = server.address.to_string();
    drop(server);
    // The older copy of the folder answers.
    let server = Server::start_at(&other, &address);
    other.bring_up();
    let caught = there.run("cleo", &["log"]);
    caught.refused(3, "was set back");
    assert_eq!(caught.talk.matches("localhost/shop\n").count(), 2, "{}", caught.talk);
    // It grows into another history: both signed checkpoints are the evidence.
    let sign = |arguments: &[&str]| {
        let mut command = stage.as_user("ada").command(arguments);
        command.env("COUNTERSIGN_LEDGER", &other.folder);
        command.env("XDG_STATE_HOME", stage.root().join("third"));
        Output::of(&mut command).ok();
    };
    for _ in 0..2 {
        sign(&["reject", "retry", "--expect", &hash, "-m", "no"]);
        other.bring_up();
        let caught = there.run("cleo", &["log"]);
        caught.refused(3, "has another history");
        let file = caught.talk.split_whitespace().last().unwrap().to_owned();
        assert!(stage.run(["verify", &file]).expect_status(3).contains("TAMPERED"), "{file}");
    }
    // A reader who never saw the first believes either, and notices garbage.
    drop(server);
    let server = Server::start_at(&ledger, &address);
    let third = Elsewhere { stage: &stage, url: server.url() };
    fs::remove_dir_all(third.home()).unwrap();
    let size = size(&stage.run(["log", "--json"]));
    let bundle = format!("tile/entries/000.p/{size}");
    let mut bytes = fs::read(ledger.mirror.join(&bundle)).unwrap();
    let at = bytes.len() - 9;
    bytes[at] ^= 1;
    for wrong in [bytes.as_slice(), &bytes[..at], b"", b"<html>"] {
        server.mood(|mood| mood.instead.insert(bundle.clone(), wrong.to_vec()));
        assert_eq!(third.run("cleo", &["log"]).status, 3);
    }
    server.mood(|mood| mood.instead.clear());
    third.run("cleo", &["log"]).ok();
}

/// A token, and what is told where it is missing.
#[test]
fn a_token_is_sent_to_the_server_that_it_is_for() {
    let stage = Stage::begun("remote-token");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    server.mood(|mood| mood.token = Some("s3cret".to_owned()));
    there.run("ada", &["log"]).refused(2, "does not let anybody without a token read");
    let run =
        |token: &str| Output::of(there.command("ada", &["log"]).env("COUNTERSIGN_TOKEN", token));
    run("wrong").refused(2, "does not let this token read");
    run("s3cret").ok();
    run("s3 cret").refused(2, "holds no token");
    // By the settings: the URL need not be said, and another server does not get the token.
    let settings = stage.home().join(".config/countersign/config.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let file = stage.write(stage.root().join("token"), "s3cret\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let table = format!("url = \"{}\"\ntoken_file = \"{}\"\n", server.url(), file.display());
    let text = text
        .replace("[ledger.\"localhost/shop\"]\n", &format!("[ledger.\"localhost/shop\"]\n{table}"));
    fs::write(&settings, text).unwrap();
    Output::of(there.command("ada", &["log"]).env_remove("COUNTERSIGN_LEDGER")).ok();
    there.run("ada", &["log"]).ok();
    let other = Server::start(&Ledger::of_folder(&stage));
    other.mood(|mood| mood.token = Some("s3cret".to_owned()));
    let elsewhere = Elsewhere { stage: &stage, url: other.url() };
    elsewhere.run("ada", &["log"]).refused(2, "anybody without a token");
}

/// What is large is asked for first: the second sign-off of a change sends no document again.
#[test]
fn large_files_are_handed_in_where_they_are_wanted() {
    let stage = Stage::begun("remote-large");
    stage.git(["checkout", "-q", "-b", "many"]);
    for number in 0..3_000 {
        stage.write(format!("{number:060}/{number}"), "x\n");
    }
    let ben = stage.as_user("ben");
    ben.commit("one", "1\n", "Many files");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    let hash = stage.change_of("main..many");
    let document = format!("blobs/{}/{}", &hash[..2], &hash[2..]);
    let asked = || {
        let asked = server.mood(|mood| std::mem::take(&mut mood.asked));
        asked.iter().filter(|path| **path == document).count()
    };
    there.run("cleo", &["approve", "many", "--expect", &hash]).ok();
    assert_eq!(asked(), 1, "it was asked whether it is wanted");
    let file = stage.ledger().join(&document);
    assert!(fs::metadata(&file).unwrap().len() > CLIENT_FILES_UNASKED_BYTES as u64);
    let bytes = server.mood(|mood| std::mem::take(&mut mood.bytes));
    there.run("ada", &["approve", "many", "--expect", &hash]).ok();
    assert_eq!(asked(), 1);
    let again = server.mood(|mood| std::mem::take(&mut mood.bytes));
    assert!(again < 16 * 1024 && bytes > CLIENT_FILES_UNASKED_BYTES, "{bytes}, then {again}");
}

/// Nobody answers: exit 4, and what is left to do.
#[test]
fn a_server_that_is_gone_is_exit_4() {
    let stage = Stage::with_branch("remote-gone");
    let server = Server::start(&Ledger::of(&stage));
    let there = Elsewhere { stage: &stage, url: server.url() };
    there.run("ada", &["log"]).ok();
    drop(server);
    let gone = there.run("ada", &["log"]);
    gone.refused(4, "cannot be reached");
    let gate = there.run("ada", &["gate", "-n"]);
    gate.refused(4, "cannot be reached");
    // Nor is a URL believed that nobody ever answered at.
    let never = Elsewhere { stage: &stage, url: "http://127.0.0.1:1".to_owned() };
    never.run("ada", &["log"]).refused(4, "cannot be reached");
    let strange = Elsewhere { stage: &stage, url: "ftp://x".to_owned() };
    strange.run("ada", &["log"]).expect_status(2);
}
