//! Keys in an agent that does not sign: nothing is left behind, and the reason is told.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::change_of;
use super::common::{Output, Stage};
use super::terminal::{flat, in_terminal_with};

/// A real agent that holds cleo's key alone: her private key file is gone.
struct Agent<'a> {
    stage: &'a Stage,
    child: Child,
    socket: PathBuf,
}

impl<'a> Agent<'a> {
    /// `program` is `ssh-agent` under any name; whoever is asked to confirm says no.
    fn start(stage: &'a Stage, program: &str) -> Self {
        let socket = stage.home().join("agent");
        let mut command = stage.program(program);
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        let child = command.env("DISPLAY", ":none").spawn().unwrap();
        let agent = Self { stage, child, socket };
        for _ in 0..500 {
            if UnixStream::connect(&agent.socket).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    /// Runs `ssh-add`, which gives `secret` where it asks.
    fn add(&self, arguments: &[&str]) {
        Output::of(self.add_command().args(arguments)).ok();
    }

    fn add_command(&self) -> Command {
        let script =
            self.stage.write(self.stage.home().join("askpass"), "#!/bin/sh\necho secret\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&script, mode).unwrap();
        let mut command = self.stage.program("ssh-add");
        command.env("SSH_AUTH_SOCK", &self.socket).env("SSH_ASKPASS", script);
        command.env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":none");
        command
    }

    fn holds_cleos_key(self, how: &[&str]) -> Self {
        let key = self.stage.key("cleo");
        self.add(&[&["-q"], how, &[key.to_str().unwrap()]].concat());
        std::fs::rename(&key, self.stage.home().join("cleos-key")).unwrap();
        self
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A stage with a branch of ben's, and its hash.
fn with_branch(test: &str) -> (Stage, String) {
    let stage = Stage::begun(test);
    stage.git(["checkout", "-q", "-b", "retry"]);
    stage.as_user("ben").commit("src/capture.rs", "fn a() {}\n", "Retry card capture");
    let hash = change_of(&stage, "retry");
    (stage, hash)
}

/// Signs off as cleo, with a comment, through the agent at a socket.
fn sign(stage: &Stage, hash: &str, socket: &Path, more: &[&str]) -> Output {
    let arguments = ["approve", "retry", "--expect", hash, "-m", "read with care"];
    let mut command = stage.as_user("cleo").command([&arguments[..], more].concat());
    // The key is in the agent alone, and is named by its public half.
    command.env("COUNTERSIGN_KEY", stage.key("cleo").with_extension("pub"));
    Output::of(command.env("SSH_AUTH_SOCK", socket))
}

/// Every file of the ledger's side store: what a signature that was not made must not leave.
fn kept(stage: &Stage) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![stage.ledger().join("blobs"), stage.ledger().join("openings")];
    while let Some(folder) = folders.pop() {
        // The first thing that is kept makes the folder.
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { found.push(entry) }
        }
    }
    found.sort();
    found.push(PathBuf::from(stage.run(["queue", "--json"]).json()["waiting"].to_string()));
    found
}

#[test]
fn a_locked_agent_is_unavailable_and_nothing_is_left_behind() {
    let (stage, hash) = with_branch("locked");
    let agent = Agent::start(&stage, "ssh-agent").holds_cleos_key(&[]);
    let before = kept(&stage);
    agent.add(&["-x"]);
    let file = stage.repository().join("signed.json");
    for more in [&[][..], &["-o", "signed.json"]] {
        let locked = sign(&stage, &hash, &agent.socket, more);
        locked.refused(4, "the agent is locked or has no keys");
        assert!(flat(&locked.talk).contains("unlock it with `ssh-add -X`"), "{}", locked.talk);
    }
    let mut list = stage.as_user("cleo").command(["key", "list", "--json"]);
    list.env("COUNTERSIGN_KEY", stage.key("cleo").with_extension("pub"));
    let listed = Output::of(list.env("SSH_AUTH_SOCK", &agent.socket)).json();
    assert!(listed.to_string().contains("locked or has no keys"), "{listed}");
    assert!(!file.exists());
    assert_eq!(kept(&stage), before);
    agent.add(&["-X"]);
    assert!(sign(&stage, &hash, &agent.socket, &[]).ok().starts_with("signed: entry "));
    assert_ne!(kept(&stage), before);
}

/// ATTACKS 45: a key that asks before each signature is safe where others can reach the agent.
#[test]
fn a_key_that_is_not_confirmed_refuses_and_nothing_is_left_behind() {
    let (stage, hash) = with_branch("refuses");
    let agent = Agent::start(&stage, "ssh-agent").holds_cleos_key(&["-c"]);
    let before = kept(&stage);
    let refused = sign(&stage, &hash, &agent.socket, &[]);
    refused.refused(2, "the agent refused to sign");
    assert!(flat(&refused.talk).contains("confirm the request"), "{}", refused.talk);
    assert!(refused.out.is_empty(), "{}", refused.out);
    assert_eq!(kept(&stage), before);
    // At a terminal as well: the person read it, the key said no.
    let key = stage.key("cleo").with_extension("pub");
    let line = format!("--key {} approve retry", key.display());
    let (status, text) =
        in_terminal_with(&stage, &[("SSH_AUTH_SOCK", agent.socket.as_path())], &line, "s\n");
    assert_eq!(status, 2, "{text}");
    assert!(flat(&text).contains("the agent refused to sign"), "{text}");
    assert_eq!(kept(&stage), before);
}

/// Passes everything on to an agent; before it passes on a request to sign, something happens.
fn between(stage: &Stage, agent: PathBuf, before_signing: impl Fn() + Send + 'static) -> PathBuf {
    let socket = stage.home().join("proxy");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { break };
            // The client asks once a connection; one that only looks who listens asks nothing.
            let mut header = [0; 5];
            if client.read_exact(&mut header).is_err() {
                continue;
            }
            let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
            let mut body = vec![0; usize::try_from(length).unwrap() - 1];
            client.read_exact(&mut body).unwrap();
            if header[4] == 13 {
                before_signing();
            }
            let Ok(mut agent) = UnixStream::connect(&agent) else { continue };
            agent.write_all(&[&header[..], &body].concat()).unwrap();
            let mut length = [0; 4];
            agent.read_exact(&mut length).unwrap();
            let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            agent.read_exact(&mut answer).unwrap();
            let _ = client.write_all(&[&length[..], &answer].concat());
        }
    });
    socket
}

