//! Who has the say: flag, environment, the user's file, the machine's file, in that order.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::file::{
    KeyChoice, MirrorSettings, RepositoryPlace, RepositorySettings, Settings, WitnessAddress,
    clean_url,
};
use super::serve::ServeSettings;
use super::{ConfigError, durable};
use crate::base::name::{Origin, WitnessName};

/// How much of a checkpoint is read for the origin in its first line, in bytes.
const ORIGIN_LINE_BYTES_MAX: usize = 128;

/// The folders that settings live in.
#[derive(Debug, Clone)]
pub struct Places {
    /// The user's configuration folder, absolute; `None` without a home folder.
    pub user_config: Option<PathBuf>,
    /// The user's data folder, absolute; `None` without a home folder.
    pub user_data: Option<PathBuf>,
    /// The user's cache folder, absolute; `None` without a home folder.
    pub user_cache: Option<PathBuf>,
    /// The machine's configuration folder.
    pub machine_config: PathBuf,
    /// Where relative paths of flags start.
    pub current: PathBuf,
}

impl Places {
    /// The user's settings file.
    #[must_use]
    pub fn user_file(&self) -> Option<PathBuf> {
        Some(self.user_config.as_ref()?.join("countersign/config.toml"))
    }

    /// The machine's settings file.
    #[must_use]
    pub fn machine_file(&self) -> PathBuf {
        self.machine_config.join("countersign/config.toml")
    }

    /// Where an embedded ledger lies unless settings say otherwise.
    #[must_use]
    pub fn ledger_folder(&self, origin: &Origin) -> Option<PathBuf> {
        Some(self.user_data.as_ref()?.join("countersign").join(file_name_of(origin)))
    }

    /// Where the copy of a ledger lies that a server answers for.
    #[must_use]
    pub fn copy_folder(&self, origin: &Origin) -> Option<PathBuf> {
        Some(self.copies()?.join(file_name_of(origin)))
    }

    /// Below it are the copies of ledgers.
    pub(super) fn copies(&self) -> Option<PathBuf> {
        Some(self.user_cache.as_ref()?.join("countersign"))
    }

    /// Where the user's pinned trust root lies unless settings say otherwise.
    #[must_use]
    pub fn user_trust(&self, origin: &Origin) -> Option<PathBuf> {
        Some(self.user_config.as_ref()?.join("countersign/trust").join(trust_name_of(origin)))
    }

    /// Where the machine's pinned trust root lies unless settings say otherwise.
    #[must_use]
    pub fn machine_trust(&self, origin: &Origin) -> PathBuf {
        self.machine_config.join("countersign/trust").join(trust_name_of(origin))
    }
}

/// An origin as one file name: `/` is `_`, and whatever is not a letter, digit, `-` or inner `.`
/// is `%` and two digits. So two origins never share a name, and none leads out of its folder.
#[must_use]
pub fn file_name_of(origin: &Origin) -> String {
    let mut name = String::new();
    for (position, byte) in origin.as_str().bytes().enumerate() {
        match byte {
            b'/' => name.push('_'),
            b'.' if position > 0 => name.push('.'),
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    name
}

fn trust_name_of(origin: &Origin) -> String {
    format!("{}.toml", file_name_of(origin))
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, such as `--ledger`.
    Flag(&'static str),
    /// A variable, such as `COUNTERSIGN_LEDGER`.
    Variable(&'static str),
    /// The user's settings file.
    UserFile(PathBuf),
    /// The machine's settings file.
    MachineFile(PathBuf),
    /// The usual place.
    Usual,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => formatter.write_str(name),
            Self::UserFile(path) | Self::MachineFile(path) => {
                write!(formatter, "{}", path.display())
            }
            Self::Usual => formatter.write_str("the usual place"),
        }
    }
}

/// A value, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<T> {
    /// The value.
    pub value: T,
    /// Where it is from.
    pub source: Source,
}

/// What flags and variables say. Flags win.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `--ledger`.
    pub ledger_flag: Option<String>,
    /// `COUNTERSIGN_LEDGER`.
    pub ledger_variable: Option<String>,
    /// `--trust`.
    pub trust_flag: Option<PathBuf>,
    /// `COUNTERSIGN_TRUST`.
    pub trust_variable: Option<PathBuf>,
    /// `--key`.
    pub key_flag: Option<String>,
    /// `COUNTERSIGN_KEY`.
    pub key_variable: Option<String>,
    /// `COUNTERSIGN_TOKEN`.
    pub token_variable: Option<String>,
}

