//! One deployment, or a decision that none rests on: the verdict line by line.

use maud::{Markup, html};

use super::parts::{
    Linked, Said, Word, change_path, comma, commit, deployment_link, entry_link, fact, heading,
    line, member_link, moment, told,
};
use super::shell::{Frame, Part};
use crate::audit::auditor::Auditor;
use crate::audit::report::{
    Basis, ChangeReport, CoverState, DecisionReport, DeploymentReport, SignedReport,
};
use crate::audit::timeline::Timeline;
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::audit::words;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::report::rule_words;
use crate::cli::text::counted;
use crate::cli::time;
use crate::cli::ui::Role;
use crate::statement::Says;
use crate::statement::words::{DecisionVerdict, Mode, Outcome};

/// A deployment as the audit has it.
pub(crate) struct DeploymentPage {
    now: Timestamp,
    names: Names,
    found: Found,
    /// The first parent of each change's first commit, where the repository is here.
    bases: Vec<Option<Revision>>,
}

enum Found {
    Deployment(Box<DeploymentReport>),
    Decision {
        service: ServiceName,
        environment: EnvironmentName,
        report: Box<DecisionReport>,
        cover: CoverState,
        changes: Vec<ChangeReport>,
    },
}

impl DeploymentPage {
    /// Reads a deployment by its entry, or by that of its decision or outcome.
    ///
    /// # Errors
    /// Where the entry is neither, or the ledger cannot be read.
    pub(crate) fn read(desk: &Desk, index: EntryIndex, now: Timestamp) -> Result<Self, CliError> {
        let entry = desk.session.entry(index)?;
        let (service, environment) = match &entry.statement().says {
            Says::Deployment(said) => (&said.service, &said.environment),
            Says::Decision(said) => (&said.service, &said.environment),
            _ => {
                let message = format!("entry {index} is no deployment and no decision");
                return Err(CliError::usage(message).hint(format!("see entry {index} itself")));
            }
        };
        let size = desk.session.size();
        let timeline = Timeline::read(&desk.session, service, environment, size)?;
        let repository = desk.repository.as_ref();
        let known = repository.map(|found| (found, desk.repository_name.as_ref()));
        let mut auditor = Auditor::new(&desk.session, known, size, now);
        let started = match &entry.statement().says {
            Says::Deployment(said) => said.started,
            _ => None,
        };
        let mut all = timeline.deployments().iter().filter_map(|one| Some((one, one.said()?)));
        let deployment = all.find(|(one, said)| {
            let decision = timeline.decision_of(said).map(|(decision, _)| decision.index());
            let id = one.entry().id();
            one.entry().index() == index || Some(id) == started || decision == Some(index)
        });
        let found = match (deployment, &entry.statement().says) {
            (Some((deployed, said)), _) => {
                Found::Deployment(Box::new(auditor.deployment(&timeline, deployed, said)?))
            }
            (None, Says::Decision(said)) => {
                let (report, cover, changes) = auditor.lone_decision(&entry, said)?;
                let (service, environment) = (service.clone(), environment.clone());
                let report = Box::new(report);
                Found::Decision { service, environment, report, cover, changes }
            }
            (None, _) => {
                return Err(CliError::usage(format!("entry {index} has no deployment here")));
            }
        };
        let changes = match &found {
            Found::Deployment(report) => &report.changes,
            Found::Decision { changes, .. } => changes,
        };
        let base = |change: &ChangeReport| {
            repository.and_then(|found| found.resolve(&format!("{}^", change.first)).ok())
        };
        let bases = changes.iter().map(base).collect();
        Ok(Self { now, names: desk.names(), found, bases })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let (word, title, main) = match &self.found {
            Found::Deployment(report) => self.deployment(report),
            Found::Decision { service, environment, report, cover, changes } => {
                self.decision(service, environment, report, *cover, changes)
            }
        };
        frame.page(Part::Elsewhere, &format!("{} {title}", word.text), &main)
    }

