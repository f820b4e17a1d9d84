//! Why a ledger cannot be worked with.

use std::path::{Path, PathBuf};

use super::copy::ServerError;
use crate::base::digest::LeafHash;
use crate::base::position::{EntryIndex, TreeSize};
use crate::http::client::CERTIFICATE_OF_AN_AUTHORITY;
use crate::key::{SignatureError, SignerError};
use crate::ledger::append::{LedgerError, Refusal};
use crate::ledger::fork::Fork;
use crate::ledger::head::CHECKPOINT_FILE;
use crate::ledger::store::StoreError;
use crate::note::SignedNote;
use crate::statement::StatementError;
use crate::store::sled;
use crate::verify::EntryError;

/// Why a ledger cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no ledger in the folder.
    #[error("there is no ledger in {}", folder.display())]
    NoLedger {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no ledger in the folder, and this user has seen entries of it before.
    #[error(
        "there is no ledger in {}, and {size} of its entries were seen here before",
        folder.display()
    )]
    Gone {
        /// The folder.
        folder: PathBuf,
        /// Entries that were seen.
        size: TreeSize,
    },
    /// A ledger or a key is there already.
    #[error("{} is there already", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A statement is not taken up.
    #[error("refused: {}", .0.message)]
    Refused(#[from] Refusal),
    /// The ledger's own key is not here, so nothing can be appended.
    #[error("the ledger's own key is not on this machine")]
    NoLedgerKey {
        /// The ledger's folder.
        folder: PathBuf,
    },
    /// A rotation brings a ledger key that is not here: nobody could append afterwards.
    #[error("the new ledger key is not on this machine: {key}")]
    NoNextKey {
        /// The new verifier key.
        key: String,
    },
    /// The ledger is not the pinned one.
    #[error("this is another ledger than the pinned one: entry 0 is {found}, not {expected}")]
    OtherLedger {
        /// The pinned one.
        expected: LeafHash,
        /// The one in the folder.
        found: LeafHash,
    },
    /// No such entry.
    #[error("there is no entry {index}: the ledger has {size}")]
    NoEntry {
        /// What was asked for.
        index: EntryIndex,
        /// Entries that there are.
        size: TreeSize,
    },
    /// Something of ours does not verify.
    #[error("{what}: {why}")]
    Integrity {
        /// What.
        what: String,
        /// Why not.
        why: String,
    },
    /// The ledger has fewer entries than this user has seen of it.
    #[error("{0}")]
    SetBack(String),
    /// The server has fewer entries than were read from it before.
    #[error(
        "the server at {url} was set back: it shows a tree that is only the beginning of the one \
         that was read from it before"
    )]
    RolledBack {
        /// The server.
        url: String,
        /// The checkpoint that was read before.
        had: Box<SignedNote>,
        /// The one that is shown now.
        shown: Box<SignedNote>,
    },
    /// The ledger's server cannot be asked, or does not answer.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// No answer came, and what was handed in is kept until one does.
    #[error("{error}")]
    Waiting {
        /// Why there is no answer.
        error: Box<SessionError>,
    },
    /// The copy of a ledger that a server answers for is damaged.
    #[error("{error}")]
    DamagedCopy {
        /// The copy.
        folder: PathBuf,
        /// What is wrong with it.
        error: Box<SessionError>,
    },
    /// The ledger has other entries than this user has seen of it.
    #[error("{0}")]
    Forked(String),
    /// The ledger signed two histories, which is proved.
    #[error("the ledger {why}")]
    Fork {
        /// Who has the other, and how much of it.
        why: String,
        /// Both checkpoints.
        fork: Box<Fork>,
    },
    /// What this user has seen of the ledger cannot be remembered, so nothing more is signed.
    #[error("nothing was appended, for what is signed could not be remembered: {0}")]
    Forgetful(StoreError),
    /// A file of the ledger cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Appending failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file is no backup.
    #[error("{} is not a backup of a ledger", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// What is to be a mirror is the folder of a ledger.
    #[error("{} is the folder of a ledger, no mirror and no backup", path.display())]
    IsALedger {
        /// The folder.
        path: PathBuf,
    },
    /// What a ledger is to be built from is older than what was acknowledged.
    #[error("what it is to be built from {why}")]
    Behind {
        /// Who promised what, and what there is.
        why: String,
    },
    /// The entries are in the ledger, but not yet in the mirror that acknowledgements wait for.
    #[error("not acknowledged, for the mirror is behind: {error}")]
    NotMirrored {
        /// Why the mirror is behind.
        error: Box<SessionError>,
    },
    /// An entry does not verify.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A statement cannot be made.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A key does not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A key signed wrongly.
    #[error("the key signed, but the signature is not good: {0}")]
    Signature(#[from] SignatureError),
}

