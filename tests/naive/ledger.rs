//! A ledger in memory through real admission, that remembers how it came about: the same log can
//! be made again without one of its entries, and handed to another store.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use countersign::base::digest::{ContentDigest, RootHash, StatementId, sha256};
use countersign::base::name::MemberId;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::{KeyId, PublicKey, SeedSigner, Signature, Signer as _};
use countersign::ledger::admission::Admitter;
use countersign::ledger::append::{Ledger, Refusal};
use countersign::ledger::read::prover;
use countersign::ledger::store::{CheckpointFile as _, Store};
use countersign::note::key::NoteSigner;
use countersign::policy::Policy;
use countersign::session::StoreLog;
use countersign::statement::envelope::{Envelope, EnvelopeSignature};
use countersign::statement::governance::{EntryReference, Genesis, Governance, Operation};
use countersign::statement::{Nonce, Says, Seen, Statement};
use countersign::store::memory::{MemoryCheckpoint, MemoryStore};
use countersign::verify::VerifiedEntry;
use countersign::verify::bundle::{Bytes, Hash, ShownLeaf};
use countersign::verify::trust::TrustRoot;
use countersign::view::View;

use super::evaluator::{CoverRow, Model};
use super::fold::{Log, Logged};
use super::repository::{Forms, Repository, salt};

pub(crate) const ORIGIN: &str = "test.example/ledger";
const HANDS: u8 = 60;
/// Hands from here on are security keys.
pub(crate) const SECURITY_KEYS: u8 = 50;

/// What signs: a plain key, or one in a device that was touched.
struct Hand {
    signer: SeedSigner,
    public_key: PublicKey,
}

fn hand(number: u8) -> &'static Hand {
    static ALL: OnceLock<Vec<Hand>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let make = |number| {
            let signer = SeedSigner::from_seed(&[number; 32], "a test key").unwrap();
            let public_key = if number < SECURITY_KEYS {
                signer.public_key().clone()
            } else {
                PublicKey::security_key(*signer.public_key().key_bytes(), "ssh:").unwrap()
            };
            Hand { signer, public_key }
        };
        (0..HANDS).map(make).collect()
    });
    &all[usize::from(number)]
}

pub(crate) fn public_key(number: u8) -> PublicKey {
    hand(number).public_key.clone()
}

fn sign(number: u8, envelope: &mut Envelope) {
    let message = envelope.pre_authentication_encoding();
    let (keyid, signature) = sign_message(number, &message);
    envelope.push_signature(EnvelopeSignature { keyid, signature });
}

/// The signature of a hand, and of which key it is.
pub(crate) fn sign_message(number: u8, message: &[u8]) -> (KeyId, Signature) {
    let hand = hand(number);
    let signature = if number < SECURITY_KEYS {
        Signature::Plain(hand.signer.sign_plain(message))
    } else {
        let (flags, counter) = (1, 7_u32);
        let mut signed = sha256(&[b"ssh:"]).to_vec();
        signed.push(flags);
        signed.extend_from_slice(&counter.to_be_bytes());
        signed.extend_from_slice(&sha256(&[message]));
        Signature::Sk { signature: hand.signer.sign_plain(&signed), flags, counter }
    };
    (hand.public_key.fingerprint(), signature)
}

pub(crate) fn note_key() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[9; 32]).unwrap()
}

/// What was handed in: enough to hand it in again.
#[derive(Debug, Clone)]
struct Sent {
    by: MemberId,
    hand: u8,
    says: Says,
    seen: u64,
    time: u64,
}

type Open = Ledger<Arc<MemoryStore>, Arc<MemoryCheckpoint>>;

fn open(store: &Arc<MemoryStore>, file: &Arc<MemoryCheckpoint>) -> Open {
    Ledger::open(store.clone(), ORIGIN, note_key(), &[], file.clone()).unwrap()
}

