//! A server under load, beside what its ledger does alone:
//!
//!     cargo bench --bench serve
//!
//! 1. 64 clients hand in signed approvals as fast as they are answered, each on a connection of
//!    its own: durable, strict checks on. Beside it the library alone appends in this process, in
//!    groups of the size that the server's had. The goal is half of that.
//! 2. The same clients at half of the rate that they reached: the goal is a 99th percentile of
//!    50 ms, measured from the moment at which each request was due.
//! 3. The same with 1,000 readers beside it, who ask for tiles once a second each, and for verdicts
//!    on ten changes ten times a second together: the goal is less than twice the percentile.
//!
//! 2 and 3 take turns, so that a disk that is slow for a while is slow for both. The factor is the
//! median of the turns': one that stands still for a moment is told by the longest, and does not
//! make it.
//!
//! Client and server share the processors. What it measures is in the system's temporary folder.

#![allow(clippy::unwrap_used, reason = "a measurement that fails stops")]
#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "measures, and writes what it measures with")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use countersign::base::digest::{ContentDigest, RootHash};
use countersign::base::position::TreeSize;
use countersign::base::time::Timestamp;
use countersign::key::{SeedSigner, Signer as _};
use countersign::session::{LedgerKeyFile, Opening, Session, sign};
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::envelope::Envelope;
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};
use countersign::statement::{Nonce, Says, Seen, Statement};
use countersign::verify::trust::TrustRoot;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
const CLIENTS: usize = 64;
const READERS: u64 = 1_000;
const LASTS: Duration = Duration::from_secs(8);
/// How often it is measured without readers, and then with them.
const TURNS: u32 = 5;
/// Between the first reader and the first append beside readers.
const READERS_COME: Duration = Duration::from_secs(2);
/// Changes that a verdict is about.
const STEPS: usize = 10;
/// Statements that each client has signed before it begins.
const SIGNED: usize = 600;

struct Place {
    folder: PathBuf,
}

