//! `gate -o FILE`: the files that are wanted beside the answer, by their endings.

use std::path::{Path, PathBuf};

use super::bundle::{Drawn, Wanted};
use super::judge::Judged;
use super::key::PipelineKey;
use super::record::Recorded;
use super::summary::{ENDING, WantedSummary};
use crate::base::name::ServiceName;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::view::View;

const BUNDLE_ENDING: &str = ".bundle";

/// A file whose ending says what is written.
pub(crate) fn answer_file(text: &str) -> Result<PathBuf, String> {
    if text.ends_with(BUNDLE_ENDING) || text.ends_with(ENDING) {
        return Ok(PathBuf::from(text));
    }
    Err(format!("expected a name that ends in {BUNDLE_ENDING} or {ENDING}"))
}

/// What is asked for, as the command line says it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The files.
    pub(crate) files: &'a [PathBuf],
    /// Whether the bundle holds trees and files too.
    pub(crate) full: bool,
    /// The bundle of the deployment before.
    pub(crate) after: Option<&'a Path>,
    /// The service, if it is named.
    pub(crate) service: Option<&'a ServiceName>,
}

/// What is to be written, and the view of the size that the decision will have seen.
pub(crate) struct Files {
    bundle: Option<(Wanted, View)>,
    summary: Option<WantedSummary>,
}

impl Files {
    /// Finds out what can be written, so that what cannot is told before anything is recorded.
    ///
    /// # Errors
    /// Where two files of one kind are asked for, or one that cannot be written.
    pub(crate) fn new(
        context: &Context,
        desk: &Desk,
        key: Option<&PipelineKey>,
        asked: Asked<'_>,
    ) -> Result<Self, CliError> {
        let one = |ending: &str| {
            let mut its = asked
                .files
                .iter()
                .filter(|path| path.to_str().is_some_and(|path| path.ends_with(ending)));
            let first = its.next();
            match its.next() {
                None => Ok(first),
                Some(second) => {
                    let message = format!("two files that end in {ending} are asked for");
                    Err(CliError::usage(message)
                        .hint(format!("leave out one: -o {}", second.display())))
                }
            }
        };
        let bundle = one(BUNDLE_ENDING)?;
        if bundle.is_none() && (asked.full || asked.after.is_some()) {
            return Err(CliError::usage("--full and --after are about a bundle")
                .hint("name one: -o FILE.bundle"));
        }
        let wanted = |path: &PathBuf| Wanted::new(context, path, asked.full, asked.after);
        let bundle = bundle.map(wanted).transpose()?;
        let summary = match (one(ENDING)?, key) {
            (None, _) => None,
            (Some(path), Some(key)) => {
                Some(WantedSummary::new(context, desk, key, asked.service, path)?)
            }
            (Some(_), None) => {
                return Err(CliError::usage("a summary tells a decision that is recorded")
                    .hint("leave out -n"));
            }
        };
        let bundle = bundle.map(|bundle| (bundle, desk.session.view().clone()));
        Ok(Self { bundle, summary })
    }

    /// Whether a bundle is asked for.
    pub(crate) const fn has_bundle(&self) -> bool {
        self.bundle.is_some()
    }

    /// Writes the summary, and gives the bundle, which is written once the ledger is let go.
    ///
    /// # Errors
    /// Where one is not at hand, or cannot be written.
    pub(crate) fn write(
        &self,
        context: &mut Context,
        desk: &Desk,
        judged: &Judged,
        signing: Option<(&PipelineKey, &Recorded)>,
    ) -> Result<Option<Drawn>, CliError> {
        let drawn = match &self.bundle {
            Some((bundle, before)) => Some(bundle.draw(context, desk, judged, before, signing)?),
            None => None,
        };
        if let Some((summary, (key, recorded))) = self.summary.as_ref().zip(signing) {
            summary.write(context, desk, judged, key, recorded)?;
        }
        Ok(drawn)
    }
}
