//! Where the ledger of a command is: what is known of it before it is opened, and where it is away.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Context;
use super::desk::{Desk, identity, ledger_key_file};
use super::error::CliError;
use super::pending::Pending;
use crate::base::digest::RootHash;
use crate::base::limits::{CLIENT_BRIEF_WAIT_MILLISECONDS, CLIENT_WAIT_MILLISECONDS};
use crate::base::name::{MemberId, RepositoryName, WitnessName};
use crate::base::position::TreeSize;
use crate::config::{
    Access, ConfigError, LedgerChoice, Resolved, Source, Token, WitnessAddress, file_name_of,
};
use crate::git::Repository;
use crate::http::client::Credentials;
use crate::key::KeyId;
use crate::session::{
    self, LedgerKeyFile, MirrorPlace, Opening, Server, Session, SessionError, Spool,
};
use crate::statement::Seen;
use crate::verify::trust::TrustRoot;

/// Where a ledger is, and what it must be: known before it is opened, and where it is away.
pub(crate) struct Address {
    /// What the ledger must be.
    pub(crate) trust: TrustRoot,
    folder: PathBuf,
    /// The server that answers for the ledger, whose copy the folder is.
    remote: Option<Remote>,
    ledger_key: LedgerKeyFile,
    seen: Option<PathBuf>,
    /// Signed statements that wait for the ledger; none without a home folder.
    spool: Option<Spool>,
    bundles: Option<PathBuf>,
    /// The mirror that acknowledgements wait for.
    mirror: Option<MirrorPlace>,
    witnesses: BTreeMap<WitnessName, WitnessAddress>,
    pending: Pending,
    /// The repository that the command stands in, if it does.
    pub(crate) repository: Option<Repository>,
    /// How the policy calls it, if the settings say so.
    pub(crate) repository_name: Option<RepositoryName>,
}

/// A server, and what it is asked with.
pub(crate) struct Remote {
    url: String,
    access: Access,
}

impl Remote {
    fn server(&self, wait_milliseconds: u64) -> Result<Server, SessionError> {
        let token = self.access.token.as_ref().map(Token::as_str);
        let credentials = Credentials { token, roots: self.access.tls_roots.as_deref() };
        let wait = Duration::from_millis(wait_milliseconds);
        Ok(Server::new(&self.url, credentials, wait)?)
    }
}

/// What is left to who cannot reach the ledger (`spec/verdict.md` section 9); `what` are the words
/// of the command that say for what.
pub(in crate::cli) fn way_out(what: &str) -> String {
    format!("in an emergency no ledger is needed: countersign override {what} -m WHY -o FILE")
}

/// Where a command is run that begins a ledger, or a server.
pub(in crate::cli) const ON_ITS_MACHINE: &str = "run it on the machine that the ledger is on";
/// Where a command is run that a server keeps from the ledger's folder.
pub(in crate::cli) const SERVER_STOPPED: &str =
    "run it on the machine that the ledger is on, once the server is stopped";

impl Address {
    /// Opens the ledger. `command` is what others are told who wait for it.
    ///
    /// # Errors
    /// Where there is none, it is in use, or something does not verify.
    pub(crate) fn open(&self, command: &str) -> Result<Session, SessionError> {
        self.open_within(command, CLIENT_WAIT_MILLISECONDS)
    }

    /// The same, for who can do without: a server that hangs is not waited for long.
    ///
    /// # Errors
    /// As [`Address::open`].
    pub(crate) fn open_briefly(&self, command: &str) -> Result<Session, SessionError> {
        self.open_within(command, CLIENT_BRIEF_WAIT_MILLISECONDS)
    }

    fn open_within(&self, command: &str, milliseconds: u64) -> Result<Session, SessionError> {
        let opening = self.opening(command);
        if let Some(remote) = &self.remote {
            return Session::open_copy(&opening, remote.server(milliseconds)?);
        }
        let mut session = Session::open(&opening)?;
        if let Some(mirror) = &self.mirror {
            session.acknowledge_with(mirror.clone());
        }
        Ok(session)
    }

    /// The copy of a server's ledger as it was left, without the server; none of a ledger's own
    /// folder, of which there is no copy.
    pub(crate) fn open_as_left(&self, command: &str) -> Option<Result<Session, SessionError>> {
        self.remote.as_ref()?;
        Some(Session::open_copy_as_left(&self.opening(command)))
    }

    /// Where the gate keeps the bundles of what it allowed, where the ledger may be away later.
    pub(crate) fn bundles(&self) -> Option<PathBuf> {
        self.bundles.clone().filter(|_| self.remote.is_some())
    }

    fn opening<'a>(&'a self, command: &'a str) -> Opening<'a> {
        Opening {
            folder: &self.folder,
            trust: &self.trust,
            ledger_key: &self.ledger_key,
            command,
            seen: self.seen.as_deref(),
        }
    }

    /// The URL of the server that answers for the ledger, where it is no folder of this machine.
    pub(crate) fn url(&self) -> Option<&str> {
        self.remote.as_ref().map(|remote| remote.url.as_str())
    }

