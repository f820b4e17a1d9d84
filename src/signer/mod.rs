//! Where signatures come from: OpenSSH key files, SSH agents, and the choice between them
//! (`spec/keys.md` sections 5 and 6).
//!
//! Nothing here reads the environment: sockets and folders are handed in.

pub mod agent;
pub mod choose;
pub mod file;
pub mod forwarded;
pub mod sources;

pub use agent::{Agent, AgentKey, AgentSigner};
pub use choose::{ChooseError, Listed, NOT_ENROLLED, choose, choose_at, list};
pub use file::{KeyFile, KeyFileError, Passphrase, generate};
pub use forwarded::Whereabouts;
pub use sources::{Candidate, KeySources, Place, Usability};
