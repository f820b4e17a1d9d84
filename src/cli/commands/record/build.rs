//! `record build`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::say;
use crate::base::digest::ContentDigest;
use crate::base::limits::PROVENANCE_BYTES_MAX;
use crate::base::name::{RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::commands::gate::artifact;
use crate::cli::desk::{Desk, Held};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::pipeline::{Build, Embedded};
use crate::statement::provenance::{Provenance, ProvenanceError};
use crate::statement::words::Duty;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The artifact
    #[arg(long, value_name = "sha256:DIGEST", value_parser = artifact)]
    artifact: ContentDigest,
    /// The commit that it was built from; HEAD, or what the provenance names, if left out
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// The repository, as the policy names it; this one where it is left out
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    /// Take the commit from an SLSA provenance v1, and keep it in the statement
    ///
    /// A DSSE envelope or a Sigstore bundle with one. The commit is that of the one resolved
    /// dependency whose URI the policy names for the repository. Its own signature is not
    /// checked: whoever signs the build vouches for it.
    #[arg(long, value_name = "FILE")]
    provenance: Option<PathBuf>,
    /// Keep the provenance beside the ledger, where it can be deleted: it may name people
    #[arg(long, requires = "provenance")]
    detached: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    embedded: Option<bool>,
}

pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let provenance = match &args.provenance {
        Some(path) => Some(context.read(path, PROVENANCE_BYTES_MAX)?),
        None => None,
    };
    let mut held = Held::take(context, "record build")?;
    let desk = held.desk(context)?;
    let repository = args.repository.clone().or_else(|| desk.repository_name.clone());
    let repository = repository.ok_or_else(|| {
        CliError::usage("the settings do not say how the policy calls this repository")
            .hint("name it with --repository NAME")
    })?;
    let said = match (&args.provenance, &provenance) {
        (Some(path), Some(file)) => Some(source(desk, args, &repository, path, file)?),
        _ => None,
    };
    let named = match (&args.revision, &said) {
        (None, Some(revision)) => revision.clone(),
        (named, _) => {
            let named = named.as_deref().unwrap_or("HEAD");
            desk.need_repository()?.resolve(named)?
        }
    };
    if let Some(said) = said.filter(|said| *said != named) {
        let message =
            format!("the provenance names commit {}, not {}", said.short(), named.short());
        return Err(CliError::usage(message)
            .hint("leave out --revision, or find out which of the two is wrong"));
    }
    let (digest, embedded) = keep(desk, args, provenance)?;
    let artifact = args.artifact;
    let build = Build { artifact, repository, revision: named, provenance: digest, embedded };
    let said = Says::Build(build.clone());
    let Some(entry) = say(context, &mut held, Duty::Build, said, &args.flags)? else {
        return Ok(ExitStatus::Yes);
    };
    let Build { artifact, repository, revision, provenance, embedded } = build;
    let line = format!(
        "recorded: sha256:{} was built from {repository} {}, entry {entry}",
        artifact.short(),
        revision.short()
    );
    let embedded = provenance.map(|_| embedded.is_some());
    context.ui.json(&Report { entry, artifact, repository, revision, provenance, embedded });
    context.ui.line(&line);
    if let Some(embedded) = embedded {
        let place = if embedded { "in the statement" } else { "beside the ledger" };
        context.ui.line(&format!("provenance kept {place}; its own signature was not checked"));
    }
    held.leak();
    Ok(ExitStatus::Yes)
}

/// The commit that the provenance names for the repository, by the URI that the policy in force
/// has for it.
fn source(
    desk: &Desk,
    args: &Args,
    repository: &RepositoryName,
    path: &Path,
    file: &[u8],
) -> Result<Revision, CliError> {
    let policy = desk.policy()?;
    let uri = policy.repository(repository).map(|known| &known.uri).ok_or_else(|| {
        let table = format!("[repository.\"{repository}\"]");
        CliError::usage(format!("the policy does not say which URI {repository} has"))
            .hint(format!("write {table} with its uri, and: countersign policy apply FILE"))
    })?;
    let found = Provenance::parse(file).and_then(|found| found.source(args.artifact, uri));
    found.map_err(|error| {
        let is_source = matches!(error, ProvenanceError::Source { .. });
        let message = format!("{} does not say what was built", path.display());
        let error = CliError::usage(message).because(&error);
        if !is_source {
            return error;
        }
        error.hint("only the repository's URI in the policy counts: countersign policy show")
    })
}

/// The digest of the provenance, and the file itself where it goes into the statement; else it is
/// kept beside the ledger, before the entry that names it.
fn keep(
    desk: &Desk,
    args: &Args,
    file: Option<Vec<u8>>,
) -> Result<(Option<ContentDigest>, Option<Embedded>), CliError> {
    let Some(file) = file else { return Ok((None, None)) };
    let digest = ContentDigest::of(&file);
    if !args.detached
        && let Some(embedded) = Embedded::new(file.clone())
    {
        return Ok((Some(digest), Some(embedded)));
    }
    if !args.flags.dry_run {
        desk.session.blobs().put(&file).map_err(SessionError::from)?;
    }
    Ok((Some(digest), None))
}
