//! How a ledger gathers cosignatures (`spec/witness.md` section 5), with witnesses that are
//! programs of their own: prompt, slow, away, and shown another history.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use countersign::base::limits::{WITNESS_WAIT_AFTER_MILLISECONDS, WITNESS_WAIT_MILLISECONDS};
use countersign::base::time::Timestamp;
use countersign::config::WitnessAddress;
use countersign::note::SignedNote;
use countersign::session::{LedgerKeyFile, Opening, Session};
use countersign::verify::trust::TrustRoot;
use countersign::witness::{Gathering, Outcome, Whom};

use crate::common::{Output, Stage};
use crate::told::Running;

/// A ledger, its witnesses by name, and the files that name them.
pub(crate) struct Witnessed {
    pub(crate) stage: Stage,
    plain: String,
    trust: PathBuf,
}

impl Witnessed {
    pub(crate) fn new(name: &str) -> Self {
        let stage = Stage::begun(name);
        let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
        let plain = fs::read_to_string(&trust).unwrap();
        Self { stage, plain, trust }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.stage.root().join(name)
    }

    /// Starts the witness of that name; again, where it ran before.
    pub(crate) fn start(&self, name: &str, listen: &str) -> Running {
        // What a witness knows of the ledger: its key.
        let root = self.stage.root().join("plain.toml");
        fs::write(&root, &self.plain).unwrap();
        let name_of_key = format!("witness.example/{name}");
        let root = root.to_str().unwrap();
        Running::start_at(&self.folder(name), &name_of_key, &[root], listen)
    }

    /// The ledger's own key, as its trust root has it.
    pub(crate) fn ledger_key(&self) -> String {
        let line = self.plain.lines().find(|line| line.starts_with("ledger_key")).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    }

    /// Names witnesses in the trust root, `need` of them wanted, and their URLs in the settings.
    fn name(&self, witnesses: &[(&str, &str, &str)], need: usize) {
        let same: Vec<_> =
            witnesses.iter().map(|(name, key, url)| (*name, *key, *url, *url)).collect();
        self.name_at(&same, need);
    }

    /// The same with a monitoring prefix of its own for each.
    pub(crate) fn name_at(&self, witnesses: &[(&str, &str, &str, &str)], need: usize) {
        let mut trust = format!("quorum = \"enough\"\n{}", self.plain);
        let mut settings = String::new();
        for (name, key, url, seen) in witnesses {
            trust.extend([format!("[[witness]]\nname = \"{name}\"\nkey = \"{key}\"\n")]);
            settings.extend([format!(
                "\n[ledger.\"localhost/shop\".witness.{name}]\nsubmission = \"{url}\"\n\
                 monitoring = \"{seen}\"\n"
            )]);
        }
        let names: Vec<_> = witnesses.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
        trust.extend([format!(
            "[[group]]\nname = \"enough\"\nneed = {need}\nmembers = [{}]\n",
            names.join(", ")
        )]);
        fs::write(&self.trust, trust).unwrap();
        let file = self.stage.home().join(".config/countersign/config.toml");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(&file, before + &settings).unwrap();
    }

    /// Names these as they run.
    pub(crate) fn name_running(&self, running: &[(&str, &Running)], need: usize) {
        let keys: Vec<_> = running.iter().map(|(_, one)| one.key.to_string()).collect();
        let named: Vec<_> = running
            .iter()
            .zip(&keys)
            .map(|((name, one), key)| (*name, key.as_str(), one.url.as_str()))
            .collect();
        self.name(&named, need);
    }

    /// Appends an entry.
    pub(crate) fn append(&self, name: &str) -> Output {
        self.stage.run(adding(name))
    }

    /// The newest checkpoint as it is shown, and how many signed it.
    fn checkpoint(&self) -> (SignedNote, usize) {
        let shown = self.stage.run(["ledger", "checkpoint"]);
        let note = SignedNote::parse(shown.ok().as_bytes()).unwrap();
        let count = note.signatures().len();
        (note, count)
    }
}

fn adding(name: &str) -> [String; 6] {
    let email = format!("{name}@shop.example");
    ["roster", "add", name, "--email", &email, "-y"].map(str::to_owned)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    Output::of(Command::new("cp").arg("-r").args([from, to])).ok();
}

