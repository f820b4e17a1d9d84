//! What is wrong, weak or weaker in a policy, in sentences for the person who edits it.

use std::fmt;

use serde::Serialize;

/// One mistake of a policy text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}: {}", self.line, self.column, self.what)?;
        match &self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Every mistake of a policy text, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// Takes the mistakes that were found.
    pub(super) fn new(mut mistakes: Vec<PolicyError>) -> Self {
        mistakes.sort();
        mistakes.dedup();
        Self(mistakes)
    }

    /// The mistakes, first line first.
    #[must_use]
    pub fn as_slice(&self) -> &[PolicyError] {
        &self.0
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// A weak spot of a policy that is valid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lint {
    /// The line, from 1; 0 where nothing in the text stands for it.
    pub line: usize,
    /// What is weak, and what would mend it.
    pub what: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.what),
            line => write!(formatter, "line {line}: {}", self.what),
        }
    }
}

/// Something that a policy asks less for than the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Weakening(pub String);

impl fmt::Display for Weakening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A service or environment that the policy does not list: bad input, never a weaker rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy lists no {kind} {name:?}{hint}")]
pub struct UnknownName {
    /// `service` or `environment`.
    pub kind: &'static str,
    /// What was asked for.
    pub name: String,
    /// What the policy lists, as a half sentence.
    pub hint: String,
}

impl UnknownName {
    /// Names the nearest of what is listed, or all where none is near.
    pub(super) fn new(kind: &'static str, name: &str, listed: &[&str]) -> Self {
        let hint = match nearest(name, listed.iter().copied()) {
            Some(near) => format!(" (did you mean {near:?}?)"),
            None if listed.is_empty() => " (it lists none)".to_owned(),
            None => format!(" (it lists {})", listed[..listed.len().min(20)].join(", ")),
        };
        Self { kind, name: name.to_owned(), hint }
    }

    /// Whether the hint names one near name, and not what the policy lists.
    #[must_use]
    pub fn is_near_another(&self) -> bool {
        self.hint.starts_with(" (did you mean")
    }
}

/// The candidate that is least edits away, where that is near enough to be meant.
pub(super) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits_apart(text, candidate), candidate))
        .filter(|&(edits, candidate)| {
            edits <= (candidate.len().max(3) / 3).min(3)
                || (text.len() >= 3 && candidate.starts_with(text))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of bytes between two short texts.
fn edits_apart(one: &str, other: &str) -> usize {
    if one.len() > 100 || other.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, byte) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other_byte) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte != other_byte);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_likely_one() {
        let fields = ["approval_ttl", "rollback_within", "carry", "exempt"];
        assert_eq!(nearest("aproval_ttl", fields), Some("approval_ttl"));
        assert_eq!(nearest("cary", fields), Some("carry"));
        assert_eq!(nearest("approval", fields), Some("approval_ttl"));
        assert_eq!(nearest("colour", fields), None);
        assert_eq!(nearest("prod", ["production", "staging"]), Some("production"));
        assert_eq!(edits_apart("kitten", "sitting"), 3);
        assert_eq!(edits_apart("", "ab"), 2);
    }
}
