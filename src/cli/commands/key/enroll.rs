//! `key enroll`: another key for a member.

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::{find, key_in_words, public_key};
use crate::cli::ui::Role;
use crate::statement::governance::{AddKey, Operation};

/// Enroll a key for a member: an admin signs it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign key enroll ben@shop.example ben2.pub\n  \
    countersign key enroll m1f3a9c2e - < ben2.pub")]
pub(crate) struct Args {
    /// Whose: a member's id or e-mail address
    member: String,
    /// The public key; - is standard input
    file: PathBuf,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let key = public_key(context, &args.file)?;
    let desk = context.desk("key enroll")?;
    let member = find(&desk, &args.member)?.id.clone();
    let id = key.fingerprint();
    let called = desk.names().of(&member);
    let record = desk.session.view().roster().key(&id);
    if let Some(revoked) = record.and_then(|record| record.revoked(desk.session.size())) {
        let message = format!("the key was revoked at entry {}: {}", revoked.entry, revoked.cause);
        return Err(CliError::usage(message).hint("make another: countersign key generate"));
    }
    if let Ok(owner) = desk.owner(&id) {
        if owner.id == member {
            context.ui.json(&serde_json::json!({ "plan": [], "entries": [] }));
            let rest = format!("the key is {called}'s already");
            context.ui.lead(Role::Good, "NOTHING TO DO", &rest);
            return Ok(ExitStatus::Yes);
        }
        if record.is_some_and(crate::roster::KeyRecord::is_bound) {
            let message = format!("the key is {}'s for ever", desk.names().of(&owner.id));
            return Err(CliError::usage(message).hint("a key has one owner: make another"));
        }
    }
    let plan = Plan {
        words: key_in_words(&desk, &called, &member, &key, 0),
        operations: vec![Operation::AddKey(AddKey { member, key, attestation: None })],
        openings: Vec::new(),
        question: format!("Did {called} hand you this key?"),
        after: vec!["next: countersign roster show".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
}