    fn deployment(&self, report: &DeploymentReport) -> (Word, String, Markup) {
        let (word, rest) = answer(report);
        let title = format!("{} in {}", report.service, report.environment);
        let main = html! {
            (heading(word, &html! { (Said(&title)) " " (commit(&report.revision)) }))
            p.sub {
                (rest) ". "
                @if let Some(title) = &report.title { (Said(title)) ". " }
                "Deployment " (report.entry) ", "
                @match (report.live, report.outcome) {
                    (true, _) => {
                        "live for " (time::span(self.now.since(report.time)))
                    }
                    (false, Outcome::Failed) => "never live",
                    (false, _) => "not live any more",
                }
            }
            dl.facts {
                (fact("When", &html! {
                    (moment(report.time)) ", recorded by " (member_link(&self.names, &report.by))
                }))
                (fact("Outcome", &html! {
                    (report.outcome.to_string()) ", " (entry_link(report.outcome_entry))
                    @if let Some(trigger) = &report.trigger {
                        ", set off by " (Said(trigger.as_str()))
                    }
                    @if let Some(run) = &report.run { ", run " (Said(run.as_str())) }
                }))
                (fact("Gate", &html! { (Linked(&words::gate(&self.names, report))) }))
                @if let Some(decision) = &report.decision {
                    (fact("Rests on", &told(&words::basis(&self.names, &decision.basis))))
                }
                @for built in &report.artifacts {
                    (fact("Artifact", &html! { (Linked(&words::artifact(&self.names, built))) }))
                }
                @if !report.overrides.is_empty() {
                    (fact("Overrides", &comma(
                        &report.overrides.iter().map(|entry| entry_link(*entry)).collect::<Vec<_>>()
                    )))
                }
                (fact("Way back", &told(&words::back(report))))
            }
            @if let Some(same) = &report.same_commit_as {
                p {
                    @if same.baseline {
                        "It brought no change: the same commit as the baseline, "
                        (entry_link(same.entry)) "."
                    } @else {
                        "The same commit as " (deployment_link(same.entry)) ", which brought:"
                    }
                }
            }
            (self.changes(
                report.cover, report.decision.as_ref(), &report.changes,
                (&report.service, &report.environment),
            ))
            @if !report.changed_since.is_empty() {
                h2 { "Known since" }
                ul.lines {
                    @for one in &report.changed_since {
                        (line(Role::Caution, "since", &told(&words::since(&self.names, one))))
                    }
                }
            }
        };
        (word, title, main)
    }

    fn decision(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        report: &DecisionReport,
        cover: CoverState,
        changes: &[ChangeReport],
    ) -> (Word, String, Markup) {
        let word = match (report.verdict, report.mode) {
            (DecisionVerdict::Allow, _) => Word::good("YES"),
            (DecisionVerdict::Deny, Mode::Enforce) => Word::bad("NO"),
            (DecisionVerdict::Deny, Mode::Observe) => Word::caution("WOULD REFUSE"),
        };
        let title = format!("{service} to {environment}");
        let why: Vec<_> = report.reasons.iter().map(ToString::to_string).collect();
        let main = html! {
            (heading(word, &html! { (Said(&title)) " " (commit(&report.revision)) }))
            p.sub { "Decision " (report.entry) "; no deployment rests on it" }
            dl.facts {
                (fact("When", &html! {
                    (moment(report.time)) " by " (member_link(&self.names, &report.by))
                }))
                @if !why.is_empty() { (fact("Why", &html! { (why.join(", ")) })) }
                (fact("Rests on", &html! { (Linked(&words::basis(&self.names, &report.basis))) }))
            }
            (self.changes(cover, Some(report), changes, (service, environment)))
        };
        (word, title, main)
    }

    fn changes(
        &self,
        cover: CoverState,
        decision: Option<&DecisionReport>,
        changes: &[ChangeReport],
        place: (&ServiceName, &EnvironmentName),
    ) -> Markup {
        let told = match (cover, decision) {
            (CoverState::Missing, _) => {
                "UNREACHABLE: the list of its changes is missing from the side store".to_owned()
            }
            (CoverState::None, _) | (CoverState::Denied, None) => {
                "Nobody asked the gate, so nothing says what it brought and who signed that"
                    .to_owned()
            }
            (CoverState::Denied, Some(decision)) => words::not_signed_off(decision),
            (CoverState::Contradicted, _) => {
                "WARNING: judged again from ledger and repository, the gate's answer is another; \
                 whoever holds its key wrote this decision"
                    .to_owned()
            }
            (CoverState::Good, _) => String::new(),
        };
        let shown: Vec<_> = changes
            .iter()
            .zip(&self.bases)
            .filter(|(change, _)| !change.changes_nothing())
            .collect();
        let open = shown.iter().filter(|(change, _)| !change.covered).count();
        html! {
            @if !shown.is_empty() || !told.is_empty() {
                h2 {
                    @match shown.len() {
                        0 => "What it brought",
                        all => {
                            "What it brought: " (counted(all, "change"))
                            @if open > 0 { ", " (open) " not signed off" }
                        }
                    }
                }
            }
            @if !told.is_empty() { p { (told) } }
            @if shown.is_empty() && !changes.is_empty() {
                p { "It changes nothing: no sign-off is asked." }
            }
            @if !shown.is_empty() {
                ol.cards {
                    @for (change, base) in shown.iter().rev() {
                        (self.change(change, base.as_ref(), place))
                    }
                }
            }
        }
    }

