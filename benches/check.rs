//! What a pipeline waits for, as whole processes:
//!
//!     cargo bench --bench check [-- keep]
//!
//! 1. `check` of a pull request of 30 commits in a repository of 10,000, beside `git diff --stat`
//!    of the same range: the goal is five times that.
//! 2. `gate -n` over 1,000 steps with 200 open sign-offs, in a repository of 11,000 commits: the
//!    goal is two seconds on two cores. Half of the sign-offs are of steps, half of runs of two
//!    steps that somebody else's commit parts, so that they fit nothing.

#![allow(clippy::unwrap_used, reason = "a measurement that fails stops")]
#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "measures, and writes what it measures with")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::change::Document;
use countersign::git::Repository;
use countersign::session::{LedgerKeyFile, Opening, Session, sign};
use countersign::signer::file;
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};
use countersign::verify::trust::TrustRoot;

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
const RUNS: usize = 15;
const COMMITS: usize = 10_000;
const PULL_COMMITS: usize = 30;
const STEPS: usize = 1_000;
const SIGN_OFFS: usize = 200;

struct Place {
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        let name = format!("countersign-bench-check-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("home/.ssh")).unwrap();
        std::fs::create_dir_all(folder.join("shop")).unwrap();
        Self { folder }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.join("shop"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Median of whole processes, after one that is not counted.
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

    fn session<T>(&self, work: impl FnOnce(Session) -> T) -> T {
        let trust = self.home(".config/countersign/trust/bench.example_shop.toml");
        let trust = TrustRoot::parse(&std::fs::read(trust).unwrap()).unwrap();
        let key = self.home(".config/countersign/keys/bench.example_shop.ledger");
        let opening = Opening {
            folder: &self.home(".local/share/countersign/bench.example_shop"),
            trust: &trust,
            ledger_key: &LedgerKeyFile::new(key),
            command: "bench",
            seen: None,
        };
        work(Session::open(&opening).unwrap())
    }
}

/// Commits of one file each, in 100 folders of 50 files, on top of what the branch has.
fn commits(stream: &mut String, branch: &str, from: Option<&str>, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        // Half an hour apart.
        let time = 1_600_000_000 + 1_800 * number;
        write!(
            stream,
            "commit refs/heads/{branch}\ncommitter Cy <cy@example.com> {time} +0000\n\
             data 4\nstep\n"
        )
        .unwrap();
        if let Some(from) = from.filter(|_| number == numbers.start) {
            writeln!(stream, "from {from}").unwrap();
        }
        let (folder, file) = (number % 100, number / 100 % 50);
        let content = format!("{number}\n").repeat(40);
        let length = content.len();
        write!(stream, "M 100644 inline d{folder}/f{file}\ndata {length}\n{content}\n").unwrap();
    }
}

fn import(place: &Place, stream: &str) {
    let file = place.folder.join("stream");
    std::fs::write(&file, stream).unwrap();
    let script = format!("git fast-import --quiet < {}", file.display());
    place.run("sh", &["-c", &script]);
}

fn prepare() -> Place {
    let place = Place::new();
    for key in [".ssh/id_ed25519", "ben"] {
        let path = place.home(key);
        place.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()]);
    }
    place.run("git", &["config", "--global", "user.name", "Ada Ruiz"]);
    place.run("git", &["config", "--global", "user.email", "ada@example.com"]);
    place.run("git", &["init", "-q", "-b", "main"]);
    let mut stream = String::new();
    commits(&mut stream, "main", None, 0..COMMITS);
    import(&place, &stream);
    stream.clear();
    commits(&mut stream, "pull", Some("refs/heads/main^0"), COMMITS..COMMITS + PULL_COMMITS);
    import(&place, &stream);
    place.run("git", &["reset", "-q", "--hard"]);
    place.run("git", &["repack", "-q", "-a", "-d"]);
    place.run(PROGRAM, &["init", "-y", "--origin", "bench.example/shop"]);
    let ben = place.home("ben.pub");
    let added = ["roster", "add", "Ben", "--email", "b@x.example", "--public-key"];
    place.run(PROGRAM, &[&added[..], &[ben.to_str().unwrap(), "-y"]].concat());
    place
}

/// Sign-offs of every tenth step, and of as many runs that are no runs of the chain.
fn sign_some(place: &Place) {
    let repository = Repository::open(&place.folder.join("shop")).unwrap();
    let listed = place.run("git", &["rev-list", "--reverse", &format!("-{STEPS}"), "main"]);
    let commits: Vec<_> = listed.lines().map(|line| line.parse().unwrap()).collect();
    let steps = repository.steps(&commits).unwrap();
    let mut changes: Vec<ChangeHash> = Vec::new();
    for at in (0..STEPS - 2).step_by(2 * STEPS / SIGN_OFFS) {
        let (one, other) = (&steps[at].document, &steps[at + 2].document);
        changes.push(one.hash());
        changes.push(Document::compose(&[one, other]).unwrap().hash());
    }
    assert_eq!(changes.len(), SIGN_OFFS);
    let ben = file::load(&place.home("ben"), &mut |_| None).unwrap();
    place.session(|mut session| {
        let fingerprint = countersign::key::Signer::public_key(&ben).fingerprint();
        let by = session.view().roster().key(&fingerprint).unwrap();
        let by = by.owner(session.size()).unwrap().clone();
        let of = |change: &ChangeHash| sign(&session.statement(&by, approval(*change)), &ben);
        let envelopes: Vec<_> = changes.iter().map(|change| of(change).unwrap()).collect();
        let now = session.entry(EntryIndex::new(0)).unwrap().time();
        let now = Timestamp::from_milliseconds(now.milliseconds() + 1);
        for receipt in session.append(now, &envelopes).unwrap() {
            receipt.unwrap();
        }
    });
}

fn approval(change: ChangeHash) -> Says {
    Says::Approval(Approval {
        verdict: ApprovalVerdict::Approve,
        subject_type: SubjectType::Change,
        rows: vec![ApprovalRow {
            hash: ContentDigest::from_bytes(*change.as_bytes()),
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

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn main() {
    let place = prepare();
    let git = place.time("git", &["diff", "--stat", "main...pull"]);
    println!("git diff --stat, {PULL_COMMITS} commits of {COMMITS}:  {:.1} ms", milliseconds(git));
    for arguments in
        [&["check", "main..pull"][..], &["check", "--merge-group", "main..pull"], &["--version"]]
    {
        let time = place.time(PROGRAM, arguments);
        let ratio = time.as_secs_f64() / git.as_secs_f64();
        let what = arguments.join(" ");
        println!("countersign {what}:  {:.1} ms, {ratio:.1}x", milliseconds(time));
    }
    let mut stream = String::new();
    commits(&mut stream, "main", Some("refs/heads/main^0"), COMMITS..COMMITS + STEPS);
    import(&place, &stream);
    sign_some(&place);
    let time = place.time(PROGRAM, &["gate", "-n", "--revision", "main"]);
    println!(
        "countersign gate -n, {STEPS} steps, {SIGN_OFFS} open sign-offs:  {:.0} ms",
        milliseconds(time)
    );
    if std::env::args().any(|text| text == "keep") {
        println!("kept in {}", place.folder.display());
    } else {
        std::fs::remove_dir_all(&place.folder).unwrap();
    }
}