/// What a repository is recognised by.
#[derive(Debug, Clone)]
pub struct RepositoryIdentity {
    /// Its common git folder, absolute and without symbolic links.
    pub common_folder: PathBuf,
    /// URLs of its remotes, as git's configuration has them.
    pub remotes: Vec<String>,
}

/// The ledger that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerChoice {
    /// Its origin. Where only a folder was named that no settings know, it is what the ledger
    /// there says of itself: good enough to find a pinned trust root by, which then judges the
    /// ledger. `None` where it says nothing.
    pub origin: Option<Origin>,
    /// The folder of the embedded ledger, or of the copy of one that a server answers for; `None`
    /// without a home folder, and where the origin of a server's ledger is not known yet.
    pub folder: Option<PathBuf>,
    /// The server that answers for the ledger; it ends in no slash.
    pub url: Option<String>,
}

/// All settings that apply, read once.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub(super) places: Places,
    pub(super) given: Given,
    /// The user's file before the machine's.
    pub(super) layers: Vec<(Source, Settings)>,
}

/// Reads bytes as a settings file.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<(String, Settings), ConfigError> {
    let malformed = |line, message| ConfigError::Malformed { path: path.to_owned(), line, message };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let lines_before = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        malformed(lines_before, "not UTF-8".to_owned())
    })?;
    let settings = Settings::parse(text).map_err(|(line, message)| malformed(line, message))?;
    Ok((text.to_owned(), settings))
}

impl Configuration {
    /// Reads the user's and the machine's file; neither need be there.
    ///
    /// # Errors
    /// [`ConfigError`] where one that is there cannot be read or is malformed.
    pub fn load(places: Places, given: Given) -> Result<Self, ConfigError> {
        let mut layers = Vec::new();
        if let Some(path) = places.user_file()
            && let Some(bytes) = durable::read(&path)?
        {
            let settings = parse(&path, &bytes)?.1;
            layers.push((Source::UserFile(path), settings));
        }
        let path = places.machine_file();
        if let Some(bytes) = durable::read(&path)? {
            let settings = parse(&path, &bytes)?.1;
            layers.push((Source::MachineFile(path), settings));
        }
        Ok(Self { places, given, layers })
    }

    /// The folders that settings live in.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The key that signs, where anything names one.
    ///
    /// # Errors
    /// [`ConfigError::Value`] where a flag or variable is neither a fingerprint nor a path.
    pub fn key(&self) -> Result<Option<Resolved<KeyChoice>>, ConfigError> {
        let flag = (&self.given.key_flag, Source::Flag("--key"), Some(&*self.places.current));
        // A relative path in a variable would start in whatever folder the command runs in, the
        // tree that is judged included.
        let variable = (&self.given.key_variable, Source::Variable("COUNTERSIGN_KEY"), None);
        for (text, source, folder) in [flag, variable] {
            if let Some(text) = text {
                let value = KeyChoice::parse(text, folder).ok_or_else(|| {
                    refused(&source, "a SHA256: fingerprint or an absolute path", text)
                })?;
                return Ok(Some(Resolved { value, source }));
            }
        }
        Ok(self.layers.iter().find_map(|(source, settings)| {
            Some(Resolved { value: settings.key.clone()?, source: source.clone() })
        }))
    }

