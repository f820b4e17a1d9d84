//! Signed statements that wait for their ledger, in the user's state folder (`spec/away.md`
//! section 5). Each is handed in until the ledger has answered it; the ledger knows a statement
//! again, so that it stands there once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Session;
use super::beside::Beside;
use super::error::SessionError;
use crate::base::digest::StatementId;
use crate::base::encoding::{base64, unbase64};
use crate::base::limits::{SPOOLED_BYTES_MAX, SPOOLED_MAX};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::ledger::append::Refusal;
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::topics;
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::store::durable::{self, MODE_PRIVATE};
use crate::store::lock::LedgerLock;

/// What the name of a waiting file ends in.
const WAITING: &str = ".json";
/// What the name of a refused one ends in.
const REFUSED: &str = ".refused";
/// What the name of the lock ends in that says that its process still works on it.
const LOCK: &str = ".lock";
/// So long what rests on a statement waits for that to appear in the ledger: the request that
/// brings it may be on its way still.
const BEGINNING_WAIT_MILLISECONDS: u64 = 3_600_000;

/// The folder of statements that wait for one ledger.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

/// Which file of a spool: the moment that it was written first, and the first statement in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpoolName(String);

/// What waits: statements of one batch, with what they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spooled {
    /// The statement without which these mean nothing: the beginning of a deployment, for its end.
    pub after: Option<StatementId>,
    /// The statements, in order.
    pub envelopes: Vec<Envelope>,
    /// Openings of what they commit to.
    pub words: Vec<Opening>,
    /// Files of the side store that they name.
    pub files: Vec<Vec<u8>>,
}

/// What became of something that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// What it was.
    pub spooled: Spooled,
    /// The entries; or the first refusal, with which it was set aside.
    pub outcome: Result<Vec<EntryIndex>, Refusal>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpoolFile {
    #[serde(rename = "type")]
    kind: SpoolType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<StatementId>,
    envelopes: Vec<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    words: Vec<Opening>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SpoolType {
    #[serde(rename = "countersign spooled v1")]
    Version1,
}

impl SpoolName {
    /// The name of what is written now.
    #[must_use]
    pub fn of(now: Timestamp, spooled: &Spooled) -> Self {
        let first = spooled.envelopes.first().map(|envelope| envelope.statement_id().to_string());
        Self(format!("{:016}-{}", now.milliseconds(), first.unwrap_or_default()))
    }

    /// When it was written first.
    fn since(&self) -> Timestamp {
        let digits = self.0.split('-').next().unwrap_or_default();
        Timestamp::from_milliseconds(digits.parse().unwrap_or_default())
    }
}

impl Spooled {
    fn to_bytes(&self) -> Result<Vec<u8>, SessionError> {
        let broken = |error: serde_json::Error| {
            SessionError::integrity("a signed statement", error.to_string())
        };
        let raw = |envelope: &Envelope| {
            let text = String::from_utf8(envelope.to_canonical()).unwrap_or_default();
            RawValue::from_string(text).map_err(broken)
        };
        let file = SpoolFile {
            kind: SpoolType::Version1,
            after: self.after,
            envelopes: self.envelopes.iter().map(raw).collect::<Result<_, _>>()?,
            words: self.words.clone(),
            files: self.files.iter().map(|file| base64(file)).collect(),
        };
        serde_json::to_vec(&file).map_err(broken)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let file: SpoolFile = serde_json::from_slice(bytes).ok()?;
        let parse = |raw: &RawValue| Envelope::parse(raw.get().as_bytes()).ok();
        Some(Self {
            after: file.after,
            envelopes: file.envelopes.iter().map(|raw| parse(raw)).collect::<Option<_>>()?,
            words: file.words,
            files: file.files.iter().map(|file| unbase64(file).ok()).collect::<Option<_>>()?,
        })
    }
}

impl Spool {
    /// The spool in a folder, which is made with the first file.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self, name: &SpoolName, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{ending}", name.0))
    }

    /// Keeps statements, durably. The time orders what waits, and tells nothing else.
    ///
    /// # Errors
    /// [`SessionError`] where they cannot be written.
    pub fn keep(&self, now: Timestamp, spooled: &Spooled) -> Result<SpoolName, SessionError> {
        durable::create_folder(&self.folder)?;
        let name = SpoolName::of(now, spooled);
        self.replace(&name, spooled)?;
        Ok(name)
    }

    /// Puts other statements in the place of what was kept, durably: either is there, never both.
    ///
    /// # Errors
    /// [`SessionError`] where they cannot be written, or are more than are read again.
    pub fn replace(&self, name: &SpoolName, spooled: &Spooled) -> Result<(), SessionError> {
        let bytes = spooled.to_bytes()?;
        check_length(&bytes)?;
        Ok(durable::replace(&self.file(name, WAITING), &bytes, MODE_PRIVATE)?)
    }

    /// Keeps others from handing in what this process still works on, for as long as it lives.
    ///
    /// # Errors
    /// [`StoreError`] where another process does.
    pub fn hold(&self, name: &SpoolName) -> Result<LedgerLock, StoreError> {
        durable::create_folder(&self.folder)?;
        LedgerLock::take(&self.file(name, LOCK), "gate", Duration::ZERO)
    }

    /// Forgets what was answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, name: &SpoolName) -> Result<(), StoreError> {
        durable::remove(&self.file(name, WAITING))?;
        durable::remove(&self.file(name, LOCK))?;
        Ok(())
    }

    /// Takes what was refused out of the way, to be looked at.
    fn set_aside(&self, name: &SpoolName) -> Result<(), SessionError> {
        let path = self.file(name, WAITING);
        let bytes = durable::read(&path, SPOOLED_BYTES_MAX)?.unwrap_or_default();
        durable::replace(&self.file(name, REFUSED), &bytes, MODE_PRIVATE)?;
        Ok(self.remove(name)?)
    }

    /// What waits, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the folder cannot be read.
    pub fn waiting(&self) -> Result<Vec<SpoolName>, StoreError> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut names: Vec<_> = durable::names(&self.folder)?
            .iter()
            .filter_map(|name| name.strip_suffix(WAITING))
            .map(|name| SpoolName(name.to_owned()))
            .collect();
        names.sort_unstable();
        names.truncate(SPOOLED_MAX);
        Ok(names)
    }

    fn read(&self, name: &SpoolName) -> Result<Option<Spooled>, SessionError> {
        let path = self.file(name, WAITING);
        let Some(bytes) = durable::read(&path, SPOOLED_BYTES_MAX)? else { return Ok(None) };
        let damaged = || SessionError::integrity(format!("the file {}", path.display()), "damaged");
        Spooled::parse(&bytes).map(Some).ok_or_else(damaged)
    }
}

