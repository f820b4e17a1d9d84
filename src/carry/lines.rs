//! Files as lines, each line a number: equal numbers are equal lines.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::change::carry::{Edit, EditSide};

/// Lines of the base that one side replaced by lines of its own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) side: EditSide,
    pub(super) first: usize,
    pub(super) removed: usize,
    /// The first line of the side's own file that is inserted.
    pub(super) from: usize,
    /// The line after the last.
    pub(super) to: usize,
}

/// A number that depends on a file's lines and not on their order. Where a change is carried, the
/// numbers of its two sides differ as those of the landed change's sides do.
#[must_use]
pub fn line_sum(content: &[u8]) -> u64 {
    let number = |line: &[u8]| {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        hasher.finish()
    };
    let lines = content.split_inclusive(|byte| *byte == b'\n');
    lines.map(number).fold(0, u64::wrapping_add)
}

impl Span {
    pub(super) const fn end(&self) -> usize {
        self.first + self.removed
    }
}

/// The four contents of a path: before and after of both changes.
pub(super) struct FourFiles<'a> {
    lines: Vec<&'a [u8]>,
    numbers: [Vec<u32>; 4],
}

impl<'a> FourFiles<'a> {
    pub(super) fn new(
        base: &'a [u8],
        approved: &'a [u8],
        before: &'a [u8],
        landed: &'a [u8],
    ) -> Self {
        let mut lines = Vec::new();
        let mut known: HashMap<&[u8], u32> = HashMap::new();
        let numbers = [base, approved, before, landed].map(|content| {
            let each = content.split_inclusive(|byte| *byte == b'\n').map(|line| {
                *known.entry(line).or_insert_with(|| {
                    lines.push(line);
                    u32::try_from(lines.len() - 1).unwrap_or(u32::MAX)
                })
            });
            each.collect()
        });
        Self { lines, numbers }
    }

    pub(super) fn base(&self) -> &[u32] {
        &self.numbers[0]
    }

    pub(super) fn approved(&self) -> &[u32] {
        &self.numbers[1]
    }

    pub(super) fn before(&self) -> &[u32] {
        &self.numbers[2]
    }

    pub(super) fn landed(&self) -> &[u32] {
        &self.numbers[3]
    }

    fn inserted(&self, span: &Span) -> &[u32] {
        let own = match span.side {
            EditSide::Approved => self.approved(),
            EditSide::Main => self.before(),
        };
        own.get(span.from..span.to).unwrap_or_default()
    }

    /// Whether each line stands as often in what landed as both sides' edits leave it: once for
    /// each time that either side has it, less the times that it was there before. Where it does
    /// not, no edits make what landed, whatever the alignment.
    pub(super) fn add_up(&self) -> bool {
        let mut counts = vec![0_i64; self.lines.len()];
        for (numbers, step) in self.numbers.iter().zip([-1, 1, 1, -1]) {
            for number in numbers {
                if let Some(count) = usize::try_from(*number).ok().and_then(|at| counts.get_mut(at))
                {
                    *count += step;
                }
            }
        }
        counts.iter().all(|count| *count == 0)
    }

    /// Whether the edits of both sides lie apart, and make together what landed.
    pub(super) fn stand(&self, spans: &[Span], gap: usize) -> bool {
        let apart = spans.windows(2).all(|pair| {
            let wanted = if pair[0].side == pair[1].side { 1 } else { gap };
            pair[1].first >= pair[0].end().saturating_add(wanted)
        });
        if !apart {
            return false;
        }
        let (mut at, mut rest) = (0, self.landed());
        for span in spans {
            for part in [&self.base()[at..span.first], self.inserted(span)] {
                let Some(left) = rest.strip_prefix(part) else { return false };
                rest = left;
            }
            at = span.end();
        }
        rest == &self.base()[at..]
    }

    /// The base with some of its lines replaced by lines of what landed.
    pub(super) fn rebuilt(&self, script: &[(usize, usize, [usize; 2])]) -> Vec<u8> {
        let (mut numbers, mut at) = (Vec::new(), 0);
        for (first, removed, [from, to]) in script {
            numbers.extend_from_slice(self.base().get(at..*first).unwrap_or_default());
            numbers.extend_from_slice(self.landed().get(*from..*to).unwrap_or_default());
            at = first + removed;
        }
        numbers.extend_from_slice(self.base().get(at..).unwrap_or_default());
        numbers.iter().flat_map(|number| self.line(*number)).copied().collect()
    }

    fn line(&self, number: u32) -> &'a [u8] {
        let line = usize::try_from(number).ok().and_then(|at| self.lines.get(at));
        line.copied().unwrap_or_default()
    }

    /// The edits with the bytes that they insert.
    pub(super) fn edits(&self, spans: &[Span]) -> Vec<Edit> {
        let bytes = |number: &u32| self.line(*number);
        let edit = |span: &Span| Edit {
            side: span.side,
            first: span.first,
            removed: span.removed,
            inserted: self.inserted(span).iter().flat_map(bytes).copied().collect(),
        };
        spans.iter().map(edit).collect()
    }
}
