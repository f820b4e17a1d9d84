//! A ledger in memory with four people, a gate and a builder; changes are made up.

use countersign::base::digest::{
    ChangeHash, Commitment, ContentDigest, EmailDigest, StatementId, sha256,
};
use countersign::base::encoding;
use countersign::base::name::{MemberId, Revision};
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::change::{ChangePath, Content, Document, Mode, Row, Side, Step};
use countersign::key::{SeedSigner, Signer as _};
use countersign::ledger::admission::Admitter;
use countersign::ledger::append::{Ledger, Refusal};
use countersign::ledger::store::Store as _;
use countersign::note::key::NoteSigner;
use countersign::session::{StoreLog, sign, sign_again};
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::envelope::Envelope;
use countersign::statement::governance::{
    Accepted, AddKey, EntryReference, Genesis, Governance, Operation, SetAdmins, SetBaseline,
    SetMember, SetPolicy,
};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, DecisionVerdict, Duty, MemberKind, Mode as GateMode, Outcome,
    Shown, SubjectType,
};
use countersign::statement::{Nonce, Says, Seen, Statement};
use countersign::store::memory::{MemoryCheckpoint, MemoryStore};
use countersign::verify::evidence::Position;
use countersign::verify::{
    Evidence, Question, SeenAuthor, SeenKind, StepEvidence, Verdict, VerifiedEntry, verdict,
};
use countersign::view::View;

pub(crate) const POLICY: &str = r#"version = 1
levels = ["junior", "senior"]

[environment.production]
mode = "enforce"

[service.shop]
repository = "shop"
branch = "refs/heads/main"

[[rule]]
name = "AI-assisted changes by juniors need a senior"
when = { assistance = ["assisted", "generated"], author_below = "senior" }
require = [{ level = "senior", count = 1 }]
"#;

const ORIGIN: &str = "test.example/ledger";

