//! What `verify` answers about one file.

use serde::Serialize;

use crate::base::digest::{LeafHash, RootHash, StatementId};
use crate::base::name::{MemberId, WitnessName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::cli::exit::ExitStatus;
use crate::cli::time::rfc3339;
use crate::cli::trusted::{self, at};
use crate::cli::ui::{Table, Ui, Word};
use crate::ledger::consistency::ConsistencyError;
use crate::ledger::fork::{Fork, ForkError};
use crate::ledger::receipt::ReceiptError;
use crate::note::NoteError;
use crate::note::checkpoint::CheckpointError;
use crate::note::quorum::Witnessed;
use crate::verify::proof::{CheckedProof, ProofRefusal, Proved};
use crate::verify::trust::TrustRoot;
use crate::verify::witnessing::Witnessing;

/// Where a file is, and when it is looked at.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) now: Timestamp,
}

/// The answers about all files.
#[derive(Serialize)]
pub(super) struct Answer {
    files: Vec<Found>,
}

impl Answer {
    pub(super) const fn new(files: Vec<Found>) -> Self {
        Self { files }
    }
}

/// The answer about one file.
#[derive(Serialize)]
pub(super) struct Found {
    #[serde(rename = "answer")]
    said: &'static str,
    #[serde(skip)]
    word: Word,
    file: String,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proves: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<TreeSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Tree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rests_on: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witnesses: Vec<Cosigned>,
    /// Both checkpoints of a ledger that has two histories.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub(super) fork: Option<Fork>,
    #[serde(skip)]
    next: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    index: EntryIndex,
    leaf: LeafHash,
    statement: StatementId,
    kind: &'static str,
    by: MemberId,
    time: String,
}

#[derive(Serialize)]
struct Tree {
    size: TreeSize,
    root: RootHash,
}

#[derive(Serialize)]
struct Cosigned {
    name: WitnessName,
    time: String,
}

impl Found {
    /// The answer to a check.
    pub(super) fn new(
        place: &Place,
        trust: &TrustRoot,
        outcome: Result<CheckedProof, ProofRefusal>,
    ) -> Self {
        let mut found = Self {
            said: Word::Tampered.as_str(),
            word: Word::Tampered,
            file: place.path.clone(),
            origin: trust.origin().to_string(),
            proves: None,
            refused: None,
            entry: None,
            since: None,
            checkpoint: None,
            rests_on: None,
            witnesses: Vec::new(),
            fork: None,
            next: None,
        };
        match outcome {
            Ok(checked) => found.fill(&checked, trust, place.now),
            Err(refusal) => {
                let next = match &refusal {
                    _ if is_strange(&refusal) => {
                        found.word = Word::No;
                        "if the ledger's key was replaced, name the proof of that entry first"
                    }
                    ProofRefusal::Forked(fork) => {
                        found.fork = Some((**fork).clone());
                        "keep both files: they show it; ask who runs the ledger which is true"
                    }
                    ProofRefusal::NoFork(_) => {
                        found.word = Word::No;
                        "ask whoever sent it for the checkpoints that are meant"
                    }
                    ProofRefusal::Fork { .. } => {
                        "keep both files: they show it; ask who runs the ledger"
                    }
                    _ => "keep the file as it is, and get another from the ledger",
                };
                found.next = Some(next.to_owned());
                found.refused = Some(refusal.to_string());
            }
        }
        found.said = found.word.as_str();
        found
    }