/// A log, the repository that it speaks of, and the covers at hand.
pub(crate) struct World {
    store: Arc<MemoryStore>,
    checkpoint: Arc<MemoryCheckpoint>,
    ledger: Open,
    pub(crate) view: View,
    pub(crate) now: u64,
    pub(crate) log: Vec<Logged>,
    pub(crate) verified: Vec<VerifiedEntry>,
    pub(crate) repository: Repository,
    pub(crate) covers: BTreeMap<ContentDigest, Vec<CoverRow>>,
    pub(crate) forms: Forms,
    sent: Vec<Sent>,
    roots: Vec<RootHash>,
    /// Codes of what admission refused.
    pub(crate) refused: Vec<String>,
}

impl Clone for World {
    fn clone(&self) -> Self {
        let checkpoint = Arc::new(MemoryCheckpoint::default());
        if let Some(note) = self.checkpoint.load().unwrap() {
            checkpoint.store(&note).unwrap();
        }
        let store = Arc::new(MemoryStore::from_state(self.store.state().clone()));
        Self {
            ledger: open(&store, &checkpoint),
            store,
            checkpoint,
            view: self.view.clone(),
            now: self.now,
            log: self.log.clone(),
            verified: self.verified.clone(),
            repository: self.repository.clone(),
            covers: self.covers.clone(),
            forms: self.forms.clone(),
            sent: self.sent.clone(),
            roots: self.roots.clone(),
            refused: self.refused.clone(),
        }
    }
}

