//! A desk that is left while a person reads, and taken again afterwards.

use super::Desk;
use crate::cli::Context;
use crate::cli::error::CliError;

/// A desk that is left while a person reads or is asked, so that nobody waits for the ledger, and
/// taken again afterwards. Where nobody is asked it is opened once.
pub(crate) struct Held {
    command: &'static str,
    desk: Option<Desk>,
}

impl Held {
    /// Takes the desk.
    ///
    /// # Errors
    /// As [`Context::desk`].
    pub(crate) fn take(context: &mut Context, command: &'static str) -> Result<Self, CliError> {
        Ok(Self { command, desk: Some(context.desk(command)?) })
    }

    /// A desk that was taken already.
    pub(crate) const fn of(command: &'static str, desk: Desk) -> Self {
        Self { command, desk: Some(desk) }
    }

    /// The desk, taken again if it was left.
    ///
    /// # Errors
    /// As [`Context::desk`].
    pub(crate) fn desk(&mut self, context: &mut Context) -> Result<&mut Desk, CliError> {
        if self.desk.is_none() {
            self.desk = Some(context.desk(self.command)?);
        }
        self.desk.as_mut().ok_or_else(|| CliError::unavailable("the ledger was not opened"))
    }

    /// Leaves the desk to others until it is taken again.
    pub(crate) fn leave(&mut self) {
        self.desk = None;
    }

    /// Ends without the milliseconds that closing the store takes: all is durable.
    pub(crate) fn leak(self) {
        if let Some(desk) = self.desk {
            desk.session.leak();
        }
    }
}
