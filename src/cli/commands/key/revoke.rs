//! `key revoke`: a key that is no longer used, or in other hands.

use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::commands::audit::moment::{Edge, moment};
use crate::cli::commands::log::member;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::find;
use crate::cli::time::{date, parse};
use crate::cli::touched::by_leak;
use crate::key::KeyId;
use crate::statement::governance::{Operation, RevokeKey};
use crate::statement::words::Revocation;

/// Fewest letters that a key is found by: `roster show` prints eight.
const BEGINNING_MIN: usize = 6;

/// Revoke a key: one admin signs it
///
/// Retired: what it signed before stands. Leaked: what gave permission from the named entry or
/// time on is void.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign key revoke SHA256:4fZ... --retired\n  \
    countersign key revoke SHA256:4fZ... --leaked-since 118\n  \
    countersign key revoke SHA256:4fZ... --leaked-since 2026-11-20T09:00Z")]
#[command(group = clap::ArgGroup::new("cause").required(true))]
pub(crate) struct Args {
    /// The key's fingerprint or its beginning, or whose only key it is
    #[arg(value_name = "KEYID|MEMBER")]
    named: String,
    /// No longer used
    #[arg(long, group = "cause")]
    retired: bool,
    /// In other hands since an entry, or a time as audit --at takes it
    #[arg(long, value_name = "ENTRY|TIME", group = "cause")]
    leaked_since: Option<String>,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("key revoke")?;
    let size = desk.session.size();
    let fingerprint = key_of(&desk, &args.named)?;
    let record = desk.session.view().roster().key(&fingerprint).ok_or_else(|| {
        CliError::usage(format!("the key {fingerprint} is on no roster entry"))
            .hint("see the keys: countersign roster show")
    })?;
    if let (true, Some(revoked)) = (args.retired, record.revoked(size)) {
        let message = format!("the key was revoked at entry {}: {}", revoked.entry, revoked.cause);
        return Err(CliError::usage(message).hint("a leak can still be told: --leaked-since"));
    }
    let (cause, since) = match &args.leaked_since {
        Some(text) => (Revocation::Leaked, Some(entry_of(&desk, text, context.now())?)),
        None => (Revocation::Retired, None),
    };
    let operation = RevokeKey { key: fingerprint, cause, since };
    let plan = Plan {
        words: in_words(&desk, &operation)?,
        operations: vec![Operation::RevokeKey(operation)],
        openings: Vec::new(),
        question: "Revoke this key?".to_owned(),
        after: vec!["next: countersign roster show".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
}

/// Whose key is revoked, and what that voids.
pub(in crate::cli::commands) fn in_words(
    desk: &Desk,
    said: &RevokeKey,
) -> Result<Vec<String>, CliError> {
    let record = desk.session.view().roster().key(&said.key);
    let owner = record.and_then(|record| record.owner(desk.session.size()));
    let owner = owner.map(|id| desk.names().of(id)).unwrap_or_default();
    let mut words = vec![format!("revoke  {owner}: {}", said.key)];
    match said.since {
        None => words.push("retired: nothing that it signed so far is touched".to_owned()),
        Some(since) => words.extend(by_leak(desk, &said.key, since)?),
    }
    Ok(words)
}

/// A fingerprint; the beginning of one, as `roster show` prints it; or the only key of somebody.
fn key_of(desk: &Desk, text: &str) -> Result<KeyId, CliError> {
    if let Ok(whole) = text.parse::<KeyId>() {
        return Ok(whole);
    }
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let digits = text.strip_prefix("SHA256:").unwrap_or(text);
    let begins = |key: &&KeyId| key.to_string().trim_start_matches("SHA256:").starts_with(digits);
    let mut found: Vec<KeyId> = Vec::new();
    if digits.len() >= BEGINNING_MIN {
        found.extend(roster.keys().map(|(key, _)| key).filter(begins));
    }
    if found.is_empty() {
        let member = match find(desk, text) {
            Ok(member) => member.id.clone(),
            Err(_) => member(desk, &desk.names(), text).map_err(|error| {
                error.hint("or name the key by its first 8 letters: countersign roster show")
            })?,
        };
        found = roster.keys_of(&member, size);
    }
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(CliError::usage(format!("{text} has no key in force"))
            .hint("name a key by its fingerprint: countersign roster show --json")),
        several => {
            let all: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(CliError::usage(format!("several keys are meant by {text}"))
                .hint(format!("name one: {}", all.join(", "))))
        }
    }
}

/// An entry, or the first one at or after a time.
fn entry_of(desk: &Desk, text: &str, now: Timestamp) -> Result<EntryIndex, CliError> {
    let size = desk.session.size();
    if let Ok(index) = text.parse::<u64>() {
        return if index < size.get() {
            Ok(EntryIndex::new(index))
        } else {
            Err(CliError::usage(format!("there is no entry {index}: the ledger has {size}"))
                .hint("name an entry that exists, or a time"))
        };
    }
    let time = parse(text).or_else(|| moment(text, now, Edge::Start).ok()).ok_or_else(|| {
        CliError::usage(format!("{text} is neither an entry nor a time"))
            .hint("write 118, 02:40, 2026-11-20 or 2026-11-20T09:00Z")
    })?;
    first_at(desk, time)
}

/// Times of entries never go back, so the first one is found by halves.
fn first_at(desk: &Desk, time: Timestamp) -> Result<EntryIndex, CliError> {
    let (mut low, mut high) = (0, desk.session.size().get());
    while low < high {
        let middle = low + (high - low) / 2;
        if desk.session.entry(EntryIndex::new(middle))?.time() < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low == desk.session.size().get() {
        return Err(CliError::usage(format!("there is no entry at or after {}", date(time)))
            .hint("nothing was signed since: --retired is enough"));
    }
    Ok(EntryIndex::new(low))
}
