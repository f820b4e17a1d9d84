//! Changes to the user's settings file. What is new is appended, so that comments and order of
//! what a person wrote stay; only a replaced value rewrites the whole file.

use std::path::{Path, PathBuf};

use super::durable::{self, Audience};
use super::file::{self, KeyChoice, LedgerSettings, RepositorySettings, Settings};
use super::{ConfigError, Places};
use crate::base::name::Origin;

/// The user's settings file, open for changes; nothing is written before [`UserFile::save`].
#[derive(Debug)]
pub struct UserFile {
    path: PathBuf,
    before: Option<Vec<u8>>,
    text: String,
    settings: Settings,
}

impl UserFile {
    /// Reads the user's file, which need not be there yet.
    ///
    /// # Errors
    /// [`ConfigError`] where there is no home folder, or the file cannot be read.
    pub fn open(places: &Places) -> Result<Self, ConfigError> {
        let path = places.user_file().ok_or(ConfigError::NoHome)?;
        let before = durable::read(&path)?;
        let (text, settings) = match &before {
            Some(bytes) => super::resolve::parse(&path, bytes)?,
            None => ("version = 1\n".to_owned(), Settings::default()),
        };
        Ok(Self { path, before, text, settings })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings with the changes so far.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Adds a ledger; one that is there and the same is no change.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] where the file says otherwise of it.
    pub fn add_ledger(
        &mut self,
        origin: &Origin,
        ledger: LedgerSettings,
    ) -> Result<(), ConfigError> {
        match self.settings.ledgers.get(origin) {
            Some(found) if found.folder == ledger.folder && found.trust == ledger.trust => {
                return Ok(());
            }
            Some(_) => return Err(self.conflict(format!("ledger {origin}"))),
            None => {}
        }
        self.append(&file::ledger_toml(origin, &ledger));
        self.settings.ledgers.insert(origin.clone(), ledger);
        Ok(())
    }

    /// Adds a repository; one that is there and the same is no change.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] where the file says otherwise of it.
    pub fn add_repository(&mut self, repository: RepositorySettings) -> Result<(), ConfigError> {
        let place = &repository.place;
        match self.settings.repositories.iter().find(|found| found.place == *place) {
            Some(found) if *found == repository => return Ok(()),
            Some(found) => return Err(self.conflict(format!("repository {}", found.name))),
            None => {}
        }
        self.append(&file::repository_toml(&repository));
        self.settings.repositories.push(repository);
        Ok(())
    }

    /// Sets the key that signs, in place of another where there is one.
    pub fn set_key(&mut self, key: KeyChoice) {
        if self.settings.key.as_ref() == Some(&key) {
            return;
        }
        let replaces = self.settings.key.is_some();
        let table = file::key_toml(&key);
        self.settings.key = Some(key);
        if replaces {
            self.text = self.settings.to_toml();
        } else {
            self.append(&table);
        }
    }

    /// Writes the file, mode 0600; where nothing changed, nothing is written.
    ///
    /// # Errors
    /// [`ConfigError`] where the file was changed meanwhile or cannot be written.
    pub fn save(self) -> Result<(), ConfigError> {
        if self.before.as_deref() == Some(self.text.as_bytes()) {
            return Ok(());
        }
        // What is written must mean what was asked for, whatever the file looked like before:
        // a path that is not UTF-8, for one, cannot be spelt in it.
        let (_, again) = super::resolve::parse(&self.path, self.text.as_bytes())?;
        if again != self.settings {
            return Err(self.conflict("a path that is not UTF-8, or an inline table".to_owned()));
        }
        if durable::read(&self.path)? != self.before {
            return Err(ConfigError::Changed { path: self.path });
        }
        durable::write(&self.path, self.text.as_bytes(), Audience::User)
    }

    fn append(&mut self, table: &str) {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(table);
    }

    fn conflict(&self, what: String) -> ConfigError {
        ConfigError::Conflict { path: self.path.clone(), what }
    }
}
