//! The ledger's own keys: those that it had, which one signs a tree, and the one that is here.

use super::error::SessionError;
use super::folder::LedgerKeyFile;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::head::open_checkpoint;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::leaf::Leaf;
use crate::ledger::store::Store;
use crate::ledger::topics;
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

/// The keys that may have signed checkpoints: the pinned one and those of rotations. Taken from
/// the log unverified; once every entry is good they are compared with what it really says.
pub(super) fn candidate_keys<S: Store + ?Sized>(store: &S, trust: &TrustRoot) -> Vec<VerifierKey> {
    let indexes = store.entries_of(&topics::governance()).unwrap_or_default();
    let leaves = indexes.into_iter().map(|index| store.leaf(index).ok().flatten());
    candidate_keys_in(leaves.flatten(), trust)
}

/// The same among leaves that are given one by one.
pub(super) fn candidate_keys_in(
    leaves: impl IntoIterator<Item = Vec<u8>>,
    trust: &TrustRoot,
) -> Vec<VerifierKey> {
    let mut keys = vec![trust.ledger_key().clone()];
    for leaf in leaves {
        let leaf = Leaf::parse(&leaf).ok();
        let envelope = leaf.and_then(|leaf| Envelope::parse_canonical(leaf.envelope()).ok());
        let Some(envelope) = envelope else { continue };
        keys.extend(rotation_of(&envelope).and_then(|key| key.parse::<VerifierKey>().ok()));
    }
    keys.reverse();
    keys
}

/// The verifier keys that a ledger has had, by the trees that each signs.
pub(super) fn keys_by_size(view: &View) -> Result<LedgerKeys, SessionError> {
    let bad = || SessionError::integrity("the ledger key", "cannot be read");
    let keys = view.ledger().map(|ledger| ledger.keys.as_slice()).unwrap_or_default();
    let ((_, first), later) = keys.split_first().ok_or_else(bad)?;
    let mut by_size = LedgerKeys::new(first.parse().map_err(|_| bad())?);
    for (entry, key) in later {
        by_size.add(*entry, key.parse().map_err(|_| bad())?);
    }
    Ok(by_size)
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

/// How a statement that brings a new ledger key calls that: its bytes are canonical.
const ROTATION: &str = "\"rotate_ledger_key\"";

/// The new ledger key that an envelope brings, if it brings one.
#[must_use]
pub fn rotation_of(envelope: &Envelope) -> Option<String> {
    // Every statement that is appended passes here, and few are parsed for it.
    let named = ROTATION.as_bytes();
    if !envelope.payload().windows(named.len()).any(|part| part == named) {
        return None;
    }
    let statement = Statement::parse(envelope.payload()).ok()?;
    let Says::Governance(body) = statement.says else { return None };
    body.operations.into_iter().find_map(|operation| match operation {
        Operation::RotateLedgerKey(said) => Some(said.ledger_key),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::{Commitment, LeafHash, RootHash, StatementId};
    use crate::base::time::Timestamp;
    use crate::note::checkpoint::Checkpoint;
    use crate::statement::Nonce;
    use crate::statement::governance::{EntryReference, Genesis, Governance, RotateLedgerKey};
    use crate::view::Fact;

    fn says(genesis: Option<Genesis>, operations: Vec<Operation>) -> Statement {
        Statement {
            ledger: None,
            by: "ada".parse().unwrap(),
            nonce: Nonce::from_bytes([0; 16]),
            seen: None,
            says: Says::Governance(Governance { genesis, base: None, operations }),
        }
    }

    /// ATTACKS 18 (a), 34: who stole a key that was replaced signs no larger tree.
    #[test]
    fn attack_18_a_replaced_key_signs_no_larger_tree() {
        let key = |seed: u8| NoteSigner::new("test.example", &[seed; 32]).unwrap();
        let genesis = Genesis {
            origin: "test.example".parse().unwrap(),
            ledger_key: key(1).verifier_key().to_string(),
            salt: Commitment::from_bytes([0; 32]),
        };
        let rotation = RotateLedgerKey { ledger_key: key(2).verifier_key().to_string() };
        let mut view = View::default();
        for (index, statement) in [
            says(Some(genesis), Vec::new()),
            says(None, vec![Operation::RotateLedgerKey(rotation)]),
        ]
        .iter()
        .enumerate()
        {
            let index = EntryIndex::new(index as u64);
            view.apply(&Fact {
                entry: EntryReference { index, leaf: LeafHash::from_bytes([7; 32]) },
                id: StatementId::from_bytes([0; 32]),
                time: Timestamp::default(),
                statement,
                keys: &[],
            });
        }
        let checked = |seed: u8, size: u64| {
            let size = TreeSize::new(size);
            let tree = Checkpoint::new("test.example", size, RootHash::from_bytes([3; 32]));
            let note = tree.sign(&key(seed)).unwrap().note().to_string();
            check_key_of_size(&view, note.as_bytes(), size).is_ok()
        };
        // Up to and with the rotation, which is entry 1, the old key; then the new one alone.
        assert_eq!([1, 2, 3, 9].map(|size| checked(1, size)), [true, true, false, false]);
        assert_eq!([1, 2, 3, 9].map(|size| checked(2, size)), [false, false, true, true]);
        assert!(!checked(3, 1));
    }
}
