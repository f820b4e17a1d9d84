//! Appending: envelopes become a durable batch, and the session what the ledger is then.

use std::sync::Arc;

use super::error::SessionError;
use super::keys::{ledger_keys, own_key, rotation_of};
use super::replay::StoreLog;
use super::{Session, view_file};
use crate::base::time::Timestamp;
use crate::ledger::admission::{Admitter, PolicyCache, Signatures, VerifyNow};
use crate::ledger::append::{Ledger, LedgerError, Refusal};
use crate::ledger::receipt::Receipt;
use crate::statement::envelope::Envelope;
use crate::view::View;

/// After so many entries the view of who remembers it seldom is remembered: they are folded in some
/// milliseconds.
const REMEMBERED_AFTER_ENTRIES: u64 = 1_024;

impl Session {
    /// Appends envelopes as one durable batch, or as two where one brings another ledger key:
    /// what follows it is signed by that key. Gives a receipt or a refusal for each, in order.
    ///
    /// # Errors
    /// [`SessionError`] where nothing was appended, or where that is not known: handing the same
    /// envelopes in again does no harm.
    pub fn append(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        self.append_with(now, envelopes, &VerifyNow)
    }

    /// The same with signatures that were verified already: what `signatures` knows is not
    /// verified again.
    ///
    /// # Errors
    /// As [`Session::append`].
    pub fn append_with(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
        signatures: &dyn Signatures,
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        let server = self.server();
        if server.is_none() && self.ledger_key.is_none() {
            return Err(SessionError::NoLedgerKey { folder: self.folder.path().to_owned() });
        }
        if let Some(seen) = &mut self.seen {
            seen.settle().map_err(SessionError::Forgetful)?;
        }
        if let Some(server) = server {
            return self.hand_in(&server, envelopes);
        }
        let mut receipts = Vec::with_capacity(envelopes.len());
        let mut rest = envelopes;
        while !rest.is_empty() {
            // A rotation ends its commit: what follows is signed by the new key.
            let at = rest.iter().position(|envelope| rotation_of(envelope).is_some());
            let (commit, after) = rest.split_at(at.map_or(rest.len(), |at| at + 1));
            let had = self.view.ledger().map(|ledger| ledger.keys.as_slice()).unwrap_or_default();
            if let Some(key) = commit.last().and_then(rotation_of)
                && had.iter().all(|(_, known)| *known != key)
                && !self.key_file.has_next(&key)?
            {
                return Err(SessionError::NoNextKey { key });
            }
            receipts.extend(self.commit(now, commit, signatures)?);
            rest = after;
        }
        Ok(receipts)
    }

    /// Appends envelopes as one commit, and takes up a new ledger key where one of them brings it.
    fn commit(
        &mut self,
        now: Timestamp,
        envelopes: &[Envelope],
        signatures: &dyn Signatures,
    ) -> Result<Vec<Result<Receipt, Refusal>>, SessionError> {
        let Some(key) = self.ledger_key.clone() else {
            return Err(SessionError::NoLedgerKey { folder: self.folder.path().to_owned() });
        };
        let origin = self.checkpoint.checkpoint().origin.clone();
        let file = self.folder.checkpoint_file();
        let keys = ledger_keys(&self.view)?;
        let mut ledger = Ledger::open(&*self.store, &origin, key, &keys, file)?;
        // What is admitted is folded into a copy: a commit that fails leaves the view as it was.
        let mut view = View::clone(&self.view);
        let log = StoreLog::new(&*self.store);
        let mut admitter = Admitter::resume(&mut view, &log, signatures, PolicyCache::default());
        let bytes: Vec<_> = envelopes.iter().map(Envelope::to_canonical).collect();
        let slices: Vec<_> = bytes.iter().map(Vec::as_slice).collect();
        let receipts = ledger.append(&mut admitter, now, &slices)?;
        self.checkpoint = ledger.checkpoint().clone();
        drop(ledger);
        self.view = Arc::new(view);
        self.ledger_key =
            own_key(self.ledger_key.take(), &ledger_keys(&self.view)?, &self.key_file)?;
        let behind = self.size().get().saturating_sub(self.remembered.get());
        if !self.remembers_seldom || behind >= REMEMBERED_AFTER_ENTRIES {
            self.save_view();
        }
        if let Some(seen) = &mut self.seen {
            let remembered = seen.remember(&self.checkpoint);
            remembered.map_err(LedgerError::Unknown)?;
        }
        self.mirror_before_receipts()?;
        Ok(receipts)
    }

    /// Has the view remembered after many entries only: for who appends all day, and calls
    /// [`Session::remember_view`] at the end. What is not remembered is folded at the next open.
    pub const fn remember_seldom(&mut self) {
        self.remembers_seldom = true;
    }

    /// Remembers the view, so that the next open folds nothing.
    pub fn remember_view(&mut self) {
        if self.remembered != self.size() {
            self.save_view();
        }
    }

    pub(super) fn save_view(&mut self) {
        let secret = self.copied.as_ref().map(|copied| &copied.secret);
        if let Some(key) = secret.or(self.ledger_key.as_ref()) {
            let root = *self.checkpoint.root();
            self.remembered = view_file::save(&self.folder, key, &self.view, root, self.remembered);
        }
    }
}