/// A larger file is not read again.
fn check_length(bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() <= SPOOLED_BYTES_MAX {
        return Ok(());
    }
    let why = format!("{} bytes, and at most {SPOOLED_BYTES_MAX} wait", bytes.len());
    Err(StoreError::unavailable("what would wait for the ledger", why))
}

impl Session {
    /// What the ledger needs to take envelopes up: they, and what lies in this folder of what they
    /// name.
    ///
    /// # Errors
    /// [`SessionError`] where a file cannot be read.
    pub fn spooled(&self, envelopes: &[Envelope]) -> Result<Spooled, SessionError> {
        let named = self.named_here(envelopes)?;
        let (words, files) =
            (named.words.into_values().collect(), named.files.into_values().collect());
        Ok(Spooled { after: None, envelopes: envelopes.to_vec(), words, files })
    }

    /// Hands in what waits, but for what another process still works on. What the ledger answers
    /// is forgotten, and what it refuses set aside.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be handed in now: what was not answered goes on waiting.
    pub fn take_up(
        &mut self,
        spool: &Spool,
        now: Timestamp,
    ) -> Result<Vec<HandedIn>, SessionError> {
        let mut done = Vec::new();
        for name in spool.waiting()? {
            let Ok(_held) = spool.hold(&name) else { continue };
            // Another process may have handed it in meanwhile.
            let Some(spooled) = spool.read(&name)? else {
                spool.remove(&name)?;
                continue;
            };
            if let Some(after) = spooled.after
                && self.store().entries_of(&topics::statement(after))?.is_empty()
            {
                let waited = now.since(name.since()).milliseconds();
                if waited >= BEGINNING_WAIT_MILLISECONDS {
                    spool.remove(&name)?;
                }
                continue;
            }
            let (words, files) = (spooled.words.clone(), spooled.files.clone());
            Beside::named_by(&spooled.envelopes, words, files).keep(self)?;
            let receipts = self.append(now, &spooled.envelopes)?;
            let entries = receipts.into_iter().map(|receipt| receipt.map(|found| found.index));
            let outcome: Result<Vec<_>, _> = entries.collect();
            match &outcome {
                Ok(_) => spool.remove(&name)?,
                Err(_) => spool.set_aside(&name)?,
            }
            done.push(HandedIn { spooled, outcome });
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Folder;

    fn spooled(text: &str) -> Spooled {
        let envelopes = vec![Envelope::new(text.as_bytes().to_vec(), Vec::new())];
        let words = vec![Opening::new([7; 32], "why").unwrap()];
        Spooled { after: None, envelopes, words, files: vec![b"file".to_vec()] }
    }

    #[test]
    fn what_waits_is_kept_once_and_in_order() {
        let folder = Folder::new("spool");
        let spool = Spool::new(folder.path().join("spool"));
        assert_eq!(spool.waiting(), Ok(Vec::new()));
        let later = spool.keep(Timestamp::from_milliseconds(20_000), &spooled("b")).unwrap();
        let first = spool.keep(Timestamp::from_milliseconds(3_000), &spooled("a")).unwrap();
        assert_eq!(spool.waiting().unwrap(), [first.clone(), later.clone()]);
        // The end of a deployment takes the place of what was known of it.
        spool.replace(&first, &spooled("c")).unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 2);
        let held = spool.hold(&first).unwrap();
        assert!(spool.hold(&first).is_err(), "it is worked on");
        drop(held);
        spool.set_aside(&later).unwrap();
        spool.remove(&first).unwrap();
        assert_eq!(spool.waiting(), Ok(Vec::new()));
        assert_eq!(durable::names(spool.folder()).unwrap().len(), 1, "what was refused is kept");
    }

    #[test]
    fn a_damaged_file_is_told() {
        let folder = Folder::new("spool-damaged");
        let spool = Spool::new(folder.path().to_owned());
        let name = spool.keep(Timestamp::from_milliseconds(1), &spooled("a")).unwrap();
        let file = spool.file(&name, WAITING);
        let bytes = durable::read(&file, SPOOLED_BYTES_MAX).unwrap().unwrap();
        durable::replace(&file, &bytes[..bytes.len() - 1], MODE_PRIVATE).unwrap();
        assert!(matches!(spool.read(&name), Err(SessionError::Integrity { .. })));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's empty files need not survive a crash")]
    fn so_many_files_are_looked_at_the_oldest_first() {
        let folder = Folder::new("spool-many");
        let spool = Spool::new(folder.path().to_owned());
        let name = |number: usize| SpoolName(format!("{number:016}-a"));
        for number in 0..SPOOLED_MAX {
            std::fs::write(spool.file(&name(number), WAITING), b"").unwrap();
        }
        assert_eq!(spool.waiting().unwrap(), (0..SPOOLED_MAX).map(name).collect::<Vec<_>>());
        std::fs::write(spool.file(&name(SPOOLED_MAX), WAITING), b"").unwrap();
        assert_eq!(spool.waiting().unwrap(), (0..SPOOLED_MAX).map(name).collect::<Vec<_>>());
        spool.remove(&name(0)).unwrap();
        assert_eq!(spool.waiting().unwrap().last(), Some(&name(SPOOLED_MAX)));
    }

    #[test]
    fn as_much_waits_as_is_read_again() {
        let folder = Folder::new("spool-large");
        let spool = Spool::new(folder.path().to_owned());
        let bytes = vec![b'x'; SPOOLED_BYTES_MAX + 1];
        assert_eq!(check_length(&bytes[1..]), Ok(()));
        assert!(check_length(&bytes).is_err());
        let name = SpoolName("1-a".to_owned());
        let read = |length: usize| {
            let file = std::fs::File::create(spool.file(&name, WAITING)).unwrap();
            file.set_len(length as u64).unwrap();
            spool.read(&name).unwrap_err().to_string()
        };
        assert!(read(SPOOLED_BYTES_MAX).contains("damaged"));
        assert!(read(SPOOLED_BYTES_MAX + 1).contains("larger than"));
    }
}
