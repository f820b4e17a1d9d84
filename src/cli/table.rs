//! Aligned columns.

use super::style::Role;
use super::text::{self, WIDTH_MAX};

/// One cell of a [`Table`].
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    role: Role,
}

impl Cell {
    /// A coloured cell.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { text: text::escape(&text.into()).into_owned(), role }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Role::Plain, text)
    }
}

/// Rows with aligned columns, two spaces apart; the last column wraps at 80 columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    indent: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table whose rows start after `indent` spaces.
    #[must_use]
    pub fn new(indent: usize) -> Self {
        Self { indent, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// The rows as lines, escaped and coloured.
    pub(super) fn lines(&self) -> Vec<String> {
        /// A last column is never squeezed below this, in columns.
        const LAST_COLUMN_MIN: usize = 20;
        let column_count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; column_count];
        for row in &self.rows {
            // The last cell of a row takes what is left, so it does not widen its column.
            for (column, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
                widths[column] = text::width(&cell.text).max(widths[column]);
            }
        }
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            let mut start = self.indent;
            let Some((last, cells)) = row.split_last() else { continue };
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&cell.role.paint(&cell.text));
                line.push_str(&" ".repeat(width - text::width(&cell.text) + 2));
                start += width + 2;
            }
            let room = WIDTH_MAX.saturating_sub(start).max(LAST_COLUMN_MIN);
            for (number, part) in text::wrap(&last.text, 0, room).iter().enumerate() {
                if number > 0 {
                    line = " ".repeat(start);
                }
                line.push_str(&last.role.paint(part));
                lines.push(line.trim_end().to_owned());
            }
        }
        lines
    }
}
