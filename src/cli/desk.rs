//! What most commands begin with: the repository, the ledger that goes with it, and a key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Context;
use super::address::{WAY_OUT, is_away};
use super::error::{CliError, ErrorKind};
use crate::base::name::{EnvironmentName, MemberId, Origin, RepositoryName, ServiceName};
use crate::config::{ConfigError, Configuration, KeyChoice, RepositoryIdentity, file_name_of};
use crate::git::{self, Repository};
use crate::key::{KeyId, Signer};
use crate::ledger::append::Refusal;
use crate::ledger::receipt::Receipt;
use crate::policy::{Policy, Service, UnknownName};
use crate::roster::Member;
use crate::session::{self, LedgerKeyFile, Session, SessionError, SessionErrorKind, sign};
use crate::signer::{ChooseError, KeySources, choose};
use crate::statement::Says;
use crate::statement::envelope::Envelope;
use crate::store::durable;
use crate::verify::trust::TrustRoot;

/// A repository, its ledger and the trust root, opened for one command.
pub(crate) struct Desk {
    /// The ledger.
    pub(crate) session: Session,
    /// What the ledger must be.
    pub(crate) trust: TrustRoot,
    /// The repository that the command stands in, if it does.
    pub(crate) repository: Option<Repository>,
    /// How the policy calls it, if the settings say so.
    pub(crate) repository_name: Option<RepositoryName>,
    /// The file of the newest tree that this user has seen.
    pub(super) seen: Option<PathBuf>,
}

/// A desk that is left while a person reads or is asked, so that nobody waits for the ledger, and
/// taken again afterwards. Where nobody is asked it is opened once.
pub(crate) struct Held {
    command: &'static str,
    desk: Option<Desk>,
}

impl Held {
    /// Takes the desk.
    ///
    /// # Errors
    /// As [`Context::desk`].
    pub(crate) fn take(context: &mut Context, command: &'static str) -> Result<Self, CliError> {
        Ok(Self { command, desk: Some(context.desk(command)?) })
    }

    /// A desk that was taken already.
    pub(crate) const fn of(command: &'static str, desk: Desk) -> Self {
        Self { command, desk: Some(desk) }
    }

    /// The desk, taken again if it was left.
    ///
    /// # Errors
    /// As [`Context::desk`].
    pub(crate) fn desk(&mut self, context: &mut Context) -> Result<&mut Desk, CliError> {
        if self.desk.is_none() {
            self.desk = Some(context.desk(self.command)?);
        }
        self.desk.as_mut().ok_or_else(|| CliError::unavailable("the ledger was not opened"))
    }

    /// Leaves the desk to others until it is taken again.
    pub(crate) fn leave(&mut self) {
        self.desk = None;
    }

    /// Ends without the milliseconds that closing the store takes: all is durable.
    pub(crate) fn leak(self) {
        if let Some(desk) = self.desk {
            desk.session.leak();
        }
    }
}

/// What people are called, out of the openings that are there.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<MemberId, String>);

/// The profile behind a member's commitment, as `roster apply` writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// How the person is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// E-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) emails: Vec<String>,
    /// Handles at forges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) handles: Vec<String>,
}

/// Where the ledger's own key and the gate's key lie: `keys/` in the user's configuration folder.
pub(crate) fn key_folder(configuration: &Configuration) -> Result<PathBuf, CliError> {
    let folder = configuration.places().user_config.as_ref();
    let folder =
        folder.ok_or_else(|| CliError::usage("there is no home folder to keep keys in"))?;
    Ok(folder.join("countersign/keys"))
}

/// The file of a ledger's own key.
pub(crate) fn ledger_key_file(
    configuration: &Configuration,
    origin: &Origin,
) -> Result<LedgerKeyFile, CliError> {
    let name = format!("{}.ledger", file_name_of(origin));
    Ok(LedgerKeyFile::new(key_folder(configuration)?.join(name)))
}

/// The file of the gate's key, made by `init`.
pub(crate) fn gate_key_file(
    configuration: &Configuration,
    origin: &Origin,
) -> Result<PathBuf, CliError> {
    Ok(key_folder(configuration)?.join(format!("{}.gate", file_name_of(origin))))
}

