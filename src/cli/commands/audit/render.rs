//! Reports as people read them.

use super::answer::NOT_PROVED;
use super::changes::changes;
use super::glass::print as print_glass;
use super::list::Listing;
use super::words;
use super::work::Work;
use crate::audit::owed::Glass;
use crate::audit::report::{
    ChangeReport, CoverState, DecisionReport, DeploymentReport, SinceReport,
};
use crate::audit::timeline::Timeline;
use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::said::commit;
use crate::cli::text::counted;
use crate::cli::time::date;
use crate::cli::ui::{Role, Table, Ui};
use crate::statement::pipeline::Decision;
use crate::statement::words::{DecisionVerdict, Mode};

/// One deployment.
pub(super) fn deployment(ui: &mut Ui, work: &Work<'_>, report: &DeploymentReport, glass: &Glass) {
    let place = format!(
        "Deployment {}: {} {} in {}",
        report.entry,
        report.service,
        commit(&report.revision),
        report.environment
    );
    let state = words::state(report, work.moment);
    let gap = 80usize.saturating_sub(place.chars().count() + state.chars().count()).max(2);
    if place.chars().count() + gap + state.chars().count() <= 80 {
        ui.line(&format!("{place}{:gap$}{state}", ""));
    } else {
        ui.line(&place);
        ui.line(&format!("  {state}"));
    }
    let mut table = Table::new(2);
    let trigger =
        report.trigger.as_ref().map(|id| format!(", set off by {id}")).unwrap_or_default();
    table.row([
        "when".to_owned(),
        format!(
            "{} by {}, outcome {}{trigger}",
            date(report.time),
            work.name(&report.by),
            report.outcome
        ),
    ]);
    for built in &report.artifacts {
        table.row(["image".to_owned(), words::artifact(work.names, built)]);
    }
    table.row(["gate".to_owned(), words::gate(work.names, report)]);
    if let Some(decision) = &report.decision {
        table.row([String::new(), words::basis(work.names, &decision.basis)]);
    }
    table.row(["back".to_owned(), words::back(report)]);
    ui.table(&table);
    ui.blank();
    match &report.same_commit_as {
        Some(same) if same.baseline => {
            ui.line(&format!(
                "It brought no change: same commit as the baseline, entry {}",
                same.entry
            ));
        }
        Some(same) => {
            ui.line(&format!("Same commit as deployment {}, which brought:", same.entry));
            changes(ui, work, report.cover, report.decision.as_ref(), &report.changes);
        }
        None => changes(ui, work, report.cover, report.decision.as_ref(), &report.changes),
    }
    since(ui, work, &report.changed_since);
    print_glass(ui, work, glass);
    last_lines(ui, work);
}

fn since(ui: &mut Ui, work: &Work<'_>, found: &[SinceReport]) {
    if found.is_empty() {
        return;
    }
    ui.blank();
    ui.lead(Role::Caution, "Changed since", "");
    for one in found {
        ui.paragraph(2, &words::since(work.names, one));
    }
}

pub(super) fn last_lines(ui: &mut Ui, work: &Work<'_>) {
    ui.blank();
    ui.line(&format!("Not proved: {NOT_PROVED}."));
    if let Some(at) = &work.scope.at {
        ui.line(&format!("As of {at} ({}): {} entries.", work.scope.zone, work.scope.size));
    }
    let (trusted, size) = (&work.scope.trusted, work.scope.ledger_size);
    ui.paragraph(0, &format!("{trusted}; ledger {size}, {}", work.scope.zone));
}

/// A place where nothing was deployed.
pub(super) fn nothing(
    ui: &mut Ui,
    work: &Work<'_>,
    service: &ServiceName,
    environment: &EnvironmentName,
    timeline: &Timeline,
    glass: &Glass,
) {
    ui.line(&format!("Nothing of {service} was deployed to {environment}"));
    match timeline.decisions().last() {
        Some(decision) => ui.line(&format!(
            "  newest decision: entry {}; countersign audit '#{}'",
            decision.index(),
            decision.index()
        )),
        None => ui.line("  the gate was never asked: countersign gate"),
    }
    print_glass(ui, work, glass);
    last_lines(ui, work);
}

