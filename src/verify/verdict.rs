//! The verdict: may this be deployed? (`spec/verdict.md` sections 2 to 6; steps are numbered as
//! there.)

use std::collections::BTreeSet;

use super::cover::Cover;
use super::entry::VerifiedEntry;
use super::evidence::{Evidence, Position, Question, StepEvidence};
use super::segment::{Judge, Segment, judge_change};
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, RepositoryName, Revision};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Span;
use crate::change::Document;
use crate::policy::{Policy, ReasonCode, Service};
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::words::{DecisionVerdict, Mode};
use crate::view::{PolicyVersion, SettledPoint, View};

/// The answer, with every reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was asked.
    pub question: Question,
    /// The size of the ledger that it was asked of.
    pub size: TreeSize,
    /// The answer.
    pub answer: DecisionVerdict,
    /// Whether a deny refuses.
    pub mode: Mode,
    /// The number of the policy in force, for people, and its entry.
    pub policy: Option<(u64, EntryIndex)>,
    /// Policies that this one replaced and that still had to be passed as well.
    pub policies_passed_as_well: Vec<u64>,
    /// Where the chain starts.
    pub start: Option<SettledPoint>,
    /// The entry of the newest settled point.
    pub newest: Option<EntryIndex>,
    /// Every segment, oldest first.
    pub segments: Vec<Segment>,
    /// What is wrong beside missing sign-offs.
    pub problems: Vec<Problem>,
    /// What is known of each artifact.
    pub artifacts: Vec<ArtifactReport>,
}

/// Something that denies, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code, which never changes.
    pub code: ReasonCode,
    /// What is wrong.
    pub text: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What named builders say of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactReport {
    /// The artifact.
    pub artifact: ContentDigest,
    /// The builders who say that it was built from the revision, with the entry of each.
    pub built_by: Vec<(MemberId, EntryIndex)>,
}

impl Verdict {
    /// Whether it may be deployed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.answer == DecisionVerdict::Allow
    }

    /// The codes of all that denies, sorted.
    #[must_use]
    pub fn reasons(&self) -> Vec<ReasonCode> {
        let mut codes: BTreeSet<_> = self.problems.iter().map(|problem| problem.code).collect();
        codes.extend(self.segments.iter().flat_map(Segment::reasons));
        codes.into_iter().collect()
    }

    /// The entry of the settled point that the chain starts at.
    #[must_use]
    pub fn start_entry(&self) -> Option<EntryIndex> {
        self.start.as_ref().map(|point| point.entry.index)
    }

    /// The segments that are not covered.
    pub fn uncovered(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| !segment.satisfied)
    }

    /// What an allow decision rests on.
    #[must_use]
    pub fn cover(&self) -> Cover {
        Cover::of(&self.segments)
    }
}

fn problem(code: ReasonCode, text: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { code, text: text.into(), hint: Some(hint.into()) }
}

/// Judges. Pure: the same evidence gives the same verdict, on any machine and at any time.
#[must_use]
pub fn verdict(question: &Question, evidence: &Evidence<'_>) -> Verdict {
    let view = evidence.view;
    let points = view.settled(&question.service, &question.environment);
    let mut verdict = Verdict {
        question: question.clone(),
        size: view.size(),
        answer: DecisionVerdict::Deny,
        mode: Mode::Enforce,
        policy: None,
        policies_passed_as_well: Vec::new(),
        start: None,
        newest: points.newest().map(|point| point.entry.index),
        segments: Vec::new(),
        problems: Vec::new(),
        artifacts: Vec::new(),
    };
    // Step 1: the policies that must be passed, newest first.
    let policies = match policies(question, view) {
        Ok(policies) => policies,
        Err(problem) => {
            verdict.problems.push(problem);
            return verdict;
        }
    };
    let Some(((version, newest_policy), older)) = policies.split_first() else { return verdict };
    verdict.policy = Some((version.number, version.entry));
    verdict.policies_passed_as_well = older.iter().map(|(version, _)| version.number).collect();
    verdict.mode = mode(question, &policies);
    // Step 2: where the chain starts, by the shortest time that a rollback may reach back.
    let within = policies.iter().map(|(_, policy)| policy.defaults().rollback_within).min();
    let within = within.unwrap_or(newest_policy.defaults().rollback_within);
    verdict.start = match start(question, evidence, within) {
        Ok(start) => Some(start.clone()),
        Err(problem) => {
            verdict.problems.push(problem);
            None
        }
    };
    // Step 3: the steps add up to what would be deployed.
    verdict.problems.extend(check_composition(evidence));
    // Step 4: each step lies in a covered segment, under each of the policies.
    for (_, policy) in &policies {
        if let Some(service) = policy.service(&question.service) {
            let judge = Judge::new(question, view, policy, service, evidence.entries);
            merge(&mut verdict.segments, segments(&judge, evidence));
            verdict.problems.extend(doubts_of_rollback(&judge, evidence));
            // Step 5: the artifacts.
            judge_artifacts(&mut verdict, &judge, evidence);
        }
    }
    // Two policies may find the same thing wrong.
    let found = std::mem::take(&mut verdict.problems);
    for problem in found {
        if !verdict.problems.contains(&problem) {
            verdict.problems.push(problem);
        }
    }
    let covered = verdict.segments.iter().all(|segment| segment.satisfied);
    if covered && verdict.problems.is_empty() {
        verdict.answer = DecisionVerdict::Allow;
    }
    verdict
}