/// How a repository is recognised in settings.
pub(crate) fn identity(repository: &Repository) -> RepositoryIdentity {
    let common_folder = repository.common_dir();
    let common_folder = common_folder.canonicalize().unwrap_or(common_folder);
    let remotes = repository.remote_url("origin").into_iter().collect();
    RepositoryIdentity { common_folder, remotes }
}

impl Context {
    /// The repository that the command stands in.
    ///
    /// # Errors
    /// Where there is none, or it cannot be trusted or read.
    pub(crate) fn repository(&self) -> Result<Repository, CliError> {
        Ok(Repository::open(&self.environment.current_directory)?)
    }

    /// The repository, or none where the command stands in none. Any other failure is one.
    pub(crate) fn repository_if_any(&self) -> Result<Option<Repository>, CliError> {
        match Repository::open(&self.environment.current_directory) {
            Ok(repository) => Ok(Some(repository)),
            Err(git::GitError::NotARepository { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the ledger of the repository that the command stands in, or the one that is named.
    /// `command` is what others are told who wait for it.
    ///
    /// # Errors
    /// Where none is known, it is in use, or something does not verify.
    pub(crate) fn desk(&mut self, command: &str) -> Result<Desk, CliError> {
        let address = self.address()?;
        match address.open(command) {
            Ok(session) => Ok(address.desk(session)),
            Err(error) => {
                let is_away = is_away(&error);
                let error = CliError::from(error);
                Err(if is_away { error.hint(WAY_OUT) } else { error })
            }
        }
    }

    /// Whether a ledger is known here: for commands that also work without one.
    ///
    /// # Errors
    /// Where settings or the repository cannot be read.
    pub(crate) fn has_ledger(&self) -> Result<bool, CliError> {
        let identity = self.repository_if_any()?.as_ref().map(identity);
        match self.configuration()?.ledger(identity.as_ref()) {
            Ok(_) => Ok(true),
            Err(ConfigError::NoLedger) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Where keys may be: the agent, files, and what flags, settings and git name.
    pub(crate) fn key_sources(&self) -> Result<KeySources, CliError> {
        let configured = self.configuration()?.key()?.map(|key| match key.value {
            KeyChoice::Fingerprint(text) => text,
            KeyChoice::File(path) => path.display().to_string(),
        });
        let repository = self.repository_if_any()?;
        // git signs with this key only where it signs with SSH at all.
        let git_signing_key = repository
            .filter(|repository| repository.config_string("gpg.format").as_deref() == Some("ssh"))
            .and_then(|repository| repository.config_string("user.signingKey"));
        Ok(KeySources {
            agent_socket: self.environment.ssh_auth_sock.clone(),
            home: self.environment.home.clone(),
            configured,
            git_signing_key,
        })
    }

    /// The key to sign with: the named one, git's, or the only one that is enrolled.
    ///
    /// # Errors
    /// Where none can sign, several could, or the named one is not enrolled.
    pub(crate) fn signer(
        &mut self,
        enrolled: Option<&BTreeSet<KeyId>>,
    ) -> Result<Box<dyn Signer>, CliError> {
        let sources = self.key_sources()?;
        let ui = &mut self.ui;
        let mut prompt = |question: &str| ui.prompt_secret(question);
        Ok(choose(&sources, enrolled, &mut prompt)?)
    }

    /// The present moment.
    pub(crate) fn now(&self) -> crate::base::time::Timestamp {
        self.clock.now()
    }
}

impl Desk {
    /// Every key that may sign the next entry.
    pub(crate) fn enrolled(&self) -> BTreeSet<KeyId> {
        let view = self.session.view();
        let size = view.size();
        let signs = |record: &crate::roster::KeyRecord| {
            record.revoked(size).is_none()
                && record.owner(size).is_some_and(|id| view.roster().member(id, size).is_some())
        };
        view.roster().keys().filter(|(_, record)| signs(record)).map(|(id, _)| *id).collect()
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// Where the key is on nobody's roster entry.
    pub(crate) fn owner(&self, key: &KeyId) -> Result<&Member, CliError> {
        let roster = self.session.view().roster();
        let size = self.session.size();
        let owner = roster.key(key).and_then(|record| record.owner(size));
        owner.and_then(|id| roster.member(id, size)).ok_or_else(|| {
            CliError::usage(format!("the key {key} is on nobody's roster entry"))
                .hint("an admin enrols it: countersign key enroll MEMBER FILE.pub")
        })
    }

    /// Remembers whose key it is, for when the ledger is not at hand. A failure costs nothing but
    /// the memory.
    pub(crate) fn remember_owner(&self, key: &KeyId, member: &MemberId) {
        if let Some(path) = &self.seen {
            session::remember_owner(path, key, member);
        }
    }

    /// What people are called.
    pub(crate) fn names(&self) -> Names {
        let openings = self.session.openings();
        let mut names = BTreeMap::new();
        for member in self.session.view().roster().members_ever() {
            let text = member.profile.and_then(|profile| openings.text(profile).ok().flatten());
            let profile = text.and_then(|text| serde_json::from_str::<Profile>(&text).ok());
            if let Some(profile) = profile.filter(|profile| !profile.name.is_empty()) {
                names.insert(member.id.clone(), profile.name);
            }
        }
        Names(names)
    }

    /// The policy in force.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn policy(&self) -> Result<Policy, CliError> {
        let version = self.session.view().policy().ok_or_else(|| {
            CliError::usage("the ledger has no policy yet")
                .hint("an admin sets one: countersign policy apply FILE")
        })?;
        Policy::parse(&version.text)
            .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))
    }

    /// The service that is named, or the only one of this repository.
    ///
    /// # Errors
    /// Where the policy does not list it, or several could be meant.
    pub(crate) fn service<'p>(
        &self,
        policy: &'p Policy,
        named: Option<&ServiceName>,
    ) -> Result<&'p Service, CliError> {
        if let Some(name) = named {
            return policy.known_service(name).map_err(|error| {
                let known = policy.services().iter().map(|service| service.name.to_string());
                unlisted(&error, &known.collect::<Vec<_>>())
            });
        }
        let here = |service: &&Service| {
            self.repository_name.as_ref().is_none_or(|name| service.repository == *name)
        };
        let mut services = policy.services().iter().filter(here);
        match (services.next(), services.next()) {
            (Some(service), None) => Ok(service),
            (None, _) => Err(CliError::usage("the policy lists no service of this repository")
                .hint("list it in the policy: countersign policy apply FILE")),
            (Some(_), Some(_)) => {
                let known: Vec<_> =
                    policy.services().iter().filter(here).map(|s| s.name.to_string()).collect();
                Err(CliError::usage("several services are built from this repository")
                    .hint(format!("name one with --service: {}", known.join(", "))))
            }
        }
    }

    /// The repository, for commands that need one.
    ///
    /// # Errors
    /// Where the command stands in none.
    pub(crate) fn need_repository(&self) -> Result<&Repository, CliError> {
        self.repository.as_ref().ok_or_else(|| {
            CliError::usage("this is not a git repository")
                .hint("go to one, or name it with -C DIR")
        })
    }

    /// Signs what `by` says.
    ///
    /// # Errors
    /// Where the statement is too large or the key does not sign.
    pub(crate) fn sign(
        &self,
        signer: &dyn Signer,
        by: &MemberId,
        says: Says,
    ) -> Result<Envelope, CliError> {
        Ok(sign(&self.session.statement(by, says), signer)?)
    }

    /// Appends envelopes as one batch; all are taken up, or the first refusal is the error.
    ///
    /// # Errors
    /// Where one is refused, or nothing could be appended.
    pub(crate) fn submit(
        &mut self,
        now: crate::base::time::Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Receipt>, CliError> {
        let receipts = self.session.append(now, envelopes)?;
        receipts.into_iter().map(|receipt| receipt.map_err(|refusal| (&refusal).into())).collect()
    }
}

/// The environment that is named, `production` where the policy lists it, or the only one.
///
/// # Errors
/// Where the policy does not list it, or several could be meant.
pub(crate) fn environment(
    policy: &Policy,
    named: Option<&EnvironmentName>,
) -> Result<EnvironmentName, CliError> {
    if let Some(name) = named {
        policy.environment(name).map_err(|error| {
            let known = policy.environments().iter().map(|listed| listed.name.to_string());
            unlisted(&error, &known.collect::<Vec<_>>())
        })?;
        return Ok(name.clone());
    }
    let mut listed = policy.environments().iter().map(|environment| &environment.name);
    if let Some(name) = listed.clone().find(|name| name.as_str() == "production") {
        return Ok(name.clone());
    }
    match (listed.next(), listed.next()) {
        (Some(name), None) => Ok(name.clone()),
        _ => Err(CliError::usage("which environment?").hint("name one with --env")),
    }
}

/// A name that the policy does not list. What it lists is told once: in the error, where no other
/// name is near, else in the hint.
fn unlisted(error: &UnknownName, known: &[String]) -> CliError {
    let this = CliError::from_error(ErrorKind::Usage, error);
    if known.len() > 1 && error.is_near_another() {
        return this.hint(format!("the policy lists: {}", known.join(", ")));
    }
    this.hint("an admin lists another first: countersign policy apply FILE")
}

impl From<BTreeMap<MemberId, String>> for Names {
    fn from(names: BTreeMap<MemberId, String>) -> Self {
        Self(names)
    }
}

impl Names {
    /// Everyone whose name is known, by id.
    pub(crate) const fn all(&self) -> &BTreeMap<MemberId, String> {
        &self.0
    }

    /// What a member is called: the name, or the id where the name is withheld.
    pub(crate) fn of(&self, id: &MemberId) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// Writes an envelope to a file, for somebody else to hand in: `countersign submit FILE`.
///
/// # Errors
/// Where the file cannot be written.
pub(crate) fn write_envelope(path: &Path, envelope: &Envelope) -> Result<(), CliError> {
    let mut bytes = envelope.to_canonical();
    bytes.push(b'\n');
    write_file(path, &bytes)
}

/// Writes an answer to a file, whole or not at all; `-` is standard output.
///
/// # Errors
/// Where the file cannot be written, its folder is missing, or something else than a file is
/// there: a device would be replaced by a file.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if path.as_os_str() == "-" {
        let written = super::ui::write_out(bytes);
        return written.map_err(|error| CliError::file("write", path, &error));
    }
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(CliError::usage(format!("{} is not a file", path.display()))
            .hint("name a file, or - for standard output"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::read_dir(folder).map_err(|error| {
            CliError::file("write", path, &error).hint("name a file in a folder that is there")
        })?;
    }
    durable::replace(path, bytes, durable::MODE_SHARED)
        .map_err(|error| CliError::from_error(ErrorKind::Unavailable, &error))
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        let kind = match error.kind() {
            SessionErrorKind::Usage => ErrorKind::Usage,
            SessionErrorKind::Integrity => ErrorKind::Integrity,
            SessionErrorKind::Unavailable => ErrorKind::Unavailable,
        };
        let this = Self::from_error(kind, &error);
        match error.hint() {
            Some(hint) => this.hint(hint),
            None => this,
        }
    }
}

impl From<&Refusal> for CliError {
    fn from(refusal: &Refusal) -> Self {
        let this = Self::usage(format!("refused: {} ({})", refusal.message, refusal.code));
        match &refusal.hint {
            Some(hint) => this.hint(hint.clone()),
            None => this,
        }
    }
}

impl From<ChooseError> for CliError {
    fn from(error: ChooseError) -> Self {
        let error = match error {
            ChooseError::File(error) => return error.into(),
            error => error,
        };
        let kind = match &error {
            ChooseError::Unreachable { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Usage,
        };
        let this = Self::from_error(kind, &error);
        match error.hint() {
            Some(hint) => this.hint(hint),
            None => this,
        }
    }
}
