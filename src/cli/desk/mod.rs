//! What most commands begin with: the repository, the ledger that goes with it, and a key.

mod files;
mod held;
mod keys;
mod names;
mod place;
mod waiting;
mod words;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Context;
use super::error::CliError;
use super::pending::Pending;
use crate::base::name::{MemberId, RepositoryName, WitnessName};
use crate::base::time::Timestamp;
use crate::config::{ConfigError, RepositoryIdentity, WitnessAddress};
use crate::evidence::ApprovedForms;
use crate::git::{GitError, Repository};
use crate::key::Signer;
use crate::ledger::append::Refusal;
use crate::ledger::receipt::Receipt;
use crate::session::{Session, SessionError, Spool, sign};
use crate::statement::Says;
use crate::statement::envelope::Envelope;
use crate::verify::trust::TrustRoot;
use crate::witness::{Gathering, Whom};

pub(crate) use self::files::{read_envelope, write_envelope, write_file};
pub(crate) use self::held::Held;
pub(crate) use self::keys::{gate_key_file, key_folder, ledger_key_file};
pub(crate) use self::names::{Names, Profile};
pub(crate) use self::place::environment;
pub(crate) use self::waiting::{HAND_IN, told};
pub(crate) use self::words::{keep_words, words_beside, words_of, write_signed};

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
    pub(in crate::cli) seen: Option<PathBuf>,
    /// Signed statements that wait for the ledger; none without a home folder.
    pub(in crate::cli) spool: Option<Spool>,
    /// The approvals of a repository, once they were read.
    pub(in crate::cli) approved: OnceCell<(RepositoryName, ApprovedForms)>,
    /// Where the witnesses are, by the names that the trust root gives them.
    pub(in crate::cli) witnesses: BTreeMap<WitnessName, WitnessAddress>,
    pub(in crate::cli) pending: Pending,
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
        Ok(self.allowed(Repository::open(&self.environment.current_directory)?))
    }

    /// A repository that may fetch what a partial clone left out, unless the user forbids it.
    fn allowed(&self, mut repository: Repository) -> Repository {
        if !self.environment.no_lazy_fetch {
            repository.allow_fetch();
        }
        repository
    }

    /// The repository, or none where the command stands in none, or in a folder that it may not
    /// read. Any other failure is one.
    pub(crate) fn repository_if_any(&self) -> Result<Option<Repository>, CliError> {
        match Repository::open(&self.environment.current_directory) {
            Ok(repository) => Ok(Some(self.allowed(repository))),
            Err(GitError::NotARepository { .. } | GitError::Forbidden { .. }) => Ok(None),
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
            Ok(session) => {
                let mut desk = address.desk(session);
                self.hand_in_waiting(&mut desk);
                Ok(desk)
            }
            Err(error) => {
                let is_away = error.is_away();
                let error = CliError::from(error);
                Err(if is_away { error.hint(address.way_out()) } else { error })
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

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Desk {
    /// The repository, for commands that need one.
    ///
    /// # Errors
    /// Where the command stands in none.
    pub(crate) fn need_repository(&self) -> Result<&Repository, CliError> {
        self.repository.as_ref().ok_or_else(|| match &self.repository_name {
            // A command stands in what the settings name; a server may lack its clone.
            Some(name) => CliError::unavailable(format!("the server has no clone of {name}")),
            None => CliError::usage("this is not a git repository")
                .hint("go to one, or name it with -C DIR"),
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

    /// The approvals of the repository that the policy calls so, read once.
    ///
    /// # Errors
    /// Where the ledger cannot be read, or does not verify.
    pub(crate) fn approved(&self, repository: &RepositoryName) -> Result<&ApprovedForms, CliError> {
        if self.approved.get().is_none_or(|(known, _)| known != repository) {
            let read = ApprovedForms::read(&self.session, repository)?;
            let _ = self.approved.set((repository.clone(), read));
        }
        let known = self.approved.get().map(|(_, forms)| forms);
        known.ok_or_else(|| CliError::unavailable("the approvals were not read"))
    }

    /// Appends envelopes as one batch, and gives a receipt or a refusal for each. Witnesses are
    /// asked when the command has answered: this waits for nobody.
    ///
    /// # Errors
    /// Where nothing could be appended.
    pub(crate) fn append(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        match self.append_now(now, envelopes) {
            Err(error) if error.is_to_be_handed_in_again() => {
                Err(self.keep_waiting(now, envelopes, error))
            }
            other => other,
        }
    }

    /// The same for what means nothing later: where no answer came it does not wait for one.
    ///
    /// # Errors
    /// Where nothing could be appended, or that is not known.
    pub(crate) fn append_now(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        self.approved.take();
        let receipts = self.session.append(now, envelopes)?;
        // Whether anybody cosigns it changes nothing about what is appended; where a server answers
        // for the ledger, it asks the witnesses.
        if !self.session.is_copy()
            && let Ok(Some(gathering)) = self.gathering(Whom::Waiting, now)
        {
            self.session.close_at_the_end();
            self.pending.put(gathering);
        }
        Ok(receipts)
    }

    /// What is needed to ask witnesses for cosignatures once the ledger is let go; none where
    /// there is nobody to ask.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn gathering(
        &self,
        whom: Whom,
        now: Timestamp,
    ) -> Result<Option<Gathering>, SessionError> {
        Gathering::prepare(&self.session, &self.trust, &self.witnesses, whom, now)
    }

    /// Appends envelopes as one batch; all are taken up, or the first refusal is the error.
    ///
    /// # Errors
    /// Where one is refused, or nothing could be appended.
    pub(crate) fn submit(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Receipt>, CliError> {
        let receipts = self.append(now, envelopes)?;
        receipts.into_iter().map(|receipt| receipt.map_err(|refusal| (&refusal).into())).collect()
    }

    /// The same for what means nothing later, as [`Desk::append_now`].
    ///
    /// # Errors
    /// As [`Desk::submit`].
    pub(crate) fn submit_now(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Receipt>, CliError> {
        let receipts = self.append_now(now, envelopes)?;
        receipts.into_iter().map(|receipt| receipt.map_err(|refusal| (&refusal).into())).collect()
    }
}
