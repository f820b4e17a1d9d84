//! Checking a whole ledger, also one that is too damaged to open: every entry, signature and
//! admission, the derived state, and the files beside the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::keys::{check_key_of_size, ledger_keys};
use super::replay::replay;
use super::view_file;
use crate::base::digest::{ChangeHash, Commitment, ContentDigest, LeafHash};
use crate::base::limits::LOCK_WAIT_MILLISECONDS_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::blobs::Blobs;
use crate::blobs::openings::Openings;
use crate::change::carry::Certificate;
use crate::ledger::check::{Place, Report};
use crate::ledger::leaf::Leaf;
use crate::ledger::store::{Store, StoreError, Topic};
use crate::ledger::{check, topics};
use crate::note::key::VerifierKey;
use crate::statement::envelope::Envelope;
use crate::statement::governance::Operation;
use crate::statement::{Says, Statement};
use crate::store::sled::SledStore;
use crate::verify::cover::{CarriedFrom, Cover};
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// What a check of a whole ledger found.
#[derive(Debug)]
pub struct Checked {
    /// Entries that the head names.
    pub size: TreeSize,
    /// Entries from the first on that are good, their signatures and admission included.
    pub entries_good: TreeSize,
    /// Signatures that were verified.
    pub signatures: u64,
    /// The size of the signed checkpoint, where it is good.
    pub checkpoint: Option<TreeSize>,
    /// What is damaged: the first damage of the log, then what is wrong beside it.
    pub damage: Vec<Damage>,
    /// What is missing of the files that must be there, and what wants them.
    pub missing: Vec<Damage>,
    /// Required files that are there and right.
    pub files_good: u64,
    /// Documents of changes that decisions rest on and that are not kept here.
    pub documents_absent: u64,
    /// Openings that are there and right.
    pub openings_good: u64,
    /// Openings that were withheld or deleted.
    pub openings_withheld: u64,
}

/// A place, and what differs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The place, for people.
    pub place: String,
    /// The entry, where it is one.
    pub entry: Option<EntryIndex>,
    /// What differs.
    pub what: String,
}

impl Damage {
    #[expect(clippy::needless_pass_by_value, reason = "texts and errors alike come by value")]
    fn new(place: impl Into<String>, what: impl ToString) -> Self {
        Self { place: place.into(), entry: None, what: what.to_string() }
    }

    fn at_entry(index: EntryIndex, what: impl Into<String>) -> Self {
        Self { place: format!("entry {index}"), entry: Some(index), what: what.into() }
    }
}

impl Checked {
    /// Whether nothing is damaged and nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damage.is_empty() && self.missing.is_empty()
    }
}

/// What the walk over the entries collects.
#[derive(Default)]
struct Walk {
    view: View,
    signatures: u64,
    /// The view at the size of the saved one.
    compared: Option<bool>,
    topics: BTreeMap<Topic, Vec<EntryIndex>>,
    covers: Vec<(EntryIndex, ContentDigest)>,
    /// Documents and facts of commits that services say landed.
    landed: Vec<(EntryIndex, ContentDigest)>,
    optional: Vec<(EntryIndex, ContentDigest)>,
    commitments: BTreeSet<Commitment>,
}

/// Checks the ledger in `folder` against its trust root. `progress` is told how many entries are
/// done, of how many.
///
/// # Errors
/// [`SessionError`] where there is no ledger, it is in use, or its store cannot be opened at all;
/// any other damage is a finding.
pub fn check_ledger(
    folder: &Path,
    trust: &TrustRoot,
    ledger_key: &LedgerKeyFile,
    progress: &mut dyn FnMut(EntryIndex, TreeSize),
) -> Result<Checked, SessionError> {
    let folder = LedgerFolder::new(folder);
    if !folder.exists()? {
        return Err(SessionError::NoLedger { folder: folder.path().to_owned() });
    }
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    let store = SledStore::open(folder.path(), "ledger check", wait)?;
    let size = store.head().ok().flatten().map_or(TreeSize::default(), |head| head.size);
    let saved = match ledger_key.read() {
        Ok(Some(key)) => view_file::load(&folder, &key, &store, size),
        _ => None,
    };
    let keys = candidate_keys(&store, trust);
    let mut walk = Walk::default();
    let mut visit = |index: EntryIndex, leaf: &Leaf, hash: &LeafHash| {
        progress(index, size);
        walk.entry(&store, trust, index, leaf, hash, saved.as_ref())
    };
    let origin = trust.origin().as_str();
    let report = check::check(&store, &folder.checkpoint_file(), origin, &keys, &mut visit)?;
    Ok(conclude(&folder, &store, &keys, &walk, report))
}

