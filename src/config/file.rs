//! The settings file: typed, strict, unknown keys refused with their line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::serve::{ServeSettings, ServeTable, serve_toml};
use crate::base::limits::URL_BYTES_MAX;
use crate::base::name::{Origin, RepositoryName, WitnessName};

/// The version of the format that is read and written.
const VERSION: u64 = 1;
/// The mirror is part of every acknowledgement.
const SYNC: &str = "sync";

/// Which key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice {
    /// The key of this fingerprint (`SHA256:...`), wherever it is: file or agent.
    Fingerprint(String),
    /// The key in this file.
    File(PathBuf),
}

/// Where the parts of a ledger lie, if not at their usual places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The folder of the embedded ledger.
    pub folder: Option<PathBuf>,
    /// The pinned trust root.
    pub trust: Option<PathBuf>,
    /// The mirror.
    pub mirror: Option<MirrorSettings>,
    /// Where the witnesses are that the trust root names.
    pub witnesses: BTreeMap<WitnessName, WitnessAddress>,
    /// What a server answers for the ledger with, where this machine runs one.
    pub serve: Option<ServeSettings>,
    /// The server that answers for the ledger, where it is not a folder of this machine.
    pub remote: Option<RemoteSettings>,
}

/// A server that answers for a ledger, and what it is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Where it is: an `http://` or `https://` URL that ends in no slash.
    pub url: String,
    /// The file of the token, readable by the user alone.
    pub token_file: Option<PathBuf>,
    /// Certificates in PEM that its own is traced to, in place of the usual roots.
    pub tls_roots: Option<PathBuf>,
}

/// Where a ledger's mirror lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSettings {
    /// The folder of what anybody may read.
    pub folder: PathBuf,
    /// The folder of openings and of the salt of e-mail digests; none where they are not mirrored.
    pub openings: Option<PathBuf>,
    /// Whether the mirror is part of every acknowledgement.
    pub is_sync: bool,
}

/// Where a witness is: URLs, before which nothing of a witness stands and after which no slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// Where checkpoints are handed in.
    pub submission: String,
    /// Where it shows what it cosigned.
    pub monitoring: String,
}

/// How a repository is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryPlace {
    /// Its common git folder (`git rev-parse --git-common-dir`), absolute.
    Path(PathBuf),
    /// A remote's URL, exactly as git's configuration has it.
    Remote(String),
}

/// Which ledger a repository's sign-offs are in, and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// How the repository is recognised.
    pub place: RepositoryPlace,
    /// The ledger.
    pub ledger: Origin,
    /// The repository's name in the policy.
    pub name: RepositoryName,
}

/// The content of one settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The key that signs.
    pub key: Option<KeyChoice>,
    /// Ledgers by origin.
    pub ledgers: BTreeMap<Origin, LedgerSettings>,
    /// Repositories, in the order of the file.
    pub repositories: Vec<RepositorySettings>,
}

