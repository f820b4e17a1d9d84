//! The entries of a bundle: read, held against trust root and checkpoint, and folded into as much
//! of a view as they make (`spec/bundle.md` section 4, steps 2 to 8).

use std::collections::BTreeMap;

use super::claims::Claims;
use super::wire::{Bundle, ShownLeaf};
use super::{TamperCode, Tampered, ensure};
use crate::base::digest::{RootHash, StatementId};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::admission::admit_governance;
use crate::ledger::leaf::Leaf;
use crate::merkle::proof::verify_inclusion;
use crate::merkle::{self, empty_root};
use crate::note::SignedNote;
use crate::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::note::key::VerifierKey;
use crate::note::quorum::Witnessed;
use crate::roster::KeyStanding;
use crate::statement::envelope::Envelope;
use crate::statement::governance::EntryReference;
use crate::statement::words::Duty;
use crate::statement::{Says, Statement};
use crate::verify::entry::VerifiedEntry;
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// An entry that parses.
pub(super) struct Parsed<'a> {
    pub(super) entry: EntryReference,
    pub(super) time: Timestamp,
    pub(super) statement: Statement,
    pub(super) id: StatementId,
    leaf: Leaf,
    envelope: Envelope,
    shown: &'a ShownLeaf,
}

/// What the entries of a bundle show.
pub(super) struct Shown<'a> {
    /// By index.
    pub(super) entries: BTreeMap<EntryIndex, Parsed<'a>>,
    /// All but governance, verified.
    pub(super) verified: Vec<VerifiedEntry>,
    /// What governance folds to, and the rejects among the entries.
    pub(super) view: View,
    /// How many governance entries there are.
    pub(super) governance: usize,
    pub(super) checkpoint: VerifiedCheckpoint,
    pub(super) witnessed: Witnessed,
}

impl Shown<'_> {
    /// Whether who signed an entry had a duty then, and their key has not leaked as of `size`.
    pub(super) fn had_duty(&self, index: EntryIndex, duty: Duty, size: TreeSize) -> bool {
        let roster = self.view.roster();
        self.verified_at(index).is_some_and(|entry| {
            let member = roster.member(entry.by(), index.size_after());
            let is_good = |key| roster.standing(key, index, size) == KeyStanding::Good;
            member.is_some_and(|member| member.has_duty(duty)) && entry.keys().iter().all(is_good)
        })
    }

    /// The verified entry at a position.
    pub(super) fn verified_at(&self, index: EntryIndex) -> Option<&VerifiedEntry> {
        let at = self.verified.binary_search_by_key(&index, VerifiedEntry::index).ok()?;
        self.verified.get(at)
    }
}

/// Steps 2 to 8. What is no checkpoint says of no ledger that it is of it, so that comes first.
pub(super) fn show<'a>(bundle: &'a Bundle, trust: &TrustRoot) -> Result<Shown<'a>, Tampered> {
    let claimed = read_checkpoint(bundle)?;
    let entries = parse(bundle)?;
    check_ledger(bundle, trust, &entries)?;
    let size = bundle.evidence.size;
    let (mut view, governance) = fold(&entries, size)?;
    let checkpoint = open_checkpoint(bundle, claimed.size, trust, &view)?;
    let witnessed = trust.witnesses().assess(checkpoint.note());
    let witnessed = witnessed.map_err(Tampered::at(TamperCode::Witness))?;
    check_proofs(&entries, &checkpoint, size)?;
    check_forks(&entries, &checkpoint)?;
    check_times(&bundle.evidence, &entries)?;
    let mut verified = Vec::with_capacity(entries.len() - governance);
    for parsed in entries.iter().filter(|one| !is_governance(one)) {
        let (envelope, statement) = (parsed.envelope.clone(), parsed.statement.clone());
        let (entry, time, roster) = (parsed.entry, parsed.time, view.roster());
        let entry = VerifiedEntry::verify_parsed(entry, time, envelope, statement, roster)
            .map_err(Tampered::at(TamperCode::Entry))?;
        let signs = |key| roster.key(key).is_some_and(|record| record.signs_at(entry.index()));
        ensure(entry.keys().iter().all(signs), TamperCode::Entry, || {
            format!("entry {}: its key was revoked before", entry.index())
        })?;
        if let Says::Approval(said) = &entry.statement().says
            && size.covers(entry.index())
        {
            view.hear(entry.index(), said);
        }
        verified.push(entry);
    }
    let entries = entries.into_iter().map(|parsed| (parsed.entry.index, parsed)).collect();
    Ok(Shown { entries, verified, view, governance, checkpoint, witnessed })
}