/// What an error means for the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionErrorKind {
    /// Bad input, or a key that will not sign.
    Usage,
    /// Something does not verify.
    Integrity,
    /// In use, unreadable, full.
    Unavailable,
}

impl SessionError {
    /// Something that parses as ours and should verify.
    #[must_use]
    pub fn integrity(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Integrity { what: what.into(), why: why.into() }
    }

    /// What the error means for the exit status.
    #[must_use]
    pub fn kind(&self) -> SessionErrorKind {
        match self {
            // Whoever unlocks the agent or finds the key may try again; a refusal is an answer.
            Self::Signer(
                SignerError::Locked | SignerError::TimedOut { .. } | SignerError::Unavailable(_),
            ) => SessionErrorKind::Unavailable,
            Self::Server(error) if error.is_away() => SessionErrorKind::Unavailable,
            Self::NoLedger { .. }
            | Self::NoLedgerKey { .. }
            | Self::NoNextKey { .. }
            | Self::NotABackup { .. }
            | Self::IsALedger { .. }
            | Self::Exists { .. }
            | Self::Refused(_)
            | Self::NoEntry { .. }
            | Self::Statement(_)
            | Self::Server(_)
            | Self::Signer(_)
            | Self::Signature(_) => SessionErrorKind::Usage,
            Self::OtherLedger { .. }
            | Self::Behind { .. }
            | Self::Integrity { .. }
            | Self::SetBack(_)
            | Self::Forked(_)
            | Self::Fork { .. }
            | Self::RolledBack { .. }
            | Self::DamagedCopy { .. }
            | Self::Entry(_)
            | Self::Store(StoreError::Integrity { .. })
            | Self::Ledger(LedgerError::Store(StoreError::Integrity { .. })) => {
                SessionErrorKind::Integrity
            }
            Self::Gone { .. }
            | Self::Store(StoreError::Unavailable { .. })
            | Self::Ledger(_)
            | Self::Forgetful(_) => SessionErrorKind::Unavailable,
            Self::NotMirrored { error } | Self::Waiting { error } => error.kind(),
        }
    }

    /// What went wrong with a copy: where its own files are damaged, that they can be fetched
    /// again.
    pub(super) fn of_copy(folder: &Path, error: Self) -> Self {
        match error {
            Self::Store(StoreError::Integrity { .. })
            | Self::Ledger(LedgerError::Store(StoreError::Integrity { .. })) => {
                Self::DamagedCopy { folder: folder.to_owned(), error: Box::new(error) }
            }
            error => error,
        }
    }