#[test]
fn a_key_that_is_lost_before_it_signs_is_told_and_nothing_is_left_behind() {
    let (stage, hash) = with_branch("lost");
    let agent = Agent::start(&stage, "ssh-agent").holds_cleos_key(&[]);
    // Another key stays, so that the agent is not empty.
    agent.add(&["-q", stage.key("dan").to_str().unwrap()]);
    let before = kept(&stage);
    let public = stage.key("cleo").with_extension("pub");
    let socket = agent.socket.clone();
    let proxy = between(&stage, agent.socket.clone(), move || {
        let mut command = Command::new("ssh-add");
        command.env("SSH_AUTH_SOCK", &socket).arg("-q").arg("-d").arg(&public);
        Output::of(&mut command).ok();
    });
    let lost = sign(&stage, &hash, &proxy, &[]);
    lost.refused(2, "the agent no longer has this key");
    assert!(flat(&lost.talk).contains("load it again with `ssh-add FILE`"), "{}", lost.talk);
    assert_eq!(kept(&stage), before);
}

#[test]
fn an_agent_that_goes_away_before_it_signs_is_unavailable() {
    let (stage, hash) = with_branch("dies");
    let agent = Agent::start(&stage, "ssh-agent").holds_cleos_key(&[]);
    let before = kept(&stage);
    let socket = agent.socket.clone();
    let proxy = between(&stage, agent.socket.clone(), move || {
        std::fs::rename(&socket, socket.with_extension("gone")).unwrap();
    });
    sign(&stage, &hash, &proxy, &[]).refused(4, "the agent hung up");
    assert_eq!(kept(&stage), before);
    // And one that was never there.
    let gone = sign(&stage, &hash, &stage.home().join("nothing"), &[]);
    gone.refused(4, "the signer is unavailable");
}

