//! What becomes of the signatures that admission asks about.

use std::sync::Arc;

use crate::base::position::EntryIndex;
use crate::key::{PublicKey, Signature, SignatureError};
use crate::statement::Statement;

/// Answers whether a signature holds. Appending answers at once; who replays a whole log may
/// answer yes, verify it meanwhile on another processor, and throw the replay away where one does
/// not hold.
pub trait Signatures {
    /// Whether `signature` holds over `message` under `key`, in the entry at `index`.
    ///
    /// # Errors
    /// [`SignatureError`] where it does not.
    fn check(
        &self,
        index: EntryIndex,
        key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError>;

    /// What these bytes say, where they were read as a statement already.
    fn statement(&self, _payload: &[u8]) -> Option<Arc<Statement>> {
        None
    }
}

/// Verifies each signature when it is asked about: the only answer on which an entry may be
/// admitted.
#[derive(Debug, Clone, Copy)]
pub struct VerifyNow;

impl Signatures for VerifyNow {
    fn check(
        &self,
        _: EntryIndex,
        key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        key.verify(message, signature).map(|_| ())
    }
}
