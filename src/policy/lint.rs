//! Weak spots: what a valid policy lets through that its author may not have meant.

use super::error::Lint;
use super::fact::Presence;
use super::model::{Rule, Service, UnprovedAuthors};
use super::{Carry, Pattern, Policy};
use crate::base::time::Span;
use crate::statement::words::{Assistance, Mode};

/// Files that decide what gets built: an exemption that covers one of them lets code in.
const BUILD_FILES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "Gemfile.lock",
    "Jenkinsfile",
    "Makefile",
    "build.gradle",
    "composer.lock",
    "flake.lock",
    "go.mod",
    "go.sum",
    "pom.xml",
    "poetry.lock",
    "pyproject.toml",
    "uv.lock",
    ".circleci/config.yml",
    "package-lock.json",
    "package.json",
    "pnpm-lock.yaml",
    "requirements.txt",
    "yarn.lock",
    ".github/workflows/build.yml",
    ".gitlab-ci.yml",
    ".gitmodules",
];

pub(super) fn warnings(policy: &Policy) -> Vec<Lint> {
    let mut found = Vec::new();
    defaults(policy, &mut found);
    override_terms(policy, &mut found);
    if !policy.environments().is_empty()
        && policy.environments().iter().all(|environment| environment.mode == Mode::Observe)
        && policy.services().iter().all(|service| service.mode != Some(Mode::Enforce))
    {
        let line = policy.environments().first().map_or(0, |first| first.line);
        let what = "no environment enforces: everything is recorded and nothing refused";
        warn(&mut found, line, what);
    }
    if policy.environments().is_empty() {
        warn(&mut found, 0, "no [environment.NAME] is listed: nothing can be deployed");
    }
    for service in policy.services() {
        self::service(service, &mut found);
    }
    for repository in policy.repositories() {
        let is_its = |service: &Service| service.repository == repository.name;
        if !policy.services().iter().any(is_its) {
            let what = format!("no service is built from [repository.{}]", repository.name);
            warn(&mut found, repository.line, what);
        }
    }
    for rule in policy.rules() {
        self::rule(policy, rule, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

pub(super) fn warn(found: &mut Vec<Lint>, line: usize, what: impl Into<String>) {
    found.push(Lint { line, what: what.into() });
}

/// The line that sets a field of a table (`""`: of none), found again in the text; 0 where it
/// cannot be.
pub(super) fn line_of(policy: &Policy, field: &str, table: &str) -> usize {
    let mut within = "";
    for (index, line) in policy.text().lines().enumerate() {
        let line = line.trim_start();
        if let Some(header) = line.strip_prefix('[') {
            within = header.split(']').next().unwrap_or_default().trim();
        }
        let sets = |line: &str| {
            line.strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let dotted = line.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        if (within == table && sets(line)) || (within.is_empty() && dotted.is_some_and(sets)) {
            return index + 1;
        }
    }
    0
}

fn defaults(policy: &Policy, found: &mut Vec<Lint>) {
    let defaults = policy.defaults();
    let mut weak =
        |field: &str, what: String| warn(found, line_of(policy, field, "defaults"), what);
    match defaults.unproved_authors {
        UnprovedAuthors::AddOne => {}
        UnprovedAuthors::LowestLevel => weak(
            "unproved_authors",
            "`unproved_authors = \"lowest-level\"`: who commits under another's name can sign \
             off alone on their own change"
                .to_owned(),
        ),
        UnprovedAuthors::Accept => weak(
            "unproved_authors",
            "`unproved_authors = \"accept\"`: author levels are whatever a commit says, and who \
             commits under another's name can sign off alone on their own change"
                .to_owned(),
        ),
    }
    if defaults.undeclared < Assistance::Generated {
        let word = defaults.undeclared;
        let what = format!("`undeclared = \"{word}\"`: not declaring assistance avoids rules");
        weak("undeclared", what);
    }
    if defaults.allow_collisions {
        let what = "`allow_collisions`: a build that ignores case can get another file than the \
                    one that was read";
        weak("allow_collisions", what.to_owned());
    }
    if defaults.weaken_delay < Span::from_milliseconds(3_600_000) {
        let what = "`weaken_delay` is under an hour: a policy relaxed for minutes lets code in";
        weak("weaken_delay", what.to_owned());
    }
    if defaults.key_cooling < Span::from_milliseconds(3_600_000) {
        let what = "`key_cooling` is under an hour: who gets at a member's machine enrols a key \
                    and signs off with it at once";
        weak("key_cooling", what.to_owned());
    }
    for pattern in &defaults.exempt {
        if let Some(file) = BUILD_FILES.iter().find(|file| covers_file(pattern, file)) {
            let what = format!(
                "`exempt` \"{pattern}\" covers files such as {file}: what it builds \
                                needs nobody's sign-off"
            );
            weak("exempt", what);
        }
        if let Some(what) = folder_hint(pattern) {
            weak("exempt", what);
        }
    }
}

fn override_terms(policy: &Policy, found: &mut Vec<Lint>) {
    let terms = policy.override_terms();
    if terms.debt_due > Span::from_milliseconds(7 * 86_400_000) {
        let what = "`debt_due` is over a week: what was overridden is then live that long, unread";
        warn(found, line_of(policy, "debt_due", "override"), what);
    }
    if terms.presence == Presence::Touch {
        let what = format!("`presence` of [override]: {NEVER_ATTESTED}");
        warn(found, line_of(policy, "presence", "override"), what);
    }
}

/// ATTACKS 15: a touch is claimed by the key itself, and no enrolment proves genuine hardware yet.
const NEVER_ATTESTED: &str =
    "\"attested\" is met by no key yet, so nothing can pass: use \"touch\"";

/// Whether a pattern covers a file, at the root or in the folder that the pattern names.
fn covers_file(pattern: &Pattern, file: &str) -> bool {
    if pattern.matches_exactly(file.as_bytes())
        || pattern.matches_exactly(format!("any-folder/{file}").as_bytes())
    {
        return true;
    }
    // The file itself, in whichever folder the pattern names: `web/*.json`.
    let name = pattern.as_str().rsplit('/').next().unwrap_or_default();
    let base = file.rsplit('/').next().unwrap_or_default();
    name.chars().any(char::is_alphanumeric)
        && Pattern::new(name).is_ok_and(|name| name.matches_exactly(base.as_bytes()))
}

/// `infra` matches a file of that name alone, which is seldom meant.
fn folder_hint(pattern: &Pattern) -> Option<String> {
    let last = pattern.as_str().rsplit('/').next()?;
    let plain = !last.contains(['*', '?', '.']) && last.chars().any(char::is_lowercase);
    plain.then(|| {
        format!("\"{pattern}\" matches one file only; for a folder write \"{pattern}/**\"")
    })
}

fn service(service: &Service, found: &mut Vec<Lint>) {
    let name = &service.name;
    if !service.artifact_required {
        let what = format!(
            "service {name}: without `artifact = \"required\"` nothing ties what is deployed to \
             the commit"
        );
        warn(found, service.line, what);
    } else if service.builders.is_empty() {
        let what = format!("service {name}: no `builders`, so no artifact can ever pass");
        warn(found, service.line, what);
    }
    if !service.paths.is_empty() {
        let what = format!(
            "service {name}: changes outside `paths` (build files at the root, workflows) need \
             the floor alone"
        );
        warn(found, service.line, what);
    }
    for hint in service.paths.iter().filter_map(folder_hint) {
        warn(found, service.line, format!("service {name}: {hint}"));
    }
}

fn rule(policy: &Policy, rule: &Rule, found: &mut Vec<Lint>) {
    let mut weak = |what: String| warn(found, rule.line, format!("rule {:?}: {what}", rule.name));
    if rule.needs().is_empty() {
        weak("asks for nothing beyond the floor; to lift the floor use `exempt`".to_owned());
    }
    if let Some(weakest) = rule.when.assistance.first() {
        for stronger in Assistance::ALL.iter().filter(|word| *word > weakest) {
            if !rule.when.assistance.contains(stronger) {
                weak(format!(
                    "asks at assistance {weakest} and not at {stronger}: declaring more avoids it"
                ));
            }
        }
    }
    if rule.when.author_below.as_ref().is_some_and(|level| policy.rank(level) == Some(0)) {
        weak("`author_below` the lowest level: only authors without a level are".to_owned());
    }
    if policy.defaults().carry == Carry::Never && rule.presence == Presence::NoTouch {
        // Nothing to say: carrying is off everywhere.
    } else if rule.presence > Presence::NoTouch && rule.carry == Carry::Clean {
        weak("wants a touch and still takes carried sign-offs: add `carry = \"never\"`".to_owned());
    }
    for hint in rule.when.paths.iter().filter_map(folder_hint) {
        weak(hint);
    }
    if rule.presence == Presence::Touch {
        weak(NEVER_ATTESTED.to_owned());
    }
    if let Some(why) = never_holds(policy, rule) {
        weak(why.to_owned());
    }
}

/// Why the conditions of a rule can never hold together, where that is plain.
fn never_holds(policy: &Policy, rule: &Rule) -> Option<&'static str> {
    let when = &rule.when;
    if when.artifact {
        let of_changes = !when.paths.is_empty()
            || !when.paths_outside.is_empty()
            || when.opaque
            || when.collision
            || !when.author_kind.is_empty();
        return of_changes.then_some("never asks: an artifact has no paths and no authors");
    }
    if when.collision && !policy.defaults().allow_collisions {
        return Some("never asks: without `allow_collisions` such a change is denied anyway");
    }
    // Only patterns of its own show that a rule lies beside every service (ATTACKS 25).
    let mut services = policy
        .services()
        .iter()
        .filter(|service| when.services.is_empty() || when.services.contains(&service.name))
        .peekable();
    if when.paths.is_empty() || services.peek().is_none() {
        return None;
    }
    let reached = |service: &Service| {
        let meets = |path: &Pattern| service.paths.iter().any(|other| path.may_meet(other));
        service.paths.is_empty() || when.paths.iter().any(meets)
    };
    (!services.any(reached)).then_some(
        "its `paths` lie outside the `paths` of every service: it asks only where a change \
         touches both",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lints(text: &str) -> Vec<String> {
        Policy::parse(text).unwrap().warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_strict_policy_has_no_weak_spots() {
        let text = "version = 1\n[environment.production]\nmode = \"enforce\"\n[service.shop]\n\
                    repository = \"shop\"\nartifact = \"required\"\nbuilders = [\"ci\"]\n";
        assert_eq!(lints(text), Vec::<String>::new());
    }

    #[test]
    fn a_repository_that_nothing_is_built_from_is_told() {
        let text = "version = 1\n[environment.production]\nmode = \"enforce\"\n\
                    [repository.shop]\nuri = \"git+https://git.example/shop\"\n\
                    [repository.shpo]\nuri = \"git+https://git.example/shop\"\n[service.shop]\n\
                    repository = \"shop\"\nartifact = \"required\"\nbuilders = [\"ci\"]\n";
        assert_eq!(lints(text), ["line 6: no service is built from [repository.shpo]"]);
    }

    /// ATTACKS 18, 32: an hour to cool, a week to pay.
    #[test]
    fn keys_that_never_cool_and_debts_that_are_never_due_are_told() {
        let found = lints(
            "version = 1\ndefaults.key_cooling = \"59m\"\noverride.debt_due = \"8d\"\n\
             [environment.production]\nmode = \"enforce\"\n",
        );
        assert!(found[0].starts_with("line 2: `key_cooling` is under an hour"), "{found:?}");
        assert!(found[1].starts_with("line 3: `debt_due` is over a week"), "{found:?}");
        assert_eq!(found.len(), 2);
    }

    /// ATTACKS 9, 10, 24, 25, 29: each weak spot is told with its line.
    #[test]
    fn weak_spots_are_told_with_their_lines() {
        let text = r#"version = 1
levels = ["junior", "senior"]
[defaults]
undeclared = "none"
unproved_authors = "accept"
allow_collisions = true
weaken_delay = "5m"
exempt = ["**", "docs"]
[environment.production]
[service.shop]
repository = "shop"
paths = ["shop"]
[[rule]]
name = "nothing"
[[rule]]
name = "odd"
when = { assistance = ["assisted"], author_below = "junior", paths = ["infra"] }
require = [{ level = "senior" }]
presence = "touch"
"#;
        let found = lints(text);
        for (line, words) in [
            (4, "not declaring assistance"),
            (5, "author levels are whatever"),
            (6, "ignores case"),
            (7, "under an hour"),
            (8, "Cargo.lock"),
            (8, "write \"docs/**\""),
            (9, "no environment enforces"),
            (10, "nothing ties"),
            (10, "the floor alone"),
            (10, "write \"shop/**\""),
            (13, "asks for nothing"),
            (15, "not at generated"),
            (15, "lowest level"),
            (15, "carried"),
            (15, "write \"infra/**\""),
            (15, "outside the `paths` of every service"),
        ] {
            let start = format!("line {line}: ");
            assert!(
                found.iter().any(|lint| lint.starts_with(&start) && lint.contains(words)),
                "{line} {words}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 16, "{found:#?}");
    }
}
