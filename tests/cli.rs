//! The program itself: exit status, streams, help and the commands on trust.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use countersign::base::digest::LeafHash;
use countersign::base::name::Origin;
use countersign::key::KeyId;
use countersign::note::key::VerifierKey;
use countersign::verify::trust::TrustRoot;

/// A home of the test's own, and the program with nothing else around it.
struct Home(PathBuf);

impl Home {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cli-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("work")).unwrap();
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(self.0.join("work")).stdin(Stdio::null());
        command.env_clear().env("HOME", &self.0);
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn trust_root(name: &str, seed: u8) -> TrustRoot {
    let key = VerifierKey::new(name, [seed; 32]).unwrap();
    let ledger = LeafHash::from_bytes([seed; 32]);
    let admin = KeyId::from_bytes([seed; 32]);
    TrustRoot::new(&Origin::new(name).unwrap(), ledger, &key, &[admin]).unwrap()
}

#[test]
fn help_and_version_are_answers_within_80_columns() {
    let home = Home::new("help");
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["trust", "--help"],
        &["trust", "show", "--help"],
        &["trust", "pin", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
    ] {
        let (status, out, talk) = home.run(arguments);
        assert_eq!((status, talk.as_str()), (0, ""), "{arguments:?}");
        assert!(out.contains("Usage: countersign"), "{out}");
        assert!(out.lines().all(|line| line.len() <= 80 && line.is_ascii()), "{out}");
    }
    let version = format!("countersign {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(home.run(&["--version"]), (0, version, String::new()));
}

#[test]
fn wrong_usage_is_status_2_in_the_style_of_every_error() {
    let home = Home::new("usage");
    for (arguments, says) in [
        (&[][..], "no command is named"),
        (&["trust"], "no command is named"),
        (&["trsut"], "unrecognized subcommand 'trsut'"),
        (&["trust", "pin"], "<FILE>"),
        (&["--color", "x", "man"], "[possible values: auto, always, never]"),
        (&["man", "\u{1b}[2J\u{202e}"], "no such command: \\u{1b}[2J\\u{202e}"),
        (&["-C", "nowhere", "man"], "cannot change to nowhere"),
        (&["trust", "show"], "no ledger is known"),
        (&["trust", "pin", "nowhere"], "cannot read nowhere"),
    ] {
        let (status, out, talk) = home.run(arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {talk}");
        assert!(talk.starts_with("countersign: error: "), "{talk}");
        // Lines are wrapped, so the words are compared without the breaks.
        assert!(talk.replace("\n  ", " ").contains(says), "{talk}");
        assert!(talk.lines().all(|line| line.len() <= 80), "{talk}");
        assert!(talk.chars().all(|character| character == '\n' || !character.is_control()));
    }
}

#[test]
fn flags_of_every_command_stand_before_or_after_it() {
    let home = Home::new("flags");
    let root = trust_root("shop.example", 2);
    home.put("trust.toml", root.to_toml());
    let before = home.run(&["--json", "-C", "..", "--trust", "trust.toml", "trust", "show"]);
    let after = home.run(&["trust", "show", "--trust", "trust.toml", "-C", "..", "--json"]);
    assert_eq!(before, after);
    let (status, out, talk) = before;
    assert_eq!((status, talk.as_str()), (0, ""));
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["digest"], root.digest().to_string());
    assert_eq!(answer["from"], "--trust");
    let quiet = home.run(&["trust", "show", "-q", "--trust", "../trust.toml"]);
    assert_eq!(quiet, (0, String::new(), String::new()));
}

/// ATTACKS 4: a trust root is believed because a person said so, or was told its digest; a file
/// of that name in a checkout changes nothing.
#[test]
fn trust_is_pinned_by_digest_and_shown() {
    let home = Home::new("pin");
    let (first, second) = (trust_root("shop.example", 2), trust_root("shop.example", 3));
    home.put("work/trust.toml", first.to_toml());
    home.put("work/other.toml", second.to_toml());
    let digest = |root: &TrustRoot| root.digest().to_string();
    let pin = |file: &str, rest: &[&str]| home.run(&[&["trust", "pin", file], rest].concat());

    let (status, out, talk) = pin("trust.toml", &[]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(talk.contains("error: without a terminal the digest must be given"), "{talk}");
    assert_eq!(pin("trust.toml", &["--expect", &digest(&second)]).0, 3);
    let show = || home.run(&["trust", "show", "--ledger", "shop.example"]);
    assert_eq!(show().0, 2);

    let (status, out, talk) = pin("trust.toml", &["--expect", &digest(&first)]);
    assert_eq!((status, talk.as_str()), (0, ""));
    assert!(out.contains(&digest(&first)), "{out}");
    assert!(show().1.contains(&digest(&first)));

    assert_eq!(pin("other.toml", &["--expect", &digest(&second)]).0, 2);
    assert!(show().1.contains(&digest(&first)));
    assert_eq!(pin("other.toml", &["--expect", &digest(&second), "--replace"]).0, 0);
    assert!(show().1.contains(&digest(&second)));

    let mut command = home.command(&["trust", "show"]);
    command.env("COUNTERSIGN_TRUST", "trust.toml");
    let (status, _, talk) = told(&command.output().unwrap());
    assert_eq!(status, 2);
    assert!(talk.contains("COUNTERSIGN_TRUST: expected an absolute path"), "{talk}");
}

#[test]
fn settings_with_a_mistake_are_refused_with_file_and_line() {
    let home = Home::new("settings");
    fs::create_dir_all(home.0.join(".config/countersign")).unwrap();
    home.put(".config/countersign/config.toml", "version = 1\n\n[pager]\nuse = \"less\"\n");
    let (status, _, talk) = home.run(&["trust", "show"]);
    assert_eq!(status, 2);
    assert!(talk.replace("\n  ", " ").contains("config.toml: line 3:"), "{talk}");
    // Settings that a command does not need do not stop it.
    assert_eq!(home.run(&["man"]).0, 0);
}

#[test]
fn completions_and_manual_name_the_commands() {
    let home = Home::new("manual");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, out, _) = home.run(&["completions", shell]);
        assert!(status == 0 && out.contains("completions"), "{shell}");
    }
    let (status, out, _) = home.run(&["man", "trust", "pin"]);
    assert!(status == 0 && out.contains(".TH") && out.contains("expect"), "{out}");
}

