//! The policies that a decision must pass (`spec/verdict.md` section 4, step 1).

use super::evidence::Question;
use super::verdict::{Problem, problem};
use crate::base::time::Span;
use crate::policy::{Policy, ReasonCode};
use crate::statement::words::Mode;
use crate::view::{PolicyVersion, View};

/// A policy with the entry that set it.
pub(super) type Version<'a> = (&'a PolicyVersion, Policy);

/// The newest policy, and those that it or a later one replaced within `weaken_delay`: for so
/// long a relaxed policy does not help whoever relaxed it (ATTACKS 29). The longer of two delays
/// counts, so that a policy cannot shorten the delay that it is under.
pub(super) fn policies<'a>(
    question: &Question,
    view: &'a View,
) -> Result<Vec<Version<'a>>, Problem> {
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

/// The shortest `approval_ttl` of the policies that a question must pass; nothing lasts without a
/// policy.
#[must_use]
pub fn shortest_approval_ttl(question: &Question, view: &View) -> Span {
    let policies = policies(question, view).unwrap_or_default();
    let ttls = policies.iter().map(|(_, policy)| policy.defaults().approval_ttl);
    ttls.min().unwrap_or(Span::from_milliseconds(0))
}

/// The greatest `carry_gap` of the policies that a question must pass, in lines.
#[must_use]
pub fn greatest_carry_gap(question: &Question, view: &View) -> u32 {
    let policies = policies(question, view).unwrap_or_default();
    policies.iter().map(|(_, policy)| policy.defaults().carry_gap).max().unwrap_or(1)
}

fn unknown_place(question: &Question, policy: &Policy) -> Option<Problem> {
    let hint = "list it in the policy: countersign policy apply FILE";
    if let Err(unknown) = policy.known_service(&question.service) {
        return Some(problem(ReasonCode::UnknownService, unknown.to_string(), hint));
    }
    let unknown = policy.environment(&question.environment).err()?;
    Some(problem(ReasonCode::UnknownEnvironment, unknown.to_string(), hint))
}

/// The strictest mode of all the policies that must be passed.
pub(super) fn mode(question: &Question, policies: &[Version<'_>]) -> Mode {
    let modes =
        policies.iter().map(|(_, policy)| policy.mode(&question.service, &question.environment));
    modes.max().unwrap_or(Mode::Enforce)
}
