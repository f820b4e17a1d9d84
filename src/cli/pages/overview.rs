//! What is live in every place, and how it came there.

use maud::{Markup, html};

use super::parts::{Linked, Said, Word, ago, commit, deployment_link, encoded, heading, moment};
use super::shell::{Frame, Part};
use crate::audit::observed::{Observed, newest_deployments};
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::audit::places::places;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{count, observed_words};
use crate::ledger::topics;
use crate::policy::Policy;
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Mode, Outcome};
use crate::verify::VerifiedEntry;

/// Deployments of a place that are listed, the newest.
const LISTED: usize = 5;

/// What did not come to be live.
const FAILED: Word = Word::caution("FAILED");

/// What is live everywhere.
pub(crate) struct OverviewPage {
    now: Timestamp,
    places: Vec<Live>,
}

/// One place.
struct Live {
    service: ServiceName,
    environment: EnvironmentName,
    mode: Option<Mode>,
    /// What the newest deployment is, and what is said of it.
    word: Word,
    said: String,
    deployments: Vec<Deployed>,
    /// What would have been refused, where it is only observed.
    observed: Option<String>,
    /// Debts that are open.
    owed: usize,
}

struct Deployed {
    entry: EntryIndex,
    time: Timestamp,
    revision: Revision,
    word: Word,
}

impl OverviewPage {
    /// Reads every place.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn read(desk: &Desk, now: Timestamp) -> Result<Self, CliError> {
        let policy = desk.session.view().policy();
        let policy = policy.and_then(|version| Policy::parse(&version.text).ok());
        let mut found = Vec::new();
        for (service, environment) in places(desk, None, None)? {
            found.push(Live::read(desk, policy.as_ref(), service, environment)?);
        }
        Ok(Self { now, places: found })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let deployed = self.places.iter().filter(|live| !live.deployments.is_empty());
        let bad = deployed.clone().filter(|live| live.word.role != crate::cli::ui::Role::Good);
        let (all, bad) = (deployed.count(), bad.count());
        let (word, rest) = match (all, bad) {
            (0, _) => (Word::plain("NOTHING"), "is deployed yet".to_owned()),
            (1, 0) => (Word::good("YES"), "what is live is signed off".to_owned()),
            (_, 0) => {
                (Word::good("YES"), format!("what is live in all {all} places is signed off"))
            }
            (1, _) => (Word::bad("NO"), "what is live is not signed off".to_owned()),
            _ => (
                Word::bad("NO"),
                format!("what is live in {bad} of {all} places is not signed off"),
            ),
        };
        let main = html! {
            (heading(word, &html! { (rest) }))
            @for live in &self.places { (live.section(self.now)) }
            @if self.places.is_empty() {
                p { "No gate was asked, and no deployment recorded." }
            }
        };
        frame.page(Part::Overview, word.text, &main)
    }
}

impl Live {
    fn read(
        desk: &Desk,
        policy: Option<&Policy>,
        service: ServiceName,
        environment: EnvironmentName,
    ) -> Result<Self, CliError> {
        let session = &desk.session;
        let points = session.view().settled(&service, &environment);
        let newest = newest_deployments(session, &service, &environment, LISTED)?;
        let mut deployments = Vec::new();
        // What failed is not what is live, where anything else is.
        let mut said: Option<(Word, String)> = None;
        for entry in &newest {
            let Says::Deployment(body) = &entry.statement().says else { continue };
            let is_settled = points.all().iter().any(|point| point.entry.index == entry.index());
            // Of older ones only their own word on the outcome is known here.
            let live = points.live().filter(|live| live.entry.index == entry.index());
            let outcome = live.map_or(body.outcome, |live| live.outcome);
            let (word, words) = standing(desk, body, is_settled, outcome)?;
            if said.as_ref().is_none_or(|(before, _)| *before == FAILED) {
                said = Some((word, words));
            }
            let (entry, time) = (entry.index(), entry.time());
            deployments.push(Deployed { entry, time, revision: body.revision.clone(), word });
        }
        let known = policy.filter(|policy| {
            policy.service(&service).is_some() && policy.environment(&environment).is_ok()
        });
        let mode = known.map(|policy| policy.mode(&service, &environment));
        let observed = match mode {
            Some(Mode::Observe) => {
                observed_words(&Observed::read(session, &service, &environment)?)
            }
            _ => None,
        };
        let nothing = || (Word::plain("NOTHING"), "nothing is deployed".to_owned());
        let (word, said) = said.unwrap_or_else(nothing);
        let owed = points.debts().count();
        Ok(Self { service, environment, mode, word, said, deployments, observed, owed })
    }

