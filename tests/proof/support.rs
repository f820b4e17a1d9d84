//! A small log of real statements, with a ledger's key, three witnesses and trust roots.

#![allow(dead_code, reason = "a module of two test programs, each with its own needs")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::base::digest::LeafHash;
use countersign::base::name::Origin;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::key::Signer as _;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::leaf::{Leaf, no_leaf};
use countersign::ledger::receipt::{EntryProof, Receipt};
use countersign::merkle::proof::Prover;
use countersign::merkle::tile::Tile;
use countersign::merkle::tree::{TileError, TileTree};
use countersign::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use countersign::note::cosignature::Cosigner;
use countersign::note::key::NoteSigner;
use countersign::session::sign;
use countersign::statement::{Seen, Statement};
use countersign::verify::proof::{CheckedProof, Known, ProofFile, ProofRefusal};
use countersign::verify::trust::TrustRoot;

use crate::samples;

pub(crate) use crate::samples::ORIGIN;

/// 1 Jan 2026 00:00:10 UTC, and a second later for each further witness.
pub(crate) const WITNESSED: u64 = 1_767_225_610;

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, &[samples::LEDGER; 32]).unwrap()
}

pub(crate) fn cosigner(number: u8) -> Cosigner {
    Cosigner::new(&format!("witness.example/w{number}"), &[0x20 + number; 32]).unwrap()
}

/// Checks one file by what a trust root says and these trees.
pub(crate) fn check(
    file: ProofFile,
    trust: &TrustRoot,
    trees: &[Seen],
) -> Result<CheckedProof, ProofRefusal> {
    let mut known = Known::new(trust);
    trees.iter().try_for_each(|tree| known.add_tree(*tree))?;
    known.check(file)
}

/// A log: its leaves, and its tiles at its newest size.
pub(crate) struct Log {
    pub(crate) leaves: Vec<Leaf>,
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
}

impl Log {
    /// Entry 0 as a ledger begins, and approvals of it.
    pub(crate) fn new(size: u8) -> Self {
        let mut log = Self { leaves: Vec::new(), tiles: BTreeMap::new() };
        let mut tree = TileTree::new();
        for number in 0..size {
            let statement = log.statement(number);
            let by = samples::ADA;
            let envelope = sign(&statement, &samples::signer(by)).unwrap().to_canonical();
            let time = Timestamp::from_milliseconds(1_767_225_600_000 + u64::from(number));
            let prev = log.leaves.last().map_or_else(no_leaf, Leaf::hash);
            let leaf = Leaf::new(time, prev, envelope).unwrap();
            tree.append(&leaf.hash());
            log.leaves.push(leaf);
        }
        let changed = tree.take_changed().into_iter();
        log.tiles = changed.map(|(tile, bytes)| ((tile.level, tile.index), bytes)).collect();
        log
    }

    fn statement(&self, number: u8) -> Statement {
        if number == 0 {
            return samples::genesis();
        }
        let mut statement =
            samples::verdict_on(countersign::statement::words::ApprovalVerdict::Approve, number);
        statement.ledger = Some(self.id());
        statement
    }

    /// What the ledger is called: the leaf hash of entry 0.
    pub(crate) fn id(&self) -> LeafHash {
        self.leaves[0].hash()
    }

    pub(crate) fn prover(
        &self,
        size: u64,
    ) -> Prover<impl FnMut(Tile) -> Result<Option<Vec<u8>>, TileError>> {
        Prover::new(TreeSize::new(size), |tile| {
            let bytes = self.tiles.get(&(tile.level, tile.index));
            Ok(bytes.map(|bytes| bytes[..tile.bytes_count()].to_vec()))
        })
    }

    /// The tree of the first `size` entries.
    pub(crate) fn seen(&self, size: u64) -> Seen {
        let size = TreeSize::new(size);
        Seen { size, root: self.prover(size.get()).root(size).unwrap() }
    }

    /// Its checkpoint, signed by the ledger and by those witnesses.
    pub(crate) fn checkpoint(&self, size: u64, witnesses: &[u8]) -> VerifiedCheckpoint {
        let seen = self.seen(size);
        let signer = signer();
        let checkpoint = Checkpoint::new(ORIGIN, seen.size, seen.root).sign(&signer).unwrap();
        let mut note = checkpoint.note().clone();
        for number in witnesses {
            let seconds = WITNESSED + u64::from(*number);
            note.add(cosigner(*number).sign(&note, seconds).unwrap()).unwrap();
        }
        VerifiedCheckpoint::of(note, ORIGIN, &signer.verifier_key()).unwrap()
    }

    /// An entry with its proof.
    pub(crate) fn entry(&self, index: u64, size: u64, witnesses: &[u8]) -> EntryProof {
        let leaf = self.leaves[usize::try_from(index).unwrap()].clone();
        let index = EntryIndex::new(index);
        let receipt = Receipt {
            index,
            leaf_hash: leaf.hash(),
            checkpoint: self.checkpoint(size, witnesses),
            proof: self.prover(size).inclusion(index).unwrap(),
        };
        EntryProof { leaf, receipt }
    }

    /// The proof that it only grew.
    pub(crate) fn growth(&self, old: u64, size: u64, witnesses: &[u8]) -> ConsistencyProof {
        let old_size = TreeSize::new(old);
        let hashes = self.prover(size).consistency(old_size).unwrap();
        let checkpoint = self.checkpoint(size, witnesses).note().clone();
        ConsistencyProof { old_size, hashes, checkpoint }
    }

    /// A trust root of this log with further lines.
    pub(crate) fn trust_with(&self, witnesses: &str) -> TrustRoot {
        let origin = Origin::new(ORIGIN).unwrap();
        let admin = samples::signer(samples::ADA).public_key().fingerprint();
        let key = signer().verifier_key();
        let plain = TrustRoot::new(&origin, self.id(), &key, &[admin]).unwrap();
        TrustRoot::parse(format!("{}{witnesses}", plain.to_toml()).as_bytes()).unwrap()
    }

    /// One that asks for `need` of the first `count` witnesses.
    pub(crate) fn trust(&self, count: u8, need: &str) -> TrustRoot {
        if count == 0 {
            return self.trust_with("");
        }
        let mut text = String::from("quorum = \"enough\"\n");
        for number in 0..count {
            let key = cosigner(number).key();
            write!(text, "[[witness]]\nname = \"w{number}\"\nkey = \"{key}\"\n").unwrap();
        }
        let names: Vec<_> = (0..count).map(|number| format!("\"w{number}\"")).collect();
        let names = names.join(", ");
        write!(text, "[[group]]\nname = \"enough\"\nneed = {need}\nmembers = [{names}]\n").unwrap();
        self.trust_with(&text)
    }
}
