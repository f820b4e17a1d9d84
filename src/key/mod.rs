//! Ed25519 keys in OpenSSH forms, their names, and the one way a signature is checked
//! (`spec/keys.md`).

pub mod ed25519;
pub mod id;
pub mod public;
pub mod signature;
pub mod signer;
pub(crate) mod wire;

pub use id::{KeyId, KeyIdError};
pub use public::{KeyError, PublicKey};
pub use signature::{Presence, Signature, SignatureError};
pub use signer::{SeedSigner, Signer, SignerError};
