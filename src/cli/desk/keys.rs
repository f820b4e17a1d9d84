//! Keys: where a ledger's own lie, which ones may sign here, and whose each is.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Desk;
use crate::base::name::{MemberId, Origin};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::config::{Configuration, KeyChoice, file_name_of};
use crate::key::{KeyId, Signer};
use crate::roster::{KeyRecord, Member};
use crate::session::{self, LedgerKeyFile};
use crate::signer::{KeySources, Place, Whereabouts, choose_at};

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
        enrolled: Option<&BTreeSet<KeyId>>,
    ) -> Result<Box<dyn Signer>, CliError> {
        let sources = self.key_sources()?;
        let ui = &mut self.ui;
        let mut prompt = |question: &str| ui.prompt_secret(question);
        let (signer, place) = choose_at(&sources, enrolled, &mut prompt)?;
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
    /// Every key that may sign the next entry.
    pub(crate) fn enrolled(&self) -> BTreeSet<KeyId> {
        let view = self.session.view();
        let size = view.size();
        let signs = |record: &KeyRecord| {
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
}
