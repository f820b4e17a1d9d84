//! Ed25519 keys in OpenSSH forms, their names, and the one way a signature is checked
//! (`spec/keys.md`).

pub mod ed25519;
pub mod public;
pub mod signature;
pub mod signer;
pub(crate) mod wire;

pub use public::{KeyError, KeyId, KeyIdError, PublicKey};
pub use signature::{Presence, Signature, SignatureError};
pub use signer::{SeedSigner, Signer, SignerError};