/// Who there is: id, seed of the key, kind, level, duties.
type Person = (&'static str, u8, MemberKind, Option<&'static str>, &'static [Duty]);
const PEOPLE: &[Person] = &[
    ("ada", 1, MemberKind::Human, Some("senior"), &[Duty::Review, Duty::Deploy]),
    ("ben", 2, MemberKind::Human, Some("junior"), &[Duty::Review]),
    ("cy", 3, MemberKind::Human, Some("junior"), &[Duty::Review]),
    ("gate", 4, MemberKind::Service, None, &[Duty::Decide, Duty::Deploy]),
    ("ci", 5, MemberKind::Service, None, &[Duty::Declare, Duty::Build]),
    ("bot", 6, MemberKind::Agent, None, &[Duty::Review]),
];

pub(crate) struct World {
    store: MemoryStore,
    checkpoint: MemoryCheckpoint,
    pub(crate) view: View,
    pub(crate) now: Timestamp,
    nonce: u8,
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

pub(crate) fn signer(seed: u8) -> SeedSigner {
    SeedSigner::from_seed(&[seed; 32], "test").unwrap()
}

pub(crate) fn seed_of(name: &str) -> u8 {
    PEOPLE.iter().find(|person| person.0 == name).unwrap().1
}

pub(crate) fn email(name: &str) -> EmailDigest {
    EmailDigest::from_bytes(sha256(&[b"email", name.as_bytes()]))
}

pub(crate) fn commit(label: &str) -> Revision {
    Revision::new(&encoding::hex(&sha256(&[label.as_bytes()]))[..40]).unwrap()
}

pub(crate) fn add_key(name: &str, seed: u8) -> Operation {
    let key = signer(seed).public_key().clone();
    Operation::AddKey(AddKey { member: id(name), key, attestation: None })
}

pub(crate) fn set_member(name: &str, level: Option<&str>) -> SetMember {
    let person = PEOPLE.iter().find(|person| person.0 == name).unwrap();
    SetMember {
        member: id(name),
        kind: person.2,
        level: level.map(|level| level.parse().unwrap()),
        teams: Vec::new(),
        duties: person.4.to_vec(),
        operator: (person.2 == MemberKind::Agent).then(|| id("ben")),
        profile: None,
        emails: vec![email(name)],
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_policy(POLICY)
    }

    pub(crate) fn with_policy(policy: &str) -> Self {
        let mut operations = Vec::new();
        for (name, seed, _, level, _) in PEOPLE {
            operations.push(Operation::SetMember(set_member(name, *level)));
            operations.push(add_key(name, *seed));
        }
        let admins = vec![id("ada")];
        operations.push(Operation::SetAdmins(SetAdmins { admins, threshold: 1 }));
        operations.push(Operation::SetPolicy(SetPolicy { text: policy.to_owned() }));
        operations.push(Operation::SetBaseline(SetBaseline {
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            accepted: Accepted::UpTo(commit("start")),
            replaces: None,
            reason: None,
        }));
        let genesis = Genesis {
            origin: ORIGIN.parse().unwrap(),
            ledger_key: note_key().verifier_key().to_string(),
            salt: Commitment::from_bytes([0; 32]),
        };
        let says = Says::Governance(Governance { genesis: Some(genesis), base: None, operations });
        let nonce = Nonce::from_bytes([0; 16]);
        let statement = Statement { ledger: None, by: id("ada"), nonce, seen: None, says };
        let mut world = Self {
            store: MemoryStore::default(),
            checkpoint: MemoryCheckpoint::default(),
            view: View::default(),
            now: Timestamp::from_milliseconds(1_800_000_000_000),
            nonce: 0,
        };
        world.submit(&sign(&statement, &signer(1)).unwrap()).unwrap();
        world
    }

    /// Appends an envelope through admission.
    pub(crate) fn submit(&mut self, envelope: &Envelope) -> Result<EntryIndex, Refusal> {
        let bytes = envelope.to_canonical();
        self.submit_bytes(&bytes)
    }

    pub(crate) fn submit_bytes(&mut self, bytes: &[u8]) -> Result<EntryIndex, Refusal> {
        let file = &self.checkpoint;
        let mut ledger = Ledger::open(&self.store, ORIGIN, note_key(), &[], file).unwrap();
        let mut view = self.view.clone();
        let log = StoreLog::new(&self.store);
        let mut admitter = Admitter::new(&mut view, &log);
        let receipt = ledger.append(&mut admitter, self.now, &[bytes]).unwrap().pop().unwrap()?;
        self.view = view;
        Ok(receipt.index)
    }

    /// What `by` says, resting on the newest state.
    pub(crate) fn statement(&mut self, by: &str, says: Says) -> Statement {
        self.nonce += 1;
        let head = self.store.head().unwrap().unwrap();
        Statement {
            ledger: self.view.ledger().map(|ledger| ledger.id),
            by: id(by),
            nonce: Nonce::from_bytes([self.nonce; 16]),
            seen: Some(Seen { size: head.size, root: head.root }),
            says,
        }
    }

    /// Says it, signed by the speaker's own key.
    pub(crate) fn say(&mut self, by: &str, says: Says) -> Result<EntryIndex, Refusal> {
        let statement = self.statement(by, says);
        self.submit(&sign(&statement, &signer(seed_of(by))).unwrap())
    }

    pub(crate) fn govern(&mut self, operations: Vec<Operation>) -> Result<EntryIndex, Refusal> {
        let envelope = self.governance("ada", operations, &[1]);
        self.submit(&envelope)
    }

    pub(crate) fn governance(
        &mut self,
        by: &str,
        operations: Vec<Operation>,
        seeds: &[u8],
    ) -> Envelope {
        let base = self.view.newest_governance().map(|entry| entry.leaf);
        let says = Says::Governance(Governance { genesis: None, base, operations });
        let statement = self.statement(by, says);
        let unsigned = Envelope::new(statement.to_payload().unwrap(), Vec::new());
        seeds.iter().fold(unsigned, |envelope, seed| sign_again(envelope, &signer(*seed)).unwrap())
    }

    pub(crate) fn approve(&mut self, by: &str, step: &StepEvidence) -> Result<EntryIndex, Refusal> {
        let says = Says::Approval(word(ApprovalVerdict::Approve, &step.step.document));
        self.say(by, says)
    }

    pub(crate) fn declare(
        &mut self,
        by: &str,
        step: &StepEvidence,
        authors: &[&str],
        assistance: Assistance,
    ) -> Result<EntryIndex, Refusal> {
        let mut authors: Vec<_> = authors.iter().map(|a| DeclaredAuthor::Member(id(a))).collect();
        authors.sort_unstable();
        self.say(
            by,
            Says::Change(Declaration {
                change: step.step.document.hash(),
                repository: "shop".parse().unwrap(),
                base: None,
                head: step.step.commit.clone(),
                target: "refs/heads/main".parse().unwrap(),
                authors,
                request: None,
                predecessor: None,
                assistance,
                tools: Vec::new(),
            }),
        )
    }

    /// The entry at an index, by reference.
    pub(crate) fn reference(&self, index: EntryIndex) -> EntryReference {
        let leaf = self.store.leaf(index).unwrap().unwrap();
        EntryReference { index, leaf: countersign::merkle::leaf_hash(&leaf) }
    }

    /// Every entry so far, verified.
    pub(crate) fn entries(&self) -> Vec<VerifiedEntry> {
        let leaves = self.store.leaves(EntryIndex::new(0), 4_096).unwrap();
        let verify = |(index, leaf): (usize, &Vec<u8>)| {
            VerifiedEntry::verify(EntryIndex::new(index as u64), leaf, self.view.roster()).unwrap()
        };
        leaves.iter().enumerate().map(verify).collect()
    }

    pub(crate) fn question(&self, revision: &Revision) -> Question {
        Question {
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            time: self.now,
        }
    }

    /// The verdict on a chain from the newest settled point.
    pub(crate) fn judge(&self, steps: &[StepEvidence]) -> Verdict {
        let question = self.question(&steps.last().unwrap().step.commit);
        self.judge_question(&question, steps)
    }

    pub(crate) fn judge_question(&self, question: &Question, steps: &[StepEvidence]) -> Verdict {
        let documents: Vec<_> = steps.iter().map(|step| &step.step.document).collect();
        let evidence = Evidence {
            view: &self.view,
            position: &Position::Linear,
            steps,
            difference: &Document::compose(&documents).unwrap(),
            entries: &self.entries(),
            cover: None,
            start_changes: &[],
            returning: &[],
            live: None,
            whole: None,
            runs: &[],
            covers: &[],
            carried: &[],
            uncarried: &[],
        };
        verdict(question, &evidence)
    }

    /// Records the gate's allow of a revision, and then its deployment; gives the decision's id.
    pub(crate) fn decide(&mut self, revision: &Revision) -> Says {
        let place = ("shop".parse().unwrap(), "production".parse().unwrap());
        let newest = self.view.settled(&place.0, &place.1).newest().map(|p| p.entry.index);
        Says::Decision(Decision {
            service: place.0,
            environment: place.1,
            repository: "shop".parse().unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            verdict: DecisionVerdict::Allow,
            mode: GateMode::Enforce,
            start: newest,
            newest,
            policy: self.view.policy().unwrap().entry,
            trust: ContentDigest::from_bytes([0; 32]),
            reasons: Vec::new(),
            cover: Some(ContentDigest::from_bytes([0; 32])),
            overrides: Vec::new(),
            program: "test".parse().unwrap(),
        })
    }

    pub(crate) fn deploy(&mut self, revision: &Revision) -> EntryIndex {
        let says = self.decide(revision);
        let decision = self.say_by_gate(says);
        self.deploy_in("production", revision, decision, Outcome::Started)
    }

    /// The gate says it; gives the statement's identity.
    pub(crate) fn say_by_gate(&mut self, says: Says) -> StatementId {
        let statement = self.statement("gate", says);
        let envelope = sign(&statement, &signer(4)).unwrap();
        self.submit(&envelope).unwrap();
        envelope.statement_id()
    }

    /// Records a deployment that names a decision.
    pub(crate) fn deploy_in(
        &mut self,
        environment: &str,
        revision: &Revision,
        decision: StatementId,
        outcome: Outcome,
    ) -> EntryIndex {
        let deployment = Deployment {
            service: "shop".parse().unwrap(),
            environment: environment.parse().unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            decision: Some(decision),
            overrides: Vec::new(),
            started: None,
            outcome,
            trigger: None,
            run: None,
        };
        self.say("gate", Says::Deployment(deployment)).unwrap()
    }
}

fn note_key() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[9; 32]).unwrap()
}

