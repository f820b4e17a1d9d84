//! The index of topics: whether it leads anywhere that no entry asks for.

use super::{Checked, Damage, Progress, sort};
use crate::base::position::EntryIndex;
use crate::ledger::leaf::Leaf;
use crate::ledger::store::{Store as _, StoreError, Topic};
use crate::ledger::topics::topics;
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::store::sled::SledStore;

/// Counts the pairs of a topic and an entry in the store; `expected` of them are those that the
/// entries ask for, and were found. Where there are more, the first too many is looked for.
pub(super) fn check_topics(
    store: &SledStore,
    expected: u64,
    checked: &mut Checked,
    progress: &mut dyn FnMut(Progress),
) {
    let mut count = 0;
    let counted = store.each_topic(&mut |_, _| {
        count += 1;
        progress(Progress { what: "topics", done: count, of: expected });
        true
    });
    if let Err(error) = counted {
        return sort(checked, "the index of topics", &error);
    }
    // One that is missing was found by its entry.
    if count <= expected {
        return;
    }
    let mut found = None;
    let looked = store.each_topic(&mut |topic, index| match asks_for(store, &topic, index) {
        Ok(true) => true,
        Ok(false) => {
            found = Some(Ok(index));
            false
        }
        Err(error) => {
            found = Some(Err(error));
            false
        }
    });
    match (looked, found) {
        (Err(error), _) | (_, Some(Err(error))) => sort(checked, "the index of topics", &error),
        (_, Some(Ok(index))) => {
            let what = "is found under a topic that it has not: the index is damaged";
            checked.add_damage(Damage::new(format!("entry {index}"), what).at_entry(index));
        }
        (_, None) => {}
    }
}

/// Whether an entry asks to be found under a topic.
fn asks_for(store: &SledStore, topic: &Topic, index: EntryIndex) -> Result<bool, StoreError> {
    let Some(bytes) = store.leaf(index)? else { return Ok(false) };
    let leaf = Leaf::parse(&bytes).ok();
    let envelope = leaf.and_then(|leaf| Envelope::parse_canonical(leaf.envelope()).ok());
    let Some(envelope) = envelope else { return Ok(false) };
    let statement = Statement::parse(envelope.payload());
    Ok(statement.is_ok_and(|said| topics(envelope.statement_id(), &said).contains(topic)))
}