/// The keys that may have signed checkpoints: the pinned one and those of rotations. Taken from
/// the log unverified; once every entry is good they are compared with what it really says.
fn candidate_keys(store: &SledStore, trust: &TrustRoot) -> Vec<VerifierKey> {
    let mut keys = vec![trust.ledger_key().clone()];
    for index in store.entries_of(&topics::governance()).unwrap_or_default() {
        let Some(statement) = store.leaf(index).ok().flatten().and_then(|leaf| said(&leaf)) else {
            continue;
        };
        let Says::Governance(body) = statement.says else { continue };
        for operation in body.operations {
            if let Operation::RotateLedgerKey(rotation) = operation {
                keys.extend(rotation.ledger_key.parse::<VerifierKey>());
            }
        }
    }
    keys.reverse();
    keys
}

fn said(leaf: &[u8]) -> Option<Statement> {
    let leaf = Leaf::parse(leaf).ok()?;
    let envelope = Envelope::parse_canonical(leaf.envelope()).ok()?;
    Statement::parse(envelope.payload()).ok()
}

impl Walk {
    /// Judges an entry that the chain and the tree hold for good: its admission, signatures
    /// included, on the view before it.
    fn entry(
        &mut self,
        store: &SledStore,
        trust: &TrustRoot,
        index: EntryIndex,
        leaf: &Leaf,
        hash: &LeafHash,
        saved: Option<&View>,
    ) -> Result<(), String> {
        if index.get() == 0 && *hash != trust.ledger() {
            return Err(format!("leaf hash is {hash}, the trust root names {}", trust.ledger()));
        }
        replay(&mut self.view, store, index, leaf)?;
        if let Some(saved) = saved
            && saved.size() == self.view.size()
        {
            self.compared = Some(*saved == self.view);
        }
        let envelope =
            Envelope::parse_canonical(leaf.envelope()).map_err(|error| error.to_string())?;
        self.signatures += envelope.signatures().len() as u64;
        let statement = Statement::parse(envelope.payload()).map_err(|error| error.to_string())?;
        for topic in topics::topics(envelope.statement_id(), &statement) {
            let entries = self.topics.entry(topic).or_default();
            if entries.last() != Some(&index) {
                entries.push(index);
            }
        }
        self.note_files(index, &statement);
        self.commitments.extend(commitments(&statement).into_iter().map(|(_, what)| what));
        Ok(())
    }

    fn note_files(&mut self, index: EntryIndex, statement: &Statement) {
        match &statement.says {
            Says::Decision(body) => self.covers.extend(body.cover.map(|cover| (index, cover))),
            Says::Build(body) => {
                let beside = body.provenance.filter(|_| body.embedded.is_none());
                self.optional.extend(beside.map(|digest| (index, digest)));
            }
            Says::Governance(body) => {
                let attestations = body.operations.iter().filter_map(|operation| match operation {
                    Operation::AddKey(added) => added.attestation,
                    _ => None,
                });
                self.optional.extend(attestations.map(|digest| (index, digest)));
            }
            Says::Landed(body) => {
                let document = ContentDigest::from_bytes(*body.change.as_bytes());
                self.landed.extend([(index, document), (index, body.step)]);
            }
            Says::Change(_) | Says::Approval(_) | Says::Deployment(_) | Says::Override(_) => {}
        }
    }
}

