//! The ledger's own keys: those that it had, which one signs a tree, and the one that is here.

use super::error::SessionError;
use super::folder::LedgerKeyFile;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::append::open_checkpoint;
use crate::note::key::{NoteSigner, VerifierKey};
use crate::statement::envelope::Envelope;
use crate::statement::governance::Operation;
use crate::statement::{Says, Statement};
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// The verifier keys that a ledger has had.
pub(super) fn ledger_keys(view: &View) -> Result<Vec<VerifierKey>, SessionError> {
    let keys = view.ledger().map(|ledger| ledger.keys.as_slice()).unwrap_or_default();
    let parse = |(_, text): &(EntryIndex, String)| {
        text.parse::<VerifierKey>()
            .map_err(|_| SessionError::integrity("the ledger key", "cannot be read"))
    };
    keys.iter().rev().map(parse).collect()
}

/// The ledger must be the pinned one: same entry 0, and so the same first key and admins.
pub(super) fn check_trust(
    view: &View,
    trust: &TrustRoot,
) -> Result<Vec<VerifierKey>, SessionError> {
    let Some(ledger) = view.ledger() else {
        return Err(SessionError::integrity("entry 0", "is no genesis"));
    };
    if ledger.id != trust.ledger() || ledger.origin != *trust.origin() {
        return Err(SessionError::OtherLedger { expected: trust.ledger(), found: ledger.id });
    }
    let keys = ledger_keys(view)?;
    if keys.last() == Some(trust.ledger_key()) {
        Ok(keys)
    } else {
        Err(SessionError::integrity("the ledger key", "is not the pinned one"))
    }
}

/// The key that signs the trees of a size: a rotation is the last entry that the old key signs.
///
/// # Errors
/// [`SessionError`] where another of the ledger's keys signed, such as one that was replaced.
pub(super) fn check_key_of_size(
    view: &View,
    note: &[u8],
    size: TreeSize,
) -> Result<(), SessionError> {
    let wrong = |why: &str| SessionError::integrity("the signed checkpoint", why);
    let Some(ledger) = view.ledger() else { return Err(wrong("there is no genesis")) };
    let in_force =
        |(entry, _): &&(EntryIndex, String)| entry.get() == 0 || entry.get() + 1 < size.get();
    let key = ledger.keys.iter().rev().find(in_force);
    let key = key.and_then(|(_, text)| text.parse::<VerifierKey>().ok());
    let key = key.ok_or_else(|| wrong("the ledger has no key"))?;
    open_checkpoint(note, ledger.origin.as_str(), &[key])
        .map(|_| ())
        .map_err(|_| wrong("is signed by a key that was replaced"))
}

/// The ledger's own key where this machine has the newest one; after a rotation it is taken up
/// here, also where the process that made it ended before it could.
pub(super) fn own_key(
    held: Option<NoteSigner>,
    keys: &[VerifierKey],
    file: &LedgerKeyFile,
) -> Result<Option<NoteSigner>, SessionError> {
    match (held, keys.first()) {
        (Some(held), Some(newest)) if held.verifier_key() != *newest => file.promote(newest),
        (held, _) => Ok(held),
    }
}

/// The new ledger key that an envelope brings, if it brings one.
pub(super) fn rotation_of(envelope: &Envelope) -> Option<String> {
    let statement = Statement::parse(envelope.payload()).ok()?;
    let Says::Governance(body) = statement.says else { return None };
    body.operations.into_iter().find_map(|operation| match operation {
        Operation::RotateLedgerKey(said) => Some(said.ledger_key),
        _ => None,
    })
}
