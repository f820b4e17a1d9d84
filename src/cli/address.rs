//! Where the ledger of a command is: what is known of it before it is opened, and where it is away.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Context;
use super::desk::{Desk, identity, ledger_key_file};
use super::error::CliError;
use super::pending::Pending;
use crate::base::digest::RootHash;
use crate::base::name::{MemberId, RepositoryName, WitnessName};
use crate::base::position::TreeSize;
use crate::config::{WitnessAddress, file_name_of};
use crate::git::Repository;
use crate::key::KeyId;
use crate::session::{
    self, LedgerKeyFile, MirrorPlace, Opening, Session, SessionError, SessionErrorKind,
};
use crate::statement::Seen;
use crate::verify::trust::TrustRoot;

/// Where a ledger is, and what it must be: known before it is opened, and where it is away.
pub(crate) struct Address {
    /// What the ledger must be.
    pub(crate) trust: TrustRoot,
    folder: PathBuf,
    ledger_key: LedgerKeyFile,
    seen: Option<PathBuf>,
    /// The mirror that acknowledgements wait for.
    mirror: Option<MirrorPlace>,
    witnesses: BTreeMap<WitnessName, WitnessAddress>,
    pending: Pending,
    /// The repository that the command stands in, if it does.
    pub(crate) repository: Option<Repository>,
    /// How the policy calls it, if the settings say so.
    pub(crate) repository_name: Option<RepositoryName>,
}

/// What is left to who cannot reach the ledger (`spec/verdict.md` section 9).
pub(super) const WAY_OUT: &str =
    "in an emergency no ledger is needed: countersign override -m WHY -o FILE";

/// Whether a ledger is not at hand, and nothing about it is wrong.
pub(crate) fn is_away(error: &SessionError) -> bool {
    matches!(error, SessionError::NoLedger { .. }) || error.kind() == SessionErrorKind::Unavailable
}

impl Address {
    /// Opens the ledger. `command` is what others are told who wait for it.
    ///
    /// # Errors
    /// Where there is none, it is in use, or something does not verify.
    pub(crate) fn open(&self, command: &str) -> Result<Session, SessionError> {
        let mut session = Session::open(&Opening {
            folder: &self.folder,
            trust: &self.trust,
            ledger_key: &self.ledger_key,
            command,
            seen: self.seen.as_deref(),
        })?;
        if let Some(mirror) = &self.mirror {
            session.acknowledge_with(mirror.clone());
        }
        Ok(session)
    }

    /// The ledger's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the ledger's own key.
    pub(crate) const fn ledger_key(&self) -> &LedgerKeyFile {
        &self.ledger_key
    }

    /// The file of the newest tree that this user has seen.
    pub(crate) fn seen(&self) -> Option<&Path> {
        self.seen.as_deref()
    }

    /// The desk of an opened ledger.
    pub(crate) fn desk(self, session: Session) -> Desk {
        let Self { trust, repository, repository_name, seen, witnesses, pending, .. } = self;
        let approved = OnceCell::new();
        Desk { session, trust, repository, repository_name, seen, approved, witnesses, pending }
    }

    /// The newest tree that this user has seen of the ledger; at least entry 0, which the trust
    /// root names.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn newest_seen(&self) -> Result<Seen, CliError> {
        let known = self.seen.as_deref().map(session::newest_seen).transpose();
        let known = known.map_err(SessionError::from)?.flatten();
        Ok(known.unwrap_or_else(|| Seen {
            size: TreeSize::new(1),
            root: RootHash::from_bytes(*self.trust.ledger().as_bytes()),
        }))
    }

    /// Whose key it was when this user signed with it last.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn known_owner(&self, key: &KeyId) -> Result<Option<MemberId>, CliError> {
        let known = self.seen.as_deref().map(|path| session::known_owner(path, key)).transpose();
        Ok(known.map_err(SessionError::from)?.flatten())
    }
}

impl Context {
    /// Where the ledger is, and what it must be, by settings alone.
    ///
    /// # Errors
    /// Where none is known, or no trust root is pinned for it.
    pub(crate) fn address(&self) -> Result<Address, CliError> {
        let configuration = self.configuration()?;
        let repository = self.repository_if_any()?;
        let identity = repository.as_ref().map(identity);
        let choice = configuration.ledger(identity.as_ref())?;
        let repository_name = identity
            .as_ref()
            .and_then(|identity| configuration.repository(identity))
            .map(|settings| settings.value.name);
        let (trust, _) = configuration.trust_root(choice.value.origin.as_ref())?;
        let folder = choice
            .value
            .folder
            .ok_or_else(|| CliError::usage("there is no home folder to find the ledger in"))?;
        let ledger_key = ledger_key_file(&configuration, trust.origin())?;
        let seen = self.seen_file(&trust);
        let mirror = configuration.mirror(trust.origin()).filter(|mirror| mirror.is_sync);
        let mirror =
            mirror.map(|found| MirrorPlace { folder: found.folder, openings: found.openings });
        let witnesses = configuration.witnesses(trust.origin());
        let pending = self.pending.clone();
        Ok(Address {
            trust,
            folder,
            ledger_key,
            seen,
            mirror,
            witnesses,
            pending,
            repository,
            repository_name,
        })
    }

    /// Where the newest tree that this user has seen of a ledger is kept.
    pub(crate) fn seen_file(&self, trust: &TrustRoot) -> Option<PathBuf> {
        let folder = self.environment.state_home.as_ref()?.join("countersign/seen");
        Some(folder.join(format!("{}-{}", file_name_of(trust.origin()), trust.ledger().short())))
    }
}