/// Puts the findings together: the log's own, then those of the state and the files beside it.
fn conclude(
    folder: &LedgerFolder,
    store: &SledStore,
    keys: &[VerifierKey],
    walk: &Walk,
    report: Report,
) -> Checked {
    let mut checked = Checked {
        size: report.size,
        entries_good: report.entries_good,
        signatures: walk.signatures,
        checkpoint: report.checkpoint.map(|checkpoint| checkpoint.size()),
        damage: Vec::new(),
        missing: Vec::new(),
        files_good: 0,
        documents_absent: 0,
        openings_good: 0,
        openings_withheld: 0,
    };
    let log_is_good = report.damage.is_none();
    if let Some(damage) = report.damage {
        let mut found = Damage::new(damage.place.to_string(), damage.what);
        if let Place::Entry(index) = damage.place {
            found.entry = Some(index);
        }
        checked.damage.push(found);
    }
    if log_is_good {
        check_state(folder, store, keys, walk, &mut checked);
    }
    check_files(folder, walk, &mut checked);
    checked
}

/// Compares what is derived from the entries with the entries.
fn check_state(
    folder: &LedgerFolder,
    store: &SledStore,
    keys: &[VerifierKey],
    walk: &Walk,
    checked: &mut Checked,
) {
    if walk.compared == Some(false) {
        let what = "differs from the fold of the entries: delete it, and it is made again";
        checked.damage.push(Damage::new("view.json", what));
    }
    match ledger_keys(&walk.view) {
        Ok(real) if real == keys => {}
        _ => checked.damage.push(Damage::new("the index of governance", "an entry is missing")),
    }
    if let Ok(Some(head)) = store.head()
        && let Err(error) = check_key_of_size(&walk.view, head.checkpoint.as_bytes(), head.size)
    {
        checked.damage.push(Damage::new("checkpoint", error));
    }
    for (topic, entries) in &walk.topics {
        match store.entries_of(topic) {
            Ok(found) => {
                // A store gives them in ascending order.
                let missing = |index: &&EntryIndex| found.binary_search(index).is_err();
                if let Some(index) = entries.iter().find(missing) {
                    let what = "cannot be found under one of its topics: the index is damaged";
                    checked.damage.push(Damage::at_entry(*index, what));
                }
            }
            Err(error) => checked.damage.push(Damage::new("the index of topics", error)),
        }
    }
    match folder.email_salt() {
        Ok(salt) if walk.view.ledger().is_none_or(|known| known.salt == salt.commitment()) => {}
        Ok(_) => checked.damage.push(Damage::new("email-salt", "is not this ledger's")),
        Err(error) => checked.damage.push(Damage::new("email-salt", error)),
    }
}

/// The files beside the log: covers must be there, documents and openings may.
fn check_files(folder: &LedgerFolder, walk: &Walk, checked: &mut Checked) {
    let blobs = Blobs::new(folder.path());
    // Decisions share covers and changes: each file is read once, for the first that names it.
    let mut documents = BTreeMap::new();
    let mut covers = BTreeSet::new();
    let mut certificates = BTreeMap::new();
    for (index, digest) in walk.covers.iter().filter(|(_, digest)| covers.insert(*digest)) {
        let place = format!("cover of the decision at entry {index}");
        let Some(bytes) = keep(blobs.get(digest), &place, Some(*index), true, checked) else {
            continue;
        };
        match Cover::parse(&bytes) {
            Ok(cover) => {
                for row in &cover.segments {
                    for change in row.changes() {
                        documents.entry(change).or_insert(*index);
                    }
                    for from in &row.carried {
                        certificates.entry(from.certificate).or_insert((*index, row.change, *from));
                    }
                }
            }
            Err(error) => checked.damage.push(Damage::new(place, error)),
        }
    }
    for (change, index) in documents {
        let place = format!("document of change {}", change.short());
        let digest = ContentDigest::from_bytes(*change.as_bytes());
        if keep(blobs.get(&digest), &place, Some(index), false, checked).is_none() {
            checked.documents_absent += 1;
        }
    }
    check_certificates(&blobs, certificates, checked);
    for (index, digest) in &walk.landed {
        let place = format!("file {} of the landing at entry {index}", digest.short());
        keep(blobs.get(digest), &place, Some(*index), true, checked);
    }
    for (index, digest) in &walk.optional {
        let place = format!("file {} that entry {index} names", digest.short());
        keep(blobs.get(digest), &place, Some(*index), false, checked);
    }
    let openings = Openings::new(folder.path());
    for commitment in &walk.commitments {
        match openings.text(*commitment) {
            Ok(Some(_)) => checked.openings_good += 1,
            Ok(None) => checked.openings_withheld += 1,
            Err(error) => checked.damage.push(Damage::new("openings", error)),
        }
    }
}

