//! Provenances of builds that others made: SLSA provenance v1 (`spec/slsa.md` section 2).
//!
//! It is evidence that a builder brings, and a foreign format: members that are not known are
//! passed over, and its signature is not checked here. What counts is the single dependency whose
//! URI is the repository's; what whoever began the build could choose (`externalParameters`) is
//! never read (ATTACKS 11).

use serde::Deserialize;

use super::STATEMENT_TYPE;
use super::envelope::PAYLOAD_TYPE;
use crate::base::digest::ContentDigest;
use crate::base::encoding;
use crate::base::limits::{PROVENANCE_BYTES_MAX, PROVENANCE_TOLD_MAX};
use crate::base::name::{RepositoryUri, Revision};

/// The predicate type of the only version that is read.
pub const PROVENANCE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// Why a provenance does not say what an artifact was built from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// More bytes than are read.
    #[error("too large: {found} bytes, at most {PROVENANCE_BYTES_MAX} are read")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// No DSSE envelope with an in-toto statement.
    #[error("not a DSSE envelope with an in-toto statement: {0}")]
    Malformed(String),
    /// Another version, or another kind of attestation.
    #[error("it is of type {0:?}; only {PROVENANCE_TYPE:?} is read")]
    Type(String),
    /// It is of other artifacts.
    #[error("it is not about sha256:{artifact}; it is about {found}")]
    OtherArtifact {
        /// The artifact.
        artifact: ContentDigest,
        /// What it is about.
        found: String,
    },
    /// No dependency, or more than one, is the repository.
    #[error("{count} of its resolved dependencies are {uri}, one is wanted; it has {found}")]
    Source {
        /// How many are.
        count: usize,
        /// The repository.
        uri: RepositoryUri,
        /// The URIs of all that it has.
        found: String,
    },
    /// The dependency names no commit.
    #[error("its dependency {0} names no commit: a gitCommit of 40 or 64 digits is wanted")]
    NoCommit(String),
}

/// A provenance as parsed. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    artifacts: Vec<String>,
    dependencies: Vec<Dependency>,
}

/// Derived readers refuse a member that stands twice, so that no other reader sees another value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Dependency {
    uri: Option<String>,
    digest: Option<DigestSet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct DigestSet {
    sha256: Option<String>,
    #[serde(rename = "gitCommit")]
    git_commit: Option<String>,
}

/// An envelope, or a Sigstore bundle around one.
#[derive(Deserialize)]
struct File {
    payload: Option<String>,
    #[serde(rename = "payloadType")]
    payload_type: Option<String>,
    #[serde(rename = "dsseEnvelope")]
    envelope: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Foreign {
    subject: Vec<Subject>,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    digest: DigestSet,
}

#[derive(Deserialize)]
struct Predicate {
    #[serde(rename = "buildDefinition")]
    build_definition: BuildDefinition,
}

#[derive(Deserialize)]
struct BuildDefinition {
    #[serde(rename = "resolvedDependencies", default)]
    resolved_dependencies: Vec<Dependency>,
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ProvenanceError> {
    serde_json::from_slice(bytes).map_err(|error| ProvenanceError::Malformed(error.to_string()))
}

impl Provenance {
    /// Parses a file: an envelope, or a Sigstore bundle with one. Its signature is not looked at.
    ///
    /// # Errors
    /// [`ProvenanceError`] where it is no provenance of the version that is read.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProvenanceError> {
        if bytes.len() > PROVENANCE_BYTES_MAX {
            return Err(ProvenanceError::TooLarge { found: bytes.len() });
        }
        let malformed = |what: &str| ProvenanceError::Malformed(what.to_owned());
        let file: File = read(bytes)?;
        let (payload, payload_type) = match (file.payload, file.payload_type, file.envelope) {
            (Some(payload), Some(payload_type), None) => (payload, payload_type),
            (None, None, Some(inner)) => (inner.payload, inner.payload_type),
            _ => return Err(malformed("expected one payload with its payloadType")),
        };
        if payload_type != PAYLOAD_TYPE {
            return Err(malformed("another payloadType"));
        }
        let payload = encoding::unbase64_any(&payload).map_err(|_| malformed("its base64"))?;
        let kind: Kind = read(&payload)?;
        if kind.predicate_type != PROVENANCE_TYPE {
            return Err(ProvenanceError::Type(told(&kind.predicate_type)));
        }
        if kind.statement_type != STATEMENT_TYPE {
            return Err(ProvenanceError::Type(told(&kind.statement_type)));
        }
        let Foreign { subject, predicate } = read(&payload)?;
        let artifacts = subject.into_iter().filter_map(|one| one.digest.sha256).collect();
        let dependencies = predicate.build_definition.resolved_dependencies;
        Ok(Self { artifacts, dependencies })
    }

    /// The commit that it says an artifact was built from: that of the one dependency whose URI is
    /// the repository's, alone or with `@` and a reference or commit behind it.
    ///
    /// # Errors
    /// [`ProvenanceError`] where it is of other artifacts, or not exactly one dependency is it.
    pub fn source(
        &self,
        artifact: ContentDigest,
        uri: &RepositoryUri,
    ) -> Result<Revision, ProvenanceError> {
        let digest = artifact.to_string();
        if !self.artifacts.contains(&digest) {
            let found = list(self.artifacts.iter().map(String::as_str));
            return Err(ProvenanceError::OtherArtifact { artifact, found });
        }
        let is_it = |dependency: &&Dependency| {
            let rest = dependency.uri.as_deref().and_then(|it| it.strip_prefix(uri.as_str()));
            // The URI ends in its path, so that nothing behind it names another host.
            rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('@') && rest.len() > 1))
        };
        let its: Vec<_> = self.dependencies.iter().filter(is_it).collect();
        let [dependency] = its.as_slice() else {
            let uris = self.dependencies.iter().map(|one| one.uri.as_deref().unwrap_or("no uri"));
            let (uri, found) = (uri.clone(), list(uris));
            return Err(ProvenanceError::Source { count: its.len(), uri, found });
        };
        let commit = dependency.digest.as_ref().and_then(|digest| digest.git_commit.as_deref());
        let commit = commit.and_then(|commit| Revision::new(commit).ok());
        let name = || told(dependency.uri.as_deref().unwrap_or_default());
        commit.ok_or_else(|| ProvenanceError::NoCommit(name()))
    }
}

/// A text of a stranger, short enough for a message and without what a terminal obeys.
fn told(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_default).collect()
}

fn list<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = texts.len().saturating_sub(PROVENANCE_TOLD_MAX);
    let mut found: Vec<_> = texts.take(PROVENANCE_TOLD_MAX).map(told).collect();
    if found.is_empty() {
        return "none".to_owned();
    }
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found.join(", ")
}

#[cfg(test)]
#[path = "provenance_tests.rs"]
mod tests;