impl Place {
    /// A ledger with 64 reviewers, and a clone that the server judges with.
    fn new() -> Self {
        let name = format!("countersign-bench-serve-{}", std::process::id());
        let this = Self { folder: std::env::temp_dir().join(name) };
        std::fs::create_dir_all(this.folder.join("home/.ssh")).unwrap();
        std::fs::create_dir_all(this.folder.join("shop")).unwrap();
        let key = this.folder.join("home/.ssh/id_ed25519");
        this.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
        this.run("git", &["init", "-q", "-b", "main"]);
        for setting in [["user.name", "Ada"], ["user.email", "ada@shop.example"]] {
            this.run("git", &["config", "--global", setting[0], setting[1]]);
        }
        std::fs::write(this.folder.join("shop/README"), "A shop.\n").unwrap();
        this.run("git", &["add", "-A"]);
        this.run("git", &["commit", "-q", "-m", "Begin"]);
        this.run(PROGRAM, &["init", "-y"]);
        for number in 0..CLIENTS {
            let file = this.folder.join(format!("{number}.pub"));
            let line = signer(number).public_key().to_string();
            std::fs::write(&file, format!("{line}\n")).unwrap();
            let (name, email) = (format!("Reviewer {number}"), format!("r{number}@shop.example"));
            let add = ["roster", "add", &name, "--email", &email, "--public-key"];
            this.run(PROGRAM, &[&add[..], &[file.to_str().unwrap(), "-y"]].concat());
        }
        for number in 1..=STEPS {
            std::fs::write(this.folder.join("shop/README"), format!("A shop, {number}.\n"))
                .unwrap();
            this.run("git", &["commit", "-q", "-a", "-m", "Go on"]);
        }
        this.run("git", &["clone", "-q", "--bare", ".", "../served.git"]);
        let settings = this.folder.join("home/.config/countersign/config.toml");
        let before = std::fs::read_to_string(&settings).unwrap();
        let clone = this.folder.join("served.git");
        let text = format!(
            "{before}\n[ledger.\"localhost/shop\".serve]\nreading = \"open\"\nwords = \"open\"\n\
             member_statements_per_minute = 4000000000\n\n\
             [ledger.\"localhost/shop\".serve.repository]\nshop = \"{}\"\n",
            clone.display()
        );
        std::fs::write(&settings, text).unwrap();
        this
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

    fn trust(&self) -> TrustRoot {
        let folder = self.folder.join("home/.config/countersign/trust");
        let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        TrustRoot::parse(&std::fs::read(path).unwrap()).unwrap()
    }

    /// The server, and where it listens.
    fn serve(&self) -> (Child, String) {
        let mut command = self.command(PROGRAM, &["serve", "--json", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut text = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&text).is_err() {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        (child, said["url"].as_str().unwrap().trim_start_matches("http://").to_owned())
    }

    /// What the library alone appends in a second, in groups of that size.
    fn alone(&self, group: usize, envelopes: &[Envelope]) -> f64 {
        let trust = self.trust();
        let data = self.folder.join("home/.local/share/countersign/localhost_shop");
        let key = self.folder.join("home/.config/countersign/keys/localhost_shop.ledger");
        let seen = self.folder.join("home/.local/state/countersign/seen/bench");
        let mut session = Session::open(&Opening {
            folder: &data,
            trust: &trust,
            ledger_key: &LedgerKeyFile::new(key),
            command: "bench",
            seen: Some(&seen),
        })
        .unwrap();
        let begun = Instant::now();
        let mut appended = 0;
        for part in envelopes.chunks_exact(group) {
            let receipts = session.append(now(), part).unwrap();
            assert!(receipts.iter().all(Result::is_ok));
            appended += part.len();
            if begun.elapsed() > LASTS {
                break;
            }
        }
        f64::from(u32::try_from(appended).unwrap()) / begun.elapsed().as_secs_f64()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn now() -> Timestamp {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_milliseconds(u64::try_from(elapsed.as_millis()).unwrap())
}

fn signer(number: usize) -> SeedSigner {
    SeedSigner::from_seed(&[u8::try_from(number + 1).unwrap(); 32], "bench").unwrap()
}

/// The ids of the reviewers, by number.
fn members(place: &Place) -> Vec<String> {
    let shown: Value =
        serde_json::from_str(&place.run(PROGRAM, &["roster", "show", "--json"])).unwrap();
    let members = shown["members"].as_array().unwrap();
    (0..CLIENTS)
        .map(|number| {
            let key = signer(number).public_key().fingerprint().to_string();
            let its = members.iter().find(|member| member.to_string().contains(&key)).unwrap();
            its["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Approvals of changes that nobody made.
fn signed(trust: &TrustRoot, member: &str, number: usize, count: usize, run: u64) -> Vec<Envelope> {
    let signer = signer(number);
    let root = RootHash::from_bytes(*trust.ledger().as_bytes());
    (0..count as u64)
        .map(|at| {
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&at.to_be_bytes());
            nonce[8..].copy_from_slice(&run.to_be_bytes());
            let hash = [&nonce[..], &[u8::try_from(number).unwrap()]].concat();
            let row = ApprovalRow {
                hash: ContentDigest::of(&hash),
                repository: Some("shop".parse().unwrap()),
                target: Some("refs/heads/main".parse().unwrap()),
                base: Some("1".repeat(40).parse().unwrap()),
                head: Some("2".repeat(40).parse().unwrap()),
                assistance_seen: Some(Assistance::None),
                shown: Shown::Diff,
                service: None,
                supersedes: None,
            };
            let says = Says::Approval(Approval {
                verdict: ApprovalVerdict::Approve,
                subject_type: SubjectType::Change,
                rows: vec![row],
                withdraws: None,
                comment: None,
                checklist: Vec::new(),
            });
            let statement = Statement {
                ledger: Some(trust.ledger()),
                by: member.parse().unwrap(),
                nonce: Nonce::from_bytes(nonce),
                seen: Some(Seen { size: TreeSize::new(1), root }),
                says,
            };
            sign(&statement, &signer).unwrap()
        })
        .collect()
}

/// A request as it goes over the wire.
fn request(envelope: &Envelope) -> Vec<u8> {
    let envelope = String::from_utf8(envelope.to_canonical()).unwrap();
    let body = format!("{{\"envelopes\":[{envelope}]}}");
    let head = "POST /v1/statements HTTP/1.1\r\nhost: a\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A connection that carries one request after the other.
struct Wire(BufReader<TcpStream>);

impl Wire {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status and the content of the answer.
    fn ask(&mut self, request: &[u8]) -> (u16, Vec<u8>) {
        self.0.get_mut().write_all(request).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it hung up");
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, body)
    }
}

/// Hands in what each client has, for a while: as fast as it is answered, or each so often. Gives
/// how many were acknowledged in a second, and the latencies, sorted.
fn hand_in(address: &str, bodies: &[&[Vec<u8>]], each: Option<Duration>) -> (f64, Vec<Duration>) {
    let begun = Instant::now();
    let mut latencies: Vec<Duration> = thread::scope(|scope| {
        let clients: Vec<_> = (0_u32..)
            .zip(bodies)
            .map(|(number, bodies)| {
                scope.spawn(move || {
                    let mut wire = Wire::open(address);
                    let mut latencies = Vec::new();
                    // They do not all come at once.
                    let first = each.map_or(Duration::ZERO, |each| {
                        each * number / u32::try_from(CLIENTS).unwrap()
                    });
                    for (at, body) in (0_u32..).zip(*bodies) {
                        let due = each.map_or_else(Instant::now, |each| begun + first + each * at);
                        if begun.elapsed() > LASTS {
                            break;
                        }
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        let (status, answer) = wire.ask(body);
                        let text = String::from_utf8_lossy(&answer);
                        assert!(status == 200 && text.contains("receipt"), "{status} {text}");
                        latencies.push(due.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let count = f64::from(u32::try_from(latencies.len()).unwrap());
    let rate = count / begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    (rate, latencies)
}

/// Reads tiles once a second and verdicts ten times a second together, until `ended`.
fn read(address: &str, number: u64, ended: &AtomicBool, read: &AtomicU64) {
    let mut wire = Wire::open(address);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes();
    thread::sleep(Duration::from_millis(number));
    let mut round = 0;
    while !ended.load(Ordering::Relaxed) {
        let asks_verdict = number.is_multiple_of(100);
        let path = match (asks_verdict, (number + round) % 3) {
            (true, _) => "/v1/verdict?revision=main",
            (false, 0) => "/checkpoint",
            (false, 1) => "/tile/0/000",
            (false, _) => "/tile/entries/000",
        };
        let (status, body) = wire.ask(&get(path));
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        read.fetch_add(1, Ordering::Relaxed);
        round += 1;
        thread::sleep(Duration::from_secs(1));
    }
}

fn percentile(latencies: &[Duration], share: usize) -> Duration {
    latencies[(latencies.len() * share / 100).min(latencies.len() - 1)]
}

/// A sum of the metrics.
fn metric(address: &str, name: &str) -> f64 {
    let (_, text) = Wire::open(address).ask(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

/// One of so many parts of what each client has.
fn part(bodies: &[Vec<Vec<u8>>], turn: u32, turns: u32) -> Vec<&[Vec<u8>]> {
    let (size, turn) = (SIGNED / turns as usize, turn as usize);
    bodies.iter().map(|own| &own[turn * size..(turn + 1) * size]).collect()
}

/// Hands in at a steady pace, by turns alone and with readers beside it.
fn beside_readers(address: &str, bodies: &[Vec<Vec<Vec<u8>>>], each: Duration) {
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let (mut rate, mut reads, mut reading) = (0.0, 0, Duration::ZERO);
    for turn in 0..TURNS {
        let (reached, latencies) = hand_in(address, &part(&bodies[0], turn, TURNS), Some(each));
        rate += reached / f64::from(TURNS);
        quiet.push(latencies);
        let (ended, count) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            for number in 0..READERS {
                let (ended, count) = (&ended, &count);
                let reader = thread::Builder::new().stack_size(128 * 1024);
                reader.spawn_scoped(scope, move || read(address, number, ended, count)).unwrap();
            }
            thread::sleep(READERS_COME);
            count.store(0, Ordering::Relaxed);
            let begun = Instant::now();
            busy.push(hand_in(address, &part(&bodies[1], turn, TURNS), Some(each)).1);
            ended.store(true, Ordering::Relaxed);
            reading += begun.elapsed();
            reads += count.load(Ordering::Relaxed);
        });
    }
    let factor = |turn: usize| {
        percentile(&busy[turn], 99).as_secs_f64() / percentile(&quiet[turn], 99).as_secs_f64()
    };
    let mut factors: Vec<f64> = (0..quiet.len()).map(factor).collect();
    factors.sort_unstable_by(f64::total_cmp);
    let (quiet, busy) = (told(quiet), told(busy));
    println!("at half of it: {rate:.0} a second, {quiet}");
    println!(
        "with {READERS} readers beside it, {:.0} reads a second: {busy}",
        f64::from(u32::try_from(reads).unwrap()) / reading.as_secs_f64(),
    );
    println!("the p99 with readers by turns: {factors:.2?} times as long");
}

/// Percentiles of all turns together, and the longest.
fn told(turns: Vec<Vec<Duration>>) -> String {
    let mut all: Vec<_> = turns.into_iter().flatten().collect();
    all.sort_unstable();
    let (p50, p99) = (percentile(&all, 50), percentile(&all, 99));
    format!("p50 {p50:.1?}, p99 {p99:.1?}, longest {:.1?}", percentile(&all, 100))
}

fn main() {
    let place = Place::new();
    let trust = place.trust();
    let members = members(&place);
    let runs: Vec<Vec<Vec<Envelope>>> = (0..4)
        .map(|run| {
            let of =
                |(number, member): (usize, &String)| signed(&trust, member, number, SIGNED, run);
            members.iter().enumerate().map(of).collect()
        })
        .collect();
    let bodies: Vec<Vec<Vec<Vec<u8>>>> = runs[..3]
        .iter()
        .map(|run| run.iter().map(|own| own.iter().map(request).collect()).collect())
        .collect();
    let (mut child, address) = place.serve();
    let (rate, latencies) = hand_in(&address, &part(&bodies[0], 0, 1), None);
    let commits = metric(&address, "countersign_commit_statements_count ");
    let statements = metric(&address, "countersign_commit_statements_sum ");
    println!(
        "{CLIENTS} clients: {rate:.0} appends a second, {:.1} in a commit, p50 {:.1?}, p99 {:.1?}",
        statements / commits,
        percentile(&latencies, 50),
        percentile(&latencies, 99)
    );
    let clients = f64::from(u32::try_from(CLIENTS).unwrap());
    beside_readers(&address, &bodies[1..], Duration::from_secs_f64(clients / (rate / 2.0)));
    let stop = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stop.success() && child.wait().unwrap().success());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 4,096")]
    let group = (statements / commits).round().max(1.0) as usize;
    // Taken in turn from each, as they come to the server.
    let envelopes: Vec<Envelope> =
        (0..SIGNED).flat_map(|at| runs[3].iter().map(move |own| own[at].clone())).collect();
    let alone = place.alone(group, &envelopes);
    println!(
        "the library alone in groups of {group}: {alone:.0} a second; the server does {:.0} %",
        100.0 * rate / alone
    );
}