/// An approval, reject or so of one change.
pub(crate) fn word(verdict: ApprovalVerdict, document: &Document) -> Approval {
    Approval {
        verdict,
        subject_type: SubjectType::Change,
        rows: vec![row(document.hash())],
        withdraws: None,
        comment: None,
        checklist: Vec::new(),
    }
}

pub(crate) fn row(hash: ChangeHash) -> ApprovalRow {
    ApprovalRow {
        hash: ContentDigest::from_bytes(*hash.as_bytes()),
        repository: Some("shop".parse().unwrap()),
        target: Some("refs/heads/main".parse().unwrap()),
        service: None,
        base: None,
        head: Some(commit("head")),
        assistance_seen: Some(Assistance::Generated),
        shown: Shown::Diff,
        supersedes: None,
    }
}

fn side(content: Option<&str>) -> Side {
    content.map_or(Side::ABSENT, |content| Side {
        mode: Mode::File,
        content: Content::Sha256(ContentDigest::of(content.as_bytes())),
    })
}

/// A document of one path.
pub(crate) fn document(path: &str, old: Option<&str>, new: Option<&str>) -> Document {
    let path = ChangePath::new(path).unwrap();
    Document::new(vec![Row { path, old: side(old), new: side(new) }]).unwrap()
}

/// A step that changes one path, by somebody.
pub(crate) fn step(
    label: &str,
    author: &str,
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> StepEvidence {
    StepEvidence {
        step: Step {
            commit: commit(label),
            parent: None,
            document: document(path, old, new),
            commits: Vec::new(),
            path_facts: Vec::new(),
            author_counts: true,
            collisions: Vec::new(),
        },
        title: label.to_owned(),
        authors: vec![SeenAuthor {
            kind: SeenKind::Person,
            email: email(author),
            label: author.to_owned(),
        }],
        detected: None,
        colliding: Vec::new(),
        attested_by: None,
    }
}
