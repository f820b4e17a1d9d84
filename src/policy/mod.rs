//! The policy (`spec/policy.md`): parse, lint, compare, and assess facts and sign-offs by it.
//!
//! Pure: no clock, no I/O. The floor always stands and rules only add to it.

mod assess;
mod assessment;
mod cases;
mod cases_expect;
mod cases_parse;
mod cases_people;
mod condition;
mod error;
mod fact;
mod lint;
mod lint_roster;
mod matching;
mod model;
mod parse;
mod parse_rule;
mod pattern;
mod read;
mod reason;
mod strict;
mod trace;
mod weaken;

pub use assess::assess;
pub use assessment::{Assessment, AssistanceSource, Denial, FLOOR, NotCounted, Requirement};
pub use cases::{Case, Cases, Expected, Outcome};
pub use error::{Lint, PolicyError, PolicyErrors, UnknownName, Weakening};
pub use fact::{Author, AuthorKind, Facts, PathFact, Presence, SignOff, Standing};
pub use model::{
    Carry, Defaults, Environment, Need, OverrideTerms, Repository, Rule, Service, UnprovedAuthors,
    When, environment_matches,
};
pub use pattern::{Pattern, PatternError};
pub use reason::ReasonCode;
pub use trace::{ConditionTrace, RuleTrace, not_exempt, trace};

use crate::base::name::{
    EnvironmentName, LevelName, MemberId, ReferenceName, RepositoryName, ServiceName,
};
use crate::base::position::TreeSize;
use crate::roster::Roster;
use crate::statement::words::Mode;

/// A policy: parsed, checked and never changed. It keeps its text, which is what gets signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    text: String,
    levels: Vec<LevelName>,
    defaults: Defaults,
    override_terms: OverrideTerms,
    environments: Vec<Environment>,
    repositories: Vec<Repository>,
    services: Vec<Service>,
    rules: Vec<Rule>,
}

/// Five lines: the floor alone, observed. Every policy starts so.
const BUILT_IN: &str = "\
# One human who is not an author signs off every change; rules only add to that.
version = 1

[environment.production]
mode = \"observe\" # decided and recorded, never refused; \"enforce\" refuses
";

impl Policy {
    /// Parses and checks a policy text.
    ///
    /// # Errors
    /// [`PolicyErrors`]: every mistake at once, each with its place and a hint.
    pub fn parse(text: &str) -> Result<Self, PolicyErrors> {
        parse::parse(text)
    }

    /// The built-in policy: the floor alone, in observe mode, and no service yet.
    #[must_use]
    pub const fn built_in() -> &'static str {
        BUILT_IN
    }

    /// The built-in policy with one service added: what a new ledger starts with.
    #[must_use]
    pub fn starter(
        service: &ServiceName,
        repository: &RepositoryName,
        branch: &ReferenceName,
    ) -> String {
        format!(
            "{BUILT_IN}\n[service.\"{service}\"]\nrepository = \"{repository}\"\n\
             branch     = \"{branch}\"\n"
        )
    }

    /// The text that was parsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Weak spots of a valid policy, in the order of its lines.
    #[must_use]
    pub fn warnings(&self) -> Vec<Lint> {
        lint::warnings(self)
    }

    /// Weak spots that a roster shows as of a size: rules that its people cannot fill, or only
    /// without one of them. `call` names people.
    #[must_use]
    pub fn warnings_with(
        &self,
        roster: &Roster,
        as_of: TreeSize,
        call: &dyn Fn(&MemberId) -> String,
    ) -> Vec<Lint> {
        lint_roster::warnings(self, roster, as_of, call)
    }

    /// What this policy asks less for than `older` does. Whatever is not plainly as strict is
    /// listed, so an empty answer means: at least as strict.
    #[must_use]
    pub fn weakens(&self, older: &Self) -> Vec<Weakening> {
        weaken::weakens(self, older)
    }

    /// The mode of an environment, or of the listed group that it is a cell of.
    ///
    /// # Errors
    /// [`UnknownName`] where the policy lists neither: bad input, never a weaker rule.
    pub fn environment(&self, name: &EnvironmentName) -> Result<Mode, UnknownName> {
        // The longest listed name that matches is the nearest.
        self.environments
            .iter()
            .filter(|listed| environment_matches(&listed.name, name))
            .max_by_key(|listed| listed.name.as_str().len())
            .map(|listed| listed.mode)
            .ok_or_else(|| {
                let listed: Vec<&str> =
                    self.environments.iter().map(|listed| listed.name.as_str()).collect();
                UnknownName::new("environment", name.as_str(), &listed)
            })
    }

    /// Whether a deny refuses here: the service's mode where it sets one, else the environment's.
    /// Unknown names refuse.
    #[must_use]
    pub fn mode(&self, service: &ServiceName, environment: &EnvironmentName) -> Mode {
        match (self.service(service), self.environment(environment)) {
            (Some(service), Ok(mode)) => service.mode.unwrap_or(mode),
            _ => Mode::Enforce,
        }
    }

    /// Whether the policy speaks of a cell itself, and not only of its group: in an environment
    /// table, or in the conditions of a rule.
    #[must_use]
    pub fn names_cell(&self, cell: &EnvironmentName) -> bool {
        let in_tables = self.environments.iter().map(|listed| &listed.name);
        let in_rules = self.rules.iter().flat_map(|rule| &rule.when.environments);
        in_tables
            .chain(in_rules)
            .any(|listed| listed.as_str() != cell.group() && environment_matches(listed, cell))
    }

    /// A listed service.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// A listed service.
    ///
    /// # Errors
    /// [`UnknownName`], with what is listed, where it is not.
    pub fn known_service(&self, name: &ServiceName) -> Result<&Service, UnknownName> {
        self.service(name).ok_or_else(|| {
            let listed: Vec<&str> =
                self.services.iter().map(|service| service.name.as_str()).collect();
            UnknownName::new("service", name.as_str(), &listed)
        })
    }

    /// The listed services, by name.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// How provenances of builds name a repository, where the policy says so.
    #[must_use]
    pub fn repository(&self, name: &RepositoryName) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.name == *name)
    }

    /// The repositories whose URI the policy says, by name.
    #[must_use]
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// The listed environments and groups, by name.
    #[must_use]
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The levels, lowest first.
    #[must_use]
    pub fn levels(&self) -> &[LevelName] {
        &self.levels
    }

    /// Whether a level is at least another. A level that the policy does not list is below all.
    #[must_use]
    pub fn level_at_least(&self, held: &LevelName, wanted: &LevelName) -> bool {
        match (self.rank(held), self.rank(wanted)) {
            (Some(held), Some(wanted)) => held >= wanted,
            _ => false,
        }
    }

    /// The position of a level, the lowest being 0.
    #[must_use]
    pub fn rank(&self, level: &LevelName) -> Option<usize> {
        self.levels.iter().position(|listed| listed == level)
    }

    /// The table `[defaults]`, with what it leaves out.
    #[must_use]
    pub const fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// The table `[override]`, with what it leaves out.
    #[must_use]
    pub const fn override_terms(&self) -> &OverrideTerms {
        &self.override_terms
    }

    /// The rules, in the order of the text.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
