//! The trust root (`spec/settings.md` section 2): the few facts that a verifier takes on trust.
//!
//! ```toml
//! version    = 1
//! origin     = "shop.example/ledger"
//! ledger     = "<64 hexadecimal digits: the leaf hash of entry 0>"
//! ledger_key = "shop.example/ledger+1b2c3d4e+AZ..."
//! admins     = ["SHA256:..."]
//! quorum     = "two-of-three"
//! max_age    = "7d"
//!
//! [[witness]]
//! name = "north"
//! key  = "witness.example/north+c03ad8d4+BO..."
//!
//! [[group]]
//! name    = "two-of-three"
//! need    = 2
//! members = ["north", "south", "west"]
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::base::digest::{ContentDigest, LeafHash};
use crate::base::limits::{LIST_ITEMS_MAX, SETTINGS_BYTES_MAX};
use crate::base::name::{Origin, WitnessName};
use crate::base::time::Span;
use crate::key::KeyId;
use crate::note::cosignature::CosignerKey;
use crate::note::key::VerifierKey;
use crate::note::quorum::{Need, QuorumError, Witness, WitnessGroup, WitnessQuorum};

/// The version of the format that is read and written.
const VERSION: u64 = 1;

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
    /// An administrator stands there twice.
    #[error("the administrator {0} stands there twice")]
    AdminTwice(KeyId),
    /// No administrator, or more than a list holds.
    #[error("{0} administrators: expected 1 to {LIST_ITEMS_MAX}")]
    AdminCount(usize),
    /// The key of a witness is no Ed25519 cosigner key, or its key id is not its own.
    #[error("the key of the witness {0} is no cosigner key of Ed25519")]
    WitnessKey(WitnessName),
    /// The ledger would be its own witness.
    #[error("the witness {0} has the ledger's own key")]
    WitnessIsLedger(WitnessName),
    /// There are witnesses or groups, and no word on which of them are wanted.
    #[error("witnesses are named, but no quorum: name a witness or a group, or none")]
    NoQuorum,
    /// The greatest age of a bundle is no length of time.
    #[error("max_age is no length of time: {0:?}; write 7d, 12h or 30m")]
    MaxAge(String),
    /// Witnesses, groups and quorum do not go together.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

/// A trust root. Two are the same only where their files are the same byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRoot {
    text: String,
    origin: Origin,
    ledger: LeafHash,
    ledger_key: VerifierKey,
    admins: Vec<KeyId>,
    witnesses: WitnessQuorum,
    max_age: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    version: u64,
    origin: Origin,
    ledger: LeafHash,
    ledger_key: String,
    admins: Vec<KeyId>,
    quorum: Option<WitnessName>,
    max_age: Option<String>,
    #[serde(default)]
    witness: Vec<WitnessTable>,
    #[serde(default)]
    group: Vec<GroupTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    name: WitnessName,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    name: WitnessName,
    need: NeedValue,
    members: Vec<WitnessName>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "need is \"any\", \"all\" or a number")]
