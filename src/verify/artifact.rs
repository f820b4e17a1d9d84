//! What a deployment's artifacts were built from, and who signed them off (`spec/verdict.md`
//! section 6).

use std::collections::BTreeSet;

use super::entry::VerifiedEntry;
use super::evidence::{Evidence, Question};
use super::judge::Judge;
use super::signoff::Standing;
use super::verdict::{ArtifactReport, Problem, Verdict, problem};
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::EntryIndex;
use crate::policy::{ReasonCode, Service};
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::words::Duty;

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
        let said = said(evidence, service, *artifact);
        let built_by = builds(evidence, &said);
        verdict.problems.extend(judge_source(
            &question,
            service,
            *artifact,
            &said,
            !built_by.is_empty(),
        ));
        let (assessment, standing) = judge.artifact(*artifact);
        let Standing { sign_offs, discounted, rejects, .. } = standing;
        let artifact = *artifact;
        let report =
            ArtifactReport { artifact, built_by, assessment, sign_offs, discounted, rejects };
        merge(&mut verdict.artifacts, report);
    }
}

/// An artifact under a replaced policy: where that asks for more, its judgement is the one to show.
fn merge(artifacts: &mut Vec<ArtifactReport>, other: ArtifactReport) {
    match artifacts.iter_mut().find(|mine| mine.artifact == other.artifact) {
        Some(mine) if mine.is_signed_off() && !other.is_signed_off() => {
            *mine = ArtifactReport { built_by: std::mem::take(&mut mine.built_by), ..other };
        }
        Some(_) => {}
        None => artifacts.push(other),
    }
}

/// Whether an artifact was built from the revision that is asked about.
fn judge_source(
    question: &Question,
    service: &Service,
    artifact: ContentDigest,
    said: &[Build<'_>],
    is_known: bool,
) -> Option<Problem> {
    let sources: BTreeSet<_> = said.iter().map(|build| build.source).collect();
    let shown = artifact.short();
    if sources.len() > 1 {
        let text = format!("builders name different commits for artifact {shown}");
        let hint = "build again: an artifact of another digest has no other past";
        return Some(problem(ReasonCode::BuildContradicts, text, hint));
    }
    let source = sources.first();
    if source.is_some_and(|source| *source != (&service.repository, &question.revision)) {
        let text = format!("artifact {shown} was not built from {}", question.revision.short());
        let hint = "deploy the commit that it was built from, or build this one";
        return Some(problem(ReasonCode::BuildContradicts, text, hint));
    }
    if is_known || !service.artifact_required {
        return None;
    }
    let text = format!("no named builder says what artifact {shown} was built from");
    let named: Vec<_> = service.builders.iter().map(MemberId::as_str).collect();
    let who = if named.is_empty() { "a builder".to_owned() } else { named.join(" or ") };
    let hint = format!("{who} says it: countersign record build --artifact sha256:DIGEST");
    Some(problem(ReasonCode::BuildUnknown, text, hint))
}

/// What a builder says that an artifact was built from.
struct Build<'e> {
    entry: &'e VerifiedEntry,
    source: (&'e RepositoryName, &'e Revision),
}

/// What whoever had the duty says of an artifact, if the policy names them or names nobody. What
/// contradicts stands, whoever left or lost a key since.
fn said<'e>(evidence: &Evidence<'e>, service: &Service, artifact: ContentDigest) -> Vec<Build<'e>> {
    let size = evidence.view.size();
    let roster = evidence.view.roster();
    let named = |by: &MemberId| service.builders.is_empty() || service.builders.contains(by);
    let is_builder = |entry: &&VerifiedEntry| {
        let then = roster.member(entry.by(), entry.index().size_after());
        then.is_some_and(|member| member.has_duty(Duty::Build))
    };
    let entries = evidence.entries.iter().filter(|entry| size.covers(entry.index()));
    let entries = entries.filter(is_builder);
    let about = |entry: &'e VerifiedEntry| match &entry.statement().says {
        Says::Build(said) if said.artifact == artifact && named(entry.by()) => {
            Some(Build { entry, source: (&said.repository, &said.revision) })
        }
        _ => None,
    };
    entries.filter_map(about).collect()
}

/// Whose word still gives permission: of a builder who is one now, under a key that is good.
fn builds(evidence: &Evidence<'_>, said: &[Build<'_>]) -> Vec<(MemberId, EntryIndex)> {
    let roster = evidence.view.roster();
    let size = evidence.view.size();
    let counts = |build: &&Build<'_>| {
        let (by, index) = (build.entry.by(), build.entry.index());
        let good = |key| roster.standing(key, index, size) == KeyStanding::Good;
        let is_builder = roster.member(by, size).is_some_and(|one| one.has_duty(Duty::Build));
        is_builder && build.entry.keys().iter().all(good)
    };
    let counted = said.iter().filter(counts);
    let mut counted: Vec<_> =
        counted.map(|build| (build.entry.by().clone(), build.entry.index())).collect();
    counted.sort_unstable_by_key(|(_, entry)| *entry);
    counted
}
