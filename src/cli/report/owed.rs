//! What is owed after overrides, and who may override (`spec/verdict.md` section 9).

use serde::Serialize;

use super::{Reporting, labelled, place_flags};
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::{Span, Timestamp};
use crate::cli::desk::Names;
use crate::cli::time;
use crate::cli::ui::Ui;
use crate::roster::Member;
use crate::statement::words::{Duty, MemberKind};
use crate::verify::{Owed, OwedElsewhere};
use crate::view::View;

/// What ends a debt once its sign-offs are there: no sign-off does by itself.
const SETTLE: &str = "countersign gate -- CMD";
/// What is left to do then.
pub(crate) const SIGNED_OFF: &str = "its sign-offs are there: countersign gate -- CMD settles it";

/// A debt, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OwedLine {
    /// Where it begins: the decision that went ahead by override, or the deployment.
    pub(crate) entry: EntryIndex,
    /// The deployments that rest on it, as far as they were recorded.
    pub(crate) deployments: Vec<EntryIndex>,
    /// The commit.
    pub(crate) revision: Revision,
    /// Who overrode.
    pub(crate) members: Vec<MemberId>,
    /// The entries of their overrides.
    pub(crate) overrides: Vec<EntryIndex>,
    /// Since when it is owed.
    pub(crate) since: String,
    /// When it is due.
    pub(crate) due: String,
    /// Whether that is past.
    pub(crate) overdue: bool,
    /// Whether its sign-offs are there: the next deployment that passes ends it.
    pub(crate) signed_off: bool,
    /// What the others run to pay it.
    pub(crate) command: String,
    /// The cell of the group that owes it, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<EnvironmentName>,
    /// Until when it makes overrides harder, though something else than its sign-offs ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counts_until: Option<String>,
    #[serde(skip)]
    said: String,
    #[serde(skip)]
    ends: String,
}

/// Debts as lines. `start` is the newest settled commit of the place: what lies after it, up to
/// the deployed commit, is what is owed.
pub(crate) fn owed_lines(
    names: &Names,
    owed: &[Owed],
    start: Option<&Revision>,
    now: Timestamp,
) -> Vec<OwedLine> {
    let line = |owed: &Owed| {
        let debt = &owed.debt;
        let people: Vec<_> = debt.members.iter().map(|member| names.of(member)).collect();
        let commit = debt.revision.short();
        let deployments: Vec<_> = debt.deployments.iter().map(|one| one.index).collect();
        let what = went_ahead(debt.entry.index, &deployments);
        let when = if owed.overdue {
            format!("overdue since {}", time::clock(owed.due, now))
        } else {
            format!("due {}", time::clock(owed.due, now))
        };
        let since = time::clock(debt.since, now);
        OwedLine {
            entry: debt.entry.index,
            deployments,
            revision: debt.revision.clone(),
            members: debt.members.clone(),
            overrides: debt.overrides.clone(),
            since: time::rfc3339(debt.since),
            due: time::rfc3339(owed.due),
            overdue: owed.overdue,
            signed_off: false,
            environment: None,
            counts_until: None,
            ends: format!("what {what} owes, by override of {}", listed(&people)),
            command: match start {
                // Nothing of it is missing any more: the next deployment settles it.
                Some(start) if *start == debt.revision => "countersign gate".to_owned(),
                Some(start) => format!("countersign approve {}..{commit}", start.short()),
                None => format!("countersign approve {commit}"),
            },
            said: format!(
                "sign-offs of {commit}, {what} by override of {}, since {since}; \
                 {when}",
                listed(&people)
            ),
        }
    };
    owed.iter().map(line).collect()
}

/// Debts that count at a place beside its own. The commands that pay are about the places that owe.
pub(crate) fn elsewhere_lines(
    reporting: &Reporting<'_>,
    service: &ServiceName,
    owed: &[OwedElsewhere],
    now: Timestamp,
) -> Vec<OwedLine> {
    let line = |one: &OwedElsewhere| {
        let (environment, overdue) = (&one.environment, one.overdue);
        let points = reporting.view.starts(service, environment);
        let start = points.newest().and_then(|point| point.revision.as_ref());
        let own = Owed { debt: one.debt.clone(), due: one.due, overdue };
        let mut line = owed_lines(reporting.names, &[own], start, now).pop()?;
        let flags = place_flags(reporting.policy, service, environment);
        line.command.push_str(&flags);
        line.said = format!("{environment}: {}", line.said);
        line.ends = format!("{}, in {environment}", line.ends);
        if let Some((ended, until)) = one.ended {
            line.said = format!(
                "{}; ended by entry {ended}, which is without it: it counts until {}",
                line.said,
                time::clock(until, now)
            );
            line.command = format!("countersign audit '#{ended}'");
            line.counts_until = Some(time::rfc3339(until));
        }
        line.environment = Some(environment.clone());
        Some(line)
    };
    owed.iter().filter_map(line).collect()
}

