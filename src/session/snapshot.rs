//! A session as it is at a moment, for those who read while another one appends.

use std::sync::Arc;

use super::Session;
use super::cosigned::CosignatureFolder;
use super::error::SessionError;
use super::keys::keys_by_size;

impl Session {
    /// The same state for reading only: what is appended to this session later is not seen there,
    /// and nothing can be appended to it. Cheap; the store stays open until both are dropped.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            store: Arc::clone(&self.store),
            view: Arc::clone(&self.view),
            checkpoint: self.checkpoint.clone(),
            ledger_key: None,
            key_file: self.key_file.clone(),
            salt: self.salt.clone(),
            remembered: self.remembered,
            seen: None,
            mirror: None,
            trust: self.trust.clone(),
            cosigned: self.cosigned.clone(),
            is_closed_at_the_end: true,
            shows_words: self.shows_words,
            copied: self.copied.clone(),
            remembers_seldom: true,
            lately: self.lately.clone(),
        }
    }

    /// A snapshot in which nobody has a name, and nothing was said in words: what is withheld
    /// reads as if it had been deleted.
    #[must_use]
    pub fn without_words(&self) -> Self {
        Self { shows_words: false, ..self.snapshot() }
    }

    /// Reads again what witnesses cosigned, once others have gathered it.
    ///
    /// # Errors
    /// As [`Session::open`]: the ledger does not continue what somebody cosigned.
    pub fn reload_cosignatures(&mut self) -> Result<(), SessionError> {
        let folder = CosignatureFolder::of(self.folder.path());
        let keys = keys_by_size(&self.view)?;
        self.cosigned = folder.load(&*self.store, &self.trust, &keys, &self.checkpoint)?;
        self.checkpoint = self.cosigned.head(self.checkpoint.clone());
        Ok(())
    }
}
