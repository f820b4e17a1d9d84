//! Following somebody else's log: what it shows is verified, kept, and folded into a view of one's
//! own (`spec/monitor.md` section 1).

use std::path::Path;
use std::time::Duration;

use super::error::SessionError;
use super::folder::{LedgerFolder, LedgerKeyFile};
use super::keys::{check_key_of_size, check_trust};
use super::random::random;
use super::references::Parsed;
use super::replay::replay;
use super::shown::Copying;
use super::view_file;
use crate::base::digest::LeafHash;
use crate::base::limits::{LOCK_WAIT_MILLISECONDS_MAX, PAGE_LEAVES_MAX};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::ledger::read::prover;
use crate::ledger::store::{Store as _, StoreError};
use crate::merkle::leaf_hash;
use crate::note::key::NoteSigner;
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::store::durable;
use crate::store::mirror::MirrorStore;
use crate::store::sled::SledStore;
use crate::verify::trust::TrustRoot;
use crate::view::View;

pub use super::shown::FollowError;

/// The file of the secret under which the view is remembered.
const SECRET_FILE: &str = "secret";
/// What is there before it.
const BEGINNING: [&str; 2] = ["lock", "sled"];

/// A verified copy of somebody else's log.
#[derive(Debug)]
pub struct Follower {
    folder: LedgerFolder,
    store: SledStore,
    trust: TrustRoot,
    secret: NoteSigner,
    view: View,
    /// The size that the remembered view has.
    remembered: TreeSize,
}

/// An entry that was judged and found good.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The state after it.
    pub view: &'a View,
    /// The copy, which has it.
    pub store: &'a SledStore,
    /// Its position.
    pub index: EntryIndex,
    /// Its leaf hash.
    pub hash: LeafHash,
    /// Its time.
    pub time: Timestamp,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// What it says.
    pub statement: &'a Statement,
}

impl Follower {
    /// Whether a folder has a copy, or may have one: nothing else lies there.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be read.
    pub fn may_use(folder: &Path) -> Result<bool, SessionError> {
        let names = durable::names(folder)?;
        // Who was killed while it began has no secret yet.
        let is_begun = |name: &String| BEGINNING.contains(&name.as_str());
        Ok(names.iter().any(|name| name == SECRET_FILE) || names.iter().all(is_begun))
    }

    /// Opens the copy in a folder, or begins one; the folder belongs to one process at a time.
    ///
    /// # Errors
    /// [`SessionError`] where it is in use or damaged.
    pub fn open(folder: &Path, trust: &TrustRoot) -> Result<Self, SessionError> {
        durable::create_folder(folder)?;
        let wait = Duration::from_millis(LOCK_WAIT_MILLISECONDS_MAX);
        let store = SledStore::open(folder, "monitor", wait)?;
        let secret = secret(folder, trust.origin().as_str())?;
        let folder = LedgerFolder::new(folder);
        durable::sweep(folder.path(), &["checkpoint", "view.json", SECRET_FILE]);
        let size = store.head()?.map_or(TreeSize::default(), |head| head.size);
        let view = view_file::load(&folder, &secret, &store, size).unwrap_or_default();
        let remembered = view.size();
        Ok(Self { folder, store, trust: trust.clone(), secret, view, remembered })
    }

    /// The folder of the copy.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Takes the salt of e-mail digests out of a mirror's folder of openings, so that commands
    /// which only read take the copy for a ledger.
    ///
    /// # Errors
    /// [`SessionError`] where there is none, or it is not this ledger's.
    pub fn take_salt(&self, openings: &Path) -> Result<(), SessionError> {
        let salt = LedgerFolder::new(openings).email_salt()?;
        if self.view.ledger().is_some_and(|ledger| ledger.salt != salt.commitment()) {
            return Err(SessionError::integrity("the e-mail salt", "is not this ledger's"));
        }
        if self.folder.email_salt().is_err() {
            self.folder.write_email_salt(&salt)?;
        }
        Ok(())
    }

    /// The state that the judged entries fold to.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Takes up what is new in a log that somebody shows.
    ///
    /// # Errors
    /// [`FollowError`]; then nothing more of it is kept than what was verified.
    pub fn take_up(&self, shown: &MirrorStore) -> Result<(), FollowError> {
        Copying { store: &self.store, folder: &self.folder, trust: &self.trust }.take_up(shown)
    }

