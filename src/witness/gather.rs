//! Gathering cosignatures (`spec/witness.md` section 5): the newest checkpoint goes to every
//! witness at once, none is waited for longer than was said, and the ledger is not held meanwhile.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::base::encoding::undecimal;
use crate::base::limits::{NOTE_BYTES_MAX, SETTINGS_BYTES_MAX};
use crate::base::name::WitnessName;
use crate::base::position::TreeSize;
use crate::base::time::{Span, Timestamp};
use crate::config::WitnessAddress;
use crate::http::client::Client;
use crate::ledger::consistency::ConsistencyProof;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::store::StoreError;
use crate::ledger::witness::origin_hash;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::quorum::Witness;
use crate::note::{NoteSignature, SignedNote};
use crate::session::{CosignatureFolder, Session};
use crate::store::durable;
use crate::verify::trust::TrustRoot;

/// How long a witness that did not answer is left alone after the first time, in milliseconds;
/// twice as long after each further one.
const PAUSE_MILLISECONDS: u64 = 60_000;
/// The longest that it is left alone: an hour.
const PAUSE_MILLISECONDS_MAX: u64 = 3_600_000;

/// One witness to be asked.
#[derive(Debug, Clone)]
struct Asked {
    witness: Witness,
    address: WitnessAddress,
    request: ConsistencyProof,
}

/// What came of asking a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It cosigned.
    Cosigned,
    /// It cosigned another size last, and must be shown that the ledger continues that.
    Told(TreeSize),
    /// It has a tree of the ledger's that it was not shown to continue.
    Disputed,
    /// Nothing came of it; why.
    Failed(String),
}

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Every witness whose address is known.
    Everybody,
    /// Those that have not seen the newest checkpoint, and are not left alone for a while.
    Waiting,
}

/// What is needed to ask, once the ledger is no longer held.
#[derive(Debug, Clone)]
pub struct Gathering {
    folder: CosignatureFolder,
    trust: TrustRoot,
    keys: LedgerKeys,
    checkpoint: VerifiedCheckpoint,
    asked: Vec<Asked>,
}

/// What is remembered of a witness between two commands. It may be lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    /// What it said that it cosigned last.
    told: u64,
    /// How often in a row it did not answer.
    failures: u32,
    /// Until when it is left alone.
    until: Timestamp,
}

type State = BTreeMap<WitnessName, Remembered>;

impl Gathering {
    /// Prepares to ask: reads the proofs that each witness needs, as far as is known what it
    /// cosigned last. `None` where there is nobody to ask.
    ///
    /// # Errors
    /// [`crate::session::SessionError`] where the ledger cannot be read.
    pub fn prepare(
        session: &Session,
        trust: &TrustRoot,
        addresses: &BTreeMap<WitnessName, WitnessAddress>,
        whom: Whom,
        now: Timestamp,
    ) -> Result<Option<Self>, crate::session::SessionError> {
        let folder = CosignatureFolder::of(session.folder().path());
        let state = remembered(&folder);
        let mut asked = Vec::new();
        for witness in trust.witnesses().witnesses() {
            let Some(address) = addresses.get(&witness.name) else { continue };
            let known = state.get(&witness.name).cloned().unwrap_or_default();
            let last = session.cosigned_last(trust, &witness.name);
            let is_idle = last == session.size() || known.until > now;
            if whom == Whom::Waiting && is_idle {
                continue;
            }
            // What it said is newer than what it signed here, unless the ledger is behind it.
            let old = last.max(TreeSize::new(known.told));
            let old = if old > session.size() { last } else { old };
            let (witness, address) = (witness.clone(), address.clone());
            asked.push(Asked { witness, address, request: session.prove_growth(old)? });
        }
        let (trust, keys) = (trust.clone(), session.ledger_keys()?);
        let checkpoint = session.checkpoint().clone();
        let gathering = Self { folder, trust, keys, checkpoint, asked };
        Ok((!gathering.asked.is_empty()).then_some(gathering))
    }

