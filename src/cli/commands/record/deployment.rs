//! `record deployment`.

use std::path::Path;

use serde::Serialize;

use super::{entry, say};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::name::{EnvironmentName, RequestId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::commands::gate::artifact;
use crate::cli::desk::{Desk, Held, keep_words, read_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;
use crate::cli::time;
use crate::ledger::topics;
use crate::statement::break_glass::Override;
use crate::statement::envelope::Envelope;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Duty, Outcome};
use crate::statement::{Says, Statement};
use crate::verify::{Question, debt_due};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The service; may be left out where the repository has one
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceName>,
    /// The environment; production where it is left out and listed
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// The commit that was deployed [default: the decision's, else HEAD]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// An artifact that was deployed; may be given several times
    #[arg(long = "artifact", value_name = "sha256:DIGEST", value_parser = artifact)]
    artifacts: Vec<ContentDigest>,
    /// The decision that it rests on [default: the newest that allows it]
    #[arg(long, value_name = "ENTRY", value_parser = entry)]
    decision: Option<EntryIndex>,
    /// An override that it rests on where no gate could decide: its entry, or the file of it,
    /// which is handed in as well; may be given several times
    #[arg(
        long = "override",
        value_name = "ENTRY|FILE",
        conflicts_with_all = ["decision", "started"]
    )]
    overrides: Vec<String>,
    /// The deployment whose outcome this is
    #[arg(long, value_name = "ENTRY", value_parser = entry,
        conflicts_with_all = ["decision", "revision", "artifacts"])]
    started: Option<EntryIndex>,
    /// started, succeeded, failed or unknown [default: succeeded]
    #[arg(long, default_value = "succeeded", hide_default_value = true, value_parser = outcome)]
    outcome: Outcome,
    /// Who or what set it off
    #[arg(long, value_name = "ID")]
    trigger: Option<RequestId>,
    /// The pipeline run
    #[arg(long, value_name = "ID")]
    run: Option<RequestId>,
    #[command(flatten)]
    flags: SigningFlags,
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::from_word(text).ok_or_else(|| "started, succeeded, failed or unknown".to_owned())
}

#[derive(Serialize)]
struct Report<'a> {
    entry: EntryIndex,
    #[serde(flatten)]
    deployment: &'a Deployment,
    settled: bool,
    /// Where it went ahead by overrides: when its sign-offs are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    owed_until: Option<String>,
}

/// An override that a deployment rests on: its identity, what it says, and its envelope where it
/// is not in the ledger yet.
struct Overriding {
    id: StatementId,
    said: Override,
    envelope: Option<Envelope>,
}

/// The overrides that are named, by entry or file.
fn overriding(
    context: &Context,
    desk: &Desk,
    named: &[String],
) -> Result<Vec<Overriding>, CliError> {
    let mut found: Vec<Overriding> = Vec::new();
    for text in named {
        let not_one = || CliError::usage(format!("{text} is no override"));
        let one = if let Ok(index) = entry(text) {
            let entry = desk.session.entry(index)?;
            let Says::Override(said) = &entry.statement().says else {
                return Err(not_one().hint(format!("see what it is: countersign show {index}")));
            };
            Overriding { id: entry.id(), said: said.clone(), envelope: None }
        } else {
            let file = Path::new(text);
            let envelope = read_envelope(context, file)?;
            let statement = Statement::parse(envelope.payload());
            let Ok(Statement { says: Says::Override(said), .. }) = statement else {
                return Err(not_one().hint("name what countersign override -o FILE wrote"));
            };
            keep_words(context, desk, file, &envelope)?;
            Overriding { id: envelope.statement_id(), said, envelope: Some(envelope) }
        };
        if one.said.drill.is_some() {
            let message = format!("{text} is a drill: nothing rests on it");
            return Err(CliError::usage(message).hint("name an override that is none"));
        }
        if found.iter().all(|other| other.id != one.id) {
            found.push(one);
        }
    }
    found.sort_by_key(|one| one.id);
    Ok(found)
}

pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, "record deployment")?;
    let desk = held.desk(context)?;
    let overriding = overriding(context, desk, &args.overrides)?;
    let said = match args.started {
        Some(index) => end_of(desk, index, args)?,
        None => deployed(desk, args, &overriding)?,
    };
    if !args.flags.dry_run && args.flags.output.is_none() {
        // An override that the ledger does not have yet stands before what rests on it.
        for envelope in overriding.iter().filter_map(|one| one.envelope.as_ref()) {
            desk.submit(context.now(), std::slice::from_ref(envelope))?;
        }
    }
    let says = Says::Deployment(said.clone());
    let Some(entry) = say(context, &mut held, Duty::Deploy, says, &args.flags)? else {
        return Ok(ExitStatus::Yes);
    };
    let desk = held.desk(context)?;
    let points = desk.session.view().settled(&said.service, &said.environment);
    let settled = points.newest().is_some_and(|point| point.entry.index == entry);
    let owed = points
        .debts()
        .find(|debt| debt.deployments.iter().any(|one| one.index == entry))
        .map(|debt| debt.since);
    let question = Question {
        service: said.service.clone(),
        environment: said.environment.clone(),
        revision: said.revision.clone(),
        artifacts: said.artifacts.clone(),
        time: context.now(),
    };
    let due = owed.map(|since| since.plus(debt_due(&question, desk.session.view())));
    let owed_until = due.map(time::rfc3339);
    context.ui.json(&Report { entry, deployment: &said, settled, owed_until });
    context.ui.line(&format!(
        "recorded: {} {} in {}, {}, entry {entry}",
        said.service,
        said.revision.short(),
        said.environment,
        said.outcome
    ));
    if said.started.is_none() {
        let meaning = match due {
            Some(due) => format!(
                "by override: it settles nothing, and its sign-offs are owed until {}",
                time::clock(due, context.now())
            ),
            None => meaning(&said, settled).to_owned(),
        };
        context.ui.paragraph(2, &meaning);
    }
    held.leak();
    Ok(ExitStatus::Yes)
}

