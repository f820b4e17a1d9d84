//! Why each rule asks or does not, condition by condition: for people, never for a verdict.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::Serialize;

use super::Policy;
use super::assess::assistance_of;
use super::condition::{Folded, author_below, first_outside, holds, is_below, provable_authors};
use super::fact::{Author, AuthorKind, Facts, Standing};
use super::model::{Rule, When, environment_matches};
use super::pattern::Pattern;
use crate::base::fold::folded;
use crate::change::printable;
use crate::statement::words::Assistance;

/// More names than this are counted instead.
const NAMED_MAX: usize = 3;

/// One rule, and why it asks or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// The rule's name.
    pub rule: String,
    /// Its line in the policy, from 1.
    pub line: usize,
    /// Whether it asks of this change or artifact.
    pub asks: bool,
    /// Each condition that it has, in the order of the spec's table.
    pub conditions: Vec<ConditionTrace>,
    /// Why it does not ask although every condition holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<&'static str>,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConditionTrace {
    /// The condition, as policies write it.
    pub condition: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What it was held against.
    pub text: String,
}

/// Every rule of a policy against the facts, in the order of the text.
#[must_use]
pub fn trace(policy: &Policy, facts: &Facts) -> Vec<RuleTrace> {
    let (assistance, _) = assistance_of(policy, facts);
    let paths = Folded::new(facts);
    let service = policy.service(&facts.service);
    let concerned = facts.artifact
        || service.is_none_or(|one| one.paths.is_empty() || paths.any_matches(&one.paths));
    let one = |rule: &Rule| {
        let matches = holds(policy, &rule.when, facts, &paths, assistance);
        let beside = if matches && !concerned {
            Some("the change touches none of the service's `paths`")
        } else if matches && rule.needs().is_empty() {
            Some("it asks for nobody")
        } else {
            None
        };
        RuleTrace {
            rule: rule.name.clone(),
            line: rule.line,
            asks: matches && beside.is_none(),
            conditions: conditions(policy, &rule.when, facts, assistance),
            beside,
        }
    };
    policy.rules().iter().map(one).collect()
}

/// Why `exempt` does not lift the floor, where the policy exempts anything; `None` where it does.
#[must_use]
pub fn not_exempt(policy: &Policy, facts: &Facts, traces: &[RuleTrace]) -> Option<String> {
    let exempt = &policy.defaults().exempt;
    if let Some(rule) = traces.iter().find(|one| one.conditions.iter().all(|each| each.holds)) {
        return Some(format!("the rule {:?} matches", rule.rule));
    }
    if facts.collision {
        return Some("paths collide".to_owned());
    }
    let first = facts.paths.iter().find(|path| {
        path.opaque || !exempt.iter().any(|pattern| pattern.matches_exactly(&path.path))
    })?;
    let why = if first.opaque { "cannot be read" } else { "matches no pattern exactly" };
    Some(format!("{} {why}", printable(&first.path)))
}

