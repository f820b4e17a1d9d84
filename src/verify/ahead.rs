//! Judging what has not landed, as the steps that it would land as (`spec/verdict.md` section 12).

use super::chain;
use super::evidence::{Evidence, Question};
use super::judge::Judge;
use super::policies;
use super::segment::Segment;
use super::verdict::{Problem, merge};
use crate::statement::words::Mode;

/// How changes that have not landed are covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Whether a deny would refuse.
    pub mode: Mode,
    /// Every segment, oldest first.
    pub segments: Vec<Segment>,
    /// What is wrong beside missing sign-offs.
    pub problems: Vec<Problem>,
}

impl Ahead {
    /// Whether a gate would find nothing to deny in it.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.problems.is_empty() && self.segments.iter().all(|segment| segment.satisfied)
    }
}

/// Judges `evidence.steps` as a gate would once they have landed: steps 1, 3 and 4 of a verdict,
/// from the first step's parent, wherever the place's settled points are. Pure.
#[must_use]
pub fn judge_ahead(question: &Question, evidence: &Evidence<'_>) -> Ahead {
    let question = &question.not_before(evidence.view);
    let policies = match policies::policies(question, evidence.view) {
        Ok(policies) => policies,
        Err(problem) => {
            let (mode, segments) = (Mode::Enforce, Vec::new());
            return Ahead { mode, segments, problems: vec![problem] };
        }
    };
    let mut problems: Vec<Problem> = chain::check_composition(evidence).into_iter().collect();
    let mut segments = Vec::new();
    for (_, policy) in &policies {
        let Some(service) = policy.service(&question.service) else { continue };
        let judge = Judge::new(question, evidence, policy, service);
        let chain = chain::segments(&judge, evidence);
        for problem in chain.problems {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        merge(&mut segments, chain.segments);
    }
    Ahead { mode: policies::mode(question, &policies), segments, problems }
}
