//! Personal data and free text, which enter signed bytes only as salted commitments
//! (`spec/statement.md` section 5).
//!
//! An opening lies beside the ledger and may be deleted; no verdict ever reads one.

use serde::{Deserialize, Serialize};

use crate::base::digest::{Commitment, EmailDigest, hmac_sha256, sha256};
use crate::base::encoding;
use crate::base::limits::FREE_TEXT_BYTES_MAX;

const OPENING_DOMAIN: &[u8] = b"countersign opening v1\0";
const EMAIL_SALT_DOMAIN: &[u8] = b"countersign email salt v1\0";

/// A value that was too long to commit to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text of {found} bytes is too long: at most {FREE_TEXT_BYTES_MAX} are kept")]
pub struct TextTooLong {
    /// Bytes of the text.
    pub found: usize,
}

/// What a commitment commits to: a text and 32 random bytes that keep it from being guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// 32 random bytes in lower-case hexadecimal.
    salt: String,
    /// The text.
    value: String,
}

impl Opening {
    /// An opening of `value` under a fresh random `salt`.
    ///
    /// # Errors
    /// [`TextTooLong`] above [`FREE_TEXT_BYTES_MAX`].
    pub fn new(salt: [u8; 32], value: impl Into<String>) -> Result<Self, TextTooLong> {
        let value = value.into();
        if value.len() > FREE_TEXT_BYTES_MAX {
            return Err(TextTooLong { found: value.len() });
        }
        Ok(Self { salt: encoding::hex(&salt), value })
    }

    /// The text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// `SHA-256("countersign opening v1" NUL || salt || value)`; none where the salt is no salt.
    #[must_use]
    pub fn commitment(&self) -> Option<Commitment> {
        let salt: [u8; 32] = encoding::unhex_array(&self.salt).ok()?;
        let digest = sha256(&[OPENING_DOMAIN, &salt, self.value.as_bytes()]);
        Some(Commitment::from_bytes(digest))
    }
}

/// The ledger's salt for e-mail addresses: 32 random bytes beside the ledger.
#[derive(Clone)]
pub struct EmailSalt([u8; 32]);

impl EmailSalt {
    /// Takes 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The salt as it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What entry 0 says of the salt: `SHA-256("countersign email salt v1" NUL || salt)`.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::from_bytes(sha256(&[EMAIL_SALT_DOMAIN, &self.0]))
    }

    /// `HMAC-SHA-256(salt, address)`, the address with ASCII letters lower-cased (ATTACKS h: no
    /// mailmap, no Unicode folding).
    #[must_use]
    pub fn digest(&self, address: &[u8]) -> EmailDigest {
        EmailDigest::from_bytes(hmac_sha256(&self.0, &address.to_ascii_lowercase()))
    }
}

impl std::fmt::Debug for EmailSalt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EmailSalt(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 37: what is signed is a commitment; another salt or another text is another one.
    #[test]
    fn a_commitment_binds_salt_and_text() {
        let opening = Opening::new([7; 32], "rollback: redeploy 41c09aa").unwrap();
        let other_salt = Opening::new([8; 32], "rollback: redeploy 41c09aa").unwrap();
        let other_text = Opening::new([7; 32], "rollback: redeploy 41c09ab").unwrap();
        assert_ne!(opening.commitment(), other_salt.commitment());
        assert_ne!(opening.commitment(), other_text.commitment());
        assert!(Opening::new([7; 32], "a".repeat(FREE_TEXT_BYTES_MAX)).is_ok());
        assert_eq!(
            Opening::new([7; 32], "a".repeat(FREE_TEXT_BYTES_MAX + 1)),
            Err(TextTooLong { found: FREE_TEXT_BYTES_MAX + 1 })
        );
    }

    /// ATTACKS h: addresses compare with ASCII letters lower-cased.
    #[test]
    fn email_case_does_not_matter() {
        let salt = EmailSalt::from_bytes([1; 32]);
        assert_eq!(salt.digest(b"Ada@Example.com"), salt.digest(b"ada@example.COM"));
        assert_ne!(salt.digest("\u{c4}@x".as_bytes()), salt.digest("\u{e4}@x".as_bytes()));
    }
}
