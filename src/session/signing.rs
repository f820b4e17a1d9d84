//! Signing: a statement becomes an envelope, and an envelope gets one signature more.

use super::SessionError;
use crate::key::{KeyId, Signer};
use crate::statement::Statement;
use crate::statement::envelope::{Envelope, EnvelopeSignature};

/// Signs a statement.
///
/// # Errors
/// [`SessionError`] where the statement is too large or the key does not sign.
pub fn sign(statement: &Statement, signer: &dyn Signer) -> Result<Envelope, SessionError> {
    let envelope = Envelope::new(statement.to_payload()?, Vec::new());
    sign_again(envelope, signer)
}

/// Adds a signature to an envelope.
///
/// # Errors
/// [`SessionError`] where the key does not sign.
pub fn sign_again(mut envelope: Envelope, signer: &dyn Signer) -> Result<Envelope, SessionError> {
    let message = envelope.pre_authentication_encoding();
    let signature = signer.sign(&message)?;
    // A broken agent or key is noticed here, not by whoever relies on the signature later.
    signer.public_key().verify(&message, &signature)?;
    let keyid: KeyId = signer.public_key().fingerprint();
    envelope.push_signature(EnvelopeSignature { keyid, signature });
    Ok(envelope)
}