    fn fill(&mut self, checked: &CheckedProof, trust: &TrustRoot, now: Timestamp) {
        let (checkpoint, witnessed) = (&checked.checkpoint, &checked.witnessed);
        self.checkpoint = Some(Tree { size: checkpoint.size(), root: *checkpoint.root() });
        self.rests_on = Some(owed(witnessed, now));
        self.witnesses = witnessed
            .cosigned
            .iter()
            .map(|(name, seconds)| Cosigned { name: name.clone(), time: rfc3339(at(*seconds)) })
            .collect();
        self.word = Word::Yes;
        self.proves = Some(match &checked.proved {
            Proved::Entry { entry, id, statement } => {
                self.entry = Some(Entry {
                    index: entry.receipt.index,
                    leaf: entry.receipt.leaf_hash,
                    statement: *id,
                    kind: statement.says.kind(),
                    by: statement.by.clone(),
                    time: rfc3339(entry.leaf.time()),
                });
                "entry"
            }
            Proved::Growth { since } => {
                self.since = Some(*since);
                "growth"
            }
            Proved::Checkpoint => "checkpoint",
        });
        if !witnessed.is_met {
            self.word = Word::No;
            let (count, known) = (witnessed.cosigned.len(), witnessed.known);
            self.refused = Some(format!(
                "{count} of {known} witnesses cosigned its checkpoint: fewer than {} wants",
                trust.origin()
            ));
            self.next = Some("get a newer one from the ledger, once witnesses cosigned".to_owned());
        }
    }

    /// The exit status.
    pub(super) fn status(&self) -> ExitStatus {
        match self.word {
            Word::Yes => ExitStatus::Yes,
            Word::No => ExitStatus::No,
            _ => ExitStatus::Integrity,
        }
    }

    pub(super) fn print(&self, ui: &mut Ui) {
        ui.answer(self.word, &format!("{}: {}", self.file, self.says()));
        let mut table = Table::new(2);
        if let Some(owed) = &self.rests_on {
            table.row(["rests on", owed.as_str()]);
        }
        if let Some(tree) = &self.checkpoint {
            let count = if tree.size == TreeSize::new(1) { "entry" } else { "entries" };
            let text = format!("{} {count}, signed by {}", tree.size, self.origin);
            table.row(["checkpoint", text.as_str()]);
        }
        if let Some(entry) = &self.entry {
            table.row(["says", format!("{} by {}", entry.kind, entry.by).as_str()]);
            table.row(["time", format!("{} by the ledger's clock", entry.time).as_str()]);
            table.row(["leaf", entry.leaf.to_string().as_str()]);
        }
        ui.table(&table);
        if let Some(fork) = &self.fork {
            for checkpoint in [fork.older(), fork.newer()] {
                ui.blank();
                for line in checkpoint.note().to_string().lines() {
                    ui.line(format!("    {line}").trim_end());
                }
            }
            ui.blank();
        }
        if self.word == Word::Yes && self.entry.is_some() {
            ui.line("not proved: that its signer was allowed to; the ledger admitted it");
        }
        if let Some(next) = &self.next {
            ui.paragraph(0, &format!("next: {next}"));
        }
    }

    /// What is proved, or why nothing is.
    fn says(&self) -> String {
        if let Some(refused) = &self.refused {
            return refused.clone();
        }
        let origin = &self.origin;
        match (&self.entry, &self.since, &self.checkpoint) {
            (Some(entry), _, _) => format!("entry {} is in {origin}", entry.index),
            (_, Some(since), Some(tree)) => {
                format!("{origin} only grew, from {since} to {} entries", tree.size)
            }
            _ => format!("{origin} signed this checkpoint"),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn as_text<S: serde::Serializer>(fork: &Option<Fork>, to: S) -> Result<S::Ok, S::Error> {
    match fork {
        Some(fork) => to.collect_str(fork),
        None => to.serialize_none(),
    }
}

/// Whether the pinned key signed nothing in it: a stranger's file, or one of a later key.
fn is_strange(refusal: &ProofRefusal) -> bool {
    let (ProofRefusal::Checkpoint(error)
    | ProofRefusal::Entry(ReceiptError::Checkpoint(error))
    | ProofRefusal::NoFork(ForkError::Checkpoint(error))
    | ProofRefusal::Consistency(ConsistencyError::Checkpoint(error))) = refusal
    else {
        return false;
    };
    *error == CheckpointError::Note(NoteError::Unsigned)
}

/// What a checkpoint owes to whom.
pub(super) fn owed(witnessed: &Witnessed, now: Timestamp) -> String {
    // All that the checkpoint covers: its size says nothing here.
    trusted::line(&Witnessing::on(witnessed, TreeSize::default()), now)
}
