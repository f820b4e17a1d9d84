//! The trust root (`spec/settings.md` section 2): the few facts that a verifier takes on trust.
//!
//! ```toml
//! version    = 1
//! origin     = "shop.example/ledger"
//! ledger     = "<64 hexadecimal digits: the leaf hash of entry 0>"
//! ledger_key = "shop.example/ledger+1b2c3d4e+AZ..."
//! admins     = ["SHA256:..."]
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::base::digest::{ContentDigest, LeafHash, sha256};
use crate::base::encoding;
use crate::base::limits::{LIST_ITEMS_MAX, SETTINGS_BYTES_MAX};
use crate::base::name::Origin;

/// The version of the format that is read and written.
const VERSION: u64 = 1;
/// The signature type of Ed25519 in a signed-note key.
const NOTE_ED25519: u8 = 1;

/// Why a text is no trust root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// More bytes than a trust root has.
    #[error("too large: {found} bytes, at most {SETTINGS_BYTES_MAX} are read")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// Not TOML, an unknown or missing key, or a value of the wrong form.
    #[error("line {line}: {message}")]
    Malformed {
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Another version of the format.
    #[error("version {0} is not known: this program reads version {VERSION}")]
    Version(u64),
    /// The ledger key is no signed-note key of Ed25519, or its key id is not its own.
    #[error("the ledger key is no signed-note key of Ed25519: {0:?}")]
    LedgerKey(String),
    /// The ledger key is of another name than the origin.
    #[error("the ledger key is of {found:?}, not of the origin {origin}")]
    OtherOrigin {
        /// The origin.
        origin: Origin,
        /// The name in the key.
        found: String,
    },
    /// An administrator that is no fingerprint, or stands there twice.
    #[error("no fingerprint, or there twice: {0:?} (expected SHA256: and 43 characters)")]
    Admin(String),
    /// No administrator, or more than a list holds.
    #[error("{0} administrators: expected 1 to {LIST_ITEMS_MAX}")]
    AdminCount(usize),
}

/// A trust root. Two are the same only where their files are the same byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRoot {
    text: String,
    origin: Origin,
    ledger: LeafHash,
    ledger_key: String,
    admins: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    version: u64,
    origin: Origin,
    ledger: LeafHash,
    ledger_key: String,
    admins: Vec<String>,
}

impl TrustRoot {
    /// A new trust root, in the form in which this program writes it.
    ///
    /// # Errors
    /// [`TrustError`] where the key is not the origin's, or an administrator is no fingerprint.
    pub fn new(
        origin: &Origin,
        ledger: LeafHash,
        ledger_key: &str,
        admins: &[String],
    ) -> Result<Self, TrustError> {
        // Nothing is written that a quotation mark or a line break could lead astray.
        check_ledger_key(origin, ledger_key)?;
        check_admins(admins)?;
        let mut text = format!(
            "version    = {VERSION}\norigin     = \"{origin}\"\nledger     = \"{ledger}\"\n\
             ledger_key = \"{ledger_key}\"\nadmins     = [\n"
        );
        for admin in admins {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  \"{admin}\",");
        }
        text.push_str("]\n");
        Self::parse(text.as_bytes())
    }

    /// Reads the bytes of a trust root.
    ///
    /// # Errors
    /// [`TrustError`] where they are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > SETTINGS_BYTES_MAX {
            return Err(TrustError::TooLarge { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TrustError::NotText)?;
        let file: TrustFile = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + bytes.iter().take(start).filter(|byte| **byte == b'\n').count();
            TrustError::Malformed { line, message: error.message().to_owned() }
        })?;
        if file.version != VERSION {
            return Err(TrustError::Version(file.version));
        }
        check_ledger_key(&file.origin, &file.ledger_key)?;
        check_admins(&file.admins)?;
        Ok(Self {
            text: text.to_owned(),
            origin: file.origin,
            ledger: file.ledger,
            ledger_key: file.ledger_key,
            admins: file.admins,
        })
    }

    /// The ledger's origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The ledger's identity: the leaf hash of entry 0.
    #[must_use]
    pub fn ledger(&self) -> LeafHash {
        self.ledger
    }

    /// The ledger's key as a signed-note verifier key: `name+key id+base64`.
    #[must_use]
    pub fn ledger_key(&self) -> &str {
        &self.ledger_key
    }

    /// Fingerprints (`SHA256:...`) of the first administrators.
    #[must_use]
    pub fn admins(&self) -> &[String] {
        &self.admins
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the file's bytes: stands in every decision.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of(self.text.as_bytes())
    }
}

