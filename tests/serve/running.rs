//! A server as a process of its own, and people who hand things in.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::base::digest::{ContentDigest, RootHash};
use countersign::base::encoding;
use countersign::base::name::MemberId;
use countersign::base::position::TreeSize;
use countersign::http::client::{Answer, Client, ClientError};
use countersign::key::{SeedSigner, Signer as _};
use countersign::ledger::inbox::{Answer as InboxAnswer, Said};
use countersign::note::checkpoint::VerifiedCheckpoint;
use countersign::session::sign;
use countersign::signer::file;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::envelope::Envelope;
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};
use countersign::statement::{Nonce, Says, Seen, Statement};
use countersign::verify::proof::{Known, ProofFile, Proved};
use countersign::verify::trust::TrustRoot;
use serde_json::Value;

use crate::common::Stage;

pub(crate) const JSON: &str = "application/json";

/// A running server; killed with the value.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    /// What it said when it began.
    pub(crate) said: Value,
    log: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts one for the stage's ledger on a port of its own.
    pub(crate) fn start(stage: &Stage) -> Self {
        Self::of(stage.command(["serve", "--json", "--listen", "127.0.0.1:0"]))
    }

    /// The same by another command line.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut talk = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = talk.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut text = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&text).is_err() {
            // Its log says why, and is shown by the test that fails.
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Self { child, url, said, log: Some(log) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        client().get(&self.at(path)).unwrap()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) fn post(&self, body: &Value) -> Answer {
        self.try_post(body).unwrap()
    }

    pub(crate) fn try_post(&self, body: &Value) -> Result<Answer, ClientError> {
        let body = serde_json::to_vec(body).unwrap();
        client().post(&self.at("/v1/statements"), JSON, &body)
    }

    /// Hands envelopes in; gives the answers.
    pub(crate) fn hand_in(&self, envelopes: &[Envelope]) -> Vec<Value> {
        answers(&self.post(&parcel(envelopes)))
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it SIGTERM.
    pub(crate) fn ask_to_end(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits until it has ended; gives its exit status and its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap().code();
        (status, self.log.take().unwrap().join().unwrap())
    }

    /// Asks it to end, and gives its exit status and its log.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        self.ask_to_end();
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the health until it is good: a server tries to write once a second at most.
pub(crate) fn healthy(running: &Running) {
    for _ in 0..600 {
        if running.get("/healthz").status == 200 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it does not get well");
}

pub(crate) fn client() -> Client {
    Client::new(Duration::from_secs(60), 64 * 1024 * 1024)
}

/// The content of a request.
pub(crate) fn parcel(envelopes: &[Envelope]) -> Value {
    let envelopes: Vec<Value> = envelopes
        .iter()
        .map(|envelope| serde_json::from_slice(&envelope.to_canonical()).unwrap())
        .collect();
    serde_json::json!({ "envelopes": envelopes })
}

#[track_caller]
pub(crate) fn answers(answer: &Answer) -> Vec<Value> {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["answers"].as_array().unwrap().clone()
}

/// The code of an error.
pub(crate) fn error(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(body["why"].as_str().is_some_and(|why| !why.is_empty()), "{body}");
    body["error"].as_str().unwrap().to_owned()
}

/// The trust root of the stage's ledger.
pub(crate) fn trust(stage: &Stage) -> TrustRoot {
    let folder = stage.home().join(".config/countersign/trust");
    let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    TrustRoot::parse(&fs::read(path).unwrap()).unwrap()
}

/// The entry of an answer, its receipt verified against the trust root.
#[track_caller]
pub(crate) fn entry(stage: &Stage, envelope: &Envelope, answer: &Value) -> u64 {
    let bytes = serde_json::to_vec(answer).unwrap();
    let (answer, said) = InboxAnswer::parse(&bytes).unwrap();
    assert_eq!(answer.statement, envelope.statement_id());
    let Said::Receipt(receipt) = said else { panic!("it was refused: {said:?}") };
    let file = ProofFile::parse(&receipt).unwrap();
    let trust = trust(stage);
    let checked = Known::new(&trust).check(file).unwrap();
    let Proved::Entry { entry, id, .. } = checked.proved else { panic!("it proves no entry") };
    assert_eq!(id, envelope.statement_id());
    entry.receipt.index.get()
}

/// The served checkpoint, verified.
pub(crate) fn checkpoint(stage: &Stage, running: &Running) -> VerifiedCheckpoint {
    let answer = running.get("/checkpoint");
    assert_eq!(answer.status, 200);
    let trust = trust(stage);
    countersign::ledger::head::open_checkpoint(
        &answer.body,
        trust.origin().as_str(),
        &[trust.ledger_key().clone()],
    )
    .unwrap()
}

/// Somebody who signs without a ledger at hand.
pub(crate) struct Hand {
    signer: SeedSigner,
    member: MemberId,
    trust: TrustRoot,
}

static NONCE: AtomicU64 = AtomicU64::new(1);

impl Hand {
    /// Somebody on the stage, by the name of the key. The ledger must not be served yet: the id is
    /// asked of it.
    pub(crate) fn of(stage: &Stage, name: &str) -> Self {
        let signer = file::load(&stage.key(name), &mut |_| None).unwrap();
        let shown = stage.run(["roster", "show", "--json"]).json();
        let fingerprint = signer.public_key().fingerprint().to_string();
        let text = shown.to_string();
        let members = shown["members"].as_array().unwrap_or_else(|| panic!("{text}"));
        let member = members.iter().find(|member| member.to_string().contains(&fingerprint));
        let member = member.unwrap_or_else(|| panic!("{fingerprint} is not in {text}"));
        let member = member["id"].as_str().unwrap().parse().unwrap();
        Self { signer, member, trust: trust(stage) }
    }

    /// A statement of theirs, signed.
    pub(crate) fn says(&self, says: Says) -> Envelope {
        let root = RootHash::from_bytes(*self.trust.ledger().as_bytes());
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&NONCE.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let statement = Statement {
            ledger: Some(self.trust.ledger()),
            by: self.member.clone(),
            nonce: Nonce::from_bytes(nonce),
            seen: Some(Seen { size: TreeSize::new(1), root }),
            says,
        };
        sign(&statement, &self.signer).unwrap()
    }

    /// An approval of a change that nobody made, but for its number.
    pub(crate) fn approves(&self, number: u64) -> Envelope {
        let hash = ContentDigest::of(&number.to_be_bytes());
        self.says(Says::Approval(approval(hash)))
    }
}

/// An approval of a change.
pub(crate) fn approval(hash: ContentDigest) -> Approval {
    Approval {
        verdict: ApprovalVerdict::Approve,
        subject_type: SubjectType::Change,
        rows: vec![ApprovalRow {
            hash,
            repository: Some("shop".parse().unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            base: Some("1".repeat(40).parse().unwrap()),
            head: Some("2".repeat(40).parse().unwrap()),
            assistance_seen: Some(Assistance::None),
            shown: Shown::Diff,
            service: None,
            supersedes: None,
        }],
        withdraws: None,
        comment: None,
        checklist: Vec::new(),
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    encoding::base64(bytes)
}

/// Writes the settings of the server behind those that are there.
pub(crate) fn settings(stage: &Stage, tables: &str) {
    let path: PathBuf = stage.home().join(".config/countersign/config.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}\n{tables}")).unwrap();
}

/// Reading is open to everybody, and words too.
pub(crate) const OPEN: &str =
    "[ledger.\"localhost/shop\".serve]\nreading = \"open\"\nwords = \"open\"\n";