fn is_governance(parsed: &Parsed<'_>) -> bool {
    matches!(parsed.statement.says, Says::Governance(_))
}

/// Step 2.
fn parse(bundle: &Bundle) -> Result<Vec<Parsed<'_>>, Tampered> {
    let indexes = bundle.entries.iter().map(|shown| shown.index);
    ensure(indexes.eq(bundle.evidence.entries.iter().copied()), TamperCode::Entry, || {
        "its entries are not those that the evidence names".to_owned()
    })?;
    ensure(
        bundle.entries.is_sorted_by(|one, other| one.index < other.index),
        TamperCode::Entry,
        || "its entries do not stand in order".to_owned(),
    )?;
    bundle.entries.iter().map(parse_entry).collect()
}

fn parse_entry(shown: &ShownLeaf) -> Result<Parsed<'_>, Tampered> {
    let index = shown.index;
    let wrong = |why: String| Tampered::new(TamperCode::Entry, format!("entry {index}: {why}"));
    let leaf = Leaf::parse(&shown.leaf.0).map_err(|error| wrong(error.to_string()))?;
    let envelope =
        Envelope::parse_canonical(leaf.envelope()).map_err(|error| wrong(error.to_string()))?;
    let statement =
        Statement::parse(envelope.payload()).map_err(|error| wrong(error.to_string()))?;
    let entry = EntryReference { index, leaf: merkle::leaf_hash(&shown.leaf.0) };
    let (time, id) = (leaf.time(), envelope.statement_id());
    Ok(Parsed { entry, time, statement, id, leaf, envelope, shown })
}