/// The newest policy, and those that it or a later one replaced within `weaken_delay`: for so
/// long a relaxed policy does not help whoever relaxed it (ATTACKS 29). The longer of two delays
/// counts, so that a policy cannot shorten the delay that it is under.
fn policies<'a>(
    question: &Question,
    view: &'a View,
) -> Result<Vec<(&'a PolicyVersion, Policy)>, Problem> {
    let missing = |text: String| {
        problem(ReasonCode::PolicyMissing, text, "an admin sets one: countersign policy apply FILE")
    };
    let parse = |version: &'a PolicyVersion| match Policy::parse(&version.text) {
        Ok(policy) => Ok((version, policy)),
        Err(errors) => Err(missing(format!("policy {} cannot be read: {errors}", version.number))),
    };
    let mut versions = view.policies().iter().rev();
    let Some(newest) = versions.next() else {
        return Err(missing("the ledger holds no policy".to_owned()));
    };
    let newest = parse(newest)?;
    if let Some(problem) = unknown_place(question, &newest.1) {
        return Err(problem);
    }
    let mut passed = vec![newest];
    let mut delay = passed[0].1.defaults().weaken_delay;
    let mut replaced_at = passed[0].0.time;
    for version in versions {
        let older = parse(version)?;
        delay = delay.max(older.1.defaults().weaken_delay);
        let since = question.time.since(replaced_at);
        replaced_at = version.time;
        // An older policy may still be in its own delay where a newer one is out of its own.
        if since >= delay {
            continue;
        }
        // A policy that did not know the place asked nothing of it.
        let knew = older.1.service(&question.service).is_some()
            && older.1.environment(&question.environment).is_ok();
        if knew && !passed[0].1.weakens(&older.1).is_empty() {
            passed.push(older);
        }
    }
    Ok(passed)
}

fn unknown_place(question: &Question, policy: &Policy) -> Option<Problem> {
    if let Err(unknown) = policy.known_service(&question.service) {
        let hint = "list it in the policy: countersign policy apply FILE";
        return Some(problem(ReasonCode::UnknownService, unknown.to_string(), hint));
    }
    let unknown = policy.environment(&question.environment).err()?;
    let hint = "list it in the policy: countersign policy apply FILE";
    Some(problem(ReasonCode::UnknownEnvironment, unknown.to_string(), hint))
}

/// The strictest mode of all the policies that must be passed.
fn mode(question: &Question, policies: &[(&PolicyVersion, Policy)]) -> Mode {
    let modes =
        policies.iter().map(|(_, policy)| policy.mode(&question.service, &question.environment));
    modes.max().unwrap_or(Mode::Enforce)
}

/// Step 2 (`spec/verdict.md` section 3).
fn start<'a>(
    question: &Question,
    evidence: &Evidence<'a>,
    rollback_within: Span,
) -> Result<&'a SettledPoint, Problem> {
    let points = evidence.view.settled(&question.service, &question.environment).all();
    let Some(newest) = points.last() else {
        let text = format!(
            "nothing is settled for {} in {}, and there is no baseline",
            question.service, question.environment
        );
        let hint = format!(
            "countersign baseline --service {} --env {} REVISION",
            question.service, question.environment
        );
        return Err(problem(ReasonCode::BaselineMissing, text, hint));
    };
    match *evidence.position {
        Position::After(index) if index + 1 == points.len() => Ok(newest),
        Position::FromRoot if newest.revision.is_none() => Ok(newest),
        Position::Behind => rollback(question, points, rollback_within),
        Position::After(_) | Position::FromRoot => {
            let live = newest.revision.as_ref().map_or("none", Revision::short);
            let text = format!(
                "{} does not descend from {live}, which is settled as entry {}",
                question.revision.short(),
                newest.entry.index
            );
            let hint = "deploy a commit whose first parents lead to it: merge or rebase onto it";
            Err(problem(ReasonCode::Diverged, text, hint))
        }
    }
}

