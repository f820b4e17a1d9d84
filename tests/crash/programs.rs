//! The program itself is killed with SIGKILL at random moments, several of its processes at once:
//! people approve, a pipeline records, a job hands in what was signed elsewhere.
//!
//!     COUNTERSIGN_KILLS=500 cargo test --release --test crash -- --ignored --nocapture \
//!         many_processes_of_the_program

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use countersign::base::digest::{ContentDigest, sha256};
use countersign::base::position::EntryIndex;
use countersign::session::{LedgerKeyFile, Opening, Session};
use countersign::statement::Says;
use countersign::verify::trust::TrustRoot;

use crate::common::Stage;
use crate::place::Random;

/// Statements that were signed ahead, to be handed in.
const SIGNED: usize = 12;

/// What a process is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    /// Cleo signs off this plan, which nobody else does.
    Approve(ContentDigest),
    /// What ben signed ahead, in a file.
    Submit(ContentDigest, PathBuf),
    /// The gate says that something was deployed.
    Record,
}

/// What somebody holds a whole answer for: at this position stands this sign-off, or a deployment.
type Acknowledged = BTreeMap<u64, Option<ContentDigest>>;

/// What a campaign saw.
#[derive(Debug, Default)]
struct Counts {
    processes: usize,
    kills: usize,
    /// Whole answers: of processes that ended, and of killed ones.
    acknowledged: usize,
    of_killed: usize,
    /// Entries that are there though nobody was told.
    untold: usize,
}

struct Campaign {
    stage: Stage,
    acknowledged: Acknowledged,
    counts: Counts,
    next_plan: usize,
    signed: Vec<Job>,
}

fn plan(number: usize) -> ContentDigest {
    ContentDigest::from_bytes(sha256(&[b"plan", &number.to_be_bytes()]))
}

impl Campaign {
    fn begin(name: &str) -> Self {
        let stage = Stage::begun(name);
        let signed = (0..SIGNED).map(|number| {
            let (plan, file) = (plan(1_000_000 + number), format!("signed-{number}.json"));
            let file = stage.root().join(file);
            let artifact = format!("sha256:{plan}");
            let arguments = ["approve", "--artifact", &artifact, "-y", "-o"];
            let mut command = stage.as_user("ben").command(arguments);
            crate::common::Output::of(command.arg(&file)).ok();
            Job::Submit(plan, file)
        });
        let signed = signed.collect();
        let (acknowledged, counts) = (BTreeMap::new(), Counts::default());
        Self { stage, acknowledged, counts, next_plan: 0, signed }
    }

    fn job(&mut self, random: &mut Random) -> Job {
        match random.below(5) {
            0 => Job::Record,
            // Again and again: it keeps one position.
            1 | 2 => self.signed[random.below(SIGNED)].clone(),
            _ => {
                self.next_plan += 1;
                Job::Approve(plan(self.next_plan))
            }
        }
    }

