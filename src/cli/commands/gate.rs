//! `gate`: may this be deployed? Decides, records the decision, runs the deployment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::checkout;
use crate::cli::gate::files::{Asked, Files, answer_file};
use crate::cli::gate::judge::{Inquiry, judge};
use crate::cli::gate::key::PipelineKey;
use crate::cli::gate::outcome::{abandon, carry_out};
use crate::cli::gate::record::{Recorded, record};
use crate::cli::gate::render;
use crate::statement::words::Duty;

/// Decide whether a revision may be deployed, record that, and run the deployment
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Status: 0 passes, 1 is refused, all else is no answer and no permission.\n\
    Where CMD ran, the status is CMD's own (128 and the signal's number where a\n\
    signal ended it), and its outcome is recorded. CMD runs in the work tree,\n\
    which must be the revision, unchanged; it finds the decision's entry in\n\
    COUNTERSIGN_DECISION_ENTRY and the commit in COUNTERSIGN_REVISION. Where the\n\
    policy only observes, a refusal prints WOULD REFUSE and passes. A refusal that\n\
    enough people override passes too; what it lets through is owed.\n\n\
    Examples:\n  countersign gate -n\n  countersign gate --env production -- ./deploy.sh\n  \
    countersign gate --revision 41c09aa --artifact sha256:DIGEST"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// The service; may be left out where the repository has one
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceName>,
    /// The environment; production where it is left out and listed
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
    /// The commit that would be deployed
    #[arg(long, value_name = "REVISION", default_value = "HEAD", hide_default_value = true)]
    revision: String,
    /// An artifact that would be deployed; may be given several times
    #[arg(long = "artifact", value_name = "sha256:DIGEST", value_parser = artifact)]
    artifacts: Vec<ContentDigest>,
    /// Only decide: record and run nothing
    #[arg(short = 'n', long = "dry-run", conflicts_with = "command")]
    only_decide: bool,
    /// Write what the answer rests on to FILE.bundle, for countersign verify, or
    /// a summary for readers of SLSA to FILE.vsa.json (can be repeated)
    #[arg(short, long, value_name = "FILE", value_parser = answer_file)]
    output: Vec<PathBuf>,
    /// With -o: trees and files of the changes too, which is source code
    #[arg(long, requires = "output")]
    full: bool,
    /// With -o: the bundle of the deployment before, whose SHA-256 it will name
    #[arg(long, value_name = "BUNDLE", requires = "output")]
    after: Option<PathBuf>,
    /// Run CMD also where another commit is checked out, or tracked files are changed
    #[arg(long)]
    any_checkout: bool,
    /// Read no repository: judge by what a service said of each commit (record change)
    #[arg(long)]
    attested: bool,
    /// The deployment, run only where it may be
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// An artifact's digest, as container tools write it.
pub(crate) fn artifact(text: &str) -> Result<ContentDigest, String> {
    let digest = text.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
    digest.ok_or_else(|| "expected sha256: and 64 lower-case hexadecimal digits".to_owned())
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut desk = context.desk("gate")?;
    if !args.command.is_empty() && !args.any_checkout {
        let repository = desk
            .need_repository()
            .map_err(|error| error.hint("or run it wherever this is: --any-checkout"))?;
        checkout::check(repository, &repository.resolve(&args.revision)?)?;
    }
    let key = if args.only_decide { None } else { Some(gate_key(context, &desk, args)?) };
    let inquiry = Inquiry {
        service: args.service.as_ref(),
        environment: args.environment.as_ref(),
        revision: &args.revision,
        artifacts: &args.artifacts,
        attested: args.attested,
    };
    let asked = Asked {
        files: &args.output,
        full: args.full,
        after: args.after.as_deref(),
        service: args.service.as_ref(),
    };
    if args.attested && args.output.iter().any(|file| is_bundle(file)) {
        return Err(CliError::usage("a bundle shows commits, and --attested reads none")
            .hint("run the gate in a clone, or leave out -o"));
    }
    let files = Files::new(context, &desk, key.as_ref(), asked)?;
    let judged = judge(&desk, &inquiry, context.now())?;
    let passes = judged.passes();
    let status = if passes { ExitStatus::Yes } else { ExitStatus::No };
    let runs = passes && !args.command.is_empty();
    let recorded = match &key {
        Some(key) => Some(record(context, &mut desk, key, &judged, runs)?),
        None => None,
    };
    render::answer(context, &desk, &judged, recorded.as_ref())?;
    let signing = key.as_ref().zip(recorded.as_ref());
    let written = files.write(context, &desk, &judged, signing);
    let Some((key, Recorded { decision, started: Some(started), .. })) = key.zip(recorded) else {
        desk.session.leak();
        return written.map(|()| status);
    };
    // Others may use the ledger while the deployment runs.
    drop(desk);
    // Whoever asked for proof gets none without: what had begun did not succeed.
    if let Err(error) = written {
        abandon(context, &key, started);
        return Err(error);
    }
    Ok(carry_out(context, &key, started, Some(decision.0), &args.command))
}

fn is_bundle(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "bundle")
}

/// The gate's key, and what whose it is must be allowed to do. Asked before anything is judged:
/// what cannot be recorded is not begun.
fn gate_key(context: &mut Context, desk: &Desk, args: &Args) -> Result<PipelineKey, CliError> {
    let key = PipelineKey::find(context, desk)?.ok_or_else(|| {
        CliError::usage("the gate's key is not on this machine")
            .hint("only decide, and record nothing: countersign gate -n")
            .hint("or name the key of a service with the duty decide: --key FILE")
    })?;
    key.need(desk, Duty::Decide)?;
    if !args.command.is_empty() {
        key.need(desk, Duty::Deploy)?;
    }
    Ok(key)
}