/// A revision behind the newest settled one may be deployed again only if it was itself settled
/// there, with the same artifacts, lately (ATTACKS 2, 8).
fn rollback<'a>(
    question: &Question,
    points: &'a [SettledPoint],
    within: Span,
) -> Result<&'a SettledPoint, Problem> {
    let same = |point: &&SettledPoint| {
        point.revision.as_ref() == Some(&question.revision)
            && point.decision.is_some()
            && point.artifacts == question.artifacts
    };
    let lately = |point: &&SettledPoint| question.time.since(point.time) < within;
    if let Some(point) = points.iter().rev().filter(same).find(lately) {
        return Ok(point);
    }
    let text = format!(
        "{} lies behind what is settled, and was not deployed here so within {within}",
        question.revision.short()
    );
    let hint = "roll back to a revision that was: countersign log --deployments";
    Err(problem(ReasonCode::Diverged, text, hint))
}

/// What was signed off once may be deployed again only as long as nobody took it back: no reject
/// stands on its changes, and no key that signed them off has leaked (ATTACKS 8).
fn doubts_of_rollback(judge: &Judge<'_>, evidence: &Evidence<'_>) -> Vec<Problem> {
    if *evidence.position != Position::Behind {
        return Vec::new();
    }
    let hint = "roll back to another revision, or forward to one that is signed off";
    let Some(cover) = evidence.cover else {
        let text = "what that revision was signed off with is not known any more";
        return vec![problem(ReasonCode::Diverged, text, hint)];
    };
    let mut problems = Vec::new();
    for row in &cover.segments {
        if !judge.rejects(row.change).is_empty() {
            let text = format!("change {} of it was rejected since", row.change.short());
            problems.push(problem(ReasonCode::Rejected, text, hint));
        }
        let used = judge.entries().filter(|entry| row.approvals.contains(&entry.index()));
        if used.filter(|entry| !judge.is_leaked(entry)).count() < row.approvals.len() {
            let text = format!("a key that signed off change {} has leaked", row.change.short());
            problems.push(problem(ReasonCode::KeyRevoked, text, hint));
        }
    }
    problems
}

/// Step 3: the documents compose, and to exactly the difference of the two trees (ATTACKS 1).
fn check_composition(evidence: &Evidence<'_>) -> Option<Problem> {
    let documents: Vec<_> = evidence.steps.iter().map(|step| &step.step.document).collect();
    let composed = Document::compose(&documents);
    if composed.as_ref().is_ok_and(|composed| composed == evidence.difference) {
        return None;
    }
    let text = "the steps do not add up to the difference that would be deployed";
    Some(problem(ReasonCode::CompositionMismatch, text, "check the repository: git fsck --full"))
}

/// Step 4: every step alone, or the whole chain as one segment. Sign-offs of different segments
/// never add up.
fn segments(judge: &Judge<'_>, evidence: &Evidence<'_>) -> Vec<Segment> {
    let single = |step: &StepEvidence| judge_change(judge, &[step], &step.step.document);
    let alone: Vec<Segment> = evidence.steps.iter().map(single).collect();
    if alone.len() < 2 || alone.iter().all(|segment| segment.satisfied) {
        return alone;
    }
    let all: Vec<_> = evidence.steps.iter().collect();
    let whole = judge_change(judge, &all, evidence.difference);
    // A reject on a step blocks the whole as well (ATTACKS 27).
    let rejected = alone.iter().any(|segment| !segment.rejects.is_empty());
    if whole.satisfied && !rejected { vec![whole] } else { alone }
}

/// Segments under a replaced policy: where it asks for more, its judgement is the one to show.
fn merge(segments: &mut Vec<Segment>, other: Vec<Segment>) {
    let satisfied = |segments: &[Segment]| segments.iter().all(|segment| segment.satisfied);
    if segments.is_empty() || (satisfied(segments) && !satisfied(&other)) {
        *segments = other;
        return;
    }
    if segments.len() == other.len() {
        for (mine, theirs) in segments.iter_mut().zip(other) {
            if mine.satisfied && !theirs.satisfied {
                *mine = theirs;
            }
        }
    }
}

/// Step 5 (`spec/verdict.md` section 6). Every word of a builder counts: one who names two
/// commits for one artifact contradicts themselves.
fn judge_artifacts(verdict: &mut Verdict, judge: &Judge<'_>, evidence: &Evidence<'_>) {
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