fn meaning(said: &Deployment, settled: bool) -> &'static str {
    match (settled, said.decision) {
        (true, _) => "settled: the next decision starts here",
        (false, None) => "no decision allows it: it settles nothing, and audits show it so",
        (false, Some(_)) => "it settles nothing: its decision is not one that still allows it here",
    }
}

/// The outcome of a deployment that began earlier.
fn end_of(desk: &Desk, index: EntryIndex, args: &Args) -> Result<Deployment, CliError> {
    let found = desk.session.entry(index)?;
    let Says::Deployment(began) = &found.statement().says else {
        return Err(CliError::usage(format!("entry {index} is no deployment"))
            .hint(format!("see what it is: countersign show {index}")));
    };
    Ok(Deployment {
        overrides: Vec::new(),
        started: Some(found.id()),
        outcome: args.outcome,
        trigger: args.trigger.clone(),
        run: args.run.clone(),
        ..began.clone()
    })
}

fn deployed(desk: &Desk, args: &Args, overriding: &[Overriding]) -> Result<Deployment, CliError> {
    let named = args.decision.map(|index| decision_at(desk, index)).transpose()?;
    let policy = desk.policy()?;
    let said = named.as_ref().map(|(_, said)| said);
    let first = overriding.first().map(|one| &one.said);
    let service = args.service.as_ref().or_else(|| said.map(|said| &said.service));
    let service = service.or_else(|| first.map(|said| &said.service));
    let environment = args.environment.as_ref().or_else(|| said.map(|said| &said.environment));
    let environment = environment.or_else(|| first.map(|said| &said.environment));
    let service = desk.service(&policy, service)?.name.clone();
    let environment = crate::cli::desk::environment(&policy, environment)?;
    let revision: Revision = match (&args.revision, said, first) {
        (None, Some(said), _) => said.revision.clone(),
        (None, None, Some(said)) => said.revision.clone(),
        (text, _, _) => desk.need_repository()?.resolve(text.as_deref().unwrap_or("HEAD"))?,
    };
    let mut artifacts = args.artifacts.clone();
    artifacts.sort_unstable();
    artifacts.dedup();
    if let (true, Some(said)) = (artifacts.is_empty(), said) {
        artifacts.clone_from(&said.artifacts);
    }
    if let (true, Some(said)) = (artifacts.is_empty(), first) {
        artifacts.clone_from(&said.artifacts);
    }
    let mut deployment = Deployment {
        service,
        environment,
        revision,
        artifacts,
        decision: None,
        overrides: overriding.iter().map(|one| one.id).collect(),
        started: None,
        outcome: args.outcome,
        trigger: args.trigger.clone(),
        run: args.run.clone(),
    };
    if let Some(other) = overriding.iter().find(|one| !is_for(&one.said, &deployment)) {
        let said = &other.said;
        let message = format!(
            "an override is for {} {} in {}, and not for that deployment",
            said.service,
            said.revision.short(),
            said.environment
        );
        return Err(CliError::usage(message)
            .hint("name service, environment, revision and artifacts as the override does"));
    }
    if !overriding.is_empty() {
        return Ok(deployment);
    }
    deployment.decision = match named {
        Some((id, said)) if allows(&said, &deployment) => Some(id),
        Some(_) => {
            return Err(CliError::usage("the decision is about another deployment")
                .hint("leave --decision out, and the newest that allows it is taken"));
        }
        None => newest_allow(desk, &deployment)?,
    };
    Ok(deployment)
}

fn decision_at(desk: &Desk, index: EntryIndex) -> Result<(StatementId, Decision), CliError> {
    let found = desk.session.entry(index)?;
    match &found.statement().says {
        Says::Decision(said) => Ok((found.id(), said.clone())),
        _ => Err(CliError::usage(format!("entry {index} is no decision"))
            .hint(format!("see what it is: countersign show {index}"))),
    }
}

/// Whether a decision is about that deployment; a deny in observe mode is too.
fn allows(said: &Decision, deployment: &Deployment) -> bool {
    said.service == deployment.service
        && said.environment == deployment.environment
        && said.revision == deployment.revision
        && said.artifacts == deployment.artifacts
}

/// Whether an override is about that deployment.
fn is_for(said: &Override, deployment: &Deployment) -> bool {
    said.service == deployment.service
        && said.environment == deployment.environment
        && said.revision == deployment.revision
        && said.artifacts == deployment.artifacts
}

/// The newest decision that lets this deployment through: allows it, or denies it and names the
/// overrides by which it goes ahead.
fn newest_allow(desk: &Desk, deployment: &Deployment) -> Result<Option<StatementId>, CliError> {
    let place = topics::place(&deployment.service, &deployment.environment);
    for index in desk.session.newest_under(place) {
        let found = desk.session.entry(index?)?;
        if let Says::Decision(said) = &found.statement().says
            && (said.verdict == DecisionVerdict::Allow || !said.overrides.is_empty())
            && allows(said, deployment)
        {
            return Ok(Some(found.id()));
        }
    }
    Ok(None)
}
