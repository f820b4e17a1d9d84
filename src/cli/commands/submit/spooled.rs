//! `submit --spooled`: what was signed while the ledger was away is handed in
//! (`spec/away.md` section 1).

use serde::Serialize;

use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{HAND_IN, told};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Role;

#[derive(Serialize)]
struct Row {
    entries: Vec<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Hands in what waits, and says what still does.
pub(super) fn run(context: &mut Context) -> Result<ExitStatus, CliError> {
    let address = context.address()?;
    let Some(spool) = address.spool().cloned() else {
        return Err(CliError::usage("there is no home folder that anything could wait in")
            .hint("set HOME or XDG_STATE_HOME to an absolute path"));
    };
    let mut session = address.open("submit")?;
    let done = session.take_up(&spool, context.now())?;
    let left = spool.waiting().map_err(crate::session::SessionError::from)?.len();
    let mut status = ExitStatus::Yes;
    let ui = &mut context.ui;
    let mut rows = Vec::new();
    for one in &done {
        match &one.outcome {
            Ok(entries) => {
                ui.lead(Role::Good, "TAKEN UP", &told(one));
                rows.push(Row { entries: entries.clone(), refused: None });
            }
            Err(refusal) => {
                status = ExitStatus::Usage;
                ui.lead(Role::Bad, "REFUSED", &told(one));
                let refused = Some(refusal.code.clone());
                rows.push(Row { entries: Vec::new(), refused });
            }
        }
    }
    ui.json(&rows);
    match (done.len(), left) {
        (0, 0) => ui.line("nothing waits for the ledger"),
        (_, 0) => ui.line("nothing else waits"),
        (_, left) => ui.line(&format!("{left} wait for a command that still runs: {HAND_IN}")),
    }
    session.leak();
    Ok(status)
}
