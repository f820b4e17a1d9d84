//! What a deployment's artifacts were built from, and who signed them off (`spec/verdict.md`
//! section 6).

use std::collections::BTreeSet;

use super::entry::VerifiedEntry;
use super::evidence::{Evidence, Question};
use super::segment::Judge;
use super::verdict::{ArtifactReport, Problem, Verdict, problem};
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::policy::{ReasonCode, Service};
use crate::roster::KeyStanding;
use crate::statement::Says;

/// Step 5. Every word of a builder counts: one who names two
/// commits for one artifact contradicts themselves.
pub(super) fn judge(verdict: &mut Verdict, judge: &Judge<'_>, evidence: &Evidence<'_>) {
    let (question, service) = (verdict.question.clone(), judge.service());
    let asks = judge.asks_for_artifacts();
    if (service.artifact_required || asks) && question.artifacts.is_empty() {
        let text = format!("{} is deployed as an artifact, and none was named", question.service);
        let hint = "name it: countersign gate --artifact sha256:DIGEST";
        verdict.problems.push(problem(ReasonCode::ArtifactRequired, text, hint));
    }
    for artifact in &question.artifacts {
        let builds = builds(evidence, service, *artifact);
        verdict.problems.extend(judge_source(&question, service, *artifact, &builds));
        verdict.problems.extend(judge_sign_offs(judge, *artifact));
        let built_by: Vec<_> =
            builds.into_iter().map(|(member, _, entry)| (member, entry)).collect();
        if !verdict.artifacts.iter().any(|report| report.artifact == *artifact) {
            verdict.artifacts.push(ArtifactReport { artifact: *artifact, built_by });
        }
    }
}

/// Whether an artifact was built from the revision that is asked about.
fn judge_source(
    question: &Question,
    service: &Service,
    artifact: ContentDigest,
    builds: &[(MemberId, Source, EntryIndex)],
) -> Option<Problem> {
    let sources: BTreeSet<_> = builds.iter().map(|(_, source, _)| source).collect();
    let shown = artifact.short();
    let Some((repository, revision)) = sources.first() else {
        let text = format!("no named builder says what artifact {shown} was built from");
        let hint = "a builder says it: countersign record build";
        return service.artifact_required.then(|| problem(ReasonCode::BuildUnknown, text, hint));
    };
    if sources.len() > 1 {
        let text = format!("builders name different commits for artifact {shown}");
        let hint = "find out which is true; revoke the key of the other builder";
        return Some(problem(ReasonCode::BuildContradicts, text, hint));
    }
    if (repository, revision) == (&service.repository, &question.revision) {
        return None;
    }
    let text = format!("artifact {shown} was not built from {}", question.revision.short());
    let hint = "deploy the commit that it was built from, or build this one";
    Some(problem(ReasonCode::BuildContradicts, text, hint))
}

/// What rules about artifacts ask of one, and does not stand.
fn judge_sign_offs(judge: &Judge<'_>, artifact: ContentDigest) -> Vec<Problem> {
    let (assessment, rejects) = judge.artifact(artifact);
    let shown = artifact.short();
    let hint = format!("countersign approve --artifact sha256:{artifact}");
    let unmet = assessment.requirements.iter().filter(|asked| asked.missing > 0);
    let mut problems: Vec<_> = unmet
        .map(|asked| {
            let text = format!("artifact {shown} needs {}: {}", asked.ask, asked.because);
            problem(asked.code, text, hint.clone())
        })
        .collect();
    if !rejects.is_empty() {
        let text = format!("artifact {shown} was rejected");
        problems.push(problem(ReasonCode::Rejected, text, "build and approve another one"));
    }
    problems
}

type Source = (RepositoryName, Revision);

/// What each named builder says of an artifact; without `builders` in the policy, every member
/// with the duty is one.
fn builds(
    evidence: &Evidence<'_>,
    service: &Service,
    artifact: ContentDigest,
) -> Vec<(MemberId, Source, EntryIndex)> {
    let roster = evidence.view.roster();
    let size = evidence.view.size();
    let counts = |entry: &VerifiedEntry| {
        let named = service.builders.is_empty() || service.builders.contains(entry.by());
        let good = entry
            .keys()
            .iter()
            .all(|key| roster.standing(key, entry.index(), size) == KeyStanding::Good);
        let member = roster.member(entry.by(), size);
        size.covers(entry.index()) && named && good && member.is_some()
    };
    let mut builds = Vec::new();
    for entry in evidence.entries.iter().filter(|entry| counts(entry)) {
        if let Says::Build(said) = &entry.statement().says
            && said.artifact == artifact
        {
            let source = (said.repository.clone(), said.revision.clone());
            builds.push((entry.by().clone(), source, entry.index()));
        }
    }
    builds
}
