//! `init`: a ledger for a repository.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Output, Stage};
use crate::fingerprint;

/// Whoever names a key has several: without it the next command would take another.
#[test]
fn a_key_that_init_is_told_is_remembered() {
    let stage = Stage::new("init-told");
    let key = stage.key("ada").display().to_string();
    let mut init = stage.command(["init", "-y", "--key", &key]);
    init.env_remove("COUNTERSIGN_KEY");
    Output::of(&mut init).ok();
    let mut list = stage.command(["key", "list", "--json"]);
    list.env_remove("COUNTERSIGN_KEY").env_remove("SSH_AUTH_SOCK");
    let listed = Output::of(&mut list);
    assert!(listed.ok().contains(&key), "{}", listed.out);
    let settings = std::fs::read_to_string(stage.home().join(".config/countersign/config.toml"));
    assert!(settings.unwrap().contains(&format!("use = \"{key}\"")));
}

/// A declared change that nobody has fetched here waits all the same, and is not passed over.
#[test]
fn what_is_declared_and_not_here_is_told() {
    let stage = Stage::with_branch("afar");
    let ben = stage.as_user("ben");
    ben.run(["declare", "retry", "--assistance", "none", "-y"]).ok();
    stage.git(["checkout", "-q", "main"]);
    stage.git(["branch", "-q", "-D", "retry"]);
    stage.git(["reflog", "expire", "--expire=now", "--all"]);
    stage.git(["gc", "-q", "--prune=now"]);
    let told = "1 declared change with commits that are not here: git fetch";
    let cleo = stage.as_user("cleo").run(["queue"]);
    cleo.ok();
    let talk = cleo.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains(told), "{}", cleo.talk);
    assert!(!ben.run(["queue"]).talk.contains("not here"));
}

