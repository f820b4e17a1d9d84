//! A bundle of ten changes, verified as a whole process beside `ssh-keygen -Y verify` of one
//! signature, in one run:
//!
//!     cargo bench --bench bundle
//!
//! Prints medians, their ratio, the most memory that either held, and how large the bundle is on
//! ledgers of other sizes. The goals: a ratio below 1, 16 MiB, and growth with the logarithm.

#![allow(clippy::unwrap_used, reason = "a measurement that fails stops")]
#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "measures, and writes what it measures with")]

#[path = "../tests/common/library.rs"]
mod library;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use countersign::base::digest::ContentDigest;
use countersign::session::sign;
use countersign::statement::Says;
use countersign::statement::words::{Duty, MemberKind};
use library::{Beginnings, Person, Stage, gate, id, key, now};

const RUNS: usize = 41;
const CHANGES: usize = 10;
const BATCH: usize = 500;

/// Median of whole processes, after one that is not counted.
fn time(make: impl Fn() -> Command) -> Duration {
    let mut times: Vec<Duration> = (0..=RUNS)
        .map(|_| {
            let mut command = make();
            let begun = Instant::now();
            let output = command.output().unwrap();
            let taken = begun.elapsed();
            assert!(output.status.success(), "{output:?}");
            taken
        })
        .skip(1)
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory that a process held, in KiB; none without Python, which asks the system.
fn memory(command: &Command) -> Option<u64> {
    const SCRIPT: &str = "import resource,subprocess,sys\n\
        subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stdin=sys.stdin,check=True)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        python.current_dir(folder);
    }
    let output = python.output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn prepare() -> Stage {
    let human = |id, level| Person {
        id,
        called: None,
        kind: MemberKind::Human,
        level: Some(level),
        duties: vec![Duty::Review],
    };
    let policy = library::policy("enforce", "");
    let people = vec![human("ada", "senior"), human("ben", "mid"), gate()];
    let stage =
        Stage::begin("bench", &Beginnings { people, policy: Some(policy), has_baseline: true });
    for change in 0..CHANGES {
        let tip = stage.commit(&format!("src/{change}"), &"a line\n".repeat(50));
        stage.approve("ada", &tip);
    }
    stage
}

/// So many more entries that are about something else.
fn grow(stage: &Stage, size: u64) {
    let mut session = stage.session();
    let ada = key(&stage.root, "ada");
    let tip = library::head(&stage.repository());
    let Says::Approval(says) = stage.approval(&tip) else { unreachable!("an approval") };
    while session.size().get() < size {
        let count = usize::try_from(size - session.size().get()).unwrap().min(BATCH);
        let envelopes: Vec<_> = (0..count)
            .map(|number| {
                let mut says = says.clone();
                let text = format!("{} {number}", session.size());
                says.rows[0].hash = ContentDigest::of(text.as_bytes());
                sign(&session.statement(&id("ada"), Says::Approval(says)), &ada).unwrap()
            })
            .collect();
        session.append(now(), &envelopes).unwrap().into_iter().for_each(|one| drop(one.unwrap()));
    }
}

fn ssh_verify(folder: &Path) -> impl Fn() -> Command + '_ {
    let run = |arguments: &[&str]| {
        let output = Command::new("ssh-keygen").args(arguments).current_dir(folder).output();
        assert!(output.unwrap().status.success(), "{arguments:?}");
    };
    run(&["-q", "-t", "ed25519", "-N", "", "-f", "signer"]);
    std::fs::write(folder.join("message"), "a message\n").unwrap();
    run(&["-Y", "sign", "-f", "signer", "-n", "file", "message"]);
    let public = std::fs::read_to_string(folder.join("signer.pub")).unwrap();
    std::fs::write(folder.join("allowed"), format!("ada {public}")).unwrap();
    move || {
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "file"]);
        command.args(["-s", "message.sig"]).current_dir(folder);
        command.stdin(std::fs::File::open(folder.join("message")).unwrap());
        command
    }
}

fn main() {
    let stage = prepare();
    let file = |name: &str| stage.root.join(name).display().to_string();
    let elsewhere = stage.root.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let said = stage.run(&["gate", "-o", &file("ten.bundle")]);
    assert_eq!(said.status, 0, "{said:?}");
    let verify = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["verify", &file("ten.bundle"), "--trust", &file("trust.toml")]);
        command.current_dir(&elsewhere).env_clear().env("HOME", &elsewhere);
        command
    };
    let ssh = ssh_verify(&stage.root);
    let nothing = time(|| Command::new("true"));
    let (ours, theirs) = (time(verify), time(&ssh));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("true                          {nothing:?}");
    println!("verify, {CHANGES} changes, compact   {ours:?}");
    println!("ssh-keygen -Y verify, one     {theirs:?}");
    println!("ratio                         {ratio:.2}");
    let told = |kib: Option<u64>| kib.map_or("unknown".to_owned(), |kib| format!("{kib} KiB"));
    println!("memory of verify              {}", told(memory(&verify())));
    println!("entries  bytes of the bundle");
    for size in [0, 100, 1_000, 10_000] {
        grow(&stage, size);
        let said = stage.run(&["gate", "-o", &file("grown.bundle")]);
        assert_eq!(said.status, 0, "{said:?}");
        let bytes = std::fs::metadata(file("grown.bundle")).unwrap().len();
        println!("{:7}  {bytes}", stage.look(countersign::view::View::size));
    }
    let _ = std::fs::remove_dir_all(&stage.root);
}
