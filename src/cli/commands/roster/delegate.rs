//! `roster delegate`: what a service may do in the admins' place.

use crate::base::name::{LevelName, TeamName};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::operations::in_words;
use crate::cli::people::find;
use crate::cli::ui::Role;
use crate::statement::governance::{Delegate, EndDelegation, Operation};
use crate::statement::words::MemberKind;

/// Let a service add and retire people below a level
///
/// The service then runs `roster apply` with its own key, alone. It never touches admins, who is
/// at the level or above, agents and services, a duty but review, or a key beside another.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    countersign roster delegate sync --below senior --team web --team payments\n  \
    countersign roster delegate sync --end")]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Args {
    /// The service: a member's id
    service: String,
    /// A level of the policy
    #[arg(long, value_name = "LEVEL", group = "what")]
    below: Option<LevelName>,
    /// A team that it may put people into
    #[arg(long = "team", value_name = "TEAM", requires = "below")]
    teams: Vec<TeamName>,
    /// Let it do nothing any more: one admin suffices
    #[arg(long, group = "what")]
    end: bool,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("roster delegate")?;
    let service = find(&desk, &args.service)?;
    if service.kind != MemberKind::Service {
        let message = format!("{} is no service but of the kind {}", args.service, service.kind);
        return Err(CliError::usage(message)
            .hint("add one with kind = \"service\": countersign roster apply FILE"));
    }
    let service = service.id.clone();
    let mut teams = args.teams.clone();
    teams.sort_unstable();
    teams.dedup();
    let roster = desk.session.view().roster();
    let old = roster.delegation(&service, desk.session.size());
    let is_same = match (&args.below, old) {
        (None, None) => true,
        (Some(below), Some(old)) => *below == old.below && teams == old.teams,
        _ => false,
    };
    if is_same {
        context.ui.json(&serde_json::json!({ "plan": [], "entries": [] }));
        context.ui.lead(Role::Good, "NOTHING TO DO", "the roster says this already");
        return Ok(ExitStatus::Yes);
    }
    let operation = match &args.below {
        Some(below) => Operation::Delegate(Delegate { service, below: below.clone(), teams }),
        None => Operation::EndDelegation(EndDelegation { service }),
    };
    let plan = Plan {
        words: vec![in_words(&operation, &desk.names())],
        operations: vec![operation],
        openings: Vec::new(),
        question: "Sign this?".to_owned(),
        after: vec!["next: countersign roster show".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
}
