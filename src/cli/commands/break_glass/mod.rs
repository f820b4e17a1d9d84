//! `override`: lets one revision through without its sign-offs, for some hours, and owes them
//! (`spec/verdict.md` section 9).

mod away;
mod here;
mod said;

use crate::base::digest::ContentDigest;
use crate::base::limits::OVERRIDE_SPAN_MAX;
use crate::base::name::{EnvironmentName, MemberId, RepositoryName, RequestId, ServiceName};
use crate::base::time::Span;
use crate::cli::Context;
use crate::cli::commands::gate::artifact;
use crate::cli::desk::Held;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;

/// Let a revision through without its sign-offs, in an emergency
///
/// Signs an override: for this revision, these artifacts and this environment alone, for some
/// hours. The gate then lets it through, and its sign-offs are owed: the next decision asks for
/// them.
#[derive(Debug, clap::Args)]
#[command(after_help = "No ledger is needed: with -o FILE, and where the ledger cannot be \
    opened, the\noverride is signed by what this user has seen of it, and handed in later.\n\n\
    Examples:\n  countersign override -m 'checkout is down'\n  \
    countersign override 41c09aa --for 1h --incident INC-204 -m 'checkout is down'\n  \
    countersign override -m 'ledger is down too' --service shop -o override.json\n  \
    countersign override --drill -m 'yearly exercise'")]
pub(crate) struct Args {
    /// The commit that must be deployed
    #[arg(value_name = "REVISION", default_value = "HEAD", hide_default_value = true)]
    revision: String,
    /// The service; may be left out where the repository has one
    #[arg(long, short, value_name = "SERVICE")]
    service: Option<ServiceName>,
    /// The environment; production where it is left out and listed
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// An artifact that must be deployed; may be given several times
    #[arg(long = "artifact", value_name = "sha256:DIGEST", value_parser = artifact)]
    artifacts: Vec<ContentDigest>,
    /// Why; it is kept beside the ledger and can be deleted
    #[arg(short = 'm', long = "message", value_name = "WHY")]
    message: Option<String>,
    /// How long it lasts, such as 2h [default: the longest that the policy allows]
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<Span>,
    /// The incident, where there is one already
    #[arg(long, value_name = "ID")]
    incident: Option<RequestId>,
    /// An exercise: it lets nothing through, and audits list it
    #[arg(long)]
    drill: bool,
    /// Your member id, where the ledger is not at hand to tell it
    #[arg(long, value_name = "ID")]
    by: Option<MemberId>,
    /// The repository as the policy names it, where the ledger is not at hand
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let why = args.message.as_deref().map(str::trim).filter(|why| !why.is_empty());
    let Some(why) = why else {
        return Err(CliError::usage("an override says why").hint("add -m WHY"));
    };
    if let Some(lasts) = args.lasts.filter(|lasts| *lasts > OVERRIDE_SPAN_MAX) {
        return Err(CliError::usage(format!("an override lasts at most a day, not {lasts}"))
            .hint("sign another one when it has run out"));
    }
    let address = context.address()?;
    match address.open("override") {
        Ok(session) => {
            let held = Held::of("override", address.desk(session));
            here::run(context, args, why, held)
        }
        Err(error) if error.is_away() => away::run(context, args, why, &address, error),
        Err(error) => Err(error.into()),
    }
}