enum NeedValue {
    Count(usize),
    Word(NeedWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum NeedWord {
    Any,
    All,
}

impl TrustRoot {
    /// A new trust root, in the form in which this program writes it.
    ///
    /// # Errors
    /// [`TrustError`] where the key is not the origin's, an administrator stands there twice, or
    /// there is none.
    pub fn new(
        origin: &Origin,
        ledger: LeafHash,
        ledger_key: &VerifierKey,
        admins: &[KeyId],
    ) -> Result<Self, TrustError> {
        // The name in a key may hold what TOML would have to escape; an origin may not.
        check_name(origin, ledger_key)?;
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
        let ledger_key: VerifierKey = file
            .ledger_key
            .parse()
            .map_err(|_| TrustError::LedgerKey(file.ledger_key.chars().take(200).collect()))?;
        check_name(&file.origin, &ledger_key)?;
        check_admins(&file.admins)?;
        let max_age = file.max_age.map(|text| text.parse().map_err(|_| TrustError::MaxAge(text)));
        let max_age = max_age.transpose()?;
        let witnesses = witnesses(file.witness, file.group, file.quorum, &ledger_key)?;
        Ok(Self {
            text: text.to_owned(),
            origin: file.origin,
            ledger: file.ledger,
            ledger_key,
            admins: file.admins,
            witnesses,
            max_age,
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
    pub fn ledger_key(&self) -> &VerifierKey {
        &self.ledger_key
    }

    /// Fingerprints (`SHA256:...`) of the first administrators.
    #[must_use]
    pub fn admins(&self) -> &[KeyId] {
        &self.admins
    }

    /// Who must have cosigned a checkpoint.
    #[must_use]
    pub fn witnesses(&self) -> &WitnessQuorum {
        &self.witnesses
    }

    /// How old a bundle's decision may be, at most; whatever age where none is set.
    #[must_use]
    pub const fn max_age(&self) -> Option<Span> {
        self.max_age
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

/// The quorum of a trust root.
fn witnesses(
    witnesses: Vec<WitnessTable>,
    groups: Vec<GroupTable>,
    quorum: Option<WitnessName>,
    ledger_key: &VerifierKey,
) -> Result<WitnessQuorum, TrustError> {
    if quorum.is_none() && !(witnesses.is_empty() && groups.is_empty()) {
        return Err(TrustError::NoQuorum);
    }
    let mut known = Vec::with_capacity(witnesses.len());
    for table in witnesses {
        let Ok(key) = table.key.parse::<CosignerKey>() else {
            return Err(TrustError::WitnessKey(table.name));
        };
        if key.public_key() == ledger_key.public_key() {
            return Err(TrustError::WitnessIsLedger(table.name));
        }
        known.push(Witness { name: table.name, key });
    }
    let groups: Vec<_> = groups
        .into_iter()
        .map(|table| {
            let need = match table.need {
                NeedValue::Count(count) => Need::Count(count),
                NeedValue::Word(NeedWord::Any) => Need::Any,
                NeedValue::Word(NeedWord::All) => Need::All,
            };
            WitnessGroup { name: table.name, need, members: table.members }
        })
        .collect();
    let quorum = quorum.filter(|name| name.as_str() != "none");
    Ok(WitnessQuorum::new(known, &groups, quorum.as_ref())?)
}

fn check_name(origin: &Origin, ledger_key: &VerifierKey) -> Result<(), TrustError> {
    if ledger_key.name() == origin.as_str() {
        return Ok(());
    }
    let found = ledger_key.name().chars().take(100).collect();
    Err(TrustError::OtherOrigin { origin: origin.clone(), found })
}

fn check_admins(admins: &[KeyId]) -> Result<(), TrustError> {
    if !(1..=LIST_ITEMS_MAX).contains(&admins.len()) {
        return Err(TrustError::AdminCount(admins.len()));
    }
    let mut seen = BTreeSet::new();
    match admins.iter().find(|admin| !seen.insert(admin.as_bytes())) {
        Some(admin) => Err(TrustError::AdminTwice(*admin)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(origin: &str) -> TrustRoot {
        let key = VerifierKey::new(origin, [9; 32]).unwrap();
        let origin = Origin::new(origin).unwrap();
        let ledger = LeafHash::from_bytes([1; 32]);
        TrustRoot::new(&origin, ledger, &key, &[KeyId::from_bytes([7; 32])]).unwrap()
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
        assert!(matches!(refused("SHA256:", "MD5:"), TrustError::Malformed { line: 5 | 6, .. }));
        let admin = good.lines().find(|line| line.starts_with("  ")).unwrap();
        assert!(matches!(refused(admin, &format!("{admin}\n{admin}")), TrustError::AdminTwice(_)));
        assert_eq!(refused(admin, ""), TrustError::AdminCount(0));
        assert_eq!(TrustRoot::parse(&[0xff]), Err(TrustError::NotText));
        assert!(matches!(
            TrustRoot::parse(&vec![b'#'; SETTINGS_BYTES_MAX + 1]),
            Err(TrustError::TooLarge { .. })
        ));
    }
}