/// A signed-note verifier key of Ed25519 that bears the origin's name and its own key id.
fn check_ledger_key(origin: &Origin, key: &str) -> Result<(), TrustError> {
    let bad = || TrustError::LedgerKey(key.chars().take(200).collect());
    let mut parts = key.splitn(3, '+');
    let (Some(name), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad());
    };
    let id: [u8; 4] = encoding::unhex_array(id).map_err(|_| bad())?;
    let body: [u8; 33] = encoding::unbase64_array(body).map_err(|_| bad())?;
    let expected = sha256(&[name.as_bytes(), b"\n", &body]);
    if body[0] != NOTE_ED25519 || expected[..4] != id {
        return Err(bad());
    }
    if name != origin.as_str() {
        let found = name.chars().take(100).collect();
        return Err(TrustError::OtherOrigin { origin: origin.clone(), found });
    }
    Ok(())
}

fn check_admins(admins: &[String]) -> Result<(), TrustError> {
    if !(1..=LIST_ITEMS_MAX).contains(&admins.len()) {
        return Err(TrustError::AdminCount(admins.len()));
    }
    let mut seen = BTreeSet::new();
    for admin in admins {
        let well_formed = admin
            .strip_prefix("SHA256:")
            .is_some_and(|digest| encoding::unbase64_array::<32>(&format!("{digest}=")).is_ok());
        if !well_formed || !seen.insert(admin) {
            return Err(TrustError::Admin(admin.chars().take(100).collect()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(origin: &str) -> TrustRoot {
        let origin = Origin::new(origin).unwrap();
        let admin = format!("SHA256:{}", encoding::base64(&[7; 32]).trim_end_matches('='));
        TrustRoot::new(&origin, LeafHash::from_bytes([1; 32]), &key(origin.as_str()), &[admin])
            .unwrap()
    }

    fn key(name: &str) -> String {
        let mut body = [9; 33];
        body[0] = NOTE_ED25519;
        let id = sha256(&[name.as_bytes(), b"\n", &body]);
        format!("{name}+{}+{}", encoding::hex(&id[..4]), encoding::base64(&body))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let root = example("shop.example/ledger");
        let again = TrustRoot::parse(root.to_toml().as_bytes()).unwrap();
        assert_eq!(again, root);
        assert_eq!(again.digest(), ContentDigest::of(root.to_toml().as_bytes()));
        assert_eq!(root.origin().as_str(), "shop.example/ledger");
        // The digest is of the file: a comment more is another file.
        let commented = format!("# ours\n{}", root.to_toml());
        assert_ne!(TrustRoot::parse(commented.as_bytes()).unwrap().digest(), root.digest());
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let good = example("shop.example/ledger").to_toml().to_owned();
        let refused = |from: &str, to: &str| {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from:?} does not stand there");
            TrustRoot::parse(text.as_bytes()).unwrap_err()
        };
        assert_eq!(refused("version    = 1", "version = 2"), TrustError::Version(2));
        assert!(matches!(refused("\"0101", "\"ZZ01"), TrustError::Malformed { line: 3, .. }));
        assert!(matches!(
            refused("admins ", "witness = 1\nadmins "),
            TrustError::Malformed { line: 5, .. }
        ));
        assert!(matches!(refused("+AQkJ", "+AgkJ"), TrustError::LedgerKey(_)));
        assert!(matches!(refused("ledger+", "ledger2+"), TrustError::LedgerKey(_)));
        assert!(matches!(
            refused("origin     = \"shop", "origin = \"chop"),
            TrustError::OtherOrigin { .. }
        ));
        assert!(matches!(refused("SHA256:", "MD5:"), TrustError::Admin(_)));
        let admin = good.lines().find(|line| line.starts_with("  ")).unwrap();
        assert!(matches!(refused(admin, &format!("{admin}\n{admin}")), TrustError::Admin(_)));
        assert_eq!(refused(admin, ""), TrustError::AdminCount(0));
        assert_eq!(TrustRoot::parse(&[0xff]), Err(TrustError::NotText));
        assert!(matches!(
            TrustRoot::parse(&vec![b'#'; SETTINGS_BYTES_MAX + 1]),
            Err(TrustError::TooLarge { .. })
        ));
    }
}
