//! Overrides in an answer: which are in force, who may add one, and what is owed.

use std::fmt::Write as _;

use serde::Serialize;

use super::elsewhere_lines;
use super::{Emergency, OwedLine, Reporting, listed, more_of, override_holders, owed_lines};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::text::counted;
use crate::cli::time;
use crate::cli::ui::Ui;
use crate::policy::ReasonCode;
use crate::statement::words::Mode;
use crate::verify::{Question, Verdict, debt_due};

/// What overrides make of an answer; members of the answer itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Overriding {
    /// Whether it is denied, would be refused, and goes ahead by overrides.
    pub(crate) overridden: bool,
    /// Overrides that are in force for this revision and these artifacts.
    overrides: Vec<OverrideLine>,
    /// How many members must override.
    overrides_needed: usize,
    /// Debts of the place, oldest first.
    pub(crate) owed: Vec<OwedLine>,
    /// Where it goes ahead by overrides: when its sign-offs are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// Where it is refused: what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<Emergency>,
    #[serde(skip)]
    until_words: String,
    #[serde(skip)]
    due_words: String,
    /// Who may add what is missing, and how.
    #[serde(skip)]
    pub(super) ask: Option<String>,
}

/// An override that is in force.
#[derive(Debug, Clone, Serialize)]
struct OverrideLine {
    /// Whose.
    member: MemberId,
    /// What people call them.
    name: String,
    /// Its entry.
    entry: EntryIndex,
    /// Until when.
    expires: String,
}

/// The command that overrides a question.
pub(crate) fn override_command(reporting: &Reporting<'_>, question: &Question) -> String {
    let mut command = format!("countersign override {}", question.revision.short());
    // Writing to a String cannot fail.
    if reporting.policy.services().len() > 1 {
        let _ = write!(command, " --service {}", question.service);
    }
    if question.environment.as_str() != "production" {
        let _ = write!(command, " --env {}", question.environment);
    }
    for artifact in &question.artifacts {
        let _ = write!(command, " --artifact sha256:{artifact}");
    }
    format!("{command} -m WHY")
}

impl Overriding {
    /// What overrides make of a verdict. `claimed` is the earliest time that one of those in
    /// force claims: since then it will be owed.
    pub(crate) fn new(
        reporting: &Reporting<'_>,
        verdict: &Verdict,
        claimed: Option<Timestamp>,
    ) -> Self {
        let (question, view) = (&verdict.question, reporting.view);
        let now = question.time;
        let enforced = verdict.mode == Mode::Enforce;
        let overridden = enforced && verdict.is_overridden();
        let line = |one: &crate::verify::InForce| OverrideLine {
            member: one.member.clone(),
            name: reporting.names.of(&one.member),
            entry: one.entry,
            expires: time::rfc3339(one.expires),
        };
        let points = view.settled(&question.service, &question.environment);
        let settled = points.newest().and_then(|point| point.revision.as_ref());
        let debt_due = debt_due(question, view);
        let due = claimed.filter(|_| overridden).map(|claimed| claimed.plus(debt_due));
        let until = verdict.overrides.iter().map(|one| one.expires).min();
        let refuses = enforced && !verdict.is_allowed() && !overridden;
        let command = override_command(reporting, question);
        let mut owed = owed_lines(reporting.names, &verdict.owed, settled, now);
        let service = &question.service;
        owed.extend(elsewhere_lines(reporting, service, &verdict.owed_elsewhere, now));
        Self {
            overridden,
            overrides: verdict.overrides.iter().map(line).collect(),
            overrides_needed: verdict.overrides_needed,
            owed,
            due: due.map(time::rfc3339),
            ask: (refuses && !verdict.overrides.is_empty())
                .then(|| ask(reporting, verdict, &command)),
            // Who has begun to override is asked for the rest instead.
            emergency: (refuses && verdict.overrides.is_empty())
                .then(|| Emergency::new(reporting, verdict.overrides_needed, debt_due, command)),
            until_words: until.map_or_else(String::new, |until| time::clock(until, now)),
            due_words: due.map_or_else(String::new, |due| time::clock(due, now)),
        }
    }

    /// `by override of Ada Ruiz until 03:40 UTC; 2 changes are not signed off, and owed until
    /// 01:40 UTC`.
    pub(super) fn first_line(&self, uncovered: usize, reasons: &[ReasonCode]) -> String {
        let people: Vec<_> = self.overrides.iter().map(|one| one.name.clone()).collect();
        let verb = if uncovered == 1 { "is" } else { "are" };
        let what = match (uncovered, reasons.first()) {
            (0, Some(code)) => format!("denied otherwise: {code}; the sign-offs are"),
            (0, None) => "the sign-offs are".to_owned(),
            _ => format!("{} {verb} not signed off, and", counted(uncovered, "change")),
        };
        let (people, until, due) = (listed(&people), &self.until_words, &self.due_words);
        format!("by override of {people} until {until}; {what} owed until {due}")
    }

    /// What is owed; an answer that `passes` by its sign-offs ends it.
    pub(super) fn print(&self, ui: &mut Ui, passes: bool) {
        // What passes here ends nothing that another cell owes, and needs no override.
        let told: Vec<_> =
            self.owed.iter().filter(|owed| !passes || owed.environment.is_none()).collect();
        if told.is_empty() {
            return;
        }
        ui.blank();
        for owed in told {
            if passes { owed.print_settled(ui) } else { owed.print(ui) }
        }
    }

    /// The way out of a denial, where somebody may take it.
    pub(super) fn print_emergency(&self, ui: &mut Ui) {
        if let Some(said) = self.emergency.as_ref().and_then(Emergency::said) {
            ui.paragraph(0, &said);
        }
    }
}

/// Who may add the overrides that are missing, and how.
fn ask(reporting: &Reporting<'_>, verdict: &Verdict, command: &str) -> String {
    let has = |id: &MemberId| verdict.overrides.iter().any(|one| one.member == *id);
    let holders = override_holders(reporting.view);
    let others = holders.into_iter().filter(|member| !has(&member.id));
    let others: Vec<_> = others.map(|member| reporting.names.of(&member.id)).collect();
    let missing = verdict.overrides_needed.saturating_sub(verdict.overrides.len());
    format!("ask {}: {command}", more_of(missing, &others))
}
