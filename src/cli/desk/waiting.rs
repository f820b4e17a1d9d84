//! Signed statements that wait for their ledger: kept where no answer came, and handed in by the
//! next command (`spec/away.md` section 1).

use super::Desk;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::said;
use crate::session::{HandedIn, SessionError};
use crate::statement::Statement;
use crate::statement::envelope::Envelope;

/// How what waits is handed in by hand.
pub(crate) const HAND_IN: &str = "countersign submit --spooled";

impl Desk {
    /// Keeps what was not answered, or not taken up at present: handed in again it is in the ledger
    /// once. Gives the error to tell.
    pub(super) fn keep_waiting(
        &self,
        now: Timestamp,
        envelopes: &[Envelope],
        error: SessionError,
    ) -> SessionError {
        let Some(spool) = &self.spool else { return error };
        let kept = self.session.spooled(envelopes).and_then(|spooled| spool.keep(now, &spooled));
        match kept {
            Ok(_) => SessionError::Waiting { error: Box::new(error) },
            Err(_) => error,
        }
    }
}

impl Context {
    /// Hands in what waits for the ledger. What cannot be handed in now is told, and goes on
    /// waiting: it stops no other command.
    pub(in crate::cli) fn hand_in_waiting(&mut self, desk: &mut Desk) {
        let Some(spool) = desk.spool.clone() else { return };
        match desk.session.take_up(&spool, self.now()) {
            Ok(done) => {
                for one in &done {
                    self.ui.note(&told(one));
                }
            }
            Err(error) => {
                self.ui
                    .warn(&format!("signed statements wait for the ledger ({error}): {HAND_IN}"));
            }
        }
    }
}

/// What became of something that waited, in a line.
pub(crate) fn told(one: &HandedIn) -> String {
    let first = one.spooled.envelopes.last();
    let said = first.and_then(|envelope| Statement::parse(envelope.payload()).ok());
    let what = said.map_or("a statement", |statement| said::kind(&statement.says));
    match &one.outcome {
        Ok(entries) => {
            let entry = entries.last().map(ToString::to_string).unwrap_or_default();
            format!("the {what} that waited for the ledger is entry {entry}")
        }
        Err(refusal) => format!(
            "the {what} that waited for the ledger is refused, and set aside: {} ({})",
            refusal.message, refusal.code
        ),
    }
}