/// The certificates that covers name: whether they hold is judged with a repository.
fn check_certificates(
    blobs: &Blobs,
    certificates: BTreeMap<ContentDigest, (EntryIndex, ChangeHash, CarriedFrom)>,
    checked: &mut Checked,
) {
    for (digest, (index, landed, from)) in certificates {
        let place = format!("certificate {} of the cover at entry {index}", digest.short());
        let kept = keep(blobs.get(&digest), &place, Some(index), true, checked);
        let Some(bytes) = kept else { continue };
        match Certificate::parse(&bytes) {
            Ok(one) if (one.approved(), one.landed()) == (from.change, landed) => {}
            Ok(_) => checked.damage.push(Damage::new(place, "it is of other changes")),
            Err(error) => checked.damage.push(Damage::new(place, error)),
        }
    }
}

/// Sorts what reading a file gave into good, missing and damaged.
fn keep(
    found: Result<Option<Vec<u8>>, StoreError>,
    place: &str,
    entry: Option<EntryIndex>,
    required: bool,
    checked: &mut Checked,
) -> Option<Vec<u8>> {
    let finding = |what: String| Damage { place: place.to_owned(), entry, what };
    match found {
        Ok(Some(bytes)) => {
            checked.files_good += 1;
            return Some(bytes);
        }
        Ok(None) if required => checked.missing.push(finding("the file is missing".to_owned())),
        Ok(None) => {}
        Err(error @ StoreError::Integrity { .. }) => {
            checked.damage.push(finding(error.to_string()));
        }
        Err(error) => checked.missing.push(finding(error.to_string())),
    }
    None
}

/// Every commitment of a statement, with what it is of.
#[must_use]
pub fn commitments(statement: &Statement) -> Vec<(String, Commitment)> {
    let mut found = Vec::new();
    match &statement.says {
        Says::Approval(body) => {
            found.extend(body.comment.map(|comment| ("comment".to_owned(), comment)));
            let answers = body.checklist.iter();
            found.extend(answers.map(|answer| (answer.item.to_string(), answer.answer)));
        }
        Says::Governance(body) => {
            found.extend(body.operations.iter().filter_map(|operation| match operation {
                Operation::SetMember(said) => {
                    Some((format!("profile of {}", said.member), said.profile?))
                }
                Operation::RetireMember(said) => {
                    Some((format!("reason to retire {}", said.member), said.reason?))
                }
                Operation::Lift(said) => {
                    Some((format!("reason to lift entry {}", said.entry.index), said.reason))
                }
                Operation::SetBaseline(said) => {
                    Some((format!("reason of the baseline of {}", said.service), said.reason?))
                }
                _ => None,
            }));
        }
        Says::Override(body) => found.push(("reason of the override".to_owned(), body.reason)),
        Says::Change(_)
        | Says::Landed(_)
        | Says::Build(_)
        | Says::Decision(_)
        | Says::Deployment(_) => {}
    }
    found
}
