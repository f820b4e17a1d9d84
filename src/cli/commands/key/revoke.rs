//! `key revoke`: a key that is no longer used, or in other hands.

use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::time::{date, parse};
use crate::cli::touched::by_leak;
use crate::key::KeyId;
use crate::statement::governance::{Operation, RevokeKey};
use crate::statement::words::Revocation;

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
    /// The key's fingerprint
    #[arg(value_name = "KEYID")]
    fingerprint: KeyId,
    /// No longer used
    #[arg(long, group = "cause")]
    retired: bool,
    /// In other hands since an entry, or a time (UTC)
    #[arg(long, value_name = "ENTRY|TIME", group = "cause")]
    leaked_since: Option<String>,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("key revoke")?;
    let size = desk.session.size();
    let record = desk.session.view().roster().key(&args.fingerprint).ok_or_else(|| {
        CliError::usage(format!("the key {} is on no roster entry", args.fingerprint))
            .hint("see the keys: countersign roster show --json")
    })?;
    if let (true, Some(revoked)) = (args.retired, record.revoked(size)) {
        let message = format!("the key was revoked at entry {}: {}", revoked.entry, revoked.cause);
        return Err(CliError::usage(message).hint("a leak can still be told: --leaked-since"));
    }
    let (cause, since) = match &args.leaked_since {
        Some(text) => (Revocation::Leaked, Some(entry_of(&desk, text)?)),
        None => (Revocation::Retired, None),
    };
    let operation = RevokeKey { key: args.fingerprint, cause, since };
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

/// An entry, or the first one at or after a time.
fn entry_of(desk: &Desk, text: &str) -> Result<EntryIndex, CliError> {
    let size = desk.session.size();
    if let Ok(index) = text.parse::<u64>() {
        return if index < size.get() {
            Ok(EntryIndex::new(index))
        } else {
            Err(CliError::usage(format!("there is no entry {index}: the ledger has {size}"))
                .hint("name an entry that exists, or a time"))
        };
    }
    let time = parse(text).ok_or_else(|| {
        CliError::usage(format!("{text} is neither an entry nor a time"))
            .hint("write 118, 2026-11-20 or 2026-11-20T09:00Z")
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