    /// Judges the entries of the copy that were not judged yet, in order, and hands each that is
    /// good to `visit`; then the checkpoint.
    ///
    /// # Errors
    /// [`FollowError::Broken`] at the first entry that should never have been taken up; those
    /// before it stay judged.
    pub fn judge(
        &mut self,
        visit: &mut dyn FnMut(&Judged<'_>) -> Result<(), SessionError>,
    ) -> Result<(), FollowError> {
        let size = self.store.head()?.map_or(TreeSize::default(), |head| head.size);
        while self.view.size() < size {
            let first = self.view.size().next_index();
            let leaves = self.store.leaves(first, PAGE_LEAVES_MAX)?;
            if leaves.is_empty() {
                return Err(SessionError::integrity(format!("entry {first}"), "is missing").into());
            }
            for bytes in leaves {
                self.judge_one(&bytes, visit)?;
            }
        }
        self.check_head()
    }

    /// Remembers what was judged: it is not judged again.
    ///
    /// # Errors
    /// [`StoreError`] where the copy cannot be read.
    pub fn remember(&mut self) -> Result<(), StoreError> {
        if self.view.size() > self.remembered {
            let whole = self.store.head()?.map_or(TreeSize::default(), |head| head.size);
            let root = prover(&self.store, whole).root(self.view.size())?;
            let (folder, secret) = (&self.folder, &self.secret);
            self.remembered = view_file::save(folder, secret, &self.view, root, self.remembered);
        }
        Ok(())
    }

    fn judge_one(
        &mut self,
        bytes: &[u8],
        visit: &mut dyn FnMut(&Judged<'_>) -> Result<(), SessionError>,
    ) -> Result<(), FollowError> {
        let index = self.view.size().next_index();
        let broken = |why: String| FollowError::broken(format!("entry {index}"), why);
        let hash = leaf_hash(bytes);
        if index.get() == 0 && hash != self.trust.ledger() {
            let ledger = self.trust.ledger();
            return Err(broken(format!("leaf hash is {hash}, the trust root names {ledger}")));
        }
        let parsed = Parsed::parse(index, bytes).map_err(|error| broken(error.to_string()))?;
        self.check_chain(index, &parsed).map_err(broken)?;
        replay(&mut self.view, &self.store, index, &parsed.leaf).map_err(broken)?;
        let (view, store) = (&self.view, &self.store);
        let Parsed { leaf, envelope, statement } = &parsed;
        let time = leaf.time();
        Ok(visit(&Judged { view, store, index, hash, time, envelope, statement })?)
    }

    /// The entry before is the one that this one names, and not younger.
    fn check_chain(&self, index: EntryIndex, parsed: &Parsed) -> Result<(), String> {
        let (prev, time) = match index.get().checked_sub(1) {
            None => (crate::ledger::leaf::no_leaf(), parsed.leaf.time()),
            Some(before) => {
                let before = self.store.leaf(EntryIndex::new(before));
                let before = before.map_err(|error| error.to_string())?.unwrap_or_default();
                (leaf_hash(&before), self.view.time())
            }
        };
        if parsed.leaf.prev() != prev {
            return Err(format!("prev is {}, the entry before has {prev}", parsed.leaf.prev()));
        }
        if parsed.leaf.time() < time {
            return Err("its time is before that of the entry before".to_owned());
        }
        Ok(())
    }

    /// The newest checkpoint is the pinned ledger's, under the key that is in force.
    fn check_head(&self) -> Result<(), FollowError> {
        let Some(head) = self.store.head()?.filter(|head| !head.checkpoint.is_empty()) else {
            return Ok(());
        };
        let broken = |error: SessionError| FollowError::broken("the checkpoint", error);
        check_trust(&self.view, &self.trust).map_err(broken)?;
        check_key_of_size(&self.view, head.checkpoint.as_bytes(), head.size).map_err(broken)
    }
}

/// The copy's own secret, made once.
fn secret(folder: &Path, origin: &str) -> Result<NoteSigner, SessionError> {
    let file = LedgerKeyFile::new(folder.join(SECRET_FILE));
    if let Some(secret) = file.read()? {
        return Ok(secret);
    }
    let seed = zeroize::Zeroizing::new(random::<32>());
    let secret = NoteSigner::new(origin, &seed)
        .map_err(|error| SessionError::integrity("the origin", error.to_string()))?;
    file.create(&secret)?;
    Ok(secret)
}
