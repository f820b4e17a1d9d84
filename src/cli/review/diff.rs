//! The reviewer's own difference, from the blobs themselves: git attributes, drivers and
//! textconv are never asked (ATTACKS 57), and every hidden character is spelt out.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use super::Subject;
use crate::change::{ChangePath, Content, Mode, Opaque, Row};
use crate::cli::error::CliError;
use crate::cli::text;
use crate::cli::ui::Role;
use crate::git::{Range, Repository};

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;
/// A tab takes so many columns.
const TAB_COLUMNS: usize = 4;

/// How the rows of a change differ.
#[derive(Debug)]
pub(crate) struct Difference {
    /// What cannot be read first, then by path.
    pub(crate) rows: Vec<RowDifference>,
}

/// How one path differs.
#[derive(Debug)]
pub(crate) struct RowDifference {
    /// Where.
    pub(crate) path: ChangePath,
    /// `A`, `D`, `M`, or `T` where the kind of thing changed.
    pub(crate) status: char,
    /// Modes, where they differ and both are there.
    pub(crate) modes: Option<(Mode, Mode)>,
    /// Why nobody can read it.
    pub(crate) opaque: Option<Opaque>,
    /// Lines that came.
    pub(crate) added: usize,
    /// Lines that went.
    pub(crate) removed: usize,
    /// What a person reads.
    pub(crate) lines: Vec<(Role, String)>,
}

impl Difference {
    /// Lines that came and went, of all readable paths.
    pub(crate) fn totals(&self) -> (usize, usize) {
        let rows = self.rows.iter();
        rows.fold((0, 0), |(added, removed), row| (added + row.added, removed + row.removed))
    }
}

impl RowDifference {
    /// `+48 -11`, or why there are no lines.
    pub(crate) fn counts(&self) -> String {
        match self.opaque {
            Some(opaque) => format!("cannot be read: {}", opaque.as_str()),
            None => format!("+{} -{}", self.added, self.removed),
        }
    }
}

/// Reads every row of a change.
///
/// # Errors
/// Where blobs are missing or damaged.
pub(crate) fn differences(
    repository: &Repository,
    subject: &Subject,
) -> Result<Difference, CliError> {
    let opaque = |path: &ChangePath| {
        let facts = subject.gathered.steps.iter().flat_map(|step| &step.step.path_facts);
        facts.filter(|facts| facts.path == *path).find_map(|facts| facts.opaque)
    };
    let mut rows = Vec::new();
    for row in subject.gathered.difference.rows() {
        rows.push(row_difference(repository, &subject.range, row, opaque(&row.path))?);
    }
    rows.sort_by_key(|row| row.opaque.is_none());
    Ok(Difference { rows })
}

fn row_difference(
    repository: &Repository,
    range: &Range,
    row: &Row,
    opaque: Option<Opaque>,
) -> Result<RowDifference, CliError> {
    let (old_mode, new_mode) = (row.old.mode, row.new.mode);
    let status = match (old_mode, new_mode) {
        (Mode::Absent, _) => 'A',
        (_, Mode::Absent) => 'D',
        (old, new) if is_file(old) == is_file(new) && (is_file(old) || old == new) => 'M',
        _ => 'T',
    };
    let both = !row.old.is_absent() && !row.new.is_absent();
    let mut difference = RowDifference {
        path: row.path.clone(),
        status,
        modes: (both && old_mode != new_mode).then_some((old_mode, new_mode)),
        opaque,
        added: 0,
        removed: 0,
        lines: Vec::new(),
    };
    if opaque.is_some() {
        let said = format!("before {}, after {}", row.old.content, row.new.content);
        difference.lines.push((Role::Caution, said));
        return Ok(difference);
    }
    let read = |content: Content, revision: Option<&_>| match (content, revision) {
        (Content::Sha256(_), Some(revision)) => repository.blob(revision, &row.path),
        _ => Ok(Vec::new()),
    };
    let old = read(row.old.content, range.base.as_ref())?;
    let new = read(row.new.content, Some(&range.head))?;
    (difference.added, difference.removed, difference.lines) = compared(&old, &new);
    Ok(difference)
}