    /// The ledger's folder, or that of its copy.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the ledger's own key.
    pub(crate) const fn ledger_key(&self) -> &LedgerKeyFile {
        &self.ledger_key
    }

    /// Signed statements that wait for the ledger.
    pub(crate) const fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// The file of the newest tree that this user has seen.
    pub(crate) fn seen(&self) -> Option<&Path> {
        self.seen.as_deref()
    }

    /// What is left where the ledger is away, with what has to be named without its policy.
    pub(in crate::cli) fn way_out(&self) -> String {
        way_out(match self.repository_name {
            Some(_) => "--service SERVICE",
            None => "--service SERVICE --repository NAME",
        })
    }

    /// The desk of an opened ledger.
    pub(crate) fn desk(self, session: Session) -> Desk {
        let Self { trust, repository, repository_name, seen, spool, witnesses, pending, .. } = self;
        let approved = OnceCell::new();
        Desk {
            session,
            trust,
            repository,
            repository_name,
            seen,
            spool,
            approved,
            witnesses,
            pending,
        }
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

/// Where the server alone could say which ledger it answers for.
fn unknown(error: SessionError, url: &str) -> CliError {
    let is_away = error.is_away();
    let error = CliError::from(error);
    if !is_away {
        return error;
    }
    error.hint(format!(
        "without its answer it is not known which ledger is meant: name the file of its trust \
         root (--trust FILE), or in the settings [ledger.\"ORIGIN\"] url = \"{url}\""
    ))
}

impl Context {
    /// For commands that work on a ledger's own folder alone; `instead` is what to do where a
    /// server answers for it.
    ///
    /// # Errors
    /// Where a server answers for the ledger, or settings cannot be read.
    pub(crate) fn need_own_folder(&self, what: &str, instead: &str) -> Result<(), CliError> {
        // A repository that cannot be read is told by who needs it.
        let identity = self.repository_if_any().ok().flatten().as_ref().map(identity);
        let choice = self.configuration()?.ledger(identity.as_ref());
        let Ok(Resolved { value: LedgerChoice { url: Some(url), .. }, source }) = choice else {
            return Ok(());
        };
        let what = format!("{what} works on the ledger's own folder");
        Err(match source {
            Source::Variable(name) => {
                CliError::usage(format!("{what}, and {name} is {url}")).hint(instead).hint(format!(
                    "where its folder is on this machine, name that (--ledger DIR), or unset {name}"
                ))
            }
            _ => CliError::usage(format!("{what}, and {url} answers for it")).hint(instead),
        })
    }

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
        let mut choice = choice.value;
        let remote = match choice.url.take() {
            None => None,
            Some(url) => Some(Remote { access: configuration.access(&url)?, url }),
        };
        if let Some(remote) = remote.as_ref().filter(|_| choice.origin.is_none()) {
            // A trust root that is named says which ledger is meant; else the server is asked.
            choice.origin = Some(match configuration.trust_root(None) {
                Ok((trust, _)) => trust.origin().clone(),
                Err(ConfigError::NotPinned { .. }) => {
                    let server = remote.server(CLIENT_WAIT_MILLISECONDS)?;
                    server.origin().map_err(|error| unknown(error.into(), server.url()))?
                }
                Err(error) => return Err(error.into()),
            });
        }
        let (trust, _) = configuration.trust_root(choice.origin.as_ref())?;
        if remote.is_some() {
            choice.folder = configuration.places().copy_folder(trust.origin());
        }
        let folder = choice
            .folder
            .ok_or_else(|| CliError::usage("there is no home folder to find the ledger in"))?;
        let ledger_key = ledger_key_file(&configuration, trust.origin())?;
        let seen = self.state_of(&trust, "seen");
        let spool = self.state_of(&trust, "spool").map(Spool::new);
        let bundles = self.state_of(&trust, "bundles");
        let mirror = configuration.mirror(trust.origin());
        let mirror = mirror.filter(|mirror| mirror.is_sync && remote.is_none());
        let mirror =
            mirror.map(|found| MirrorPlace { folder: found.folder, openings: found.openings });
        let witnesses = configuration.witnesses(trust.origin());
        let pending = self.pending.clone();
        Ok(Address {
            trust,
            folder,
            remote,
            ledger_key,
            seen,
            spool,
            bundles,
            mirror,
            witnesses,
            pending,
            repository,
            repository_name,
        })
    }

    /// Where the newest tree that this user has seen of a ledger is kept.
    pub(crate) fn seen_file(&self, trust: &TrustRoot) -> Option<PathBuf> {
        self.state_of(trust, "seen")
    }

    /// Where something of a ledger is kept in the user's state folder.
    fn state_of(&self, trust: &TrustRoot, what: &str) -> Option<PathBuf> {
        let folder = self.environment.state_home.as_ref()?.join("countersign").join(what);
        Some(folder.join(format!("{}-{}", file_name_of(trust.origin()), trust.ledger().short())))
    }
}
