//! Two reviewers, a builder and the gate.

use countersign::statement::words::{Duty, MemberKind};

use crate::library::{self, Beginnings, Person, gate};
pub(crate) use crate::library::{Said, Stage, commit, git, head, id, key, now, production, said};

/// A policy with `mode` for production.
pub(crate) fn policy(mode: &str) -> String {
    library::policy(mode, "")
}

impl Stage {
    /// With the policy of [`policy`] in that mode, and everything up to the first commit accepted.
    pub(crate) fn new(test: &str, mode: &str) -> Self {
        Self::with(test, &policy(mode), true)
    }

    /// `has_baseline`: up to the first commit; otherwise nothing is accepted.
    pub(crate) fn with(test: &str, policy: &str, has_baseline: bool) -> Self {
        let person = |id, kind, level, duties| Person { id, called: None, kind, level, duties };
        let people = vec![
            person("ada", MemberKind::Human, Some("senior"), vec![Duty::Review]),
            person("ben", MemberKind::Human, Some("mid"), vec![Duty::Review]),
            person("ci", MemberKind::Service, None, vec![Duty::Build]),
            gate(),
        ];
        Self::begin(test, &Beginnings { people, policy: Some(policy.to_owned()), has_baseline })
    }
}
