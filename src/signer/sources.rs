//! Where a person's keys may be, and what is found there (`spec/keys.md` section 6).

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::agent::Agent;
use super::file::{KeyFile, KeyFileError, public_path_of, read_bounded};
use super::forwarded::Whereabouts;
use crate::base::limits::PUBLIC_KEY_LINE_BYTES_MAX;
use crate::key::{KeyError, KeyId, PublicKey, SignerError};

/// Where to look. All of it is handed in: nothing here reads the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySources {
    /// The agent's socket (`SSH_AUTH_SOCK`).
    pub agent_socket: Option<PathBuf>,
    /// The home folder, for `~/` and for `.ssh/id_ed25519`.
    pub home: Option<PathBuf>,
    /// The key that the user named, by flag, environment or settings: a fingerprint, a file, a
    /// key line (`key::` before it or not), or a comment.
    pub configured: Option<String>,
    /// git's `user.signingKey`: a file, or a key line.
    pub git_signing_key: Option<String>,
    /// Whether this session came over SSH (`SSH_CONNECTION`), so that the agent may be elsewhere.
    pub is_remote_session: bool,
}

impl KeySources {
    /// Where the agent is; none without one.
    #[must_use]
    pub fn agent_whereabouts(&self) -> Option<Whereabouts> {
        let socket = self.agent_socket.as_ref()?;
        Some(Whereabouts::of(socket, self.is_remote_session))
    }
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the agent.
    Agent,
    /// In a file; where only the public half is there, that file.
    File(PathBuf),
    /// Nowhere: only its name is known.
    Nowhere,
}

/// Whether a key at a place can sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usability {
    /// At once.
    Ready,
    /// After its passphrase.
    NeedsPassphrase,
    /// Unknown: the agent gives no answer at present.
    Unreachable {
        /// What went wrong.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Not, and why; what to do about it, where something can be done.
    Unusable {
        /// Why not.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// A key at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The key; unknown where the place could not be read.
    pub public_key: Option<PublicKey>,
    /// Its comment, fit to print.
    pub comment: String,
    /// Where it is.
    pub place: Place,
    /// Whether it can sign.
    pub usability: Usability,
}

impl Candidate {
    /// The key's fingerprint, where the key is known.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.public_key.as_ref().map(PublicKey::fingerprint)
    }

    fn unusable(place: Place, reason: String, hint: Option<String>) -> Self {
        let usability = Usability::Unusable { reason, hint };
        Self { public_key: None, comment: String::new(), place, usability }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => formatter.pad("agent"),
            Self::File(path) => formatter.pad(&path.display().to_string()),
            Self::Nowhere => formatter.pad("-"),
        }
    }
}

/// A key as it is named in a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Id(KeyId),
    Key(PublicKey),
    File(PathBuf),
    Comment(String),
}

/// What a text names; the error is a key line that is none.
pub(super) fn name(text: &str, home: Option<&Path>) -> Result<Named, KeyError> {
    let text = text.trim();
    if let Ok(id) = text.parse() {
        return Ok(Named::Id(id));
    }
    let literal = text.strip_prefix("key::");
    let is_line = literal.is_some()
        || (text.contains(' ') && (text.starts_with("ssh-") || text.starts_with("sk-ssh-")));
    if is_line {
        return PublicKey::from_openssh(literal.unwrap_or(text)).map(Named::Key);
    }
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Ok(Named::File(home.join(rest))),
        _ if text.contains('/') => Ok(Named::File(PathBuf::from(text))),
        // A bare word is a file where there is one in this folder, otherwise a comment.
        _ if Path::new(text).is_file() => Ok(Named::File(PathBuf::from(text))),
        _ => Ok(Named::Comment(text.to_owned())),
    }
}

/// Whether git's `user.signingKey` is a path that starts in whatever folder git runs in.
pub(super) fn is_relative(text: &str, home: Option<&Path>) -> bool {
    match name(text, home) {
        Ok(Named::File(path)) => path.is_relative(),
        Ok(Named::Comment(_)) => true,
        Ok(Named::Id(_) | Named::Key(_)) | Err(_) => false,
    }
}