    fn start(&self, job: &Job) -> Child {
        let mut command: Command = match job {
            Job::Approve(plan) => {
                let artifact = format!("sha256:{plan}");
                self.stage.as_user("cleo").command([
                    "approve",
                    "--artifact",
                    &artifact,
                    "-y",
                    "--json",
                ])
            }
            Job::Submit(_, file) => {
                self.stage.command(["submit".as_ref(), file.as_os_str(), "--json".as_ref()])
            }
            Job::Record => self.stage.command(["record", "deployment", "--json"]),
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Takes up what a process has answered; only a whole answer says anything.
    fn end(&mut self, job: &Job, mut child: Child, is_killed: bool) {
        let (mut out, mut talk) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
        let status = child.wait().unwrap();
        let is_done = status.code() == Some(0);
        assert!(is_done || (is_killed && status.signal() == Some(9)), "{job:?}: {status} {talk}");
        let answer = serde_json::from_str::<serde_json::Value>(&out);
        assert!(answer.is_ok() || !is_done, "{out}");
        let Ok(answer) = answer else { return };
        let row = if answer.is_array() { &answer[0] } else { &answer };
        let entry = row["entry"].as_u64().unwrap();
        let said = match job {
            Job::Approve(plan) | Job::Submit(plan, _) => Some(*plan),
            Job::Record => None,
        };
        let earlier = self.acknowledged.insert(entry, said);
        let is_again = matches!(job, Job::Submit(..)) && earlier == Some(said);
        assert!(earlier.is_none() || is_again, "entry {entry} was acknowledged twice: {job:?}");
        self.counts.acknowledged += 1;
        self.counts.of_killed += usize::from(!is_done);
    }

    /// Some processes at once, of which one or more are killed.
    fn round(&mut self, random: &mut Random) {
        let jobs: Vec<_> = (0..=random.below(3)).map(|_| self.job(random)).collect();
        let mut running: Vec<_> = jobs.into_iter().map(|job| (self.start(&job), job)).collect();
        self.counts.processes += running.len();
        for _ in 0..=random.below(running.len()) {
            sleep(Duration::from_millis(random.below(120) as u64));
            let (mut child, job) = running.swap_remove(random.below(running.len()));
            // One that has ended meanwhile was not killed.
            let is_killed = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            self.counts.kills += usize::from(is_killed);
            self.end(&job, child, true);
        }
        for (child, job) in running {
            self.end(&job, child, false);
        }
    }

    fn session(&self) -> Session {
        let settings = self.stage.home().join(".config/countersign");
        let trust = std::fs::read(settings.join("trust/localhost_shop.toml")).unwrap();
        Session::open(&Opening {
            folder: &self.stage.ledger(),
            trust: &TrustRoot::parse(&trust).unwrap(),
            ledger_key: &LedgerKeyFile::new(settings.join("keys/localhost_shop.ledger")),
            command: "test",
            seen: None,
        })
        .unwrap()
    }

    /// What each entry says, as far as this campaign has said it.
    fn said(&self) -> BTreeMap<u64, Option<ContentDigest>> {
        let session = self.session();
        let mut found = BTreeMap::new();
        for index in 0..session.size().get() {
            let entry = session.entry(EntryIndex::new(index)).unwrap();
            match &entry.statement().says {
                Says::Approval(approval) => found.insert(index, Some(approval.rows[0].hash)),
                Says::Deployment(_) => found.insert(index, None),
                _ => None,
            };
        }
        found
    }

    /// Everything that was acknowledged is there, everything at most once, all of it whole.
    fn judge(&mut self) {
        let said = self.said();
        for (entry, expected) in &self.acknowledged {
            let found = said.get(entry);
            assert_eq!(found, Some(expected), "entry {entry} was acknowledged and is another");
        }
        let plans: Vec<_> = said.values().flatten().collect();
        assert_eq!(plans.iter().collect::<BTreeSet<_>>().len(), plans.len(), "one is there twice");
        self.counts.untold = said.len() - self.acknowledged.len();
        self.stage.run(["ledger", "check"]).ok();
    }
}

fn is_left(folder: &Path) -> bool {
    let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_string_lossy().starts_with('.'))
}

fn run(name: &str, kills: usize, seed: u64) {
    println!("seed {seed}");
    let mut campaign = Campaign::begin(name);
    let mut random = Random(seed);
    let mut rounds = 0_usize;
    while campaign.counts.kills < kills {
        campaign.round(&mut random);
        rounds += 1;
        if rounds.is_multiple_of(10) {
            campaign.judge();
        }
    }
    // Whoever got no answer tries again, and gets that of the one position.
    for job in campaign.signed.clone() {
        let child = campaign.start(&job);
        campaign.end(&job, child, false);
    }
    campaign.judge();
    assert!(!is_left(&campaign.stage.ledger()), "temporary files were left");
    println!("programs: lost 0, {:?}", campaign.counts);
    assert!(campaign.counts.acknowledged > SIGNED, "{:?}", campaign.counts);
}

#[test]
fn some_processes_of_the_program_are_killed() {
    run("programs", 30, 30);
}

#[test]
#[ignore = "takes minutes"]
fn many_processes_of_the_program_are_killed() {
    let kills = std::env::var("COUNTERSIGN_KILLS").ok().and_then(|text| text.parse().ok());
    run("many-programs", kills.unwrap_or(500), 500);
}