    /// Whether what was handed in may have been taken up, or not.
    #[must_use]
    pub const fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Server(ServerError::Unanswered { .. }) | Self::Ledger(LedgerError::Unknown(_))
        )
    }

    /// Whether what was handed in is worth handing in again as it is: nobody has refused it.
    #[must_use]
    pub const fn is_to_be_handed_in_again(&self) -> bool {
        match self {
            Self::Server(error) => error.is_away(),
            _ => self.is_unanswered(),
        }
    }

    /// Whether the ledger is not at hand, and nothing about it is wrong.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::NoLedger { .. }) || self.kind() == SessionErrorKind::Unavailable
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoLedger { .. } => "make one with countersign init, or name one with --ledger",
            Self::Gone { .. } => {
                "mount or put back its folder, or name where it is with --ledger; where it is \
                 lost: countersign ledger restore --from MIRROR"
            }
            Self::NoLedgerKey { .. } => {
                "write the signed statement to a file with -o FILE, and let whoever runs the \
                 ledger take it: countersign submit FILE"
            }
            Self::NoNextKey { .. } => {
                "hand it in where countersign ledger rotate-key wrote it: the new key is there"
            }
            Self::OtherLedger { .. } => "name the right ledger with --ledger, or pin another root",
            Self::NoEntry { .. } => "countersign log lists the entries",
            Self::Integrity { .. } | Self::Entry(_) => {
                "countersign ledger check tells what else is damaged, and where"
            }
            Self::NotABackup { .. } => {
                "name a file that countersign ledger backup made, or the folder of a mirror"
            }
            Self::IsALedger { .. } => {
                "nothing was changed; a copy of the whole folder is used as it is: put it where \
                 the ledger was, or name it with --ledger; countersign ledger check tells \
                 whether it is good"
            }
            Self::Behind { .. } => {
                "nothing was changed; take a newer mirror or backup: a ledger that goes on from \
                 here would sign another history, which everybody who has seen the first refuses"
            }
            Self::NotMirrored { error } if error.kind() == SessionErrorKind::Integrity => {
                "the entries are in the ledger; keep that mirror as it is, name another folder in \
                 the settings, make it with countersign ledger mirror, and run the command again"
            }
            Self::NotMirrored { .. } => {
                "the entries are in the ledger; once the mirror can be written, run the command \
                 again: what is in the ledger already stays there once"
            }
            Self::Exists { .. } => "nothing was changed; countersign trust show tells what it is",
            Self::Refused(refusal) => return refusal.hint.clone(),
            Self::Signer(error) => return error.hint().map(str::to_owned),
            Self::Ledger(LedgerError::Unknown(_) | LedgerError::Stale) => {
                "run the command again: what is in the ledger already stays there once"
            }
            Self::SetBack(_) => SET_BACK,
            Self::Forked(_) | Self::Fork { .. } => FORKED,
            Self::Forgetful(_) => {
                "make that folder writable: a ledger that forgets could sign two histories"
            }
            Self::Store(StoreError::Integrity { what, why })
            | Self::Ledger(LedgerError::Store(StoreError::Integrity { what, why })) => {
                damage_hint(what, why)?
            }
            Self::Waiting { .. } => {
                "it is kept, and the next command hands it in: what is in the ledger already stays \
                 there once. By hand: countersign submit --spooled"
            }
            Self::RolledBack { .. } => {
                "keep both checkpoints, and ask who runs the server: entries that were \
                 acknowledged are gone there, or an older copy of it answers"
            }
            Self::DamagedCopy { folder, .. } => {
                return Some(format!(
                    "it is only a copy of what the server has: take it away, and it is fetched \
                     again: rm -r {}",
                    folder.display()
                ));
            }
            Self::Server(ServerError::Away { url, .. }) => {
                return Some(format!("whether it is there: curl {url}/healthz; then run it again"));
            }
            Self::Server(error) => server_hint(error),
            Self::Store(_) | Self::Ledger(_) | Self::Statement(_) | Self::Signature(_) => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

/// What to do with a ledger that was set back.
const SET_BACK: &str = "put the newest folder back, or: countersign ledger restore --from MIRROR";
/// What to do with a ledger of which two copies were appended to.
const FORKED: &str = "two copies were appended to: stop both, keep both, and go on with the one \
                      whose entries others rely on";

/// What to do where the server gives no answer of use.
fn server_hint(error: &ServerError) -> &'static str {
    match error {
        ServerError::Away { .. } | ServerError::Busy { .. } => "run it again later",
        ServerError::Untrusted { why, .. } if why.contains(CERTIFICATE_OF_AN_AUTHORITY) => {
            "who runs the server makes it with -addext basicConstraints=critical,CA:FALSE, also \
             where it signs itself"
        }
        ServerError::Untrusted { .. } => {
            "tls_roots in the settings names what its certificate is traced to; where it expired, \
             who runs the server renews it"
        }
        ServerError::Unanswered { .. } => {
            "hand the same in again: what is in the ledger already stays there once"
        }
        ServerError::Denied { .. } => {
            "ask who runs it for a token that may \"read\" and \"words\", and name its file in the \
             settings (token_file), or set COUNTERSIGN_TOKEN"
        }
        ServerError::Refused { .. } => "nothing was taken up; mend it, and sign it anew",
        ServerError::Strange { .. } => "is it the right URL? countersign serve answers at it",
        ServerError::Credentials { .. } => "mend url, token_file or tls_roots in the settings",
    }
}

/// What to do about damage of the ledger's own files.
fn damage_hint(what: &str, why: &str) -> Option<&'static str> {
    match what {
        sled::WHAT => Some("countersign ledger restore --from MIRROR"),
        CHECKPOINT_FILE if why.contains("set back") => Some(SET_BACK),
        CHECKPOINT_FILE if why.contains("another history") => Some(FORKED),
        CHECKPOINT_FILE if why.contains("another ledger") => {
            Some("put this ledger's own file checkpoint back into its folder")
        }
        CHECKPOINT_FILE => Some(
            "countersign ledger check tells what else is damaged; then: countersign ledger \
             restore --from MIRROR",
        ),
        _ => None,
    }
}
