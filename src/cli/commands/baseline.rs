//! `baseline`: everything up to a commit, or nothing, accepted as a start.

use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::open;
use crate::cli::ui::Role;
use crate::statement::governance::{Accepted, Operation, SetBaseline};
use crate::view::SettledPoint;

/// Accept everything up to a commit as a start
///
/// What is accepted so was signed off by nobody but the admin. A service in an environment has
/// one start; another in its place says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign baseline\n  \
    countersign baseline v1.4 --service shop --env production\n  \
    countersign baseline none --env staging\n  \
    countersign baseline HEAD --replace -m \"moved to a new repository\"")]
pub(crate) struct Args {
    /// The commit; none accepts nothing
    #[arg(default_value = "HEAD")]
    revision: String,
    /// The service
    #[arg(long)]
    service: Option<ServiceName>,
    /// The environment or cell
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// Replace the start, or what was deployed since
    #[arg(long, requires = "message")]
    replace: bool,
    /// Why it is replaced
    #[arg(short, long, value_name = "WHY", requires = "replace")]
    message: Option<String>,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("baseline")?;
    let policy = desk.policy()?;
    let service = desk.service(&policy, args.service.as_ref())?.name.clone();
    let environment = crate::cli::desk::environment(&policy, args.environment.as_ref())?;
    let accepted = match args.revision.as_str() {
        "none" => Accepted::Nothing,
        text => Accepted::UpTo(desk.need_repository()?.resolve(text)?),
    };
    let place = format!("{service} in {environment}");
    let newest = desk.session.view().settled(&service, &environment).newest().cloned();
    if let Some(newest) = newest.as_ref().filter(|newest| says(newest, &accepted)) {
        context.ui.json(&serde_json::json!({ "plan": [], "entries": [] }));
        let rest = format!("{place} starts there already, by entry {}", newest.entry.index);
        context.ui.lead(Role::Good, "NOTHING TO DO", &rest);
        return Ok(ExitStatus::Yes);
    }
    let replaces = newest.as_ref().map(|newest| newest.entry.index);
    if let (Some(entry), false) = (replaces, args.replace) {
        let message = format!("{place} starts at entry {entry} already");
        return Err(CliError::usage(message).hint("countersign baseline REVISION --replace -m WHY"));
    }
    let mut plan = Plan { question: "Accept this as a start?".to_owned(), ..Plan::default() };
    let reason = match (&args.message, replaces) {
        (Some(text), Some(_)) => {
            let opening = open(text)?;
            let commitment = opening.commitment();
            plan.openings.push(opening);
            commitment
        }
        _ => None,
    };
    let said = SetBaseline { service, environment, accepted, replaces, reason };
    plan.words = in_words(&desk, &said);
    plan.operations.push(Operation::SetBaseline(said));
    plan.after.push("next: countersign status".to_owned());
    carry_out(context, desk, &plan, &args.flags)
}

fn says(point: &SettledPoint, accepted: &Accepted) -> bool {
    match (accepted, &point.revision) {
        (Accepted::Nothing, None) => true,
        (Accepted::UpTo(revision), Some(known)) => revision == known,
        _ => false,
    }
}

fn point(point: &SettledPoint) -> String {
    point.revision.as_ref().map_or_else(|| "nothing".to_owned(), |known| known.short().to_owned())
}

/// What is accepted, and in the place of what. Whoever signs it with others may have no repository
/// at hand: the commit is named then, without its title.
pub(super) fn in_words(desk: &Desk, said: &SetBaseline) -> Vec<String> {
    let accepted = match &said.accepted {
        Accepted::Nothing => "nothing is accepted; every commit needs its sign-offs".to_owned(),
        Accepted::UpTo(revision) => {
            let repository = desk.repository.as_ref();
            let title = repository.and_then(|known| known.short_summary(revision).ok());
            let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
            format!("everything up to {}{title} is accepted", revision.short())
        }
    };
    let mut words = vec![format!("{} in {}: {accepted}", said.service, said.environment)];
    let settled = desk.session.view().settled(&said.service, &said.environment);
    if let Some(newest) = settled.newest().filter(|_| said.replaces.is_some()) {
        words.push(format!("replaces entry {}: {}", newest.entry.index, point(newest)));
    }
    words
}