/// git's signing key, named by a relative path: it is not looked at.
pub(super) fn relative(text: &str) -> Candidate {
    let shown = printable(text.as_bytes());
    let reason = format!("git's user.signingKey is a relative path: {shown}");
    let hint = "make it absolute: git config user.signingKey /PATH; or name the key with --key";
    Candidate::unusable(Place::File(PathBuf::from(shown)), reason, Some(hint.to_owned()))
}

/// What a file says of a key: the public half `X.pub` leads to its private half `X`, and a private
/// half that is not there to its public one.
pub(super) fn look_at(path: &Path) -> Candidate {
    let public_path = public_path_of(path);
    if !path.exists() && public_path.is_file() {
        return look_at_public(&public_path);
    }
    match KeyFile::read(path) {
        Ok(file) => of_key_file(path, &file),
        Err(KeyFileError::NotOpenSsh { .. }) => look_at_public(path),
        Err(error) => {
            // The public half beside it still tells which key it is; the agent may hold it.
            let beside = read_public(&public_path).ok();
            let (public_key, comment) =
                beside.map_or((None, String::new()), |(key, comment)| (Some(key), comment));
            let usability = Usability::Unusable { reason: error.to_string(), hint: error.hint() };
            Candidate { public_key, comment, place: Place::File(path.to_owned()), usability }
        }
    }
}

fn look_at_public(path: &Path) -> Candidate {
    let (public_key, comment) = match read_public(path) {
        Ok(read) => read,
        Err(reason) => {
            return Candidate::unusable(Place::File(path.to_owned()), reason, None);
        }
    };
    let private_path = path.to_str().and_then(|text| text.strip_suffix(".pub")).map(PathBuf::from);
    let private_path = private_path.filter(|path| path.exists());
    let Some(private_path) = private_path else {
        let usability = Usability::Unusable {
            reason: "only the public half is here".to_owned(),
            hint: Some("load the private half into the agent with `ssh-add`".to_owned()),
        };
        let place = Place::File(path.to_owned());
        return Candidate { public_key: Some(public_key), comment, place, usability };
    };
    let place = Place::File(private_path.clone());
    let usability = match KeyFile::read(&private_path) {
        Ok(file) if file.public_key() == &public_key => usability_of(&file),
        Ok(_) => Usability::Unusable {
            reason: format!("{} is the public half of another key", path.display()),
            hint: None,
        },
        Err(error) => Usability::Unusable { reason: error.to_string(), hint: error.hint() },
    };
    Candidate { public_key: Some(public_key), comment, place, usability }
}

fn of_key_file(path: &Path, file: &KeyFile) -> Candidate {
    // The comment of an encrypted key is encrypted too; its public half beside it has it.
    let comment = if file.is_encrypted() {
        read_public(&public_path_of(path)).map(|(_, comment)| comment).unwrap_or_default()
    } else {
        file.comment()
    };
    Candidate {
        public_key: Some(file.public_key().clone()),
        comment,
        place: Place::File(path.to_owned()),
        usability: usability_of(file),
    }
}

fn usability_of(file: &KeyFile) -> Usability {
    if file.is_encrypted() { Usability::NeedsPassphrase } else { Usability::Ready }
}

/// The key and the comment of a public key file.
fn read_public(path: &Path) -> Result<(PublicKey, String), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(format!("{} is not a regular file", path.display()));
    }
    let bytes = File::open(path)
        .and_then(|file| read_bounded(file, PUBLIC_KEY_LINE_BYTES_MAX))
        .map_err(failed)?
        .ok_or_else(|| format!("{} is too large for a public key", path.display()))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| format!("{} is not a public key", path.display()))?;
    let key =
        PublicKey::from_openssh(text).map_err(|error| format!("{}: {error}", path.display()))?;
    let comment = text.trim().splitn(3, [' ', '\t']).nth(2).unwrap_or_default();
    Ok((key, printable(comment.trim().as_bytes())))
}

