//! Under which topics an entry can be found again without reading the whole log.

use std::collections::BTreeSet;

use super::store::Topic;
use crate::base::digest::{ChangeHash, ContentDigest, StatementId};
use crate::base::name::{EnvironmentName, RepositoryName, RequestId, Revision, ServiceName};
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::statement::{Says, Statement};

/// The statement itself, under its identity.
#[must_use]
pub fn statement(id: StatementId) -> Topic {
    Topic::of("statement", &[id.as_bytes()])
}

/// Declarations, approvals, rejects and withdrawals of a change.
#[must_use]
pub fn change(hash: ChangeHash) -> Topic {
    Topic::of("change", &[hash.as_bytes()])
}

/// Approvals, rejects, withdrawals and builds of an artifact.
#[must_use]
pub fn artifact(digest: ContentDigest) -> Topic {
    Topic::of("artifact", &[digest.as_bytes()])
}

/// Approvals, rejects and withdrawals of a subject.
#[must_use]
pub fn subject(subject_type: SubjectType, hash: ContentDigest) -> Topic {
    match subject_type {
        SubjectType::Change => change(ChangeHash::from_bytes(*hash.as_bytes())),
        SubjectType::Artifact => artifact(hash),
    }
}

/// Declarations for a repository.
#[must_use]
pub fn declared(repository: &RepositoryName) -> Topic {
    Topic::of("declared", &[repository.as_str().as_bytes()])
}

/// Approvals of changes of a repository.
#[must_use]
pub fn approved(repository: &RepositoryName) -> Topic {
    Topic::of("approved", &[repository.as_str().as_bytes()])
}

/// Declarations for a request of a repository: the versions of one pull request.
#[must_use]
pub fn request(repository: &RepositoryName, request: &RequestId) -> Topic {
    Topic::of("request", &[repository.as_str().as_bytes(), request.as_str().as_bytes()])
}

/// What services say of a commit that landed.
#[must_use]
pub fn landed(repository: &RepositoryName, commit: &Revision) -> Topic {
    Topic::of("landed", &[repository.as_str().as_bytes(), commit.as_str().as_bytes()])
}

/// Decisions, deployments and overrides of a service in an environment.
#[must_use]
pub fn place(service: &ServiceName, environment: &EnvironmentName) -> Topic {
    Topic::of("place", &[service.as_str().as_bytes(), environment.as_str().as_bytes()])
}

/// Governance.
#[must_use]
pub fn governance() -> Topic {
    Topic::of("governance", &[])
}

/// Every topic of a statement.
#[must_use]
pub fn topics(id: StatementId, said: &Statement) -> Vec<Topic> {
    let mut topics = vec![statement(id)];
    match &said.says {
        Says::Governance(_) => topics.push(governance()),
        Says::Change(body) => {
            topics.push(change(body.change));
            topics.push(declared(&body.repository));
            topics.extend(body.request.iter().map(|id| request(&body.repository, id)));
        }
        Says::Landed(body) => topics.push(landed(&body.repository, &body.head)),
        Says::Approval(body) => {
            topics.extend(body.rows.iter().map(|row| subject(body.subject_type, row.hash)));
            if body.verdict == ApprovalVerdict::Approve {
                let named: BTreeSet<_> = body.rows.iter().flat_map(|row| &row.repository).collect();
                topics.extend(named.into_iter().map(approved));
            }
        }
        Says::Build(body) => topics.push(artifact(body.artifact)),
        Says::Decision(body) => topics.push(place(&body.service, &body.environment)),
        Says::Deployment(body) => topics.push(place(&body.service, &body.environment)),
        Says::Override(body) => topics.push(place(&body.service, &body.environment)),
    }
    topics
}
