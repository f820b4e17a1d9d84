//! Settings (`spec/settings.md`): which ledger, trust root and key a command uses.
//!
//! They come from flag, environment, the user's file, the machine's file, in that order, and
//! never from the tree that is judged (ATTACKS 4): there is no settings file in a repository,
//! and nothing here takes a path inside one.

mod durable;
mod edit;
mod file;
mod remote;
mod resolve;
mod serve;
mod trust;

use std::path::PathBuf;

pub use edit::UserFile;
pub use file::{
    KeyChoice, LedgerSettings, MirrorSettings, RemoteSettings, RepositoryPlace, RepositorySettings,
    Settings, WitnessAddress,
};
pub use remote::{Access, COPY_URL_FILE, Token};
pub use resolve::{
    Configuration, Given, LedgerChoice, Places, RepositoryIdentity, Resolved, Source, file_name_of,
};
pub use serve::{Reach, ServeSettings, TlsSettings, TokenRight, TokenSettings, is_address};

use crate::base::name::Origin;
use crate::verify::trust::TrustError;

/// Why settings or a pinned trust root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that is there cannot be read, or cannot be written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that the settings name, and that is not there.
    #[error("{} is not there, and the settings name it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file that everybody may write.
    #[error("{} may be written by everybody, so nothing in it is believed", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A secret that everybody may read.
    #[error("{} may be read by everybody, so what is in it is no secret", path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// Not the settings format.
    #[error("{}: line {line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Not a trust root.
    #[error("{} is no trust root", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: TrustError,
    },
    /// A trust root of another ledger.
    #[error("{} is the trust root of {found}, not of {expected}", path.display())]
    OtherLedger {
        /// The file.
        path: PathBuf,
        /// The ledger that was asked for.
        expected: Origin,
        /// The ledger that the file names.
        found: Origin,
    },
    /// Another trust root is pinned for the ledger.
    #[error("another trust root is pinned for {origin}: {}", path.display())]
    PinnedOther {
        /// The ledger.
        origin: Origin,
        /// The pinned file.
        path: PathBuf,
    },
    /// No trust root is pinned for the ledger.
    #[error("no trust root is pinned for this ledger")]
    NotPinned {
        /// The file that would hold it.
        path: Option<PathBuf>,
    },
    /// Neither flag, environment nor a file names a ledger for where the command stands.
    #[error("no ledger is known for this repository")]
    NoLedger,
    /// Several ledgers are known, and nothing says which.
    #[error("{0} ledgers are known, and nothing says which one this is about")]
    ManyLedgers(usize),
    /// A value that is no ledger, path or key.
    #[error("{from}: expected {kind}, found {text:?}")]
    Value {
        /// Where the value is from.
        from: Source,
        /// What was expected.
        kind: &'static str,
        /// The value.
        text: String,
    },
    /// What should be a token of a server is none.
    #[error("{from} holds no token of a server")]
    NoToken {
        /// The file or variable.
        from: Source,
    },
    /// There is no home folder, so the user has no files.
    #[error("there is no home folder: set HOME or XDG_CONFIG_HOME to an absolute path")]
    NoHome,
    /// What is to be written says otherwise of something that is there.
    #[error("{} says otherwise of {what} already", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The ledger or repository.
        what: String,
    },
    /// The file changed since it was read.
    #[error("{} was changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}
