//! The screen of a verdict.

use super::VerdictReport;
use crate::base::name::Revision;
use crate::cli::report::{SegmentReport, labelled, listed, print_next, print_problem, signed_off};
use crate::cli::text::counted;
use crate::cli::ui::Ui;
use crate::statement::words::DecisionVerdict;

/// At most so many changes are told in full, and so many of what is live already by name; `-v`
/// tells all.
const TOLD_MAX: usize = 3;
const NAMED_MAX: usize = 5;

impl VerdictReport {
    /// Prints the screen, or the JSON.
    pub(crate) fn print(&self, ui: &mut Ui) {
        ui.json(self);
        ui.answer(self.word(), &self.first_line());
        ui.paragraph(4, &self.second_line());
        if !self.problems.is_empty() {
            ui.blank();
        }
        for problem in &self.problems {
            print_problem(ui, problem.code, &problem.text, problem.hint.as_deref());
        }
        if let Some(undone) = &self.undone {
            undone.print(ui);
        }
        for artifact in &self.artifacts {
            artifact.print_open(ui);
        }
        self.print_uncovered(ui);
        if let Some(nearly) = &self.nearly {
            ui.blank();
            ui.paragraph(2, &format!("or as one: {}", nearly.heading()));
            nearly.print_body(ui);
        }
        if let Some(command) = self.at_once.as_ref().filter(|_| self.nearly.is_none()) {
            ui.blank();
            labelled(ui, "or", &format!("all that changes, as one: {command}"), "");
        }
        self.print_rejected_earlier(ui);
        self.overriding.print(ui, self.answer == DecisionVerdict::Allow);
        if ui.is_verbose() {
            self.print_covered(ui);
        }
        ui.blank();
        for artifact in self.artifacts.iter().filter(|one| one.satisfied) {
            ui.paragraph(2, &format!("artifact {}", artifact.said));
        }
        if self.segments.iter().any(|one| one.satisfied && one.paths > 0) {
            ui.paragraph(2, &self.counts());
        }
        if !self.attested_names.is_empty() {
            let names = listed(&self.attested_names);
            ui.paragraph(2, &format!("what each commit changed: attested by {names}"));
        }
        ui.paragraph(2, &self.trust);
        if self.single_admin.is_some() {
            let name = &self.single_admin_name;
            ui.paragraph(2, &format!("single admin: {name} alone sets policy and roster"));
        }
        if let Some(recorded) = &self.recorded {
            let already = if recorded.repeated { "already " } else { "" };
            ui.line(&format!("  {already}recorded: entry {}", recorded.decision));
        }
        self.overriding.print_emergency(ui);
        // Where the deployment begins at once, what is next is its own output.
        if self.recorded.as_ref().is_none_or(|recorded| recorded.deployment.is_none()) {
            print_next(ui, &self.next());
        }
    }

    /// What is signed off, and was rejected in another form: whoever deploys should know.
    fn print_rejected_earlier(&self, ui: &mut Ui) {
        let is_told = |segment: &&SegmentReport| {
            segment.satisfied && !segment.rejected_earlier.is_empty() && !ui.is_verbose()
        };
        let told: Vec<_> = self.segments.iter().filter(is_told).collect();
        for segment in told {
            ui.blank();
            ui.paragraph(2, &segment.heading());
            for earlier in &segment.rejected_earlier {
                earlier.print(ui);
            }
        }
    }

