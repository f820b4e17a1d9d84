//! Observe first, then enforce: where a policy begins to refuse, and what it would have refused
//! of what was deployed there; told before it is signed.

use std::cmp::Reverse;

use crate::audit::observed::Observed;
use crate::base::name::{EnvironmentName, RepositoryName, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::people::open;
use crate::cli::report::observed_words;
use crate::cli::text::counted;
use crate::evidence::gather;
use crate::policy::Policy;
use crate::statement::commitment::Opening;
use crate::statement::governance::{Accepted, SetBaseline};
use crate::statement::words::Mode;
use crate::verify::{Question, verdict};

/// Places that are told one by one, those that refused most first; the others are counted.
const PLACES_TOLD_MAX: usize = 10;

/// Where a policy begins to refuse what one before only observed.
pub(super) struct Begun {
    service: ServiceName,
    repository: RepositoryName,
    environment: EnvironmentName,
}

/// Every place that was observed and is to be enforced: what the policy lists, and the cells that
/// the ledger knows.
pub(super) fn begun(desk: &Desk, before: Option<&Policy>, policy: &Policy) -> Vec<Begun> {
    let Some(before) = before else { return Vec::new() };
    let mut places = Vec::new();
    for service in policy.services() {
        let listed = policy.environments().iter().map(|listed| listed.name.clone());
        let mut environments: Vec<_> = listed.collect();
        for known in desk.session.view().environments_of(&service.name) {
            if policy.environment(&known).is_ok() && !environments.contains(&known) {
                environments.push(known);
            }
        }
        environments.sort();
        let begins = |environment: &EnvironmentName| {
            // What the policy before does not know, it did not observe.
            let was = before.mode(&service.name, environment);
            was == Mode::Observe && policy.mode(&service.name, environment) == Mode::Enforce
        };
        places.extend(environments.into_iter().filter(begins).map(|environment| Begun {
            service: service.name.clone(),
            repository: service.repository.clone(),
            environment,
        }));
    }
    places
}

/// What every one of them would have refused, a line or two for each place. `accepted` are the
/// baselines that the same statement sets.
///
/// # Errors
/// Where the ledger cannot be read.
pub(super) fn in_words(
    desk: &Desk,
    places: &[Begun],
    accepted: &[&SetBaseline],
    now: Timestamp,
) -> Result<Vec<String>, CliError> {
    let mut told = Vec::new();
    for place in places {
        let observed = Observed::read(&desk.session, &place.service, &place.environment)?;
        told.push((place, observed));
    }
    // Stable: equals stay in the order of their names.
    told.sort_by_key(|(_, observed)| Reverse(observed.would_refuse));
    let mut words = Vec::new();
    for (place, observed) in told.iter().take(PLACES_TOLD_MAX) {
        let said = observed_words(observed);
        let said = said.unwrap_or_else(|| "no deployment is recorded there".to_owned());
        words.push(format!("ENFORCES  {} in {}: {said}", place.service, place.environment));
        let is_of = |said: &&SetBaseline| {
            said.service == place.service && said.environment == place.environment
        };
        if !accepted.iter().any(is_of) {
            words.extend(place.unsigned(desk, now));
        }
    }
    let more = told.len().saturating_sub(PLACES_TOLD_MAX);
    if more > 0 {
        words.push(format!("ENFORCES  {} too", counted(more, "more place")));
    }
    Ok(words)
}

/// The baselines that a policy carries with it: what is live or on the way is accepted as a start
/// wherever the policy begins to refuse. With the reason, which stands for all of them.
///
/// # Errors
/// Where the commit is not here, nothing begins to be refused here, or a start that is replaced
/// has no reason.
pub(super) fn baselines(
    desk: &Desk,
    places: &[Begun],
    text: &str,
    why: Option<&str>,
) -> Result<(Vec<SetBaseline>, Option<Opening>), CliError> {
    let revision = desk.need_repository()?.resolve(text)?;
    let is_here =
        |place: &&Begun| desk.repository_name.as_ref().is_none_or(|name| *name == place.repository);
    let here: Vec<_> = places.iter().filter(is_here).collect();
    if here.is_empty() {
        let message = "the policy begins to refuse nothing of this repository";
        return Err(CliError::usage(message)
            .hint("accept another start by itself: countersign baseline REVISION"));
    }
    let reason = why.map(open).transpose()?;
    let mut set = Vec::new();
    for place in here {
        let settled = desk.session.view().settled(&place.service, &place.environment);
        let newest = settled.newest();
        let is_cell = place.environment.group() != place.environment.as_str();
        let starts_there =
            newest.is_some_and(|point| point.revision.as_ref().is_some_and(|at| *at == revision));
        // A cell without a start of its own begins where its group does.
        if starts_there || (is_cell && newest.is_none()) {
            continue;
        }
        let replaces = newest.map(|point| point.entry.index);
        if let (Some(entry), None) = (replaces, &reason) {
            let message = format!(
                "{} in {} starts at entry {entry} already",
                place.service, place.environment
            );
            return Err(CliError::usage(message).hint("say why it is replaced: -m WHY"));
        }
        set.push(SetBaseline {
            service: place.service.clone(),
            environment: place.environment.clone(),
            accepted: Accepted::UpTo(revision.clone()),
            replaces,
            reason: reason.as_ref().filter(|_| replaces.is_some()).and_then(Opening::commitment),
        });
    }
    let is_named = set.iter().any(|said| said.reason.is_some());
    Ok((set, reason.filter(|_| is_named)))
}

impl Begun {
    /// What is live there and was never signed off: once the policy is enforced, whatever comes
    /// after it is refused for it. Nothing where that cannot be told here.
    fn unsigned(&self, desk: &Desk, now: Timestamp) -> Option<String> {
        let settled = desk.session.view().settled(&self.service, &self.environment);
        let live: &Revision = &settled.live().filter(|live| !live.settled)?.revision;
        let is_here = desk.repository_name.as_ref().is_none_or(|name| *name == self.repository);
        let repository = desk.repository.as_ref().filter(|_| is_here)?;
        let question = Question {
            service: self.service.clone(),
            environment: self.environment.clone(),
            revision: live.clone(),
            artifacts: Vec::new(),
            time: now,
        };
        // Commits that are gone are no reason to refuse the plan.
        let gathered = gather(&desk.session, repository, &question).ok()?;
        let found = verdict(&question, &gathered.evidence(&desk.session));
        let open = found.segments.iter().filter(|segment| !segment.satisfied).count();
        if open == 0 {
            return None;
        }
        let verb = if open == 1 { "is" } else { "are" };
        Some(format!(
            "LIVE      {} in {}: {open} of {} up to {}, which is live, {verb} not signed off, and \
             what comes after is refused for it; --baseline {} -m WHY accepts it",
            self.service,
            self.environment,
            counted(found.segments.len(), "change"),
            live.short(),
            live.short(),
        ))
    }
}
