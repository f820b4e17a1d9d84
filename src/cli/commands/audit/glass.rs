//! Overrides, drills and debts as people read them.

use super::work::Work;
use crate::audit::owed::{DebtReport, DebtState, Glass, OverrideReport};
use crate::base::name::Revision;
use crate::cli::report::{SIGNED_OFF, listed, went_ahead};
use crate::cli::review::is_signed_off;
use crate::cli::said::commit;
use crate::cli::time::{clock, date};
use crate::cli::ui::{Role, Ui};
use crate::verify::Question;

/// At most so many overrides, drills and ended debts are told, the newest; `-v` tells all.
const TOLD_MAX: usize = 5;

/// What is owed first, then overrides, what became of their debts, and drills apart.
pub(super) fn print(ui: &mut Ui, work: &Work<'_>, glass: &Glass) {
    let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
    let is_open = |debt: &&DebtReport| matches!(debt.state, DebtState::Open | DebtState::Overdue);
    let (open, ended): (Vec<_>, Vec<_>) = glass.debts.iter().partition(is_open);
    if !open.is_empty() {
        ui.blank();
        ui.lead(Role::Caution, "Owed", "");
    }
    for debt in open {
        ui.paragraph(2, &owed(work, debt));
        ui.paragraph(4, &format!("pay: {}", pay(work, debt)));
    }
    list(ui, work, "Overrides", &glass.overrides, told_max);
    if !ended.is_empty() {
        ui.blank();
        ui.line("Debts that ended");
    }
    let skipped = ended.len().saturating_sub(told_max);
    for debt in ended.into_iter().skip(skipped) {
        ui.paragraph(2, &end(work, debt));
    }
    if skipped > 0 {
        ui.line(&format!("  {skipped} older ones: -v"));
    }
    list(ui, work, "Drills", &glass.drills, told_max);
}

fn list(ui: &mut Ui, work: &Work<'_>, heading: &str, reports: &[OverrideReport], told_max: usize) {
    if reports.is_empty() {
        return;
    }
    ui.blank();
    ui.line(heading);
    let skipped = reports.len().saturating_sub(told_max);
    for report in reports.iter().skip(skipped) {
        ui.paragraph(2, &overriding(work, report));
    }
    if skipped > 0 {
        ui.line(&format!("  {skipped} older ones: -v"));
    }
}

/// `#30 Ada Ruiz, shop 41c09aa in production, 22 Nov 2026 01:40 UTC until 03:40 UTC, INC-204:
/// checkout is down`.
fn overriding(work: &Work<'_>, report: &OverrideReport) -> String {
    let incident = report.incident.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
    let artifacts = match report.artifacts.len() {
        0 => String::new(),
        1 => ", 1 artifact".to_owned(),
        count => format!(", {count} artifacts"),
    };
    let used: Vec<_> =
        report.deployments.iter().map(|entry| format!(", deployment {entry}")).collect();
    let used = used.concat();
    format!(
        "#{} {}, {} {} in {}{artifacts}, {} until {}{incident}{used}: {}",
        report.entry,
        work.name(&report.by),
        report.service,
        commit(&report.revision),
        report.environment,
        date(report.claimed),
        clock(report.expires, report.claimed),
        report.reason.as_deref().unwrap_or(if work.desk.session.denies_words() {
            "(the reason is not for this token: one that may \"words\" reads it)"
        } else {
            "(the reason is withheld)"
        })
    )
}

fn of(work: &Work<'_>, debt: &DebtReport) -> String {
    let people: Vec<_> = debt.members.iter().map(|member| work.name(member)).collect();
    format!(
        "sign-offs of {}, {} by override of {}",
        commit(&debt.revision),
        went_ahead(debt.entry, &debt.deployments),
        listed(&people)
    )
}

fn owed(work: &Work<'_>, debt: &DebtReport) -> String {
    let due = clock(debt.due, work.moment);
    let when = if debt.state == DebtState::Overdue {
        format!("overdue since {due}")
    } else {
        format!("due {due}")
    };
    format!("{}, since {}; {when}", of(work, debt), clock(debt.since, work.moment))
}

fn pay(work: &Work<'_>, debt: &DebtReport) -> String {
    let question = Question {
        service: debt.service.clone(),
        environment: debt.environment.clone(),
        revision: debt.revision.clone(),
        artifacts: Vec::new(),
        time: work.moment,
    };
    if work.scope.at.is_none() && is_signed_off(work.desk, &question) {
        return SIGNED_OFF.to_owned();
    }
    let commit = debt.revision.short();
    match debt.start.as_ref().map(Revision::short) {
        Some(start) => format!("countersign approve {start}..{commit}"),
        None => format!("countersign approve {commit}"),
    }
}

fn end(work: &Work<'_>, debt: &DebtReport) -> String {
    let by = debt.ended_by.map(|entry| format!(" entry {entry}")).unwrap_or_default();
    let when = debt.ended.map(|ended| format!(", {}", date(ended))).unwrap_or_default();
    let became = match debt.state {
        DebtState::Paid if debt.late => {
            format!("paid late, after {}, by{by}{when}", date(debt.due))
        }
        DebtState::Paid => format!("paid by{by}{when}"),
        DebtState::Undone => format!("undone by{by}{when}: never signed off"),
        DebtState::Waived => format!("waived by the baseline,{by}{when}: never signed off"),
        DebtState::Ended => {
            format!("ended by{by}{when}; only its repository tells whether it was signed off")
        }
        DebtState::Open | DebtState::Overdue => debt.state.as_str().to_owned(),
    };
    format!("{}: {became}", of(work, debt))
}
