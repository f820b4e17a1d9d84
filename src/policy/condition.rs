//! Which rules match, and whether the floor is lifted (`spec/policy.md` section 6).

use super::Policy;
use super::fact::{Author, AuthorKind, Facts, PathFact, Standing};
use super::model::{Rule, UnprovedAuthors, When, environment_matches};
use super::pattern::Pattern;
use crate::base::fold::folded;
use crate::base::name::LevelName;
use crate::statement::words::Assistance;

/// Every path in both forms, folded once for all rules.
pub(super) struct Folded<'a> {
    paths: Vec<(&'a [u8], Vec<u8>)>,
}

impl<'a> Folded<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let both = |path: &'a [u8]| (path, folded(path));
        Self { paths: facts.paths.iter().map(|fact| both(&fact.path)).collect() }
    }

    /// Whether any path matches any pattern, exactly or folded: to match more is to ask more.
    pub(super) fn any_matches(&self, patterns: &[Pattern]) -> bool {
        self.paths.iter().any(|(exact, folded)| {
            patterns
                .iter()
                .any(|pattern| pattern.matches_exactly(exact) || pattern.matches_folded(folded))
        })
    }
}

/// The rules that ask, and whether there is none even if the service's paths are left out.
pub(super) struct Matched<'a> {
    pub(super) rules: Vec<&'a Rule>,
    pub(super) none_anywhere: bool,
}

pub(super) fn matched_rules<'a>(
    policy: &'a Policy,
    facts: &Facts,
    folded: &Folded<'_>,
    assistance: Assistance,
) -> Matched<'a> {
    let rules: Vec<&Rule> = policy
        .rules()
        .iter()
        .filter(|rule| holds(policy, &rule.when, facts, folded, assistance))
        .collect();
    let none_anywhere = rules.is_empty();
    // Rules concern a service's own paths; beside them the floor still stands (ATTACKS 25).
    let concerned = facts.artifact
        || policy
            .service(&facts.service)
            .is_none_or(|service| service.paths.is_empty() || folded.any_matches(&service.paths));
    Matched { rules: if concerned { rules } else { Vec::new() }, none_anywhere }
}

/// Whether every condition of a rule holds.
pub(super) fn holds(
    policy: &Policy,
    when: &When,
    facts: &Facts,
    folded: &Folded<'_>,
    assistance: Assistance,
) -> bool {
    when.artifact == facts.artifact
        && (when.assistance.is_empty() || when.assistance.contains(&assistance))
        && when.author_below.as_ref().is_none_or(|level| author_below(policy, facts, level))
        && (when.author_kind.is_empty()
            || facts.authors.iter().any(|author| when.author_kind.contains(&author.kind)))
        && (when.environments.is_empty()
            || when
                .environments
                .iter()
                .any(|listed| environment_matches(listed, &facts.environment)))
        && (when.services.is_empty() || when.services.contains(&facts.service))
        && (!when.opaque || facts.paths.iter().any(|path| path.opaque))
        && (!when.collision || facts.collision)
        && (when.paths.is_empty() || folded.any_matches(&when.paths))
        && (when.paths_outside.is_empty() || first_outside(facts, &when.paths_outside).is_some())
}

/// The first path that matches no pattern byte by byte: here to match more would ask less. More
/// paths never make a rule silent, so that a condition on what lies outside is safe where one on
/// what is absent would not be.
pub(super) fn first_outside<'a>(facts: &'a Facts, patterns: &[Pattern]) -> Option<&'a PathFact> {
    let is_inside = |path: &PathFact| patterns.iter().any(|one| one.matches_exactly(&path.path));
    facts.paths.iter().find(|path| !is_inside(path))
}

/// The authors who could be proved: all but addresses of tools.
pub(super) fn provable_authors(facts: &Facts) -> impl Iterator<Item = &Author> {
    facts.authors.iter().filter(|author| author.kind != AuthorKind::Tool)
}

/// Whether the lowest author is below a level. Who has no level, a level that the policy does not
/// list, or (unless `unproved_authors = "accept"`) nothing but a claim, is below every level; so
/// is a change without any author who could be proved.
pub(super) fn author_below(policy: &Policy, facts: &Facts, level: &LevelName) -> bool {
    let mut authors = provable_authors(facts).peekable();
    authors.peek().is_none() || authors.any(|author| is_below(policy, author, level))
}

/// Whether one author is below a level.
pub(super) fn is_below(policy: &Policy, author: &Author, level: &LevelName) -> bool {
    let believed = policy.defaults().unproved_authors == UnprovedAuthors::Accept;
    let held = author.level.as_ref().filter(|_| believed || is_known(author));
    !held.is_some_and(|held| policy.level_at_least(held, level))
}

/// Whether an author is only claimed, of whatever kind: a bot's address is as easily typed as a
/// senior's (ATTACKS 9). A change that names nobody but tools has no proved author either.
pub(super) fn has_unproved_author(facts: &Facts) -> bool {
    let mut authors = provable_authors(facts).peekable();
    // An artifact is judged apart from who wrote what went into it.
    (authors.peek().is_none() && !facts.artifact) || authors.any(|author| !is_known(author))
}

fn is_known(author: &Author) -> bool {
    author.standing != Standing::Claimed
}

/// Whether every path matches an exemption, byte by byte: here to match more would ask less.
pub(super) fn is_exempt(policy: &Policy, facts: &Facts) -> bool {
    let exempt = &policy.defaults().exempt;
    !facts.artifact
        && !facts.collision
        && !facts.paths.is_empty()
        && facts.paths.iter().all(|path| {
            !path.opaque && exempt.iter().any(|pattern| pattern.matches_exactly(&path.path))
        })
}