    fn section(&self, now: Timestamp) -> Markup {
        let title = format!("{} in {}", self.service, self.environment);
        let queue = format!(
            "/queue?service={}&environment={}",
            encoded(self.service.as_str()),
            encoded(self.environment.as_str())
        );
        html! {
            section.card {
                h2 { (self.word) " " (Said(&title)) }
                p.lead {
                    @if let Some(live) = self.deployments.iter().find(|one| one.word == self.word) {
                        (commit(&live.revision)) ", " (ago(live.time, now)) ": "
                    }
                    (Linked(&self.said))
                }
                @match self.mode {
                    Some(Mode::Observe) => p.faint {
                        "The policy only observes here."
                        @if let Some(observed) = &self.observed { " Observed: " (observed) "." }
                    },
                    Some(Mode::Enforce) => {}
                    None => p.faint { "The policy in force does not list it." },
                }
                @if self.owed > 0 {
                    p.caution {
                        "Owed: sign-offs of " (count(self.owed, "deployment"))
                        " that went ahead by override."
                    }
                }
                @if !self.deployments.is_empty() {
                    ul.history aria-label=(format!("Newest deployments of {title}")) {
                        @for one in &self.deployments {
                            li {
                                span.state.(super::parts::class(one.word.role)) { (one.word.text) }
                                span.said {
                                    (deployment_link(one.entry)) " " (commit(&one.revision)) ", "
                                    (moment(one.time))
                                }
                            }
                        }
                    }
                }
                @if self.mode.is_some() {
                    p.next { a href=(queue) { "What waits for a sign-off here" } }
                }
            }
        }
    }
}

/// What a deployment is: whether all before it was signed off, and if not, how it went ahead.
fn standing(
    desk: &Desk,
    said: &Deployment,
    is_settled: bool,
    outcome: Outcome,
) -> Result<(Word, String), CliError> {
    if outcome == Outcome::Failed {
        return Ok((FAILED, "it failed, as was recorded".to_owned()));
    }
    if is_settled {
        return Ok((Word::good("YES"), "all that it brought is signed off".to_owned()));
    }
    let Some(id) = said.decision else {
        return Ok(if said.overrides.is_empty() {
            (Word::bad("NOT ASKED"), "nobody asked a gate, so it settles nothing".to_owned())
        } else {
            (Word::bad("OVERRIDE"), "it went ahead by override, with no gate at hand".to_owned())
        });
    };
    let entries = desk.session.entries_under([topics::statement(id)])?;
    let Some((entry, decision)) = entries.iter().find_map(decision) else {
        return Ok((Word::bad("NOT ASKED"), "its decision is not in the ledger".to_owned()));
    };
    let why: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
    let at = entry.index();
    Ok(match (decision.verdict, decision.mode) {
        (DecisionVerdict::Deny, Mode::Observe) => (
            Word::caution("WOULD REFUSE"),
            format!("the gate would have refused it, entry {at}{why}"),
        ),
        (DecisionVerdict::Deny, Mode::Enforce) if !decision.overrides.is_empty() => {
            (Word::bad("OVERRIDE"), format!("denied and overridden, entry {at}{why}"))
        }
        (DecisionVerdict::Deny, Mode::Enforce) => {
            (Word::bad("NO"), format!("denied, and deployed all the same, entry {at}{why}"))
        }
        (DecisionVerdict::Allow, _) => (
            Word::caution("NOT SETTLED"),
            format!("it was allowed, entry {at}, and another came between"),
        ),
    })
}

fn decision(entry: &VerifiedEntry) -> Option<(&VerifiedEntry, &Decision)> {
    match &entry.statement().says {
        Says::Decision(said) => Some((entry, said)),
        _ => None,
    }
}