/// Three witnesses, two wanted: what they cosigned is in checkpoints, proofs, mirrors and every
/// verdict, and an append is cosigned without being asked for.
#[test]
fn cosignatures_are_gathered_and_shown() {
    let ledger = Witnessed::new("gathered");
    let stage = &ledger.stage;
    let running = ["north", "south", "west"].map(|name| ledger.start(name, "127.0.0.1:0"));
    let [north, south, west] = &running;
    ledger.name_running(&[("north", north), ("south", south), ("west", west)], 2);
    let before = stage.run(["gate", "-n"]);
    assert!(before.out.contains("witnessed 0 of 3; operator trusted for"), "{}", before.out);
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    let note = SignedNote::parse(gathered.ok().as_bytes()).unwrap();
    assert_eq!(note.signatures().len(), 4, "{note}");
    for (name, one) in ["north", "south", "west"].iter().zip(&running) {
        assert!(one.key.find(&note).unwrap().is_some());
        assert!(gathered.talk.contains(&format!("{name}: cosigned")), "{}", gathered.talk);
    }
    for command in [vec!["gate", "-n"], vec!["check"], vec!["status"], vec!["audit"]] {
        let found = stage.run(&command);
        assert!(found.out.contains("witnessed 3 of 3, newest "), "{command:?}: {}", found.out);
        assert!(!found.out.contains("operator trusted"), "{command:?}: {}", found.out);
    }
    let json = stage.run(["check", "--json"]).json();
    let size = json["size"].clone();
    assert_eq!(json["witnesses"]["known"], 3);
    assert_eq!((&json["witnesses"]["is_met"], &json["witnesses"]["size"]), (&true.into(), &size));
    // What an append brings is cosigned when it has answered.
    ledger.append("Fay").ok();
    let (note, count) = ledger.checkpoint();
    assert_eq!(count, 4, "{note}");
    assert!(note.text().contains(&format!("\n{}\n", size.as_u64().unwrap() + 1)));
    stage.run(["ledger", "prove", "2", "-o", "entry.tlog-proof"]).ok();
    let verified = stage.run(["verify", "entry.tlog-proof"]);
    assert!(verified.ok().contains("rests on    witnessed 3 of 3"), "{}", verified.out);
    stage.run(["ledger", "mirror", "--to", "mirror"]).ok();
    let mirrored = fs::read(stage.repository().join("mirror/checkpoint")).unwrap();
    assert_eq!(SignedNote::parse(&mirrored).unwrap(), note);
    // One is away: two are enough, and the third is told.
    let url = west.url.clone();
    let [_north, _south, west] = running;
    drop(west);
    ledger.append("Gil").ok();
    assert_eq!(ledger.checkpoint().1, 3);
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    gathered.ok();
    assert!(gathered.talk.contains("west: "), "{}", gathered.talk);
    // Back again, it is told what came since.
    let _west = ledger.start("west", url.trim_start_matches("http://"));
    stage.run(["ledger", "checkpoint", "--witness"]).ok();
    assert_eq!(ledger.checkpoint().1, 4);
}

/// `spec/witness.md` section 5: a witness that accepts and never answers delays no append and
/// holds no lock; it is left alone afterwards; and what is shown is what enough witnesses saw.
#[test]
fn a_witness_that_never_answers_delays_nobody() {
    let ledger = Witnessed::new("slow");
    let stage = &ledger.stage;
    let north = ledger.start("north", "127.0.0.1:0");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let other = crate::support::cosigner(1).key().to_string();
    let key = north.key.to_string();
    ledger.name(&[("north", &key, &north.url), ("slow", &other, &url)], 2);
    let (accepted, asked) = mpsc::channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept() {
            held.push(stream);
            if accepted.send(()).is_err() {
                break;
            }
        }
    });
    let size = stage.run(["check", "--json"]).json()["size"].as_u64().unwrap();
    let mut command = stage.command(adding("Fay"));
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It asks the silent one only when it has answered, and let go of the ledger.
    asked.recv().unwrap();
    let mut said = String::new();
    BufReader::new(first.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("entry"), "{said}");
    let meanwhile = ledger.append("Gil");
    assert!(meanwhile.ok().contains("entry"), "{}", meanwhile.out);
    assert!(first.wait().unwrap().success());
    let sent = asked.try_iter().count();
    // Left alone: nobody asks it again for a while.
    ledger.append("Hal").ok();
    assert_eq!(asked.try_iter().count(), 0, "it was asked again after {sent}");
    assert_eq!(ledger.checkpoint().1, 2, "north alone");
    // Whoever asks for it by name waits as long as was said, and is told.
    let verdict = stage.run(["gate", "-n"]);
    let text = verdict.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("witnessed 1 of 2, newest "), "{text}");
    assert!(text.contains("fewer than wanted; operator trusted for completeness"), "{text}");
    let size_now = stage.run(["check", "--json"]).json()["size"].as_u64().unwrap();
    assert_eq!(size_now, size + 3);
}

