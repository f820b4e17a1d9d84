//! `record build`.

use std::path::PathBuf;

use serde::Serialize;

use super::say;
use crate::base::digest::ContentDigest;
use crate::base::limits::SIDE_BLOB_BYTES_MAX;
use crate::base::name::{RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::commands::gate::artifact;
use crate::cli::desk::Held;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::pipeline::Build;
use crate::statement::words::Duty;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The artifact
    #[arg(long, value_name = "sha256:DIGEST", value_parser = artifact)]
    artifact: ContentDigest,
    /// The commit that it was built from
    #[arg(long, value_name = "REVISION", default_value = "HEAD", hide_default_value = true)]
    revision: String,
    /// The repository, as the policy names it; this one where it is left out
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    /// Keep an SLSA provenance beside the ledger, named by digest in the statement
    #[arg(long, value_name = "FILE")]
    provenance: Option<PathBuf>,
    #[command(flatten)]
    flags: SigningFlags,
}

#[derive(Serialize)]
struct Report {
    entry: EntryIndex,
    artifact: ContentDigest,
    repository: RepositoryName,
    revision: Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<ContentDigest>,
}

pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let provenance = match &args.provenance {
        Some(path) => Some(context.read(path, SIDE_BLOB_BYTES_MAX)?),
        None => None,
    };
    let mut held = Held::take(context, "record build")?;
    let desk = held.desk(context)?;
    let revision = desk.need_repository()?.resolve(&args.revision)?;
    let repository = args.repository.clone().or_else(|| desk.repository_name.clone());
    let repository = repository.ok_or_else(|| {
        CliError::usage("the settings do not say how the policy calls this repository")
            .hint("name it with --repository NAME")
    })?;
    let mut digest = provenance.as_deref().map(ContentDigest::of);
    if let Some(content) = provenance.filter(|_| !args.flags.dry_run) {
        // Kept before the entry that names it.
        digest = Some(desk.session.blobs().put(&content).map_err(SessionError::from)?);
    }
    let build = Build { artifact: args.artifact, repository, revision, provenance: digest };
    let said = Says::Build(build.clone());
    let Some(entry) = say(context, &mut held, Duty::Build, said, &args.flags)? else {
        return Ok(ExitStatus::Yes);
    };
    let Build { artifact, repository, revision, provenance } = build;
    let line = format!(
        "recorded: sha256:{} was built from {repository} {}, entry {entry}",
        artifact.short(),
        revision.short()
    );
    context.ui.json(&Report { entry, artifact, repository, revision, provenance });
    context.ui.line(&line);
    held.leak();
    Ok(ExitStatus::Yes)
}
