//! `ledger checkpoint --witness`: cosignatures are gathered, and the checkpoint is shown with them.

use std::path::Path;
use std::time::Duration;

use super::prove;
use crate::base::limits::WITNESS_WAIT_MILLISECONDS;
use crate::base::name::WitnessName;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::trusted;
use crate::session::SessionError;
use crate::witness::{Outcome, Whom};

/// What the lock's holder is called.
const COMMAND: &str = "ledger checkpoint";
/// A witness may say once that it cosigned another size than was thought.
const ROUNDS_MAX: usize = 2;

/// Runs the command. The ledger is held only while proofs are read, never while anybody is waited
/// for.
pub(super) fn run(context: &mut Context, output: Option<&Path>) -> Result<ExitStatus, CliError> {
    let instead = "leave out --witness: the server asks its witnesses itself";
    context.need_own_folder("ledger checkpoint --witness", instead)?;
    let wait = Duration::from_millis(WITNESS_WAIT_MILLISECONDS);
    let mut last: Vec<(WitnessName, Outcome)> = Vec::new();
    for round in 0..ROUNDS_MAX {
        let desk = context.desk(COMMAND)?;
        let now = context.now();
        let gathering = desk.gathering(Whom::Everybody, now)?;
        drop(desk);
        let gathering = gathering.ok_or_else(|| {
            CliError::usage("no witness of this ledger has an address here")
                .hint("witnesses stand in the trust root, their addresses in the settings")
                .hint("spec/settings.md section 3 shows how")
        })?;
        last = gathering.ask(wait, now).map_err(SessionError::from)?;
        let is_told = |(_, outcome): &(_, Outcome)| matches!(outcome, Outcome::Told(_));
        if round + 1 == ROUNDS_MAX || !last.iter().any(is_told) {
            break;
        }
    }
    for (name, outcome) in &last {
        let said = match outcome {
            Outcome::Cosigned => "cosigned".to_owned(),
            Outcome::Told(size) => format!("cosigned {size} entries, and no more"),
            Outcome::Disputed => "has another tree than it was shown".to_owned(),
            Outcome::Failed(why) => why.clone(),
        };
        context.ui.note(&format!("{name}: {said}"));
    }
    // Whoever opens the ledger compares it with what the witnesses have.
    let desk = context.desk(COMMAND)?;
    let witnessing = desk.session.witnessing();
    drop(desk);
    let status = prove::checkpoint(context, output)?;
    let line = trusted::line(&witnessing, context.now());
    context.ui.note(&line);
    if witnessing.is_met && witnessing.unseen() == 0 {
        return Ok(status);
    }
    let message = "fewer witnesses than the trust root wants have cosigned it";
    Err(CliError::unavailable(message).hint("again later: countersign ledger checkpoint --witness"))
}
