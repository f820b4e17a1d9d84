//! The verdict: may this be deployed? (`spec/verdict.md` sections 2 to 6; steps are numbered as
//! there.)

use std::collections::BTreeSet;

use super::artifact;
use super::chain;
use super::cover::{Contained, Cover};
use super::evidence::{Evidence, Question};
use super::judge::Judge;
use super::overriding::{self, InForce, Owed, OwedElsewhere};
use super::policies::{self, Version};
use super::segment::{Segment, judge_change};
use super::signoff::Reject;
use super::start;
use super::word::Discounted;
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, Revision};
use crate::base::position::{EntryIndex, TreeSize};
use crate::change::ChangePath;
use crate::policy::{Assessment, Policy, ReasonCode, SignOff};
use crate::statement::words::{DecisionVerdict, Mode};
use crate::view::{SettledPoint, SettledPoints};

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
    /// What was signed off as one and lacks something, where the chain is not covered: the whole
    /// difference, or the longest run of its steps; for people.
    pub nearly: Option<Segment>,
    /// Every step and run of the chain that somebody signed off, whether or not it is a segment.
    pub signed: Vec<Contained>,
    /// What is wrong beside missing sign-offs.
    pub problems: Vec<Problem>,
    /// What is known of each artifact.
    pub artifacts: Vec<ArtifactReport>,
    /// Paths that are live and would no longer be as they are; of a diverged revision.
    pub undone: Vec<ChangePath>,
    /// The commits that are live and that it has not, where it takes back a path; for people.
    pub undone_commits: Vec<(Revision, String)>,
    /// Overrides that are in force for the question, one a member.
    pub overrides: Vec<InForce>,
    /// How many members must override for a denied question to go ahead.
    pub overrides_needed: usize,
    /// What is owed at the place, oldest first.
    pub owed: Vec<Owed>,
    /// What counts there beside it: of other cells of the group, or ended without being paid.
    pub owed_elsewhere: Vec<OwedElsewhere>,
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

/// What named builders say of an artifact, and who signed it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactReport {
    /// The artifact.
    pub artifact: ContentDigest,
    /// The builders who say that it was built from the revision, with the entry of each.
    pub built_by: Vec<(MemberId, EntryIndex)>,
    /// What rules about artifacts ask of it, and what fills that.
    pub assessment: Assessment,
    /// Every sign-off of it that stands, whether or not a rule needs it.
    pub sign_offs: Vec<SignOff>,
    /// Sign-offs of it that do not stand.
    pub discounted: Vec<Discounted>,
    /// Rejects that block it.
    pub rejects: Vec<Reject>,
}

impl ArtifactReport {
    /// Whether it has the sign-offs that rules ask for, and nobody rejects it.
    #[must_use]
    pub const fn is_signed_off(&self) -> bool {
        self.assessment.satisfied && self.rejects.is_empty()
    }

    /// The codes of what keeps it from being signed off.
    fn reasons(&self) -> impl Iterator<Item = ReasonCode> {
        let missing = self.assessment.requirements.iter().filter(|asked| asked.missing > 0);
        let rejected = self.rejects.first().map(|_| ReasonCode::Rejected);
        missing.map(|asked| asked.code).chain(rejected)
    }
}

impl Verdict {
    /// Whether it may be deployed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.answer == DecisionVerdict::Allow
    }

    /// Whether it is denied, and goes ahead all the same: enough members override it, and what
    /// denies is not beyond an override.
    #[must_use]
    pub fn is_overridden(&self) -> bool {
        let beyond = |problem: &Problem| problem.code == ReasonCode::CompositionMismatch;
        !self.is_allowed()
            && !self.overrides.is_empty()
            && self.overrides.len() >= self.overrides_needed
            && !self.problems.iter().any(beyond)
    }

    /// The codes of all that denies, sorted.
    #[must_use]
    pub fn reasons(&self) -> Vec<ReasonCode> {
        let mut codes: BTreeSet<_> = self.problems.iter().map(|problem| problem.code).collect();
        codes.extend(self.segments.iter().flat_map(Segment::reasons));
        codes.extend(self.artifacts.iter().flat_map(ArtifactReport::reasons));
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
        Cover::of(&self.segments, &self.signed)
    }
}

