//! `record`: what pipelines say beside the gate: what landed, builds and deployments.

mod build;
mod change;
mod deployment;

use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Held, write_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::key::PipelineKey;
use crate::cli::governance::{SigningFlags, show_statement};
use crate::statement::Says;
use crate::statement::words::Duty;

/// Record what landed, a build or a deployment; for pipelines
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say which commit an artifact was built from
    #[command(after_help = "Examples:\n  \
        countersign record build --artifact sha256:DIGEST --key builder\n  \
        countersign record build --artifact sha256:DIGEST --provenance slsa.json")]
    Build(build::Args),
    /// Say which change each commit that landed is, for gates without a clone
    ///
    /// For a service with the duty declare. It records the commits since what is deployed; gate
    /// --attested then judges them without a repository, on this service's word.
    #[command(after_help = "Examples:\n  \
        countersign record change --key ci\n  \
        countersign record change --revision origin/main --key ci")]
    Change(change::Args),
    /// Record a deployment, or what became of one
    ///
    /// gate -- CMD does this by itself. A deployment that rests on an allow decision is where the
    /// next one starts; any other is a fact that settles nothing.
    #[command(after_help = "Examples:\n  \
        countersign record deployment\n  \
        countersign record deployment --decision 311 --run 4711\n  \
        countersign record deployment --override override.json\n  \
        countersign record deployment --started 312 --outcome failed")]
    Deployment(deployment::Args),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Build(args) => build::run(context, args),
        Action::Change(args) => change::run(context, args),
        Action::Deployment(args) => deployment::run(context, args),
    }
}

/// An entry, with or without its `#`.
fn entry(text: &str) -> Result<EntryIndex, String> {
    let number = text.strip_prefix('#').unwrap_or(text);
    let index = crate::base::encoding::undecimal(number);
    index.map(EntryIndex::new).map_err(|_| "expected the number of an entry".to_owned())
}

/// Signs what is said and hands it in; nothing where it was only shown or written to a file.
fn say(
    context: &mut Context,
    held: &mut Held,
    duty: Duty,
    says: Says,
    flags: &SigningFlags,
) -> Result<Option<EntryIndex>, CliError> {
    let key = key(context, held)?;
    let desk = held.desk(context)?;
    key.need(desk, duty)?;
    if flags.dry_run {
        show_statement(context, &desk.session.statement(&key.member, says))?;
        return Ok(None);
    }
    let envelope = desk.sign(key.signer.as_ref(), &key.member, says)?;
    if let Some(path) = &flags.output {
        write_envelope(&context.environment.resolve(path), &envelope)?;
        if path.as_os_str() != "-" {
            context.ui.json(&serde_json::json!({ "file": path.display().to_string() }));
            context.ui.line(&format!("signed: {}", path.display()));
            context.ui.line(&format!("next: countersign submit {}", path.display()));
        }
        return Ok(None);
    }
    let receipts = desk.submit(context.now(), &[envelope])?;
    Ok(receipts.first().map(|receipt| receipt.index))
}

/// The key that is named now, else the gate's own where it is here, else a person's. Nobody waits
/// for the ledger while a passphrase is asked.
fn key(context: &mut Context, held: &mut Held) -> Result<PipelineKey, CliError> {
    let desk = held.desk(context)?;
    if PipelineKey::is_gates(context, desk)?
        && let Some(key) = PipelineKey::find(context, desk)?
    {
        return Ok(key);
    }
    let enrolled = desk.enrolled();
    if context.ui.has_person() {
        held.leave();
    }
    let signer = context.signer(Some(&enrolled))?;
    let desk = held.desk(context)?;
    PipelineKey::of_person(context, desk, signer)
}
