//! Entries whose signatures have been verified: the only form in which they reach a verdict.

use crate::base::digest::StatementId;
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key::{KeyId, Presence};
use crate::ledger::leaf::Leaf;
use crate::merkle;
use crate::roster::Roster;
use crate::statement::envelope::Envelope;
use crate::statement::governance::EntryReference;
use crate::statement::{Says, Statement};

/// An entry that parses, and each of whose signatures is good and of a key of the roster.
///
/// Whether the key was in force, and whether the signer might say so, depends on the question
/// and is judged with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    entry: EntryReference,
    id: StatementId,
    time: Timestamp,
    statement: Statement,
    keys: Vec<KeyId>,
    presence: Presence,
    envelope: Envelope,
}

/// Why an entry is not what it should be. Each is an integrity failure: it parses as ours and
/// should verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {index}: {what}")]
pub struct EntryError {
    /// The entry.
    pub index: EntryIndex,
    /// What is wrong with it.
    pub what: String,
}

impl VerifiedEntry {
    /// Verifies a leaf: its form, its statement and every signature.
    ///
    /// # Errors
    /// [`EntryError`] on the first thing that is wrong.
    pub fn verify(index: EntryIndex, leaf: &[u8], roster: &Roster) -> Result<Self, EntryError> {
        let wrong = |what: String| EntryError { index, what };
        let entry = EntryReference { index, leaf: merkle::leaf_hash(leaf) };
        let leaf = Leaf::parse(leaf).map_err(|error| wrong(error.to_string()))?;
        let envelope =
            Envelope::parse_canonical(leaf.envelope()).map_err(|error| wrong(error.to_string()))?;
        let statement =
            Statement::parse(envelope.payload()).map_err(|error| wrong(error.to_string()))?;
        Self::verify_parsed(entry, leaf.time(), envelope, statement, roster)
    }

    /// The same of a leaf that was parsed before: `statement` is what `envelope` says.
    pub(super) fn verify_parsed(
        entry: EntryReference,
        time: Timestamp,
        envelope: Envelope,
        statement: Statement,
        roster: &Roster,
    ) -> Result<Self, EntryError> {
        let wrong = |what: String| EntryError { index: entry.index, what };
        let message = envelope.pre_authentication_encoding();
        let mut keys = Vec::new();
        let mut presence = Presence::None;
        for signature in envelope.signatures() {
            let record = roster
                .key(&signature.keyid)
                .ok_or_else(|| wrong(format!("unknown key {}", signature.keyid)))?;
            presence = record
                .key
                .verify(&message, &signature.signature)
                .map_err(|error| wrong(format!("signature of {}: {error}", signature.keyid)))?;
            keys.push(signature.keyid);
        }
        let id = envelope.statement_id();
        let verified = Self { entry, id, time, statement, keys, presence, envelope };
        verified.check_signers(roster).map_err(wrong)?;
        Ok(verified)
    }

    /// One signature by a key of `by`, except in governance, whose threshold admission judges.
    fn check_signers(&self, roster: &Roster) -> Result<(), String> {
        if matches!(self.statement.says, Says::Governance(_)) {
            return Ok(());
        }
        let [key] = self.keys.as_slice() else {
            return Err("exactly one signature is expected".to_owned());
        };
        let as_of = self.entry.index.size_after();
        let owner = roster.key(key).and_then(|record| record.owner(as_of));
        if owner == Some(&self.statement.by) {
            Ok(())
        } else {
            Err(format!("the key {key} is not a key of {}", self.statement.by))
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn entry(&self) -> EntryReference {
        self.entry
    }

    /// Its index.
    #[must_use]
    pub const fn index(&self) -> EntryIndex {
        self.entry.index
    }

    /// The identity of its statement.
    #[must_use]
    pub const fn id(&self) -> StatementId {
        self.id
    }

    /// The time of its leaf.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What was said.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Who said it.
    #[must_use]
    pub const fn by(&self) -> &MemberId {
        &self.statement.by
    }

    /// The keys that signed, in the envelope's order.
    #[must_use]
    pub fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// What the signature says of somebody's presence at the key.
    #[must_use]
    pub const fn presence(&self) -> Presence {
        self.presence
    }

    /// The envelope, as the ledger holds it.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}
