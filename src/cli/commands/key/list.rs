//! `key list`: the keys that are here, and which of them would sign.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::said::short_key;
use crate::cli::time::date;
use crate::cli::ui::{Cell, Role, Table};
use crate::key::KeyId;
use crate::signer::{Listed, NOT_ENROLLED, Whereabouts, list};

/// List the keys that are here: which one would sign, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign key list\n  countersign key list --json")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Row {
    signs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyId>,
    comment: String,
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    reason: String,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, _: &Args) -> Result<ExitStatus, CliError> {
    // Without a ledger every key may sign; a ledger that does not verify is told.
    let desk = if context.has_ledger()? { Some(context.desk("key list")?) } else { None };
    let enrolled = desk.as_ref().map(Desk::enrolled);
    let sources = context.key_sources()?;
    let found = list(&sources, enrolled.as_ref().map(|enrolled| &enrolled.keys));
    let mut rows: Vec<Row> = found.into_iter().map(|listed| row(desk.as_ref(), listed)).collect();
    let whereabouts = sources.agent_whereabouts().unwrap_or_default();
    let named = context.configuration()?.key()?.map(|key| key.source.to_string());
    for row in &mut rows {
        row.place = match whereabouts {
            Whereabouts::Forwarded if row.place == "agent" => "agent, forwarded".to_owned(),
            Whereabouts::Unknown if row.place == "agent" => "agent, maybe forwarded".to_owned(),
            _ => std::mem::take(&mut row.place),
        };
        if let Some(source) = named.as_ref().filter(|_| row.reason == "named") {
            row.reason = format!("named by {source}");
        }
        let key = row.key.filter(|_| row.reason == NOT_ENROLLED);
        if let Some(revoked) = key.and_then(|key| enrolled.as_ref()?.revoked(&key)) {
            row.reason = revoked;
        }
    }
    if let Some(desk) = &desk {
        rows.extend(elsewhere(desk, &rows)?);
    }
    context.ui.json(&rows);
    match rows.iter().find(|row| row.signs) {
        Some(row) => {
            let key = row.key.map(|key| key.to_string()).unwrap_or_default();
            context.ui.lead(Role::Good, "SIGNS", &key);
            let of = row.member.as_ref().map(|name| format!("{name}; ")).unwrap_or_default();
            context.ui.paragraph(0, &format!("{of}{}: {}", row.place, row.reason));
        }
        None if rows.is_empty() => context.ui.lead(Role::Bad, "NO KEY", "was found"),
        None => {
            context.ui.lead(Role::Bad, "NO KEY", "would sign: each line says why; --key names one");
        }
    }
    if rows.len() > 1 || !rows.iter().any(|row| row.signs) {
        context.ui.blank();
        print(context, &rows);
    }
    if rows.is_empty() {
        context.ui.line("next: countersign key generate");
    }
    Ok(ExitStatus::Yes)
}

/// Other keys that stand in the names of those whose keys are here: on another machine, or in
/// somebody else's hands (ATTACKS 18).
fn elsewhere(desk: &Desk, rows: &[Row]) -> Result<Vec<Row>, CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let here: BTreeSet<KeyId> = rows.iter().filter_map(|row| row.key).collect();
    let owners: BTreeSet<&MemberId> =
        here.iter().filter_map(|key| Some(&desk.owner(key).ok()?.id)).collect();
    let mut found = Vec::new();
    for owner in owners {
        let keys = roster.keys_of(owner, size).into_iter().filter(|key| !here.contains(key));
        for key in keys {
            let since = roster.key(&key).and_then(|record| record.enrolled_at(size));
            let Some(entry) = since else { continue };
            let when = date(desk.session.entry(entry)?.time());
            found.push(Row {
                signs: false,
                key: Some(key),
                comment: String::new(),
                place: "not here".to_owned(),
                member: Some(desk.names().of(owner)),
                reason: format!(
                    "since {when}, entry {entry}; if it is not yours, an admin \
                    revokes it"
                ),
            });
        }
    }
    Ok(found)
}

fn row(desk: Option<&Desk>, listed: Listed) -> Row {
    let key = listed.candidate.key_id();
    let member = key.zip(desk).and_then(|(key, desk)| {
        let member = desk.owner(&key).ok()?;
        Some(desk.names().of(&member.id))
    });
    Row {
        signs: listed.chosen,
        key,
        comment: listed.candidate.comment,
        place: listed.candidate.place.to_string(),
        member,
        reason: listed.reason,
    }
}

fn print(context: &mut Context, rows: &[Row]) {
    let mut table = Table::new(0);
    let head = ["", "KEY", "OF", "WHERE AND WHY"];
    table.row(head.map(|word| Cell::new(Role::Strong, word)));
    for row in rows {
        let key = row.key.map(|key| short_key(&key));
        table.row([
            if row.signs { "*".to_owned() } else { String::new() },
            key.unwrap_or_else(|| "-".to_owned()),
            row.member.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{}: {}", row.place, row.reason),
        ]);
    }
    context.ui.table(&table);
}
