//! One run: what happens next is chance by the seed, and what was promised is written down.

use std::collections::{BTreeMap, VecDeque};

use countersign::base::digest::{LeafHash, RootHash, StatementId, sha256};
use countersign::base::limits::TIME_JUMP_MILLISECONDS_MAX;
use countersign::base::position::TreeSize;
use countersign::base::time::Timestamp;
use countersign::ledger::append::{LedgerError, REFUSED_CLOCK_JUMP, Refusal};
use countersign::ledger::check::check;
use countersign::ledger::read::prover;
use countersign::ledger::receipt::Receipt;
use countersign::statement::Seen;
use countersign::statement::envelope::Envelope;
use countersign::store::fault::{Fault, FaultPlan};

use crate::client::{ADMIN, Client, ORIGIN, REVIEWERS, Request, genesis, ledger_key};
use crate::server::{Machine, Server};

/// The beginning of all runs, in milliseconds since 1970.
const BEGIN: u64 = 1_800_000_000_000;
/// How long a client waits for an answer, in milliseconds.
const PATIENCE: u64 = 2_000;
/// Most requests of one commit.
const BATCH_MAX: usize = 16;

/// Splitmix64: a run is its seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        sha256(&[&self.next().to_be_bytes(), &self.next().to_be_bytes()])
    }
}

/// What a run met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) entries: u64,
    pub(crate) acknowledged: u64,
    pub(crate) commits: u64,
    pub(crate) batches_of_many: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    pub(crate) faults: u64,
    pub(crate) openings_failed: u64,
    pub(crate) restarts: u64,
    pub(crate) answers_lost: u64,
    pub(crate) retries: u64,
    /// Statements that were in the ledger already when they were handed in again.
    pub(crate) repeated: u64,
    pub(crate) jumps: u64,
    pub(crate) jumps_refused: u64,
    pub(crate) calls: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { entries, acknowledged, commits, batches_of_many, kills, power_cuts, .. } = other;
        self.entries += entries;
        self.acknowledged += acknowledged;
        self.commits += commits;
        self.batches_of_many += batches_of_many;
        self.kills += kills;
        self.power_cuts += power_cuts;
        self.faults += other.faults;
        self.openings_failed += other.openings_failed;
        self.restarts += other.restarts;
        self.answers_lost += other.answers_lost;
        self.retries += other.retries;
        self.repeated += other.repeated;
        self.jumps += other.jumps;
        self.jumps_refused += other.jumps_refused;
        self.calls += other.calls;
    }
}

/// An answer on its way.
struct Answer {
    at: u64,
    client: usize,
    id: StatementId,
    /// None where the writer ended with an error.
    said: Option<Result<Receipt, Refusal>>,
}

/// What was promised: positions of statements, and roots of trees.
#[derive(Default)]
struct Promised {
    entries: BTreeMap<u64, (StatementId, LeafHash)>,
    positions: BTreeMap<StatementId, u64>,
    trees: BTreeMap<u64, RootHash>,
}

