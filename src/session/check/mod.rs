//! Checking a whole ledger, also one that is too damaged to open: every entry, signature and
//! admission, the derived state, and the files beside the log (`spec/ledger.md` section 8).

mod files;
mod mirror;
mod signatures;
mod topics;
mod walk;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::keys::{candidate_keys, check_key_of_size, ledger_keys};
use super::view_file;
use crate::base::limits::{CHECK_FINDINGS_MAX, LOCK_WAIT_MILLISECONDS_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::check::{Place, Report, check_until};
use crate::ledger::store::{Store, StoreError};
use crate::note::key::VerifierKey;
use crate::store::mirror::MirrorStore;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

use self::files::Files;
use self::mirror::check_mirror;
use self::topics::check_topics;
use self::walk::Walk;

pub use self::mirror::MirrorChecked;
pub use super::references::commitments;

/// What is to be checked.
#[derive(Debug)]
pub struct CheckRequest<'a> {
    /// The ledger's folder.
    pub folder: &'a Path,
    /// What the ledger must be.
    pub trust: &'a TrustRoot,
    /// The file of the ledger's own key, which the remembered view is held against.
    pub ledger_key: &'a LedgerKeyFile,
    /// The entries to judge; those before them are read and folded, and those beyond are not read.
    /// `0..u64::MAX` is everything.
    pub range: Range<u64>,
    /// The folder of a mirror to hold against the ledger.
    pub mirror: Option<&'a Path>,
}

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being checked, for people.
    pub what: &'static str,
    /// How many of them are done.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// What a check of a ledger found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Entries that the head names.
    pub size: TreeSize,
    /// The entries that were to be judged: signatures and admission included.
    pub range: Range<u64>,
    /// Entries from the first on whose form, chain and place in the tree are good, and of those in
    /// `range` also signatures and admission.
    pub entries_good: TreeSize,
    /// Signatures that were verified.
    pub signatures: u64,
    /// The size of the signed checkpoint, where it is good.
    pub checkpoint: Option<TreeSize>,
    /// What is damaged: the first damage of the log, then what is wrong beside it.
    pub damage: Vec<Damage>,
    /// What is missing of the files that must be there, and what wants them.
    pub missing: Vec<Damage>,
    /// Findings beyond those that are listed.
    pub findings_more: u64,
    /// Files of the side store that are there and right.
    pub files_good: u64,
    /// Documents of changes that decisions rest on and that are not kept here.
    pub documents_absent: u64,
    /// Openings that are there and right.
    pub openings_good: u64,
    /// Openings that were withheld or deleted.
    pub openings_withheld: u64,
    /// Whether the remembered view was held against the fold of the entries, and is the same.
    pub view_compared: bool,
    /// The mirror, where one was to be checked.
    pub mirror: Option<MirrorChecked>,
}

/// A place, and what differs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The place, for people.
    pub place: String,
    /// The entry, where it is one.
    pub entry: Option<EntryIndex>,
    /// The file, below the folder of the ledger or mirror, where it is one.
    pub file: Option<String>,
    /// What differs.
    pub what: String,
}

impl Damage {
    #[expect(clippy::needless_pass_by_value, reason = "texts and errors alike come by value")]
    fn new(place: impl Into<String>, what: impl ToString) -> Self {
        Self { place: place.into(), entry: None, file: None, what: what.to_string() }
    }

    fn at_entry(mut self, index: EntryIndex) -> Self {
        self.entry = Some(index);
        self
    }

    fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }
}

impl Checked {
    /// Whether nothing is damaged and nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damage.is_empty() && self.missing.is_empty()
    }

    /// Whether every entry was judged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.range.start == 0 && self.range.end >= self.size.get()
    }

    fn add_damage(&mut self, damage: Damage) {
        if self.damage.len() < CHECK_FINDINGS_MAX {
            self.damage.push(damage);
        } else {
            self.findings_more += 1;
        }
    }

    fn add_missing(&mut self, damage: Damage) {
        if self.missing.len() < CHECK_FINDINGS_MAX {
            self.missing.push(damage);
        } else {
            self.findings_more += 1;
        }
    }
}