/// ATTACKS 45: who listens at the socket tells that the agent is on another machine.
#[test]
fn a_forwarded_agent_is_warned_of() {
    let (stage, hash) = with_branch("forwarded");
    // The server that forwards listens under its own name; the agent here does the same.
    let copy = stage.home().join("sshd");
    let which = Output::of(stage.program("sh").args(["-c", "command -v ssh-agent"]));
    std::fs::copy(which.ok().trim(), &copy).unwrap();
    let forwarded = Agent::start(&stage, copy.to_str().unwrap()).holds_cleos_key(&[]);
    let signed = sign(&stage, &hash, &forwarded.socket, &[]);
    assert!(signed.ok().starts_with("signed: entry "), "{signed:?}");
    let talk = flat(&signed.talk);
    for words in ["warning: the agent that signs is forwarded from another machine", "ssh-add -c"] {
        assert!(talk.contains(words), "{words:?} is missing:\n{}", signed.talk);
    }
    let mut list = stage.as_user("cleo").command(["key", "list"]);
    list.env("COUNTERSIGN_KEY", stage.key("cleo").with_extension("pub"));
    let listed = Output::of(list.env("SSH_AUTH_SOCK", &forwarded.socket));
    assert!(listed.ok().contains("agent, forwarded"), "{}", listed.out);
    drop(forwarded);

    // The same agent under its own name, in a session from elsewhere: it is here.
    std::fs::rename(stage.home().join("cleos-key"), stage.key("cleo")).unwrap();
    let _ = std::fs::remove_file(stage.home().join("agent"));
    let agent = Agent::start(&stage, "ssh-agent").holds_cleos_key(&[]);
    let mut command = stage.as_user("cleo").command(["withdraw", "retry", "-y"]);
    command.env("COUNTERSIGN_KEY", stage.key("cleo").with_extension("pub"));
    command.env("SSH_AUTH_SOCK", &agent.socket).env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22");
    let withdrawn = Output::of(&mut command);
    withdrawn.ok();
    assert!(!withdrawn.talk.contains("forwarded"), "{}", withdrawn.talk);
}

/// None is guessed of two keys of one member; the list tells which would sign, and why.
#[test]
fn of_several_keys_of_one_member_the_named_one_signs() {
    let (stage, hash) = with_branch("several");
    let second = stage.key("dan").with_extension("pub");
    stage.run(["key", "enroll", "cleo@shop.example", second.to_str().unwrap(), "-y"]).ok();
    let agent = Agent::start(&stage, "ssh-agent");
    for name in ["cleo", "dan"] {
        agent.add(&["-q", stage.key(name).to_str().unwrap()]);
    }
    stage.git(["config", "--global", "--unset", "gpg.format"]);
    let run = |arguments: &[&str]| {
        Output::of(stage.command(arguments).env("SSH_AUTH_SOCK", &agent.socket))
    };
    let both = run(&["approve", "retry", "--expect", &hash]);
    both.refused(2, "several keys could sign: SHA256:");
    assert!(flat(&both.talk).contains("name one with --key"), "{}", both.talk);
    let list = run(&["key", "list"]);
    assert!(
        list.ok().starts_with("NO KEY  would sign: each line says why; --key names one"),
        "{}",
        list.out
    );
    assert_eq!(list.out.matches("one of several: name it").count(), 2, "{}", list.out);
    assert_eq!(list.out.matches("Cleo").count(), 2, "{}", list.out);

    let named = stage.key("cleo").display().to_string();
    let list = run(&["--key", &named, "key", "list", "--json"]).json();
    let chosen: Vec<_> =
        list.as_array().unwrap().iter().filter(|row| row["signs"] == true).collect();
    assert_eq!(chosen.len(), 1, "{list}");
    assert_eq!(chosen[0]["reason"], "named by --key", "{list}");
    assert_eq!(chosen[0]["member"], "Cleo", "{list}");
    let signed = run(&["--key", &named, "approve", "retry", "--expect", &hash, "--json"]);
    assert_eq!(signed.json()["by"]["name"], "Cleo", "{signed:?}");
    // A key that is on nobody's entry is not among those that can be meant.
    agent.add(&["-q", "-d", stage.key("dan").with_extension("pub").to_str().unwrap()]);
    stage.git(["config", "--global", "gpg.format", "openpgp"]);
    let list = run(&["key", "list"]);
    assert!(list.ok().starts_with("SIGNS  SHA256:"), "{}", list.out);
    assert!(list.out.contains("Cleo; agent: the only one"), "{}", list.out);
}
