//! The port through which everything is signed, and the signer that holds a seed in memory.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use super::public::{KeyError, PublicKey};
use super::signature::Signature;

/// Something that signs with one key: a key file, an agent, a seed.
pub trait Signer {
    /// The key whose signatures it makes.
    fn public_key(&self) -> &PublicKey;

    /// Where the key is, for people: `agent key SHA256:...`, `key file /home/ada/.ssh/id_ed25519`.
    fn describe(&self) -> String;

    /// Signs a message. Domain separation is the caller's: a key signs whatever it is handed.
    ///
    /// # Errors
    /// [`SignerError`] where no signature was made.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

/// Why no signature was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The agent holds other keys, but no longer this one.
    #[error("the agent no longer has this key")]
    Gone,
    /// The agent shows no keys at all: it is locked, or it was emptied.
    #[error("the agent is locked or has no keys")]
    Locked,
    /// The agent has the key and would not sign: not confirmed, not touched, or not allowed.
    #[error("the agent refused to sign")]
    Refused,
    /// No answer came in time.
    #[error("no signature within {seconds} s")]
    TimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The signer cannot be reached or answers something else than a signature.
    #[error("the signer is unavailable: {0}")]
    Unavailable(String),
    /// What came back is not a signature of this key over this message.
    #[error("the signer returned a signature that does not verify")]
    WrongSignature,
}

impl SignerError {
    /// What to do about it, where something can be done.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Gone => Some("load it again with `ssh-add FILE`"),
            Self::Locked => Some(
                "unlock it with `ssh-add -X`, load keys with `ssh-add`, or make one: \
                 `ssh-keygen -t ed25519`",
            ),
            Self::Refused => Some("confirm the request, or touch the security key when it blinks"),
            Self::TimedOut { .. } => Some("touch the security key when it blinks, and try again"),
            Self::Unavailable(_) => {
                Some("see whether `ssh-add -l` lists the key, or unset SSH_AUTH_SOCK")
            }
            Self::WrongSignature => None,
        }
    }
}

/// A signer that holds its seed in memory; the seed is wiped when it is dropped.
pub struct SeedSigner {
    key: SigningKey,
    public_key: PublicKey,
    description: String,
}

impl SeedSigner {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5). `description` tells people where it
    /// is from.
    ///
    /// # Errors
    /// [`KeyError`] never for an honest seed: no seed is known whose key is refused.
    pub fn from_seed(seed: &[u8; 32], description: impl Into<String>) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        let public_key = PublicKey::ed25519(key.verifying_key().to_bytes())?;
        Ok(Self { key, public_key, description: description.into() })
    }

    /// A plain Ed25519 signature: what [`Signer::sign`] gives, without a way to fail.
    #[must_use]
    pub fn sign_plain(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl Signer for SeedSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn describe(&self) -> String {
        self.description.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(Signature::Plain(self.sign_plain(message)))
    }
}

impl fmt::Debug for SeedSigner {
    /// Never the seed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SeedSigner({}, {:?})", self.public_key.fingerprint(), self.description)
    }
}