/// Nobody is there: what is missing is said, with exit status 4, and the checkpoint is shown.
#[test]
fn too_few_witnesses_are_no_answer() {
    let ledger = Witnessed::new("away");
    let stage = &ledger.stage;
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    gathered.refused(2, "no witness of this ledger has an address here");
    let north = ledger.start("north", "127.0.0.1:0");
    ledger.name_running(&[("north", &north)], 1);
    let url = north.url.clone();
    drop(north);
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    gathered.refused(4, "fewer witnesses than the trust root wants");
    assert_eq!(SignedNote::parse(gathered.out.as_bytes()).unwrap().signatures().len(), 1);
    // Another key answers at its address: nothing of it is kept.
    let other = Running::start_at(
        &ledger.folder("other"),
        "witness.example/other",
        &[stage.root().join("plain.toml").to_str().unwrap()],
        url.trim_start_matches("http://"),
    );
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    gathered.refused(4, "fewer witnesses than the trust root wants");
    assert!(gathered.talk.contains("did not sign with the key"), "{}", gathered.talk);
    assert_eq!(ledger.checkpoint().1, 1);
    drop(other);
}

/// ATTACKS 34: the operator shows one history to a witness and another to everybody else. The
/// witness cosigns one, whoever gathers is shown both checkpoints, and nothing opens the ledger.
#[test]
fn attack_34_a_fork_that_a_witness_saw_is_proved_to_whoever_gathers() {
    let ledger = Witnessed::new("forked");
    let stage = &ledger.stage;
    let north = ledger.start("north", "127.0.0.1:0");
    let settings = stage.home().join(".config/countersign/config.toml");
    let alone = fs::read_to_string(&settings).unwrap();
    ledger.name_running(&[("north", &north)], 1);
    let witnessed = fs::read_to_string(&settings).unwrap();
    stage.run(["ledger", "checkpoint", "--witness"]).ok();
    let (folder, kept) = (stage.ledger(), stage.root().join("kept"));
    copy(&folder, &kept);
    ledger.append("Fay").ok();
    ledger.append("Gil").ok();
    assert_eq!(ledger.checkpoint().1, 2);
    // The same ledger again, from before, and whoever looks has seen nothing yet.
    copy(&kept, &folder);
    fs::remove_dir_all(stage.home().join(".local/state/countersign")).unwrap();
    fs::remove_dir_all(folder.join("cosignatures")).unwrap();
    let hal = ledger.append("Hal");
    hal.ok();
    assert!(hal.talk.contains("north has another tree of this ledger"), "{}", hal.talk);
    stage.run(["status"]).refused(3, "was set back, or is an older copy: north cosigned");
    // Who hides from the witness until the other history is the longer one is found out by it.
    fs::write(&settings, alone).unwrap();
    fs::remove_dir_all(folder.join("cosignatures")).unwrap();
    ledger.append("Ida").ok();
    ledger.append("Jo").ok();
    fs::write(&settings, witnessed).unwrap();
    let gathered = stage.run(["ledger", "checkpoint", "--witness"]);
    gathered.refused(3, "has another history than the");
    assert_eq!(gathered.talk.matches("    localhost/shop\n").count(), 2, "{}", gathered.talk);
    assert_eq!(gathered.talk.matches("    \u{2014} localhost/shop ").count(), 2);
    // Nothing is answered on it any more.
    for command in [vec!["gate", "-n"], vec!["status"], vec!["audit"]] {
        stage.run(&command).refused(3, "has another history");
    }
    let forks = stage.home().join(".local/state/countersign/forks");
    let file = fs::read_dir(forks).unwrap().next().unwrap().unwrap().path();
    let file = file.to_str().unwrap();
    let verified = stage.run(["verify", file, "--trust", ledger.trust.to_str().unwrap()]);
    let text = verified.expect_status(3);
    assert!(text.starts_with("TAMPERED  "), "{text}");
    let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the ledger has two histories"), "{text}");
    assert_eq!(text.matches("    localhost/shop\n").count(), 2, "{text}");
    // Of one size the witness itself has the evidence, and it verifies like any other.
    let own: Vec<_> = fs::read_dir(ledger.folder("north").join("forks")).unwrap().collect();
    for one in own {
        stage.run(["verify", one.unwrap().path().to_str().unwrap()]).expect_status(3);
    }
}