/// Checks a ledger against its trust root.
///
/// # Errors
/// [`SessionError`] where there is no ledger, it is in use, or its store cannot be opened at all;
/// any other damage is a finding.
pub fn check_ledger(
    request: &CheckRequest<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, SessionError> {
    let folder = LedgerFolder::new(request.folder);
    if !folder.exists()? {
        return Err(SessionError::NoLedger { folder: folder.path().to_owned() });
    }
    folder.check_store()?;
    let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
    let store = SledStore::open(folder.path(), "ledger check", wait)?;
    let checked = check_fresh(request, &folder, &store, progress).map(|(checked, _)| checked);
    // Where sled found its own file inconsistent, its threads stumble over it when it is closed.
    store.leak_unless(matches!(&checked, Ok(checked) if checked.damage.is_empty()));
    checked
}

/// Checks a ledger whose store is open; gives also the state that its entries fold to.
pub(super) fn check_fresh(
    request: &CheckRequest<'_>,
    folder: &LedgerFolder,
    store: &SledStore,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Checked, View), SessionError> {
    let size = store.head().ok().flatten().map_or(TreeSize::default(), |head| head.size);
    let end = request.range.end.min(size.get());
    let range = request.range.start.min(end)..end;
    let saved = match request.ledger_key.read() {
        Ok(Some(key)) => view_file::load(folder, &key, store, size),
        _ => None,
    };
    let keys = candidate_keys(store, request.trust);
    let mut checked = Checked { range: range.clone(), ..Checked::default() };
    let mut files = Files::survey(folder, range == (0..size.get()), &mut checked, progress)?;
    if let Some(mirror) = request.mirror
        && let Ok(Some(opened)) = MirrorStore::open(mirror)
    {
        files.hold_against(mirror, opened.size());
    }
    let mut walk = Walk::new(store, request.trust, range, saved, files, checked);
    let origin = request.trust.origin().as_str();
    let mut visit = |index: EntryIndex, leaf: &_, hash: &_| {
        progress(Progress { what: "entries", done: index.get(), of: end });
        walk.entry(index, leaf, hash)
    };
    let file = folder.checkpoint_file();
    let report = check_until(store, &file, origin, &keys, TreeSize::new(end), &mut visit)?;
    let (mut walk, bad) = walk.finish();
    let log_is_good = conclude_log(&mut walk.checked, report, bad);
    if log_is_good {
        check_state(folder, store, &keys, &mut walk);
    }
    let mut checked = walk.conclude();
    if log_is_good && checked.is_whole() {
        check_topics(store, walk.topics, &mut checked, progress);
    }
    if let Some(mirror) = request.mirror {
        check_mirror(mirror, store, origin, &keys, log_is_good, &mut checked, progress)?;
    }
    Ok((checked, walk.view))
}

/// Takes over what the walk over the log came to; `bad` is the first entry whose signature does
/// not hold. Gives whether the log is good.
fn conclude_log(checked: &mut Checked, report: Report, bad: Option<(EntryIndex, String)>) -> bool {
    checked.size = report.size;
    checked.entries_good = report.entries_good;
    checked.checkpoint = report.checkpoint.map(|checkpoint| checkpoint.size());
    let found_at = match &report.damage {
        Some(damage) => match damage.place {
            Place::Entry(index) => Some(index),
            _ => None,
        },
        None => None,
    };
    // Signatures are verified beside the walk, which may have gone on meanwhile.
    let first = match (bad, report.damage) {
        (Some((index, what)), found) => match found {
            Some(found) if found_at.is_some_and(|at| at <= index) => Some(from_log(&found)),
            _ => {
                checked.entries_good = TreeSize::new(index.get());
                Some(Damage::new(format!("entry {index}"), what).at_entry(index))
            }
        },
        (None, found) => found.as_ref().map(from_log),
    };
    let is_good = first.is_none();
    // What was found beside the log stands behind it.
    let beside = std::mem::take(&mut checked.damage);
    for damage in first.into_iter().chain(beside) {
        checked.add_damage(damage);
    }
    is_good
}

fn from_log(damage: &crate::ledger::check::Damage) -> Damage {
    let found = Damage::new(damage.place.to_string(), &damage.what);
    match damage.place {
        Place::Entry(index) => found.at_entry(index),
        Place::Tile(tile) => found.in_file(tile.path()),
        Place::CheckpointFile => found.in_file("checkpoint"),
        Place::Head | Place::Checkpoint => found,
    }
}

/// Compares what is derived from the entries with the entries.
fn check_state(
    folder: &LedgerFolder,
    store: &SledStore,
    keys: &[VerifierKey],
    walk: &mut walk::Walked,
) {
    let (view, checked) = (&walk.view, &mut walk.checked);
    if walk.compared == Some(false) {
        let what = "differs from the fold of the entries: delete it, and it is made again";
        checked.add_damage(Damage::new("view.json", what).in_file("view.json"));
    }
    checked.view_compared = walk.compared == Some(true);
    if view.size() == checked.size {
        match ledger_keys(view) {
            Ok(real) if real == keys => {}
            _ => checked.add_damage(Damage::new("the index of governance", "an entry is missing")),
        }
        if let Ok(Some(head)) = store.head()
            && let Err(error) = check_key_of_size(view, head.checkpoint.as_bytes(), head.size)
        {
            checked.add_damage(Damage::new("checkpoint", error));
        }
    }
    match folder.email_salt() {
        Ok(salt) if view.ledger().is_none_or(|known| known.salt == salt.commitment()) => {}
        Ok(_) => {
            checked.add_damage(
                Damage::new("email-salt", "is not this ledger's").in_file("email-salt"),
            );
        }
        Err(SessionError::Integrity { why, .. }) => {
            checked.add_damage(Damage::new("email-salt", why).in_file("email-salt"));
        }
        Err(error) => checked.add_missing(Damage::new("email-salt", error).in_file("email-salt")),
    }
}

/// Sorts a store's error into damage and what is missing.
fn sort(checked: &mut Checked, place: &str, error: &StoreError) {
    let found = Damage::new(place, error);
    match error {
        StoreError::Integrity { .. } => checked.add_damage(found),
        StoreError::Unavailable { .. } => checked.add_missing(found),
    }
}
