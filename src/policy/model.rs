//! What a policy says, parsed. Every field here is one of the tables of `spec/policy.md`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::fact::{AuthorKind, Presence};
use super::pattern::Pattern;
use crate::base::name::{
    ChecklistItem, EnvironmentName, LevelName, MemberId, ReferenceName, RepositoryName,
    RepositoryUri, ServiceName, TeamName, Uri,
};
use crate::base::time::Span;
use crate::statement::words::{Assistance, Mode};

/// The table `[defaults]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// What a change that nobody declared counts as.
    pub undeclared: Assistance,
    /// What an author who is only claimed costs.
    pub unproved_authors: UnprovedAuthors,
    /// A sign-off counts while it is younger.
    pub approval_ttl: Span,
    /// A rollback goes to what was settled within this time.
    pub rollback_within: Span,
    /// Whether carried sign-offs count at all.
    pub carry: Carry,
    /// Fewest unchanged lines between an edit of a carried sign-off and one of the branch.
    pub carry_gap: u32,
    /// So long, a decision must pass the policy that this one replaced as well.
    pub weaken_delay: Span,
    /// Lifts the floor where every changed path matches one of these exactly.
    pub exempt: Vec<Pattern>,
    /// Whether paths that collide after folding are let through.
    pub allow_collisions: bool,
    /// So long, a decision may be used, and an equal denial is the same entry.
    pub decision_ttl: Span,
    /// A further key of a member who already had one signs off only when it was enrolled at least
    /// so long before the decision.
    pub key_cooling: Span,
}

/// The table `[override]`: what an override may do, and when its debt is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverrideTerms {
    /// The longest that an override may last; at most 24 hours.
    pub longest: Span,
    /// After this, a debt that an override left is overdue.
    pub debt_due: Span,
    /// The least presence of an override.
    pub presence: Presence,
}

/// What an author costs who neither signed nor is attested. Ordered: stricter is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnprovedAuthors {
    /// `accept`: what the commit says is believed.
    Accept,
    /// `lowest-level`: below every level.
    LowestLevel,
    /// `add-one`: below every level, and the floor asks for one more human.
    AddOne,
}

/// Whether a carried sign-off counts. Ordered: stricter is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carry {
    /// `clean`: where a certificate shows that nothing it touches was touched.
    Clean,
    /// `never`.
    Never,
}

/// A table `[environment.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The environment or group of cells.
    pub name: EnvironmentName,
    /// Whether a deny refuses.
    pub mode: Mode,
    /// Its line in the text, from 1.
    pub line: usize,
}

/// A table `[repository.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The repository.
    pub name: RepositoryName,
    /// How provenances of builds name it.
    pub uri: RepositoryUri,
    /// Its line in the text, from 1.
    pub line: usize,
}

/// A table `[service.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The service.
    pub name: ServiceName,
    /// The repository that it is built from.
    pub repository: RepositoryName,
    /// The branch that sign-offs must be for.
    pub branch: ReferenceName,
    /// Where rules apply: a change that touches none of these needs the floor alone. Empty: the
    /// whole repository.
    pub paths: Vec<Pattern>,
    /// Whether a deployment must name an artifact with a known build.
    pub artifact_required: bool,
    /// Who may say what an artifact was built from.
    pub builders: Vec<MemberId>,
    /// Where its artifacts are fetched from; no verdict reads it.
    pub artifact_uri: Option<Uri>,
    /// Wins over the environment's mode where it is set.
    pub mode: Option<Mode>,
    /// Its line in the text, from 1.
    pub line: usize,
}

/// One `[[rule]]`: where `when` holds, what `require` asks comes on top of the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The name, as reports print it.
    pub name: String,
    /// The conditions, which must all hold.
    pub when: When,
    /// What it asks for.
    pub require: Vec<Need>,
    /// What a sign-off that counts for this rule must have answered.
    pub checklist: Vec<ChecklistItem>,
    /// The least presence of a sign-off that counts for this rule.
    pub presence: Presence,
    /// Whether a carried sign-off counts for this rule.
    pub carry: Carry,
    /// Its line in the text, from 1.
    pub line: usize,
}

/// The conditions of a rule. An empty list, `None` or `false` is no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// The assistance is one of these.
    pub assistance: BTreeSet<Assistance>,
    /// The lowest level of an author is below this.
    pub author_below: Option<LevelName>,
    /// An author is of one of these kinds.
    pub author_kind: BTreeSet<AuthorKind>,
    /// A row's path matches one of these, exactly or folded.
    pub paths: Vec<Pattern>,
    /// A row's path matches none of these exactly.
    pub paths_outside: Vec<Pattern>,
    /// The environment is one of these, or a cell of one.
    pub environments: BTreeSet<EnvironmentName>,
    /// The service is one of these.
    pub services: BTreeSet<ServiceName>,
    /// A path is opaque.
    pub opaque: bool,
    /// A path collides with another.
    pub collision: bool,
    /// An artifact is judged, not a change. Without it a rule never asks about artifacts.
    pub artifact: bool,
}

/// A number of people of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Need {
    /// How many people.
    pub count: u32,
    /// Of at least this level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelName>,
    /// Of this team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamName>,
}

impl Rule {
    /// What the rule asks for: `require`, or one human where it only says how they must sign.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let says_how = !self.checklist.is_empty()
            || self.presence > Presence::NoTouch
            || self.carry == Carry::Never;
        if self.require.is_empty() && says_how {
            return vec![Need { count: 1, level: None, team: None }];
        }
        self.require.clone()
    }
}

/// Whether `listed` names this environment or a group that it is a cell of.
#[must_use]
pub fn environment_matches(listed: &EnvironmentName, name: &EnvironmentName) -> bool {
    name.as_str()
        .strip_prefix(listed.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