    /// Where the witnesses of a ledger are; of one the user's file has the say.
    #[must_use]
    pub fn witnesses(&self, origin: &Origin) -> BTreeMap<WitnessName, WitnessAddress> {
        let mut addresses = BTreeMap::new();
        for (_, settings) in self.layers.iter().rev() {
            let known = settings.ledgers.get(origin).map(|ledger| ledger.witnesses.clone());
            addresses.extend(known.unwrap_or_default());
        }
        addresses
    }

    /// What the settings say of a repository: by path before by remote, the user's file before
    /// the machine's.
    #[must_use]
    pub fn repository(
        &self,
        identity: &RepositoryIdentity,
    ) -> Option<Resolved<RepositorySettings>> {
        let by_path = |known: &&RepositorySettings| match &known.place {
            RepositoryPlace::Path(path) => *path == identity.common_folder,
            RepositoryPlace::Remote(_) => false,
        };
        let by_remote = |known: &&RepositorySettings| match &known.place {
            RepositoryPlace::Path(_) => false,
            RepositoryPlace::Remote(url) => identity.remotes.contains(url),
        };
        self.layers.iter().find_map(|(source, settings)| {
            let repositories = &settings.repositories;
            let found = repositories.iter().find(by_path);
            let found = found.or_else(|| repositories.iter().find(by_remote))?;
            Some(Resolved { value: found.clone(), source: source.clone() })
        })
    }

    /// The ledger: flag, variable, the repository's; outside any repository the only one, where
    /// one file knows but one. A value that starts with `/` or `.` is a folder, any other an
    /// origin.
    ///
    /// # Errors
    /// [`ConfigError`] where none is known, several are, or a value is no ledger.
    pub fn ledger(
        &self,
        repository: Option<&RepositoryIdentity>,
    ) -> Result<Resolved<LedgerChoice>, ConfigError> {
        let flag = (&self.given.ledger_flag, Source::Flag("--ledger"));
        let variable = (&self.given.ledger_variable, Source::Variable("COUNTERSIGN_LEDGER"));
        for (text, source) in [flag, variable] {
            if let Some(text) = text {
                return self.ledger_of(text, source);
            }
        }
        if let Some(identity) = repository {
            // Sign-offs of a repository that nobody put under a ledger must not go to whichever
            // ledger is at hand.
            let found = self.repository(identity).ok_or(ConfigError::NoLedger)?;
            let value = self.at_origin(found.value.ledger);
            return Ok(Resolved { value, source: found.source });
        }
        for (source, settings) in &self.layers {
            match settings.ledgers.len() {
                0 => {}
                1 => {
                    let origin = settings.ledgers.keys().next().ok_or(ConfigError::NoLedger)?;
                    let value = self.at_origin(origin.clone());
                    return Ok(Resolved { value, source: source.clone() });
                }
                count => return Err(ConfigError::ManyLedgers(count)),
            }
        }
        Err(ConfigError::NoLedger)
    }

    fn ledger_of(&self, text: &str, source: Source) -> Result<Resolved<LedgerChoice>, ConfigError> {
        let value = if text.starts_with(['/', '.']) {
            let folder = Path::new(text);
            if folder.is_relative() && !matches!(source, Source::Flag(_)) {
                return Err(refused(&source, "a ledger origin or an absolute path", text));
            }
            let folder = self.places.current.join(folder);
            let named = |(_, settings): &(Source, Settings)| {
                let mut ledgers = settings.ledgers.iter();
                let found = ledgers.find(|(_, known)| known.folder.as_ref() == Some(&folder));
                found.map(|(origin, _)| origin.clone())
            };
            let origin = self.layers.iter().find_map(named).or_else(|| origin_in(&folder));
            LedgerChoice { origin, folder: Some(folder), url: None }
        } else if text.contains("://") {
            let url = clean_url(text).ok_or_else(|| refused(&source, "an http URL", text))?;
            self.at_url(url)
        } else {
            match Origin::new(text) {
                Ok(origin) => self.at_origin(origin),
                _ => return Err(refused(&source, "a ledger origin or an absolute path", text)),
            }
        };
        Ok(Resolved { value, source })
    }

