//! The names of keys: fingerprints as OpenSSH prints them (`spec/keys.md` section 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::encoding;

/// The name of a key: `SHA256:` and the unpadded base64 of the SHA-256 of its binary form. For a
/// security key that includes the application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key fingerprint: expected \"SHA256:\" and 43 letters, as ssh-keygen -l prints it")]
pub struct KeyIdError;

impl KeyId {
    /// Takes the SHA-256 of a key's binary form.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = encoding::base64(&self.0);
        formatter.pad(&format!("SHA256:{}", text.trim_end_matches('=')))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digest = text.strip_prefix("SHA256:").ok_or(KeyIdError)?;
        if digest.len() != 43 || digest.contains('=') {
            return Err(KeyIdError);
        }
        encoding::unbase64_array(&format!("{digest}=")).map(Self).map_err(|_| KeyIdError)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_one_spelling() {
        let good = "SHA256:L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560";
        let id: KeyId = good.parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{good}\""));
        for other in [
            "",
            "SHA256:",
            &good[7..],
            &good.to_lowercase(),
            &format!("{good}="),
            &good[..49],
            // Spare bits that are not zero.
            &good.replace("560", "561"),
            &good.replace('/', "_"),
            "MD5:00:11",
        ] {
            assert_eq!(other.parse::<KeyId>(), Err(KeyIdError), "{other:?}");
        }
    }
}
