//! What the library's errors mean for who called, and what to do next: it knows no hints itself.

use super::{CliError, ErrorKind, kind_of_io};
use crate::audit::AuditError;
use crate::config::ConfigError;
use crate::evidence::BundleGatherError;
use crate::git::{self, GitError, ShowError};
use crate::ledger::append::Refusal;
use crate::ledger::store::StoreError;
use crate::session::{SessionError, SessionErrorKind};
use crate::signer::{ChooseError, KeyFileError};
use crate::verify::trust::TrustError;

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let kind = match &error {
            ConfigError::File { action: "read", source, .. } => kind_of_io(source),
            ConfigError::File { .. } | ConfigError::Changed { .. } => ErrorKind::Unavailable,
            ConfigError::OtherLedger { .. } => ErrorKind::Integrity,
            _ => ErrorKind::Usage,
        };
        let this = Self::from_error(kind, &error);
        match &error {
            ConfigError::Exposed { path } => this.hint(format!("chmod o-w {}", path.display())),
            ConfigError::Missing { .. } => {
                this.hint("bring it there, or mend its path in the settings")
            }
            ConfigError::NoSecret { path } => this
                .hint(format!("chmod 600 {}", path.display()))
                .hint("who may have read the token before: ask for another"),
            ConfigError::PinnedOther { .. } => this
                .hint("compare the two with countersign trust show")
                .hint("add --replace if the new one comes from somebody you trust"),
            ConfigError::NotPinned { path } => {
                let this = this.hint("ask an administrator for the trust root and its digest");
                let this = this.hint("then run countersign trust pin FILE");
                match path {
                    Some(path) => this.hint(format!("looked for {}", path.display())),
                    None => this,
                }
            }
            ConfigError::NoLedger => this
                .hint("name one with --ledger; if there is none yet: countersign init")
                .hint("if others have one: take their trust root, countersign trust pin FILE"),
            ConfigError::NoToken { .. } => this.hint(
                "a token is one line of up to 256 letters, digits and signs: ask who runs the \
                 server for another",
            ),
            ConfigError::ManyLedgers(_) => this.hint("name one with --ledger"),
            ConfigError::Changed { .. } => this.hint("run the command again"),
            _ => this,
        }
    }
}

impl From<BundleGatherError> for CliError {
    fn from(error: BundleGatherError) -> Self {
        match error {
            BundleGatherError::Gather(error) => error.into(),
            BundleGatherError::Objects(ShowError::Git(error)) => error.into(),
            BundleGatherError::Objects(error) => Self::from_error(ErrorKind::Usage, &error)
                .hint("leave out --full: who has the repository can prove the rest from it"),
            error @ BundleGatherError::NoContent { .. } => {
                Self::from_error(ErrorKind::Unavailable, &error)
                    .hint("fetch the branch that was signed, and run it again")
            }
        }
    }
}

impl From<KeyFileError> for CliError {
    fn from(error: KeyFileError) -> Self {
        let kind = match &error {
            KeyFileError::Io { source, .. } => kind_of_io(source),
            KeyFileError::Random => ErrorKind::Unavailable,
            _ => ErrorKind::Usage,
        };
        // What the system said stands in the message already.
        let this = Self::new(kind, error.to_string());
        match error.hint() {
            Some(hint) => this.hint(hint),
            None => this,
        }
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let kind = match error.kind() {
            git::ErrorKind::Usage => ErrorKind::Usage,
            git::ErrorKind::Integrity => ErrorKind::Integrity,
            git::ErrorKind::Unavailable => ErrorKind::Unavailable,
        };
        let mut this = Self::from_error(kind, &error);
        this.is_commit_missing =
            matches!(&error, GitError::UnknownCommit { .. } | GitError::UnknownRevision { .. });
        match error.hint() {
            hint if hint.is_empty() => this,
            hint => this.hint(hint),
        }
    }
}

impl From<TrustError> for CliError {
    fn from(error: TrustError) -> Self {
        Self::from_error(ErrorKind::Usage, &error)
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        let kind = match error.kind() {
            SessionErrorKind::Usage => ErrorKind::Usage,
            SessionErrorKind::Integrity => ErrorKind::Integrity,
            SessionErrorKind::Unavailable => ErrorKind::Unavailable,
        };
        let mut this = Self::from_error(kind, &error);
        if let SessionError::Fork { fork, .. } = &error {
            this.fork = Some(fork.clone());
        }
        this.is_unanswered = error.is_unanswered();
        if let SessionError::RolledBack { had, shown, .. } = &error {
            this.notes = vec![had.to_string(), shown.to_string()];
        }
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

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Session(error) => error.into(),
            AuditError::Git(error) => error.into(),
            AuditError::Store(error) => {
                let kind = match error {
                    StoreError::Integrity { .. } => ErrorKind::Integrity,
                    StoreError::Unavailable { .. } => ErrorKind::Unavailable,
                };
                Self::from_error(kind, &error)
                    .hint("countersign ledger check tells what else is damaged, and where")
            }
        }
    }
}
