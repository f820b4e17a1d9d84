//! What is done before a commit, by many at a time, so that the thread that appends need not.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::digest::sha256;
use crate::base::position::EntryIndex;
use crate::key::{KeyId, PublicKey, Signature, SignatureError};
use crate::ledger::admission::{Signatures, VerifyNow};
use crate::statement::Statement;

/// Signatures that were verified before the commit, by many at a time, and statements that were
/// read. What is not among them is verified, or read, when it is asked about.
#[derive(Debug, Default)]
pub(super) struct Verified {
    signatures: HashMap<(KeyId, [u8; 32]), Signature>,
    /// By the digest of the bytes that say it.
    statements: HashMap<[u8; 32], Arc<Statement>>,
}

impl Verified {
    /// Remembers what these bytes say.
    pub(super) fn note(&mut self, payload: &[u8], statement: Statement) {
        self.statements.insert(sha256(&[payload]), Arc::new(statement));
    }

    /// Takes up what was done for another request of the same commit.
    pub(super) fn take_up(&mut self, other: Self) {
        self.signatures.extend(other.signatures);
        self.statements.extend(other.statements);
    }

    /// Verifies a signature, and remembers that it holds.
    pub(super) fn verify(
        &mut self,
        key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> bool {
        let holds = key.verify(message, signature).is_ok();
        if holds {
            self.signatures.insert((key.fingerprint(), sha256(&[message])), *signature);
        }
        holds
    }
}

impl Signatures for Verified {
    fn check(
        &self,
        index: EntryIndex,
        key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        // Only the very same key, message and signature.
        if self.signatures.get(&(key.fingerprint(), sha256(&[message]))) == Some(signature) {
            return Ok(());
        }
        VerifyNow.check(index, key, message, signature)
    }

    fn statement(&self, payload: &[u8]) -> Option<Arc<Statement>> {
        self.statements.get(&sha256(&[payload])).cloned()
    }
}
