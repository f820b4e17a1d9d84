//! Reports for spreadsheets: RFC 4180, one row a deployment and one a change.
//!
//! Cells that a spreadsheet would take for a formula start with an apostrophe (ATTACKS 57): what
//! a commit's title says is text, whatever it begins with.

use std::collections::BTreeMap;

use super::change::ChangeReport;
use super::report::{Basis, DeploymentReport};
use super::rfc3339;
use crate::base::name::MemberId;
use crate::verify::cover::Match;

/// The columns, in order. They only ever grow at the end.
pub const HEADER: [&str; 28] = [
    "row",
    "deployment_entry",
    "time_utc",
    "service",
    "environment",
    "revision",
    "outcome",
    "live",
    "settled",
    "would_refuse",
    "deployed_by",
    "trigger",
    "run",
    "decision_entry",
    "verdict",
    "mode",
    "policy",
    "reasons",
    "basis",
    "change",
    "title",
    "requests",
    "authors",
    "assistance",
    "needed",
    "signed",
    "match",
    "overrides",
];

/// Every deployment, each followed by its changes.
#[must_use]
pub fn csv(reports: &[DeploymentReport], names: &BTreeMap<MemberId, String>) -> String {
    let mut text = String::new();
    line(&mut text, HEADER.iter().map(|name| (*name).to_owned()));
    for report in reports {
        line(&mut text, row(report, None, names).into_iter());
        for change in &report.changes {
            line(&mut text, row(report, Some(change), names).into_iter());
        }
    }
    text
}

fn row(
    report: &DeploymentReport,
    change: Option<&ChangeReport>,
    names: &BTreeMap<MemberId, String>,
) -> Vec<String> {
    let name = |id: &MemberId| match names.get(id) {
        Some(name) => format!("{name} ({id})"),
        None => id.to_string(),
    };
    let decision = report.decision.as_ref();
    let of_decision =
        |text: fn(&super::report::DecisionReport) -> String| decision.map(text).unwrap_or_default();
    let mut cells = vec![
        if change.is_some() { "change" } else { "deployment" }.to_owned(),
        report.entry.to_string(),
        rfc3339(report.time),
        report.service.to_string(),
        report.environment.to_string(),
        report.revision.to_string(),
        report.outcome.to_string(),
        report.live.to_string(),
        report.settled.to_string(),
        report.would_refuse.to_string(),
        name(&report.by),
        report.trigger.as_ref().map(ToString::to_string).unwrap_or_default(),
        report.run.as_ref().map(ToString::to_string).unwrap_or_default(),
        of_decision(|decision| decision.entry.to_string()),
        of_decision(|decision| decision.verdict.to_string()),
        of_decision(|decision| decision.mode.to_string()),
        of_decision(|decision| decision.policy.map(|n| n.to_string()).unwrap_or_default()),
        of_decision(|decision| {
            decision.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }),
        decision
            .map(|decision| match &decision.basis {
                Basis::Proved => "proved".to_owned(),
                Basis::AttestedBy(by) => format!("attested by {}", name(by)),
            })
            .unwrap_or_default(),
    ];
    if let Some(change) = change {
        cells.extend(change_cells(change, &name));
    } else {
        cells.push(String::new());
        cells.push(report.title.clone().unwrap_or_default());
        cells.resize(HEADER.len() - 1, String::new());
    }
    let overrides: Vec<_> = report.overrides.iter().map(ToString::to_string).collect();
    cells.push(overrides.join("; "));
    cells
}

fn change_cells(change: &ChangeReport, name: &dyn Fn(&MemberId) -> String) -> Vec<String> {
    let joined = |items: Vec<String>| items.join("; ");
    let authors = change.authors.iter().map(|author| match &author.member {
        Some(member) => name(member),
        None => author.label.clone(),
    });
    let declared = change.declared.iter().map(|declared| declared.assistance.to_string()).max();
    let assistance = match change.assistance {
        Some((assistance, _)) => assistance.to_string(),
        None => declared.unwrap_or_default(),
    };
    let needed = change.needed.iter().map(|needed| format!("{} ({})", needed.ask, needed.because));
    let signed = change.signed.iter().map(|signed| {
        let level = signed.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
        let time = rfc3339(signed.time);
        format!("{}{level}, {time}, entry {}", name(&signed.member), signed.entry)
    });
    vec![
        change.change.to_string(),
        change.title.clone().unwrap_or_default(),
        joined(change.requests.iter().map(ToString::to_string).collect()),
        joined(authors.collect()),
        assistance,
        joined(needed.collect()),
        joined(signed.collect()),
        match change.matched {
            Match::Exact => "exact".to_owned(),
            Match::Carried => "carried".to_owned(),
        },
    ]
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&quoted(&cell));
    }
    text.push_str("\r\n");
}

/// A cell: harmless as a formula, and quoted where RFC 4180 wants it.
#[must_use]
pub fn quoted(cell: &str) -> String {
    // Spreadsheets pass over leading spaces, and some over other white space too.
    let first = cell.trim_start().chars().next();
    let is_formula = matches!(first, Some('=' | '+' | '-' | '@' | '|' | '%'))
        || cell.starts_with(['\t', '\r', '\n']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n', ';']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 57: a title is text, also where a spreadsheet would run it.
    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(
            quoted("=HYPERLINK(\"http://x\",\"y\")"),
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""
        );
        for start in ["=", "+", "-", "@", " =", "\t=", "\r1", "|", "%"] {
            let cell = quoted(&format!("{start}1+1"));
            assert!(cell.trim_start_matches('"').starts_with('\''), "{cell:?}");
        }
        assert_eq!(quoted("Retry card capture"), "Retry card capture");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
    }
}