/// A mistake in a settings text: its line from 1, and what is wrong.
pub(super) type Mistake = (usize, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    version: toml::Spanned<u64>,
    key: Option<KeyTable>,
    #[serde(default)]
    ledger: BTreeMap<Origin, LedgerTable>,
    #[serde(default)]
    repository: Vec<toml::Spanned<RepositoryTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    #[serde(rename = "use")]
    choice: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerTable {
    folder: Option<toml::Spanned<PathBuf>>,
    trust: Option<toml::Spanned<PathBuf>>,
    mirror: Option<toml::Spanned<String>>,
    mirror_folder: Option<toml::Spanned<PathBuf>>,
    mirror_openings: Option<toml::Spanned<PathBuf>>,
    #[serde(default)]
    witness: BTreeMap<WitnessName, toml::Spanned<WitnessTable>>,
    serve: Option<ServeTable>,
    url: Option<toml::Spanned<String>>,
    token_file: Option<toml::Spanned<PathBuf>>,
    tls_roots: Option<toml::Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    submission: String,
    monitoring: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepositoryTable {
    path: Option<toml::Spanned<PathBuf>>,
    remote: Option<String>,
    ledger: Origin,
    name: RepositoryName,
}

impl KeyChoice {
    /// Reads a key as flag, environment and file spell it: a fingerprint, or a path, which is
    /// taken from `folder` where it is relative. `None` where it is neither.
    #[must_use]
    pub fn parse(text: &str, folder: Option<&Path>) -> Option<Self> {
        if text.starts_with("SHA256:") {
            let digest = text.strip_prefix("SHA256:")?;
            crate::base::encoding::unbase64_array::<32>(&format!("{digest}=")).ok()?;
            return Some(Self::Fingerprint(text.to_owned()));
        }
        let path = Path::new(text);
        match folder {
            _ if text.is_empty() => None,
            _ if path.is_absolute() => Some(Self::File(path.to_owned())),
            Some(folder) => Some(Self::File(folder.join(path))),
            None => None,
        }
    }
}

/// A URL without what may be left out at its end; `None` where it is no `http://` or `https://`
/// URL of printable ASCII, or has a query or a name and password.
pub(super) fn clean_url(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let is_url = !rest.is_empty()
        && url.len() <= URL_BYTES_MAX
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"@".contains(&byte));
    is_url.then(|| url.trim_end_matches('/').to_owned())
}

impl WitnessAddress {
    /// Both prefixes; where only one is said, it is both. `None` where one is no URL.
    fn new(submission: &str, monitoring: Option<&str>) -> Option<Self> {
        let submission = clean_url(submission)?;
        let monitoring = monitoring.map_or(Some(submission.clone()), clean_url)?;
        Some(Self { submission, monitoring })
    }
}

impl Settings {
    /// Reads the text of a settings file.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let file: SettingsFile = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            (line_of(text, start), error.message().to_owned())
        })?;
        let mistake = |start: usize, message: &str| (line_of(text, start), message.to_owned());
        if *file.version.get_ref() != VERSION {
            return Err(mistake(file.version.span().start, "only version 1 is known"));
        }
        let absolute = |path: Option<toml::Spanned<PathBuf>>| match path {
            Some(path) if !path.get_ref().is_absolute() => {
                Err(mistake(path.span().start, "the path is not absolute"))
            }
            path => Ok(path.map(toml::Spanned::into_inner)),
        };
        let mut settings = Self::default();
        if let Some(key) = file.key {
            let choice = KeyChoice::parse(key.choice.get_ref(), None).ok_or_else(|| {
                mistake(
                    key.choice.span().start,
                    "neither a SHA256: fingerprint nor an absolute path",
                )
            })?;
            settings.key = Some(choice);
        }
        for (origin, ledger) in file.ledger {
            let mode = ledger.mirror.as_ref();
            if let Some(mode) = mode.filter(|mode| mode.get_ref() != SYNC) {
                return Err(mistake(mode.span().start, "only \"sync\" is known"));
            }
            let start = mode.map(|mode| mode.span().start);
            let start =
                start.or(ledger.mirror_openings.as_ref().map(|openings| openings.span().start));
            let openings = absolute(ledger.mirror_openings)?;
            let mirror = match (absolute(ledger.mirror_folder)?, start) {
                (Some(folder), _) => {
                    // Whoever may read the one must not find the other in it.
                    let nested = |openings: &PathBuf| {
                        openings.starts_with(&folder) || folder.starts_with(openings)
                    };
                    if openings.as_ref().is_some_and(nested) {
                        let what = "mirror_openings and mirror_folder lie in one another";
                        return Err(mistake(start.unwrap_or_default(), what));
                    }
                    Some(MirrorSettings { folder, openings, is_sync: mode.is_some() })
                }
                (None, Some(start)) => return Err(mistake(start, "mirror_folder is missing")),
                (None, None) => None,
            };
            let (folder, trust) = (absolute(ledger.folder)?, absolute(ledger.trust)?);
            let (token_file, tls_roots) =
                (absolute(ledger.token_file)?, absolute(ledger.tls_roots)?);
            let remote = match ledger.url {
                Some(url) if folder.is_some() => {
                    return Err(mistake(url.span().start, "the ledger has a folder and a url"));
                }
                Some(url) => {
                    let start = url.span().start;
                    let url = clean_url(url.get_ref())
                        .ok_or_else(|| mistake(start, "the url is no http:// or https:// URL"))?;
                    Some(RemoteSettings { url, token_file, tls_roots })
                }
                None if token_file.is_some() || tls_roots.is_some() => {
                    return Err(mistake(0, "token_file and tls_roots go with a url"));
                }
                None => None,
            };
            let mut witnesses = BTreeMap::new();
            for (name, table) in ledger.witness {
                let start = table.span().start;
                let table = table.into_inner();
                let address = WitnessAddress::new(&table.submission, table.monitoring.as_deref());
                let address = address.ok_or_else(|| {
                    mistake(start, "the address of a witness is no http:// or https:// URL")
                })?;
                witnesses.insert(name, address);
            }
            let serve = ledger.serve.map(|table| table.meant(text)).transpose()?;
            let ledger = LedgerSettings { folder, trust, mirror, witnesses, serve, remote };
            settings.ledgers.insert(origin, ledger);
        }
        for table in file.repository {
            let start = table.span().start;
            let table = table.into_inner();
            let place = match (absolute(table.path)?, table.remote) {
                (Some(path), None) => RepositoryPlace::Path(path),
                (None, Some(url)) if (1..=URL_BYTES_MAX).contains(&url.len()) => {
                    RepositoryPlace::Remote(url)
                }
                _ => return Err(mistake(start, "expected either a path or a remote")),
            };
            if settings.repositories.iter().any(|other| other.place == place) {
                return Err(mistake(start, "the repository is there twice"));
            }
            let (ledger, name) = (table.ledger, table.name);
            settings.repositories.push(RepositorySettings { place, ledger, name });
        }
        Ok(settings)
    }

    /// The settings as a text that [`Settings::parse`] reads back.
    pub(super) fn to_toml(&self) -> String {
        let mut text = format!("version = {VERSION}\n");
        if let Some(key) = &self.key {
            text.push_str(&key_toml(key));
        }
        for (origin, ledger) in &self.ledgers {
            text.push_str(&ledger_toml(origin, ledger));
        }
        for repository in &self.repositories {
            text.push_str(&repository_toml(repository));
        }
        text
    }
}