/// ATTACKS 34: who has seen one history and is shown another has both signed checkpoints.
#[test]
fn attack_34_what_a_user_has_seen_is_evidence() {
    let ledger = Witnessed::new("seen");
    let stage = &ledger.stage;
    let (folder, kept) = (stage.ledger(), stage.root().join("kept"));
    copy(&folder, &kept);
    ledger.append("Fay").ok();
    let remembered = stage.home().join(".local/state");
    let seen = stage.root().join("seen");
    copy(&remembered, &seen);
    // Another history, longer, on the machine of somebody who had seen nothing.
    copy(&kept, &folder);
    fs::remove_dir_all(&remembered).unwrap();
    ledger.append("Gil").ok();
    ledger.append("Hal").ok();
    stage.run(["ledger", "checkpoint", "-o", "other.txt"]).ok();
    copy(&seen, &remembered);
    let refused = stage.run(["status"]);
    refused.refused(3, "were seen here before");
    assert_eq!(refused.talk.matches("    \u{2014} localhost/shop ").count(), 2, "{}", refused.talk);
    // The same where only checkpoints are at hand.
    copy(&kept, &folder);
    fs::remove_dir_all(&remembered).unwrap();
    ledger.append("Ida").ok();
    stage.run(["ledger", "checkpoint", "-o", "one.txt"]).ok();
    copy(&kept, &folder);
    fs::remove_dir_all(&remembered).unwrap();
    ledger.append("Jo").ok();
    stage.run(["ledger", "checkpoint", "-o", "two.txt"]).ok();
    let both = stage.run(["verify", "one.txt", "two.txt", "-o", "both.fork"]);
    let told = both.expect_status(3).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the ledger has two histories"), "{}", both.out);
    stage.run(["verify", "both.fork"]).expect_status(3);
    let json = stage.run(["verify", "both.fork", "--json"]).json();
    let fork = json["files"][0]["fork"].as_str().unwrap();
    assert_eq!(fork, fs::read_to_string(stage.repository().join("both.fork")).unwrap());
}

/// One that never answers is waited for as long as was said, and no longer; one that answers has
/// cosigned.
#[test]
fn a_witness_is_waited_for_so_long() {
    let ledger = Witnessed::new("waits");
    let north = ledger.start("north", "127.0.0.1:0");
    ledger.name_running(&[("north", &north)], 1);
    let key = ledger.stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let trust = TrustRoot::parse(&fs::read(&ledger.trust).unwrap()).unwrap();
    let session = Session::open(&Opening {
        folder: &ledger.stage.ledger(),
        trust: &trust,
        ledger_key: &LedgerKeyFile::new(key),
        command: "test",
        seen: None,
    })
    .unwrap();
    let ask = |url: &str, milliseconds: u64| {
        let address = WitnessAddress { submission: url.to_owned(), monitoring: url.to_owned() };
        let addresses = BTreeMap::from([("north".parse().unwrap(), address)]);
        let now = Timestamp::from_milliseconds(0);
        let gathering = Gathering::prepare(&session, &trust, &addresses, Whom::Everybody, now);
        let gathering = gathering.unwrap().unwrap();
        let outcomes = gathering.ask(Duration::from_millis(milliseconds), now).unwrap();
        outcomes.into_iter().map(|(_, outcome)| outcome).next().unwrap()
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let outcome = ask(&url, WITNESS_WAIT_AFTER_MILLISECONDS);
    assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("no answer within")));
    assert_eq!(ask(&north.url, WITNESS_WAIT_MILLISECONDS), Outcome::Cosigned);
}
