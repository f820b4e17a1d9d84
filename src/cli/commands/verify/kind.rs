//! What the files of one `verify` are, and which flags go with them: a flag that would ask nothing
//! of a file is refused, since whoever gave it believes that it was asked.

use std::path::Path;

use super::Args;
use super::summary::is_envelope;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::verify::bundle::BUNDLE_START;

/// What a file is, by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A proof of an entry or of growth, a checkpoint, or evidence of a fork.
    Proof,
    /// What a verdict rests on.
    Bundle,
    /// A summary for readers of SLSA.
    Summary,
}

use Kind::{Bundle, Proof, Summary};

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(BUNDLE_START.as_bytes()) {
            Bundle
        } else if is_envelope(bytes) {
            Summary
        } else {
            Proof
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Proof => "proofs and checkpoints",
            Bundle => "bundles",
            Summary => "summaries",
        }
    }

    /// Refuses every flag that says nothing of files of this kind.
    ///
    /// # Errors
    /// At the first such flag.
    pub(super) fn check_flags(self, context: &Context, args: &Args) -> Result<(), CliError> {
        let expected = &args.expected;
        let flags: [(&str, bool, &[Self]); 9] = [
            ("--trust", context.settings.trust.is_some(), &[Proof, Bundle]),
            ("--since", args.since.is_some(), &[Proof, Bundle]),
            ("--output", args.output.is_some(), &[Proof]),
            ("--repo", args.repo.is_some(), &[Bundle]),
            ("--signer", expected.signer.is_some(), &[Summary]),
            ("--subject", expected.subject.is_some(), &[Summary]),
            ("--resource", expected.resource.is_some(), &[Summary]),
            ("--verifier", expected.verifier.is_some(), &[Summary]),
            ("--level", expected.level.is_some(), &[Summary]),
        ];
        let idle =
            |(_, is_given, kinds): &&(&str, bool, &[Self])| *is_given && !kinds.contains(&self);
        let Some((flag, _, kinds)) = flags.iter().find(idle) else { return Ok(()) };
        let about: Vec<_> = kinds.iter().map(|kind| kind.plural()).collect();
        let about = about.join(" and ");
        Err(CliError::usage(format!(
            "{flag} asks something of {about} alone, and these files are {}",
            self.plural()
        ))
        .hint(format!("is it the right file? else leave out {flag}")))
    }
}

/// What all files of a command are.
///
/// # Errors
/// Where they are of several kinds: each kind rests on something else.
pub(super) fn of_all(files: &[(&Path, Vec<u8>)]) -> Result<Kind, CliError> {
    let mut kinds = files.iter().map(|(path, bytes)| (path, Kind::of(bytes)));
    let first = kinds.next().map_or(Proof, |(_, kind)| kind);
    match kinds.find(|(_, kind)| *kind != first) {
        None => Ok(first),
        Some((path, kind)) => Err(CliError::usage(format!(
            "{} and {} are verified apart",
            first.plural(),
            kind.plural()
        ))
        .hint(format!("verify {} by itself", path.display()))),
    }
}