/// The `[key]` table.
pub(super) fn key_toml(key: &KeyChoice) -> String {
    let text = match key {
        KeyChoice::Fingerprint(text) => quote(text),
        KeyChoice::File(path) => quote_path(path),
    };
    format!("\n[key]\nuse = {text}\n")
}

/// The `[ledger."ORIGIN"]` table.
pub(super) fn ledger_toml(origin: &Origin, ledger: &LedgerSettings) -> String {
    let mut text = format!("\n[ledger.{}]\n", quote(origin.as_str()));
    for (name, path) in [("folder", &ledger.folder), ("trust", &ledger.trust)] {
        if let Some(path) = path {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<6} = {}", quote_path(path));
        }
    }
    if let Some(mirror) = &ledger.mirror {
        if mirror.is_sync {
            let _ = writeln!(text, "mirror = {}", quote(SYNC));
        }
        let _ = writeln!(text, "mirror_folder = {}", quote_path(&mirror.folder));
        if let Some(openings) = &mirror.openings {
            let _ = writeln!(text, "mirror_openings = {}", quote_path(openings));
        }
    }
    if let Some(remote) = &ledger.remote {
        let _ = writeln!(text, "url = {}", quote(&remote.url));
        for (name, path) in [("token_file", &remote.token_file), ("tls_roots", &remote.tls_roots)] {
            if let Some(path) = path {
                let _ = writeln!(text, "{name} = {}", quote_path(path));
            }
        }
    }
    for (name, address) in &ledger.witnesses {
        let (origin, name) = (quote(origin.as_str()), quote(name.as_str()));
        let _ = write!(
            text,
            "\n[ledger.{origin}.witness.{name}]\nsubmission = {}\nmonitoring = {}\n",
            quote(&address.submission),
            quote(&address.monitoring)
        );
    }
    if let Some(serve) = &ledger.serve {
        text.push_str(&serve_toml(origin, serve));
    }
    text
}