#[test]
fn init_needs_no_flags_where_git_signs_with_a_key_file() {
    let stage = Stage::new("init-file");
    let answer = stage.run(["init", "-y"]);
    let out = answer.ok();
    assert!(out.lines().count() <= 20 && out.lines().all(|line| line.len() <= 80), "{out}");
    for words in ["BEGUN", "localhost/shop", "single admin", "trust root", "one trusted host"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(out.lines().last().unwrap().starts_with("next: countersign roster add"), "{out}");
    assert!(stage.ledger().join("checkpoint").exists() && stage.gate_key().exists());
    let shown = stage.run(["trust", "show", "--json"]).json();
    assert!(out.contains(shown["digest"].as_str().unwrap()), "{out}");
    // A second one is refused in one line and a hint.
    let again = stage.run(["init", "-y"]);
    again.refused(2, "this repository has its ledger already: localhost/shop");
    assert_eq!(again.talk.lines().count(), 2, "{}", again.talk);
}

#[test]
fn init_takes_a_key_out_of_the_agent() {
    let stage = Stage::new("init-agent");
    let socket = stage.home().join("agent");
    let mut agent = stage.program("ssh-agent");
    let mut agent = agent.arg("-D").arg("-a").arg(&socket);
    agent = agent.stdout(std::process::Stdio::null());
    let mut agent = agent.spawn().unwrap();
    for _ in 0..100 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut add = stage.program("ssh-add");
    Output::of(add.arg("-q").arg(stage.key("ada")).env("SSH_AUTH_SOCK", &socket)).ok();
    // git names the key literally, and its file is gone.
    let line = std::fs::read_to_string(stage.key("ada").with_extension("pub")).unwrap();
    stage.git(["config", "--global", "user.signingkey", &format!("key::{}", line.trim())]);
    std::fs::remove_file(stage.key("ada")).unwrap();
    let answer = Output::of(stage.command(["init", "-y"]).env("SSH_AUTH_SOCK", &socket));
    let _ = agent.kill().and_then(|()| agent.wait());
    assert!(answer.ok().contains("git signs with it"), "{}", answer.out);
}

#[test]
fn init_without_any_key_says_how_to_make_one() {
    let stage = Stage::new("init-none");
    stage.git(["config", "--global", "--unset", "gpg.format"]);
    let answer = stage.run(["init", "-y"]);
    answer.refused(2, "there is no key to sign with hint: make one: countersign key generate");
    assert!(!stage.ledger().exists() && !stage.gate_key().exists());
}

#[test]
fn init_shows_entry_0_and_makes_nothing() {
    let stage = Stage::new("init-dry");
    let shown = stage.run(["init", "-n", "--json"]).json();
    assert_eq!(shown["predicate"]["says"]["genesis"]["origin"], "localhost/shop");
    assert!(!stage.home().join(".config").exists() && !stage.home().join(".local").exists());
    // Nobody can be asked, and nothing was said.
    stage.run(["init"]).refused(2, "add -y to go ahead");
    assert!(!stage.home().join(".local").exists());
}

#[test]
fn init_takes_the_first_roster_from_allowed_signers() {
    let stage = Stage::new("init-allowed");
    let mut text = String::new();
    for name in ["ada", "ben", "cleo"] {
        let key = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        write!(text, "{name}@shop.example namespaces=\"git\" {key}").unwrap();
    }
    let file = stage.write(stage.home().join("allowed"), &text);
    let file = file.to_str().unwrap();
    stage.git(["config", "--global", "gpg.ssh.allowedSignersFile", file]);
    stage.git(["remote", "add", "origin", "git@git.example:team/shop.git"]);
    let answer = stage.run(["init", "-y", "--json"]).json();
    assert_eq!(answer["origin"], "git.example/team/shop");
    // ada stands in the list too and is no second member; the gate is the fourth.
    assert_eq!(answer["members"], 4);
}

#[test]
fn init_starts_an_empty_repository_from_nothing() {
    let stage = Stage::new("init-unborn");
    stage.git(["update-ref", "-d", "HEAD"]);
    assert_eq!(stage.run(["init", "-y", "--json"]).json()["baseline"], "none");
}

/// Runs a script in which a folder at home is a file system of 4-KiB pages that can fill up.
fn on_a_small_disk(stage: &Stage, folder: &str, pages: u32, script: &str) -> Output {
    let folder = stage.home().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = stage.program("unshare");
    command.args(["-rm", "sh", "-c"]);
    command
        .arg(format!("mount -t tmpfs -o size={}k none \"$DISK\" || exit 77\n{script}", pages * 4));
    Output::of(command.env("DISK", folder).env("PROGRAM", env!("CARGO_BIN_EXE_countersign")))
}

/// Wherever `init` runs out of space: exit 4, the cause once, a hint; and with space again the
/// same command finishes, or says what is left and what to do about it.
#[test]
fn init_on_a_full_disk_is_told_once_and_taken_up_again() {
    let mut left: Vec<String> = Vec::new();
    for (folder, pages) in [1, 2, 3, 4].map(|pages| (".config", pages)).into_iter().chain([
        (".local", 1),
        (".local", 2),
        (".local", 6),
    ]) {
        let stage = Stage::new(&format!("full-{}-{pages}", &folder[1..]));
        let script = "\"$PROGRAM\" init -y >/dev/null 2>\"$HOME/talk\"\necho $? >\"$HOME/status\"\n\
            mount -o remount,size=10m \"$DISK\"\nexec \"$PROGRAM\" init -y";
        let again = on_a_small_disk(&stage, folder, pages, script);
        let Ok(status) = std::fs::read_to_string(stage.home().join("status")) else {
            println!("skipped: no file system of one's own here: {}", again.talk);
            return;
        };
        let talk = std::fs::read_to_string(stage.home().join("talk")).unwrap();
        let first = Output { status: status.trim().parse().unwrap(), out: String::new(), talk };
        first.refused(4, "free some space");
        let told = first.talk.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(told.matches("No space left").count(), 1, "{}", first.talk);
        if again.status != 0 {
            again.refused(2, "localhost/shop");
            assert!(again.talk.contains("stopped"), "{}", again.talk);
            left.push(again.talk.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    for words in ["pin its trust root", "[[repository]], and under it path ="] {
        assert!(left.iter().any(|talk| talk.contains(words)), "{words}: {left:?}");
    }
}

#[test]
fn init_says_what_it_is_about_to_begin() {
    let stage = Stage::new("init-asks");
    let asked = stage.run(["init"]);
    asked.refused(2, "add -y to go ahead");
    let key = fingerprint(&stage, "ada");
    let head = stage.git(["rev-parse", "HEAD"]);
    for words in ["ledger    localhost/shop", &format!("key       {key}"), &head[..7]] {
        assert!(asked.talk.contains(words), "{words}: {}", asked.talk);
    }
    assert!(asked.talk.lines().all(|line| line.len() <= 80), "{}", asked.talk);
}

/// What an attempt left that died between the ledger's key and the ledger.
#[test]
fn a_key_without_its_ledger_is_named() {
    let stage = Stage::new("init-left");
    let key = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    stage.write(&key, "left\n");
    stage.run(["init", "-y"]).refused(2, "if an init stopped half-way: remove");
    std::fs::remove_file(&key).unwrap();
    stage.run(["init", "-y"]).ok();
}

/// Entry 0 is signed by every admin that it names before there is a ledger; a missing signature
/// is named, and nothing is half-made (ATTACKS 55).
#[test]
fn attack_55_several_admins_begin_a_ledger_together() {
    let stage = Stage::new("init-several");
    let public = |name: &str| stage.key(name).with_extension("pub").display().to_string();
    let ben = format!("Ben Ode <ben@shop.example>={}", public("ben"));
    let cleo = format!("cleo@shop.example={}", public("cleo"));
    let init = ["init", "-y", "--admin", &ben, "--admin", &cleo];
    let with = |more: &[&str]| stage.run(init.iter().chain(more));
    with(&[]).refused(2, "every admin signs entry 0 before there is a ledger hint: write it with");
    with(&["-o", "g.json", "--threshold", "4"]).refused(2, "--threshold is from 1 to 3");
    with(&["-o", "nowhere/g.json"]).refused(2, "nowhere/g.json");
    let myself = format!("ada@shop.example={}", public("dan"));
    let twice = with(&["--admin", &myself, "-o", "g.json"]);
    twice.refused(2, "stands among the admins twice");
    stage.run(["init", "-y", "--admin", "ben", "-o", "g.json"]).refused(2, "ADDRESS=FILE.pub");
    let keys = stage.home().join(".config/countersign/keys");
    let pending = keys.join("localhost_shop.beginning");
    assert!(!pending.exists() && !stage.ledger().exists());

    let written = with(&["-o", "g.json"]);
    let out = written.ok();
    assert!(out.contains("next: each of the others runs countersign sign g.json"), "{out}");
    assert!(written.talk.contains("threshold 2 of 3 admins must sign"), "{}", written.talk);
    for text in [out, &written.talk] {
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
    assert_eq!(std::fs::metadata(&pending).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!stage.ledger().exists() && !keys.join("localhost_shop.ledger").exists());
    stage.run(["status"]).refused(2, "no ledger is known");
    with(&["-o", "other.json"]).refused(2, "is being signed already");
    stage.run(["init", "-y"]).refused(2, "is being signed already");

    // Nothing is made before all have signed, and who is missing is named.
    stage.run(["submit", "g.json"]).refused(2, "has signed yet; missing: Ben Ode, cleo");
    stage.run(["sign", "g.json", "-y"]).refused(2, "has signed this already");
    stage.as_user("dan").run(["sign", "g.json", "-y"]).refused(2, "not enrolled");
    // Far away there is neither a ledger nor a trust root, only the file and a key.
    let far = |name: &str, arguments: &[&str]| {
        let mut command = stage.as_user(name).command(arguments);
        for (kind, folder) in [("CONFIG", ".config"), ("DATA", ".data"), ("STATE", ".state")] {
            command.env(format!("XDG_{kind}_HOME"), stage.root().join("far").join(folder));
        }
        Output::of(&mut command)
    };
    let shown = far("ben", &["sign", "g.json", "-n", "--json"]);
    assert_eq!(shown.json()["predicate"]["says"]["genesis"]["origin"], "localhost/shop");
    assert!(shown.talk.contains("begins  the ledger localhost/shop"), "{}", shown.talk);
    let signed = far("ben", &["sign", "g.json", "-y"]);
    assert!(signed.ok().starts_with("SIGNED  2 of 3 admins"), "{}", signed.out);
    assert!(signed.talk.contains("you are the admin m"), "{}", signed.talk);
    stage.run(["submit", "g.json"]).refused(2, "has signed yet; missing: cleo");
    assert!(!stage.ledger().exists() && !keys.join("localhost_shop.ledger").exists());
    far("ben", &["submit", "g.json"]).refused(2, "no init of localhost/shop waits on this machine");
    assert!(far("cleo", &["sign", "g.json", "-y"]).ok().contains("countersign submit g.json"));
    far("dan", &["sign", "g.json", "-y"]).refused(2, "every admin has signed this already");

    let begun = stage.run(["submit", "g.json"]);
    assert!(begun.ok().starts_with("BEGUN  the ledger localhost/shop"), "{}", begun.out);
    assert!(begun.out.contains("Ada, Ben Ode, cleo; 2 must sign"), "{}", begun.out);
    assert!(!pending.exists());
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!((&roster["threshold"], roster["admins"].as_array().unwrap().len()), (&2.into(), 3));
    let trust = stage.run(["trust", "show", "--json"]).json();
    assert_eq!(trust["admins"].as_array().unwrap().len(), 3);
    stage.run(["ledger", "check"]).ok();
    assert!(stage.run(["submit", "g.json"]).ok().starts_with("KNOWN  entry 0 already"));
    stage.run(["status"]).ok();
}