/// A decision that no deployment rests on.
pub(super) fn decision(
    ui: &mut Ui,
    work: &Work<'_>,
    said: &Decision,
    report: &DecisionReport,
    cover: CoverState,
    found: &[ChangeReport],
) {
    let answer = match (report.verdict, report.mode) {
        (DecisionVerdict::Allow, _) => "allowed",
        (DecisionVerdict::Deny, Mode::Enforce) => "refused",
        (DecisionVerdict::Deny, Mode::Observe) => "WOULD REFUSE",
    };
    ui.line(&format!(
        "Decision {}: {answer} {} {} in {}",
        report.entry,
        said.service,
        commit(&said.revision),
        said.environment
    ));
    let mut table = Table::new(2);
    table.row(["when".to_owned(), format!("{} by {}", date(report.time), work.name(&report.by))]);
    let why: Vec<_> = report.reasons.iter().map(ToString::to_string).collect();
    if !why.is_empty() {
        table.row(["why".to_owned(), why.join(", ")]);
    }
    table.row([String::new(), words::basis(work.names, &report.basis)]);
    table.row(["then".to_owned(), "no deployment rests on it".to_owned()]);
    ui.table(&table);
    if cover == CoverState::Missing || !found.is_empty() {
        ui.blank();
        changes(ui, work, cover, Some(report), found);
    }
    last_lines(ui, work);
}

/// Deployments, a line each; those that an enforced policy would have refused stand apart.
pub(super) fn population(
    ui: &mut Ui,
    work: &Work<'_>,
    reports: &[DeploymentReport],
    glass: &Glass,
    is_period: bool,
) {
    let good: Vec<_> = reports.iter().filter(|report| report.settled).collect();
    let observed: Vec<_> = reports.iter().filter(|report| report.would_refuse).collect();
    let overridden: Vec<_> =
        reports.iter().filter(|report| !report.settled && !report.overrides.is_empty()).collect();
    let is_other = |report: &&DeploymentReport| {
        !report.settled && !report.would_refuse && report.overrides.is_empty()
    };
    let others: Vec<_> = reports.iter().filter(is_other).collect();
    let by_override = match overridden.len() {
        0 => String::new(),
        count => format!("{count} by override, "),
    };
    let what = if is_period { "deployment" } else { "live deployment" };
    ui.line(&format!(
        "{}: {} signed off, {by_override}{} WOULD REFUSE, {} not settled",
        counted(reports.len(), what),
        good.len(),
        observed.len(),
        others.len()
    ));
    for (heading, group) in [
        ("signed off", good),
        ("by override: denied, and deployed in an emergency", overridden),
        ("WOULD REFUSE: the policy was observed, not enforced", observed),
        ("not settled: failed, unasked, or overtaken", others),
    ] {
        if group.is_empty() {
            continue;
        }
        ui.blank();
        ui.line(heading);
        let mut table = Table::new(2);
        for report in group {
            let why = report.decision.as_ref().map(|decision| {
                let codes: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
                codes.join(", ")
            });
            let changes = counted(report.changes.len(), "change");
            let why = why.filter(|why| !why.is_empty()).unwrap_or(changes);
            table.row([
                format!("#{}", report.entry),
                date(report.time).trim_end_matches(" UTC").to_owned(),
                format!("{} {}", report.service, report.environment),
                commit(&report.revision),
                why,
            ]);
        }
        ui.table(&table);
    }
    if ui.is_verbose() {
        for report in reports {
            ui.blank();
            deployment(ui, work, report, &glass.clone().of_deployment(report.entry));
        }
        return;
    }
    print_glass(ui, work, glass);
    last_lines(ui, work);
    if let Some(report) = reports.last() {
        ui.line(&format!("one of them: countersign audit '#{}'", report.entry));
    }
}

/// Entries under a heading.
pub(super) fn listing(ui: &mut Ui, work: &Work<'_>, listing: &Listing) {
    ui.line(&listing.heading);
    let shown = if ui.is_verbose() { usize::MAX } else { 18 };
    let skipped = listing.lines.len().saturating_sub(shown);
    for line in listing.lines.iter().skip(skipped) {
        ui.line(&line.text(work.names));
    }
    if skipped > 0 {
        ui.line(&format!("{skipped} older ones: -v"));
    }
    last_lines(ui, work);
}