impl World {
    pub(crate) fn new(repository: Repository, now: u64) -> Self {
        let (store, checkpoint) = Default::default();
        Self {
            ledger: open(&store, &checkpoint),
            store,
            checkpoint,
            view: View::default(),
            now,
            log: Vec::new(),
            verified: Vec::new(),
            repository,
            covers: BTreeMap::new(),
            forms: Forms::new(),
            sent: Vec::new(),
            roots: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(crate) fn model(&self) -> Model<'_> {
        Model {
            log: Log(&self.log),
            repository: &self.repository,
            covers: &self.covers,
            forms: &self.forms,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.log.len() as u64
    }

    /// Says it now, having seen everything.
    pub(crate) fn say(&mut self, by: &str, hand: u8, says: Says) -> Option<u64> {
        self.say_having_seen(by, hand, says, self.size())
    }

    pub(crate) fn say_having_seen(
        &mut self,
        by: &str,
        hand: u8,
        says: Says,
        seen: u64,
    ) -> Option<u64> {
        let (by, time) = (MemberId::new(by).unwrap(), self.now);
        match self.hand_in(Sent { by, hand, says, seen, time }) {
            Ok(index) => Some(index),
            Err(refusal) => {
                self.refused.push(format!("{}: {}", refusal.code, refusal.message));
                None
            }
        }
    }

    pub(crate) fn govern(&mut self, operations: Vec<Operation>) -> Option<u64> {
        let base = self.view.newest_governance().map(|entry| entry.leaf);
        self.say("ada", 1, Says::Governance(Governance { genesis: None, base, operations }))
    }

    pub(crate) fn begin(&mut self, operations: Vec<Operation>) {
        let genesis = Genesis {
            origin: ORIGIN.parse().unwrap(),
            ledger_key: note_key().verifier_key().to_string(),
            salt: salt().commitment(),
        };
        let says = Says::Governance(Governance { genesis: Some(genesis), base: None, operations });
        let begun = self.say("ada", 1, says);
        assert!(begun.is_some(), "{:?}", self.refused);
    }

    /// The id that the statement at an entry has.
    pub(crate) fn id(&self, index: u64) -> StatementId {
        self.log[usize::try_from(index).unwrap()].id
    }

    pub(crate) fn reference(&self, index: u64) -> EntryReference {
        self.verified[usize::try_from(index).unwrap()].entry()
    }

    fn hand_in(&mut self, sent: Sent) -> Result<u64, Refusal> {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(self.sent.len() as u64).to_be_bytes());
        let seen = sent.seen.checked_sub(1).map(|at| Seen {
            size: TreeSize::new(sent.seen),
            root: self.roots[usize::try_from(at).unwrap()],
        });
        let statement = Statement {
            ledger: self.view.ledger().map(|ledger| ledger.id),
            by: sent.by.clone(),
            nonce: Nonce::from_bytes(nonce),
            seen,
            says: sent.says.clone(),
        };
        let mut envelope = Envelope::new(statement.to_payload().unwrap(), Vec::new());
        sign(sent.hand, &mut envelope);
        let bytes = envelope.to_canonical();
        // What is refused is not folded in.
        let log = StoreLog::new(&self.store);
        let mut admitter = Admitter::new(&mut self.view, &log);
        let time = Timestamp::from_milliseconds(sent.time);
        let receipts = self.ledger.append(&mut admitter, time, &[&bytes]).unwrap();
        let index = receipts.into_iter().next().unwrap()?.index;
        self.roots.push(self.store.head().unwrap().unwrap().root);
        let leaf = self.store.leaf(index).unwrap().unwrap();
        let verified = VerifiedEntry::verify(index, &leaf, self.view.roster()).unwrap();
        self.log.push(Logged {
            index: index.get(),
            time: verified.time().milliseconds(),
            id: verified.id(),
            statement: verified.statement().clone(),
            keys: verified.keys().to_vec(),
            presence: verified.presence(),
            policies: policies_of(&sent.says),
        });
        self.verified.push(verified);
        self.sent.push(sent);
        Ok(index.get())
    }

    /// An entry and the proof that it is under the newest checkpoint.
    pub(crate) fn shown(&self, index: EntryIndex) -> ShownLeaf {
        let head = self.store.head().unwrap().unwrap();
        let leaf = self.store.leaf(index).unwrap().unwrap();
        let proof = prover(&*self.store, head.size).inclusion(index).unwrap();
        ShownLeaf { index, leaf: Bytes(leaf), proof: proof.into_iter().map(Hash::from).collect() }
    }

    /// The note of the newest checkpoint.
    pub(crate) fn note(&self) -> String {
        self.store.head().unwrap().unwrap().checkpoint
    }

    /// What a verifier elsewhere pins.
    pub(crate) fn trust(&self) -> TrustRoot {
        let origin = ORIGIN.parse().unwrap();
        let admins = [public_key(1).fingerprint()];
        let ledger = self.view.ledger().unwrap().id;
        TrustRoot::new(&origin, ledger, &note_key().verifier_key(), &admins).unwrap()
    }

    /// The envelopes with their times, as another store may be given them.
    pub(crate) fn envelopes(&self) -> Vec<(u64, Vec<u8>)> {
        let one = |(entry, logged): (&VerifiedEntry, &Logged)| {
            (logged.time, entry.envelope().to_canonical())
        };
        self.verified.iter().zip(&self.log).map(one).collect()
    }

    /// The same log without one entry, everything signed and admitted again; `None` where the
    /// rest speaks of that entry or is not admitted without it.
    pub(crate) fn without(&self, dropped: u64) -> Option<Self> {
        let mut world = Self::new(self.repository.clone(), self.now);
        world.forms.clone_from(&self.forms);
        let mut renamed = Renamed { dropped, ids: BTreeMap::new(), covers: BTreeMap::new() };
        for (digest, rows) in &self.covers {
            let rows = rows.iter().map(|row| {
                let mut row = row.clone();
                row.approvals =
                    row.approvals.iter().filter_map(|index| renamed.entry(*index)).collect();
                row
            });
            let rows: Vec<CoverRow> = rows.collect();
            let new = cover_digest(&rows);
            world.covers.insert(new, rows);
            renamed.covers.insert(*digest, new);
        }
        for (index, sent) in self.sent.iter().enumerate() {
            let index = index as u64;
            if index == dropped {
                continue;
            }
            let mut again = sent.clone();
            again.seen = renamed.size(sent.seen);
            renamed.says(&mut again.says, &world)?;
            let new = world.hand_in(again).ok()?;
            renamed.ids.insert(self.id(index), world.id(new));
        }
        Some(world)
    }
}

fn policies_of(says: &Says) -> Vec<Policy> {
    let Says::Governance(body) = says else { return Vec::new() };
    let set = body.operations.iter().filter_map(|operation| match operation {
        Operation::SetPolicy(said) => Some(Policy::parse(&said.text).unwrap()),
        _ => None,
    });
    set.collect()
}

/// The digest under which a cover is kept.
pub(crate) fn cover_digest(rows: &[CoverRow]) -> ContentDigest {
    ContentDigest::of(cover_text(rows).as_bytes())
}

/// A cover as the side store has it.
pub(crate) fn cover_text(rows: &[CoverRow]) -> String {
    let contained: Vec<String> = rows
        .iter()
        .filter(|row| row.contained)
        .map(|row| {
            format!(
                "{{\"change\":\"{}\",\"first\":\"{}\",\"last\":\"{}\"}}",
                row.change, row.first, row.last
            )
        })
        .collect();
    let rows: Vec<String> = rows
        .iter()
        .filter(|row| !row.contained)
        .map(|row| {
            let approvals: Vec<String> = row.approvals.iter().map(u64::to_string).collect();
            let carried = row.carried.iter().map(|(change, certificate)| {
                format!("{{\"change\":\"{change}\",\"certificate\":\"{certificate}\"}}")
            });
            format!(
                "{{\"change\":\"{}\",\"first\":\"{}\",\"last\":\"{}\",\"approvals\":[{}],\
                 \"match\":\"{}\",\"carried\":[{}]}}",
                row.change,
                row.first,
                row.last,
                approvals.join(","),
                if row.is_carried { "carried" } else { "exact" },
                carried.collect::<Vec<_>>().join(",")
            )
        })
        .collect();
    format!(
        "{{\"type\":\"countersign cover v1\",\"segments\":[{}],\"contained\":[{}]}}",
        rows.join(","),
        contained.join(",")
    )
}

/// What things are called in a log that lacks an entry.
struct Renamed {
    dropped: u64,
    ids: BTreeMap<StatementId, StatementId>,
    covers: BTreeMap<ContentDigest, ContentDigest>,
}

impl Renamed {
    fn size(&self, size: u64) -> u64 {
        if size > self.dropped { size - 1 } else { size }
    }

