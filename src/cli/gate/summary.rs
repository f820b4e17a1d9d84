//! `gate -o FILE.vsa.json`: the answer for readers of SLSA, under the gate's key
//! (`spec/slsa.md` section 3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::judge::Judged;
use super::key::PipelineKey;
use super::record::Recorded;
use crate::base::digest::ContentDigest;
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::name::{ServiceName, ToolName, Uri};
use crate::cli::Context;
use crate::cli::desk::{Desk, write_envelope};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::time::rfc3339;
use crate::key::Signer;
use crate::session::SessionError;
use crate::statement::envelope::{Envelope, EnvelopeSignature, pre_authentication_encoding};
use crate::statement::summary::{About, Summary};
use crate::verify::is_two_party;

/// What the name of such a file ends in.
pub(crate) const ENDING: &str = ".vsa.json";

/// What is to be written where. Made before anything is judged: what cannot be written is asked
/// for in vain at once.
pub(crate) struct WantedSummary {
    path: PathBuf,
    service: crate::policy::Service,
    repository: Uri,
}

impl WantedSummary {
    /// Finds what the policy says of the repository.
    ///
    /// # Errors
    /// Where the policy does not know the service or has no URI of its repository, or the gate's
    /// key makes no signatures that others can check.
    pub(crate) fn new(
        context: &Context,
        desk: &Desk,
        key: &PipelineKey,
        service: Option<&ServiceName>,
        path: &Path,
    ) -> Result<Self, CliError> {
        if key.signer.public_key().application().is_some() {
            let message = "a security key signs no summary: readers of SLSA cannot check it";
            return Err(CliError::usage(message)
                .hint("name a plain Ed25519 key of a service with the duty decide: --key FILE"));
        }
        let policy = desk.policy()?;
        let service = desk.service(&policy, service)?.clone();
        let name = &service.repository;
        let known = policy.repository(name).ok_or_else(|| {
            let message = format!("the policy does not say which URI {name} has");
            let table = format!("[repository.\"{name}\"]");
            CliError::usage(message)
                .hint(format!("write {table} with its uri, and: countersign policy apply FILE"))
        })?;
        let repository = Uri::new(known.uri.as_str())
            .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?;
        Ok(Self { path: context.environment.resolve(path), service, repository })
    }

    /// Writes the summary of the commit, and one of the artifacts beside it where there are some.
    ///
    /// # Errors
    /// Where something cannot be read, signed or written.
    pub(crate) fn write(
        &self,
        context: &mut Context,
        desk: &Desk,
        judged: &Judged,
        key: &PipelineKey,
        recorded: &Recorded,
    ) -> Result<(), CliError> {
        let source = self.summary(desk, judged, key, recorded)?;
        let artifacts = judged.verdict.question.artifacts.clone();
        let mut files = vec![(self.path.clone(), source.clone())];
        if !artifacts.is_empty() {
            // Without a builder's word nothing ties what is deployed to what was read.
            let reports = &judged.verdict.artifacts;
            let is_built = !reports.iter().any(|report| report.built_by.is_empty());
            let resource = self.service.artifact_uri.clone();
            files.push((
                beside(&self.path),
                Summary {
                    about: About::Artifacts(artifacts),
                    resource: resource.unwrap_or_else(|| self.repository.clone()),
                    is_two_party: source.is_two_party && is_built,
                    ..source
                },
            ));
        }
        for (path, summary) in files {
            write_envelope(&path, &sign(&summary, key.signer.as_ref())?)?;
            let result = if summary.is_passed { "PASSED" } else { "FAILED" };
            let two = if summary.is_two_party { ", reviewed by two" } else { "" };
            context.ui.note(&format!("summary: {} ({result}{two})", path.display()));
        }
        Ok(())
    }

    fn summary(
        &self,
        desk: &Desk,
        judged: &Judged,
        key: &PipelineKey,
        recorded: &Recorded,
    ) -> Result<Summary, CliError> {
        let (verdict, session) = (&judged.verdict, &desk.session);
        let (_, policy) =
            verdict.policy.ok_or_else(|| CliError::usage("the ledger has no policy yet"))?;
        let decision = session.entry(recorded.decision.0)?;
        let digest = |envelope: &Envelope| ContentDigest::of(&envelope.to_canonical());
        let used = judged.gathered.entries.iter().chain([&decision]);
        let mut entries: BTreeMap<_, _> =
            used.map(|entry| (entry.index(), digest(entry.envelope()))).collect();
        entries.insert(policy, digest(session.entry(policy)?.envelope()));
        let checkpoint = session.checkpoint();
        let note = checkpoint.note().to_string();
        Ok(Summary {
            about: About::Source {
                revision: verdict.question.revision.clone(),
                branch: self.service.branch.clone(),
            },
            resource: self.repository.clone(),
            ledger: desk.trust.ledger(),
            gate: key.member.clone(),
            program: ToolName::new(concat!("countersign ", env!("CARGO_PKG_VERSION")))
                .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?,
            time: rfc3339(decision.time()),
            policy: (policy, ContentDigest::of(judged.policy.text().as_bytes())),
            checkpoint: (checkpoint.size(), ContentDigest::of(note.as_bytes())),
            entries,
            is_passed: verdict.is_allowed(),
            is_two_party: is_two_party(verdict),
        })
    }
}

/// `FILE.artifact.vsa.json` beside `FILE.vsa.json`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(ENDING).unwrap_or(&name);
    path.with_file_name(format!("{stem}.artifact{ENDING}"))
}

fn sign(summary: &Summary, signer: &dyn Signer) -> Result<Envelope, CliError> {
    let payload = summary.to_payload();
    if payload.len() > SUMMARY_BYTES_MAX {
        let message = format!("the summary has {} bytes: too many", payload.len());
        return Err(CliError::usage(message).hint("deploy more often, or write a bundle"));
    }
    let message = pre_authentication_encoding(&payload);
    let signature = signer.sign(&message).map_err(SessionError::from)?;
    let key = signer.public_key();
    // An agent may answer anything: what is handed on verifies.
    key.verify(&message, &signature)
        .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
    let signature = EnvelopeSignature { keyid: key.fingerprint(), signature };
    Ok(Envelope::new(payload, vec![signature]))
}
