//! What a statement of governance does, told to every admin who signs it as its author was told
//! (ATTACKS 18): worked out from the operations and the ledger, never taken from the file.

use std::collections::BTreeMap;

use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::commands::roster::difference;
use crate::cli::commands::{baseline, key, lift, policy};
use crate::cli::desk::{Desk, Names, Profile};
use crate::cli::error::CliError;
use crate::cli::people::{called, key_in_words};
use crate::cli::{operations, touched};
use crate::statement::governance::{Lift, Operation, SetMember};

/// What the operations do and touch, a line for each thing.
///
/// # Errors
/// Where the ledger cannot be read, or a policy among them is none.
pub(super) fn in_words(
    context: &Context,
    desk: &Desk,
    operations: &[Operation],
) -> Result<Vec<String>, CliError> {
    let people = People::of(desk, operations);
    let accepted = operations.iter().filter_map(|operation| match operation {
        Operation::SetBaseline(said) => Some(said),
        _ => None,
    });
    let accepted: Vec<_> = accepted.collect();
    let mut words = Vec::new();
    let mut keys: BTreeMap<&MemberId, usize> = BTreeMap::new();
    for operation in operations {
        match operation {
            Operation::SetMember(said) => words.extend(people.set(desk, said)),
            Operation::AddKey(said) => {
                let (member, called) = (&said.member, people.called(&said.member));
                let earlier = keys.entry(member).or_insert(0);
                words.extend(key_in_words(desk, &called, member, &said.key, *earlier));
                *earlier += 1;
            }
            Operation::RevokeKey(said) => words.extend(key::revoke::in_words(desk, said)?),
            Operation::Lift(said) => words.extend(lifted(desk, said)?),
            Operation::SetPolicy(said) => {
                words.extend(policy::plan_in_words(context, desk, &said.text, &accepted)?);
            }
            Operation::SetBaseline(said) => words.extend(baseline::in_words(desk, said)),
            Operation::RetireMember(_)
            | Operation::SetAdmins(_)
            | Operation::RotateLedgerKey(_)
            | Operation::ConfirmClock(_)
            | Operation::Delegate(_)
            | Operation::EndDelegation(_) => {
                words.push(operations::in_words(operation, &people.names));
            }
        }
    }
    words.extend(touched::by_operations(desk, operations)?);
    Ok(words)
}

fn lifted(desk: &Desk, said: &Lift) -> Result<Vec<String>, CliError> {
    let entry = desk.session.entry(said.entry.index)?;
    let why = desk.session.openings().text(said.reason).ok().flatten();
    Ok(lift::in_words(desk, &entry, why.as_deref()))
}

/// What people are called, those included whom the statement itself adds.
struct People {
    names: Names,
    profiles: BTreeMap<MemberId, Profile>,
}

impl People {
    fn of(desk: &Desk, operations: &[Operation]) -> Self {
        let mut names = desk.names().all().clone();
        let mut profiles = BTreeMap::new();
        for operation in operations {
            let Operation::SetMember(said) = operation else { continue };
            // Its author kept it beside the ledger; elsewhere it is withheld.
            let text = said.profile.and_then(|id| desk.session.openings().text(id).ok().flatten());
            let profile = text.and_then(|text| serde_json::from_str::<Profile>(&text).ok());
            let Some(profile) = profile else { continue };
            if !profile.name.is_empty() {
                names.entry(said.member.clone()).or_insert_with(|| profile.name.clone());
            }
            profiles.insert(said.member.clone(), profile);
        }
        Self { names: names.into(), profiles }
    }

    fn set(&self, desk: &Desk, said: &SetMember) -> Option<String> {
        difference::in_words(desk, said, self.profiles.get(&said.member), &self.names)
    }

    fn called(&self, id: &MemberId) -> String {
        let profile = self.profiles.get(id);
        profile.map_or_else(|| self.names.of(id), |profile| called(id, profile))
    }
}
