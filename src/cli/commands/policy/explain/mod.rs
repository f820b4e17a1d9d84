//! `policy explain`: what a policy would have asked of one's own history.
//!
//! No ledger, no keys, no set-up. Each first-parent commit is one change; marks in its commits
//! say whether AI took part; the policy says who would have had to sign. Nothing here is proved:
//! it is what the commits say of themselves.
//!
//! Where a ledger is at hand, a name without `..` is one change, told rule by rule.

mod change;
mod one;
mod report;
mod tally;

use std::path::PathBuf;

use super::load;
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::history::{self, Walked};
use crate::git::{GitError, Repository};
use crate::policy::Policy;
use change::{Change, Place};
use tally::Tally;

/// So many changes are looked at where nobody says how many.
const CHANGES_USUAL: usize = 200;
/// Stands for the service where a policy lists none: no rule can name it then.
const NO_SERVICE: &str = "none";
/// So many steps are in memory at once.
const STEPS_AT_ONCE: usize = 256;

/// Ask what a policy would have wanted of your own history, or wants of one change
///
/// Where a ledger is known here, a branch, a commit or a change hash is one change: which rules
/// ask of it, why each other does not, and who has signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Needs no ledger, no keys and no set-up, and changes nothing. Without a \
    policy file a\nhistory is asked about under the built-in policy, and one change under the \
    ledger's.\n\nExamples:\n  countersign policy explain\n  \
    countersign policy explain retry-capture\n  \
    countersign policy explain --one main..HEAD --policy newer.toml\n  \
    countersign policy explain HEAD~1000..\n  \
    countersign policy explain --policy policy.toml --env production -v")]
pub(crate) struct Args {
    /// A..B along first parents, or one change; by default the newest 200 changes
    range: Option<String>,
    /// Take A..B as one change
    #[arg(long, requires = "range")]
    one: bool,
    /// Ask this policy; - is standard input
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The environment to deploy to; production, or the only one of the policy
    #[arg(long, value_name = "ENV")]
    env: Option<EnvironmentName>,
    /// The service to deploy; the only one of the policy
    #[arg(long)]
    service: Option<ServiceName>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if let Some(named) = &args.range
        && (args.one || (!named.contains("..") && context.has_ledger()?))
    {
        return one::run(context, args, named);
    }
    let policy = load(context, args.policy.as_deref())?;
    let place = place(&policy, args)?;
    let repository = context.repository()?;
    let walked = walk(&repository, args.range.as_deref())?;
    if walked.commits.is_empty() {
        return Err(nothing(&walked));
    }
    let mut tally = Tally::new(&policy, context.ui.is_verbose());
    for commits in walked.commits.chunks(STEPS_AT_ONCE) {
        read(&repository, commits, &mut tally, |step| Change::new(&policy, &place, step))?;
    }
    let named = args.policy.as_ref().map(|file| file.display().to_string());
    let has_ledger = context.has_ledger().unwrap_or(false);
    let answer = report::Answer::new(&walked, &place, &tally, named);
    report::print(&mut context.ui, &answer, has_ledger);
    if let Some(unread) = &tally.first_unread {
        let count = tally.unread;
        context.ui.warn(&format!("{count} of the commits cannot be judged; the first: {unread}"));
    }
    Ok(ExitStatus::Yes)
}

/// The commits to look at, oldest first.
fn walk(repository: &Repository, range: Option<&str>) -> Result<Walked, CliError> {
    let Some(text) = range else { return history::newest(repository, CHANGES_USUAL) };
    // A repository without commits is told so, whatever was asked of it.
    history::head(repository)?;
    let range = history::named(repository, text).map_err(|error| {
        // The README's HEAD~200.. is more than a young repository has.
        if text.contains('~') && !repository.is_shallow() {
            return error
                .hint("without a range it takes what is there: countersign policy explain");
        }
        error
    })?;
    Ok(Walked { commits: history::first_parents(repository, &range)?, cut_off_at: None })
}

fn nothing(walked: &Walked) -> CliError {
    let Some(commit) = &walked.cut_off_at else {
        return CliError::usage("the range holds no commit");
    };
    let message = format!(
        "this shallow clone holds 1 commit along first parents, {}, and not what it changed",
        commit.short()
    );
    CliError::usage(message).hint("git fetch --unshallow").hint("in CI: fetch-depth: 0")
}

/// Reads steps, and takes each in. A commit that no gate could judge, such as one with a
/// malformed tree, is counted: it is no reason to say nothing of the others.
fn read(
    repository: &Repository,
    commits: &[Revision],
    tally: &mut Tally,
    change: impl Fn(crate::change::Step) -> Change,
) -> Result<(), CliError> {
    if let Ok(steps) = repository.steps(commits) {
        for step in steps {
            tally.add(change(step));
        }
        return Ok(());
    }
    for commit in commits {
        match repository.step(commit) {
            Ok(step) => tally.add(change(step)),
            Err(
                error @ (GitError::Tree { .. }
                | GitError::Commit { .. }
                | GitError::Difference(_)
                | GitError::Document(_)
                | GitError::BlobTooLarge { .. }
                | GitError::ObjectTooLarge { .. }),
            ) => tally.add_unread(&error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What is deployed where: as asked, or what the policy leaves no choice about.
fn place(policy: &Policy, args: &Args) -> Result<Place, CliError> {
    let environments = policy.environments();
    let environment = match (&args.env, environments) {
        (Some(named), _) => {
            policy.environment(named).map_err(|error| CliError::usage(error.to_string()))?;
            named.clone()
        }
        (None, [only]) => only.name.clone(),
        (None, listed) => {
            let production = EnvironmentName::new("production").map_err(misnamed)?;
            if !listed.is_empty() && policy.environment(&production).is_err() {
                let names: Vec<&str> = listed.iter().map(|one| one.name.as_str()).collect();
                return Err(which("environment", &names, "--env"));
            }
            production
        }
    };
    let service = match (&args.service, policy.services()) {
        (Some(named), _) => {
            policy.known_service(named).map_err(|error| CliError::usage(error.to_string()))?;
            named.clone()
        }
        (None, []) => ServiceName::new(NO_SERVICE).map_err(misnamed)?,
        (None, [only]) => only.name.clone(),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
            return Err(which("service", &names, "--service"));
        }
    };
    Ok(Place { environment, is_service_listed: policy.service(&service).is_some(), service })
}

fn which(kind: &str, names: &[&str], flag: &str) -> CliError {
    let names = names[..names.len().min(20)].join(", ");
    CliError::usage(format!("the policy lists several {kind}s: {names}"))
        .hint(format!("name one with {flag}"))
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn misnamed(error: crate::base::name::NameError) -> CliError {
    CliError::integrity("internal error, please report").because(&error)
}
