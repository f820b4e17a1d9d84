//! SHA-256 digests, one type for each thing that is hashed, so that none can stand for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::encoding::{self, EncodingError};

/// The SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HMAC-SHA-256 (RFC 2104) of `message` under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = <Hmac<Sha256>>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Declares digest types of 32 bytes: spelt as 64 lower-case hexadecimal digits, and only so.
macro_rules! digest_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes bytes that are such a digest already.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first twelve hexadecimal digits, for people; never for comparison.
            #[must_use]
            pub fn short(&self) -> String {
                encoding::hex(&self.0[..6])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&encoding::hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = EncodingError;

            fn from_str(text: &str) -> Result<Self, EncodingError> {
                encoding::unhex_array(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

digest_type! {
    /// SHA-256 of a change document (`spec/change.md`): what a reviewer approves.
    ChangeHash;
    /// SHA-256 of the content of a blob, an artifact or a side-store file.
    ContentDigest;
    /// RFC 6962 hash of a ledger leaf (`spec/ledger.md`). That of entry 0 names the ledger.
    LeafHash;
    /// RFC 6962 root hash of a Merkle tree.
    RootHash;
    /// SHA-256 of a statement's pre-authentication encoding: its identity.
    StatementId;
    /// Salted commitment to personal data or free text (`spec/statement.md`).
    Commitment;
    /// HMAC-SHA-256 of an e-mail address under the ledger's salt.
    EmailDigest;
}

impl ContentDigest {
    /// The digest of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(sha256(&[content]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_spelt_in_one_way_only() {
        let digest = ContentDigest::of(b"abc");
        let text = digest.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text.parse::<ContentDigest>().unwrap(), digest);
        assert!(text.to_uppercase().parse::<ContentDigest>().is_err());
        assert!(text[1..].parse::<ContentDigest>().is_err());
        assert_eq!(digest.short(), "ba7816bf8f01");
    }

    #[test]
    fn hmac_matches_rfc_4231_test_case_2_in_shape() {
        // RFC 4231 case 2 has a key of 4 bytes; HMAC pads keys with zeroes, so 32 bytes agree.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            encoding::hex(&hmac_sha256(&key, b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
