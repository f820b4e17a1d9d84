//! Keys: where a ledger's own lie, which ones may sign here, and whose each is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Desk;
use crate::base::name::{MemberId, Origin};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::config::{Configuration, KeyChoice, file_name_of};
use crate::key::{KeyId, Signer};
use crate::roster::{Member, Revoked};
use crate::session::{self, LedgerKeyFile};
use crate::signer::{ChooseError, KeySources, Place, Whereabouts, choose_at};

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

/// The keys that may sign the next entry, and those that may no more.
#[derive(Debug, Default)]
pub(crate) struct Enrolled {
    /// Those that may.
    pub(crate) keys: BTreeSet<KeyId>,
    revoked: BTreeMap<KeyId, Revoked>,
}

impl From<BTreeSet<KeyId>> for Enrolled {
    fn from(keys: BTreeSet<KeyId>) -> Self {
        Self { keys, revoked: BTreeMap::new() }
    }
}

impl Enrolled {
    /// What became of a key that was revoked, in words.
    pub(crate) fn revoked(&self, key: &KeyId) -> Option<String> {
        let revoked = self.revoked.get(key)?;
        Some(format!("revoked at entry {}: {}", revoked.entry, revoked.cause))
    }

    /// Why no key signs. One that was revoked is not enrolled a second time: another has to be.
    fn why(&self, error: ChooseError) -> CliError {
        let ids = match &error {
            ChooseError::NoneEnrolled { ids } => ids.as_slice(),
            ChooseError::NotEnrolled { id } => std::slice::from_ref(id),
            _ => &[],
        };
        let told: Vec<_> =
            ids.iter().filter_map(|id| Some(format!("{id} was {}", self.revoked(id)?))).collect();
        if told.is_empty() {
            return error.into();
        }
        CliError::usage(format!("none of your keys may sign: {}", told.join(", "))).hint(
            "make another, countersign key generate; an admin enrolls it: countersign key enroll \
             MEMBER FILE.pub",
        )
    }
}

impl Context {
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
            is_remote_session: self.environment.is_remote_session,
        })
    }

    /// The key to sign with: the named one, git's, or the only one that is enrolled.
    ///
    /// # Errors
    /// Where none can sign, several could, or the named one is not enrolled.
    pub(crate) fn signer(
        &mut self,
        enrolled: Option<&Enrolled>,
    ) -> Result<Box<dyn Signer>, CliError> {
        let sources = self.key_sources()?;
        let ui = &mut self.ui;
        let mut prompt = |question: &str| ui.prompt_secret(question);
        let keys = enrolled.map(|enrolled| &enrolled.keys);
        let chosen = choose_at(&sources, keys, &mut prompt);
        let (signer, place) = chosen.map_err(|error| match enrolled {
            Some(enrolled) => enrolled.why(error),
            None => error.into(),
        })?;
        // A security key asks for a touch wherever its agent is.
        if place == Place::Agent && !signer.public_key().is_security_key() {
            self.warn_of_forwarding(&sources);
        }
        Ok(signer)
    }

    /// Whoever is root where an agent is forwarded to can sign with its keys (ATTACKS 45).
    fn warn_of_forwarding(&mut self, sources: &KeySources) {
        let how = match sources.agent_whereabouts() {
            Some(Whereabouts::Forwarded) => "is",
            Some(Whereabouts::Unknown) => "may be",
            Some(Whereabouts::Here) | None => return,
        };
        self.ui.warn(&format!(
            "the agent that signs {how} forwarded from another machine: whoever is root on this \
             one can sign with it as well. Load the key with ssh-add -c, which asks each time"
        ));
    }
}

impl Desk {
    /// Every key that may sign the next entry, and what became of those that may no more.
    pub(crate) fn enrolled(&self) -> Enrolled {
        let view = self.session.view();
        let size = view.size();
        let mut found = Enrolled::default();
        for (id, record) in view.roster().keys() {
            if let Some(revoked) = record.revoked(size) {
                found.revoked.insert(*id, revoked);
            } else if record.owner(size).is_some_and(|id| view.roster().member(id, size).is_some())
            {
                found.keys.insert(*id);
            }
        }
        found
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
}
