//! The walk over the entries of a check: admission is replayed on the state before each.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::files::Files;
use super::signatures::{NotAsked, Pool};
use super::{Checked, Damage};
use crate::base::digest::{LeafHash, RootHash, StatementId};
use crate::base::limits::CHECK_RECENT_ROOTS_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::admission::{Admitter, Log, PolicyCache, Signatures};
use crate::ledger::append::{Admission as _, Admitted, Refusal};
use crate::ledger::leaf::Leaf;
use crate::ledger::store::Topic;
use crate::merkle::tree::Frontier;
use crate::session::replay::StoreLog;
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::statement::governance::EntryReference;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// The state of the walk.
pub(super) struct Walk<'a> {
    store: &'a SledStore,
    trust: &'a TrustRoot,
    range: Range<u64>,
    saved: Option<View>,
    roots: Roots,
    policy: PolicyCache,
    pool: Pool,
    walked: Walked,
}

/// What the walk came to.
pub(super) struct Walked {
    pub(super) view: View,
    /// Whether the view at the size of the saved one is the same.
    pub(super) compared: Option<bool>,
    /// Pairs of a topic and an entry that the store must have.
    pub(super) topics: u64,
    pub(super) checked: Checked,
    files: Files,
}

/// The roots of the newest trees that the walk has passed.
#[derive(Default)]
struct Roots {
    frontier: Frontier,
    newest: VecDeque<RootHash>,
}

impl Roots {
    fn append(&mut self, hash: &LeafHash) {
        self.frontier.append(hash);
        if self.newest.len() == CHECK_RECENT_ROOTS_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(self.frontier.root());
    }

    fn at(&self, size: TreeSize) -> Option<RootHash> {
        let behind = self.frontier.size().get().checked_sub(size.get())?;
        let at = self.newest.len().checked_sub(1 + usize::try_from(behind).ok()?)?;
        self.newest.get(at).copied()
    }
}

/// The log before an entry: recent roots are those of the entries that were read, others follow
/// from the tiles.
struct WalkedLog<'a> {
    store: StoreLog<'a, SledStore>,
    roots: &'a Roots,
}

impl Log for WalkedLog<'_> {
    fn root(&self, size: TreeSize) -> Result<Option<RootHash>, Refusal> {
        match self.roots.at(size) {
            Some(root) => Ok(Some(root)),
            None => self.store.root(size),
        }
    }

    fn find(&self, id: StatementId) -> Result<Option<EntryIndex>, Refusal> {
        self.store.find(id)
    }

    fn entry(&self, index: EntryIndex) -> Result<Option<(EntryReference, Statement)>, Refusal> {
        self.store.entry(index)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        store: &'a SledStore,
        trust: &'a TrustRoot,
        range: Range<u64>,
        saved: Option<View>,
        files: Files,
        checked: Checked,
    ) -> Self {
        let view = View::default();
        let walked = Walked { view, compared: None, topics: 0, checked, files };
        let (roots, policy) = (Roots::default(), PolicyCache::default());
        Self { store, trust, range, saved, roots, policy, pool: Pool::new(), walked }
    }

    /// Judges an entry that the chain and the tree hold for good: its admission, signatures
    /// included, on the view before it.
    pub(super) fn entry(
        &mut self,
        index: EntryIndex,
        leaf: &Leaf,
        hash: &LeafHash,
    ) -> Result<(), String> {
        if index.get() == 0 && *hash != self.trust.ledger() {
            return Err(format!(
                "leaf hash is {hash}, the trust root names {}",
                self.trust.ledger()
            ));
        }
        if self.pool.is_bad() {
            return Err("an entry before it has a signature that does not hold".to_owned());
        }
        let is_judged = self.range.contains(&index.get());
        let topics = self.replay(index, leaf, hash, is_judged)?;
        self.roots.append(hash);
        let walked = &mut self.walked;
        if let Some(saved) = &self.saved
            && saved.size() == walked.view.size()
        {
            walked.compared = Some(*saved == walked.view);
        }
        if !is_judged {
            return Ok(());
        }
        let topics: BTreeSet<Topic> = topics.into_iter().collect();
        walked.topics += topics.len() as u64;
        for topic in &topics {
            match self.store.is_under(topic, index) {
                Ok(true) => {}
                Ok(false) => {
                    let what = "cannot be found under one of its topics: the index is damaged";
                    let found = Damage::new(format!("entry {index}"), what).at_entry(index);
                    walked.checked.add_damage(found);
                    break;
                }
                Err(error) => super::sort(&mut walked.checked, "the index of topics", &error),
            }
        }
        let envelope =
            Envelope::parse_canonical(leaf.envelope()).map_err(|error| error.to_string())?;
        let statement = Statement::parse(envelope.payload()).map_err(|error| error.to_string())?;
        walked.files.entry(index, &statement, &mut walked.checked);
        Ok(())
    }

    /// Replays the admission of an entry; gives its topics.
    fn replay(
        &mut self,
        index: EntryIndex,
        leaf: &Leaf,
        hash: &LeafHash,
        is_judged: bool,
    ) -> Result<Vec<Topic>, String> {
        let log = WalkedLog { store: StoreLog::before(self.store, index), roots: &self.roots };
        let signatures: &dyn Signatures = if is_judged { &self.pool } else { &NotAsked };
        let policy = std::mem::take(&mut self.policy);
        let mut admitter = Admitter::resume(&mut self.walked.view, &log, signatures, policy);
        let topics = match admitter.admit(index, leaf.time(), leaf.envelope()) {
            Ok(Admitted::New { topics, .. }) => topics,
            Ok(Admitted::Existing(earlier)) => return Err(format!("repeats entry {earlier}")),
            Err(refusal) => return Err(refusal.message),
        };
        admitter.accepted(EntryReference { index, leaf: *hash });
        self.policy = admitter.into_policy();
        Ok(topics)
    }

    /// Waits for the signatures; gives the first entry with one that does not hold, and why.
    pub(super) fn finish(self) -> (Walked, Option<(EntryIndex, String)>) {
        let verified = self.pool.finish();
        let mut walked = self.walked;
        walked.checked.signatures = verified.count;
        (walked, verified.first_bad)
    }
}

impl Walked {
    /// What the files came to, added to the rest.
    pub(super) fn conclude(&mut self) -> Checked {
        self.files.conclude(&mut self.checked);
        std::mem::take(&mut self.checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_roots_are_kept_and_no_older_one() {
        let mut roots = Roots::default();
        let grow = |roots: &mut Roots, sizes: Range<usize>| {
            for size in sizes {
                roots.append(&LeafHash::from_bytes([u8::try_from(size % 251).unwrap(); 32]));
            }
        };
        grow(&mut roots, 0..1);
        let first = roots.at(TreeSize::new(1));
        assert_eq!(first, Some(roots.frontier.root()));
        grow(&mut roots, 1..CHECK_RECENT_ROOTS_MAX);
        assert_eq!(roots.at(TreeSize::new(1)), first, "as many as are kept");
        grow(&mut roots, CHECK_RECENT_ROOTS_MAX..CHECK_RECENT_ROOTS_MAX + 1);
        assert_eq!(roots.at(TreeSize::new(1)), None);
        assert!(roots.at(TreeSize::new(2)).is_some());
        let size = TreeSize::new(CHECK_RECENT_ROOTS_MAX as u64 + 2);
        assert_eq!(roots.at(size), None, "it is not there yet");
    }
}
