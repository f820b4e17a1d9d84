//! How the gate's answer reads.

use super::judge::Judged;
use super::record::Recorded;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{Overriding, RecordedLine, Reporting, VerdictReport, signed_earlier_of};
use crate::cli::ui::Word;

/// Prints the answer, and what was recorded.
pub(crate) fn answer(
    context: &mut Context,
    desk: &Desk,
    judged: &Judged,
    recorded: Option<&Recorded>,
) -> Result<(), CliError> {
    report(desk, judged, recorded)?.print(&mut context.ui);
    Ok(())
}

/// The answer, with what was recorded.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn report(
    desk: &Desk,
    judged: &Judged,
    recorded: Option<&Recorded>,
) -> Result<VerdictReport, CliError> {
    let names = desk.names();
    let mut reporting = Reporting::new(&names, desk.session.view(), &judged.policy)
        .at(&judged.verdict.question.service, &judged.verdict.question.environment);
    let open = judged.verdict.segments.iter().filter(|segment| !segment.satisfied);
    let open = open.map(|segment| segment.change);
    reporting.signed = signed_earlier_of(desk, &judged.repository, &judged.gathered, open)?;
    reporting.rejected.clone_from(&judged.rejected);
    let mut report = VerdictReport::new(&reporting, &judged.verdict, &desk.session.witnessing());
    report.overriding = Overriding::new(&reporting, &judged.verdict, judged.claimed);
    report.attested(&reporting, &judged.gathered.steps);
    report.recorded = recorded.map(|recorded| RecordedLine {
        decision: recorded.decision.0,
        repeated: recorded.is_repeated,
        deployment: recorded.deployment,
    });
    if report.word() == Word::WouldRefuse {
        report.live.clone_from(&judged.live);
    }
    Ok(report)
}
