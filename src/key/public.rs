//! Public keys in the form that OpenSSH writes (`spec/keys.md` section 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::KeyId;
use super::{ed25519, wire};
use crate::base::digest::sha256;
use crate::base::encoding;
use crate::base::limits::{APPLICATION_BYTES_MAX, PUBLIC_KEY_LINE_BYTES_MAX};

/// The algorithm of a plain key, as its line begins.
pub(crate) const ED25519: &str = "ssh-ed25519";
/// The algorithm of a FIDO security key, as its line begins.
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

/// An Ed25519 public key, plain or on a FIDO security key. Its bytes are canonical and not of
/// small order: no other can be made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    key: [u8; 32],
    application: Option<String>,
}

/// Why a text or bytes are no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A security key's application that is not `ssh:` and printable ASCII without spaces.
    #[error(
        "not a security key's application: \"ssh:\" and printable ASCII, at most {limit} bytes"
    )]
    Application {
        /// Bytes allowed.
        limit: usize,
    },
    /// An OpenSSH certificate.
    #[error("{algorithm} is a certificate: hand in the public key itself (the .pub file)")]
    Certificate {
        /// The algorithm that the line names.
        algorithm: String,
    },
    /// The line starts like a key but the rest does not follow its form.
    #[error("malformed {algorithm} key: {what}")]
    Malformed {
        /// The algorithm that the line names.
        algorithm: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Key bytes that are a second spelling of a point.
    #[error("not a canonical Ed25519 public key")]
    NotCanonical,
    /// No line of the form `ssh-ed25519 BASE64`.
    #[error("not an OpenSSH public key: expected \"ssh-ed25519 AAAA...\" on one line")]
    NotAKey,
    /// Key bytes that are no point.
    #[error("not an Ed25519 public key: no such point")]
    NotOnCurve,
    /// A private key where a public one is expected.
    #[error("this is a private key: hand in the public key (the .pub file)")]
    PrivateKey,
    /// A key under which signatures over anything can be made.
    #[error("an Ed25519 key of small order: it proves nothing")]
    SmallOrder,
    /// More bytes than any key line has.
    #[error("too long for a public key: {found} bytes, at most {limit} are read")]
    TooLarge {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Another algorithm.
    #[error("{algorithm} keys are not supported: only {ED25519} and {SK_ED25519}")]
    Unsupported {
        /// The algorithm that the line names.
        algorithm: String,
    },
}

impl PublicKey {
    /// Takes the 32 bytes of a plain key.
    ///
    /// # Errors
    /// [`KeyError`] where they are not canonical, no point, or of small order.
    pub fn ed25519(key: [u8; 32]) -> Result<Self, KeyError> {
        ed25519::check_public_key(&key)?;
        Ok(Self { key, application: None })
    }

    /// Takes the key of a FIDO security key and the application that it was made for.
    ///
    /// The application must begin with `ssh:`: those of web sites are domain names, so no log-in
    /// at a site can ever be taken for a signature here.
    ///
    /// # Errors
    /// As [`PublicKey::ed25519`], and [`KeyError::Application`].
    pub fn security_key(key: [u8; 32], application: &str) -> Result<Self, KeyError> {
        if application.len() > APPLICATION_BYTES_MAX
            || !application.starts_with("ssh:")
            || !application.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(KeyError::Application { limit: APPLICATION_BYTES_MAX });
        }
        ed25519::check_public_key(&key)?;
        Ok(Self { key, application: Some(application.to_owned()) })
    }

    /// Reads a line as in a `.pub` file: algorithm, base64, and perhaps a comment, which is
    /// dropped.
    /// White space around the line is ignored.
    ///
    /// # Errors
    /// [`KeyError`], which names the algorithm where that is the reason.
    pub fn from_openssh(line: &str) -> Result<Self, KeyError> {
        if line.len() > PUBLIC_KEY_LINE_BYTES_MAX {
            let limit = PUBLIC_KEY_LINE_BYTES_MAX;
            return Err(KeyError::TooLarge { found: line.len(), limit });
        }
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
            return Err(KeyError::PrivateKey);
        }
        if line.contains(['\r', '\n']) {
            return Err(KeyError::NotAKey);
        }
        let mut fields = line.split([' ', '\t']).filter(|field| !field.is_empty());
        let algorithm = supported(fields.next().unwrap_or_default())?;
        let malformed = |what| KeyError::Malformed { algorithm, what };
        let blob = encoding::unbase64(fields.next().unwrap_or_default())
            .map_err(|_| malformed("not canonical base64"))?;
        let key = Self::from_blob(&blob)?;
        if key.algorithm() == algorithm {
            Ok(key)
        } else {
            Err(malformed("the line names another algorithm than the key"))
        }
    }

    /// Reads the binary form: what the base64 of a line holds, and what an agent lists.
    ///
    /// # Errors
    /// [`KeyError`], which names the algorithm where that is the reason.
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let mut reader = wire::Reader::new(blob);
        let algorithm = reader.string().map_err(|_| KeyError::NotAKey)?;
        let algorithm = supported(std::str::from_utf8(algorithm).unwrap_or_default())?;
        let malformed = |what| KeyError::Malformed { algorithm, what };
        let key = reader.string_array().map_err(|_| malformed("a key has 32 bytes"))?;
        let application = if algorithm == SK_ED25519 {
            Some(reader.string().map_err(|_| malformed("the application is missing"))?)
        } else {
            None
        };
        if !reader.is_empty() {
            return Err(malformed("bytes after its end"));
        }
        match application {
            // What is not UTF-8 is no application either; the empty text is refused as such.
            Some(bytes) => Self::security_key(key, std::str::from_utf8(bytes).unwrap_or_default()),
            None => Self::ed25519(key),
        }
    }

    /// The binary form, over which the fingerprint is made.
    #[must_use]
    pub fn to_blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(128);
        wire::put_string(&mut blob, self.algorithm().as_bytes());
        wire::put_string(&mut blob, &self.key);
        if let Some(application) = &self.application {
            wire::put_string(&mut blob, application.as_bytes());
        }
        blob
    }

    /// The line that OpenSSH writes, without a comment and without a line end.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        format!("{} {}", self.algorithm(), encoding::base64(&self.to_blob()))
    }

    /// The key's name, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> KeyId {
        KeyId::from_bytes(sha256(&[&self.to_blob()]))
    }

    /// The 32 bytes of the Ed25519 key.
    #[must_use]
    pub const fn key_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The application of a FIDO security key, such as `ssh:`; none for a plain key.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// Whether this is a FIDO security key.
    #[must_use]
    pub const fn is_security_key(&self) -> bool {
        self.application.is_some()
    }

    /// OpenSSH's name of the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        if self.is_security_key() { SK_ED25519 } else { ED25519 }
    }
}

