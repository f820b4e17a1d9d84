//! The deployment itself: its command, and what became of it.

use std::ffi::OsString;
use std::io;

use super::key::PipelineKey;
use super::run::{Ended, run};
use crate::base::digest::{LeafHash, StatementId};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, HAND_IN};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::session::{Beside, SessionError, Spool, SpoolName, Spooled, fresh_nonce, sign};
use crate::statement::pipeline::Deployment;
use crate::statement::words::Outcome;
use crate::statement::{Says, Seen, Statement};
use crate::store::lock::LedgerLock;

/// Added to a signal's number, as shells do.
const KILLED: u8 = 128;
/// The status of a command that is not there, as `env` has it.
const NOT_FOUND: u8 = 127;
/// The status of a command that cannot be run.
const NOT_RUN: u8 = 126;

/// What statements are made and kept with, the ledger at hand or not.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Which ledger.
    pub(crate) ledger: LeafHash,
    /// The newest tree that was seen of it.
    pub(crate) seen: Option<Seen>,
    /// Where statements wait for it; none without a home folder.
    pub(crate) spool: Option<Spool>,
}

impl Ground {
    /// That of an opened ledger.
    pub(crate) fn of(desk: &Desk) -> Self {
        let checkpoint = desk.session.checkpoint();
        Self {
            ledger: desk.trust.ledger(),
            seen: Some(Seen { size: checkpoint.size(), root: *checkpoint.root() }),
            spool: desk.spool.clone(),
        }
    }
}

/// A deployment that begins, and what is needed to tell its end, with a ledger or without.
pub(crate) struct Begun {
    /// What is deployed, as its end will say it, but for the outcome.
    said: Deployment,
    ground: Ground,
    /// Where its end is kept until it is in the ledger, and what keeps others from telling it.
    kept: Option<(Spool, SpoolName, LedgerLock)>,
    /// What its end is handed in with: statements that were signed while the ledger was away.
    beside: Spooled,
}

impl Begun {
    /// The deployment that `beginning` says, whose identity is `started` where the ledger is to
    /// have it.
    pub(crate) fn new(ground: Ground, beginning: Deployment, started: Option<StatementId>) -> Self {
        let said = Deployment { started, ..beginning };
        Self { said, ground, kept: None, beside: Spooled::default() }
    }

    /// The same, with statements that the ledger has to have first.
    pub(crate) fn with(self, beside: Spooled) -> Self {
        Self { beside, ..self }
    }

    /// Keeps, before anything begins, that the outcome is unknown: it is told by the next command
    /// if this process ends before it knows better.
    ///
    /// # Errors
    /// Where it cannot be signed or kept: then nothing may begin.
    pub(crate) fn expect_nothing(
        mut self,
        now: Timestamp,
        key: &PipelineKey,
    ) -> Result<Self, CliError> {
        let Some(spool) = self.ground.spool.clone() else { return Ok(self) };
        let unknown = self.end(key, Outcome::Unknown)?;
        // Held before it is there to be found.
        let name = SpoolName::of(now, &unknown);
        let lock = spool.hold(&name).map_err(SessionError::from)?;
        spool.replace(&name, &unknown)?;
        self.kept = Some((spool, name, lock));
        Ok(self)
    }

    /// Forgets what never began.
    pub(crate) fn forget(self) {
        if let Some((spool, name, _lock)) = self.kept {
            // What stays is handed in later, and refused or harmless.
            drop(spool.remove(&name));
        }
    }

    /// Its end, signed, and what goes with it.
    fn end(&self, key: &PipelineKey, outcome: Outcome) -> Result<Spooled, CliError> {
        let statement = Statement {
            ledger: Some(self.ground.ledger),
            by: key.member.clone(),
            nonce: fresh_nonce(),
            seen: self.ground.seen,
            says: Says::Deployment(Deployment { outcome, ..self.said.clone() }),
        };
        let mut spooled = self.beside.clone();
        spooled.after = self.said.started;
        spooled.envelopes.push(sign(&statement, key.signer.as_ref())?);
        Ok(spooled)
    }
}

/// Runs the command and records what became of it. The status is the command's own.
pub(crate) fn carry_out(
    context: &mut Context,
    key: &PipelineKey,
    begun: Begun,
    entry: Option<EntryIndex>,
    command: &[OsString],
) -> ExitStatus {
    context.ui.flush_out();
    let folder = context.environment.current_directory.clone();
    let is_interactive = context.ui.has_person();
    let (outcome, status) = match run(command, &folder, &begun.said.revision, entry, is_interactive)
    {
        Ended::Exited(0) => (Outcome::Succeeded, 0),
        Ended::Exited(status) => (Outcome::Failed, status),
        Ended::Killed(signal) => (Outcome::Unknown, KILLED.saturating_add(signal)),
        Ended::NotStarted(error) => {
            let program = command.first().map(OsString::as_os_str).unwrap_or_default();
            let message = format!("cannot run {}", program.display());
            // The status is the one below: the command's place, not ours.
            let _ = CliError::unavailable(message).because(&error).print(&mut context.ui);
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            (Outcome::Failed, if is_missing { NOT_FOUND } else { NOT_RUN })
        }
    };
    tell(context, key, begun, outcome);
    ExitStatus::Command(status)
}

/// Records that what had begun was never run.
pub(crate) fn abandon(context: &mut Context, key: &PipelineKey, begun: Begun) {
    tell(context, key, begun, Outcome::Failed);
}

/// Tells the end: keeps it where nothing takes it away, and then hands it in.
fn tell(context: &mut Context, key: &PipelineKey, begun: Begun, outcome: Outcome) {
    let failed = |context: &mut Context, error: &CliError| {
        context.ui.warn(&format!("the outcome ({outcome}) is not recorded"));
        let _ = error.print(&mut context.ui);
    };
    let end = match begun.end(key, outcome) {
        Ok(end) => end,
        Err(error) => return failed(context, &error),
    };
    let mut is_kept = false;
    if let Some((spool, name, _)) = &begun.kept {
        match spool.replace(name, &end) {
            Ok(()) => is_kept = true,
            Err(error) => context.ui.warn(&format!("the outcome cannot be kept: {error}")),
        }
    }
    // Who began without the ledger does not wait long for it now.
    let was_away = begun.said.started.is_none();
    match hand_in(context, &end, was_away) {
        Ok(index) => {
            begun.forget();
            context.ui.note(&format!("outcome: {outcome}, entry {index}"));
        }
        Err(error) if is_kept && error.kind == ErrorKind::Unavailable => {
            context.ui.note(&format!("outcome: {outcome}; the ledger is away: {}", error.message));
            context.ui.note(&format!("it is kept, and the next command hands it in: {HAND_IN}"));
        }
        Err(error) => failed(context, &error),
    }
}

/// Hands the end in; a refusal of anything before it is one of it all.
fn hand_in(context: &mut Context, end: &Spooled, was_away: bool) -> Result<EntryIndex, CliError> {
    let (address, command) = (context.address()?, "gate: the outcome of a deployment");
    let mut session =
        if was_away { address.open_briefly(command)? } else { address.open(command)? };
    Beside::named_by(&end.envelopes, end.words.clone(), end.files.clone()).keep(&session)?;
    let mut last = None;
    for receipt in session.append(context.now(), &end.envelopes)? {
        last = Some(receipt.map_err(|refusal| CliError::from(&refusal))?.index);
    }
    session.leak();
    last.ok_or_else(|| CliError::unavailable("no receipt"))
}
