//! What changed between the version that somebody signed and the one that is there now: what the
//! documents say, counted in the blobs themselves. What is not at hand is said to be so.

use std::collections::BTreeMap;
use std::ops::Range as Lines;

use serde::Serialize;
use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::diff::{compared, split};
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::change::{BlobFacts, ChangePath, Content, Document, Mode, Row, Side};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::text;
use crate::cli::ui::Role;
use crate::evidence::SignedForm;
use crate::git::{Range, Repository};

/// At most so many paths are compared line by line.
const PATHS_COMPARED_MAX: usize = 200;
/// So many paths are named in one sentence.
const PATHS_NAMED_MAX: usize = 3;

/// What came after a sign-off, path by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interdiff {
    /// The paths that are not as they were signed, in their order.
    pub(crate) paths: Vec<PathSince>,
}

/// What became of one path.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PathSince {
    /// Where, with what could mislead spelt out.
    pub(crate) path: String,
    /// What became of it.
    pub(crate) how: Since,
    /// Lines that came since.
    pub(crate) added: usize,
    /// Lines that went since.
    pub(crate) removed: usize,
    /// What a person reads.
    #[serde(skip)]
    pub(crate) lines: Vec<(Role, String)>,
}

/// What can become of a path of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Since {
    /// Its lines are not those that were signed.
    Changed,
    /// The same, and the base beneath has other edits at the same places.
    ChangedWithBase,
    /// It was not part of what was signed.
    Joined,
    /// It is no longer part of the change.
    Left,
    /// Its mode is another.
    Mode,
    /// It is another, and nobody can read it.
    Opaque,
    /// It is another; one of the contents is not in this repository.
    NotHere,
    /// It is another; there are too many paths to compare each.
    NotCompared,
}

impl PathSince {
    fn new(path: &ChangePath, how: Since) -> Self {
        let path = text::escape_bytes(path.as_bytes());
        Self { path, how, added: 0, removed: 0, lines: Vec::new() }
    }

    fn of_lines(path: &ChangePath, how: Since, before: &[u8], after: &[u8]) -> Self {
        let (added, removed, lines) = compared(before, after);
        Self { added, removed, lines, ..Self::new(path, how) }
    }

    /// Whether a person can see in its lines what became of it.
    pub(crate) const fn is_shown(&self) -> bool {
        !matches!(self.how, Since::Opaque | Since::NotHere | Since::NotCompared)
    }

    /// `capture.rs +4 -1`.
    pub(crate) fn said(&self) -> String {
        let Self { path, added, removed, .. } = self;
        match self.how {
            Since::Changed => format!("{path} +{added} -{removed}"),
            Since::ChangedWithBase => format!("{path} +{added} -{removed} with what the base did"),
            Since::Joined => format!("{path} +{added} -{removed}, not signed before"),
            Since::Left => format!("{path} left it"),
            Since::Mode => format!("{path} has another mode"),
            Since::Opaque => format!("{path} is another and cannot be read"),
            Since::NotHere => format!("{path} is another; what was signed of it is not here"),
            Since::NotCompared => format!("{path} is another"),
        }
    }
}

impl Interdiff {
    /// `capture.rs +4 -1`, the first paths by name.
    pub(crate) fn said(&self) -> String {
        if self.paths.is_empty() {
            return "only the base has moved".to_owned();
        }
        let named = self.paths.iter().take(PATHS_NAMED_MAX).map(PathSince::said);
        let mut said: Vec<String> = named.collect();
        let rest = self.paths.get(PATHS_NAMED_MAX..).unwrap_or_default();
        if !rest.is_empty() {
            let added: usize = rest.iter().map(|path| path.added).sum();
            let removed: usize = rest.iter().map(|path| path.removed).sum();
            said.push(format!("and {} more, +{added} -{removed}", rest.len()));
        }
        said.join("; ")
    }
}

/// What is said of what came since: also where nothing can be.
pub(crate) fn since_words(since: Option<&Interdiff>) -> String {
    since.map_or_else(
        || "what came since cannot be told: its document is not kept here".to_owned(),
        |since| format!("since then {}", since.said()),
    )
}