/// The supported algorithm of that name, or the error that says what it is instead.
fn supported(algorithm: &str) -> Result<&'static str, KeyError> {
    let named = (1..=64).contains(&algorithm.len())
        && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-@._".contains(&byte))
        && algorithm.contains('-');
    match algorithm {
        ED25519 => Ok(ED25519),
        SK_ED25519 => Ok(SK_ED25519),
        // A text of another kind is not repeated: it may be long, hostile or secret.
        _ if !named => Err(KeyError::NotAKey),
        _ if algorithm.contains("-cert-v") => {
            Err(KeyError::Certificate { algorithm: algorithm.to_owned() })
        }
        _ => Err(KeyError::Unsupported { algorithm: algorithm.to_owned() }),
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_openssh())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(line: &str) -> Result<Self, KeyError> {
        Self::from_openssh(line)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    /// Takes the one spelling only: no comment, one space, no white space around it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        let key = Self::from_openssh(&line).map_err(serde::de::Error::custom)?;
        if key.to_openssh() == line {
            Ok(key)
        } else {
            Err(serde::de::Error::custom("a public key here is two words without a comment"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFOG6kY7Rf4UtCFvPwKgo/BztXck2xC4a2WyA34XtIwZ";
    const SK_LINE: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t\
        AAAAICFo/k5LU8863u66YC9eUO2170QduohPURkQnbLa/dczAAAABHNzaDo=";

    /// ATTACKS x: the fingerprints are those that `ssh-keygen -l` prints for these lines; that of a
    /// security key includes its application.
    #[test]
    fn lines_round_trip_and_have_openssh_fingerprints() {
        for (line, fingerprint) in [
            (LINE, "SHA256:L3k/oJubblSY0lB9Ulsl7emDMnRPKm/8udf2ccwk560"),
            (SK_LINE, "SHA256:6WZVJ44bqhAWLVP4Ns0TDkoSQSsZo/h2K+mEvOaNFbw"),
        ] {
            let key = PublicKey::from_openssh(&format!("{line} a comment\r\n")).unwrap();
            assert_eq!(key.to_openssh(), line);
            assert_eq!(PublicKey::from_blob(&key.to_blob()), Ok(key.clone()));
            assert_eq!(key.fingerprint().to_string(), fingerprint);
            assert_eq!(fingerprint.parse(), Ok(key.fingerprint()));
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(json, format!("\"{line}\""));
            assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
        }
        let sk = PublicKey::from_openssh(SK_LINE).unwrap();
        assert_eq!(sk.application(), Some("ssh:"));
        let other = PublicKey::security_key(*sk.key_bytes(), "ssh:countersign").unwrap();
        assert_ne!(other.fingerprint(), sk.fingerprint());
        assert_ne!(PublicKey::ed25519(*sk.key_bytes()).unwrap().fingerprint(), sk.fingerprint());
    }

    #[test]
    fn in_json_a_key_has_one_spelling() {
        for other in [
            format!("{LINE} comment"),
            format!(" {LINE}"),
            format!("{LINE}\\n"),
            LINE.replace(' ', "  "),
            LINE.replace(' ', "\\t"),
        ] {
            assert!(serde_json::from_str::<PublicKey>(&format!("\"{other}\"")).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_no_such_key_is_named() {
        let message = |line: &str| PublicKey::from_openssh(line).unwrap_err().to_string();
        assert_eq!(
            message("ssh-rsa AAAAB3NzaC1yc2E= x"),
            "ssh-rsa keys are not supported: only ssh-ed25519 and sk-ssh-ed25519@openssh.com"
        );
        assert!(
            message("ecdsa-sha2-nistp256 AAAA").starts_with("ecdsa-sha2-nistp256 keys are not")
        );
        assert!(message("ssh-ed25519-cert-v01@openssh.com AAAA").contains("is a certificate"));
        assert_eq!(
            PublicKey::from_openssh("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"),
            Err(KeyError::PrivateKey)
        );
        for text in ["", "x", "ssh_ed", "hello world", &format!("{LINE}\n{LINE}"), "\u{202e}-a b"] {
            assert_eq!(PublicKey::from_openssh(text), Err(KeyError::NotAKey), "{text:?}");
        }
        assert!(matches!(
            PublicKey::from_openssh(&"a".repeat(99_999)),
            Err(KeyError::TooLarge { found: 99_999, .. })
        ));
    }

    #[test]
    fn blobs_have_one_spelling_and_no_tail() {
        let blob = PublicKey::from_openssh(LINE).unwrap().to_blob();
        for length in 0..blob.len() {
            assert!(PublicKey::from_blob(&blob[..length]).is_err(), "{length}");
        }
        assert!(PublicKey::from_blob(&[&blob[..], b"\0"].concat()).is_err());
        // The line of one algorithm over the key of the other.
        let crossed = format!("{SK_ED25519} {}", encoding::base64(&blob));
        assert!(matches!(PublicKey::from_openssh(&crossed), Err(KeyError::Malformed { .. })));
        let mut weak = blob.clone();
        let start = weak.len() - 32;
        weak[start..].fill(0);
        assert_eq!(PublicKey::from_blob(&weak), Err(KeyError::SmallOrder));
    }

    #[test]
    fn applications_of_web_sites_are_refused() {
        let key = *PublicKey::from_openssh(SK_LINE).unwrap().key_bytes();
        PublicKey::security_key(key, "ssh:countersign").unwrap();
        let long = format!("ssh:{}", "a".repeat(252));
        for application in ["", "ssh", "example.com", "SSH:", "ssh:a b", "ssh:\u{e9}", &long] {
            assert_eq!(
                PublicKey::security_key(key, application),
                Err(KeyError::Application { limit: 255 }),
                "{application:?}"
            );
        }
    }

    proptest::proptest! {
        /// Whatever the bytes, parsing gives a key whose bytes they are, or an error.
        #[test]
        fn parsed_blobs_are_written_back_alike(
            place in 0_usize..80,
            byte: u8,
            sk: bool,
            tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..4),
        ) {
            let line = if sk { SK_LINE } else { LINE };
            let mut blob = PublicKey::from_openssh(line).unwrap().to_blob();
            let place = place % blob.len();
            blob[place] = byte;
            blob.extend(tail);
            if let Ok(key) = PublicKey::from_blob(&blob) {
                proptest::prop_assert_eq!(key.to_blob(), blob);
            }
        }
    }
}