    fn at_origin(&self, origin: Origin) -> LedgerChoice {
        // Of the folder and the server, the first file that says either has the say.
        let named = self.layers.iter().find_map(|(_, settings)| {
            let known = settings.ledgers.get(&origin)?;
            let url = known.remote.as_ref().map(|remote| remote.url.clone());
            (url.is_some() || known.folder.is_some()).then(|| (known.folder.clone(), url))
        });
        let (folder, url) = named.unwrap_or_default();
        let folder = match &url {
            Some(_) => self.places.copy_folder(&origin),
            None => folder.or_else(|| self.places.ledger_folder(&origin)),
        };
        LedgerChoice { origin: Some(origin), folder, url }
    }

    /// The file of the trust root: flag, variable, settings, the user's pinned file, and the
    /// machine's where the user has none. Never a file of the ledger or of a repository.
    ///
    /// # Errors
    /// [`ConfigError`] where nothing names one, or the variable is no absolute path.
    pub fn trust_file(&self, origin: Option<&Origin>) -> Result<Resolved<PathBuf>, ConfigError> {
        if let Some(path) = &self.given.trust_flag {
            let value = self.places.current.join(path);
            return Ok(Resolved { value, source: Source::Flag("--trust") });
        }
        if let Some(path) = &self.given.trust_variable {
            let source = Source::Variable("COUNTERSIGN_TRUST");
            if path.is_relative() {
                return Err(refused(&source, "an absolute path", &path.to_string_lossy()));
            }
            return Ok(Resolved { value: path.clone(), source });
        }
        let origin = origin.ok_or(ConfigError::NotPinned { path: None })?;
        if let Some(named) = self.named_trust(origin) {
            return Ok(named);
        }
        let machine = self.places.machine_trust(origin);
        let value = match self.places.user_trust(origin) {
            Some(user) if user.exists() || !machine.exists() => user,
            _ => machine,
        };
        Ok(Resolved { value, source: Source::Usual })
    }
}

impl Configuration {
    /// The mirror of a ledger, where a file names one; the user's before the machine's.
    #[must_use]
    pub fn mirror(&self, origin: &Origin) -> Option<MirrorSettings> {
        self.layers.iter().find_map(|(_, settings)| settings.ledgers.get(origin)?.mirror.clone())
    }

    /// What a server answers for a ledger with; the user's file before the machine's.
    #[must_use]
    pub fn serve(&self, origin: &Origin) -> ServeSettings {
        let mut found = self
            .layers
            .iter()
            .filter_map(|(_, settings)| settings.ledgers.get(origin)?.serve.clone());
        found.next().unwrap_or_default()
    }

    /// The file that settings name for the trust root of a ledger.
    pub(super) fn named_trust(&self, origin: &Origin) -> Option<Resolved<PathBuf>> {
        self.layers.iter().find_map(|(source, settings)| {
            let value = settings.ledgers.get(origin)?.trust.clone()?;
            Some(Resolved { value, source: source.clone() })
        })
    }
}

/// The origin that the checkpoint in a ledger's folder begins with. Whoever can write the folder
/// has the say in it: it only tells which of the pinned trust roots is meant.
pub(super) fn origin_in(folder: &Path) -> Option<Origin> {
    let path = folder.join("checkpoint");
    // To open a pipe waits for a writer.
    if !std::fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(ORIGIN_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(&path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    let length = bytes.iter().position(|byte| *byte == b'\n')?;
    Origin::new(std::str::from_utf8(&bytes[..length]).ok()?).ok()
}

fn refused(from: &Source, kind: &'static str, text: &str) -> ConfigError {
    ConfigError::Value { from: from.clone(), kind, text: text.chars().take(200).collect() }
}
