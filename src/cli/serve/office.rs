//! Where the desks of a server come from.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::base::name::{RepositoryName, WitnessName};
use crate::base::time::{Clock, Timestamp};
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::pending::Pending;
use crate::config::WitnessAddress;
use crate::git::{GitError, Repository};
use crate::key::SeedSigner;
use crate::policy::Policy;
use crate::server::{Server, Snapshot};
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// What every request may need: the server, and what commands are run with.
pub(crate) struct Office {
    server: Arc<Server>,
    parts: Parts,
    /// The ledger as the last bundle needed it: the next is folded on from there.
    folded: Arc<Mutex<View>>,
}

/// What an office is made of.
pub(crate) struct Parts {
    /// What the ledger must be.
    pub(crate) trust: TrustRoot,
    /// The server's own clones, by the names of the policy.
    pub(crate) repositories: BTreeMap<RepositoryName, PathBuf>,
    /// Where the witnesses are.
    pub(crate) witnesses: BTreeMap<WitnessName, WitnessAddress>,
    /// The clock.
    pub(crate) clock: Box<dyn Clock + Send + Sync>,
    /// What decisions are signed with; none where the server decides nothing.
    pub(crate) gate_key: Option<SeedSigner>,
}

impl Office {
    /// The office of a server.
    pub(crate) fn new(server: Arc<Server>, parts: Parts) -> Arc<Self> {
        Arc::new(Self { server, parts, folded: Arc::default() })
    }

    /// The server.
    pub(crate) const fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// What decisions are signed with.
    pub(crate) const fn gate_key(&self) -> Option<&SeedSigner> {
        self.parts.gate_key.as_ref()
    }

    /// The ledger as it was at some time, to be folded on. Whoever has it is alone in that: what
    /// others ask for waits behind one such work at most.
    pub(super) async fn folded(&self) -> OwnedMutexGuard<View> {
        Arc::clone(&self.folded).lock_owned().await
    }

    /// A desk on a snapshot, as a command in the clone of that repository has it; where none is
    /// named, in the only clone that there is. Where the clone is not there, in none. Nothing can
    /// be appended at it. It is made and dropped on the thread that does the work.
    ///
    /// # Errors
    /// Where the clone cannot be read.
    pub(crate) fn desk(
        &self,
        snapshot: &Snapshot,
        repository: Option<&RepositoryName>,
    ) -> Result<Desk, CliError> {
        let mut clones = self.parts.repositories.iter();
        let found = match repository {
            Some(name) => self.parts.repositories.get_key_value(name),
            None if self.parts.repositories.len() == 1 => clones.next(),
            None => None,
        };
        let name = found.map(|(name, _)| name).or(repository).cloned();
        let name = name.or_else(|| self.first_without_clone(snapshot));
        let clone = match found.map(|(_, path)| Repository::open(path)).transpose() {
            Err(GitError::NotARepository { .. } | GitError::Forbidden { .. }) => None,
            opened => opened?,
        };
        Ok(Desk {
            session: snapshot.session.snapshot(),
            trust: self.parts.trust.clone(),
            repository: clone,
            repository_name: name,
            seen: None,
            spool: None,
            approved: OnceCell::new(),
            witnesses: self.parts.witnesses.clone(),
            pending: Pending::default(),
        })
    }
    /// The repository that a clone is missing of, where the server has none at all.
    fn first_without_clone(&self, snapshot: &Snapshot) -> Option<RepositoryName> {
        let policy =
            snapshot.session.view().policy().filter(|_| self.parts.repositories.is_empty());
        let policy = Policy::parse(&policy?.text).ok()?;
        policy.services().first().map(|service| service.repository.clone())
    }
}
