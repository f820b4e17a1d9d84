//! `policy show`: the text of a policy.

use std::path::PathBuf;

use serde::Serialize;

use crate::base::digest::ContentDigest;
use crate::base::name::LevelName;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Show a policy: that of a file, else the ledger's, else the built-in one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign policy show\n  \
    countersign policy show > policy.toml\n  countersign policy show --json policy.toml")]
pub(crate) struct Args {
    /// The policy; - is standard input, and the ledger's policy in force is the default
    file: Option<PathBuf>,
}

/// The policy as an answer.
#[derive(Serialize)]
struct Report<'a> {
    digest: ContentDigest,
    levels: Vec<&'a str>,
    environments: Vec<Listed<'a>>,
    services: Vec<&'a str>,
    rules: Vec<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    mode: &'a str,
}

/// Prints the text as it is, so that it can be redirected and edited.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let policy = match &args.file {
        None if context.has_ledger()? => context.desk("policy show")?.policy()?,
        file => super::load(context, file.as_deref())?,
    };
    if !context.ui.is_json() {
        context.ui.document(policy.text().as_bytes());
        return Ok(ExitStatus::Yes);
    }
    let environments = policy.environments().iter();
    context.ui.json(&Report {
        digest: ContentDigest::of(policy.text().as_bytes()),
        levels: policy.levels().iter().map(LevelName::as_str).collect(),
        environments: environments
            .map(|listed| Listed { name: listed.name.as_str(), mode: listed.mode.as_str() })
            .collect(),
        services: policy.services().iter().map(|service| service.name.as_str()).collect(),
        rules: policy.rules().iter().map(|rule| rule.name.as_str()).collect(),
        text: policy.text(),
    });
    Ok(ExitStatus::Yes)
}