    fn entry(&self, index: u64) -> Option<u64> {
        (index != self.dropped).then(|| self.size(index))
    }

    fn index(&self, index: &mut EntryIndex) -> Option<()> {
        *index = EntryIndex::new(self.entry(index.get())?);
        Some(())
    }

    fn id(&self, id: &mut StatementId) -> Option<()> {
        *id = *self.ids.get(id)?;
        Some(())
    }

    fn says(&self, says: &mut Says, world: &World) -> Option<()> {
        match says {
            Says::Governance(body) => {
                body.base = world.view.newest_governance().map(|entry| entry.leaf);
                for operation in &mut body.operations {
                    match operation {
                        Operation::Lift(said) => {
                            said.entry = world.reference(self.entry(said.entry.index.get())?);
                        }
                        Operation::RevokeKey(said) => {
                            if let Some(since) = &mut said.since {
                                *since = EntryIndex::new(self.size(since.get()));
                            }
                        }
                        Operation::SetBaseline(said) => {
                            if let Some(replaces) = &mut said.replaces {
                                self.index(replaces)?;
                            }
                        }
                        _ => {}
                    }
                }
            }
            Says::Approval(body) => {
                if let Some(named) = &mut body.withdraws {
                    *named = world.reference(self.entry(named.index.get())?);
                }
            }
            Says::Decision(body) => {
                self.index(&mut body.policy)?;
                for point in [&mut body.start, &mut body.newest].into_iter().flatten() {
                    self.index(point)?;
                }
                if let Some(cover) = &mut body.cover {
                    *cover = self.covers.get(cover).copied().unwrap_or(*cover);
                }
                body.overrides.iter_mut().try_for_each(|id| self.id(id))?;
                body.overrides.sort_unstable();
            }
            Says::Deployment(body) => {
                for id in [&mut body.decision, &mut body.started].into_iter().flatten() {
                    self.id(id)?;
                }
                body.overrides.iter_mut().try_for_each(|id| self.id(id))?;
                body.overrides.sort_unstable();
            }
            Says::Change(_) | Says::Landed(_) | Says::Build(_) | Says::Override(_) => {}
        }
        Some(())
    }
}