    /// Asks all at the same time; every answer that came within `wait` is durable when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] where what was cosigned cannot be kept.
    pub fn ask(
        &self,
        wait: Duration,
        now: Timestamp,
    ) -> Result<Vec<(WitnessName, Outcome)>, StoreError> {
        let end = Instant::now() + wait;
        let answers: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> =
                self.asked.iter().map(|one| scope.spawn(move || self.ask_one(one, end))).collect();
            let broken = || Found::Failed("internal error, please report".to_owned());
            running.into_iter().map(|one| one.join().unwrap_or_else(|_| broken())).collect()
        });
        let mut lines = Vec::new();
        let mut outcomes = Vec::new();
        let mut state = remembered(&self.folder);
        for (asked, found) in self.asked.iter().zip(answers) {
            let name = asked.witness.name.clone();
            let outcome = match found {
                Found::Cosigned(line) => {
                    lines.push(line);
                    Outcome::Cosigned
                }
                Found::Told(size) => Outcome::Told(size),
                Found::Disputed(note) => {
                    self.folder.dispute(&name, &note)?;
                    Outcome::Disputed
                }
                Found::Failed(why) => Outcome::Failed(why),
            };
            state.entry(name.clone()).or_default().learn(&outcome, now);
            outcomes.push((name, outcome));
        }
        if !lines.is_empty() {
            self.folder.add(&self.trust, &self.keys, &self.checkpoint, &lines)?;
        }
        remember(&self.folder, &state);
        Ok(outcomes)
    }

    /// The checkpoint that is shown to them with the lines that are kept of it; none where no line
    /// is, or a newer checkpoint has some.
    #[must_use]
    pub fn cosigned(&self) -> Option<SignedNote> {
        let newest = self.folder.newest(&self.keys).ok()??;
        let is_it = newest.note().text() == self.checkpoint.note().text();
        is_it.then(|| newest.note().clone())
    }

    fn ask_one(&self, asked: &Asked, end: Instant) -> Found {
        let client = |bytes| Client::new(end.saturating_duration_since(Instant::now()), bytes);
        let url = format!("{}/add-checkpoint", asked.address.submission.trim_end_matches('/'));
        let request = asked.request.to_string();
        let answer = client(NOTE_BYTES_MAX as u64).post(&url, "text/plain", request.as_bytes());
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Found::Failed(error.to_string()),
        };
        let told = || undecimal(std::str::from_utf8(&answer.body).ok()?.strip_suffix('\n')?).ok();
        match answer.status {
            200 => self.cosignature(&asked.witness, &answer.body),
            409 => match told().map(TreeSize::new) {
                Some(size) if size <= self.checkpoint.size() => Found::Told(size),
                Some(_) => self.dispute(asked, end),
                None => Found::Failed("its answer is no size".to_owned()),
            },
            422 => self.dispute(asked, end),
            404 => Found::Failed("it does not know this ledger".to_owned()),
            403 => Found::Failed("it has another key for this ledger".to_owned()),
            status => Found::Failed(format!("it answered {status}")),
        }
    }

    /// The witness's line in its answer, verified.
    fn cosignature(&self, witness: &Witness, body: &[u8]) -> Found {
        let bad = || Found::Failed("its cosignature does not verify".to_owned());
        let Ok(text) = std::str::from_utf8(body) else { return bad() };
        for line in text.lines() {
            let Ok(line) = NoteSignature::parse(line) else { return bad() };
            let mut note = self.checkpoint.note().clone();
            if line.name() != witness.key.name() || line.id() != witness.key.id() {
                // C2SP has a witness answer with lines of several keys.
                continue;
            }
            let own = note.signatures()[0].clone();
            let added = SignedNote::new(note.text().to_owned(), vec![own, line.clone()]);
            let Ok(added) = added else { return bad() };
            note = added;
            return match witness.key.find(&note) {
                Ok(Some(_)) => Found::Cosigned(line),
                _ => bad(),
            };
        }
        Found::Failed("it did not sign with the key that the trust root names".to_owned())
    }

    /// What the witness has of the ledger, where it was not shown to continue that.
    fn dispute(&self, asked: &Asked, end: Instant) -> Found {
        let client =
            Client::new(end.saturating_duration_since(Instant::now()), NOTE_BYTES_MAX as u64);
        let prefix = asked.address.monitoring.trim_end_matches('/');
        let url = format!("{prefix}/{}/checkpoint", origin_hash(self.keys.origin()));
        let refused = |why: &str| {
            Found::Failed(format!("it is not shown to continue what it cosigned before, and {why}"))
        };
        let note = match client.get(&url) {
            Ok(answer) if answer.status == 200 => SignedNote::parse(&answer.body),
            Ok(answer) => return refused(&format!("to show that it answered {}", answer.status)),
            Err(error) => return refused(&error.to_string()),
        };
        let Ok(note) = note else { return refused("what it shows is no checkpoint") };
        let Ok(claimed) = note.text().parse::<Checkpoint>() else {
            return refused("what it shows is no checkpoint");
        };
        let key = self.keys.of_size(claimed.size);
        match VerifiedCheckpoint::of(note, self.keys.origin(), key) {
            Ok(found) => Found::Disputed(found.note().clone()),
            Err(error) => refused(&error.to_string()),
        }
    }
}

/// What one witness answered.
enum Found {
    Cosigned(NoteSignature),
    Told(TreeSize),
    Disputed(SignedNote),
    Failed(String),
}

impl Remembered {
    fn learn(&mut self, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Cosigned => *self = Self::default(),
            Outcome::Told(size) => *self = Self { told: size.get(), ..Self::default() },
            Outcome::Disputed | Outcome::Failed(_) => {
                let pause = PAUSE_MILLISECONDS << self.failures.min(10);
                self.failures = self.failures.saturating_add(1);
                self.until = now.plus(Span::from_milliseconds(pause.min(PAUSE_MILLISECONDS_MAX)));
            }
        }
    }
}

fn remembered(folder: &CosignatureFolder) -> State {
    let bytes = durable::read(&folder.state_file(), SETTINGS_BYTES_MAX).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// A failure costs nothing but a question that need not have been asked.
fn remember(folder: &CosignatureFolder, state: &State) {
    let Ok(bytes) = serde_json::to_vec(state) else { return };
    let path = folder.state_file();
    let made = path.parent().map_or(Ok(()), durable::create_folder);
    drop(made.and_then(|()| durable::replace_memory(&path, &bytes)));
}