pub(super) fn problem(
    code: ReasonCode,
    text: impl Into<String>,
    hint: impl Into<String>,
) -> Problem {
    Problem { code, text: text.into(), hint: Some(hint.into()) }
}

/// Judges. Pure: the same evidence gives the same verdict, on any machine and at any time.
#[must_use]
pub fn verdict(question: &Question, evidence: &Evidence<'_>) -> Verdict {
    let question = &question.not_before(evidence.view);
    let mut verdict = unjudged(question, evidence);
    // Step 1: the policies that must be passed, newest first.
    let policies = match policies::policies(question, evidence.view) {
        Ok(policies) => policies,
        Err(problem) => {
            verdict.problems.push(problem);
            return verdict;
        }
    };
    let Some(((version, newest_policy), older)) = policies.split_first() else { return verdict };
    verdict.policy = Some((version.number, version.entry));
    verdict.policies_passed_as_well = older.iter().map(|(version, _)| version.number).collect();
    verdict.mode = policies::mode(question, &policies);
    // Step 2: where the chain starts, by the shortest time that a rollback may reach back.
    let points = points(question, evidence, &policies);
    verdict.newest = points.newest().map(|point| point.entry.index);
    let within = policies.iter().map(|(_, policy)| policy.defaults().rollback_within).min();
    let within = within.unwrap_or(newest_policy.defaults().rollback_within);
    let start = start::find(question, evidence, points, within);
    // Step 3: the steps add up to what would be deployed.
    let mut of_chain = start.problems.clone();
    of_chain.extend(chain::check_composition(evidence));
    // Step 4: each step lies in a covered segment, under each of the policies.
    let (mut segments, mut whole, mut nearly) = (Vec::new(), Vec::new(), None);
    for (_, policy) in &policies {
        let Some(service) = policy.service(&question.service) else { continue };
        let judge = Judge::new(question, evidence, policy, service);
        of_chain.extend(start::doubts(&judge, evidence, &start));
        let chain = chain::segments(&judge, evidence);
        of_chain.extend(chain.problems);
        verdict.signed.extend(chain.signed);
        merge(&mut segments, chain.segments);
        nearly = nearly.or(chain.nearly);
        if let Some(step) = evidence.whole {
            // It is no part of the chain, and lands instead of it.
            let judge = judge.without_landings();
            let mut segment = judge_change(&judge, &[step], &step.step.document);
            segment.satisfied &= !chain.has_rejected_step;
            // What more may answer, the whole answers where it was signed off since.
            if let Some(reject) = chain.newest_unanswered {
                let since = judge_change(&judge.after(reject), &[step], &step.step.document);
                segment.satisfied &= since.satisfied;
            }
            merge(&mut whole, vec![segment]);
        }
        // Step 5: the artifacts.
        artifact::judge(&mut verdict, &judge, evidence);
    }
    verdict.signed.sort_unstable();
    verdict.signed.dedup();
    let chain_holds = of_chain.is_empty() && segments.iter().all(|segment| segment.satisfied);
    let adds_up = !of_chain.iter().any(|one| one.code == ReasonCode::CompositionMismatch);
    let whole_holds = adds_up && !whole.is_empty() && whole.iter().all(|segment| segment.satisfied);
    if whole_holds && !chain_holds && points.newest().is_some() {
        verdict.start = points.newest().cloned();
        verdict.segments = whole;
    } else {
        verdict.start = start.point.cloned();
        if !start.undone.is_empty() {
            verdict.undone_commits =
                evidence.live.map(|live| live.commits.clone()).unwrap_or_default();
        }
        verdict.undone = start.undone;
        let is_near = |whole: &Segment| !whole.satisfied && !whole.sign_offs.is_empty();
        verdict.nearly = whole.into_iter().next().filter(is_near).or(nearly);
        verdict.segments = segments;
        verdict.problems.splice(0..0, of_chain);
    }
    // Two policies may find the same thing wrong.
    let found = std::mem::take(&mut verdict.problems);
    for problem in found {
        if !verdict.problems.contains(&problem) {
            verdict.problems.push(problem);
        }
    }
    let covered = verdict.segments.iter().all(|segment| segment.satisfied);
    let signed_off = verdict.artifacts.iter().all(ArtifactReport::is_signed_off);
    if covered && signed_off && verdict.problems.is_empty() {
        verdict.answer = DecisionVerdict::Allow;
        verdict.nearly = None;
    }
    // Step 6: who lets it through all the same.
    let glass = overriding::judge(question, evidence, &policies);
    verdict.overrides = glass.in_force;
    verdict.overrides_needed = glass.needed;
    verdict.owed = glass.owed;
    verdict.owed_elsewhere = glass.elsewhere;
    if !verdict.is_allowed() {
        verdict.problems.extend(glass.problem);
    }
    verdict
}