    fn change(
        &self,
        change: &ChangeReport,
        base: Option<&Revision>,
        place: (&ServiceName, &EnvironmentName),
    ) -> Markup {
        let word = if change.covered { Word::good("YES") } else { Word::bad("NO") };
        let title =
            change.title.clone().unwrap_or_else(|| format!("change {}", change.change.short()));
        let path = change_path(change.change, Some(place), base.map(|base| (base, &change.last)));
        let requests: Vec<_> = change.requests.iter().map(ToString::to_string).collect();
        let writers = words::writers(&self.names, change);
        let writers =
            if writers.is_empty() { "not known here".to_owned() } else { writers.join(", ") };
        html! {
            li.card {
                h3 { (word) " " a href=(path) { (Said(&title)) } }
                p.sub {
                    (commit(&change.last)) " \u{b7} "
                    @if !requests.is_empty() { (Said(&requests.join(", "))) " \u{b7} " }
                    "by " (Linked(&writers)) " \u{b7} AI: "
                    (Linked(&words::assistance(&self.names, change)))
                }
                ul.lines {
                    @for needed in &change.needed {
                        @let because = rule_words(&needed.because);
                        @let (role, state) = if needed.missing > 0 {
                            (Role::Bad, "missing")
                        } else {
                            (Role::Good, "ok")
                        };
                        (line(role, state, &told(&format!("{}: {because}", needed.ask))))
                    }
                    @for signed in &change.signed { (self.signed(signed)) }
                    @if change.signed.is_empty() {
                        (line(Role::Plain, "signed", &html! {
                            "by nobody" @if change.covered { ": the policy exempts it" }
                        }))
                    }
                    @if change.judged_again == Some(false) {
                        (line(Role::Bad, "warning", &html! {
                            "judged again here, "
                            @if change.covered { "these sign-offs do not cover it" }
                            @else { "the reasons are others" }
                        }))
                    }
                }
            }
        }
    }

    fn signed(&self, signed: &SignedReport) -> Markup {
        let said = signed.comment.iter().chain(&signed.checklist);
        html! {
            (line(Role::Plain, "signed", &told(&words::sign_off(&self.names, signed))))
            @for one in said { (line(Role::Faint, "", &html! { (Linked(&words::said(one))) })) }
        }
    }
}

/// What a deployment is, in a word and a few more.
fn answer(report: &DeploymentReport) -> (Word, &'static str) {
    if report.outcome == Outcome::Failed {
        return (Word::caution("FAILED"), "It failed, as was recorded");
    }
    let denied = report.decision.as_ref().map(|decision| (decision.verdict, &decision.basis));
    let is_accepted = report.same_commit_as.as_ref().is_some_and(|same| same.baseline);
    match (report.settled, report.would_refuse, denied) {
        _ if report.cover == CoverState::Contradicted => {
            (Word::bad("TAMPERED"), "Judged again, the gate's answer is another")
        }
        (true, ..) if is_accepted => {
            (Word::good("YES"), "It brought no change: its commit was accepted by a baseline")
        }
        (true, _, Some((_, Basis::Proved))) => {
            (Word::good("YES"), "All that it brought is signed off, judged again here")
        }
        (true, ..) => (Word::good("YES"), "All that it brought is signed off"),
        (false, true, _) => {
            (Word::caution("WOULD REFUSE"), "It went ahead because the policy only observed")
        }
        (false, false, _) if !report.overrides.is_empty() => {
            (Word::bad("OVERRIDE"), "It went ahead by override")
        }
        (false, false, Some((DecisionVerdict::Deny, _))) => {
            (Word::bad("NO"), "It was denied, and deployed all the same")
        }
        (false, false, Some(_)) => {
            (Word::caution("NOT SETTLED"), "It was allowed, and another came between")
        }
        (false, false, None) => {
            (Word::bad("NOT ASKED"), "Nobody asked a gate, so it settles nothing")
        }
    }
}