/// Compares what was signed with what a change is now, `range` being where it lies. None where the
/// signed document was not kept.
///
/// # Errors
/// Where the repository is damaged or cannot be read; a content that is missing is no error.
pub(crate) fn interdiff(
    repository: &Repository,
    form: &SignedForm,
    document: &Document,
    range: &Range,
) -> Result<Option<Interdiff>, CliError> {
    let Some(signed) = &form.document else { return Ok(None) };
    let Some(head) = &form.head else { return Ok(None) };
    let signed_range = Range { base: form.base.clone(), head: head.clone() };
    let compare = Compare { repository, signed: &signed_range, now: range };
    let mut paths: BTreeMap<&ChangePath, [Option<&Row>; 2]> = BTreeMap::new();
    for (at, rows) in [signed.rows(), document.rows()].into_iter().enumerate() {
        for row in rows {
            paths.entry(&row.path).or_default()[at] = Some(row);
        }
    }
    let mut found = Vec::new();
    for (path, [before, now]) in paths {
        if found.len() >= PATHS_COMPARED_MAX {
            if before.map(|row| row.new) != now.map(|row| row.new) {
                found.push(PathSince::new(path, Since::NotCompared));
            }
            continue;
        }
        found.extend(compare.path(path, before, now)?);
    }
    Ok(Some(Interdiff { paths: found }))
}

struct Compare<'a> {
    repository: &'a Repository,
    signed: &'a Range,
    now: &'a Range,
}

impl Compare<'_> {
    fn path(
        &self,
        path: &ChangePath,
        signed: Option<&Row>,
        now: Option<&Row>,
    ) -> Result<Option<PathSince>, CliError> {
        match (signed, now) {
            (Some(signed), Some(now)) => self.both(path, signed, now),
            (Some(signed), None) => {
                // What its base has meanwhile is no longer in the change, and not lost.
                let base = self.now.base.as_ref();
                let has = |base: &Revision| self.repository.side(base, path);
                let there = base.map(has).transpose()?.unwrap_or(Side::ABSENT);
                Ok((there != signed.new).then(|| PathSince::new(path, Since::Left)))
            }
            (None, Some(now)) => {
                let (old, new) = (
                    self.content(self.now.base.as_ref(), path, &now.old)?,
                    self.content(Some(&self.now.head), path, &now.new)?,
                );
                Ok(Some(match (old, new) {
                    (Some(old), Some(new)) if readable(&[&old, &new], &[now.old, now.new]) => {
                        PathSince::of_lines(path, Since::Joined, &old, &new)
                    }
                    (Some(_), Some(_)) => PathSince::new(path, Since::Opaque),
                    _ => PathSince::new(path, Since::NotHere),
                }))
            }
            (None, None) => Ok(None),
        }
    }

    fn both(
        &self,
        path: &ChangePath,
        signed: &Row,
        now: &Row,
    ) -> Result<Option<PathSince>, CliError> {
        if signed.new.content == now.new.content {
            let mode = signed.new.mode != now.new.mode;
            return Ok(mode.then(|| PathSince::new(path, Since::Mode)));
        }
        let read = |range: &Range, row: &Row| -> Result<_, CliError> {
            Ok((
                self.content(range.base.as_ref(), path, &row.old)?,
                self.content(Some(&range.head), path, &row.new)?,
            ))
        };
        let ((base, then), (moved, after)) = (read(self.signed, signed)?, read(self.now, now)?);
        let (Some(base), Some(then), Some(moved), Some(after)) = (base, then, moved, after) else {
            return Ok(Some(PathSince::new(path, Since::NotHere)));
        };
        let sides = [signed.old, signed.new, now.old, now.new];
        if !readable(&[&base, &then, &moved, &after], &sides) {
            return Ok(Some(PathSince::new(path, Since::Opaque)));
        }
        // The edits that were signed, on the base that is there now.
        let (expected, how) = match replay(&base, &then, &moved) {
            Some(expected) => (expected, Since::Changed),
            None => (then, Since::ChangedWithBase),
        };
        if expected == after && signed.new.mode == now.new.mode {
            return Ok(None);
        }
        if expected == after {
            return Ok(Some(PathSince::new(path, Since::Mode)));
        }
        Ok(Some(PathSince::of_lines(path, how, &expected, &after)))
    }

    /// The content of a side, out of the commit that is said to have it; none where it is not
    /// there, or is another.
    fn content(
        &self,
        revision: Option<&Revision>,
        path: &ChangePath,
        side: &Side,
    ) -> Result<Option<Vec<u8>>, CliError> {
        let Content::Sha256(digest) = side.content else { return Ok(Some(Vec::new())) };
        let Some(revision) = revision else { return Ok(None) };
        match self.repository.blob(revision, path) {
            Ok(content) => Ok((ContentDigest::of(&content) == digest).then_some(content)),
            Err(error) => {
                let error = CliError::from(error);
                // A commit that was thrown away is nobody's fault; a damaged object is.
                if error.kind == ErrorKind::Integrity { Err(error) } else { Ok(None) }
            }
        }
    }
}