/// An answer that could not be written is no answer; a reader that went away had its own.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_yes_and_a_closed_pipe_is_quiet() {
    let home = Home::new("full");
    for arguments in [&["--version"][..], &["completions", "bash"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        let (status, _, talk) = told(&output);
        assert_eq!(status, 4, "{talk}");
        assert!(talk.contains("cannot write the answer"), "{talk}");
    }
    let mut child = home.command(&["completions", "zsh"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (status, _, talk) = told(&child.wait_with_output().unwrap());
    assert_eq!((status, talk.as_str()), (0, ""));
}

/// ATTACKS 4: a home or settings folder that is relative would lie in the checkout.
#[test]
fn relative_homes_are_ignored() {
    let home = Home::new("relative");
    for folder in ["work/countersign", "work/.config/countersign"] {
        fs::create_dir_all(home.0.join(folder)).unwrap();
        home.put(&format!("{folder}/config.toml"), "version = 1\n[ledger.\"evil.example\"]\n");
    }
    for (variable, value) in [("XDG_CONFIG_HOME", "."), ("XDG_CONFIG_HOME", ""), ("HOME", ".")] {
        let output = home.command(&["trust", "show"]).env(variable, value).output().unwrap();
        let (status, _, talk) = told(&output);
        assert_eq!(status, 2);
        assert!(talk.contains("no ledger is known"), "{variable}={value}: {talk}");
    }
    // The same file is believed where the folder is named in full.
    let mut command = home.command(&["trust", "show"]);
    command.env("XDG_CONFIG_HOME", home.0.join("work"));
    let (_, _, talk) = told(&command.output().unwrap());
    assert!(talk.contains("no trust root is pinned"), "{talk}");
}

/// With a real terminal (util-linux `script`): the question is asked, and only yes pins.
#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_is_asked() {
    use std::io::Write as _;
    let home = Home::new("terminal");
    home.put("work/trust.toml", trust_root("shop.example", 2).to_toml());
    for (answer, status) in [("n\n", 2), ("\n", 2), ("y\n", 0)] {
        let program = env!("CARGO_BIN_EXE_countersign");
        let mut command = Command::new("script");
        command.args(["-qefc", &format!("'{program}' trust pin trust.toml"), "/dev/null"]);
        command.current_dir(home.0.join("work")).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("HOME", &home.0).env("TERM", "xterm").env_remove("XDG_CONFIG_HOME");
        let Ok(mut child) = command.spawn() else {
            let _ = writeln!(std::io::stderr(), "skipped: there is no script program");
            return;
        };
        child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        let (found, out, _) = told(&child.wait_with_output().unwrap());
        assert_eq!(found, status, "{out}");
        assert!(out.contains("Did somebody you trust tell you this digest? [y/N]"), "{out}");
        // An error is coloured here, and its words are there all the same.
        assert_eq!(out.contains("\u{1b}["), status != 0, "{out:?}");
        assert_eq!(out.contains("error: "), status != 0, "{out:?}");
    }
    let pinned = home.0.join(".config/countersign/trust/shop.example.toml");
    assert!(pinned.exists());
}
