//! Tables of cases for a policy (`spec/policy.md` section 11): facts and sign-offs, and the answer
//! that whoever wrote the policy expects of it.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Policy;
use super::assess::assess;
use super::assessment::{Assessment, FLOOR};
use super::cases_parse;
use super::error::PolicyErrors;
use super::fact::{Facts, SignOff};
use super::reason::ReasonCode;
use crate::base::name::MemberId;
use crate::statement::words::Assistance;

/// A file of cases, read and checked against the policy that it tests.
#[derive(Debug, Clone)]
pub struct Cases {
    pub(super) cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, as reports print it.
    pub name: String,
    /// Its line in the text, from 1.
    pub line: usize,
    /// What is judged.
    pub facts: Facts,
    /// The sign-offs that stand on it.
    pub sign_offs: Vec<SignOff>,
    /// What the policy should say.
    pub expected: Expected,
}

/// What a case expects; what is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Whether the answer is yes.
    pub satisfied: bool,
    /// The codes of all that is missing and of all that denies.
    pub codes: Option<BTreeSet<ReasonCode>>,
    /// What is missing, as reports ask for it: `1 of at least senior`.
    pub needs: Option<BTreeSet<String>>,
    /// The rules that ask for somebody.
    pub rules: Option<BTreeSet<String>>,
    /// The codes of the sign-offs that do not count.
    pub not_counted: Option<BTreeSet<ReasonCode>>,
    /// The assistance that counts.
    pub assistance: Option<Assistance>,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the policy says.
    pub assessment: Assessment,
    /// What is not as expected, a sentence each; empty where all is.
    pub differences: Vec<String>,
}

impl Cases {
    /// The policy that a file of cases names, relative to itself.
    ///
    /// # Errors
    /// [`PolicyErrors`] where the text cannot be read.
    pub fn policy_file(text: &str) -> Result<Option<String>, PolicyErrors> {
        cases_parse::policy_file(text)
    }

    /// Reads a file of cases for a policy.
    ///
    /// # Errors
    /// [`PolicyErrors`]: every mistake at once; a level, a rule or a checklist item that the policy
    /// does not have is one.
    pub fn parse(text: &str, policy: &Policy) -> Result<Self, PolicyErrors> {
        cases_parse::parse(text, policy)
    }

    /// The cases, in the order of the text.
    #[must_use]
    pub fn as_slice(&self) -> &[Case] {
        &self.cases
    }
}

impl Case {
    /// Asks the policy, and compares.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> Outcome {
        let assessment = assess(policy, &self.facts, &self.sign_offs);
        let mut differences = Vec::new();
        let expected = &self.expected;
        if assessment.satisfied != expected.satisfied {
            differences.push(answer_differs(&assessment));
        }
        let missing = || assessment.requirements.iter().filter(|asked| asked.missing > 0);
        let codes = missing()
            .map(|asked| asked.code)
            .chain(assessment.denials.iter().map(|denial| denial.code))
            .collect();
        compare(&mut differences, "codes", expected.codes.as_ref(), &codes);
        let needs = missing().map(|asked| asked.ask.clone()).collect();
        compare(&mut differences, "needs", expected.needs.as_ref(), &needs);
        let asking = assessment.requirements.iter().map(|asked| asked.because.clone());
        let rules = asking.filter(|because| because != FLOOR).collect();
        compare(&mut differences, "rules", expected.rules.as_ref(), &rules);
        let refused = assessment.not_counted.iter().map(|refused| refused.code).collect();
        compare(&mut differences, "not_counted", expected.not_counted.as_ref(), &refused);
        if let Some(wanted) = expected.assistance.filter(|word| *word != assessment.assistance) {
            let found = assessment.assistance;
            differences.push(format!("assistance: expected {wanted}, got {found}"));
        }
        Outcome { assessment, differences }
    }
}

/// Why the answer is the other one.
fn answer_differs(assessment: &Assessment) -> String {
    if assessment.satisfied {
        let by: BTreeSet<&str> = assessment
            .requirements
            .iter()
            .flat_map(|asked| asked.filled_by.iter().map(MemberId::as_str))
            .collect();
        return match (assessment.exempt, by.is_empty()) {
            (true, _) => "expected no, got yes: every path is exempt".to_owned(),
            (false, true) => "expected no, got yes: nothing is asked".to_owned(),
            (false, false) => format!("expected no, got yes: signed off by {}", joined(by)),
        };
    }
    let missing = assessment
        .requirements
        .iter()
        .filter(|asked| asked.missing > 0)
        .map(|asked| format!("{} ({})", asked.ask, asked.code));
    let denied = assessment.denials.iter().map(|denial| format!("{} denies", denial.code));
    format!("expected yes, got no: {}", joined(missing.chain(denied)))
}

/// Tells where a set is not the one that was expected.
fn compare<T: Ord + Display>(
    differences: &mut Vec<String>,
    field: &str,
    expected: Option<&BTreeSet<T>>,
    found: &BTreeSet<T>,
) {
    let Some(expected) = expected.filter(|expected| *expected != found) else { return };
    let (expected, found) = (joined(expected), joined(found));
    differences.push(format!("{field}: expected {expected}, got {found}"));
}

/// `one, two`, or `nothing`.
fn joined(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

#[cfg(test)]
#[path = "cases_tests.rs"]
mod tests;