fn conditions(
    policy: &Policy,
    when: &When,
    facts: &Facts,
    assistance: Assistance,
) -> Vec<ConditionTrace> {
    let mut found = Vec::new();
    let mut add = |condition, holds, text| found.push(ConditionTrace { condition, holds, text });
    if !when.assistance.is_empty() {
        let holds = when.assistance.contains(&assistance);
        add("assistance", holds, compared(&assistance, holds, &when.assistance));
    }
    if let Some(level) = &when.author_below {
        let below: Vec<&Author> =
            provable_authors(facts).filter(|author| is_below(policy, author, level)).collect();
        let holds = author_below(policy, facts, level);
        let text = match below.split_first() {
            Some((first, _)) => format!("{} is below {level}", said(first)),
            None if holds => "nobody is named who could be proved".to_owned(),
            None => format!("every author is at least {level}"),
        };
        add("author_below", holds, text);
    }
    if !when.author_kind.is_empty() {
        let kinds: BTreeSet<AuthorKind> = facts.authors.iter().map(|author| author.kind).collect();
        let holds = kinds.iter().any(|kind| when.author_kind.contains(kind));
        let words = |kinds: &BTreeSet<AuthorKind>| listed(kinds.iter().map(|one| one.as_str()));
        let (are, wanted) = (words(&kinds), words(&when.author_kind));
        let text = if holds { format!("is {are}") } else { format!("is {are}, not {wanted}") };
        add("author_kind", holds, text);
    }
    if !when.paths.is_empty() {
        let (holds, text) = paths(facts, &when.paths);
        add("paths", holds, text);
    }
    if !when.paths_outside.is_empty() {
        let first = first_outside(facts, &when.paths_outside);
        let wanted = listed(&when.paths_outside);
        let text = match first {
            Some(path) => format!("{} does not match {wanted}", printable(&path.path)),
            None => format!("every path matches {wanted}"),
        };
        add("paths_outside", first.is_some(), text);
    }
    if !when.environments.is_empty() {
        let name = &facts.environment;
        let holds = when.environments.iter().any(|listed| environment_matches(listed, name));
        add("environments", holds, compared(name, holds, &when.environments));
    }
    if !when.services.is_empty() {
        let holds = when.services.contains(&facts.service);
        add("services", holds, compared(&facts.service, holds, &when.services));
    }
    if when.opaque {
        let first = facts.paths.iter().find(|path| path.opaque);
        let text = first.map_or_else(
            || "every path can be read".to_owned(),
            |path| format!("nobody can read {}", printable(&path.path)),
        );
        add("opaque", first.is_some(), text);
    }
    if when.collision {
        let text = if facts.collision { "paths collide" } else { "no paths collide" };
        add("collision", facts.collision, text.to_owned());
    }
    if when.artifact || facts.artifact {
        let holds = when.artifact == facts.artifact;
        let judged = if facts.artifact { "an artifact" } else { "a change" };
        let about = if when.artifact { "artifacts" } else { "changes" };
        let text = if holds {
            format!("{judged} is judged")
        } else {
            format!("{judged} is judged, and the rule is about {about}")
        };
        add("artifact", holds, text);
    }
    found
}

/// `is none, not assisted or generated`.
fn compared<T: Display>(is: &impl Display, holds: bool, wanted: &BTreeSet<T>) -> String {
    if holds { format!("is {is}") } else { format!("is {is}, not {}", listed(wanted)) }
}

/// `a, b or 3 more`.
fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if words.len() > NAMED_MAX {
        let more = words.len() - NAMED_MAX + 1;
        words.truncate(NAMED_MAX - 1);
        words.push(format!("{more} more"));
    }
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// `Ben Ito (mid)`, and where the commit alone says so.
fn said(author: &Author) -> String {
    let name = match (&author.member, author.label.as_str()) {
        (Some(member), "") => member.as_str(),
        (None, "") => "an author",
        (_, label) => label,
    };
    let level = author.level.as_ref().map_or("no level", |level| level.as_str());
    let claimed = if author.standing == Standing::Claimed { ", only claimed" } else { "" };
    format!("{name} ({level}{claimed})")
}

fn paths(facts: &Facts, patterns: &[Pattern]) -> (bool, String) {
    for path in &facts.paths {
        let folded = folded(&path.path);
        let matches = |pattern: &&Pattern| {
            pattern.matches_exactly(&path.path) || pattern.matches_folded(&folded)
        };
        if let Some(pattern) = patterns.iter().find(matches) {
            return (true, format!("{} matches {pattern}", printable(&path.path)));
        }
    }
    let wanted = listed(patterns);
    let text = match facts.paths.as_slice() {
        [only] => format!("{} does not match {wanted}", printable(&only.path)),
        all => format!("none of {} paths matches {wanted}", all.len()),
    };
    (false, text)
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
