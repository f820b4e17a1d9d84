//! What is live in every place, and how it came there.

use maud::{Markup, html};

use super::parts::{
    Linked, Said, Word, ago, commit, deployment_link, encoded, heading, moment, state,
};
use super::shell::{Frame, Part};
use crate::audit::accepted::accepted_by;
use crate::audit::observed::Observed;
use crate::audit::timeline::{Deployed, newest_deployments};
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::audit::places::places;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::observed_words;
use crate::cli::text::counted;
use crate::cli::ui::Role;
use crate::ledger::topics;
use crate::policy::Policy;
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Mode};
use crate::verify::VerifiedEntry;
use crate::view::SettledPoints;

/// Deployments of a place that are listed, the newest.
const LISTED: usize = 5;

/// What was allowed, and is no start for what comes next.
const NOT_SETTLED: Word = Word::caution("NOT SETTLED");

/// What is live everywhere.
pub(crate) struct OverviewPage {
    now: Timestamp,
    places: Vec<Place>,
}

/// One place.
struct Place {
    service: ServiceName,
    environment: EnvironmentName,
    mode: Option<Mode>,
    /// The newest deployment that is not known to have failed.
    live: Option<Listed>,
    /// The newest, whatever became of them, and what is live where it is older.
    deployments: Vec<Listed>,
    /// What would have been refused, where it is only observed.
    observed: Option<String>,
    /// Debts that are open.
    owed: usize,
}

/// One deployment.
#[derive(Clone)]
struct Listed {
    entry: EntryIndex,
    time: Timestamp,
    revision: Revision,
    standing: Standing,
}

/// What a deployment is, in a word, and how it came there.
#[derive(Clone)]
struct Standing {
    word: Word,
    said: String,
    /// Whether its commit was accepted by a baseline, and nothing of it signed off.
    is_accepted: bool,
}

impl Standing {
    fn new(word: Word, said: impl Into<String>) -> Self {
        Self { word, said: said.into(), is_accepted: false }
    }
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
            found.push(Place::read(desk, policy.as_ref(), service, environment)?);
        }
        Ok(Self { now, places: found })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let (word, rest) = self.answer();
        let main = html! {
            (heading(word, &html! { (rest) }))
            @for place in &self.places { (place.section(self.now)) }
            @if self.places.is_empty() {
                p { "No gate was asked, and no deployment recorded." }
            }
        };
        frame.page(Part::Overview, word.text, &main)
    }

    /// Whether what is live everywhere is as it should be. What was allowed and then overtaken is
    /// signed off, and still settles nothing.
    fn answer(&self) -> (Word, String) {
        let live: Vec<_> = self.places.iter().filter_map(|place| place.live.as_ref()).collect();
        let overtaken = live.iter().filter(|one| one.standing.word == NOT_SETTLED).count();
        let not_good = live.iter().filter(|one| one.standing.word.role != Role::Good).count();
        let bad = not_good - overtaken;
        let is_accepted = live.iter().any(|one| one.standing.is_accepted);
        let good = match live.len() {
            1 if is_accepted => "accepted by a baseline",
            _ if is_accepted => "signed off or accepted by a baseline",
            _ => "signed off",
        };
        match (live.len(), bad) {
            (0, _) => (Word::plain("NOTHING"), "is live yet".to_owned()),
            (1, 0) if overtaken > 0 => {
                (NOT_SETTLED, "what is live was allowed, and another came between".to_owned())
            }
            (all, 0) if overtaken > 0 => {
                let rest = format!(
                    "what is live in {overtaken} of {all} places was allowed, and another came \
                     between"
                );
                (NOT_SETTLED, rest)
            }
            (1, 0) => (Word::good("YES"), format!("what is live is {good}")),
            (all, 0) => (Word::good("YES"), format!("what is live in all {all} places is {good}")),
            (1, _) => (Word::bad("NO"), "what is live is not signed off".to_owned()),
            (all, _) => {
                let rest = format!("what is live in {bad} of {all} places is not signed off");
                (Word::bad("NO"), rest)
            }
        }
    }
}

