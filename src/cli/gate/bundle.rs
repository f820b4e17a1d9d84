//! `gate -o FILE.bundle`: what an answer rests on, for whoever has neither ledger nor repository.

use std::path::{Path, PathBuf};

use super::judge::Judged;
use super::key::PipelineKey;
use super::record::Recorded;
use crate::base::digest::ContentDigest;
use crate::base::limits::BUNDLE_BYTES_MAX;
use crate::cli::Context;
use crate::cli::desk::{Desk, write_file};
use crate::cli::error::CliError;
use crate::evidence::{Judged as Drafted, draft_bundle, fill_bundle, gather_as_of};
use crate::session::SessionError;
use crate::statement::governance::EntryReference;
use crate::verify::Question;
use crate::verify::bundle::{Attestation, BUNDLE_START, Bundle, attested_message, check};
use crate::view::View;

/// What is to be written where.
pub(crate) struct Wanted {
    path: PathBuf,
    full: bool,
    previous: Option<ContentDigest>,
}

impl Wanted {
    /// Reads the bundle before, so that a wrong one is told before anything is recorded.
    ///
    /// # Errors
    /// Where that is none, or cannot be read.
    pub(crate) fn new(
        context: &Context,
        path: &Path,
        full: bool,
        after: Option<&Path>,
    ) -> Result<Self, CliError> {
        let previous = match after {
            None => None,
            Some(after) => {
                let bytes = context.read(after, BUNDLE_BYTES_MAX)?;
                if !bytes.starts_with(BUNDLE_START.as_bytes()) {
                    return Err(CliError::usage(format!("{} is no bundle", after.display()))
                        .hint("name the file that the gate wrote for the deployment before"));
                }
                Some(ContentDigest::of(&bytes))
            }
        };
        let path = context.environment.resolve(path);
        Ok(Self { path, full, previous })
    }

    /// Writes the bundle, and only one that verifies.
    ///
    /// # Errors
    /// Where something is not at hand, too large, or cannot be written.
    pub(crate) fn write(
        &self,
        context: &mut Context,
        desk: &Desk,
        judged: &Judged,
        before: &View,
        signing: Option<(&PipelineKey, &Recorded)>,
    ) -> Result<(), CliError> {
        let repository = desk.need_repository()?;
        let mut question = judged.verdict.question.clone();
        let mut decision: Option<EntryReference> = None;
        // The same denial as before stands where it stands, and had seen what it had seen.
        let mut earlier = None;
        if let Some((_, recorded)) = signing {
            let entry = desk.session.entry(recorded.decision.0)?;
            question = Question { time: entry.time(), ..question };
            decision = Some(entry.entry());
            let seen = entry.statement().seen.map(|seen| seen.size).unwrap_or_default();
            if seen != before.size() {
                let view = desk.session.view_as_of(seen)?;
                let found = gather_as_of(&desk.session, repository, &question, &view, None)?;
                earlier = Some((view, found));
            }
        }
        let (view, gathered) = match &earlier {
            Some((view, gathered)) => (view, gathered),
            None => (before, &judged.gathered),
        };
        let previous = self.previous;
        let drafted = Drafted { question: &question, gathered, view, decision, previous };
        let draft = draft_bundle(&desk.session, repository, &drafted)?;
        let attestation = match signing {
            None => None,
            Some((key, _)) => {
                let message = attested_message(&draft.claims);
                let signature = key.signer.sign(&message).map_err(SessionError::from)?;
                Some(Attestation::new(key.signer.public_key().fingerprint(), &signature))
            }
        };
        if self.full {
            context.ui.note("--full: the bundle carries the source code of these changes");
        }
        let bundle = fill_bundle(&desk.session, repository, draft, attestation, self.full)?;
        let bytes = bundle.to_bytes();
        if bytes.len() > BUNDLE_BYTES_MAX {
            let message = format!("the bundle has {} bytes: too many", bytes.len());
            return Err(CliError::usage(message).hint("leave out --full"));
        }
        // What is handed on verifies: by the bytes that are written, as a stranger reads them.
        let wrong = |what: String| {
            CliError::integrity(format!("the bundle does not verify, and is not written: {what}"))
                .hint("countersign ledger check")
        };
        let again = Bundle::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        check(&again, &desk.trust, context.now()).map_err(|error| wrong(error.to_string()))?;
        write_file(&self.path, &bytes)?;
        let form = if self.full { "full" } else { "compact" };
        context.ui.note(&format!(
            "bundle: {} ({form}, {} bytes); it names authors as commits do",
            self.path.display(),
            bytes.len()
        ));
        Ok(())
    }
}
