//! `ledger rotate-key`: another key for the ledger itself.

use crate::cli::Context;
use crate::cli::desk::ledger_key_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::statement::governance::{Operation, RotateLedgerKey};

/// Runs the command.
pub(super) fn run(context: &mut Context, flags: &SigningFlags) -> Result<ExitStatus, CliError> {
    let desk = context.desk("ledger rotate-key")?;
    let file = ledger_key_file(&context.configuration()?, desk.trust.origin())?;
    if !file.path().exists() {
        return Err(CliError::usage("the ledger's own key is not on this machine")
            .hint("rotate it where the ledger is run"));
    }
    let keys = desk.session.view().ledger().map(|ledger| ledger.keys.clone()).unwrap_or_default();
    let old = keys.last().map(|(_, key)| key.clone()).unwrap_or_default();
    let new = file.prepare_next(desk.trust.origin().as_str(), !flags.dry_run)?.to_string();
    let plan = Plan {
        words: vec![
            format!("new     {new}"),
            format!("old     {old}"),
            "what the old key signed stays good; it signs nothing from then on".to_owned(),
            "trust roots stay as they are where the ledger is read; for files alone the".to_owned(),
            "proof of this entry is needed, which is written once it is in, or another".to_owned(),
            "trust root with the new key".to_owned(),
        ],
        operations: vec![Operation::RotateLedgerKey(RotateLedgerKey { ledger_key: new })],
        openings: Vec::new(),
        question: "Replace the ledger's key?".to_owned(),
        after: vec![
            format!("the new key is in {}", file.path().display()),
            "next: hand the proof to who verifies files alone; without it they need another"
                .to_owned(),
            "trust root, with the new key (verify --trust FILE); the pinned one goes on naming"
                .to_owned(),
            "the first key".to_owned(),
        ],
    };
    carry_out(context, desk, &plan, flags)
}
