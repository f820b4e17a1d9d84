//! Operations of governance in words, for whoever signs what another admin wrote.

use crate::cli::desk::Names;
use crate::cli::time::date;
use crate::statement::governance::{Operation, SetMember};
use crate::statement::words::Revocation;

/// What an operation does, in one line.
pub(crate) fn in_words(operation: &Operation, names: &Names) -> String {
    match operation {
        Operation::SetMember(said) => member_in_words(said, names),
        Operation::RetireMember(said) => format!("retire  {}", names.of(&said.member)),
        Operation::AddKey(said) => {
            format!("key     {}: {}", names.of(&said.member), said.key.fingerprint())
        }
        Operation::RevokeKey(said) => match (said.cause, said.since) {
            (Revocation::Leaked, Some(since)) => {
                format!("revoke  {}, leaked since entry {since}", said.key)
            }
            _ => format!("revoke  {}, {}", said.key, said.cause),
        },
        Operation::SetAdmins(said) => {
            let mut called: Vec<_> = said.admins.iter().map(|id| names.of(id)).collect();
            called.sort_unstable();
            format!("admins  {}; {} must sign", called.join(", "), said.threshold)
        }
        Operation::RotateLedgerKey(said) => format!("ledger key  {}", said.ledger_key),
        Operation::Lift(said) => format!("lift    the reject at entry {}", said.entry.index),
        Operation::ConfirmClock(said) => format!("clock   up to {}", date(said.until)),
        Operation::SetPolicy(said) => {
            let lines = said.text.lines().count();
            format!("policy  {lines} lines; see them with -n, and compare with policy show")
        }
        Operation::Delegate(said) => {
            let teams: Vec<_> = said.teams.iter().map(ToString::to_string).collect();
            let teams = if teams.is_empty() { "none".to_owned() } else { teams.join(", ") };
            let service = names.of(&said.service);
            format!("lets    {service} set people below {}; teams it may give: {teams}", said.below)
        }
        Operation::EndDelegation(said) => {
            format!("lets    {} set nobody any more", names.of(&said.service))
        }
        Operation::SetBaseline(said) => {
            let place = format!("{} in {}", said.service, said.environment);
            format!("start   {place} is accepted up to {}", said.accepted)
        }
    }
}

fn member_in_words(said: &SetMember, names: &Names) -> String {
    let list = |items: Vec<String>| {
        if items.is_empty() { "none".to_owned() } else { items.join(", ") }
    };
    let level = said.level.as_ref().map(|level| format!(", level {level}"));
    let operator = said.operator.as_ref().map(|id| format!(", operator {}", names.of(id)));
    format!(
        "member  {}: {}{}{}; teams {}; duties {}",
        names.of(&said.member),
        said.kind,
        level.unwrap_or_default(),
        operator.unwrap_or_default(),
        list(said.teams.iter().map(ToString::to_string).collect()),
        list(said.duties.iter().map(ToString::to_string).collect()),
    )
}