pub(crate) struct World {
    random: Random,
    now: u64,
    /// The machine's clock less the true time, in milliseconds.
    clock_ahead: i64,
    machine: Machine,
    server: Option<Server>,
    busy_until: u64,
    waiting: VecDeque<(usize, Request)>,
    answers: Vec<Answer>,
    clients: Vec<Client>,
    /// Everything that was ever handed in.
    handed_in: BTreeMap<StatementId, Request>,
    promised: Promised,
    /// The size that the ledger had when it was open last.
    size: u64,
    trace: [u8; 32],
    counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut clients = vec![Client::new(ADMIN)];
        clients.extend(REVIEWERS.map(Client::new));
        let mut this = Self {
            random: Random(seed),
            now: BEGIN,
            clock_ahead: 0,
            machine: Machine::new(),
            server: None,
            busy_until: 0,
            waiting: VecDeque::new(),
            answers: Vec::new(),
            clients,
            handed_in: BTreeMap::new(),
            promised: Promised::default(),
            size: 0,
            trace: [0; 32],
            counts: Counts::default(),
        };
        this.begin();
        this
    }

    /// The ledger begins with nothing failing: that it may fail as well is shown elsewhere.
    fn begin(&mut self) {
        let envelope = genesis();
        let request = Request {
            id: envelope.statement_id(),
            envelope: envelope.to_canonical(),
            opening: None,
        };
        let opened = Server::open(&self.machine, FaultPlan::none());
        let mut server = opened.unwrap_or_else(|failed| panic!("{}", failed.error));
        let receipts = server.commit(self.clock(), std::slice::from_ref(&request)).unwrap();
        let receipt = receipts.into_iter().next().unwrap().unwrap();
        self.handed_in.insert(request.id, request.clone());
        let seen = Seen { size: receipt.checkpoint.size(), root: *receipt.checkpoint.root() };
        for client in &mut self.clients {
            client.seen = Some(seen);
        }
        self.promise(request.id, &receipt);
        self.size = 1;
        self.server = Some(server);
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.now.saturating_add_signed(self.clock_ahead))
    }

    fn trace(&mut self, what: &str) {
        let line = format!("{} {what}", self.now);
        self.trace = sha256(&[&self.trace, line.as_bytes()]);
    }

    pub(crate) fn step(&mut self) {
        self.now += 1 + self.random.next() % 200;
        self.answer();
        match self.random.below(100) {
            0..45 => self.client_acts(),
            45..80 => self.commit(),
            80..84 => self.crash(),
            84..86 => self.clock_jumps(),
            _ => {}
        }
        if self.server.is_none() && self.random.chance(60) {
            let plan = self.next_plan();
            self.restart(plan);
        }
    }

    /// What will fail from the next opening on.
    fn next_plan(&mut self) -> std::sync::Arc<FaultPlan> {
        let fault = match self.random.below(5) {
            0 => Fault::NotDone,
            1 => Fault::DoneButFailed,
            2 => Fault::Crash,
            _ => return FaultPlan::none(),
        };
        FaultPlan::new(fault, self.random.next() % 120)
    }

    fn client_acts(&mut self) {
        let number = self.random.below(self.clients.len());
        let clock = self.clock().milliseconds();
        let Some(view) = self.server.as_ref().map(|server| &server.view) else { return };
        let ledger = view.ledger().unwrap().id;
        let governance = view.newest_governance();
        let client = &mut self.clients[number];
        if client.wants.is_none() {
            if client.name == ADMIN {
                // What the admin rests on must be the newest: taken when it is signed.
                client.confirm_clock(ledger, governance, clock + 1_000, &mut self.random);
            } else {
                client.approve(ledger, &mut self.random);
            }
        }
        let is_late = client.since.is_some_and(|since| since + PATIENCE < self.now);
        if client.since.is_some() && !is_late {
            return;
        }
        let Some(request) = client.wants.clone() else { return };
        self.counts.retries += u64::from(client.is_retry);
        (client.since, client.is_retry) = (Some(self.now), true);
        self.trace(&format!("client {number} hands in {}", request.id));
        self.handed_in.insert(request.id, request.clone());
        self.waiting.push_back((number, request));
    }

    /// The writer takes what waits, if it is there and not busy.
    fn commit(&mut self) {
        if self.busy_until > self.now || self.waiting.is_empty() {
            return;
        }
        let clock = self.clock();
        let Some(server) = &mut self.server else { return };
        let count = self.waiting.len().min(1 + self.random.below(BATCH_MAX));
        let (clients, requests): (Vec<_>, Vec<_>) = self.waiting.drain(..count).unzip();
        let before = server.calls();
        let result = server.commit(clock, &requests);
        self.counts.calls += server.calls() - before;
        self.counts.commits += 1;
        self.counts.batches_of_many += u64::from(count > 1);
        // A slow disk: what arrives meanwhile waits for the next commit.
        let slow = if self.random.chance(10) { 5_000 } else { 100 };
        self.busy_until = self.now + self.random.next() % slow;
        let ids: Vec<_> = requests.iter().map(|request| request.id).collect();
        self.trace(&format!("commit of {count}: {}", result.is_ok()));
        let said: Vec<_> = match result {
            Ok(receipts) => receipts.into_iter().map(Some).collect(),
            Err(error) => {
                assert!(!matches!(error, LedgerError::Stale | LedgerError::Poisoned), "{error}");
                self.counts.faults += 1;
                ids.iter().map(|_| None).collect()
            }
        };
        let failed = said.iter().any(Option::is_none);
        for ((client, id), said) in clients.into_iter().zip(ids).zip(said) {
            if let Some(Ok(receipt)) = &said {
                self.promise(id, receipt);
            }
            self.answers.push(Answer { at: self.busy_until, client, id, said });
        }
        if failed {
            self.end(false);
        } else {
            self.size = self.server.as_ref().map_or(self.size, |server| server.size().get());
        }
    }

    /// A receipt exists from here on: whatever happens, what it says stays true.
    fn promise(&mut self, id: StatementId, receipt: &Receipt) {
        receipt.verify().unwrap();
        let (index, leaf) = (receipt.index.get(), receipt.leaf_hash);
        let entry = *self.promised.entries.entry(index).or_insert((id, leaf));
        assert_eq!(entry, (id, leaf), "two statements at {index}");
        let position = *self.promised.positions.entry(id).or_insert(index);
        assert_eq!(position, index, "one statement at two positions");
        let (size, root) = (receipt.checkpoint.size().get(), *receipt.checkpoint.root());
        let tree = *self.promised.trees.entry(size).or_insert(root);
        assert_eq!(tree, root, "two trees of {size} entries were signed");
        self.counts.repeated += u64::from(index < self.size);
        self.counts.acknowledged += 1;
    }

    /// Answers that are due arrive, or are lost.
    fn answer(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.answers).into_iter().partition(|one| one.at <= self.now);
        self.answers = later;
        for answer in due {
            if self.random.chance(10) {
                self.counts.answers_lost += 1;
                continue;
            }
            self.deliver(answer);
        }
    }

    fn deliver(&mut self, answer: Answer) {
        let client = &mut self.clients[answer.client];
        if client.wants.as_ref().is_none_or(|request| request.id != answer.id) {
            return;
        }
        match answer.said {
            None => client.since = None,
            Some(Ok(receipt)) => {
                let envelope = &self.handed_in[&answer.id].envelope;
                let envelope = Envelope::parse(envelope).unwrap();
                assert_eq!(envelope.statement_id(), answer.id);
                let seen =
                    Seen { size: receipt.checkpoint.size(), root: *receipt.checkpoint.root() };
                client.seen = client.seen.max_by_size(seen);
                (client.wants, client.since) = (None, None);
            }
            Some(Err(refusal)) if refusal.code == REFUSED_CLOCK_JUMP => {
                self.counts.jumps_refused += 1;
                client.since = None;
            }
            // The admin's word on the clock rests on a governance entry that is not the newest.
            Some(Err(_)) if client.name == ADMIN => (client.wants, client.since) = (None, None),
            Some(Err(refusal)) => panic!("refused: {} {}", refusal.code, refusal.message),
        }
    }

    fn clock_jumps(&mut self) {
        let hour = 3_600_000;
        let jump: i64 = match self.random.below(4) {
            0 => -hour * 5,
            1 => hour,
            2 => i64::try_from(TIME_JUMP_MILLISECONDS_MAX).unwrap() + hour,
            // Somebody sets it right.
            _ => -self.clock_ahead,
        };
        self.clock_ahead += jump;
        self.counts.jumps += 1;
        self.trace(&format!("the clock jumps by {jump}"));
    }

    fn crash(&mut self) {
        if self.server.is_some() {
            let is_power_cut = self.random.chance(60);
            self.counts.power_cuts += u64::from(is_power_cut);
            self.counts.kills += u64::from(!is_power_cut);
            self.end(is_power_cut);
        }
    }

    /// The writer ends, and with it what waits and what was not answered yet.
    fn end(&mut self, is_power_cut: bool) {
        let Some(server) = self.server.take() else { return };
        self.machine =
            if is_power_cut { server.after_power_loss(&mut self.random) } else { server.killed() };
        self.counts.answers_lost += self.answers.len() as u64;
        self.answers.clear();
        self.waiting.clear();
        self.busy_until = 0;
        self.trace(&format!("the writer ends, power cut: {is_power_cut}"));
    }

    fn restart(&mut self, plan: std::sync::Arc<FaultPlan>) {
        match Server::open(&self.machine, plan) {
            Ok(server) => {
                self.judge(&server);
                self.size = server.size().get();
                self.counts.restarts += 1;
                self.server = Some(server);
                self.trace("opened");
            }
            Err(failed) => {
                let is_fault = failed.error.to_string().contains("injected fault");
                assert!(is_fault, "it does not open: {}", failed.error);
                self.machine = failed.machine;
                self.counts.openings_failed += 1;
                self.trace("not opened");
            }
        }
    }

    /// Compares what is there with what was promised.
    fn judge(&mut self, server: &Server) {
        let size = server.size().get();
        assert!(size >= self.size, "set back from {} to {size}", self.size);
        for (index, (id, leaf)) in &self.promised.entries {
            let found = server.leaf(*index);
            let found = found.unwrap_or_else(|| panic!("entry {index} was promised and is lost"));
            assert_eq!(found.hash(), *leaf, "entry {index} is another");
            let envelope = Envelope::parse_canonical(found.envelope()).unwrap();
            assert_eq!(envelope.statement_id(), *id);
        }
        let mut ids = BTreeMap::new();
        for index in 0..size {
            let leaf = server.leaf(index).unwrap();
            let id = Envelope::parse_canonical(leaf.envelope()).unwrap().statement_id();
            let request = self.handed_in.get(&id).unwrap_or_else(|| panic!("nobody said {index}"));
            assert!(server.has_opening(request).unwrap(), "the opening of entry {index} is lost");
            assert_eq!(ids.insert(id, index), None, "entry {index} is there twice");
        }
        let trees: Vec<_> = self.promised.trees.iter().collect();
        for (tree, root) in trees.iter().rev().take(3) {
            let found = prover(&server.store, server.size()).root(TreeSize::new(**tree)).unwrap();
            assert_eq!(found, **root, "another history of {tree} entries");
        }
        let keys = [ledger_key().verifier_key()];
        let file = server.checkpoint_file();
        let report = check(&server.store, &file, ORIGIN, &keys, &mut |_, _, _| Ok(())).unwrap();
        assert_eq!(report.damage, None);
    }

    /// Nothing fails any more: everybody gets an answer, and everything is judged once more.
    pub(crate) fn conclude(mut self) -> (Counts, [u8; 32]) {
        self.end(true);
        self.clock_ahead = 0;
        self.restart(FaultPlan::none());
        let newest = self.server.as_ref().and_then(|server| server.leaf(self.size - 1)).unwrap();
        self.now = self.now.max(newest.time().milliseconds());
        for _ in 0..10 * self.clients.len() {
            for number in 0..self.clients.len() {
                if let Some(request) = self.clients[number].wants.clone() {
                    self.handed_in.insert(request.id, request.clone());
                    self.waiting.push_back((number, request));
                }
            }
            self.busy_until = 0;
            self.commit();
            self.now += 10_000;
            for answer in std::mem::take(&mut self.answers) {
                self.deliver(answer);
            }
        }
        assert!(self.clients.iter().all(|client| client.wants.is_none()), "somebody still waits");
        self.end(true);
        self.restart(FaultPlan::none());
        self.counts.entries = self.size;
        (self.counts, self.trace)
    }
}

trait Newer {
    /// The larger of two trees.
    fn max_by_size(self, other: Seen) -> Self;
}

impl Newer for Option<Seen> {
    fn max_by_size(self, other: Seen) -> Self {
        match self {
            Some(seen) if seen.size >= other.size => Some(seen),
            _ => Some(other),
        }
    }
}