/// Whether every content is text that people read.
fn readable(contents: &[&Vec<u8>], sides: &[Side]) -> bool {
    let is_text =
        |content: &&Vec<u8>| content.is_empty() || BlobFacts::of(content).opaque.is_none();
    contents.iter().all(is_text) && sides.iter().all(|side| side.mode != Mode::Submodule)
}

/// An edit of one side: these lines of the base become those.
struct Edit<'a> {
    base: Lines<usize>,
    becomes: Vec<&'a [u8]>,
    side: usize,
}

/// Both sides' edits of `base` together, where they lie apart by a line; none where they do not.
/// It is shown to people and proves nothing (`spec/change.md` has what does).
fn replay(base: &[u8], signed: &[u8], moved: &[u8]) -> Option<Vec<u8>> {
    if base == moved {
        return Some(signed.to_vec());
    }
    let lines = split(base);
    let mut edits: Vec<Edit<'_>> = Vec::new();
    for (side, target) in [signed, moved].into_iter().enumerate() {
        let target = split(target);
        for operation in capture_diff_slices(Algorithm::Myers, &lines, &target) {
            if operation.tag() != DiffTag::Equal {
                let becomes = target[operation.new_range()].to_vec();
                edits.push(Edit { base: operation.old_range(), becomes, side });
            }
        }
    }
    edits.sort_by_key(|edit| (edit.base.start, edit.base.end));
    let mut made: Vec<u8> = Vec::new();
    let (mut at, mut last): (usize, Option<&Edit<'_>>) = (0, None);
    for edit in &edits {
        if let Some(last) = last.filter(|last| last.side != edit.side) {
            if last.base == edit.base && last.becomes == edit.becomes {
                continue;
            }
            if edit.base.start <= last.base.end {
                return None;
            }
        }
        made.extend(lines[at..edit.base.start].concat());
        made.extend(edit.becomes.concat());
        at = edit.base.end;
        last = Some(edit);
    }
    made.extend(lines[at..].concat());
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_that_lie_apart_are_put_together() {
        let base = b"1\n2\n3\n4\n5\n6\n7\n";
        let signed = b"1\ntwo\n3\n4\n5\n6\n7\n";
        assert_eq!(replay(base, signed, base).unwrap(), signed);
        let moved = b"0\n1\n2\n3\n4\n5\n6\nseven\n";
        let both = b"0\n1\ntwo\n3\n4\n5\n6\nseven\n";
        assert_eq!(replay(base, signed, moved).unwrap(), both, "line 1 lies between");
        assert_eq!(replay(base, signed, b"one\n2\n3\n4\n5\n6\n7\n"), None, "they adjoin");
        let moved = b"1\n2\n3\n4\n5\n6\nseven\n8\n";
        let both = b"1\ntwo\n3\n4\n5\n6\nseven\n8\n";
        assert_eq!(replay(base, signed, moved).unwrap(), both);
        assert_eq!(replay(base, signed, signed).unwrap(), signed, "both did the same");
        assert_eq!(replay(base, signed, b"1\nzwei\n3\n4\n5\n6\n7\n"), None);
        assert_eq!(replay(b"", b"a\n", b"b\n"), None);
    }

    #[test]
    fn a_sentence_names_the_first_paths_and_counts_the_rest() {
        let path = |name: &str| ChangePath::new(name.as_bytes()).unwrap();
        let paths = ["a", "b", "c", "d", "e"]
            .map(|name| PathSince::of_lines(&path(name), Since::Changed, b"1\n2\n", b"1\n3\n4\n"));
        let since = Interdiff { paths: paths.to_vec() };
        assert_eq!(since.said(), "a +2 -1; b +2 -1; c +2 -1; and 2 more, +4 -2");
        assert_eq!(Interdiff::default().said(), "only the base has moved");
        assert!(since_words(None).contains("not kept here"));
        assert_eq!(PathSince::new(&path("x"), Since::Left).said(), "x left it");
    }
}
