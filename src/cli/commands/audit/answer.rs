//! The report as JSON, on the terminal or in a file, and what it says of itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::Args;
use super::log;
use super::work::Work;
use crate::audit::csv;
use crate::audit::owed::Glass;
use crate::audit::report::{DecisionReport, DeploymentReport};
use crate::base::digest::ContentDigest;
use crate::base::name::MemberId;
use crate::base::position::TreeSize;
use crate::cli::Context;
use crate::cli::desk::write_file;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::trusted::Witnesses;

/// What every report owes to whom.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Scope {
    pub(super) origin: String,
    /// Entries that were looked at, of how many.
    pub(super) size: TreeSize,
    pub(super) ledger_size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    pub(super) zone: &'static str,
    pub(super) not_proved: &'static str,
    pub(super) trusted: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) witnesses: Option<Witnesses>,
    pub(super) program: &'static str,
}

/// What no ledger can tell.
pub(super) const NOT_PROVED: &str = "that nothing reached production around the gate";

/// The report, as JSON has it.
#[derive(Serialize)]
struct Answer<'a> {
    scope: &'a Scope,
    people: &'a BTreeMap<MemberId, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployments: Option<&'a [DeploymentReport]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<&'a [DecisionReport]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<&'a [log::Line]>,
    /// Overrides, drills and debts of the places that were asked about.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    glass: Option<&'a Glass>,
}

/// The file's ending is its format.
pub(super) fn output_format(args: &Args) -> Result<Option<(PathBuf, bool)>, CliError> {
    let Some(path) = &args.output else { return Ok(None) };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(Some((path.clone(), false))),
        Some("csv") => Ok(Some((path.clone(), true))),
        _ => Err(CliError::usage(format!("{} names no format", path.display()))
            .hint("end the file's name in .json or .csv")),
    }
}

impl Work<'_> {
    /// Writes the report to its file or as JSON; gives whether text is still to be written.
    pub(super) fn answer(
        &self,
        context: &mut Context,
        deployments: Option<&[DeploymentReport]>,
        decisions: Option<&[DecisionReport]>,
        entries: Option<&[log::Line]>,
        glass: Option<&Glass>,
    ) -> Result<bool, CliError> {
        let people = self.names.all();
        let answer = Answer { scope: self.scope, people, deployments, decisions, entries, glass };
        let Some((path, is_csv)) = &self.format else {
            context.ui.json(&answer);
            return Ok(!context.ui.is_json());
        };
        let bytes = if *is_csv {
            let Some(deployments) = deployments else {
                return Err(CliError::usage("only deployments have a .csv form")
                    .hint("end the file's name in .json, or name a service"));
            };
            csv::csv(deployments, people).into_bytes()
        } else {
            let json = serde_json::to_string_pretty(&answer)
                .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
            format!("{}\n", crate::cli::text::escape_json(&json)).into_bytes()
        };
        write_file(&context.environment.resolve(path), &bytes)?;
        let count = deployments.map_or(0, <[DeploymentReport]>::len)
            + decisions.map_or(0, <[DecisionReport]>::len)
            + entries.map_or(0, <[log::Line]>::len);
        let rows = if count == 1 { "1 row" } else { "rows" };
        let rows = if count == 1 { rows.to_owned() } else { format!("{count} {rows}") };
        context.ui.line(&format!("wrote {}", path.display()));
        let digest = ContentDigest::of(&bytes);
        context.ui.line(&format!(
            "{rows} of ledger {}, sha256 {}",
            self.scope.size,
            digest.short()
        ));
        Ok(false)
    }
}