const fn is_file(mode: Mode) -> bool {
    matches!(mode, Mode::File | Mode::Executable)
}

/// The lines of a content, with their ends.
pub(super) fn split(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

/// How many lines came and went between two contents, and what a person reads of it.
pub(super) fn compared(old: &[u8], new: &[u8]) -> (usize, usize, Vec<(Role, String)>) {
    let (old, new) = (split(old), split(new));
    let (mut added, mut removed, mut lines) = (0, 0, Vec::new());
    let operations = capture_diff_slices(Algorithm::Myers, &old, &new);
    for operation in operations.iter().filter(|operation| operation.tag() != DiffTag::Equal) {
        removed += operation.old_range().len();
        added += operation.new_range().len();
    }
    for group in group_diff_ops(operations, CONTEXT_LINES) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (old_start, old_end) = (first.old_range().start, last.old_range().end);
        let (new_start, new_end) = (first.new_range().start, last.new_range().end);
        // As diff has it: where there are no lines, the line before them is named.
        let old_line = old_start + usize::from(old_end > old_start);
        let new_line = new_start + usize::from(new_end > new_start);
        let header = format!(
            "@@ -{old_line},{} +{new_line},{} @@",
            old_end - old_start,
            new_end - new_start
        );
        lines.push((Role::Faint, header));
        for operation in &group {
            push_lines(&mut lines, *operation, &old, &new);
        }
    }
    (added, removed, lines)
}

fn push_lines(lines: &mut Vec<(Role, String)>, operation: DiffOp, old: &[&[u8]], new: &[&[u8]]) {
    let (_, old_range, new_range) = operation.as_tag_tuple();
    if operation.tag() == DiffTag::Equal {
        lines.extend(new[new_range].iter().map(|line| (Role::Plain, shown(' ', line))));
        return;
    }
    lines.extend(old[old_range].iter().map(|line| (Role::Bad, shown('-', line))));
    lines.extend(new[new_range].iter().map(|line| (Role::Good, shown('+', line))));
}

/// A line with its sign; hidden characters and bytes that are no text spelt out, tabs as an arrow,
/// so that a tab and spaces look different.
fn shown(sign: char, line: &[u8]) -> String {
    let (content, end) = match line.strip_suffix(b"\n") {
        Some(content) => (content, ""),
        None => (line, "  (no newline at the end)"),
    };
    let mut said = String::from(sign);
    for (number, part) in content.split(|byte| *byte == b'\t').enumerate() {
        if number > 0 {
            let column = text::width(&said) - 1;
            said.push('\u{2192}');
            said.push_str(&" ".repeat(TAB_COLUMNS - 1 - column % TAB_COLUMNS));
        }
        said.push_str(&text::escape_bytes(part));
    }
    said.push_str(end);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 57: what reorders or hides text is seen, and so is the difference of tab and blank.
    #[test]
    fn lines_show_what_hides() {
        assert_eq!(shown('+', "a\u{202e}b\x1b[2J\r\n".as_bytes()), "+a\\u{202e}b\\u{1b}[2J\\r");
        assert_eq!(
            shown('-', b"\tx\ty\xff"),
            "-\u{2192}   x\u{2192}  y\\xff  (no newline at the end)"
        );
    }

    #[test]
    fn changed_lines_are_counted_and_shown_with_their_neighbours() {
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = b"1\n2\n3\n4\n5\nsix\n7\n8\n9\nten\n";
        let (added, removed, found) = compared(old, new);
        assert_eq!((added, removed), (2, 1));
        let lines: Vec<_> = found.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            lines,
            ["@@ -3,7 +3,8 @@", " 3", " 4", " 5", "-6", "+six", " 7", " 8", " 9", "+ten"]
        );
    }
}
