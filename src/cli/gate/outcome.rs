//! The deployment itself: its command, and what became of it.

use std::ffi::OsString;
use std::io::ErrorKind;

use super::key::PipelineKey;
use super::run::{Ended, run};
use crate::base::digest::StatementId;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::statement::Says;
use crate::statement::pipeline::Deployment;
use crate::statement::words::Outcome;
use crate::verify::Question;

/// Added to a signal's number, as shells do.
const KILLED: u8 = 128;
/// The status of a command that is not there, as `env` has it.
const NOT_FOUND: u8 = 127;
/// The status of a command that cannot be run.
const NOT_RUN: u8 = 126;

/// A deployment that was recorded as begun.
pub(crate) struct Begun {
    /// What is deployed, and where.
    pub(crate) question: Question,
    /// The identity of its decision.
    pub(crate) decision: StatementId,
    /// The identity of its beginning.
    pub(crate) started: StatementId,
}

/// Runs the command and records what became of it. The status is the command's own.
pub(crate) fn carry_out(
    context: &mut Context,
    key: &PipelineKey,
    begun: &Begun,
    entry: EntryIndex,
    command: &[OsString],
) -> ExitStatus {
    context.ui.flush_out();
    let folder = context.environment.current_directory.clone();
    let is_interactive = context.ui.has_person();
    let (outcome, status) =
        match run(command, &folder, &begun.question.revision, entry, is_interactive) {
            Ended::Exited(0) => (Outcome::Succeeded, 0),
            Ended::Exited(status) => (Outcome::Failed, status),
            Ended::Killed(signal) => (Outcome::Unknown, KILLED.saturating_add(signal)),
            Ended::NotStarted(error) => {
                let program = command.first().map(OsString::as_os_str).unwrap_or_default();
                let message = format!("cannot run {}", program.display());
                // The status is the one below: the command's place, not ours.
                let _ = CliError::unavailable(message).because(&error).print(&mut context.ui);
                let is_missing = error.kind() == ErrorKind::NotFound;
                (Outcome::Failed, if is_missing { NOT_FOUND } else { NOT_RUN })
            }
        };
    tell(context, key, begun, outcome);
    ExitStatus::Command(status)
}

/// Records that what had begun was never run.
pub(crate) fn abandon(context: &mut Context, key: &PipelineKey, begun: &Begun) {
    tell(context, key, begun, Outcome::Failed);
}

fn tell(context: &mut Context, key: &PipelineKey, begun: &Begun, outcome: Outcome) {
    match record(context, key, begun, outcome) {
        Ok(index) => context.ui.note(&format!("outcome: {outcome}, entry {index}")),
        Err(error) => {
            let message = format!("the outcome ({outcome}) is not recorded");
            context.ui.warn(&message);
            let _ = error.print(&mut context.ui);
        }
    }
}

fn record(
    context: &mut Context,
    key: &PipelineKey,
    begun: &Begun,
    outcome: Outcome,
) -> Result<EntryIndex, CliError> {
    let mut desk = context.desk("gate: the outcome of a deployment")?;
    let question = &begun.question;
    let said = Deployment {
        service: question.service.clone(),
        environment: question.environment.clone(),
        revision: question.revision.clone(),
        artifacts: question.artifacts.clone(),
        decision: Some(begun.decision),
        overrides: Vec::new(),
        started: Some(begun.started),
        outcome,
        trigger: None,
        run: None,
    };
    let envelope = desk.sign(key.signer.as_ref(), &key.member, Says::Deployment(said))?;
    let receipts = desk.submit(context.now(), &[envelope])?;
    desk.session.leak();
    let receipt = receipts.first();
    receipt.map(|receipt| receipt.index).ok_or_else(|| CliError::unavailable("no receipt"))
}
