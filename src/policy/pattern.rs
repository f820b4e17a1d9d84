//! Path patterns (`spec/policy.md` section 4): `*`, `**` and `?`, over bytes, in quadratic time.

use std::fmt;

use crate::base::fold::folded;
use crate::base::limits::PATTERN_BYTES_MAX;

/// A text that is no pattern, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The empty text, or an empty segment: a `/` at an end, or two in a row.
    #[error("a pattern has no empty segment: no `/` at either end, and no `//`")]
    EmptySegment,
    /// `.` or `..`, which no path in a tree has.
    #[error("a pattern has no `.` or `..` segment: paths start at the repository's root")]
    DotSegment,
    /// `**` beside other characters of a segment.
    #[error("`**` stands alone between `/`: write `**/*.tf`, not `**.tf`")]
    PartialDoubleStar,
    /// A character that other pattern languages give a meaning, or a control character.
    #[error("patterns know `*`, `**` and `?` only: {0:?} has no meaning here (`?` matches it)")]
    Reserved(char),
    /// Too long.
    #[error("a pattern has at most {PATTERN_BYTES_MAX} bytes")]
    TooLong,
}

/// A parsed pattern, beside its folded form.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    exact: Vec<Segment>,
    folded: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of whole segments, none too.
    Any,
    /// Anything else: bytes, among which `*` and `?` have their meaning.
    One(Vec<u8>),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError`] where the text is none.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        if let Some(found) = text
            .chars()
            .find(|&found| found.is_control() || matches!(found, '[' | ']' | '{' | '}' | '\\'))
        {
            return Err(PatternError::Reserved(found));
        }
        if text.starts_with('!') {
            return Err(PatternError::Reserved('!'));
        }
        for segment in text.split('/') {
            match segment {
                "" => return Err(PatternError::EmptySegment),
                "." | ".." => return Err(PatternError::DotSegment),
                "**" => {}
                _ if segment.contains("**") => return Err(PatternError::PartialDoubleStar),
                _ => {}
            }
        }
        let exact = segments(text.as_bytes());
        let folded = segments(&folded(text.as_bytes()));
        Ok(Self { text: text.to_owned(), exact, folded })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the path, byte by byte.
    #[must_use]
    pub fn matches_exactly(&self, path: &[u8]) -> bool {
        matches_segments(&self.exact, path)
    }

    /// Whether the folded pattern matches a path that the caller folded (`base::fold`).
    #[must_use]
    pub fn matches_folded(&self, folded_path: &[u8]) -> bool {
        matches_segments(&self.folded, folded_path)
    }
}

impl Pattern {
    /// Whether some path may match both patterns, folded; where that is hard to tell, it may.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        // `row[j]`: whether what is left of one may meet what is left of the other from j on.
        let (one, other) = (&self.folded, &other.folded);
        let all_any = |rest: &[Segment]| rest.iter().all(|segment| *segment == Segment::Any);
        let mut below: Vec<bool> = (0..=other.len()).map(|at| all_any(&other[at..])).collect();
        for (at, segment) in one.iter().enumerate().rev() {
            let mut row = vec![false; other.len() + 1];
            row[other.len()] = all_any(&one[at..]);
            for (column, facing) in other.iter().enumerate().rev() {
                row[column] = match (segment, facing) {
                    (Segment::Any, _) | (_, Segment::Any) => below[column] || row[column + 1],
                    (Segment::One(one), Segment::One(other)) => {
                        below[column + 1] && segments_may_meet(one, other)
                    }
                };
            }
            below = row;
        }
        below[0]
    }
}

/// Whether some name may match both segments.
fn segments_may_meet(one: &[u8], other: &[u8]) -> bool {
    let is_plain = |segment: &[u8]| !segment.iter().any(|byte| matches!(byte, b'*' | b'?'));
    match (is_plain(one), is_plain(other)) {
        (true, _) => matches_bytes(other, one),
        (_, true) => matches_bytes(one, other),
        _ => true,
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:?})", self.text)
    }
}

fn segments(text: &[u8]) -> Vec<Segment> {
    text.split(|&byte| byte == b'/')
        .map(|segment| match segment {
            b"**" => Segment::Any,
            other => Segment::One(other.to_vec()),
        })
        .collect()
}

/// Matches segment by segment. Of several `**` only the last one met is ever tried again: what
/// lies between two of them may as well match as far left as it can. So the time is bounded by
/// the product of both lengths.
fn matches_segments(pattern: &[Segment], path: &[u8]) -> bool {
    let path: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let (mut at_pattern, mut at_path) = (0, 0);
    let mut retry = None;
    while at_path < path.len() {
        match pattern.get(at_pattern) {
            Some(Segment::Any) => {
                at_pattern += 1;
                retry = Some((at_pattern, at_path));
                continue;
            }
            Some(Segment::One(segment)) if matches_bytes(segment, path[at_path]) => {
                at_pattern += 1;
                at_path += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_any, from)) = retry else { return false };
        retry = Some((after_any, from + 1));
        (at_pattern, at_path) = (after_any, from + 1);
    }
    pattern[at_pattern..].iter().all(|segment| *segment == Segment::Any)
}

/// Matches within a segment in the same way, `*` being any number of bytes and `?` one.
fn matches_bytes(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut retry = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                at_pattern += 1;
                retry = Some((at_pattern, at_text));
                continue;
            }
            Some(&byte) if byte == b'?' || byte == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_star, from)) = retry else { return false };
        retry = Some((after_star, from + 1));
        (at_pattern, at_text) = (after_star, from + 1);
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
