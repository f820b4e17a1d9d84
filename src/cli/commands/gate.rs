//! `gate`: may this be deployed? Decides, records the decision, runs the deployment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::digest::ContentDigest;
use crate::base::limits::BUNDLES_KEPT_MAX;
use crate::base::name::{EnvironmentName, ServiceName};
use crate::cli::Context;
use crate::cli::desk::{Desk, keep_words, read_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::away::{self, Asked as Away};
use crate::cli::gate::bundle::{Wanted, await_witnesses};
use crate::cli::gate::checkout;
use crate::cli::gate::files::{Asked, Files, answer_file};
use crate::cli::gate::judge::{Inquiry, Judged, judge};
use crate::cli::gate::key::PipelineKey;
use crate::cli::gate::outcome::{abandon, carry_out};
use crate::cli::gate::record::{Recorded, record};
use crate::cli::gate::render;
use crate::session::SessionError;
use crate::statement::words::Duty;
use crate::store::durable;
use crate::view::View;

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
    /// Where the ledger is away: a bundle that answers, which a gate wrote with -o
    #[arg(long, value_name = "FILE", conflicts_with = "overrides")]
    bundle: Option<PathBuf>,
    /// An override that override -o wrote: handed in, or where the ledger is away
    /// judged by what was read of it last; may be given several times
    #[arg(long = "override", value_name = "FILE")]
    overrides: Vec<PathBuf>,
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
    let address = context.address()?;
    let bundles = address.bundles();
    let opened = match &args.bundle {
        Some(_) => address.open_briefly("gate"),
        None => address.open("gate"),
    };
    let mut desk = match opened {
        Ok(session) => address.desk(session),
        Err(error) if error.is_away() => {
            let asked = Away {
                inquiry: inquiry(args),
                bundle: args.bundle.as_deref(),
                overrides: &args.overrides,
                command: &args.command,
                any_checkout: args.any_checkout,
                only_decide: args.only_decide,
            };
            return away::run(context, &asked, address, error);
        }
        Err(error) => return Err(error.into()),
    };
    context.hand_in_waiting(&mut desk);
    if args.bundle.is_some() {
        context.ui.note("the ledger is at hand: it is asked, and not the bundle");
    }
    if !args.command.is_empty() && !args.any_checkout {
        let repository = desk
            .need_repository()
            .map_err(|error| error.hint("or run it wherever this is: --any-checkout"))?;
        checkout::check(repository, &repository.resolve(&args.revision)?)?;
    }
    let key = if args.only_decide { None } else { Some(gate_key(context, &desk, args)?) };
    let inquiry = inquiry(args);
    hand_in_overrides(context, &mut desk, args)?;
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
    let before = bundles.is_some().then(|| desk.session.view().clone());
    let passes = judged.passes();
    let status = if passes { ExitStatus::Yes } else { ExitStatus::No };
    let runs = passes && !args.command.is_empty();
    let recorded = match &key {
        Some(key) => Some(record(context, &mut desk, key, &judged, runs)?),
        None => None,
    };
    render::answer(context, &desk, &judged, recorded.as_ref())?;
    let signing = key.as_ref().zip(recorded.as_ref());
    let keeps = judged.verdict.is_allowed() && !args.attested;
    let kept = bundles.as_ref().zip(before.as_ref()).zip(signing).filter(|_| keeps);
    let decision = recorded.as_ref().map(|recorded| recorded.decision.0);
    let awaited = match decision.filter(|_| kept.is_some() || files.has_bundle()) {
        Some(decision) => await_witnesses(&mut desk, decision),
        None => Ok(()),
    };
    let drawn = awaited.and_then(|()| files.write(context, &desk, &judged, signing));
    if let Some(((folder, before), signing)) = kept {
        keep_bundle(context, &desk, folder, &judged, before, signing);
    }
    let started = key.zip(recorded.and_then(|recorded| recorded.started));
    // Others may use the ledger while witnesses are asked, and while the deployment runs.
    match started {
        Some(_) => drop(desk),
        None => desk.session.leak(),
    }
    let written = drawn.and_then(|drawn| match drawn {
        Some(drawn) => drawn.cosigned(context).write(context),
        None => Ok(()),
    });
    let Some((key, started)) = started else { return written.map(|()| status) };
    // Whoever asked for proof gets none without: what had begun did not succeed.
    if let Err(error) = written {
        abandon(context, &key, started);
        return Err(error);
    }
    Ok(carry_out(context, &key, started, decision, &args.command))
}

fn inquiry(args: &Args) -> Inquiry<'_> {
    Inquiry {
        service: args.service.as_ref(),
        environment: args.environment.as_ref(),
        revision: &args.revision,
        artifacts: &args.artifacts,
        attested: args.attested,
    }
}

/// Overrides that were signed into files are in the ledger before it is asked.
fn hand_in_overrides(context: &Context, desk: &mut Desk, args: &Args) -> Result<(), CliError> {
    if args.only_decide && !args.overrides.is_empty() {
        return Err(CliError::usage(
            "-n records nothing, and the ledger does not have the override",
        )
        .hint("hand it in first: countersign submit FILE"));
    }
    for file in &args.overrides {
        let envelope = read_envelope(context, file)?;
        keep_words(context, desk, file, &envelope)?;
        desk.submit(context.now(), &[envelope])?;
    }
    Ok(())
}

/// Keeps the bundle of what was allowed, for when the ledger is away. That it cannot be kept stops
/// nothing.
fn keep_bundle(
    context: &mut Context,
    desk: &Desk,
    folder: &Path,
    judged: &Judged,
    before: &View,
    signing: (&PipelineKey, &Recorded),
) {
    let wanted = Wanted::kept(folder.join(away::kept_name(&judged.verdict.question)));
    let kept = durable::create_folder(folder)
        .map_err(|error| SessionError::from(error).into())
        .and_then(|()| wanted.draw(context, desk, judged, before, Some(signing)))
        .and_then(|drawn| drawn.write(context));
    match kept {
        Ok(()) => forget_oldest(folder),
        Err(error) => {
            context.ui.detail(&format!("no bundle is kept for later: {}", error.message));
        }
    }
}

/// Keeps the newest bundles alone.
fn forget_oldest(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    let age = |file: std::fs::DirEntry| Some((file.metadata().ok()?.modified().ok()?, file.path()));
    let mut files: Vec<_> = files.filter_map(|file| age(file.ok()?)).collect();
    files.sort_unstable();
    let more = files.len().saturating_sub(BUNDLES_KEPT_MAX);
    for (_, path) in files.into_iter().take(more) {
        // What stays is of no harm: it is as old as it is.
        let _ = durable::remove(&path);
    }
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::store::tests::Folder;

    #[test]
    fn the_newest_bundles_are_kept() {
        let folder = Folder::new("bundles-kept");
        let path = |number: usize| folder.path().join(format!("{number}.bundle"));
        // The oldest has the highest number.
        for number in 0..BUNDLES_KEPT_MAX {
            let file = File::create(path(number)).unwrap();
            let age = Duration::from_secs(60 * number as u64);
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 20) - age).unwrap();
        }
        let count = || durable::names(folder.path()).unwrap().len();
        forget_oldest(folder.path());
        assert_eq!(count(), BUNDLES_KEPT_MAX);
        File::create(path(BUNDLES_KEPT_MAX)).unwrap();
        forget_oldest(folder.path());
        assert_eq!(count(), BUNDLES_KEPT_MAX);
        assert!(!path(BUNDLES_KEPT_MAX - 1).exists() && path(BUNDLES_KEPT_MAX).exists());
    }
}