    /// What is not signed off. Where nothing is refused, what is new is told apart from what is
    /// live already: only the first is this deployment's doing.
    fn print_uncovered(&self, ui: &mut Ui) {
        let live = self.live.as_ref().map_or(0, |live| live.segments).min(self.segments.len());
        let (older, newer) = self.segments.split_at(live);
        let missing = |segments: &'_ [SegmentReport]| {
            segments.iter().filter(|one| !one.satisfied).cloned().collect::<Vec<_>>()
        };
        let (older, newer) = (missing(older), missing(newer));
        let told_max = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
        if let Some(live) = self.live.as_ref().filter(|_| !newer.is_empty()) {
            let (entry, commit) = (live.entry, live.revision.short());
            ui.blank();
            ui.line(&format!("{} new since deployment {entry} ({commit})", newer.len()));
        }
        for segment in newer.iter().take(told_max) {
            ui.blank();
            segment.print(ui);
        }
        if newer.len() > told_max {
            ui.blank();
            ui.line(&format!("  {} more: -v lists them", newer.len() - told_max));
        }
        if older.is_empty() {
            return;
        }
        ui.blank();
        ui.line(&format!("{} older, live already without sign-off", older.len()));
        let named_max = if ui.is_verbose() { usize::MAX } else { NAMED_MAX };
        for segment in older.iter().take(named_max) {
            ui.paragraph(2, &segment.heading());
        }
        if older.len() > named_max {
            ui.line(&format!("  {} more: -v lists them", older.len() - named_max));
        }
    }

    fn first_line(&self) -> String {
        let uncovered = self.segments.iter().filter(|one| !one.satisfied).count();
        let said = match (self.answer, self.segments.len(), uncovered) {
            (DecisionVerdict::Allow, 0, _) if self.rolls_back => "a rollback".to_owned(),
            (DecisionVerdict::Allow, 0, _) => match self.signed_artifacts() {
                0 => "nothing new".to_owned(),
                signed => format!("no change; {}, signed off", counted(signed, "artifact")),
            },
            (DecisionVerdict::Allow, _, _) => signed_off(&self.segments),
            (DecisionVerdict::Deny, _, missing) if self.overriding.overridden => {
                self.overriding.first_line(missing, &self.reasons)
            }
            (DecisionVerdict::Deny, _, 0) => match (self.problems.first(), self.open_artifacts()) {
                (Some(problem), _) => problem.code.to_string(),
                (None, 0) => "denied".to_owned(),
                (None, 1) => "its artifact is not signed off".to_owned(),
                (None, open) => format!("{open} artifacts are not signed off"),
            },
            (DecisionVerdict::Deny, all, missing) => {
                let verb = if missing == 1 { "is" } else { "are" };
                format!("{missing} of {} {verb} not signed off", counted(all, "change"))
            }
        };
        let said = if self.rolls_back && self.answer == DecisionVerdict::Deny {
            format!("a rollback; {said}")
        } else {
            said
        };
        let (service, environment) = (&self.service, &self.environment);
        format!("{service} {} to {environment}: {said}", self.revision.short())
    }

    fn second_line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(start) = &self.start {
            let commit = start.revision.as_ref().map_or("nothing", Revision::short);
            let (kind, entry, date) = (start.kind, start.entry, &start.date);
            let since = if self.rolls_back { "back to" } else { "since" };
            parts.push(format!("{since} {kind} {entry} ({commit}, {date})"));
        }
        parts.push(self.policy.map_or_else(
            || "no policy".to_owned(),
            |number| format!("policy {number}{}", self.older_policies()),
        ));
        parts.push(format!("ledger {}", self.size));
        parts.join("; ")
    }

    fn signed_artifacts(&self) -> usize {
        self.artifacts.iter().filter(|artifact| !artifact.signed_by.is_empty()).count()
    }

    fn open_artifacts(&self) -> usize {
        self.artifacts.iter().filter(|artifact| !artifact.satisfied).count()
    }

    fn older_policies(&self) -> String {
        let mut older = self.policies_passed_as_well.clone();
        older.sort_unstable();
        let older: Vec<_> = older.iter().map(u64::to_string).collect();
        if older.is_empty() { String::new() } else { format!(" and still {}", listed(&older)) }
    }

    fn counts(&self) -> String {
        // Nobody is asked to sign what changes nothing.
        let covered = self.segments.iter().filter(|one| one.satisfied && one.paths > 0);
        let carried = covered.clone().filter(|one| one.matched == Some("carried")).count();
        let all = covered.clone().count();
        let counted = covered.flat_map(|one| &one.has).filter(|has| !has.counts_for.is_empty());
        let mut people: Vec<_> = counted.map(|has| &has.member).collect();
        people.sort_unstable();
        people.dedup();
        let people = if people.len() == 1 {
            "1 person".to_owned()
        } else {
            format!("{} people", people.len())
        };
        let listed =
            if all > 0 && self.answer == DecisionVerdict::Deny { " (-v lists them)" } else { "" };
        format!(
            "{all} signed off: {} exact, {carried} carried; {people} signed{listed}",
            all - carried
        )
    }

    fn print_covered(&self, ui: &mut Ui) {
        for segment in self.segments.iter().filter(|one| one.satisfied) {
            ui.blank();
            segment.print(ui);
        }
    }
}
