//! Whole processes beside `git status`, on a small and on a large ledger, in one run:
//!
//!     cargo bench --bench whole_process [-- ENTRIES] [keep]
//!
//! Prints the median, and the ratio to the median of `git status` in the same repository. The
//! repository is a clone of the one that this stands in; the ledgers are real, in sled.

#![allow(clippy::unwrap_used, reason = "a measurement that fails stops")]
#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "measures, and writes what it measures with")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use countersign::base::digest::ContentDigest;
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::session::{LedgerKeyFile, Opening, Session, random, sign};
use countersign::signer::file;
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};
use countersign::store::sled::SledStore;
use countersign::verify::trust::TrustRoot;

const RUNS: usize = 21;
const BATCH: usize = 1_000;

struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("countersign-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join("home/.ssh")).unwrap();
        Self { folder }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.repository())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn repository(&self) -> PathBuf {
        let repository = self.folder.join("shop");
        if repository.exists() { repository } else { self.folder.clone() }
    }

    /// Runs a command that must end as expected.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Median of whole processes, from fork to exit, after one that is not counted.
    fn time(&self, program: &str, arguments: &[&str]) -> Duration {
        let mut times: Vec<Duration> = (0..=RUNS)
            .map(|_| {
                let mut command = self.command(program, arguments);
                let begun = Instant::now();
                let output = command.output().unwrap();
                let taken = begun.elapsed();
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.code().is_some_and(|code| code < 2), "{arguments:?}: {text}");
                taken
            })
            .skip(1)
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn home(&self, path: &str) -> PathBuf {
        self.folder.join("home").join(path)
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

/// A repository with one change to review, a ledger with two people, and `entries` entries.
fn prepare(name: &str, entries: usize) -> Place {
    let place = Place::new(name);
    for key in [".ssh/id_ed25519", "ben"] {
        let path = place.home(key);
        let path = path.to_str().unwrap();
        place.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", path]);
    }
    place.run("git", &["config", "--global", "user.name", "Ada Ruiz"]);
    place.run("git", &["config", "--global", "user.email", "ada@example.com"]);
    place.run("git", &["clone", "-q", env!("CARGO_MANIFEST_DIR"), "shop"]);
    place.run(PROGRAM, &["init", "-y", "--origin", "bench.example/ledger"]);
    let ben = place.home("ben.pub");
    let ben = ben.to_str().unwrap();
    place.run(
        PROGRAM,
        &["roster", "add", "Ben", "--email", "b@x.example", "--public-key", ben, "-y"],
    );
    place.run("git", &["commit", "-q", "--allow-empty", "-m", "start"]);
    std::fs::write(place.repository().join("README.md"), "changed\n").unwrap();
    place.run("git", &["commit", "-q", "-a", "-m", "one change"]);
    fill(&place, entries);
    place
}

/// Approvals of made-up changes by Ben, each signed and admitted.
fn fill(place: &Place, entries: usize) {
    let trust = place.home(".config/countersign/trust/bench.example_ledger.toml");
    let trust = TrustRoot::parse(&std::fs::read(trust).unwrap()).unwrap();
    let key = place.home(".config/countersign/keys/bench.example_ledger.ledger");
    let folder = place.home(".local/share/countersign/bench.example_ledger");
    let ledger_key = LedgerKeyFile::new(key);
    let opening = Opening {
        folder: &folder,
        trust: &trust,
        ledger_key: &ledger_key,
        command: "bench",
        seen: None,
    };
    let mut session = Session::open(&opening).unwrap();
    let ben = file::load(&place.home("ben"), &mut |_| None).unwrap();
    let fingerprint = countersign::key::Signer::public_key(&ben).fingerprint();
    let by = session.view().roster().key(&fingerprint).unwrap();
    let by = by.owner(session.size()).unwrap().clone();
    while session.size().get() < entries as u64 {
        let count = BATCH.min(entries - usize::try_from(session.size().get()).unwrap());
        let envelopes: Vec<_> =
            (0..count).map(|_| sign(&session.statement(&by, approval()), &ben).unwrap()).collect();
        let now = session.entry(EntryIndex::new(0)).unwrap().time();
        let now = Timestamp::from_milliseconds(now.milliseconds() + 1);
        for receipt in session.append(now, &envelopes).unwrap() {
            receipt.unwrap();
        }
    }
}

fn approval() -> Says {
    Says::Approval(Approval {
        verdict: ApprovalVerdict::Approve,
        subject_type: SubjectType::Change,
        rows: vec![ApprovalRow {
            hash: ContentDigest::from_bytes(random()),
            repository: Some("shop".parse().unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            service: None,
            base: None,
            head: Some("0".repeat(40).parse().unwrap()),
            assistance_seen: Some(Assistance::Generated),
            shown: Shown::Diff,
            supersedes: None,
        }],
        withdraws: None,
        comment: None,
        checklist: Vec::new(),
    })
}

/// What sled's own open costs, lock and all, in this process.
fn open_store(place: &Place) -> Duration {
    let folder = place.home(".local/share/countersign/bench.example_ledger");
    let mut times: Vec<Duration> = (0..5).map(|_| open_once(&folder)).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn open_once(folder: &Path) -> Duration {
    let begun = Instant::now();
    let store = SledStore::open(folder, "bench", Duration::from_secs(10)).unwrap();
    let taken = begun.elapsed();
    drop(store);
    taken
}

fn main() {
    let large = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(100_000);
    println!("{:<10} {:<34} {:>9} {:>12}", "entries", "whole process, median", "ms", "git status");
    for entries in [100, large] {
        let place = prepare(&entries.to_string(), entries);
        let git = place.time("git", &["status"]);
        let hash = place.run(PROGRAM, &["hash", "HEAD^!"]);
        let hash = hash.lines().next().unwrap();
        let ben = place.home("ben");
        let ben = ben.to_str().unwrap();
        let approve = ["approve", "HEAD^!", "--expect", hash, "--key", ben];
        let rows: [(&str, Duration); 7] = [
            ("git status", git),
            ("countersign --version", place.time(PROGRAM, &["--version"])),
            ("countersign hash HEAD^!", place.time(PROGRAM, &["hash", "HEAD^!"])),
            ("countersign approve", place.time(PROGRAM, &approve)),
            ("countersign gate -n", place.time(PROGRAM, &["gate", "-n"])),
            ("countersign status", place.time(PROGRAM, &["status", "HEAD^!"])),
            ("(sled's open alone, in process)", open_store(&place)),
        ];
        for (what, time) in rows {
            let ratio = time.as_secs_f64() / git.as_secs_f64();
            let milliseconds = time.as_secs_f64() * 1_000.0;
            println!("{entries:<10} {what:<34} {milliseconds:>9.1} {ratio:>11.1}x");
        }
        if std::env::args().any(|text| text == "keep") {
            println!("{entries:<10} kept in {}", place.folder.display());
        } else {
            std::fs::remove_dir_all(&place.folder).unwrap();
        }
    }
}
