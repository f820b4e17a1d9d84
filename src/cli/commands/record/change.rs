//! `record change`: what landed, for gates that have no clone.

use serde::Serialize;

use super::key;
use crate::base::name::{EnvironmentName, MemberId, RepositoryName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::change::ChainEnd;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, environment};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::show_statement;
use crate::cli::text::counted;
use crate::evidence::{keep_step, landed_steps, says_so};
use crate::ledger::topics;
use crate::policy::Service;
use crate::statement::Says;
use crate::statement::change::Landed;
use crate::statement::words::{Duty, MemberKind};
use crate::verify::StepEvidence;
use crate::verify::attested::StepRecord;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The service that is built from it; may be left out where the repository has one
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceName>,
    /// Begin at what is deployed there; production where it is left out and listed
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// The newest commit
    #[arg(long, value_name = "REVISION", default_value = "HEAD", hide_default_value = true)]
    revision: String,
    /// Show the statements, and sign nothing
    #[arg(short = 'n', long = "dry-run")]
    dry_run: bool,
}

/// At most so many commits are told, the newest; `-v` tells all.
const TOLD_MAX: usize = 5;

#[derive(Serialize)]
struct Report {
    repository: RepositoryName,
    revision: Revision,
    recorded: Vec<Line>,
    already: usize,
}

#[derive(Serialize)]
struct Line {
    commit: Revision,
    change: crate::base::digest::ChangeHash,
    entry: EntryIndex,
}

pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, "record change")?;
    let key = key(context, &mut held)?;
    let desk = held.desk(context)?;
    key.need(desk, Duty::Declare)?;
    need_service(desk, &key.member)?;
    let policy = desk.policy()?;
    let service = desk.service(&policy, args.service.as_ref())?;
    let revision = desk.need_repository()?.resolve(&args.revision)?;
    let steps = steps(desk, args, service, &revision)?;
    let (said, wanted): (Vec<_>, Vec<_>) = {
        let said = |step: &StepEvidence| is_said(desk, service, &key.member, step);
        let mut known = (Vec::new(), Vec::new());
        for step in steps {
            if said(&step)? { known.0.push(step) } else { known.1.push(step) }
        }
        known
    };
    let statements: Vec<_> = wanted.iter().map(|step| landed(service, step)).collect();
    if args.dry_run {
        for says in statements {
            show_statement(context, &desk.session.statement(&key.member, Says::Landed(says)))?;
        }
        return Ok(ExitStatus::Yes);
    }
    let mut envelopes = Vec::with_capacity(statements.len());
    for (step, says) in wanted.iter().zip(&statements) {
        // Kept before the entry that names it.
        keep_step(&desk.session, step)?;
        let says = Says::Landed(says.clone());
        envelopes.push(desk.sign(key.signer.as_ref(), &key.member, says)?);
    }
    let receipts = desk.submit(context.now(), &envelopes)?;
    let line = |(said, receipt): (&Landed, &crate::ledger::receipt::Receipt)| Line {
        commit: said.head.clone(),
        change: said.change,
        entry: receipt.index,
    };
    let recorded: Vec<_> = statements.iter().zip(&receipts).map(line).collect();
    answer(
        context,
        &Report { repository: service.repository.clone(), revision, recorded, already: said.len() },
    );
    held.leak();
    Ok(ExitStatus::Yes)
}

fn answer(context: &mut Context, report: &Report) {
    let ui = &mut context.ui;
    ui.json(report);
    let commits = counted(report.recorded.len(), "commit");
    let already = match report.already {
        0 => String::new(),
        many => format!("; {many} were recorded before"),
    };
    ui.line(&format!("recorded: {commits} of {}{already}", report.repository));
    let told = if ui.is_verbose() { usize::MAX } else { TOLD_MAX };
    for line in report.recorded.iter().rev().take(told) {
        let (commit, change, entry) = (line.commit.short(), line.change.short(), line.entry);
        ui.line(&format!("  {commit} is change {change}: entry {entry}"));
    }
    if report.recorded.len() > told {
        ui.line(&format!("  {} older: -v lists them", report.recorded.len() - told));
    }
    ui.line("next: where there is no clone, countersign gate --attested --revision ID");
}

/// Whoever has the duty and is no service attests nothing.
fn need_service(desk: &Desk, by: &MemberId) -> Result<(), CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    if roster.member(by, size).is_some_and(|member| member.kind == MemberKind::Service) {
        return Ok(());
    }
    let name = desk.names().of(by);
    Err(CliError::usage(format!("{name} is no service, and others would rest on this word"))
        .hint("an author declares a change: countersign declare")
        .hint("or name the key of a service with the duty declare: --key FILE"))
}

/// The steps from what is deployed, or accepted, to the revision.
fn steps(
    desk: &Desk,
    args: &Args,
    service: &Service,
    revision: &Revision,
) -> Result<Vec<StepEvidence>, CliError> {
    let environment = environment(&desk.policy()?, args.environment.as_ref())?;
    let points = desk.session.view().starts(&service.name, &environment);
    let Some(newest) = points.newest() else {
        return Err(CliError::usage(format!("{} has no baseline in {environment}", service.name))
            .hint("an admin sets one: countersign baseline"));
    };
    let repository = desk.need_repository()?;
    let chain = repository.chain(newest.revision.as_ref(), revision)?;
    if chain.end != ChainEnd::MetStart && newest.revision.is_some() {
        let message = format!("{} does not come after what is live", revision.short());
        return Err(
            CliError::usage(message).hint("such a revision is judged in a clone: countersign gate")
        );
    }
    Ok(landed_steps(&desk.session, repository, &chain.commits)?)
}

/// Whether this service said the same already.
fn is_said(
    desk: &Desk,
    service: &Service,
    by: &MemberId,
    step: &StepEvidence,
) -> Result<bool, CliError> {
    let topic = topics::landed(&service.repository, &step.step.commit);
    let entries = desk.session.entries_under([topic])?;
    let newest = entries.iter().filter(|entry| entry.by() == by).max_by_key(|one| one.index());
    Ok(newest.is_some_and(|entry| says_so(entry, step)))
}

fn landed(service: &Service, step: &StepEvidence) -> Landed {
    let record = StepRecord::of(step);
    Landed {
        change: record.change,
        repository: service.repository.clone(),
        base: record.parent.clone(),
        head: record.commit.clone(),
        target: service.branch.clone(),
        step: record.digest(),
    }
}