/// Everything that the sources hold, each key once a place, the agent's first.
pub(super) fn survey(sources: &KeySources) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(socket) = &sources.agent_socket {
        survey_agent(&Agent::at(socket), &mut found);
    }
    let home = sources.home.as_deref();
    let git = sources.git_signing_key.as_deref();
    if let Some(text) = git.filter(|text| is_relative(text, home)) {
        add(&mut found, relative(text));
    }
    let git = git.filter(|text| !is_relative(text, home));
    let named = [sources.configured.as_deref(), git];
    for text in named.into_iter().flatten() {
        match name(text, home) {
            Ok(Named::File(path)) => add(&mut found, look_at(&path)),
            Ok(Named::Id(_) | Named::Key(_) | Named::Comment(_)) => {}
            Err(error) => {
                add(&mut found, Candidate::unusable(Place::Nowhere, error.to_string(), None));
            }
        }
    }
    if let Some(path) = home.map(|home| home.join(".ssh/id_ed25519"))
        && (path.exists() || public_path_of(&path).exists())
    {
        add(&mut found, look_at(&path));
    }
    found
}

fn survey_agent(agent: &Agent, found: &mut Vec<Candidate>) {
    let listing = match agent.list() {
        Ok(listing) => listing,
        Err(error) => {
            let hint = error.hint().map(str::to_owned);
            let usability = Usability::Unreachable { reason: error.to_string(), hint };
            let (place, comment) = (Place::Agent, String::new());
            found.push(Candidate { public_key: None, comment, place, usability });
            return;
        }
    };
    for key in listing.keys {
        let (public_key, comment) = (Some(key.public_key), key.comment);
        let (place, usability) = (Place::Agent, Usability::Ready);
        add(found, Candidate { public_key, comment, place, usability });
    }
    if found.is_empty() && listing.others == 0 {
        // A locked agent shows nothing, as an empty one does: what is missed may be in it.
        let locked = SignerError::Locked;
        let hint = locked.hint().map(str::to_owned);
        let usability = Usability::Unreachable { reason: locked.to_string(), hint };
        let (place, comment) = (Place::Agent, String::new());
        found.push(Candidate { public_key: None, comment, place, usability });
    }
    if listing.others > 0 {
        let reason = format!("{} keys of other kinds than Ed25519", listing.others);
        found.push(Candidate::unusable(Place::Agent, reason, None));
    }
}

fn add(found: &mut Vec<Candidate>, candidate: Candidate) {
    let known = found
        .iter()
        .any(|other| other.place == candidate.place && other.public_key == candidate.public_key);
    if !known {
        found.push(candidate);
    }
}

/// Text of others, fit for a terminal and a line: control and direction characters become `?`,
/// and no more than 200 characters stay.
pub(super) fn printable(bytes: &[u8]) -> String {
    let hidden = |letter: &char| {
        letter.is_control()
            || matches!(*letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(*letter, '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
    };
    String::from_utf8_lossy(bytes)
        .chars()
        .take(200)
        .map(|letter| if hidden(&letter) { '?' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_one_kind_of_thing() {
        let home = Path::new("/home/ada");
        let line = "ssh-ed25519 \
            AAAAC3NzaC1lZDI1NTE5AAAAIFOG6kY7Rf4UtCFvPwKgo/BztXck2xC4a2WyA34XtIwZ";
        let key = PublicKey::from_openssh(line).unwrap();
        let id = key.fingerprint();
        assert_eq!(name(&id.to_string(), None), Ok(Named::Id(id)));
        assert_eq!(name(line, None), Ok(Named::Key(key.clone())));
        assert_eq!(name(&format!("key::{line} ada"), None), Ok(Named::Key(key)));
        let file = |path: &str| Ok(Named::File(PathBuf::from(path)));
        assert_eq!(name("~/.ssh/id.pub", Some(home)), file("/home/ada/.ssh/id.pub"));
        assert_eq!(name("keys/gate", None), file("keys/gate"));
        assert_eq!(name("ada@work", None), Ok(Named::Comment("ada@work".to_owned())));
        assert!(name("key::ssh-rsa AAAA", None).is_err());
    }

    #[test]
    fn comments_cannot_steer_a_terminal() {
        assert_eq!(printable(b"a\x1b[2Jb\n"), "a?[2Jb?");
        assert_eq!(printable("a\u{202e}b\u{feff}".as_bytes()), "a?b?");
        assert_eq!(printable("\u{e9}".as_bytes()), "\u{e9}");
        assert_eq!(printable(&[b'x'; 999]).len(), 200);
    }
}
