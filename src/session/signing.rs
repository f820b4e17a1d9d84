//! Signing: a statement becomes an envelope, and an envelope gets one signature more; and who of
//! the ledger signed one.

use super::{Session, SessionError};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::key::{KeyId, PublicKey, Signature, Signer};
use crate::statement::envelope::{Envelope, EnvelopeSignature};
use crate::statement::{Says, Statement};

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

impl Session {
    /// Who of the ledger signed an envelope that says `statement`, with a key in force: a revoked
    /// key speaks for nobody. `holds` verifies a signature.
    pub fn signer(
        &self,
        envelope: &Envelope,
        statement: &Statement,
        mut holds: impl FnMut(&PublicKey, &[u8], &Signature) -> bool,
    ) -> Option<MemberId> {
        let (roster, size) = (self.view().roster(), self.size());
        let next = EntryIndex::new(size.get());
        let message = envelope.pre_authentication_encoding();
        let mut by = None;
        for signature in envelope.signatures() {
            let record = roster.key(&signature.keyid).filter(|record| record.signs_at(next));
            let Some(record) = record else { continue };
            if !holds(&record.key, &message, &signature.signature) {
                // One that does not hold refuses the whole: no need to look at sixty more.
                return None;
            }
            let owner = record.owner(size);
            // Governance is said by one and signed by several; each answers for it.
            let counts =
                matches!(statement.says, Says::Governance(_)) || owner == Some(&statement.by);
            by = by.or_else(|| owner.filter(|_| counts).cloned());
        }
        by
    }
}
