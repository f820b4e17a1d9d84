//! `audit`: who signed off on what is running.

mod answer;
mod brought;
mod changes;
mod glass;
mod list;
pub(super) mod moment;
pub(in crate::cli) mod places;
mod render;
mod subject;
pub(in crate::cli) mod words;
mod work;

use std::path::PathBuf;

use self::answer::{NOT_PROVED, Scope, output_format};
use self::list::Listing;
use self::moment::{Edge, moment};
use self::subject::{Subject, only_service, subject};
use self::work::Work;
use super::log;
use crate::base::name::EnvironmentName;
use crate::base::name::Revision;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::time::rfc3339;
use crate::cli::trusted::{self, Witnesses};

/// Tell who signed off on what is running
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign audit checkout\n  \
    countersign audit checkout --at 02:40\n  \
    countersign audit --from 2026-10-01 --to 2026-12-31 -o q4.csv\n  \
    countersign audit HEAD~3\n  countersign audit ada\n  countersign audit '#312' -v")]
pub(crate) struct Args {
    /// A service, a person, a commit as git names it, a change (7 digits or more), an entry (#42)
    #[arg(value_name = "SERVICE|PERSON|COMMIT|HASH|#ENTRY")]
    subject: Option<String>,
    /// The environment; production where the policy lists it
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// As it was then: 02:40, 2026-11-20, RFC 3339; UTC unless a zone is given
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    at: Option<String>,
    /// Every deployment from then on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Every deployment up to then
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Write the report to this file: .json or .csv
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}
/// The period that is asked about.
pub(super) struct Period {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Period {
    pub(super) fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time <= to)
    }

    const fn is_given(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let format = output_format(args)?;
    let desk = context.desk("audit")?;
    let names = desk.names();
    let now = context.now();
    let read = |text: &Option<String>, edge| {
        text.as_deref().map(|text| moment(text, now, edge)).transpose()
    };
    let at = read(&args.at, Edge::End)?;
    // A day that has begun is asked about up to now; nothing is known of one that has not.
    if read(&args.at, Edge::Start)?.is_some_and(|start| start > now) {
        let at = args.at.as_deref().unwrap_or_default();
        return Err(
            CliError::usage(format!("{at} is still to come")).hint("as it is now: leave --at out")
        );
    }
    let at = at.map(|at| at.min(now));
    let period = Period { from: read(&args.from, Edge::Start)?, to: read(&args.to, Edge::End)? };
    let size = match at {
        Some(at) => desk.session.size_at(at)?,
        None => desk.session.size(),
    };
    let scope = Scope {
        origin: desk.trust.origin().to_string(),
        size,
        ledger_size: desk.session.size(),
        at: at.map(rfc3339),
        from: period.from.map(rfc3339),
        to: period.to.map(rfc3339),
        zone: "UTC",
        not_proved: NOT_PROVED,
        trusted: trusted::line(&desk.session.witnessing(), now),
        witnesses: Witnesses::new(&desk.session.witnessing()),
        program: concat!("countersign ", env!("CARGO_PKG_VERSION")),
    };
    let subject = match &args.subject {
        Some(text) => subject(&desk, &names, text)?,
        None => only_service(&desk, &period)?,
    };
    let moment = at.unwrap_or(now);
    let work = Work { desk: &desk, names: &names, scope: &scope, moment, format, args };
    match subject {
        Subject::Person(member) => {
            let listing = Listing::person(&desk, &names, &member, &scope, &period)?;
            work.listing(context, &listing)
        }
        Subject::Commit { revision, text } => match work.commit(context, &revision)? {
            Some(status) => Ok(status),
            // What was signed and landed as another commit, or has not landed.
            None => match Listing::hash(&desk, &names, &text, &scope, &period) {
                Ok(listing) => work.listing(context, &listing),
                Err(error) if error.kind == ErrorKind::Usage => Err(not_deployed(&revision)),
                Err(error) => Err(error),
            },
        },
        Subject::Hash(text) => {
            let listing = Listing::hash(&desk, &names, &text, &scope, &period)?;
            work.listing(context, &listing)
        }
        Subject::Entry(index) => work.entry(context, index),
        Subject::Service(service) if period.is_given() => {
            work.population(context, Some(&service), &period)
        }
        Subject::Service(service) => work.live(context, &service),
        Subject::Everything => work.population(context, None, &period),
    }
}

/// A commit that neither a deployment nor an entry has.
fn not_deployed(revision: &Revision) -> CliError {
    let commit = revision.short();
    CliError::usage(format!("no deployment has {commit}, and no entry names it"))
        .hint(format!("what it needs and has: countersign status {commit}"))
}