/// A `[[repository]]` table.
pub(super) fn repository_toml(repository: &RepositorySettings) -> String {
    let (name, place) = match &repository.place {
        RepositoryPlace::Path(path) => ("path", quote_path(path)),
        RepositoryPlace::Remote(url) => ("remote", quote(url)),
    };
    format!(
        "\n[[repository]]\n{name:<6} = {place}\nledger = {}\nname   = {}\n",
        quote(repository.ledger.as_str()),
        quote(repository.name.as_str())
    )
}

pub(super) fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A path that is not UTF-8 loses bytes here; the edit that writes it reads it back and refuses.
pub(super) fn quote_path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

pub(super) fn line_of(text: &str, start: usize) -> usize {
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"version = 1

[key]
use = "/home/ada/.ssh/id_ed25519"

[ledger."shop.example/ledger"]
folder = "/srv/ledger"
trust  = "/etc/countersign/shop.toml"

[[repository]]
path   = "/home/ada/shop/.git"
ledger = "shop.example/ledger"
name   = "shop"

[[repository]]
remote = "git@shop.example:api.git"
ledger = "shop.example/ledger"
name   = "shop/api"
"#;

    #[test]
    fn a_url_has_so_many_bytes() {
        let url = |length: usize| format!("https://{}", "a".repeat(length - 8));
        assert!(clean_url(&url(URL_BYTES_MAX)).is_some());
        assert_eq!(clean_url(&url(URL_BYTES_MAX + 1)), None);
        let remote = |length: usize| {
            let longer = EXAMPLE.replace("git@shop.example:api.git", &url(length));
            Settings::parse(&longer)
        };
        assert!(remote(URL_BYTES_MAX).is_ok() && remote(URL_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn example_is_read_and_written_alike() {
        let settings = Settings::parse(EXAMPLE).unwrap();
        assert_eq!(settings.repositories.len(), 2);
        assert_eq!(settings.to_toml(), EXAMPLE);
        assert_eq!(Settings::parse("version = 1\n").unwrap(), Settings::default());
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        for (from, to, line) in [
            ("version = 1", "version = 2", 1),
            ("version = 1", "", 1),
            ("use =", "colour = 1\nuse =", 4),
            ("\"/home/ada/.ssh/id_ed25519\"", "\"id_ed25519\"", 4),
            ("\"/home/ada/.ssh/id_ed25519\"", "\"SHA256:short\"", 4),
            ("\"/srv/ledger\"", "\"ledger\"", 7),
            ("trust  =", "pager = \"less\"\ntrust  =", 8),
            ("path   = \"/home/ada/shop/.git\"\n", "", 10),
            ("path   =", "remote = \"x\"\npath   =", 10),
            ("name   = \"shop\"", "name   = \"Shop\"", 13),
            ("remote = \"git@shop.example:api.git\"", "path = \"/home/ada/shop/.git\"", 15),
            ("ledger.\"shop.example/ledger\"", "ledger.\"a b\"", 6),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE, "{from:?} does not stand there");
            let (found, message) = Settings::parse(&text).unwrap_err();
            assert_eq!(found, line, "{to:?}: {message}");
        }
    }
}
