//! How the gate's answer reads.

use super::judge::Judged;
use super::record::Recorded;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{Overriding, RecordedLine, Reporting, VerdictReport, versions};
use crate::cli::ui::Word;

/// Prints the answer, and what was recorded.
pub(crate) fn answer(
    context: &mut Context,
    desk: &Desk,
    judged: &Judged,
    recorded: Option<&Recorded>,
) -> Result<(), CliError> {
    let names = desk.names();
    let mut reporting = Reporting::new(&names, desk.session.view(), &judged.policy);
    if !judged.gathered.near.is_empty() {
        reporting.versions = versions(&desk.session, &judged.gathered.entries)?;
    }
    reporting.rejected.clone_from(&judged.rejected);
    let mut report = VerdictReport::new(&reporting, &judged.verdict, &judged.gathered.near);
    report.overriding = Overriding::new(&reporting, &judged.verdict, judged.claimed);
    report.recorded = recorded.map(|recorded| RecordedLine {
        decision: recorded.decision.0,
        repeated: recorded.is_repeated,
        deployment: recorded.deployment,
    });
    if report.word() == Word::WouldRefuse {
        report.live.clone_from(&judged.live);
    }
    report.print(&mut context.ui);
    Ok(())
}