/// Judges a change that has not landed, `evidence.difference` being its document: under every
/// policy that a deployment would have to pass now, and the one that asks for more is told.
///
/// # Errors
/// A [`Problem`] where no policy knows the place.
pub fn judge_unlanded(question: &Question, evidence: &Evidence<'_>) -> Result<Segment, Problem> {
    let question = &question.not_before(evidence.view);
    let steps: Vec<_> = evidence.steps.iter().collect();
    let mut segments: Vec<Segment> = Vec::new();
    let mut shown = None;
    for (_, policy) in &policies::policies(question, evidence.view)? {
        let Some(service) = policy.service(&question.service) else { continue };
        let judge = Judge::new(question, evidence, policy, service);
        let segment = judge_change(&judge, &steps, evidence.difference);
        let assessment = &segment.assessment;
        shown = shown.max(Some((assessment.assistance, assessment.assistance_from)));
        merge(&mut segments, vec![segment]);
    }
    // Whoever signs is shown the most that any of the policies makes of it, or the sign-off would
    // not count under that one.
    if let (Some(segment), Some((assistance, from))) = (segments.last_mut(), shown) {
        (segment.assessment.assistance, segment.assessment.assistance_from) = (assistance, from);
    }
    let text = format!("no policy knows the service {}", question.service);
    let unknown = problem(ReasonCode::UnknownService, text, "countersign policy show");
    segments.pop().ok_or(unknown)
}

/// Judges a change under one policy alone, in force or only tried out: for whoever asks what that
/// policy makes of it. `None` where it does not list the service.
#[must_use]
pub fn judge_under(
    question: &Question,
    evidence: &Evidence<'_>,
    policy: &Policy,
) -> Option<Segment> {
    let question = &question.not_before(evidence.view);
    let service = policy.service(&question.service)?;
    let judge = Judge::new(question, evidence, policy, service);
    let steps: Vec<_> = evidence.steps.iter().collect();
    Some(judge_change(&judge, &steps, evidence.difference))
}

/// A verdict before anything was judged: it denies.
fn unjudged(question: &Question, evidence: &Evidence<'_>) -> Verdict {
    Verdict {
        question: question.clone(),
        size: evidence.view.size(),
        answer: DecisionVerdict::Deny,
        mode: Mode::Enforce,
        policy: None,
        policies_passed_as_well: Vec::new(),
        start: None,
        newest: None,
        segments: Vec::new(),
        nearly: None,
        signed: Vec::new(),
        problems: Vec::new(),
        artifacts: Vec::new(),
        undone: Vec::new(),
        undone_commits: Vec::new(),
        overrides: Vec::new(),
        overrides_needed: 1,
        owed: Vec::new(),
        owed_elsewhere: Vec::new(),
    }
}

/// The settled points of the place. A cell that one of the policies names itself has no others
/// than its own.
fn points<'a>(
    question: &Question,
    evidence: &Evidence<'a>,
    policies: &[Version<'_>],
) -> &'a SettledPoints {
    let (service, environment) = (&question.service, &question.environment);
    if policies.iter().any(|(_, policy)| policy.names_cell(environment)) {
        return evidence.view.settled(service, environment);
    }
    evidence.view.starts(service, environment)
}

/// Segments under a replaced policy: where it asks for more, its judgement is the one to show.
pub(super) fn merge(segments: &mut Vec<Segment>, other: Vec<Segment>) {
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