impl OwedLine {
    /// `sign-offs of 41c09aa, deployment 31 by override of Ada Ruiz, since 01:40 UTC; due ...`.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Its sign-offs are there; a deployment ends it.
    pub(crate) fn settle(&mut self) {
        self.signed_off = true;
        SETTLE.clone_into(&mut self.command);
    }

    /// `what deployment 31 owes, by override of Ada Ruiz: its sign-offs are there`, and what ends
    /// it.
    pub(crate) fn settled_by(&self) -> String {
        format!("{}: its sign-offs are there; {SETTLE} settles it", self.ends)
    }

    /// Of a deployment that passes: it is what ends the debt.
    pub(super) fn print_settled(&self, ui: &mut Ui) {
        labelled(ui, "ends", &self.ends, "");
    }

    /// What is owed, and the command that pays.
    pub(crate) fn print(&self, ui: &mut Ui) {
        let code = if self.overdue { "DEBT_OVERDUE" } else { "" };
        labelled(ui, "owed", &self.said, code);
        if self.signed_off {
            labelled(ui, "pay", SIGNED_OFF, "");
        } else if self.counts_until.is_none() {
            labelled(ui, "pay", &self.command, "");
        }
    }
}

/// `deployment 31`; `decision 30, no deployment recorded,` where nobody recorded one.
pub(crate) fn went_ahead(entry: EntryIndex, deployments: &[EntryIndex]) -> String {
    match deployments.first() {
        Some(first) => format!("deployment {first}"),
        None => format!("decision {entry}, no deployment recorded,"),
    }
}

/// `Ada Ruiz`, `Ada Ruiz and Mia Kern`, `Ada Ruiz, Jo Fox and Mia Kern`.
pub(crate) fn listed(people: &[String]) -> String {
    match people.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `Mia Kern`, where all of them must; else `2 more of Ada Ruiz, Jo Fox and Mia Kern`.
pub(crate) fn more_of(missing: usize, people: &[String]) -> String {
    if people.len() <= missing {
        return listed(people);
    }
    format!("{missing} more of {}", listed(people))
}

/// The people who may override: humans with the duty and a key.
pub(crate) fn override_holders(view: &View) -> Vec<&Member> {
    let size = view.size();
    let may = |member: &&Member| {
        member.kind == MemberKind::Human
            && member.has_duty(Duty::Override)
            && !view.roster().keys_of(&member.id, size).is_empty()
    };
    view.roster().members(size).filter(may).collect()
}

/// A hint where the duty to override is with nobody, or with one person alone, who may be on a
/// plane when it is needed.
pub(crate) fn few_holders(view: &View) -> Option<&'static str> {
    match override_holders(view).len() {
        0 => Some("nobody has the duty override: in an emergency nobody can break the glass"),
        1 => Some("only one person has the duty override: a second should have it too"),
        _ => None,
    }
}

/// A hint where no admin who can sign can be spared: one lost key, and nothing can be governed.
pub(crate) fn few_admins(view: &View) -> Option<String> {
    let (roster, size) = (view.roster(), view.size());
    few_admins_of(roster.able_admins(size).len(), roster.admins(size)?.threshold)
}

/// The same of `able` admins who can sign, of whom `threshold` must.
pub(crate) fn few_admins_of(able: usize, threshold: u32) -> Option<String> {
    let is_few = u32::try_from(able).is_ok_and(|able| able <= threshold);
    is_few.then(|| match threshold {
        1 => "only one admin can sign: with that key lost nobody can govern; name a second"
            .to_owned(),
        _ => format!(
            "{threshold} admins must sign and only {able} can: with one key lost nobody can \
             govern; name another"
        ),
    })
}

/// The way out of a denial, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Emergency {
    /// Who may override.
    holders: Vec<MemberId>,
    /// How many of them must.
    needed: usize,
    /// What they run.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip)]
    due_in: Span,
}

impl Emergency {
    /// What is left to who must deploy all the same.
    pub(crate) fn new(
        reporting: &Reporting<'_>,
        needed: usize,
        due_in: Span,
        command: String,
    ) -> Self {
        let holders = override_holders(reporting.view);
        let holders: Vec<_> = holders.into_iter().map(|member| member.id.clone()).collect();
        Self { command: (!holders.is_empty()).then_some(command), holders, needed, due_in }
    }

    /// What is left; none where nobody may do it.
    pub(crate) fn said(&self) -> Option<String> {
        let command = self.command.as_ref()?;
        let due = time::hours(self.due_in);
        let people = if self.needed > 1 {
            format!("{} people must; it leaves a debt, due in {due}", self.needed)
        } else {
            format!("leaves a debt, due in {due}")
        };
        Some(format!("emergency: {command} ({people})"))
    }
}