impl Place {
    fn read(
        desk: &Desk,
        policy: Option<&Policy>,
        service: ServiceName,
        environment: EnvironmentName,
    ) -> Result<Self, CliError> {
        let session = &desk.session;
        let points = session.view().settled(&service, &environment);
        let is_enough =
            |found: &[Deployed]| found.len() >= LISTED && found.iter().any(Deployed::may_be_live);
        let newest = newest_deployments(session, &service, &environment, is_enough)?;
        let (mut live, mut deployments) = (None, Vec::new());
        for (place, deployed) in newest.iter().enumerate() {
            let is_live = live.is_none() && deployed.may_be_live();
            if place >= LISTED && !is_live {
                continue;
            }
            let Some(listed) = listed(desk, points, deployed)? else { continue };
            live = live.or_else(|| is_live.then(|| listed.clone()));
            deployments.push(listed);
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
        let owed = points.debts().count();
        Ok(Self { service, environment, mode, live, deployments, observed, owed })
    }

    fn section(&self, now: Timestamp) -> Markup {
        let title = format!("{} in {}", self.service, self.environment);
        let queue = format!(
            "/queue?service={}&environment={}",
            encoded(self.service.as_str()),
            encoded(self.environment.as_str())
        );
        let word = self.live.as_ref().map_or(Word::plain("NOTHING"), |live| live.standing.word);
        html! {
            section.card {
                h2 { (word) " " (Said(&title)) }
                p.lead {
                    @match &self.live {
                        Some(live) => {
                            (commit(&live.revision)) ", " (ago(live.time, now)) ": "
                            (Linked(&live.standing.said))
                        }
                        None if self.deployments.is_empty() => "nothing is deployed",
                        None => "nothing is live: what was deployed failed, as was recorded",
                    }
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
                        "Owed: sign-offs of " (counted(self.owed, "deployment"))
                        " that went ahead by override."
                    }
                }
                @if !self.deployments.is_empty() {
                    ul.history aria-label=(format!("Newest deployments of {title}")) {
                        @for one in &self.deployments {
                            li {
                                (state(one.standing.word))
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

/// A deployment as it is listed; none for an entry that is none.
fn listed(
    desk: &Desk,
    points: &SettledPoints,
    deployed: &Deployed,
) -> Result<Option<Listed>, CliError> {
    let Some(said) = deployed.said() else { return Ok(None) };
    let (entry, time) = (deployed.entry().index(), deployed.entry().time());
    let is_settled = points.all().iter().any(|point| point.entry.index == entry);
    let standing = if !deployed.may_be_live() {
        Standing::new(Word::caution("FAILED"), "it failed, as was recorded")
    } else if is_settled {
        settled(accepted_by(&desk.session, said)?)
    } else {
        unsettled(desk, said)?
    };
    Ok(Some(Listed { entry, time, revision: said.revision.clone(), standing }))
}

/// What everything before was signed off of, or accepted by a baseline.
fn settled(baseline: Option<EntryIndex>) -> Standing {
    let word = Word::good("YES");
    match baseline {
        None => Standing::new(word, "all that it brought is signed off"),
        Some(entry) => {
            let said = format!("it brought no change, accepted by the baseline, entry {entry}");
            Standing { is_accepted: true, ..Standing::new(word, said) }
        }
    }
}

/// How something went ahead of which not all was signed off.
fn unsettled(desk: &Desk, said: &Deployment) -> Result<Standing, CliError> {
    let Some(id) = said.decision else {
        return Ok(if said.overrides.is_empty() {
            let why = "nobody asked a gate, so it settles nothing";
            Standing::new(Word::bad("NOT ASKED"), why)
        } else {
            Standing::new(Word::bad("OVERRIDE"), "it went ahead by override, with no gate at hand")
        });
    };
    let entries = desk.session.entries_under([topics::statement(id)])?;
    let Some((entry, decision)) = entries.iter().find_map(decision) else {
        return Ok(Standing::new(Word::bad("NOT ASKED"), "its decision is not in the ledger"));
    };
    let why: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
    let at = entry.index();
    Ok(match (decision.verdict, decision.mode) {
        (DecisionVerdict::Deny, Mode::Observe) => Standing::new(
            Word::caution("WOULD REFUSE"),
            format!("the gate would have refused it, entry {at}{why}"),
        ),
        (DecisionVerdict::Deny, Mode::Enforce) if !decision.overrides.is_empty() => {
            Standing::new(Word::bad("OVERRIDE"), format!("denied and overridden, entry {at}{why}"))
        }
        (DecisionVerdict::Deny, Mode::Enforce) => Standing::new(
            Word::bad("NO"),
            format!("denied, and deployed all the same, entry {at}{why}"),
        ),
        (DecisionVerdict::Allow, _) => Standing::new(
            NOT_SETTLED,
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