/// Step 3.
fn check_ledger(
    bundle: &Bundle,
    trust: &TrustRoot,
    entries: &[Parsed<'_>],
) -> Result<(), Tampered> {
    let ledger = trust.ledger();
    let first = entries.first().map(|first| first.entry);
    let is_ours = first == Some(EntryReference { index: EntryIndex::new(0), leaf: ledger });
    ensure(is_ours && bundle.evidence.ledger == ledger, TamperCode::OtherLedger, || {
        "it does not begin with the entry 0 that the trust root names".to_owned()
    })?;
    let mut before: Option<EntryReference> = None;
    for parsed in entries {
        let index = parsed.entry.index;
        let named = (index.get() > 0).then_some(ledger);
        ensure(parsed.statement.ledger == named, TamperCode::OtherLedger, || {
            format!("entry {index} was signed for another ledger")
        })?;
        if let Some(before) = before.filter(|before| before.index.get() + 1 == index.get()) {
            ensure(parsed.leaf.prev() == before.leaf, TamperCode::OtherLedger, || {
                format!("entry {index} does not follow entry {}", before.index)
            })?;
        }
        before = Some(parsed.entry);
    }
    Ok(())
}

/// Step 4: what governance folds to, and how many entries that were.
fn fold(entries: &[Parsed<'_>], size: TreeSize) -> Result<(View, usize), Tampered> {
    let mut view = View::default();
    let mut count = 0;
    for parsed in entries.iter().filter(|one| is_governance(one)) {
        let index = parsed.entry.index;
        let wrong =
            |why: String| Tampered::new(TamperCode::Governance, format!("entry {index}: {why}"));
        if !size.covers(index) {
            return Err(wrong("the gate had not seen it".to_owned()));
        }
        admit_governance(&mut view, parsed.entry, parsed.time, parsed.leaf.envelope())
            .map_err(|refusal| wrong(refusal.message))?;
        count += 1;
    }
    view.pass_over(size);
    Ok((view, count))
}

/// What the checkpoint says, whoever signed it.
fn read_checkpoint(bundle: &Bundle) -> Result<Checkpoint, Tampered> {
    let note = SignedNote::parse(bundle.checkpoint.as_bytes())
        .map_err(Tampered::at(TamperCode::Checkpoint))?;
    note.text().parse().map_err(Tampered::at(TamperCode::Checkpoint))
}

/// Step 5: by the key of its size. The entry that brings a key is the last of the one before.
fn open_checkpoint(
    bundle: &Bundle,
    claimed: TreeSize,
    trust: &TrustRoot,
    view: &View,
) -> Result<VerifiedCheckpoint, Tampered> {
    let wrong = |why: &str| Tampered::new(TamperCode::Checkpoint, why);
    let origin = trust.origin().as_str();
    let note = bundle.checkpoint.as_bytes();
    let keys = view.ledger().map(|ledger| ledger.keys.as_slice()).unwrap_or_default();
    let in_force =
        |(entry, _): &&(EntryIndex, String)| entry.get() > 0 && entry.size_after() < claimed;
    let key = match keys.iter().rev().find(in_force) {
        Some((_, text)) => {
            text.parse::<VerifierKey>().map_err(|_| wrong("the ledger has no key"))?
        }
        None => trust.ledger_key().clone(),
    };
    VerifiedCheckpoint::open(note, origin, &key).map_err(Tampered::at(TamperCode::Checkpoint))
}

/// Step 6.
fn check_proofs(
    entries: &[Parsed<'_>],
    checkpoint: &VerifiedCheckpoint,
    size: TreeSize,
) -> Result<(), Tampered> {
    ensure(size <= checkpoint.size(), TamperCode::Proof, || {
        format!("{size} entries were seen, and its checkpoint has {}", checkpoint.size())
    })?;
    for parsed in entries {
        let EntryReference { index, leaf } = parsed.entry;
        let proof: Vec<[u8; 32]> = parsed.shown.proof.iter().map(|hash| hash.0).collect();
        verify_inclusion(&leaf, index, checkpoint.size(), checkpoint.root(), &proof)
            .map_err(|error| Tampered::new(TamperCode::Proof, format!("entry {index}: {error}")))?;
    }
    Ok(())
}

/// Step 8: a ledger's times do not fall.
fn check_times(claims: &Claims, entries: &[Parsed<'_>]) -> Result<(), Tampered> {
    let Claims { size, newest_time, .. } = *claims;
    let newest = entries.iter().rfind(|one| size.covers(one.entry.index));
    let is_it = |newest: &Parsed<'_>| {
        let is_last = newest.entry.index.size_after() == size;
        newest.time == newest_time || newest.time < newest_time && !is_last
    };
    let holds = entries.is_sorted_by_key(|one| one.time) && newest.is_none_or(is_it);
    ensure(holds, TamperCode::Entry, || "the times of its entries fall".to_owned())
}

/// Step 7: every signer, too, saw one history (ATTACKS 34).
fn check_forks(entries: &[Parsed<'_>], checkpoint: &VerifiedCheckpoint) -> Result<(), Tampered> {
    let mut trees: BTreeMap<TreeSize, RootHash> = BTreeMap::new();
    trees.insert(TreeSize::new(0), empty_root());
    if let Some(first) = entries.first() {
        trees.insert(TreeSize::new(1), RootHash::from_bytes(*first.entry.leaf.as_bytes()));
    }
    let seen = entries.iter().filter_map(|parsed| parsed.statement.seen);
    let seen = seen.map(|seen| (seen.size, seen.root));
    for (size, root) in std::iter::once((checkpoint.size(), *checkpoint.root())).chain(seen) {
        ensure(*trees.entry(size).or_insert(root) == root, TamperCode::Fork, || {
            format!("there are two trees of {size} entries: the ledger has two histories")
        })?;
    }
    Ok(())
}
